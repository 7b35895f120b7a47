//! Deliveries of webhooks: their log, and what whoever delivers does to them.

use std::time::Duration;

use serde_json::json;
use sqlx::PgPool;

use super::audit::{self, Actor, Entry};
use super::webhooks::{DeliveryRow, give_up_pending};
use crate::model::{ErrorCategory, TaskId};

/// The event of a test.
pub const TEST: &str = "webhook.test";

/// A page of a webhook's deliveries, newest first.
///
/// # Errors
/// When the database fails.
pub async fn page(
    pool: &PgPool,
    webhook: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<DeliveryRow>, sqlx::Error> {
    sqlx::query_as!(
        DeliveryRow,
        r#"
        SELECT id, event, task_id AS "task_id: TaskId",
            CASE WHEN next_attempt_at IS NOT NULL THEN 'pending' WHEN delivered_at IS NOT NULL THEN 'delivered'
                ELSE 'failed' END AS "state!",
            created_at, attempts, next_attempt_at, delivered_at, last_attempt_at, last_status, last_error
        FROM webhook_deliveries WHERE webhook_id = $1 AND ($2::bigint IS NULL OR id < $2)
        ORDER BY id DESC LIMIT $3
        "#,
        webhook,
        before,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// Writes a test delivery, unless `most` were written within the last minute (`None`).
///
/// # Errors
/// When the database fails.
pub async fn test(
    transaction: &mut sqlx::PgTransaction<'_>,
    webhook: i64,
    most: i64,
) -> Result<Option<DeliveryRow>, sqlx::Error> {
    // Two at a time would both count too few.
    sqlx::query!(
        "SELECT id FROM webhooks WHERE id = $1 FOR NO KEY UPDATE",
        webhook
    )
    .fetch_optional(&mut **transaction)
    .await?;
    sqlx::query_as!(
        DeliveryRow,
        r#"
        INSERT INTO webhook_deliveries (webhook_id, event)
        SELECT $1, $2 WHERE (
            SELECT count(*) FROM (
                SELECT created_at, event FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY id DESC LIMIT 1000
            ) AS recent WHERE event = $2 AND created_at > now() - interval '1 minute'
        ) < $3
        RETURNING id, event, task_id AS "task_id: TaskId", 'pending' AS "state!", created_at, attempts,
            next_attempt_at, delivered_at, last_attempt_at, last_status, last_error
        "#,
        webhook,
        TEST,
        most,
    )
    .fetch_optional(&mut **transaction)
    .await
}

/// Makes a delivery due once more. `None` where there is none, or it is pending already.
///
/// # Errors
/// When the database fails.
pub async fn retry(
    transaction: &mut sqlx::PgTransaction<'_>,
    webhook: i64,
    id: i64,
) -> Result<Option<DeliveryRow>, sqlx::Error> {
    let row = sqlx::query_as!(
        DeliveryRow,
        r#"
        UPDATE webhook_deliveries SET next_attempt_at = now(), delivered_at = NULL
        WHERE id = $1 AND webhook_id = $2 AND next_attempt_at IS NULL
        RETURNING id, event, task_id AS "task_id: TaskId", 'pending' AS "state!", created_at, attempts,
            next_attempt_at, delivered_at, last_attempt_at, last_status, last_error
        "#,
        id,
        webhook,
    )
    .fetch_optional(&mut **transaction)
    .await?;
    if row.is_some() {
        // The trigger tells of new rows only.
        sqlx::query!("SELECT pg_notify($1, '')", super::webhooks::DUE)
            .fetch_optional(&mut **transaction)
            .await?;
    }
    Ok(row)
}

/// Whether a webhook has such a delivery.
///
/// # Errors
/// When the database fails.
pub async fn exists(pool: &PgPool, webhook: i64, id: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM webhook_deliveries WHERE id = $1 AND webhook_id = $2) AS "has!""#,
        id,
        webhook,
    )
    .fetch_one(pool)
    .await
}

/// A delivery to be attempted now.
#[derive(Clone)]
pub struct Due {
    /// Which.
    pub id: i64,
    /// Of which webhook.
    pub webhook: i64,
    /// Where to.
    pub url: String,
    /// Signs it.
    pub secret: String,
    /// Signs it too.
    pub previous_secret: Option<String>,
    /// Of what it tells.
    pub event: String,
    /// Attempts, this one included: the fence of its outcome.
    pub attempts: i32,
    /// Of which task.
    pub task: Option<TaskId>,
    /// What was analysed.
    pub purl: Option<String>,
    /// The report's verdict.
    pub verdict: Option<String>,
    /// The report's score.
    pub score: Option<i32>,
    /// Why the task failed.
    pub error_category: Option<ErrorCategory>,
    /// The same for people.
    pub error_message: Option<String>,
}

/// How many deliveries of a webhook are under way in this process.
#[derive(Debug, Clone, Copy)]
pub struct Busy {
    /// Which webhook.
    pub webhook: i64,
    /// How many.
    pub deliveries: i64,
}

/// How much may be taken.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// In all.
    pub all: i64,
    /// Of each webhook, with what is under way.
    pub each: i64,
    /// When somebody else may take it.
    pub lease: Duration,
}

