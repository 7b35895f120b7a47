//! What a deployed function says on workers, and how its steps fail.

use std::sync::Arc;

use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{FunctionPath, find, owned};
use crate::api::App;
use crate::api::auth::Caller;
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, ok};
use crate::api::error::ApiError;
use crate::api::params::Params;
use crate::model::TaskId;
use crate::queue::logs::{KEPT, LogId, LogLine};

/// Lines of a page unless asked otherwise.
const PAGE: i64 = 100;

/// Which lines.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogParams {
    /// Only lines after this one: the page before's `next_after`. Without it, the last ones.
    #[serde(default)]
    #[param(max_length = 41, pattern = "^[0-9]{1,19}-[0-9]{1,19}$")]
    after: Option<String>,
    /// How many, 1 to 1,000; 100 by default.
    #[serde(default)]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// A line of a function's log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LogEntry {
    /// Its place: later ones are higher.
    id: String,
    /// When it was written.
    at: DateTime<Utc>,
    /// The task that it was said in; null for what the worker says itself.
    #[schema(value_type = Option<i64>)]
    task_id: Option<TaskId>,
    /// The package that was looked at; null for what the worker says itself.
    purl: Option<String>,
    /// The function's version.
    version: String,
    /// `debug`, `info`, `warn` or `error`.
    level: String,
    /// What was said, in one line of at most 500 characters.
    text: String,
}

/// A page of a function's log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LogPage {
    /// Oldest first.
    items: Vec<LogEntry>,
    /// What to give as `after` for what comes next; null where nothing was ever said.
    next_after: Option<String>,
}

impl LogEntry {
    fn new((id, line): (LogId, LogLine)) -> Self {
        let millis = i64::try_from(id.millis()).unwrap_or(i64::MAX);
        Self {
            id: id.to_string(),
            at: DateTime::from_timestamp_millis(millis).unwrap_or_default(),
            task_id: line.task,
            purl: Some(line.purl).filter(|purl| !purl.is_empty()),
            version: line.version,
            level: line.level,
            text: line.text,
        }
    }
}

/// The last lines that a function's versions logged on workers, and how their steps failed: about
/// 1,000, for a day. Nothing of uploaded archives is among them.
#[utoipa::path(
    get, operation_id = "get_function_logs", path = "/api/v1/functions/{name}/logs/", tag = "functions",
    params(("name" = String, Path, description = "The function"), LogParams),
    responses(
        (status = 200, description = "A page of them", body = Envelope<LogPage>),
        (status = 403, description = "It is another publisher's (`name_taken`)", body = ErrorEnvelope),
        (status = 404, description = "There is no such function", body = ErrorEnvelope),
    )
)]
pub async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<FunctionPath>,
    Params(params): Params<LogParams>,
) -> Result<Answer<LogPage>, ApiError> {
    let function = find(&app, &path.name).await?;
    owned(&app, &caller, &function).await?;
    let limit = usize::try_from(params.limit.unwrap_or(PAGE)).unwrap_or(0);
    if !(1..=KEPT).contains(&limit) {
        return Err(ApiError::invalid(
            "limit",
            format!("it must be 1 to {KEPT}"),
        ));
    }
    let after: Option<LogId> =
        match &params.after {
            Some(text) => Some(text.parse().map_err(|()| {
                ApiError::invalid("after", "it must be the `next_after` of a page")
            })?),
            None => None,
        };
    let lines = app.queue.logs(&function.name, after, limit).await?;
    let last = lines.last().map(|(id, _)| *id).or(after);
    Ok(ok(LogPage {
        items: lines.into_iter().map(LogEntry::new).collect(),
        next_after: last.map(|id| id.to_string()),
    }))
}
