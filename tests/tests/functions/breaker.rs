//! A version that fails too often is disabled by itself.

use futures_util::future::try_join_all;
use packguard_platform::db::functions::{self, Tripped};
use packguard_tests::harness::registry::{Registry, harmless};
use serde_json::{Value, json};

use super::lab::{Lab, ran, send};

async fn version(lab: &Lab) -> i64 {
    let id = sqlx::query_scalar("SELECT id FROM function_versions WHERE version = '0.1.0'");
    id.fetch_one(&lab.app.db).await.expect("a version")
}

async fn count(lab: &Lab, runs: i64, failures: i64) -> Option<Tripped> {
    let (db, id) = (&lab.app.db, version(lab).await);
    let shard = i16::try_from(runs % 16).expect("small");
    let counted = functions::count_runs(db, id, shard, (runs, failures)).await;
    counted.expect("it is counted")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_of_all_workers_disable_a_version() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    let digest = lab.publish("empty", "0.1.0").await;
    assert_eq!(lab.promote("empty", "0.1.0").await.status, 200);
    let worker = lab.worker(&registry).await;
    worker.line("\"functions\":1").await;
    let report = async |number| {
        let task = lab.submit(&Registry::purl("sample", number)).await;
        lab.report(task).await
    };
    assert_eq!(ran(&report(1).await, "empty"), Some(digest.clone()));

    // Too few runs, and then too few that failed.
    assert_eq!(count(&lab, 10, 10).await, None);
    assert_eq!(count(&lab, 15, 2).await, None);
    let tripped = count(&lab, 5, 5).await.expect("it is too many");
    assert_eq!(
        (tripped.name.as_str(), tripped.version.as_str()),
        ("empty", "0.1.0")
    );
    // Once, whoever counts after it.
    assert_eq!(count(&lab, 100, 100).await, None);

    let row = lab.get("/api/v1/functions/empty/versions/0.1.0/").await;
    let reason = row.data()["disabled_reason"].as_str().expect("a reason");
    assert_eq!(reason, tripped.reason);
    let entries: Vec<(String, Value)> = sqlx::query_as(
        "SELECT subject, details FROM audit_log WHERE actor = 'system:breaker' AND action = 'function.trip'",
    )
    .fetch_all(&lab.app.db)
    .await
    .expect("entries");
    let [(subject, details)] = &entries[..] else {
        panic!("{entries:?}")
    };
    assert_eq!(subject, "function:empty");
    assert_eq!(details["reason"], reason);

    worker.line("\"functions\":0").await;
    let affected = report(2).await;
    assert_eq!(ran(&affected, "empty"), None);
    assert_eq!(affected["verdict"]["outcome"], "incomplete");
    let incomplete = affected["incomplete"].as_array().expect("reasons");
    let said = incomplete.iter().find(|one| one["step"] == "empty");
    let said = said.expect("the report says so")["reason"].as_str();
    assert!(said.is_some_and(|said| said.contains(reason)), "{said:?}");

    // A person who enables it begins anew.
    let path = "/api/v1/functions/empty/versions/0.1.0/";
    let request = lab.request(&lab.deployer.1, reqwest::Method::PATCH, path);
    let enabled = send(request.json(&json!({ "disabled": false }))).await;
    assert_eq!(enabled.data()["disabled_at"], Value::Null);
    assert_eq!(count(&lab, 19, 19).await, None);
    let again = async {
        let mut number = 2;
        loop {
            number += 1;
            let now = report(number).await;
            if ran(&now, "empty") == Some(digest.clone()) {
                return now;
            }
        }
    };
    let again = tokio::time::timeout(std::time::Duration::from_secs(60), again).await;
    let again = again.expect("the worker runs it again");
    let incomplete = again["incomplete"].as_array().expect("reasons");
    assert!(incomplete.iter().all(|one| one["step"] != "empty"));
    assert!(worker.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_count_at_once_do_not_wait_in_a_circle() {
    let lab = Lab::start(&[]).await;
    lab.publish("empty", "0.1.0").await;
    let (db, id) = (&lab.app.db, version(&lab).await);
    for _ in 0..10 {
        let counting = (0..16).map(|shard| functions::count_runs(db, id, shard, (10, 10)));
        let counted = try_join_all(counting).await.expect("none is a victim");
        // Whoever of them sees enough first.
        assert_eq!(counted.into_iter().flatten().count(), 1);
        let enable = "UPDATE function_versions SET disabled_at = NULL, disabled_reason = NULL, tripped_at = NULL";
        let enabled = sqlx::query(enable).execute(db).await;
        enabled.expect("it is enabled");
    }
}
