//! The proxy, the S3 servers, and the registry.

use std::time::{Duration, Instant};

use object_store::{ObjectStoreExt as _, signer::Signer as _};
use packguard_tests::harness::ceph;
use packguard_tests::harness::cluster::cluster;
use packguard_tests::harness::proxy::{Direction, Proxy, Then, Watch};
use packguard_tests::harness::registry::{Registry, Requests, harmless};
use packguard_tests::harness::s3::{self, Bucket};

use crate::ask;

#[tokio::test]
async fn the_proxy_cuts_freezes_and_delays() {
    let cluster = cluster().await;
    let proxy = Proxy::local(cluster.redis().port()).await;
    let url = proxy.url(&cluster.redis().url());
    let client = redis::Client::open(url.as_str()).unwrap();
    let mut open = client.get_multiplexed_async_connection().await.unwrap();
    let mut ping = async || redis::cmd("PING").query_async::<String>(&mut open).await;
    assert_eq!(ping().await.unwrap(), "PONG");
    assert_eq!((proxy.connections(), proxy.accepted()), (1, 1));

    proxy.cut().await;
    assert_eq!(proxy.connections(), 0);
    ping().await.unwrap_err();
    let refused = tokio::net::TcpStream::connect(proxy.address()).await;
    let refused = refused.unwrap_err().kind();
    assert_eq!(refused, std::io::ErrorKind::ConnectionRefused);

    proxy.restore().await;
    assert_eq!(ask(&url, &["PING"]).await.unwrap(), "PONG");

    proxy.freeze();
    let frozen = tokio::time::timeout(Duration::from_millis(300), ask(&url, &["PING"])).await;
    assert!(frozen.is_err(), "frozen");
    proxy.thaw();
    assert_eq!(ask(&url, &["PING"]).await.unwrap(), "PONG");

    proxy.delay(Duration::from_millis(50));
    let start = Instant::now();
    assert_eq!(ask(&url, &["PING"]).await.unwrap(), "PONG");
    assert!(
        start.elapsed() >= Duration::from_millis(100),
        "there and back"
    );
    proxy.restore().await;

    let mut open = client.get_multiplexed_async_connection().await.unwrap();
    let mut ping = async || redis::cmd("PING").query_async::<String>(&mut open).await;
    assert_eq!(ping().await.unwrap(), "PONG");
    proxy.lose();
    let lost = tokio::time::timeout(Duration::from_millis(300), ping()).await;
    assert!(
        lost.is_err_and(|_| proxy.connections() == 1),
        "silent, not reset"
    );
    assert_eq!(ask(&url, &["PING"]).await.unwrap(), "PONG", "new ones work");
}

#[tokio::test]
async fn the_proxy_stops_at_an_exact_step() {
    let cluster = cluster().await;
    let (direct, key) = (cluster.redis().url(), cluster.queue().name);
    for (then, acted) in [
        (Then::HoldHere, false),
        (Then::HoldReply, true),
        (Then::Cut, true),
    ] {
        let proxy = Proxy::local(cluster.redis().port()).await;
        let url = proxy.url(&direct);
        let key = format!("{key}-{then:?}");
        // The third.
        let watch = Watch::new(Direction::Request, "INCR", then).skip(2);
        let sighting = proxy.watch(watch);
        for expected in ["1", "2"] {
            assert_eq!(ask(&url, &["INCR", &key]).await.unwrap(), expected);
        }
        let mut third = tokio::spawn({
            let (url, key) = (url.clone(), key.clone());
            async move { ask(&url, &["INCR", &key]).await }
        });
        sighting.wait().await;
        if then == Then::Cut {
            third.await.unwrap().unwrap_err();
        } else {
            let answer = tokio::time::timeout(Duration::from_millis(200), &mut third).await;
            assert!(answer.is_err(), "{then:?}: no answer while held");
            // The server acts on a request that passed, and never sees one that is held.
            let count = ask(&direct, &["GET", &key]).await.unwrap();
            assert_eq!(count == "3", acted, "{then:?}");
            proxy.thaw();
            assert_eq!(third.await.unwrap().unwrap(), "3");
        }
    }
}

