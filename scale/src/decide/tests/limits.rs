//! How fast, in both directions, and what clocks do to it.

use std::time::Duration;

use super::{at, first, one_each, policy, signals, start};
use crate::decide::{History, decide};
use crate::policy::{Policy, UpLimit};
use crate::signals::{Pods, Signals};

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
fn a_minutes_lowest_counts_also_after_a_fall() {
    let policy = Policy {
        down_pods: 50,
        down_every: Duration::ZERO,
        quiet_window: Duration::ZERO,
        ..one_each()
    };
    let load = [
        (0, 45),
        (10, 20),
        (20, 500),
        (30, 500),
        (79, 500),
        (80, 500),
    ];
    assert_eq!(follow(&policy, 40, &load), [45, 20, 40, 40, 40, 80]);
}

#[test]
fn many_small_growths_are_counted_too() {
    let load: Vec<(i64, u64)> = (1..200)
        .map(|second| {
            (
                second,
                if second <= 40 {
                    40 + second as u64
                } else {
                    1000
                },
            )
        })
        .collect();
    let pods = follow(&one_each(), 40, &load);
    for (second, after) in pods.iter().enumerate() {
        let before = pods[second.saturating_sub(59)];
        assert!(*after <= before * 2, "{before} to {after} at {second} s");
    }
    assert!(pods[198] > 160, "it grows on: {}", pods[198]);
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
