//! How a pool is scaled: the part of a `RuntimePool` that an admin writes.

mod validate;

use std::time::Duration;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use validate::Problem;

/// As many pods may a pool have.
pub const MOST_PODS: u32 = 1000;
/// As many slots may a pod have: more than any node has cores.
pub const MOST_SLOTS: u32 = 1024;

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

/// A rule as pools and command lines name it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum RuleName {
    /// Enough slots that 95 of 100 tasks wait no longer than the target
    #[default]
    TargetWait,
    /// The old plan's step table
    Plan,
    /// The old architecture's step table
    Architecture,
}

impl RuleName {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TargetWait => "target-wait",
            Self::Plan => "plan",
            Self::Architecture => "architecture",
        }
    }

    /// The rule; a target goes with `target-wait` only.
    #[must_use]
    pub const fn rule(self, target: Duration) -> Rule {
        match self {
            Self::TargetWait => Rule::TargetWait(target),
            Self::Plan => Rule::PlanSteps,
            Self::Architecture => Rule::ArchitectureSteps,
        }
    }
}

/// How fast a pool may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpLimit {
    /// Pods per minute.
    pub pods: u32,
    /// Percent of the pods that there are, per minute.
    pub percent: u32,
}

impl Default for Policy {
    /// The limits of the old design documents, and a target that a person waits for without wondering.
    fn default() -> Self {
        Self {
            rule: Rule::TargetWait(Duration::from_secs(10)),
            min: 0,
            max: MOST_PODS,
            slots_per_pod: 2,
            up: UpLimit {
                pods: 10,
                percent: 100,
            },
            down_pods: 1,
            down_every: Duration::from_secs(600),
            quiet_window: Duration::from_secs(600),
            stale_after: Duration::from_secs(60),
            paused: false,
        }
    }
}

impl Policy {
    /// Fewest and most pods, in this order also where the policy has them the other way round: the maximum, which is
    /// what costs money, then holds.
    #[must_use]
    pub fn bounds(&self) -> (u32, u32) {
        let max = self.max.min(MOST_PODS);
        (self.min.min(max), max)
    }
}
