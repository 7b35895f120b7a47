//! Writes what was submitted: many submissions, each of any key, in one transaction.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::model::{KeyId, Priority, TaskId, TaskStatus};

/// A submission.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Whose.
    pub key: KeyId,
    /// The client's idempotency key, and SHA-256 over what it asked for.
    pub idempotency: Option<(String, [u8; 32])>,
    /// What, canonically: the same key's active task for it answers a second submission.
    pub purl: String,
    /// What, as it was written.
    pub requested_purl: String,
    /// Purl type.
    pub ecosystem: String,
    /// Purl namespace.
    pub namespace: Option<String>,
    /// Purl name.
    pub name: String,
    /// Purl version; `None` for the latest.
    pub version: Option<String>,
    /// The private archive, where it is one.
    pub upload: Option<Uuid>,
    /// Digests that a lock file pins.
    pub pinned: Option<Value>,
    /// How urgent.
    pub priority: Priority,
    /// How long an attempt may run.
    pub timeout: Duration,
    /// How often a worker may try.
    pub max_attempts: i32,
    /// Of the HTTP request.
    pub request_id: Option<String>,
    /// W3C trace context of the HTTP request.
    pub traceparent: Option<String>,
}

/// Which finished reports answer a submission at once.
#[derive(Debug, Clone, Copy)]
pub struct Reuse {
    /// Oldest that is good.
    pub max_age: Duration,
}

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// A new task, to be queued.
    Created(TaskId),
    /// A finished report answers it: a new task that is complete.
    Cached(TaskId),
    /// The key has this task for it already.
    Active(TaskId, TaskStatus),
    /// The same request came before.
    Replayed(TaskId, TaskStatus),
    /// The idempotency key was used for something else.
    Conflict(TaskId),
}

impl Submitted {
    /// The task that answers the submission.
    pub fn task(self) -> TaskId {
        match self {
            Self::Created(id)
            | Self::Cached(id)
            | Self::Active(id, _)
            | Self::Replayed(id, _)
            | Self::Conflict(id) => id,
        }
    }
}

/// How often what is in the way may have vanished by the time it is looked at, before it is
/// called an error: each time somebody else's task must have ended in between.
const TRIES: usize = 5;

/// Writes submissions, all or none, and says what became of each, in order.
///
/// # Errors
/// When the database fails.
pub async fn submit(
    pool: &PgPool,
    tasks: &[NewTask],
    reuse: Reuse,
) -> Result<Vec<Submitted>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let done = submit_in(&mut transaction, tasks, reuse).await?;
    transaction.commit().await?;
    Ok(done)
}

/// [`submit`] as a part of the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn submit_in(
    transaction: &mut sqlx::PgTransaction<'_>,
    tasks: &[NewTask],
    reuse: Reuse,
) -> Result<Vec<Submitted>, sqlx::Error> {
    let mut done = vec![None; tasks.len()];
    for _ in 0..TRIES {
        let open: Vec<usize> = (0..tasks.len()).filter(|&i| done[i].is_none()).collect();
        if open.is_empty() {
            break;
        }
        insert(transaction, tasks, &open, reuse, &mut done).await?;
        let in_the_way: Vec<usize> = open.into_iter().filter(|&i| done[i].is_none()).collect();
        if !in_the_way.is_empty() {
            find(transaction, tasks, &in_the_way, &mut done).await?;
        }
    }
    done.into_iter()
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| sqlx::Error::Protocol("submissions kept colliding: try again".into()))
}

