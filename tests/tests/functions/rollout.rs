//! A running worker takes what `stable` names, and ends what it began with what it had.

use std::time::{Duration, Instant};

use packguard_platform::db::audit::Actor;
use packguard_platform::functions::publishers::{Change, change};
use packguard_platform::functions::signature::PublicKey;
use packguard_tests::harness::registry::{Registry, harmless};
use reqwest::Method;

use super::lab::{Lab, ran, send, signing_key};

/// What the worker logs when it has switched.
const SWITCHED: &str = "the set of analyzers changed";

#[tokio::test(flavor = "multi_thread")]
async fn a_running_worker_follows_promotions_and_rollbacks() {
    let (lab, registry) = tokio::join!(
        Lab::start(&[("FUNCTION_SIGNATURES", "required")]),
        Registry::start(harmless)
    );
    let worker = lab.worker(&registry).await;
    let report = async |number| {
        let task = lab.submit(&Registry::purl("sample", number)).await;
        lab.report(task).await
    };
    assert_eq!(ran(&report(1).await, "empty"), None);

    let first = lab.publish("empty", "0.1.0").await;
    // Published is not promoted.
    assert_eq!(ran(&report(2).await, "empty"), None);
    let promoted = Instant::now();
    assert_eq!(lab.promote("empty", "0.1.0").await.status, 200);
    worker.line("\"functions\":1").await;
    println!("a new set was in use after {:?}", promoted.elapsed());
    let signed = report(3).await;
    assert_eq!(ran(&signed, "empty"), Some(first.clone()));
    let steps = signed["analyzers"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["name"] == "empty");
    let key = PublicKey::new(signing_key().verifying_key().as_bytes()).expect("a key");
    let signer = format!("acme/{}", key.id());
    assert_eq!(step.expect("it ran")["signed_by"], signer);

    // A task that has begun keeps its set.
    let second = lab.publish("empty", "0.2.0").await;
    registry.delay(Duration::from_secs(3));
    let begun = lab.submit(&Registry::purl("slow", 1)).await;
    let asked = async {
        while registry.requests("slow-0001").index == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let asked = tokio::time::timeout(Duration::from_secs(60), asked).await;
    asked.expect("the worker begins");
    assert_eq!(lab.promote("empty", "0.2.0").await.status, 200);
    let switched = async {
        while worker.log().matches(SWITCHED).count() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let switched = tokio::time::timeout(Duration::from_secs(60), switched).await;
    switched.expect("the worker switches");
    registry.delay(Duration::ZERO);
    assert_eq!(ran(&lab.report(begun).await, "empty"), Some(first.clone()));
    assert_eq!(ran(&report(4).await, "empty"), Some(second));

    let path = "/api/v1/functions/empty/aliases/stable/rollback/";
    let back = send(lab.request(&lab.deployer.1, Method::POST, path)).await;
    assert_eq!(back.data()["to"], "0.1.0");
    let switched = async {
        while worker.log().matches(SWITCHED).count() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let switched = tokio::time::timeout(Duration::from_secs(60), switched).await;
    switched.expect("the worker switches back");
    assert_eq!(ran(&report(5).await, "empty"), Some(first));
    assert!(worker.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_does_not_run_what_does_not_verify() {
    let (lab, registry) = tokio::join!(
        Lab::start(&[("FUNCTION_SIGNATURES", "required")]),
        Registry::start(harmless)
    );
    let good = lab.publish("alpha", "0.1.0").await;
    let damaged = lab.publish("empty", "0.1.0").await;
    for name in ["alpha", "empty"] {
        assert_eq!(lab.promote(name, "0.1.0").await.status, 200);
    }
    // Somebody who may write to the storage, but has no key.
    let bucket = lab.storage.as_ref().expect("S3").bucket.client();
    let object = format!("functions/sha256/{}/{damaged}.wasm", &damaged[..2]).into();
    let forged = super::lab::guest("empty", "0.1.1");
    let put = object_store::ObjectStoreExt::put(&bucket, &object, forged.into());
    put.await.expect("it is put");
    let worker = lab.worker(&registry).await;
    let task = lab.submit(&Registry::purl("sample", 1)).await;
    let report = lab.report(task).await;
    assert_eq!(ran(&report, "alpha"), Some(good));
    assert_eq!(ran(&report, "empty"), None);
    assert!(worker.log().contains("a deployed function is not run"));
    // A report that lacks an analyzer says so, and is never `clean`.
    let lacks = |report: &serde_json::Value, name: &str| {
        let incomplete = report["incomplete"].as_array().expect("a list");
        assert_eq!(report["verdict"]["outcome"], "incomplete", "{report}");
        assert!(incomplete.iter().any(|one| one["step"] == name), "{report}");
    };
    lacks(&report, "empty");

    // A key that was revoked ends what it signed.
    let key = PublicKey::new(signing_key().verifying_key().as_bytes()).expect("a key");
    let what = Change::RevokeKey(key.id().to_owned());
    let changed = change(&lab.app.db, &Actor::default(), "acme", &what).await;
    changed.expect("it is revoked");
    worker.line("\"functions\":0").await;
    let task = lab.submit(&Registry::purl("sample", 2)).await;
    let report = lab.report(task).await;
    assert_eq!(ran(&report, "alpha"), None);
    lacks(&report, "alpha");
    assert!(worker.terminate().await.success());
}
