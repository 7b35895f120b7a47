use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span as SentSpan;
use packguard_runtime::report::{StepInfo, StepOutcome, Usage};
use prost::Message as _;
use tower::ServiceExt as _;
use tower_http::request_id::{MakeRequestUuid, SetRequestIdLayer};

use super::*;
use crate::model::{ErrorCategory, Fence, TaskId};

/// A collector: keeps what is posted to `/v1/traces`.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let app = axum::Router::new()
            .route("/v1/traces", post(Self::take))
            .with_state(collector.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (collector, url)
    }

    async fn take(State(collector): State<Self>, sent: HeaderMap, body: Bytes) -> StatusCode {
        if sent.get("x-collector-key").is_none_or(|key| key != "a,b") {
            return StatusCode::UNAUTHORIZED;
        }
        let Ok(request) = ExportTraceServiceRequest::decode(body) else {
            return StatusCode::BAD_REQUEST;
        };
        collector.0.lock().unwrap().push(request);
        StatusCode::OK
    }

    fn spans(&self) -> Vec<SentSpan> {
        let requests = self.0.lock().unwrap();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    fn resource(&self, name: &str) -> Vec<String> {
        let requests = self.0.lock().unwrap();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        let attributes = resources.flat_map(|r| r.resource.clone().unwrap().attributes);
        attributes
            .filter(|attribute| attribute.key == name)
            .map(|attribute| format!("{:?}", attribute.value))
            .collect()
    }
}

fn step(outcome: StepOutcome) -> StepInfo {
    StepInfo {
        name: String::from("python"),
        version: String::from("1.0.0"),
        digest: "0".repeat(64),
        signed_by: None,
        outcome,
        message: None,
        usage: Usage {
            fuel: 42,
            peak_memory: 1 << 20,
            duration_us: Some(250_000),
        },
    }
}

