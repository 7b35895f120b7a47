//! How reports are delivered: formats, codings, from the storage itself; and what browsers may.

use packguard_platform::storage::ReportKey;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::lab::{Lab, bad, good, header};

const PURL: &str = "pkg:npm/a@1.0.0";

/// A report with one finding.
fn report() -> Value {
    json!({
        "schema_version": "1.0",
        "package": {"purl": PURL, "ecosystem": "npm", "namespace": null, "name": "a", "version": "1.0.0"},
        "artifacts": [{
            "filename": "a-1.0.0.tgz", "sha256": "ab".repeat(32), "size": 1, "files": 1, "unpacked_size": 1,
            "verified": true, "skipped": null,
        }],
        "verdict": {"outcome": "malicious", "score": 90, "summary": "it steals", "reasons": []},
        "findings": [{
            "fingerprint": "cd".repeat(32), "rule": "javascript-exfiltration", "title": "Sends secrets away",
            "analyzer": "javascript", "category": "exfiltration", "severity": "high", "confidence": "high",
            "phase": "install",
            "location": {
                "artifact": "a-1.0.0.tgz", "path": "index.js", "line": 3, "column": 1, "end_line": 3, "snippet": null,
            },
            "decoded": [], "why": "it reads a token and posts it",
        }],
        "incomplete": [],
        "behaviour": {"install": null, "import": null, "execute": null, "reason": "nothing was run"},
        "analyzers": [],
        "rules": [{
            "id": "javascript-exfiltration", "title": "Sends secrets away", "help": "", "category": "exfiltration",
            "severity": "high", "attack": [],
        }],
        "provenance": {"packguard": "0.1.0", "contract": "c", "limits": "11".repeat(32), "inputs": "22".repeat(32)},
    })
}

/// Submits, and completes with that report; gives its address.
async fn reported(lab: &Lab, report: &Value) -> String {
    let task = lab.submit(PURL).await;
    let held = lab.claim(task).await;
    lab.complete(held, PURL, report.to_string().as_bytes())
        .await;
    format!("/api/v1/task/{task}/report/")
}

