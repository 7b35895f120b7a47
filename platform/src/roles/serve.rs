//! `packguard serve`.

use tokio_util::sync::CancellationToken;

use super::{Failure, awaited_queue, database, storage};
use crate::config::{self, Environment, Flags, ServeSettings};
use crate::serve::{self, Behind};
use crate::telemetry::{self, Metrics};

/// Serves the API until `stop`.
///
/// # Errors
/// When it can't begin.
pub async fn serve(flags: &Flags, stop: CancellationToken) -> Result<(), Failure> {
    let settings: ServeSettings = config::resolve(flags, &Environment::of_process())?;
    let telemetry = telemetry::init(&settings.telemetry, "serve")
        .map_err(|error| Failure::environment(&error, "check the settings of logs and traces"))?;
    let behind = Behind {
        db: database(&settings.database)?,
        queue: awaited_queue(&settings.redis, &stop).await?,
        storage: storage(&settings.storage)?,
        metrics: Metrics::new(env!("CARGO_PKG_VERSION")),
    };
    let done = serve::run(&settings, behind, stop).await;
    telemetry.shutdown().await;
    // Its errors say what to do.
    done.map_err(|error| Failure::environment(&error, ""))
}
