//! What people do to pools.

use chrono::TimeDelta;
use kube::api::{Api, Patch, PatchParams};
use packguard_scale::controller::Metrics;
use packguard_scale::crd::RuntimePool;
use serde_json::json;

use crate::cluster::Fate;
use crate::fixture::{CANARY, Fixture};
use crate::harness::client;
use crate::server::{NAMESPACE, Server};

/// As `kubectl scale` does it: a merge patch of the scale subresource.
async fn kubectl_scale(server: &Server, pool: &str, replicas: u32) -> kube::Result<()> {
    let pools: Api<RuntimePool> = Api::namespaced(client(server, &Metrics::default()), NAMESPACE);
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    pools
        .patch_scale(pool, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

#[tokio::test]
async fn manual_override() {
    let spec = json!({"max": 100, "overrideExpiry": "1h"});
    let (fixture, _controller) = Fixture::with_pods(&spec, 2).await;
    let _cluster = fixture.cluster(Fate::default());

    // At once, whatever the policy's limits.
    kubectl_scale(&fixture.server, "standard", 40)
        .await
        .unwrap();
    fixture.scaled(40).await;
    let status = fixture.status();
    assert_eq!(status["override"]["replicas"], 40);
    let reason = status["reason"].as_str().unwrap();
    assert!(reason.starts_with("manual: 40 until "), "{status}");
    fixture.says("Scaling", "False", "Manual").await;
    fixture.told("OverrideSet", 1).await;
    fixture.later(TimeDelta::minutes(59)).await;
    fixture.stays(40).await;

    fixture.later(TimeDelta::minutes(2)).await;
    fixture.told("OverrideExpired", 1).await;
    fixture.says("Scaling", "True", "ByPolicy").await;
    let pool = fixture.server.pool("standard");
    assert!(
        pool["spec"]["replicas"].is_null(),
        "the number is taken away, so that the same can be set again: {pool}"
    );
    assert!(fixture.status()["override"].is_null());
    fixture.stays(40).await;
    for left in [39, 38] {
        fixture.later(TimeDelta::minutes(10)).await;
        fixture.scaled(left).await;
    }
    assert_eq!(
        fixture.patched(),
        [0, 2, 40, 39, 38],
        "the number by hand is left by the policy's steps"
    );

    let refused = kubectl_scale(&fixture.server, "standard", 101)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("spec.replicas") && refused.contains("must not be over max"),
        "{refused}"
    );
}

#[tokio::test]
async fn an_override_downwards_waits_for_work_in_hand() {
    let (fixture, _controller) = Fixture::with_pods(&json!({}), 4).await;
    let _cluster = fixture.cluster(Fate::default());
    fixture.until_pods(4).await;
    let busy = fixture.pods().remove(3);
    fixture.queue.busy([busy.clone()]);

    kubectl_scale(&fixture.server, "standard", 0).await.unwrap();
    fixture.until_pods(1).await;
    fixture.stays(1).await;
    assert_eq!(fixture.pods(), [busy]);

    fixture.queue.busy([]);
    fixture.until_pods(0).await;
}

#[tokio::test]
async fn paused_pool() {
    let (fixture, _controller) = Fixture::with_pods(&json!({}), 5).await;
    // Five minutes more of this, and pods would go.
    fixture.queue.set(0);
    fixture.later(TimeDelta::minutes(5)).await;
    fixture.quiet().await;

    fixture
        .server
        .edit_pool("standard", &json!({"paused": true}));
    fixture.says("Scaling", "False", "Paused").await;
    for load in [5000, 0] {
        fixture.queue.set(load);
        fixture.later(TimeDelta::hours(1)).await;
        fixture.stays(5).await;
    }

    // What was quiet before or meanwhile does not count.
    fixture
        .server
        .edit_pool("standard", &json!({"paused": false}));
    fixture.says("Scaling", "True", "ByPolicy").await;
    fixture.later(TimeDelta::minutes(9)).await;
    fixture.stays(5).await;
    fixture.later(TimeDelta::minutes(1)).await;
    fixture.scaled(4).await;
    assert_eq!(fixture.patched(), [0, 5, 4]);
}

#[tokio::test]
async fn a_second_pool_of_a_class_makes_no_pods_for_the_same_tasks() {
    let fixture = Fixture::new(&json!({})).await;
    fixture.server.create_pool("zweite", &json!({}));
    let _controller = fixture.controller("one");
    fixture.queue.needs(5);
    fixture.scaled(5).await;
    fixture
        .server
        .until("it says so", |server| {
            server.says("zweite", "Scaling", "False", "ClassTaken")
        })
        .await;
    assert_eq!(fixture.server.replicas("worker-zweite"), Some(0));
}

#[tokio::test]
async fn a_canary_gets_its_share() {
    let spec = json!({"canary": {"image": "packguard:2", "share": 25}});
    let (fixture, _controller) = Fixture::running(&spec).await;
    fixture.queue.needs(8);
    fixture.scaled(6).await;
    fixture
        .server
        .until("two of eight", |server| server.replicas(CANARY) == Some(2))
        .await;

    fixture
        .server
        .edit_pool("standard", &json!({"canary": null}));
    fixture
        .server
        .until("no canary", |server| server.replicas(CANARY).is_none())
        .await;
    fixture.scaled(8).await;
}
