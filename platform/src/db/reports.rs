//! Reports: where they are, and who may read them.

use chrono::{DateTime, Utc};
use packguard_runtime::report::Outcome;
use serde_json::Value;
use sqlx::PgPool;

use crate::model::{KeyId, ReportId};

/// A report that was just stored.
#[derive(Debug, Clone)]
pub struct NewReport {
    /// Who alone may read it; `None` for everybody.
    pub owner: Option<KeyId>,
    /// Of what, canonically and with the version.
    pub purl: String,
    /// Purl type.
    pub ecosystem: String,
    /// Namespace and name.
    pub full_name: String,
    /// The version that was analysed.
    pub version: Option<String>,
    /// `clean`, `incomplete`, `suspicious` or `malicious`.
    pub verdict: String,
    /// 0 to 100.
    pub score: i32,
    /// How many findings.
    pub findings: i32,
    /// Of the stored bytes.
    pub sha256: [u8; 32],
    /// How many bytes.
    pub size_bytes: i64,
    /// Over all that decides the report.
    pub reuse_key: [u8; 32],
    /// The digest of the set of analyzers.
    pub analysis_set: [u8; 32],
}

/// Writes a report's row; where one with the same reuse key is there, that one is kept and
/// marked as checked now.
pub(super) async fn insert(
    transaction: &mut sqlx::PgTransaction<'_>,
    report: &NewReport,
) -> Result<ReportId, sqlx::Error> {
    let id = sqlx::query_scalar!(
        r#"
        INSERT INTO reports (
            owner, purl, ecosystem, full_name, version, verdict, score, findings, sha256, size_bytes,
            reuse_key, analysis_set
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (reuse_key, COALESCE(owner, 0)) DO UPDATE SET checked_at = now()
        RETURNING id
        "#,
        report.owner.map(|key| key.0),
        report.purl,
        report.ecosystem,
        report.full_name,
        report.version,
        report.verdict,
        report.score,
        report.findings,
        &report.sha256,
        report.size_bytes,
        &report.reuse_key,
        &report.analysis_set,
    )
    .fetch_one(&mut **transaction)
    .await?;
    Ok(ReportId(id))
}

/// A report's row.
#[derive(Debug, Clone)]
pub struct ReportRow {
    /// Which.
    pub id: ReportId,
    /// Who alone may read it; `None` for everybody.
    pub owner: Option<KeyId>,
    /// Of what.
    pub purl: String,
    /// Purl type.
    pub ecosystem: String,
    /// Namespace and name.
    pub full_name: String,
    /// The version that was analysed.
    pub version: Option<String>,
    /// `clean`, `incomplete`, `suspicious` or `malicious`.
    pub verdict: String,
    /// 0 to 100.
    pub score: i32,
    /// How many findings.
    pub findings: i32,
    /// Of the stored bytes.
    pub sha256: Vec<u8>,
    /// How many bytes.
    pub size_bytes: i64,
    /// Written when.
    pub created_at: DateTime<Utc>,
    /// Found to hold when.
    pub checked_at: DateTime<Utc>,
}

/// The report with this reuse key that `key` may read: the whole analysis can be spared.
///
/// # Errors
/// When the database fails.
pub async fn reusable(
    pool: &PgPool,
    owner: Option<KeyId>,
    reuse_key: &[u8; 32],
) -> Result<Option<ReportRow>, sqlx::Error> {
    sqlx::query_as!(
        ReportRow,
        r#"
        SELECT
            id AS "id: ReportId", owner AS "owner: KeyId", purl, ecosystem, full_name, version, verdict, score,
            findings, sha256, size_bytes, created_at, checked_at
        FROM reports WHERE reuse_key = $1 AND COALESCE(owner, 0) = $2
        "#,
        reuse_key,
        owner.map_or(0, |key| key.0),
    )
    .fetch_optional(pool)
    .await
}

/// Says which components a worker analyses with, from now on.
///
/// # Errors
/// When the database fails.
pub async fn register_set(
    pool: &PgPool,
    digest: &[u8; 32],
    components: &Value,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO analysis_sets (digest, components) VALUES ($1, $2)
         ON CONFLICT (digest) DO UPDATE SET registered_at = now()",
        digest,
        components,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Says which components a worker analyses a share of the tasks with: their reports never answer
/// new submissions, unless the set is registered too.
///
/// # Errors
/// When the database fails.
pub async fn note_set(
    pool: &PgPool,
    digest: &[u8; 32],
    components: &Value,
) -> Result<(), sqlx::Error> {
    // The set registered last is the one that answers: this one was long ago.
    sqlx::query!(
        "INSERT INTO analysis_sets (digest, components, registered_at) VALUES ($1, $2, to_timestamp(0))
         ON CONFLICT (digest) DO NOTHING",
        digest,
        components,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A public report whose alias in storage is not known to name it.
#[derive(Debug, Clone)]
pub struct AliasDue {
    /// Which.
    pub id: ReportId,
    /// Of what.
    pub purl: String,
    /// Where its bytes are.
    pub sha256: Vec<u8>,
}

/// The newest public reports without their alias, one for each purl: at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn aliases_due(pool: &PgPool, limit: i64) -> Result<Vec<AliasDue>, sqlx::Error> {
    sqlx::query_as!(
        AliasDue,
        r#"
        SELECT DISTINCT ON (purl) id AS "id: ReportId", purl, sha256 FROM (
            SELECT id, purl, sha256 FROM reports
            WHERE owner IS NULL AND alias_written_at IS NULL AND created_at < now() - interval '1 minute'
            ORDER BY id LIMIT $1
        ) AS due ORDER BY purl, id DESC
        "#,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// Says that a report's alias was written; older reports of the purl need none any more.
/// False when a newer report came in between: its alias has to be written again.
///
/// Does not wait for the disk: after a crash of Postgres the alias may be written once more.
///
/// # Errors
/// When the database fails.
pub async fn alias_written(pool: &PgPool, id: ReportId, purl: &str) -> Result<bool, sqlx::Error> {
    let newest = sqlx::query_scalar!(
        r#"
        WITH done AS (
            UPDATE reports SET alias_written_at = now()
            WHERE purl = $2 AND owner IS NULL AND id <= $1 AND alias_written_at IS NULL
              AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
        )
        SELECT NOT EXISTS (
            SELECT 1 FROM reports WHERE purl = $2 AND owner IS NULL AND id > $1
        ) AS "newest!"
        "#,
        id.0,
        purl,
    )
    .fetch_one(pool)
    .await?;
    Ok(newest)
}

/// A verdict in the words of the column `verdict`.
pub fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Clean => "clean",
        Outcome::Incomplete => "incomplete",
        Outcome::Suspicious => "suspicious",
        Outcome::Malicious => "malicious",
    }
}
