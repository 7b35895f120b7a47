//! What goes wrong on a network: faults, silence, nonsense, sizes.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Response;
use packguard_platform::purl::Ecosystem;
use packguard_platform::registry::{FetchError, FetchLimits, Registry, Release};
use pretty_assertions::assert_eq;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::site::{Site, raw, sha1, status};
use crate::{config, fetch, fetch_with, purl, registry};

/// An npm registry with the package `p` at 1.0.0, whose tarball is at `tarball`.
pub async fn with_tarball(tarball: &str, shasum: Option<String>) -> Site {
    let site = Site::start().await;
    let dist = json!({ "tarball": tarball, "shasum": shasum });
    let versions = json!({ "1.0.0": { "name": "p", "dist": dist } });
    site.json(
        "/p",
        &json!({ "dist-tags": { "latest": "1.0.0" }, "versions": versions }),
    );
    site
}

pub async fn resolve(site: &Site) -> (Registry, Release) {
    let registry = registry(Ecosystem::Npm, &site.url);
    let release = registry.resolve(&purl("pkg:npm/p")).await.unwrap();
    (registry, release)
}

#[tokio::test]
async fn a_hash_mismatch_leaves_no_file() {
    let site = with_tarball("/p.tgz", Some(sha1("right"))).await;
    site.put("/p.tgz", "application/octet-stream", "wrong");
    let (registry, release) = resolve(&site).await;
    let outcome = fetch(&registry, &release).await;
    let FetchError::HashMismatch {
        algorithm,
        expected,
        actual,
        ..
    } = outcome.error()
    else {
        panic!("{:?}", outcome.result);
    };
    assert_eq!(
        (*algorithm, expected, actual),
        ("sha1", &sha1("right"), &sha1("wrong"))
    );
    assert_eq!(site.hits("/p.tgz"), 1, "tampering is no passing fault");
}

#[tokio::test]
async fn server_errors_are_tried_again() {
    let site = with_tarball("/p.tgz", Some(sha1("ok"))).await;
    let flaky = |earlier| match earlier {
        0 => status(500),
        1 => status(503),
        _ => Response::new(Body::from("ok")),
    };
    site.answer("/p.tgz", flaky);
    let (registry, release) = resolve(&site).await;
    assert_eq!(
        fetch(&registry, &release).await.fetched().artifacts.len(),
        1
    );
    assert_eq!(site.hits("/p.tgz"), 3);
}

#[tokio::test]
async fn retries_end() {
    let site = Site::start().await;
    site.answer("/p", |_| status(502));
    let error = registry(Ecosystem::Npm, &site.url)
        .resolve(&purl("pkg:npm/p"))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), format!("{}/p answered 502", site.url));
    assert_eq!(site.hits("/p"), 3);
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_its_limit() {
    let site = with_tarball("/p.tgz", None).await;
    let busy = |earlier: usize| match earlier {
        0 => {
            let busy = Response::builder().status(429).header("retry-after", "1");
            busy.body(Body::empty()).unwrap()
        }
        1 => {
            let busy = Response::builder().status(429).header("retry-after", "0");
            busy.body(Body::empty()).unwrap()
        }
        _ => Response::new(Body::from("ok")),
    };
    site.answer("/p.tgz", busy);
    let (registry, release) = resolve(&site).await;
    let start = Instant::now();
    fetch(&registry, &release).await.fetched();
    assert!(
        start.elapsed() >= Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );

    let site = Site::start().await;
    site.answer("/p", |_| {
        let busy = Response::builder()
            .status(429)
            .header("retry-after", "3600");
        busy.body(Body::empty()).unwrap()
    });
    let mut config = config(&[(Ecosystem::Npm, &site.url)]);
    config.http.max_retry_after = Duration::from_millis(10);
    let registry = Registry::new(config, Default::default());
    let start = Instant::now();
    registry.resolve(&purl("pkg:npm/p")).await.unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

const SHORT: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this";
const STUCK_CHUNKS: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nonly\r\n";
const NO_HTTP: &[u8] = b"220 mail.example ESMTP\r\n";

#[tokio::test]
async fn bodies_that_stop_are_never_taken_for_whole() {
    let long = Duration::from_secs(30);
    let cases = [
        (SHORT, Duration::ZERO),
        (SHORT, long),
        (STUCK_CHUNKS, Duration::ZERO),
        (STUCK_CHUNKS, long),
        (NO_HTTP, Duration::ZERO),
    ];
    for (answer, wait) in cases {
        let server = raw(answer, wait).await;
        let site = with_tarball(&format!("{server}/p.tgz"), None).await;
        let registry = registry(Ecosystem::Npm, &format!("{} {server}", site.url));
        let release = registry.resolve(&purl("pkg:npm/p")).await.unwrap();
        let start = Instant::now();
        let outcome = fetch(&registry, &release).await;
        let error = outcome.error();
        let expected = if wait.is_zero() {
            "fetch_error"
        } else {
            "timeout_error"
        };
        assert_eq!(error.category(), expected, "{error}");
        assert!(start.elapsed() < Duration::from_secs(8));
    }
}

#[tokio::test]
async fn a_registry_that_is_down_is_named() {
    let error = registry(Ecosystem::Npm, "http://127.0.0.1:9")
        .resolve(&purl("pkg:npm/p"))
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("http://127.0.0.1:9/p could not be reached"),
        "{error}"
    );
}

