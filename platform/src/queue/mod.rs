//! The queue: which tasks wait, which worker has which. An index over Postgres, which is the truth.
//!
//! # Data structures
//!
//! All keys start with `{NAME}:` (`QUEUE_NAME`), so they share one slot of a cluster.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `:tasks` | hash | id -> record: state, tenant, band, tag, since when, cancelled, token, worker |
//! | `:priority` | sorted set | ready tasks; score = band × 2^45 + tag, band = 100 − priority; ties by id |
//! | `:lanes` | sorted by name | ready tasks as band + tenant + tag + id: a tenant's first and last |
//! | `:since` | sorted set | ready tasks by the time they began to wait: the age of the oldest |
//! | `:virtual` | hash | band -> tag of what was claimed last; only of bands that hold tasks |
//! | `:delayed` | sorted set | tasks to be retried, by due time |
//! | `:leases` | sorted set | tasks that a worker has, by expiry |
//! | `:wake` | list | at most 64 words for idle processes, see [`Queue::wait`] |
//! | `:rate:ID` | counter | submissions of one key in its hour, see [`rate_limit`] |
//! | `:log:NAME` | stream | what a deployed function said last, see [`logs`] |
//!
//! A task is in exactly one of ready, delayed, leased, and its record says in which; every
//! operation is one Lua script, so nobody sees anything else ([`Queue::inconsistencies`] proves
//! it). Nothing but rate counters and logs, which expire, and a few wake-ups stays behind when the last
//! task has gone.
//!
//! **Order.** Higher priority first. Inside a priority, start-time fair queueing over the tenants
//! (API keys): a task's tag is one more than its tenant's last ready task's, or than what the band
//! has come to, whichever is later. A tenant with one task waits for one task of each other tenant,
//! not for another's ten thousand; one tenant alone gets first come, first served. `:lanes` is
//! there so that the tenant's last tag is looked up rather than kept: there is nothing per tenant
//! that has to be cleaned up, and what is cancelled is not held against its tenant.
//!
//! # Redelivery
//!
//! A claim gives a lease with a random token; only who shows the token may renew, finish, retry or
//! release. A lease that runs out makes its task ready again at the next claim by anybody, ahead of
//! its tenant's others (it was first once): execution is *at least once*. The token guards this
//! index; the fence in Postgres guards the effect. How often a task may be claimed is counted in
//! Postgres, where a crash loop ends.
//!
//! A cancellation of a leased task is told in heartbeats, and survives the worker: whoever claims
//! the task next gets it with [`Lease::cancelled`].
//!
//! # Time
//!
//! Only the Redis server's clock counts. If it jumps **ahead**, leases run out early: tasks run twice,
//! and the older worker is told `Lost` and fenced off. Retries come early. If it jumps **back**,
//! leases of live workers are right again after one heartbeat; those of dead ones, and retries, come
//! late by as much, though never by more than an hour: what lies further ahead than anything may be
//! scheduled ([`HORIZON`]) is drawn in by the next claim. Rate windows shift likewise.
//!
//! # What survives what
//!
//! | failure | effect |
//! |---|---|
//! | worker dies | its tasks come back when their leases run out |
//! | API dies before `enqueue` | the row is still `pending`; the reconciler enqueues it |
//! | answer to a claim is lost | leases nobody knows of; they run out |
//! | Redis cut, restarted with its data | calls fail as `Unavailable` until it is back; nothing is lost |
//! | Redis restarted empty, FLUSHALL | [`Queue::unknown`] finds what is gone, `enqueue` and [`Queue::adopt`] put it back |
//! | failover to a replica that lags | as above for the lost writes; leases already finished may be redelivered: the fence decides |
//! | Redis is full | nothing is added; claims, heartbeats, retries and acknowledgements go on |

mod address;
mod backoff;
mod connection;
mod error;
mod inspect;
mod leases;
pub mod logs;
pub mod rate_limit;
mod scripts;
mod server;
mod submit;
mod wait;
pub mod wakeups;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use redis::{FromRedisValue, ScriptInvocation};
use uuid::Uuid;

use crate::model::{KeyId, Priority, TaskId};

pub use backoff::backoff;
pub use connection::QueueConfig;
use connection::{Connection, Repeat};
pub use error::QueueError;
pub use inspect::Cursor;
use scripts::{Script, Scripts};
pub use server::Server;
pub use submit::MAX_ENQUEUE;
pub use wait::MAX_WAIT;

/// No lease and no delay is longer. It bounds what a clock that jumps back can do; the longest
/// backoff is five minutes and leases are renewed several times a minute. The scripts know it too.
pub const HORIZON: Duration = Duration::from_secs(3600);

/// Most leases that one claim hands out: the script stays under a millisecond.
pub const MAX_CLAIM: usize = 256;

/// Longest name of a worker, in bytes: a Kubernetes pod's name has up to 253.
const MAX_WORKER: usize = 255;

/// Longest name of a queue, in bytes: it stands in front of every key.
const MAX_NAME: usize = 64;

/// The queue. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Queue(Arc<Shared>);

struct Shared {
    name: String,
    connection: Connection,
    scripts: Scripts,
    waiter: wait::Waiter,
    /// Milliseconds that scripts take for the server's time; 0 = the server's own.
    #[cfg(test)]
    pinned: std::sync::atomic::AtomicI64,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}

/// A task to be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub task: TaskId,
    /// Whose: tasks of different keys share the workers fairly.
    pub key: KeyId,
    /// How urgent.
    pub priority: Priority,
}

/// Shows that one holds a lease. Unique for each lease, also after a FLUSHALL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(Uuid);

