//! Watches: what changed since a version, bookmarks in between, 410 where that is too long ago.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::kinds::Kind;
use crate::requests::{Params, Target, selected, status};
use crate::server::Inner;
use crate::store::Refusal;

/// How often a watch that asked for bookmarks gets one. A minute in the real one.
const BOOKMARK: Duration = Duration::from_millis(200);

pub fn follow(inner: &Arc<Inner>, target: &Target, params: &Params) -> Response {
    let from: u64 = params
        .get("resourceVersion")
        .and_then(|version| version.parse().ok())
        .unwrap_or(0);
    let seconds = params
        .get("timeoutSeconds")
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(1800);
    let watch = Watch {
        inner: Arc::clone(inner),
        versions: inner.version.subscribe(),
        kind: target.kind,
        namespace: target.namespace.clone(),
        params: params.clone(),
        sent: from,
        until: Instant::now() + Duration::from_secs(seconds),
        over: false,
    };
    let lines = stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((Ok::<_, Infallible>(line), watch))
    });
    (
        StatusCode::OK,
        [(header::CONTENT_TYPE, "application/json")],
        Body::from_stream(lines),
    )
        .into_response()
}

struct Watch {
    inner: Arc<Inner>,
    versions: watch::Receiver<u64>,
    kind: Kind,
    namespace: String,
    params: Params,
    sent: u64,
    until: Instant,
    over: bool,
}

impl Watch {
    /// The next lines; none at the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            if self.over || Instant::now() >= self.until {
                return None;
            }
            self.versions.mark_unchanged();
            if let Some(lines) = self.lines() {
                return Some(lines);
            }
            if timeout(BOOKMARK, self.versions.changed()).await.is_err()
                && self
                    .params
                    .get("allowWatchBookmarks")
                    .is_some_and(|asked| asked == "true")
            {
                let object = json!({"apiVersion": self.kind.api_version(), "kind": self.kind.kind, "metadata": {"resourceVersion": self.sent.to_string()}});
                return Some(line("BOOKMARK", &object));
            }
        }
    }

    fn lines(&mut self) -> Option<String> {
        let store = self.inner.store.lock().unwrap();
        if self.sent < store.compacted {
            self.over = true;
            let gone = Refusal::new(
                410,
                "Expired",
                format!(
                    "too old resource version: {} ({})",
                    self.sent, store.compacted
                ),
            );
            return Some(line("ERROR", &status(&gone)));
        }
        let first = store
            .log
            .partition_point(|change| change.version <= self.sent);
        let mut lines = String::new();
        for change in &store.log[first..] {
            if change.kind == self.kind
                && change.namespace == self.namespace
                && selected(&change.object, &self.params)
            {
                lines.push_str(&line(change.type_, &change.object));
            }
        }
        self.sent = store.version;
        (!lines.is_empty()).then_some(lines)
    }
}

fn line(type_: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": type_, "object": object}))
}
