//! What is not admitted: refused with its reason, and nothing is stored.

use bytes::Bytes;
use packguard_tests::{EMPTY, HOSTILE};

use super::lab::{Lab, guest, send};

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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_analyzer_is_refused_with_its_reason() {
    let lab = Lab::start(&[]).await;
    let truncated = &EMPTY[..EMPTY.len() / 2];
    for (what, bytes, code) in [
        ("garbage", b"#!/bin/sh\n".to_vec(), "not_wasm"),
        ("core module", wat("(module)"), "core_module"),
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
    // It fails on any package that does not tell it how to attack.
    let answer = send(lab.deploy("hostile", "0.1.0", HOSTILE)).await;
    assert_eq!(
        (answer.status, answer.code()),
        (422, "smoke_failed"),
        "{}",
        answer.body
    );
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
    let chunks = (0..200).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    // The server answers and closes while the client still sends.
    if let Ok(answer) = lab.deploy("empty", "0.1.0", body).send().await {
        assert_eq!(answer.status(), 413);
    }
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
