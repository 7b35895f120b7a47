//! Routes, methods, pages and connections.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::lab::{Lab, bad, good, header};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_everybody() {
    let lab = Lab::start().await;
    for path in ["/health", "/health/", "/ready/"] {
        good(
            lab.request(Method::GET, path).send().await.unwrap(),
            StatusCode::OK,
        )
        .await;
    }
    let metrics = lab.request(Method::GET, "/metrics").send().await.unwrap();
    assert!(metrics.text().await.unwrap().ends_with("# EOF\n"));
    let docs = lab.request(Method::GET, "/docs").send().await.unwrap();
    assert!(header(&docs, "content-security-policy").contains("script-src 'self'"));
    assert!(
        docs.text()
            .await
            .unwrap()
            .contains("/docs/swagger-ui-bundle.js")
    );
    let script = lab
        .request(Method::GET, "/docs/swagger-initializer.js")
        .send()
        .await
        .unwrap();
    assert!(
        script
            .text()
            .await
            .unwrap()
            .contains("/api/v1/openapi.json")
    );
    let document: Value = lab
        .request(Method::GET, "/api/v1/openapi.json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(document["paths"]["/api/v1/analyze/"]["post"].is_object());

    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_and_methods_that_are_not_there() {
    let lab = Lab::start().await;
    let wrong = lab
        .request(Method::PUT, "/api/v1/analyze/")
        .bearer_auth(&lab.key)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&wrong, "allow"), "POST");
    bad(wrong, 405, "method_not_allowed").await;
    let options = lab
        .request(Method::OPTIONS, "/health/")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (options.status(), header(&options, "allow")),
        (StatusCode::NO_CONTENT, "GET,HEAD".into())
    );
    bad(
        lab.request(Method::GET, "/nothing").send().await.unwrap(),
        404,
        "not_found",
    )
    .await;
    bad(
        lab.get("/api/v1/task/x/").send().await.unwrap(),
        422,
        "invalid_request",
    )
    .await;
    bad(
        lab.get(&format!("/{}", "a".repeat(20_000)))
            .send()
            .await
            .unwrap(),
        414,
        "uri_too_long",
    )
    .await;

    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_that_are_slow_silent_or_wrong() {
    let lab = Lab::start().await;
    assert!(
        lab.raw(b"GET /health/ HTTP/1.1\r\nHost: a\r\n").await.len() < 200,
        "slow headers end"
    );
    assert_eq!(lab.raw(b"").await, "", "a silent connection ends");
    let slow = format!(
        "POST /api/v1/analyze/ HTTP/1.1\r\nHost: a\r\nX-API-Key: {}\r\nContent-Type: application/json\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{{",
        lab.key
    );
    let slow = lab.raw(slow.as_bytes()).await;
    assert!(
        slow.starts_with("HTTP/1.1 408 ") && slow.contains("\"code\":\"timeout\""),
        "{slow}"
    );
    let twice = lab
        .raw(b"POST /health/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
        .await;
    assert!(twice.starts_with("HTTP/1.1 400 "), "{twice}");
    let mut closing = lab.get("/ready/").send().await.unwrap();
    lab.app.service.closing.cancel();
    assert!(closing.chunk().await.unwrap().is_some());
    bad(lab.get("/ready/").send().await.unwrap(), 503, "not_ready").await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn submissions_are_counted_by_what_became_of_them() {
    let lab = Lab::start().await;
    lab.submit("pkg:npm/a@1").await;
    for (body, status) in [
        (r#"{"purl":"pkg:npm/a@1"}"#, 200),
        (r#"{"purl":"nonsense"}"#, 422),
        ("{", 400),
    ] {
        let answer = lab.analyze(body).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    let batch = lab
        .request(Method::POST, "/api/v1/batches/")
        .bearer_auth(&lab.key)
        .header("content-type", "application/json")
        .body(r#"{"purls":["pkg:npm/a@1","pkg:npm/b@1","pkg:npm/c@1"]}"#);
    good(batch.send().await.unwrap(), StatusCode::ACCEPTED).await;
    let archive = lab
        .request(Method::POST, "/api/v1/archives/?filename=a.tgz")
        .bearer_auth(&lab.key)
        .body("bytes");
    good(archive.send().await.unwrap(), StatusCode::ACCEPTED).await;
    let metrics = lab.request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in [
        r#"packguard_submissions_total{kind="package",outcome="accepted"} 1"#,
        r#"packguard_submissions_total{kind="package",outcome="existing"} 1"#,
        r#"packguard_submissions_total{kind="package",outcome="invalid"} 2"#,
        r#"packguard_submissions_total{kind="batch",outcome="accepted"} 2"#,
        r#"packguard_submissions_total{kind="batch",outcome="existing"} 1"#,
        r#"packguard_submissions_total{kind="archive",outcome="accepted"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is missing in {metrics}");
    }
    lab.end().await;
}
