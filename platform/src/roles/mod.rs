//! What each subcommand of a deployment does, and what they have in common: reading the
//! configuration, connecting, ending with a code.

mod doctor;
mod migrate;
mod scale;
mod serve;
mod work;

pub use doctor::{DoctorArgs, doctor};
pub use migrate::migrate;
pub use scale::scale;
pub use serve::serve;
pub use work::work;

use std::net::SocketAddr;
use std::time::Duration;

use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, AdminCommand};
use crate::cli::{AdminArgs, DevArgs};
use crate::config::{self, AdminSettings, DatabaseConfig, Environment, RedisConfig, StorageConfig};
use crate::db::{self, PoolOptions};
use crate::dev::{self, DevOptions};
use crate::queue::Queue;
use crate::storage::Storage;
use crate::telemetry::{self, Metrics};

/// Exit code when the configuration or the command line makes no sense.
pub const USAGE: u8 = 2;
/// Exit code when what is needed is away or refuses.
pub const ENVIRONMENT: u8 = 4;

/// Between two looks at a Redis that is away.
const KNOCK: Duration = Duration::from_secs(1);

/// Why a role ended.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub message: String,
    /// What to do next; empty where the message says so.
    pub hint: String,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    /// The environment failed.
    pub fn environment(message: &dyn std::fmt::Display, hint: &str) -> Self {
        Self {
            message: message.to_string(),
            hint: hint.to_owned(),
            code: ENVIRONMENT,
        }
    }
}

impl From<config::Problems> for Failure {
    fn from(problems: config::Problems) -> Self {
        Self {
            message: problems.to_string(),
            hint: String::new(),
            code: USAGE,
        }
    }
}

/// `packguard dev`
///
/// # Errors
/// When a part of it did not start, or ended.
pub async fn dev(args: DevArgs, stop: CancellationToken) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::environment(error, "");
    let mut options = DevOptions::new(args.folder).map_err(|error| failed(&error))?;
    options.port = args.port;
    dev::run(options, stop)
        .await
        .map_err(|error| failed(&error))
}

/// `packguard admin`
///
/// # Errors
/// When the configuration makes no sense, or what was asked for can't be done.
pub async fn admin(args: AdminArgs, stop: CancellationToken) -> Result<(), Failure> {
    // These speak to Kubernetes alone.
    if let AdminCommand::Pools(args) = &args.command {
        return scale::pools(args).await;
    }
    let settings: AdminSettings = config::resolve(&args.flags.0, &Environment::of_process())?;
    let output = admin::Output {
        out: &mut std::io::stdout(),
        notes: &mut std::io::stderr(),
    };
    admin::run(args.command, &settings, output, &stop)
        .await
        .map_err(|error| Failure {
            message: error.message,
            hint: error.hint,
            code: error.code,
        })
}

/// Serves health and metrics of a process that has no API; it is ready once `begun` is cancelled.
pub(crate) async fn listen(
    address: SocketAddr,
    metrics: &Metrics,
    begun: &CancellationToken,
    stop: &CancellationToken,
) -> Result<JoinHandle<()>, Failure> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let message = format!("{address} can't be listened on: {error}");
        Failure::environment(
            &message,
            "set METRICS_LISTEN to a free address; port 0 takes any",
        )
    })?;
    tracing::info!(address = ?listener.local_addr().ok(), "health and metrics");
    let (router, stop) = (
        telemetry::metrics::metrics_router(metrics.clone(), begun.clone()),
        stop.clone(),
    );
    Ok(tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "health and metrics are not served any more");
        }
    }))
}

/// Opens the database; nothing is asked yet.
pub(crate) fn database(config: &DatabaseConfig) -> Result<PgPool, Failure> {
    let options = PoolOptions {
        size: config.pool_size,
        acquire: config.acquire_timeout,
        statement: config.statement_timeout,
    };
    db::open(config.url.expose(), &options)
        .map_err(|error| Failure::environment(&error, "check DATABASE_URL"))
}

/// As [`queue`], for processes that start while Redis is away and work once it is back. One that
/// turns out then to lose tasks ends the process, whose next start says why.
pub(crate) async fn awaited_queue(
    config: &RedisConfig,
    stop: &CancellationToken,
) -> Result<Queue, Failure> {
    let config = config.queue_config();
    let refused = |error| Failure::environment(&error, "run `packguard doctor`");
    match Queue::connect(&config).await {
        Err(error) if error.is_transient() => {
            tracing::warn!(%error, "waiting for Redis; `packguard doctor` says more");
            let queue = Queue::lazy(&config).map_err(refused)?;
            tokio::spawn(check_when_back(queue.clone(), stop.clone()));
            Ok(queue)
        }
        connected => connected.map_err(refused),
    }
}

async fn check_when_back(queue: Queue, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(KNOCK) => {}
            () = stop.cancelled() => return,
        }
        match queue.check_server().await {
            Ok(_) => return,
            Err(error) if error.is_transient() => {}
            Err(error) => {
                tracing::error!(%error, "the Redis that is back can't be used: ending");
                return stop.cancel();
            }
        }
    }
}

/// Connects to Redis, and refuses one that would lose tasks.
pub(crate) async fn queue(config: &RedisConfig) -> Result<Queue, Failure> {
    Queue::connect(&config.queue_config())
        .await
        .map_err(|error| Failure::environment(&error, "run `packguard doctor`"))
}

/// Opens the object storage.
pub(crate) fn storage(config: &StorageConfig) -> Result<Storage, Failure> {
    Storage::open(config).map_err(|error| Failure::environment(&error, "run `packguard doctor`"))
}
