//! `/api/v1/task/{id}/`: how a task stands, where it is in the queue, and its end.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::auth::Caller;
use super::envelope::{Answer, Envelope, ErrorEnvelope, RequestId, ok};
use super::error::ApiError;
use super::params::PathTask;
use super::webhooks::actor;
use super::{App, links};
use crate::db::tasks::{self, Cancelled, TaskRow};
use crate::model::{ErrorCategory, Scope, TaskId, TaskStatus};
use crate::queue::wakeups::{self, Topic};

/// How long a cancellation waits to be told to Redis. Postgres knows of it already, and the
/// reconciler repeats what was not told.
const TELL: Duration = Duration::from_secs(2);

/// A task.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TaskView {
    /// Which.
    pub task_id: TaskId,
    /// What is analysed, canonically.
    pub purl: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// Submitted when.
    pub created_at: DateTime<Utc>,
    /// In the queue since when.
    pub queued_at: Option<DateTime<Utc>>,
    /// The present or last attempt began when.
    pub started_at: Option<DateTime<Utc>>,
    /// Ended when.
    pub completed_at: Option<DateTime<Utc>>,
    /// Namespace and name.
    pub package_name: String,
    /// The version asked for, or the latest once it is known.
    pub package_version: Option<String>,
    /// Purl type.
    pub ecosystem: String,
    /// 0 to 100; higher goes first.
    pub priority: i16,
    /// 1 when it is next, 0 when it is running; null when it is over or that is not known.
    pub queue_position: Option<u64>,
    /// How long an attempt may run, in whole minutes, rounded up.
    pub timeout_minutes: u64,
    /// What is left of that for a running task, rounded up.
    pub remaining_time_minutes: Option<u64>,
    /// Whether it ran, or runs, longer than it may.
    pub is_timed_out: bool,
    /// Last sign of life of its worker.
    pub last_heartbeat: Option<DateTime<Utc>>,
    /// Why it failed, or what its last attempt failed of.
    pub error_message: Option<String>,
    /// The same for programs.
    pub error_category: Option<ErrorCategory>,
    /// Whatever else helps.
    #[schema(value_type = Option<Object>)]
    pub error_details: Option<Value>,
    /// Where its report is, once there is one.
    pub result_url: Option<String>,
    /// The same, for downloading.
    pub download_url: Option<String>,
    /// Of the report, once there is one.
    pub report_metadata: Option<ReportMetadata>,
    /// How often a worker has begun it.
    pub attempts: i32,
    /// `clean`, `incomplete`, `suspicious` or `malicious`, once there is a report.
    pub verdict: Option<String>,
    /// 0 (nothing) to 100 (certain), once there is a report.
    pub score: Option<i32>,
    /// Its end was asked for when.
    pub cancel_requested_at: Option<DateTime<Utc>>,
}

/// A report's file.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReportMetadata {
    /// A name for it.
    pub filename: String,
    /// Bytes.
    pub size_bytes: i64,
    /// Written when.
    pub created_at: DateTime<Utc>,
    /// Where it is.
    pub download_url: String,
    /// A folder that tells it from those of other packages.
    pub folder_structure: String,
}

impl TaskView {
    /// What a client sees of a row.
    pub fn new(row: TaskRow, queue_position: Option<u64>) -> Self {
        let now = Utc::now();
        let running = row.status == TaskStatus::Running;
        let timeout = i64::from(row.timeout_seconds);
        let ran = row.started_at.map(|at| (now - at).num_seconds());
        let late = running && ran.is_some_and(|ran| ran > timeout);
        let metadata = metadata(&row);
        let link = metadata
            .as_ref()
            .map(|metadata| metadata.download_url.clone());
        Self {
            task_id: row.id,
            status: row.status,
            created_at: row.created_at,
            queued_at: row.queued_at,
            started_at: row.started_at,
            completed_at: row.completed_at,
            package_name: full_name(&row),
            priority: row.priority,
            queue_position,
            timeout_minutes: minutes(timeout),
            remaining_time_minutes: ran.filter(|_| running).map(|ran| minutes(timeout - ran)),
            is_timed_out: late || row.error_category == Some(ErrorCategory::TimeoutError),
            last_heartbeat: row.last_heartbeat,
            error_message: row.error_message,
            error_category: row.error_category,
            error_details: row.error_details,
            result_url: link.clone(),
            download_url: link,
            report_metadata: metadata,
            attempts: row.attempts,
            verdict: row.verdict,
            score: row.score,
            cancel_requested_at: row.cancel_requested_at,
            purl: row.purl,
            package_version: row.version,
            ecosystem: row.ecosystem,
        }
    }
}

fn minutes(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).div_ceil(60)
}

pub(super) fn full_name(row: &TaskRow) -> String {
    match &row.namespace {
        Some(namespace) => format!("{namespace}/{}", row.name),
        None => row.name.clone(),
    }
}

fn metadata(row: &TaskRow) -> Option<ReportMetadata> {
    row.report_id?;
    let version = row.version.as_deref().unwrap_or("unknown");
    Some(ReportMetadata {
        filename: filename(
            &row.ecosystem,
            &full_name(row),
            row.version.as_deref(),
            "json",
        ),
        size_bytes: row.report_size?,
        created_at: row.report_created_at?,
        download_url: links::report(row.id),
        folder_structure: format!("{}/{}/{version}", row.ecosystem, full_name(row)),
    })
}

