//! Functions: analyzers that are deployed while the platform runs.
//!
//! A version never changes (a trigger sees to it); what changes is which version an alias
//! names, and each of those moves is kept. Triggers tell workers on [`CHANGED`].
//!
//! Workers follow three aliases: [`STABLE`] for all tasks, [`CANARY`] for a share of them,
//! [`SHADOW`] beside them.

mod aliases;
mod breaker;
mod compilations;
mod publish;
mod settings;
mod shadow;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use sqlx::types::Json;

pub use aliases::{
    Move, MoveRow, Named, count_followed, current, lock, move_alias, moves, previous,
};
pub use breaker::{Tripped, count_runs, forget_runs, tripped};
pub use compilations::{begin_compiling, end_compiling};
pub use publish::{NewVersion, Published, begin, change, forget, is_known, publish, stale_uploads};
pub use settings::{FunctionSettings, replace_settings, settings};
pub use shadow::{
    ComparisonRow, Difference, DifferenceRow, MOST_DIFFERENCES, Pair, Runs, VerdictCount, add_runs,
    comparisons, differences,
};

/// The channel that tells of moved aliases, disabled versions and revoked keys.
pub const CHANGED: &str = "functions_changed";

/// The alias that workers follow for all tasks.
pub const STABLE: &str = "stable";

/// The alias that workers follow for a share of the tasks, instead of [`STABLE`].
pub const CANARY: &str = "canary";

/// The alias that workers try beside what they run, for a share of the tasks.
pub const SHADOW: &str = "shadow";

/// The aliases that workers follow.
const FOLLOWED: [&str; 3] = [STABLE, CANARY, SHADOW];

/// Most versions that a worker holds beside the bundled analyzers, those of all aliases
/// together: each is some megabytes of code.
pub const MOST_FOLLOWED: i64 = 100;

/// Whether workers follow an alias.
pub fn is_followed(alias: &str) -> bool {
    FOLLOWED.contains(&alias)
}

/// Percent of the tasks that an alias takes unless another number is named; `None` for aliases
/// that take no share.
pub fn default_percent(alias: &str) -> Option<i16> {
    match alias {
        CANARY => Some(10),
        SHADOW => Some(100),
        _ => None,
    }
}

/// A function.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct FunctionRow {
    /// Which.
    #[serde(skip)]
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub publisher: String,
    /// First published when.
    pub created_at: DateTime<Utc>,
    /// How many versions there are.
    pub versions: i64,
    /// The version that each alias names.
    #[schema(value_type = Object, example = json!({"stable": "1.2.0"}))]
    pub aliases: Value,
    /// Percent of the tasks, of the aliases that take a share of them.
    #[schema(value_type = Object, example = json!({"canary": 10}))]
    pub percents: Value,
}

/// A version of a function.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct VersionRow {
    /// Which.
    #[serde(skip)]
    pub id: i64,
    /// Semantic version.
    pub version: String,
    /// Of the component, hexadecimal.
    pub sha256: String,
    /// Bytes of the component.
    pub size_bytes: i64,
    /// The WIT package and version that it speaks.
    pub contract: String,
    /// What the component says of itself.
    #[schema(value_type = Object)]
    pub descriptor: Value,
    /// The interfaces that it imports.
    pub capabilities: Vec<String>,
    /// Base64 of its ed25519 signature; null where it was not signed.
    pub signature: Option<String>,
    /// The id of the key that signed it.
    pub signing_key: Option<String>,
    /// Who published it.
    pub publisher: String,
    /// What admission measured.
    #[schema(value_type = Object)]
    pub measures: Value,
    /// Published when.
    pub created_at: DateTime<Utc>,
    /// Since when it can't be promoted any more.
    pub yanked_at: Option<DateTime<Utc>>,
    /// Since when it is not run any more.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Why it is not run any more.
    pub disabled_reason: Option<String>,
}

