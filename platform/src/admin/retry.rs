//! Trying a failed task again.

use serde_json::json;
use sqlx::PgPool;

use crate::db::audit::{self, Actor, Entry};
use crate::db::dead_letters::{self, Retried};
use crate::db::submit;
use crate::model::{TaskId, TaskStatus};
use crate::queue::wakeups::{self, Topic};
use crate::queue::{self, Queue};

/// Why a task can't be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is none.
    #[error("there is no such task")]
    Unknown,
    /// It did not fail.
    #[error("the task is {0}: only failed ones can be tried again")]
    Not(TaskStatus),
    /// Its key has another one under way.
    #[error("its key has an active task for the same package, which answers it")]
    Duplicate,
}

/// Why a task is not tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// The database is away.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// It can't be.
    #[error("{0}")]
    Refused(#[from] Refused),
}

/// Makes a failed task pending with `allowance` further attempts, and puts it into the queue;
/// false where the queue is away: the reconciler does it then.
///
/// # Errors
/// When it can't be tried again, or the database is away.
pub async fn retry(
    db: &PgPool,
    queue: &Queue,
    id: TaskId,
    allowance: i32,
    actor: &Actor,
) -> Result<bool, RetryError> {
    let mut transaction = db.begin().await?;
    let entry = match dead_letters::retry(&mut transaction, id, allowance).await? {
        None => return Err(Refused::Unknown.into()),
        Some(Retried::Not(status)) => return Err(Refused::Not(status).into()),
        Some(Retried::Duplicate) => return Err(Refused::Duplicate.into()),
        Some(Retried::Pending(entry)) => entry,
    };
    let noted = Entry {
        action: "task.retry",
        subject: format!("task:{id}"),
        details: json!({ "attempts": allowance }),
    };
    audit::write(&mut transaction, actor, &noted).await?;
    transaction.commit().await?;
    let entry = queue::Entry {
        task: entry.task,
        key: entry.key,
        priority: entry.priority,
    };
    if let Err(error) = queue.enqueue(&[entry]).await {
        tracing::warn!(%error, task = %id, "a task waits for the queue");
        return Ok(false);
    }
    if let Err(error) = submit::queued(db, &[id]).await {
        tracing::warn!(%error, task = %id, "a task is in the queue, and still called pending");
    }
    // Whoever watches it looks by itself after a while.
    let _ = wakeups::publish(queue, Topic::Events, id).await;
    Ok(true)
}
