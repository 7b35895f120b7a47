//! API keys: made, listed, changed, rotated, revoked; and what they submitted, deleted.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use super::page;
use super::shapes::{CreateKey, KeyPage, KeyParams, KeyWithSecret, RotateKey, UpdateKey};
use crate::admin::erase::{self, EraseError, Erased, Places};
use crate::api::App;
use crate::api::auth::Caller;
use crate::api::body::JsonBody;
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, RequestId, ok};
use crate::api::error::ApiError;
use crate::api::keys::Secret;
use crate::api::params::Params;
use crate::api::webhooks::{PathId, actor, next};
use crate::db::audit::{self, Entry};
use crate::db::keys::{self, KeyChange, KeyRow, NewKey};
use crate::model::{KeyId, Scope};

/// Longest that an old secret is good beside the new one: a month to roll it out.
pub const MAX_OVERLAP: u64 = 30 * 24 * 3_600;

/// Characters of a key's name; the table says so too.
pub const MAX_NAME: usize = 100;

/// How long one request deletes: well below the time that a request may take.
const ERASE_FOR: Duration = Duration::from_secs(10);

/// What is wrong with a key's name, if anything is.
pub fn name_problem(name: &str) -> Option<String> {
    let long = name.chars().count() > MAX_NAME;
    // Control characters would garble the tables that show it; Postgres takes no NUL.
    let bad = name.trim().is_empty() || long || name.chars().any(char::is_control);
    bad.then(|| format!("give 1 to {MAX_NAME} characters, none of them a control character"))
}

fn name(name: &str) -> Result<(), ApiError> {
    name_problem(name).map_or(Ok(()), |problem| Err(ApiError::invalid("name", problem)))
}

fn scopes(mut scopes: Vec<Scope>) -> Result<Vec<Scope>, ApiError> {
    if scopes.is_empty() {
        let all = Scope::ALL.map(Scope::as_str).join(", ");
        return Err(ApiError::invalid(
            "scopes",
            format!("name at least one of {all}"),
        ));
    }
    scopes.sort_unstable();
    scopes.dedup();
    Ok(scopes)
}

fn rate_limit(limit: i64) -> Result<i32, ApiError> {
    let limit = i32::try_from(limit).ok().filter(|limit| *limit >= 0);
    limit.ok_or_else(|| ApiError::invalid("rate_limit", format!("it must be 0 to {}", i32::MAX)))
}

fn secret() -> Result<Secret, ApiError> {
    Secret::new().map_err(|error| ApiError::internal(&error))
}

fn no_key() -> ApiError {
    ApiError::not_found("key")
}

