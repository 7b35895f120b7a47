//! Several controllers, of which one acts.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Controller, Queue, config};
use crate::kinds::{LEASES, POOLS};
use crate::server::Server;

#[tokio::test]
async fn two_controllers() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({}));
    let one = Controller::start(&server, &queue, "one");
    server.until("one leads", |_| one.leads()).await;
    let two = Controller::start(&server, &queue, "two");
    queue.set(5);
    server
        .until("five pods", |server| {
            server.replicas("worker-standard") == Some(5)
        })
        .await;
    assert!(!two.leads());
    server.told("ScaledUp", 1).await;
    let events = server.events("ScaledUp");
    assert_eq!(events[0]["reportingInstance"], "one");

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
    queue.set(6);
    server
        .until("six pods", |server| {
            server.replicas("worker-standard") == Some(6)
        })
        .await;
    assert_eq!(
        server.get(LEASES, "packguard-scale").unwrap()["spec"]["leaseTransitions"],
        1
    );
}

#[tokio::test]
async fn leader_killed_mid_decision() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({}));
    let one = Controller::start(&server, &queue, "one");
    queue.set(5);
    server
        .until("five pods", |server| {
            server.replicas("worker-standard") == Some(5)
        })
        .await;

    // It has said what it means to do, and dies before it does it.
    let release = server.hold("patch", "deployments.apps");
    queue.set(12);
    server
        .until("it is said", |server| {
            server.pool("standard")["status"]["desired"] == 12
        })
        .await;
    one.kill().await;
    assert_eq!(server.replicas("worker-standard"), Some(5));

    let two = Controller::start(&server, &queue, "two");
    server.until("the other takes over", |_| two.leads()).await;
    release.send_replace(false);
    server
        .until("it is done", |server| {
            server.replicas("worker-standard") == Some(12)
        })
        .await;
    server
        .until("it is told", |server| server.events("ScaledUp").len() == 2)
        .await;
}

#[tokio::test]
async fn a_leader_that_cannot_renew_stops_before_another_may_lead() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({}));
    let one = Controller::start(&server, &queue, "one");
    server.until("one leads", |_| one.leads()).await;
    let two = Controller::start(&server, &queue, "two");

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
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({}));
    let _one = Controller::start(&server, &queue, "one");
    queue.set(5);
    server
        .until("five pods", |server| {
            server.replicas("worker-standard") == Some(5)
        })
        .await;

    // Its next word is on its way for so long that the other's overtakes it.
    let release = server.hold("patch", "runtimepools.packguard.dev/status");
    let before = server.asked().len();
    queue.set(0);
    server
        .until("it is on its way", |server| {
            server.asked()[before..]
                .iter()
                .any(|asked| asked.resource == "runtimepools.packguard.dev/status")
        })
        .await;
    server.edit_pool("standard", &json!({"min": 4}));
    release.send_replace(false);
    server
        .until("what holds now is done", |server| {
            server.replicas("worker-standard") == Some(4)
        })
        .await;
    let wanted: Vec<_> = server
        .log()
        .iter()
        .filter(|change| change.kind == crate::kinds::DEPLOYMENTS)
        .map(|change| change.object["spec"]["replicas"].clone())
        .collect();
    assert!(
        !wanted[1..].contains(&json!(0)),
        "nobody acted on the old word: {wanted:?}"
    );
}

/// With the settings of production: how much is asked while nothing happens.
#[tokio::test]
async fn an_idle_controller_asks_little() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({}));
    let _one = Controller::start_with(&server, &queue, {
        let mut config = config("one", &queue);
        config.lease.duration = Duration::from_secs(30);
        config.lease.renew_every = Duration::from_secs(10);
        config.lease.renew_deadline = Duration::from_secs(20);
        config
    });
    server
        .until("all is said", |server| {
            server.says("standard", "Ready", "True", "NoneNeeded")
        })
        .await;
    server.whole_pass(&queue).await;
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
