//! Re-analyses: what an improved analyzer is to see again.
//!
//! A re-analysis walks once through the public reports that were there when it began, newest
//! first, and queues the packages whose newest report was made without the component. What it
//! queued, how far it is and the tasks themselves are written in one transaction under a lock
//! on its row: whoever dies or is doubled, each package is queued once.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgPool;

use crate::model::KeyId;

/// The system key that owns the tasks: clients do not see them, and no limit is counted.
const SYSTEM_KEY: &str = "reanalysis";

/// Reports looked at in one statement.
const PAGE: i64 = 1_000;

/// Minutes in which all workers have switched to what `stable` names: they compile it first.
const SWITCHING: i32 = 2;

/// Re-analyses that are shown.
const SHOWN: i64 = 100;

/// A re-analysis.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ReanalysisRow {
    /// Which.
    pub id: i64,
    /// The analyzer that is to see the packages.
    pub function: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its component, hexadecimal.
    pub digest: String,
    /// Purl types; none for all.
    pub ecosystems: Vec<String>,
    /// Only reports made since.
    pub since: Option<DateTime<Utc>>,
    /// Most packages to queue.
    pub most: Option<i64>,
    /// The newest report when it began.
    pub upto: i64,
    /// The report that was looked at last.
    pub cursor: i64,
    /// Reports looked at.
    pub looked: i64,
    /// Packages queued.
    pub queued: i64,
    /// `open`, `done`, `stopped`, or `superseded` by one for another version.
    pub state: String,
    /// Who began it.
    pub actor: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Over since when.
    pub ended_at: Option<DateTime<Utc>>,
}

impl ReanalysisRow {
    /// Percent of the reports that it has gone through.
    pub fn progress(&self) -> i64 {
        if self.state == "done" || self.upto <= 0 {
            return 100;
        }
        (self.upto - self.cursor + 1).clamp(0, self.upto) * 100 / self.upto
    }
}

/// What is to see packages again.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its version.
    pub version: String,
    /// SHA-256 of its component, hexadecimal.
    pub digest: String,
    /// Purl types that it looks at; none for all.
    pub ecosystems: Vec<String>,
    /// Why it is not run, where it was disabled.
    pub disabled: Option<String>,
}

/// What workers run under this name: what `stable` names, or the bundled component.
///
/// # Errors
/// When the database fails.
pub async fn target(pool: &PgPool, function: &str) -> Result<Option<Target>, sqlx::Error> {
    sqlx::query_as!(
        Target,
        r#"
        SELECT v.version AS "version!", encode(v.sha256, 'hex') AS "digest!",
            ARRAY(SELECT jsonb_array_elements_text(v.descriptor -> 'ecosystems')) AS "ecosystems!",
            v.disabled_reason AS disabled
        FROM functions f
        JOIN function_aliases a ON a.function_id = f.id AND a.alias = 'stable'
        JOIN function_versions v ON v.id = a.version_id
        WHERE f.name = $1
        UNION ALL
        SELECT one ->> 'version', one ->> 'digest', '{}', NULL
        FROM (SELECT components FROM analysis_sets ORDER BY registered_at DESC LIMIT 1) AS newest,
            jsonb_array_elements(newest.components -> 'components') AS one
        WHERE one ->> 'name' = $1 AND NOT EXISTS (SELECT 1 FROM functions WHERE name = $1)
        "#,
        function,
    )
    .fetch_optional(pool)
    .await
}

/// A re-analysis to begin.
#[derive(Debug, Clone)]
pub struct NewReanalysis<'a> {
    /// The analyzer.
    pub function: &'a str,
    /// Of it.
    pub target: &'a Target,
    /// Purl types; none for all.
    pub ecosystems: &'a [String],
    /// Only reports made since.
    pub since: Option<DateTime<Utc>>,
    /// Most packages to queue.
    pub most: Option<i64>,
    /// Who begins it.
    pub actor: &'a str,
}

