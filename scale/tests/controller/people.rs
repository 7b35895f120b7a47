//! What people do to pools.

use chrono::TimeDelta;
use kube::api::{Api, Patch, PatchParams};
use packguard_scale::controller::Metrics;
use packguard_scale::crd::RuntimePool;
use serde_json::json;

use crate::cluster::{Cluster, Fate};
use crate::harness::{Controller, Queue, client};
use crate::kinds::PODS;
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
    let server = Server::start().await;
    let queue = Queue::default();
    let _cluster = Cluster::start(&server, Fate::default());
    server.create_pool("standard", &json!({"max": 100, "overrideExpiry": "1h"}));
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(2);
    server
        .until("two pods", |server| {
            server.replicas("worker-standard") == Some(2)
        })
        .await;

    kubectl_scale(&server, "standard", 40).await.unwrap();
    server
        .until("forty pods", |server| {
            server.replicas("worker-standard") == Some(40)
        })
        .await;
    let status = server.pool("standard")["status"].clone();
    assert_eq!(status["override"]["replicas"], 40);
    assert!(
        status["reason"]
            .as_str()
            .unwrap()
            .starts_with("manual: 40 until "),
        "{status}"
    );
    assert!(server.says("standard", "Scaling", "False", "Manual"));
    server.told("OverrideSet", 1).await;

    queue.jump(TimeDelta::minutes(61));
    server
        .until("two pods again", |server| {
            server.replicas("worker-standard") == Some(2)
        })
        .await;
    let pool = server.pool("standard");
    assert!(
        pool["spec"]["replicas"].is_null(),
        "the number is taken away, so that the same can be set again: {pool}"
    );
    server.told("OverrideExpired", 1).await;
    server
        .until("no override is shown", |server| {
            server.pool("standard")["status"]["override"].is_null()
        })
        .await;

    let refused = kubectl_scale(&server, "standard", 101)
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
    let server = Server::start().await;
    let queue = Queue::default();
    let _cluster = Cluster::start(&server, Fate::default());
    server.create_pool("standard", &json!({}));
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(4);
    server
        .until("four pods", |server| server.list(PODS).len() == 4)
        .await;
    let busy = server.list(PODS)[3]["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    queue.busy([busy.clone()]);

    kubectl_scale(&server, "standard", 0).await.unwrap();
    server
        .until("one pod", |server| server.list(PODS).len() == 1)
        .await;
    server.whole_pass(&queue).await;
    assert_eq!(server.list(PODS)[0]["metadata"]["name"], busy.as_str());

    queue.busy([]);
    server
        .until("none", |server| server.list(PODS).is_empty())
        .await;
}

#[tokio::test]
async fn paused_pool() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({}));
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(5);
    server
        .until("five pods", |server| {
            server.replicas("worker-standard") == Some(5)
        })
        .await;

    server.edit_pool("standard", &json!({"paused": true}));
    server
        .until("it says so", |server| {
            server.says("standard", "Scaling", "False", "Paused")
        })
        .await;
    queue.set(500);
    server.whole_pass(&queue).await;
    queue.set(0);
    server.whole_pass(&queue).await;
    assert_eq!(server.replicas("worker-standard"), Some(5));

    server.edit_pool("standard", &json!({"paused": false}));
    server
        .until("no pods", |server| {
            server.replicas("worker-standard") == Some(0)
        })
        .await;
}

#[tokio::test]
async fn a_second_pool_of_a_class_makes_no_pods_for_the_same_tasks() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({}));
    server.create_pool("zweite", &json!({}));
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(5);
    server
        .until("five pods", |server| {
            server.replicas("worker-standard") == Some(5)
        })
        .await;
    server
        .until("it says so", |server| {
            server.says("zweite", "Scaling", "False", "ClassTaken")
        })
        .await;
    assert_eq!(server.replicas("worker-zweite"), Some(0));
}

#[tokio::test]
async fn a_canary_gets_its_share() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool(
        "standard",
        &json!({"canary": {"image": "packguard:2", "share": 25}}),
    );
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(8);
    server
        .until("two of eight", |server| {
            server.replicas("worker-standard-canary") == Some(2)
        })
        .await;
    assert_eq!(server.replicas("worker-standard"), Some(6));

    server.edit_pool("standard", &json!({"canary": null}));
    server
        .until("no canary", |server| {
            server.replicas("worker-standard-canary").is_none()
        })
        .await;
    server
        .until("all eight", |server| {
            server.replicas("worker-standard") == Some(8)
        })
        .await;
}
