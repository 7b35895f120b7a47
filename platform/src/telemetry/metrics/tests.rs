use std::collections::BTreeMap;
use std::future::Future as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use packguard_runtime::report::{Outcome as Verdict, StepInfo, StepOutcome, Usage};
use tower::ServiceExt as _;

use super::*;
use crate::model::{ErrorCategory, Priority};
use crate::telemetry::http;

fn step(name: &str, outcome: StepOutcome) -> StepInfo {
    StepInfo {
        name: name.to_owned(),
        version: String::from("1.0.0"),
        digest: "0".repeat(64),
        signed_by: None,
        outcome,
        message: None,
        usage: Usage {
            fuel: 1_000_000,
            peak_memory: 3 << 20,
            duration_us: Some(1500),
        },
    }
}

/// Metrics in which everything has happened once.
fn busy() -> Metrics {
    let metrics = Metrics::new("1.2.3");
    let took = Duration::from_millis(7);
    metrics
        .http_started("GET", "/api/v1/task/{id}/")
        .answered(200);
    metrics.submitted(Submission::Batch, SubmissionOutcome::Accepted, 12);
    metrics.webhook(Delivery::Retrying);
    metrics.queue_depth(QueueState::Ready, 5);
    metrics.queue_oldest(Some(Duration::from_secs(7)));
    metrics.queue_ready(&[(Priority::new(50).unwrap(), 3), (Priority::default(), 2)]);
    metrics.claimed(took);
    metrics.task_finished("pypi", TaskOutcome::Completed, took);
    metrics.task_finished("npm", ErrorCategory::FetchError.into(), took);
    metrics.verdict("pypi", Verdict::Malicious);
    metrics.task_returned(Return::FencedOut);
    metrics.task_cpu(took);
    metrics.slots(1, 4);
    metrics.memory(1 << 29, 1 << 31);
    metrics.know_analyzer("python");
    metrics.step(&step("python", StepOutcome::Trap));
    metrics.cache(Cache::Report, CacheResult::Hit);
    metrics.fetched("pypi", 12_345, took);
    metrics.fetch_failed("npm", FetchError::Timeout);
    metrics.storage("put_report", Outcome::Ok, took);
    metrics.database("claim_task", Outcome::Error, took);
    metrics.at_scrape(|metrics| metrics.database_pool(10, 7));
    metrics.database_acquired(took);
    metrics.redis("enqueue", Outcome::Ok, took);
    metrics.repaired(Repair::Requeued, 3);
    metrics.reconciled(SystemTime::now());
    metrics.dependency(Dependency::Database, true);
    metrics.stock(3, None);
    metrics.signature_refused();
    metrics
}

/// Name (as exposed, without `_bucket` and the like) to the labels of its first sample.
fn exposed(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let histogram = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix));
        let labels = labels
            .split(',')
            .filter_map(|label| label.split_once('='))
            .map(|(label, _)| label.to_owned())
            .filter(|label| label != "le")
            .collect();
        all.entry(histogram.unwrap_or(name).to_owned())
            .or_insert(labels);
    }
    all
}

#[test]
fn every_metric_is_exposed_as_described() {
    let metrics = busy();
    let exposed = exposed(&metrics.encode());
    let described: BTreeMap<String, Vec<String>> = metrics
        .described()
        .iter()
        .map(|metric| {
            let labels = metric.labels.iter().map(ToString::to_string).collect();
            (metric.name.clone(), labels)
        })
        .collect();
    pretty_assertions::assert_eq!(exposed, described);
}