/// Inserts what nothing is in the way of.
async fn insert(
    transaction: &mut sqlx::PgTransaction<'_>,
    tasks: &[NewTask],
    open: &[usize],
    reuse: Reuse,
    done: &mut [Option<Submitted>],
) -> Result<(), sqlx::Error> {
    let all = Columns::of(tasks, open);
    let max_age = i64::try_from(reuse.max_age.as_secs()).unwrap_or(i64::MAX);
    let rows = sqlx::query!(
        r#"
        WITH input AS (
            SELECT *, nextval(pg_get_serial_sequence('tasks', 'id')) AS id
            FROM unnest(
                $1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::text[], $10::uuid[], $11::jsonb[], $12::smallint[], $13::integer[],
                $14::integer[], $15::text[], $16::text[]
            ) WITH ORDINALITY AS _ (
                key_id, idempotency_key, body_sha256, purl, requested_purl, ecosystem, namespace,
                name, version, upload_id, pinned, priority, timeout_seconds, max_attempts, request_id,
                traceparent, ord
            )
        ),
        newest AS (SELECT digest FROM analysis_sets ORDER BY registered_at DESC LIMIT 1),
        answered AS (
            SELECT input.*, cached.id AS report_id
            FROM input LEFT JOIN LATERAL (
                SELECT reports.id FROM reports
                WHERE reports.owner IS NULL AND reports.purl = input.purl AND reports.version IS NOT NULL
                  AND input.version IS NOT NULL AND input.upload_id IS NULL AND input.pinned IS NULL
                  AND reports.verdict <> 'incomplete'
                  AND reports.analysis_set = (SELECT digest FROM newest)
                  AND reports.checked_at > now() - make_interval(secs => $17::bigint)
                ORDER BY reports.id DESC LIMIT 1
            ) AS cached ON true
        ),
        inserted AS (
            INSERT INTO tasks (
                id, key_id, idempotency_key, body_sha256, purl, requested_purl, ecosystem, namespace, name,
                version, upload_id, pinned, priority, timeout_seconds, max_attempts, request_id,
                traceparent, report_id, status, completed_at, event_seq
            )
            SELECT
                id, key_id, idempotency_key, body_sha256, purl, requested_purl, ecosystem, namespace, name,
                version, upload_id, pinned, priority, timeout_seconds, max_attempts, request_id,
                traceparent, report_id,
                CASE WHEN report_id IS NULL THEN 'pending' ELSE 'completed' END::task_status,
                CASE WHEN report_id IS NULL THEN NULL ELSE now() END,
                CASE WHEN report_id IS NULL THEN 2 ELSE 3 END
            -- In one order everywhere, so that two transactions seldom wait for each other.
            FROM answered ORDER BY key_id, purl, idempotency_key
            ON CONFLICT DO NOTHING
            RETURNING id, report_id
        ),
        told AS (
            INSERT INTO task_events (task_id, seq, kind, data)
            SELECT id, 3, 'completed', '{"cached": true}' FROM inserted WHERE report_id IS NOT NULL
        )
        SELECT input.ord AS "ord!", inserted.id AS "id!", inserted.report_id IS NOT NULL AS "cached!"
        FROM inserted JOIN input USING (id)
        "#,
        &all.keys,
        &all.idempotency as &[Option<&str>],
        &all.bodies as &[Option<&[u8]>],
        &all.purls as &[&str],
        &all.requested as &[&str],
        &all.ecosystems as &[&str],
        &all.namespaces as &[Option<&str>],
        &all.names as &[&str],
        &all.versions as &[Option<&str>],
        &all.uploads as &[Option<Uuid>],
        &all.pinned as &[Option<Value>],
        &all.priorities,
        &all.timeouts,
        &all.max_attempts,
        &all.request_ids as &[Option<&str>],
        &all.traceparents as &[Option<&str>],
        max_age,
    )
    .fetch_all(&mut **transaction)
    .await?;
    for row in rows {
        let id = TaskId(row.id);
        let index = usize::try_from(row.ord - 1).ok().and_then(|i| open.get(i));
        if let Some(&index) = index {
            done[index] = Some(if row.cached {
                Submitted::Cached(id)
            } else {
                Submitted::Created(id)
            });
        }
    }
    Ok(())
}

