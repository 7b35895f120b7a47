//! Deleting what is old. Each function deletes one chunk in one short transaction and says
//! how much: whoever calls goes on until nothing is left, and may stop anywhere.
//!
//! **Rows and objects.** A report's row goes first, and the same transaction writes into
//! `doomed_objects` that its object has to follow; when the object is gone, so is that note.
//! A crash in between leaves the note, and the next round finds it. Before an object is
//! deleted, the rows are asked again whether one has come to name it meanwhile.
//!
//! A worker that finds a report to reuse names it a moment later. So objects wait for
//! [`GRACE`] after their rows: whoever saw the row has then written its own.

use std::time::Duration;

use sqlx::PgPool;

use crate::model::{KeyId, TaskId};

/// Rows of a chunk: some ten milliseconds.
pub const CHUNK: i64 = 500;

/// How long objects outlive their rows: no task runs longer from looking for a report until
/// naming it.
pub const GRACE: Duration = Duration::from_secs(3_600);

/// How much of each a chunk of tasks had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskCounts {
    /// Tasks.
    pub tasks: u64,
    /// Their events.
    pub events: u64,
    /// Deliveries that told of them.
    pub deliveries: u64,
}

/// Deletes tasks that ended before `age`: a chunk of them.
///
/// # Errors
/// When the database fails.
pub async fn tasks(pool: &PgPool, age: Duration) -> Result<TaskCounts, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let ids = sqlx::query_scalar!(
        "SELECT id FROM tasks WHERE completed_at < now() - make_interval(secs => $1)
         ORDER BY completed_at LIMIT $2 FOR UPDATE SKIP LOCKED",
        age.as_secs_f64(),
        CHUNK,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let counts = delete_tasks(&mut transaction, &ids).await?;
    transaction.commit().await?;
    Ok(counts)
}

/// Deletes tasks with all that belongs to them.
pub(super) async fn delete_tasks(
    transaction: &mut sqlx::PgTransaction<'_>,
    ids: &[i64],
) -> Result<TaskCounts, sqlx::Error> {
    // The cascade would do it too, without saying how many.
    let events = sqlx::query!("DELETE FROM task_events WHERE task_id = ANY($1)", ids)
        .execute(&mut **transaction)
        .await?;
    let deliveries = sqlx::query!(
        "DELETE FROM webhook_deliveries WHERE task_id = ANY($1)",
        ids
    )
    .execute(&mut **transaction)
    .await?;
    let tasks = sqlx::query!("DELETE FROM tasks WHERE id = ANY($1)", ids)
        .execute(&mut **transaction)
        .await?;
    Ok(TaskCounts {
        tasks: tasks.rows_affected(),
        events: events.rows_affected(),
        deliveries: deliveries.rows_affected(),
    })
}

/// Where a walk through a table stands, and what its last step deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The last id that was looked at.
    pub last: i64,
    /// Rows deleted.
    pub deleted: u64,
}

/// Of the batches after `after` that were made before `age`, deletes those whose tasks are
/// all gone. `None` at the end.
///
/// # Errors
/// When the database fails.
pub async fn batches(
    pool: &PgPool,
    age: Duration,
    after: i64,
) -> Result<Option<Step>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        WITH old AS (
            SELECT id FROM batches WHERE created_at < now() - make_interval(secs => $1) AND id > $2
            ORDER BY id LIMIT $3
        ),
        gone AS (
            DELETE FROM batches WHERE id IN (SELECT id FROM old)
              AND NOT EXISTS (SELECT 1 FROM batch_tasks WHERE batch_id = batches.id)
            RETURNING id
        )
        SELECT (SELECT max(id) FROM old) AS last, (SELECT count(*) FROM gone) AS "deleted!"
        "#,
        age.as_secs_f64(),
        after,
        CHUNK,
    )
    .fetch_one(pool)
    .await?;
    Ok(step(row.last, row.deleted))
}

fn step(last: Option<i64>, deleted: i64) -> Option<Step> {
    last.map(|last| Step {
        last,
        deleted: deleted.unsigned_abs(),
    })
}

/// Of the reports after `after` that were not found to hold since `age`, deletes those that no
/// task names, and notes that their objects have to follow. `None` at the end.
///
/// # Errors
/// When the database fails.
pub async fn reports(
    pool: &PgPool,
    age: Duration,
    after: i64,
) -> Result<Option<Step>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // Locked first, judged by the next statement: a task that is being written holds a lock on
    // the report that it names, and one that was written since is seen.
    let ids = sqlx::query_scalar!(
        "SELECT id FROM reports WHERE checked_at < now() - make_interval(secs => $1) AND id > $2
         ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED",
        age.as_secs_f64(),
        after,
        CHUNK,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let deleted = doom_reports(&mut transaction, &ids, GRACE).await?;
    transaction.commit().await?;
    Ok(ids.last().map(|&last| Step { last, deleted }))
}

/// Deletes those of the reports that no task names; their objects follow after `grace`.
async fn doom_reports(
    transaction: &mut sqlx::PgTransaction<'_>,
    ids: &[i64],
    grace: Duration,
) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query_scalar!(
        r#"
        WITH gone AS (
            DELETE FROM reports WHERE id = ANY($1)
              AND NOT EXISTS (SELECT 1 FROM tasks WHERE report_id = reports.id)
            RETURNING owner, purl, sha256
        ),
        noted AS (
            INSERT INTO doomed_objects (kind, subject, not_before)
            SELECT 'report', encode(sha256, 'hex'), now() + make_interval(secs => $2) FROM gone
            UNION
            SELECT 'alias', purl, now() + make_interval(secs => $2) FROM gone WHERE owner IS NULL
        )
        SELECT count(*) AS "count!" FROM gone
        "#,
        ids,
        grace.as_secs_f64(),
    )
    .fetch_one(&mut **transaction)
    .await?;
    Ok(deleted.unsigned_abs())
}

