//! What the tries of shadows came to, added up by all workers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use sqlx::types::Json;

/// Differing packages that are kept of a version: those with another verdict before the
/// others, newer ones before older ones.
pub const MOST_DIFFERENCES: i64 = 50;

/// What runs are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The version that was tried.
    pub version: i64,
    /// Whose place it took; `None` where none of its function ran.
    pub against: Option<i64>,
    /// The report's verdict.
    pub before: &'static str,
    /// What it would have been.
    pub after: &'static str,
}

/// Runs that were counted and not told yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Runs {
    /// All.
    pub runs: i64,
    /// Those in which it trapped, passed a limit or gave up.
    pub failures: i64,
    /// Findings that only the shadow made.
    pub added: i64,
    /// Findings that only its predecessor made.
    pub removed: i64,
    /// Runs in which both answered: what follows is over these.
    pub compared: i64,
    /// Of the shadow, microseconds.
    pub time_us: i64,
    /// Of its predecessor, microseconds.
    pub time_us_against: i64,
    /// Of the shadow.
    pub fuel: i64,
    /// Of its predecessor.
    pub fuel_against: i64,
    /// The most that the shadow took, bytes.
    pub memory: i64,
    /// The most that its predecessor took, bytes.
    pub memory_against: i64,
}

impl Runs {
    /// Counts others in.
    pub fn add(&mut self, others: &Self) {
        for (sum, more) in [
            (&mut self.runs, others.runs),
            (&mut self.failures, others.failures),
            (&mut self.added, others.added),
            (&mut self.removed, others.removed),
            (&mut self.compared, others.compared),
            (&mut self.time_us, others.time_us),
            (&mut self.time_us_against, others.time_us_against),
            (&mut self.fuel, others.fuel),
            (&mut self.fuel_against, others.fuel_against),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.memory = self.memory.max(others.memory);
        self.memory_against = self.memory_against.max(others.memory_against);
    }
}

/// A public package whose verdict or findings a version would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Between which versions, and how the verdict would change.
    pub pair: Pair,
    /// The package.
    pub purl: String,
    /// The report's score, and what it would have been.
    pub scores: (i16, i16),
    /// Findings that only the shadow made: how many, by rule.
    pub added: BTreeMap<String, u64>,
    /// Findings that only its predecessor made: how many, by rule.
    pub removed: BTreeMap<String, u64>,
}

/// Adds runs and differing packages, all or none.
///
/// # Errors
/// When the database fails: nothing was added.
pub async fn add_runs(
    pool: &PgPool,
    shard: i16,
    runs: &BTreeMap<Pair, Runs>,
    differences: &[Difference],
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // In the order of the map everywhere: workers of the same shard wait, and never in a circle.
    for (pair, runs) in runs {
        upsert(&mut transaction, shard, pair, runs).await?;
    }
    for one in differences {
        sqlx::query!(
            "INSERT INTO shadow_differences (version_id, against_id, purl, verdict_before, verdict_after,
                score_before, score_after, added, removed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            one.pair.version,
            one.pair.against,
            one.purl,
            one.pair.before,
            one.pair.after,
            one.scores.0,
            one.scores.1,
            Json(&one.added) as _,
            Json(&one.removed) as _,
        )
        .execute(&mut *transaction)
        .await?;
    }
    if !differences.is_empty() {
        let versions: Vec<_> = differences.iter().map(|one| one.pair.version).collect();
        trim(&mut transaction, &versions).await?;
    }
    transaction.commit().await
}

async fn upsert(
    transaction: &mut sqlx::PgTransaction<'_>,
    shard: i16,
    pair: &Pair,
    runs: &Runs,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO shadow_runs AS old (
            version_id, against_id, verdict_before, verdict_after, shard, runs, failures, findings_added,
            findings_removed, compared, time_us, time_us_against, fuel, fuel_against, memory, memory_against)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (version_id, against_id, verdict_before, verdict_after, shard) DO UPDATE SET
            runs = old.runs + EXCLUDED.runs,
            failures = old.failures + EXCLUDED.failures,
            findings_added = old.findings_added + EXCLUDED.findings_added,
            findings_removed = old.findings_removed + EXCLUDED.findings_removed,
            compared = old.compared + EXCLUDED.compared,
            time_us = old.time_us + EXCLUDED.time_us,
            time_us_against = old.time_us_against + EXCLUDED.time_us_against,
            fuel = old.fuel + EXCLUDED.fuel,
            fuel_against = old.fuel_against + EXCLUDED.fuel_against,
            memory = GREATEST(old.memory, EXCLUDED.memory),
            memory_against = GREATEST(old.memory_against, EXCLUDED.memory_against),
            updated_at = now()",
        pair.version,
        pair.against,
        pair.before,
        pair.after,
        shard,
        runs.runs,
        runs.failures,
        runs.added,
        runs.removed,
        runs.compared,
        runs.time_us,
        runs.time_us_against,
        runs.fuel,
        runs.fuel_against,
        runs.memory,
        runs.memory_against,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Keeps [`MOST_DIFFERENCES`] of each version.
async fn trim(
    transaction: &mut sqlx::PgTransaction<'_>,
    versions: &[i64],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM shadow_differences WHERE id IN (
            SELECT id FROM (
                SELECT id, row_number() OVER (
                    PARTITION BY version_id ORDER BY verdict_before <> verdict_after DESC, id DESC) AS place
                FROM shadow_differences WHERE version_id = ANY($1)
            ) AS placed WHERE place > $2)",
        versions,
        MOST_DIFFERENCES,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// How often a verdict would have become another, or the same.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VerdictCount {
    /// The report's verdict.
    pub before: String,
    /// What it would have been.
    pub after: String,
    /// How often.
    pub runs: i64,
}

/// A version that was tried, compared with what ran in its place.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ComparisonRow {
    /// The version that was tried.
    #[serde(skip)]
    pub version_id: i64,
    /// Whose place it took.
    #[serde(skip)]
    pub against_id: Option<i64>,
    /// The version that was tried.
    pub version: String,
    /// The version whose place it took; null where none of the function ran.
    pub against: Option<String>,
    /// How often it was tried.
    pub runs: i64,
    /// How often it trapped, passed a limit or gave up.
    pub failures: i64,
    /// How often the verdict would have been another.
    pub verdicts_changed: i64,
    /// How often each verdict would have become which.
    #[schema(value_type = Vec<VerdictCount>)]
    pub verdicts: Json<Vec<VerdictCount>>,
    /// Findings that only it made.
    pub findings_added: i64,
    /// Findings that only the other one made.
    pub findings_removed: i64,
    /// Runs in which both answered: time, fuel and memory are over these.
    pub compared: i64,
    /// Microseconds in all.
    pub time_us: i64,
    /// Microseconds of the other one, in all. It ran beside the other analyzers, the shadow
    /// after them: fuel is the fairer measure.
    pub time_us_against: i64,
    /// Fuel in all: about one unit for each WebAssembly instruction.
    pub fuel: i64,
    /// Fuel of the other one, in all.
    pub fuel_against: i64,
    /// The most that it took, bytes.
    pub memory: i64,
    /// The most that the other one took, bytes.
    pub memory_against: i64,
    /// First tried when.
    pub since: DateTime<Utc>,
    /// Last told of when.
    pub updated_at: DateTime<Utc>,
}

