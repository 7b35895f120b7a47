//! HTTP at the boundary: a span and one log line per request ([`trace_layer`]), and its
//! metrics ([`record`]).
//!
//! Neither looks at headers other than `traceparent` and the request's id, nor at the query:
//! keys and presigned URLs stay out. Put both on the router by `Router::layer`, so that the
//! matched route is known; the request's id must be set before
//! (`SetRequestIdLayer`, applied outside).

use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, Response};
use axum::middleware::Next;
use tower_http::classify::{ServerErrorsAsFailures, ServerErrorsFailureClass, SharedClassifier};
use tower_http::request_id::RequestId;
use tower_http::trace::{MakeSpan, OnFailure, OnResponse, TraceLayer};
use tracing::Span;
use tracing::field::Empty;

use super::metrics::Metrics;

/// What stands for the route where none matched.
pub const UNMATCHED: &str = "unmatched";
/// A client's own request id is logged up to here; the API hands it back whole.
const LONGEST_ID: usize = 128;

/// The layer that [`trace_layer`] makes.
pub type HttpTrace = TraceLayer<
    SharedClassifier<ServerErrorsAsFailures>,
    RequestSpan,
    (),
    LogAnswer,
    (),
    (),
    LogFailure,
>;

/// Opens a span per request and logs its answer once.
pub fn trace_layer() -> HttpTrace {
    TraceLayer::new_for_http()
        .make_span_with(RequestSpan)
        .on_request(())
        .on_response(LogAnswer)
        .on_body_chunk(())
        .on_eos(())
        .on_failure(LogFailure)
}

/// The span of a request, part of its caller's trace if it brings one.
pub fn request_span<B>(request: &axum::http::Request<B>) -> Span {
    let method = method_name(request.method());
    let route = route(request.extensions().get::<MatchedPath>());
    let id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default();
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        request_id = id.get(..LONGEST_ID).unwrap_or(id),
        trace_id = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        error.type = Empty,
    );
    super::follow_headers(&span, request.headers());
    span
}

/// Makes [`request_span`]s.
#[derive(Debug, Clone, Copy)]
pub struct RequestSpan;

impl<B> MakeSpan<B> for RequestSpan {
    fn make_span(&mut self, request: &axum::http::Request<B>) -> Span {
        request_span(request)
    }
}

/// Logs an answer when its headers are ready.
#[derive(Debug, Clone, Copy)]
pub struct LogAnswer;

impl<B> OnResponse<B> for LogAnswer {
    fn on_response(self, response: &Response<B>, latency: Duration, span: &Span) {
        let status = response.status();
        span.record("http.response.status_code", status.as_u16());
        let (status, latency_ms) = (status.as_u16(), latency.as_secs_f64() * 1e3);
        // The server's fault is an error; the client's is everyday life.
        if status >= 500 {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", status);
            tracing::error!(parent: span, status, latency_ms, "answered");
        } else {
            tracing::info!(parent: span, status, latency_ms, "answered");
        }
    }
}

/// Logs an answer that broke off; one with an error status was logged already.
#[derive(Debug, Clone, Copy)]
pub struct LogFailure;

impl OnFailure<ServerErrorsFailureClass> for LogFailure {
    fn on_failure(&mut self, class: ServerErrorsFailureClass, latency: Duration, span: &Span) {
        if let ServerErrorsFailureClass::Error(error) = class {
            let latency_ms = latency.as_secs_f64() * 1e3;
            span.record("otel.status_code", "ERROR");
            tracing::error!(parent: span, error, latency_ms, "the answer broke off");
        }
    }
}

/// Middleware that counts and times a request:
/// `axum::middleware::from_fn_with_state(metrics, http::record)`.
///
/// A client that goes away before it is answered counts as status 499, as proxies have it.
pub async fn record(
    State(metrics): State<Metrics>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let running = metrics.http_started(method_name(request.method()), route(matched.as_ref()));
    let response = next.run(request).await;
    running.answered(response.status().as_u16());
    response
}

/// The route's template, never the path itself: that would be a label without bound.
fn route(matched: Option<&MatchedPath>) -> &str {
    matched.map_or(UNMATCHED, MatchedPath::as_str)
}

/// A method's name, or `_OTHER` (the semantic conventions' word): clients may invent any.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}
