//! More pods, fewer pods.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::cluster::{Cluster, Fate};
use crate::harness::{Controller, Queue};
use crate::kinds::{DEPLOYMENTS, PODS};
use crate::server::Server;

#[tokio::test]
async fn scale_from_zero() {
    let server = Server::start().await;
    let queue = Queue::default();
    let _cluster = Cluster::start(&server, Fate::default());
    server.create_pool("standard", &json!({}));
    let _controller = Controller::start(&server, &queue, "one");
    server
        .until("an empty Deployment", |server| {
            server.replicas("worker-standard") == Some(0)
        })
        .await;

    queue.set(3);
    server
        .until("three ready pods", |server| {
            server.says("standard", "Ready", "True", "AllReady")
        })
        .await;

    assert_eq!(server.replicas("worker-standard"), Some(3));
    let status = &server.pool("standard")["status"];
    assert_eq!(status["desired"], 3);
    assert_eq!(status["ready"], 3);
    assert_eq!(status["reason"], "queue: 3+0");
    assert_eq!(status["waitP95"], "2.1s");
    assert_eq!(status["selector"], "packguard.dev/pool=standard");
    let events = server.events("ScaledUp");
    assert_eq!(events.len(), 1, "one event for one decision: {events:#?}");
    assert_eq!(events[0]["note"], "from 0 to 3 pods: queue: 3+0");
    assert_eq!(events[0]["regarding"]["kind"], "RuntimePool");
}

#[tokio::test]
async fn a_worker_is_hardened() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool(
        "standard",
        &json!({"slotsPerPod": 8, "nodeSelector": {"pool": "workers"}}),
    );
    let _controller = Controller::start(&server, &queue, "one");
    server
        .until("a Deployment", |server| {
            server.replicas("worker-standard").is_some()
        })
        .await;

    let deployment = server.get(DEPLOYMENTS, "worker-standard").unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(
        deployment["metadata"]["ownerReferences"][0]["name"],
        "standard"
    );
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    assert_eq!(pod["terminationGracePeriodSeconds"], 150);
    assert_eq!(pod["nodeSelector"]["pool"], "workers");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(
        container["securityContext"]["capabilities"]["drop"],
        json!(["ALL"])
    );
    assert_eq!(
        container["env"][0],
        json!({"name": "WORKER_CONCURRENCY", "value": "8"})
    );
    assert_eq!(
        container["envFrom"],
        json!([{"configMapRef": {"name": "packguard"}}, {"secretRef": {"name": "packguard"}}])
    );
}

#[tokio::test]
async fn burst_to_1000() {
    let server = Server::start().await;
    let queue = Queue::default();
    let _cluster = Cluster::start(&server, Fate::default());
    server.create_pool("standard", &json!({}));
    let _controller = Controller::start_with(&server, &queue, {
        let mut config = crate::harness::config("one", &queue);
        // As in production: the figure below is measured with it.
        config.interval = Duration::from_secs(2);
        config
    });
    server
        .until("an empty Deployment", |server| {
            server.replicas("worker-standard") == Some(0)
        })
        .await;

    let begun = Instant::now();
    queue.set(5000);
    server
        .until("the Deployment's patch", |server| {
            server.replicas("worker-standard") == Some(1000)
        })
        .await;
    // When the request came, not when this test heard of it: making a thousand pods keeps the stand-in busy.
    let asked = server.asked();
    let patch = asked
        .iter()
        .find(|asked| asked.resource == "deployments.apps" && asked.at >= begun)
        .unwrap();
    let took = patch.at.duration_since(begun);

    println!("from a queue of 0 to 5000 to the Deployment's patch: {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    server
        .until("the maximum", |server| {
            server.says("standard", "AtMaximum", "True", "MaxReached")
        })
        .await;
    server
        .until("a thousand ready pods", |server| {
            server.pool("standard")["status"]["ready"] == 1000
        })
        .await;
}

#[tokio::test]
async fn drain() {
    let server = Server::start().await;
    let queue = Queue::default();
    let _cluster = Cluster::start(&server, Fate::default());
    server.create_pool("standard", &json!({}));
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(6);
    server
        .until("six pods", |server| server.list(PODS).len() == 6)
        .await;
    let mut pods: Vec<String> = server
        .list(PODS)
        .iter()
        .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();

    // The first two and the last one have work: none of them may go.
    let busy = vec![pods[0].clone(), pods[1].clone(), pods.remove(5)];
    queue.load(0, &busy);
    server
        .until("three pods", |server| server.list(PODS).len() == 3)
        .await;
    let left: Vec<String> = server
        .list(PODS)
        .iter()
        .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(left, busy);
    server.told("ScaledDown", 1).await;

    queue.busy([]);
    server
        .until("no pods", |server| server.list(PODS).is_empty())
        .await;
}
