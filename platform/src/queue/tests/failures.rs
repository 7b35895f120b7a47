//! Redis away, restarted, emptied, full, unsuitable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::harness::{DEADLINE, LEASE, Server, assert_consistent, claim, entry, eventually, ids};
use crate::model::TaskId;
use crate::queue::{Beat, Queue, QueueConfig, QueueError};

#[tokio::test]
async fn a_redis_that_evicts_is_refused() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-lru"]);
    let Err(QueueError::Refused(text)) = Queue::connect(&server.config()).await else {
        panic!("taken");
    };
    assert!(
        text.contains("allkeys-lru") && text.contains("maxmemory-policy noeviction"),
        "{text}"
    );
    let queue = Queue::lazy(&server.config()).unwrap();
    assert!(queue.check_server().await.is_err());
    let _: String = server
        .command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await;
    let facts = queue.check_server().await.unwrap();
    assert_eq!(
        (facts.maxmemory, facts.maxmemory_policy.as_str()),
        (0, "noeviction")
    );
    assert!(facts.used_memory > 0);
}

#[tokio::test]
async fn passwords() {
    let server = Server::start(&["--requirepass", "se/cret"]);
    let url = |login: &str| QueueConfig::new(format!("redis://{login}127.0.0.1:{}/", server.port));
    for login in ["", ":wrong@", "somebody:se%2Fcret@"] {
        let error = Queue::connect(&url(login)).await.unwrap_err();
        assert!(
            matches!(error, QueueError::Refused(_)),
            "{login}: {error:?}"
        );
        assert!(error.to_string().contains("password"), "{error}");
    }
    Queue::connect(&url(":se%2Fcret@"))
        .await
        .unwrap()
        .ping()
        .await
        .unwrap();
    let shown = format!("{:?}", url(":se%2Fcret@"));
    assert!(!shown.contains("cret"), "{shown}");
}

#[tokio::test]
async fn nobody_there() {
    let mut server = Server::start(&[]);
    let config = server.config();
    server.kill();
    let started = Instant::now();
    let error = Queue::connect(&config).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(started.elapsed() < config.connect_timeout + Duration::from_secs(1));
    let queue = Queue::lazy(&config).unwrap();
    assert!(queue.claim("w", 1, LEASE).await.unwrap_err().is_transient());
    assert!(queue.wait(LEASE).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn somebody_who_never_answers() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let mut config = QueueConfig::new(format!("redis://127.0.0.1:{port}/"));
    config.connect_timeout = Duration::from_millis(200);
    config.command_timeout = Duration::from_millis(200);
    let connecting = timeout(DEADLINE, Queue::connect(&config)).await;
    assert!(connecting.expect("gives up").unwrap_err().is_transient());
}

#[tokio::test]
async fn a_server_that_stops_answering_is_given_up_and_found_again() {
    let server = Server::start(&[]);
    let mut config = server.config();
    config.command_timeout = Duration::from_millis(300);
    let queue = Queue::connect(&config).await.unwrap();
    let _: String = server.command(&["CLIENT", "PAUSE", "1500", "ALL"]).await;
    let started = Instant::now();
    assert!(
        queue
            .enqueue(&[entry(1, 1, 0)])
            .await
            .unwrap_err()
            .is_transient()
    );
    assert!(started.elapsed() < Duration::from_millis(1400));
    let entries = [entry(1, 1, 0)];
    eventually(|| queue.enqueue(&entries)).await;
    assert_eq!(ids(&claim(&queue, 2).await), [1]);
}

#[tokio::test]
async fn a_connection_cut_without_a_word_is_replaced() {
    let server = Server::start(&[]);
    let (port, cut) = proxy(server.port).await;
    let mut config = QueueConfig::new(format!("redis://127.0.0.1:{port}/"));
    config.command_timeout = Duration::from_millis(300);
    let queue = Queue::connect(&config).await.unwrap();
    cut.notify_one();
    let error = queue.enqueue(&[entry(1, 1, 0)]).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    // The proxy lets only new connections through.
    assert_eq!(queue.enqueue(&[entry(1, 1, 0)]).await.unwrap(), [0]);
}

/// Passes everything on, until told to keep the first connection open and say nothing more on it.
async fn proxy(to: u16) -> (u16, Arc<Notify>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let cut = Arc::new(Notify::new());
    let told = Arc::clone(&cut);
    tokio::spawn(async move {
        let mut first = true;
        loop {
            let (mut here, _) = socket.accept().await.unwrap();
            let mut there = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            let told = first.then(|| Arc::clone(&told));
            first = false;
            tokio::spawn(async move {
                let copying = copy_bidirectional(&mut here, &mut there);
                match told {
                    None => drop(copying.await),
                    Some(told) => {
                        tokio::select! {
                            _ = copying => {}
                            () = told.notified() => {}
                        }
                        std::future::pending::<()>().await;
                    }
                }
            });
        }
    });
    (port, cut)
}

#[tokio::test]
async fn a_restart_with_data_loses_nothing() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let queue = server.queue().await;
    let entries: Vec<_> = (0..100).map(|n| entry(n, n % 3, 0)).collect();
    queue.enqueue(&entries).await.unwrap();
    let held = queue.claim("w", 10, LEASE).await.unwrap().leases;
    server.kill();
    assert!(queue.claim("w", 1, LEASE).await.unwrap_err().is_transient());
    server.restart();
    let pairs: Vec<_> = held.iter().map(|l| (l.task, l.token)).collect();
    let beats = eventually(|| queue.heartbeat(&pairs, LEASE)).await;
    assert_eq!(beats, [Beat::Held; 10]);
    let mut rest = 0;
    loop {
        let claimed = queue.claim("w", 7, LEASE).await.unwrap().leases.len();
        if claimed == 0 {
            break;
        }
        rest += claimed;
    }
    assert_eq!(rest, 90);
    assert_consistent(&queue).await;
}

