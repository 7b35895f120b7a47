//! Each rule, by table.

mod limits;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::need::{architecture_steps, plan_steps};
use super::{Decision, History, decide};
use crate::policy::{Policy, Rule, UpLimit};
use crate::signals::{Pods, Signals};

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    start() + TimeDelta::seconds(seconds)
}

/// So many ready and leased tasks, and so many pods that all work.
fn signals(ready: u64, leased: u64, pods: u32) -> Signals {
    Signals {
        measured_at: start(),
        ready,
        leased,
        service_time: Some(Duration::from_secs(1)),
        ..Signals::missing(Pods {
            wanted: pods,
            ready: pods,
            ..Pods::default()
        })
    }
}

/// Eight slots, ten seconds, and no limit on growth.
fn policy() -> Policy {
    Policy {
        slots_per_pod: 8,
        up: UpLimit {
            pods: 1000,
            percent: 0,
        },
        ..Policy::default()
    }
}

fn first(signals: &Signals, policy: &Policy) -> Decision {
    decide(signals, policy, &History::default(), start())
}

/// One task, one pod, no headroom: a rule whose need is what the test says.
fn one_each() -> Policy {
    Policy {
        slots_per_pod: 1,
        rule: Rule::PlanSteps,
        ..Policy::default()
    }
}

#[test]
fn the_old_tables() {
    let plan = [
        (0, 0),
        (1, 1),
        (10, 1),
        (11, 5),
        (50, 5),
        (51, 20),
        (200, 20),
        (201, 50),
        (500, 50),
        (501, 100),
        (1000, 100),
        (1001, 101),
        (5000, 500),
    ];
    for (tasks, workers) in plan {
        assert_eq!(plan_steps(tasks), workers, "plan, {tasks} tasks");
    }
    let architecture = [
        (0, 0),
        (1, 1),
        (9, 1),
        (10, 1),
        (11, 2),
        (49, 5),
        (50, 10),
        (199, 40),
        (200, 100),
        (201, 101),
        (5000, 2500),
    ];
    for (tasks, workers) in architecture {
        assert_eq!(
            architecture_steps(tasks),
            workers,
            "architecture, {tasks} tasks"
        );
    }
}

#[test]
fn one_task_workers_become_slots() {
    let cases = [
        (Rule::PlanSteps, 300, 7),          // 50 workers over 8 slots
        (Rule::PlanSteps, 5, 1),            // one worker still is a pod
        (Rule::ArchitectureSteps, 300, 19), // 150 workers
        (Rule::ArchitectureSteps, 60, 2),   // 12 workers
    ];
    for (rule, ready, pods) in cases {
        let policy = Policy { rule, ..policy() };
        assert_eq!(
            first(&signals(ready, 0, 0), &policy).desired,
            pods,
            "{rule:?}, {ready}"
        );
    }
}

#[test]
fn the_target_decides_how_much_of_a_backlog_a_slot_gets() {
    // 1 + T/S tasks per slot: eleven with a target of ten services, two with one of one.
    let cases = [(10, 880, 10), (1, 880, 55), (10, 88, 1), (10, 89, 2)];
    for (target, ready, pods) in cases {
        let policy = Policy {
            rule: Rule::TargetWait(Duration::from_secs(target)),
            ..policy()
        };
        let decision = first(&signals(ready, 0, 0), &policy);
        assert_eq!(
            decision.desired, pods,
            "{target} s, {ready}: {}",
            decision.reason
        );
    }
}

#[test]
fn what_is_late_gets_up_to_twice_the_slots_and_no_more() {
    for (waited, pods) in [(0, 10), (3, 14), (5, 19), (10, 19), (86_400, 19)] {
        let signals = Signals {
            oldest_wait: Duration::from_secs(waited),
            ..signals(880, 0, 0)
        };
        let decision = first(&signals, &policy());
        assert_eq!(decision.desired, pods, "{waited} s: {}", decision.reason);
    }
}

#[test]
fn without_a_measured_time_the_default_holds() {
    let signals = Signals {
        service_time: None,
        ..signals(840, 0, 0)
    };
    // Half a second: 21 tasks per slot.
    assert_eq!(first(&signals, &policy()).desired, 5);
}

#[test]
fn a_stream_needs_spare_slots_before_a_queue_shows() {
    let signals = Signals {
        arrivals_per_second: Some(40.0),
        ..signals(0, 40, 5)
    };
    let decision = first(&signals, &policy());
    assert_eq!(decision.desired, 6, "{}", decision.reason);
    assert_eq!(decision.reason, "arrivals: 40.0/s of 1.0s over 8/pod");
}

