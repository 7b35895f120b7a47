//! `GET /api/v1/task/{id}/report/` and `/api/v1/report/{id}/`: a report, as it was stored or
//! rendered from it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use packguard_runtime::report::Report;
use serde::Deserialize;

use super::App;
use super::auth::Caller;
use super::envelope::ErrorEnvelope;
use super::error::ApiError;
use super::negotiate;
use super::params::{Params, PathTask, path_id};
use super::tasks::{filename, find, full_name};
use crate::db::packages;
use crate::db::tasks::TaskRow;
use crate::model::{ReportId, Scope, TaskStatus};
use crate::output::{self, Look, ScanOutput};
use crate::storage::{ReportKey, StorageError};
use crate::telemetry::metrics::Backend;

/// Largest report that is rendered: it is in memory as text, as a tree and as the result.
/// Reports have some hundred kilobytes; larger ones can be had as JSON.
const MAX_RENDERED: u64 = 16 << 20;

/// When to ask again for a report that is not ready.
const AGAIN: Duration = Duration::from_secs(5);

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// As it was stored.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// For people, as a comment on a pull request.
    Markdown,
}

const OFFERS: &[&str] = &[
    "application/json",
    "application/sarif+json",
    "text/markdown",
];

impl ReportFormat {
    fn media(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Sarif => "application/sarif+json",
            Self::Markdown => "text/markdown; charset=utf-8",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Markdown => "md",
        }
    }

    /// The parameter counts, then the header Accept.
    fn of(params: &ReportParams, headers: &HeaderMap) -> Result<Self, ApiError> {
        if let Some(format) = params.format {
            return Ok(format);
        }
        match negotiate::choose(headers, OFFERS) {
            Some("application/json") => Ok(Self::Json),
            Some("application/sarif+json") => Ok(Self::Sarif),
            Some(_) => Ok(Self::Markdown),
            None => Err(negotiate::not_acceptable(OFFERS)),
        }
    }
}

/// How the report is wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReportParams {
    /// The format; unless it is given, the header Accept decides.
    #[param(inline)]
    format: Option<ReportFormat>,
}

/// A task's report: JSON as it was stored, SARIF or Markdown. Not enveloped.
#[utoipa::path(
    get, operation_id = "get_task_report", path = "/api/v1/task/{id}/report/", tag = "reports",
    params(
        ("id" = i64, Path, description = "The task", minimum = 1),
        ReportParams,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer: 304 if nothing has changed"),
    ),
    responses(
        (status = 200, description = "The report", content(
            (Object = "application/json"), (Object = "application/sarif+json"), (String = "text/markdown"),
        )),
        (status = 304, description = "As the client has it"),
        (status = 307, description = "It is to be had from the object storage, for some minutes"),
        (status = 404, description = "There is no such task, it is somebody else's, or it has no report (`report_not_ready`, `no_report`)", body = ErrorEnvelope),
        (status = 406, description = "The header Accept excludes all formats", body = ErrorEnvelope),
        (status = 410, description = "The report was pruned", body = ErrorEnvelope),
    )
)]
pub async fn download(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathTask(id): PathTask,
    Params(params): Params<ReportParams>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    caller.needs(Scope::Read)?;
    let format = ReportFormat::of(&params, &headers)?;
    let row = find(&app, &caller, id).await?;
    let (Some(digest), Some(size)) = (&row.report_sha256, row.report_size) else {
        return Err(missing(&row));
    };
    let stored = Stored {
        key: key(digest)?,
        size,
        created_at: row.report_created_at,
        filename: filename(
            &row.ecosystem,
            &full_name(&row),
            row.version.as_deref(),
            format.extension(),
        ),
    };
    send(&app, &stored, format, (&method, &headers)).await
}

/// The report that a path names as `{id}`.
#[derive(Debug, Clone, Copy)]
pub struct PathReport(ReportId);

impl<S: Send + Sync> FromRequestParts<S> for PathReport {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        path_id(parts, state, "id").await.map(ReportId).map(Self)
    }
}

