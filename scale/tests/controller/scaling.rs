//! More pods, fewer pods: from the queue's numbers to the Deployment's patch.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use tokio::time::Instant;

use crate::cluster::Fate;
use crate::fixture::{DEPLOYMENT, Fixture};
use crate::harness::{Controller, config};
use crate::kinds::DEPLOYMENTS;

#[tokio::test]
async fn scale_from_zero() {
    let (fixture, _controller) = Fixture::running(&json!({})).await;
    let _cluster = fixture.cluster(Fate::default());

    fixture.queue.set(33);
    fixture.says("Ready", "True", "AllReady").await;

    assert_eq!(fixture.patched(), [0, 3]);
    let status = fixture.status();
    assert_eq!(status["desired"], 3);
    assert_eq!(status["ready"], 3);
    assert_eq!(status["queued"], 33);
    assert_eq!(status["reason"], "queue: 33+0 over 1/pod");
    assert_eq!(status["waitP95"], "2.1s");
    assert_eq!(status["selector"], "packguard.dev/pool=standard");
    let told = fixture.told("ScaledUp", 1).await;
    assert_eq!(told, ["from 0 to 3 pods: queue: 33+0 over 1/pod"]);
    let event = &fixture.server.events("ScaledUp")[0];
    assert_eq!(event["regarding"]["kind"], "RuntimePool");
}

#[tokio::test]
async fn a_worker_is_hardened() {
    let spec = json!({"slotsPerPod": 8, "nodeSelector": {"pool": "workers"}});
    let (fixture, _controller) = Fixture::running(&spec).await;

    let deployment = fixture.server.get(DEPLOYMENTS, DEPLOYMENT).unwrap();
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

/// By the limits that a pool has unless its admin says otherwise: ten pods or twice as many a minute.
#[tokio::test]
async fn burst_to_1000() {
    let (fixture, _controller) = Fixture::running(&json!({})).await;
    fixture.queue.needs(1000);
    let steps = [10, 20, 40, 80, 160, 320, 640];
    for step in steps {
        fixture.scaled(step).await;
        fixture.later(TimeDelta::seconds(59)).await;
        fixture.stays(step).await;
        let limit = format!("1000 needed, up to {step} this minute");
        let reason = format!("queue: 11000+0 over 1/pod; {limit}");
        let last = fixture.server.events("ScaledUp").pop().unwrap();
        assert!(last["note"].as_str().unwrap().ends_with(&reason), "{last}");
        fixture.queue.pass(TimeDelta::seconds(1));
    }
    fixture.scaled(1000).await;
    fixture.says("AtMaximum", "True", "MaxReached").await;
    fixture.told("ScaledUp", steps.len() + 1).await;
    fixture.queue.needs(5000);
    fixture.later(TimeDelta::hours(1)).await;
    assert_eq!(
        fixture.patched(),
        [0, 10, 20, 40, 80, 160, 320, 640, 1000],
        "no step skipped, none beyond the maximum"
    );
}

#[tokio::test]
async fn burst_to_1000_at_once() {
    let fixture = Fixture::new(&json!({"policy": {"upPods": 1000}})).await;
    let _cluster = fixture.cluster(Fate::default());
    let _controller = Controller::start_with(&fixture.server, &fixture.queue, {
        let mut config = config("one", &fixture.queue);
        // As in production: the figure below is measured with it.
        config.interval = Duration::from_secs(2);
        config
    });
    fixture.scaled(0).await;

    let begun = Instant::now();
    fixture.queue.set(11_000);
    fixture.scaled(1000).await;
    // When the request came, not when this test heard of it: making a thousand pods keeps the stand-in busy.
    let asked = fixture.server.asked();
    let patch = asked
        .iter()
        .find(|asked| asked.resource == "deployments.apps" && asked.at >= begun)
        .unwrap();
    let took = patch.at.duration_since(begun);

    println!("from a queue of 0 to 11000 to the Deployment's patch: {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    fixture.says("AtMaximum", "True", "MaxReached").await;
    fixture
        .server
        .until("a thousand ready pods", |_| {
            fixture.status()["ready"] == 1000
        })
        .await;
    assert_eq!(fixture.patched(), [0, 1000]);
}

#[tokio::test]
async fn drain_to_zero() {
    let (fixture, _controller) = Fixture::with_pods(&json!({}), 6).await;
    let _cluster = fixture.cluster(Fate::default());
    fixture.until_pods(6).await;

    // The first two and the last one have work: none of them may go.
    let pods = fixture.pods();
    let busy = vec![pods[0].clone(), pods[1].clone(), pods[5].clone()];
    fixture.queue.load(0, &busy);
    fixture.later(TimeDelta::minutes(9)).await;
    fixture.stays(6).await;
    fixture.queue.pass(TimeDelta::minutes(1));
    for left in [5, 4, 3] {
        fixture.scaled(left).await;
        fixture.later(TimeDelta::minutes(10)).await;
    }
    fixture.stays(3).await;
    fixture.until_pods(3).await;
    assert_eq!(fixture.pods(), busy);

    fixture.queue.busy([]);
    for left in [2, 1, 0] {
        fixture.later(TimeDelta::minutes(10)).await;
        fixture.scaled(left).await;
    }
    fixture.until_pods(0).await;
    fixture.says("Ready", "True", "NoneNeeded").await;
    assert_eq!(fixture.patched(), [0, 6, 5, 4, 3, 2, 1, 0]);
    let told = fixture.told("ScaledDown", 6).await;
    let idle = "idle: nothing ready, leased or due";
    assert!(
        told.contains(&format!("from 1 to 0 pods: {idle}")),
        "{told:#?}"
    );
}

/// Pods are marked fifty at a time; the step is the policy's all the same.
#[tokio::test]
async fn a_step_of_more_pods_than_are_marked_at_once() {
    let spec = json!({"min": 120, "policy": {"downPods": 100}});
    let (fixture, _controller) = Fixture::running(&spec).await;
    fixture.server.edit_pool("standard", &json!({"min": 0}));
    fixture.later(TimeDelta::minutes(10)).await;
    fixture.scaled(20).await;
    fixture.stays(20).await;
    assert_eq!(fixture.patched(), [120, 70, 20]);
    let told = fixture.told("ScaledDown", 1).await;
    assert!(told[0].starts_with("from 120 to 20 pods: "), "{told:?}");
}
