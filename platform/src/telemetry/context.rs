//! One trace across processes: W3C trace context.
//!
//! A handler stores [`inject_current`] with the task it writes; the worker's span
//! [`follow`]s it. From outside it comes in the header `traceparent`. `tracestate`, which
//! belongs to other vendors, is not carried on.

use axum::http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: &str = "traceparent";
/// Version 00 has 55 characters; later ones may append, within reason.
const LONGEST: usize = 128;

/// The current span as a `traceparent` (55 ASCII characters), to be followed elsewhere; none
/// where traces are off.
pub fn inject_current() -> Option<String> {
    let mut carrier = Carrier(None);
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.0
}

/// Makes `span` part of the trace that `traceparent` names. Call it before the span is
/// entered or has children. What is no `traceparent` is passed over: the span then begins a
/// trace of its own. Says whether it was one.
///
/// The span's field `trace_id`, if it declares one, is set to the trace it is part of, so
/// that log lines carry it.
pub fn follow(span: &Span, traceparent: &str) -> bool {
    let parent = parse(traceparent);
    if let Some(parent) = &parent {
        let context = Context::new().with_remote_span_context(parent.clone());
        // Without a collector there is no layer to tell; the log lines still get the id.
        let _ = span.set_parent(context);
    }
    note_trace_id(span, parent.as_ref());
    parent.is_some()
}

/// [`follow`] by the header of an HTTP request. A second `traceparent` makes both void, as
/// the specification has it.
pub fn follow_headers(span: &Span, headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(TRACEPARENT).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => follow(span, value.to_str().unwrap_or_default()),
        _ => {
            note_trace_id(span, None);
            false
        }
    }
}

fn parse(traceparent: &str) -> Option<SpanContext> {
    if traceparent.len() > LONGEST {
        return None;
    }
    let carrier = Carrier(Some(traceparent.to_owned()));
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    let parent = context.span().span_context().clone();
    parent.is_valid().then_some(parent)
}

fn note_trace_id(span: &Span, parent: Option<&SpanContext>) {
    if !span.has_field("trace_id") {
        return;
    }
    let context = span.context();
    let span_ref = context.span();
    let own = span_ref.span_context();
    match parent {
        _ if own.is_valid() => span.record("trace_id", tracing::field::display(own.trace_id())),
        Some(parent) => span.record("trace_id", tracing::field::display(parent.trace_id())),
        None => span,
    };
}

/// Holds the one header there is.
struct Carrier(Option<String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        if key == TRACEPARENT {
            self.0.as_deref()
        } else {
            None
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}
