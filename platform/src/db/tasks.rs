//! Tasks as their submitters see and change them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::audit::{self, Actor, Entry};
use super::submit::Queueable;
use crate::model::{ErrorCategory, KeyId, Priority, ReportId, TaskId, TaskStatus};

/// A task's row, with its report's where there is one.
#[derive(Debug, Clone)]
pub struct TaskRow {
    /// Which.
    pub id: TaskId,
    /// Whose.
    pub key: KeyId,
    /// What, canonically; with the version once it is known.
    pub purl: String,
    /// Purl type.
    pub ecosystem: String,
    /// Purl namespace.
    pub namespace: Option<String>,
    /// Purl name.
    pub name: String,
    /// Asked for, or found to be the latest.
    pub version: Option<String>,
    /// How urgent.
    pub priority: i16,
    /// Where it stands.
    pub status: TaskStatus,
    /// How long an attempt may run.
    pub timeout_seconds: i32,
    /// Claims so far.
    pub attempts: i32,
    /// Written when.
    pub created_at: DateTime<Utc>,
    /// First in the queue when.
    pub queued_at: Option<DateTime<Utc>>,
    /// Present or last attempt begun when.
    pub started_at: Option<DateTime<Utc>>,
    /// Ended when.
    pub completed_at: Option<DateTime<Utc>>,
    /// Last sign of life of its worker.
    pub last_heartbeat: Option<DateTime<Utc>>,
    /// Asked to end when.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// Given up when.
    pub dead_lettered_at: Option<DateTime<Utc>>,
    /// Why it failed, or what the last attempt failed of.
    pub error_category: Option<ErrorCategory>,
    /// The same for people.
    pub error_message: Option<String>,
    /// The same, whatever else helps.
    pub error_details: Option<Value>,
    /// Number of its last event.
    pub event_seq: i32,
    /// Its report.
    pub report_id: Option<ReportId>,
    /// Digest of the report's bytes.
    pub report_sha256: Option<Vec<u8>>,
    /// Their number.
    pub report_size: Option<i64>,
    /// Written when.
    pub report_created_at: Option<DateTime<Utc>>,
    /// Its verdict.
    pub verdict: Option<String>,
    /// Its score.
    pub score: Option<i32>,
}

/// One task, if it is `key`'s; anybody's with `None`.
///
/// # Errors
/// When the database fails.
pub async fn get(
    pool: &PgPool,
    id: TaskId,
    key: Option<KeyId>,
) -> Result<Option<TaskRow>, sqlx::Error> {
    sqlx::query_as!(
        TaskRow,
        r#"
        SELECT
            tasks.id AS "id: TaskId", key_id AS "key: KeyId", tasks.purl, tasks.ecosystem, namespace, name,
            tasks.version, priority, status AS "status: TaskStatus", timeout_seconds, attempts,
            tasks.created_at, queued_at, started_at, completed_at, last_heartbeat, cancel_requested_at,
            dead_lettered_at, error_category AS "error_category: ErrorCategory", error_message,
            error_details, event_seq, report_id AS "report_id: ReportId", reports.sha256 AS "report_sha256?",
            reports.size_bytes AS "report_size?", reports.created_at AS "report_created_at?",
            reports.verdict AS "verdict?", reports.score AS "score?"
        FROM tasks LEFT JOIN reports ON reports.id = report_id
        WHERE tasks.id = $1 AND ($2::bigint IS NULL OR key_id = $2)
        "#,
        id.0,
        key.map(|key| key.0),
    )
    .fetch_optional(pool)
    .await
}

/// Where a page begins.
#[derive(Debug, Clone, Copy)]
pub enum From {
    /// After so many of the newest.
    Offset(i64),
    /// With the tasks older than this one.
    Before(TaskId),
}

/// A page of a key's tasks (anybody's with `None`), newest first. The page is found in an
/// index alone; only its rows are read.
///
/// # Errors
/// When the database fails.
pub async fn page(
    pool: &PgPool,
    key: Option<KeyId>,
    status: Option<TaskStatus>,
    from: From,
    size: i64,
) -> Result<Vec<TaskRow>, sqlx::Error> {
    let (offset, before) = match from {
        From::Offset(offset) => (offset, None),
        From::Before(id) => (0, Some(id.0)),
    };
    sqlx::query_as!(
        TaskRow,
        r#"
        SELECT
            tasks.id AS "id: TaskId", key_id AS "key: KeyId", tasks.purl, tasks.ecosystem, namespace, name,
            tasks.version, priority, status AS "status: TaskStatus", timeout_seconds, attempts,
            tasks.created_at, queued_at, started_at, completed_at, last_heartbeat, cancel_requested_at,
            dead_lettered_at, error_category AS "error_category: ErrorCategory", error_message,
            error_details, event_seq, report_id AS "report_id: ReportId", reports.sha256 AS "report_sha256?",
            reports.size_bytes AS "report_size?", reports.created_at AS "report_created_at?",
            reports.verdict AS "verdict?", reports.score AS "score?"
        FROM tasks LEFT JOIN reports ON reports.id = report_id
        WHERE tasks.id IN (
            SELECT id FROM tasks
            WHERE ($1::bigint IS NULL OR key_id = $1) AND ($2::task_status IS NULL OR status = $2)
              AND ($3::bigint IS NULL OR id < $3)
            ORDER BY id DESC OFFSET $4 LIMIT $5
        )
        ORDER BY tasks.id DESC
        "#,
        key.map(|key| key.0),
        status as Option<TaskStatus>,
        before,
        offset,
        size,
    )
    .fetch_all(pool)
    .await
}

