//! The circuit breaker: a version that fails too often is disabled by itself.
//!
//! All workers count into the same rows. Whoever added failures looks, in a transaction of its
//! own, whether they are too many: one that still held its count's row would wait in a circle
//! with others. A lock on the version's row lets one of them disable it, with its audit entry in
//! the same transaction.

use serde_json::json;
use sqlx::PgPool;

use crate::db;
use crate::db::audit::{self, Actor, Entry};

/// What is looked at, minutes: long enough for a version that is seldom run, short enough
/// that what was mended counts soon.
const WINDOW: i32 = 10;

/// Runs below which nothing is said: three bad packages in a row are no reason.
const LEAST: i64 = 20;

/// Percent of runs that fail. Packages can be made to make an analyzer fail, so a version
/// stays as long as it answers on half of what it sees.
const TOO_MANY: i64 = 50;

/// A version whose alias `stable` stands, and which the breaker disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tripped {
    /// Its function.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Why.
    pub reason: String,
}

/// Adds runs of a version, and disables it where too many failed: the answer then. Gives up on a
/// database that is silent.
///
/// # Errors
/// When the database fails: nothing was added.
pub async fn count_runs(
    pool: &PgPool,
    version: i64,
    shard: i16,
    (runs, failures): (i64, i64),
) -> Result<Option<Tripped>, sqlx::Error> {
    db::answered(add(pool, version, shard, (runs, failures))).await?;
    if failures == 0 {
        return Ok(None);
    }
    // The runs are counted: an error would have them counted again. The next failure judges.
    let judged = db::answered(judge(pool, version)).await;
    Ok(judged.unwrap_or_else(|error| {
        tracing::warn!(%error, version, "whether a function fails too often was not looked at");
        None
    }))
}

async fn add(
    pool: &PgPool,
    version: i64,
    shard: i16,
    (runs, failures): (i64, i64),
) -> Result<(), sqlx::Error> {
    // What ends after the version was disabled says nothing of it when it is enabled again.
    sqlx::query!(
        "INSERT INTO function_runs (version_id, minute, shard, runs, failures)
         SELECT id, date_trunc('minute', now()), $2, $3, $4 FROM function_versions
         WHERE id = $1 AND disabled_at IS NULL
         ON CONFLICT (version_id, minute, shard) DO UPDATE
         SET runs = function_runs.runs + EXCLUDED.runs, failures = function_runs.failures + EXCLUDED.failures",
        version,
        shard,
        runs,
        failures,
    )
    .execute(pool)
    .await?;
    Ok(())
}

async fn judge(pool: &PgPool, version: i64) -> Result<Option<Tripped>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let seen = sqlx::query!(
        r#"SELECT COALESCE(sum(runs), 0)::bigint AS "runs!", COALESCE(sum(failures), 0)::bigint AS "failures!"
         FROM function_runs WHERE version_id = $1 AND minute > now() - make_interval(mins => $2)"#,
        version,
        WINDOW,
    )
    .fetch_one(&mut *transaction)
    .await?;
    if seen.runs < LEAST || seen.failures * 100 < seen.runs * TOO_MANY {
        return Ok(None);
    }
    let reason = format!(
        "{} of {} runs within {WINDOW} minutes trapped or passed a limit",
        seen.failures, seen.runs
    );
    let tripped = sqlx::query_as!(
        Tripped,
        r#"UPDATE function_versions v SET disabled_at = now(), tripped_at = now(), disabled_reason = $2
         FROM functions f WHERE v.id = $1 AND v.disabled_at IS NULL AND f.id = v.function_id
         RETURNING f.name, v.version, v.disabled_reason AS "reason!""#,
        version,
        reason,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(tripped) = tripped else {
        return Ok(None);
    };
    // Enabled again, it begins anew.
    sqlx::query!("DELETE FROM function_runs WHERE version_id = $1", version)
        .execute(&mut *transaction)
        .await?;
    let actor = Actor {
        name: "system:breaker".into(),
        request_id: None,
    };
    let entry = Entry {
        action: "function.trip",
        subject: format!("function:{}", tripped.name),
        details: json!({
            "version": tripped.version, "runs": seen.runs, "failures": seen.failures, "reason": reason,
        }),
    };
    audit::write(&mut transaction, &actor, &entry).await?;
    transaction.commit().await?;
    Ok(Some(tripped))
}

/// Forgets runs that no window holds any more.
///
/// # Errors
/// When the database fails.
pub async fn forget_runs(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM function_runs WHERE minute < now() - interval '1 hour'")
        .execute(pool)
        .await?;
    Ok(())
}

/// What `stable` names and the breaker disabled: reports say that it did not run.
///
/// # Errors
/// When the database fails.
pub async fn tripped(pool: &PgPool) -> Result<Vec<Tripped>, sqlx::Error> {
    sqlx::query_as!(
        Tripped,
        r#"SELECT f.name, v.version, v.disabled_reason AS "reason!"
         FROM function_aliases a
         JOIN functions f ON f.id = a.function_id
         JOIN function_versions v ON v.id = a.version_id
         WHERE a.alias = $1 AND v.disabled_at IS NOT NULL AND v.tripped_at IS NOT NULL ORDER BY f.name"#,
        super::STABLE,
    )
    .fetch_all(pool)
    .await
}
