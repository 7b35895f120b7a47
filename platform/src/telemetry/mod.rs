//! Logs, traces and metrics.
//!
//! - **Logs** go to standard error, a line per event: for people ([`LogFormat::Pretty`]) or
//!   machines ([`LogFormat::Json`]). What looks like a secret is taken out of every line
//!   ([`scrub`]), whoever wrote it.
//! - **Traces** go to an OpenTelemetry collector, if one is named. Only this project's spans
//!   are sent, never log lines. One trace follows a task: HTTP request, row in Postgres
//!   (which keeps a W3C `traceparent`), worker, each analyzer ([`context`], [`spans`]).
//! - **Metrics** are read by Prometheus at `/metrics` ([`metrics`]).
//!
//! Failure rule: telemetry never makes work fail or wait. Spans queue in bounded memory and
//! are dropped when the collector is slow or gone; that is logged once, as is its return.
//! Only start-up refuses, on settings that make no sense.

use std::io::IsTerminal as _;
use std::time::Duration;

use tracing::Dispatch;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

pub mod context;
mod export;
pub mod http;
pub mod metrics;
pub mod scrub;
pub mod spans;
#[cfg(test)]
mod tests;

use crate::config::{LogFormat, TelemetryConfig};

pub use context::{follow, follow_headers, inject_current};
pub use metrics::Metrics;
pub use spans::StepTracer;

/// How long the last spans may take to leave at shutdown: enough for a healthy collector
/// (milliseconds), and a tenth of Kubernetes' usual grace period of 30 s.
const SHUTDOWN: Duration = Duration::from_secs(3);

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log level is not what `EnvFilter` understands.
    #[error(
        "`{level}` is no log level ({reason}); examples: info, debug, warn,packguard_platform=debug"
    )]
    Level {
        /// What was set.
        level: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The sample ratio is no part.
    #[error("the sample ratio is {0}; it must lie between 0 and 1")]
    Ratio(f64),
    /// The collector's address is none.
    #[error("the OTLP endpoint must be an http or https URL with a host, not `{0}`")]
    Endpoint(String),
    /// There is no name to send traces under.
    #[error("the service name is empty")]
    ServiceName,
    /// The exporter refused its settings.
    #[error("could not set up the export of traces: {0}")]
    Export(String),
    /// Called outside tokio.
    #[error("traces are exported on tokio: start telemetry inside its runtime")]
    NoRuntime,
    /// Somebody else took the process's logging.
    #[error("logging was set up already")]
    Twice,
}

/// What runs after [`init`]: keep it, and [`Telemetry::shutdown`] at the end.
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<export::Traces>,
}

impl Telemetry {
    /// Records analyzer steps as spans; does nothing where traces are off.
    pub fn step_tracer(&self) -> StepTracer {
        StepTracer::new(self.traces.as_ref().map(|traces| traces.tracer.clone()))
    }

    /// Sends what is left, within three seconds, whether or not the collector answers.
    pub async fn shutdown(self) {
        let Some(traces) = self.traces else { return };
        // It blocks, and the export it waits for runs on this very runtime.
        let ended =
            tokio::task::spawn_blocking(move || traces.provider.shutdown_with_timeout(SHUTDOWN));
        match tokio::time::timeout(SHUTDOWN, ended).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the last traces were not sent"),
            Ok(Err(error)) => tracing::warn!(%error, "the export of traces broke"),
            Err(_) => tracing::warn!("the last traces were not sent in time"),
        }
    }
}

/// Starts logs and traces for the whole process; `role` is the subcommand (`serve`, `work`).
/// Call it once, inside tokio's runtime.
///
/// # Errors
/// On settings that make no sense, and when logging is set up already.
pub fn init(config: &TelemetryConfig, role: &str) -> Result<Telemetry, TelemetryError> {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (dispatch, telemetry) = build(config, role, std::io::stderr, colour)?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| TelemetryError::Twice)?;
    Ok(telemetry)
}

/// [`init`] without the process-wide part, and with a writer of one's own.
///
/// # Errors
/// On settings that make no sense.
pub fn build<W>(
    config: &TelemetryConfig,
    role: &str,
    writer: W,
    colour: bool,
) -> Result<(Dispatch, Telemetry), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = level_filter(&config.log_level)?;
    if !(0.0..=1.0).contains(&config.sampling_ratio) {
        return Err(TelemetryError::Ratio(config.sampling_ratio));
    }
    let traces = match &config.otlp_endpoint {
        Some(endpoint) => Some(export::Traces::start(config, endpoint, role)?),
        None => None,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(scrub::Scrubbing::new(writer, colour))
        .with_ansi(colour);
    let lines = match config.log_format {
        LogFormat::Pretty => lines.boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed(),
    };
    let spans = traces.as_ref().map(|traces| {
        tracing_opentelemetry::layer()
            .with_tracer(traces.tracer.clone())
            // Which line of code opened a span tells an operator nothing.
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(our_spans())
    });
    let subscriber = tracing_subscriber::registry()
        .with(spans)
        .with(lines.with_filter(filter));
    Ok((Dispatch::new(subscriber), Telemetry { traces }))
}

/// What a trace shows: this project's spans, whatever the log level; no log lines, which may
/// quote a package, and none of the HTTP client's own spans, which exports would beget anew.
fn our_spans<S>() -> impl tracing_subscriber::layer::Filter<S> {
    use tracing_subscriber::filter::{FilterExt as _, FilterFn};
    let ours = Targets::new()
        .with_target("packguard_platform", LevelFilter::INFO)
        .with_target("packguard_runtime", LevelFilter::INFO);
    ours.and(FilterFn::new(|metadata: &tracing::Metadata<'_>| {
        metadata.is_span()
    }))
}

fn level_filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let refuse = |reason: String| TelemetryError::Level {
        level: level.chars().take(100).collect(),
        reason,
    };
    if level.trim().is_empty() {
        return Err(refuse(String::from("it is empty")));
    }
    EnvFilter::builder()
        .parse(level)
        .map_err(|error| refuse(error.to_string()))
}