#[tokio::test]
async fn nonsense_is_told_from_a_registry_answer() {
    let bodies: [&[u8]; 5] = [
        b"<html>login",
        b"{\"versions\": 7}",
        b"",
        b"\xff\xfe",
        b"null",
    ];
    let sites = [
        (Ecosystem::Npm, "/p", "pkg:npm/p"),
        (Ecosystem::Cargo, "/config.json", "pkg:cargo/p"),
        (Ecosystem::Gem, "/api/v1/versions/p.json", "pkg:gem/p"),
        (
            Ecosystem::Maven,
            "/g/p/maven-metadata.xml",
            "pkg:maven/g/p@1",
        ),
        (Ecosystem::Composer, "/p2/v/p.json", "pkg:composer/v/p"),
        (Ecosystem::Nuget, "/", "pkg:nuget/p"),
        (Ecosystem::Pypi, "/p/", "pkg:pypi/p"),
    ];
    for (ecosystem, path, asked) in sites {
        for body in bodies {
            let site = Site::start().await;
            site.put(path, "application/json", body);
            let error = registry(ecosystem, &site.url)
                .resolve(&purl(asked))
                .await
                .unwrap_err();
            let FetchError::Nonsense { url, .. } = &error else {
                panic!("{asked} {body:?}: {error}")
            };
            assert_eq!(*url, format!("{}{path}", site.url));
            assert!(!error.to_string().contains('\n'));
        }
    }
}

#[tokio::test]
async fn index_documents_are_bounded() {
    let site = Site::start().await;
    site.put("/p", "application/json", vec![b' '; 2 << 20]);
    let error = registry(Ecosystem::Npm, &site.url)
        .resolve(&purl("pkg:npm/p"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::TooLarge {
                limit: 0x10_0000,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.category(), "limit_exceeded");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_an_error_if_it_is_the_only_one() {
    let site = with_tarball("/p.tgz", None).await;
    let endless = |_| {
        // No content-length: only the bytes themselves tell.
        let chunks = (0..100).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1000]));
        Response::new(Body::from_stream(futures_util::stream::iter(chunks)))
    };
    site.answer("/p.tgz", endless);
    let (registry, release) = resolve(&site).await;
    let limits = FetchLimits {
        artifact_bytes: 5000,
        ..Default::default()
    };
    let outcome = fetch_with(&registry, &release, &limits).await;
    assert!(
        matches!(outcome.error(), FetchError::TooLarge { limit: 5000, .. }),
        "{:?}",
        outcome.result
    );
}

