//! What is in the queue.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::from_redis_value;

use super::connection::Repeat;
use super::scripts::Script;
use super::submit::CHUNK;
use super::{Depths, Load, Position, Queue, QueueError, Work, millis, task_id, wide};
use crate::model::{Priority, TaskId};

/// Tasks per page of [`Queue::scan`], roughly: a page takes Redis a fraction of a millisecond.
const PAGE: usize = 500;

/// More contradictions than anybody reads.
const MOST_INCONSISTENCIES: usize = 100;

/// Where a scan goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor(u64);

impl Queue {
    /// Where these tasks stand.
    ///
    /// # Errors
    /// May be repeated.
    pub async fn positions(&self, tasks: &[TaskId]) -> Result<Vec<Position>, QueueError> {
        let mut positions = Vec::with_capacity(tasks.len());
        for chunk in tasks.chunks(CHUNK) {
            let mut script = self.script(Script::Find);
            for task in chunk {
                script.arg(wide(task.0));
            }
            let answer: Vec<redis::Value> = self.run(&script, Repeat::Harmless).await?;
            for pair in answer.chunks(2) {
                positions.push(position(pair)?);
            }
        }
        if positions.len() != tasks.len() {
            return Err(QueueError::Protocol("some positions are missing".into()));
        }
        Ok(positions)
    }

    /// Where this task stands.
    ///
    /// # Errors
    /// May be repeated.
    pub async fn position(&self, task: TaskId) -> Result<Position, QueueError> {
        let mut positions = self.positions(&[task]).await?;
        Ok(positions.pop().unwrap_or(Position::Unknown))
    }

    /// How much there is of everything.
    ///
    /// # Errors
    /// May be repeated.
    pub async fn depths(&self) -> Result<Depths, QueueError> {
        let script = self.script(Script::Depths);
        let answer: Vec<i64> = self.run(&script, Repeat::Harmless).await?;
        let Some((&[ready, delayed, due, leased, expired, oldest], bands)) =
            answer.split_first_chunk()
        else {
            return Err(QueueError::Protocol("the depths are cut".into()));
        };
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let by_priority: BTreeMap<_, _> = bands
            .chunks_exact(2)
            .map(|pair| {
                let band = i16::try_from(pair[0]).unwrap_or(Priority::MAX);
                (Priority::MAX - band, count(pair[1]))
            })
            .collect();
        Ok(Depths {
            ready: count(ready),
            by_priority,
            delayed: count(delayed),
            due: count(due),
            leased: count(leased),
            expired: count(expired),
            oldest_ready: (oldest >= 0).then(|| millis(oldest)),
        })
    }

    /// What there is to do, and who is at it; with the retries that come due within `ahead`.
    ///
    /// # Errors
    /// May be repeated.
    pub async fn load(&self, ahead: Duration) -> Result<Load, QueueError> {
        let mut script = self.script(Script::Load);
        script.arg(u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX));
        let answer: Vec<String> = self.run(&script, Repeat::Harmless).await?;
        let Some((figures, workers)) = answer.split_first_chunk::<8>() else {
            return Err(QueueError::Protocol("the load is cut".into()));
        };
        let mut numbers = [0_i64; 8];
        for (number, text) in numbers.iter_mut().zip(figures) {
            *number = text
                .parse()
                .map_err(|_| QueueError::Protocol("the load holds no numbers".into()))?;
        }
        let [clients, background] = [&numbers[..4], &numbers[4..]].map(work);
        Ok(Load {
            clients,
            background,
            busy: workers.iter().cloned().collect(),
        })
    }

    /// Which of these tasks the queue has nothing of.
    ///
    /// # Errors
    /// May be repeated.
    pub async fn unknown(&self, tasks: &[TaskId]) -> Result<Vec<TaskId>, QueueError> {
        let mut unknown = Vec::new();
        for chunk in tasks.chunks(CHUNK) {
            let mut command = redis::cmd("HMGET");
            command.arg(self.key("tasks"));
            for task in chunk {
                command.arg(wide(task.0));
            }
            let records: Vec<Option<redis::Value>> =
                self.0.connection.query(&command, Repeat::Harmless).await?;
            let pairs = chunk.iter().zip(records);
            unknown.extend(pairs.filter(|(_, r)| r.is_none()).map(|(task, _)| *task));
        }
        Ok(unknown)
    }

    /// All tasks, a page at a time: start with the default cursor, go on until there is none. A
    /// task that is there from beginning to end is seen at least once; others perhaps.
    ///
    /// # Errors
    /// May be repeated.
    pub async fn scan(&self, cursor: Cursor) -> Result<(Vec<TaskId>, Option<Cursor>), QueueError> {
        let mut command = redis::cmd("HSCAN");
        command.arg(self.key("tasks")).arg(cursor.0);
        command.arg("COUNT").arg(PAGE);
        let (next, rows): (u64, Vec<String>) =
            self.0.connection.query(&command, Repeat::Harmless).await?;
        let ids = rows.iter().step_by(2).map(|id| task_id(id));
        let tasks = ids.collect::<Result<_, _>>()?;
        Ok((tasks, (next != 0).then_some(Cursor(next))))
    }

    /// Where the data structures contradict each other; empty unless there is a bug or somebody else
    /// wrote to the keys. The cure is to delete all keys of the queue: the reconciler rebuilds them. Safe beside running work; takes a while on a large queue. Ends after a
    /// hundred.
    ///
    /// # Errors
    /// May be repeated.
    pub async fn inconsistencies(&self) -> Result<Vec<String>, QueueError> {
        let script = self.script(Script::Check);
        let mut wrong: Vec<String> = self.run(&script, Repeat::Harmless).await?;
        let mut cursor = Some(Cursor::default());
        while let Some(at) = cursor
            && wrong.len() < MOST_INCONSISTENCIES
        {
            let (tasks, next) = self.scan(at).await?;
            for chunk in tasks.chunks(CHUNK) {
                let mut script = self.script(Script::Check);
                for task in chunk {
                    script.arg(wide(task.0));
                }
                wrong.extend(self.run::<Vec<String>>(&script, Repeat::Harmless).await?);
            }
            cursor = next;
        }
        wrong.sort();
        wrong.dedup();
        wrong.truncate(MOST_INCONSISTENCIES);
        Ok(wrong)
    }
}

fn position(pair: &[redis::Value]) -> Result<Position, QueueError> {
    let [state, number] = pair else {
        return Err(QueueError::Protocol("a position is cut".into()));
    };
    let state: String = from_redis_value(state.clone()).map_err(redis::RedisError::from)?;
    let number: i64 = from_redis_value(number.clone()).map_err(redis::RedisError::from)?;
    match state.as_str() {
        "r" => Ok(Position::Ready(u64::try_from(number).unwrap_or(0))),
        "d" => Ok(Position::Delayed(millis(number))),
        "l" => Ok(Position::Leased),
        "u" => Ok(Position::Unknown),
        other => Err(QueueError::Protocol(format!("`{other}` is no state"))),
    }
}

/// Four figures of [`Queue::load`].
fn work(figures: &[i64]) -> Work {
    let count = |at: usize| {
        figures
            .get(at)
            .map_or(0, |one| u64::try_from(*one).unwrap_or(0))
    };
    let oldest = figures.get(3).copied().filter(|age| *age >= 0);
    Work {
        ready: count(0),
        leased: count(1),
        due_soon: count(2),
        oldest_ready: oldest.map(millis),
    }
}
