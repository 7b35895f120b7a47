//! The tasks that this worker has, and the heartbeats that keep them its own.
//!
//! State: one map from a task to its lease, its claim and the token that stops it. A task is
//! in it from its claim to just before its end is written; so a heartbeat that comes late can
//! not bring back a lease that was acknowledged.
//!
//! Failure rule: while Postgres or Redis is away, work goes on. Whether a task is still ours
//! is Postgres' to say (the fence); Redis' lease is only renewed, or put back when Redis has
//! lost its data.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::db;
use crate::db::claims::{ClaimedTask, Held};
use crate::db::heartbeats;
use crate::model::TaskId;
use crate::queue::{Beat, Entry, Queue, Token};

/// Why a task is to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Its submitter wants so.
    Cancelled,
    /// Somebody else has it, or it is over: nothing may be written any more.
    Lost,
    /// The worker shuts down: it goes back to the queue.
    Shutdown,
    /// It ran longer than its timeout.
    Timeout,
}

/// How a running task is stopped, and why. The first reason counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Stopper {
    /// Cancelled when it is to stop.
    pub token: CancellationToken,
    why: Arc<OnceLock<Stop>>,
}

impl Stopper {
    pub(super) fn stop(&self, why: Stop) {
        // A second reason changes nothing.
        let _ = self.why.set(why);
        self.token.cancel();
    }

    pub(super) fn why(&self) -> Option<Stop> {
        self.why.get().copied()
    }
}

#[derive(Debug, Clone)]
struct One {
    entry: Entry,
    held: Held,
    token: Token,
    stopper: Stopper,
}

/// All tasks of this worker.
#[derive(Clone)]
pub(super) struct HeldTasks {
    db: PgPool,
    queue: Queue,
    worker: Arc<str>,
    lease: Duration,
    tasks: Arc<Mutex<BTreeMap<TaskId, One>>>,
    nudge: Arc<Notify>,
}

impl HeldTasks {
    pub(super) fn new(db: PgPool, queue: Queue, worker: &str, lease: Duration) -> Self {
        Self {
            db,
            queue,
            worker: worker.into(),
            lease,
            tasks: Arc::default(),
            nudge: Arc::default(),
        }
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, BTreeMap<TaskId, One>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes care of a task that was claimed.
    pub(super) fn add(&self, task: &ClaimedTask, token: Token) -> Stopper {
        let stopper = Stopper::default();
        let entry = Entry {
            task: task.id,
            key: task.key,
            priority: task.priority,
        };
        let held = Held {
            task: task.id,
            fence: task.fence,
        };
        let one = One {
            entry,
            held,
            token,
            stopper: stopper.clone(),
        };
        self.tasks().insert(task.id, one);
        stopper
    }

    /// Its end is about to be written: no heartbeat for it any more.
    pub(super) fn remove(&self, task: TaskId) {
        self.tasks().remove(&task);
    }

    pub(super) fn len(&self) -> usize {
        self.tasks().len()
    }

    /// Stops all.
    pub(super) fn stop_all(&self, why: Stop) {
        for one in self.tasks().values() {
            one.stopper.stop(why);
        }
    }

    /// Something may have changed: beats at once.
    pub(super) fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Beats until `stop`.
    pub(super) async fn beat(&self, every: Duration, stop: CancellationToken) {
        let mut tick = tokio::time::interval(every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => self.beat_once().await,
                () = self.nudge.notified() => self.beat_once().await,
            }
        }
    }

    async fn beat_once(&self) {
        let all: Vec<One> = self.tasks().values().cloned().collect();
        if all.is_empty() {
            return;
        }
        let (truth, index) = tokio::join!(self.ask_postgres(&all), self.renew(&all));
        for (number, one) in all.iter().enumerate() {
            let known = truth.as_ref().map(|alive| alive.get(&one.held.task));
            match known {
                Some(None) => one.stopper.stop(Stop::Lost),
                Some(Some(true)) => one.stopper.stop(Stop::Cancelled),
                Some(Some(false)) | None => {}
            }
            match index.as_ref().and_then(|beats| beats.get(number)) {
                Some(Beat::Cancelled) => one.stopper.stop(Stop::Cancelled),
                // Redis does not know the lease; Postgres says that it is ours all the same.
                Some(Beat::Lost) if matches!(known, Some(Some(_))) => self.put_back(one).await,
                _ => {}
            }
        }
    }

    /// Which tasks are still ours, and whether they are to be cancelled. `None`: no answer.
    async fn ask_postgres(&self, all: &[One]) -> Option<BTreeMap<TaskId, bool>> {
        let claims: Vec<_> = all
            .iter()
            .map(|one| (one.held.task, one.held.fence))
            .collect();
        match db::answered(heartbeats::heartbeat(&self.db, &claims)).await {
            Ok(alive) => Some(
                alive
                    .into_iter()
                    .map(|one| (one.task, one.cancel))
                    .collect(),
            ),
            Err(error) => {
                tracing::warn!(%error, "no heartbeat: the database is away");
                None
            }
        }
    }

    async fn renew(&self, all: &[One]) -> Option<Vec<Beat>> {
        let leases: Vec<_> = all.iter().map(|one| (one.held.task, one.token)).collect();
        match self.queue.heartbeat(&leases, self.lease).await {
            Ok(beats) => Some(beats),
            Err(error) => {
                tracing::warn!(%error, "no lease was renewed: the queue is away");
                None
            }
        }
    }

    async fn put_back(&self, one: &One) {
        // It may have ended since the beat began; its acknowledgement comes after this in
        // either case, on the same connection.
        if !self.tasks().contains_key(&one.held.task) {
            return;
        }
        let adopted = self
            .queue
            .adopt(&one.entry, &self.worker, one.token, self.lease);
        match adopted.await {
            Ok(adopted) => {
                tracing::info!(task_id = %one.held.task, adopted, "the queue had lost a lease");
            }
            Err(error) => tracing::warn!(%error, "a lease could not be put back"),
        }
    }
}

/// The host's name (on Kubernetes, the pod's) and this process: what a lease is shown with.
pub(super) fn worker_name() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    let host: String = host
        .chars()
        .filter(char::is_ascii_graphic)
        .take(200)
        .collect();
    format!("{host}/{}", std::process::id())
}
