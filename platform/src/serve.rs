//! `packguard serve`: the HTTP server and what runs beside it.
//!
//! State: the connections, each a task that is counted, at most as many as are allowed; a
//! connection beyond that waits in the kernel's queue.
//!
//! End: when `stop` is cancelled, `/ready/` says so, streams of events end and connections are
//! closed as their requests are answered, while new ones are still taken for [`DRAIN`]: load
//! balancers need that long to hear of it. Then nothing new is taken, and what is under way
//! has the rest of the grace period. So a rolling restart fails no request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use sqlx::PgPool;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tower::{Layer as _, ServiceExt as _};
use tower_http::normalize_path::NormalizePathLayer;

use crate::admin::prune::{self, Ages};
use crate::api::service::Service;
use crate::api::submitter::Submitter;
use crate::api::{ApiSettings, App, front, keys::Keys};
use crate::config::{Downloads, ServeConfig, ServeSettings};
use crate::db::submit::Reuse;
use crate::db::{self, health};
use crate::queue::Queue;
use crate::queue::rate_limit::RateLimiter;
use crate::queue::wakeups::Hub;
use crate::reconcile::{Reanalyses, Reconciler};
use crate::router;
use crate::storage::Storage;
use crate::telemetry::Metrics;
use crate::webhooks::{self, Guard, Sender};

/// How long new connections are still taken after `stop`: Kubernetes takes a pod out of its
/// services within a second or two. A fifth of the grace period where that is less.
const DRAIN: Duration = Duration::from_secs(5);

/// After a failed accept (no file descriptors left): others close meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// Requests at once on one HTTP/2 connection: what hyper recommends against floods.
const STREAMS: u32 = 100;

/// How often an HTTP/2 connection is asked whether it is alive, and how long it may take.
const PING: Duration = Duration::from_secs(20);

/// Why the server ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened at.
    #[error("cannot listen at {address}: {error}; is something else there? LISTEN says where")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The database has an older schema than this version wants.
    #[error("the database lacks migrations {0:?}: run `packguard migrate` first")]
    Schema(Vec<i64>),
    /// The database refuses.
    #[error("the database can't be used: {0}")]
    Database(#[from] sqlx::Error),
    /// Webhooks can't be delivered.
    #[error("there is no TLS to deliver webhooks with: {0}")]
    Tls(reqwest::Error),
    /// The API's description can't be written.
    #[error("the API's description is no JSON: {0}")]
    Document(#[from] serde_json::Error),
}

/// What the API stands before.
#[derive(Debug, Clone)]
pub struct Behind {
    /// The truth.
    pub db: PgPool,
    /// The index.
    pub queue: Queue,
    /// Reports and uploads.
    pub storage: Storage,
    /// What is counted.
    pub metrics: Metrics,
}

/// What connections are held to.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Open at once.
    pub connections: usize,
    /// Bytes of a request's line and headers.
    pub header: usize,
    /// How long they may take, and how long a connection may be idle.
    pub header_timeout: Duration,
    /// How long the end may take.
    pub grace: Duration,
}

impl Bounds {
    /// As configured.
    pub fn new(config: &ServeConfig, grace: Duration) -> Self {
        Self {
            connections: config.max_connections,
            header: config.header_limit,
            header_timeout: config.header_timeout,
            grace,
        }
    }
}

/// Serves until `stop`, and then until what is under way has ended.
///
/// # Errors
/// When it can't begin.
pub async fn run(
    config: &ServeSettings,
    behind: Behind,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    check_schema(&behind.db).await?;
    let address = config.serve.listen;
    let failed = |error| ServeError::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let app = app(config, behind)?;
    let mut beside = background(config, &app, &stop)?;
    tracing::info!(%address, "serving");
    let bounds = Bounds::new(&config.serve, config.tasks.grace_period);
    serve(listener, Arc::clone(&app), bounds, stop).await;
    // They were told to end, and have had the whole grace period.
    while timeout_at(Instant::now() + PAUSE, beside.join_next())
        .await
        .is_ok_and(|ended| ended.is_some())
    {}
    beside.shutdown().await;
    tracing::info!("ended");
    Ok(())
}

