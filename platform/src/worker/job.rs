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
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::breaker::Breaker;
use super::error::JobError;
use super::fetch::{Fetched, Fetcher};
use super::held::{HeldTasks, Stop, Stopper};
use super::logs::Logs;
use super::memory::Memory;
use super::sets::{Set, Sets, Shadow};
use super::shadow::{Shadows, Trial};
use crate::db;
use crate::db::claims::{ClaimedTask, Held};
use crate::db::events;
use crate::db::reports::{self, NewReport};
use crate::model::{KeyId, Priority};
use crate::queue::{Queue, Token};
use crate::storage::Storage;
use crate::telemetry::metrics::{Backend, Cache, CacheResult};
use crate::telemetry::{Metrics, StepTracer, spans};

/// What all tasks of a worker share.
pub(super) struct Shared {
    pub db: PgPool,
    pub queue: Queue,
    pub storage: Storage,
    /// The analyzers in use; a task keeps those that it began with.
    pub sets: watch::Receiver<Arc<Sets>>,
    pub fetcher: Fetcher,
    pub memory: Memory,
    pub held: HeldTasks,
    pub breaker: Arc<Breaker>,
    pub shadows: Arc<Shadows>,
    pub logs: Logs,
    pub metrics: Metrics,
    pub tracer: StepTracer,
    /// Where packages are unpacked.
    pub folder: TempDir,
}

/// How an attempt ended.
pub(super) enum Ended {
    Report(Box<NewReport>),
    Failed(JobError),
    Stopped(Stop),
}

/// What was fetched and nobody analysed before.
struct Fresh {
    held: Held,
    /// Who alone may read the report.
    owner: Option<KeyId>,
    fetched: Fetched,
    reuse_key: [u8; 32],
    folder: TempDir,
    set: Arc<Set>,
    /// What is tried beside the set.
    shadows: Vec<Shadow>,
}

