//! What workers do to tasks. Each statement names the fence of the claim that it acts for,
//! and changes nothing once the task was claimed anew, cancelled or swept: that is what makes
//! at-least-once delivery have its effect once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::reports::NewReport;
use crate::model::{ErrorCategory, Fence, KeyId, Priority, ReportId, TaskId, TaskStatus};

/// A task that a worker may run now.
#[derive(Debug, Clone)]
pub struct ClaimedTask {
    /// Which.
    pub id: TaskId,
    /// Of this claim.
    pub fence: Fence,
    /// Whose.
    pub key: KeyId,
    /// What, as it was written.
    pub requested_purl: String,
    /// What, canonically.
    pub purl: String,
    /// The private archive, where it is one.
    pub upload: Option<Uuid>,
    /// Digests that a lock file pins.
    pub pinned: Option<Value>,
    /// How urgent.
    pub priority: Priority,
    /// How long this attempt may run.
    pub timeout: Duration,
    /// Claims so far, this one included.
    pub attempts: i32,
    /// Claims that count against the cap and were left, this one included.
    pub counted: i32,
    /// The cap.
    pub max_attempts: i32,
    /// Written when.
    pub created_at: DateTime<Utc>,
    /// Of the HTTP request.
    pub request_id: Option<String>,
    /// W3C trace context of the HTTP request.
    pub traceparent: Option<String>,
}

/// What a claim of an id gave.
#[derive(Debug, Clone)]
pub enum Claim {
    /// Run it.
    Run(Box<ClaimedTask>),
    /// There is nothing to do any more: acknowledge it.
    Over(TaskId),
}

/// Why a task ended without a report, or has to be tried again.
#[derive(Debug, Clone)]
pub struct TaskError {
    /// In the API's words.
    pub category: ErrorCategory,
    /// One line for people.
    pub message: String,
    /// Whatever else helps, as a JSON object.
    pub details: Value,
}

