//! Tasks that run, and those that have run for too long.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::TaskId;

/// Ends running tasks that are `grace` past their timeout: their workers should have done it.
///
/// # Errors
/// When the database fails.
pub async fn sweep(
    executor: impl sqlx::PgExecutor<'_>,
    grace: Duration,
) -> Result<Vec<TaskId>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        r#"
        WITH ended AS (
            UPDATE tasks SET
                status = 'failed', completed_at = now(), dead_lettered_at = now(), fence = fence + 1,
                error_category = 'timeout_error', event_seq = event_seq + 1,
                error_message = 'it ran longer than its timeout of ' || timeout_seconds || ' seconds'
            WHERE status = 'running'
              AND started_at + make_interval(secs => timeout_seconds) < now() - make_interval(secs => $1)
            RETURNING id, key_id, event_seq, error_message
        ),
        told AS (
            INSERT INTO task_events (task_id, seq, kind, data)
            SELECT id, event_seq, 'failed',
                jsonb_build_object('error_category', 'timeout_error', 'error_message', error_message)
            FROM ended
        ),
        delivered AS (
            INSERT INTO webhook_deliveries (webhook_id, task_id, event)
            SELECT webhooks.id, ended.id, 'task.failed' FROM ended JOIN webhooks USING (key_id)
            WHERE disabled_at IS NULL AND 'task.failed' = ANY(webhooks.events)
        )
        SELECT id AS "id!" FROM ended
        "#,
        grace.as_secs_f64(),
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(TaskId).collect())
}

/// A running task, for those who watch timeouts.
#[derive(Debug, Clone)]
pub struct RunningTask {
    /// Which.
    pub id: TaskId,
    /// What.
    pub purl: String,
    /// By whom.
    pub worker: Option<String>,
    /// Since when.
    pub started_at: Option<DateTime<Utc>>,
    /// Last sign of life.
    pub last_heartbeat: Option<DateTime<Utc>>,
    /// How long it may run.
    pub timeout_seconds: i32,
    /// It ran longer.
    pub timed_out: bool,
}

/// Running tasks, longest first: at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn running(pool: &PgPool, limit: i64) -> Result<Vec<RunningTask>, sqlx::Error> {
    sqlx::query_as!(
        RunningTask,
        r#"
        SELECT id AS "id: TaskId", purl, worker, started_at, last_heartbeat, timeout_seconds,
            COALESCE(started_at + make_interval(secs => timeout_seconds) < now(), false) AS "timed_out!"
        FROM tasks WHERE status = 'running' ORDER BY started_at LIMIT $1
        "#,
        limit,
    )
    .fetch_all(pool)
    .await
}