/// Refuses a database that was not migrated: every request would fail. One that is away is
/// waited for; `/ready/` says so meanwhile.
async fn check_schema(db: &PgPool) -> Result<(), ServeError> {
    match health::missing_migrations(db).await {
        Ok(missing) if missing.is_empty() => Ok(()),
        Ok(missing) => Err(ServeError::Schema(missing)),
        Err(error) if db::is_away(&error) => {
            tracing::warn!(%error, "the database is away, so its schema was not checked");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// What handlers work with. Starts the writers of submissions and the listener for wake-ups.
///
/// # Errors
/// When the API's description can't be written, which would be a defect of its types.
pub fn app(config: &ServeSettings, behind: Behind) -> Result<Arc<App>, ServeError> {
    let (serve, tasks) = (&config.serve, &config.tasks);
    let reuse = Reuse {
        max_age: serve.report_max_age,
    };
    let Behind {
        db,
        queue,
        storage,
        metrics,
    } = behind;
    Ok(Arc::new(App {
        limiter: RateLimiter::new(&queue),
        hub: Hub::start(&queue),
        keys: Keys::new(db.clone()),
        submitter: Submitter::start(&db, &queue, reuse, &metrics),
        service: Service::default(),
        document: serde_json::to_vec(&router::document())?.into(),
        settings: ApiSettings {
            reuse,
            task_timeout: tasks.timeout,
            max_attempts: i32::try_from(tasks.max_attempts).unwrap_or(i32::MAX),
            request_timeout: serve.request_timeout,
            upload_timeout: serve.upload_timeout,
            max_body: serve.body_limit,
            max_batch_body: serve.batch_body_limit,
            rate_limit: i32::try_from(serve.rate_limit).unwrap_or(i32::MAX),
            private_webhooks: serve.webhooks.allow_private,
            max_batch: serve.batch_limit,
            max_upload: serve.upload_limit,
            cors_origins: serve.cors_origins.clone(),
            docs_page: serve.docs_page,
            redirect_downloads: config.storage.downloads == Downloads::Redirect,
            signatures: serve.signatures,
            admission: serve.admission.clone(),
            step_limits: serve.step_limits,
        },
        db,
        queue,
        storage,
        metrics,
    }))
}

/// Starts what runs beside the server, each until `stop`.
fn background(
    config: &ServeSettings,
    app: &Arc<App>,
    stop: &CancellationToken,
) -> Result<JoinSet<()>, ServeError> {
    let mut beside = JoinSet::new();
    let (keys, until) = (Arc::clone(app), stop.clone());
    beside.spawn(async move { keys.keys.listen(until).await });
    let reconciler = Reconciler {
        db: app.db.clone(),
        queue: app.queue.clone(),
        storage: app.storage.clone(),
        metrics: app.metrics.clone(),
        lease: config.tasks.lease,
        reanalyses: Reanalyses {
            open: config.serve.reanalysis_open,
            timeout: config.tasks.timeout,
            max_attempts: config.tasks.max_attempts,
        },
    };
    beside.spawn(reconciler.run(config.serve.reconcile_interval, stop.clone()));
    let ages = Ages::of(&config.retention, Some(config.serve.idempotency_max_age));
    beside.spawn(prune::run(
        app.db.clone(),
        app.storage.clone(),
        ages,
        stop.clone(),
    ));
    let guard = Guard::new(config.serve.webhooks.allow_private);
    let sender = Sender::new(&config.serve.webhooks, guard).map_err(ServeError::Tls)?;
    beside.spawn(webhooks::run(
        app.db.clone(),
        sender,
        app.metrics.clone(),
        stop.clone(),
    ));
    Ok(beside)
}

/// Serves `app` at `listener` until `stop`, and then until what is under way has ended, or
/// the grace period has.
pub async fn serve(listener: TcpListener, app: Arc<App>, bounds: Bounds, stop: CancellationToken) {
    let server = Server::new(&app, bounds);
    let mut connections = JoinSet::new();
    server
        .accept(&listener, &mut connections, stop.cancelled())
        .await;
    let end = Instant::now() + bounds.grace;
    app.service.closing.cancel();
    let drained = sleep(DRAIN.min(bounds.grace / 5));
    server.accept(&listener, &mut connections, drained).await;
    drop(listener);
    server.ending.cancel();
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout_at(end, ended).await.is_err() {
        let left = connections.len();
        tracing::warn!(left, "connections did not end within the grace period");
    }
    connections.shutdown().await;
}

struct Server {
    router: axum::Router,
    builder: auto::Builder<TokioExecutor>,
    bounds: Bounds,
    places: Arc<Semaphore>,
    ending: CancellationToken,
}

impl Server {
    fn new(app: &Arc<App>, bounds: Bounds) -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.header_timeout)
            .max_buf_size(bounds.header);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(bounds.header).unwrap_or(u32::MAX))
            .max_concurrent_streams(STREAMS)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        Self {
            router: router::router(app),
            builder,
            bounds,
            places: Arc::new(Semaphore::new(bounds.connections)),
            ending: CancellationToken::new(),
        }
    }

    /// Takes connections until `until`.
    async fn accept(
        &self,
        listener: &TcpListener,
        connections: &mut JoinSet<()>,
        until: impl Future<Output = ()>,
    ) {
        let mut until = std::pin::pin!(until);
        loop {
            let next = async {
                // The semaphore is never closed.
                let place = Arc::clone(&self.places).acquire_owned().await.ok();
                (listener.accept().await, place)
            };
            tokio::select! {
                () = &mut until => return,
                Some(_) = connections.join_next() => {}
                (accepted, place) = next => match accepted {
                    Ok((stream, _)) => {
                        let connection = self.connection(stream);
                        connections.spawn(async move {
                            connection.await;
                            drop(place);
                        });
                    }
                    Err(error) if is_the_clients(&error) => {}
                    Err(error) => {
                        tracing::error!(%error, "cannot take connections");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    /// Serves one connection.
    fn connection(&self, stream: TcpStream) -> impl Future<Output = ()> + Send + use<> {
        // Answers are whole; nothing gains from waiting for more.
        let _ = stream.set_nodelay(true);
        let (builder, ending) = (self.builder.clone(), self.ending.clone());
        let limit = self.bounds.header_timeout;
        let begun = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&begun);
        let service = NormalizePathLayer::append_trailing_slash().layer(self.router.clone());
        let service = tower::ServiceExt::<Request<Body>>::map_response(service, front::options);
        let service = service.map_request(move |request: Request<Incoming>| {
            seen.store(true, Ordering::Relaxed);
            front::shorten(request.map(Body::new))
        });
        async move {
            let service = TowerToHyperService::new(service);
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            // Until it is clear which HTTP it is, hyper knows no time limit.
            let silent = sleep(limit);
            tokio::select! {
                ended = connection.as_mut() => return note(ended),
                () = silent => if !begun.load(Ordering::Relaxed) { return },
                () = ending.cancelled() => {}
            }
            tokio::select! {
                ended = connection.as_mut() => return note(ended),
                () = ending.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            note(connection.await);
        }
    }
}

/// Clients that break off are everyday life.
fn note(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error, "a connection broke");
    }
}

/// Whether a connection broke before it was taken.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