fn attribute(span: &SentSpan, name: &str) -> Option<String> {
    let found = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == name)?;
    Some(format!("{:?}", found.value))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_follows_a_task_from_request_to_analyzer() {
    let (collector, url) = Collector::start().await;
    let config = config(LogFormat::Json, Some(&url));

    // The process that serves: its handler stores the traceparent.
    let lines = Lines::default();
    let (serve, serve_telemetry) = build(&config, "serve", lines.clone(), false).unwrap();
    let stored = Arc::new(Mutex::new(None));
    let app = {
        let stored = stored.clone();
        let submit = async move || {
            let span = spans::create_span("analysis_tasks", 1);
            *stored.lock().unwrap() = span.in_scope(inject_current);
            tracing::info!("not for the collector");
            StatusCode::ACCEPTED
        };
        axum::Router::new()
            .route("/api/v1/analyze/", post(submit))
            .layer(http::trace_layer())
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
    };
    let request = Request::post("/api/v1/analyze/?token=hidden")
        .header("traceparent", PARENT)
        .body(Body::empty())
        .unwrap();
    let answer = {
        let _default = tracing::dispatcher::set_default(&serve);
        app.oneshot(request).await.unwrap()
    };
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    drop(answer);
    let stored = stored.lock().unwrap().take().expect("a traceparent");

    // The process that works, with nothing but what the row holds.
    let (work, work_telemetry) = build(&config, "work", Lines::default(), false).unwrap();
    tracing::dispatcher::with_default(&work, || {
        let task = spans::process_span("analysis_tasks", TaskId(7), Fence(1), Some(&stored));
        task.in_scope(|| spans::fetch_span("pypi").in_scope(|| ()));
        let steps = work_telemetry.step_tracer();
        steps.finished(&task, &step(StepOutcome::Ok));
        steps.finished(&task, &step(StepOutcome::Trap));
        spans::record_outcome(&task, Err(ErrorCategory::AnalysisError));
    });
    serve_telemetry.shutdown().await;
    work_telemetry.shutdown().await;

    let spans = collector.spans();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    for name in [
        "POST /api/v1/analyze/",
        "create analysis_tasks",
        "process analysis_tasks",
        "fetch pypi",
        "analyze python",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert_eq!(spans.len(), 6, "{names:?}");
    for span in &spans {
        assert_eq!(hex::encode(&span.trace_id), TRACE, "{}", span.name);
        assert!(span.events.is_empty(), "log lines stay here: {span:?}");
    }
    let find = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (request, create) = (find("POST /api/v1/analyze/"), find("create analysis_tasks"));
    let process = find("process analysis_tasks");
    assert_eq!(hex::encode(&request.parent_span_id), "b7ad6b7169203331");
    assert_eq!(create.parent_span_id, request.span_id);
    assert_eq!(process.parent_span_id, create.span_id);
    assert_eq!(
        [request.kind, create.kind, process.kind],
        [2, 4, 5],
        "server, producer, consumer"
    );
    assert!(
        attribute(request, "http.response.status_code")
            .unwrap()
            .contains("202")
    );
    assert!(
        attribute(process, "messaging.message.id")
            .unwrap()
            .contains('7')
    );
    assert!(
        attribute(process, "error.type")
            .unwrap()
            .contains("analysis_error")
    );
    assert_eq!(process.status.as_ref().unwrap().code, 2);
    let mut steps = spans.iter().filter(|span| span.name == "analyze python");
    assert!(steps.all(|step| {
        let took = step.end_time_unix_nano - step.start_time_unix_nano;
        step.parent_span_id == process.span_id
            && took == 250_000_000
            && attribute(step, "packguard.analyzer.fuel")
                .unwrap()
                .contains("IntValue(42)")
    }));
    let role = collector.resource("packguard.role").concat();
    assert!(role.contains("serve") && role.contains("work"), "{role}");
    assert!(
        collector
            .resource("service.name")
            .concat()
            .contains("packguard")
    );

    // The line at the boundary carries the trace, and no query.
    let text = lines.text();
    let line = text.lines().find(|line| line.contains("answered")).unwrap();
    assert!(
        line.contains(TRACE) && line.contains(r#""status":202"#),
        "{line}"
    );
    assert!(!text.contains("hidden"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_gone_or_hangs_delays_nothing() {
    // It never accepts, so requests hang; nobody listens on port 9 (discard), so they fail.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = format!("http://{}", silent.local_addr().unwrap());
    for url in [hangs.as_str(), "http://127.0.0.1:9"] {
        let config = config(LogFormat::Json, Some(url));
        let (dispatch, telemetry) = build(&config, "work", Lines::default(), false).unwrap();
        let began = Instant::now();
        tracing::dispatcher::with_default(&dispatch, || {
            // More than the queue holds.
            for _ in 0..20_000 {
                spans::fetch_span("npm").in_scope(|| ());
            }
        });
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{url}: {:?}",
            began.elapsed()
        );
        let began = Instant::now();
        telemetry.shutdown().await;
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "{url}: {:?}",
            began.elapsed()
        );
    }
}

#[test]
fn without_a_collector_log_lines_still_carry_the_callers_trace() {
    let (dispatch, lines) = logging(LogFormat::Json);
    tracing::dispatcher::with_default(&dispatch, || {
        let span = tracing::info_span!("request", trace_id = tracing::field::Empty);
        assert!(follow(&span, PARENT));
        span.in_scope(|| {
            assert_eq!(inject_current(), None);
            tracing::info!(answer = 42, "said");
        });
    });
    let line: serde_json::Value = serde_json::from_str(lines.text().trim()).unwrap();
    assert_eq!(line["span"]["trace_id"], TRACE);
    assert_eq!(
        (&line["answer"], &line["message"]),
        (&42.into(), &"said".into())
    );
    assert_eq!(line["level"], "INFO");
}

#[test]
fn what_is_no_traceparent_is_passed_over() {
    let span = tracing::Span::none();
    let long = format!("{PARENT}-{}", "0".repeat(200));
    let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
    for bad in [
        "",
        "00",
        "garbage",
        "ff-x-y-z",
        zero,
        long.as_str(),
        "\u{1F600}",
    ] {
        assert!(!follow(&span, bad), "{bad}");
    }
    let mut headers = HeaderMap::new();
    assert!(!follow_headers(&span, &headers));
    headers.append("traceparent", HeaderValue::from_static(PARENT));
    assert!(follow_headers(&span, &headers));
    headers.append("traceparent", HeaderValue::from_static(PARENT));
    assert!(!follow_headers(&span, &headers), "two of them");
    let opaque = HeaderValue::from_bytes(b"\xff\xfe").unwrap();
    headers.insert("traceparent", opaque);
    assert!(!follow_headers(&span, &headers));
}
