//! The decision: pure, so that it can be tested, simulated and explained.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::signals::Signals;

/// What was done lately. Kept in the pool's status, so that the next leader goes on where the last one was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Since when fewer pods would have been enough.
    pub quiet_since: Option<DateTime<Utc>>,
    /// When pods were last taken away.
    pub last_down: Option<DateTime<Utc>>,
    /// When the running minute of growth began, and from how many pods.
    pub growth_began: Option<DateTime<Utc>>,
    /// See [`Self::growth_began`].
    pub growth_from: u32,
}

/// How many pods there should be, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// As many pods.
    pub desired: u32,
    /// Why, for a person: `queue: 431+96 over 8/pod`.
    pub reason: String,
    /// To be handed to the next call.
    pub history: History,
}

/// How many pods there should be.
#[must_use]
pub fn decide(
    signals: &Signals,
    policy: &Policy,
    history: &History,
    now: DateTime<Utc>,
) -> Decision {
    let _ = (policy, now);
    Decision {
        desired: signals.pods.wanted,
        reason: String::from("not decided"),
        history: history.clone(),
    }
}
