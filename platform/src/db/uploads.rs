//! Uploaded archives: a row for each object below `uploads/` in storage.
//!
//! The row is written before the first byte is stored and deleted after the object, so
//! whatever breaks in between leaves a row that says what is to be cleaned up ([`stale`]).

use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

use crate::model::KeyId;

/// An upload that was received whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Which; with the owner it makes the key in storage.
    pub id: Uuid,
    /// Whose.
    pub owner: KeyId,
    /// What it was called: no path, no control characters.
    pub filename: String,
    /// Of its bytes.
    pub sha256: Vec<u8>,
    /// How many bytes.
    pub size_bytes: i64,
}

/// An upload that nobody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleUpload {
    /// Which.
    pub id: Uuid,
    /// Whose.
    pub owner: KeyId,
}

/// Says that an upload is about to be received.
///
/// # Errors
/// When the database fails.
pub async fn begin(
    pool: &PgPool,
    id: Uuid,
    owner: KeyId,
    filename: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO uploads (id, key_id, filename) VALUES ($1, $2, $3)",
        id,
        owner.0,
        filename,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Says that an upload is stored whole. False when its row has gone, with its key for example:
/// then the object has to go too.
///
/// # Errors
/// When the database fails.
pub async fn finish(
    pool: &PgPool,
    id: Uuid,
    sha256: &[u8; 32],
    size_bytes: i64,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE uploads SET sha256 = $2, size_bytes = $3 WHERE id = $1",
        id,
        sha256,
        size_bytes,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// An upload, for the worker that analyses it; `None` where there is none that was received
/// whole.
///
/// # Errors
/// When the database fails.
pub async fn get(pool: &PgPool, id: Uuid) -> Result<Option<Upload>, sqlx::Error> {
    sqlx::query_as!(
        Upload,
        r#"
        SELECT id, key_id AS "owner: KeyId", filename, sha256 AS "sha256!", size_bytes AS "size_bytes!"
        FROM uploads WHERE id = $1 AND sha256 IS NOT NULL AND size_bytes IS NOT NULL
        "#,
        id,
    )
    .fetch_optional(pool)
    .await
}

/// Forgets an upload, unless an unfinished task needs it: false then. Its object has to be
/// deleted before, so [`stale`] is what tells which.
///
/// # Errors
/// When the database fails.
pub async fn delete(pool: &PgPool, id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM uploads WHERE id = $1 AND NOT EXISTS (
            SELECT 1 FROM tasks WHERE upload_id = $1 AND status IN ('pending', 'queued', 'running')
        )
        "#,
        id,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether any task was ever made of an upload.
///
/// # Errors
/// When the database fails.
pub async fn has_task(pool: &PgPool, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM tasks WHERE upload_id = $1) AS "has!""#,
        id,
    )
    .fetch_one(pool)
    .await
}

/// Uploads that nobody needs, oldest first, at most `limit`: not whole after `unfinished` (a
/// day, say, which no upload takes), or older than `retention` without an unfinished task.
///
/// # Errors
/// When the database fails.
pub async fn stale(
    pool: &PgPool,
    unfinished: Duration,
    retention: Duration,
    limit: i64,
) -> Result<Vec<StaleUpload>, sqlx::Error> {
    sqlx::query_as!(
        StaleUpload,
        r#"
        SELECT id, key_id AS "owner: KeyId" FROM uploads
        WHERE created_at < now() - make_interval(secs => CASE WHEN sha256 IS NULL THEN $1::float8 ELSE $2::float8 END)
          AND NOT EXISTS (
            SELECT 1 FROM tasks
            WHERE upload_id = uploads.id AND status IN ('pending', 'queued', 'running')
          )
        ORDER BY created_at LIMIT $3
        "#,
        unfinished.as_secs_f64(),
        retention.as_secs_f64(),
        limit,
    )
    .fetch_all(pool)
    .await
}