#[test]
fn names_follow_the_conventions() {
    for metric in busy().described() {
        let name = metric.name.as_str();
        assert!(metric.help.len() > 8, "{name} lacks help");
        assert!(
            !metric.help.ends_with('.'),
            "{name}: the encoder ends the sentence"
        );
        assert!(
            name.starts_with("packguard_") || name.starts_with("process_"),
            "{name}"
        );
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        );
        assert_eq!(metric.kind == "counter", name.ends_with("_total"), "{name}");
        let measure = [
            "duration",
            "wait",
            "cpu",
            "memory",
            "time_",
            "timestamp",
            "downloaded",
        ];
        if measure.iter().any(|word| name.contains(word)) {
            let base = name.trim_end_matches("_total").trim_end_matches("_budget");
            assert!(
                base.ends_with("_seconds") || base.ends_with("_bytes"),
                "{name} lacks a unit"
            );
        }
        for wrong in ["_ms", "milli", "_kb", "_mb", "_minutes"] {
            assert!(!name.contains(wrong), "{name} is not in base units");
        }
        if metric.kind == "histogram" {
            let buckets = metric.buckets.expect(name);
            assert!(buckets.bounds.is_sorted_by(|a, b| a < b), "{name}");
            assert!((5..=15).contains(&buckets.bounds.len()), "{name}");
            assert!(buckets.why.len() > 40, "{name}");
        }
    }
}

#[test]
fn metrics_page_is_up_to_date() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md"));
    let page = Metrics::new("0").page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    pretty_assertions::assert_eq!(
        committed,
        page,
        "run UPDATE_DOCS=1 cargo test --package packguard-platform metrics_page"
    );
}

#[test]
fn words_of_clients_make_no_series() {
    let metrics = busy();
    let before = metrics.encode().lines().count();
    for n in 0..1000 {
        let name = format!("hostile{n}");
        metrics.task_finished(&name, TaskOutcome::Completed, Duration::ZERO);
        metrics.fetch_failed(&name, FetchError::Other);
        metrics.step(&step(&name, StepOutcome::Ok));
        metrics.know_analyzer(&format!("own{n}"));
        metrics.step(&step(&format!("own{n}"), StepOutcome::Ok));
    }
    let text = metrics.encode();
    assert!(!text.contains("hostile"));
    // 64 analyzers of two histograms and two counters are the most there can be.
    assert!(
        text.lines().count() < before + 64 * 32 + 200,
        "{}",
        text.lines().count()
    );
    assert!(
        text.contains(
            r#"packguard_tasks_finished_total{ecosystem="other",outcome="completed"} 1000"#
        )
    );
}

