//! Bodies that make no sense, in every way.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::lab::{Lab, bad, good};

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_make_no_sense_are_refused_and_write_nothing() {
    let lab = Lab::start().await;
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let deep_field = format!(r#"{{"purl":{}"#, "[".repeat(500));
    let long = json!({ "purl": format!("pkg:npm/{}@1", "a".repeat(5_000)) }).to_string();
    let invalid = [
        "{}",
        r#"{"purl":5}"#,
        r#"{"purl":null}"#,
        r#"{"purl":"nonsense"}"#,
        r#"{"purl":"pkg:cobol/a@1"}"#,
        r#"{"purl":"pkg:npm/a@1","priority":101}"#,
        r#"{"purl":"pkg:npm/a@1","priority":-1}"#,
        r#"{"purl":"pkg:npm/a@1","priority":"high"}"#,
        r#"{"purl":"pkg:npm/a@1","priority":99999999999999999999}"#,
        r#"{"purl":"pkg:npm/a@1","colour":1}"#,
        r#"{"purl":"pkg:npm/a@1","purl":"pkg:npm/b@1"}"#,
        r#"["pkg:npm/a@1"]"#,
        r#""pkg:npm/a@1""#,
        "null",
        r#"{"purl":"pkg:npm/a%00b@1"}"#,
        r#"{"purl":"pkg:npm/a\u0000@1"}"#,
        r#"{"purl":""}"#,
        &long,
        &deep,
        &deep_field,
    ];
    for body in invalid {
        bad(
            lab.analyze(body.to_owned()).send().await.unwrap(),
            422,
            "invalid_request",
        )
        .await;
    }
    for body in ["", "{", r#"{"purl":"pkg:npm/a@1"}x"#] {
        bad(
            lab.analyze(body.to_owned()).send().await.unwrap(),
            400,
            "bad_request",
        )
        .await;
    }
    bad(
        lab.analyze(b"{\"purl\":\"\xff\"}".to_vec())
            .send()
            .await
            .unwrap(),
        400,
        "bad_request",
    )
    .await;
    let huge = format!("{{\"purl\":\"{}\"}}", "a".repeat(100_000));
    bad(
        lab.analyze(huge).send().await.unwrap(),
        413,
        "payload_too_large",
    )
    .await;
    let post = || {
        lab.request(Method::POST, "/api/v1/analyze/")
            .bearer_auth(&lab.key)
            .body("{}")
    };
    bad(post().send().await.unwrap(), 415, "unsupported_media_type").await;
    bad(
        post()
            .header("content-type", "text/plain")
            .send()
            .await
            .unwrap(),
        415,
        "unsupported_media_type",
    )
    .await;
    let coded = lab.analyze("{}").header("content-encoding", "gzip");
    bad(coded.send().await.unwrap(), 415, "unsupported_media_type").await;
    let html = lab
        .analyze(r#"{"purl":"pkg:npm/a@1"}"#)
        .header("accept", "text/html");
    bad(html.send().await.unwrap(), 406, "not_acceptable").await;
    for id in ["", "with space", &"a".repeat(256)] {
        let request = lab
            .analyze(r#"{"purl":"pkg:npm/a@1"}"#)
            .header("x-idempotency-key", id);
        bad(request.send().await.unwrap(), 422, "invalid_request").await;
    }
    assert_eq!(lab.tasks().await, 0);
    let once = |body: &'static str| lab.analyze(body).header("x-idempotency-key", "k1").send();
    let first = good(
        once(r#"{"purl":"pkg:npm/a@1"}"#).await.unwrap(),
        StatusCode::ACCEPTED,
    )
    .await;
    let again = good(
        once(r#"{"purl":"pkg:npm/a@1"}"#).await.unwrap(),
        StatusCode::OK,
    )
    .await;
    assert_eq!(first["task_id"], again["task_id"]);
    bad(
        once(r#"{"purl":"pkg:npm/b@1"}"#).await.unwrap(),
        409,
        "idempotency_conflict",
    )
    .await;
    // The longest purl that is taken, of bytes that no compression helps with.
    let noise: String = (0..3_900)
        .map(|_| fastrand::alphanumeric().to_ascii_lowercase())
        .collect();
    let answer = lab
        .analyze(json!({ "purl": format!("pkg:npm/{noise}@1") }).to_string())
        .send()
        .await
        .unwrap();
    assert!(
        !answer.status().is_server_error(),
        "{}",
        answer.text().await.unwrap()
    );
    lab.end().await;
}
