//! What becomes of pods, and what is said of it.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::cluster::Fate;
use crate::fixture::{CANARY, DEPLOYMENT, Fixture, at_once};
use crate::kinds::{DEPLOYMENTS, Kind, PODS};
use crate::server::{NAMESPACE, Server};
use crate::store::TEST;

/// An image that is not there.
const NO_IMAGE: Fate = Fate {
    waits: Some(("ImagePullBackOff", "Back-off pulling image")),
    quota: None,
    room: None,
};

impl Server {
    /// As others than the controller change an object.
    fn edit(&self, kind: Kind, name: &str, subresource: Option<&str>, patch: &Value) {
        let edited = self.change(|store| {
            store.update(kind, NAMESPACE, name, subresource, &TEST, |object| {
                crate::apply::merge_patch(object, patch);
                Ok(())
            })
        });
        edited.unwrap();
    }
}

#[tokio::test]
async fn image_never_ready() {
    let spec = at_once(json!({"image": "packguard:typo"}));
    let (fixture, _controller) = Fixture::running(&spec).await;
    let _cluster = fixture.cluster(NO_IMAGE);
    fixture.queue.needs(2);
    fixture
        .says("RolloutHealthy", "False", "ImagePullBackOff")
        .await;
    let message = fixture.message("RolloutHealthy");
    assert!(message.contains("packguard:typo"), "{message}");
    fixture.told("ImagePullBackOff", 1).await;

    fixture.queue.needs(50);
    fixture.says("Scaling", "False", "PodsFail").await;
    // More pods of an image that does not start are no help.
    fixture.stays(2).await;
    let deployment = fixture.server.get(DEPLOYMENTS, DEPLOYMENT).unwrap();
    assert_eq!(
        deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"],
        0
    );

    // Without work it is not held: what does not start can go.
    fixture.queue.set(0);
    fixture.scaled(0).await;
    assert_eq!(fixture.patched(), [0, 2, 0]);
}

#[tokio::test]
async fn a_canary_that_fails_gives_its_share_back() {
    let (fixture, _controller) = Fixture::running(&json!({})).await;
    let server = &fixture.server;
    let cluster = fixture.cluster(Fate::default());
    fixture.queue.needs(8);
    server
        .until("eight ready", |_| fixture.status()["ready"] == 8)
        .await;

    drop(cluster);
    let _cluster = fixture.cluster(NO_IMAGE);
    server.edit_pool(
        "standard",
        &json!({"canary": {"image": "packguard:2", "share": 50}}),
    );
    fixture
        .says("RolloutHealthy", "False", "CanaryFailed")
        .await;
    server
        .until("no canary", |server| server.replicas(CANARY) == Some(0))
        .await;
    fixture.scaled(8).await;
    assert_eq!(fixture.status()["failedCanary"], "packguard:2");
    server.whole_pass(&fixture.queue).await;
    assert_eq!(server.replicas(CANARY), Some(0), "it is not tried again");
}

#[tokio::test]
async fn quota_reached() {
    let (fixture, _controller) = Fixture::running(&json!({})).await;
    let _cluster = fixture.cluster(Fate {
        quota: Some(4),
        ..Fate::default()
    });
    fixture.queue.needs(9);
    fixture.says("Schedulable", "False", "QuotaExceeded").await;
    let message = fixture.message("Schedulable");
    assert!(message.contains("exceeded quota: packguard"), "{message}");
    fixture
        .server
        .until("four serve", |_| fixture.status()["ready"] == 4)
        .await;
    fixture.told("QuotaExceeded", 1).await;
}

#[tokio::test]
async fn no_node_has_room() {
    let (fixture, _controller) = Fixture::running(&json!({})).await;
    let _cluster = fixture.cluster(Fate {
        room: Some(2),
        ..Fate::default()
    });
    fixture.queue.needs(3);
    fixture.says("Schedulable", "False", "Unschedulable").await;
    fixture
        .server
        .until("two serve", |_| fixture.status()["ready"] == 2)
        .await;
    assert_eq!(fixture.server.list(PODS).len(), 3);
}

#[tokio::test]
async fn what_others_do_to_a_deployment_is_put_right() {
    let (fixture, _controller) = Fixture::running(&json!({"min": 3})).await;
    for replicas in [0, 30] {
        let patch = json!({"spec": {"replicas": replicas}});
        fixture.server.edit(DEPLOYMENTS, DEPLOYMENT, None, &patch);
        fixture.scaled(3).await;
    }
}

#[tokio::test]
async fn a_secret_is_missing() {
    let (fixture, _controller) = Fixture::running(&json!({})).await;
    let _cluster = fixture.cluster(Fate {
        waits: Some((
            "CreateContainerConfigError",
            "secret \"packguard\" not found",
        )),
        ..Fate::default()
    });
    fixture.queue.needs(2);
    fixture
        .says("RolloutHealthy", "False", "CreateContainerConfigError")
        .await;
    let message = fixture.message("RolloutHealthy");
    assert!(
        message.contains("secret \"packguard\" not found"),
        "{message}"
    );
}

/// What a Deployment says once its progress deadline has passed.
fn stuck() -> Value {
    json!({"status": {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "message": "ReplicaSet \"worker-standard-1\" has timed out progressing."}]}})
}

#[tokio::test]
async fn a_rollout_without_progress_is_told_of() {
    let (fixture, _controller) = Fixture::running(&json!({"min": 3})).await;
    fixture
        .server
        .edit(DEPLOYMENTS, DEPLOYMENT, Some("status"), &stuck());
    fixture.told("ProgressDeadlineExceeded", 1).await;
    fixture
        .says("RolloutHealthy", "False", "ProgressDeadlineExceeded")
        .await;
}

#[tokio::test]
async fn a_hold_for_pods_that_do_not_get_ready_ends_a_quiet_time() {
    let (fixture, _controller) = Fixture::with_pods(&json!({}), 2).await;
    fixture
        .server
        .edit(DEPLOYMENTS, DEPLOYMENT, Some("status"), &stuck());
    fixture.queue.set(0);
    fixture.later(TimeDelta::minutes(5)).await;
    fixture.quiet().await;
    fixture.queue.needs(50);
    fixture.says("Scaling", "False", "PodsFail").await;
    fixture.stays(2).await;

    fixture.queue.set(0);
    fixture.says("Scaling", "True", "ByPolicy").await;
    fixture.later(TimeDelta::minutes(9)).await;
    fixture.stays(2).await;
    fixture.later(TimeDelta::minutes(1)).await;
    fixture.scaled(1).await;
}
