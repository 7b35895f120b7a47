//! Several controllers, of which one acts.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use crate::fixture::{Fixture, at_once};
use crate::harness::{Controller, config};
use crate::kinds::{LEASES, POOLS};

#[tokio::test]
async fn two_controllers() {
    let (fixture, one) = Fixture::running(&json!({})).await;
    let server = &fixture.server;
    let two = fixture.controller("two");
    fixture.queue.needs(5);
    fixture.scaled(5).await;
    assert!(!two.leads());
    fixture.told("ScaledUp", 1).await;
    assert_eq!(server.events("ScaledUp")[0]["reportingInstance"], "one");
    fixture.queue.set(0);
    fixture.later(TimeDelta::minutes(5)).await;
    fixture.quiet().await;

    // Told to stop, the first hands the lease back: the second need not wait for it to expire.
    one.stop().await;
    let handed = server.get(LEASES, "packguard-scale").unwrap();
    let begun = std::time::Instant::now();
    server.until("two leads", |_| two.leads()).await;
    println!(
        "from a lease handed back to the next leader: {:?}",
        begun.elapsed()
    );
    assert_ne!(handed["spec"]["holderIdentity"], "one");
    let lease = server.get(LEASES, "packguard-scale").unwrap();
    assert_eq!(lease["spec"]["leaseTransitions"], 1);

    // The second goes on where the first was: half of the quiet time has passed.
    fixture.later(TimeDelta::minutes(4)).await;
    fixture.stays(5).await;
    fixture.later(TimeDelta::minutes(1)).await;
    fixture.scaled(4).await;
    fixture.told("ScaledDown", 1).await;
    assert_eq!(server.events("ScaledDown")[0]["reportingInstance"], "two");
    assert_eq!(fixture.patched(), [0, 5, 4]);
}

#[tokio::test]
async fn leader_killed_mid_decision() {
    let (fixture, one) = Fixture::with_pods(&json!({}), 5).await;
    let server = &fixture.server;

    // It has said what it means to do, and dies before it does it.
    let release = server.hold("patch", "deployments.apps");
    fixture.queue.needs(40);
    server
        .until("it is said", |_| fixture.status()["desired"] == 15)
        .await;
    one.kill().await;
    assert_eq!(fixture.patched(), [0, 5]);

    let two = fixture.controller("two");
    server.until("the other takes over", |_| two.leads()).await;
    release.send_replace(false);
    fixture.scaled(15).await;
    // It knows of the growth, and adds no second step within the minute.
    fixture.later(TimeDelta::seconds(59)).await;
    fixture.stays(15).await;
    fixture.later(TimeDelta::seconds(1)).await;
    fixture.scaled(30).await;
    fixture.told("ScaledUp", 3).await;
    assert_eq!(fixture.patched(), [0, 5, 15, 30]);
}

#[tokio::test]
async fn leader_killed_mid_step_down() {
    let (fixture, one) = Fixture::with_pods(&json!({}), 5).await;
    let server = &fixture.server;
    fixture.queue.set(0);
    server.whole_pass(&fixture.queue).await;
    let release = server.hold("patch", "deployments.apps");
    fixture.queue.pass(TimeDelta::minutes(10));
    server
        .until("it is said", |_| fixture.status()["desired"] == 4)
        .await;
    one.kill().await;

    let two = fixture.controller("two");
    server.until("the other takes over", |_| two.leads()).await;
    release.send_replace(false);
    // What was said counts as done: the next step is waited for, so that no two fall together.
    fixture.later(TimeDelta::minutes(9)).await;
    fixture.stays(5).await;
    fixture.later(TimeDelta::minutes(1)).await;
    fixture.scaled(4).await;
    fixture.stays(4).await;
    assert_eq!(fixture.patched(), [0, 5, 4]);
}

#[tokio::test]
async fn a_leader_that_cannot_renew_stops_before_another_may_lead() {
    let (fixture, one) = Fixture::running(&json!({})).await;
    let server = &fixture.server;
    let two = fixture.controller("two");

    // Renewals hang, everything else works. The other's attempt to take over hangs as well, until the first has stopped.
    let release = server.hold("update", "leases.coordination.k8s.io");
    server.until("one stops by itself", |_| !one.leads()).await;
    assert!(!two.leads());
    release.send_replace(false);
    server
        .until("one of them leads", |_| one.leads() || two.leads())
        .await;
    assert!(!(one.leads() && two.leads()));
}

#[tokio::test]
async fn who_was_deposed_without_knowing_gets_a_conflict() {
    let (fixture, _one) = Fixture::with_pods(&at_once(json!({})), 5).await;
    let server = &fixture.server;

    // Its next word is on its way for so long that the other's overtakes it.
    let release = server.hold("patch", "runtimepools.packguard.dev/status");
    let before = server.asked().len();
    fixture.queue.set(0);
    server
        .until("it is on its way", |server| {
            server.asked()[before..]
                .iter()
                .any(|asked| asked.resource == "runtimepools.packguard.dev/status")
        })
        .await;
    server.edit_pool("standard", &json!({"min": 4}));
    release.send_replace(false);
    fixture.scaled(4).await;
    assert_eq!(fixture.patched(), [0, 5, 4], "nobody acted on the old word");
}

/// With the lease of production: how much is asked while nothing happens.
#[tokio::test]
async fn an_idle_controller_asks_little() {
    let fixture = Fixture::new(&json!({})).await;
    let (server, queue) = (&fixture.server, &fixture.queue);
    let _one = Controller::start_with(server, queue, {
        let mut config = config("one", queue);
        config.lease.duration = Duration::from_secs(30);
        config.lease.renew_every = Duration::from_secs(10);
        config.lease.renew_deadline = Duration::from_secs(20);
        config
    });
    fixture.says("Ready", "True", "NoneNeeded").await;
    server.whole_pass(queue).await;
    let before = server.asked().len();
    let version = server.get(POOLS, "standard").unwrap()["metadata"]["resourceVersion"].clone();
    // Twenty looks at the queue, which find nothing new: no request but what the lease needs.
    let looks = queue.asked();
    server
        .until("twenty looks", |_| queue.asked() >= looks + 20)
        .await;
    let asked: Vec<_> = server.asked()[before..]
        .iter()
        .filter(|asked| asked.resource != "leases.coordination.k8s.io")
        .cloned()
        .collect();
    assert!(asked.is_empty(), "{asked:#?}");
    assert_eq!(
        server.get(POOLS, "standard").unwrap()["metadata"]["resourceVersion"],
        version
    );
}
