//! Tries shadows, and counts what they would have changed.
//!
//! A trial begins when its report is stored, and goes on by itself: whoever waits for the report
//! does not wait for it. It keeps the unpacked files and the memory that was reserved for them.
//! There are at most half as many trials as tasks, each has a bound in time, and none begins while
//! more than half of the memory is reserved, so that shadows that never end leave clients their
//! share of the machine; where a worker is busy with so many, the next report goes without.
//!
//! Counts are told to Postgres as those of the circuit breaker are, and lost with the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use packguard_runtime::report::{StepInfo, StepOutcome};
use packguard_runtime::{Analysed, Comparison};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::breaker::Breaker;
use super::memory::Memory;
use super::sets::{Set, Shadow};
use crate::db;
use crate::db::functions::{self, Difference, MOST_DIFFERENCES, Pair, Runs};
use crate::db::reports;

/// Pause between two tellings.
const TELL: Duration = Duration::from_secs(2);

/// Longest trial of all shadows of a package together. What was tried until then is counted.
const LONGEST: Duration = Duration::from_secs(150);

/// Rows that workers share for one pair of versions.
const SHARDS: i16 = 16;

/// What is tried on which package.
pub(super) struct Trial {
    pub shadows: Vec<Shadow>,
    /// What the report was made with.
    pub set: Arc<Set>,
    pub analysed: Analysed,
    /// What the package is listed as; `None` where nobody else may read of it.
    pub purl: Option<String>,
    /// Where its files are.
    pub folder: TempDir,
    /// The memory that was reserved for it.
    pub room: Option<OwnedSemaphorePermit>,
}

/// Runs trials, and keeps what was counted and not told yet.
pub(super) struct Shadows {
    db: PgPool,
    breaker: Arc<Breaker>,
    shard: i16,
    /// The worker's tasks: it waits for trials as for them.
    running: TaskTracker,
    free: Arc<Semaphore>,
    /// What tasks and trials are admitted by.
    memory: Memory,
    stop: CancellationToken,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    runs: BTreeMap<Pair, Runs>,
    /// Newest last.
    differences: Vec<Difference>,
}

impl Shadows {
    /// At most `most` trials at a time, and at least one; `stop` ends them.
    pub fn new(
        db: &PgPool,
        breaker: &Arc<Breaker>,
        running: &TaskTracker,
        memory: &Memory,
        most: usize,
        stop: CancellationToken,
    ) -> Self {
        Self {
            db: db.clone(),
            breaker: Arc::clone(breaker),
            shard: fastrand::i16(0..SHARDS),
            running: running.clone(),
            free: Arc::new(Semaphore::new(most.max(1))),
            memory: memory.clone(),
            stop,
            counts: Mutex::default(),
        }
    }

    /// Begins a trial.
    pub fn begin(self: &Arc<Self>, trial: Trial) {
        // What is reserved for the trial counts: it is kept until the end.
        if self.memory.is_scarce() {
            tracing::debug!("no shadow is tried: memory is scarce");
            return;
        }
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            tracing::debug!("no shadow is tried: there are enough trials");
            return;
        };
        let this = Arc::clone(self);
        self.running.spawn(async move {
            let stop = this.stop.child_token();
            let running = this.run(trial, &stop);
            tokio::pin!(running);
            let ended = tokio::time::timeout(LONGEST, &mut running).await;
            if ended.is_err() {
                tracing::debug!("shadows are not tried any longer: it took too long");
                // Its steps end within moments; only then may the files go.
                stop.cancel();
                running.await;
            }
            drop(permit);
        });
    }

    async fn run(&self, trial: Trial, stop: &CancellationToken) {
        let Trial {
            shadows,
            set,
            analysed,
            purl,
            folder,
            room,
        } = trial;
        for shadow in shadows {
            if stop.is_cancelled() {
                break;
            }
            let compared = set.pipeline.shadow(&analysed, &shadow.component, stop);
            let compared = compared.await;
            let Some(compared) = compared else { continue };
            if let Some(step) = &compared.shadow {
                self.breaker.count(shadow.version, step.outcome);
            }
            let against = compared.against.as_ref();
            let against = against.and_then(|step| set.versions.get(&step.digest).copied());
            self.count((shadow.version, against), &compared, purl.as_deref());
        }
        drop((analysed, folder, room));
    }

    fn count(
        &self,
        (version, against): (i64, Option<i64>),
        compared: &Comparison,
        purl: Option<&str>,
    ) {
        let pair = Pair {
            version,
            against,
            before: reports::verdict(compared.before.outcome),
            after: reports::verdict(compared.after.outcome),
        };
        let score = |score: u32| i16::try_from(score).unwrap_or(100);
        let differs =
            pair.before != pair.after || !compared.added.is_empty() || !compared.removed.is_empty();
        let difference = purl.filter(|_| differs).map(|purl| Difference {
            pair,
            purl: purl.to_owned(),
            scores: (score(compared.before.score), score(compared.after.score)),
            added: compared.added.clone(),
            removed: compared.removed.clone(),
        });
        self.add(Counts {
            runs: BTreeMap::from([(pair, runs(compared))]),
            differences: difference.into_iter().collect(),
        });
    }

    fn add(&self, more: Counts) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (pair, runs) in &more.runs {
            counts.runs.entry(*pair).or_default().add(runs);
        }
        counts.differences.extend(more.differences);
        // While Postgres is away they pile up; more than these it would not keep.
        let most = usize::try_from(MOST_DIFFERENCES).unwrap_or(usize::MAX);
        let excess = counts.differences.len().saturating_sub(most);
        counts.differences.drain(..excess);
    }

    /// Tells until `stop`, and once more then.
    pub async fn follow(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(TELL) => {}
            }
            self.tell().await;
        }
    }

    async fn tell(&self) {
        let counts = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *counts)
        };
        if counts.runs.is_empty() {
            return;
        }
        let Counts { runs, differences } = &counts;
        let added = functions::add_runs(&self.db, self.shard, runs, differences);
        if let Err(error) = db::answered(added).await {
            tracing::warn!(%error, "trials of shadows were not counted yet");
            self.add(counts);
        }
    }
}

/// One run, as it is counted.
fn runs(compared: &Comparison) -> Runs {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let answered = |step: &&StepInfo| step.outcome == StepOutcome::Ok;
    let tried = compared.shadow.as_ref();
    let mut runs = Runs {
        runs: 1,
        failures: i64::from(tried.is_some_and(|step| !answered(&step))),
        added: count(compared.added.values().sum()),
        removed: count(compared.removed.values().sum()),
        ..Runs::default()
    };
    let against = compared.against.as_ref().filter(answered);
    if let (Some(step), Some(against)) = (tried.filter(answered), against) {
        let (used, used_against) = (step.usage, against.usage);
        runs.compared = 1;
        runs.time_us = count(used.duration_us.unwrap_or(0));
        runs.time_us_against = count(used_against.duration_us.unwrap_or(0));
        runs.fuel = count(used.fuel);
        runs.fuel_against = count(used_against.fuel);
        runs.memory = count(used.peak_memory);
        runs.memory_against = count(used_against.peak_memory);
    }
    runs
}
