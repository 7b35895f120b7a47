//! Wake-ups between processes.

use std::time::Duration;

use tokio::time::timeout;

use super::harness::{DEADLINE, Server, eventually};
use crate::model::TaskId;
use crate::queue::wakeups::{Hub, Subscription, Topic, publish};

async fn woken(subscription: &mut Subscription) {
    timeout(DEADLINE, subscription.woken())
        .await
        .expect("woken");
}

/// Nothing more has come; `marker` proves that everything before it has arrived.
async fn quiet(subscription: &mut Subscription) {
    let waiting = timeout(Duration::ZERO, subscription.woken());
    assert!(waiting.await.is_err(), "woken for nothing");
}

#[tokio::test]
async fn who_listens_is_woken() {
    let server = Server::start(&[]);
    let here = server.queue().await;
    let elsewhere = server.queue().await;
    let hub = Hub::start(&here);
    timeout(DEADLINE, hub.connected()).await.unwrap();
    let mut events = hub.subscribe(Topic::Events, TaskId(1));
    let mut again = hub.subscribe(Topic::Events, TaskId(1));
    let mut cancelled = hub.subscribe(Topic::Cancelled, TaskId(1));
    let mut other = hub.subscribe(Topic::Events, TaskId(2));
    // A hundred messages are one wake-up; nonsense on the channel is none.
    for _ in 0..100 {
        publish(&elsewhere, Topic::Events, TaskId(1)).await.unwrap();
    }
    for nonsense in ["", "e", "e1x", "x1", "\u{fffd}", "e99999999999999999999"] {
        let _: u64 = server
            .command(&["PUBLISH", "{analysis_tasks}:wakeups", nonsense])
            .await;
    }
    publish(&elsewhere, Topic::Cancelled, TaskId(1))
        .await
        .unwrap();
    woken(&mut cancelled).await;
    woken(&mut events).await;
    woken(&mut again).await;
    quiet(&mut events).await;
    quiet(&mut other).await;
    // The entry lives as long as somebody listens.
    drop(events);
    publish(&elsewhere, Topic::Events, TaskId(1)).await.unwrap();
    woken(&mut again).await;
}

#[tokio::test]
async fn everybody_is_woken_after_a_cut() {
    let mut server = Server::start(&[]);
    let queue = server.queue().await;
    let hub = Hub::start(&queue);
    timeout(DEADLINE, hub.connected()).await.unwrap();
    let mut events = hub.subscribe(Topic::Events, TaskId(1));
    quiet(&mut events).await;
    server.kill();
    let gone = async {
        while hub.is_connected() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, gone).await.expect("notices");
    server.restart();
    woken(&mut events).await;
    assert!(hub.is_connected());
    eventually(|| publish(&queue, Topic::Events, TaskId(1))).await;
    woken(&mut events).await;
}

#[tokio::test]
async fn a_hub_that_is_dropped_hangs_up() {
    let server = Server::start(&[]);
    let hub = Hub::start(&server.queue().await);
    timeout(DEADLINE, hub.connected()).await.unwrap();
    let mut subscription = hub.subscribe(Topic::Events, TaskId(1));
    drop(hub);
    let gone = async {
        loop {
            let listening: Vec<(String, u64)> = server
                .command(&["PUBSUB", "NUMSUB", "{analysis_tasks}:wakeups"])
                .await;
            if listening[0].1 == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, gone).await.expect("hangs up");
    quiet(&mut subscription).await;
}
