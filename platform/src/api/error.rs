//! What a request can be answered with when it can't be served.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::queue::QueueError;
use crate::storage::StorageError;

/// One field of a request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Its place, as in `purls[3].purl`, or the header's name.
    pub field: String,
    /// What is wrong, and what would do.
    pub message: String,
}

/// An error as the client sees it. `code` is API: clients match on it. Boxed: every handler's
/// result has room for one, and few are ever made.
#[derive(Debug, Clone)]
pub struct ApiError(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    message: String,
    fields: Vec<FieldError>,
    headers: HeaderMap,
}

impl ApiError {
    /// Any error. Prefer the constructors below: they fix status and code together.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            status,
            code,
            message: message.into(),
            fields: Vec::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// 400: it can't be read at all.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 422: it can be read, but makes no sense.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request",
            "the request makes no sense: see `fields`",
        )
        .field(field, message)
    }

    /// 401: no key, or none that is good.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message).header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"packguard\""),
        )
    }

    /// 403: the key lacks a scope.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 404: there is none, or none that the key may see.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no such {what}"),
        )
    }

    /// 409.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 413.
    pub fn too_large(limit: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "payload_too_large",
            format!("the body is larger than {limit} bytes"),
        )
    }

    /// 429.
    pub fn rate_limited(message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message).retry_after(retry_after)
    }

    /// 503: a service behind this one is away.
    pub fn unavailable(what: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            format!("{what} can't be reached at the moment; try again"),
        )
        .retry_after(Duration::from_secs(5))
    }

    /// 503: this one has enough to do.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
            .retry_after(Duration::from_secs(5))
    }

    /// 500: a defect of ours. `error` goes to the log, not to the client.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "this is a defect of Packguard: please report it with the request id",
        )
    }

    /// What it is answered with.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Whether it is a defect of ours.
    pub fn is_internal(&self) -> bool {
        self.0.status == StatusCode::INTERNAL_SERVER_ERROR
    }

    /// Names a field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.fields.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Says when to come back, in whole seconds.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }
}

/// What the envelope makes an error's body of; see `envelope.rs`.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub code: &'static str,
    pub message: String,
    pub fields: Vec<FieldError>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let inner = *self.0;
        let mut response = (inner.status, inner.headers).into_response();
        response.extensions_mut().insert(Failure {
            code: inner.code,
            message: inner.message,
            fields: inner.fields,
        });
        response
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if !crate::db::is_away(&error) {
            return Self::internal(&error);
        }
        tracing::warn!(%error, "the database is away");
        Self::unavailable("the database")
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        if !error.is_transient() {
            return Self::internal(&error);
        }
        tracing::warn!(%error, "the queue is away");
        Self::unavailable("the queue")
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        tracing::warn!(%error, "the object storage is away");
        Self::unavailable("the object storage")
    }
}
