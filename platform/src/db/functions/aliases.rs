//! Which version an alias names, and who moved it.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

/// The advisory lock of who counts what workers hold.
const COUNTING: i64 = 0x666f_6c6c_6f77_6564;

/// A move of an alias.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct MoveRow {
    /// Later ones are higher.
    pub id: i64,
    /// Which alias.
    pub alias: String,
    /// What it named before; null for the first move.
    pub from: Option<String>,
    /// What it names since.
    pub to: String,
    /// Percent of the tasks since; null for aliases that take no share of them.
    pub percent: Option<i16>,
    /// `promote` or `rollback`.
    pub kind: String,
    /// Who: `key:12`.
    pub actor: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// An alias to be moved.
#[derive(Debug, Clone, Copy)]
pub struct Move<'a> {
    /// Of which function.
    pub function: i64,
    /// Which alias.
    pub alias: &'a str,
    /// What it names now.
    pub from: Option<i64>,
    /// What it is to name.
    pub to: i64,
    /// Percent of the tasks that it is to take; `None` for aliases that take no share.
    pub percent: Option<i16>,
    /// `promote` or `rollback`.
    pub kind: &'static str,
    /// Who moves it.
    pub actor: &'a str,
}

/// Lets nobody else move a function's aliases until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock(
    transaction: &mut sqlx::PgTransaction<'_>,
    function: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT id FROM functions WHERE id = $1 FOR NO KEY UPDATE",
        function
    )
    .fetch_one(&mut **transaction)
    .await?;
    Ok(())
}

/// What an alias names.
#[derive(Debug, Clone)]
pub struct Named {
    /// The version's id.
    pub id: i64,
    /// The version.
    pub version: String,
    /// Percent of the tasks that the alias takes.
    pub percent: Option<i16>,
}

/// The version that an alias names.
///
/// # Errors
/// When the database fails.
pub async fn current(
    transaction: &mut sqlx::PgTransaction<'_>,
    function: i64,
    alias: &str,
) -> Result<Option<Named>, sqlx::Error> {
    sqlx::query_as!(
        Named,
        "SELECT v.id, v.version, a.percent FROM function_aliases a JOIN function_versions v ON v.id = a.version_id
         WHERE a.function_id = $1 AND a.alias = $2",
        function,
        alias,
    )
    .fetch_optional(&mut **transaction)
    .await
}

/// How many versions workers hold, those that [`super::followed`] gives without its limit. Nobody
/// else counts until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn count_followed(transaction: &mut sqlx::PgTransaction<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", COUNTING)
        .execute(&mut **transaction)
        .await?;
    // A statement of its own: it sees what was written while it was waited for.
    sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM function_aliases a JOIN function_versions v ON v.id = a.version_id
        WHERE (a.alias = $1 OR (a.alias IN ($2, $3) AND a.percent IS NOT NULL)) AND v.disabled_at IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM function_aliases s WHERE s.function_id = a.function_id AND s.alias = $1
                    AND a.alias <> $1 AND s.version_id = a.version_id)
        "#,
        super::STABLE,
        super::CANARY,
        super::SHADOW,
    )
    .fetch_one(&mut **transaction)
    .await
}

/// The version that an alias named before it was promoted to `version`.
///
/// # Errors
/// When the database fails.
pub async fn previous(
    transaction: &mut sqlx::PgTransaction<'_>,
    function: i64,
    alias: &str,
    version: i64,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT v.version FROM function_alias_moves m JOIN function_versions v ON v.id = m.from_version
         WHERE m.function_id = $1 AND m.alias = $2 AND m.to_version = $3 AND m.kind = 'promote'
            AND m.from_version <> m.to_version
         ORDER BY m.id DESC LIMIT 1",
        function,
        alias,
        version,
    )
    .fetch_optional(&mut **transaction)
    .await
}

/// Moves an alias, and notes who did.
///
/// # Errors
/// When the database fails.
pub async fn move_alias(
    transaction: &mut sqlx::PgTransaction<'_>,
    moved: &Move<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO function_aliases (function_id, alias, version_id, percent) VALUES ($1, $2, $3, $4)
         ON CONFLICT (function_id, alias) DO UPDATE
         SET version_id = EXCLUDED.version_id, percent = EXCLUDED.percent, moved_at = now()",
        moved.function,
        moved.alias,
        moved.to,
        moved.percent,
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query!(
        "INSERT INTO function_alias_moves (function_id, alias, from_version, to_version, kind, actor, percent)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        moved.function,
        moved.alias,
        moved.from,
        moved.to,
        moved.kind,
        moved.actor,
        moved.percent,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The last moves of a function's aliases, newest first.
///
/// # Errors
/// When the database fails.
pub async fn moves(pool: &PgPool, function: i64, limit: i64) -> Result<Vec<MoveRow>, sqlx::Error> {
    sqlx::query_as!(
        MoveRow,
        r#"
        SELECT m.id, m.alias, b.version AS "from?", n.version AS "to", m.percent, m.kind, m.actor, m.at
        FROM function_alias_moves m
        LEFT JOIN function_versions b ON b.id = m.from_version
        JOIN function_versions n ON n.id = m.to_version
        WHERE m.function_id = $1 ORDER BY m.id DESC LIMIT $2
        "#,
        function,
        limit,
    )
    .fetch_all(pool)
    .await
}
