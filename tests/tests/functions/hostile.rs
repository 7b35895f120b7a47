//! What is not admitted: refused with its reason, and nothing is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use packguard_tests::{EMPTY, HOSTILE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::lab::{Lab, guest, rewritten, send};

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("it is well-formed")
}

/// A component whose functions take a compiler long: each of their values depends on the one
/// before. WebAssembly allows a function 7 MB.
fn compile_bomb() -> Vec<u8> {
    let mut function = String::from("(func (param i64) (result i64) ");
    for number in 0..250_000 {
        function.push_str("local.get 0 i64.const ");
        function.push_str(&number.to_string());
        function.push_str(" i64.xor local.set 0 ");
    }
    function.push_str("local.get 0)");
    wat(&format!("(component (core module {}))", function.repeat(4)))
}

/// Native code, as `wasmtime compile` writes it: whoever loads it trusts it.
fn precompiled() -> Vec<u8> {
    let engine = wasmtime::Engine::default();
    let code = engine.precompile_component(EMPTY);
    code.expect("it compiles")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_analyzer_is_refused_with_its_reason() {
    let lab = Lab::start(&[]).await;
    let truncated = &EMPTY[..EMPTY.len() / 2];
    for (what, bytes, code) in [
        ("garbage", b"#!/bin/sh\n".to_vec(), "not_wasm"),
        ("core module", wat("(module)"), "core_module"),
        ("precompiled", precompiled(), "precompiled"),
        ("truncated", truncated.to_vec(), "invalid_component"),
        (
            "forbidden import",
            wat(r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#),
            "forbidden_import",
        ),
        (
            "another contract",
            wat(r#"(component (import "packguard:analyzer/log@2.0.0" (instance)))"#),
            "unsupported_wit",
        ),
        ("no world", wat("(component)"), "not_an_analyzer"),
        ("another name", EMPTY.to_vec(), "manifest_mismatch"),
    ] {
        let answer = send(lab.deploy("other", "0.1.0", bytes)).await;
        assert_eq!(
            (answer.status, answer.code()),
            (422, code),
            "{what}: {}",
            answer.body
        );
    }
    let answer = send(lab.deploy("empty", "0.1.0", guest("empty", "0.1.1"))).await;
    assert_eq!((answer.status, answer.code()), (422, "manifest_mismatch"));
    let answer = send(lab.deploy("empty", "0.1.0", "")).await;
    assert_eq!(answer.status, 422);
    assert_eq!(lab.stored().await, [0; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_versions_that_are_none_are_refused() {
    let lab = Lab::start(&[]).await;
    for (name, version) in [
        ("python", "0.1.0"),
        ("Empty", "0.1.0"),
        ("a%2Fb", "0.1.0"),
        ("empty%00", "0.1.0"),
        ("empty", "1"),
        ("empty", "0.1.0%2Bbuild"),
    ] {
        let answer = send(lab.deploy(name, version, EMPTY)).await;
        assert_eq!(
            (answer.status, answer.code()),
            (422, "invalid_request"),
            "{name} {version}"
        );
    }
    for path in [
        "/api/v1/functions/a%00b/",
        "/api/v1/functions/none/versions/0.1.0/",
    ] {
        assert_eq!(lab.get(path).await.status, 404, "{path}");
    }
    assert_eq!(lab.stored().await, [0; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_too_large_is_refused_announced_or_not() {
    let lab = Lab::start(&[]).await;
    let chunk = Bytes::from(vec![0; 1 << 20]);
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let chunks = (0..200).map(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(chunk.clone())
    });
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    // The server answers and closes while the client still sends.
    if let Ok(answer) = lab.deploy("empty", "0.1.0", body).send().await {
        assert_eq!(answer.status(), 413);
    }
    // It read no more than it may take, and what was on its way.
    let sent = sent.load(Ordering::Relaxed);
    assert!((64..96).contains(&sent), "{sent} MiB were taken");
    let head = format!(
        "POST /api/v1/functions/?name=empty&version=0.1.0 HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Length: 200000000\r\nConnection: close\r\n\r\n",
        lab.deployer.1
    );
    let answer = lab.raw(head.as_bytes()).await;
    assert!(
        answer.contains(" 413 ") && answer.contains("component_too_large"),
        "{answer}"
    );
    assert_eq!(lab.stored().await, [0; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let lab = Lab::start(&[]).await;
    let head = format!(
        "POST /api/v1/functions/?name=empty&version=0.1.0 HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Length: {}\r\n\r\n",
        lab.deployer.1,
        EMPTY.len()
    );
    let mut stream = TcpStream::connect(lab.address).await.expect("it listens");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let half = &EMPTY[..EMPTY.len() / 2];
    stream.write_all(half).await.expect("sent");
    stream.shutdown().await.expect("it is closed");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer).await;
    read.expect("the server closes");
    assert!(
        answer.is_empty() || answer.contains(" 400 "),
        "it is no deploy: {answer}"
    );
    assert_eq!(lab.stored().await, [0; 5]);
    // The name is as free as before.
    lab.publish("empty", "0.1.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_of_a_bundled_analyzer_is_refused() {
    let lab = Lab::start(&[]).await;
    let deploy = async |rule: &str| {
        let changes = [
            ("hostile-saw", rule),
            ("in analyze:       ", "in analyze:nothing"),
        ];
        let bytes = rewritten(HOSTILE, &changes);
        send(lab.deploy("hostile", "0.1.0", bytes)).await
    };
    for (rule, code) in [
        ("hook-secret", "rule_taken"),
        ("hook_secret", "invalid_rule"),
        ("hook\u{1b}[31mxx", "invalid_rule"),
    ] {
        let answer = deploy(rule).await;
        assert_eq!(
            (answer.status, answer.code()),
            (422, code),
            "{rule}: {}",
            answer.body
        );
    }
    assert_eq!(lab.stored().await, [0; 5]);
    assert_eq!(deploy("hook-secrex").await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_of_another_function_is_refused() {
    let lab = Lab::start(&[]).await;
    let deploy = async |name: &str, version: &str, rule: &str| {
        let changes = [
            ("hostile-saw", rule),
            ("in analyze:       ", "in analyze:nothing"),
        ];
        let bytes = rewritten(HOSTILE, &changes);
        let bytes = rewritten(&bytes, &[("hostile", name), ("0.1.0", version)]);
        send(lab.deploy(name, version, bytes)).await
    };
    assert_eq!(deploy("hostile", "0.1.0", "first-rules").await.status, 201);
    let before = lab.stored().await;
    let answer = deploy("another", "0.1.0", "first-rules").await;
    assert_eq!(
        (answer.status, answer.code()),
        (422, "rule_taken"),
        "{}",
        answer.body
    );
    assert_eq!(lab.stored().await, before);
    // Its own it keeps, and what was refused claims none.
    assert_eq!(deploy("hostile", "0.2.0", "first-rules").await.status, 201);
    assert_eq!(deploy("another", "0.1.0", "other-rules").await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_there_may_be_is_refused() {
    let lab = Lab::start(&[]).await;
    lab.publish("empty", "0.1.0").await;
    assert_eq!(lab.promote("empty", "0.1.0").await.status, 200);
    lab.publish("alpha", "0.1.0").await;
    let copies = "INSERT INTO function_versions (function_id, version, sha256, size_bytes, contract, descriptor,
            capabilities, publisher_id, measures)
        SELECT {}, v.sha256, v.size_bytes, v.contract, v.descriptor, v.capabilities, v.publisher_id, v.measures
        FROM function_versions v JOIN functions f ON f.id = v.function_id";
    let versions = copies.replace("{}", "f.id, '1.0.' || number")
        + " AND f.name = 'empty', generate_series(1, 999) AS number";
    let run = async |sql: &str| {
        let done = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&lab.app.db);
        done.await.expect("it is written").rows_affected()
    };
    assert_eq!(run(&versions).await, 999);
    let before = lab.stored().await;
    let answer = send(lab.deploy("empty", "0.2.0", guest("empty", "0.2.0"))).await;
    assert_eq!((answer.status, answer.code()), (409, "too_many_versions"));
    assert_eq!(lab.stored().await, before);

    run("INSERT INTO functions (name, publisher_id)
         SELECT 'many-' || number, publisher_id FROM functions f, generate_series(1, 99) AS number
         WHERE f.name = 'empty'")
    .await;
    let versions = copies.replace("{}", "g.id, v.version")
        + " AND f.name = 'alpha', functions g WHERE g.name LIKE 'many-%'";
    assert_eq!(run(&versions).await, 99);
    run("INSERT INTO function_aliases (function_id, alias, version_id)
         SELECT f.id, 'stable', v.id FROM functions f JOIN function_versions v ON v.function_id = f.id
         WHERE f.name LIKE 'many-%'")
    .await;
    let before = lab.stored().await;
    let answer = lab.promote("alpha", "0.1.0").await;
    assert_eq!((answer.status, answer.code()), (409, "too_many_functions"));
    // One that runs already may still be moved.
    assert_eq!(lab.promote("empty", "1.0.1").await.status, 200);
    let moved = lab.stored().await;
    assert_eq!(moved[..3], before[..3]);

    // A canary is one more, unless it names the stable version.
    let canary = async |version: &str| {
        let to = serde_json::json!({ "version": version });
        lab.point("empty", "canary", to).await
    };
    assert_eq!(canary("1.0.1").await.status, 200);
    assert_eq!(canary("1.0.2").await.code(), "too_many_functions");
    // One that is disabled makes room for one, whoever asks at the same time.
    let disable = "UPDATE function_versions SET disabled_at = now(), disabled_reason = 'slow'
        WHERE function_id = (SELECT id FROM functions WHERE name = 'many-1')";
    assert_eq!(run(disable).await, 1);
    let (one, other) = tokio::join!(canary("1.0.2"), lab.promote("alpha", "0.1.0"));
    let mut both = [one.status, other.status];
    both.sort_unstable();
    assert_eq!(both, [200, 409], "{} {}", one.body, other.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_exists_is_refused() {
    let lab = Lab::start(&[]).await;
    lab.publish("empty", "0.1.0").await;
    let before = lab.stored().await;
    let again = send(lab.deploy("empty", "0.1.0", EMPTY)).await;
    assert_eq!((again.status, again.code()), (409, "version_exists"));
    assert_eq!(lab.stored().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_is_ended_by_its_time() {
    let lab = Lab::start(&[("FUNCTION_ADMISSION_TIME", "1s")]).await;
    let answer = send(lab.deploy("empty", "0.1.0", compile_bomb())).await;
    assert_eq!(
        (answer.status, answer.code()),
        (422, "compile_too_slow"),
        "{}",
        answer.body
    );
    assert_eq!(lab.stored().await, [0; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_is_ended_by_its_memory() {
    let lab = Lab::start(&[("FUNCTION_ADMISSION_MEMORY", "256MiB")]).await;
    let answer = send(lab.deploy("empty", "0.1.0", compile_bomb())).await;
    assert_eq!(
        (answer.status, answer.code()),
        (422, "compile_too_large"),
        "{}",
        answer.body
    );
    assert_eq!(lab.stored().await, [0; 5]);
}
