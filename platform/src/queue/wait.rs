//! Waiting for work without asking for it.
//!
//! An idle process blocks in `BLPOP` on the list `:wake`; what makes tasks ready leaves words there.
//!
//! **No wake-up is lost.** Words stay in the list until somebody takes one, so what is enqueued
//! between a fruitless claim and the wait after it ends that wait at once. Who takes a word
//! claims; a claim that leaves tasks behind leaves a word if there is none. So while tasks are
//! ready, either a word is in the list or somebody who took one is about to claim. If that
//! one dies in between, the word is gone: that is what [`MAX_WAIT`] is for, after which some
//! other idle process claims, finds the tasks, and passes the word on.
//!
//! **No storm.** At most 64 words are kept and each ends one wait, so ten thousand tasks rouse 64
//! processes, which rouse others one by one as long as something is left. A fruitless claim
//! empties the list: stale words cost one claim, not 64.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Queue, QueueError};

/// No wait is longer. It bounds how late a task starts whose wake-up died with a process, or whose
/// lease ran out while everybody was idle; a thousand idle workers then make 200 claims a
/// second, which is next to nothing.
pub const MAX_WAIT: Duration = Duration::from_secs(5);

/// `BLPOP … 0` would wait for ever.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// The connection that blocks. It is taken out while in use: a wait that is dropped half-way takes
/// it along, and the server forgets the call when it closes.
#[derive(Default)]
pub(super) struct Waiter(Mutex<Option<MultiplexedConnection>>);

impl Queue {
    /// Waits until something may be ready (`true`) or the time is up (`false`), [`MAX_WAIT`] at the
    /// most. Claim in both cases. Callers of one process share one connection and are roused one
    /// after the other. May be dropped at any time.
    ///
    /// # Errors
    /// Redis is away: wait a little before the next claim.
    pub async fn wait(&self, time: Duration) -> Result<bool, QueueError> {
        let deadline = Instant::now() + time.min(MAX_WAIT);
        let Ok(mut waiter) = timeout_at(deadline, self.0.waiter.0.lock()).await else {
            return Ok(false);
        };
        loop {
            let (mut connection, used) = match waiter.take() {
                Some(connection) => (connection, true),
                None => (self.0.connection.open(None).await?, false),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let mut command = redis::cmd("BLPOP");
            command
                .arg(self.key("wake"))
                .arg(left.max(MIN_WAIT).as_secs_f64());
            // The server ends the wait; if it does not, the connection is dead.
            let patience = left + self.0.connection.command_timeout();
            match timeout(patience, command.query_async(&mut connection)).await {
                Ok(Ok(word)) => {
                    let word: Option<(String, String)> = word;
                    *waiter = Some(connection);
                    return Ok(word.is_some());
                }
                // It broke while nobody used it, or just now: one new one.
                Ok(Err(error)) if used && error.is_connection_dropped() => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => {
                    return Err(QueueError::Unavailable(
                        "the connection that waits for work is dead".into(),
                    ));
                }
            }
        }
    }
}
