//! What goes wrong, and what is said of it.

use chrono::TimeDelta;
use packguard_scale::controller::ErrorLabel;
use serde_json::json;

use crate::fixture::{DEPLOYMENT, Fixture, at_once};
use crate::harness::{Controller, Queue};
use crate::kinds::{DEFINITIONS, LEASES};
use crate::server::Server;

fn errors(controller: &Controller, what: &'static str, kind: &'static str) -> u64 {
    let label = ErrorLabel { what, kind };
    controller.metrics.errors.get_or_create(&label).get()
}

#[tokio::test]
async fn api_server_gone_for_a_minute() {
    // A minute on the clock; for the lease as well, which lasts two seconds here and thirty in production.
    let (fixture, controller) = Fixture::with_pods(&json!({}), 5).await;
    let server = &fixture.server;
    server.stop().await;
    fixture.queue.needs(40);
    server
        .until("the lead is given up", |_| !controller.leads())
        .await;
    fixture.queue.pass(TimeDelta::minutes(1));
    assert_eq!(fixture.patched(), [0, 5]);

    server.restart().await;
    fixture.scaled(15).await;
    assert!(controller.leads());
    // Nothing is caught up on: the minute without an API server allows no second step.
    fixture.stays(15).await;
    assert_eq!(fixture.patched(), [0, 5, 15]);
    let told = fixture.told("ScaledUp", 2).await;
    assert!(told[1].starts_with("from 5 to 15 pods: "), "{told:?}");
}

#[tokio::test]
async fn redis_gone() {
    let (fixture, controller) = Fixture::with_pods(&json!({}), 5).await;
    fixture.queue.gone(true);
    fixture
        .says("SignalsFresh", "False", "QueueNotAnswering")
        .await;
    fixture.queue.set(0);
    fixture.later(TimeDelta::hours(3)).await;
    fixture.stays(5).await;
    fixture
        .server
        .until("why", |_| {
            fixture.status()["reason"] == "signals are 3h old: kept at 5"
        })
        .await;
    fixture.told("QueueNotAnswering", 1).await;
    let event = &fixture.server.events("QueueNotAnswering")[0];
    assert_eq!(event["type"], "Warning");
    assert!(errors(&controller, "signals", "Signals") > 0);

    // What it says now was not so all the time: the quiet time begins now.
    fixture.queue.gone(false);
    fixture.says("SignalsFresh", "True", "QueueAnswers").await;
    fixture.later(TimeDelta::minutes(9)).await;
    fixture.stays(5).await;
    fixture.later(TimeDelta::minutes(1)).await;
    fixture.scaled(4).await;
    assert_eq!(fixture.patched(), [0, 5, 4]);
}

#[tokio::test]
async fn redis_gone_just_as_a_pod_would_go() {
    let (fixture, _controller) = Fixture::with_pods(&json!({}), 5).await;
    fixture.queue.set(0);
    fixture.later(TimeDelta::seconds(570)).await;
    // Its last word is half a minute old, which is not stale, and says that the quiet time is over.
    fixture.queue.gone(true);
    fixture.later(TimeDelta::seconds(30)).await;
    fixture.says("Scaling", "False", "NoSignals").await;
    fixture.stays(5).await;
    assert_eq!(fixture.patched(), [0, 5]);

    fixture.queue.gone(false);
    fixture.scaled(4).await;
}

#[tokio::test]
async fn redis_gone_and_another_leader() {
    let (fixture, one) = Fixture::with_pods(&json!({}), 5).await;
    fixture.queue.set(0);
    fixture.later(TimeDelta::minutes(5)).await;
    fixture.quiet().await;
    fixture.queue.gone(true);
    one.stop().await;
    let two = fixture.controller("two");
    fixture
        .server
        .until("the other takes over", |_| two.leads())
        .await;
    fixture.says("Scaling", "False", "NoSignals").await;
    fixture.later(TimeDelta::hours(3)).await;
    fixture.stays(5).await;

    fixture.queue.gone(false);
    fixture.says("Scaling", "True", "ByPolicy").await;
    fixture.later(TimeDelta::minutes(9)).await;
    fixture.stays(5).await;
    fixture.later(TimeDelta::minutes(1)).await;
    fixture.scaled(4).await;
    assert_eq!(fixture.patched(), [0, 5, 4]);
}