#[tokio::test]
async fn harmless_calls_do_not_notice_a_restart() {
    let mut server = Server::start(&[]);
    let queue = server.queue().await;
    queue.enqueue(&[entry(1, 1, 0)]).await.unwrap();
    queue.wait(Duration::from_millis(1)).await.unwrap();
    server.kill();
    server.restart();
    // Also without its scripts, which were lost.
    assert_eq!(queue.enqueue(&[entry(2, 1, 0)]).await.unwrap(), [0]);
    assert!(queue.wait(LEASE).await.unwrap());
    assert_eq!(ids(&claim(&queue, 2).await), [2]);
}

#[tokio::test]
async fn flushed_and_restored() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    let entries: Vec<_> = (0..600).map(|n| entry(n, n % 3, 0)).collect();
    queue.enqueue(&entries).await.unwrap();
    let held = queue.claim("w", 1, LEASE).await.unwrap().leases[0];
    let _: String = server.command(&["FLUSHALL"]).await;
    let tasks: Vec<_> = entries.iter().map(|e| e.task).collect();
    assert_eq!(queue.unknown(&tasks).await.unwrap(), tasks);
    let of = entries.iter().find(|e| e.task == held.task).unwrap();
    assert!(queue.adopt(of, "w", held.token, LEASE).await.unwrap());
    assert_eq!(queue.unknown(&tasks).await.unwrap().len(), 599);
    queue.enqueue(&entries).await.unwrap();
    assert_eq!(queue.unknown(&tasks).await.unwrap(), []);
    let mut claimed = ids(&claim(&queue, 601).await);
    claimed.sort_unstable();
    claimed.dedup();
    assert_eq!(claimed.len(), 599);
    assert!(!claimed.contains(&held.task.0));
    assert_consistent(&queue).await;
}

#[tokio::test]
async fn a_full_redis_is_worked_off() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    queue.pin(super::harness::NOON);
    let entries: Vec<_> = (0..8).map(|n| entry(n, 1, 0)).collect();
    queue.enqueue(&entries).await.unwrap();
    let first = queue.claim("w", 5, LEASE).await.unwrap().leases;
    // Less than it holds already.
    let _: String = server
        .command(&["CONFIG", "SET", "maxmemory", "100000"])
        .await;
    let Err(QueueError::Unavailable(text)) = queue.enqueue(&[entry(99, 1, 0)]).await else {
        panic!("a full Redis takes more");
    };
    assert!(text.contains("maxmemory"), "{text}");
    let held: Vec<_> = first.iter().map(|l| (l.task, l.token)).collect();
    assert_eq!(
        queue.cancel(held[0].0).await.unwrap(),
        crate::queue::Cancel::Requested
    );
    let beats = queue.heartbeat(&held[..2], LEASE).await.unwrap();
    assert_eq!(beats, [Beat::Cancelled, Beat::Held]);
    assert!(queue.acknowledge(held[0].0, held[0].1).await.unwrap());
    assert!(
        queue
            .retry(held[1].0, held[1].1, Duration::from_secs(1))
            .await
            .unwrap()
    );
    assert!(queue.release(held[2].0, held[2].1).await.unwrap());
    // Two leases run out, one retry comes due: all of that, and claims, go on.
    queue.pin(super::harness::NOON + 40_000);
    let rest = queue.claim("w", 99, LEASE).await.unwrap().leases;
    let mut all = ids(&rest);
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5, 6, 7]);
    for lease in rest {
        assert!(queue.acknowledge(lease.task, lease.token).await.unwrap());
    }
    assert_eq!(
        queue.unknown(&[TaskId(99)]).await.unwrap(),
        [TaskId(99)],
        "not half written"
    );
    assert_consistent(&queue).await;
}
