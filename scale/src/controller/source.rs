//! What the controller has to be told: it asks neither Redis nor Postgres itself.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::crd::Class;

/// The queue of one class, at one time. See [`crate::signals::Signals`], which these become a part of.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSignals {
    /// When the queue was asked.
    pub measured_at: DateTime<Utc>,
    /// Tasks that can be claimed now.
    pub ready: u64,
    /// Tasks that a worker has.
    pub leased: u64,
    /// Tasks that come due within a pod's start time.
    pub due_soon: u64,
    /// How long the oldest ready task has waited.
    pub oldest_wait: Duration,
    /// How long a task holds its slot, on average over the last minutes.
    pub service_time: Option<Duration>,
    /// Tasks that came per second, on average over the last minutes; none where that is not measured.
    pub arrivals_per_second: Option<f64>,
    /// 95 of 100 tasks waited no longer than this, over the last minutes. Shown, not decided by.
    pub wait_p95: Option<Duration>,
}

/// Why the queue could not be asked, for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// Tells the controller of the queue.
pub trait SignalSource: Send + Sync {
    /// The queue of a class.
    ///
    /// # Errors
    ///
    /// The queue can't be asked: nothing is scaled down until it can.
    fn signals(
        &self,
        class: Class,
    ) -> impl Future<Output = Result<QueueSignals, SourceError>> + Send;

    /// The names of workers that have a task, of whatever class. A worker is named after its pod, with or without
    /// `/process` behind it.
    ///
    /// # Errors
    ///
    /// As [`Self::signals`].
    fn busy_workers(&self) -> impl Future<Output = Result<BTreeSet<String>, SourceError>> + Send;
}

/// The pod that a worker runs in.
pub(super) fn pod_of(worker: &str) -> &str {
    worker.split_once('/').map_or(worker, |(pod, _)| pod)
}
