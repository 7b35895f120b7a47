//! How much of a change may happen now.
//!
//! Times that lie ahead of the clock (it was set back, or another leader's ran ahead) count as now: a limit is then
//! waited for once more, never skipped and never for ever. A clock that jumps ahead looks like time that went by; it
//! lets one step through in each direction, as nothing is ever caught up on.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Growth, History};
use crate::policy::{Policy, UpLimit};
use crate::signals::Signals;

/// What a growth limit is per.
const MINUTE: TimeDelta = TimeDelta::minutes(1);
/// Growths that are remembered one by one: one per five seconds, which is how often the controller looks.
const MOST_GROWTHS: usize = 12;

impl History {
    /// The same at `now`: nothing in the future, no growth older than a minute.
    pub(super) fn settled(&self, now: DateTime<Utc>) -> Self {
        let mut later: Vec<Growth> = self
            .growth_began
            .map(|at| Growth {
                at,
                from: self.growth_from,
            })
            .into_iter()
            .chain(self.growth_later.iter().copied())
            .map(|growth| Growth {
                at: growth.at.min(now),
                ..growth
            })
            .filter(|growth| now.signed_duration_since(growth.at) < MINUTE)
            .collect();
        let first = (!later.is_empty()).then(|| later.remove(0));
        Self {
            quiet_since: self.quiet_since.map(|at| at.min(now)),
            quiet_peak: self.quiet_peak,
            last_down: self.last_down.map(|at| at.min(now)),
            growth_began: first.map(|growth| growth.at),
            growth_from: first.map_or(0, |growth| growth.from),
            growth_later: later,
        }
    }

    /// All pods are needed, or nothing is known: a quiet time has to begin anew.
    pub(crate) fn restless(&mut self) {
        self.quiet_since = None;
        self.quiet_peak = 0;
    }

    /// Remembers a growth, if it is one.
    pub(super) fn grew(&mut self, from: u32, to: u32, now: DateTime<Utc>) {
        if to <= from {
            return;
        }
        if self.growth_began.is_none() {
            self.growth_began = Some(now);
            self.growth_from = from;
        } else if self.growth_later.len() < MOST_GROWTHS {
            self.growth_later.push(Growth { at: now, from });
        } else if let Some(last) = self.growth_later.last_mut() {
            // Merged: the lower number for the longer time, so the limit gets tighter and never looser.
            last.at = now;
        }
    }

    /// The fewest pods of the last minute.
    fn a_minute_ago(&self, start: u32) -> u32 {
        self.growth_began
            .map(|_| self.growth_from)
            .into_iter()
            .chain(self.growth_later.iter().map(|growth| growth.from))
            .chain([start])
            .min()
            .unwrap_or(start)
    }
}

/// Up: no faster than the policy says, not while pods find no node, and not while no pod works.
pub(super) fn grow(
    signals: &Signals,
    policy: &Policy,
    history: &mut History,
    start: u32,
    asked: u32,
) -> (u32, Option<String>) {
    history.restless();
    let pods = signals.pods;
    if pods.wanted > 0 && pods.ready == 0 && pods.failing > 0 {
        let limit = format!("{asked} needed, but no pod is ready: none added");
        return (start, Some(limit));
    }
    let from = history.a_minute_ago(start.min(pods.wanted));
    let this_minute = from.saturating_add(step(policy.up, from)).max(start);
    // At most one step waits for nodes. At a node limit that is where it ends.
    let placed = pods.wanted.saturating_sub(pods.unschedulable);
    let with_nodes = if pods.unschedulable > 0 {
        placed.saturating_add(step(policy.up, placed)).max(start)
    } else {
        u32::MAX
    };
    let desired = asked.min(this_minute).min(with_nodes);
    let limit = if desired == asked {
        None
    } else if with_nodes < this_minute {
        let waiting = pods.unschedulable;
        Some(format!(
            "{asked} needed, but {waiting} of {} find no node",
            pods.wanted
        ))
    } else {
        Some(format!("{asked} needed, up to {this_minute} this minute"))
    };
    (desired, limit)
}

/// Down: after a quiet time, a step at a time, and never below what that time needed.
pub(super) fn shrink(
    policy: &Policy,
    history: &mut History,
    start: u32,
    asked: u32,
    now: DateTime<Utc>,
) -> (u32, Option<String>) {
    let since = *history.quiet_since.get_or_insert(now);
    history.quiet_peak = history.quiet_peak.max(asked);
    let quiet = elapsed(since, now);
    if quiet < policy.quiet_window {
        let limit = format!(
            "{asked} would do, quiet for {} of {}",
            short(quiet),
            short(policy.quiet_window)
        );
        return (start, Some(limit));
    }
    let wait = history
        .last_down
        .map(|down| policy.down_every.saturating_sub(elapsed(down, now)))
        .unwrap_or_default();
    if !wait.is_zero() {
        let limit = format!("{asked} would do, next step down in {}", short(wait));
        return (start, Some(limit));
    }
    let lowest = history.quiet_peak.max(asked);
    let desired = start
        .saturating_sub(policy.down_pods)
        .max(lowest)
        .min(start);
    if desired < start {
        history.last_down = Some(now);
    }
    if desired <= lowest {
        history.restless();
    }
    let limit = (desired > asked).then(|| format!("{asked} would do, down to {desired} for now"));
    (desired, limit)
}

/// Which bound holds the number.
pub(super) fn bound(needed: u32, min: u32, max: u32) -> Option<String> {
    if needed > max {
        Some(format!("{needed} needed, the maximum is {max}"))
    } else if needed < min {
        Some(format!("{needed} needed, the minimum is {min}"))
    } else {
        None
    }
}

/// Pods that may be added to so many within a minute; from none, at least one.
pub(super) fn step(up: UpLimit, from: u32) -> u32 {
    let percent = (u64::from(from) * u64::from(up.percent)).div_ceil(100);
    let percent = u32::try_from(percent).unwrap_or(u32::MAX);
    up.pods.max(percent).max(u32::from(from == 0))
}

/// Time from one to the other, none if it runs backwards.
pub(super) fn elapsed(from: DateTime<Utc>, to: DateTime<Utc>) -> Duration {
    to.signed_duration_since(from).to_std().unwrap_or_default()
}

/// `250ms`, `2.5s`, `40s`, `3m`, `2h`: as exact as a person wants it.
pub(super) fn short(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{}ms", time.as_millis()),
        1..=9 => format!("{:.1}s", time.as_secs_f64()),
        seconds @ 10..=119 => format!("{seconds}s"),
        seconds @ 120..=7199 => format!("{}m", seconds / 60),
        seconds => format!("{}h", seconds / 3600),
    }
}