/// A PyPI release of files with these sizes; the index tells them if `sizes_known`.
async fn release_of(sizes: &[usize], sizes_known: bool) -> (Site, Registry, Release) {
    let site = Site::start().await;
    let files: Vec<_> = (sizes.iter().enumerate())
        .map(|(index, size)| {
            let name = format!("p-1.0-{index:02}-py3-none-any.whl");
            site.put(&format!("/{name}"), "application/zip", vec![b'x'; *size]);
            let size = sizes_known.then_some(*size);
            json!({ "filename": name, "url": format!("/{name}"), "hashes": {}, "size": size })
        })
        .collect();
    site.json("/simple/p/", &json!({ "files": files }));
    let registry = registry(Ecosystem::Pypi, &format!("{}/simple", site.url));
    let release = registry.resolve(&purl("pkg:pypi/p")).await.unwrap();
    (site, registry, release)
}

#[tokio::test]
async fn what_exceeds_a_limit_is_skipped_and_named() {
    let small = FetchLimits {
        artifact_bytes: 50,
        release_bytes: 100,
        ..Default::default()
    };
    let few = FetchLimits {
        artifacts: 2,
        ..Default::default()
    };
    let by_size = [40, 60, 40, 10, 30, 5];
    let cases: [(&[usize], bool, &FetchLimits, &[&str]); 3] = [
        (&[1, 1, 1, 1], true, &few, &["02", "03"]),
        // Known sizes: what still fits is fetched.
        (&by_size, true, &small, &["01", "04"]),
        // Unknown sizes: the first that does not fit is the last that is fetched.
        (&by_size, false, &small, &["01", "04", "05"]),
    ];
    for (sizes, sizes_known, limits, expected) in cases {
        let (_site, registry, release) = release_of(sizes, sizes_known).await;
        let outcome = fetch_with(&registry, &release, limits).await;
        let skipped = &outcome.fetched().skipped;
        let names: Vec<_> = skipped
            .iter()
            .map(|s| &s.filename["p-1.0-".len()..][..2])
            .collect();
        assert_eq!(names, expected);
        assert_eq!(outcome.files_left().len(), sizes.len() - expected.len());
    }
}

#[tokio::test]
async fn offline_refuses_every_request() {
    let site = with_tarball("/p.tgz", None).await;
    let mut config = config(&[(Ecosystem::Npm, &site.url)]);
    config.offline = true;
    let error = Registry::new(config, Default::default())
        .resolve(&purl("pkg:npm/p"))
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::Offline { .. }), "{error}");
    assert!(error.hint().contains("--offline"));
    assert_eq!(site.hits("/p"), 0);
}

#[tokio::test]
async fn cancellation_ends_a_download_at_once_and_leaves_nothing() {
    let server = raw(SHORT, Duration::from_secs(30)).await;
    let site = with_tarball(&format!("{server}/p.tgz"), None).await;
    let mut config = config(&[(Ecosystem::Npm, &format!("{} {server}", site.url))]);
    config.http.idle_timeout = Duration::from_secs(20);
    let cancel = CancellationToken::new();
    let registry = Registry::new(config, cancel.clone());
    let release = registry.resolve(&purl("pkg:npm/p")).await.unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        cancel.cancel();
    });
    let start = Instant::now();
    let outcome = fetch(&registry, &release).await;
    assert!(matches!(outcome.error(), FetchError::Cancelled));
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_a_storage_error() {
    let site = with_tarball("/p.tgz", None).await;
    site.put("/p.tgz", "application/gzip", "ok");
    let (registry, release) = resolve(&site).await;
    let missing = tempfile::tempdir().unwrap().path().join("missing");
    let error = registry
        .fetch(&release, &FetchLimits::default(), &missing)
        .await
        .unwrap_err();
    assert_eq!(error.category(), "storage_error");
}
