//! The envelope that every answer of the API has, and the request id.
//!
//! Handlers return [`Answer`] or an `ApiError`; both carry their content as an extension of
//! an empty response, and [`seal`], outermost, writes the body. So answers that no handler
//! made (no such route, wrong method, body too large, time-out, panic) are sealed as well.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;

use super::error::{ApiError, Failure, FieldError};

/// The header that carries the request id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is taken over from a client.
const MAX_REQUEST_ID: usize = 128;

/// The id of a request: the client's, or one of ours. An extension of every request.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// A successful answer with its status; sealed as `{"success":true,"data":…,"request_id":…}`.
#[derive(Debug)]
pub struct Answer<T>(pub StatusCode, pub T);

/// `200`.
pub fn ok<T>(data: T) -> Answer<T> {
    Answer(StatusCode::OK, data)
}

#[derive(Clone)]
struct Success(std::sync::Arc<RawValue>);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match serde_json::value::to_raw_value(&self.1) {
            Ok(data) => {
                let mut response = self.0.into_response();
                response.extensions_mut().insert(Success(data.into()));
                response
            }
            Err(error) => ApiError::internal(&error).into_response(),
        }
    }
}

/// The shape of successful answers, for the OpenAPI document.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Envelope<T> {
    /// Always true.
    pub success: bool,
    /// What was asked for.
    pub data: T,
    /// Repeated in the header `X-Request-Id` and in our logs.
    pub request_id: String,
}

/// The shape of errors.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ErrorEnvelope {
    /// Always false.
    pub success: bool,
    /// The HTTP status in words.
    pub error: String,
    /// What went wrong, and what to do next.
    pub message: String,
    /// The error's word, for programs.
    pub code: String,
    /// The fields that are wrong.
    pub fields: Vec<FieldError>,
    /// Repeated in the header `X-Request-Id` and in our logs.
    pub request_id: String,
}

/// Middleware: gives each request its id, and each answer its envelope.
pub async fn seal(mut request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let head = request.method() == Method::HEAD;
    let value = HeaderValue::from_str(&id).ok();
    request.extensions_mut().insert(RequestId(id.clone()));
    if let Some(value) = value.clone() {
        // The same for tower-http's layers.
        let theirs = tower_http::request_id::RequestId::new(value);
        request.extensions_mut().insert(theirs);
    }
    let mut response = next.run(request).await;
    let body = if let Some(Success(data)) = response.extensions_mut().remove() {
        Some(serde_json::to_vec(&Envelope {
            success: true,
            data: &*data,
            request_id: id.clone(),
        }))
    } else if response.status().is_client_error() || response.status().is_server_error() {
        let failure = response.extensions_mut().remove::<Failure>();
        let failure = failure.unwrap_or_else(|| unnamed(response.status()));
        Some(serde_json::to_vec(&ErrorEnvelope {
            success: false,
            error: response
                .status()
                .canonical_reason()
                .unwrap_or("Error")
                .into(),
            message: failure.message,
            code: failure.code.into(),
            fields: failure.fields,
            request_id: id.clone(),
        }))
    } else {
        None
    };
    if let Some(body) = body {
        // Strings, numbers and text that is JSON already: this can't fail.
        let body = body.unwrap_or_default();
        let length = HeaderValue::from(body.len());
        *response.body_mut() = if head {
            Body::empty()
        } else {
            Body::from(body)
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
    }
    if let Some(value) = value {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The client's id where it has one that can stand in a log line, else one of ours.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID);
    let given = given.and_then(|value| value.to_str().ok()).filter(|text| {
        (1..=MAX_REQUEST_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    });
    given.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

/// The words for answers that no handler made.
fn unnamed(status: StatusCode) -> Failure {
    let (code, message) = match status {
        StatusCode::NOT_FOUND => (
            "not_found",
            "there is nothing at this address; /docs/ shows what there is",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            "method_not_allowed",
            "this address does not take this method; the header Allow names those it takes",
        ),
        StatusCode::REQUEST_TIMEOUT => ("timeout", "the request took too long"),
        StatusCode::PAYLOAD_TOO_LARGE => ("payload_too_large", "the body is too large"),
        StatusCode::URI_TOO_LONG => ("uri_too_long", "the address is too long"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            "unsupported_media_type",
            "send the body as application/json",
        ),
        StatusCode::SERVICE_UNAVAILABLE => ("unavailable", "busy at the moment; try again"),
        status if status.is_client_error() => ("bad_request", "the request can't be read"),
        _ => (
            "internal_error",
            "this is a defect of Packguard: please report it with the request id",
        ),
    };
    Failure {
        code,
        message: message.into(),
        fields: Vec::new(),
    }
}
