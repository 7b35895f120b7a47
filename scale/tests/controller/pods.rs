//! What becomes of pods, and what is said of it.

use serde_json::json;

use crate::cluster::{Cluster, Fate};
use crate::harness::{Controller, Queue};
use crate::kinds::{DEPLOYMENTS, PODS};
use crate::server::{NAMESPACE, Server};
use crate::store::TEST;

/// An image that is not there.
const NO_IMAGE: Fate = Fate {
    waits: Some(("ImagePullBackOff", "Back-off pulling image")),
    quota: None,
    room: None,
};

#[tokio::test]
async fn image_never_ready() {
    let server = Server::start().await;
    let queue = Queue::default();
    let _cluster = Cluster::start(&server, NO_IMAGE);
    server.create_pool("standard", &json!({"image": "packguard:typo"}));
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(2);
    server
        .until("it says so", |server| {
            server.says("standard", "RolloutHealthy", "False", "ImagePullBackOff")
        })
        .await;
    let (_, _, message) = server.condition("standard", "RolloutHealthy").unwrap();
    assert!(message.contains("packguard:typo"), "{message}");
    server.told("ImagePullBackOff", 1).await;

    queue.set(50);
    server
        .until("it holds", |server| {
            server.says("standard", "Scaling", "False", "PodsFail")
        })
        .await;
    assert_eq!(
        server.replicas("worker-standard"),
        Some(2),
        "more pods of an image that does not start are no help"
    );
    let deployment = server.get(DEPLOYMENTS, "worker-standard").unwrap();
    assert_eq!(
        deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"],
        0
    );

    // Without work it is not held: what does not start can go.
    queue.set(0);
    server
        .until("no pods", |server| {
            server.replicas("worker-standard") == Some(0)
        })
        .await;
}

#[tokio::test]
async fn a_canary_that_fails_gives_its_share_back() {
    let server = Server::start().await;
    let queue = Queue::default();
    let cluster = Cluster::start(&server, Fate::default());
    server.create_pool("standard", &json!({}));
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(8);
    server
        .until("eight ready", |server| {
            server.pool("standard")["status"]["ready"] == 8
        })
        .await;

    drop(cluster);
    let _cluster = Cluster::start(&server, NO_IMAGE);
    server.edit_pool(
        "standard",
        &json!({"canary": {"image": "packguard:2", "share": 50}}),
    );
    server
        .until("it says so", |server| {
            server.says("standard", "RolloutHealthy", "False", "CanaryFailed")
        })
        .await;
    server
        .until("no canary", |server| {
            server.replicas("worker-standard-canary") == Some(0)
        })
        .await;
    assert_eq!(server.replicas("worker-standard"), Some(8));
    assert_eq!(
        server.pool("standard")["status"]["failedCanary"],
        "packguard:2"
    );
    server.whole_pass(&queue).await;
    assert_eq!(
        server.replicas("worker-standard-canary"),
        Some(0),
        "it is not tried again"
    );
}

#[tokio::test]
async fn quota_reached() {
    let server = Server::start().await;
    let queue = Queue::default();
    let _cluster = Cluster::start(
        &server,
        Fate {
            quota: Some(4),
            ..Fate::default()
        },
    );
    server.create_pool("standard", &json!({}));
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(9);
    server
        .until("it says so", |server| {
            server.says("standard", "Schedulable", "False", "QuotaExceeded")
        })
        .await;
    let (_, _, message) = server.condition("standard", "Schedulable").unwrap();
    assert!(message.contains("exceeded quota: packguard"), "{message}");
    server
        .until("four serve", |server| {
            server.pool("standard")["status"]["ready"] == 4
        })
        .await;
    server.told("QuotaExceeded", 1).await;
}

#[tokio::test]
async fn no_node_has_room() {
    let server = Server::start().await;
    let queue = Queue::default();
    let _cluster = Cluster::start(
        &server,
        Fate {
            room: Some(2),
            ..Fate::default()
        },
    );
    server.create_pool("standard", &json!({}));
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(3);
    server
        .until("it says so", |server| {
            server.says("standard", "Schedulable", "False", "Unschedulable")
        })
        .await;
    server
        .until("two serve", |server| {
            server.pool("standard")["status"]["ready"] == 2
        })
        .await;
    assert_eq!(server.list(PODS).len(), 3);
}

#[tokio::test]
async fn what_others_do_to_a_deployment_is_put_right() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({"min": 3}));
    let _controller = Controller::start(&server, &queue, "one");
    server
        .until("three pods", |server| {
            server.replicas("worker-standard") == Some(3)
        })
        .await;
    for replicas in [0, 30] {
        let edited = server.change(|store| {
            store.update(
                DEPLOYMENTS,
                NAMESPACE,
                "worker-standard",
                None,
                &TEST,
                |deployment| {
                    deployment["spec"]["replicas"] = json!(replicas);
                    Ok(())
                },
            )
        });
        edited.unwrap();
        server
            .until("three again", |server| {
                server.replicas("worker-standard") == Some(3)
            })
            .await;
    }
}

#[tokio::test]
async fn a_secret_is_missing() {
    let server = Server::start().await;
    let queue = Queue::default();
    let waits = Some((
        "CreateContainerConfigError",
        "secret \"packguard\" not found",
    ));
    let _cluster = Cluster::start(
        &server,
        Fate {
            waits,
            ..Fate::default()
        },
    );
    server.create_pool("standard", &json!({}));
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(2);
    server
        .until("it says so", |server| {
            server.says(
                "standard",
                "RolloutHealthy",
                "False",
                "CreateContainerConfigError",
            )
        })
        .await;
    let (_, _, message) = server.condition("standard", "RolloutHealthy").unwrap();
    assert!(
        message.contains("secret \"packguard\" not found"),
        "{message}"
    );
}

#[tokio::test]
async fn a_rollout_without_progress_is_told_of() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({"min": 3}));
    let _controller = Controller::start(&server, &queue, "one");
    server
        .until("three pods", |server| {
            server.replicas("worker-standard") == Some(3)
        })
        .await;
    let conditions = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "message": "ReplicaSet \"worker-standard-1\" has timed out progressing."}]);
    let edited = server.change(|store| {
        let name = "worker-standard";
        store.update(
            DEPLOYMENTS,
            NAMESPACE,
            name,
            Some("status"),
            &TEST,
            |deployment| {
                deployment["status"] = json!({"conditions": conditions});
                Ok(())
            },
        )
    });
    edited.unwrap();
    server.told("ProgressDeadlineExceeded", 1).await;
    assert!(server.says(
        "standard",
        "RolloutHealthy",
        "False",
        "ProgressDeadlineExceeded"
    ));
}
