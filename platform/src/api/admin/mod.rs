//! What admins do: keys, dead letters, the audit log. All of it needs the scope `admin`, and
//! every change is in the audit log, written in the transaction of the change.

pub mod keys;
pub mod publishers;
pub mod shapes;
pub mod tasks;

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::App;
use super::auth::Caller;
use super::envelope::{Answer, Envelope, ErrorEnvelope, ok};
use super::error::ApiError;
use super::params::Params;
use super::webhooks::next;
use crate::db::audit::{self, AuditRow};
use crate::model::Scope;

/// Items of a page, at most and unless asked otherwise.
const MAX_PAGE: i64 = 100;
const PAGE: i64 = 50;

/// Longest subject that is looked up: a word and a number.
const MAX_SUBJECT: usize = 100;

/// Checks where a page begins, and how many items it has.
///
/// # Errors
/// 422.
fn page(before: Option<i64>, limit: Option<i64>) -> Result<(Option<i64>, i64), ApiError> {
    let limit = limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let message = format!("it must be 1 to {MAX_PAGE}");
        return Err(ApiError::invalid("limit", message));
    }
    if before.is_some_and(|id| id < 1) {
        return Err(ApiError::invalid("before", "it must be the id of an item"));
    }
    Ok((before, limit))
}

/// Which entries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditParams {
    /// Only of this subject, as in `key:12`.
    #[serde(default)]
    #[param(max_length = 100, pattern = "^[!-~]*$")]
    subject: Option<String>,
    /// Only what is older than this id: the page before's `next_before`.
    #[serde(default)]
    #[param(minimum = 1)]
    before: Option<i64>,
    /// How many, 1 to 100; 50 by default.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// A page of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AuditPage {
    /// Newest first.
    items: Vec<AuditRow>,
    /// The next page's `before`; null on the last one.
    next_before: Option<i64>,
}

/// The audit log: who changed what, newest first.
#[utoipa::path(
    get, operation_id = "list_audit_log", path = "/api/v1/admin/audit/", tag = "admin", params(AuditParams),
    responses(
        (status = 200, description = "A page of it", body = Envelope<AuditPage>),
        (status = 403, description = "The key lacks the scope `admin`", body = ErrorEnvelope),
    )
)]
pub async fn audit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<AuditParams>,
) -> Result<Answer<AuditPage>, ApiError> {
    caller.needs(Scope::Admin)?;
    let (before, limit) = page(params.before, params.limit)?;
    let subject = params.subject.as_deref();
    if subject
        .is_some_and(|text| text.len() > MAX_SUBJECT || !text.bytes().all(|b| b.is_ascii_graphic()))
    {
        return Err(ApiError::invalid(
            "subject",
            "give a word and a number, as in key:12",
        ));
    }
    let items = audit::list(&app.db, subject, before, limit).await?;
    let next_before = next(&items, limit, |entry| entry.id);
    Ok(ok(AuditPage { items, next_before }))
}
