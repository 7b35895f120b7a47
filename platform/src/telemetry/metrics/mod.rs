//! What Prometheus reads.
//!
//! [`Metrics`] holds every metric; it is made once and cloned into whoever counts. There is
//! nothing process-wide, so a test has its own. Its methods say what happened and take typed
//! words; which series that touches is decided here.
//!
//! ```text
//! mod.rs        Metrics: made, encoded, served
//! front.rs      what clients see: HTTP, submissions, webhooks
//! work.rs       queue, tasks, slots, analyzers
//! backends.rs   registries, storage, Postgres, Redis, caches, the reconciler
//! process.rs    the process itself, read from /proc at each scrape
//! labels.rs     the words; buckets.rs the boundaries; catalogue.rs the documentation
//! ```
//!
//! Failure rule: counting can't fail.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

mod backends;
mod buckets;
mod catalogue;
mod front;
mod labels;
mod process;
#[cfg(test)]
mod tests;
mod work;

pub use backends::Backend;
pub use buckets::Buckets;
pub use catalogue::Described;
pub use front::RunningRequest;
pub use labels::{
    Cache, CacheResult, Delivery, Dependency, FetchError, Outcome, QueueState, Repair, Return,
    Submission, SubmissionOutcome, TaskOutcome,
};

/// What [`Metrics::encode`] writes.
pub const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics; a clone counts into the same.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

type AtScrape = Box<dyn Fn(&Metrics) + Send + Sync>;

struct Inner {
    registry: Registry,
    process: Registry,
    described: Vec<Described>,
    front: front::Front,
    work: work::Work,
    backends: backends::Backends,
    at_scrape: RwLock<Vec<AtScrape>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// All at nought. `version` is the command's.
    pub fn new(version: &str) -> Self {
        Self::with(version, |_| {})
    }

    /// As [`Self::new`], with what another part of the process counts, under the same prefix.
    pub fn with(version: &str, register: impl FnOnce(&mut Registry)) -> Self {
        let mut catalogue = catalogue::Catalogue::new();
        let help = "Always 1; its label tells the version that runs";
        let info = Info::new(vec![("version", version.to_owned())]);
        catalogue.registry.register("build", help, info);
        catalogue.describe(Described {
            name: String::from("packguard_build_info"),
            kind: "info",
            labels: &["version"],
            help,
            buckets: None,
        });
        let front = front::Front::new(&mut catalogue);
        let work = work::Work::new(&mut catalogue);
        let backends = backends::Backends::new(&mut catalogue);
        let process = process::register(&mut catalogue);
        register(&mut catalogue.registry);
        Self(Arc::new(Inner {
            process,
            registry: catalogue.registry,
            described: catalogue.described,
            front,
            work,
            backends,
            at_scrape: RwLock::default(),
        }))
    }

    /// Has `update` called before each scrape, to set gauges that are cheap to read (a pool's
    /// connections). It must not block.
    pub fn at_scrape(&self, update: impl Fn(&Self) + Send + Sync + 'static) {
        let mut all = self
            .0
            .at_scrape
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.push(Box::new(update));
    }

    /// Everything in the OpenMetrics text format ([`CONTENT`]).
    pub fn encode(&self) -> String {
        let updates = self
            .0
            .at_scrape
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for update in updates.iter() {
            update(self);
        }
        let mut text = String::new();
        let written = encode_registry(&mut text, &self.0.registry)
            .and_then(|()| encode_registry(&mut text, &self.0.process))
            .and_then(|()| encode_eof(&mut text));
        if let Err(error) = written {
            // The text lacks its end mark then, so Prometheus refuses it and raises `up == 0`.
            tracing::error!(%error, "could not encode the metrics");
        }
        text
    }

    /// What there is.
    pub fn described(&self) -> &[Described] {
        &self.0.described
    }

    /// The documentation: a page of Markdown.
    pub fn page(&self) -> String {
        catalogue::page(&self.0.described)
    }
}

/// Answers `GET /metrics`.
pub async fn metrics_answer(metrics: &Metrics) -> impl IntoResponse + use<> {
    ([(CONTENT_TYPE, CONTENT)], metrics.encode())
}

/// What a process without an API serves: `/metrics`, `/health/` (that it runs), and `/ready/` (that `begun` was
/// cancelled: it has loaded and connected to what it needs, so a rollout may go on).
pub fn metrics_router(metrics: Metrics, begun: CancellationToken) -> axum::Router {
    let alive = || async { axum::Json(serde_json::json!({"status": "ok"})) };
    let ready = async move || match begun.is_cancelled() {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not yet ready"),
    };
    axum::Router::new()
        .route("/health/", get(alive))
        .route("/health", get(alive))
        .route("/ready/", get(ready.clone()))
        .route("/ready", get(ready))
        .route(
            "/metrics",
            get(async move || metrics_answer(&metrics).await),
        )
}

/// Gauges are signed.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