/// Takes deliveries that are due, oldest first. The recursion finds the webhooks that have
/// something pending by one index look-up each, so that one webhook's backlog is not read
/// to get at another's delivery.
///
/// # Errors
/// When the database fails.
pub async fn take(pool: &PgPool, room: Room, busy: &[Busy]) -> Result<Vec<Due>, sqlx::Error> {
    let webhooks: Vec<i64> = busy.iter().map(|one| one.webhook).collect();
    let counts: Vec<i64> = busy.iter().map(|one| one.deliveries).collect();
    sqlx::query_as!(
        Due,
        r#"
        WITH RECURSIVE pending AS (
            SELECT min(webhook_id) AS id FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL
            UNION ALL
            SELECT (
                SELECT min(webhook_id) FROM webhook_deliveries
                WHERE next_attempt_at IS NOT NULL AND webhook_id > pending.id
            ) FROM pending WHERE pending.id IS NOT NULL
        ),
        chosen AS (
            SELECT due.id FROM pending
            JOIN webhooks ON webhooks.id = pending.id AND disabled_at IS NULL
            LEFT JOIN unnest($3::bigint[], $4::bigint[]) AS busy (webhook, deliveries) ON busy.webhook = pending.id
            CROSS JOIN LATERAL (
                SELECT id, next_attempt_at FROM webhook_deliveries
                WHERE webhook_id = pending.id AND next_attempt_at <= now()
                ORDER BY next_attempt_at LIMIT GREATEST($2 - COALESCE(busy.deliveries, 0), 0)
                FOR UPDATE SKIP LOCKED
            ) AS due
            ORDER BY due.next_attempt_at LIMIT $1
        ),
        taken AS (
            UPDATE webhook_deliveries SET
                attempts = attempts + 1, last_attempt_at = now(), next_attempt_at = now() + make_interval(secs => $5)
            WHERE id IN (SELECT id FROM chosen)
            RETURNING id, webhook_id, event, attempts, task_id
        )
        SELECT
            taken.id AS "id!", webhook_id AS "webhook!", url, secret,
            CASE WHEN previous_expires_at > now() THEN previous_secret END AS previous_secret,
            event AS "event!", taken.attempts AS "attempts!", task_id AS "task: TaskId",
            tasks.purl AS "purl?", verdict AS "verdict?", score AS "score?",
            error_category AS "error_category?: ErrorCategory", error_message AS "error_message?"
        FROM taken JOIN webhooks ON webhooks.id = webhook_id
        LEFT JOIN tasks ON tasks.id = task_id
        LEFT JOIN reports ON reports.id = report_id
        "#,
        room.all,
        room.each,
        &webhooks,
        &counts,
        room.lease.as_secs_f64(),
    )
    .fetch_all(pool)
    .await
}

