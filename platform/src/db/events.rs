//! The events of a task, numbered from 1 without a gap a client could miss. The first two
//! (`pending`, `queued`) are read off the task's row: they would double the writes of every
//! submission.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::claims::Held;
use crate::model::{TaskId, TaskStatus};

/// Something that happened to a task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskEvent {
    /// Its number: later ones are higher.
    pub seq: i32,
    /// When.
    pub at: DateTime<Utc>,
    /// A status, `cancel_requested`, or `analyzer`.
    pub kind: String,
    /// A JSON object.
    pub data: Value,
}

/// A task's events after number `after`, and whether it is over.
#[derive(Debug, Clone)]
pub struct Events {
    /// In order.
    pub events: Vec<TaskEvent>,
    /// No more will come (unless an admin retries it).
    pub over: bool,
}

/// Most events of one answer: a task has about a dozen for each attempt.
const MAX: i64 = 500;

/// The events of a task after number `after`; `None` where there is no such task.
///
/// # Errors
/// When the database fails.
pub async fn after(pool: &PgPool, task: TaskId, after: i32) -> Result<Option<Events>, sqlx::Error> {
    // The status first: an event that is written in between is then seen next time.
    let row = sqlx::query!(
        r#"SELECT status AS "status: TaskStatus", created_at, queued_at FROM tasks WHERE id = $1"#,
        task.0,
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let stored = sqlx::query_as!(
        TaskEvent,
        "SELECT seq, at, kind, data FROM task_events WHERE task_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        task.0,
        after,
        MAX,
    )
    .fetch_all(pool)
    .await?;
    let over = row.status.is_final() && i64::try_from(stored.len()).is_ok_and(|n| n < MAX);
    let first = [
        (1, "pending", Some(row.created_at)),
        (2, "queued", row.queued_at),
    ];
    let first = first.into_iter().filter_map(|(seq, kind, at)| {
        (seq > after).then_some(TaskEvent {
            seq,
            at: at?,
            kind: kind.into(),
            data: json!({}),
        })
    });
    Ok(Some(Events {
        events: first.chain(stored).collect(),
        over,
    }))
}

/// Tells of analyzers that finished, in order. False when the claim is no longer good.
///
/// # Errors
/// When the database fails.
pub async fn analyzers_finished(
    pool: &PgPool,
    held: Held,
    data: &[Value],
) -> Result<bool, sqlx::Error> {
    let told = sqlx::query!(
        r#"
        WITH next AS (
            UPDATE tasks SET event_seq = event_seq + cardinality($3::jsonb[])
            WHERE id = $1 AND fence = $2 AND status = 'running' RETURNING event_seq
        )
        INSERT INTO task_events (task_id, seq, kind, data)
        SELECT $1, event_seq - cardinality($3) + ord::integer, 'analyzer', data
        FROM next, unnest($3) WITH ORDINALITY AS _ (data, ord)
        "#,
        held.task.0,
        held.fence.0,
        data,
    )
    .execute(pool)
    .await?;
    Ok(told.rows_affected() > 0)
}
