//! `/api/v1/timeout/`: what runs, what ran too long, and the end of it. For admins.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::App;
use super::auth::Caller;
use super::envelope::{Answer, Envelope, ErrorEnvelope, RequestId, ok};
use super::error::ApiError;
use super::webhooks::actor;
use crate::db::audit::{self, Entry};
use crate::db::timeouts::{self, RunningTask};
use crate::model::{Scope, TaskId};
use crate::queue::wakeups::{self, Topic};

/// Most running tasks that are listed: a thousand workers' worth.
const MOST: i64 = 1_000;

/// How long the queue is waited for after a sweep; the reconciler does what was not done.
const TELL: Duration = Duration::from_secs(5);

/// A running task.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Running {
    /// Which.
    pub task_id: TaskId,
    /// What is analysed.
    pub purl: String,
    /// By whom.
    pub worker: Option<String>,
    /// Since when.
    pub started_at: Option<DateTime<Utc>>,
    /// Last sign of life.
    pub last_heartbeat: Option<DateTime<Utc>>,
    /// How long it may run, seconds.
    pub timeout_seconds: i32,
    /// Whether it runs longer.
    pub is_timed_out: bool,
}

impl From<RunningTask> for Running {
    fn from(task: RunningTask) -> Self {
        Self {
            task_id: task.id,
            purl: task.purl,
            worker: task.worker,
            started_at: task.started_at,
            last_heartbeat: task.last_heartbeat,
            timeout_seconds: task.timeout_seconds,
            is_timed_out: task.timed_out,
        }
    }
}

/// What runs, the longest first: a thousand tasks at most.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TimeoutStatus {
    /// How many are listed.
    pub running_tasks: usize,
    /// Of them, how many ran too long.
    pub timed_out_tasks: usize,
    /// They.
    pub tasks: Vec<Running>,
}

/// Running tasks, and which of them ran too long. For admins.
#[utoipa::path(
    get, operation_id = "get_timeout_status", path = "/api/v1/timeout/status/", tag = "admin",
    responses(
        (status = 200, description = "The tasks", body = Envelope<TimeoutStatus>),
        (status = 403, description = "The key is no admin's", body = ErrorEnvelope),
    )
)]
pub async fn status(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Answer<TimeoutStatus>, ApiError> {
    caller.needs(Scope::Admin)?;
    let running = timeouts::running(&app.db, MOST).await?;
    let tasks: Vec<Running> = running.into_iter().map(Running::from).collect();
    Ok(ok(TimeoutStatus {
        running_tasks: tasks.len(),
        timed_out_tasks: tasks.iter().filter(|task| task.is_timed_out).count(),
        tasks,
    }))
}

/// What was ended.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Swept {
    /// How many.
    pub timed_out_tasks: usize,
    /// Which.
    pub task_ids: Vec<TaskId>,
}

/// Ends all tasks that ran too long, now. The reconciler does the same every so often. For
/// admins.
#[utoipa::path(
    post, operation_id = "sweep_timeouts", path = "/api/v1/timeout/check/", tag = "admin",
    responses(
        (status = 200, description = "What was ended", body = Envelope<Swept>),
        (status = 403, description = "The key is no admin's", body = ErrorEnvelope),
    )
)]
pub async fn check(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
) -> Result<Answer<Swept>, ApiError> {
    caller.needs(Scope::Admin)?;
    let mut transaction = app.db.begin().await?;
    let ended = timeouts::sweep(&mut *transaction, Duration::ZERO).await?;
    if !ended.is_empty() {
        let entry = Entry {
            action: "tasks.sweep",
            subject: "tasks".into(),
            details: json!({ "task_ids": ended }),
        };
        audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    }
    transaction.commit().await?;
    if !ended.is_empty() {
        // A task of its own: a client that goes away now must not keep them from being told.
        let telling = tokio::spawn(tell(Arc::clone(&app), ended.clone()));
        let _ = tokio::time::timeout(TELL, telling).await;
    }
    Ok(ok(Swept {
        timed_out_tasks: ended.len(),
        task_ids: ended,
    }))
}

/// The queue forgets the tasks; workers and listeners are woken.
async fn tell(app: Arc<App>, ended: Vec<TaskId>) {
    let told = async {
        app.queue.remove(&ended).await?;
        for &task in &ended {
            wakeups::publish(&app.queue, Topic::Cancelled, task).await?;
            wakeups::publish(&app.queue, Topic::Events, task).await?;
        }
        Ok::<_, crate::queue::QueueError>(())
    };
    if let Err(error) = told.await {
        tracing::warn!(%error, "the queue was not told of ended tasks: the reconciler will");
    }
}
