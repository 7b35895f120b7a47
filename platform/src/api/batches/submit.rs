//! `POST /api/v1/batches/`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use super::read::{self, BatchRequest, Hints, Listed, Skipped, Wanted};
use crate::api::analyze::idempotency_key;
use crate::api::archives::receive::{self, Faults};
use crate::api::auth::Caller;
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, RequestId};
use crate::api::error::ApiError;
use crate::api::params::Params;
use crate::api::purls::{self, Common};
use crate::api::{App, counted, submitter};
use crate::db::batches::{self, BatchRow, NewBatch, Written};
use crate::db::submit::{NewTask, Submitted};
use crate::model::{BatchId, Scope};
use crate::telemetry::metrics::{self, SubmissionOutcome};
use crate::telemetry::spans::create_span;

/// Most tasks that the queue takes in one call.
const ENQUEUED: usize = crate::queue::MAX_ENQUEUE;

/// How a lock file or SBOM is submitted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BatchQuery {
    /// What the lock file or SBOM is called, where the body is one.
    #[param(max_length = 255, example = "package-lock.json")]
    filename: Option<String>,
    /// 0 to 100, of a lock file's packages; higher goes first. A list of purls has its own.
    #[param(minimum = 0, maximum = 100)]
    priority: Option<i64>,
    /// Your own word for the batch; a list of purls may have it inside.
    #[param(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1F\x7F-\x9F]+$"
    )]
    name: Option<String>,
}

/// What became of a batch.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BatchSubmitted {
    /// Which.
    pub batch_id: BatchId,
    /// Distinct packages; each counts against the key's hourly limit.
    pub total: i32,
    /// Of them, those that became new tasks.
    pub created: i32,
    /// Of them, those that a finished report answered.
    pub cached: i32,
    /// Of them, those whose task was under way already.
    pub active: i32,
    /// What a lock file or SBOM names and is not analysed; it keeps the batch from being
    /// clean.
    pub skipped: Vec<Skipped>,
    /// Where to ask how it stands.
    pub status_url: String,
    /// Where its packages are listed.
    pub tasks_url: String,
}

/// Submits up to 10,000 packages: as JSON, or as a lock file or SBOM in the body. A purl that
/// makes no sense refuses the whole list, and the answer names it by index; entries of a lock
/// file or SBOM that can't be analysed are skipped, and the answer says why. Packages that
/// are named twice are analysed once. All is written together, or nothing.
#[utoipa::path(
    post, operation_id = "submit_batch", path = "/api/v1/batches/", tag = "tasks",
    params(
        BatchQuery,
        ("X-Idempotency-Key" = Option<String>, Header, description = "The same key, body and query give the same batch, however often they are sent; 1 to 255 visible ASCII characters", min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
    ),
    request_body(
        description = "A list of purls, or a lock file or SBOM: requirements.txt, poetry.lock, uv.lock, package-lock.json, pnpm-lock.yaml, yarn.lock, Cargo.lock, CycloneDX JSON, SPDX 2 JSON",
        content(
            (BatchRequest = "application/json"), (String = "text/plain"), (Vec<u8> = "application/octet-stream"),
            (serde_json::Value = "application/vnd.cyclonedx+json"), (serde_json::Value = "application/spdx+json")
        )
    ),
    responses(
        (status = 200, description = "This request came before", body = Envelope<BatchSubmitted>),
        (status = 202, description = "A new batch", body = Envelope<BatchSubmitted>),
        (status = 400, description = "The body can't be read", body = ErrorEnvelope),
        (status = 409, description = "The idempotency key was used with another body", body = ErrorEnvelope),
        (status = 413, description = "The body is larger than `BATCH_BODY_LIMIT`, 64 MiB at most", body = ErrorEnvelope),
        (status = 415, description = "The body is of no type that is read", body = ErrorEnvelope),
        (status = 422, description = "Purls make no sense, or there are none, or too many", body = ErrorEnvelope),
        (status = 429, description = "The key has fewer packages left in this hour", body = ErrorEnvelope),
    )
)]
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Params(query): Params<BatchQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer<BatchSubmitted>, ApiError> {
    caller.needs(Scope::Analyze)?;
    let written = take(&app, &caller, (query, &headers), body, request_id).await;
    let answered = written.and_then(|written| {
        count(&app, &written);
        answer(written)
    });
    answered.inspect_err(|error| counted::refused(&app, metrics::Submission::Batch, error))
}

/// Counts the packages of a batch.
fn count(app: &App, written: &Written) {
    let counts = match written {
        Written::New(row, _) => [
            (SubmissionOutcome::Accepted, row.created),
            (SubmissionOutcome::Cached, row.cached),
            (SubmissionOutcome::Existing, row.active),
        ],
        Written::Replayed(row) => [
            (SubmissionOutcome::Accepted, 0),
            (SubmissionOutcome::Cached, 0),
            (SubmissionOutcome::Existing, row.total),
        ],
        // An error, and counted as one.
        Written::Conflict(_) => return,
    };
    for (outcome, packages) in counts {
        let packages = u64::try_from(packages).unwrap_or(0);
        let kind = metrics::Submission::Batch;
        app.metrics.submitted(kind, outcome, packages);
    }
}