/// The open re-analysis of a function, locked.
///
/// # Errors
/// When the database fails.
pub async fn open(
    transaction: &mut sqlx::PgTransaction<'_>,
    function: &str,
) -> Result<Option<ReanalysisRow>, sqlx::Error> {
    sqlx::query_as!(
        ReanalysisRow,
        "SELECT * FROM reanalyses WHERE function = $1 AND state = 'open' FOR UPDATE",
        function,
    )
    .fetch_optional(&mut **transaction)
    .await
}

/// Begins one, unless one of the function is open: `None` then.
///
/// # Errors
/// When the database fails.
pub async fn begin(
    transaction: &mut sqlx::PgTransaction<'_>,
    new: &NewReanalysis<'_>,
) -> Result<Option<ReanalysisRow>, sqlx::Error> {
    sqlx::query_as!(
        ReanalysisRow,
        r#"
        INSERT INTO reanalyses (function, version, digest, ecosystems, since, most, upto, cursor, actor)
        SELECT $1, $2, $3, $4, $5, $6, newest, newest + 1, $7
        FROM (SELECT COALESCE(max(id), 0) AS newest FROM reports) AS _
        ON CONFLICT (function) WHERE state = 'open' DO NOTHING
        RETURNING *
        "#,
        new.function,
        new.target.version,
        new.target.digest,
        new.ecosystems,
        new.since,
        new.most,
        new.actor,
    )
    .fetch_optional(&mut **transaction)
    .await
}

/// Ends an open one; `state` is `done`, `stopped` or `superseded`.
///
/// # Errors
/// When the database fails.
pub async fn end(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: i64,
    state: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE reanalyses SET state = $2, ended_at = now() WHERE id = $1 AND state = 'open'",
        id,
        state,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The newest ones, of one function or of all.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &PgPool,
    function: Option<&str>,
) -> Result<Vec<ReanalysisRow>, sqlx::Error> {
    sqlx::query_as!(
        ReanalysisRow,
        "SELECT * FROM reanalyses WHERE $1::text IS NULL OR function = $1 ORDER BY id DESC LIMIT $2",
        function,
        SHOWN,
    )
    .fetch_all(pool)
    .await
}

/// The open ones, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn all_open(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT function FROM reanalyses WHERE state = 'open' ORDER BY id")
        .fetch_all(pool)
        .await
}

/// The key that owns the tasks; made when it is first needed.
///
/// # Errors
/// When the database fails.
pub async fn system_key(transaction: &mut sqlx::PgTransaction<'_>) -> Result<KeyId, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        WITH made AS (
            INSERT INTO api_keys (name, prefix, secret_sha256, scopes, rate_limit, revoked_at, system)
            VALUES ('system: ' || $1, '', sha256(uuid_send(gen_random_uuid())), '{}', 0, now(), $1)
            ON CONFLICT (system) DO NOTHING RETURNING id
        )
        SELECT id AS "id!: KeyId" FROM made UNION ALL SELECT id FROM api_keys WHERE system = $1
        "#,
        SYSTEM_KEY,
    )
    .fetch_one(&mut **transaction)
    .await
}

/// How many tasks of re-analyses are not over.
///
/// # Errors
/// When the database fails.
pub async fn unfinished(executor: impl sqlx::PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM tasks JOIN api_keys ON api_keys.id = key_id
        WHERE system = $1 AND status IN ('pending', 'queued', 'running')
        "#,
        SYSTEM_KEY,
    )
    .fetch_one(executor)
    .await
}