/// Marks tasks as running by `worker`; ends those that were cancelled meanwhile, and those
/// that were claimed too often without an end: whatever kills workers must not go on.
///
/// # Errors
/// When the database fails.
pub async fn claim(pool: &PgPool, worker: &str, ids: &[TaskId]) -> Result<Vec<Claim>, sqlx::Error> {
    let numbers: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let mut transaction = pool.begin().await?;
    let rows = sqlx::query!(
        r#"
        WITH claimed AS (
            UPDATE tasks SET
                status = 'running', attempts = attempts + 1, fence = fence + 1, worker = $2,
                started_at = now(), last_heartbeat = now(), not_before = NULL,
                queued_at = COALESCE(queued_at, now()), event_seq = event_seq + 1
            WHERE id = ANY($1) AND status IN ('pending', 'queued', 'running')
              AND cancel_requested_at IS NULL AND attempts - handed_back < max_attempts
            RETURNING *
        ),
        told AS (
            INSERT INTO task_events (task_id, seq, kind, data)
            SELECT id, event_seq, 'running', jsonb_build_object('attempt', attempts) FROM claimed
        )
        SELECT
            id AS "id!", fence AS "fence!", key_id AS "key_id!", requested_purl AS "requested_purl!",
            purl AS "purl!", upload_id, pinned, priority AS "priority!", timeout_seconds AS "timeout!",
            attempts AS "attempts!", handed_back AS "handed_back!", max_attempts AS "max_attempts!",
            created_at AS "created_at!", request_id, traceparent
        FROM claimed
        "#,
        &numbers,
        worker,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut claims: Vec<Claim> = rows
        .into_iter()
        .map(|row| {
            Claim::Run(Box::new(ClaimedTask {
                id: TaskId(row.id),
                fence: Fence(row.fence),
                key: KeyId(row.key_id),
                requested_purl: row.requested_purl,
                purl: row.purl,
                upload: row.upload_id,
                pinned: row.pinned,
                priority: Priority::stored(row.priority),
                timeout: Duration::from_secs(row.timeout.unsigned_abs().into()),
                attempts: row.attempts,
                counted: row.attempts - row.handed_back,
                max_attempts: row.max_attempts,
                created_at: row.created_at,
                request_id: row.request_id,
                traceparent: row.traceparent,
            }))
        })
        .collect();
    let over: Vec<i64> = {
        let running: Vec<i64> = claims
            .iter()
            .map(|claim| match claim {
                Claim::Run(task) => task.id.0,
                Claim::Over(id) => id.0,
            })
            .collect();
        numbers
            .into_iter()
            .filter(|id| !running.contains(id))
            .collect()
    };
    if !over.is_empty() {
        end_unclaimable(&mut transaction, &over).await?;
        claims.extend(over.into_iter().map(|id| Claim::Over(TaskId(id))));
    }
    transaction.commit().await?;
    Ok(claims)
}

/// Of tasks that could not be claimed: cancels the cancelled, dead-letters the exhausted.
async fn end_unclaimable(
    transaction: &mut sqlx::PgTransaction<'_>,
    ids: &[i64],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        WITH ended AS (
            UPDATE tasks SET
                status = CASE WHEN cancel_requested_at IS NULL THEN 'failed' ELSE 'cancelled' END::task_status,
                completed_at = now(), fence = fence + 1, event_seq = event_seq + 1,
                dead_lettered_at = CASE WHEN cancel_requested_at IS NULL THEN now() END,
                error_category = CASE WHEN cancel_requested_at IS NULL
                    THEN COALESCE(error_category, 'queue_error') END,
                error_message = CASE WHEN cancel_requested_at IS NULL
                    THEN 'given up after ' || attempts || ' attempts; the last one, by ' || COALESCE(worker, 'nobody')
                         || ', did not end' || COALESCE('; before that: ' || error_message, '') END
            WHERE id = ANY($1) AND status IN ('pending', 'queued', 'running')
              AND (cancel_requested_at IS NOT NULL OR attempts - handed_back >= max_attempts)
            RETURNING id, key_id, event_seq, status, error_category, error_message
        ),
        told AS (
            INSERT INTO task_events (task_id, seq, kind, data)
            SELECT id, event_seq, status::text, jsonb_strip_nulls(jsonb_build_object(
                'error_category', error_category, 'error_message', error_message))
            FROM ended
        )
        INSERT INTO webhook_deliveries (webhook_id, task_id, event)
        SELECT webhooks.id, ended.id, 'task.' || ended.status
        FROM ended JOIN webhooks USING (key_id)
        WHERE disabled_at IS NULL AND ('task.' || ended.status) = ANY(webhooks.events)
        "#,
        ids,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// A claim: which task, and the fence it gave.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// Which.
    pub task: TaskId,
    /// Of the claim.
    pub fence: Fence,
}

/// Makes a report visible: the task is complete and names it. `None` when the claim is no
/// longer good; nothing was changed then.
///
/// # Errors
/// When the database fails.
pub async fn complete(
    pool: &PgPool,
    held: Held,
    report: &NewReport,
) -> Result<Option<ReportId>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // The row's lock first: whoever else ends this task waits for us, or we for them.
    let mine = sqlx::query_scalar!(
        "SELECT id FROM tasks WHERE id = $1 AND fence = $2 AND status = 'running' FOR UPDATE",
        held.task.0,
        held.fence.0,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    if mine.is_none() {
        return Ok(None);
    }
    let id = super::reports::insert(&mut transaction, report).await?;
    sqlx::query!(
        r#"
        WITH ended AS (
            UPDATE tasks SET
                status = 'completed', completed_at = now(), report_id = $2, version = COALESCE($3, version),
                event_seq = event_seq + 1, error_category = NULL, error_message = NULL, error_details = NULL
            WHERE id = $1
            RETURNING id, key_id, event_seq
        ),
        told AS (
            INSERT INTO task_events (task_id, seq, kind, data)
            SELECT id, event_seq, 'completed', $4 FROM ended
        )
        INSERT INTO webhook_deliveries (webhook_id, task_id, event)
        SELECT webhooks.id, ended.id, 'task.completed'
        FROM ended JOIN webhooks USING (key_id)
        WHERE disabled_at IS NULL AND 'task.completed' = ANY(webhooks.events)
        "#,
        held.task.0,
        id.0,
        report.version,
        json!({ "verdict": report.verdict, "score": report.score }),
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Some(id))
}

/// How a task ends without a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The answer about the package is that there is none (not found, no archive, …).
    Failed,
    /// It ought to have worked: an admin may retry it.
    DeadLettered,
    /// Its submitter wanted so.
    Cancelled,
}