#[test]
fn the_reason_is_one_that_a_person_reads() {
    let decision = first(&signals(431, 96, 12), &policy());
    assert_eq!(decision.reason, "queue: 431+96 over 8/pod");
}

#[test]
fn due_tasks_count() {
    let signals = Signals {
        due_soon: 880,
        ..signals(0, 0, 0)
    };
    let decision = first(&signals, &policy());
    assert_eq!(
        (decision.desired, decision.reason.as_str()),
        (10, "queue: 0+0+880 due over 8/pod")
    );
}

#[test]
fn bounds_hold_at_once_and_are_named() {
    let cases = [
        (
            3,
            9,
            0,
            5000,
            9,
            "queue: 5000+0 over 8/pod; 57 needed, the maximum is 9",
        ),
        (
            3,
            9,
            3,
            0,
            3,
            "idle: nothing ready, leased or due; 0 needed, the minimum is 3",
        ),
        (
            3,
            9,
            0,
            0,
            3,
            "idle: nothing ready, leased or due; 0 needed, the minimum is 3",
        ),
        (
            3,
            9,
            20,
            5000,
            9,
            "queue: 5000+0 over 8/pod; 57 needed, the maximum is 9",
        ),
        (
            9,
            3,
            9,
            5000,
            3,
            "queue: 5000+0 over 8/pod; 57 needed, the maximum is 3",
        ),
    ];
    for (min, max, pods, ready, desired, reason) in cases {
        let policy = Policy {
            min,
            max,
            ..policy()
        };
        let decision = first(&signals(ready, 0, pods), &policy);
        assert_eq!(
            (decision.desired, decision.reason.as_str()),
            (desired, reason)
        );
    }
}

#[test]
fn stale_missing_and_future_signals_keep_what_there_is() {
    let quiet = History {
        quiet_since: Some(at(-7200)),
        ..History::default()
    };
    let idle = signals(0, 0, 5);
    let cases = [
        (
            Signals {
                measured_at: at(-61),
                ..idle.clone()
            },
            "signals are 61s old: kept at 5",
        ),
        (
            Signals {
                measured_at: at(61),
                ..idle.clone()
            },
            "signals are 61s ahead of the clock: kept at 5",
        ),
        (Signals::missing(idle.pods), "no signals: kept at 5"),
        (
            Signals {
                measured_at: at(-61),
                ..signals(5000, 0, 5)
            },
            "signals are 61s old: kept at 5",
        ),
    ];
    for (signals, reason) in cases {
        let decision = decide(&signals, &policy(), &quiet, start());
        assert_eq!((decision.desired, decision.reason.as_str()), (5, reason));
        assert_eq!(
            decision.history.quiet_since, None,
            "quiet has to be seen anew"
        );
    }
    let fresh = Signals {
        measured_at: at(-60),
        ..idle
    };
    assert_eq!(decide(&fresh, &policy(), &quiet, start()).desired, 4);
}

#[test]
fn paused_stays() {
    let policy = Policy {
        paused: true,
        max: 3,
        ..policy()
    };
    let decision = first(&signals(5000, 0, 5), &policy);
    assert_eq!(
        (decision.desired, decision.reason.as_str()),
        (5, "paused at 5")
    );
}

#[test]
fn nothing_is_added_to_a_pool_where_no_pod_works() {
    let with = |ready, failing| Signals {
        pods: Pods {
            wanted: 5,
            ready,
            failing,
            unschedulable: 0,
        },
        ..signals(5000, 0, 5)
    };
    let all = first(&with(0, 5), &policy());
    assert_eq!(
        (all.desired, all.reason.as_str()),
        (
            5,
            "queue: 5000+0 over 8/pod; 57 needed, but no pod is ready: none added; 5 of 5 pods fail"
        )
    );
    let some = first(&with(3, 2), &policy());
    assert_eq!(
        (some.desired, some.reason.as_str()),
        (57, "queue: 5000+0 over 8/pod; 2 of 5 pods fail")
    );
    let starting = first(&with(0, 0), &policy());
    assert_eq!(starting.desired, 57, "pods that start do not fail");
}

#[test]
fn a_policy_that_makes_no_sense_does_no_harm() {
    let policy = Policy {
        rule: Rule::TargetWait(Duration::ZERO),
        slots_per_pod: 0,
        max: u32::MAX,
        up: UpLimit {
            pods: u32::MAX,
            percent: u32::MAX,
        },
        ..Policy::default()
    };
    let signals = Signals {
        leased: u64::MAX,
        due_soon: u64::MAX,
        service_time: Some(Duration::ZERO),
        arrivals_per_second: Some(f64::MAX),
        oldest_wait: Duration::MAX,
        ..signals(u64::MAX, 0, u32::MAX)
    };
    assert_eq!(first(&signals, &policy).desired, 1000);
}