/// Whether workers run the component: before, packages would be analysed as they were. The set of
/// analyzers that was registered last has it, and `stable` of a deployed function was not moved
/// within [`SWITCHING`] minutes: the set is registered by the first worker that has switched.
///
/// # Errors
/// When the database fails.
pub async fn is_run(
    transaction: &mut sqlx::PgTransaction<'_>,
    one: &ReanalysisRow,
) -> Result<bool, sqlx::Error> {
    let run = sqlx::query_scalar!(
        r#"
        SELECT components -> 'components' @> $1 AND NOT EXISTS (
            SELECT 1 FROM functions f JOIN function_aliases a ON a.function_id = f.id
            WHERE f.name = $2 AND a.alias = 'stable' AND a.moved_at > now() - make_interval(mins => $3)
        ) AS "run?" FROM analysis_sets
        ORDER BY registered_at DESC LIMIT 1
        "#,
        json!([{ "digest": one.digest }]),
        one.function,
        SWITCHING,
    )
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(run.flatten() == Some(true))
}

/// A package to be seen again.
#[derive(Debug, Clone)]
pub struct Due {
    /// Of its newest report.
    pub id: i64,
    /// Canonical, with the version.
    pub purl: String,
    /// As somebody wrote it who asked for it, where the task is still there.
    pub requested_purl: Option<String>,
}

/// What a look at a page of reports brought.
#[derive(Debug, Clone)]
pub struct Looked {
    /// What to queue: at most as many as there is room for.
    pub due: Vec<Due>,
    /// The report that was looked at last.
    pub cursor: i64,
    /// How many were looked at.
    pub looked: i64,
    /// Whether there are no more.
    pub end: bool,
}

/// Looks at the next reports of a re-analysis that is locked, until a page is over or `room`
/// packages are found.
///
/// # Errors
/// When the database fails.
pub async fn look(
    transaction: &mut sqlx::PgTransaction<'_>,
    one: &ReanalysisRow,
    room: i64,
) -> Result<Looked, sqlx::Error> {
    let page = sqlx::query_scalar!(
        "SELECT id FROM reports WHERE owner IS NULL AND id < $1 ORDER BY id DESC LIMIT $2",
        one.cursor,
        PAGE,
    )
    .fetch_all(&mut **transaction)
    .await?;
    let due = sqlx::query_as!(
        Due,
        r#"
        SELECT r.id, r.purl,
            (SELECT requested_purl FROM tasks WHERE report_id = r.id ORDER BY id DESC LIMIT 1) AS requested_purl
        FROM reports r JOIN analysis_sets s ON s.digest = r.analysis_set
        WHERE r.id = ANY($1) AND r.version IS NOT NULL
          AND ($2::text[] = '{}' OR r.ecosystem = ANY($2))
          AND ($3::timestamptz IS NULL OR r.created_at >= $3)
          AND (s.components -> 'components' @> $4) IS NOT TRUE
          AND NOT EXISTS (
              SELECT 1 FROM reports newer WHERE newer.purl = r.purl AND newer.owner IS NULL AND newer.id > r.id)
        ORDER BY r.id DESC LIMIT $5
        "#,
        &page,
        &one.ecosystems,
        one.since,
        json!([{ "digest": one.digest }]),
        room,
    )
    .fetch_all(&mut **transaction)
    .await?;
    let full = i64::try_from(due.len()).is_ok_and(|found| found >= room);
    let last = if full {
        due.last().map(|one| one.id)
    } else {
        page.last().copied()
    };
    let cursor = last.unwrap_or(one.cursor);
    let looked = page.iter().filter(|&&id| id >= cursor).count();
    let whole = i64::try_from(page.len()).is_ok_and(|seen| seen >= PAGE);
    Ok(Looked {
        due,
        cursor,
        looked: i64::try_from(looked).unwrap_or(PAGE),
        end: !full && !whole,
    })
}

/// Notes how far one is that is locked, and that it is done where it is.
///
/// # Errors
/// When the database fails.
pub async fn move_on(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: i64,
    looked: &Looked,
    queued: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE reanalyses SET cursor = $2, looked = looked + $3, queued = queued + $4,
            state = CASE WHEN $5 OR queued + $4 >= most THEN 'done' ELSE state END,
            ended_at = CASE WHEN $5 OR queued + $4 >= most THEN now() END
        WHERE id = $1 AND state = 'open'
        "#,
        id,
        looked.cursor,
        looked.looked,
        queued,
        looked.end,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
