//! The same sample gives the same findings, whoever runs the analyzer.

use std::process::Command;

use packguard_tests::harness::registry::{Registry, harmless};
use packguard_tests::{cache, packguard, tar_gz};
use serde_json::Value;

use crate::project::decoded;
use crate::server::{Platform, at_home, good, login, run};
use crate::shell::{Shell, code, json, said};

/// An analyzer's findings, without what a report alone adds to them.
fn found(report: &Value, analyzer: &str) -> Vec<Value> {
    let findings = report["findings"].as_array().unwrap().iter();
    let own = findings.filter(|finding| finding["analyzer"] == analyzer);
    let mut own: Vec<Value> = own.cloned().collect();
    for finding in own.iter_mut().filter_map(Value::as_object_mut) {
        for added in ["content", "content_fingerprint", "attack"] {
            finding.remove(added);
        }
    }
    own
}

#[tokio::test(flavor = "multi_thread")]
async fn sdk_scan_and_a_worker_find_the_same() {
    let (platform, registry) = tokio::join!(Platform::start(&[]), Registry::start(harmless));
    let made = tokio::task::spawn_blocking(|| Shell::with_project("same-findings"));
    let (shell, project) = made.await.unwrap();
    let sdk = |arguments: &[&str]| at_home(&shell, Some(&project), arguments);
    let tested = json(&good(sdk(&["test", "--json"])).await);
    let samples = tested["samples"].as_array().unwrap();
    let sample = samples
        .iter()
        .find(|one| one["name"] == "sends-environment");
    let wanted = sample.unwrap()["findings"].as_array().unwrap().clone();
    assert_eq!(wanted.len(), 1);

    // The same package as an archive; `sdk test` calls what it runs over `package`, too.
    let text = std::fs::read(decoded(&shell, &project).join("setup.py")).unwrap();
    let archive = tar_gz(&[("setup.py", &text)]);
    let file = project.root.join("dist/package");
    std::fs::write(&file, &archive).unwrap();
    let ran = json(&good(sdk(&["run", "--json", "dist/package"])).await);
    assert_eq!(found(&ran, "same-findings"), wanted);
    assert!(ran["step"]["usage"]["fuel"].as_u64().unwrap() > 0);

    let program = tokio::task::spawn_blocking(packguard).await.unwrap();
    let mut scan = Command::new(program);
    scan.args(["scan", "--format", "json", "--analyzer"])
        .arg(project.root.join("dist/same-findings.wasm"))
        .arg(&file)
        .env("PACKGUARD_CACHE_DIR", cache());
    let scanned = run(scan).await;
    // Ours is not the only analyzer that finds it suspicious.
    assert_eq!(code(&scanned), 1, "{}", said(&scanned));
    let report = &json(&scanned)["reports"][0];
    assert_eq!(found(report, "same-findings"), wanted);

    let logged_in = login(&shell, &platform.url(), &platform.deployer.1).await;
    assert_eq!(code(&logged_in), 0, "{}", said(&logged_in));
    good(sdk(&["deploy", "--alias", "stable"])).await;
    let worker = platform.worker(&registry).await;
    worker.line("\"functions\":1").await;
    let report = platform.asker().report_of_archive("package", archive).await;
    assert_eq!(found(&report, "same-findings"), wanted);
    assert!(worker.terminate().await.success());
}
