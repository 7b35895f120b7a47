//! What holds for any signals, policy and history.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::limits::step;
use super::{Growth, History, decide};
use crate::policy::{Policy, Rule, UpLimit};
use crate::signals::{Pods, Signals};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

prop_compose! {
    fn any_policy()(
        rule in prop_oneof![
            (1u64..600).prop_map(|target| Rule::TargetWait(Duration::from_secs(target))),
            Just(Rule::PlanSteps),
            Just(Rule::ArchitectureSteps),
        ],
        (min, max) in (0u32..=1000).prop_flat_map(|max| (0..=max, Just(max))),
        slots_per_pod in 1u32..64,
        pods in 0u32..50,
        percent in 1u32..300,
        down_pods in 1u32..20,
        down_every in 0u64..1200,
        quiet_window in 0u64..1200,
    ) -> Policy {
        Policy {
            rule, min, max, slots_per_pod, up: UpLimit { pods, percent }, down_pods,
            down_every: Duration::from_secs(down_every),
            quiet_window: Duration::from_secs(quiet_window),
            ..Policy::default()
        }
    }
}

/// Times around zero seconds, also ahead of it.
fn any_time() -> impl Strategy<Value = DateTime<Utc>> {
    (-3000i64..300).prop_map(at)
}

prop_compose! {
    fn any_history()(
        quiet_since in prop::option::of(any_time()),
        quiet_peak in 0u32..1000,
        last_down in prop::option::of(any_time()),
        growth_began in prop::option::of(any_time()),
        growth_from in 0u32..1000,
        later in prop::collection::vec((any_time(), 0u32..1000), 0..14),
    ) -> History {
        History {
            quiet_since, quiet_peak, last_down, growth_began, growth_from,
            growth_later: later.into_iter().map(|(at, from)| Growth { at, from }).collect(),
        }
    }
}

prop_compose! {
    /// Measured at zero seconds.
    fn any_signals()(
        ready in prop_oneof![0u64..5, 0u64..20_000],
        leased in prop_oneof![0u64..5, 0u64..20_000],
        due_soon in prop_oneof![Just(0u64), 0u64..1000],
        wait in 0u64..3600,
        service in prop::option::of(0u64..60_000),
        arrivals in prop::option::of(0f64..1000.0),
        wanted in 0u32..=1000,
        (ready_pods, failing, unschedulable) in (0u32..=1000, prop_oneof![Just(0u32), 0u32..=1000], prop_oneof![Just(0u32), 0u32..=1000]),
    ) -> Signals {
        Signals {
            measured_at: at(0), ready, leased, due_soon,
            oldest_wait: Duration::from_secs(wait),
            service_time: service.map(Duration::from_millis),
            arrivals_per_second: arrivals,
            pods: Pods { wanted, ready: ready_pods.min(wanted), failing: failing.min(wanted), unschedulable: unschedulable.min(wanted) },
        }
    }
}