fn stopped() -> JobError {
    JobError::pipeline(&PipelineError::Cancelled)
}

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
        let sets = Arc::clone(&self.sets.borrow());
        // What is re-analysed is to be seen by the stable versions.
        let set = match task.priority {
            Priority::BACKGROUND => Arc::clone(&sets.stable),
            _ => sets.of(task.id),
        };
        let folder = tempfile::Builder::new()
            .prefix("task-")
            .tempdir_in(self.folder.path())
            .map_err(|error| JobError::disk(&error))?;
        let downloads = folder.path().join("download");
        tokio::fs::create_dir(&downloads)
            .await
            .map_err(|error| JobError::disk(&error))?;
        let fetched = tokio::select! {
            fetched = self.fetcher.fetch(&task, &downloads) => fetched?,
            () = stop.cancelled() => return Err(stopped()),
        };
        let owner = task.upload.map(|_| task.key);
        let reuse_key = fetched.reuse_key(&set.pipeline);
        if let Some(report) = self.reuse(&set, owner, &reuse_key).await {
            return Ok(report);
        }
        let fresh = Fresh {
            shadows: sets.shadows(&set, task.id),
            set,
            held: Held {
                task: task.id,
                fence: task.fence,
            },
            owner,
            fetched,
            reuse_key,
            folder,
        };
        self.examine(&task, fresh, &stop, &span).await
    }

    /// Analyses what was fetched and stores the report. What is tried beside it goes on then.
    async fn examine(
        &self,
        task: &ClaimedTask,
        mut fresh: Fresh,
        stop: &CancellationToken,
        span: &Span,
    ) -> Result<NewReport, JobError> {
        let mut room = tokio::select! {
            room = self.memory.reserve(fresh.fetched.bytes) => room,
            () = stop.cancelled() => return Err(stopped()),
        };
        let (steps, finished) = mpsc::unbounded_channel();
        let pipeline = self.watched(task, &fresh.set, span, steps);
        let input = std::mem::take(&mut fresh.fetched.input);
        let work = async {
            let analysed = pipeline.analyse(input, fresh.folder.path(), stop).await;
            // It holds the channel's only sender: no more steps will be told of.
            drop(pipeline);
            if fresh.shadows.is_empty() {
                room = None;
            }
            let analysed = analysed.map_err(|error| JobError::pipeline(&error))?;
            let stored = self.store(&fresh, &analysed.report);
            tokio::select! {
                stored = stored => Ok((stored?, analysed)),
                () = stop.cancelled() => Err(stopped()),
            }
        };
        // Beside the work, and to the end before the task's own end is written.
        let (done, ()) = tokio::join!(work, self.tell(fresh.held, finished));
        let (stored, analysed) = done?;
        if !fresh.shadows.is_empty() {
            self.shadows.begin(Trial {
                shadows: fresh.shadows,
                set: fresh.set,
                analysed,
                purl: fresh.owner.is_none().then_some(fresh.fetched.purl),
                folder: fresh.folder,
                room,
            });
        }
        Ok(stored)
    }

    /// A report over the very same input that was made before.
    async fn reuse(
        &self,
        set: &Set,
        owner: Option<KeyId>,
        reuse_key: &[u8; 32],
    ) -> Option<NewReport> {
        let row = db::answered(reports::reusable(&self.db, owner, reuse_key)).await;
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
                analysis_set: set.digest,
            })
        })
    }

    /// The pipeline, telling of each step that finished.
    fn watched(
        &self,
        task: &ClaimedTask,
        set: &Arc<Set>,
        span: &Span,
        steps: mpsc::UnboundedSender<StepInfo>,
    ) -> Pipeline {
        let (breaker, running) = (Arc::clone(&self.breaker), Arc::clone(set));
        let (metrics, tracer, parent) = (self.metrics.clone(), self.tracer.clone(), span.clone());
        let logs = self.logs.of(task, set);
        let pipeline = match &logs {
            Some(logs) => set.pipeline.clone().heard(&logs.listener()),
            None => set.pipeline.clone(),
        };
        pipeline.watched(Arc::new(move |step: &StepInfo| {
            metrics.step(step);
            if let Some(logs) = &logs {
                logs.finished(step);
            }
            if let Some(version) = running.versions.get(&step.digest) {
                breaker.count(*version, step.outcome);
            }
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
            match db::answered(events::analyzers_finished(&self.db, held, &told)).await {
                Ok(_) => self.wake(held).await,
                Err(error) => tracing::warn!(%error, "events were not written"),
            }
        }
    }

    /// What the task came to. Steps compute from their beginning to their end, each on a
    /// thread of its own: their times together are the CPU time of the task.
    fn measure(&self, report: &Report) {
        let steps = report.analyzers.iter();
        let used = steps.filter_map(|step| step.usage.duration_us).sum();
        self.metrics.task_cpu(Duration::from_micros(used));
        let ecosystem = &report.package.ecosystem;
        self.metrics.verdict(ecosystem, report.verdict.outcome);
    }

    async fn store(&self, fresh: &Fresh, report: &Report) -> Result<NewReport, JobError> {
        let bytes =
            Bytes::from(serde_json::to_vec(report).map_err(|error| JobError::report(&error))?);
        let work = self.storage.put_report(bytes);
        let stored = self.metrics.timed(Backend::Storage, "put_report", work);
        let stored = stored.await.map_err(|error| JobError::storage(&error))?;
        self.measure(report);
        let mut sha256 = [0; 32];
        // The key's own digest: hex of 32 bytes.
        hex::decode_to_slice(stored.key.digest(), &mut sha256).unwrap_or_default();
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        Ok(NewReport {
            owner: fresh.owner,
            purl: fresh.fetched.purl.clone(),
            ecosystem: report.package.ecosystem.clone(),
            full_name: fresh.fetched.full_name.clone(),
            version: report.package.version.clone(),
            verdict: reports::verdict(report.verdict.outcome).to_owned(),
            score: i32::try_from(report.verdict.score).unwrap_or(100),
            findings: count(report.findings.len()),
            sha256,
            size_bytes: i64::try_from(stored.size).unwrap_or(i64::MAX),
            reuse_key: fresh.reuse_key,
            analysis_set: fresh.set.digest,
        })
    }
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
