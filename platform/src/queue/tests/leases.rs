//! Claims, heartbeats, and what ends a lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::harness::{DEADLINE, LEASE, NOON, Server, assert_consistent, claim, entry, ids};
use crate::model::TaskId;
use crate::queue::{Beat, Cancel, HORIZON, MAX_WAIT, Position, Queue, QueueError, Token};

async fn one(queue: &Queue) -> (TaskId, Token) {
    queue.enqueue(&[entry(1, 1, 0)]).await.unwrap();
    let lease = claim(queue, 1).await[0];
    (lease.task, lease.token)
}

#[tokio::test]
async fn the_older_token_is_refused() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    queue.pin(NOON);
    let (task, old) = one(&queue).await;
    queue.pin(NOON + 29_999);
    assert_eq!(claim(&queue, 1).await, []);
    queue.pin(NOON + 30_000);
    let new = claim(&queue, 1).await[0];
    assert_eq!(new.task, task);
    assert!(!queue.acknowledge(task, old).await.unwrap());
    assert!(!queue.retry(task, old, LEASE).await.unwrap());
    assert!(!queue.release(task, old).await.unwrap());
    let beats = queue
        .heartbeat(&[(task, old), (task, new.token)], LEASE)
        .await
        .unwrap();
    assert_eq!(beats, [Beat::Lost, Beat::Held]);
    assert!(queue.acknowledge(task, new.token).await.unwrap());
    assert!(!queue.acknowledge(task, new.token).await.unwrap());
    assert_eq!(server.keys().await, [""; 0]);
}

#[tokio::test]
async fn heartbeats_keep_a_lease() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    queue.pin(NOON);
    let held = one(&queue).await;
    queue.pin(NOON + 20_000);
    assert_eq!(queue.heartbeat(&[held], LEASE).await.unwrap(), [Beat::Held]);
    queue.pin(NOON + 45_000);
    let claimed = queue.claim("other", 1, LEASE).await.unwrap();
    assert_eq!(
        (claimed.leases.len(), claimed.next),
        (0, Some(Duration::from_secs(5)))
    );
    // Late, but nobody else has it yet.
    queue.pin(NOON + 55_000);
    assert_eq!(queue.heartbeat(&[held], LEASE).await.unwrap(), [Beat::Held]);
    assert_eq!(claim(&queue, 1).await, []);
    assert_eq!(queue.heartbeat(&[], LEASE).await.unwrap(), []);
}

#[tokio::test]
async fn a_cancellation_outlives_its_worker() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    queue.pin(NOON);
    let (task, token) = one(&queue).await;
    assert_eq!(queue.cancel(task).await.unwrap(), Cancel::Requested);
    assert_eq!(
        queue.heartbeat(&[(task, token)], LEASE).await.unwrap(),
        [Beat::Cancelled]
    );
    // A retry would only put it off.
    assert!(
        queue
            .retry(task, token, Duration::from_secs(60))
            .await
            .unwrap()
    );
    let second = claim(&queue, 1).await[0];
    assert!(second.cancelled);
    queue.pin(NOON + 60_000);
    let third = claim(&queue, 1).await[0];
    assert!(third.cancelled && third.token != second.token);
    assert!(queue.acknowledge(task, third.token).await.unwrap());
    // The words that the hand-back left are all there is, until somebody finds nothing to do.
    assert_eq!(server.keys().await, ["{analysis_tasks}:wake"]);
    assert_eq!(claim(&queue, 1).await, []);
    assert_eq!(server.keys().await, [""; 0]);
}

