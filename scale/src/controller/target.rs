//! How many pods a pool is to have: by its policy, by hand, or as many as it has.

use chrono::{DateTime, Utc};

use crate::crd::Override;
use crate::decide::{History, decide};
use crate::signals::{Pods, Signals};

use super::plan::Seen;
use super::source::QueueSignals;
use super::view::Complaint;

/// A number of pods and why.
pub(super) struct Target {
    pub desired: u32,
    pub reason: String,
    pub history: History,
    /// Whether the decision, not a person or a failure, brought it about; and what did.
    pub scaling: (bool, &'static str, String),
}

/// How many pods a pool is to have.
pub(super) fn target(seen: &Seen<'_>, manual: Option<&Override>, now: DateTime<Utc>) -> Target {
    let wanted = seen.pods.wanted;
    let held = |why: &'static str, reason: String, history: History| Target {
        desired: wanted,
        scaling: (false, why, reason.clone()),
        reason,
        history,
    };
    // Where the work was not looked at, a quiet time has to begin anew, as where decide() holds a number.
    let unquiet = || {
        let mut history = seen.before.history.clone();
        history.restless();
        history
    };
    if let Some(manual) = manual {
        return by_hand(seen, manual);
    }
    if let Some(other) = seen.class_taken_by {
        let class = seen.pool.spec.class.name();
        let reason = format!("held: {other} scales class {class}");
        return held("ClassTaken", reason, unquiet());
    }
    if seen.pool.spec.paused {
        return held("Paused", String::from("paused"), unquiet());
    }
    let signals = seen.queue.map_or_else(
        || Signals::missing(seen.pods),
        |queue| signals(queue, seen.pods),
    );
    let before = &seen.before.history;
    let decided = decide(&signals, &seen.pool.spec.policy(), before, now);
    let desired = decided.desired;
    if seen.queue.is_none() {
        let error = seen.queue_error.unwrap_or("not asked yet");
        let reason = format!("held: no word of the queue: {error}");
        return Target {
            desired,
            ..held("NoSignals", reason, decided.history)
        };
    }
    // Whatever the decision makes of numbers that are not stale yet: without a queue that answers, no pod goes.
    if let Some(error) = seen.queue_error
        && desired < wanted
    {
        let reason = format!("held: the queue can't be asked: {error}");
        return held("NoSignals", reason, before.clone());
    }
    if let Some(complaint) = hopeless(seen)
        && decided.needed.max(desired) > wanted
    {
        let reason = format!("held: no pod gets ready: {}", complaint.reason);
        return held("PodsFail", reason, unquiet());
    }
    Target {
        desired,
        scaling: (
            true,
            "ByPolicy",
            String::from("the number of pods follows from the work"),
        ),
        reason: decided.reason,
        history: decided.history,
    }
}

/// More pods of an image of which none gets ready are no help.
fn hopeless<'a>(seen: &'a Seen<'_>) -> Option<&'a Complaint> {
    let complaint = seen.failing.as_ref().or(seen.stuck.as_ref())?;
    (seen.pods.wanted > 0 && seen.pods.ready == 0).then_some(complaint)
}

/// The number that a person asked for: at once where it is more; where it is less, as work in hand ends.
fn by_hand(seen: &Seen<'_>, manual: &Override) -> Target {
    let wanted = seen.pods.wanted;
    let asked = manual.replicas.min(seen.pool.spec.max);
    let desired = if asked >= wanted {
        asked
    } else {
        seen.busy.map_or(wanted, |busy| asked.max(busy)).min(wanted)
    };
    let mut reason = match manual.expires {
        Some(expires) => format!(
            "manual: {} until {}",
            manual.replicas,
            expires.format("%Y-%m-%dT%H:%MZ")
        ),
        None => format!("manual: {}", manual.replicas),
    };
    if desired > asked {
        reason.push_str(if seen.busy.is_some() {
            "; the rest has work in hand"
        } else {
            "; held: not known which pods have work in hand"
        });
    }
    Target {
        desired,
        scaling: (false, "Manual", reason.clone()),
        reason,
        history: History::default(),
    }
}

fn signals(queue: &QueueSignals, pods: Pods) -> Signals {
    Signals {
        measured_at: queue.measured_at,
        ready: queue.ready,
        leased: queue.leased,
        due_soon: queue.due_soon,
        oldest_wait: queue.oldest_wait,
        service_time: queue.service_time,
        arrivals_per_second: queue.arrivals_per_second,
        pods,
    }
}
