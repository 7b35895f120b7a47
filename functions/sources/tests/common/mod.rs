//! Shared by the tests.

use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _, Severity};
use packguard_sources::Sources;

pub fn run(path: &str, code: impl AsRef<[u8]>) -> Analysis {
    let package = PackageBuilder::new("generic", "sample")
        .file(path, code)
        .build();
    let analysis = Sources::analyze(&package);
    analysis.unwrap_or_default()
}

pub fn found(analysis: &Analysis) -> Vec<(&str, Severity)> {
    analysis
        .findings()
        .iter()
        .map(|finding| (finding.rule.as_str(), finding.severity))
        .collect()
}
