//! Keeps Redis and storage true to Postgres.
//!
//! One process at a time (an advisory lock decides which), every `RECONCILE_INTERVAL`:
//!
//! 1. ends tasks that run past their timeout, whose workers should have done so;
//! 2. enqueues unfinished tasks that Redis has nothing of: committed but never enqueued, or
//!    lost by a flush, a restart without data, or a failover. A running one only when its
//!    worker has been silent for longer than a lease: a live worker puts its lease back itself;
//! 3. removes from Redis what Postgres calls finished;
//! 4. writes the aliases of reports that their workers did not get to;
//! 5. queues some more of what re-analyses want seen again.
//!
//! Every step may be repeated, and may stop anywhere: the next round goes on.

mod reanalyse;

use std::time::{Duration, SystemTime};

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::db::{self, backups, dead_letters, reports, submit, tasks, timeouts};
use crate::model::{TaskId, TaskStatus};
use crate::queue::wakeups::{self, Topic};
use crate::queue::{Cursor, Entry, Queue, QueueError};
use crate::storage::Storage;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Repair;
pub use reanalyse::Reanalyses;

/// Tasks looked at together.
const PAGE: i64 = 1_000;

/// Aliases written in a round.
const ALIASES: i64 = 100;

/// Beyond its timeout, a task is its worker's for so long.
const GRACE: Duration = Duration::from_secs(60);

/// A task that was written just now is being enqueued by whoever wrote it.
const SETTLING: Duration = Duration::from_secs(5);

/// What is kept true, and to what.
#[derive(Clone)]
pub struct Reconciler {
    /// The truth.
    pub db: PgPool,
    /// The index.
    pub queue: Queue,
    /// Reports and their aliases.
    pub storage: Storage,
    /// What is counted.
    pub metrics: Metrics,
    /// Silence after which a worker counts as dead.
    pub lease: Duration,
    /// How re-analyses are worked off.
    pub reanalyses: Reanalyses,
}

/// What a round mended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Tasks that ran for too long.
    pub timed_out: u64,
    /// Tasks that Redis had nothing of.
    pub enqueued: u64,
    /// Tasks that were in the queue and not called so.
    pub marked: u64,
    /// Finished tasks that Redis still had.
    pub orphans: u64,
    /// Aliases.
    pub aliases: u64,
    /// Tasks of re-analyses that were queued.
    pub reanalysed: u64,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The truth can't be read.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The index can't be mended.
    #[error("the queue: {0}")]
    Queue(#[from] QueueError),
}

impl Reconciler {
    /// A round every `interval`, until `stop`; the first one at once.
    pub async fn run(self, interval: Duration, stop: CancellationToken) {
        loop {
            match self.round().await {
                Ok(Some(repairs)) => {
                    self.metrics.reconciled(SystemTime::now());
                    if repairs != Repairs::default() {
                        tracing::info!(?repairs, "mended");
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a round of mending ended early"),
            }
            // Not all processes at the same moment.
            let pause = interval.mul_f64(0.75 + 0.5 * fastrand::f64());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// One round; `None` where another process is at it.
    ///
    /// # Errors
    /// When Postgres or Redis is away.
    pub async fn round(&self) -> Result<Option<Repairs>, ReconcileError> {
        let Some(_lock) = db::answered(db::try_lock(&self.db, "packguard reconciler")).await?
        else {
            return Ok(None);
        };
        let mut repairs = Repairs {
            timed_out: self.sweep().await?,
            ..Repairs::default()
        };
        self.fill(&mut repairs).await?;
        repairs.orphans = self.clean().await?;
        repairs.aliases = self.aliases().await?;
        repairs.reanalysed = self.reanalyse().await?;
        let dead = db::answered(dead_letters::count(&self.db)).await?;
        let backed_up = db::answered(backups::newest(&self.db)).await?;
        let dead = u64::try_from(dead).unwrap_or(0);
        self.metrics.stock(dead, backed_up.map(SystemTime::from));
        for (kind, count) in [
            (Repair::TimedOut, repairs.timed_out),
            (Repair::Requeued, repairs.enqueued),
            (Repair::MarkedQueued, repairs.marked),
            (Repair::OrphanRemoved, repairs.orphans),
            (Repair::AliasRepaired, repairs.aliases),
        ] {
            self.metrics.repaired(kind, count);
        }
        Ok(Some(repairs))
    }

    /// Ends what runs past its timeout.
    ///
    /// # Errors
    /// When Postgres or Redis is away.
    pub async fn sweep(&self) -> Result<u64, ReconcileError> {
        let ended = db::answered(timeouts::sweep(&self.db, GRACE)).await?;
        if !ended.is_empty() {
            self.queue.remove(&ended).await?;
            for task in &ended {
                // Whoever waits looks by itself.
                let _ = wakeups::publish(&self.queue, Topic::Events, *task).await;
            }
        }
        Ok(count(ended.len()))
    }

    /// Enqueues what Redis has nothing of.
    async fn fill(&self, repairs: &mut Repairs) -> Result<(), ReconcileError> {
        let mut after = TaskId(0);
        // Two leases: one that was not renewed, and the time to notice.
        let silence = self.lease * 2;
        loop {
            let page = tasks::open(&self.db, after, PAGE, silence, SETTLING);
            let page = db::answered(page).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.entry.task;
            let ids: Vec<TaskId> = page.iter().map(|one| one.entry.task).collect();
            let unknown = self.queue.unknown(&ids).await?;
            let lost: Vec<Entry> = page
                .iter()
                .filter(|one| one.idle && unknown.contains(&one.entry.task))
                .map(|one| Entry {
                    task: one.entry.task,
                    key: one.entry.key,
                    priority: one.entry.priority,
                })
                .collect();
            self.queue.enqueue(&lost).await?;
            let pending: Vec<TaskId> = page
                .iter()
                .filter(|one| one.status == TaskStatus::Pending)
                .map(|one| one.entry.task)
                .collect();
            db::answered(submit::queued(&self.db, &pending)).await?;
            repairs.enqueued += count(lost.len());
            repairs.marked += count(pending.len());
            if page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                return Ok(());
            }
        }
    }

    /// Removes from Redis what is finished.
    async fn clean(&self) -> Result<u64, ReconcileError> {
        let mut cursor = Some(Cursor::default());
        let mut removed = 0;
        while let Some(at) = cursor {
            let (found, next) = self.queue.scan(at).await?;
            cursor = next;
            if found.is_empty() {
                continue;
            }
            let unfinished = db::answered(tasks::unfinished(&self.db, &found)).await?;
            let orphans: Vec<TaskId> = found
                .into_iter()
                .filter(|id| !unfinished.contains(id))
                .collect();
            removed += self.queue.remove(&orphans).await?;
        }
        Ok(removed)
    }

    async fn aliases(&self) -> Result<u64, ReconcileError> {
        let mut written = 0;
        for due in db::answered(reports::aliases_due(&self.db, ALIASES)).await? {
            let refreshed = crate::worker::refresh_alias(
                &self.db,
                &self.storage,
                due.id,
                &due.purl,
                &due.sha256,
            );
            match refreshed.await {
                Ok(()) => written += 1,
                Err(error) => {
                    tracing::warn!(error, purl = due.purl, "an alias was not written");
                }
            }
        }
        Ok(written)
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
