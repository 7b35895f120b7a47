//! `/api/v1/batches/`: many packages at once, as a list, a lock file or an SBOM.

mod progress;
pub mod read;
mod submit;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use self::read::Skipped;
use super::auth::Caller;
use super::envelope::{Answer, Envelope, ErrorEnvelope, RequestId, ok};
use super::error::ApiError;
use super::params::{Params, path_id};
use super::webhooks::actor;
use super::{App, links};
use crate::db::batches::{self, BatchRow, ItemRow};
use crate::model::{BatchId, ErrorCategory, Scope, TaskId, TaskStatus};
use crate::queue::wakeups::{self, Topic};

pub use progress::{__path_get, BatchProgress, get};
pub use submit::{__path_submit, BatchSubmitted, submit};

/// Largest page.
const MAX_PAGE: i64 = 100;

/// Cancellations that are on their way to Redis at once.
const AT_ONCE: usize = 16;

/// How a batch stands.
fn link(id: BatchId) -> String {
    format!("/api/v1/batches/{id}/")
}

/// A batch's tasks.
fn tasks_link(id: BatchId) -> String {
    format!("/api/v1/batches/{id}/tasks/")
}

/// The batch that a path names as `{id}`.
#[derive(Debug, Clone, Copy)]
pub struct PathBatch(BatchId);

impl<S: Send + Sync> FromRequestParts<S> for PathBatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        path_id(parts, state, "id").await.map(BatchId).map(Self)
    }
}

/// The batch of this id, if the caller may see it.
async fn find(app: &App, caller: &Caller, id: BatchId) -> Result<BatchRow, ApiError> {
    let found = batches::get(&app.db, id, caller.sees()).await?;
    found.ok_or_else(|| ApiError::not_found("batch"))
}

fn skipped(row: &BatchRow) -> Vec<Skipped> {
    Vec::<Skipped>::deserialize(&row.skipped).unwrap_or_default()
}

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// From 1.
    #[serde(default = "first")]
    #[param(minimum = 1, maximum = 1_000_000_000, default = 1)]
    page: i64,
    /// 1 to 100.
    #[serde(default = "size")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    page_size: i64,
}

/// Which page, and of which tasks.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TasksQuery {
    /// From 1.
    #[serde(default = "first")]
    #[param(minimum = 1, maximum = 1_000_000_000, default = 1)]
    page: i64,
    /// 1 to 100.
    #[serde(default = "size")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    page_size: i64,
    /// Only tasks that stand so.
    status: Option<TaskStatus>,
}

fn first() -> i64 {
    1
}

fn size() -> i64 {
    20
}

/// How many rows come before a page.
fn offset(page: i64, size: i64) -> Result<i64, ApiError> {
    if !(1..=MAX_PAGE).contains(&size) {
        return Err(ApiError::invalid("page_size", "1 to 100"));
    }
    // No list is that long, and the offset has to fit.
    if !(1..=1_000_000_000).contains(&page) {
        return Err(ApiError::invalid("page", "1 to 1000000000"));
    }
    Ok((page - 1) * size)
}

/// A batch in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BatchSummary {
    /// Which.
    pub batch_id: BatchId,
    /// Your own word for it.
    pub name: Option<String>,
    /// `purls`, or the format of the lock file or SBOM.
    pub source: String,
    /// Distinct packages.
    pub total: i32,
    /// Entries that could not be taken.
    pub skipped: usize,
    /// Submitted when.
    pub created_at: DateTime<Utc>,
    /// Where to ask how it stands.
    pub status_url: String,
}

/// Batches, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BatchPage {
    /// This page.
    pub items: Vec<BatchSummary>,
    /// Which one.
    pub page: i64,
    /// How many fit.
    pub page_size: i64,
    /// On all pages.
    pub total: i64,
}

/// Lists your batches, newest first; admins see everybody's.
#[utoipa::path(
    get, operation_id = "list_batches", path = "/api/v1/batches/", tag = "tasks", params(ListQuery),
    responses((status = 200, description = "A page of batches", body = Envelope<BatchPage>))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(query): Params<ListQuery>,
) -> Result<Answer<BatchPage>, ApiError> {
    caller.needs(Scope::Read)?;
    let offset = offset(query.page, query.page_size)?;
    let rows = batches::page(&app.db, caller.sees(), offset, query.page_size).await?;
    let total = batches::count(&app.db, caller.sees()).await?;
    let items = rows.into_iter().map(|row| BatchSummary {
        skipped: skipped(&row).len(),
        batch_id: row.id,
        status_url: link(row.id),
        name: row.name,
        source: row.source,
        total: row.total,
        created_at: row.created_at,
    });
    Ok(ok(BatchPage {
        items: items.collect(),
        page: query.page,
        page_size: query.page_size,
        total,
    }))
}