/// Finds what was in the way: the same request, or an active task for the same package.
async fn find(
    transaction: &mut sqlx::PgTransaction<'_>,
    tasks: &[NewTask],
    open: &[usize],
    done: &mut [Option<Submitted>],
) -> Result<(), sqlx::Error> {
    let all = Columns::of(tasks, open);
    let rows = sqlx::query!(
        r#"
        SELECT
            input.ord AS "ord!",
            same.id AS "same?", same.status AS "same_status?: TaskStatus",
            (same.body_sha256 IS DISTINCT FROM input.body_sha256) AS "other_body!",
            active.id AS "active?", active.status AS "active_status?: TaskStatus"
        FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::jsonb[])
            WITH ORDINALITY AS input (key_id, idempotency_key, body_sha256, purl, pinned, ord)
        LEFT JOIN tasks AS same
            ON same.key_id = input.key_id AND same.idempotency_key = input.idempotency_key
        LEFT JOIN tasks AS active
            ON active.key_id = input.key_id AND active.purl = input.purl
            AND md5(COALESCE(active.pinned::text, '')) = md5(COALESCE(input.pinned::text, ''))
            AND active.status IN ('pending', 'queued', 'running')
        "#,
        &all.keys,
        &all.idempotency as &[Option<&str>],
        &all.bodies as &[Option<&[u8]>],
        &all.purls as &[&str],
        &all.pinned as &[Option<Value>],
    )
    .fetch_all(&mut **transaction)
    .await?;
    for row in rows {
        let found = match (row.same, row.same_status, row.active, row.active_status) {
            (Some(id), _, _, _) if row.other_body => Some(Submitted::Conflict(TaskId(id))),
            (Some(id), Some(status), _, _) => Some(Submitted::Replayed(TaskId(id), status)),
            (_, _, Some(id), Some(status)) => Some(Submitted::Active(TaskId(id), status)),
            _ => None,
        };
        let index = usize::try_from(row.ord - 1).ok().and_then(|i| open.get(i));
        if let Some(&index) = index {
            done[index] = found;
        }
    }
    Ok(())
}

/// The submissions by column, as `unnest` takes them.
struct Columns<'a> {
    keys: Vec<i64>,
    idempotency: Vec<Option<&'a str>>,
    bodies: Vec<Option<&'a [u8]>>,
    purls: Vec<&'a str>,
    requested: Vec<&'a str>,
    ecosystems: Vec<&'a str>,
    namespaces: Vec<Option<&'a str>>,
    names: Vec<&'a str>,
    versions: Vec<Option<&'a str>>,
    uploads: Vec<Option<Uuid>>,
    pinned: Vec<Option<Value>>,
    priorities: Vec<i16>,
    timeouts: Vec<i32>,
    max_attempts: Vec<i32>,
    request_ids: Vec<Option<&'a str>>,
    traceparents: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(tasks: &'a [NewTask], open: &[usize]) -> Self {
        let some = || open.iter().map(|&i| &tasks[i]);
        let seconds = |time: Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX).max(1);
        Self {
            keys: some().map(|one| one.key.0).collect(),
            idempotency: some()
                .map(|one| one.idempotency.as_ref().map(|(key, _)| key.as_str()))
                .collect(),
            bodies: some()
                .map(|one| one.idempotency.as_ref().map(|(_, body)| body.as_slice()))
                .collect(),
            purls: some().map(|one| one.purl.as_str()).collect(),
            requested: some().map(|one| one.requested_purl.as_str()).collect(),
            ecosystems: some().map(|one| one.ecosystem.as_str()).collect(),
            namespaces: some().map(|one| one.namespace.as_deref()).collect(),
            names: some().map(|one| one.name.as_str()).collect(),
            versions: some().map(|one| one.version.as_deref()).collect(),
            uploads: some().map(|one| one.upload).collect(),
            pinned: some().map(|one| one.pinned.clone()).collect(),
            priorities: some().map(|one| one.priority.get()).collect(),
            timeouts: some().map(|one| seconds(one.timeout)).collect(),
            max_attempts: some().map(|one| one.max_attempts).collect(),
            request_ids: some().map(|one| one.request_id.as_deref()).collect(),
            traceparents: some().map(|one| one.traceparent.as_deref()).collect(),
        }
    }
}

/// A task as the queue knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queueable {
    /// Which.
    pub task: TaskId,
    /// Whose.
    pub key: KeyId,
    /// How urgent.
    pub priority: Priority,
}

/// Says that tasks are in the queue. Those that went on meanwhile stay as they are.
///
/// Does not wait for the disk, which took as long as the submission itself: what a crash of
/// Postgres undoes here is `pending` again, and the reconciler says it anew.
///
/// # Errors
/// When the database fails.
pub async fn queued(pool: &PgPool, tasks: &[TaskId]) -> Result<(), sqlx::Error> {
    let ids: Vec<i64> = tasks.iter().map(|id| id.0).collect();
    sqlx::query!(
        r#"
        UPDATE tasks SET status = 'queued', queued_at = COALESCE(queued_at, now())
        WHERE id = ANY($1) AND status = 'pending'
          AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
        "#,
        &ids,
    )
    .execute(pool)
    .await?;
    Ok(())
}
