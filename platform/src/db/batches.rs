//! Batches: many packages submitted at once, and how they stand together.
//!
//! A batch is a list of tasks, which are ordinary ones: a task that was under way already is
//! listed, not repeated, and may stand in several batches. Batch, tasks and list are written
//! in one transaction, so that a batch is there whole or not at all.

mod cancel;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;

pub use self::cancel::{CancelledBatch, cancel};
use super::submit::{self, NewTask, Reuse, Submitted};
use crate::model::{BatchId, ErrorCategory, KeyId, TaskId, TaskStatus};

/// Tasks of one statement. Beyond some hundred, a task's share of a statement's cost stops
/// falling, and parameters take memory on both sides.
const CHUNK: usize = 500;

/// A batch to be written.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// Whose.
    pub key: KeyId,
    /// The client's idempotency key, and SHA-256 over what it asked for.
    pub idempotency: Option<(String, [u8; 32])>,
    /// The client's own word for it.
    pub name: Option<String>,
    /// `purls`, or the format of a lock file or SBOM.
    pub source: String,
    /// What could not be taken: a list of objects.
    pub skipped: Value,
}

/// A batch's row.
#[derive(Debug, Clone)]
pub struct BatchRow {
    /// Which.
    pub id: BatchId,
    /// Whose.
    pub key: KeyId,
    /// The client's own word for it.
    pub name: Option<String>,
    /// `purls`, or the format of a lock file or SBOM.
    pub source: String,
    /// What could not be taken: a list of objects.
    pub skipped: Value,
    /// Distinct packages.
    pub total: i32,
    /// Of them, those that became new tasks.
    pub created: i32,
    /// Of them, those that a finished report answered.
    pub cached: i32,
    /// Of them, those whose task was under way already.
    pub active: i32,
    /// Written when.
    pub created_at: DateTime<Utc>,
}

/// What became of a batch.
#[derive(Debug, Clone)]
pub enum Written {
    /// It is new; each task's outcome, in order.
    New(BatchRow, Vec<Submitted>),
    /// The same request came before.
    Replayed(BatchRow),
    /// The idempotency key was used for this other batch.
    Conflict(BatchId),
}

/// Writes a batch and its tasks, all or nothing. No two of the tasks may have the same purl,
/// and none an idempotency key.
///
/// # Errors
/// When the database fails.
pub async fn create(
    pool: &PgPool,
    batch: &NewBatch,
    tasks: &[NewTask],
    reuse: Reuse,
) -> Result<Written, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let Some(id) = insert(&mut transaction, batch).await? else {
        // Whoever was first has committed: the conflict was waited for.
        transaction.rollback().await?;
        return match replayed(pool, batch).await? {
            Some(written) => Ok(written),
            None => Err(sqlx::Error::Protocol(
                "a batch vanished as it was looked for: try again".into(),
            )),
        };
    };
    // In one order everywhere, or two batches would wait for each other across statements.
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by(|&a, &b| tasks[a].purl.cmp(&tasks[b].purl));
    let mut submitted = vec![Submitted::Conflict(TaskId(0)); tasks.len()];
    for chunk in order.chunks(CHUNK) {
        let some: Vec<NewTask> = chunk.iter().map(|&index| tasks[index].clone()).collect();
        let outcomes = submit::submit_in(&mut transaction, &some, reuse).await?;
        for (&index, outcome) in chunk.iter().zip(outcomes) {
            submitted[index] = outcome;
        }
    }
    let row = list_tasks(&mut transaction, id, &submitted).await?;
    transaction.commit().await?;
    Ok(Written::New(row, submitted))
}

