//! Webhooks and their deliveries.
//!
//! A delivery's row is written in the transaction of the event that it tells of (`claims`,
//! `tasks`), so none is lost. Whoever delivers takes it by moving `next_attempt_at` past the
//! time that an attempt can last: a lease, held without a transaction. What dies with it is
//! taken again when the lease ends. `attempts` is the fence: a result counts only if nobody
//! took the delivery since.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::{KeyId, TaskId};

/// The channel that tells of new deliveries; a trigger sends to it.
pub const DUE: &str = "webhook_due";

/// A webhook, without its secret.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct WebhookRow {
    /// Which.
    pub id: i64,
    /// Whose.
    pub key_id: KeyId,
    /// Where deliveries go.
    pub url: String,
    /// Of what it tells.
    pub events: Vec<String>,
    /// Made when.
    pub created_at: DateTime<Utc>,
    /// Whether it tells.
    pub enabled: bool,
    /// Since when it does not.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Why it does not.
    pub disabled_reason: Option<String>,
    /// Deliveries that were given up since the last one that arrived.
    pub failures_in_a_row: i32,
    /// Until when the secret before the present one signs too.
    pub previous_secret_expires_at: Option<DateTime<Utc>>,
}

/// A delivery, as its log shows it.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct DeliveryRow {
    /// Which; the header `webhook-id` is made of it.
    pub id: i64,
    /// Of what it tells.
    pub event: String,
    /// Of which task; null for a test.
    pub task_id: Option<TaskId>,
    /// `pending`, `delivered` or `failed`.
    pub state: String,
    /// Written when.
    pub created_at: DateTime<Utc>,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried next.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Taken by its receiver when.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Tried last when.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// The HTTP status of the last answer.
    pub last_status: Option<i32>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// A webhook to be made.
#[derive(Debug, Clone)]
pub struct NewWebhook<'a> {
    /// Whose.
    pub key: KeyId,
    /// Where deliveries go.
    pub url: &'a str,
    /// Signs them.
    pub secret: &'a str,
    /// Of what it tells.
    pub events: &'a [String],
}

/// Writes a webhook, unless its key has `most` already (`None`).
///
/// # Errors
/// When the database fails.
pub async fn create(
    transaction: &mut sqlx::PgTransaction<'_>,
    new: &NewWebhook<'_>,
    most: i64,
) -> Result<Option<WebhookRow>, sqlx::Error> {
    // Two at a time would both count too few. Submissions go on: they lock for KEY SHARE.
    sqlx::query!(
        "SELECT id FROM api_keys WHERE id = $1 FOR NO KEY UPDATE",
        new.key.0
    )
    .fetch_optional(&mut **transaction)
    .await?;
    sqlx::query_as!(
        WebhookRow,
        r#"
        INSERT INTO webhooks (key_id, url, secret, events)
        SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM webhooks WHERE key_id = $1) < $5
        RETURNING id, key_id AS "key_id: KeyId", url, events, created_at, true AS "enabled!", disabled_at,
            disabled_reason, failures_in_a_row, previous_expires_at AS previous_secret_expires_at
        "#,
        new.key.0,
        new.url,
        new.secret,
        new.events,
        most,
    )
    .fetch_optional(&mut **transaction)
    .await
}

/// A key's webhooks, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(pool: &PgPool, key: KeyId) -> Result<Vec<WebhookRow>, sqlx::Error> {
    sqlx::query_as!(
        WebhookRow,
        r#"
        SELECT id, key_id AS "key_id: KeyId", url, events, created_at, disabled_at IS NULL AS "enabled!",
            disabled_at, disabled_reason, failures_in_a_row,
            CASE WHEN previous_expires_at > now() THEN previous_expires_at END AS previous_secret_expires_at
        FROM webhooks WHERE key_id = $1 ORDER BY id DESC
        "#,
        key.0,
    )
    .fetch_all(pool)
    .await
}

/// One webhook, if it is `key`'s; anybody's with `None`.
///
/// # Errors
/// When the database fails.
pub async fn get(
    pool: &PgPool,
    id: i64,
    key: Option<KeyId>,
) -> Result<Option<WebhookRow>, sqlx::Error> {
    sqlx::query_as!(
        WebhookRow,
        r#"
        SELECT id, key_id AS "key_id: KeyId", url, events, created_at, disabled_at IS NULL AS "enabled!",
            disabled_at, disabled_reason, failures_in_a_row,
            CASE WHEN previous_expires_at > now() THEN previous_expires_at END AS previous_secret_expires_at
        FROM webhooks WHERE id = $1 AND ($2::bigint IS NULL OR key_id = $2)
        "#,
        id,
        key.map(|key| key.0),
    )
    .fetch_optional(pool)
    .await
}