/// A name for a package's report that every file system takes, and that can stand in a header
/// as it is.
pub(super) fn filename(
    ecosystem: &str,
    name: &str,
    version: Option<&str>,
    extension: &str,
) -> String {
    let version = version.unwrap_or("unknown");
    let plain = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
        _ => '_',
    };
    // 120: names are mostly far shorter, and file systems take 255.
    let text: String = format!("{ecosystem}-{name}-{version}")
        .chars()
        .map(plain)
        .take(120)
        .collect();
    format!("{text}.{extension}")
}

/// The row of a task that the caller may see.
pub(super) async fn find(app: &App, caller: &Caller, id: TaskId) -> Result<TaskRow, ApiError> {
    let row = tasks::get(&app.db, id, caller.sees()).await?;
    row.ok_or_else(|| ApiError::not_found("task"))
}

/// A task's place: running ones are at 0, finished ones nowhere.
async fn place(app: &App, id: TaskId, status: TaskStatus) -> Option<u64> {
    match status {
        TaskStatus::Pending | TaskStatus::Queued => links::position(app, id).await,
        TaskStatus::Running => Some(0),
        TaskStatus::Completed | TaskStatus::Failed | TaskStatus::Cancelled => None,
    }
}

/// How a task stands.
#[utoipa::path(
    get, operation_id = "get_task", path = "/api/v1/task/{id}/", tag = "tasks",
    params(("id" = i64, Path, description = "The task", minimum = 1)),
    responses(
        (status = 200, description = "The task", body = Envelope<TaskView>),
        (status = 404, description = "There is none, or it is somebody else's", body = ErrorEnvelope),
    )
)]
pub async fn status(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathTask(id): PathTask,
) -> Result<Answer<TaskView>, ApiError> {
    caller.needs(Scope::Read)?;
    let row = find(&app, &caller, id).await?;
    let place = place(&app, id, row.status).await;
    Ok(ok(TaskView::new(row, place)))
}

/// Where a task is in the queue.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct QueuePlace {
    /// Which.
    pub task_id: TaskId,
    /// Where it stands.
    pub status: TaskStatus,
    /// 1 when it is next, 0 when it is running; null when it is over, waits for its next
    /// attempt, or that is not known.
    pub queue_position: Option<u64>,
    /// The same, under the name that older clients know.
    pub position: Option<u64>,
}

/// Where a task is in the queue.
#[utoipa::path(
    get, operation_id = "get_task_position", path = "/api/v1/task/{id}/queue/", tag = "tasks",
    params(("id" = i64, Path, description = "The task", minimum = 1)),
    responses(
        (status = 200, description = "Its place", body = Envelope<QueuePlace>),
        (status = 404, description = "There is no such task, or it is somebody else's", body = ErrorEnvelope),
    )
)]
pub async fn queue(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathTask(id): PathTask,
) -> Result<Answer<QueuePlace>, ApiError> {
    caller.needs(Scope::Read)?;
    let row = find(&app, &caller, id).await?;
    let position = place(&app, id, row.status).await;
    Ok(ok(QueuePlace {
        task_id: id,
        status: row.status,
        queue_position: position,
        position,
    }))
}

/// What became of a request to cancel.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Cancellation {
    /// Which.
    pub task_id: TaskId,
    /// Where it stands now.
    pub status: TaskStatus,
    /// The answer in words.
    pub message: String,
}

/// Cancels a task. One that waits is over at once; a running one is ended by its worker
/// within a few seconds.
#[utoipa::path(
    delete, operation_id = "cancel_task", path = "/api/v1/task/{id}/", tag = "tasks",
    params(("id" = i64, Path, description = "The task", minimum = 1)),
    responses(
        (status = 200, description = "It is cancelled", body = Envelope<Cancellation>),
        (status = 202, description = "Its worker was asked to end it", body = Envelope<Cancellation>),
        (status = 404, description = "There is none, or it is somebody else's", body = ErrorEnvelope),
        (status = 409, description = "It was over already", body = ErrorEnvelope),
    )
)]
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathTask(id): PathTask,
    Extension(request_id): Extension<RequestId>,
) -> Result<Answer<Cancellation>, ApiError> {
    caller.needs(Scope::Analyze)?;
    let done = tasks::cancel(&app.db, id, caller.sees(), &actor(&caller, request_id)).await?;
    let (code, status, message) = match done {
        None => return Err(ApiError::not_found("task")),
        Some(Cancelled::Over(status)) => {
            return Err(ApiError::conflict(
                "task_over",
                format!("the task is over already: it is {status}"),
            ));
        }
        Some(Cancelled::AtOnce) => (StatusCode::OK, TaskStatus::Cancelled, "it is cancelled"),
        Some(Cancelled::Requested) => (
            StatusCode::ACCEPTED,
            TaskStatus::Running,
            "its worker was asked to end it",
        ),
    };
    // A task of its own: a client that goes away now must not keep it from being told.
    let telling = tokio::spawn(tell(Arc::clone(&app), id));
    let _ = tokio::time::timeout(TELL, telling).await;
    Ok(Answer(
        code,
        Cancellation {
            task_id: id,
            status,
            message: message.into(),
        },
    ))
}

/// Tells queue, worker and listeners of a cancellation that is committed.
async fn tell(app: Arc<App>, id: TaskId) {
    let told = async {
        app.queue.cancel(id).await?;
        wakeups::publish(&app.queue, Topic::Cancelled, id).await?;
        wakeups::publish(&app.queue, Topic::Events, id).await
    };
    if let Err(error) = told.await {
        tracing::warn!(%error, task = id.0, "a cancellation was not told: the reconciler will");
    }
}