/// Looks whether a request came before: spares it from being counted against the limit.
///
/// # Errors
/// When the database fails.
pub async fn replayed(pool: &PgPool, batch: &NewBatch) -> Result<Option<Written>, sqlx::Error> {
    let Some((key, body)) = &batch.idempotency else {
        return Ok(None);
    };
    let found = sqlx::query!(
        r#"
        SELECT id AS "id: BatchId", body_sha256 FROM batches
        WHERE key_id = $1 AND idempotency_key = $2
        "#,
        batch.key.0,
        key,
    )
    .fetch_optional(pool)
    .await?;
    let Some(found) = found else { return Ok(None) };
    if found.body_sha256.as_deref() != Some(body.as_slice()) {
        return Ok(Some(Written::Conflict(found.id)));
    }
    Ok(get(pool, found.id, None).await?.map(Written::Replayed))
}

async fn insert(
    transaction: &mut sqlx::PgTransaction<'_>,
    batch: &NewBatch,
) -> Result<Option<BatchId>, sqlx::Error> {
    let (key, body) = match &batch.idempotency {
        Some((key, body)) => (Some(key.as_str()), Some(body.as_slice())),
        None => (None, None),
    };
    sqlx::query_scalar!(
        r#"
        INSERT INTO batches (key_id, idempotency_key, body_sha256, name, source, skipped)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id AS "id: BatchId"
        "#,
        batch.key.0,
        key,
        body,
        batch.name,
        batch.source,
        batch.skipped,
    )
    .fetch_optional(&mut **transaction)
    .await
}

async fn list_tasks(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: BatchId,
    submitted: &[Submitted],
) -> Result<BatchRow, sqlx::Error> {
    let ids: Vec<i64> = submitted.iter().map(|one| one.task().0).collect();
    let own: Vec<bool> = submitted
        .iter()
        .map(|one| matches!(one, Submitted::Created(_)))
        .collect();
    let count = |want: fn(&Submitted) -> bool| {
        let found = submitted.iter().filter(|one| want(one)).count();
        i32::try_from(found).unwrap_or(i32::MAX)
    };
    sqlx::query!(
        r#"
        INSERT INTO batch_tasks (batch_id, position, task_id, created)
        SELECT $1, (ord - 1)::integer, task_id, own
        FROM unnest($2::bigint[], $3::boolean[]) WITH ORDINALITY AS _ (task_id, own, ord)
        "#,
        id.0,
        &ids,
        &own,
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query_as!(
        BatchRow,
        r#"
        UPDATE batches SET total = $2, created = $3, cached = $4, active = $5 WHERE id = $1
        RETURNING id AS "id: BatchId", key_id AS "key: KeyId", name, source, skipped, total, created,
            cached, active, created_at
        "#,
        id.0,
        count(|_| true),
        count(|one| matches!(one, Submitted::Created(_))),
        count(|one| matches!(one, Submitted::Cached(_))),
        count(|one| matches!(one, Submitted::Active(..))),
    )
    .fetch_one(&mut **transaction)
    .await
}

/// One batch, if it is `key`'s; anybody's with `None`.
///
/// # Errors
/// When the database fails.
pub async fn get(
    pool: &PgPool,
    id: BatchId,
    key: Option<KeyId>,
) -> Result<Option<BatchRow>, sqlx::Error> {
    sqlx::query_as!(
        BatchRow,
        r#"
        SELECT id AS "id: BatchId", key_id AS "key: KeyId", name, source, skipped, total, created, cached,
            active, created_at
        FROM batches WHERE id = $1 AND ($2::bigint IS NULL OR key_id = $2)
        "#,
        id.0,
        key.map(|key| key.0),
    )
    .fetch_optional(pool)
    .await
}

/// A page of a key's batches (anybody's with `None`), newest first.
///
/// # Errors
/// When the database fails.
pub async fn page(
    pool: &PgPool,
    key: Option<KeyId>,
    offset: i64,
    size: i64,
) -> Result<Vec<BatchRow>, sqlx::Error> {
    sqlx::query_as!(
        BatchRow,
        r#"
        SELECT id AS "id: BatchId", key_id AS "key: KeyId", name, source, skipped, total, created, cached,
            active, created_at
        FROM batches
        WHERE id IN (
            SELECT id FROM batches WHERE ($1::bigint IS NULL OR key_id = $1)
            ORDER BY id DESC OFFSET $2 LIMIT $3
        )
        ORDER BY id DESC
        "#,
        key.map(|key| key.0),
        offset,
        size,
    )
    .fetch_all(pool)
    .await
}

/// How many batches a key has.
///
/// # Errors
/// When the database fails.
pub async fn count(pool: &PgPool, key: Option<KeyId>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM batches WHERE ($1::bigint IS NULL OR key_id = $1)"#,
        key.map(|key| key.0),
    )
    .fetch_one(pool)
    .await
}