/// The load alone, with pods that all work.
fn with_pods(load: &Signals, now: DateTime<Utc>, pods: u32) -> Signals {
    Signals {
        measured_at: now,
        pods: Pods {
            wanted: pods,
            ready: pods,
            failing: 0,
            unschedulable: 0,
        },
        ..load.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn within_the_bounds(signals in any_signals(), policy in any_policy(), history in any_history()) {
        let desired = decide(&signals, &policy, &history, at(0)).desired;
        prop_assert!((policy.min..=policy.max).contains(&desired), "{desired}");
    }

    #[test]
    fn more_load_never_means_fewer_pods(
        signals in any_signals(), policy in any_policy(), history in any_history(),
        (ready, leased, due) in (0u64..2000, 0u64..2000, 0u64..200), wait in 0u64..600, faster in 1.0f64..3.0,
    ) {
        let more = Signals {
            ready: signals.ready + ready,
            leased: signals.leased + leased,
            due_soon: signals.due_soon + due,
            oldest_wait: signals.oldest_wait + Duration::from_secs(wait),
            arrivals_per_second: signals.arrivals_per_second.map(|rate| rate * faster),
            ..signals.clone()
        };
        let less = decide(&signals, &policy, &history, at(0));
        let more = decide(&more, &policy, &history, at(0));
        prop_assert!(less.desired <= more.desired, "{less:?} {more:?}");
    }

    #[test]
    fn never_taken_away_below_work_in_flight(signals in any_signals(), policy in any_policy(), history in any_history()) {
        let desired = decide(&signals, &policy, &history, at(0)).desired;
        let filled = signals.leased.div_ceil(u64::from(policy.slots_per_pod));
        let wanted = signals.pods.wanted.min(policy.max);
        prop_assert!(desired >= wanted || u64::from(desired) >= filled, "{desired} of {wanted}, {filled} are full");
    }

    #[test]
    fn stale_never_down(
        signals in any_signals(), policy in any_policy(), history in any_history(),
        age in prop_oneof![61i64..100_000, -100_000i64..-60],
    ) {
        let signals = Signals { measured_at: at(-age), ..signals };
        let wanted = signals.pods.wanted.min(policy.max);
        prop_assert!(decide(&signals, &policy, &history, at(0)).desired >= wanted);
    }

    #[test]
    fn none_only_when_nothing_is_left(signals in any_signals(), policy in any_policy(), history in any_history()) {
        let policy = Policy { max: policy.max.max(1), ..policy };
        let broken = signals.pods.ready == 0 && signals.pods.failing > 0;
        if decide(&signals, &policy, &history, at(0)).desired == 0 {
            prop_assert_eq!(signals.ready + signals.leased + signals.due_soon, 0, "broken: {}", broken);
        }
    }

    #[test]
    fn growth_keeps_to_its_limit_in_every_minute(
        policy in any_policy(), first in 0u32..=1000,
        calls in prop::collection::vec((0i64..40, any_signals()), 1..80),
    ) {
        let mut pods = first.clamp(policy.min, policy.max);
        let mut history = History::default();
        let mut now = 0;
        let mut made = vec![(now, pods)];
        for (pause, load) in calls {
            now += pause;
            let decision = decide(&with_pods(&load, at(now), pods), &policy, &history, at(now));
            (pods, history) = (decision.desired, decision.history);
            made.push((now, pods));
            for (then, before) in made.iter().filter(|(then, _)| now - then < 60) {
                let most = (before + step(policy.up, *before)).max(policy.min);
                prop_assert!(pods <= most, "{before} at {then} s, {pods} at {now} s, {most} allowed");
            }
        }
    }

    #[test]
    fn down_keeps_to_its_limit(
        policy in any_policy(), first in 0u32..=1000,
        calls in prop::collection::vec((1i64..400, any_signals()), 1..40),
    ) {
        let mut pods = first.clamp(policy.min, policy.max);
        let mut history = History::default();
        let mut now = 0;
        let mut last_down = None;
        for (pause, load) in calls {
            now += pause;
            let decision = decide(&with_pods(&load, at(now), pods), &policy, &history, at(now));
            if decision.desired < pods {
                prop_assert!(pods - decision.desired <= policy.down_pods);
                prop_assert!(now >= i64::try_from(policy.quiet_window.as_secs()).unwrap());
                if let Some(last) = last_down {
                    prop_assert!(now - last >= i64::try_from(policy.down_every.as_secs()).unwrap());
                }
                last_down = Some(now);
            }
            (pods, history) = (decision.desired, decision.history);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// A load that stays is met in one direction, and then nothing moves.
    #[test]
    fn no_flapping(load in any_signals(), policy in any_policy(), history in any_history(), first in 0u32..=1000) {
        let policy = Policy {
            quiet_window: Duration::from_secs(60), down_every: Duration::from_secs(60), down_pods: 20, ..policy
        };
        let (mut pods, mut history) = (first.clamp(policy.min, policy.max), history);
        let mut numbers = vec![pods];
        for minute in 1..1200 {
            let now = at(0) + TimeDelta::minutes(minute);
            let decision = decide(&with_pods(&load, now, pods), &policy, &history, now);
            (pods, history) = (decision.desired, decision.history);
            numbers.push(pods);
        }
        prop_assert!(numbers.is_sorted() || numbers.iter().rev().is_sorted(), "{numbers:?}");
        prop_assert!(numbers[1100..].iter().all(|number| *number == pods), "{numbers:?}");
    }
}