/// Ends a task without a report. False when the claim is no longer good.
///
/// # Errors
/// When the database fails.
pub async fn end(
    pool: &PgPool,
    held: Held,
    end: End,
    error: Option<&TaskError>,
) -> Result<bool, sqlx::Error> {
    let status = match end {
        End::Failed | End::DeadLettered => TaskStatus::Failed,
        End::Cancelled => TaskStatus::Cancelled,
    };
    let told = match error {
        Some(error) => json!({ "error_category": error.category, "error_message": error.message }),
        None => json!({}),
    };
    let changed = sqlx::query_scalar!(
        r#"
        WITH ended AS (
            UPDATE tasks SET
                status = $3, completed_at = now(), event_seq = event_seq + 1,
                error_category = $4, error_message = $5, error_details = $6,
                dead_lettered_at = CASE WHEN $7 THEN now() END
            WHERE id = $1 AND fence = $2 AND status = 'running'
            RETURNING id, key_id, event_seq, status
        ),
        told AS (
            INSERT INTO task_events (task_id, seq, kind, data)
            SELECT id, event_seq, status::text, $8 FROM ended
        ),
        delivered AS (
            INSERT INTO webhook_deliveries (webhook_id, task_id, event)
            SELECT webhooks.id, ended.id, 'task.' || ended.status
            FROM ended JOIN webhooks USING (key_id)
            WHERE disabled_at IS NULL AND ('task.' || ended.status) = ANY(webhooks.events)
        )
        SELECT count(*) AS "count!" FROM ended
        "#,
        held.task.0,
        held.fence.0,
        status as TaskStatus,
        error.map(|error| error.category) as Option<ErrorCategory>,
        error.map(|error| error.message.as_str()),
        error.map(|error| error.details.clone()),
        end == End::DeadLettered,
        told,
    )
    .fetch_one(pool)
    .await?;
    Ok(changed > 0)
}

/// Gives a task back to the queue: after `delay` when the attempt failed (`error`), at once
/// when the worker shuts down (`None`), which does not count against the cap. False when the
/// claim is no longer good.
///
/// # Errors
/// When the database fails.
pub async fn give_back(
    pool: &PgPool,
    held: Held,
    error: Option<&TaskError>,
    delay: Duration,
) -> Result<bool, sqlx::Error> {
    let data = match error {
        Some(error) => json!({
            "error_category": error.category,
            "error_message": error.message,
            "retry_in_seconds": delay.as_secs(),
        }),
        None => json!({ "reason": "the worker shuts down" }),
    };
    let changed = sqlx::query_scalar!(
        r#"
        WITH back AS (
            UPDATE tasks SET
                status = 'queued', fence = fence + 1, started_at = NULL, last_heartbeat = NULL,
                handed_back = handed_back + CASE WHEN $3::error_category IS NULL THEN 1 ELSE 0 END,
                error_category = COALESCE($3, error_category), error_message = COALESCE($4, error_message),
                error_details = COALESCE($5, error_details),
                not_before = now() + make_interval(secs => $6), event_seq = event_seq + 1
            WHERE id = $1 AND fence = $2 AND status = 'running'
            RETURNING id, event_seq
        ),
        told AS (
            INSERT INTO task_events (task_id, seq, kind, data) SELECT id, event_seq, 'queued', $7 FROM back
        )
        SELECT count(*) AS "count!" FROM back
        "#,
        held.task.0,
        held.fence.0,
        error.map(|error| error.category) as Option<ErrorCategory>,
        error.map(|error| error.message.as_str()),
        error.map(|error| error.details.clone()),
        delay.as_secs_f64(),
        data,
    )
    .fetch_one(pool)
    .await?;
    Ok(changed > 0)
}
