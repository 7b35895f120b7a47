//! Counts how the steps of deployed functions end, for the circuit breaker.
//!
//! Counted here and told to Postgres every few seconds, where the counts of all workers come
//! together and decide. What is counted and not told yet is lost with the process: the others'
//! counts are as good.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use packguard_runtime::report::StepOutcome;
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::db;
use crate::db::functions;

/// Pause between two tellings.
const TELL: Duration = Duration::from_secs(2);

/// Pause between two looks for counts that are too old.
const FORGET: Duration = Duration::from_secs(60);

/// Rows that workers share for one version and minute.
const SHARDS: i16 = 16;

/// What was counted and not told yet.
pub(super) struct Breaker {
    db: PgPool,
    shard: i16,
    /// By version: runs, and those that failed.
    counts: Mutex<BTreeMap<i64, (i64, i64)>>,
}

impl Breaker {
    pub fn new(db: PgPool) -> Self {
        Self {
            db,
            shard: fastrand::i16(0..SHARDS),
            counts: Mutex::default(),
        }
    }

    /// A step of a version ended.
    pub fn count(&self, version: i64, outcome: StepOutcome) {
        // Not what it answered itself, and not what the host refused it: that may be the host's
        // own fault.
        let failed = match outcome {
            StepOutcome::Trap
            | StepOutcome::OutOfMemory
            | StepOutcome::OutOfTime
            | StepOutcome::OutputLimit => 1,
            StepOutcome::Cancelled => return,
            _ => 0,
        };
        self.add(version, (1, failed));
    }

    fn add(&self, version: i64, (runs, failures): (i64, i64)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(version).or_default();
        *count = (count.0 + runs, count.1 + failures);
    }

    /// Tells until `stop`, and once more then.
    pub async fn follow(&self, stop: CancellationToken) {
        let mut forgotten = Instant::now();
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(TELL) => {}
            }
            self.tell().await;
            if forgotten.elapsed() >= FORGET {
                forgotten = Instant::now();
                if let Err(error) = db::answered(functions::forget_runs(&self.db)).await {
                    tracing::warn!(%error, "old counts of runs were not deleted");
                }
            }
        }
    }

    async fn tell(&self) {
        let mut counts = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *counts)
        };
        while let Some((version, count)) = counts.pop_first() {
            match functions::count_runs(&self.db, version, self.shard, count).await {
                Ok(None) => {}
                Ok(Some(tripped)) => {
                    let functions::Tripped {
                        name,
                        version,
                        reason,
                    } = tripped;
                    tracing::error!(name, version, reason, "a deployed function was disabled");
                }
                Err(error) => {
                    tracing::warn!(%error, "runs of functions were not counted yet");
                    self.add(version, count);
                    // A database that is silent is waited for once, not for each version.
                    for (version, count) in counts {
                        self.add(version, count);
                    }
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use sqlx::postgres::PgPoolOptions;

    use super::*;

    #[tokio::test]
    async fn a_silent_database_is_waited_for_once_and_no_count_is_lost() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        silent.set_nonblocking(true).unwrap();
        let url = format!("postgres://nobody@{}/none", silent.local_addr().unwrap());
        let pool = PgPoolOptions::new()
            .acquire_timeout(Duration::from_millis(200))
            .connect_lazy(&url)
            .unwrap();
        let breaker = Breaker::new(pool);
        let counted = [(1, (5, 2)), (2, (7, 0)), (3, (1, 1))];
        for (version, count) in counted {
            breaker.add(version, count);
        }
        breaker.tell().await;
        assert_eq!(*breaker.counts.lock().unwrap(), BTreeMap::from(counted));
        let asked = std::iter::from_fn(|| silent.accept().ok()).count();
        assert_eq!(asked, 1);
    }
}
