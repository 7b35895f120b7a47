//! A Redis that fails over: a master, a replica, and sentinels that watch them.

use std::time::Duration;

use packguard_platform::dev::process::{Child, Program, Signal};
use packguard_platform::dev::servers::{find_redis, free_port};
use packguard_platform::dev::{Redis, RedisOptions};

use super::scratch::Scratch;

/// The name that sentinels know the master by.
const MASTER: &str = "mymaster";

/// Silence after which sentinels call a master down where a test kills it: short, and still
/// several of the sentinels' pings, which follow it when it is short.
pub const QUICK: Duration = Duration::from_secs(1);

/// The same where a master is slow, and not dead, on a machine whose processors are all taken.
pub const PATIENT: Duration = Duration::from_secs(30);

/// What an election may take.
const FAILOVER_LIMIT: Duration = Duration::from_secs(60);

/// Between two questions to a sentinel.
const KNOCK: Duration = Duration::from_millis(20);

/// Running servers. Dropping them ends them.
#[derive(Debug)]
pub struct Sentinels {
    /// First the one that was master at the start.
    pub servers: [Redis; 2],
    sentinels: Vec<(u16, Child)>,
    _scratch: Scratch,
}

impl Sentinels {
    /// Starts a master, a replica and sentinels (three, or one, which needs no majority), and
    /// waits until all know each other. A master that is silent for `down_after` is replaced.
    pub async fn start(sentinels: usize, down_after: Duration) -> Self {
        let scratch = Scratch::new();
        let options = |settings| RedisOptions {
            no_password: true,
            settings,
            ..RedisOptions::default()
        };
        let begin = async |name: &str, settings| {
            let started = Redis::start(&scratch.join(name), options(settings)).await;
            started.unwrap_or_else(|error| panic!("{error}"))
        };
        // Without this the master waits five seconds before it feeds a replica.
        let quick = "repl-diskless-sync-delay 0".to_owned();
        let master = begin("first", vec![quick.clone()]).await;
        let follow = format!("replicaof 127.0.0.1 {}", master.port());
        let replica = begin("second", vec![quick, follow]).await;
        let mut started = Vec::new();
        for index in 0..sentinels {
            let quorum = sentinels / 2 + 1;
            started.push(sentinel(&scratch, index, &master, quorum, down_after).await);
        }
        let all = Self {
            servers: [master, replica],
            sentinels: started,
            _scratch: scratch,
        };
        all.settled(sentinels).await;
        all
    }

    /// `redis+sentinel://h1:p1,h2:p2/mymaster`.
    pub fn url(&self) -> String {
        let hosts = self.ports().map(|port| format!("127.0.0.1:{port}"));
        let hosts: Vec<_> = hosts.collect();
        format!("redis+sentinel://{}/{MASTER}", hosts.join(","))
    }

    /// The ports of the sentinels.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.sentinels.iter().map(|(port, _)| *port)
    }

    /// The server that is master, as the first sentinel says.
    pub async fn master(&self) -> &Redis {
        let port = self.master_port().await;
        let found = self.servers.iter().find(|redis| redis.port() == port);
        found.expect("one of the two")
    }

    /// Swaps master and replica orderly, and waits until the new master takes writes.
    pub async fn failover(&self) {
        let old = self.master_port().await;
        let mut command = redis::cmd("SENTINEL");
        command.arg("FAILOVER").arg(MASTER);
        let forced = async {
            // NOGOODSLAVE until the sentinel has asked the replica once more: ask again.
            while self.ask::<()>(&command).await.is_err() {
                tokio::time::sleep(KNOCK).await;
            }
            self.changed(old).await;
        };
        let forced = tokio::time::timeout(FAILOVER_LIMIT, forced).await;
        forced.expect("the failover ends in time");
    }

    /// Kills the master and waits until the other takes writes.
    pub async fn kill_master(&self) {
        let old = self.master_port().await;
        self.master().await.kill().await;
        let changed = tokio::time::timeout(FAILOVER_LIMIT, self.changed(old)).await;
        changed.expect("the failover ends in time");
    }

    /// Waits until another server is master, and says itself that it is.
    async fn changed(&self, old: u16) {
        while self.master_port().await == old {
            tokio::time::sleep(KNOCK).await;
        }
        let url = self.master().await.url();
        let role = redis::cmd("ROLE");
        while !matches!(
            query::<redis::Value>(&url, &role).await,
            Ok(redis::Value::Array(parts))
                if parts.first() == Some(&redis::Value::BulkString(b"master".to_vec()))
        ) {
            tokio::time::sleep(KNOCK).await;
        }
    }

    async fn master_port(&self) -> u16 {
        let mut command = redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(MASTER);
        let (_, port): (String, String) = self.ask(&command).await.expect("a sentinel answers");
        port.parse().expect("a port")
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> redis::RedisResult<T> {
        let port = self.sentinels[0].0;
        query(&format!("redis://127.0.0.1:{port}"), command).await
    }

    /// Waits until every sentinel knows the replica and all other sentinels.
    async fn settled(&self, sentinels: usize) {
        let mut command = redis::cmd("SENTINEL");
        command.arg("MASTER").arg(MASTER);
        let settling = async {
            for port in self.ports() {
                let url = format!("redis://127.0.0.1:{port}");
                loop {
                    let known: redis::RedisResult<Vec<(String, String)>> =
                        query(&url, &command).await;
                    let wanted = [
                        ("num-slaves", "1".to_owned()),
                        ("num-other-sentinels", (sentinels - 1).to_string()),
                    ];
                    let knows = |(name, value): &(&str, String)| {
                        let known = known.as_deref().unwrap_or_default();
                        known.iter().any(|(n, v)| n == name && v == value)
                    };
                    if wanted.iter().all(knows) {
                        break;
                    }
                    tokio::time::sleep(KNOCK).await;
                }
            }
        };
        let settled = tokio::time::timeout(FAILOVER_LIMIT, settling).await;
        settled.expect("the sentinels find each other");
    }
}

async fn query<T: redis::FromRedisValue>(url: &str, command: &redis::Cmd) -> redis::RedisResult<T> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    command.query_async(&mut connection).await
}

async fn sentinel(
    scratch: &Scratch,
    index: usize,
    master: &Redis,
    quorum: usize,
    down_after: Duration,
) -> (u16, Child) {
    let port = free_port().expect("a port");
    let folder = scratch.join(format!("sentinel-{index}"));
    std::fs::create_dir(&folder).expect("a folder");
    let conf = folder.join("sentinel.conf");
    let text = format!(
        "bind 127.0.0.1\nport {port}\ndir {}\nsentinel monitor {MASTER} 127.0.0.1 {} {quorum}\n\
         sentinel down-after-milliseconds {MASTER} {}\n\
         sentinel failover-timeout {MASTER} 5000\n",
        folder.display(),
        master.port(),
        down_after.as_millis(),
    );
    // Sentinels write to their configuration.
    std::fs::write(&conf, text).expect("a file");
    let program = find_redis().unwrap_or_else(|error| panic!("{error}"));
    let sentinel = Program::new(program)
        .name("sentinel")
        .arg(&conf)
        .arg("--sentinel")
        .ending(Signal::KILL);
    let child = sentinel.start().await;
    (port, child.unwrap_or_else(|error| panic!("{error}")))
}
