//! `/api/v1/functions/`: analyzers that are deployed while the platform runs.
//!
//! Reading takes the scope `read`, changing `functions:write` and being of the publisher whose
//! function it is; admins may change all but the publisher.

pub mod aliases;
pub mod deploy;
pub mod logs;
pub mod settings;
pub mod shadow;
pub mod versions;

use std::sync::Arc;

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::App;
use super::auth::Caller;
use super::envelope::{Answer, Envelope, ErrorEnvelope, ok};
use super::error::ApiError;
use super::params::Params;
use crate::db::functions::{self, FunctionRow, MoveRow, VersionRow};
use crate::db::publishers;
use crate::functions::name::MAX_NAME;
use crate::model::Scope;

/// Items of a page, at most and unless asked otherwise.
const MAX_PAGE: i64 = 100;
const PAGE: i64 = 50;

/// Versions and moves that are shown with a function: the newest ones.
const SHOWN: i64 = 50;

/// Which functions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only names after this one: the page before's `next_after`.
    #[serde(default)]
    #[param(max_length = 64, pattern = "^[a-z0-9-]*$")]
    after: Option<String>,
    /// How many, 1 to 100; 50 by default.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// A page of functions.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FunctionPage {
    /// By name.
    items: Vec<FunctionRow>,
    /// The next page's `after`; null on the last one.
    next_after: Option<String>,
}

/// A function, its newest versions and who moved its aliases.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FunctionDetails {
    /// The function.
    #[serde(flatten)]
    function: FunctionRow,
    /// Newest first, at most 50.
    newest: Vec<VersionRow>,
    /// Newest first, at most 50.
    moves: Vec<MoveRow>,
}

/// All functions, by name.
#[utoipa::path(
    get, operation_id = "list_functions", path = "/api/v1/functions/", tag = "functions", params(ListParams),
    responses((status = 200, description = "A page of them", body = Envelope<FunctionPage>))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Answer<FunctionPage>, ApiError> {
    caller.needs(Scope::Read)?;
    let limit = params.limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let message = format!("it must be 1 to {MAX_PAGE}");
        return Err(ApiError::invalid("limit", message));
    }
    let after = params.after.unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if after.len() > MAX_NAME || !after.bytes().all(fits) {
        return Err(ApiError::invalid(
            "after",
            "it must be the name of a function",
        ));
    }
    let items = functions::list(&app.db, &after, limit).await?;
    let full = i64::try_from(items.len()).is_ok_and(|count| count >= limit);
    let next_after = items.last().filter(|_| full).map(|last| last.name.clone());
    Ok(ok(FunctionPage { items, next_after }))
}

/// A function that a path names.
#[derive(Debug, Deserialize)]
pub struct FunctionPath {
    name: String,
}

/// One function.
#[utoipa::path(
    get, operation_id = "get_function", path = "/api/v1/functions/{name}/", tag = "functions",
    params(("name" = String, Path, description = "The function")),
    responses(
        (status = 200, description = "The function", body = Envelope<FunctionDetails>),
        (status = 404, description = "There is no such function", body = ErrorEnvelope),
    )
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<FunctionPath>,
) -> Result<Answer<FunctionDetails>, ApiError> {
    caller.needs(Scope::Read)?;
    let function = find(&app, &path.name).await?;
    let newest = functions::versions(&app.db, function.id, None, SHOWN).await?;
    let moves = functions::moves(&app.db, function.id, SHOWN).await?;
    Ok(ok(FunctionDetails {
        function,
        newest,
        moves,
    }))
}

async fn find(app: &App, name: &str) -> Result<FunctionRow, ApiError> {
    // What can be no name is not looked up: Postgres takes no NUL.
    let found = match crate::functions::name::function(name) {
        Ok(()) => functions::get(&app.db, name).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| ApiError::not_found("function"))
}

async fn find_version(
    executor: impl sqlx::PgExecutor<'_>,
    function: i64,
    version: &str,
) -> Result<VersionRow, ApiError> {
    let mut found = match crate::functions::name::version(version) {
        Ok(_) => functions::versions(executor, function, Some(version), 1).await?,
        Err(_) => Vec::new(),
    };
    found.pop().ok_or_else(|| ApiError::not_found("version"))
}

/// Refuses who is not of the function's publisher, and no admin.
async fn owned(app: &App, caller: &Caller, function: &FunctionRow) -> Result<(), ApiError> {
    caller.needs(Scope::FunctionsWrite)?;
    if owns(app, caller, function).await? {
        return Ok(());
    }
    Err(taken(&function.name, &function.publisher))
}

/// Whether who asks is of the function's publisher, or an admin.
async fn owns(app: &App, caller: &Caller, function: &FunctionRow) -> Result<bool, ApiError> {
    let of = publishers::of_key(&app.db, caller.id()).await?;
    Ok(caller.is_admin() || of.is_some_and(|of| of.name == function.publisher))
}

/// 403: the name is another publisher's.
fn taken(name: &str, publisher: &str) -> ApiError {
    ApiError::new(
        axum::http::StatusCode::FORBIDDEN,
        "name_taken",
        format!(
            "`{name}` belongs to the publisher `{publisher}`: choose another name, or ask an admin to add your key to it"
        ),
    )
}
