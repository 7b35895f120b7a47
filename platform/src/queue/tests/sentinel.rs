//! A failover: the master dies, the replica takes over, the queue follows.

use tokio::time::timeout;

use super::harness::{
    DEADLINE, LEASE, Sentinel, Server, assert_consistent, entry, eventually, ids,
};
use crate::queue::wakeups::{Hub, Topic, publish};
use crate::queue::{Beat, Queue, QueueConfig, QueueError};

#[tokio::test]
async fn a_failover_is_followed() {
    let mut master = Server::start(&[]);
    let port = master.port.to_string();
    let replica = Server::start(&["--replicaof", "127.0.0.1", &port]);
    let sentinel = Sentinel::watch(&master);
    // One that is not there, too; and a name that nobody watches.
    let url = |name: &str| {
        QueueConfig::new(format!(
            "redis+sentinel://127.0.0.1:1,127.0.0.1:{}/{name}",
            sentinel.port
        ))
    };
    let error = Queue::connect(&url("other")).await.unwrap_err();
    assert!(matches!(error, QueueError::Unavailable(_)), "{error:?}");
    let queue = Queue::connect(&url("main")).await.unwrap();
    let entries: Vec<_> = (0..50).map(|n| entry(n, n % 3, 0)).collect();
    queue.enqueue(&entries).await.unwrap();
    let held = queue.claim("w", 10, LEASE).await.unwrap().leases;
    let hub = Hub::start(&queue);
    timeout(DEADLINE, hub.connected()).await.unwrap();
    let mut events = hub.subscribe(Topic::Events, held[0].task);

    replicated(&master, &sentinel).await;
    master.kill();
    let pairs: Vec<_> = held.iter().map(|l| (l.task, l.token)).collect();
    let beats = eventually(|| queue.heartbeat(&pairs, LEASE)).await;
    assert_eq!(beats, [Beat::Held; 10]);
    timeout(DEADLINE, events.woken())
        .await
        .expect("reconnected");
    eventually(|| publish(&queue, Topic::Events, held[0].task)).await;
    timeout(DEADLINE, events.woken()).await.expect("delivered");

    let rest = queue.claim("w", 99, LEASE).await.unwrap().leases;
    assert_eq!(rest.len(), 40);
    assert!(rest.iter().all(|lease| !ids(&held).contains(&lease.task.0)));
    assert_consistent(&queue).await;
    let role: Vec<redis::Value> = replica.command(&["ROLE"]).await;
    assert_eq!(role[0], redis::Value::BulkString(b"master".into()));
}

/// Until the replica has everything and the sentinel knows of it.
async fn replicated(master: &Server, sentinel: &Sentinel) {
    let known = async {
        let url = format!("redis://127.0.0.1:{}/", sentinel.port);
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        loop {
            let mut command = redis::cmd("INFO");
            let info: String = command
                .arg("sentinel")
                .query_async(&mut connection)
                .await
                .unwrap();
            let count: u64 = master.command(&["WAIT", "1", "100"]).await;
            if info.contains("status=ok") && info.contains("slaves=1") && count == 1 {
                return;
            }
        }
    };
    timeout(DEADLINE, known).await.expect("a replica");
}

#[tokio::test]
async fn a_demoted_master_is_left() {
    let other = Server::start(&[]);
    let server = Server::start(&[]);
    let queue = server.queue().await;
    queue.enqueue(&[entry(1, 1, 0)]).await.unwrap();
    let port = other.port.to_string();
    let _: String = server.command(&["REPLICAOF", "127.0.0.1", &port]).await;
    let error = queue.enqueue(&[entry(2, 1, 0)]).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let connections = |info: &str| {
        info.lines()
            .find_map(|line| {
                line.strip_prefix("total_connections_received:")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0u64)
    };
    let before = connections(&server.command::<String>(&["INFO", "stats"]).await);
    queue.ping().await.unwrap();
    let after = connections(&server.command::<String>(&["INFO", "stats"]).await);
    // One is the look itself.
    assert_eq!(
        after - before,
        2,
        "a new connection, which would ask sentinels"
    );
    let _: String = server.command(&["REPLICAOF", "NO", "ONE"]).await;
    queue.enqueue(&[entry(2, 1, 0)]).await.unwrap();
}
