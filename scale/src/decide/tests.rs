//! Each rule, by table.

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

/// Feeds the decision with its own answers: at these seconds, with these needs (one slot, one task: a pod each).
fn follow(policy: &Policy, mut pods: u32, steps: &[(i64, u64)]) -> Vec<u32> {
    let mut history = History::default();
    steps
        .iter()
        .map(|&(second, leased)| {
            let now = at(second);
            let signals = Signals {
                measured_at: now,
                ..signals(0, leased, pods)
            };
            let decision = decide(&signals, policy, &history, now);
            history = decision.history;
            pods = decision.desired;
            pods
        })
        .collect()
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
fn growth_is_the_larger_of_pods_and_percent() {
    let cases = [
        (
            UpLimit {
                pods: 10,
                percent: 100,
            },
            4,
            14,
        ),
        (
            UpLimit {
                pods: 10,
                percent: 100,
            },
            40,
            80,
        ),
        (
            UpLimit {
                pods: 0,
                percent: 10,
            },
            15,
            17,
        ),
        (
            UpLimit {
                pods: 2,
                percent: 0,
            },
            15,
            17,
        ),
    ];
    for (up, pods, desired) in cases {
        let policy = Policy { up, ..one_each() };
        let decision = first(&signals(0, 500, pods), &policy);
        assert_eq!(decision.desired, desired, "{up:?} from {pods}");
        assert_eq!(
            decision.reason,
            format!("queue: 0+500 over 1/pod; 500 needed, up to {desired} this minute")
        );
    }
}

#[test]
fn from_none_to_the_first_at_once() {
    for (up, desired) in [
        (
            UpLimit {
                pods: 10,
                percent: 100,
            },
            10,
        ),
        (
            UpLimit {
                pods: 0,
                percent: 100,
            },
            1,
        ),
    ] {
        let policy = Policy { up, ..one_each() };
        assert_eq!(
            first(&signals(500, 0, 0), &policy).desired,
            desired,
            "{up:?}"
        );
    }
}

#[test]
fn a_minute_is_any_minute() {
    // The end of one minute and the start of the next would allow 10 -> 20 -> 40 within two seconds.
    let load = [(0, 11), (59, 500), (61, 500), (118, 500), (119, 500)];
    assert_eq!(follow(&one_each(), 10, &load), [11, 20, 22, 22, 40]);
    // A jump to a thousand: each minute as many again.
    let load: Vec<(i64, u64)> = (0..8).map(|minute| (minute * 60, 1000)).collect();
    assert_eq!(
        follow(&one_each(), 0, &load),
        [10, 20, 40, 80, 160, 320, 640, 1000]
    );
}

#[test]
fn down_after_the_quiet_window_one_each_ten_minutes() {
    let load: Vec<(i64, u64)> = (0..=30).map(|minute| (minute * 60, 2)).collect();
    let pods = follow(&one_each(), 5, &load);
    assert_eq!(pods[9], 5, "still quiet");
    assert_eq!((pods[10], pods[19]), (4, 4));
    assert_eq!((pods[20], pods[29], pods[30]), (3, 3, 2));
}

#[test]
fn a_busy_moment_starts_the_quiet_window_anew() {
    let load = [(0, 2), (300, 5), (600, 2), (1199, 2), (1200, 2)];
    assert_eq!(follow(&one_each(), 5, &load), [5, 5, 5, 5, 4]);
}

#[test]
fn a_large_step_down_stops_at_what_the_quiet_time_needed() {
    let policy = Policy {
        down_pods: 50,
        down_every: Duration::from_secs(60),
        ..one_each()
    };
    let load = [(0, 2), (300, 30), (600, 2), (660, 2), (1259, 2), (1260, 2)];
    assert_eq!(follow(&policy, 50, &load), [50, 50, 30, 30, 30, 2]);
}

#[test]
fn to_none_only_when_nothing_is_left() {
    let policy = Policy {
        quiet_window: Duration::ZERO,
        ..one_each()
    };
    let nothing = signals(0, 0, 1);
    assert_eq!(first(&nothing, &policy).desired, 0);
    let left = [
        Signals {
            ready: 1,
            ..nothing.clone()
        },
        Signals {
            leased: 1,
            ..nothing.clone()
        },
        Signals {
            due_soon: 1,
            ..nothing.clone()
        },
    ];
    for signals in left {
        assert_eq!(first(&signals, &policy).desired, 1, "{signals:?}");
    }
}

#[test]
fn the_last_pod_stays_while_tasks_keep_coming() {
    let one_in = |seconds: f64| Signals {
        arrivals_per_second: Some(1.0 / seconds),
        ..signals(0, 0, 1)
    };
    let history = History {
        quiet_since: Some(at(-700)),
        ..History::default()
    };
    assert_eq!(
        decide(&one_in(590.0), &policy(), &history, start()).desired,
        1
    );
    assert_eq!(
        decide(&one_in(610.0), &policy(), &history, start()).desired,
        0
    );
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
fn a_node_limit_is_not_asked_over_and_over() {
    let policy = Policy {
        up: UpLimit {
            pods: 10,
            percent: 100,
        },
        ..one_each()
    };
    let mut pods = 0;
    let mut history = History::default();
    let mut last = String::new();
    for minute in 0..20 {
        let now = at(minute * 60);
        let placed = pods.min(25);
        let signals = Signals {
            measured_at: now,
            pods: Pods {
                wanted: pods,
                ready: placed,
                failing: 0,
                unschedulable: pods - placed,
            },
            ..signals(1000, 0, pods)
        };
        let decision = decide(&signals, &policy, &history, now);
        (pods, history, last) = (decision.desired, decision.history, decision.reason);
    }
    assert_eq!(pods, 50);
    assert_eq!(
        last,
        "queue: 1000+0 over 1/pod; 100 needed, but 25 of 50 find no node"
    );
}

#[test]
fn a_clock_set_back_neither_breaks_limits_nor_holds_for_ever() {
    let hour = 3600;
    // Growth: used up, then the clock goes back an hour. A minute of the new clock later there is more.
    let load = [
        (0, 500),
        (1, 500),
        (1 - hour, 500),
        (50 - hour, 500),
        (61 - hour, 500),
    ];
    assert_eq!(follow(&one_each(), 10, &load), [20, 20, 20, 20, 40]);
    // Down: one step after the quiet window, then an hour back; the next after ten minutes of the new clock.
    let load = [
        (0, 1),
        (600, 1),
        (600 - hour, 1),
        (1199 - hour, 1),
        (1200 - hour, 1),
    ];
    assert_eq!(follow(&one_each(), 5, &load), [5, 4, 4, 4, 3]);
}

#[test]
fn a_clock_set_ahead_lets_one_step_through() {
    let day = 86_400;
    let load = [
        (0, 1),
        (600, 1),
        (day, 1),
        (day + 1, 1),
        (day + 599, 1),
        (day + 600, 1),
    ];
    assert_eq!(follow(&one_each(), 9, &load), [9, 8, 7, 7, 7, 6]);
    let load = [(0, 500), (day, 500), (day + 1, 500)];
    assert_eq!(follow(&one_each(), 10, &load), [20, 40, 40]);
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

#[test]
fn history_survives_the_pools_status() {
    let history = decide(
        &signals(0, 500, 10),
        &one_each(),
        &History::default(),
        start(),
    )
    .history;
    let text = toml::to_string(&history).unwrap();
    assert_eq!(toml::from_str::<History>(&text).unwrap(), history);
    assert_eq!(
        toml::from_str::<History>("growthFrom = 0").unwrap(),
        History::default()
    );
}