#[tokio::test]
async fn redis_gone_from_the_start() {
    let fixture = Fixture::new(&json!({"min": 2})).await;
    fixture.queue.gone(true);
    let _controller = fixture.controller("one");
    fixture.scaled(2).await;
    fixture.says("Scaling", "False", "NoSignals").await;
    let message = fixture.message("Scaling");
    assert!(message.contains("connection refused"), "{message}");
}

#[tokio::test]
async fn flapping_load() {
    let spec = json!({"policy": {"downPods": 10}});
    let (fixture, _controller) = Fixture::running(&spec).await;
    for _ in 0..4 {
        for pods in [10, 0] {
            fixture.queue.needs(pods);
            fixture.later(TimeDelta::minutes(4)).await;
            fixture.stays(10).await;
        }
    }
    // A quiet time, in which the load flaps as well: its peak is what stays.
    fixture.queue.needs(4);
    fixture.later(TimeDelta::minutes(1)).await;
    fixture.queue.needs(0);
    fixture.later(TimeDelta::minutes(4)).await;
    fixture.stays(10).await;
    fixture.later(TimeDelta::minutes(1)).await;
    fixture.scaled(4).await;
    fixture.later(TimeDelta::minutes(10)).await;
    fixture.scaled(0).await;
    // Each change is decided once, written once and told once, whatever the watch says of it in the meantime.
    let patches = fixture
        .server
        .asked()
        .iter()
        .filter(|asked| asked.verb == "patch" && asked.resource == "deployments.apps")
        .count();
    assert_eq!(fixture.patched(), [0, 10, 4, 0]);
    assert_eq!(patches, 4);
    fixture.told("ScaledUp", 1).await;
    fixture.told("ScaledDown", 2).await;
}

#[tokio::test]
async fn clock_jump() {
    let (fixture, one) = Fixture::with_pods(&json!({}), 5).await;
    let two = fixture.controller("two");
    for hours in [24, -48, 24] {
        fixture.queue.jump(TimeDelta::hours(hours));
        fixture.stays(5).await;
        assert!(
            one.leads() && !two.leads(),
            "a lease runs by differences, not by the time of day"
        );
    }
    let lease = fixture.server.get(LEASES, "packguard-scale").unwrap();
    assert_eq!(lease["spec"]["leaseTransitions"], 0);

    // Ahead, it looks like time that went by: one step, and nothing is caught up on.
    fixture.queue.set(0);
    fixture.later(TimeDelta::hours(24)).await;
    fixture.scaled(4).await;
    fixture.stays(4).await;
    // Back, what was done lies in the future: it is waited for once more, not for a day.
    fixture.later(TimeDelta::hours(-24)).await;
    fixture.stays(4).await;
    fixture.later(TimeDelta::minutes(9)).await;
    fixture.stays(4).await;
    fixture.later(TimeDelta::minutes(1)).await;
    fixture.scaled(3).await;

    // Up likewise.
    fixture.queue.needs(1000);
    fixture.scaled(13).await;
    fixture.later(TimeDelta::hours(24)).await;
    fixture.scaled(26).await;
    fixture.later(TimeDelta::hours(-24)).await;
    fixture.stays(26).await;
    fixture.later(TimeDelta::minutes(1)).await;
    fixture.scaled(52).await;
    assert_eq!(fixture.patched(), [0, 5, 4, 3, 13, 26, 52]);
}

#[tokio::test]
async fn clock_jump_during_an_override() {
    let (fixture, _controller) = Fixture::with_pods(&json!({"overrideExpiry": "1h"}), 5).await;
    // A number by hand, set while the clock was a day ahead, holds for an hour of the right time, not for a day.
    fixture.queue.jump(TimeDelta::hours(24));
    fixture
        .server
        .edit_pool("standard", &json!({"replicas": 7}));
    fixture.scaled(7).await;
    fixture.queue.jump(TimeDelta::hours(-24));
    fixture.stays(7).await;
    fixture.later(TimeDelta::minutes(59)).await;
    assert!(fixture.status()["override"].is_object());
    fixture.later(TimeDelta::minutes(2)).await;
    fixture.told("OverrideExpired", 1).await;
    fixture.says("Scaling", "True", "ByPolicy").await;
    fixture.later(TimeDelta::minutes(10)).await;
    fixture.scaled(6).await;
}

