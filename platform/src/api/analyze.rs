//! `POST /api/v1/analyze/`: submits a package.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use super::auth::Caller;
use super::body::{JsonBody, whole};
use super::envelope::{Answer, Envelope, ErrorEnvelope, RequestId};
use super::error::ApiError;
use super::purls::{self, Common};
use super::submitter::Placed;
use super::{App, counted, links};
use crate::db::submit::Submitted;
use crate::model::{Scope, TaskId, TaskStatus};
use crate::telemetry::metrics;
use crate::telemetry::spans::create_span;

/// A package to be analysed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalyzeRequest {
    /// The package URL; without a version, the latest release.
    #[schema(
        example = "pkg:pypi/requests@2.28.1",
        max_length = 2048,
        pattern = "^pkg:[A-Za-z]+/."
    )]
    purl: String,
    /// 0 to 100; higher goes first.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 100)]
    priority: i64,
}

/// The task that answers a submission.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Submission {
    /// Which task.
    pub task_id: TaskId,
    /// Where it stands.
    pub status: TaskStatus,
    /// 1 when it is next, 0 when it is running; null when it is over or that is not known.
    pub queue_position: Option<u64>,
    /// Where to ask how it stands.
    pub status_url: String,
    /// Where its report is, once it is complete.
    pub result_url: String,
    /// The answer in words.
    pub message: String,
    /// Whether a finished report answers it.
    pub cached: bool,
}

/// Submits a package. The same package again, while the first is under way, gives the same
/// task; a finished report that is fresh answers at once.
#[utoipa::path(
    post, operation_id = "submit_package", path = "/api/v1/analyze/", tag = "tasks", request_body = AnalyzeRequest,
    params(("X-Idempotency-Key" = Option<String>, Header, description = "The same key and body give the same task, however often they are sent; 1 to 255 visible ASCII characters", min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    responses(
        (status = 200, description = "A task for it is under way, or a finished report answers it", body = Envelope<Submission>),
        (status = 202, description = "A new task", body = Envelope<Submission>),
        (status = 409, description = "The idempotency key was used with another body", body = ErrorEnvelope),
    )
)]
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    headers: HeaderMap,
    body: Result<JsonBody<AnalyzeRequest>, ApiError>,
) -> Result<Answer<Submission>, ApiError> {
    caller.needs(Scope::Analyze)?;
    let placed = match body {
        Ok(JsonBody(request)) => place(&app, &caller, &headers, request, request_id).await,
        Err(error) => Err(error),
    };
    answer(&app, placed, metrics::Submission::Package).await
}

async fn place(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    request: AnalyzeRequest,
    request_id: String,
) -> Result<Placed, ApiError> {
    let idempotency = idempotency_key(headers)?;
    let purl = purls::parse(&request.purl, "purl")?;
    let common = Common {
        key: caller.id(),
        priority: purls::priority(request.priority)?,
        timeout: app.settings.task_timeout,
        max_attempts: app.settings.max_attempts,
        request_id,
    };
    caller.spend(app, 1).await?;
    let span = create_span(app.queue.name(), 1);
    let mut task = span.in_scope(|| purls::task(&purl, &request.purl, &common));
    let asked = format!("analyze\n{purl}\n{}", request.priority);
    task.idempotency = idempotency.map(|key| (key, Sha256::digest(asked).into()));
    match app.submitter.submit(vec![task]).instrument(span).await {
        Ok(placed) => match placed.first() {
            Some(placed) => Ok(*placed),
            None => Err(ApiError::internal(&"a submission without an outcome")),
        },
        Err(error) => {
            caller.give_back(app, 1).await;
            Err(error)
        }
    }
}

/// What a client is told of its submission; counts it.
pub(super) async fn answer(
    app: &App,
    placed: Result<Placed, ApiError>,
    kind: metrics::Submission,
) -> Result<Answer<Submission>, ApiError> {
    let told = match placed {
        Ok(placed) => {
            counted::placed(app, kind, placed.submitted);
            tell(app, &placed).await
        }
        Err(error) => Err(error),
    };
    told.inspect_err(|error| counted::refused(app, kind, error))
}

async fn tell(app: &App, placed: &Placed) -> Result<Answer<Submission>, ApiError> {
    let (status, message) = match placed.submitted {
        Submitted::Created(_) => (StatusCode::ACCEPTED, "the package is in the queue"),
        Submitted::Cached(_) => (StatusCode::OK, "a finished report answers this"),
        Submitted::Active(..) => (StatusCode::OK, "a task for this package is under way"),
        Submitted::Replayed(..) => (StatusCode::OK, "this request came before"),
        Submitted::Conflict(task) => {
            return Err(ApiError::conflict(
                "idempotency_conflict",
                format!(
                    "this idempotency key was used for another request, which is task {task}: use a new key"
                ),
            ));
        }
    };
    let task = placed.submitted.task();
    let position = match placed.position {
        Some(before) => Some(before + 1),
        None if placed.status.is_final() => None,
        None => links::position(app, task).await,
    };
    Ok(Answer(
        status,
        Submission {
            task_id: task,
            status: placed.status,
            queue_position: position,
            status_url: links::task(task),
            result_url: links::report(task),
            message: message.into(),
            cached: matches!(placed.submitted, Submitted::Cached(_)),
        },
    ))
}

/// The header `X-Idempotency-Key`, if there is one.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all("x-idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let good = |text: &&str| {
        (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match (value.to_str().ok().filter(good), values.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::invalid(
            "X-Idempotency-Key",
            "send it once, as 1 to 255 visible ASCII characters",
        )),
    }
}
