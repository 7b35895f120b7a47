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
use crate::db::functions::{self, FunctionRow, MOST_FOLLOWED, Move, Named, VersionRow};
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
    /// Percent of the tasks, 1 to 100; for `canary` and `shadow` only. Left out: 10 for `canary`,
    /// 100 for `shadow`; where the alias names the version already, it stays as it is.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100, example = 5)]
    percent: Option<i64>,
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
    /// Percent of the tasks that it takes now; null for aliases that take no share.
    percent: Option<i16>,
}

/// Lets an alias name a version. Workers follow `stable` for all tasks, `canary` instead of it for
/// a share of them, and try `shadow` beside: within seconds, and they end what they began as
/// they began it. Other aliases are names for people.
#[utoipa::path(
    put, operation_id = "promote_function", path = "/api/v1/functions/{name}/aliases/{alias}/", tag = "functions", request_body = Promote,
    params(("name" = String, Path, description = "The function"), ("alias" = String, Path, description = "The alias: `stable`, `canary`, …")),
    responses(
        (status = 200, description = "As it is now", body = Envelope<Moved>),
        (status = 403, description = "It is another publisher's (`name_taken`)", body = ErrorEnvelope),
        (status = 404, description = "There is no such function or version", body = ErrorEnvelope),
        (status = 409, description = "The version was yanked (`version_yanked`) or disabled (`version_disabled`), or workers hold 100 versions already (`too_many_functions`)", body = ErrorEnvelope),
        (status = 422, description = "The alias is none, or the percentage", body = ErrorEnvelope),
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
    let percent = percent(&path.alias, request.percent)?;
    let actor = actor(&caller, request_id);
    let mut transaction = app.db.begin().await?;
    functions::lock(&mut transaction, function.id).await?;
    let version = find_version(&mut *transaction, function.id, &request.version).await?;
    let moved = shift(
        &mut transaction,
        (&function, &path.alias),
        (&version, percent),
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
        (&version, None),
        "rollback",
        &actor,
    )
    .await?;
    transaction.commit().await?;
    Ok(ok(moved))
}

/// The percentage that is asked for, if it is one.
fn percent(alias: &str, asked: Option<i64>) -> Result<Option<i16>, ApiError> {
    let Some(asked) = asked else {
        return Ok(None);
    };
    if functions::default_percent(alias).is_none() {
        let message = format!(
            "`{alias}` takes no share of the tasks: leave it out, or move `canary` or `shadow`"
        );
        return Err(ApiError::invalid("percent", message));
    }
    let percent = i16::try_from(asked).ok();
    let percent = percent.filter(|percent| (1..=100).contains(percent));
    let percent = percent.ok_or_else(|| {
        let message =
            "it must be 1 to 100; to end a canary or a shadow, let it name the stable version";
        ApiError::invalid("percent", message)
    })?;
    Ok(Some(percent))
}

/// What an alias takes when it is moved: what is asked for, or what it took where the version
/// stays, or the default.
fn share(alias: &str, from: Option<&Named>, to: i64, asked: Option<i16>) -> Option<i16> {
    let kept = from
        .filter(|from| from.id == to)
        .and_then(|from| from.percent);
    asked.or(kept).or(functions::default_percent(alias))
}

/// Moves an alias of a function that is locked.
async fn shift(
    transaction: &mut sqlx::PgTransaction<'_>,
    (function, alias): (&FunctionRow, &str),
    (version, asked): (&VersionRow, Option<i16>),
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
    let percent = share(alias, from.as_ref(), version.id, asked);
    let moved = Moved {
        name: function.name.clone(),
        alias: alias.to_owned(),
        from: from.as_ref().map(|from| from.version.clone()),
        to: number.clone(),
        sha256: version.sha256.clone(),
        percent,
    };
    if from
        .as_ref()
        .is_some_and(|from| (from.id, from.percent) == (version.id, percent))
    {
        return Ok(moved);
    }
    let details = Move {
        function: function.id,
        alias,
        from: from.map(|from| from.id),
        to: version.id,
        percent,
        kind,
        actor: &actor.name,
    };
    move_within(transaction, &details).await?;
    let entry = Entry {
        action: match kind {
            "rollback" => "function.rollback",
            _ => "function.promote",
        },
        subject: format!("function:{}", function.name),
        details: json!({
            "alias": alias, "from": moved.from, "to": number, "sha256": version.sha256, "percent": percent,
        }),
    };
    audit::write(transaction, actor, &entry).await?;
    Ok(moved)
}

/// Moves an alias, unless workers would hold more versions than they may.
async fn move_within(
    transaction: &mut sqlx::PgTransaction<'_>,
    details: &Move<'_>,
) -> Result<(), ApiError> {
    // Going back is never refused: workers leave out what is too many, shadows first.
    if !functions::is_followed(details.alias) || details.kind == "rollback" {
        functions::move_alias(transaction, details).await?;
        return Ok(());
    }
    let before = functions::count_followed(transaction).await?;
    functions::move_alias(transaction, details).await?;
    if functions::count_followed(transaction).await? > before.max(MOST_FOLLOWED) {
        let message = format!("workers hold at most {MOST_FOLLOWED} versions of functions");
        return Err(ApiError::conflict("too_many_functions", message));
    }
    Ok(())
}
