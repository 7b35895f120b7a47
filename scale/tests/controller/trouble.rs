//! What goes wrong, and what is said of it.

use chrono::TimeDelta;
use packguard_scale::controller::ErrorLabel;
use serde_json::json;

use crate::harness::{Controller, Queue};
use crate::kinds::{DEFINITIONS, LEASES};
use crate::server::Server;

#[tokio::test]
async fn api_server_gone_for_a_minute() {
    // A minute in terms of the lease, which lasts two seconds here and thirty in production.
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({}));
    let controller = Controller::start(&server, &queue, "one");
    queue.set(5);
    server
        .until("five pods", |server| {
            server.replicas("worker-standard") == Some(5)
        })
        .await;

    server.stop().await;
    queue.set(9);
    server
        .until("the lead is given up", |_| !controller.leads())
        .await;
    assert_eq!(server.replicas("worker-standard"), Some(5));

    server.restart().await;
    server
        .until("nine pods", |server| {
            server.replicas("worker-standard") == Some(9)
        })
        .await;
    assert!(controller.leads());
}

#[tokio::test]
async fn redis_gone() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({}));
    let controller = Controller::start(&server, &queue, "one");
    queue.set(5);
    server
        .until("five pods", |server| {
            server.replicas("worker-standard") == Some(5)
        })
        .await;

    queue.gone(true);
    server
        .until("it says so", |server| {
            server.says("standard", "SignalsFresh", "False", "QueueNotAnswering")
        })
        .await;
    queue.set(0);
    queue.jump(TimeDelta::hours(3));
    server.whole_pass(&queue).await;
    assert_eq!(
        server.replicas("worker-standard"),
        Some(5),
        "no pod goes unseen"
    );
    server.told("QueueNotAnswering", 1).await;
    let events = server.events("QueueNotAnswering");
    assert_eq!(
        (events.len(), events[0]["type"].as_str()),
        (1, Some("Warning"))
    );
    let errors = controller
        .metrics
        .errors
        .get_or_create(&ErrorLabel {
            what: "signals",
            kind: "Signals",
        })
        .get();
    assert!(errors > 0);

    queue.gone(false);
    server
        .until("no pods", |server| {
            server.replicas("worker-standard") == Some(0)
        })
        .await;
    assert!(server.says("standard", "SignalsFresh", "True", "QueueAnswers"));
}

#[tokio::test]
async fn redis_gone_from_the_start() {
    let server = Server::start().await;
    let queue = Queue::default();
    queue.gone(true);
    server.create_pool("standard", &json!({"min": 2}));
    let _controller = Controller::start(&server, &queue, "one");
    server
        .until("the minimum", |server| {
            server.replicas("worker-standard") == Some(2)
        })
        .await;
    server
        .until("it says why", |server| {
            server.says("standard", "Scaling", "False", "NoSignals")
        })
        .await;
}

#[tokio::test]
async fn flapping_load() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({}));
    let _controller = Controller::start(&server, &queue, "one");
    server
        .until("an empty Deployment", |server| {
            server.replicas("worker-standard") == Some(0)
        })
        .await;
    for _ in 0..4 {
        for load in [10, 0] {
            queue.set(load);
            server
                .until("as much as there is to do", |server| {
                    server.replicas("worker-standard") == Some(load)
                })
                .await;
        }
    }
    // Each change is decided once, written once and told once, whatever the watch says of it in the meantime.
    let patches = server
        .asked()
        .iter()
        .filter(|asked| asked.verb == "patch" && asked.resource == "deployments.apps")
        .count();
    assert_eq!(patches, 1 + 8);
    server
        .until("every event", |server| {
            server.events("ScaledUp").len() + server.events("ScaledDown").len() == 8
        })
        .await;
}