/// How many of a batch's tasks are alike.
#[derive(Debug, Clone)]
pub struct Group {
    /// Where they stand.
    pub status: TaskStatus,
    /// What their reports say.
    pub verdict: Option<String>,
    /// How many.
    pub count: i64,
    /// When the last of them ended.
    pub last: Option<DateTime<Utc>>,
}

/// Where a batch's tasks stand, in one pass over them.
///
/// # Errors
/// When the database fails.
pub async fn progress(pool: &PgPool, id: BatchId) -> Result<Vec<Group>, sqlx::Error> {
    sqlx::query_as!(
        Group,
        r#"
        SELECT status AS "status: TaskStatus", verdict AS "verdict?", count(*) AS "count!",
            max(completed_at) AS last
        FROM batch_tasks JOIN tasks ON tasks.id = task_id LEFT JOIN reports ON reports.id = report_id
        WHERE batch_id = $1 GROUP BY status, verdict
        "#,
        id.0,
    )
    .fetch_all(pool)
    .await
}

/// A task as its batch lists it.
#[derive(Debug, Clone)]
pub struct ItemRow {
    /// Its place in the batch, from 0.
    pub position: i32,
    /// Which.
    pub task: TaskId,
    /// What, canonically.
    pub purl: String,
    /// What, as it was written.
    pub requested_purl: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// What its report says.
    pub verdict: Option<String>,
    /// The same as a number.
    pub score: Option<i32>,
    /// How many findings.
    pub findings: Option<i32>,
    /// Why it failed.
    pub error_category: Option<ErrorCategory>,
    /// The same for people.
    pub error_message: Option<String>,
}

/// Tasks of a batch in order, of one status or all.
///
/// # Errors
/// When the database fails.
pub async fn items(
    pool: &PgPool,
    id: BatchId,
    status: Option<TaskStatus>,
    offset: i64,
    size: i64,
) -> Result<Vec<ItemRow>, sqlx::Error> {
    sqlx::query_as!(
        ItemRow,
        r#"
        SELECT position, tasks.id AS "task: TaskId", tasks.purl, requested_purl,
            status AS "status: TaskStatus", verdict AS "verdict?", score AS "score?",
            findings AS "findings?", error_category AS "error_category: ErrorCategory", error_message
        FROM batch_tasks JOIN tasks ON tasks.id = task_id LEFT JOIN reports ON reports.id = report_id
        WHERE batch_id = $1 AND ($2::task_status IS NULL OR status = $2)
        ORDER BY position OFFSET $3 LIMIT $4
        "#,
        id.0,
        status as Option<TaskStatus>,
        offset,
        size,
    )
    .fetch_all(pool)
    .await
}

/// How many tasks [`items`] has to give.
///
/// # Errors
/// When the database fails.
pub async fn count_items(
    pool: &PgPool,
    id: BatchId,
    status: Option<TaskStatus>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM batch_tasks JOIN tasks ON tasks.id = task_id
        WHERE batch_id = $1 AND ($2::task_status IS NULL OR status = $2)
        "#,
        id.0,
        status as Option<TaskStatus>,
    )
    .fetch_one(pool)
    .await
}
