//! Cancels a batch.

use serde_json::json;
use sqlx::PgPool;

use crate::db::audit::{self, Actor, Entry};
use crate::model::{BatchId, TaskId, TaskStatus};

/// What a request to cancel a batch did.
#[derive(Debug, Clone, Default)]
pub struct CancelledBatch {
    /// Tasks that had not begun, and never will.
    pub ended: Vec<TaskId>,
    /// Tasks whose workers were asked to end them.
    pub asked: Vec<TaskId>,
    /// Unfinished tasks that go on: they were there before, or another batch has them too.
    pub kept: i64,
}

/// Cancels the unfinished tasks that a batch made and that no other batch has.
///
/// # Errors
/// When the database fails.
pub async fn cancel(
    pool: &PgPool,
    id: BatchId,
    actor: &Actor,
) -> Result<CancelledBatch, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // Locked first, in one order: what is read is then what is changed.
    let open = sqlx::query!(
        r#"
        SELECT tasks.id, status AS "status: TaskStatus", (
            batch_tasks.created AND NOT EXISTS (
                SELECT 1 FROM batch_tasks AS other
                WHERE other.task_id = tasks.id AND other.batch_id <> $1
            )
        ) AS "own!"
        FROM batch_tasks JOIN tasks ON tasks.id = task_id
        WHERE batch_id = $1 AND status IN ('pending', 'queued', 'running')
        ORDER BY tasks.id FOR UPDATE OF tasks
        "#,
        id.0,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut done = CancelledBatch::default();
    for task in open {
        match (task.own, task.status) {
            (false, _) => done.kept += 1,
            (true, TaskStatus::Running) => done.asked.push(TaskId(task.id)),
            (true, _) => done.ended.push(TaskId(task.id)),
        }
    }
    ask(&mut transaction, &done.asked).await?;
    end(&mut transaction, &done.ended).await?;
    if !(done.asked.is_empty() && done.ended.is_empty()) {
        let entry = Entry {
            action: "batch.cancel",
            subject: format!("batch:{id}"),
            details: json!({ "cancelled": done.ended.len(), "requested": done.asked.len() }),
        };
        audit::write(&mut transaction, actor, &entry).await?;
    }
    transaction.commit().await?;
    Ok(done)
}

async fn ask(
    transaction: &mut sqlx::PgTransaction<'_>,
    tasks: &[TaskId],
) -> Result<(), sqlx::Error> {
    let ids: Vec<i64> = tasks.iter().map(|id| id.0).collect();
    sqlx::query!(
        r#"
        WITH asked AS (
            UPDATE tasks SET cancel_requested_at = now(), event_seq = event_seq + 1
            WHERE id = ANY($1) AND cancel_requested_at IS NULL RETURNING id, event_seq
        )
        INSERT INTO task_events (task_id, seq, kind, data)
        SELECT id, event_seq, 'cancel_requested', '{}' FROM asked
        "#,
        &ids,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn end(
    transaction: &mut sqlx::PgTransaction<'_>,
    tasks: &[TaskId],
) -> Result<(), sqlx::Error> {
    let ids: Vec<i64> = tasks.iter().map(|id| id.0).collect();
    sqlx::query!(
        r#"
        WITH ended AS (
            UPDATE tasks SET
                status = 'cancelled', completed_at = now(), cancel_requested_at = now(),
                fence = fence + 1, event_seq = event_seq + 1
            WHERE id = ANY($1) RETURNING id, key_id, event_seq
        ),
        told AS (
            INSERT INTO task_events (task_id, seq, kind, data)
            SELECT id, event_seq, 'cancelled', '{}' FROM ended
        )
        INSERT INTO webhook_deliveries (webhook_id, task_id, event)
        SELECT webhooks.id, ended.id, 'task.cancelled' FROM ended JOIN webhooks USING (key_id)
        WHERE disabled_at IS NULL AND 'task.cancelled' = ANY(webhooks.events)
        "#,
        &ids,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
