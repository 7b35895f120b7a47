//! A canary takes its share of the tasks, and no other.

use std::time::Duration;

use packguard_platform::db::functions;
use packguard_platform::functions::traffic;
use packguard_platform::model::TaskId;
use packguard_tests::harness::registry::{Registry, harmless};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::lab::{Lab, ran, send};

const SHARE: u8 = 30;

fn taken(task: i64) -> bool {
    traffic::canary_takes(SHARE, TaskId(task))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_takes_its_share_of_the_tasks() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    let stable = lab.publish("empty", "0.1.0").await;
    let canary = lab.publish("empty", "0.2.0").await;
    assert_eq!(lab.promote("empty", "0.1.0").await.status, 200);
    let worker = lab.worker(&registry).await;
    worker.line("\"functions\":1").await;
    let first = lab.submit(&Registry::purl("sample", 1)).await;
    assert_eq!(ran(&lab.report(first).await, "empty"), Some(stable.clone()));

    let to = json!({ "version": "0.2.0", "percent": SHARE });
    let moving = lab.point("empty", "canary", to);
    let moved = lab.switching(&worker, moving).await;
    assert_eq!(moved.data()["percent"], SHARE);
    let expected = |task| match taken(task) {
        true => Some(canary.clone()),
        false => Some(stable.clone()),
    };
    let mut tasks = Vec::new();
    for number in 1..=36 {
        tasks.push(lab.submit(&Registry::purl("share", number)).await);
    }
    for task in &tasks {
        let report = lab.report(*task).await;
        assert_eq!(ran(&report, "empty"), expected(*task), "task {task}");
    }
    let share = tasks.iter().filter(|task| taken(**task)).count();
    assert!((1..36).contains(&share), "{share} of 36");

    // An attempt that fails changes nothing of it.
    registry.fail(Some(StatusCode::SERVICE_UNAVAILABLE));
    let mut retried = Vec::new();
    while !(retried.iter().any(|task| taken(*task)) && retried.iter().any(|task| !taken(*task))) {
        let purl = Registry::purl("retried", retried.len());
        retried.push(lab.submit(&purl).await);
    }
    let failed = async {
        while worker.log().matches("an attempt failed").count() < retried.len() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let failed = tokio::time::timeout(Duration::from_secs(60), failed).await;
    failed.expect("each is tried");
    registry.fail(None);
    for task in retried {
        let report = lab.report(task).await;
        assert_eq!(ran(&report, "empty"), expected(task), "task {task}");
    }
    assert!(worker.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_at_once_are_stable_ones_and_a_canary_that_fails_gives_way() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    let stable = lab.publish("empty", "0.1.0").await;
    let canary = lab.publish("empty", "0.2.0").await;
    assert_eq!(lab.promote("empty", "0.1.0").await.status, 200);
    let worker = lab.worker(&registry).await;
    worker.line("\"functions\":1").await;
    let report = async |number| {
        let task = lab.submit(&Registry::purl("sample", number)).await;
        lab.report(task).await
    };
    let digest = async |number| ran(&report(number).await, "empty");
    assert_eq!(digest(1).await, Some(stable.clone()));

    let point = |version: &'static str, percent: u8| {
        let to = json!({ "version": version, "percent": percent });
        lab.switching(&worker, lab.point("empty", "canary", to))
    };
    assert_eq!(point("0.2.0", 100).await.status, 200);
    assert_eq!(digest(2).await, Some(canary.clone()));
    // What was analysed before is answered at once, with the stable set's report.
    assert_eq!(digest(1).await, Some(stable.clone()));

    // A canary that names the stable version takes nothing, and what it reported answers nobody.
    assert_eq!(point("0.1.0", 100).await.status, 200);
    assert_eq!(digest(2).await, Some(stable.clone()));

    // One that is disabled by itself gives way, and nothing is missing.
    assert_eq!(point("0.2.0", 100).await.status, 200);
    assert_eq!(digest(3).await, Some(canary));
    let id = sqlx::query_scalar("SELECT id FROM function_versions WHERE version = '0.2.0'");
    let id = id.fetch_one(&lab.app.db).await.expect("a version");
    let counting = functions::count_runs(&lab.app.db, id, 0, (40, 40));
    let tripped = lab.switching(&worker, counting).await;
    assert!(tripped.expect("it is counted").is_some());
    let back = report(4).await;
    assert_eq!(ran(&back, "empty"), Some(stable));
    assert_eq!(back["verdict"]["outcome"], "clean");
    assert_eq!(back["incomplete"], json!([]));
    assert!(worker.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn percentages_that_make_no_sense_are_refused() {
    let lab = Lab::start(&[]).await;
    for version in ["0.1.0", "0.2.0"] {
        lab.publish("empty", version).await;
    }
    for (alias, percent, says) in [
        ("canary", json!(0), "it must be 1 to 100"),
        ("canary", json!(101), "it must be 1 to 100"),
        ("shadow", json!(-1), "it must be 1 to 100"),
        ("shadow", json!(1_u64 << 40), "it must be 1 to 100"),
        ("stable", json!(50), "leave it out"),
        ("beta", json!(100), "leave it out"),
    ] {
        let to = json!({ "version": "0.1.0", "percent": percent });
        let refused = lab.point("empty", alias, to).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_request"));
        let field = &refused.body["fields"][0];
        assert_eq!(field["field"], "percent", "{}", refused.body);
        let message = field["message"].as_str().expect("a message");
        assert!(message.contains(says), "{message}");
    }
    for percent in [json!("5"), json!(0.5), json!([])] {
        let to = json!({ "version": "0.1.0", "percent": percent });
        let refused = lab.point("empty", "canary", to).await;
        assert!((400..500).contains(&refused.status), "{}", refused.body);
    }
    let details = lab.get("/api/v1/functions/empty/").await;
    assert_eq!(details.data()["aliases"], json!({}), "nothing was moved");

    // Defaults; a version that stays keeps its share, another one begins small.
    let point = async |alias: &str, to: Value| lab.point("empty", alias, to).await;
    let moved = point("shadow", json!({ "version": "0.1.0" })).await;
    assert_eq!(moved.data()["percent"], 100);
    for (to, percent) in [
        (json!({ "version": "0.1.0" }), 10),
        (json!({ "version": "0.1.0", "percent": 50 }), 50),
        (json!({ "version": "0.1.0" }), 50),
        (json!({ "version": "0.2.0" }), 10),
        (json!({ "version": "0.2.0", "percent": 75 }), 75),
    ] {
        assert_eq!(point("canary", to).await.data()["percent"], percent);
    }
    let stable = point("stable", json!({ "version": "0.1.0" })).await;
    assert_eq!(stable.data()["percent"], Value::Null);
    let details = lab.get("/api/v1/functions/empty/").await;
    let percents = json!({ "canary": 75, "shadow": 100 });
    assert_eq!(details.data()["percents"], percents);
    assert_eq!(details.data()["moves"][1]["percent"], 75);

    // More of the same version is no version to go back to.
    let path = "/api/v1/functions/empty/aliases/canary/rollback/";
    let back = send(lab.request(&lab.deployer.1, Method::POST, path)).await;
    assert_eq!(back.data()["to"], "0.1.0");
    assert_eq!(back.data()["percent"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn canaries_of_several_functions_share_their_tasks() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    let mut digests = Vec::new();
    for name in ["alpha", "empty"] {
        let old = lab.publish(name, "0.1.0").await;
        let new = lab.publish(name, "0.2.0").await;
        assert_eq!(lab.promote(name, "0.1.0").await.status, 200);
        digests.push((old, new));
    }
    for (name, percent) in [("alpha", 25), ("empty", 60)] {
        let to = json!({ "version": "0.2.0", "percent": percent });
        assert_eq!(lab.point(name, "canary", to).await.status, 200);
    }
    let worker = lab.worker(&registry).await;
    worker.line("\"canaries\":2").await;
    let mut tasks = Vec::new();
    for number in 1..=24 {
        tasks.push(lab.submit(&Registry::purl("share", number)).await);
    }
    let mut seen = std::collections::BTreeSet::new();
    for task in tasks {
        let report = lab.report(task).await;
        let share = [25, 60].map(|percent| traffic::canary_takes(percent, TaskId(task)));
        seen.insert(share);
        for ((name, taken), (old, new)) in ["alpha", "empty"].iter().zip(share).zip(&digests) {
            let expected = if taken { new } else { old };
            assert_eq!(ran(&report, name).as_ref(), Some(expected), "task {task}");
        }
    }
    assert_eq!(seen.len(), 3, "both, one and none: {seen:?}");
    // As many sets as percentages, and the stable one, which answers.
    let sets = "SELECT count(*), count(*) FILTER (WHERE registered_at > to_timestamp(0)) FROM analysis_sets";
    let sets: (i64, i64) = sqlx::query_as(sets)
        .fetch_one(&lab.app.db)
        .await
        .expect("counts");
    assert_eq!(sets, (3, 1));
    assert!(worker.terminate().await.success());
}
