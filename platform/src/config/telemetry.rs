//! Logs, traces, and how long rows are kept.

use std::time::Duration;

use tracing_subscriber::EnvFilter;
use url::Url;

use super::parse::{self, Wrong};
use super::reader::Reader;
use super::secret::Secret;
use super::{DAY, HOUR, serve::ServeConfig};

/// How logs look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// For collectors: one object a line.
    Json,
}

/// Logs and traces.
#[derive(Clone)]
pub struct TelemetryConfig {
    /// How logs look.
    pub log_format: LogFormat,
    /// What is logged, in `EnvFilter`'s syntax, in which it was checked.
    pub log_level: String,
    /// Where traces go; `None`: nowhere.
    pub otlp_endpoint: Option<Url>,
    /// `name=value,name=value` for that server.
    pub otlp_headers: Option<Secret>,
    /// The name that traces carry.
    pub service_name: String,
    /// The share of requests traced, 0 to 1.
    pub sampling_ratio: f64,
}

impl std::fmt::Debug for TelemetryConfig {
    /// Of the endpoint, its origin: the rest may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = |url: &Url| url.origin().ascii_serialization();
        f.debug_struct("TelemetryConfig")
            .field("log_format", &self.log_format)
            .field("log_level", &self.log_level)
            .field("otlp_endpoint", &self.otlp_endpoint.as_ref().map(origin))
            .field("otlp_headers", &self.otlp_headers)
            .field("service_name", &self.service_name)
            .field("sampling_ratio", &self.sampling_ratio)
            .finish()
    }
}

impl TelemetryConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let formats = [("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
        let config = Self {
            log_format: reader.value("LOG_FORMAT", |text| parse::word(text, &formats)),
            log_level: reader.value("LOG_LEVEL", level),
            otlp_endpoint: reader.optional("OTEL_EXPORTER_OTLP_ENDPOINT", |text| {
                parse::server(text, true)
            }),
            otlp_headers: reader.secret("OTEL_EXPORTER_OTLP_HEADERS"),
            service_name: reader.value("OTEL_SERVICE_NAME", service),
            sampling_ratio: reader.value("OTEL_TRACES_SAMPLER_ARG", ratio),
        };
        let well = config.otlp_headers.as_ref().is_none_or(|headers| {
            let mut parts = headers.expose().split(',');
            parts.all(|part| {
                part.split_once('=')
                    .is_some_and(|(name, _)| !name.trim().is_empty())
            })
        });
        reader.check(
            &["OTEL_EXPORTER_OTLP_HEADERS"],
            well,
            "its value is not of the form name=value,name=value",
            "percent-encode commas within a value",
        );
        config
    }
}

/// Bytes of a filter: a hundred modules.
const FILTER: usize = 4_096;

fn level(text: &str) -> Result<String, Wrong> {
    if text.len() > FILTER || EnvFilter::try_new(text).is_err() {
        return Err(Wrong::new(
            "is no filter for logs",
            "give a level such as info, or levels per module: info,packguard_platform=debug",
        ));
    }
    Ok(text.into())
}

fn service(text: &str) -> Result<String, Wrong> {
    if text.len() > 128 || text.chars().any(char::is_control) {
        return Err(Wrong::new("is no name", "give at most 128 characters"));
    }
    Ok(text.into())
}

fn ratio(text: &str) -> Result<f64, Wrong> {
    text.parse()
        .ok()
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| Wrong::new("is no share", "give a number from 0 to 1, as in 0.1"))
}

/// When what is finished may go. `None`: never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Finished tasks and their reports.
    pub tasks: Option<Duration>,
    /// Events of finished tasks.
    pub events: Option<Duration>,
    /// Uploads whose task ended or was never written.
    pub uploads: Option<Duration>,
    /// The log of webhook deliveries.
    pub deliveries: Option<Duration>,
    /// The audit log.
    pub audit: Option<Duration>,
}

impl RetentionConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut keep = |name| {
            // A century is for ever already, and far from the end of Postgres's dates.
            let time = reader.duration(name, Duration::ZERO, 36_500 * DAY);
            let never = time.is_zero();
            (!never).then_some(time)
        };
        let config = Self {
            tasks: keep("RETENTION_TASKS"),
            events: keep("RETENTION_EVENTS"),
            uploads: keep("RETENTION_UPLOADS"),
            deliveries: keep("RETENTION_DELIVERIES"),
            audit: keep("RETENTION_AUDIT"),
        };
        reader.check(
            &["RETENTION_UPLOADS"],
            config.uploads.is_none_or(|time| time >= HOUR),
            "it is below an hour: an upload might go before its task is written",
            "give an hour or more, or 0s to keep uploads",
        );
        config
    }

    /// What the API relies on must not be pruned.
    pub(super) fn check(&self, reader: &mut Reader, serve: &ServeConfig) {
        let tasks = self.tasks.unwrap_or(Duration::MAX);
        reader.check(
            &["RETENTION_TASKS", "REPORT_MAX_AGE"],
            tasks >= serve.report_max_age,
            "reports would go that are young enough to answer a submission (REPORT_MAX_AGE)",
            "make it the longer of the two",
        );
        reader.check(
            &["RETENTION_TASKS", "IDEMPOTENCY_MAX_AGE"],
            tasks >= serve.idempotency_max_age,
            "tasks would go whose idempotency keys still hold (IDEMPOTENCY_MAX_AGE)",
            "make it the longer of the two",
        );
    }
}
