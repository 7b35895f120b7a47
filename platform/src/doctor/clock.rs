//! Whether two clocks agree.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Verdict;

/// NTP keeps clocks within milliseconds; from here on it does not run.
const WARN: Duration = Duration::from_secs(2);

/// S3 refuses signatures that are 15 minutes off, and tokens and certificates fare no
/// better: a third of it leaves time to mend the clock.
const FAIL: Duration = Duration::from_secs(5 * 60);

/// A clock that was asked, and ours before and after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) before: DateTime<Utc>,
    pub(super) theirs: DateTime<Utc>,
    pub(super) after: DateTime<Utc>,
}

pub(super) fn compare(reading: Reading) -> Verdict {
    let Reading {
        before,
        theirs,
        after,
    } = reading;
    // Whatever lies between our two readings agrees; only what is beyond them is skew.
    let ahead = theirs.signed_duration_since(after).max(TimeDelta::zero());
    let behind = before.signed_duration_since(theirs).max(TimeDelta::zero());
    let skew = ahead.max(behind).to_std().unwrap_or_default();
    if skew < WARN {
        return Verdict::ok(format!("within {} ms of ours", skew.as_millis() + 1));
    }
    let direction = if ahead > behind { "ahead of" } else { "behind" };
    let what = format!("{:.1} s {direction} ours", skew.as_secs_f64());
    let hint = "synchronise the clocks of both machines (NTP)";
    if skew < FAIL {
        Verdict::warn(what, hint)
    } else {
        Verdict::fail(what, hint)
    }
}
