//! `POST /api/v1/archives/`: uploads a private archive to be analysed.
//!
//! **Failure rule.** The upload's row is written before its first byte is stored. From then
//! on a [`Receiving`] answers for both: dropped or discarded, it deletes the object and the
//! row; what it can't delete, the janitor finds by the row, or, where a client went away as
//! the storage was completing the object, by listing it. Once the bytes are stored, the rest
//! runs to its end even if the client goes away: a task whose archive was deleted would
//! be worse than one that nobody waits for.

mod filename;
mod kind;
pub mod receive;

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;
use uuid::Uuid;

use self::kind::BodyKind;
use self::receive::{Chunks, Faults, FilePart};
use super::analyze::{self, Submission};
use super::auth::Caller;
use super::envelope::{Answer, Envelope, ErrorEnvelope, RequestId};
use super::error::ApiError;
use super::params::Params;
use super::submitter::Placed;
use super::{App, purls};
use crate::db::submit::{NewTask, Submitted};
use crate::db::uploads;
use crate::model::{KeyId, Scope};
use crate::storage::{StorageError, UploadKey, Uploaded};
use crate::telemetry::metrics;
use crate::telemetry::spans::create_span;

/// The `ecosystem` of uploaded archives: the purl type of what no registry has.
pub const ECOSYSTEM: &str = "generic";

/// How an archive is submitted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ArchiveQuery {
    /// What the archive is called: without it a form's file name counts. No path.
    #[param(max_length = 255, example = "left-pad-1.3.0.tgz")]
    filename: Option<String>,
    /// 0 to 100; higher goes first.
    #[serde(default)]
    #[param(minimum = 0, maximum = 100)]
    priority: i64,
}

/// An archive as a form.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes what is read piece by piece")]
struct ArchiveForm {
    /// The archive, with its file name.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// What is asked for, beside the bytes.
struct Request {
    app: Arc<App>,
    owner: KeyId,
    idempotency: Option<String>,
    query: ArchiveQuery,
    request_id: String,
}

/// Submits a private archive, as the body itself or as the one file of a form. Only its owner
/// and admins see its task and report. The same file again, while the first is under way,
/// gives the same task.
#[utoipa::path(
    post, operation_id = "submit_archive", path = "/api/v1/archives/", tag = "tasks",
    params(
        ArchiveQuery,
        ("X-Idempotency-Key" = Option<String>, Header, description = "The same key, file, name and priority give the same task, however often they are sent; 1 to 255 visible ASCII characters", min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
    ),
    request_body(
        description = "The archive, of at most `UPLOAD_LIMIT` bytes: wheel, sdist, tgz, crate, gem, jar, zip, tar, nupkg",
        content((Vec<u8> = "application/octet-stream"), (Vec<u8> = "application/zip"), (Vec<u8> = "application/gzip"), (Vec<u8> = "application/x-tar"), (ArchiveForm = "multipart/form-data"))
    ),
    responses(
        (status = 200, description = "A task for it is under way", body = Envelope<Submission>),
        (status = 202, description = "A new task", body = Envelope<Submission>),
        (status = 400, description = "The body broke off, or is no valid form", body = ErrorEnvelope),
        (status = 408, description = "The body came too slowly", body = ErrorEnvelope),
        (status = 409, description = "The idempotency key was used with something else", body = ErrorEnvelope),
        (status = 413, description = "It is larger than what is taken", body = ErrorEnvelope),
        (status = 415, description = "It is said to be no archive", body = ErrorEnvelope),
        (status = 422, description = "It is empty, has no name or a bad one, or there are several files", body = ErrorEnvelope),
        (status = 429, description = "The key has none left in this hour", body = ErrorEnvelope),
    )
)]
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Params(query): Params<ArchiveQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer<Submission>, ApiError> {
    caller.needs(Scope::Analyze)?;
    let request = Request {
        owner: caller.id(),
        idempotency: None,
        query,
        request_id,
        app: Arc::clone(&app),
    };
    let placed = take(request, &caller, &headers, body).await;
    analyze::answer(&app, placed, metrics::Submission::Archive).await
}