#[tokio::test]
async fn retried_tasks_come_back_in_time_and_handed_back_ones_first() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    queue.pin(NOON);
    let entries: Vec<_> = (1..=6).map(|n| entry(n, n % 2, 0)).collect();
    queue.enqueue(&entries).await.unwrap();
    let leases = claim(&queue, 3).await;
    assert_eq!(ids(&leases), [1, 2, 3]);
    queue
        .retry(leases[0].task, leases[0].token, Duration::from_millis(1500))
        .await
        .unwrap();
    queue
        .release(leases[1].task, leases[1].token)
        .await
        .unwrap();
    queue
        .release(leases[2].task, leases[2].token)
        .await
        .unwrap();
    assert_eq!(ids(&claim(&queue, 9).await), [2, 3, 4, 5, 6]);
    assert_eq!(
        queue.claim("w", 1, LEASE).await.unwrap().next,
        Some(Duration::from_millis(1500))
    );
    queue.pin(NOON + 1_400);
    assert_eq!(
        queue.claim("w", 1, LEASE).await.unwrap().next,
        Some(Duration::from_millis(250))
    );
    queue.pin(NOON + 2_000);
    let retried = claim(&queue, 1).await[0];
    assert_eq!(
        (retried.task, retried.waited),
        (TaskId(1), Duration::from_millis(500))
    );
    assert_consistent(&queue).await;
}

#[tokio::test]
async fn adoption() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    let (task, token) = one(&queue).await;
    let _: String = server.command(&["FLUSHALL"]).await;
    assert_eq!(
        queue.heartbeat(&[(task, token)], LEASE).await.unwrap(),
        [Beat::Lost]
    );
    assert_eq!(queue.unknown(&[task]).await.unwrap(), [task]);
    assert!(
        queue
            .adopt(&entry(1, 1, 0), "w", token, LEASE)
            .await
            .unwrap()
    );
    assert!(
        queue
            .adopt(&entry(1, 1, 0), "w", token, LEASE)
            .await
            .unwrap(),
        "again is harmless"
    );
    assert_eq!(
        queue.heartbeat(&[(task, token)], LEASE).await.unwrap(),
        [Beat::Held]
    );
    // What the reconciler was faster with is not taken back.
    queue.enqueue(&[entry(2, 1, 0)]).await.unwrap();
    assert!(
        !queue
            .adopt(&entry(2, 1, 0), "w", token, LEASE)
            .await
            .unwrap()
    );
    let other = claim(&queue, 1).await[0];
    assert!(
        !queue
            .adopt(&entry(2, 1, 0), "w", token, LEASE)
            .await
            .unwrap()
    );
    assert_eq!(queue.position(other.task).await.unwrap(), Position::Leased);
    assert_consistent(&queue).await;
}

#[tokio::test]
async fn a_clock_that_jumps() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    queue.pin(NOON);
    queue
        .enqueue(&[entry(1, 1, 0), entry(2, 1, 0), entry(3, 1, 0)])
        .await
        .unwrap();
    let leases = claim(&queue, 3).await;
    queue
        .retry(leases[2].task, leases[2].token, Duration::from_secs(60))
        .await
        .unwrap();
    // A day back: who lives is right after a heartbeat, the others within the hour.
    let back = NOON - 86_400_000;
    queue.pin(back);
    let held = (leases[0].task, leases[0].token);
    assert_eq!(queue.heartbeat(&[held], LEASE).await.unwrap(), [Beat::Held]);
    assert_eq!(queue.claim("w", 1, LEASE).await.unwrap().next, Some(LEASE));
    queue.pin(back + 30_000);
    assert_eq!(ids(&claim(&queue, 9).await), [1]);
    queue.pin(back + 3_600_000);
    assert_eq!(ids(&claim(&queue, 9).await), [1, 2, 3]);
    assert_consistent(&queue).await;
    // A day ahead: all leases run out at once, and all are given again.
    queue.pin(NOON + 86_400_000);
    let again = claim(&queue, 9).await;
    assert_eq!(again.len(), 3);
    assert_consistent(&queue).await;
}

