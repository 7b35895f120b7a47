//! What every request and every answer passes through, whatever the route.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tower_http::cors::CorsLayer;

use super::App;
use super::error::ApiError;

/// Longest path and query: a package's path holds a purl, of 4 KiB at most, three bytes for
/// each where it is percent-encoded.
const MAX_ADDRESS: usize = 16 << 10;

/// How long browsers may remember what CORS allows.
const CORS_MAX_AGE: Duration = Duration::from_secs(3600);

/// Marks a request whose address is too long, and whose routing is therefore spared.
#[derive(Debug, Clone, Copy)]
struct TooLong;

/// Before anything else looks at it: takes the address off a request that has too long a one.
/// [`method_and_address`] answers it.
pub fn shorten<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    let length = request
        .uri()
        .path_and_query()
        .map_or(0, |address| address.as_str().len());
    if length > MAX_ADDRESS {
        request.extensions_mut().insert(TooLong);
        *request.uri_mut() = Uri::from(PathAndQuery::from_static("/"));
    }
    request
}

/// Middleware: 414 for addresses that are too long, and OPTIONS on every route.
pub async fn method_and_address(request: Request, next: Next) -> Response {
    if request.extensions().get::<TooLong>().is_some() {
        return ApiError::new(
            StatusCode::URI_TOO_LONG,
            "uri_too_long",
            format!("path and query have more than {MAX_ADDRESS} bytes"),
        )
        .into_response();
    }
    let options = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if options && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.extensions_mut().insert(Options);
    }
    response
}

/// Marks an answer to OPTIONS.
#[derive(Debug, Clone, Copy)]
struct Options;

/// After everything else: the routes know what they take, and axum says so in Allow when all
/// middleware is through.
pub fn options(mut response: Response) -> Response {
    if response.extensions_mut().remove::<Options>().is_some() {
        *response.status_mut() = StatusCode::NO_CONTENT;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    response
}

/// Middleware, outermost: headers that every answer has, and those that compression left
/// wrong.
pub async fn finish(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let old = request.version() < Version::HTTP_2;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    for (name, value) in [
        // Answers are for one key, and of this moment, unless a route says otherwise.
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    one_vary(headers);
    // Two codings of one report are not the same bytes, so they may not share a strong tag.
    if headers.contains_key(header::CONTENT_ENCODING)
        && let Some(tag) = headers.get(header::ETAG)
        && !tag.as_bytes().starts_with(b"W/")
        && let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat())
    {
        headers.insert(header::ETAG, weak);
    }
    if old && app.service.closing.is_cancelled() {
        // The client opens its next connection elsewhere, and none is cut under a request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Gathers what layers and routes each put into a header of their own: some caches read the
/// first one alone.
fn one_vary(headers: &mut HeaderMap) {
    let mut names: Vec<String> = Vec::new();
    for value in headers.get_all(header::VARY) {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        for name in text.split(',').map(str::trim) {
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    if let Ok(value) = HeaderValue::from_str(&names.join(", "))
        && !names.is_empty()
    {
        headers.insert(header::VARY, value);
    }
}

/// What browsers may do on behalf of pages from these origins; `None` without any. Origins
/// that can't stand in a header were refused with the configuration.
pub fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|o| o.parse().ok()).collect();
    if origins.is_empty() {
        return None;
    }
    let ours = [
        "x-request-id",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ];
    let ours = ours.map(HeaderName::from_static);
    let standard = [
        header::ETAG,
        header::LINK,
        header::RETRY_AFTER,
        header::CONTENT_DISPOSITION,
    ];
    Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::ACCEPT,
                header::IF_NONE_MATCH,
                HeaderName::from_static("x-api-key"),
                HeaderName::from_static("x-idempotency-key"),
                HeaderName::from_static("x-request-id"),
                HeaderName::from_static("last-event-id"),
            ])
            .expose_headers(ours.into_iter().chain(standard).collect::<Vec<_>>())
            .max_age(CORS_MAX_AGE),
    )
}
