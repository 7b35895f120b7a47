//! Publishers: their API keys, signing keys and namespaces.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::api::App;
use crate::api::auth::Caller;
use crate::api::body::JsonBody;
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, RequestId, ok};
use crate::api::error::ApiError;
use crate::api::webhooks::actor;
use crate::db::publishers::{self, PublisherRow};
use crate::functions::publishers::{Change, PublisherError, change};
use crate::model::{KeyId, Scope};

/// Publishers that are shown.
const MOST: i64 = 1_000;

/// All publishers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PublisherList {
    /// By name; at most 1,000.
    items: Vec<PublisherRow>,
}

/// A publisher to be made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePublisher {
    /// Lower-case letters, digits and `-`.
    #[schema(max_length = 64, pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
    name: String,
}

/// A signing key to be registered.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddSigningKey {
    /// The ed25519 public key: base64 of its 32 bytes.
    #[schema(max_length = 64)]
    public_key: String,
}

/// A publisher that was changed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ChangedPublisher {
    /// Its name.
    name: String,
}

/// All publishers.
#[utoipa::path(
    get, operation_id = "list_publishers", path = "/api/v1/admin/publishers/", tag = "admin",
    responses((status = 200, description = "All of them", body = Envelope<PublisherList>))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Answer<PublisherList>, ApiError> {
    caller.needs(Scope::Admin)?;
    let items = publishers::list(&app.db, "", MOST).await?;
    Ok(ok(PublisherList { items }))
}

/// Makes a publisher.
#[utoipa::path(
    post, operation_id = "create_publisher", path = "/api/v1/admin/publishers/", tag = "admin", request_body = CreatePublisher,
    responses(
        (status = 201, description = "Made", body = Envelope<ChangedPublisher>),
        (status = 409, description = "There is one of that name", body = ErrorEnvelope),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    JsonBody(request): JsonBody<CreatePublisher>,
) -> Result<Answer<ChangedPublisher>, ApiError> {
    let Answer(_, made) = apply(&app, &caller, request_id, request.name, Change::Create).await?;
    Ok(Answer(StatusCode::CREATED, made))
}

/// A publisher that a path names.
#[derive(Debug, Deserialize)]
pub struct PublisherPath {
    publisher: String,
}

/// Registers a key that the publisher signs with.
#[utoipa::path(
    post, operation_id = "add_signing_key", path = "/api/v1/admin/publishers/{publisher}/keys/", tag = "admin", request_body = AddSigningKey,
    params(("publisher" = String, Path, description = "The publisher")),
    responses(
        (status = 200, description = "Registered", body = Envelope<ChangedPublisher>),
        (status = 404, description = "There is no such publisher", body = ErrorEnvelope),
        (status = 409, description = "It is registered already", body = ErrorEnvelope),
    )
)]
pub async fn add_key(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    Path(path): Path<PublisherPath>,
    JsonBody(request): JsonBody<AddSigningKey>,
) -> Result<Answer<ChangedPublisher>, ApiError> {
    let change = Change::AddKey(request.public_key);
    apply(&app, &caller, request_id, path.publisher, change).await
}

/// A signing key that a path names.
#[derive(Debug, Deserialize)]
pub struct SigningKeyPath {
    publisher: String,
    key: String,
}

/// Makes a signing key void. Workers stop running what it signed.
#[utoipa::path(
    delete, operation_id = "revoke_signing_key", path = "/api/v1/admin/publishers/{publisher}/keys/{key}/", tag = "admin",
    params(("publisher" = String, Path, description = "The publisher"), ("key" = String, Path, description = "The key's id")),
    responses(
        (status = 200, description = "Void", body = Envelope<ChangedPublisher>),
        (status = 404, description = "There is no such publisher or key", body = ErrorEnvelope),
    )
)]
pub async fn revoke_key(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    Path(path): Path<SigningKeyPath>,
) -> Result<Answer<ChangedPublisher>, ApiError> {
    if !path.key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ApiError::not_found("signing key"));
    }
    let change = Change::RevokeKey(path.key);
    apply(&app, &caller, request_id, path.publisher, change).await
}

/// An API key that a path names.
#[derive(Debug, Deserialize)]
pub struct MemberPath {
    publisher: String,
    key_id: i64,
}

/// Lets an API key deploy in the publisher's name, and no other's.
#[utoipa::path(
    put, operation_id = "add_publisher_member", path = "/api/v1/admin/publishers/{publisher}/members/{key_id}/", tag = "admin",
    params(("publisher" = String, Path, description = "The publisher"), ("key_id" = i64, Path, description = "The API key", minimum = 1)),
    responses(
        (status = 200, description = "It may", body = Envelope<ChangedPublisher>),
        (status = 404, description = "There is no such publisher or API key", body = ErrorEnvelope),
    )
)]
pub async fn add_member(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    Path(path): Path<MemberPath>,
) -> Result<Answer<ChangedPublisher>, ApiError> {
    let change = Change::AddMember(KeyId(path.key_id));
    apply(&app, &caller, request_id, path.publisher, change).await
}

/// A namespace that a path names.
#[derive(Debug, Deserialize)]
pub struct NamespacePath {
    publisher: String,
    prefix: String,
}

/// Keeps a prefix of names for the publisher: the name itself, and all that begins with it
/// and `-`. Functions that there are stay whose they are.
#[utoipa::path(
    put, operation_id = "reserve_namespace", path = "/api/v1/admin/publishers/{publisher}/namespaces/{prefix}/", tag = "admin",
    params(("publisher" = String, Path, description = "The publisher"), ("prefix" = String, Path, description = "The prefix")),
    responses(
        (status = 200, description = "Kept", body = Envelope<ChangedPublisher>),
        (status = 404, description = "There is no such publisher", body = ErrorEnvelope),
    )
)]
pub async fn reserve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    Path(path): Path<NamespacePath>,
) -> Result<Answer<ChangedPublisher>, ApiError> {
    let change = Change::Reserve(path.prefix);
    apply(&app, &caller, request_id, path.publisher, change).await
}

async fn apply(
    app: &App,
    caller: &Caller,
    request_id: RequestId,
    name: String,
    what: Change,
) -> Result<Answer<ChangedPublisher>, ApiError> {
    caller.needs(Scope::Admin)?;
    change(&app.db, &actor(caller, request_id), &name, &what).await?;
    Ok(ok(ChangedPublisher { name }))
}

impl From<PublisherError> for ApiError {
    fn from(error: PublisherError) -> Self {
        let message = error.to_string();
        match error {
            PublisherError::Name(_) => Self::invalid("name", message),
            PublisherError::Key(_) => Self::invalid("public_key", message),
            PublisherError::Exists(_) => Self::conflict("publisher_exists", message),
            PublisherError::KeyExists => Self::conflict("signing_key_exists", message),
            PublisherError::NoPublisher(_) => Self::not_found("publisher"),
            PublisherError::NoApiKey(_) => Self::not_found("API key"),
            PublisherError::NoSigningKey(_) => Self::not_found("signing key"),
            PublisherError::Database(error) => error.into(),
        }
    }
}
