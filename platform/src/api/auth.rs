//! Who asks, what they may do, and how much they have left of this hour.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::error::ApiError;
use super::keys::Key;
use crate::model::{KeyId, Scope};
use crate::queue::rate_limit::Decision;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Longest secret that is looked up; ours have 76 bytes.
const MAX_SECRET: usize = 256;

/// How long an answer waits to be told what the key has left: Redis takes a millisecond,
/// unless it is away, and then nobody should wait for it.
const LOOK: Duration = Duration::from_millis(200);

/// How long a submission waits to be counted: as long as a failover's reconnection takes.
const COUNT: Duration = Duration::from_secs(1);

/// Who asks: an extension of every request behind [`authenticate`], and an extractor.
#[derive(Debug, Clone)]
pub struct Caller {
    key: Key,
    spent: Arc<Mutex<Option<Decision>>>,
}

impl Caller {
    /// The key.
    pub fn id(&self) -> KeyId {
        self.key.id
    }

    /// Whether it may see and do everything.
    pub fn is_admin(&self) -> bool {
        self.key.scopes.contains(&Scope::Admin)
    }

    /// Whose rows it may see: `None` for everybody's.
    pub fn sees(&self) -> Option<KeyId> {
        (!self.is_admin()).then_some(self.key.id)
    }

    /// Refuses callers without the scope; admins have all.
    ///
    /// # Errors
    /// 403.
    pub fn needs(&self, scope: Scope) -> Result<(), ApiError> {
        if self.is_admin() || self.key.scopes.contains(&scope) {
            return Ok(());
        }
        Err(ApiError::forbidden(format!(
            "this key lacks the scope `{scope}`: ask an admin for one that has it"
        )))
    }

    /// Takes `packages` off what the key may submit in this hour. While Redis is away nothing
    /// is counted and nothing refused: tasks are taken all the same, for Postgres is the
    /// truth, and who may submit is known.
    ///
    /// # Errors
    /// 429 when that is more than is left.
    pub async fn spend(&self, app: &App, packages: u32) -> Result<(), ApiError> {
        let limit = self.key.rate_limit;
        let taken = tokio::time::timeout(COUNT, app.limiter.take(self.key.id, packages, limit));
        let decision = match taken.await {
            Ok(Ok(decision)) => decision,
            Ok(Err(error)) if !error.is_transient() => return Err(error.into()),
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(packages, "the queue is away: a submission is not counted");
                return Ok(());
            }
        };
        let (allowed, again) = (decision.allowed, decision.retry_after);
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner) = Some(decision);
        if allowed {
            return Ok(());
        }
        let Some(again) = again else {
            let message = format!(
                "this key may submit {limit} packages an hour, and these are {packages}: send fewer at a time, or ask an admin for more"
            );
            return Err(ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                message,
            ));
        };
        let message = format!(
            "this key may submit {limit} packages an hour, and has fewer than {packages} left; the header Retry-After says when it has"
        );
        Err(ApiError::rate_limited(message, again))
    }

    /// Gives back what [`Caller::spend`] took for a submission that then failed through no
    /// fault of its sender. What can't be given back now comes back with the hour.
    pub async fn give_back(&self, app: &App, packages: u32) {
        if let Err(error) = app.limiter.give_back(self.key.id, packages).await {
            tracing::debug!(%error, "a submission's cost was not given back");
        }
    }

    /// Whether the key still is what it was when the request came.
    pub async fn is_still_good(&self, app: &App) -> bool {
        app.keys.is_good(&self.key).await
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| ApiError::internal(&"a route that needs a key lacks `authenticate`"))
    }
}

/// Middleware of all routes that need a key.
pub async fn authenticate(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match caller(&app, request.headers()).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let spent = Arc::clone(&caller.spent);
    let (id, limit) = (caller.key.id, caller.key.rate_limit);
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    let decision = spent.lock().unwrap_or_else(PoisonError::into_inner).take();
    let decision = match decision {
        Some(decision) => Some(decision),
        // Only submissions count; other answers say what is left, if that can be told.
        None => {
            let look = tokio::time::timeout(LOOK, app.limiter.take(id, 0, limit)).await;
            look.ok().and_then(Result::ok)
        }
    };
    if let Some(decision) = decision {
        let headers = response.headers_mut();
        for (name, value) in [
            ("x-ratelimit-limit", u64::from(decision.limit)),
            ("x-ratelimit-remaining", u64::from(decision.remaining)),
            ("x-ratelimit-reset", decision.reset.as_secs()),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
    response
}

async fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let secret = secret(headers)?;
    let key = app.keys.find(&secret).await?;
    let key = key.ok_or_else(|| ApiError::unauthorized("this API key is unknown or revoked"))?;
    Ok(Caller {
        key,
        spent: Arc::default(),
    })
}

/// The one secret that the request carries. Two that differ are refused: two readers of one
/// request must not see two callers.
fn secret(headers: &HeaderMap) -> Result<String, ApiError> {
    let malformed = || {
        ApiError::unauthorized(
            "send the API key once, as `Authorization: Bearer KEY` or `X-API-Key: KEY`",
        )
    };
    let mut found: Option<&str> = None;
    let bearer = headers.get_all(header::AUTHORIZATION).iter().map(|value| {
        let text = value.to_str().ok()?;
        let (scheme, secret) = text.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(secret.trim())
    });
    let plain = headers.get_all(API_KEY).iter();
    let plain = plain.map(|value| value.to_str().ok().map(str::trim));
    for secret in bearer.chain(plain) {
        let secret = secret.filter(|text| (1..=MAX_SECRET).contains(&text.len()));
        let secret = secret.ok_or_else(malformed)?;
        if found.is_some_and(|other| other != secret) {
            return Err(malformed());
        }
        found = Some(secret);
    }
    found.map(str::to_owned).ok_or_else(malformed)
}
