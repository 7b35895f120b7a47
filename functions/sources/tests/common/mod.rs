//! Shared by the tests.

use base64::Engine as _;
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _, Severity};
use packguard_sources::Sources;

pub fn run(path: &str, code: impl AsRef<[u8]>) -> Analysis {
    let package = PackageBuilder::new("generic", "sample")
        .file(path, code)
        .build();
    Sources::analyze(&package).unwrap()
}

pub fn found(analysis: &Analysis) -> Vec<(&str, Severity)> {
    analysis
        .findings()
        .iter()
        .map(|finding| (finding.rule.as_str(), finding.severity))
        .collect()
}

pub fn at_least(analysis: &Analysis, rule: &str, severity: Severity) -> bool {
    found(analysis)
        .iter()
        .any(|(have, gravity)| *have == rule && *gravity >= severity)
}

pub fn b64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}
