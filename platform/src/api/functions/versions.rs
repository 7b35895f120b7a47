//! One version of a function: what it is, its component, yanking and disabling it.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::TryStreamExt as _;
use serde::Deserialize;
use serde_json::json;

use super::{find, find_version, owned};
use crate::api::App;
use crate::api::auth::Caller;
use crate::api::body::JsonBody;
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, RequestId, ok};
use crate::api::error::ApiError;
use crate::api::webhooks::actor;
use crate::db::audit::{self, Entry};
use crate::db::functions::{self, VersionRow};
use crate::model::Scope;
use crate::storage::ComponentKey;

/// Characters of a reason.
const MAX_REASON: usize = 500;

/// A version that a path names.
#[derive(Debug, Deserialize)]
pub struct VersionPath {
    name: String,
    version: String,
}

/// What to change of a version; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateVersion {
    /// Whether it can't be promoted any more; aliases that name it stay.
    #[serde(default)]
    yanked: Option<bool>,
    /// Whether it is not run any more, whatever names it. Takes a reason. What an admin disabled,
    /// only an admin enables.
    #[serde(default)]
    disabled: Option<bool>,
    /// Why it is disabled: 1 to 500 characters.
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// One version.
#[utoipa::path(
    get, operation_id = "get_function_version", path = "/api/v1/functions/{name}/versions/{version}/", tag = "functions",
    params(("name" = String, Path, description = "The function"), ("version" = String, Path, description = "The version")),
    responses(
        (status = 200, description = "The version", body = Envelope<VersionRow>),
        (status = 404, description = "There is no such function or version", body = ErrorEnvelope),
    )
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<VersionPath>,
) -> Result<Answer<VersionRow>, ApiError> {
    caller.needs(Scope::Read)?;
    let function = find(&app, &path.name).await?;
    find_version(&app.db, function.id, &path.version)
        .await
        .map(ok)
}

/// Yanks or disables a version, or takes that back.
#[utoipa::path(
    patch, operation_id = "update_function_version", path = "/api/v1/functions/{name}/versions/{version}/", tag = "functions", request_body = UpdateVersion,
    params(("name" = String, Path, description = "The function"), ("version" = String, Path, description = "The version")),
    responses(
        (status = 200, description = "As it is now", body = Envelope<VersionRow>),
        (status = 403, description = "It is another publisher's (`name_taken`), or would enable what an admin disabled (`disabled_by_admin`)", body = ErrorEnvelope),
        (status = 404, description = "There is no such function or version", body = ErrorEnvelope),
        (status = 422, description = "There is no reason", body = ErrorEnvelope),
    )
)]
pub async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    Path(path): Path<VersionPath>,
    JsonBody(request): JsonBody<UpdateVersion>,
) -> Result<Answer<VersionRow>, ApiError> {
    let function = find(&app, &path.name).await?;
    owned(&app, &caller, &function).await?;
    let version = find_version(&app.db, function.id, &path.version).await?;
    let reason = request.reason.as_deref().map(str::trim).unwrap_or_default();
    let said = (1..=MAX_REASON).contains(&reason.chars().count());
    if request.disabled == Some(true) && (!said || reason.chars().any(char::is_control)) {
        let message = format!("say why, in 1 to {MAX_REASON} characters of one line");
        return Err(ApiError::invalid("reason", message));
    }
    let (yanked, disabled) = (request.yanked, request.disabled);
    let mut transaction = app.db.begin().await?;
    let (id, admin) = (version.id, caller.is_admin());
    if !functions::change(&mut transaction, id, yanked, disabled, reason, admin).await? {
        return Err(disabled_by_admin(&version.version));
    }
    let entry = Entry {
        action: "function.update",
        subject: format!("function:{}", function.name),
        details: json!({
            "version": version.version, "yanked": yanked, "disabled": disabled, "reason": reason,
        }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    find_version(&app.db, function.id, &path.version)
        .await
        .map(ok)
}

/// 403: only an admin enables it.
fn disabled_by_admin(version: &str) -> ApiError {
    let message = format!(
        "an admin disabled version {version}: publish another, or ask an admin to enable it"
    );
    ApiError::new(StatusCode::FORBIDDEN, "disabled_by_admin", message)
}

/// The component of a version, as it was deployed. Not enveloped.
#[utoipa::path(
    get, operation_id = "get_function_component", path = "/api/v1/functions/{name}/versions/{version}/component/", tag = "functions",
    params(("name" = String, Path, description = "The function"), ("version" = String, Path, description = "The version")),
    responses(
        (status = 200, description = "The component", content((Vec<u8> = "application/wasm"))),
        (status = 404, description = "There is no such function or version", body = ErrorEnvelope),
    )
)]
pub async fn component(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<VersionPath>,
) -> Result<Response, ApiError> {
    caller.needs(Scope::Read)?;
    let function = find(&app, &path.name).await?;
    let version = find_version(&app.db, function.id, &path.version).await?;
    let mut sha256 = [0; 32];
    hex::decode_to_slice(&version.sha256, &mut sha256)
        .map_err(|error| ApiError::internal(&error))?;
    let object = app.storage.get_component(&ComponentKey::of(sha256)).await?;
    let bytes = object.bytes.inspect_err(|error| {
        tracing::error!(%error, "a component broke off on its way");
    });
    let mut response = Body::from_stream(bytes).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "application/wasm");
    set(header::CONTENT_LENGTH, &object.size.to_string());
    set(header::ETAG, &format!("\"{}\"", version.sha256));
    set(header::CACHE_CONTROL, "private, no-cache");
    Ok(response)
}
