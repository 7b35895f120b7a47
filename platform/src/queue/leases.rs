//! Tasks to workers and back.

use std::time::Duration;

use super::connection::Repeat;
use super::scripts::Script;
use super::submit::CHUNK;
use super::{
    Beat, Claimed, Entry, Lease, MAX_CLAIM, Queue, QueueError, Token, band, bounded, millis,
    task_id, wide, worker_name,
};
use crate::model::TaskId;

/// An idle worker need not ask more often than four times a second, whatever comes due: with a
/// thousand of them that is a tenth of what Redis can do. A retry thus starts up to this much late.
const MIN_NEXT: Duration = Duration::from_millis(250);

impl Queue {
    /// Makes ready what has come due (retries, and leases that ran out; up to a hundred of each),
    /// then leases up to `max` tasks to this worker. At most [`MAX_CLAIM`] are given at once.
    ///
    /// # Errors
    /// After `Unavailable` there may be leases that nobody knows of; they run out.
    pub async fn claim(
        &self,
        worker: &str,
        max: usize,
        lease: Duration,
    ) -> Result<Claimed, QueueError> {
        let max = max.min(MAX_CLAIM);
        if max == 0 {
            return Ok(Claimed {
                leases: Vec::new(),
                next: None,
            });
        }
        let tokens: Vec<_> = (0..max).map(|_| Token::random()).collect();
        let mut script = self.script(Script::Claim);
        script
            .arg(worker_name(worker)?)
            .arg(max)
            .arg(bounded("lease", lease)?);
        for token in &tokens {
            script.arg(token.to_string());
        }
        let answer: Vec<String> = self.run(&script, Repeat::Never).await?;
        let Some((next, rows)) = answer.split_first() else {
            return Err(QueueError::Protocol("a claim has no answer".into()));
        };
        let leases = rows
            .chunks(3)
            .zip(tokens)
            .map(|(row, token)| match row {
                [id, waited, cancelled] => Ok(Lease {
                    task: task_id(id)?,
                    token,
                    waited: millis(number(waited)?),
                    cancelled: cancelled == "1",
                }),
                _ => Err(QueueError::Protocol("a claim's answer is cut".into())),
            })
            .collect::<Result<_, _>>()?;
        let next = number(next)?;
        Ok(Claimed {
            leases,
            next: (next >= 0).then(|| millis(next).max(MIN_NEXT)),
        })
    }

    /// Renews leases, and says of each whether it is still held and wanted.
    ///
    /// # Errors
    /// On an error some may have been renewed: repeat the call.
    pub async fn heartbeat(
        &self,
        leases: &[(TaskId, Token)],
        lease: Duration,
    ) -> Result<Vec<Beat>, QueueError> {
        let lease = bounded("lease", lease)?;
        let mut beats = Vec::with_capacity(leases.len());
        for chunk in leases.chunks(CHUNK) {
            let mut script = self.script(Script::Heartbeat);
            script.arg(lease);
            for (task, token) in chunk {
                script.arg(wide(task.0)).arg(token.to_string());
            }
            let answer: Vec<u8> = self.run(&script, Repeat::Harmless).await?;
            if answer.len() != chunk.len() {
                return Err(QueueError::Protocol("a heartbeat's answer is cut".into()));
            }
            for beat in answer {
                beats.push(match beat {
                    0 => Beat::Lost,
                    1 => Beat::Held,
                    2 => Beat::Cancelled,
                    other => {
                        return Err(QueueError::Protocol(format!("heartbeat says {other}")));
                    }
                });
            }
        }
        Ok(beats)
    }

    /// After Redis lost its data: puts back the lease of a task that its worker still works on.
    /// Only if the queue has nothing of the task; says whether the token holds the lease now.
    ///
    /// # Errors
    /// May be repeated.
    pub async fn adopt(
        &self,
        entry: &Entry,
        worker: &str,
        token: Token,
        lease: Duration,
    ) -> Result<bool, QueueError> {
        let mut script = self.script(Script::Adopt);
        script
            .arg(wide(entry.task.0))
            .arg(wide(entry.key.0))
            .arg(band(entry.priority))
            .arg(token.to_string())
            .arg(worker_name(worker)?)
            .arg(bounded("lease", lease)?);
        self.run(&script, Repeat::Harmless).await
    }

    /// The task is done with, and goes. `false`: the lease was lost, nothing is changed.
    ///
    /// # Errors
    /// After `Unavailable` it may have happened; the lease then runs out and Postgres tells the next
    /// worker that the task is over.
    pub async fn acknowledge(&self, task: TaskId, token: Token) -> Result<bool, QueueError> {
        self.settle("acknowledge", task, token, Duration::ZERO)
            .await
    }

    /// The task is to be tried again after a while (see [`super::backoff`]). One that was cancelled
    /// meanwhile is ready at once, for a worker to see to it. `false`: the lease was lost.
    ///
    /// # Errors
    /// As for [`Queue::acknowledge`]; `Refused` if the delay is longer than an hour.
    pub async fn retry(
        &self,
        task: TaskId,
        token: Token,
        delay: Duration,
    ) -> Result<bool, QueueError> {
        self.settle("retry", task, token, delay).await
    }

    /// The task is handed back unworked: ready at once, ahead of its tenant's others. `false`: the
    /// lease was lost.
    ///
    /// # Errors
    /// As for [`Queue::acknowledge`].
    pub async fn release(&self, task: TaskId, token: Token) -> Result<bool, QueueError> {
        self.settle("release", task, token, Duration::ZERO).await
    }

    async fn settle(
        &self,
        what: &str,
        task: TaskId,
        token: Token,
        delay: Duration,
    ) -> Result<bool, QueueError> {
        let mut script = self.script(Script::Settle);
        script
            .arg(what)
            .arg(wide(task.0))
            .arg(token.to_string())
            .arg(bounded("delay", delay)?);
        self.run(&script, Repeat::Never).await
    }
}

fn number(text: &str) -> Result<i64, QueueError> {
    let number = text.parse();
    number.map_err(|_| QueueError::Protocol(format!("`{text}` is no number")))
}
