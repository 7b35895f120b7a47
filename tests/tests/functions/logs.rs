//! What deployed functions say reaches who published them, and nobody else.

use std::time::Duration;

use packguard_tests::harness::registry::{Registry, harmless};
use packguard_tests::tar_gz;
use reqwest::Method;
use serde_json::{Value, json};

use super::lab::{Lab, send};
use super::settings::{switched, talker};

const PATH: &str = "/api/v1/functions/talker/logs/";

async fn lines(lab: &Lab, query: &str) -> (Vec<Value>, Value) {
    let page = lab.get(&format!("{PATH}{query}")).await;
    let data = page.data();
    (
        data["items"].as_array().expect("lines").clone(),
        data["next_after"].clone(),
    )
}

/// Waits until a line says so, and gives all lines.
async fn until(lab: &Lab, says: &str) -> Vec<Value> {
    let waiting = async {
        loop {
            let (all, _) = lines(lab, "?limit=1000").await;
            if all
                .iter()
                .any(|line| line["text"].as_str().expect("text").contains(says))
            {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    waited.unwrap_or_else(|_| panic!("nobody says {says}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_failures_reach_the_publisher() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    talker(&lab).await;
    assert_eq!(lines(&lab, "").await, (Vec::new(), Value::Null));
    let worker = lab.worker(&registry).await;
    worker.line("\"functions\":1").await;
    switched(&lab, &worker, &json!({ "options": { "say": "3" } })).await;
    let purl = Registry::purl("sample", 1);
    let task = lab.submit(&purl).await;
    lab.report(task).await;
    let all = until(&lab, "line 2").await;
    assert_eq!(all.len(), 3, "{all:?}");
    let first = &all[0];
    assert_eq!(first["text"], "line 0 [31m of sample-0001");
    assert_eq!(
        (
            &first["task_id"],
            &first["purl"],
            &first["version"],
            &first["level"]
        ),
        (&json!(task), &json!(purl), &json!("0.1.0"), &json!("info"))
    );

    // Read on from there.
    let (_, next) = lines(&lab, "?limit=2").await;
    let after = next.as_str().expect("a place").to_owned();
    switched(
        &lab,
        &worker,
        &json!({ "options": { "panic": "out of ideas" } }),
    )
    .await;
    lab.report(lab.submit(&Registry::purl("sample", 2)).await)
        .await;
    until(&lab, "out of ideas").await;
    let (new, _) = lines(&lab, &format!("?after={after}")).await;
    let failed = new.iter().find(|line| line["level"] == "error");
    let failed = failed.unwrap_or_else(|| panic!("{new:?}"));
    let text = failed["text"].as_str().expect("text");
    assert!(text.starts_with("the step failed (trap): "), "{text}");
    assert!(
        new.iter()
            .all(|line| line["purl"] == Registry::purl("sample", 2))
    );

    // More than a step may say is counted.
    switched(&lab, &worker, &json!({ "options": { "say": "350" } })).await;
    lab.report(lab.submit(&Registry::purl("sample", 3)).await)
        .await;
    let counted = async {
        loop {
            let (all, _) = lines(&lab, "?limit=1000").await;
            let texts = all.iter().filter_map(|line| line["text"].as_str());
            let kept = texts
                .clone()
                .filter(|text| text.ends_with("of sample-0003"));
            let missing = texts.filter_map(|text| {
                text.strip_suffix(" lines are missing here: more came than are kept")
            });
            let missing: usize = missing
                .filter_map(|count| count.parse::<usize>().ok())
                .sum();
            if (kept.count(), missing) == (100, 250) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(60), counted).await;
    counted.expect("what is missing is told");
    assert!(worker.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_uploads_and_nothing_for_strangers() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    talker(&lab).await;
    let worker = lab.worker(&registry).await;
    worker.line("\"functions\":1").await;
    switched(&lab, &worker, &json!({ "options": { "say": "2" } })).await;
    let archive = tar_gz(&[("private-1.0/secret.py", b"TOKEN = 'private'\n")]);
    let path = "/api/v1/archives/?filename=private-1.0.tar.gz";
    let upload = lab.request(&lab.client.1, Method::POST, path);
    let upload = upload.header("content-type", "application/octet-stream");
    let answer = send(upload.body(archive)).await;
    let private = answer.data()["task_id"].as_i64().expect("a task");
    let report = lab.report(private).await;
    assert!(super::lab::ran(&report, "talker").is_some());
    // One that is said after it is there: so the other would be.
    let public = lab.submit(&Registry::purl("sample", 1)).await;
    lab.report(public).await;
    let all = until(&lab, "line 1").await;
    assert!(
        all.iter().all(|line| line["task_id"] == json!(public)),
        "{all:?}"
    );

    for (secret, status) in [(&lab.stranger.1, 403), (&lab.client.1, 403)] {
        let answer = send(lab.request(secret, Method::GET, PATH)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    for query in [
        "?limit=0",
        "?limit=1001",
        "?after=x",
        "?after=-1",
        "?after=1",
        "?before=1-1",
    ] {
        let answer = lab.get(&format!("{PATH}{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.body);
    }
    assert!(worker.terminate().await.success());
}
