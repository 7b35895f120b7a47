//! How a pool is scaled: the part of a `RuntimePool` that an admin writes.

use std::time::Duration;

/// How a pool is scaled.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// How the number of pods follows from the work.
    pub rule: Rule,
    /// Never fewer pods.
    pub min: u32,
    /// Never more pods; at most 1000.
    pub max: u32,
    /// Tasks that a pod works on at once.
    pub slots_per_pod: u32,
    /// At most so many pods more, or so many percent more, per minute: the larger of the two.
    pub up: UpLimit,
    /// At most so many pods fewer per [`Self::down_every`].
    pub down_pods: u32,
    /// See [`Self::down_pods`].
    pub down_every: Duration,
    /// How long fewer pods must have been enough before any goes.
    pub quiet_window: Duration,
    /// Older signals never scale down.
    pub stale_after: Duration,
    /// The number stays as it is.
    pub paused: bool,
}

/// How the number of pods follows from the work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Enough slots that 95 of 100 tasks wait no longer than this, from the measured service time.
    TargetWait(Duration),
    /// The step table of the old plan: 0-10 tasks 1 worker, 11-50: 5, 51-200: 20, 201-500: 50, 501-1000: 100,
    /// above: one per 10. Its workers ran one task each; they are converted to slots.
    PlanSteps,
    /// The step table of the old architecture: under 10 tasks 1 worker, under 50: n/10, under 200: n/5, else n/2.
    ArchitectureSteps,
}

/// How fast a pool may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpLimit {
    /// Pods per minute.
    pub pods: u32,
    /// Percent of the pods that there are, per minute.
    pub percent: u32,
}
