//! `/api/v1/reports/`: a key's tasks, page by page.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::auth::Caller;
use super::envelope::{Envelope, ErrorEnvelope, ok};
use super::error::ApiError;
use super::params::Params;
use super::tasks::TaskView;
use super::{App, links};
use crate::db::tasks::{self, From};
use crate::model::{Scope, TaskId, TaskStatus};

/// Tasks of a page unless the client says otherwise.
const PAGE_SIZE: i64 = 20;

/// Most tasks of a page.
const MAX_PAGE_SIZE: i64 = 100;

/// Most tasks that page numbers reach: Postgres counts off what lies before a page, so deeper
/// ones are reached by `cursor`, which costs the same everywhere.
const MAX_DEPTH: i64 = 10_000;

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// From 1 (the default). Not beside `cursor`.
    #[param(minimum = 1, maximum = 10_000)]
    page: Option<i64>,
    /// Tasks of a page: 1 to 100; 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    page_size: Option<i64>,
    /// Only tasks that stand there.
    #[param(inline)]
    status: Option<TaskStatus>,
    /// Only tasks older than this one; `next` has it ready.
    #[param(minimum = 1)]
    cursor: Option<i64>,
}

/// A page of tasks, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TaskPage {
    /// The tasks.
    pub items: Vec<TaskView>,
    /// The page's number; null where `cursor` was given.
    pub page: Option<i64>,
    /// Tasks of a page.
    pub page_size: i64,
    /// Tasks of all pages; null where `cursor` was given.
    pub total: Option<i64>,
    /// Where the next page is; null on the last one.
    pub next: Option<String>,
}

/// The key's own tasks, newest first, with where their reports are.
#[utoipa::path(
    get, operation_id = "list_tasks", path = "/api/v1/reports/", tag = "reports", params(PageParams),
    responses(
        (status = 200, description = "A page; the header Link names the next one", body = Envelope<TaskPage>),
        (status = 422, description = "There is no such page, or it lies too deep for page numbers", body = ErrorEnvelope),
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Response, ApiError> {
    caller.needs(Scope::Read)?;
    let size = params.page_size.unwrap_or(PAGE_SIZE);
    if !(1..=MAX_PAGE_SIZE).contains(&size) {
        let message = format!("{size} is not between 1 and {MAX_PAGE_SIZE}");
        return Err(ApiError::invalid("page_size", message));
    }
    let (from, page) = from(&params, size)?;
    let key = Some(caller.id());
    // One more, to see whether there is a next page.
    let mut rows = tasks::page(&app.db, key, params.status, from, size + 1).await?;
    let wanted = usize::try_from(size).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let total = match page {
        Some(_) => Some(tasks::count(&app.db, key, params.status).await?),
        None => None,
    };
    let next = rows.last().filter(|_| more).map(|last| {
        let status = params
            .status
            .map_or(String::new(), |s| format!("&status={s}"));
        format!(
            "/api/v1/reports/?page_size={size}{status}&cursor={}",
            last.id
        )
    });
    let link = next
        .as_deref()
        .and_then(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok());
    let open: Vec<TaskId> = rows
        .iter()
        .filter(|row| !row.status.is_final())
        .map(|row| row.id)
        .collect();
    let mut places = links::positions(&app, &open).await.into_iter();
    let items = rows.into_iter().map(|row| {
        let place = if row.status.is_final() {
            None
        } else {
            places.next().flatten()
        };
        TaskView::new(row, place)
    });
    let page = TaskPage {
        items: items.collect(),
        page,
        page_size: size,
        total,
        next,
    };
    let mut response = ok(page).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Where the page begins, and its number if it has one.
fn from(params: &PageParams, size: i64) -> Result<(From, Option<i64>), ApiError> {
    if let Some(cursor) = params.cursor {
        if cursor < 1 {
            return Err(ApiError::invalid("cursor", "it must be the id of a task"));
        }
        if params.page.is_some() {
            return Err(ApiError::invalid(
                "cursor",
                "give either `page` or `cursor`",
            ));
        }
        return Ok((From::Before(TaskId(cursor)), None));
    }
    let page = params.page.unwrap_or(1);
    if page < 1 {
        return Err(ApiError::invalid("page", "pages count from 1"));
    }
    match page.checked_mul(size) {
        Some(depth) if depth <= MAX_DEPTH => Ok((From::Offset((page - 1) * size), Some(page))),
        _ => Err(ApiError::invalid(
            "page",
            format!(
                "page numbers reach {MAX_DEPTH} tasks; go further by `cursor`, as in the `next` of each page"
            ),
        )),
    }
}