/// The versions of a function that were tried, those of late first: at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn comparisons(
    pool: &PgPool,
    function: i64,
    limit: i64,
) -> Result<Vec<ComparisonRow>, sqlx::Error> {
    sqlx::query_as!(
        ComparisonRow,
        r#"
        WITH by_verdict AS (
            SELECT r.version_id, r.against_id, r.verdict_before, r.verdict_after, sum(r.runs)::bigint AS runs,
                sum(r.failures) AS failures, sum(r.findings_added) AS added, sum(r.findings_removed) AS removed,
                sum(r.compared) AS compared, sum(r.time_us) AS time_us, sum(r.time_us_against) AS time_us_against,
                sum(r.fuel) AS fuel, sum(r.fuel_against) AS fuel_against, max(r.memory) AS memory,
                max(r.memory_against) AS memory_against, min(r.since) AS since, max(r.updated_at) AS updated_at
            FROM shadow_runs r JOIN function_versions v ON v.id = r.version_id
            WHERE v.function_id = $1
            GROUP BY r.version_id, r.against_id, r.verdict_before, r.verdict_after
        )
        SELECT b.version_id AS "version_id!", b.against_id, v.version, o.version AS "against?",
            sum(b.runs)::bigint AS "runs!", sum(b.failures)::bigint AS "failures!",
            COALESCE(sum(b.runs) FILTER (WHERE b.verdict_before <> b.verdict_after), 0)::bigint
                AS "verdicts_changed!",
            jsonb_agg(jsonb_build_object('before', b.verdict_before, 'after', b.verdict_after, 'runs', b.runs)
                ORDER BY b.verdict_before, b.verdict_after) AS "verdicts!: Json<Vec<VerdictCount>>",
            sum(b.added)::bigint AS "findings_added!", sum(b.removed)::bigint AS "findings_removed!",
            sum(b.compared)::bigint AS "compared!", sum(b.time_us)::bigint AS "time_us!",
            sum(b.time_us_against)::bigint AS "time_us_against!", sum(b.fuel)::bigint AS "fuel!",
            sum(b.fuel_against)::bigint AS "fuel_against!", max(b.memory) AS "memory!",
            max(b.memory_against) AS "memory_against!", min(b.since) AS "since!",
            max(b.updated_at) AS "updated_at!"
        FROM by_verdict b
        JOIN function_versions v ON v.id = b.version_id
        LEFT JOIN function_versions o ON o.id = b.against_id
        GROUP BY b.version_id, b.against_id, v.version, o.version
        ORDER BY max(b.updated_at) DESC, b.version_id DESC LIMIT $2
        "#,
        function,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// A public package whose verdict or findings a version would change.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct DifferenceRow {
    /// The version that was tried.
    #[serde(skip)]
    pub version_id: i64,
    /// Whose place it took.
    #[serde(skip)]
    pub against_id: Option<i64>,
    /// The package.
    pub purl: String,
    /// The report's verdict.
    pub before: String,
    /// What it would have been.
    pub after: String,
    /// The report's score.
    pub score_before: i16,
    /// What it would have been.
    pub score_after: i16,
    /// Findings that only it made: how many, by rule.
    #[schema(value_type = Object, example = json!({"exfil-check-environment-sent": 1}))]
    pub added: Value,
    /// Findings that only the other one made: how many, by rule.
    #[schema(value_type = Object)]
    pub removed: Value,
    /// Seen when.
    pub at: DateTime<Utc>,
}

/// Packages that these versions would change, newest first: at most [`MOST_DIFFERENCES`] of each.
///
/// # Errors
/// When the database fails.
pub async fn differences(
    pool: &PgPool,
    versions: &[i64],
) -> Result<Vec<DifferenceRow>, sqlx::Error> {
    sqlx::query_as!(
        DifferenceRow,
        r#"
        SELECT version_id, against_id, purl, verdict_before AS before, verdict_after AS after, score_before,
            score_after, added, removed, at
        FROM shadow_differences WHERE version_id = ANY($1) ORDER BY id DESC
        "#,
        versions,
    )
    .fetch_all(pool)
    .await
}
