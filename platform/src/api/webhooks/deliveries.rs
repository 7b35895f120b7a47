//! A webhook's deliveries: their log, tests, and sending one once more.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{PathId, actor, next};
use crate::api::App;
use crate::api::auth::Caller;
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, RequestId, ok};
use crate::api::error::ApiError;
use crate::api::params::{Params, path_id};
use crate::db::audit::{self, Entry};
use crate::db::deliveries;
use crate::db::webhooks::{self, DeliveryRow};
use crate::model::Scope;

/// Test deliveries of a webhook in a minute: nobody should be able to make this server call
/// another one at will.
const TESTS: i64 = 5;

/// Deliveries of a page, at most and unless asked otherwise.
const MAX_PAGE: i64 = 100;
const PAGE: i64 = 50;

/// A page of deliveries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DeliveryPage {
    /// Newest first.
    items: Vec<DeliveryRow>,
    /// The next page's `before`; null on the last one.
    next_before: Option<i64>,
}

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Only what is older than this id: the page before's `next_before`.
    #[serde(default)]
    #[param(minimum = 1)]
    before: Option<i64>,
    /// How many, 1 to 100; 50 by default.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

impl PageParams {
    /// Where the page begins, and how many it has.
    ///
    /// # Errors
    /// 422.
    pub(super) fn checked(&self) -> Result<(Option<i64>, i64), ApiError> {
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(ApiError::invalid(
                "limit",
                format!("it must be 1 to {MAX_PAGE}"),
            ));
        }
        if self.before.is_some_and(|id| id < 1) {
            return Err(ApiError::invalid("before", "it must be the id of an item"));
        }
        Ok((self.before, limit))
    }
}

/// Sends a test: a delivery of the event `webhook.test`, without a task. What became of it is
/// in the log. Five in a minute.
#[utoipa::path(
    post, operation_id = "test_webhook", path = "/api/v1/webhooks/{id}/test/", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook", minimum = 1)),
    responses(
        (status = 202, description = "It is on its way", body = Envelope<DeliveryRow>),
        (status = 404, description = "The key has no such webhook", body = ErrorEnvelope),
        (status = 409, description = "The webhook is disabled", body = ErrorEnvelope),
        (status = 429, description = "Five tests were sent within the last minute", body = ErrorEnvelope),
    )
)]
pub async fn test(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    PathId(id): PathId,
) -> Result<Answer<DeliveryRow>, ApiError> {
    caller.needs(Scope::Analyze)?;
    enabled(&app, &caller, id).await?;
    let mut transaction = app.db.begin().await?;
    let delivery = deliveries::test(&mut transaction, id, TESTS).await?;
    let delivery = delivery.ok_or_else(|| {
        let message = format!("a webhook is tested at most {TESTS} times a minute");
        ApiError::rate_limited(message, Duration::from_secs(60))
    })?;
    let entry = Entry {
        action: "webhook.test",
        subject: format!("webhook:{id}"),
        details: json!({ "delivery": delivery.id }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    Ok(Answer(StatusCode::ACCEPTED, delivery))
}

/// The log of a webhook's deliveries, newest first.
#[utoipa::path(
    get, operation_id = "list_deliveries", path = "/api/v1/webhooks/{id}/deliveries/", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook", minimum = 1), PageParams),
    responses(
        (status = 200, description = "A page of it", body = Envelope<DeliveryPage>),
        (status = 404, description = "The key has no such webhook", body = ErrorEnvelope),
    )
)]
pub async fn log(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
    Params(page): Params<PageParams>,
) -> Result<Answer<DeliveryPage>, ApiError> {
    caller.needs(Scope::Read)?;
    let (before, limit) = page.checked()?;
    let webhook = webhooks::get(&app.db, id, caller.sees()).await?;
    webhook.ok_or_else(|| ApiError::not_found("webhook"))?;
    let items = deliveries::page(&app.db, id, before, limit).await?;
    let next_before = next(&items, limit, |delivery| delivery.id);
    Ok(ok(DeliveryPage { items, next_before }))
}

/// Sends a delivery once more, whether it arrived or was given up.
#[utoipa::path(
    post, operation_id = "retry_delivery", path = "/api/v1/webhooks/{id}/deliveries/{delivery}/retry/", tag = "webhooks",
    params(
        ("id" = i64, Path, description = "The webhook", minimum = 1),
        ("delivery" = i64, Path, description = "The delivery", minimum = 1),
    ),
    responses(
        (status = 202, description = "It is on its way", body = Envelope<DeliveryRow>),
        (status = 404, description = "The webhook has no such delivery", body = ErrorEnvelope),
        (status = 409, description = "It is pending, or the webhook is disabled", body = ErrorEnvelope),
    )
)]
pub async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    DeliveryPath(id, delivery): DeliveryPath,
) -> Result<Answer<DeliveryRow>, ApiError> {
    caller.needs(Scope::Analyze)?;
    enabled(&app, &caller, id).await?;
    let mut transaction = app.db.begin().await?;
    let Some(row) = deliveries::retry(&mut transaction, id, delivery).await? else {
        return Err(if deliveries::exists(&app.db, id, delivery).await? {
            ApiError::conflict(
                "delivery_pending",
                "the delivery is pending already: see its next_attempt_at",
            )
        } else {
            ApiError::not_found("delivery")
        });
    };
    let entry = Entry {
        action: "webhook.retry",
        subject: format!("webhook:{id}"),
        details: json!({ "delivery": delivery }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    Ok(Answer(StatusCode::ACCEPTED, row))
}

/// Refuses a webhook that is not the caller's, or is disabled.
async fn enabled(app: &App, caller: &Caller, id: i64) -> Result<(), ApiError> {
    let webhook = webhooks::get(&app.db, id, caller.sees()).await?;
    let webhook = webhook.ok_or_else(|| ApiError::not_found("webhook"))?;
    if webhook.enabled {
        return Ok(());
    }
    let why = webhook.disabled_reason.unwrap_or_default();
    let message = format!("the webhook is disabled ({why}): enable it first");
    Err(ApiError::conflict("webhook_disabled", message))
}

/// The webhook and the delivery that a path names.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryPath(i64, i64);

impl<S: Send + Sync> FromRequestParts<S> for DeliveryPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let webhook = path_id(parts, state, "id").await?;
        let delivery = path_id(parts, state, "delivery").await?;
        Ok(Self(webhook, delivery))
    }
}