/// Time until a delivery is due, zero where one is; `None` where none is pending.
///
/// # Errors
/// When the database fails.
pub async fn next_due(pool: &PgPool) -> Result<Option<Duration>, sqlx::Error> {
    let seconds = sqlx::query_scalar!(
        r#"
        SELECT EXTRACT(EPOCH FROM next_attempt_at - now())::float8 AS "wait!"
        FROM webhook_deliveries JOIN webhooks ON webhooks.id = webhook_id
        WHERE next_attempt_at IS NOT NULL AND disabled_at IS NULL
        ORDER BY next_attempt_at LIMIT 1
        "#,
    )
    .fetch_optional(pool)
    .await?;
    Ok(seconds.map(|wait| Duration::try_from_secs_f64(wait).unwrap_or_default()))
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The HTTP status, where there was an answer.
    pub status: Option<i32>,
    /// What went wrong; `None` where it arrived.
    pub error: Option<String>,
    /// When to try again; `None` to give it up.
    pub retry: Option<Duration>,
    /// The receiver wants no more.
    pub gone: bool,
}

/// Writes down what became of an attempt. Says why the webhook was disabled, if it was: after
/// `patience` deliveries in a row that were given up, or because its receiver wants no more.
///
/// # Errors
/// When the database fails.
pub async fn settle(
    pool: &PgPool,
    due: &Due,
    outcome: &Outcome,
    patience: i32,
) -> Result<Option<String>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let arrived = outcome.error.is_none();
    if outcome.retry.is_none() {
        // The webhook before its deliveries, as everybody does who locks both.
        sqlx::query!(
            "SELECT id FROM webhooks WHERE id = $1 FOR NO KEY UPDATE",
            due.webhook
        )
        .fetch_optional(&mut *transaction)
        .await?;
    }
    let ours = sqlx::query!(
        r#"
        UPDATE webhook_deliveries SET
            last_status = $3, last_error = $4, delivered_at = CASE WHEN $4::text IS NULL THEN now() END,
            next_attempt_at = now() + make_interval(secs => $5)
        WHERE id = $1 AND attempts = $2 AND next_attempt_at IS NOT NULL
        "#,
        due.id,
        due.attempts,
        outcome.status,
        outcome.error,
        outcome.retry.map(|wait| wait.as_secs_f64()),
    )
    .execute(&mut *transaction)
    .await?;
    let mut reason = None;
    if ours.rows_affected() == 0 {
        return Ok(None);
    } else if arrived {
        sqlx::query!(
            "UPDATE webhooks SET failures_in_a_row = 0 WHERE id = $1 AND failures_in_a_row > 0",
            due.webhook
        )
        .execute(&mut *transaction)
        .await?;
    } else if outcome.retry.is_none() {
        let given_up = sqlx::query_scalar!(
            "UPDATE webhooks SET failures_in_a_row = failures_in_a_row + 1
             WHERE id = $1 AND disabled_at IS NULL RETURNING failures_in_a_row",
            due.webhook,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        reason = match given_up {
            Some(_) if outcome.gone => Some("its receiver answered 410 Gone".to_owned()),
            Some(count) if count >= patience => {
                Some(format!("{count} deliveries in a row were given up"))
            }
            _ => None,
        };
    }
    if let Some(reason) = &reason {
        disable(&mut transaction, due.webhook, reason).await?;
    }
    transaction.commit().await?;
    Ok(reason)
}

async fn disable(
    transaction: &mut sqlx::PgTransaction<'_>,
    webhook: i64,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE webhooks SET disabled_at = now(), disabled_reason = $2 WHERE id = $1",
        webhook,
        reason,
    )
    .execute(&mut **transaction)
    .await?;
    give_up_pending(transaction, webhook).await?;
    let actor = Actor {
        name: "system:webhooks".into(),
        request_id: None,
    };
    let entry = Entry {
        action: "webhook.disable",
        subject: format!("webhook:{webhook}"),
        details: json!({ "reason": reason }),
    };
    audit::write(transaction, &actor, &entry).await
}
