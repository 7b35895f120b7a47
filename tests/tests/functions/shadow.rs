//! A shadow is tried on what workers analyse, is compared, and changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use packguard_platform::db::functions::{self, Difference, Pair, Runs};
use packguard_platform::functions::traffic;
use packguard_platform::model::{Scope, TaskId};
use packguard_tests::harness::process::Role;
use packguard_tests::harness::registry::{Registry, harmless};
use packguard_tests::{sdk, tar_gz};
use reqwest::Method;
use serde_json::{Value, json};

use super::lab::{Lab, ran, send};

/// A report without what varies between two runs.
fn timeless(mut report: Value) -> Value {
    let fields = report.as_object_mut().expect("a report");
    fields.remove("started_at");
    fields.remove("duration_us");
    for step in report["analyzers"].as_array_mut().expect("steps") {
        let usage = step["usage"].as_object_mut().expect("a usage");
        usage.remove("duration_us");
    }
    report
}

/// The comparison of a version, when so many runs were counted.
async fn compared(lab: &Lab, version: &str, runs: u64) -> Value {
    let counted = async {
        loop {
            let answer = lab.get("/api/v1/functions/fickle/shadow/").await;
            let all = answer.data()["comparisons"].as_array().expect("a list");
            let one = all.iter().find(|one| one["version"] == version);
            if let Some(one) = one.filter(|one| one["runs"] == runs) {
                return one.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(60), counted).await;
    counted.expect("it is counted")
}

async fn report(lab: &Lab, prefix: &str, number: usize) -> Value {
    let task = lab.submit(&Registry::purl(prefix, number)).await;
    timeless(lab.report(task).await)
}

/// What `sdk` prints.
async fn inspect(lab: &Lab, arguments: &[&str]) -> String {
    let sdk = tokio::task::spawn_blocking(sdk).await.expect("it is built");
    let output = tokio::process::Command::new(sdk)
        .args(arguments)
        .env("PACKGUARD_URL", format!("http://{}", lab.address))
        .env("PACKGUARD_API_KEY", &lab.deployer.1)
        .output();
    let output = output.await.expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_says_what_it_would_change_and_changes_nothing() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    for version in ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0"] {
        lab.publish("fickle", version).await;
    }
    assert_eq!(lab.promote("fickle", "0.1.0").await.status, 200);
    let worker = lab.worker(&registry).await;
    worker.line("\"functions\":1").await;
    let before = [report(&lab, "evil", 1).await, report(&lab, "good", 1).await];
    assert_eq!(before[0]["verdict"]["outcome"], "clean");
    let none = lab.get("/api/v1/functions/fickle/shadow/").await;
    assert_eq!(none.data()["comparisons"], json!([]));

    // The same packages again, as if nobody had seen them: the very same reports.
    let moving = lab.point("fickle", "shadow", json!({ "version": "0.2.0" }));
    let moved = lab.switching(&worker, moving).await;
    assert_eq!(moved.data()["percent"], 100);
    let forget = "UPDATE reports SET reuse_key = sha256(reuse_key), checked_at = to_timestamp(0)";
    let forgotten = sqlx::query(forget).execute(&lab.app.db).await;
    assert_eq!(forgotten.expect("it is changed").rows_affected(), 2);
    let evil = report(&lab, "evil", 1).await;
    compared(&lab, "0.2.0", 1).await;
    assert_eq!(before, [evil, report(&lab, "good", 1).await]);

    let seen = compared(&lab, "0.2.0", 2).await;
    assert_eq!(
        (&seen["against"], &seen["failures"]),
        (&json!("0.1.0"), &json!(0))
    );
    assert_eq!(seen["verdicts_changed"], 1);
    assert_eq!(
        (&seen["findings_added"], &seen["findings_removed"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(seen["compared"], 2);
    for sum in [
        "time_us",
        "time_us_against",
        "fuel",
        "fuel_against",
        "memory",
        "memory_against",
    ] {
        assert!(seen[sum].as_u64().expect("a sum") > 0, "{sum} in {seen}");
    }
    let [one] = &seen["differences"].as_array().expect("a list")[..] else {
        panic!("{seen}")
    };
    assert_eq!(one["purl"], Registry::purl("evil", 1));
    assert_eq!(
        (&one["before"], &one["after"]),
        (&json!("clean"), &json!("malicious"))
    );
    assert_eq!(one["added"], json!({ "fickle-evil": 1 }));

    private(&lab).await;
    shown(&lab).await;
    traps(&lab, &worker).await;

    // Promoted, it is compared with itself no more.
    let moving = lab.point("fickle", "shadow", json!({ "version": "0.2.0" }));
    lab.switching(&worker, moving).await;
    let promoting = lab.promote("fickle", "0.2.0");
    lab.switching(&worker, promoting).await;
    let live = report(&lab, "evil", 100).await;
    assert_eq!(live["verdict"]["outcome"], "malicious");
    heavier(&lab, &worker).await;
    endless(&lab, &worker).await;
    // It tells of everything before it ends.
    assert!(worker.terminate().await.success());
    let all = lab.get("/api/v1/functions/fickle/shadow/").await;
    let all = all.data()["comparisons"]
        .as_array()
        .expect("a list")
        .clone();
    let with_itself = |one: &Value| one["version"] == one["against"];
    assert!(!all.iter().any(with_itself), "{all:?}");
    let text = inspect(&lab, &["inspect", "fickle"]).await;
    assert!(text.contains("stable 0.2.0"), "{text}");
}

/// A private archive is counted, and never listed.
async fn private(lab: &Lab) {
    let files: [(&str, &[u8]); 1] = [("evil/a.py", b"answer = 42\n")];
    let path = "/api/v1/archives/?filename=evil-secret.tar.gz";
    let request = lab.request(&lab.client.1, Method::POST, path);
    let sent = send(request.body(tar_gz(&files))).await;
    let task = sent.data()["task_id"].as_i64().expect("a task");
    assert_eq!(lab.report(task).await["verdict"]["outcome"], "clean");
    let seen = compared(lab, "0.2.0", 3).await;
    assert_eq!(seen["verdicts_changed"], 2);
    assert!(!seen.to_string().contains("secret"), "{seen}");
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM shadow_differences")
        .fetch_one(&lab.app.db)
        .await
        .expect("a count");
    assert_eq!(rows, 1);
}

/// `sdk inspect` says it before anybody promotes.
async fn shown(lab: &Lab) {
    let text = inspect(lab, &["inspect", "fickle"]).await;
    for expected in [
        "shadow 0.2.0 (100 % of tasks)",
        "0.2.0 against 0.1.0",
        "3, 0 failed",
        "2 would change: clean -> malicious 2",
        "2 added, 0 removed",
        "pkg:pypi/evil-0001@1.0: clean 0 -> malicious",
        "+ fickle-evil (1)",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    for measure in ["fuel", "time", "memory"] {
        let is_told =
            |line: &str| line.trim_start().starts_with(measure) && line.contains("before:");
        assert!(text.lines().any(is_told), "{measure} is not in {text}");
    }
    let json: Value =
        serde_json::from_str(&inspect(lab, &["inspect", "fickle", "--json"]).await).expect("JSON");
    assert_eq!(json["shadow"][0]["runs"], 3);
    assert_eq!(json["percents"]["shadow"], 100);
}

/// One that finds the same with more work: all that differs is told.
async fn heavier(lab: &Lab, worker: &Role) {
    let moving = lab.point("fickle", "shadow", json!({ "version": "0.4.0" }));
    lab.switching(worker, moving).await;
    report(lab, "evil", 200).await;
    let seen = compared(lab, "0.4.0", 1).await;
    assert_eq!(
        (&seen["against"], &seen["compared"]),
        (&json!("0.2.0"), &json!(1))
    );
    assert_eq!(
        (&seen["verdicts_changed"], &seen["differences"]),
        (&json!(0), &json!([]))
    );
    let number = |field: &str| seen[field].as_u64().expect("a number");
    assert!(number("fuel") > number("fuel_against"), "{seen}");
    assert!(
        number("memory") > number("memory_against") + (15 << 20),
        "{seen}"
    );
    let text = inspect(lab, &["inspect", "fickle"]).await;
    assert!(text.contains("none would change"), "{text}");
}

/// Nobody waits for one that never ends: neither clients nor who stops the worker.
async fn endless(lab: &Lab, worker: &Role) {
    let moving = lab.point("fickle", "shadow", json!({ "version": "0.5.0" }));
    lab.switching(worker, moving).await;
    let evil = report(lab, "evil", 300).await;
    assert_eq!(evil["verdict"]["outcome"], "malicious");
    let seen = lab.get("/api/v1/functions/fickle/shadow/").await;
    let all = seen.data()["comparisons"].as_array().expect("a list");
    assert!(
        all.iter().all(|one| one["version"] != "0.5.0"),
        "it goes on"
    );
}

/// One that traps is counted as such, and reports do not know.
async fn traps(lab: &Lab, worker: &Role) {
    let moving = lab.point("fickle", "shadow", json!({ "version": "0.3.0" }));
    lab.switching(worker, moving).await;
    let calm = report(lab, "evil", 2).await;
    assert_eq!(calm["verdict"]["outcome"], "clean");
    assert!(ran(&calm, "fickle").is_some());
    let seen = compared(lab, "0.3.0", 1).await;
    assert_eq!(
        (&seen["failures"], &seen["compared"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(seen["differences"][0]["after"], "incomplete");
    // The circuit breaker counts it too.
    let counted = async {
        let failures =
            "SELECT COALESCE(sum(failures), 0)::bigint FROM function_runs JOIN function_versions v
            ON v.id = version_id WHERE v.version = '0.3.0'";
        loop {
            let sum: i64 = sqlx::query_scalar(failures)
                .fetch_one(&lab.app.db)
                .await
                .expect("a sum");
            if sum == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(60), counted).await;
    counted.expect("it is counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_alone_is_tried_on_its_share() {
    const SHARE: u8 = 50;
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    lab.publish("fickle", "0.2.0").await;
    let to = json!({ "version": "0.2.0", "percent": SHARE });
    assert_eq!(lab.point("fickle", "shadow", to).await.status, 200);
    let worker = lab.worker(&registry).await;
    worker.line("\"shadows\":1").await;
    let mut runs = 0;
    for number in 1..=12 {
        let task = lab.submit(&Registry::purl("evil", number)).await;
        let report = lab.report(task).await;
        assert_eq!(ran(&report, "fickle"), None);
        assert_eq!(report["verdict"]["outcome"], "clean");
        if traffic::shadow_takes(SHARE, TaskId(task)) {
            runs += 1;
            let seen = compared(&lab, "0.2.0", runs).await;
            assert_eq!(seen["against"], Value::Null);
            assert_eq!(
                (&seen["verdicts_changed"], &seen["compared"]),
                (&json!(runs), &json!(0))
            );
        }
    }
    assert!((1..12).contains(&runs), "{runs} of 12");
    assert!(worker.terminate().await.success());
    compared(&lab, "0.2.0", runs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_differing_packages_is_bounded() {
    let lab = Lab::start(&[]).await;
    lab.publish("fickle", "0.2.0").await;
    let id = sqlx::query_scalar("SELECT id FROM function_versions");
    let id = id.fetch_one(&lab.app.db).await.expect("a version");
    let difference = |number: usize, after: &'static str| Difference {
        pair: Pair {
            version: id,
            against: None,
            before: "clean",
            after,
        },
        purl: Registry::purl("evil", number),
        scores: (0, 72),
        added: BTreeMap::from([("fickle-evil".to_owned(), 1)]),
        removed: BTreeMap::new(),
    };
    let mut all = vec![difference(0, "malicious")];
    all.extend((1..=60).map(|number| difference(number, "clean")));
    for some in all.chunks(7) {
        let runs = some.iter().map(|one| {
            let runs = Runs {
                runs: 1,
                memory: i64::try_from(some.len()).expect("few"),
                ..Runs::default()
            };
            (one.pair, runs)
        });
        let added = functions::add_runs(&lab.app.db, 3, &runs.collect(), some).await;
        added.expect("it is added");
    }
    // Nine tellings, the first with two verdicts.
    let seen = compared(&lab, "0.2.0", 10).await;
    assert_eq!(
        (&seen["verdicts_changed"], &seen["memory"]),
        (&json!(1), &json!(7))
    );
    let listed = seen["differences"].as_array().expect("a list");
    assert_eq!(listed.len(), 50);
    let purl = |place: usize| listed[place]["purl"].as_str().expect("a purl").to_owned();
    // The newest, and the one whose verdict would be another, however old.
    assert_eq!(purl(0), Registry::purl("evil", 60));
    assert_eq!(purl(48), Registry::purl("evil", 12));
    assert_eq!(purl(49), Registry::purl("evil", 0));
    // What others submitted is nobody else's business, save the admins'.
    let admin = lab.key("admin", &[Scope::Admin]).await;
    for (secret, listed) in [(&admin.1, 50), (&lab.stranger.1, 0), (&lab.client.1, 0)] {
        let path = "/api/v1/functions/fickle/shadow/";
        let answer = send(lab.request(secret, Method::GET, path)).await;
        let one = &answer.data()["comparisons"][0];
        assert_eq!(one["runs"], 10);
        assert_eq!(one["differences"].as_array().map(Vec::len), Some(listed));
    }
}
