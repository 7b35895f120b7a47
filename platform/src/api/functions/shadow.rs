//! What the shadow of a function would have changed.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Serialize;

use super::{FunctionPath, find, owns};
use crate::api::App;
use crate::api::auth::Caller;
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, ok};
use crate::api::error::ApiError;
use crate::db::functions::{self, ComparisonRow, DifferenceRow};
use crate::model::Scope;

/// Comparisons that are shown: those of late.
const SHOWN: i64 = 10;

/// What versions of a function would have changed of reports, had they been promoted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Shadowed {
    /// The function.
    name: String,
    /// By the versions that were tried and those that ran, those of late first, at most 10.
    comparisons: Vec<Compared>,
}

/// A version that was tried, and the packages that it would change.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Compared {
    /// Sums over all runs.
    #[serde(flatten)]
    sums: ComparisonRow,
    /// Public packages whose verdict or findings would be others, newest first: at most 50 of
    /// a version, those with another verdict before the others. Private archives are counted
    /// above, and never listed. Others submitted these packages: only admins and keys of the
    /// function's publisher see them; for other keys it is empty.
    differences: Vec<DifferenceRow>,
}

/// What the shadow of a function would have changed: verdicts, time, fuel and memory.
#[utoipa::path(
    get, operation_id = "get_function_shadow", path = "/api/v1/functions/{name}/shadow/", tag = "functions",
    params(("name" = String, Path, description = "The function")),
    responses(
        (status = 200, description = "What it would have changed; no comparisons where none was tried", body = Envelope<Shadowed>),
        (status = 404, description = "There is no such function", body = ErrorEnvelope),
    )
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<FunctionPath>,
) -> Result<Answer<Shadowed>, ApiError> {
    caller.needs(Scope::Read)?;
    let function = find(&app, &path.name).await?;
    let rows = functions::comparisons(&app.db, function.id, SHOWN).await?;
    let differences = if owns(&app, &caller, &function).await? {
        let versions: Vec<_> = rows.iter().map(|row| row.version_id).collect();
        functions::differences(&app.db, &versions).await?
    } else {
        Vec::new()
    };
    let comparisons = rows.into_iter().map(|sums| {
        let of = (sums.version_id, sums.against_id);
        let own = |one: &&DifferenceRow| (one.version_id, one.against_id) == of;
        let differences = differences.iter().filter(own).cloned().collect();
        Compared { sums, differences }
    });
    Ok(ok(Shadowed {
        comparisons: comparisons.collect(),
        name: function.name,
    }))
}
