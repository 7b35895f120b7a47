//! Tasks in, and out again unworked.

use super::connection::Repeat;
use super::scripts::Script;
use super::{Cancel, Entry, Queue, QueueError, band, wide};
use crate::model::TaskId;

/// Most entries of one call: the largest batch that the API takes.
pub const MAX_ENQUEUE: usize = 10_000;

/// Tasks per script: one to three ms with 200,000 tasks queued, in which nobody else is served.
pub(super) const CHUNK: usize = 100;

impl Queue {
    /// Queues tasks; says for each how many are ahead of it. A task that the queue knows, ready,
    /// delayed or leased, stays as it is, so this may be repeated.
    ///
    /// # Errors
    /// On an error some of the entries may have been queued: repeat the call. `Refused` if there
    /// are more than [`MAX_ENQUEUE`].
    pub async fn enqueue(&self, entries: &[Entry]) -> Result<Vec<u64>, QueueError> {
        if entries.len() > MAX_ENQUEUE {
            return Err(QueueError::Refused(format!(
                "{} tasks in one call; at most {MAX_ENQUEUE}",
                entries.len()
            )));
        }
        let mut ahead = Vec::with_capacity(entries.len());
        for chunk in entries.chunks(CHUNK) {
            let mut script = self.script(Script::Enqueue);
            for entry in chunk {
                script
                    .arg(wide(entry.task.0))
                    .arg(wide(entry.key.0))
                    .arg(band(entry.priority));
            }
            let answer: Vec<u64> = self.run(&script, Repeat::Harmless).await?;
            if answer.len() != chunk.len() {
                return Err(QueueError::Protocol(format!(
                    "{} positions for {} tasks",
                    answer.len(),
                    chunk.len()
                )));
            }
            ahead.extend(answer);
        }
        Ok(ahead)
    }

    /// Takes a waiting task out, or asks its worker to stop.
    ///
    /// # Errors
    /// After `Unavailable` it may have happened all the same.
    pub async fn cancel(&self, task: TaskId) -> Result<Cancel, QueueError> {
        let mut script = self.script(Script::Cancel);
        script.arg(wide(task.0));
        match self.run::<u8>(&script, Repeat::Never).await? {
            0 => Ok(Cancel::Unknown),
            1 => Ok(Cancel::Removed),
            2 => Ok(Cancel::Requested),
            other => Err(QueueError::Protocol(format!("cancel says {other}"))),
        }
    }

    /// Takes tasks out, whatever their state; a worker that has one loses its lease. Says how many
    /// there were. For the reconciler: tasks that Postgres says are over.
    ///
    /// # Errors
    /// On an error some may have been removed: repeat the call.
    pub async fn remove(&self, tasks: &[TaskId]) -> Result<u64, QueueError> {
        let mut count = 0;
        for chunk in tasks.chunks(CHUNK) {
            let mut script = self.script(Script::Remove);
            for task in chunk {
                script.arg(wide(task.0));
            }
            count += self.run::<u64>(&script, Repeat::Never).await?;
        }
        Ok(count)
    }
}
