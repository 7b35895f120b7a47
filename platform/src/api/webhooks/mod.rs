//! Webhooks of a key: being told of tasks that ended.

pub mod deliveries;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use super::auth::Caller;
use super::body::{JsonBody, whole};
use super::envelope::{Answer, Envelope, ErrorEnvelope, RequestId, ok};
use super::error::ApiError;
use super::params::path_id;
use crate::db::audit::{self, Actor, Entry};
use crate::db::webhooks::{self, Change, NewWebhook, WebhookRow};
use crate::model::Scope;
use crate::webhooks::{EVENTS, Guard, Secret};

/// Webhooks of a key: every task is told to each of them.
const MOST: i64 = 10;

/// Longest that an old secret signs beside the new one: a week to roll it out.
const MAX_OVERLAP: u64 = 7 * 24 * 3_600;

/// Of what webhooks tell, for the description: what is read are [`EVENTS`].
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the words that a request may use")]
enum WebhookEvent {
    #[schema(rename = "task.completed")]
    Completed,
    #[schema(rename = "task.failed")]
    Failed,
    #[schema(rename = "task.cancelled")]
    Cancelled,
}

/// A webhook to be made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// Where deliveries go: https, port 443, 80, or 1024 and above, at a public address.
    #[schema(
        example = "https://example.com/hooks/packguard",
        max_length = 2048,
        pattern = "^https?://"
    )]
    url: String,
    /// Of what it tells: `task.completed`, `task.failed`, `task.cancelled`; all by default.
    #[serde(default)]
    #[schema(value_type = Option<Vec<WebhookEvent>>, min_items = 1, max_items = 3)]
    events: Option<Vec<String>>,
}

/// What to change of a webhook; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateWebhook {
    /// Where deliveries go.
    #[serde(default)]
    #[schema(max_length = 2048, pattern = "^https?://")]
    url: Option<String>,
    /// Of what it tells.
    #[serde(default)]
    #[schema(value_type = Option<Vec<WebhookEvent>>, min_items = 1, max_items = 3)]
    events: Option<Vec<String>>,
    /// Whether it tells. Disabling gives up what is pending.
    #[serde(default)]
    enabled: Option<bool>,
}

/// How to rotate a secret.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateSecret {
    /// For how many seconds the present secret signs beside the new one.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 604_800, default = 0)]
    overlap_seconds: u64,
}

/// A webhook with the secret that is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct WebhookWithSecret {
    /// The webhook.
    #[serde(flatten)]
    webhook: WebhookRow,
    /// Verifies deliveries. It is not shown again.
    #[schema(example = "whsec_…")]
    secret: String,
}

/// A key's webhooks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct WebhookList {
    /// Newest first.
    items: Vec<WebhookRow>,
}

/// The `before` of the next page, where there may be one.
pub(super) fn next<T>(items: &[T], limit: i64, id: impl Fn(&T) -> i64) -> Option<i64> {
    let full = i64::try_from(items.len()).is_ok_and(|count| count >= limit);
    items.last().filter(|_| full).map(id)
}

/// Who acts, for the audit log.
pub(super) fn actor(caller: &Caller, request_id: RequestId) -> Actor {
    Actor {
        name: format!("key:{}", caller.id()),
        request_id: Some(request_id.0),
    }
}