#[tokio::test]
async fn no_permission() {
    let fixture = Fixture::new(&json!({})).await;
    let server = &fixture.server;
    server.deny("patch", "deployments.apps");
    let controller = fixture.controller("one");
    fixture.says("Ready", "False", "Forbidden").await;
    let message = fixture.message("Ready");
    assert!(
        message.contains("cannot patch resource \"deployments\" in API group \"apps\""),
        "{message}"
    );
    let forbidden = |what| errors(&controller, what, "Forbidden");
    assert!(forbidden("deployment") > 0);

    server.allow("patch", "deployments.apps");
    fixture.queue.needs(3);
    fixture.scaled(3).await;

    // Without the right to say anything, the work goes on.
    server.deny("patch", "runtimepools.packguard.dev/status");
    server.deny("create", "events.events.k8s.io");
    fixture.queue.needs(4);
    fixture.scaled(4).await;
    server
        .until("it is counted", |_| {
            forbidden("status") > 0 && forbidden("events") > 0
        })
        .await;
}

#[tokio::test]
async fn crd_missing() {
    let server = Server::bare().await;
    let queue = Queue::default();
    let controller = Controller::start(&server, &queue, "one");
    let seen = |kind| errors(&controller, "definition", kind) > 0;
    server.until("it says so", |_| seen("NotFound")).await;

    let mut old = packguard_scale::crd::definition();
    old["metadata"]["annotations"]["packguard.dev/crd-revision"] = json!("0");
    server.install(old);
    server
        .until("it says that it is too old", |_| seen("Older"))
        .await;
    assert!(
        !server
            .asked()
            .iter()
            .any(|asked| asked.resource == "runtimepools.packguard.dev"),
        "it has not begun"
    );

    server
        .change(|store| store.delete(DEFINITIONS, "", "runtimepools.packguard.dev"))
        .unwrap();
    server.install(packguard_scale::crd::definition());
    queue.set(1);
    server.create_pool("standard", &json!({}));
    server
        .until("a pod", |server| server.replicas(DEPLOYMENT) == Some(1))
        .await;
}

#[tokio::test]
async fn a_watch_that_is_too_old_begins_anew() {
    let (fixture, _controller) = Fixture::running(&json!({})).await;
    let server = &fixture.server;
    server.stop().await;
    server.compact();
    server.edit_pool("standard", &json!({"min": 2}));
    server.compact();
    server.restart().await;
    fixture.scaled(2).await;
}

#[tokio::test]
async fn old_numbers_take_no_pods_away() {
    let spec = at_once(json!({"policy": {"staleAfter": "30s"}}));
    let (fixture, _controller) = Fixture::with_pods(&spec, 5).await;
    fixture.queue.old(TimeDelta::minutes(5));
    fixture
        .says("SignalsFresh", "False", "QueueNotAnswering")
        .await;
    fixture.queue.set(0);
    fixture.stays(5).await;
    fixture.queue.old(TimeDelta::zero());
    fixture.scaled(0).await;
}

/// An answer tells of the moment when it was written: what was heard since is newer.
#[tokio::test]
async fn an_edit_overtakes_the_answer_to_a_write() {
    let (fixture, _controller) = Fixture::with_pods(&json!({}), 5).await;
    let server = &fixture.server;
    let release = server.hold_answer("patch", "runtimepools.packguard.dev/status");
    fixture.queue.needs(6);
    server
        .until("it is written", |_| fixture.status()["desired"] == 6)
        .await;
    server.edit_pool("standard", &json!({"min": 8}));
    // The controller hears of the edit meanwhile. Were it slower than two renewals, this would show less, and not fail.
    let renewals = |server: &Server| {
        let asked = server.asked();
        let updates = asked.iter().filter(|asked| asked.verb == "update");
        updates.count()
    };
    let before = renewals(server);
    server
        .until("two renewals", |server| renewals(server) >= before + 2)
        .await;
    release.send_replace(false);
    fixture.scaled(8).await;
}
