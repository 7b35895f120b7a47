//! How the service is: `/health/`, `/ready/`, `/metrics/`, and the API's description.
//!
//! State: [`Service`], what only the HTTP side of a process needs: whether it is closing, its
//! open streams, and the last answer about the servers behind it, which holds for [`FRESH`]
//! however many ask.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use sqlx::Connection as _;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::App;
use super::envelope::{Answer, Envelope, ErrorEnvelope, ok};
use super::error::ApiError;
use super::events::Streams;
use super::negotiate;
use crate::model::Priority;
use crate::storage::{ReportKey, StorageError};
use crate::telemetry::metrics::{self, Dependency, QueueState};

/// How long an answer about the servers behind holds: probes of any number cost one look.
const FRESH: Duration = Duration::from_secs(1);

/// How long each server may take: Kubernetes' probes wait for a second by default, and what
/// takes longer is not ready to serve either.
const PATIENCE: Duration = Duration::from_millis(800);

/// How long a scrape waits for the queue's depths.
const SCRAPE: Duration = Duration::from_millis(500);

/// Reports rendered at once: each takes a thread, and up to some 100 MB.
const RENDERS: usize = 2;

/// Components admitted at once: each takes some cores, and up to
/// `FUNCTION_ADMISSION_MEMORY`.
const ADMISSIONS: usize = 2;

/// Deploys received at once, those that wait for their admission included: each takes up to 64
/// MiB of the disk.
const DEPLOYS: usize = 8;

/// What only the HTTP side of a process needs.
#[derive(Debug, Clone)]
pub struct Service {
    /// Cancelled when the process is about to end: `/ready/` says so, streams end.
    pub closing: CancellationToken,
    /// Open streams of events.
    pub streams: Streams,
    /// Taken while a report is rendered.
    pub renders: Arc<Semaphore>,
    /// Taken while a component is admitted.
    pub admissions: Arc<Semaphore>,
    /// Taken while there is a component on the disk.
    pub deploys: Arc<Semaphore>,
    seen: Arc<Mutex<Option<(Instant, Behind)>>>,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            closing: CancellationToken::new(),
            streams: Streams::default(),
            renders: Arc::new(Semaphore::new(RENDERS)),
            admissions: Arc::new(Semaphore::new(ADMISSIONS)),
            deploys: Arc::new(Semaphore::new(DEPLOYS)),
            seen: Arc::default(),
        }
    }
}

/// That the process runs.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// Of the command.
    pub version: String,
}

/// Whether the process runs. Looks at nothing else: a database that is away is no reason to
/// restart this.
#[utoipa::path(
    get, operation_id = "get_health", path = "/health/", tag = "service", security(()),
    responses((status = 200, description = "It runs", body = Envelope<Health>))
)]
pub async fn health() -> Answer<Health> {
    ok(Health {
        status: "ok".into(),
        version: env!("CARGO_PKG_VERSION").into(),
    })
}

/// The servers behind.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub struct Behind {
    /// Postgres answers.
    pub database: bool,
    /// Redis answers.
    pub queue: bool,
    /// The object storage answers.
    pub storage: bool,
}

/// Whether requests can be served: Postgres, Redis and the object storage answer, and the
/// process is not about to end.
#[utoipa::path(
    get, operation_id = "get_readiness", path = "/ready/", tag = "service", security(()),
    responses(
        (status = 200, description = "They can", body = Envelope<Behind>),
        (status = 503, description = "They can't; `fields` names what is away", body = ErrorEnvelope),
    )
)]
pub async fn ready(State(app): State<Arc<App>>) -> Result<Answer<Behind>, ApiError> {
    let refuse = |message| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message);
    if app.service.closing.is_cancelled() {
        return Err(refuse("the process is about to end"));
    }
    let behind = behind(&app).await;
    let away = [
        ("database", behind.database),
        ("queue", behind.queue),
        ("storage", behind.storage),
    ];
    if away.iter().all(|(_, there)| *there) {
        return Ok(ok(behind));
    }
    let away = away.into_iter().filter(|(_, there)| !there);
    Err(away.fold(
        refuse("servers behind this one are away"),
        |error, (name, _)| error.field(name, "it does not answer"),
    ))
}

async fn behind(app: &App) -> Behind {
    // Whoever comes while somebody looks waits for that answer.
    let mut seen = app.service.seen.lock().await;
    if let Some((at, behind)) = *seen
        && at.elapsed() < FRESH
    {
        return behind;
    }
    let database = async {
        let asked = app.db.acquire().await;
        asked.ok()?.ping().await.ok()
    };
    let queue = async { app.queue.ping().await.is_ok() };
    let storage = async {
        // That there is no such report is an answer, too; nothing is written.
        let key = ReportKey::of(b"is anybody there?");
        let found = app.storage.get_report(&key).await;
        matches!(found, Ok(_) | Err(StorageError::NotFound { .. }))
    };
    let (database, queue, storage) = tokio::join!(
        timeout(PATIENCE, database),
        timeout(PATIENCE, queue),
        timeout(PATIENCE, storage),
    );
    let behind = Behind {
        database: database.is_ok_and(|answer| answer.is_some()),
        queue: queue.unwrap_or(false),
        storage: storage.unwrap_or(false),
    };
    *seen = Some((Instant::now(), behind));
    app.metrics
        .dependency(Dependency::Database, behind.database);
    app.metrics.dependency(Dependency::Queue, behind.queue);
    app.metrics.dependency(Dependency::Storage, behind.storage);
    behind
}

/// What Prometheus reads, as OpenMetrics.
#[utoipa::path(
    get, operation_id = "get_metrics", path = "/metrics/", tag = "service", security(()),
    responses((status = 200, description = "The metrics", body = String, content_type = "application/openmetrics-text"))
)]
pub async fn scrape(State(app): State<Arc<App>>) -> Response {
    behind(&app).await;
    app.metrics.database_pool(app.db.size(), app.db.num_idle());
    let started = Instant::now();
    if timeout(SCRAPE, app.db.acquire())
        .await
        .is_ok_and(|free| free.is_ok())
    {
        app.metrics.database_acquired(started.elapsed());
    }
    // Without Redis the depths stay as they were last seen.
    if let Ok(Ok(depths)) = timeout(SCRAPE, app.queue.depths()).await {
        app.metrics.queue_depth(QueueState::Ready, depths.ready);
        app.metrics.queue_depth(QueueState::Delayed, depths.delayed);
        app.metrics.queue_depth(QueueState::Leased, depths.leased);
        app.metrics.queue_oldest(depths.oldest_ready);
        let by_priority: Vec<(Priority, u64)> = depths
            .by_priority
            .into_iter()
            .map(|(priority, tasks)| (Priority::stored(priority), tasks))
            .collect();
        app.metrics.queue_ready(&by_priority);
    }
    metrics::metrics_answer(&app.metrics).await.into_response()
}

/// This description of the API.
#[utoipa::path(
    get, operation_id = "get_openapi", path = "/api/v1/openapi.json/", tag = "service", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub async fn openapi(
    State(app): State<Arc<App>>,
    headers: axum::http::HeaderMap,
) -> Result<Response, ApiError> {
    const JSON: &[&str] = &["application/json"];
    if negotiate::choose(&headers, JSON).is_none() {
        return Err(negotiate::not_acceptable(JSON));
    }
    let content = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(([content], app.document.clone()).into_response())
}
