//! Everybody's tasks: what failed for good, and trying it again.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::page;
use crate::admin::retry::{self, Refused, RetryError};
use crate::api::auth::Caller;
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, RequestId, ok};
use crate::api::error::ApiError;
use crate::api::params::{Params, PathTask};
use crate::api::webhooks::{actor, next};
use crate::api::{App, links};
use crate::db::dead_letters::{self, AdminTask};
use crate::model::{Scope, TaskId, TaskStatus};

/// Which tasks.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AdminTaskParams {
    /// Only dead letters: tasks that failed for good without an answer about their package.
    #[serde(default)]
    dead: bool,
    /// Only what is older than this id: the page before's `next_before`.
    #[serde(default)]
    #[param(minimum = 1)]
    before: Option<i64>,
    /// How many, 1 to 100; 50 by default.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// A page of tasks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AdminTaskPage {
    /// Newest first.
    items: Vec<AdminTask>,
    /// The next page's `before`; null on the last one.
    next_before: Option<i64>,
}

/// A task that is tried again.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RetriedTask {
    /// Which.
    task_id: TaskId,
    /// `queued`, or `pending` while the queue is away.
    status: TaskStatus,
    /// Where to ask how it stands.
    status_url: String,
}

/// Everybody's tasks, newest first; with `dead=true` the dead letters with their reasons.
#[utoipa::path(
    get, operation_id = "list_all_tasks", path = "/api/v1/admin/tasks/", tag = "admin", params(AdminTaskParams),
    responses(
        (status = 200, description = "A page of them", body = Envelope<AdminTaskPage>),
        (status = 403, description = "The key lacks the scope `admin`", body = ErrorEnvelope),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<AdminTaskParams>,
) -> Result<Answer<AdminTaskPage>, ApiError> {
    caller.needs(Scope::Admin)?;
    let (before, limit) = page(params.before, params.limit)?;
    let items = dead_letters::list(&app.db, params.dead, before.map(TaskId), limit).await?;
    let next_before = next(&items, limit, |task| task.task_id.0);
    Ok(ok(AdminTaskPage { items, next_before }))
}

/// Tries a failed task again, with as many attempts as a new one has.
#[utoipa::path(
    post, operation_id = "retry_task", path = "/api/v1/admin/tasks/{id}/retry/", tag = "admin",
    params(("id" = i64, Path, description = "The task", minimum = 1)),
    responses(
        (status = 200, description = "It is on its way", body = Envelope<RetriedTask>),
        (status = 404, description = "There is no such task", body = ErrorEnvelope),
        (status = 409, description = "It did not fail, or its key has an active task for the package", body = ErrorEnvelope),
    )
)]
pub async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    PathTask(id): PathTask,
) -> Result<Answer<RetriedTask>, ApiError> {
    caller.needs(Scope::Admin)?;
    let actor = actor(&caller, request_id);
    let allowance = app.settings.max_attempts;
    let queued = retry::retry(&app.db, &app.queue, id, allowance, &actor).await?;
    Ok(ok(RetriedTask {
        task_id: id,
        status: if queued {
            TaskStatus::Queued
        } else {
            TaskStatus::Pending
        },
        status_url: links::task(id),
    }))
}

impl From<RetryError> for ApiError {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::Database(error) => error.into(),
            RetryError::Refused(Refused::Unknown) => Self::not_found("task"),
            RetryError::Refused(refused @ Refused::Not(status)) => {
                Self::conflict("not_failed", refused.to_string()).field("status", status.as_str())
            }
            RetryError::Refused(refused) => Self::conflict("duplicate_task", refused.to_string()),
        }
    }
}