#[tokio::test]
async fn clock_jump() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({"overrideExpiry": "1h"}));
    let one = Controller::start(&server, &queue, "one");
    server.until("one leads", |_| one.leads()).await;
    let two = Controller::start(&server, &queue, "two");
    queue.set(5);
    server
        .until("five pods", |server| {
            server.replicas("worker-standard") == Some(5)
        })
        .await;

    for hours in [24, -48, 24] {
        queue.jump(TimeDelta::hours(hours));
        server.whole_pass(&queue).await;
        assert!(
            one.leads() && !two.leads(),
            "a lease runs by differences, not by the time of day"
        );
        assert_eq!(server.replicas("worker-standard"), Some(5));
    }
    let lease = server.get(LEASES, "packguard-scale").unwrap();
    assert_eq!(lease["spec"]["leaseTransitions"], 0);

    // A number by hand, set while the clock was a day ahead, holds for an hour of the right time, not for a day.
    queue.jump(TimeDelta::hours(24));
    server.edit_pool("standard", &json!({"replicas": 7}));
    server
        .until("seven pods", |server| {
            server.replicas("worker-standard") == Some(7)
        })
        .await;
    queue.jump(TimeDelta::hours(-24));
    server.whole_pass(&queue).await;
    queue.jump(TimeDelta::minutes(61));
    server
        .until("five again", |server| {
            server.replicas("worker-standard") == Some(5)
        })
        .await;
}

#[tokio::test]
async fn no_permission() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.deny("patch", "deployments.apps");
    server.create_pool("standard", &json!({}));
    let controller = Controller::start(&server, &queue, "one");
    server
        .until("it says so", |server| {
            server.says("standard", "Ready", "False", "Forbidden")
        })
        .await;
    let (_, _, message) = server.condition("standard", "Ready").unwrap();
    assert!(
        message.contains("cannot patch resource \"deployments\" in API group \"apps\""),
        "{message}"
    );
    let forbidden = |what| {
        controller
            .metrics
            .errors
            .get_or_create(&ErrorLabel {
                what,
                kind: "Forbidden",
            })
            .get()
    };
    assert!(forbidden("deployment") > 0);

    server.allow("patch", "deployments.apps");
    queue.set(3);
    server
        .until("three pods", |server| {
            server.replicas("worker-standard") == Some(3)
        })
        .await;

    // Without the right to say anything, the work goes on.
    server.deny("patch", "runtimepools.packguard.dev/status");
    server.deny("create", "events.events.k8s.io");
    queue.set(4);
    server
        .until("four pods", |server| {
            server.replicas("worker-standard") == Some(4)
        })
        .await;
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
    let seen = |kind| {
        controller
            .metrics
            .errors
            .get_or_create(&ErrorLabel {
                what: "definition",
                kind,
            })
            .get()
            > 0
    };
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
        .until("a pod", |server| {
            server.replicas("worker-standard") == Some(1)
        })
        .await;
}

#[tokio::test]
async fn a_watch_that_is_too_old_begins_anew() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({}));
    let _controller = Controller::start(&server, &queue, "one");
    server
        .until("an empty Deployment", |server| {
            server.replicas("worker-standard") == Some(0)
        })
        .await;
    server.stop().await;
    server.compact();
    server.edit_pool("standard", &json!({"min": 2}));
    server.compact();
    server.restart().await;
    server
        .until("the new minimum", |server| {
            server.replicas("worker-standard") == Some(2)
        })
        .await;
}

#[tokio::test]
async fn old_numbers_take_no_pods_away() {
    let server = Server::start().await;
    let queue = Queue::default();
    server.create_pool("standard", &json!({"policy": {"staleAfter": "30s"}}));
    let _controller = Controller::start(&server, &queue, "one");
    queue.set(5);
    server
        .until("five pods", |server| {
            server.replicas("worker-standard") == Some(5)
        })
        .await;
    queue.old(TimeDelta::minutes(5));
    server
        .until("it says so", |server| {
            server.says("standard", "SignalsFresh", "False", "QueueNotAnswering")
        })
        .await;
    queue.set(0);
    server.whole_pass(&queue).await;
    assert_eq!(server.replicas("worker-standard"), Some(5));
    queue.old(TimeDelta::zero());
    server
        .until("no pods", |server| {
            server.replicas("worker-standard") == Some(0)
        })
        .await;
}
