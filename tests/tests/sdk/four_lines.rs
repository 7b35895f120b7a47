//! `sdk new`, `test`, `deploy --alias canary` and `promote`, in the languages that carry an
//! interpreter. In Rust it is the tutorial.

use std::path::PathBuf;

use packguard_platform::components::default_cache;
use packguard_tests::harness::registry::{Registry, harmless};

use crate::server::{Platform, at_home, good, login};
use crate::shell::{Project, Shell, code, json, said};

#[tokio::test(flavor = "multi_thread")]
async fn the_four_lines_work_in_python() {
    four_lines("python", "in-python").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_four_lines_work_in_javascript() {
    four_lines("javascript", "in-javascript").await;
}

/// The cache folder of whoever runs the tests: the toolchains below it are 500 MB, and installed
/// once for all checkouts.
fn tools_cache() -> PathBuf {
    let named = std::env::var_os("PACKGUARD_CACHE_DIR").map(PathBuf::from);
    default_cache(named).expect("a home")
}

async fn four_lines(language: &str, name: &str) {
    let (platform, registry) = tokio::join!(Platform::start(&[]), Registry::start(harmless));
    let shell = Shell::new();
    let logged_in = login(&shell, &platform.url(), &platform.deployer.1).await;
    assert_eq!(code(&logged_in), 0, "{}", said(&logged_in));

    let made = good(at_home(&shell, None, &["new", name, "--lang", language])).await;
    assert_eq!(said(&made), format!("cd {name}\nsdk test\nmade {name}/\n"));
    let root = shell.0.path().join(name);
    let project = Project { root };
    let sdk = |arguments: &[&str]| {
        let mut command = at_home(&shell, Some(&project), arguments);
        command.env("PACKGUARD_CACHE_DIR", tools_cache());
        command
    };
    let tested = said(&good(sdk(&["test"])).await);
    let expected = "4 samples, 4 as expected; precision 100 %, recall 100 %";
    assert!(tested.contains(expected), "{tested}");

    let deployed = json(&good(sdk(&["deploy", "--alias", "canary", "--json"])).await);
    assert_eq!(deployed["existed"], false);
    assert_eq!(deployed["alias"]["alias"], "canary");
    let version = &deployed["version"];
    assert_eq!(version["descriptor"]["name"], name);
    let digest = version["sha256"].as_str().unwrap().to_owned();

    let worker = platform.worker(&registry).await;
    let promoted = said(&good(sdk(&["promote", &format!("{name}@0.1.0")])).await);
    assert!(
        promoted.contains(&format!("stable of {name} names 0.1.0 now")),
        "{promoted}"
    );
    worker.line("\"functions\":1").await;
    let (asker, purl) = (platform.asker(), Registry::purl("sample", 1));
    assert_eq!(asker.ran(&purl, name).await, Some(digest));
    assert!(worker.terminate().await.success());
}
