//! `packguard work`.

use std::sync::Arc;

use packguard_runtime::Pipeline;
use tokio_util::sync::CancellationToken;

use super::{Failure, awaited_queue, database, listen, queue, storage};
use crate::components::{self, Setup};
use crate::config::{self, Environment, Flags, WorkSettings, WorkerConfig};
use crate::db::health as schema;
use crate::knowledge::Knowledge;
use crate::registry::RegistryConfig;
use crate::scan::{self, Stop};
use crate::telemetry::{self, Metrics};
use crate::worker::{self, Connections, Mode, Tools};

/// Works until `stop`; with [`Mode::Once`] until nothing is ready any more.
///
/// # Errors
/// When it can't begin.
pub async fn work(flags: &Flags, mode: Mode, stop: CancellationToken) -> Result<(), Failure> {
    let settings: WorkSettings = config::resolve(flags, &Environment::of_process())?;
    let telemetry = telemetry::init(&settings.telemetry, "work")
        .map_err(|error| Failure::environment(&error, "check the settings of logs and traces"))?;
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let begun = CancellationToken::new();
    let health = listen(settings.worker.metrics_listen, &metrics, &begun, &stop).await?;
    // Redis is asked while the components are loaded: a worker is to be ready in 300 ms.
    let beginning = async {
        let queue = async {
            match mode {
                Mode::Forever => awaited_queue(&settings.redis, &stop).await,
                Mode::Once => queue(&settings.redis).await,
            }
        };
        tokio::try_join!(queue, load(&settings.worker))
    };
    let (queue, pipeline) = tokio::select! {
        begun = beginning => begun?,
        () = stop.cancelled() => return Ok(()),
    };
    let db = database(&settings.database)?;
    // One that is away is waited for, later.
    if let Ok(missing) = schema::missing_migrations(&db).await
        && !missing.is_empty()
    {
        let message = format!("the database lacks {} migrations", missing.len());
        return Err(Failure::environment(&message, "run `packguard migrate`"));
    }
    let connections = Connections {
        db,
        queue,
        storage: storage(&settings.storage)?,
        metrics,
        tracer: telemetry.step_tracer(),
    };
    let knowledge = knowledge(&settings.worker).await?;
    let tools = Tools {
        pipeline,
        knowledge: Arc::new(knowledge),
        registry: RegistryConfig::from_process(),
    };
    begun.cancel();
    let grace = settings.tasks.grace_period;
    let done = worker::run(&settings.worker, grace, connections, tools, mode, stop).await;
    health.abort();
    telemetry.shutdown().await;
    done.map_err(|error| Failure::environment(&error, ""))
}

/// What files and addresses of the configuration tell.
async fn knowledge(config: &WorkerConfig) -> Result<Knowledge, Failure> {
    let failure = |stop: Stop| Failure {
        message: stop.message,
        hint: stop.hint,
        code: stop.code,
    };
    let mut settings = scan::settings::rules(config.rules.as_slice()).map_err(failure)?;
    settings.extend(config.thresholds.settings());
    let accepted = scan::settings::suppressions(config.suppressions.as_deref());
    let advisories = scan::settings::advisories(config.osv.as_deref(), false);
    Ok(Knowledge {
        settings,
        suppressions: accepted.map_err(failure)?,
        osv: advisories.await.map_err(failure)?,
    })
}

async fn load(config: &WorkerConfig) -> Result<Pipeline, Failure> {
    let setup = Setup {
        slots: 0,
        cache: components::default_cache(config.cache_dir.clone()),
        cpu: config.cpu,
        analyzers: Vec::new(),
        limits: config.limits.step,
        archive: config.limits.archive,
    };
    components::pipeline(setup).await.map_err(|error| {
        Failure::environment(
            &error,
            "run `packguard doctor`; the README names what it needs",
        )
    })
}