/// Deletes events of tasks that ended before `age`: a chunk of tasks after `after`. `None` at
/// the end.
///
/// # Errors
/// When the database fails.
pub async fn events(
    pool: &PgPool,
    age: Duration,
    after: TaskId,
) -> Result<Option<Step>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        WITH old AS (
            SELECT DISTINCT task_id AS id FROM (
                SELECT task_id FROM task_events WHERE task_id > $2 ORDER BY task_id LIMIT $3
            ) AS chunk
        ),
        gone AS (
            DELETE FROM task_events WHERE task_id IN (
                SELECT tasks.id FROM old JOIN tasks USING (id)
                WHERE completed_at < now() - make_interval(secs => $1)
            )
            RETURNING task_id
        )
        SELECT (SELECT max(id) FROM old) AS last, (SELECT count(*) FROM gone) AS "deleted!"
        "#,
        age.as_secs_f64(),
        after.0,
        // A task has about a dozen.
        CHUNK * 10,
    )
    .fetch_one(pool)
    .await?;
    Ok(step(row.last, row.deleted))
}

/// Deletes deliveries that were written before `age` and are not pending: a chunk.
///
/// # Errors
/// When the database fails.
pub async fn deliveries(pool: &PgPool, age: Duration) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM webhook_deliveries WHERE id IN (
            SELECT id FROM webhook_deliveries
            WHERE created_at < now() - make_interval(secs => $1) AND next_attempt_at IS NULL
            ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        age.as_secs_f64(),
        CHUNK,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes audit entries older than `age`: a chunk.
///
/// # Errors
/// When the database fails.
pub async fn audit(pool: &PgPool, age: Duration) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM audit_log WHERE id IN (
            SELECT id FROM audit_log WHERE at < now() - make_interval(secs => $1)
            ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        age.as_secs_f64(),
        CHUNK,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets idempotency keys older than `age`, of tasks and of batches: a chunk of each.
///
/// # Errors
/// When the database fails.
pub async fn idempotency(pool: &PgPool, age: Duration) -> Result<u64, sqlx::Error> {
    let tasks = sqlx::query!(
        "UPDATE tasks SET idempotency_key = NULL, body_sha256 = NULL WHERE id IN (
            SELECT id FROM tasks
            WHERE idempotency_key IS NOT NULL AND created_at < now() - make_interval(secs => $1)
            ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        age.as_secs_f64(),
        CHUNK,
    )
    .execute(pool)
    .await?;
    let batches = sqlx::query!(
        "UPDATE batches SET idempotency_key = NULL, body_sha256 = NULL WHERE id IN (
            SELECT id FROM batches
            WHERE idempotency_key IS NOT NULL AND created_at < now() - make_interval(secs => $1)
            ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        age.as_secs_f64(),
        CHUNK,
    )
    .execute(pool)
    .await?;
    Ok(tasks.rows_affected() + batches.rows_affected())
}

/// What a prune of tasks would delete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Preview {
    /// Tasks.
    pub tasks: i64,
    /// Reports that no other task names.
    pub reports: i64,
    /// Batches whose tasks would all be gone.
    pub batches: i64,
}

/// Counts what a prune of tasks would delete.
///
/// # Errors
/// When the database fails.
pub async fn preview(pool: &PgPool, age: Duration) -> Result<Preview, sqlx::Error> {
    sqlx::query_as!(
        Preview,
        r#"
        WITH cut AS (SELECT now() - make_interval(secs => $1) AS at)
        SELECT
            (SELECT count(*) FROM tasks WHERE completed_at < (SELECT at FROM cut)) AS "tasks!",
            (SELECT count(*) FROM reports WHERE checked_at < (SELECT at FROM cut) AND NOT EXISTS (
                SELECT 1 FROM tasks WHERE report_id = reports.id
                AND (completed_at IS NULL OR completed_at >= (SELECT at FROM cut)))) AS "reports!",
            (SELECT count(*) FROM batches WHERE created_at < (SELECT at FROM cut) AND NOT EXISTS (
                SELECT 1 FROM batch_tasks JOIN tasks ON tasks.id = task_id WHERE batch_id = batches.id
                AND (completed_at IS NULL OR completed_at >= (SELECT at FROM cut)))) AS "batches!"
        "#,
        age.as_secs_f64(),
    )
    .fetch_one(pool)
    .await
}

/// Deletes reports that belong to `key`: a chunk, whose objects may go at once.
///
/// # Errors
/// When the database fails.
pub(super) async fn reports_of(pool: &PgPool, key: KeyId) -> Result<u64, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let ids = sqlx::query_scalar!(
        "SELECT id FROM reports WHERE owner = $1 AND NOT EXISTS (
            SELECT 1 FROM tasks WHERE report_id = reports.id) ORDER BY id LIMIT $2 FOR UPDATE",
        key.0,
        CHUNK,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let deleted = doom_reports(&mut transaction, &ids, Duration::ZERO).await?;
    transaction.commit().await?;
    Ok(deleted)
}
