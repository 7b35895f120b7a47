//! Spans on their way to the collector.
//!
//! The SDK batches spans on a thread of its own, in a bounded queue that drops when full.
//! That thread hands each batch to [`OnRuntime`], which sends it on tokio (the HTTP client
//! needs its reactor) and gives up after [`EXPORT`]: so neither a slow collector nor one
//! that is gone holds anything but that one thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanData,
    SpanExporter,
};
use tokio::runtime::Handle;
use url::Url;

use super::TelemetryError;
use crate::config::{Secret, TelemetryConfig};

/// How long one batch may take, retries included: a collector answers in milliseconds, and
/// while it does not, the queue fills.
const EXPORT: Duration = Duration::from_secs(5);
/// Spans that wait for the collector, about 1 KiB each: 8 MiB, or some 300 tasks with their
/// steps. More than that is dropped.
const QUEUE: usize = 8192;

/// The export of traces.
#[derive(Debug)]
pub(super) struct Traces {
    pub(super) provider: SdkTracerProvider,
    pub(super) tracer: SdkTracer,
}

impl Traces {
    pub(super) fn start(
        config: &TelemetryConfig,
        endpoint: &Url,
        role: &str,
    ) -> Result<Self, TelemetryError> {
        if config.service_name.trim().is_empty() {
            return Err(TelemetryError::ServiceName);
        }
        let exporter = OnRuntime {
            inner: Arc::new(exporter(config, endpoint)?),
            runtime: Handle::try_current().map_err(|_| TelemetryError::NoRuntime)?,
            failing: Arc::new(AtomicBool::new(false)),
        };
        let batches = BatchConfigBuilder::default().with_max_queue_size(QUEUE);
        let processor = BatchSpanProcessor::builder(exporter)
            .with_batch_config(batches.build())
            .build();
        // A trace is recorded wholly or not at all: who began it decides.
        let ratio = Sampler::TraceIdRatioBased(config.sampling_ratio);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_resource(resource(&config.service_name, role))
            .build();
        let tracer = provider.tracer("packguard");
        Ok(Self { provider, tracer })
    }
}

fn exporter(
    config: &TelemetryConfig,
    endpoint: &Url,
) -> Result<opentelemetry_otlp::SpanExporter, TelemetryError> {
    if !matches!(endpoint.scheme(), "http" | "https") || !endpoint.has_host() {
        let endpoint = super::scrub::scrub(endpoint.as_str()).into_owned();
        return Err(TelemetryError::Endpoint(endpoint));
    }
    let mut endpoint = endpoint.clone();
    let path = format!("{}/v1/traces", endpoint.path().trim_end_matches('/'));
    endpoint.set_path(&path);
    opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint.as_str())
        .with_timeout(EXPORT)
        .with_headers(
            headers(
                config
                    .otlp_headers
                    .as_ref()
                    .map(Secret::expose)
                    .unwrap_or_default(),
            )
            .collect(),
        )
        .build()
        .map_err(|error| {
            TelemetryError::Export(super::scrub::scrub(&error.to_string()).into_owned())
        })
}

/// `name=value,name=value`, as OTEL_EXPORTER_OTLP_HEADERS has it.
fn headers(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split(',').filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = percent_encoding::percent_decode_str(value.trim());
        Some((
            name.trim().to_owned(),
            value.decode_utf8_lossy().into_owned(),
        ))
    })
}

fn resource(service_name: &str, role: &str) -> Resource {
    Resource::builder()
        .with_service_name(service_name.to_owned())
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
            KeyValue::new("packguard.role", role.to_owned()),
        ])
        .build()
}

/// Runs an exporter on tokio, from whatever thread.
#[derive(Debug)]
struct OnRuntime {
    inner: Arc<opentelemetry_otlp::SpanExporter>,
    runtime: Handle,
    /// Whether the last export failed: only the change is logged.
    failing: Arc<AtomicBool>,
}

impl SpanExporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (inner, failing) = (self.inner.clone(), self.failing.clone());
        let sent = self.runtime.spawn(async move {
            let result = match tokio::time::timeout(EXPORT, inner.export(batch)).await {
                Ok(result) => result,
                Err(_) => Err(OTelSdkError::Timeout(EXPORT)),
            };
            note(&failing, &result);
            result
        });
        match sent.await {
            Ok(result) => result,
            Err(error) => Err(OTelSdkError::InternalFailure(error.to_string())),
        }
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        // The SDK calls this before it exports anything, so nobody shares it yet.
        match Arc::get_mut(&mut self.inner) {
            Some(inner) => inner.set_resource(resource),
            None => tracing::error!("traces are sent without the service's name"),
        }
    }
}

fn note(failing: &AtomicBool, result: &OTelSdkResult) {
    match result {
        Ok(()) => {
            if failing.swap(false, Ordering::Relaxed) {
                tracing::info!("the collector takes traces again");
            }
        }
        Err(error) => {
            if !failing.swap(true, Ordering::Relaxed) {
                tracing::warn!(%error, "the collector takes no traces; they are dropped");
            }
        }
    }
}
