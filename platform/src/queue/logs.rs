//! What deployed functions say: the last lines of each, for whoever wrote it.
//!
//! State: a stream for each function, `{NAME}:log:FUNCTION`, of about [`KEPT`] entries, gone
//! [`EXPIRY`] after the last. With the bounds of a line that is a megabyte for a function that
//! says all it can.
//!
//! Failure rule: lines are for people who look on. What can't be written is lost, and what was
//! written is lost with Redis.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use redis::Script;

use super::connection::Repeat;
use super::{Queue, QueueError};
use crate::model::TaskId;

/// Entries kept of a function, about: Redis drops whole nodes of a hundred.
pub const KEPT: usize = 1_000;

/// How long a function's last lines are kept.
const EXPIRY: Duration = Duration::from_secs(24 * 3_600);

/// Most digits of either part of a place: beyond them Redis may refuse it.
const DIGITS: usize = 19;

/// Entries written by one script: half a megabyte at most.
const CHUNK: usize = 500;

/// Where a line stands in its stream: milliseconds of the Redis server's clock, and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogId(u64, u64);

impl LogId {
    /// When it was written, in milliseconds of Unix time.
    pub fn millis(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl FromStr for LogId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            match digits && text.len() <= DIGITS {
                true => text.parse().map_err(drop),
                false => Err(()),
            }
        };
        let (millis, place) = text.split_once('-').ok_or(())?;
        Ok(Self(number(millis)?, number(place)?))
    }
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The task that it was said in; `None` for what the worker says itself.
    pub task: Option<TaskId>,
    /// The package; empty for what the worker says itself.
    pub purl: String,
    /// The function's version.
    pub version: String,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// What was said.
    pub text: String,
}

impl Queue {
    /// Adds lines to a function's log.
    ///
    /// # Errors
    /// Some may have been added.
    pub async fn log(&self, function: &str, lines: &[LogLine]) -> Result<(), QueueError> {
        let script = Script::new(include_str!("lua/log.lua"));
        for chunk in lines.chunks(CHUNK) {
            let mut script = script.prepare_invoke();
            script
                .key(self.log_key(function))
                .arg(KEPT)
                .arg(u64::try_from(EXPIRY.as_millis()).unwrap_or(u64::MAX));
            for line in chunk {
                script
                    .arg(line.task.map_or(0, |task| task.0))
                    .arg(&line.purl)
                    .arg(&line.version)
                    .arg(&line.level)
                    .arg(&line.text);
            }
            let _: u64 = self.run(&script, Repeat::Never).await?;
        }
        Ok(())
    }

    /// Lines of a function's log, oldest first: the first `limit` after `after`, or the last.
    ///
    /// # Errors
    /// May be repeated.
    pub async fn logs(
        &self,
        function: &str,
        after: Option<LogId>,
        limit: usize,
    ) -> Result<Vec<(LogId, LogLine)>, QueueError> {
        let mut command = match after {
            Some(after) => {
                let mut command = redis::cmd("XRANGE");
                command.arg(self.log_key(function));
                command.arg(format!("({after}")).arg("+");
                command
            }
            None => {
                let mut command = redis::cmd("XREVRANGE");
                command.arg(self.log_key(function)).arg("+").arg("-");
                command
            }
        };
        command.arg("COUNT").arg(limit);
        let entries: Vec<(String, Vec<String>)> =
            self.0.connection.query(&command, Repeat::Harmless).await?;
        let lines = entries.into_iter().map(|(id, fields)| line(&id, &fields));
        let mut lines = lines.collect::<Result<Vec<_>, _>>()?;
        if after.is_none() {
            lines.reverse();
        }
        Ok(lines)
    }

    fn log_key(&self, function: &str) -> String {
        self.key(&format!("log:{function}"))
    }
}

fn line(id: &str, fields: &[String]) -> Result<(LogId, LogLine), QueueError> {
    let broken = || QueueError::Protocol(format!("the log's entry {id} can't be read"));
    let field = |name: &str| {
        let mut pairs = fields.chunks_exact(2);
        let found = pairs.find(|pair| pair[0] == name);
        found.map(|pair| pair[1].clone()).ok_or_else(broken)
    };
    let task: i64 = field("task")?.parse().map_err(|_| broken())?;
    let line = LogLine {
        task: (task > 0).then_some(TaskId(task)),
        purl: field("purl")?,
        version: field("version")?,
        level: field("level")?,
        text: field("text")?,
    };
    Ok((id.parse().map_err(|()| broken())?, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_strictly() {
        let id: LogId = "1700000000000-3".parse().unwrap();
        assert_eq!(
            (id.to_string().as_str(), id.millis()),
            ("1700000000000-3", 1_700_000_000_000)
        );
        for text in [
            "",
            "1",
            "-",
            "1-",
            "-1",
            "+1-2",
            "1-2-3",
            "x-1",
            "18446744073709551615-0",
            "1-99999999999999999999",
            "1- 2",
        ] {
            assert_eq!(text.parse::<LogId>(), Err(()), "{text}");
        }
    }
}
