//! API keys. A key is the tenant: everything that was submitted refers to it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::{KeyId, Scope};

/// A key, without its secret.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct KeyRow {
    /// Which.
    pub id: KeyId,
    /// For people.
    pub name: String,
    /// The secret's visible beginning.
    pub prefix: String,
    /// What it may do.
    #[schema(value_type = Vec<Scope>)]
    pub scopes: Vec<String>,
    /// Packages that may be submitted in an hour.
    pub rate_limit: i32,
    /// Made when.
    pub created_at: DateTime<Utc>,
    /// Used last when, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Void since when.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Whether it is good.
    pub active: bool,
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey<'a> {
    /// For people.
    pub name: &'a str,
    /// The secret's visible beginning.
    pub prefix: &'a str,
    /// SHA-256 of the secret.
    pub sha256: [u8; 32],
    /// What it may do.
    pub scopes: &'a [Scope],
    /// Packages that may be submitted in an hour.
    pub rate_limit: i32,
}

fn names(scopes: &[Scope]) -> Vec<String> {
    scopes
        .iter()
        .map(|scope| scope.as_str().to_owned())
        .collect()
}

/// Writes a key.
///
/// # Errors
/// When the database fails.
pub async fn create(
    transaction: &mut sqlx::PgTransaction<'_>,
    key: &NewKey<'_>,
) -> Result<KeyRow, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        r#"
        INSERT INTO api_keys (name, prefix, secret_sha256, scopes, rate_limit) VALUES ($1, $2, $3, $4, $5)
        RETURNING id AS "id: KeyId", name, prefix, scopes, rate_limit, created_at, last_used_at, revoked_at,
            revoked_at IS NULL AS "active!"
        "#,
        key.name,
        key.prefix,
        &key.sha256,
        &names(key.scopes),
        key.rate_limit,
    )
    .fetch_one(&mut **transaction)
    .await
}

/// A secret's key, unless it is void.
///
/// # Errors
/// When the database fails.
pub async fn by_secret(pool: &PgPool, sha256: &[u8; 32]) -> Result<Option<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        r#"
        SELECT id AS "id: KeyId", name, prefix, scopes, rate_limit, created_at, last_used_at, revoked_at,
            revoked_at IS NULL AS "active!"
        FROM api_keys
        WHERE revoked_at IS NULL
          AND (secret_sha256 = $1 OR (previous_sha256 = $1 AND previous_expires_at > now()))
        "#,
        sha256,
    )
    .fetch_optional(pool)
    .await
}

/// A page of keys, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &PgPool,
    before: Option<KeyId>,
    limit: i64,
) -> Result<Vec<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        r#"
        SELECT id AS "id: KeyId", name, prefix, scopes, rate_limit, created_at, last_used_at, revoked_at,
            revoked_at IS NULL AS "active!"
        FROM api_keys WHERE $1::bigint IS NULL OR id < $1 ORDER BY id DESC LIMIT $2
        "#,
        before.map(|key| key.0),
        limit,
    )
    .fetch_all(pool)
    .await
}

/// One key.
///
/// # Errors
/// When the database fails.
pub async fn get(pool: &PgPool, id: KeyId) -> Result<Option<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        r#"
        SELECT id AS "id: KeyId", name, prefix, scopes, rate_limit, created_at, last_used_at, revoked_at,
            revoked_at IS NULL AS "active!"
        FROM api_keys WHERE id = $1
        "#,
        id.0,
    )
    .fetch_optional(pool)
    .await
}

/// Whether `id` is the only key left that may administer. Until the transaction ends no other
/// one can be revoked or changed, so that two of them don't revoke each other.
///
/// # Errors
/// When the database fails.
pub async fn is_last_admin(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: KeyId,
) -> Result<bool, sqlx::Error> {
    // Submissions go on: they lock for KEY SHARE.
    let admins = sqlx::query_scalar!(
        "SELECT id FROM api_keys WHERE revoked_at IS NULL AND 'admin' = ANY(scopes)
         ORDER BY id FOR NO KEY UPDATE",
    )
    .fetch_all(&mut **transaction)
    .await?;
    Ok(admins == [id.0])
}

/// What to change of a key; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct KeyChange<'a> {
    /// For people.
    pub name: Option<&'a str>,
    /// What it may do.
    pub scopes: Option<&'a [Scope]>,
    /// Packages that may be submitted in an hour.
    pub rate_limit: Option<i32>,
}

/// Changes a key. `None` where there is none.
///
/// # Errors
/// When the database fails.
pub async fn update(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: KeyId,
    change: &KeyChange<'_>,
) -> Result<Option<KeyRow>, sqlx::Error> {
    let scopes = change.scopes.map(names);
    sqlx::query_as!(
        KeyRow,
        r#"
        UPDATE api_keys SET name = COALESCE($2, name), scopes = COALESCE($3, scopes),
            rate_limit = COALESCE($4, rate_limit)
        WHERE id = $1
        RETURNING id AS "id: KeyId", name, prefix, scopes, rate_limit, created_at, last_used_at, revoked_at,
            revoked_at IS NULL AS "active!"
        "#,
        id.0,
        change.name,
        scopes.as_deref(),
        change.rate_limit,
    )
    .fetch_optional(&mut **transaction)
    .await
}

/// Makes a key void. `None` where there is none; one that is void already stays so.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: KeyId,
) -> Result<Option<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        r#"
        UPDATE api_keys SET revoked_at = COALESCE(revoked_at, now()) WHERE id = $1
        RETURNING id AS "id: KeyId", name, prefix, scopes, rate_limit, created_at, last_used_at, revoked_at,
            false AS "active!"
        "#,
        id.0,
    )
    .fetch_optional(&mut **transaction)
    .await
}

/// Gives a key a new secret; the present one stays good for `overlap`. `None` where there is
/// no such key, or it is void.
///
/// # Errors
/// When the database fails.
pub async fn rotate(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: KeyId,
    prefix: &str,
    sha256: &[u8; 32],
    overlap: Duration,
) -> Result<Option<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        r#"
        UPDATE api_keys SET
            previous_sha256 = CASE WHEN $4::float8 > 0 THEN secret_sha256 END,
            previous_expires_at = CASE WHEN $4::float8 > 0 THEN now() + make_interval(secs => $4) END,
            prefix = $2, secret_sha256 = $3
        WHERE id = $1 AND revoked_at IS NULL
        RETURNING id AS "id: KeyId", name, prefix, scopes, rate_limit, created_at, last_used_at, revoked_at,
            true AS "active!"
        "#,
        id.0,
        prefix,
        sha256,
        overlap.as_secs_f64(),
    )
    .fetch_optional(&mut **transaction)
    .await
}

/// Notes that keys were used.
///
/// # Errors
/// When the database fails.
pub async fn used(pool: &PgPool, ids: &[KeyId]) -> Result<(), sqlx::Error> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    sqlx::query!(
        "UPDATE api_keys SET last_used_at = now() WHERE id = ANY($1)",
        &ids
    )
    .execute(pool)
    .await?;
    Ok(())
}
