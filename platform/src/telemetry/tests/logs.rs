use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::get;
use tower::ServiceExt as _;
use tower_http::request_id::{MakeRequestUuid, SetRequestIdLayer};

use super::*;

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refusal = |change: fn(&mut TelemetryConfig)| {
        let mut config = config(LogFormat::Pretty, None);
        change(&mut config);
        let error = build(&config, "serve", Lines::default(), false).unwrap_err();
        error.to_string()
    };
    assert!(refusal(|c| c.log_level = String::new()).contains("it is empty"));
    assert!(refusal(|c| c.log_level = "packguard=loud".into()).contains("examples: info"));
    assert!(refusal(|c| c.sampling_ratio = 1.5).contains("between 0 and 1"));
    assert!(refusal(|c| c.sampling_ratio = f64::NAN).contains("between 0 and 1"));
    let ftp = refusal(|c| c.otlp_endpoint = Url::parse("ftp://u:hunter2@example.com/").ok());
    assert!(
        ftp.contains("http or https") && !ftp.contains("hunter2"),
        "{ftp}"
    );
    let outside = refusal(|c| c.otlp_endpoint = Url::parse("http://example.com/").ok());
    assert!(outside.contains("inside its runtime"), "{outside}");
    let shown = format!(
        "{:?}",
        config(LogFormat::Pretty, Some("http://u:hunter2@example.com/"))
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn secrets_never_reach_the_log() {
    const KEY: &str =
        "pg_abcd1234_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for format in [LogFormat::Pretty, LogFormat::Json] {
        let (dispatch, lines) = logging(format);
        // A handler that logs all it should not.
        let careless = async |headers: HeaderMap| {
            tracing::warn!(?headers, "careless");
            let database = "postgres://packguard:hunter2/x@db.example.com:5432/packguard";
            tracing::error!(database, error = %format!("no route to {database}"), "careless");
            tracing::info!("Authorization: Bearer {KEY} and X-API-Key={KEY}; {KEY}");
            StatusCode::INTERNAL_SERVER_ERROR
        };
        let app = axum::Router::new()
            .route("/", get(careless))
            .layer(http::trace_layer())
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid));
        let request = Request::get("/?X-Amz-Signature=c0ffee")
            .header("authorization", format!("Bearer {KEY}"))
            .header("x-api-key", KEY)
            .header("x-request-id", "mine")
            .body(Body::empty())
            .unwrap();
        let answer = async { app.oneshot(request).await.unwrap() };
        let _default = tracing::dispatcher::set_default(&dispatch);
        answer.await;
        let text = lines.text();
        assert!(!text.contains("0123456789abcdef"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(!text.contains("c0ffee"), "{text}");
        assert!(
            text.contains("db.example.com") && text.contains("mine"),
            "{text}"
        );
        let answered = text
            .lines()
            .filter(|line| line.contains("answered"))
            .count();
        assert_eq!((answered, text.lines().count()), (1, 4), "{text}");
    }
}

#[test]
fn secrets_are_known_by_their_shape() {
    for (text, clean) in [
        (
            "redis://:hunter2@redis:6379/0",
            "redis://:[redacted]@redis:6379/0",
        ),
        ("rediss://u:a@b@redis/0", "rediss://u:[redacted]@redis/0"),
        (
            "https://token@example.com/x",
            "https://[redacted]@example.com/x",
        ),
        (
            "https://example.com/@scope/name",
            "https://example.com/@scope/name",
        ),
        ("pkg:npm/%40babel/core@7.0.0", "pkg:npm/%40babel/core@7.0.0"),
        (
            r#"{"password":"hunter2","a":1}"#,
            r#"{"password":"[redacted]","a":1}"#,
        ),
        (
            "?X-Amz-Signature=abc&x=1",
            "?X-Amz-Signature=[redacted]&x=1",
        ),
        (
            r#""authorization": "Basic dXNlcjpw""#,
            r#""authorization": "Basic [redacted]""#,
        ),
        ("a bearer of news", "a bearer of news"),
        ("table pg_stat_activity", "table pg_stat_activity"),
        ("x-api-key: Sensitive", "x-api-key: Sensitive"),
        ("é://ü:ö@ä", "é://ü:[redacted]@ä"),
    ] {
        assert_eq!(scrub::scrub(text), clean);
        assert_eq!(scrub::scrub(clean), clean, "twice is once");
    }
}

#[test]
fn a_hostile_line_takes_no_time() {
    let began = Instant::now();
    for part in ["://", "pg_", "bearer ", "password=", "://a:", "pg_a"] {
        scrub::scrub(&part.repeat((1 << 18) / part.len()));
    }
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

proptest::proptest! {
    #[test]
    fn scrubbing_stands_any_text(text in "(://|@|:|pg_|_|bearer |password=|\"|[a-z]{1,30}|\\PC| )*") {
        // What is taken out may bring another secret's mark to light, so it may take several
        // passes until nothing is left; but never more than there are characters.
        let mut seen = text.clone();
        let settled = (0..=text.len()).any(|_| {
            let next = scrub::scrub(&seen).into_owned();
            std::mem::replace(&mut seen, next.clone()) == next
        });
        proptest::prop_assert!(settled, "{:?}", seen);
    }

    #[test]
    fn a_password_in_a_url_is_found(user in "[a-z]{0,8}", password in "[A-Z0-9!$*/+-]{6,40}", text in "[a-z ]{0,20}") {
        let line = format!("{text} postgres://{user}:{password}@db.example.com/x {text}");
        proptest::prop_assert!(!scrub::scrub(&line).contains(&password));
    }
}

#[test]
fn a_line_stays_a_line() {
    let (dispatch, lines) = logging(LogFormat::Pretty);
    tracing::dispatcher::with_default(&dispatch, || {
        let hostile = "x\nERROR forged\u{1b}[31m";
        tracing::info!(hostile, shown = %hostile, "said {hostile}");
    });
    assert_eq!(lines.text().lines().count(), 1, "{}", lines.text());
    assert!(!lines.text().contains('\u{1b}'));
}
