//! The decision: pure, so that it can be tested, simulated and explained.
//!
//! Four questions, in this order: may anything change at all (paused, stale)? How many pods does the work need
//! (the `need` module)? Do they lie within the bounds? How much of the change may happen now (the `limits` module)?

mod erlang;
mod limits;
mod need;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::signals::Signals;
use need::need;

/// What was done lately. Kept in the pool's status, so that the next leader goes on where the last one was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Since when fewer pods would have been enough.
    pub quiet_since: Option<DateTime<Utc>>,
    /// The most pods that were needed at any time since then: no step down goes below.
    #[serde(default)]
    pub quiet_peak: u32,
    /// When pods were last taken away.
    pub last_down: Option<DateTime<Utc>>,
    /// When the oldest growth of the last minute happened, and from how many pods.
    pub growth_began: Option<DateTime<Utc>>,
    /// See [`Self::growth_began`].
    pub growth_from: u32,
    /// The later growths of the last minute. Without them, the end of one minute and the start of the next would allow
    /// twice the limit within seconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub growth_later: Vec<Growth>,
}

/// Once that pods were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Growth {
    /// When.
    pub at: DateTime<Utc>,
    /// How many there were before.
    pub from: u32,
}

/// How many pods there should be, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// As many pods.
    pub desired: u32,
    /// As many as the work needs within the bounds, before what limits the change; where nothing is known, `desired`.
    pub needed: u32,
    /// Why, for a person: `queue: 431+96 over 8/pod`.
    pub reason: String,
    /// To be handed to the next call.
    pub history: History,
}

/// How many pods there should be.
///
/// `signals.pods.wanted` is where the decision starts from; a number set by hand is respected as that, and left by the
/// usual steps. It never panics, also with a policy that [`Policy::validate`] refuses.
#[must_use]
pub fn decide(
    signals: &Signals,
    policy: &Policy,
    history: &History,
    now: DateTime<Utc>,
) -> Decision {
    let mut history = history.settled(now);
    let wanted = signals.pods.wanted;
    if policy.paused {
        history.restless();
        return Decision {
            desired: wanted,
            needed: wanted,
            reason: format!("paused at {wanted}"),
            history,
        };
    }
    // As with the HorizontalPodAutoscaler, the bounds are an admin's word and hold at once. Pods above a lowered
    // maximum drain, so the work in flight is not lost; it would never come down if the work could hold it up.
    let (min, max) = policy.bounds();
    let start = wanted.clamp(min, max);
    if let Some(why) = not_to_be_trusted(signals, policy, now) {
        history.restless();
        history.grew(wanted, start, now);
        return Decision {
            desired: start,
            needed: start,
            reason: format!("{why}: kept at {start}"),
            history,
        };
    }
    let need = need(signals, policy);
    let asked = need.pods.clamp(min, max);
    let (desired, limit) = if asked > start {
        limits::grow(signals, policy, &mut history, start, asked)
    } else if asked < start {
        limits::shrink(policy, &mut history, start, asked, now)
    } else {
        history.restless();
        (start, None)
    };
    let limit = limit.or_else(|| limits::bound(need.pods, min, max));
    history.grew(wanted, desired, now);
    Decision {
        desired,
        needed: asked,
        reason: [Some(need.because), limit, failing(signals)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; "),
        history,
    }
}

/// Why the signals say nothing about now.
fn not_to_be_trusted(signals: &Signals, policy: &Policy, now: DateTime<Utc>) -> Option<String> {
    if signals.measured_at == DateTime::<Utc>::MIN_UTC {
        return Some(String::from("no signals"));
    }
    let age = limits::elapsed(signals.measured_at, now);
    if age > policy.stale_after {
        return Some(format!("signals are {} old", limits::short(age)));
    }
    let ahead = limits::elapsed(now, signals.measured_at);
    (ahead > policy.stale_after)
        .then(|| format!("signals are {} ahead of the clock", limits::short(ahead)))
}

/// A word on pods that fail, whatever was decided.
fn failing(signals: &Signals) -> Option<String> {
    let pods = signals.pods;
    (pods.failing > 0).then(|| format!("{} of {} pods fail", pods.failing, pods.wanted))
}
