//! Who goes first; where tasks stand; tasks taken out.

use std::time::Duration;

use super::harness::{LEASE, NOON, Server, assert_consistent, claim, entry, ids};
use crate::model::TaskId;
use crate::queue::{Cancel, Depths, MAX_ENQUEUE, Position, QueueError};

#[tokio::test]
async fn priority_then_tenants_in_turn_then_arrival() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    let mut entries: Vec<_> = (0..5).map(|n| entry(n, 1, 0)).collect();
    entries.extend((10..12).map(|n| entry(n, 2, 0)));
    entries.push(entry(20, 1, 100));
    entries.push(entry(21, 3, 7));
    let ahead = queue.enqueue(&entries).await.unwrap();
    // As it stands when all are in: 20, 21, then 0 10 1 11 2 3 4.
    assert_eq!(ahead, [2, 4, 6, 7, 8, 3, 5, 0, 1]);
    assert_eq!(queue.enqueue(&entries).await.unwrap(), ahead);
    let depths = queue.depths().await.unwrap();
    assert_eq!(depths.by_priority, [(0, 7), (7, 1), (100, 1)].into());
    assert_eq!(
        ids(&claim(&queue, 20).await),
        [20, 21, 0, 10, 1, 11, 2, 3, 4]
    );
    assert_consistent(&queue).await;
}

#[tokio::test]
async fn ten_thousand_of_one_do_not_starve_another() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    let entries: Vec<_> = (0..10_000).map(|n| entry(n, 1, 0)).collect();
    let ahead = queue.enqueue(&entries).await.unwrap();
    assert_eq!(ahead, (0..10_000).collect::<Vec<_>>());
    queue.claim("w", 100, LEASE).await.unwrap();
    assert_eq!(queue.enqueue(&[entry(20_000, 2, 0)]).await.unwrap(), [1]);
    assert_eq!(ids(&claim(&queue, 3).await), [100, 20_000, 101]);
    // Known ones, in all states, stay as they are.
    assert_eq!(queue.enqueue(&entries[..3]).await.unwrap(), [0, 0, 0]);
    assert_eq!(queue.depths().await.unwrap().ready, 9_898);
    let many = vec![entry(1, 1, 0); MAX_ENQUEUE + 1];
    assert!(matches!(
        queue.enqueue(&many).await,
        Err(QueueError::Refused(_))
    ));
    assert_consistent(&queue).await;
}

#[tokio::test]
async fn positions_and_depths() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    assert_eq!(queue.depths().await.unwrap(), Depths::default());
    queue.pin(NOON);
    queue
        .enqueue(&[
            entry(1, 1, 0),
            entry(2, 1, 0),
            entry(3, 1, 0),
            entry(4, 1, 0),
        ])
        .await
        .unwrap();
    let leases = claim(&queue, 2).await;
    queue
        .retry(leases[0].task, leases[0].token, Duration::from_secs(9))
        .await
        .unwrap();
    queue.pin(NOON + 4_000);
    let asked: Vec<_> = [3, 4, 1, 2, 5].map(TaskId).into();
    let expected = [
        Position::Ready(0),
        Position::Ready(1),
        Position::Delayed(Duration::from_secs(5)),
        Position::Leased,
        Position::Unknown,
    ];
    assert_eq!(queue.positions(&asked).await.unwrap(), expected);
    assert_eq!(queue.position(TaskId(4)).await.unwrap(), Position::Ready(1));
    let expected = Depths {
        ready: 2,
        by_priority: [(0, 2)].into(),
        delayed: 1,
        due: 0,
        leased: 1,
        expired: 0,
        oldest_ready: Some(Duration::from_secs(4)),
    };
    assert_eq!(queue.depths().await.unwrap(), expected);
    queue.pin(NOON + 60_000);
    let depths = queue.depths().await.unwrap();
    assert_eq!((depths.due, depths.expired), (1, 1));
    assert_eq!(queue.unknown(&asked).await.unwrap(), [TaskId(5)]);
}

#[tokio::test]
async fn cancelling_and_removing() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    queue
        .enqueue(&[entry(1, 1, 0), entry(2, 1, 0), entry(3, 1, 5)])
        .await
        .unwrap();
    assert_eq!(queue.cancel(TaskId(2)).await.unwrap(), Cancel::Removed);
    assert_eq!(queue.cancel(TaskId(2)).await.unwrap(), Cancel::Unknown);
    let lease = claim(&queue, 1).await[0];
    assert_eq!(queue.cancel(lease.task).await.unwrap(), Cancel::Requested);
    assert_eq!(queue.cancel(lease.task).await.unwrap(), Cancel::Requested);
    assert_eq!(
        queue
            .remove(&[TaskId(1), TaskId(2), TaskId(3)])
            .await
            .unwrap(),
        2
    );
    assert!(!queue.acknowledge(lease.task, lease.token).await.unwrap());
    assert!(claim(&queue, 1).await.is_empty());
    assert_eq!(server.keys().await, [""; 0]);
}

#[tokio::test]
async fn a_scan_sees_everything() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    let entries: Vec<_> = (0..3_000).map(|n| entry(n, 1, 0)).collect();
    queue.enqueue(&entries).await.unwrap();
    let mut seen = Vec::new();
    let mut pages = 0;
    let mut cursor = Some(Default::default());
    while let Some(at) = cursor {
        let (tasks, next) = queue.scan(at).await.unwrap();
        seen.extend(tasks);
        cursor = next;
        pages += 1;
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, entries.iter().map(|e| e.task).collect::<Vec<_>>());
    assert!(pages > 1, "in pages");
    assert_consistent(&queue).await;
}

#[tokio::test]
async fn what_others_write_is_noticed_and_survived() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    queue
        .enqueue(&[entry(1, 1, 0), entry(2, 1, 0), entry(3, 1, 0)])
        .await
        .unwrap();
    let wide = |id: i64| format!("{id:020}");
    let key = |suffix: &str| format!("{{analysis_tasks}}:{suffix}");
    let _: u8 = server.command(&["ZREM", &key("since"), &wide(2)]).await;
    let _: u8 = server
        .command(&["HSET", &key("tasks"), &wide(3), "nonsense"])
        .await;
    let _: u8 = server
        .command(&["ZADD", &key("delayed"), "1", &wide(1)])
        .await;
    let wrong = queue.inconsistencies().await.unwrap().join("\n");
    for expected in [
        "task 00000000000000000002",
        "cannot be read: nonsense",
        "in the delayed set: 1",
        "2 waiting",
    ] {
        assert!(wrong.contains(expected), "{expected} is not in {wrong}");
    }
    // A record that cannot be read is no reason to stop; the reconciler brings its task back.
    assert_eq!(
        ids(&queue.claim("w", 9, LEASE).await.unwrap().leases),
        [2, 1]
    );
    assert_eq!(queue.unknown(&[TaskId(3)]).await.unwrap(), [TaskId(3)]);
    let _: u8 = server.command(&["DEL", &key("tasks")]).await;
    let _: String = server.command(&["SET", &key("tasks"), "nonsense"]).await;
    assert!(matches!(
        queue.enqueue(&[entry(1, 1, 0)]).await,
        Err(QueueError::Protocol(_))
    ));
}
