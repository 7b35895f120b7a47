//! Deleting all that one key ever submitted, a chunk at a time. What was there when it began
//! (`upto`) is deleted; what the key submits meanwhile is not.

use sqlx::PgPool;
use uuid::Uuid;

use super::retention::{CHUNK, TaskCounts, delete_tasks, reports_of};
use crate::model::{KeyId, TaskId};

/// The key's newest task and batch, where there are any.
#[derive(Debug, Clone, Copy, Default)]
pub struct Upto {
    /// Newest task.
    pub task: i64,
    /// Newest batch.
    pub batch: i64,
}

/// What there is of a key now.
///
/// # Errors
/// When the database fails.
pub async fn upto(pool: &PgPool, key: KeyId) -> Result<Upto, sqlx::Error> {
    sqlx::query_as!(
        Upto,
        r#"
        SELECT COALESCE((SELECT max(id) FROM tasks WHERE key_id = $1), 0) AS "task!",
            COALESCE((SELECT max(id) FROM batches WHERE key_id = $1), 0) AS "batch!"
        "#,
        key.0,
    )
    .fetch_one(pool)
    .await
}

/// Deletes the key's webhooks with their logs, so that nobody is told of what follows.
///
/// # Errors
/// When the database fails.
pub async fn webhooks(pool: &PgPool, key: KeyId) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!("DELETE FROM webhooks WHERE key_id = $1", key.0)
        .execute(pool)
        .await?;
    Ok(done.rows_affected())
}

/// Cancels a chunk of the key's unfinished tasks, running ones too: their workers may change
/// nothing any more. The queue has to be told.
///
/// # Errors
/// When the database fails.
pub async fn cancel(pool: &PgPool, key: KeyId, upto: Upto) -> Result<Vec<TaskId>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        r#"
        UPDATE tasks SET status = 'cancelled', completed_at = now(), cancel_requested_at = now(),
            fence = fence + 1
        WHERE id IN (
            SELECT id FROM tasks
            WHERE key_id = $1 AND id <= $2 AND status IN ('pending', 'queued', 'running')
            ORDER BY id LIMIT $3 FOR UPDATE
        )
        RETURNING id AS "id: TaskId"
        "#,
        key.0,
        upto.task,
        CHUNK,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// Deletes a chunk of the key's finished tasks.
///
/// # Errors
/// When the database fails.
pub async fn tasks(pool: &PgPool, key: KeyId, upto: Upto) -> Result<TaskCounts, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let ids = sqlx::query_scalar!(
        "SELECT id FROM tasks WHERE key_id = $1 AND id <= $2 AND completed_at IS NOT NULL
         ORDER BY id LIMIT $3 FOR UPDATE",
        key.0,
        upto.task,
        CHUNK,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let counts = delete_tasks(&mut transaction, &ids).await?;
    transaction.commit().await?;
    Ok(counts)
}

/// Deletes a chunk of the key's batches.
///
/// # Errors
/// When the database fails.
pub async fn batches(pool: &PgPool, key: KeyId, upto: Upto) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM batches WHERE id IN (
            SELECT id FROM batches WHERE key_id = $1 AND id <= $2 ORDER BY id LIMIT $3)",
        key.0,
        upto.batch,
        // Each may have ten thousand places.
        10,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes a chunk of the key's private reports; notes that their objects have to follow.
///
/// # Errors
/// When the database fails.
pub async fn reports(pool: &PgPool, key: KeyId) -> Result<u64, sqlx::Error> {
    reports_of(pool, key).await
}

/// A chunk of the key's uploads after `after` that no task needs. Their objects go before
/// their rows (`uploads::delete`).
///
/// # Errors
/// When the database fails.
pub async fn uploads(
    pool: &PgPool,
    key: KeyId,
    after: Option<Uuid>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM uploads WHERE key_id = $1 AND ($2::uuid IS NULL OR id > $2)
           AND NOT EXISTS (SELECT 1 FROM tasks WHERE upload_id = uploads.id)
         ORDER BY id LIMIT $3",
        key.0,
        after,
        CHUNK,
    )
    .fetch_all(pool)
    .await
}
