//! Publishers: who deploys functions, which keys they sign with, which names are theirs.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::KeyId;

/// A publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// Which.
    pub id: i64,
    /// For people.
    pub name: String,
}

/// A publisher, with all that is known of it.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct PublisherRow {
    /// Its name.
    pub name: String,
    /// Made when.
    pub created_at: DateTime<Utc>,
    /// API keys that deploy in its name.
    pub members: Vec<KeyId>,
    /// Ids of the keys that it signs with, revoked ones aside.
    pub signing_keys: Vec<String>,
    /// Prefixes of names that are kept for it.
    pub namespaces: Vec<String>,
}

/// A key to verify signatures with.
#[derive(Debug, Clone)]
pub struct SigningKeyRow {
    /// Whose.
    pub publisher: i64,
    /// Its 32 bytes.
    pub public_key: Vec<u8>,
    /// Void since when.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// The publisher of an API key, if it has one.
///
/// # Errors
/// When the database fails.
pub async fn of_key(pool: &PgPool, key: KeyId) -> Result<Option<Publisher>, sqlx::Error> {
    sqlx::query_as!(
        Publisher,
        "SELECT p.id, p.name FROM publisher_members m JOIN publishers p ON p.id = m.publisher_id
         WHERE m.key_id = $1",
        key.0,
    )
    .fetch_optional(pool)
    .await
}

/// The publisher of an API key; where it has none it gets one of its own.
///
/// # Errors
/// When the database fails.
pub async fn ensure(
    transaction: &mut sqlx::PgTransaction<'_>,
    key: KeyId,
) -> Result<i64, sqlx::Error> {
    let own = format!("key-{key}");
    sqlx::query!(
        "INSERT INTO publishers (name) SELECT $2
         WHERE NOT EXISTS (SELECT 1 FROM publisher_members WHERE key_id = $1)
         ON CONFLICT (name) DO NOTHING",
        key.0,
        own,
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query!(
        "INSERT INTO publisher_members (key_id, publisher_id) SELECT $1, id FROM publishers WHERE name = $2
         ON CONFLICT (key_id) DO NOTHING",
        key.0,
        own,
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query_scalar!(
        "SELECT publisher_id FROM publisher_members WHERE key_id = $1",
        key.0
    )
    .fetch_one(&mut **transaction)
    .await
}

/// Whose a function's name is: of who published it first, else of whom the longest prefix of
/// it is kept for. `None`: nobody's.
///
/// # Errors
/// When the database fails.
pub async fn of_name(pool: &PgPool, name: &str) -> Result<Option<Publisher>, sqlx::Error> {
    sqlx::query_as!(
        Publisher,
        "SELECT id, name FROM publishers WHERE id = COALESCE(
            (SELECT publisher_id FROM functions WHERE functions.name = $1),
            (SELECT publisher_id FROM namespaces WHERE prefix = $1 OR starts_with($1, prefix || '-')
             ORDER BY length(prefix) DESC LIMIT 1))",
        name,
    )
    .fetch_optional(pool)
    .await
}

/// A signing key.
///
/// # Errors
/// When the database fails.
pub async fn signing_key(pool: &PgPool, id: &str) -> Result<Option<SigningKeyRow>, sqlx::Error> {
    sqlx::query_as!(
        SigningKeyRow,
        "SELECT publisher_id AS publisher, public_key, revoked_at FROM publisher_keys WHERE id = $1",
        id,
    )
    .fetch_optional(pool)
    .await
}

/// The publisher of that name.
///
/// # Errors
/// When the database fails.
pub async fn find(
    transaction: &mut sqlx::PgTransaction<'_>,
    name: &str,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM publishers WHERE name = $1", name)
        .fetch_optional(&mut **transaction)
        .await
}

/// All publishers whose names come after `after`: a page.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &PgPool,
    after: &str,
    limit: i64,
) -> Result<Vec<PublisherRow>, sqlx::Error> {
    sqlx::query_as!(
        PublisherRow,
        r#"
        SELECT name, created_at,
            ARRAY(SELECT key_id FROM publisher_members m WHERE m.publisher_id = p.id ORDER BY 1)
                AS "members!: Vec<KeyId>",
            ARRAY(SELECT k.id FROM publisher_keys k WHERE k.publisher_id = p.id AND revoked_at IS NULL ORDER BY 1)
                AS "signing_keys!: Vec<String>",
            ARRAY(SELECT prefix FROM namespaces n WHERE n.publisher_id = p.id ORDER BY 1)
                AS "namespaces!: Vec<String>"
        FROM publishers p WHERE name > $1 ORDER BY name LIMIT $2
        "#,
        after,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// Makes a publisher, unless there is one of that name. False then.
///
/// # Errors
/// When the database fails.
pub async fn create(
    transaction: &mut sqlx::PgTransaction<'_>,
    name: &str,
) -> Result<bool, sqlx::Error> {
    let made = sqlx::query!(
        "INSERT INTO publishers (name) VALUES ($1) ON CONFLICT (name) DO NOTHING",
        name
    )
    .execute(&mut **transaction)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Registers a signing key; false where it is registered already, with whomever.
///
/// # Errors
/// When the database fails.
pub async fn add_key(
    transaction: &mut sqlx::PgTransaction<'_>,
    publisher: i64,
    id: &str,
    public_key: &[u8],
) -> Result<bool, sqlx::Error> {
    let made = sqlx::query!(
        "INSERT INTO publisher_keys (id, publisher_id, public_key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        id,
        publisher,
        public_key,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Makes a signing key void; false where the publisher has no such key.
///
/// # Errors
/// When the database fails.
pub async fn revoke_key(
    transaction: &mut sqlx::PgTransaction<'_>,
    publisher: i64,
    id: &str,
) -> Result<bool, sqlx::Error> {
    let revoked = sqlx::query!(
        "UPDATE publisher_keys SET revoked_at = COALESCE(revoked_at, now()) WHERE id = $1 AND publisher_id = $2",
        id,
        publisher,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Lets an API key deploy in the name of a publisher, and no other; false where there is no
/// such key.
///
/// # Errors
/// When the database fails.
pub async fn join(
    transaction: &mut sqlx::PgTransaction<'_>,
    publisher: i64,
    key: KeyId,
) -> Result<bool, sqlx::Error> {
    let joined = sqlx::query!(
        "INSERT INTO publisher_members (key_id, publisher_id) SELECT id, $2 FROM api_keys WHERE id = $1
         ON CONFLICT (key_id) DO UPDATE SET publisher_id = EXCLUDED.publisher_id",
        key.0,
        publisher,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(joined.rows_affected() == 1)
}

/// Keeps a prefix of names for a publisher; whose it was before, if anybody's, loses it.
///
/// # Errors
/// When the database fails.
pub async fn reserve(
    transaction: &mut sqlx::PgTransaction<'_>,
    publisher: i64,
    prefix: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO namespaces (prefix, publisher_id) VALUES ($1, $2)
         ON CONFLICT (prefix) DO UPDATE SET publisher_id = EXCLUDED.publisher_id",
        prefix,
        publisher,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