/// Makes a key. Its secret is shown this once.
#[utoipa::path(
    post, operation_id = "create_key", path = "/api/v1/admin/keys/", tag = "admin", request_body = CreateKey,
    responses(
        (status = 201, description = "Made; the secret is not shown again", body = Envelope<KeyWithSecret>),
        (status = 403, description = "The key lacks the scope `admin`", body = ErrorEnvelope),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    JsonBody(request): JsonBody<CreateKey>,
) -> Result<Answer<KeyWithSecret>, ApiError> {
    caller.needs(Scope::Admin)?;
    name(&request.name)?;
    let scopes = scopes(request.scopes)?;
    let rate_limit = request
        .rate_limit
        .map_or(Ok(app.settings.rate_limit), rate_limit)?;
    let secret = secret()?;
    let new = NewKey {
        name: request.name.trim(),
        prefix: &secret.prefix,
        sha256: secret.sha256(),
        scopes: &scopes,
        rate_limit,
    };
    let mut transaction = app.db.begin().await?;
    let details = keys::create(&mut transaction, &new).await?;
    let entry = Entry {
        action: "key.create",
        subject: format!("key:{}", details.id),
        details: json!({
            "name": details.name, "prefix": details.prefix, "scopes": details.scopes, "rate_limit": rate_limit,
        }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    let key = secret.text;
    Ok(Answer(StatusCode::CREATED, KeyWithSecret { key, details }))
}

/// All keys, newest first, without their secrets.
#[utoipa::path(
    get, operation_id = "list_keys", path = "/api/v1/admin/keys/", tag = "admin", params(KeyParams),
    responses(
        (status = 200, description = "A page of them", body = Envelope<KeyPage>),
        (status = 403, description = "The key lacks the scope `admin`", body = ErrorEnvelope),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<KeyParams>,
) -> Result<Answer<KeyPage>, ApiError> {
    caller.needs(Scope::Admin)?;
    let (before, limit) = page(params.before, params.limit)?;
    let items = keys::list(&app.db, before.map(KeyId), limit).await?;
    let next_before = next(&items, limit, |key| key.id.0);
    Ok(ok(KeyPage { items, next_before }))
}

/// One key, without its secret.
#[utoipa::path(
    get, operation_id = "get_key", path = "/api/v1/admin/keys/{id}/", tag = "admin",
    params(("id" = i64, Path, description = "The key", minimum = 1)),
    responses(
        (status = 200, description = "The key", body = Envelope<KeyRow>),
        (status = 404, description = "There is no such key", body = ErrorEnvelope),
    )
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Answer<KeyRow>, ApiError> {
    caller.needs(Scope::Admin)?;
    let key = keys::get(&app.db, KeyId(id)).await?;
    key.map(ok).ok_or_else(no_key)
}

/// Changes a key's name, scopes or rate limit, at once.
#[utoipa::path(
    patch, operation_id = "update_key", path = "/api/v1/admin/keys/{id}/", tag = "admin", request_body = UpdateKey,
    params(("id" = i64, Path, description = "The key", minimum = 1)),
    responses(
        (status = 200, description = "As it is now", body = Envelope<KeyRow>),
        (status = 404, description = "There is no such key", body = ErrorEnvelope),
        (status = 409, description = "It is the last key that may administer", body = ErrorEnvelope),
    )
)]
pub async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    PathId(id): PathId,
    JsonBody(request): JsonBody<UpdateKey>,
) -> Result<Answer<KeyRow>, ApiError> {
    caller.needs(Scope::Admin)?;
    let id = KeyId(id);
    request.name.as_deref().map_or(Ok(()), name)?;
    let scopes = request.scopes.map(scopes).transpose()?;
    let change = KeyChange {
        name: request.name.as_deref().map(str::trim),
        scopes: scopes.as_deref(),
        rate_limit: request.rate_limit.map(rate_limit).transpose()?,
    };
    let mut transaction = app.db.begin().await?;
    if scopes
        .as_ref()
        .is_some_and(|scopes| !scopes.contains(&Scope::Admin))
    {
        keep_an_admin(&mut transaction, id).await?;
    }
    let key = keys::update(&mut transaction, id, &change).await?;
    let key = key.ok_or_else(no_key)?;
    let entry = Entry {
        action: "key.update",
        subject: format!("key:{id}"),
        details: json!({ "name": change.name, "scopes": scopes, "rate_limit": change.rate_limit }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    app.keys.forget(id);
    Ok(ok(key))
}

/// Revokes a key: it is void at once. What it submitted stays.
#[utoipa::path(
    delete, operation_id = "revoke_key", path = "/api/v1/admin/keys/{id}/", tag = "admin",
    params(("id" = i64, Path, description = "The key", minimum = 1)),
    responses(
        (status = 200, description = "Void; also if it was before", body = Envelope<KeyRow>),
        (status = 404, description = "There is no such key", body = ErrorEnvelope),
        (status = 409, description = "It is the last key that may administer", body = ErrorEnvelope),
    )
)]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    PathId(id): PathId,
) -> Result<Answer<KeyRow>, ApiError> {
    caller.needs(Scope::Admin)?;
    let id = KeyId(id);
    let mut transaction = app.db.begin().await?;
    keep_an_admin(&mut transaction, id).await?;
    let key = keys::revoke(&mut transaction, id).await?;
    let key = key.ok_or_else(no_key)?;
    let entry = Entry {
        action: "key.revoke",
        subject: format!("key:{id}"),
        details: json!({ "name": key.name, "prefix": key.prefix }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    app.keys.forget(id);
    Ok(ok(key))
}

/// Refuses to lose the last key that may administer.
async fn keep_an_admin(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: KeyId,
) -> Result<(), ApiError> {
    if keys::is_last_admin(transaction, id).await? {
        let message = "this is the last key with the scope `admin`: make another one first";
        return Err(ApiError::conflict("last_admin_key", message));
    }
    Ok(())
}

/// Gives a key a new secret, shown this once. The present one stays good for a while, so that
/// clients can be changed one after the other.
#[utoipa::path(
    post, operation_id = "rotate_key", path = "/api/v1/admin/keys/{id}/rotate/", tag = "admin", request_body = RotateKey,
    params(("id" = i64, Path, description = "The key", minimum = 1)),
    responses(
        (status = 200, description = "The new secret, not shown again", body = Envelope<KeyWithSecret>),
        (status = 404, description = "There is no such key, or it is revoked", body = ErrorEnvelope),
        (status = 422, description = "The overlap is longer than a month", body = ErrorEnvelope),
    )
)]
pub async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    PathId(id): PathId,
    JsonBody(request): JsonBody<RotateKey>,
) -> Result<Answer<KeyWithSecret>, ApiError> {
    caller.needs(Scope::Admin)?;
    let (id, overlap) = (KeyId(id), request.overlap_seconds);
    if overlap > MAX_OVERLAP {
        let message = format!("it must be 0 to {MAX_OVERLAP} (30 days)");
        return Err(ApiError::invalid("overlap_seconds", message));
    }
    let secret = secret()?;
    let mut transaction = app.db.begin().await?;
    let (prefix, sha256) = (&secret.prefix, secret.sha256());
    let wait = Duration::from_secs(overlap);
    let details = keys::rotate(&mut transaction, id, prefix, &sha256, wait).await?;
    let details = details.ok_or_else(|| ApiError::not_found("active key"))?;
    let entry = Entry {
        action: "key.rotate",
        subject: format!("key:{id}"),
        details: json!({ "prefix": prefix, "overlap_seconds": overlap }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    app.keys.forget(id);
    let key = secret.text;
    Ok(ok(KeyWithSecret { key, details }))
}

/// Deletes all that a key ever submitted: tasks (unfinished ones are cancelled first), events,
/// batches, uploads, private reports, webhooks, and the stored objects. The key stays. Where
/// there is much, one request deletes a part of it: repeat it until `done` is true.
#[utoipa::path(
    delete, operation_id = "delete_key_data", path = "/api/v1/admin/keys/{id}/data/", tag = "admin",
    params(("id" = i64, Path, description = "The key", minimum = 1)),
    responses(
        (status = 200, description = "Nothing is left", body = Envelope<Erased>),
        (status = 202, description = "Some is left: ask again", body = Envelope<Erased>),
        (status = 404, description = "There is no such key", body = ErrorEnvelope),
    )
)]
pub async fn delete_data(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    PathId(id): PathId,
) -> Result<Answer<Erased>, ApiError> {
    caller.needs(Scope::Admin)?;
    let places = Places {
        db: &app.db,
        queue: &app.queue,
        storage: &app.storage,
    };
    let time = ERASE_FOR.min(app.settings.request_timeout / 2);
    let actor = actor(&caller, request_id);
    let erased = erase::erase(places, KeyId(id), &actor, time).await?;
    let erased = erased.ok_or_else(no_key)?;
    let status = if erased.done {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok(Answer(status, erased))
}

impl From<EraseError> for ApiError {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Database(error) => error.into(),
            EraseError::Queue(error) => error.into(),
            EraseError::Storage(error) => error.into(),
        }
    }
}
