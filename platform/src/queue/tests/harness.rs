//! A Redis server of one's own: in a temporary folder, on a free port, ended on drop.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::model::{KeyId, Priority, TaskId};
use crate::queue::{Entry, Lease, Queue, QueueConfig, QueueError};

/// Nothing here takes longer, however busy the machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// The time that tests pin: the arithmetic then has its usual width.
pub(super) const NOON: i64 = 1_800_000_000_000;

pub(super) const LEASE: Duration = Duration::from_secs(30);

pub(super) struct Server {
    child: Child,
    folder: tempfile::TempDir,
    pub(super) port: u16,
    arguments: Vec<String>,
}

impl Server {
    pub(super) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<_> = arguments.iter().map(|&a| a.to_owned()).collect();
        // Somebody else may take the port between the two lines: then another one.
        for _ in 0..20 {
            let port = free_port();
            if let Some(child) = spawn(port, &folder, &arguments) {
                return Self {
                    child,
                    folder,
                    port,
                    arguments,
                };
            }
        }
        panic!("redis-server does not start; is it installed?");
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Again on the same port, with the data that is on disk.
    pub(super) fn restart(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.arguments).expect("starts again");
    }

    pub(super) fn config(&self) -> QueueConfig {
        QueueConfig::new(format!("redis://127.0.0.1:{}/", self.port))
    }

    pub(super) async fn queue(&self) -> Queue {
        Queue::connect(&self.config()).await.unwrap()
    }

    /// A plain connection, for what the queue does not do.
    pub(super) async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/", self.port)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut connection).await.unwrap()
    }

    /// All keys that there are.
    pub(super) async fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.command(&["KEYS", "*"]).await;
        keys.sort();
        keys
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `None` if the server ended before it was ready.
fn spawn(port: u16, folder: &tempfile::TempDir, arguments: &[String]) -> Option<Child> {
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder.path())
        .args(arguments);
    ready(command, "Ready to accept connections")
}

/// Starts a server that says this when it is ready.
fn ready(mut command: Command, line: &'static str) -> Option<Child> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Debian's redis-server is installed");
    let output = child.stdout.take().unwrap();
    let (ready, waiting) = channel();
    // Goes on reading, or the server would block; ends with it.
    std::thread::spawn(move || {
        for said in BufReader::new(output).lines().map_while(Result::ok) {
            if said.contains(line) {
                let _ = ready.send(());
            }
        }
    });
    if waiting.recv_timeout(DEADLINE).is_err() {
        let _ = child.kill();
        let _ = child.wait();
        return None;
    }
    Some(child)
}

/// A sentinel that takes half a second without an answer for the master's death.
pub(super) struct Sentinel {
    child: Child,
    _folder: tempfile::TempDir,
    pub(super) port: u16,
}

impl Sentinel {
    pub(super) fn watch(master: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sentinel.conf");
        let settings = format!(
            "sentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 5000\n",
            master.port
        );
        for _ in 0..20 {
            std::fs::write(&file, &settings).unwrap();
            let port = free_port();
            let mut command = Command::new("redis-server");
            command.arg(&file).arg("--sentinel");
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]);
            command.arg(folder.path());
            if let Some(child) = ready(command, "+monitor master main") {
                return Self {
                    child,
                    _folder: folder,
                    port,
                };
            }
        }
        panic!("no sentinel starts");
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

impl Queue {
    /// Scripts take this for the time, in ms.
    pub(super) fn pin(&self, now: i64) {
        self.0.pinned.store(now, Ordering::SeqCst);
    }
}

pub(super) fn entry(task: i64, key: i64, priority: i64) -> Entry {
    Entry {
        task: TaskId(task),
        key: KeyId(key),
        priority: Priority::new(priority).unwrap(),
    }
}

pub(super) fn ids(leases: &[Lease]) -> Vec<i64> {
    leases.iter().map(|lease| lease.task.0).collect()
}

/// Claims one after the other, up to `count`.
pub(super) async fn claim(queue: &Queue, count: usize) -> Vec<Lease> {
    let mut leases = Vec::new();
    for _ in 0..count {
        leases.extend(queue.claim("w", 1, LEASE).await.unwrap().leases);
    }
    leases
}

pub(super) async fn assert_consistent(queue: &Queue) {
    assert_eq!(queue.inconsistencies().await.unwrap(), Vec::<String>::new());
}

/// Repeats what fails because Redis is away, until it is back.
pub(super) async fn eventually<T, F>(mut operation: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, QueueError>>,
{
    let trying = async {
        loop {
            match operation().await {
                Ok(value) => return value,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, trying)
        .await
        .expect("Redis is back")
}
