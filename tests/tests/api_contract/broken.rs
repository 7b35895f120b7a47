//! Servers that are away or slow: what is served without them, and what the answers say.

use std::time::{Duration, Instant};

use packguard_tests::harness::cluster::cluster;
use packguard_tests::harness::lab::Proxies;
use packguard_tests::packguard;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::lab::{Lab, bad, good, header};

fn proxies(lab: &Lab) -> &Proxies {
    lab.proxies.as_ref().expect("a breakable lab")
}

/// Asks until `/ready/` names these servers as away: its answers hold for a second.
async fn until_away(lab: &Lab, away: &[&str]) {
    let asking = async {
        loop {
            let answer = lab.request(Method::GET, "/ready/").send().await.unwrap();
            let body: Value = answer.json().await.unwrap();
            let fields = body["fields"].as_array().cloned().unwrap_or_default();
            let named: Vec<_> = fields.iter().map(|one| one["field"].clone()).collect();
            if named == away {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking)
        .await
        .unwrap_or_else(|_| panic!("/ready/ does not name {away:?}"));
}

/// Short waits: away is away.
const IMPATIENT: [(&str, &str); 3] = [
    ("DATABASE_ACQUIRE_TIMEOUT", "1s"),
    ("REDIS_CONNECT_TIMEOUT", "1s"),
    ("STORAGE_RETRIES", "0"),
];

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_nothing_is_submitted_and_the_answer_says_so() {
    let lab = Lab::breakable(&IMPATIENT).await;
    lab.submit("pkg:npm/before@1").await;
    proxies(&lab).database.cut().await;
    let answer = lab
        .analyze(r#"{"purl":"pkg:npm/a@1"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "retry-after"), "5");
    bad(answer, 503, "unavailable").await;
    until_away(&lab, &["database"]).await;
    let health = lab.request(Method::GET, "/health/").send().await.unwrap();
    good(health, StatusCode::OK).await;
    proxies(&lab).database.restore().await;
    until_away(&lab, &[]).await;
    lab.submit("pkg:npm/a@1").await;
    assert_eq!(lab.tasks().await, 2);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_tasks_are_taken_and_wait() {
    let lab = Lab::breakable(&IMPATIENT).await;
    lab.submit("pkg:npm/before@1").await;
    proxies(&lab).queue.cut().await;
    let answer = lab
        .analyze(r#"{"purl":"pkg:npm/a@1"}"#)
        .send()
        .await
        .unwrap();
    let data = good(answer, StatusCode::ACCEPTED).await;
    assert_eq!(
        (&data["status"], &data["queue_position"]),
        (&json!("pending"), &Value::Null)
    );
    let path = format!("/api/v1/task/{}/", data["task_id"]);
    let begun = Instant::now();
    let task = good(lab.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(task["status"], "pending");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    let status = lab.get("/api/v1/queue/status/").send().await.unwrap();
    bad(status, 503, "unavailable").await;
    until_away(&lab, &["queue"]).await;
    proxies(&lab).queue.restore().await;
    until_away(&lab, &[]).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_storage_tasks_are_taken_and_reports_wait() {
    let lab = Lab::breakable(&IMPATIENT).await;
    let task = lab.submit("pkg:npm/a@1.0.0").await;
    let held = lab.claim(task).await;
    lab.complete(held, "pkg:npm/a@1.0.0", b"{}").await;
    proxies(&lab).storage.cut().await;
    let report = lab
        .get(&format!("/api/v1/task/{task}/report/"))
        .send()
        .await
        .unwrap();
    bad(report, 503, "unavailable").await;
    let upload = lab
        .request(Method::POST, "/api/v1/archives/?filename=a.tgz")
        .bearer_auth(&lab.key)
        .body("bytes");
    bad(upload.send().await.unwrap(), 503, "unavailable").await;
    lab.submit("pkg:npm/b@1").await;
    until_away(&lab, &["storage"]).await;
    proxies(&lab).storage.restore().await;
    until_away(&lab, &[]).await;
    let report = lab
        .get(&format!("/api/v1/task/{task}/report/"))
        .send()
        .await
        .unwrap();
    assert_eq!(report.status(), StatusCode::OK);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_behind_is_not_the_clients_fault() {
    let settings = [
        IMPATIENT.as_slice(),
        &[("REQUEST_TIMEOUT", "2s"), ("HEADER_TIMEOUT", "1s")],
    ]
    .concat();
    let lab = Lab::breakable(&settings).await;
    lab.submit("pkg:npm/before@1").await;
    proxies(&lab).database.freeze();
    let answer = lab
        .analyze(r#"{"purl":"pkg:npm/a@1"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "retry-after"), "5");
    bad(answer, 503, "unavailable").await;
    proxies(&lab).database.thaw();
    lab.end().await;
}

#[test]
fn a_database_that_was_not_migrated_is_refused_with_what_to_do() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (database, redis) = runtime.block_on(async {
        let name = format!("empty_{}", uuid::Uuid::new_v4().simple());
        let servers = cluster().await;
        (
            servers.postgres().create(&name).await.unwrap(),
            servers.redis().url(),
        )
    });
    let storage = tempfile::tempdir().unwrap();
    let refused = std::process::Command::new(packguard())
        .arg("serve")
        .envs([
            ("DATABASE_URL", database.as_str()),
            ("REDIS_URL", redis.as_str()),
        ])
        .env(
            "STORAGE_URL",
            format!("file://{}", storage.path().display()),
        )
        .env("LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("run `packguard migrate`"), "{said}");
}