/// Receives and writes a batch.
async fn take(
    app: &App,
    caller: &Caller,
    (query, headers): (BatchQuery, &HeaderMap),
    body: Body,
    request_id: String,
) -> Result<Written, ApiError> {
    let hints = hints(app, headers, &query)?;
    let idempotency = idempotency_key(headers)?;
    let limit = u64::try_from(app.settings.max_batch_body).unwrap_or(u64::MAX);
    receive::announced(headers, limit, limit)?;
    let faults = Faults::default();
    let chunks = receive::paced(body, app.settings.request_timeout, &faults);
    let received = read::receive(chunks, &faults, limit).await?;
    let asked = asked(&query, &hints, &received.sha256);
    let mut batch = NewBatch {
        key: caller.id(),
        idempotency: idempotency.map(|key| (key, asked)),
        name: None,
        source: String::new(),
        skipped: serde_json::Value::Null,
    };
    if let Some(written) = batches::replayed(&app.db, &batch).await? {
        return Ok(written);
    }
    let listed = read::read(received, hints).await?;
    let packages = u32::try_from(listed.packages.len()).unwrap_or(u32::MAX);
    caller.spend(app, packages).await?;
    let count = usize::try_from(packages).unwrap_or(usize::MAX);
    let span = create_span(app.queue.name(), count);
    let common = Common {
        key: caller.id(),
        priority: purls::priority(0)?,
        timeout: app.settings.task_timeout,
        max_attempts: app.settings.max_attempts,
        request_id,
    };
    batch.name = query.name.or(listed.name.clone());
    let tasks = span.in_scope(|| describe(&mut batch, listed, &common))?;
    write(app, &batch, &tasks).instrument(span).await
}

/// Checks what the request says beside its body.
fn hints(app: &App, headers: &HeaderMap, query: &BatchQuery) -> Result<Hints, ApiError> {
    if let Some(name) = &query.name {
        read::check_name(name)?;
    }
    // It only tells the kind, but a name that is refused there is refused here as well.
    if query.filename.as_ref().is_some_and(|name| name.len() > 255) {
        return Err(ApiError::invalid("filename", "it has more than 255 bytes"));
    }
    let mut hints = Hints {
        filename: query.filename.clone(),
        may_be_list: false,
        priority: purls::priority(query.priority.unwrap_or_default())?,
        limit: app.settings.max_batch,
    };
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let refused = || {
        ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send purls as application/json; a lock file or SBOM as application/octet-stream with ?filename=NAME",
        )
    };
    let essence = match (types.next(), types.next()) {
        (Some(one), None) => {
            let text = one.to_str().map_err(|_| refused())?;
            let essence = text.split(';').next().unwrap_or_default();
            essence.trim().to_ascii_lowercase()
        }
        (None, _) if query.filename.is_some() => "application/octet-stream".into(),
        _ => return Err(refused()),
    };
    hints.may_be_list = essence == "application/json" && query.filename.is_none();
    if hints.may_be_list && query.priority.is_some() {
        // Whether it is a list, only the body tells; a list's own priority must not be ignored.
        hints.may_be_list = false;
    }
    let known = ["json", "yaml", "toml"].map(|format| {
        essence == format!("application/{format}")
            || essence == format!("application/x-{format}")
            || (essence.starts_with("application/") && essence.ends_with(&format!("+{format}")))
    });
    let plain = essence == "application/octet-stream" || essence.starts_with("text/");
    (known.contains(&true) || plain)
        .then_some(hints)
        .ok_or_else(refused)
}

/// A digest of all that a request asks for.
fn asked(query: &BatchQuery, hints: &Hints, body: &[u8; 32]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let parts = serde_json::json!([
        "batch",
        query.filename,
        query.priority,
        query.name,
        hints.may_be_list
    ]);
    digest.update(parts.to_string());
    digest.update(body);
    digest.finalize().into()
}

/// The rows to be written.
fn describe(
    batch: &mut NewBatch,
    listed: Listed,
    common: &Common,
) -> Result<Vec<NewTask>, ApiError> {
    batch.source = listed.source;
    let skipped = serde_json::to_value(&listed.skipped);
    batch.skipped = skipped.map_err(|error| ApiError::internal(&error))?;
    let task = |wanted: Wanted| NewTask {
        priority: wanted.priority,
        pinned: wanted.pinned,
        ..purls::task(&wanted.purl, &wanted.requested, common)
    };
    Ok(listed.packages.into_iter().map(task).collect())
}

/// Writes the batch, and enqueues what is new.
async fn write(app: &App, batch: &NewBatch, tasks: &[NewTask]) -> Result<Written, ApiError> {
    let reuse = app.settings.reuse;
    let mut written = batches::create(&app.db, batch, tasks, reuse).await;
    if written.as_ref().is_err_and(is_deadlock) {
        written = batches::create(&app.db, batch, tasks, reuse).await;
    }
    let written = written?;
    if let Written::New(_, submitted) = &written {
        for (tasks, submitted) in tasks.chunks(ENQUEUED).zip(submitted.chunks(ENQUEUED)) {
            submitter::enqueue(&app.db, &app.queue, &app.metrics, tasks, submitted).await;
        }
        debug_assert!(
            !submitted
                .iter()
                .any(|one| matches!(one, Submitted::Conflict(_)))
        );
    }
    Ok(written)
}

/// Two transactions waited for each other, and Postgres ended ours.
fn is_deadlock(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == "40P01")
}

fn answer(written: Written) -> Result<Answer<BatchSubmitted>, ApiError> {
    let (status, row) = match written {
        Written::New(row, _) => (StatusCode::ACCEPTED, row),
        Written::Replayed(row) => (StatusCode::OK, row),
        Written::Conflict(batch) => {
            return Err(ApiError::conflict(
                "idempotency_conflict",
                format!(
                    "this idempotency key was used for another request, which is batch {batch}: use a new key"
                ),
            ));
        }
    };
    Ok(Answer(status, submitted(&row)))
}

fn submitted(row: &BatchRow) -> BatchSubmitted {
    BatchSubmitted {
        batch_id: row.id,
        total: row.total,
        created: row.created,
        cached: row.cached,
        active: row.active,
        skipped: super::skipped(row),
        status_url: super::link(row.id),
        tasks_url: super::tasks_link(row.id),
    }
}
