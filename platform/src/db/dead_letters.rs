//! Tasks that failed without an answer about their package, as admins see and retry them.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::submit::Queueable;
use crate::model::{ErrorCategory, KeyId, Priority, TaskId, TaskStatus};

/// What a request to retry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// It is pending again.
    Pending(Queueable),
    /// Only failed tasks can be retried.
    Not(TaskStatus),
    /// Its key has an active task for the same package.
    Duplicate,
}

/// A task as admins see it.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct AdminTask {
    /// Which.
    pub task_id: TaskId,
    /// Whose.
    pub key_id: KeyId,
    /// What, canonically.
    pub purl: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// How often a worker has claimed it.
    pub attempts: i32,
    /// How often one may.
    pub max_attempts: i32,
    /// The worker that had it last.
    pub worker: Option<String>,
    /// Why it failed, or what its last attempt failed of.
    pub error_category: Option<ErrorCategory>,
    /// The same for people.
    pub error_message: Option<String>,
    /// Written when.
    pub created_at: DateTime<Utc>,
    /// Ended when.
    pub completed_at: Option<DateTime<Utc>>,
    /// Given up when.
    pub dead_lettered_at: Option<DateTime<Utc>>,
}

/// How many dead letters there are; beyond 100,000 nobody counts.
///
/// # Errors
/// When the database fails.
pub async fn count(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (
               SELECT FROM tasks WHERE dead_lettered_at IS NOT NULL LIMIT 100000
           ) AS dead"#
    )
    .fetch_one(pool)
    .await
}

/// A page of everybody's tasks, newest first; only dead letters with `dead`.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &PgPool,
    dead: bool,
    before: Option<TaskId>,
    limit: i64,
) -> Result<Vec<AdminTask>, sqlx::Error> {
    let before = before.map(|id| id.0);
    if dead {
        // Spelled out, so that the index of dead letters serves it.
        return sqlx::query_as!(
            AdminTask,
            r#"
            SELECT id AS "task_id: TaskId", key_id AS "key_id: KeyId", purl, status AS "status: TaskStatus",
                attempts, max_attempts, worker, error_category AS "error_category: ErrorCategory",
                error_message, created_at, completed_at, dead_lettered_at
            FROM tasks WHERE dead_lettered_at IS NOT NULL AND ($1::bigint IS NULL OR id < $1)
            ORDER BY id DESC LIMIT $2
            "#,
            before,
            limit,
        )
        .fetch_all(pool)
        .await;
    }
    sqlx::query_as!(
        AdminTask,
        r#"
        SELECT id AS "task_id: TaskId", key_id AS "key_id: KeyId", purl, status AS "status: TaskStatus",
            attempts, max_attempts, worker, error_category AS "error_category: ErrorCategory",
            error_message, created_at, completed_at, dead_lettered_at
        FROM tasks WHERE $1::bigint IS NULL OR id < $1
        ORDER BY id DESC LIMIT $2
        "#,
        before,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// Makes a failed task pending again, with `further` further attempts; as a part of the
/// caller's transaction, which also writes the audit log. `None` where there is no such task.
///
/// # Errors
/// When the database fails.
pub async fn retry(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: TaskId,
    further: i32,
) -> Result<Option<Retried>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT status AS "status: TaskStatus", key_id, priority, EXISTS (
            SELECT 1 FROM tasks AS active WHERE active.key_id = tasks.key_id AND active.purl = tasks.purl
            AND active.status IN ('pending', 'queued', 'running')
        ) AS "duplicate!"
        FROM tasks WHERE id = $1 FOR UPDATE
        "#,
        id.0,
    )
    .fetch_optional(&mut **transaction)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.status != TaskStatus::Failed {
        return Ok(Some(Retried::Not(row.status)));
    }
    if row.duplicate {
        return Ok(Some(Retried::Duplicate));
    }
    match again(transaction, id, further).await {
        Ok(()) => {}
        // A submission of the same package came in between: the transaction is void.
        Err(sqlx::Error::Database(error)) if error.constraint() == Some("tasks_active") => {
            return Ok(Some(Retried::Duplicate));
        }
        Err(error) => return Err(error),
    }
    Ok(Some(Retried::Pending(Queueable {
        task: id,
        key: KeyId(row.key_id),
        priority: Priority::stored(row.priority),
    })))
}

async fn again(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: TaskId,
    further: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        WITH again AS (
            UPDATE tasks SET
                status = 'pending', completed_at = NULL, dead_lettered_at = NULL, started_at = NULL,
                cancel_requested_at = NULL, not_before = NULL, fence = fence + 1,
                max_attempts = attempts - handed_back + $2, event_seq = event_seq + 1
            WHERE id = $1 RETURNING id, event_seq
        )
        INSERT INTO task_events (task_id, seq, kind, data)
        SELECT id, event_seq, 'pending', '{"reason": "retried by an admin"}' FROM again
        "#,
        id.0,
        further,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
