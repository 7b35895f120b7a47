//! Waits for work, and what ends them.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::harness::{DEADLINE, LEASE, Server, claim, entry};
use crate::model::TaskId;
use crate::queue::MAX_WAIT;

#[tokio::test]
async fn waits() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    // Nothing happens.
    let started = Instant::now();
    assert!(!queue.wait(Duration::from_millis(150)).await.unwrap());
    assert!(started.elapsed() >= Duration::from_millis(100));
    assert!(!queue.wait(Duration::ZERO).await.unwrap());
    // Enqueued between a fruitless claim and the wait.
    assert_eq!(claim(&queue, 1).await, []);
    queue.enqueue(&[entry(1, 1, 0)]).await.unwrap();
    assert!(queue.wait(MAX_WAIT).await.unwrap());
    // Enqueued during it, by another process; two tasks rouse two.
    let other = server.queue().await;
    let third = server.queue().await;
    let both = async { tokio::join!(queue.wait(MAX_WAIT), third.wait(MAX_WAIT)) };
    let later = async {
        blocked(&server, 2).await;
        other
            .enqueue(&[entry(2, 1, 0), entry(3, 1, 0)])
            .await
            .unwrap();
    };
    let ((first, second), ()) = tokio::join!(both, later);
    assert!(first.unwrap() && second.unwrap());
}

#[tokio::test]
async fn the_word_is_passed_on() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    let entries: Vec<_> = (0..200).map(|n| entry(n, 1, 0)).collect();
    queue.enqueue(&entries).await.unwrap();
    let words: u64 = server.command(&["LLEN", "{analysis_tasks}:wake"]).await;
    assert_eq!(words, 64, "bounded");
    // All words taken by processes that died: whoever claims next leaves one for the next.
    let _: u64 = server.command(&["DEL", "{analysis_tasks}:wake"]).await;
    claim(&queue, 1).await;
    assert!(queue.wait(MAX_WAIT).await.unwrap());
    // A fruitless claim clears what is stale.
    queue.claim("w", 256, LEASE).await.unwrap();
    queue.enqueue(&[entry(900, 1, 0)]).await.unwrap();
    queue.remove(&[TaskId(900)]).await.unwrap();
    claim(&queue, 1).await;
    assert!(!queue.wait(Duration::from_millis(50)).await.unwrap());
}

#[tokio::test]
async fn a_retry_sooner_than_all_others_tells_the_idle() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    queue.enqueue(&[entry(1, 1, 0)]).await.unwrap();
    let lease = claim(&queue, 1).await[0];
    assert_eq!(claim(&queue, 1).await, []);
    queue
        .retry(lease.task, lease.token, Duration::from_secs(1))
        .await
        .unwrap();
    assert!(queue.wait(MAX_WAIT).await.unwrap());
    let next = queue.claim("w", 1, LEASE).await.unwrap().next.unwrap();
    assert!(next <= Duration::from_secs(1), "{next:?}");
}

#[tokio::test]
async fn a_wait_that_is_dropped_takes_no_word_along() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    assert!(
        timeout(Duration::from_millis(100), queue.wait(MAX_WAIT))
            .await
            .is_err()
    );
    blocked(&server, 0).await;
    queue.enqueue(&[entry(1, 1, 0)]).await.unwrap();
    assert!(queue.wait(MAX_WAIT).await.unwrap());
}

/// Until so many clients block in a wait.
async fn blocked(server: &Server, count: u64) {
    let looking = async {
        loop {
            let info: String = server.command(&["INFO", "clients"]).await;
            if info.contains(&format!("blocked_clients:{count}\r\n")) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, looking).await.expect("so many block");
}