#[tokio::test]
async fn the_proxy_finds_a_pattern_in_two_pieces() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).await;
    let seen = proxy.watch(Watch::new(Direction::Request, "pattern", Then::HoldHere));
    let mut client = tokio::net::TcpStream::connect(proxy.address())
        .await
        .unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    client.set_nodelay(true).unwrap();
    client.write_all(b"before pat").await.unwrap();
    let mut start = [0; 10];
    server.read_exact(&mut start).await.unwrap();
    client.write_all(b"tern after").await.unwrap();
    seen.wait().await;
    proxy.thaw();
    drop(client);
    let mut rest = String::new();
    // Orderly: all bytes, then the end.
    server.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "tern after");
}

async fn use_bucket(bucket: &Bucket) {
    let client = bucket.client();
    let path = "reports/sha256/aa/one.json".into();
    client.put(&path, "{}".into()).await.unwrap();
    let read = client.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(&read[..], b"{}");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let minute = Duration::from_secs(60);
    let url = client
        .signed_url(axum::http::Method::GET, &path, minute)
        .await
        .unwrap();
    let signed = http.get(url.clone()).send().await.unwrap();
    assert_eq!(signed.text().await.unwrap(), "{}");
    let mut unsigned = url;
    unsigned.set_query(None);
    assert_eq!(http.get(unsigned).send().await.unwrap().status(), 403);
    let thief = Bucket {
        secret_key: "wrong".into(),
        ..bucket.clone()
    };
    thief.client().get(&path).await.unwrap_err();
}

#[tokio::test]
async fn local_s3_checks_signatures() {
    let s3 = s3::local().await;
    use_bucket(&s3.bucket).await;
    let address = s3.bucket.endpoint.trim_start_matches("http://");
    let proxy = Proxy::start(address.parse().unwrap()).await;
    use_bucket(&s3.bucket.through(proxy.address())).await;
    let seen = proxy.watch(Watch::new(
        Direction::Request,
        "PUT /packguard/reports/two",
        Then::Pass,
    ));
    let client = s3.bucket.through(proxy.address()).client();
    client.put(&"reports/two".into(), "2".into()).await.unwrap();
    seen.wait().await;
}

#[tokio::test]
async fn ceph_checks_signatures_and_survives_a_kill() {
    let mut ceph = ceph::start().await;
    use_bucket(&ceph.bucket).await;
    ceph.kill().await;
    ceph.resume().await;
    let path = "reports/sha256/aa/one.json".into();
    let read = ceph.bucket.client().get(&path).await.unwrap();
    assert_eq!(&read.bytes().await.unwrap()[..], b"{}");
}

#[tokio::test]
async fn the_registry_makes_packages_up_and_counts() {
    let registry = Registry::start(harmless).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = format!("{}sample-0007/", registry.url());
    let page = http.get(page).send().await.unwrap();
    let kind = page.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/vnd.pypi.simple.v1+json");
    let page: serde_json::Value = page.json().await.unwrap();
    let file = &page["files"][0];
    let url = format!(
        "http://{}{}",
        registry.address(),
        file["url"].as_str().unwrap()
    );
    let sdist = http.get(url).send().await.unwrap().bytes().await.unwrap();
    use sha2::Digest as _;
    let hash = hex::encode(sha2::Sha256::digest(&sdist));
    assert_eq!(file["hashes"]["sha256"], hash);
    let unknown = http.get(format!("{}sample/", registry.url())).send().await;
    assert_eq!(unknown.unwrap().status(), 404);
    let counted = registry.requests("sample-0007");
    assert_eq!(
        counted,
        Requests {
            index: 1,
            download: 1
        }
    );
    assert_eq!(Registry::purl("sample", 7), "pkg:pypi/sample-0007@1.0");
}
