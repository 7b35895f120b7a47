//! What a function is run with: on a running worker, and refused where it is too much.

use packguard_platform::api::functions::settings::MAX_BODY;
use packguard_tests::TALKER;
use packguard_tests::harness::process::Role;
use packguard_tests::harness::registry::{Registry, harmless};
use reqwest::Method;
use serde_json::{Value, json};

use super::lab::{Lab, Read, ran, send};

const PATH: &str = "/api/v1/functions/talker/settings/";

/// What the worker logs when it has switched.
const SWITCHED: &str = "the set of analyzers changed";

pub async fn talker(lab: &Lab) {
    let answer = send(lab.deploy("talker", "0.1.0", TALKER)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(lab.promote("talker", "0.1.0").await.status, 200);
}

pub async fn configure(lab: &Lab, settings: &Value) -> Read {
    send(
        lab.request(&lab.deployer.1, Method::PUT, PATH)
            .json(settings),
    )
    .await
}

/// Configures, and waits until the worker uses it.
pub async fn switched(lab: &Lab, worker: &Role, settings: &Value) {
    let before = worker.log().matches(SWITCHED).count();
    let answer = configure(lab, settings).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let switched = async {
        while worker.log().matches(SWITCHED).count() == before {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let limit = std::time::Duration::from_secs(60);
    tokio::time::timeout(limit, switched)
        .await
        .expect("the worker switches");
}

fn step<'a>(report: &'a Value, name: &str) -> Option<&'a Value> {
    let steps = report["analyzers"].as_array().expect("steps");
    steps.iter().find(|step| step["name"] == name)
}

/// What the guest says that it has as an option.
fn heard(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().expect("findings");
    let ours = findings.iter().filter(|one| one["rule"] == "talker-heard");
    ours.filter_map(|one| one["title"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_worker_uses_limits_options_and_ecosystems() {
    let (lab, registry) = tokio::join!(Lab::start(&[]), Registry::start(harmless));
    talker(&lab).await;
    let worker = lab.worker(&registry).await;
    worker.line("\"functions\":1").await;
    let report = async |number| {
        let task = lab.submit(&Registry::purl("sample", number)).await;
        lab.report(task).await
    };
    let before = report(1).await;
    assert!(ran(&before, "talker").is_some());
    assert_eq!(heard(&before), [""; 0]);

    // An option reaches the guest, and no other analyzer's report changes.
    let said = json!({ "options": { "repeat": "hello", "memory": "40" } });
    switched(&lab, &worker, &said).await;
    let after = report(1).await;
    let titles = heard(&after);
    assert_eq!(titles, ["hello"]);
    assert_ne!(
        after["provenance"]["inputs"],
        before["provenance"]["inputs"]
    );
    assert_eq!(
        after["provenance"]["limits"],
        before["provenance"]["limits"]
    );
    assert!(ran(&after, "talker").is_some());

    // The same with less memory than it needs.
    let tight = json!({ "memory_bytes": 16 << 20, "options": { "memory": "40" } });
    switched(&lab, &worker, &tight).await;
    let failed = report(1).await;
    let step = step(&failed, "talker").expect("it ran");
    assert_eq!(step["outcome"], "out_of_memory", "{step}");
    assert_eq!(failed["verdict"]["outcome"], "incomplete");
    // Nobody else has less.
    assert!(ran(&failed, "names").is_some());

    // It looks at other packages only.
    switched(&lab, &worker, &json!({ "ecosystems": ["npm"] })).await;
    assert_eq!(self::step(&report(1).await, "talker"), None);
    switched(&lab, &worker, &json!({ "ecosystems": ["npm", "pypi"] })).await;
    assert!(ran(&report(1).await, "talker").is_some());

    // Each of them is a set of its own, and as it was is as it was.
    switched(&lab, &worker, &json!({})).await;
    assert_eq!(report(1).await, before);
    let sets: i64 = sqlx::query_scalar("SELECT count(DISTINCT analysis_set) FROM reports")
        .fetch_one(&lab.app.db)
        .await
        .expect("a count");
    assert_eq!(sets, 5);
    assert!(worker.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_refused_and_changes_nothing() {
    let lab = Lab::start(&[("WORKER_LIMITS", "memory=128MiB,time=10s")]).await;
    talker(&lab).await;
    let fine = json!({
        "memory_bytes": 64 << 20, "fuel": 1_000_000_000_i64, "time_ms": 5_000, "ecosystems": ["pypi"],
        "options": { "threshold": "3" },
    });
    let answer = configure(&lab, &fine).await;
    assert_eq!(answer.data(), &fine);
    for (settings, field, says) in [
        (
            json!({ "memory_bytes": (128 << 20) + 1 }),
            "memory_bytes",
            "the platform's limit is 134217728",
        ),
        (
            json!({ "time_ms": 10_001 }),
            "time_ms",
            "the platform's limit is 10000",
        ),
        (
            json!({ "fuel": 40_000_000_001_i64 }),
            "fuel",
            "the platform's limit is 40000000000",
        ),
        (json!({ "memory_bytes": -1 }), "memory_bytes", "at least"),
        (json!({ "ecosystems": [] }), "ecosystems", "one at least"),
        (json!({ "ecosystems": ["apt"] }), "ecosystems", "there are"),
        (
            json!({ "options": { "A b": "" } }),
            "options",
            "lower-case letters",
        ),
        (
            json!({ "options": { "a": "x".repeat(70_000) } }),
            "options.a",
            "bytes at most",
        ),
        (json!({ "options": { "a": "\u{0}" } }), "options.a", "NUL"),
        (json!({ "options": { "a": 1 } }), "options.a", "string"),
    ] {
        let answer = configure(&lab, &settings).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
        let wrong = &answer.body["fields"][0];
        assert_eq!(wrong["field"], field, "{}", answer.body);
        assert!(
            wrong["message"].as_str().expect("a message").contains(says),
            "{}",
            answer.body
        );
    }
    let unknown = configure(&lab, &json!({ "memory": 1 })).await;
    assert_eq!(unknown.status, 422, "{}", unknown.body);
    // 256 KiB of options fit into a body, however JSON writes them; more does not. A little more:
    // whoever still writes when the answer comes may not read it.
    let large: serde_json::Map<_, _> = (0..5)
        .map(|n| (format!("o{n}"), json!("\u{1}".repeat(50_000))))
        .collect();
    assert_eq!(
        configure(&lab, &json!({ "options": large })).await.status,
        200
    );
    let huge = json!({ "options": { "a": "x".repeat(MAX_BODY) } });
    assert_eq!(configure(&lab, &huge).await.status, 413);

    configure(&lab, &fine).await;
    assert_eq!(lab.get(PATH).await.data(), &fine);
    for (secret, status) in [(&lab.stranger.1, 403), (&lab.client.1, 403)] {
        for method in [Method::GET, Method::PUT] {
            let answer = send(lab.request(secret, method, PATH).json(&json!({}))).await;
            assert_eq!(answer.status, status, "{}", answer.body);
        }
    }
    let path = "/api/v1/functions/nothing/settings/";
    assert_eq!(lab.get(path).await.status, 404);
    let log: Vec<(String, Value)> = sqlx::query_as(
        "SELECT actor, details FROM audit_log WHERE action = 'function.configure' ORDER BY id",
    )
    .fetch_all(&lab.app.db)
    .await
    .expect("a log");
    assert_eq!(log.len(), 3);
    assert_eq!(log[0].1["options"], json!(["threshold"]));
    assert_eq!(log[0].0, format!("key:{}", lab.deployer.0));
}
