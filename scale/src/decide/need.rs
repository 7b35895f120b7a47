//! How many pods the work needs, before any limit.

use std::time::Duration;

use super::erlang;
use super::limits::short;
use crate::policy::{MOST_PODS, MOST_SLOTS, Policy, Rule};
use crate::service::DEFAULT_MEAN;
use crate::signals::Signals;

/// How many, and what for.
pub(super) struct Need {
    pub(super) pods: u32,
    pub(super) because: String,
}

/// A tenth of a millisecond: nothing is faster, and nothing is divided by zero.
const SHORTEST_SERVICE: Duration = Duration::from_micros(100);

/// How many pods the work needs: by the policy's rule, at least one where there is any work, and never fewer than what
/// is in flight fills.
pub(super) fn need(signals: &Signals, policy: &Policy) -> Need {
    let per_pod = u64::from(policy.slots_per_pod.clamp(1, MOST_SLOTS));
    let work = work(signals);
    if work == 0 && !expected(signals, policy) {
        return Need {
            pods: 0,
            because: String::from("idle: nothing ready, leased or due"),
        };
    }
    let (slots, because) = match policy.rule {
        Rule::TargetWait(target) => target_wait(signals, target, per_pod),
        Rule::PlanSteps => (plan_steps(work), queue(signals, per_pod)),
        Rule::ArchitectureSteps => (architecture_steps(work), queue(signals, per_pod)),
    };
    let pods = slots.max(signals.leased).max(1).div_ceil(per_pod);
    Need {
        pods: u32::try_from(pods).unwrap_or(u32::MAX),
        because,
    }
}

/// All that is or will shortly be in hand.
fn work(signals: &Signals) -> u64 {
    signals
        .ready
        .saturating_add(signals.leased)
        .saturating_add(signals.due_soon)
}

/// Whether a task is likely to come before the last pod could go: then it would only be started again.
fn expected(signals: &Signals, policy: &Policy) -> bool {
    arrivals(signals).is_some_and(|rate| rate * policy.quiet_window.as_secs_f64() >= 1.0)
}

/// The rate, where it is one.
fn arrivals(signals: &Signals) -> Option<f64> {
    signals
        .arrivals_per_second
        .filter(|rate| rate.is_finite() && *rate > 0.0)
}

/// The larger of two numbers of slots:
///
/// - **the backlog**: `c` slots start `c` tasks at once and another `c` per service time, so within the target T they
///   start `c × (1 + T/S)`. To have all that is ready, leased and due under way by then takes `c = work / (1 + T/S)`.
///   What the oldest task has waited is taken off T, down to half: late work is caught up with, but one task that is
///   stuck must not ask for a slot for each other one.
/// - **the stream**: what Erlang's formula asks for at the rate at which tasks arrive. Where that is not known, what is
///   in flight stands for it, as by Little's law that is the rate times the service time.
fn target_wait(signals: &Signals, target: Duration, per_pod: u64) -> (u64, String) {
    let service = signals
        .service_time
        .unwrap_or(DEFAULT_MEAN)
        .max(SHORTEST_SERVICE);
    let seconds = service.as_secs_f64();
    let late = signals.oldest_wait > target;
    let left = target.saturating_sub(signals.oldest_wait).max(target / 2);
    let backlog = (work(signals) as f64 / (1.0 + left.as_secs_f64() / seconds)).ceil() as u64;
    let load = arrivals(signals).map_or(signals.leased as f64, |rate| rate * seconds);
    let most = u64::from(MOST_PODS) * per_pod;
    let stream = erlang::slots(load, seconds, target.as_secs_f64(), most);
    let because = match signals.arrivals_per_second {
        Some(rate) if stream > backlog.max(signals.leased) => {
            format!(
                "arrivals: {rate:.1}/s of {} over {per_pod}/pod",
                short(service)
            )
        }
        _ => queue(signals, per_pod),
    };
    let because = if late {
        format!(
            "{because}, oldest waits {} of {}",
            short(signals.oldest_wait),
            short(target)
        )
    } else {
        because
    };
    (backlog.max(stream), because)
}

/// `queue: 431+96 over 8/pod`
fn queue(signals: &Signals, per_pod: u64) -> String {
    let due = if signals.due_soon > 0 {
        format!("+{} due", signals.due_soon)
    } else {
        String::new()
    };
    format!(
        "queue: {}+{}{due} over {per_pod}/pod",
        signals.ready, signals.leased
    )
}

/// The old plan's table, in one-task workers. Its one worker for an empty queue is left to the policy's minimum.
pub(super) fn plan_steps(tasks: u64) -> u64 {
    match tasks {
        0 => 0,
        1..=10 => 1,
        11..=50 => 5,
        51..=200 => 20,
        201..=500 => 50,
        501..=1000 => 100,
        _ => tasks.div_ceil(10),
    }
}

/// The old architecture's table, in one-task workers.
pub(super) fn architecture_steps(tasks: u64) -> u64 {
    match tasks {
        0 => 0,
        1..=9 => 1,
        10..=49 => tasks.div_ceil(10),
        50..=199 => tasks.div_ceil(5),
        _ => tasks.div_ceil(2),
    }
}
