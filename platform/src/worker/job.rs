//! One task: fetch, analyse, store, record, acknowledge.
//!
//! The order at the end is what loses nothing: the report's bytes go to storage, then one
//! fenced statement in Postgres makes them visible, then the lease is acknowledged. Dying in
//! between leaves an object that the next attempt writes again, or a lease that runs out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use packguard_runtime::report::{Report, StepInfo};
use packguard_runtime::{Pipeline, PipelineError};
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::error::JobError;
use super::fetch::{Fetched, Fetcher};
use super::held::{HeldTasks, Stop, Stopper};
use super::memory::Memory;
use crate::db::claims::{self, ClaimedTask, End, Held};
use crate::db::reports::{self, NewReport};
use crate::db::{self, events};
use crate::model::KeyId;
use crate::queue::wakeups::{self, Topic};
use crate::queue::{Queue, Token, backoff};
use crate::storage::{AliasKey, Storage};
use crate::telemetry::metrics::{Cache, CacheResult, Return, TaskOutcome};
use crate::telemetry::{Metrics, StepTracer, spans};

/// What all tasks of a worker share.
pub(super) struct Shared {
    pub db: PgPool,
    pub queue: Queue,
    pub storage: Storage,
    pub pipeline: Pipeline,
    pub analysis_set: [u8; 32],
    pub fetcher: Fetcher,
    pub memory: Memory,
    pub held: HeldTasks,
    pub metrics: Metrics,
    pub tracer: StepTracer,
    /// Where packages are unpacked.
    pub folder: TempDir,
}

/// How an attempt ended.
enum Ended {
    Report(Box<NewReport>),
    Failed(JobError),
    Stopped(Stop),
}

/// How long the database may be away before the end of a task is given up, and its next
/// attempt left to whoever gets it: longer than a failover, shorter than people's patience.
const PATIENCE: Duration = Duration::from_secs(120);

/// Most analyzers of one statement: more than there are.
const STEPS: usize = 64;

impl Shared {
    /// Runs a claimed task to its end, whatever it is.
    pub(super) async fn run(self: Arc<Self>, task: ClaimedTask, token: Token, stopper: Stopper) {
        let started = Instant::now();
        let span = spans::process_span(
            self.queue.name(),
            task.id,
            task.fence,
            task.traceparent.as_deref(),
        );
        let ended = self.attempt(&task, &stopper, &span).await;
        // From here on no heartbeat may speak for it.
        self.held.remove(task.id);
        let outcome = match &ended {
            Ended::Report(report) => Ok(report.verdict.as_str()),
            Ended::Failed(error) => Err(error.category()),
            Ended::Stopped(_) => Err(crate::model::ErrorCategory::UnknownError),
        };
        spans::record_outcome(&span, outcome);
        self.record(&task, token, ended, started.elapsed()).await;
    }

    async fn attempt(
        self: &Arc<Self>,
        task: &ClaimedTask,
        stopper: &Stopper,
        span: &Span,
    ) -> Ended {
        let work = Arc::clone(self).analyse(task.clone(), stopper.token.clone(), span.clone());
        // A task of its own, so that a panic of ours ends it and not the worker.
        let mut work = tokio::spawn(tracing::Instrument::instrument(work, span.clone()));
        let done = tokio::select! {
            done = &mut work => done,
            () = tokio::time::sleep(task.timeout) => {
                stopper.stop(Stop::Timeout);
                work.await
            }
        };
        match (stopper.why(), done) {
            // It was done before anybody could stop it.
            (None | Some(Stop::Cancelled | Stop::Shutdown), Ok(Ok(report))) => {
                Ended::Report(Box::new(report))
            }
            (Some(Stop::Timeout), _) => Ended::Failed(JobError::timeout(task.timeout.as_secs())),
            (Some(why), _) => Ended::Stopped(why),
            (None, Ok(Err(error))) => Ended::Failed(error),
            (None, Err(panic)) => {
                tracing::error!(%panic, task_id = %task.id, "a task panicked");
                Ended::Failed(JobError::panicked())
            }
        }
    }

    /// Fetch, reuse or analyse, store.
    async fn analyse(
        self: Arc<Self>,
        task: ClaimedTask,
        stop: CancellationToken,
        span: Span,
    ) -> Result<NewReport, JobError> {
        let stopped = || JobError::pipeline(&PipelineError::Cancelled);
        let folder = tempfile::Builder::new()
            .prefix("task-")
            .tempdir_in(self.folder.path())
            .map_err(JobError::disk)?;
        let downloads = folder.path().join("download");
        tokio::fs::create_dir(&downloads)
            .await
            .map_err(JobError::disk)?;
        let mut fetched = tokio::select! {
            fetched = self.fetcher.fetch(&task, &downloads) => fetched?,
            () = stop.cancelled() => return Err(stopped()),
        };
        let owner = task.upload.map(|_| task.key);
        let reuse_key = fetched.reuse_key(&self.pipeline);
        if let Some(report) = self.reuse(owner, &reuse_key).await {
            return Ok(report);
        }
        let room = tokio::select! {
            room = self.memory.reserve(fetched.bytes) => room,
            () = stop.cancelled() => return Err(stopped()),
        };
        let held = Held {
            task: task.id,
            fence: task.fence,
        };
        let (steps, finished) = mpsc::unbounded_channel();
        let pipeline = self.watched(&span, steps);
        let input = std::mem::take(&mut fetched.input);
        let work = async {
            let report = pipeline.run(input, folder.path(), &stop).await;
            // It holds the channel's only sender: no more steps will be told of.
            drop(pipeline);
            drop(room);
            let report = report.map_err(|error| JobError::pipeline(&error))?;
            let stored = self.store(&report, &fetched, owner, reuse_key);
            tokio::select! {
                stored = stored => stored,
                () = stop.cancelled() => Err(stopped()),
            }
        };
        // Beside the work, and to the end before the task's own end is written.
        let (stored, ()) = tokio::join!(work, self.tell(held, finished));
        stored
    }