/// Functions whose names come after `after`: a page.
///
/// # Errors
/// When the database fails.
pub async fn list(pool: &PgPool, after: &str, limit: i64) -> Result<Vec<FunctionRow>, sqlx::Error> {
    sqlx::query_as!(
        FunctionRow,
        r#"
        SELECT f.id, f.name, p.name AS publisher, f.created_at,
            (SELECT count(*) FROM function_versions v WHERE v.function_id = f.id) AS "versions!",
            (SELECT COALESCE(jsonb_object_agg(a.alias, v.version ORDER BY a.alias), '{}')
             FROM function_aliases a JOIN function_versions v ON v.id = a.version_id
             WHERE a.function_id = f.id) AS "aliases!",
            (SELECT COALESCE(jsonb_object_agg(a.alias, a.percent ORDER BY a.alias), '{}')
             FROM function_aliases a WHERE a.function_id = f.id AND a.percent IS NOT NULL) AS "percents!"
        FROM functions f JOIN publishers p ON p.id = f.publisher_id
        WHERE f.name > $1 ORDER BY f.name LIMIT $2
        "#,
        after,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// One function.
///
/// # Errors
/// When the database fails.
pub async fn get(pool: &PgPool, name: &str) -> Result<Option<FunctionRow>, sqlx::Error> {
    sqlx::query_as!(
        FunctionRow,
        r#"
        SELECT f.id, f.name, p.name AS publisher, f.created_at,
            (SELECT count(*) FROM function_versions v WHERE v.function_id = f.id) AS "versions!",
            (SELECT COALESCE(jsonb_object_agg(a.alias, v.version ORDER BY a.alias), '{}')
             FROM function_aliases a JOIN function_versions v ON v.id = a.version_id
             WHERE a.function_id = f.id) AS "aliases!",
            (SELECT COALESCE(jsonb_object_agg(a.alias, a.percent ORDER BY a.alias), '{}')
             FROM function_aliases a WHERE a.function_id = f.id AND a.percent IS NOT NULL) AS "percents!"
        FROM functions f JOIN publishers p ON p.id = f.publisher_id
        WHERE f.name = $1
        "#,
        name,
    )
    .fetch_optional(pool)
    .await
}

/// The newest versions of a function, at most `limit`; only `version`, if it is given.
///
/// # Errors
/// When the database fails.
pub async fn versions(
    executor: impl sqlx::PgExecutor<'_>,
    function: i64,
    version: Option<&str>,
    limit: i64,
) -> Result<Vec<VersionRow>, sqlx::Error> {
    sqlx::query_as!(
        VersionRow,
        r#"
        SELECT v.id, v.version, encode(v.sha256, 'hex') AS "sha256!", v.size_bytes, v.contract, v.descriptor,
            v.capabilities, translate(encode(v.signature, 'base64'), E'\n', '') AS signature, v.signing_key,
            p.name AS publisher, v.measures, v.created_at, v.yanked_at, v.disabled_at, v.disabled_reason
        FROM function_versions v JOIN publishers p ON p.id = v.publisher_id
        WHERE v.function_id = $1 AND ($2::text IS NULL OR v.version = $2)
        ORDER BY v.id DESC LIMIT $3
        "#,
        function,
        version,
        limit,
    )
    .fetch_all(executor)
    .await
}

/// What a worker does with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Runs it in all tasks that no canary takes.
    Stable,
    /// Runs it in this percent of the tasks.
    Canary(u8),
    /// Tries it beside the others in this percent of the tasks.
    Shadow(u8),
}

/// A version that workers are to run.
#[derive(Debug, Clone)]
pub struct Followed {
    /// Which.
    pub id: i64,
    /// What for.
    pub role: Role,
    /// Its function.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Of the component.
    pub sha256: Vec<u8>,
    /// What the component said of itself when it was admitted.
    pub descriptor: Value,
    /// Over name, version, digest and descriptor.
    pub signature: Option<Vec<u8>>,
    /// Its publisher.
    pub publisher: String,
    /// The id of the key that it was signed with.
    pub signing_key: Option<String>,
    /// The key that it was signed with; `None` where it was not signed, and where the key is
    /// void or not its publisher's.
    pub public_key: Option<Vec<u8>>,
    /// What it is run with, where somebody said so.
    pub settings: Option<Json<FunctionSettings>>,
}

/// What the aliases that workers follow name, versions that were disabled aside, and canaries and
/// shadows that name the stable version, which are over: at most [`MOST_FOLLOWED`], those of
/// [`STABLE`] first, then by name.
///
/// # Errors
/// When the database fails.
pub async fn followed(pool: &PgPool) -> Result<Vec<Followed>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT v.id, a.alias, a.percent, f.name, v.version, v.sha256, v.descriptor, v.signature,
            p.name AS publisher, v.signing_key, k.public_key AS "public_key?",
            to_jsonb(s) AS "settings?: Json<FunctionSettings>"
        FROM function_aliases a
        JOIN functions f ON f.id = a.function_id
        JOIN function_versions v ON v.id = a.version_id
        JOIN publishers p ON p.id = v.publisher_id
        LEFT JOIN function_settings s ON s.function_id = f.id
        LEFT JOIN publisher_keys k
            ON k.id = v.signing_key AND k.publisher_id = v.publisher_id AND k.revoked_at IS NULL
        WHERE (a.alias = $1 OR (a.alias IN ($2, $3) AND a.percent IS NOT NULL)) AND v.disabled_at IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM function_aliases s WHERE s.function_id = a.function_id AND s.alias = $1
                    AND a.alias <> $1 AND s.version_id = a.version_id)
        ORDER BY array_position(ARRAY[$1, $2, $3], a.alias), f.name LIMIT $4
        "#,
        STABLE,
        CANARY,
        SHADOW,
        MOST_FOLLOWED,
    )
    .fetch_all(pool)
    .await?;
    let followed = rows.into_iter().map(|row| Followed {
        id: row.id,
        role: role(&row.alias, row.percent),
        name: row.name,
        version: row.version,
        sha256: row.sha256,
        descriptor: row.descriptor,
        signature: row.signature,
        publisher: row.publisher,
        signing_key: row.signing_key,
        public_key: row.public_key,
        settings: row.settings,
    });
    Ok(followed.collect())
}

/// Those of these versions that may still run: they are not disabled, and the key that signed
/// them is not void.
///
/// # Errors
/// When the database fails.
pub async fn allowed(pool: &PgPool, versions: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT v.id FROM function_versions v LEFT JOIN publisher_keys k ON k.id = v.signing_key
         WHERE v.id = ANY($1) AND v.disabled_at IS NULL AND k.revoked_at IS NULL",
        versions,
    )
    .fetch_all(pool)
    .await
}

fn role(alias: &str, percent: Option<i16>) -> Role {
    // A constraint keeps it within 1 and 100.
    let percent = percent.and_then(|percent| u8::try_from(percent).ok());
    let percent = percent.unwrap_or_default();
    match alias {
        CANARY => Role::Canary(percent),
        SHADOW => Role::Shadow(percent),
        _ => Role::Stable,
    }
}