/// How many tasks a key has.
///
/// # Errors
/// When the database fails.
pub async fn count(
    pool: &PgPool,
    key: Option<KeyId>,
    status: Option<TaskStatus>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM tasks
        WHERE ($1::bigint IS NULL OR key_id = $1) AND ($2::task_status IS NULL OR status = $2)
        "#,
        key.map(|key| key.0),
        status as Option<TaskStatus>,
    )
    .fetch_one(pool)
    .await
}

/// What a request to cancel did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It had not begun, and never will.
    AtOnce,
    /// Its worker was asked to end it.
    Requested,
    /// It was over already.
    Over(TaskStatus),
}

/// Cancels a key's task (anybody's with `None`); `None` where there is no such task.
///
/// # Errors
/// When the database fails.
pub async fn cancel(
    pool: &PgPool,
    id: TaskId,
    key: Option<KeyId>,
    actor: &Actor,
) -> Result<Option<Cancelled>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let status = sqlx::query_scalar!(
        r#"SELECT status AS "status: TaskStatus" FROM tasks
        WHERE id = $1 AND ($2::bigint IS NULL OR key_id = $2) FOR UPDATE"#,
        id.0,
        key.map(|key| key.0),
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let done = match status {
        None => return Ok(None),
        Some(status) if status.is_final() => return Ok(Some(Cancelled::Over(status))),
        Some(TaskStatus::Running) => {
            let asked = sqlx::query!(
                r#"
                WITH asked AS (
                    UPDATE tasks SET cancel_requested_at = now(), event_seq = event_seq + 1
                    WHERE id = $1 AND cancel_requested_at IS NULL RETURNING id, event_seq
                )
                INSERT INTO task_events (task_id, seq, kind, data)
                SELECT id, event_seq, 'cancel_requested', '{}' FROM asked
                "#,
                id.0,
            )
            .execute(&mut *transaction)
            .await?;
            if asked.rows_affected() == 0 {
                return Ok(Some(Cancelled::Requested));
            }
            Cancelled::Requested
        }
        Some(_) => {
            sqlx::query!(
                r#"
                WITH ended AS (
                    UPDATE tasks SET
                        status = 'cancelled', completed_at = now(), cancel_requested_at = now(),
                        fence = fence + 1, event_seq = event_seq + 1
                    WHERE id = $1 RETURNING id, key_id, event_seq
                ),
                told AS (
                    INSERT INTO task_events (task_id, seq, kind, data)
                    SELECT id, event_seq, 'cancelled', '{}' FROM ended
                )
                INSERT INTO webhook_deliveries (webhook_id, task_id, event)
                SELECT webhooks.id, ended.id, 'task.cancelled' FROM ended JOIN webhooks USING (key_id)
                WHERE disabled_at IS NULL AND 'task.cancelled' = ANY(webhooks.events)
                "#,
                id.0,
            )
            .execute(&mut *transaction)
            .await?;
            Cancelled::AtOnce
        }
    };
    let entry = Entry {
        action: "task.cancel",
        subject: format!("task:{id}"),
        details: json!({}),
    };
    audit::write(&mut transaction, actor, &entry).await?;
    transaction.commit().await?;
    Ok(Some(done))
}

/// An unfinished task, for the reconciler.
#[derive(Debug, Clone)]
pub struct OpenTask {
    /// How the queue knows it.
    pub entry: Queueable,
    /// Where it stands.
    pub status: TaskStatus,
    /// Time until it may be tried again.
    pub wait: Option<Duration>,
    /// Nobody can be at it: it is not running, or its worker has been silent for long.
    pub idle: bool,
}

/// Unfinished tasks after `after`, by id: at most `limit`. A running one counts as idle when
/// its last heartbeat is older than `silence`; one that was written within `settling` is left
/// out: whoever wrote it is still at it.
///
/// # Errors
/// When the database fails.
pub async fn open(
    pool: &PgPool,
    after: TaskId,
    limit: i64,
    silence: Duration,
    settling: Duration,
) -> Result<Vec<OpenTask>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT id, key_id, priority, status AS "status: TaskStatus",
            EXTRACT(EPOCH FROM not_before - now())::float8 AS wait,
            (status <> 'running' OR last_heartbeat < now() - make_interval(secs => $3)) AS "idle!"
        FROM tasks
        WHERE status IN ('pending', 'queued', 'running') AND id > $1
          AND created_at < now() - make_interval(secs => $4)
        ORDER BY id LIMIT $2
        "#,
        after.0,
        limit,
        silence.as_secs_f64(),
        settling.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| OpenTask {
            entry: Queueable {
                task: TaskId(row.id),
                key: KeyId(row.key_id),
                priority: Priority::stored(row.priority),
            },
            status: row.status,
            wait: row
                .wait
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            idle: row.idle,
        })
        .collect())
}

/// Which of these are unfinished.
///
/// # Errors
/// When the database fails.
pub async fn unfinished(pool: &PgPool, ids: &[TaskId]) -> Result<Vec<TaskId>, sqlx::Error> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query_scalar!(
        "SELECT id FROM tasks WHERE id = ANY($1) AND status IN ('pending', 'queued', 'running')",
        &ids,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(TaskId).collect())
}