/// A report by its id: JSON as it was stored, SARIF or Markdown. Anybody may read public ones;
/// others only their owner. Not enveloped.
#[utoipa::path(
    get, operation_id = "get_report", path = "/api/v1/report/{id}/", tag = "reports",
    params(
        ("id" = i64, Path, description = "The report", minimum = 1),
        ReportParams,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer: 304 if nothing has changed"),
    ),
    responses(
        (status = 200, description = "The report", content(
            (Object = "application/json"), (Object = "application/sarif+json"), (String = "text/markdown"),
        )),
        (status = 304, description = "As the client has it"),
        (status = 307, description = "It is to be had from the object storage, for some minutes"),
        (status = 404, description = "There is none, or it is somebody else's", body = ErrorEnvelope),
        (status = 410, description = "The report was pruned", body = ErrorEnvelope),
    )
)]
pub async fn by_id(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathReport(id): PathReport,
    Params(params): Params<ReportParams>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    caller.needs(Scope::Read)?;
    let format = ReportFormat::of(&params, &headers)?;
    let row = packages::report(&app.db, id, caller.sees()).await?;
    let row = row.ok_or_else(|| ApiError::not_found("report"))?;
    let stored = Stored {
        key: key(&row.sha256)?,
        size: row.size_bytes,
        created_at: Some(row.created_at),
        filename: filename(
            &row.ecosystem,
            &row.full_name,
            row.version.as_deref(),
            format.extension(),
        ),
    };
    send(&app, &stored, format, (&method, &headers)).await
}

fn key(digest: &[u8]) -> Result<ReportKey, ApiError> {
    let key = ReportKey::of_digest(&hex::encode(digest));
    key.map_err(|error| ApiError::internal(&error))
}

/// A report in the object storage.
struct Stored {
    key: ReportKey,
    /// Bytes.
    size: i64,
    created_at: Option<DateTime<Utc>>,
    /// A name for it in the format that is wanted.
    filename: String,
}

/// Answers with a report, as far as the client does not have it already.
async fn send(
    app: &App,
    stored: &Stored,
    format: ReportFormat,
    (method, headers): (&Method, &HeaderMap),
) -> Result<Response, ApiError> {
    let (key, size) = (&stored.key, stored.size);
    let shared = headers_of(stored, format);
    if is_known(headers, &shared) {
        return Ok((StatusCode::NOT_MODIFIED, shared).into_response());
    }
    let json = format == ReportFormat::Json;
    if json && app.settings.redirect_downloads && app.storage.signs_urls() {
        return redirect(app, key).await;
    }
    let mut response = if !json {
        Body::from(rendered(app, key, format).await?).into_response()
    } else if *method == Method::HEAD {
        (
            [(header::CONTENT_LENGTH, HeaderValue::from(size))],
            Body::empty(),
        )
            .into_response()
    } else {
        let work = app.storage.get_report(key);
        let object = app
            .metrics
            .timed(Backend::Storage, "get_report", work)
            .await;
        let object = object.map_err(unread)?;
        let length = HeaderValue::from(object.size);
        let bytes = object.bytes.inspect_err(|error| {
            tracing::error!(%error, "a report broke off on its way");
        });
        ([(header::CONTENT_LENGTH, length)], Body::from_stream(bytes)).into_response()
    };
    response.headers_mut().extend(shared);
    Ok(response)
}

/// Why there is no report.
fn missing(row: &TaskRow) -> ApiError {
    let (status, code, message) = match row.status {
        TaskStatus::Completed => (
            StatusCode::GONE,
            "report_pruned",
            "the report was pruned: submit the package again",
        ),
        TaskStatus::Failed => (
            StatusCode::NOT_FOUND,
            "no_report",
            "the task failed, so there is no report: its status says why",
        ),
        TaskStatus::Cancelled => (
            StatusCode::NOT_FOUND,
            "no_report",
            "the task was cancelled, so there is no report",
        ),
        TaskStatus::Pending | TaskStatus::Queued | TaskStatus::Running => (
            StatusCode::NOT_FOUND,
            "report_not_ready",
            "there is no report yet: follow the task",
        ),
    };
    let error = ApiError::new(status, code, message).field("status", row.status.as_str());
    if row.status.is_final() {
        error
    } else {
        error.retry_after(AGAIN)
    }
}