/// Receives the archive, and makes its task.
async fn take(
    mut request: Request,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<Placed, ApiError> {
    let app = Arc::clone(&request.app);
    let query = &request.query;
    purls::priority(query.priority)?;
    if let Some(name) = &query.filename {
        filename::check(name, "filename")?;
    }
    let kind = BodyKind::of(headers, query.filename.is_some())?;
    let limit = app.settings.max_upload;
    let most = match kind {
        BodyKind::Raw => limit,
        BodyKind::Form(_) => receive::multipart_limit(limit),
    };
    receive::announced(headers, most, limit)?;
    request.idempotency = analyze::idempotency_key(headers)?;
    caller.spend(&app, 1).await?;
    let faults = Faults::default();
    let chunks = receive::paced(body, app.settings.request_timeout, &faults);
    let (stored, receiving) = receive_file(&request, kind, chunks, &faults).await?;
    // Not to be given up half-way: see above.
    let rest = complete(request, stored, receiving).in_current_span();
    tokio::spawn(rest)
        .await
        .map_err(|error| ApiError::internal(&error))?
}

/// Stores the file.
async fn receive_file(
    request: &Request,
    kind: BodyKind,
    chunks: Chunks,
    faults: &Faults,
) -> Result<(Uploaded, Receiving), ApiError> {
    let app = &request.app;
    let limit = app.settings.max_upload;
    let given = request.query.filename.clone();
    let (receiving, stored) = match kind {
        BodyKind::Raw => {
            let name = given.unwrap_or_default();
            let receiving = Receiving::begin(app, request.owner, name).await?;
            let stored = app.storage.upload(&receiving.key, chunks, limit).await;
            (receiving, stored)
        }
        BodyKind::Form(boundary) => {
            let part = FilePart::open(chunks, &boundary, limit, faults).await?;
            let name = match given {
                Some(name) => name,
                None => {
                    filename::check(part.filename(), "body.filename")?;
                    part.filename().to_owned()
                }
            };
            let receiving = Receiving::begin(app, request.owner, name).await?;
            let bytes = part.bytes(limit);
            let stored = app.storage.upload(&receiving.key, bytes, limit).await;
            (receiving, stored)
        }
    };
    let error = match stored {
        Ok(stored) if stored.size > 0 => return Ok((stored, receiving)),
        Ok(_) => ApiError::invalid("body", "the archive is empty"),
        Err(StorageError::TooLarge { limit }) => ApiError::too_large(limit),
        Err(StorageError::Sender { .. }) => faults.first(),
        Err(error) => error.into(),
    };
    receiving.discard().await;
    Err(error)
}

/// Makes the task of a stored file.
async fn complete(
    request: Request,
    stored: Uploaded,
    receiving: Receiving,
) -> Result<Placed, ApiError> {
    let app = Arc::clone(&request.app);
    let mut sha256 = [0; 32];
    let size = i64::try_from(stored.size).unwrap_or(i64::MAX);
    let known = match hex::decode_to_slice(&stored.sha256, &mut sha256) {
        Ok(()) => uploads::finish(&app.db, receiving.id, &sha256, size).await,
        Err(error) => {
            receiving.discard().await;
            return Err(ApiError::internal(&error));
        }
    };
    match known {
        Ok(true) => {}
        Ok(false) => {
            receiving.discard().await;
            return Err(ApiError::unauthorized("this API key has been deleted"));
        }
        Err(error) => {
            receiving.discard().await;
            return Err(error.into());
        }
    }
    let span = create_span(app.queue.name(), 1);
    let task = span.in_scope(|| task(&request, &stored, &receiving))?;
    let placed = app.submitter.submit(vec![task]).instrument(span).await;
    let placed = match placed.as_deref() {
        Ok([placed]) => *placed,
        Ok(_) => return Err(ApiError::internal(&"a submission without an outcome")),
        Err(error) => {
            let error = error.clone();
            // A commit whose answer was lost may have made the task all the same.
            match uploads::has_task(&app.db, receiving.id).await {
                Ok(false) => receiving.discard().await,
                Ok(true) | Err(_) => receiving.keep(),
            }
            return Err(error);
        }
    };
    if matches!(placed.submitted, Submitted::Created(_)) {
        receiving.keep();
    } else {
        // An earlier upload of the same file is analysed instead.
        receiving.discard().await;
    }
    Ok(placed)
}

fn task(request: &Request, stored: &Uploaded, receiving: &Receiving) -> Result<NewTask, ApiError> {
    let name = &receiving.filename;
    let priority = purls::priority(request.query.priority)?;
    let asked = format!(
        "archive\n{name}\n{}\n{}",
        stored.sha256, request.query.priority
    );
    let purl = filename::purl(name, &stored.sha256);
    Ok(NewTask {
        key: request.owner,
        idempotency: request
            .idempotency
            .clone()
            .map(|key| (key, Sha256::digest(asked).into())),
        requested_purl: purl.clone(),
        purl,
        ecosystem: ECOSYSTEM.into(),
        namespace: None,
        name: name.clone(),
        version: None,
        upload: Some(receiving.id),
        pinned: None,
        priority,
        timeout: request.app.settings.task_timeout,
        max_attempts: request.app.settings.max_attempts,
        request_id: Some(request.request_id.clone()),
        traceparent: crate::telemetry::inject_current(),
    })
}

/// An upload that no task needs yet.
struct Receiving {
    app: Arc<App>,
    id: Uuid,
    key: UploadKey,
    filename: String,
    /// Whether it is answered for.
    armed: bool,
}

impl Receiving {
    async fn begin(app: &Arc<App>, owner: KeyId, filename: String) -> Result<Self, ApiError> {
        let id = Uuid::now_v7();
        let key = upload_key(owner, id).ok_or_else(|| ApiError::internal(&"no storage key"))?;
        uploads::begin(&app.db, id, owner, &filename).await?;
        Ok(Self {
            app: Arc::clone(app),
            id,
            key,
            filename,
            armed: true,
        })
    }

    /// A task needs it.
    fn keep(mut self) {
        self.armed = false;
    }

    /// Nobody needs it.
    async fn discard(mut self) {
        self.armed = false;
        discard(&self.app, self.id, self.key).await;
    }
}

impl Drop for Receiving {
    /// The request was given up.
    fn drop(&mut self) {
        if self.armed
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (app, id, key) = (Arc::clone(&self.app), self.id, self.key);
            runtime.spawn(async move { discard(&app, id, key).await });
        }
    }
}

/// Deletes object and row, in this order: the row tells the janitor of the object.
async fn discard(app: &App, id: Uuid, key: UploadKey) {
    if let Err(error) = app.storage.delete_upload(&key).await {
        tracing::warn!(%error, upload = %id, "an upload that is not needed stays for the janitor");
        return;
    }
    if let Err(error) = uploads::delete(&app.db, id).await {
        tracing::warn!(%error, upload = %id, "an upload's row stays for the janitor");
    }
}

/// Where an upload's object is.
pub fn upload_key(owner: KeyId, id: Uuid) -> Option<UploadKey> {
    format!("uploads/{owner}/{}", id.hyphenated()).parse().ok()
}
