//! What is publicly known of a package: the reports about it, over time and by version.
//! Private reports are never among them.

use sqlx::PgPool;

use super::reports::ReportRow;
use crate::model::{KeyId, ReportId};

/// A package's name, as reports carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageName<'a> {
    /// Purl type.
    pub ecosystem: &'a str,
    /// Namespace and name, canonical.
    pub full_name: &'a str,
}

/// Public reports of a package, of one version or all, newest first: at most `size`, older
/// than `before`.
///
/// # Errors
/// When the database fails.
pub async fn history(
    pool: &PgPool,
    package: &PackageName<'_>,
    version: Option<&str>,
    before: Option<ReportId>,
    size: i64,
) -> Result<Vec<ReportRow>, sqlx::Error> {
    sqlx::query_as!(
        ReportRow,
        r#"
        SELECT
            id AS "id: ReportId", owner AS "owner: KeyId", purl, ecosystem, full_name, version, verdict, score,
            findings, sha256, size_bytes, created_at, checked_at
        FROM reports
        WHERE owner IS NULL AND ecosystem = $1 AND full_name = $2
          AND ($3::text IS NULL OR version = $3) AND ($4::bigint IS NULL OR id < $4)
        ORDER BY id DESC LIMIT $5
        "#,
        package.ecosystem,
        package.full_name,
        version,
        before.map(|id| id.0),
        size,
    )
    .fetch_all(pool)
    .await
}

/// The newest public report of each version of a package (or of one), newest first: at most
/// `size`. Versions are those of the newest `reach` reports, which bounds the work.
///
/// # Errors
/// When the database fails.
pub async fn latest(
    pool: &PgPool,
    package: &PackageName<'_>,
    version: Option<&str>,
    reach: i64,
    size: i64,
) -> Result<Vec<ReportRow>, sqlx::Error> {
    sqlx::query_as!(
        ReportRow,
        r#"
        SELECT
            id AS "id: ReportId", owner AS "owner: KeyId", purl, ecosystem, full_name, version, verdict, score,
            findings, sha256, size_bytes, created_at, checked_at
        FROM reports
        WHERE id IN (
            SELECT max(id) FROM (
                SELECT id, version FROM reports
                WHERE owner IS NULL AND ecosystem = $1 AND full_name = $2
                  AND ($3::text IS NULL OR version = $3)
                ORDER BY id DESC LIMIT $4
            ) AS newest
            GROUP BY version
        )
        ORDER BY id DESC LIMIT $5
        "#,
        package.ecosystem,
        package.full_name,
        version,
        reach,
        size,
    )
    .fetch_all(pool)
    .await
}

/// A report that `key` may read: a public one, or its own; anybody's with `None`.
///
/// # Errors
/// When the database fails.
pub async fn report(
    pool: &PgPool,
    id: ReportId,
    key: Option<KeyId>,
) -> Result<Option<ReportRow>, sqlx::Error> {
    sqlx::query_as!(
        ReportRow,
        r#"
        SELECT
            id AS "id: ReportId", owner AS "owner: KeyId", purl, ecosystem, full_name, version, verdict, score,
            findings, sha256, size_bytes, created_at, checked_at
        FROM reports
        WHERE id = $1 AND (owner IS NULL OR $2::bigint IS NULL OR owner = $2)
        "#,
        id.0,
        key.map(|key| key.0),
    )
    .fetch_optional(pool)
    .await
}