impl Token {
    fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl FromStr for Token {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A task that is ours until the lease runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Which.
    pub task: TaskId,
    /// What to show for it.
    pub token: Token,
    /// How long it was ready.
    pub waited: Duration,
    /// It was cancelled under an earlier worker that did not see to it: record that, and
    /// acknowledge.
    pub cancelled: bool,
}

/// What a claim brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// In the order of the queue.
    pub leases: Vec<Lease>,
    /// Where there are none: when to ask again even if nothing is enqueued meanwhile, because a
    /// retry or a lease of somebody else comes due.
    pub next: Option<Duration>,
}

/// What a heartbeat says of one lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Renewed.
    Held,
    /// Renewed, but stop: the task was cancelled.
    Cancelled,
    /// Not ours any more: discard the work.
    Lost,
}

/// What became of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// It was waiting, and is gone.
    Removed,
    /// A worker has it; its next heartbeat says so.
    Requested,
    /// The queue has no such task.
    Unknown,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// So many go first.
    Ready(u64),
    /// It will be ready after that time.
    Delayed(Duration),
    /// A worker has it.
    Leased,
    /// The queue has no such task.
    Unknown,
}

/// How much there is of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Depths {
    /// Tasks that a worker could take.
    pub ready: u64,
    /// The same by priority, where there are some.
    pub by_priority: BTreeMap<i16, u64>,
    /// Tasks to be retried, due or not.
    pub delayed: u64,
    /// Of them, those whose time has come: the next claim makes them ready.
    pub due: u64,
    /// Tasks that workers have.
    pub leased: u64,
    /// Of them, those whose lease ran out: the next claim makes them ready.
    pub expired: u64,
    /// How long the oldest ready task has waited.
    pub oldest_ready: Option<Duration>,
}

/// What there is to do, for whoever decides how many workers there should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// What clients asked for.
    pub clients: Work,
    /// What the system does for itself ([`Priority::BACKGROUND`]).
    pub background: Work,
    /// The workers that have a task.
    pub busy: BTreeSet<String>,
}

/// Tasks of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Those that a worker could take.
    pub ready: u64,
    /// Those that workers have.
    pub leased: u64,
    /// Those to be retried soon.
    pub due_soon: u64,
    /// How long the oldest ready one has waited.
    pub oldest_ready: Option<Duration>,
}

impl Queue {
    /// Connects, and refuses a Redis that would lose tasks or lacks commands.
    ///
    /// # Errors
    /// `Refused` says which setting to change; `Unavailable` that there is no Redis.
    pub async fn connect(config: &QueueConfig) -> Result<Self, QueueError> {
        let queue = Self::lazy(config)?;
        queue.check_server().await?;
        Ok(queue)
    }

    /// Without connecting: the first operation does, and nothing is refused. For processes that must
    /// start while Redis is away; call [`Queue::check_server`] when it is back.
    ///
    /// # Errors
    /// `Refused` if the configuration makes no sense.
    pub fn lazy(config: &QueueConfig) -> Result<Self, QueueError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        let name = config.name.as_str();
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(allowed) {
            return Err(QueueError::Refused(format!(
                "QUEUE_NAME must be 1 to {MAX_NAME} letters, digits or any of `_-.:`"
            )));
        }
        Ok(Self(Arc::new(Shared {
            name: config.name.clone(),
            connection: Connection::new(config)?,
            scripts: Scripts::new(&config.name),
            waiter: wait::Waiter::default(),
            #[cfg(test)]
            pinned: std::sync::atomic::AtomicI64::new(0),
        })))
    }

    /// The prefix of all keys, without the braces.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The full name of a key.
    fn key(&self, suffix: &str) -> String {
        scripts::key(&self.0.name, suffix)
    }

    /// A script with its keys and what it takes for now.
    fn script(&self, script: Script) -> ScriptInvocation<'_> {
        #[cfg(test)]
        let pinned = self.0.pinned.load(std::sync::atomic::Ordering::SeqCst);
        #[cfg(not(test))]
        let pinned = 0;
        let mut invocation = self.0.scripts.prepare(script);
        if pinned == 0 {
            invocation.arg("");
        } else {
            invocation.arg(pinned);
        }
        invocation
    }

    async fn run<T: FromRedisValue>(
        &self,
        invocation: &ScriptInvocation<'_>,
        repeat: Repeat,
    ) -> Result<T, QueueError> {
        self.0.connection.invoke(invocation, repeat).await
    }
}

/// Ids of equal width, so that they sort as numbers.
fn wide(id: i64) -> String {
    format!("{id:020}")
}

fn task_id(text: &str) -> Result<TaskId, QueueError> {
    let id = text.parse().map(TaskId);
    id.map_err(|_| QueueError::Protocol(format!("`{text}` is no task")))
}

fn band(priority: Priority) -> String {
    format!("{:03}", Priority::MAX - priority.get())
}

fn millis(number: i64) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}

/// As the scripts take it; refuses what is longer than an hour.
fn bounded(what: &str, duration: Duration) -> Result<u64, QueueError> {
    if duration > HORIZON {
        return Err(QueueError::Refused(format!(
            "a {what} of {} s is longer than an hour",
            duration.as_secs()
        )));
    }
    Ok(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// A worker's name stands in records whose fields are parted by spaces.
fn worker_name(name: &str) -> Result<&str, QueueError> {
    let fits = (1..=MAX_WORKER).contains(&name.len());
    if fits && name.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(name);
    }
    Err(QueueError::Refused(format!(
        "a worker's name must be 1 to {MAX_WORKER} visible ASCII characters without spaces"
    )))
}