#[tokio::test]
async fn hundreds_that_come_due_at_once_are_all_found() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    queue.pin(NOON);
    let entries: Vec<_> = (0..250).map(|n| entry(n, n % 3, 0)).collect();
    queue.enqueue(&entries).await.unwrap();
    let leases = queue.claim("w", 256, LEASE).await.unwrap().leases;
    for lease in &leases[..150] {
        let delay = Duration::from_secs(1);
        assert!(queue.retry(lease.task, lease.token, delay).await.unwrap());
    }
    assert_eq!(claim(&queue, 1).await, []);
    queue.pin(NOON + 60_000);
    // A hundred retries and a hundred leases that ran out, then the rest.
    let depths = queue.depths().await.unwrap();
    assert_eq!((depths.due, depths.expired), (150, 100));
    let first = queue.claim("w", 256, LEASE).await.unwrap().leases;
    assert_eq!(first.len(), 200);
    assert!(queue.wait(MAX_WAIT).await.unwrap(), "somebody else is told");
    let second = queue.claim("w", 256, LEASE).await.unwrap().leases;
    let mut all = ids(&first);
    all.extend(ids(&second));
    all.sort_unstable();
    assert_eq!(all, (0..250).collect::<Vec<_>>());
    assert_consistent(&queue).await;
}

#[tokio::test]
async fn nonsense_is_refused() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    let long = "x".repeat(256);
    for worker in ["", "two words", "é", "a\nb", &long] {
        let refused = queue.claim(worker, 1, LEASE).await;
        assert!(matches!(refused, Err(QueueError::Refused(_))), "{worker:?}");
    }
    let eternal = HORIZON + Duration::from_millis(1);
    assert!(matches!(
        queue.claim("w", 1, eternal).await,
        Err(QueueError::Refused(_))
    ));
    let (task, token) = one(&queue).await;
    assert!(matches!(
        queue.retry(task, token, eternal).await,
        Err(QueueError::Refused(_))
    ));
    assert!(matches!(
        queue.heartbeat(&[(task, token)], eternal).await,
        Err(QueueError::Refused(_))
    ));
    assert!(queue.claim("w", 0, LEASE).await.unwrap().leases.is_empty());
    for name in ["", "a b", "{x}", &long] {
        let mut config = server.config();
        config.name = name.into();
        assert!(
            matches!(Queue::lazy(&config), Err(QueueError::Refused(_))),
            "{name:?}"
        );
    }
    // Ids of any size, and never rounded.
    for id in [i64::MAX, i64::MIN, -1, (1 << 53) + 1] {
        queue.enqueue(&[entry(id, id, 0)]).await.unwrap();
        assert_eq!(ids(&claim(&queue, 1).await), [id]);
    }
    assert_consistent(&queue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_is_claimed_once() {
    const TASKS: usize = 2_000;
    let server = Server::start(&[]);
    let queue = server.queue().await;
    let done = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..8)
        .map(|n| tokio::spawn(work(queue.clone(), n, Arc::clone(&done), TASKS)))
        .collect();
    let entries: Vec<_> = (0..TASKS as i64).map(|n| entry(n, n % 7, n % 3)).collect();
    for chunk in entries.chunks(100) {
        queue.enqueue(chunk).await.unwrap();
    }
    let mut all = Vec::new();
    for worker in workers {
        all.extend(timeout(DEADLINE, worker).await.expect("in time").unwrap());
    }
    all.sort();
    assert_eq!(all, entries.iter().map(|e| e.task).collect::<Vec<_>>());
    assert_consistent(&queue).await;
    assert_eq!(claim(&queue, 1).await, []);
    assert_eq!(server.keys().await, [""; 0]);
}

/// Until all workers together have done so many.
async fn work(queue: Queue, n: usize, done: Arc<AtomicUsize>, tasks: usize) -> Vec<TaskId> {
    let worker = format!("worker{n}");
    let mut mine = Vec::new();
    while done.load(Ordering::SeqCst) < tasks {
        let claimed = queue.claim(&worker, 1 + n, LEASE).await.unwrap();
        if claimed.leases.is_empty() {
            queue.wait(Duration::from_millis(100)).await.unwrap();
        }
        for lease in claimed.leases {
            assert!(queue.acknowledge(lease.task, lease.token).await.unwrap());
            done.fetch_add(1, Ordering::SeqCst);
            mine.push(lease.task);
        }
    }
    mine
}