#[tokio::test(flavor = "multi_thread")]
async fn as_sarif_and_markdown_by_parameter_and_by_accept() {
    let lab = Lab::start().await;
    let path = reported(&lab, &report()).await;
    let task: Value = good(
        lab.get(&path.replace("report/", "")).send().await.unwrap(),
        StatusCode::OK,
    )
    .await;
    assert_eq!(
        task["verdict"], "clean",
        "the row's word, which is the worker's"
    );
    let sarif = lab
        .get(&format!("{path}?format=sarif"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&sarif, "content-type"), "application/sarif+json");
    assert_eq!(
        header(&sarif, "content-disposition"),
        "attachment; filename=\"npm-a-1.0.0.sarif\""
    );
    let tag = header(&sarif, "etag");
    let sarif: Value = sarif.json().await.unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(
        sarif["runs"][0]["results"][0]["ruleId"],
        "javascript-exfiltration"
    );

    let accept = |media: &'static str| lab.get(&path).header("accept", media);
    let same = accept("application/sarif+json")
        .header("if-none-match", &tag)
        .send()
        .await
        .unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    let markdown = accept("text/markdown").send().await.unwrap();
    assert_eq!(
        header(&markdown, "content-type"),
        "text/markdown; charset=utf-8"
    );
    assert_ne!(header(&markdown, "etag"), tag);
    let text = markdown.text().await.unwrap();
    assert!(
        text.contains("Sends secrets away") && text.contains("index.js"),
        "{text}"
    );

    // The same by the report's own address.
    let package = good(
        lab.get("/api/v1/packages/npm/a/").send().await.unwrap(),
        StatusCode::OK,
    )
    .await;
    let by_id = package["latest"]["report_url"].as_str().unwrap();
    let sarif = lab
        .get(&format!("{by_id}?format=sarif"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&sarif, "etag"), tag);
    let json: Value = lab.get(by_id).send().await.unwrap().json().await.unwrap();
    assert_eq!(json, report());
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_rendered_is_still_to_be_had_as_json() {
    let lab = Lab::start().await;
    let path = reported(&lab, &json!({"schema_version": "9"})).await;
    let answer = lab
        .get(&format!("{path}?format=sarif"))
        .send()
        .await
        .unwrap();
    bad(answer, 500, "internal_error").await;
    assert_eq!(
        lab.get(&path).send().await.unwrap().status(),
        StatusCode::OK
    );
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_report_is_gone() {
    let lab = Lab::start().await;
    let path = reported(&lab, &report()).await;
    let key = ReportKey::of(report().to_string().as_bytes());
    lab.app.storage.delete_report(&key).await.unwrap();
    bad(lab.get(&path).send().await.unwrap(), 410, "report_pruned").await;
    let sarif = lab
        .get(&format!("{path}?format=sarif"))
        .send()
        .await
        .unwrap();
    bad(sarif, 410, "report_pruned").await;
    // The row as well, as retention leaves it.
    sqlx::query("UPDATE tasks SET report_id = NULL")
        .execute(&lab.app.db)
        .await
        .unwrap();
    bad(lab.get(&path).send().await.unwrap(), 410, "report_pruned").await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirected_to_the_storage_by_a_presigned_url() {
    let lab = Lab::breakable(&[("STORAGE_DOWNLOADS", "redirect")]).await;
    let path = reported(&lab, &report()).await;
    let answer = lab.get(&path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(header(&answer, "cache-control"), "no-store");
    let url = header(&answer, "location");
    let there = lab.client.get(&url).send().await.unwrap();
    assert_eq!(there.json::<Value>().await.unwrap(), report());
    // Another object's URL is none.
    let forged = lab
        .client
        .get(url.replacen("sha256/", "sha256/x", 1))
        .send()
        .await
        .unwrap();
    assert!(forged.status().is_client_error(), "{}", forged.status());
    // What is rendered comes from here.
    let markdown = lab
        .get(&format!("{path}?format=markdown"))
        .send()
        .await
        .unwrap();
    assert_eq!(markdown.status(), StatusCode::OK);
    let stranger = lab.request(Method::GET, &path).bearer_auth(&lab.other);
    bad(stranger.send().await.unwrap(), 404, "not_found").await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_for_those_who_ask() {
    let lab = Lab::start().await;
    let path = reported(&lab, &report()).await;
    let plain = lab.get(&path).send().await.unwrap();
    let strong = header(&plain, "etag");
    assert_eq!(header(&plain, "content-encoding"), "");
    for coding in ["gzip", "br"] {
        let answer = lab
            .get(&path)
            .header("accept-encoding", coding)
            .send()
            .await
            .unwrap();
        assert_eq!(header(&answer, "content-encoding"), coding);
        let weak = header(&answer, "etag");
        assert_eq!(
            weak,
            format!("W/{strong}"),
            "two codings share no strong tag"
        );
        let varies: Vec<_> = answer.headers().get_all("vary").iter().collect();
        assert_eq!(
            varies,
            ["accept, authorization, x-api-key, accept-encoding"]
        );
        assert!(answer.bytes().await.unwrap().len() < report().to_string().len());
        let same = lab
            .get(&path)
            .header("if-none-match", &weak)
            .send()
            .await
            .unwrap();
        assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    }
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_call_only_where_configured() {
    let preflight = async |lab: &Lab, origin: &str| {
        let asked = lab
            .request(Method::OPTIONS, "/api/v1/analyze/")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            );
        let answer = asked.send().await.unwrap();
        (
            header(&answer, "access-control-allow-origin"),
            header(&answer, "access-control-allow-methods"),
        )
    };
    let off = Lab::start().await;
    assert_eq!(
        preflight(&off, "https://app.example.com").await,
        Default::default()
    );
    off.end().await;
    let on = Lab::with(&[("CORS_ORIGINS", "https://app.example.com")]).await;
    let (origin, methods) = preflight(&on, "https://app.example.com").await;
    assert_eq!(origin, "https://app.example.com");
    assert!(methods.contains("POST"), "{methods}");
    assert_eq!(preflight(&on, "https://evil.example.com").await.0, "");
    let answer = on
        .get("/api/v1/queue/status/")
        .header("origin", "https://app.example.com")
        .send()
        .await
        .unwrap();
    assert!(header(&answer, "access-control-expose-headers").contains("x-ratelimit-remaining"));
    // Errors too: a page has to be able to read them.
    let error = on
        .request(Method::GET, "/api/v1/queue/status/")
        .header("origin", "https://app.example.com");
    let error = error.send().await.unwrap();
    assert_eq!(
        header(&error, "access-control-allow-origin"),
        "https://app.example.com"
    );
    bad(error, 401, "unauthorized").await;
    on.end().await;
}
