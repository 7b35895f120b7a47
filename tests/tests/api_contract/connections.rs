//! Connections and streams: how many, how long, in which HTTP; and keys that are revoked by
//! another process while they are used.

use std::time::Duration;

use packguard_platform::model::Scope;
use packguard_tests::harness::cluster::cluster;
use packguard_tests::packguard;
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::lab::{Lab, bad, good, header};

const HEALTH: &[u8] = b"GET /health/ HTTP/1.1\r\nHost: a\r\n\r\n";

/// Reads until the answer's last brace.
async fn answered(stream: &mut TcpStream) {
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
}

async fn connected(lab: &Lab) -> TcpStream {
    let mut stream = TcpStream::connect(lab.address).await.unwrap();
    stream.write_all(HEALTH).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_too_many_waits_for_its_turn() {
    let lab = Lab::with(&[("MAX_CONNECTIONS", "2"), ("HEADER_TIMEOUT", "6s")]).await;
    let mut first = connected(&lab).await;
    answered(&mut first).await;
    let mut second = connected(&lab).await;
    answered(&mut second).await;
    let mut third = connected(&lab).await;
    let early = tokio::time::timeout(Duration::from_millis(300), answered(&mut third)).await;
    assert!(early.is_err(), "it was answered beside two others");
    drop(first);
    let limit = Duration::from_secs(3);
    tokio::time::timeout(limit, answered(&mut third))
        .await
        .expect("its turn");
    drop((second, third));
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_without_tls_is_spoken() {
    let lab = Lab::start().await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge();
    let client = client.build().unwrap();
    let url = format!("http://{}", lab.address);
    let health = client.get(format!("{url}/health")).send().await.unwrap();
    assert_eq!(health.version(), reqwest::Version::HTTP_2);
    good(health, StatusCode::OK).await;
    let error = client
        .get(format!("{url}/api/v1/reports/"))
        .send()
        .await
        .unwrap();
    bad(error, 401, "unauthorized").await;
    drop(client);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_so_many_streams_and_no_more() {
    let lab = Lab::start().await;
    let task = lab.submit("pkg:npm/a@1").await;
    let path = format!("/api/v1/task/{task}/events/");
    let mut streams = Vec::new();
    for _ in 0..50 {
        let stream = lab.get(&path).send().await.unwrap();
        assert_eq!(stream.status(), StatusCode::OK);
        streams.push(stream);
    }
    let refused = lab.get(&path).send().await.unwrap();
    assert_eq!(header(&refused, "retry-after"), "3");
    bad(refused, 429, "too_many_streams").await;
    let admin = lab.request(Method::GET, &path).bearer_auth(&lab.admin);
    assert_eq!(admin.send().await.unwrap().status(), StatusCode::OK);
    streams.pop();
    let again = async {
        while lab.get(&path).send().await.unwrap().status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again)
        .await
        .expect("a place is free");
    drop(streams);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_by_another_process_is_void_at_once() {
    let lab = Lab::start().await;
    let task = lab.submit("pkg:npm/a@1").await;
    let (id, secret) = lab.key("leaver", &[Scope::Admin]).await;
    let get = |path: &str| lab.request(Method::GET, path).bearer_auth(&secret);
    good(
        get("/api/v1/queue/status/").send().await.unwrap(),
        StatusCode::OK,
    )
    .await;
    let streaming = get(&format!("/api/v1/task/{task}/events/"))
        .send()
        .await
        .unwrap();
    let storage = tempfile::tempdir().unwrap();
    let revoked = std::process::Command::new(packguard())
        .args(["admin", "keys", "revoke", &id.to_string()])
        .env("DATABASE_URL", &lab.database.url)
        .env("REDIS_URL", cluster().await.redis().url())
        .env(
            "STORAGE_URL",
            format!("file://{}", storage.path().display()),
        )
        .output()
        .unwrap();
    assert!(revoked.status.success(), "{revoked:?}");
    let void = async {
        while get("/api/v1/queue/status/").send().await.unwrap().status()
            != StatusCode::UNAUTHORIZED
        {
            tokio::task::yield_now().await;
        }
    };
    // A notification takes a millisecond; a look at the clock would take longer.
    tokio::time::timeout(Duration::from_secs(1), void)
        .await
        .expect("void at once");
    let ended = tokio::time::timeout(Duration::from_secs(10), streaming.text()).await;
    ended.expect("its stream ends").unwrap();
    lab.end().await;
}
