//! Which backups were made, and verified.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

/// Remembers a backup.
///
/// # Errors
/// What the database says.
pub async fn made(db: &PgPool, name: &str, at: DateTime<Utc>, size: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO backups (name, made_at, size) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET size = excluded.size, verified_at = NULL",
        name,
        at,
        size
    )
    .execute(db)
    .await
    .map(drop)
}

/// Remembers that one was restored, whole.
///
/// # Errors
/// What the database says.
pub async fn verified(db: &PgPool, name: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE backups SET verified_at = now() WHERE name = $1",
        name
    )
    .execute(db)
    .await
    .map(drop)
}

/// Forgets one that was deleted.
///
/// # Errors
/// What the database says.
pub async fn forget(db: &PgPool, name: &str) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM backups WHERE name = $1", name)
        .execute(db)
        .await
        .map(drop)
}

/// When the newest of those that were verified was made.
///
/// # Errors
/// What the database says.
pub async fn newest(db: &PgPool) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!("SELECT max(made_at) FROM backups WHERE verified_at IS NOT NULL")
        .fetch_one(db)
        .await
}
