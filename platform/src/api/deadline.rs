//! How long a request may take, and whose fault it is when it takes longer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};

use super::error::ApiError;

/// Middleware: bounds how long a request takes, its body included; not how long its answer is
/// sent. 408 where the client is still to send something, else 503: then it is something
/// behind this server that takes so long.
pub async fn bound(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let waiting = Arc::new(AtomicBool::new(false));
    let request = request.map(|body| {
        if body.is_end_stream() {
            return body;
        }
        let waiting = Arc::clone(&waiting);
        Body::new(Watched { body, waiting })
    });
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    answered.unwrap_or_else(|_| {
        if waiting.load(Ordering::Relaxed) {
            let message = "the body came too slowly";
            return ApiError::new(StatusCode::REQUEST_TIMEOUT, "timeout", message).into_response();
        }
        tracing::warn!(?limit, "a request was given up: a server behind is slow");
        ApiError::unavailable("a server behind this one").into_response()
    })
}

/// A body that notes whether somebody waits for the client to send more of it.
struct Watched {
    body: Body,
    waiting: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.waiting.store(polled.is_pending(), Ordering::Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
