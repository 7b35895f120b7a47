//! Publishing a version, and what may change of it later.
//!
//! A component's object is stored before the row that names it. A note ([`begin`]) is written
//! before both and deleted with the row's transaction, so a crash in between leaves a note
//! that says what is to be cleaned up ([`stale_uploads`]).

use serde_json::Value;
use sqlx::PgPool;

/// A version to be published.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// Its function.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Of the component.
    pub sha256: [u8; 32],
    /// Bytes of the component.
    pub size_bytes: i64,
    /// The WIT package and version that it speaks.
    pub contract: String,
    /// What it says of itself.
    pub descriptor: Value,
    /// The ids of the rules that it lists.
    pub rules: Vec<String>,
    /// What it imports.
    pub capabilities: Vec<String>,
    /// The signature, and the id of the key that made it.
    pub signature: Option<(Vec<u8>, String)>,
    /// What admission measured.
    pub measures: Value,
}

/// What became of a version to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It is: this is its function's id.
    New(i64),
    /// There is such a version already.
    Exists,
    /// The name is another publisher's.
    Taken,
    /// This rule is another function's.
    RuleTaken(String),
}

/// Notes that a component is about to be stored.
///
/// # Errors
/// When the database fails.
pub async fn begin(pool: &PgPool, sha256: &[u8; 32]) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        "INSERT INTO component_uploads (sha256) VALUES ($1) RETURNING id",
        sha256
    )
    .fetch_one(pool)
    .await
}

/// Whether a component is named by a version, or by another note than this.
///
/// # Errors
/// When the database fails.
pub async fn is_known(pool: &PgPool, sha256: &[u8], note: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT EXISTS (SELECT 1 FROM function_versions WHERE sha256 = $1)
            OR EXISTS (SELECT 1 FROM component_uploads WHERE sha256 = $1 AND id <> $2) AS "known!"
        "#,
        sha256,
        note,
    )
    .fetch_one(pool)
    .await
}

/// Deletes a note whose component is gone, or named.
///
/// # Errors
/// When the database fails.
pub async fn forget(pool: &PgPool, note: i64) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM component_uploads WHERE id = $1", note)
        .execute(pool)
        .await?;
    Ok(())
}

/// Notes of more than an hour ago, with the components' digests: nobody works on them any
/// more.
///
/// # Errors
/// When the database fails.
pub async fn stale_uploads(pool: &PgPool) -> Result<Vec<(i64, Vec<u8>)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT id, sha256 FROM component_uploads WHERE begun_at < now() - interval '1 hour'
         ORDER BY id LIMIT 100"
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.sha256)).collect())
}

/// Writes a version, and its function if it is the first; forgets the note of its component.
///
/// # Errors
/// When the database fails.
pub async fn publish(
    transaction: &mut sqlx::PgTransaction<'_>,
    new: &NewVersion,
    publisher: i64,
    note: i64,
) -> Result<Published, sqlx::Error> {
    sqlx::query!(
        "INSERT INTO functions (name, publisher_id) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        new.name,
        publisher,
    )
    .execute(&mut **transaction)
    .await?;
    let function = sqlx::query!(
        "SELECT id, publisher_id FROM functions WHERE name = $1",
        new.name
    )
    .fetch_one(&mut **transaction)
    .await?;
    if function.publisher_id != publisher {
        return Ok(Published::Taken);
    }
    let (signature, key) = new
        .signature
        .as_ref()
        .map_or((None, None), |(signature, key)| {
            (Some(signature.as_slice()), Some(key.as_str()))
        });
    let written = sqlx::query!(
        "INSERT INTO function_versions (
            function_id, version, sha256, size_bytes, contract, descriptor, capabilities, signature, signing_key,
            publisher_id, measures)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (function_id, version) DO NOTHING",
        function.id,
        new.version,
        &new.sha256,
        new.size_bytes,
        new.contract,
        new.descriptor,
        &new.capabilities,
        signature,
        key,
        publisher,
        new.measures,
    )
    .execute(&mut **transaction)
    .await?;
    if written.rows_affected() == 0 {
        return Ok(Published::Exists);
    }
    if let Some(rule) = claim_rules(transaction, function.id, &new.rules).await? {
        return Ok(Published::RuleTaken(rule));
    }
    sqlx::query!("DELETE FROM component_uploads WHERE id = $1", note)
        .execute(&mut **transaction)
        .await?;
    Ok(Published::New(function.id))
}

/// Claims rules for a function; gives one that is another's, if there is one.
async fn claim_rules(
    transaction: &mut sqlx::PgTransaction<'_>,
    function: i64,
    rules: &[String],
) -> Result<Option<String>, sqlx::Error> {
    // In one order everywhere, so that two deploys do not wait for each other.
    sqlx::query!(
        "INSERT INTO function_rules (rule, function_id)
         SELECT rule, $1 FROM unnest($2::text[]) AS rule ORDER BY rule ON CONFLICT (rule) DO NOTHING",
        function,
        rules,
    )
    .execute(&mut **transaction)
    .await?;
    // A statement of its own: it sees what another deploy wrote while the first one waited.
    sqlx::query_scalar!(
        "SELECT rule FROM function_rules WHERE rule = ANY($2) AND function_id <> $1 ORDER BY rule LIMIT 1",
        function,
        rules,
    )
    .fetch_optional(&mut **transaction)
    .await
}

/// Yanks or disables a version, or takes that back; `None` leaves it as it is. A version that
/// is disabled has a reason. What an admin disabled keeps the admin's, and only an `admin`
/// enables it: `false` where another would, and nothing is changed then.
///
/// # Errors
/// When the database fails.
pub async fn change(
    transaction: &mut sqlx::PgTransaction<'_>,
    version: i64,
    yanked: Option<bool>,
    disabled: Option<bool>,
    reason: &str,
    admin: bool,
) -> Result<bool, sqlx::Error> {
    let by_admin = sqlx::query_scalar!(
        "SELECT disabled_by_admin FROM function_versions WHERE id = $1 FOR NO KEY UPDATE",
        version,
    )
    .fetch_one(&mut **transaction)
    .await?;
    if by_admin && !admin && disabled == Some(false) {
        return Ok(false);
    }
    if let Some(yanked) = yanked {
        sqlx::query!(
            "UPDATE function_versions SET yanked_at = CASE WHEN $2 THEN COALESCE(yanked_at, now()) END WHERE id = $1",
            version,
            yanked,
        )
        .execute(&mut **transaction)
        .await?;
    }
    if let Some(disabled) = disabled {
        sqlx::query!(
            "UPDATE function_versions SET disabled_at = CASE WHEN $2 THEN COALESCE(disabled_at, now()) END,
                disabled_reason = CASE WHEN $2 THEN
                    CASE WHEN disabled_by_admin AND NOT $4 THEN disabled_reason ELSE $3::text END END,
                disabled_by_admin = $2 AND (disabled_by_admin OR $4),
                tripped_at = CASE WHEN $2 THEN tripped_at END
             WHERE id = $1",
            version,
            disabled,
            reason,
            admin,
        )
        .execute(&mut **transaction)
        .await?;
    }
    Ok(true)
}
