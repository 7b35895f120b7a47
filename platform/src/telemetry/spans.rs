//! The spans of a task's life, named after OpenTelemetry's semantic conventions (HTTP,
//! messaging); what those have no word for is called `packguard.…`.
//!
//! ```text
//! POST /api/v1/analyze/          server     telemetry::http
//!   create analysis_tasks        producer   create_span
//!     process analysis_tasks     consumer   process_span, in a worker
//!       fetch pypi               client     fetch_span
//!       analyze python           internal   StepTracer::finished
//!       put report               client     storage_span
//! ```

use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry_sdk::trace::SdkTracer;
use packguard_runtime::report::{StepInfo, StepOutcome};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::model::{ErrorCategory, Fence, TaskId};

/// A task is being submitted. What [`super::inject_current`] says inside it goes into the
/// task's row. `count` is how many packages the request names.
pub fn create_span(queue: &str, count: usize) -> Span {
    tracing::info_span!(
        "create",
        otel.name = format!("create {queue}"),
        otel.kind = "producer",
        messaging.system = "redis",
        messaging.operation.type = "create",
        messaging.operation.name = "create",
        messaging.destination.name = queue,
        messaging.batch.message_count = signed(count as u64),
    )
}

/// A worker handles a claimed task; `traceparent` is what its row holds. Close it with
/// [`record_outcome`].
pub fn process_span(queue: &str, task: TaskId, fence: Fence, traceparent: Option<&str>) -> Span {
    let span = tracing::info_span!(
        "process",
        otel.name = format!("process {queue}"),
        otel.kind = "consumer",
        otel.status_code = Empty,
        trace_id = Empty,
        error.type = Empty,
        messaging.system = "redis",
        messaging.operation.type = "process",
        messaging.operation.name = "process",
        messaging.destination.name = queue,
        messaging.message.id = task.to_string(),
        packguard.fence = fence.0,
        packguard.verdict = Empty,
    );
    super::follow(&span, traceparent.unwrap_or_default());
    span
}

/// How the task of a [`process_span`] ended: with a verdict (`clean`, …) or not.
pub fn record_outcome(span: &Span, outcome: Result<&str, ErrorCategory>) {
    match outcome {
        Ok(verdict) => {
            span.record("packguard.verdict", verdict);
        }
        Err(category) => {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", category.as_str());
        }
    }
}

/// A release is being downloaded. `ecosystem` is the purl's type.
pub fn fetch_span(ecosystem: &str) -> Span {
    tracing::info_span!(
        "fetch",
        otel.name = format!("fetch {ecosystem}"),
        otel.kind = "client",
        packguard.ecosystem = ecosystem,
    )
}

/// Object storage is being asked. `operation`: `put report`, `get archive`, …
pub fn storage_span(operation: &'static str) -> Span {
    tracing::info_span!(
        "storage",
        otel.name = operation,
        otel.kind = "client",
        packguard.storage.operation = operation,
    )
}

/// Records analyzer steps as spans, after they ended: a step runs on a thread of its own,
/// and what it used is known only then.
#[derive(Debug, Clone)]
pub struct StepTracer(Option<SdkTracer>);

impl StepTracer {
    pub(super) fn new(tracer: Option<SdkTracer>) -> Self {
        Self(tracer)
    }

    /// A step ended just now: a span below `parent` that began as long ago as it took.
    pub fn finished(&self, parent: &Span, step: &StepInfo) {
        let Some(tracer) = &self.0 else { return };
        let context = parent.context();
        if !context.span().span_context().is_sampled() {
            return;
        }
        let end = SystemTime::now();
        let took = Duration::from_micros(step.usage.duration_us.unwrap_or_default());
        let mut span = tracer
            .span_builder(format!("analyze {}", step.name))
            .with_kind(SpanKind::Internal)
            .with_start_time(end.checked_sub(took).unwrap_or(end))
            .with_attributes(attributes(step))
            .start_with_context(tracer, &context);
        if step.outcome != StepOutcome::Ok {
            span.set_attribute(KeyValue::new("error.type", outcome(step.outcome)));
            span.set_status(Status::error(outcome(step.outcome)));
        }
        span.end_with_timestamp(end);
    }
}

fn attributes(step: &StepInfo) -> [KeyValue; 6] {
    [
        KeyValue::new("packguard.analyzer.name", step.name.clone()),
        KeyValue::new("packguard.analyzer.version", step.version.clone()),
        KeyValue::new("packguard.analyzer.digest", step.digest.clone()),
        KeyValue::new("packguard.analyzer.outcome", outcome(step.outcome)),
        KeyValue::new("packguard.analyzer.fuel", signed(step.usage.fuel)),
        KeyValue::new(
            "packguard.analyzer.peak_memory",
            signed(step.usage.peak_memory),
        ),
    ]
}

/// A step's outcome as the report spells it.
pub(super) fn outcome(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Ok => "ok",
        StepOutcome::AnalyzerError => "analyzer_error",
        StepOutcome::Trap => "trap",
        StepOutcome::OutOfMemory => "out_of_memory",
        StepOutcome::OutOfTime => "out_of_time",
        StepOutcome::OutputLimit => "output_limit",
        StepOutcome::HostRefusal => "host_refusal",
        StepOutcome::Cancelled => "cancelled",
    }
}

/// OpenTelemetry's integers are signed.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