/// What to change of a webhook; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change<'a> {
    /// Where deliveries go.
    pub url: Option<&'a str>,
    /// Of what it tells.
    pub events: Option<&'a [String]>,
    /// Whether it tells. Enabling forgets the failures.
    pub enabled: Option<bool>,
}

/// Changes a webhook; `None` where there is none. Disabling gives up what is pending.
///
/// # Errors
/// When the database fails.
pub async fn update(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: i64,
    key: Option<KeyId>,
    change: &Change<'_>,
) -> Result<Option<WebhookRow>, sqlx::Error> {
    let row = sqlx::query_as!(
        WebhookRow,
        r#"
        UPDATE webhooks SET
            url = COALESCE($3, url), events = COALESCE($4, events),
            disabled_at = CASE $5::boolean WHEN true THEN NULL WHEN false THEN COALESCE(disabled_at, now())
                ELSE disabled_at END,
            disabled_reason = CASE $5::boolean WHEN true THEN NULL
                WHEN false THEN COALESCE(disabled_reason, 'disabled by its owner') ELSE disabled_reason END,
            failures_in_a_row = CASE WHEN $5::boolean THEN 0 ELSE failures_in_a_row END
        WHERE id = $1 AND ($2::bigint IS NULL OR key_id = $2)
        RETURNING id, key_id AS "key_id: KeyId", url, events, created_at, disabled_at IS NULL AS "enabled!",
            disabled_at, disabled_reason, failures_in_a_row,
            CASE WHEN previous_expires_at > now() THEN previous_expires_at END AS previous_secret_expires_at
        "#,
        id,
        key.map(|key| key.0),
        change.url,
        change.events,
        change.enabled,
    )
    .fetch_optional(&mut **transaction)
    .await?;
    if row.as_ref().is_some_and(|row| !row.enabled) {
        give_up_pending(transaction, id).await?;
    }
    Ok(row)
}

/// Gives up what is pending of a webhook that was just disabled.
pub(super) async fn give_up_pending(
    transaction: &mut sqlx::PgTransaction<'_>,
    webhook: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE webhook_deliveries SET next_attempt_at = NULL,
            last_error = COALESCE(last_error || '; then ', '') || 'the webhook was disabled'
        WHERE webhook_id = $1 AND next_attempt_at IS NOT NULL
        "#,
        webhook,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Gives a webhook a new secret; the present one signs too for `overlap`. `None` where there
/// is no such webhook.
///
/// # Errors
/// When the database fails.
pub async fn rotate(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: i64,
    key: Option<KeyId>,
    secret: &str,
    overlap: Duration,
) -> Result<Option<WebhookRow>, sqlx::Error> {
    sqlx::query_as!(
        WebhookRow,
        r#"
        UPDATE webhooks SET
            previous_secret = CASE WHEN $4::float8 > 0 THEN secret END,
            previous_expires_at = CASE WHEN $4::float8 > 0 THEN now() + make_interval(secs => $4) END,
            secret = $3
        WHERE id = $1 AND ($2::bigint IS NULL OR key_id = $2)
        RETURNING id, key_id AS "key_id: KeyId", url, events, created_at, disabled_at IS NULL AS "enabled!",
            disabled_at, disabled_reason, failures_in_a_row,
            previous_expires_at AS previous_secret_expires_at
        "#,
        id,
        key.map(|key| key.0),
        secret,
        overlap.as_secs_f64(),
    )
    .fetch_optional(&mut **transaction)
    .await
}

/// Deletes a webhook and its log; says whose it was.
///
/// # Errors
/// When the database fails.
pub async fn delete(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: i64,
    key: Option<KeyId>,
) -> Result<Option<KeyId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"DELETE FROM webhooks WHERE id = $1 AND ($2::bigint IS NULL OR key_id = $2)
        RETURNING key_id AS "key: KeyId""#,
        id,
        key.map(|key| key.0),
    )
    .fetch_optional(&mut **transaction)
    .await
}
