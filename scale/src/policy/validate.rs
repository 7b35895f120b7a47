//! What makes no sense in a policy.

use std::fmt;
use std::time::Duration;

use super::{MOST_PODS, MOST_SLOTS, Policy, Rule};

/// Longer than anyone waits for a decision: a unit that was mistaken.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field, named as in the `RuntimePool`.
    pub field: &'static str,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.problem)
    }
}

impl Policy {
    /// All that makes no sense, field by field; empty for a policy that can be worked with.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        [
            (
                "min",
                (self.min > self.max)
                    .then(|| format!("{} is above max, which is {}", self.min, self.max)),
            ),
            (
                "max",
                (self.max > MOST_PODS)
                    .then(|| format!("{} is more than a pool may have: {MOST_PODS}", self.max)),
            ),
            (
                "slotsPerPod",
                (self.slots_per_pod == 0 || self.slots_per_pod > MOST_SLOTS)
                    .then(|| format!("{} is not from 1 to {MOST_SLOTS}", self.slots_per_pod)),
            ),
            ("rule.targetWait", self.target_problem()),
            (
                "up",
                (self.up.pods == 0 && self.up.percent == 0).then(|| {
                    String::from("0 pods and 0 percent would never grow: set one of them")
                }),
            ),
            (
                "downPods",
                (self.down_pods == 0)
                    .then(|| String::from("0 would never shrink: to keep pods, set min or pause")),
            ),
            ("downEvery", above_a_day(self.down_every)),
            ("quietWindow", above_a_day(self.quiet_window)),
            (
                "staleAfter",
                if self.stale_after.is_zero() {
                    Some(String::from("0 would make all signals stale"))
                } else {
                    above_a_day(self.stale_after)
                },
            ),
        ]
        .into_iter()
        .filter_map(|(field, problem)| problem.map(|problem| Problem { field, problem }))
        .collect()
    }

    fn target_problem(&self) -> Option<String> {
        let Rule::TargetWait(target) = self.rule else {
            return None;
        };
        if target.is_zero() {
            return Some(String::from("no number of slots makes every wait zero"));
        }
        above_a_day(target)
    }
}

fn above_a_day(time: Duration) -> Option<String> {
    (time > DAY).then(|| format!("{} s is more than a day", time.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::UpLimit;

    #[test]
    fn the_default_makes_sense() {
        assert_eq!(Policy::default().validate(), []);
    }

    #[test]
    fn each_problem_names_its_field() {
        let good = Policy::default;
        let cases = [
            (
                Policy {
                    min: 5,
                    max: 4,
                    ..good()
                },
                "min: 5 is above max, which is 4",
            ),
            (
                Policy {
                    max: 1001,
                    ..good()
                },
                "max: 1001 is more than a pool may have: 1000",
            ),
            (
                Policy {
                    slots_per_pod: 0,
                    ..good()
                },
                "slotsPerPod: 0 is not from 1 to 1024",
            ),
            (
                Policy {
                    slots_per_pod: 1025,
                    ..good()
                },
                "slotsPerPod: 1025 is not from 1 to 1024",
            ),
            (
                Policy {
                    rule: Rule::TargetWait(Duration::ZERO),
                    ..good()
                },
                "rule.targetWait: no number of slots makes every wait zero",
            ),
            (
                Policy {
                    rule: Rule::TargetWait(Duration::from_secs(86_401)),
                    ..good()
                },
                "rule.targetWait: 86401 s is more than a day",
            ),
            (
                Policy {
                    up: UpLimit {
                        pods: 0,
                        percent: 0,
                    },
                    ..good()
                },
                "up: 0 pods and 0 percent would never grow: set one of them",
            ),
            (
                Policy {
                    down_pods: 0,
                    ..good()
                },
                "downPods: 0 would never shrink: to keep pods, set min or pause",
            ),
            (
                Policy {
                    down_every: DAY * 2,
                    ..good()
                },
                "downEvery: 172800 s is more than a day",
            ),
            (
                Policy {
                    quiet_window: DAY * 2,
                    ..good()
                },
                "quietWindow: 172800 s is more than a day",
            ),
            (
                Policy {
                    stale_after: Duration::ZERO,
                    ..good()
                },
                "staleAfter: 0 would make all signals stale",
            ),
        ];
        for (policy, expected) in cases {
            let found: Vec<String> = policy.validate().iter().map(ToString::to_string).collect();
            assert_eq!(found, [expected]);
        }
    }

    #[test]
    fn all_problems_at_once() {
        let policy = Policy {
            min: 2000,
            max: 1500,
            slots_per_pod: 0,
            ..Policy::default()
        };
        let fields: Vec<&str> = policy.validate().iter().map(|found| found.field).collect();
        assert_eq!(fields, ["min", "max", "slotsPerPod"]);
    }
}