/// What the storage's refusal means to a client: an object that is gone was pruned.
fn unread(error: StorageError) -> ApiError {
    match error {
        StorageError::NotFound { .. } => ApiError::new(
            StatusCode::GONE,
            "report_pruned",
            "the report was pruned: submit the package again",
        ),
        StorageError::TooLarge { limit } => ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "report_too_large",
            format!("the report has more than {limit} bytes: take it as ?format=json"),
        ),
        StorageError::Damaged { .. } => ApiError::internal(&error),
        error => error.into(),
    }
}

/// What answers with and without a body have in common.
fn headers_of(stored: &Stored, format: ReportFormat) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    // What is rendered changes with the program too.
    let digest = stored.key.digest();
    let tag = match format {
        ReportFormat::Json => format!("\"{digest}\""),
        _ => format!(
            "\"{digest}-{}-{}\"",
            format.extension(),
            env!("CARGO_PKG_VERSION")
        ),
    };
    let name = &stored.filename;
    set(header::CONTENT_TYPE, format.media());
    set(header::ETAG, &tag);
    set(header::CACHE_CONTROL, "private, no-cache");
    set(header::VARY, "accept, authorization, x-api-key");
    set(
        header::CONTENT_DISPOSITION,
        &format!("attachment; filename=\"{name}\""),
    );
    if let Some(at) = stored.created_at {
        set(header::LAST_MODIFIED, &httpdate::fmt_http_date(at.into()));
    }
    headers
}

/// Whether the client has it already (RFC 9110, 13.2.2): tags decide, where there are any.
fn is_known(request: &HeaderMap, answer: &HeaderMap) -> bool {
    let ours = answer.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let mut tags = request.get_all(header::IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_some() {
        let texts = tags.filter_map(|tags| tags.to_str().ok());
        // Ours hold no comma. Compared weakly: compression weakens them.
        let mut all = texts.flat_map(|text| text.split(',')).map(str::trim);
        return all.any(|tag| tag == "*" || Some(tag.trim_start_matches("W/")) == ours);
    }
    let date = |headers: &HeaderMap, name: HeaderName| {
        let text = headers.get(name)?.to_str().ok()?;
        httpdate::parse_http_date(text).ok()
    };
    match (
        date(request, header::IF_MODIFIED_SINCE),
        date(answer, header::LAST_MODIFIED),
    ) {
        (Some(theirs), Some(ours)) => ours <= theirs,
        _ => false,
    }
}

async fn redirect(app: &App, key: &ReportKey) -> Result<Response, ApiError> {
    let url = app.storage.presigned_report(key).await?;
    let url = HeaderValue::from_str(url.as_str()).map_err(|error| ApiError::internal(&error))?;
    let headers = [
        (header::LOCATION, url),
        // The URL runs out, and whoever has it can read the report.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response())
}

/// A report rendered on a thread of its own, a few at a time.
async fn rendered(app: &App, key: &ReportKey, format: ReportFormat) -> Result<Bytes, ApiError> {
    let permit = Arc::clone(&app.service.renders).acquire_owned().await;
    let permit = permit.map_err(|error| ApiError::internal(&error))?;
    let bytes = app
        .storage
        .read_report(key, MAX_RENDERED)
        .await
        .map_err(unread)?;
    let rendering = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let report: Report = serde_json::from_slice(&bytes)?;
        let output = ScanOutput::new(vec![report], Vec::new(), Vec::new());
        let format = match format {
            ReportFormat::Json => output::Format::Json,
            ReportFormat::Sarif => output::Format::Sarif,
            ReportFormat::Markdown => output::Format::Markdown,
        };
        output::render(&output, format, Look::PLAIN)
    });
    let text = rendering
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let text = text.map_err(|error| ApiError::internal(&error))?;
    Ok(text.into())
}
