//! The audit log: who changed what. An entry is written in the transaction of the change
//! that it speaks of: neither is there without the other. No entry holds a secret.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;

/// Who changes something, and on whose request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// `key:12`, `cli:USER`, `system:webhooks` or `system:breaker`.
    pub name: String,
    /// Of the HTTP request, where it was one.
    pub request_id: Option<String>,
}

/// A change.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What was done: `key.create`, `key.update`, `key.rotate`, `key.revoke`, `data.delete`,
    /// `task.cancel`, `task.retry`, `batch.cancel`, `webhook.create`, `webhook.update`, `webhook.rotate`, `webhook.delete`,
    /// `webhook.test`, `webhook.retry`, `webhook.disable`, `tasks.sweep`, `prune`,
    /// `function.deploy`, `function.promote`, `function.rollback`, `function.update`, `function.trip`, `function.configure`, `function.reanalyze`,
    /// `function.reanalyze_stop`,
    /// `publisher.create`, `publisher.add_key`, `publisher.revoke_key`, `publisher.add_member`,
    /// `publisher.reserve`.
    pub action: &'static str,
    /// To what: `key:12`, `task:5`, `webhook:3`; `tasks` for many.
    pub subject: String,
    /// A JSON object: what else helps.
    pub details: Value,
}

/// An entry as it is read.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct AuditRow {
    /// Its number: later ones are higher.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: `key:12`, `cli:USER`, `system:webhooks`.
    pub actor: String,
    /// What was done, as in `key.revoke`.
    pub action: String,
    /// To what, as in `key:12`.
    pub subject: String,
    /// What else there is to say.
    #[schema(value_type = Object)]
    pub details: Value,
    /// Of the HTTP request, where it was one.
    pub request_id: Option<String>,
}

/// Writes an entry as a part of the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn write(
    transaction: &mut sqlx::PgTransaction<'_>,
    actor: &Actor,
    entry: &Entry,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO audit_log (actor, action, subject, details, request_id) VALUES ($1, $2, $3, $4, $5)",
        actor.name,
        entry.action,
        entry.subject,
        entry.details,
        actor.request_id,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// A page of entries, newest first: of one subject, or of all with `None`.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &PgPool,
    subject: Option<&str>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditRow>, sqlx::Error> {
    sqlx::query_as!(
        AuditRow,
        r#"
        SELECT id, at, actor, action, subject, details, request_id FROM audit_log
        WHERE ($1::text IS NULL OR subject = $1) AND ($2::bigint IS NULL OR id < $2)
        ORDER BY id DESC LIMIT $3
        "#,
        subject,
        before,
        limit,
    )
    .fetch_all(pool)
    .await
}
