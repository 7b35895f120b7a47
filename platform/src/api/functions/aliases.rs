//! Which version an alias names: promote, and back.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{find, find_version, owned};
use crate::api::App;
use crate::api::auth::Caller;
use crate::api::body::JsonBody;
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, RequestId, ok};
use crate::api::error::ApiError;
use crate::api::webhooks::actor;
use crate::db::audit::{self, Actor, Entry};
use crate::db::functions::{self, FunctionRow, MOST_FOLLOWED, Move, STABLE, VersionRow};
use crate::functions::name;

/// An alias that a path names.
#[derive(Debug, Deserialize)]
pub struct AliasPath {
    name: String,
    alias: String,
}

/// What an alias is to name.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Promote {
    /// The version.
    #[schema(example = "0.1.0", max_length = 64)]
    version: String,
}

/// An alias that was moved.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Moved {
    /// The function.
    name: String,
    /// The alias.
    alias: String,
    /// What it named before; null where it is new.
    from: Option<String>,
    /// What it names now.
    to: String,
    /// SHA-256 of the component that it names now.
    sha256: String,
}

/// Lets an alias name a version. Workers follow `stable`: they run the version within
/// seconds, and end what they began with the one before.
#[utoipa::path(
    put, operation_id = "promote_function", path = "/api/v1/functions/{name}/aliases/{alias}/", tag = "functions", request_body = Promote,
    params(("name" = String, Path, description = "The function"), ("alias" = String, Path, description = "The alias: `stable`, `canary`, …")),
    responses(
        (status = 200, description = "As it is now", body = Envelope<Moved>),
        (status = 403, description = "It is another publisher's (`name_taken`)", body = ErrorEnvelope),
        (status = 404, description = "There is no such function or version", body = ErrorEnvelope),
        (status = 409, description = "The version was yanked (`version_yanked`) or disabled (`version_disabled`), or workers run 100 functions already (`too_many_functions`)", body = ErrorEnvelope),
    )
)]
pub async fn promote(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    Path(path): Path<AliasPath>,
    JsonBody(request): JsonBody<Promote>,
) -> Result<Answer<Moved>, ApiError> {
    let function = find(&app, &path.name).await?;
    owned(&app, &caller, &function).await?;
    let wrong = |error: name::NameError| ApiError::invalid("alias", error.to_string());
    name::alias(&path.alias).map_err(wrong)?;
    let actor = actor(&caller, request_id);
    let mut transaction = app.db.begin().await?;
    functions::lock(&mut transaction, function.id).await?;
    let version = find_version(&mut *transaction, function.id, &request.version).await?;
    let moved = shift(
        &mut transaction,
        (&function, &path.alias),
        &version,
        "promote",
        &actor,
    )
    .await?;
    transaction.commit().await?;
    Ok(ok(moved))
}

/// Lets an alias name the version that it named before.
#[utoipa::path(
    post, operation_id = "rollback_function", path = "/api/v1/functions/{name}/aliases/{alias}/rollback/", tag = "functions",
    params(("name" = String, Path, description = "The function"), ("alias" = String, Path, description = "The alias")),
    responses(
        (status = 200, description = "As it is now", body = Envelope<Moved>),
        (status = 403, description = "It is another publisher's (`name_taken`)", body = ErrorEnvelope),
        (status = 404, description = "There is no such function or alias", body = ErrorEnvelope),
        (status = 409, description = "It named nothing before (`no_previous_version`), or that was yanked or disabled", body = ErrorEnvelope),
    )
)]
pub async fn rollback(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    Path(path): Path<AliasPath>,
) -> Result<Answer<Moved>, ApiError> {
    let function = find(&app, &path.name).await?;
    owned(&app, &caller, &function).await?;
    name::alias(&path.alias).map_err(|_| ApiError::not_found("alias"))?;
    let actor = actor(&caller, request_id);
    let mut transaction = app.db.begin().await?;
    functions::lock(&mut transaction, function.id).await?;
    let current = functions::current(&mut transaction, function.id, &path.alias).await?;
    let current = current.ok_or_else(|| ApiError::not_found("alias"))?;
    let before =
        functions::previous(&mut transaction, function.id, &path.alias, current.id).await?;
    let before = before.ok_or_else(|| {
        let message = "the alias named nothing before: to stop the version, disable it";
        ApiError::conflict("no_previous_version", message)
    })?;
    let version = find_version(&mut *transaction, function.id, &before).await?;
    let moved = shift(
        &mut transaction,
        (&function, &path.alias),
        &version,
        "rollback",
        &actor,
    )
    .await?;
    transaction.commit().await?;
    Ok(ok(moved))
}

/// Moves an alias of a function that is locked.
async fn shift(
    transaction: &mut sqlx::PgTransaction<'_>,
    (function, alias): (&FunctionRow, &str),
    version: &VersionRow,
    kind: &'static str,
    actor: &Actor,
) -> Result<Moved, ApiError> {
    let number = &version.version;
    if let Some(reason) = &version.disabled_reason {
        let message = format!("version {number} is disabled: {reason}");
        return Err(ApiError::conflict("version_disabled", message));
    }
    if version.yanked_at.is_some() {
        let message = format!("version {number} was yanked: publish another");
        return Err(ApiError::conflict("version_yanked", message));
    }
    let from = functions::current(transaction, function.id, alias).await?;
    let moved = Moved {
        name: function.name.clone(),
        alias: alias.to_owned(),
        from: from.as_ref().map(|from| from.version.clone()),
        to: number.clone(),
        sha256: version.sha256.clone(),
    };
    if from.is_none()
        && alias == STABLE
        && functions::count(transaction, alias).await? >= MOST_FOLLOWED
    {
        let message = format!("workers run at most {MOST_FOLLOWED} functions");
        return Err(ApiError::conflict("too_many_functions", message));
    }
    let from = from.map(|from| from.id);
    if from == Some(version.id) {
        return Ok(moved);
    }
    let details = Move {
        function: function.id,
        alias,
        from,
        to: version.id,
        kind,
        actor: &actor.name,
    };
    functions::move_alias(transaction, &details).await?;
    let entry = Entry {
        action: match kind {
            "rollback" => "function.rollback",
            _ => "function.promote",
        },
        subject: format!("function:{}", function.name),
        details: json!({ "alias": alias, "from": moved.from, "to": number, "sha256": version.sha256 }),
    };
    audit::write(transaction, actor, &entry).await?;
    Ok(moved)
}