#[test]
fn a_priority_without_tasks_goes_to_nought() {
    let metrics = Metrics::new("0");
    let high = Priority::new(90).unwrap();
    metrics.queue_ready(&[(high, 4)]);
    assert!(
        metrics
            .encode()
            .contains(r#"packguard_queue_ready{priority="90"} 4"#)
    );
    metrics.queue_ready(&[(Priority::default(), 1)]);
    let text = metrics.encode();
    assert!(
        text.contains(r#"packguard_queue_ready{priority="90"} 0"#),
        "{text}"
    );
    assert!(
        text.contains(r#"packguard_queue_ready{priority="0"} 1"#),
        "{text}"
    );
}

#[test]
fn the_process_is_measured() {
    let text = Metrics::new("0").encode();
    let value = |name: &str| -> f64 {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .expect(name);
        line.trim().parse().unwrap()
    };
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64();
    let started = value("process_start_time_seconds ");
    assert!(
        started <= now + 1.0 && started > now - 86_400.0,
        "{started} {now}"
    );
    assert!(value("process_resident_memory_bytes ") > 1e6);
    assert!(value("process_open_fds ") >= 3.0);
    assert!(value("process_max_fds ") >= value("process_open_fds "));
    assert!(value("process_cpu_seconds_total ") >= 0.0);
    assert!(value("process_threads ") >= 1.0);
    assert!(text.ends_with("# EOF\n"));
}

async fn call(app: &axum::Router, method: &str, path: &str) -> (StatusCode, String, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let kind = response
        .headers()
        .get("content-type")
        .map(|v| v.to_str().unwrap().to_owned());
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    (status, kind.unwrap_or_default(), body)
}

#[tokio::test]
async fn workers_serve_metrics_and_health() {
    let begun = CancellationToken::new();
    let app = metrics_router(busy(), begun.clone());
    assert_eq!(
        call(&app, "GET", "/ready/").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    begun.cancel();
    for path in ["/ready/", "/ready"] {
        assert_eq!(call(&app, "GET", path).await.0, StatusCode::OK);
    }
    let (status, kind, body) = call(&app, "GET", "/metrics").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, CONTENT));
    assert!(
        body.contains(r#"packguard_build_info{version="1.2.3"} 1"#),
        "{body}"
    );
    assert!(
        body.contains("packguard_database_connections_idle 7"),
        "{body}"
    );
    for path in ["/health/", "/health"] {
        let (status, _, body) = call(&app, "GET", path).await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::OK, r#"{"status":"ok"}"#)
        );
    }
    assert_eq!(
        call(&app, "POST", "/metrics").await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn requests_count_by_template_and_known_method() {
    let metrics = Metrics::new("0");
    let app = axum::Router::new()
        .route("/task/{id}/", get(async || StatusCode::NOT_FOUND))
        .route("/slow/", get(std::future::pending::<StatusCode>))
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(axum::middleware::from_fn_with_state(
            metrics.clone(),
            http::record,
        ));
    for path in ["/task/1/", "/task/2/", "/etc/passwd", "/wp-login.php"] {
        call(&app, "GET", path).await;
    }
    call(&app, "BREW", "/tea").await;
    // A client that hangs up: its request is dropped unanswered.
    let mut slow = Box::pin(call(&app, "GET", "/slow/"));
    assert!(
        std::future::poll_fn(|cx| std::task::Poll::Ready(slow.as_mut().poll(cx)))
            .await
            .is_pending()
    );
    let running = metrics.encode();
    assert!(
        running.contains("packguard_http_requests_in_flight 1"),
        "{running}"
    );
    drop(slow);
    let text = metrics.encode();
    let count = |labels: &str| {
        let line = format!("packguard_http_requests_total{{{labels}}} ");
        text.lines()
            .find_map(|l| l.strip_prefix(&line))
            .map(str::to_owned)
    };
    let some = |n: &str| Some(n.to_owned());
    assert_eq!(
        count(r#"method="GET",route="/task/{id}/",status="404""#),
        some("2"),
        "{text}"
    );
    assert_eq!(
        count(r#"method="GET",route="unmatched",status="404""#),
        some("2"),
        "{text}"
    );
    assert_eq!(
        count(r#"method="_OTHER",route="unmatched",status="404""#),
        some("1"),
        "{text}"
    );
    assert_eq!(
        count(r#"method="GET",route="/slow/",status="499""#),
        some("1"),
        "{text}"
    );
    assert!(
        text.contains("packguard_http_requests_in_flight 0"),
        "{text}"
    );
    assert!(!text.contains("passwd") && !text.contains("BREW"));
}

/// `METRICS_SAMPLE=FILE` writes a sample for `promtool check metrics`, which reads the older
/// text format: there a counter's family bears the suffix too.
#[test]
fn a_sample_for_promtool() {
    let text = busy().encode();
    let counters: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    assert!(counters.len() > 10);
    let mut sample = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "UNIT" | "EOF", ..] => {}
            ["#", what, name, rest] if counters.contains(name) => {
                sample += &format!("# {what} {name}_total {rest}\n");
            }
            ["#", what, name, rest] if *rest == "info" => {
                sample += &format!("# {what} {name}_info gauge\n");
            }
            ["#", what, "packguard_build", rest] => {
                sample += &format!("# {what} packguard_build_info {rest}\n");
            }
            _ => sample += &format!("{line}\n"),
        }
    }
    if let Some(path) = std::env::var_os("METRICS_SAMPLE") {
        std::fs::write(path, &sample).unwrap();
    }
    assert!(!sample.contains("# EOF"));
}
