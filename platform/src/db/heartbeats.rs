//! Signs of life of workers.

use sqlx::PgPool;

use crate::model::{Fence, TaskId};

/// What a heartbeat says of a task that is still the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alive {
    /// Which.
    pub task: TaskId,
    /// Its submitter wants it to end.
    pub cancel: bool,
}

/// Says that a worker still runs these tasks. Those missing from the answer are no longer
/// its own: it has to drop them.
///
/// # Errors
/// When the database fails.
pub async fn heartbeat(
    pool: &PgPool,
    tasks: &[(TaskId, Fence)],
) -> Result<Vec<Alive>, sqlx::Error> {
    let ids: Vec<i64> = tasks.iter().map(|(id, _)| id.0).collect();
    let fences: Vec<i64> = tasks.iter().map(|(_, fence)| fence.0).collect();
    let rows = sqlx::query!(
        r#"
        UPDATE tasks SET last_heartbeat = now()
        FROM unnest($1::bigint[], $2::bigint[]) AS mine (id, fence)
        WHERE tasks.id = mine.id AND tasks.fence = mine.fence AND status = 'running'
        RETURNING tasks.id, cancel_requested_at IS NOT NULL AS "cancel!"
        "#,
        &ids,
        &fences,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Alive {
            task: TaskId(row.id),
            cancel: row.cancel,
        })
        .collect())
}
