//! `packguard scale`: the controller of runtime pools, and what it would do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use packguard_scale::controller::{self, Metrics, QueueSignals, SignalSource, SourceError};
use packguard_scale::crd::Class;
use packguard_scale::simulate::{self, SimulateArgs};
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Failure, USAGE, awaited_queue, database, listen};
use crate::admin::PoolsArgs;
use crate::cli::{ScaleCommand, ScaleRunArgs};
use crate::config::{self, Environment, ScaleSettings};
use crate::db::load::{self, Lately};
use crate::queue::{Load, Queue};
use crate::telemetry;

/// A pod is pulled, started and ready within this: what comes due meanwhile counts as work.
const POD_START: Duration = Duration::from_secs(30);

/// The queue is asked once for all pools of a pass.
const LOAD_AGE: Duration = Duration::from_millis(500);

/// What to do where there is no cluster.
const KUBECONFIG: &str =
    "in a pod its ServiceAccount says where the API server is; elsewhere set KUBECONFIG";

/// Averages over minutes need no asking every two seconds.
const LATELY_AGE: Duration = Duration::from_secs(15);

/// Does what is asked for.
///
/// # Errors
/// When it can't begin.
pub async fn scale(command: ScaleCommand, stop: CancellationToken) -> Result<(), Failure> {
    match command {
        ScaleCommand::Run(args) => run(&args, stop).await,
        ScaleCommand::Simulate(args) => simulated(&args),
        ScaleCommand::Crd => {
            let text = packguard_scale::crd::yaml();
            print!(
                "{}",
                text.map_err(|error| Failure::environment(&error, ""))?
            );
            Ok(())
        }
    }
}

fn simulated(args: &SimulateArgs) -> Result<(), Failure> {
    let text = simulate::run(args).map_err(|error| Failure {
        message: error.to_string(),
        hint: String::new(),
        code: USAGE,
    })?;
    print!("{text}");
    Ok(())
}

async fn run(args: &ScaleRunArgs, stop: CancellationToken) -> Result<(), Failure> {
    let settings: ScaleSettings = config::resolve(&args.flags.0, &Environment::of_process())?;
    let telemetry = telemetry::init(&settings.telemetry, "scale")
        .map_err(|error| Failure::environment(&error, "check the settings of logs and traces"))?;
    let begun = CancellationToken::new();
    let metrics = Metrics::default();
    let shown = telemetry::Metrics::with(env!("CARGO_PKG_VERSION"), |all| metrics.register(all));
    let served = listen(settings.metrics_listen, &shown, &begun, &stop).await?;
    let client = controller::connect(&metrics).await;
    let client = client.map_err(|error| Failure::environment(&error, KUBECONFIG))?;
    let source = Source {
        db: database(&settings.database)?,
        queue: awaited_queue(&settings.redis, &stop).await?,
        load: Mutex::default(),
        lately: [Mutex::default(), Mutex::default()],
    };
    begun.cancel();
    let process = uuid::Uuid::new_v4().simple().to_string();
    controller::run(
        client,
        args.controller.config(&process),
        source,
        metrics,
        stop,
    )
    .await;
    served.abort();
    telemetry.shutdown().await;
    Ok(())
}

/// `packguard admin pools`
///
/// # Errors
/// When the cluster refuses, or is none.
pub(super) async fn pools(args: &PoolsArgs) -> Result<(), Failure> {
    let client = controller::connect(&Metrics::default()).await;
    let client = client.map_err(|error| Failure::environment(&error, KUBECONFIG))?;
    let text = packguard_scale::admin::run(client, args).await;
    let text = text.map_err(|error| {
        Failure::environment(&error, "`packguard admin pools list` shows what there is")
    })?;
    println!("{text}");
    Ok(())
}

/// What was learnt, and when.
type Remembered<T> = Mutex<Option<(Instant, T)>>;

/// Redis for what there is to do, Postgres for how long it takes.
struct Source {
    db: PgPool,
    queue: Queue,
    load: Remembered<Arc<Load>>,
    lately: [Remembered<Lately>; 2],
}

impl Source {
    async fn load(&self) -> Result<Arc<Load>, SourceError> {
        let mut known = self.load.lock().await;
        if let Some((_, load)) = known.as_ref().filter(|(at, _)| at.elapsed() < LOAD_AGE) {
            return Ok(Arc::clone(load));
        }
        let load = self.queue.load(POD_START).await;
        let load = Arc::new(load.map_err(|error| SourceError(error.to_string()))?);
        *known = Some((Instant::now(), Arc::clone(&load)));
        Ok(load)
    }

    /// A Postgres that is away makes no queue unknown: then nothing is known of lately.
    async fn lately(&self, background: bool) -> Lately {
        let mut known = self.lately[usize::from(background)].lock().await;
        if let Some((_, lately)) = known.as_ref().filter(|(at, _)| at.elapsed() < LATELY_AGE) {
            return *lately;
        }
        let lately = load::lately(&self.db, background).await;
        let lately = lately.unwrap_or_else(|error| {
            tracing::warn!(%error, "Postgres does not say how long tasks take");
            Lately::default()
        });
        *known = Some((Instant::now(), lately));
        lately
    }
}

impl SignalSource for Source {
    async fn signals(&self, class: Class) -> Result<QueueSignals, SourceError> {
        let measured_at = Utc::now();
        let load = self.load().await?;
        let (work, background) = match class {
            Class::Standard => (load.clients, false),
            Class::Bulk => (load.background, true),
        };
        let lately = self.lately(background).await;
        let seconds = |value: f64| Duration::try_from_secs_f64(value).ok();
        Ok(QueueSignals {
            measured_at,
            ready: work.ready,
            leased: work.leased,
            due_soon: work.due_soon,
            oldest_wait: work.oldest_ready.unwrap_or_default(),
            service_time: lately.service.and_then(seconds),
            // As many come as end, in the long run.
            arrivals_per_second: lately
                .span
                .filter(|span| *span > 1.0)
                .map(|span| lately.ended as f64 / span),
            wait_p95: lately.wait_p95.and_then(seconds),
        })
    }

    async fn busy_workers(&self) -> Result<BTreeSet<String>, SourceError> {
        Ok(self.load().await?.busy.clone())
    }
}
