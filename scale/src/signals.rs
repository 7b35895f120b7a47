//! What a decision rests on.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// The queue and the pods of one pool, at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Signals {
    /// When the queue was asked. What is older than [`crate::policy::Policy::stale_after`] never scales down.
    pub measured_at: DateTime<Utc>,
    /// Tasks that can be claimed now.
    pub ready: u64,
    /// Tasks that a worker has: work in flight.
    pub leased: u64,
    /// Tasks that come due within a pod's start time.
    pub due_soon: u64,
    /// How long the oldest ready task has waited.
    pub oldest_wait: Duration,
    /// How long a task holds its slot, on average over the last minutes; none where none ended lately.
    pub service_time: Option<Duration>,
    /// Tasks that came per second, on average over the last minutes; none where that is not measured.
    pub arrivals_per_second: Option<f64>,
    /// The pods.
    pub pods: Pods,
}

/// The pods of one pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pods {
    /// As many as the Deployment wants now.
    pub wanted: u32,
    /// Those that are ready.
    pub ready: u32,
    /// Those that crash, or whose image can't be pulled.
    pub failing: u32,
    /// Those that no node has room for.
    pub unschedulable: u32,
}