    /// A report over the very same input that was made before.
    async fn reuse(&self, owner: Option<KeyId>, reuse_key: &[u8; 32]) -> Option<NewReport> {
        let row = reports::reusable(&self.db, owner, reuse_key).await;
        let row = row.unwrap_or_else(|error| {
            tracing::warn!(%error, "no report was looked for: it is made anew");
            None
        });
        let result = if row.is_some() {
            CacheResult::Hit
        } else {
            CacheResult::Miss
        };
        self.metrics.cache(Cache::Report, result);
        row.and_then(|row| {
            Some(NewReport {
                owner: row.owner,
                purl: row.purl,
                ecosystem: row.ecosystem,
                full_name: row.full_name,
                version: row.version,
                verdict: row.verdict,
                score: row.score,
                findings: row.findings,
                sha256: row.sha256.try_into().ok()?,
                size_bytes: row.size_bytes,
                reuse_key: *reuse_key,
                analysis_set: self.analysis_set,
            })
        })
    }

    /// The pipeline, telling of each step that finished.
    fn watched(&self, span: &Span, steps: mpsc::UnboundedSender<StepInfo>) -> Pipeline {
        let (metrics, tracer, parent) = (self.metrics.clone(), self.tracer.clone(), span.clone());
        self.pipeline
            .clone()
            .watched(Arc::new(move |step: &StepInfo| {
                metrics.step(step);
                tracer.finished(&parent, step);
                // Nobody listens once the attempt is over.
                let _ = steps.send(step.clone());
            }))
    }

    /// Writes an event for each analyzer that finished. What finishes while one statement
    /// runs goes with the next: each waits for the disk, and analyzers take no longer than
    /// that. Progress is not worth failing for.
    async fn tell(&self, held: Held, mut finished: mpsc::UnboundedReceiver<StepInfo>) {
        let mut steps = Vec::new();
        while finished.recv_many(&mut steps, STEPS).await > 0 {
            let told: Vec<_> = steps.drain(..).map(|step| event(&step)).collect();
            match events::analyzers_finished(&self.db, held, &told).await {
                Ok(_) => self.wake(held).await,
                Err(error) => tracing::warn!(%error, "events were not written"),
            }
        }
    }

    async fn store(
        &self,
        report: &Report,
        fetched: &Fetched,
        owner: Option<KeyId>,
        reuse_key: [u8; 32],
    ) -> Result<NewReport, JobError> {
        let bytes = Bytes::from(serde_json::to_vec(report).map_err(JobError::report)?);
        let stored = self
            .storage
            .put_report(bytes)
            .await
            .map_err(JobError::storage)?;
        let mut sha256 = [0; 32];
        // The key's own digest: hex of 32 bytes.
        hex::decode_to_slice(stored.key.digest(), &mut sha256).unwrap_or_default();
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        Ok(NewReport {
            owner,
            purl: fetched.purl.clone(),
            ecosystem: report.package.ecosystem.clone(),
            full_name: fetched.full_name.clone(),
            version: report.package.version.clone(),
            verdict: reports::verdict(report.verdict.outcome).to_owned(),
            score: i32::try_from(report.verdict.score).unwrap_or(100),
            findings: count(report.findings.len()),
            sha256,
            size_bytes: i64::try_from(stored.size).unwrap_or(i64::MAX),
            reuse_key,
            analysis_set: self.analysis_set,
        })
    }

    /// Writes how the attempt ended, then lets go of the lease.
    async fn record(&self, task: &ClaimedTask, token: Token, ended: Ended, took: Duration) {
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
        let id = persist(|| claims::complete(&self.db, held, &report)).await?;
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
    fn settled(&self, answer: Result<bool, crate::queue::QueueError>) {
        if let Err(error) = answer {
            tracing::warn!(%error, "a lease was left to run out");
        }
    }

    async fn wake(&self, held: Held) {
        // Whoever waits looks by itself every few seconds.
        let _ = wakeups::publish(&self.queue, Topic::Events, held.task).await;
    }

    /// Points the purl's alias to its newest report; the reconciler mends what fails here.
    async fn alias(&self, id: crate::model::ReportId, report: &NewReport) {
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
    id: crate::model::ReportId,
    purl: &str,
    sha256: &[u8],
) -> Result<(), String> {
    /// Reports have at most 2,000 findings with snippets: a few MiB.
    const MOST: u64 = 64 << 20;
    let parsed: crate::purl::Purl = purl
        .parse()
        .map_err(|error: crate::purl::PurlError| error.to_string())?;
    if let Some(alias) = AliasKey::of(&parsed) {
        let key = crate::storage::ReportKey::of_digest(&hex::encode(sha256))
            .map_err(|error| error.to_string())?;
        let bytes = storage
            .read_report(&key, MOST)
            .await
            .map_err(|error| error.to_string())?;
        storage
            .put_alias(&alias, bytes)
            .await
            .map_err(|error| error.to_string())?;
    }
    reports::alias_written(db, id, purl)
        .await
        .map_err(|error| error.to_string())?;
    Ok(())
}

/// What an analyzer's event says.
fn event(step: &StepInfo) -> Value {
    json!({
        "analyzer": step.name,
        "version": step.version,
        "outcome": step.outcome,
        "duration_us": step.usage.duration_us,
        "peak_memory": step.usage.peak_memory,
    })
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
        match statement().await {
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