/// A package of a batch.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BatchTask {
    /// Its place in the batch, from 0, duplicates left out.
    pub position: i32,
    /// Which task.
    pub task_id: TaskId,
    /// What, canonically; with the version once it is known.
    pub purl: String,
    /// What, as it was written.
    pub requested_purl: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// `malicious`, `suspicious`, `incomplete` or `clean`, once it is complete.
    pub verdict: Option<String>,
    /// 0 to 100, once it is complete.
    pub score: Option<i32>,
    /// How many findings, once it is complete.
    pub findings: Option<i32>,
    /// Why it failed.
    pub error_category: Option<ErrorCategory>,
    /// The same for people.
    pub error_message: Option<String>,
    /// Where to ask how it stands.
    pub status_url: String,
    /// Where its report is, once it is complete.
    pub result_url: String,
}

impl From<ItemRow> for BatchTask {
    fn from(row: ItemRow) -> Self {
        Self {
            position: row.position,
            task_id: row.task,
            purl: row.purl,
            requested_purl: row.requested_purl,
            status: row.status,
            verdict: row.verdict,
            score: row.score,
            findings: row.findings,
            error_category: row.error_category,
            error_message: row.error_message,
            status_url: links::task(row.task),
            result_url: links::report(row.task),
        }
    }
}

/// Packages of a batch, in its order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BatchTaskPage {
    /// This page.
    pub items: Vec<BatchTask>,
    /// Which one.
    pub page: i64,
    /// How many fit.
    pub page_size: i64,
    /// On all pages.
    pub total: i64,
}

/// Lists a batch's packages, in its order.
#[utoipa::path(
    get, operation_id = "list_batch_tasks", path = "/api/v1/batches/{id}/tasks/", tag = "tasks",
    params(("id" = i64, Path, description = "The batch", minimum = 1), TasksQuery),
    responses(
        (status = 200, description = "A page of its packages", body = Envelope<BatchTaskPage>),
        (status = 404, description = "There is none, or it is somebody else's", body = ErrorEnvelope),
    )
)]
pub async fn tasks(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathBatch(id): PathBatch,
    Params(query): Params<TasksQuery>,
) -> Result<Answer<BatchTaskPage>, ApiError> {
    caller.needs(Scope::Read)?;
    let offset = offset(query.page, query.page_size)?;
    let batch = find(&app, &caller, id).await?;
    let rows = batches::items(&app.db, batch.id, query.status, offset, query.page_size).await?;
    let total = batches::count_items(&app.db, batch.id, query.status).await?;
    Ok(ok(BatchTaskPage {
        items: rows.into_iter().map(BatchTask::from).collect(),
        page: query.page,
        page_size: query.page_size,
        total,
    }))
}

/// What became of a batch that was cancelled.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BatchCancelled {
    /// Which.
    pub batch_id: BatchId,
    /// Tasks that had not begun, and never will.
    pub cancelled: usize,
    /// Running tasks whose workers were asked to end them.
    pub requested: usize,
    /// Unfinished tasks that go on: they were there before the batch, or stand in another.
    pub kept: i64,
}

/// Cancels what is unfinished of a batch and belongs only to it: tasks that were under way
/// before, or that stand in another batch too, go on. The batch stays, and tells how it ended.
#[utoipa::path(
    delete, operation_id = "cancel_batch", path = "/api/v1/batches/{id}/", tag = "tasks",
    params(("id" = i64, Path, description = "The batch", minimum = 1)),
    responses(
        (status = 200, description = "Nothing of it runs any more", body = Envelope<BatchCancelled>),
        (status = 202, description = "Workers were asked to end what is running", body = Envelope<BatchCancelled>),
        (status = 404, description = "There is none, or it is somebody else's", body = ErrorEnvelope),
    )
)]
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathBatch(id): PathBatch,
    Extension(request_id): Extension<RequestId>,
) -> Result<Answer<BatchCancelled>, ApiError> {
    caller.needs(Scope::Analyze)?;
    let batch = find(&app, &caller, id).await?;
    let done = batches::cancel(&app.db, batch.id, &actor(&caller, request_id)).await?;
    // Postgres has decided; what Redis misses, claims and heartbeats find out.
    if let Err(error) = app.queue.remove(&done.ended).await {
        tracing::warn!(%error, batch = %batch.id, "cancelled tasks are still in the queue");
    }
    // Those who wait for the events of the others look for themselves within seconds.
    let asked = futures_util::stream::iter(done.asked.clone());
    asked
        .for_each_concurrent(AT_ONCE, |task| tell(&app, task))
        .await;
    let status = if done.asked.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok(Answer(
        status,
        BatchCancelled {
            batch_id: batch.id,
            cancelled: done.ended.len(),
            requested: done.asked.len(),
            kept: done.kept,
        },
    ))
}

/// Tells a task's worker that it is cancelled, and whoever waits for its events.
async fn tell(app: &App, task: TaskId) {
    let told = async {
        app.queue.cancel(task).await?;
        wakeups::publish(&app.queue, Topic::Cancelled, task).await?;
        wakeups::publish(&app.queue, Topic::Events, task).await
    };
    if let Err(error) = told.await {
        tracing::warn!(%error, %task, "a worker has not been told of a cancellation yet");
    }
}