/// Makes a webhook. Its secret is shown this once.
#[utoipa::path(
    post, operation_id = "create_webhook", path = "/api/v1/webhooks/", tag = "webhooks", request_body = CreateWebhook,
    responses(
        (status = 201, description = "Made; the secret is not shown again", body = Envelope<WebhookWithSecret>),
        (status = 409, description = "The key has 10 webhooks already", body = ErrorEnvelope),
        (status = 422, description = "The URL may not be delivered to, or an event is unknown", body = ErrorEnvelope),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    JsonBody(request): JsonBody<CreateWebhook>,
) -> Result<Answer<WebhookWithSecret>, ApiError> {
    caller.needs(Scope::Analyze)?;
    let url = url(&app, &request.url)?;
    let events = match request.events {
        Some(events) => self::events(events)?,
        None => EVENTS.map(str::to_owned).to_vec(),
    };
    let secret = secret()?;
    let new = NewWebhook {
        key: caller.id(),
        url: &url,
        secret: &secret,
        events: &events,
    };
    let mut transaction = app.db.begin().await?;
    let webhook = webhooks::create(&mut transaction, &new, MOST).await?;
    let webhook = webhook.ok_or_else(|| {
        let message = format!("a key has at most {MOST} webhooks: delete one");
        ApiError::conflict("too_many_webhooks", message)
    })?;
    let entry = Entry {
        action: "webhook.create",
        subject: format!("webhook:{}", webhook.id),
        details: json!({ "url": webhook.url, "events": webhook.events }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    Ok(Answer(
        StatusCode::CREATED,
        WebhookWithSecret { webhook, secret },
    ))
}

/// The key's webhooks, newest first; at most 10.
#[utoipa::path(
    get, operation_id = "list_webhooks", path = "/api/v1/webhooks/", tag = "webhooks",
    responses((status = 200, description = "All of them", body = Envelope<WebhookList>))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Answer<WebhookList>, ApiError> {
    caller.needs(Scope::Read)?;
    let items = webhooks::list(&app.db, caller.id()).await?;
    Ok(ok(WebhookList { items }))
}

/// One webhook.
#[utoipa::path(
    get, operation_id = "get_webhook", path = "/api/v1/webhooks/{id}/", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook", minimum = 1)),
    responses(
        (status = 200, description = "The webhook, without its secret", body = Envelope<WebhookRow>),
        (status = 404, description = "The key has no such webhook", body = ErrorEnvelope),
    )
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Answer<WebhookRow>, ApiError> {
    caller.needs(Scope::Read)?;
    let webhook = webhooks::get(&app.db, id, caller.sees()).await?;
    webhook
        .map(ok)
        .ok_or_else(|| ApiError::not_found("webhook"))
}

/// Changes a webhook: where it goes, of what it tells, whether it does.
#[utoipa::path(
    patch, operation_id = "update_webhook", path = "/api/v1/webhooks/{id}/", tag = "webhooks", request_body = UpdateWebhook,
    params(("id" = i64, Path, description = "The webhook", minimum = 1)),
    responses(
        (status = 200, description = "As it is now", body = Envelope<WebhookRow>),
        (status = 404, description = "The key has no such webhook", body = ErrorEnvelope),
        (status = 422, description = "The URL may not be delivered to, or an event is unknown", body = ErrorEnvelope),
    )
)]
pub async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    PathId(id): PathId,
    JsonBody(request): JsonBody<UpdateWebhook>,
) -> Result<Answer<WebhookRow>, ApiError> {
    caller.needs(Scope::Analyze)?;
    let url = request
        .url
        .as_deref()
        .map(|text| url(&app, text))
        .transpose()?;
    let events = request.events.map(events).transpose()?;
    let change = Change {
        url: url.as_deref(),
        events: events.as_deref(),
        enabled: request.enabled,
    };
    let mut transaction = app.db.begin().await?;
    let webhook = webhooks::update(&mut transaction, id, caller.sees(), &change).await?;
    let webhook = webhook.ok_or_else(|| ApiError::not_found("webhook"))?;
    let entry = Entry {
        action: "webhook.update",
        subject: format!("webhook:{id}"),
        details: json!({ "url": url, "events": events, "enabled": request.enabled }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    Ok(ok(webhook))
}

/// Deletes a webhook with its log.
#[utoipa::path(
    delete, operation_id = "delete_webhook", path = "/api/v1/webhooks/{id}/", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook", minimum = 1)),
    responses(
        (status = 200, description = "Gone", body = Envelope<Deleted>),
        (status = 404, description = "The key has no such webhook", body = ErrorEnvelope),
    )
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    PathId(id): PathId,
) -> Result<Answer<Deleted>, ApiError> {
    caller.needs(Scope::Analyze)?;
    let mut transaction = app.db.begin().await?;
    let key = webhooks::delete(&mut transaction, id, caller.sees()).await?;
    let key = key.ok_or_else(|| ApiError::not_found("webhook"))?;
    let entry = Entry {
        action: "webhook.delete",
        subject: format!("webhook:{id}"),
        details: json!({ "key_id": key }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    Ok(ok(Deleted { id }))
}

/// What was deleted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Deleted {
    /// Which.
    id: i64,
}

/// Gives a webhook a new secret, shown this once. For as long as asked the present one signs
/// as well: deliveries then carry both signatures.
#[utoipa::path(
    post, operation_id = "rotate_webhook_secret", path = "/api/v1/webhooks/{id}/rotate/", tag = "webhooks", request_body = RotateSecret,
    params(("id" = i64, Path, description = "The webhook", minimum = 1)),
    responses(
        (status = 200, description = "The new secret, not shown again", body = Envelope<WebhookWithSecret>),
        (status = 404, description = "The key has no such webhook", body = ErrorEnvelope),
        (status = 422, description = "The overlap is longer than a week", body = ErrorEnvelope),
    )
)]
pub async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    PathId(id): PathId,
    JsonBody(request): JsonBody<RotateSecret>,
) -> Result<Answer<WebhookWithSecret>, ApiError> {
    caller.needs(Scope::Analyze)?;
    if request.overlap_seconds > MAX_OVERLAP {
        let message = format!("it must be 0 to {MAX_OVERLAP} (a week)");
        return Err(ApiError::invalid("overlap_seconds", message));
    }
    let overlap = Duration::from_secs(request.overlap_seconds);
    let secret = secret()?;
    let mut transaction = app.db.begin().await?;
    let webhook = webhooks::rotate(&mut transaction, id, caller.sees(), &secret, overlap).await?;
    let webhook = webhook.ok_or_else(|| ApiError::not_found("webhook"))?;
    let entry = Entry {
        action: "webhook.rotate",
        subject: format!("webhook:{id}"),
        details: json!({ "overlap_seconds": request.overlap_seconds }),
    };
    audit::write(&mut transaction, &actor(&caller, request_id), &entry).await?;
    transaction.commit().await?;
    Ok(ok(WebhookWithSecret { webhook, secret }))
}

/// Reads an address, under the rules of this server.
fn url(app: &App, text: &str) -> Result<String, ApiError> {
    let url = Guard::new(app.settings.private_webhooks).parse(text);
    let url = url.map_err(|error| ApiError::invalid("url", error.to_string()))?;
    Ok(url.into())
}

/// Checks events.
fn events(mut events: Vec<String>) -> Result<Vec<String>, ApiError> {
    let known = |event: &String| EVENTS.contains(&event.as_str());
    let some = 1..=EVENTS.len();
    if !some.contains(&events.len()) || !events.iter().all(known) {
        let message = format!("name one or more of {}, each once", EVENTS.join(", "));
        return Err(ApiError::invalid("events", message));
    }
    events.sort_unstable();
    events.dedup();
    Ok(events)
}

fn secret() -> Result<String, ApiError> {
    let secret = Secret::random().map_err(|error| ApiError::internal(&error))?;
    Ok(secret.expose())
}

/// What a path names as `{id}`.
#[derive(Debug, Clone, Copy)]
pub struct PathId(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        path_id(parts, state, "id").await.map(Self)
    }
}
