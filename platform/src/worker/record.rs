//! How attempts end: written in Postgres, fenced; then the lease is let go of.

use std::time::{Duration, Instant};

use sqlx::PgPool;

use super::error::JobError;
use super::held::Stop;
use super::job::{Ended, Shared};
use crate::db;
use crate::db::claims::{self, ClaimedTask, End, Held};
use crate::db::reports::{self, NewReport};
use crate::model::ReportId;
use crate::purl::{Purl, PurlError};
use crate::queue::wakeups::{self, Topic};
use crate::queue::{QueueError, Token, backoff};
use crate::storage::{AliasKey, ReportKey, Storage};
use crate::telemetry::metrics::{Backend, Return, TaskOutcome};

/// How long the database may be away before the end of a task is given up, and its next
/// attempt left to whoever gets it: longer than a failover, shorter than people's patience.
const PATIENCE: Duration = Duration::from_secs(120);

impl Shared {
    /// Writes how the attempt ended, then lets go of the lease.
    pub(super) async fn record(
        &self,
        task: &ClaimedTask,
        token: Token,
        ended: Ended,
        took: Duration,
    ) {
        let held = Held {
            task: task.id,
            fence: task.fence,
        };
        let settled = match ended {
            Ended::Report(report) => self.complete(task, held, token, *report, took).await,
            Ended::Failed(error) => self.fail(task, held, token, &error, took).await,
            Ended::Stopped(Stop::Shutdown) => self.hand_back(held, token).await,
            Ended::Stopped(Stop::Cancelled) => {
                self.metrics
                    .task_finished(ecosystem(task), TaskOutcome::Cancelled, took);
                let end = persist(|| claims::end(&self.db, held, End::Cancelled, None)).await;
                self.let_go(held, token, end.map(drop)).await
            }
            Ended::Stopped(Stop::Lost | Stop::Timeout) => {
                self.metrics.task_returned(Return::FencedOut);
                self.let_go(held, token, Ok(())).await
            }
        };
        if let Err(error) = settled {
            tracing::error!(%error, task_id = %task.id, "an end was not recorded: the task will be tried again");
        }
        self.wake(held).await;
    }

    async fn complete(
        &self,
        task: &ClaimedTask,
        held: Held,
        token: Token,
        report: NewReport,
        took: Duration,
    ) -> Result<(), sqlx::Error> {
        let work = persist(|| claims::complete(&self.db, held, &report));
        let id = self
            .metrics
            .timed(Backend::Database, "complete", work)
            .await?;
        match id {
            Some(id) => {
                self.metrics
                    .task_finished(ecosystem(task), TaskOutcome::Completed, took);
                tracing::info!(task_id = %task.id, purl = report.purl, verdict = report.verdict, "completed");
                self.let_go(held, token, Ok(())).await?;
                if report.owner.is_none() {
                    self.alias(id, &report).await;
                }
                Ok(())
            }
            None => {
                self.metrics.task_returned(Return::FencedOut);
                tracing::info!(task_id = %task.id, "the claim was no longer good: its result is discarded");
                self.let_go(held, token, Ok(())).await
            }
        }
    }

    async fn fail(
        &self,
        task: &ClaimedTask,
        held: Held,
        token: Token,
        error: &JobError,
        took: Duration,
    ) -> Result<(), sqlx::Error> {
        let told = error.task_error();
        if error.transient && task.counted < task.max_attempts {
            let attempt = u32::try_from(task.counted).unwrap_or(1);
            let delay = backoff(attempt, &mut fastrand::Rng::new());
            tracing::warn!(task_id = %task.id, error = told.message, ?delay, "an attempt failed");
            self.metrics.task_returned(Return::Retried);
            persist(|| claims::give_back(&self.db, held, Some(&told), delay)).await?;
            self.settled(self.queue.retry(held.task, token, delay).await);
            return Ok(());
        }
        let end = if error.transient {
            End::DeadLettered
        } else {
            End::Failed
        };
        self.metrics
            .task_finished(ecosystem(task), error.category().into(), took);
        tracing::warn!(task_id = %task.id, error = told.message, "failed");
        let ended = persist(|| claims::end(&self.db, held, end, Some(&told))).await;
        self.let_go(held, token, ended.map(drop)).await
    }

    async fn hand_back(&self, held: Held, token: Token) -> Result<(), sqlx::Error> {
        self.metrics.task_returned(Return::HandedBack);
        persist(|| claims::give_back(&self.db, held, None, Duration::ZERO)).await?;
        self.settled(self.queue.release(held.task, token).await);
        Ok(())
    }

    /// Acknowledges the lease of a task whose end is written.
    async fn let_go(
        &self,
        held: Held,
        token: Token,
        written: Result<(), sqlx::Error>,
    ) -> Result<(), sqlx::Error> {
        written?;
        self.settled(self.queue.acknowledge(held.task, token).await);
        Ok(())
    }

    /// A lease that can't be let go of runs out, and whoever claims it next finds it over.
    fn settled(&self, answer: Result<bool, QueueError>) {
        if let Err(error) = answer {
            tracing::warn!(%error, "a lease was left to run out");
        }
    }

    pub(super) async fn wake(&self, held: Held) {
        // Whoever waits looks by itself every few seconds.
        let _ = wakeups::publish(&self.queue, Topic::Events, held.task).await;
    }

    /// Points the purl's alias to its newest report; the reconciler mends what fails here.
    async fn alias(&self, id: ReportId, report: &NewReport) {
        if let Err(error) =
            refresh_alias(&self.db, &self.storage, id, &report.purl, &report.sha256).await
        {
            tracing::warn!(error, purl = report.purl, "the alias was not written yet");
        }
    }
}

/// Writes the alias of a report, and notes that.
pub(crate) async fn refresh_alias(
    db: &PgPool,
    storage: &Storage,
    id: ReportId,
    purl: &str,
    sha256: &[u8],
) -> Result<(), String> {
    /// Reports have at most 2,000 findings with snippets: a few MiB.
    const MOST: u64 = 64 << 20;
    let parsed: Purl = purl.parse().map_err(|error: PurlError| error.to_string())?;
    if let Some(alias) = AliasKey::of(&parsed) {
        let key = ReportKey::of_digest(&hex::encode(sha256)).map_err(|error| error.to_string())?;
        let bytes = storage
            .read_report(&key, MOST)
            .await
            .map_err(|error| error.to_string())?;
        storage
            .put_alias(&alias, bytes)
            .await
            .map_err(|error| error.to_string())?;
    }
    db::answered(reports::alias_written(db, id, purl))
        .await
        .map_err(|error| error.to_string())?;
    Ok(())
}

fn ecosystem(task: &ClaimedTask) -> &str {
    let rest = task.purl.strip_prefix("pkg:").unwrap_or(&task.purl);
    rest.split_once('/')
        .map_or(rest, |(ecosystem, _)| ecosystem)
}

/// Repeats a statement while the database is away. Every one of them is fenced, so that
/// having been carried out already does no harm.
pub(super) async fn persist<T, F>(statement: impl Fn() -> F) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let started = Instant::now();
    let mut attempt = 0;
    loop {
        match db::answered(statement()).await {
            Err(error) if db::is_away(&error) && started.elapsed() < PATIENCE => {
                attempt += 1;
                tracing::warn!(%error, "the database is away: trying again");
                // At most five seconds: somebody waits for this.
                let pause = backoff(attempt, &mut fastrand::Rng::new());
                tokio::time::sleep(pause.min(Duration::from_secs(5))).await;
            }
            other => return other,
        }
    }
}
