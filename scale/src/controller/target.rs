//! How many pods a pool is to have: by its policy, by hand, or as many as it has.

use chrono::{DateTime, Utc};

use crate::crd::Override;
use crate::decide::History;
use crate::signals::{Pods, Signals};

use super::plan::{Decide, Seen};
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
pub(super) fn target(
    seen: &Seen<'_>,
    manual: Option<&Override>,
    decide: Decide,
    now: DateTime<Utc>,
) -> Target {
    let held = |reason: String, why: &'static str| Target {
        desired: seen.pods.wanted,
        scaling: (false, why, reason.clone()),
        reason,
        history: seen.before.history.clone(),
    };
    if let Some(manual) = manual {
        return by_hand(seen, manual);
    }
    if let Some(other) = seen.class_taken_by {
        let class = seen.pool.spec.class.name();
        return held(format!("held: {other} scales class {class}"), "ClassTaken");
    }
    if seen.pool.spec.paused {
        return held(String::from("paused"), "Paused");
    }
    let Some(queue) = seen.queue else {
        let error = seen.queue_error.unwrap_or("not asked yet");
        let mut target = held(format!("held: no word of the queue: {error}"), "NoSignals");
        target.desired = target
            .desired
            .max(seen.pool.spec.min)
            .min(seen.pool.spec.max);
        return target;
    };
    let decided = decide(
        &signals(queue, seen.pods),
        &seen.pool.spec.policy(),
        &seen.before.history,
        now,
    );
    let desired = decided.desired.min(seen.pool.spec.max).min(1000);
    // Whatever the decision makes of old numbers: without a queue that answers, no pod goes.
    if let Some(error) = seen.queue_error
        && desired < seen.pods.wanted
    {
        return held(
            format!("held: the queue can't be asked: {error}"),
            "NoSignals",
        );
    }
    if let Some(complaint) = hopeless(seen)
        && desired > seen.pods.wanted
    {
        let reason = format!("held: no pod gets ready: {}", complaint.reason);
        return held(reason, "PodsFail");
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
