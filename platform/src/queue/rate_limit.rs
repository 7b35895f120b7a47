//! How many packages a key may submit per hour.
//!
//! State: one counter per key, `{NAME}:rate:ID`, that expires. The window is fixed: it opens with the
//! first submission and ends an hour later, whatever happens in it; that is what `X-RateLimit-Reset`
//! can tell in one number. Two windows that meet let a key submit twice its limit within an hour;
//! a sliding window would not, and nobody could predict when it lets the next one through.
//!
//! Failure rule: a script does it all or nothing, by the server's clock. What is lost with Redis is
//! counted from nothing again.

use std::time::Duration;

use redis::Script;

use super::connection::Repeat;
use super::{Queue, QueueError, millis, wide};
use crate::model::KeyId;

/// The window: limits are per hour.
const WINDOW: Duration = Duration::from_secs(3600);

/// Counts what keys submit. Cheap to clone.
#[derive(Clone)]
pub struct RateLimiter {
    queue: Queue,
    script: Script,
}

/// Whether a key may, and what to tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether the cost was taken; otherwise nothing was.
    pub allowed: bool,
    /// Per window.
    pub limit: u32,
    /// Left in this window.
    pub remaining: u32,
    /// Until the window ends; zero if none is open.
    pub reset: Duration,
    /// When to try again, if that can help: a cost above the limit never fits.
    pub retry_after: Option<Duration>,
}

impl RateLimiter {
    /// Uses the queue's connection.
    pub fn new(queue: &Queue) -> Self {
        Self {
            queue: queue.clone(),
            script: Script::new(include_str!("lua/rate_limit.lua")),
        }
    }

    /// Takes `cost` from what the key has left, or nothing if it has less. A cost of 0 only looks, and
    /// is always allowed.
    ///
    /// # Errors
    /// After `Unavailable` it may have been taken.
    pub async fn take(&self, key: KeyId, cost: u32, per_hour: u32) -> Result<Decision, QueueError> {
        let mut script = self.script.prepare_invoke();
        script
            .key(self.queue.key(&format!("rate:{}", wide(key.0))))
            .arg(cost)
            .arg(per_hour)
            .arg(u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX));
        let repeat = if cost == 0 {
            Repeat::Harmless
        } else {
            Repeat::Never
        };
        let (allowed, used, left): (bool, u64, i64) = self.queue.run(&script, repeat).await?;
        let reset = millis(left);
        Ok(Decision {
            allowed,
            limit: per_hour,
            remaining: per_hour.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX)),
            reset,
            retry_after: (!allowed && cost <= per_hour).then_some(reset),
        })
    }

    /// Gives back what a submission took that then failed through no fault of the submitter, as far as
    /// its window is still open.
    ///
    /// # Errors
    /// After `Unavailable` it may have been given back.
    pub async fn give_back(&self, key: KeyId, cost: u32) -> Result<(), QueueError> {
        // DECRBY alone would make a counter that never expires where the window has ended.
        let script = Script::new(
            "local used = tonumber(redis.call('GET', KEYS[1]) or '0') \
             if used > 0 then \
               redis.call('DECRBY', KEYS[1], math.min(used, tonumber(ARGV[1]))) \
             end \
             return 0",
        );
        let mut script = script.prepare_invoke();
        script
            .key(self.queue.key(&format!("rate:{}", wide(key.0))))
            .arg(cost);
        let _: u8 = self.queue.run(&script, Repeat::Never).await?;
        Ok(())
    }
}
