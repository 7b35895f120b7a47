//! Shared by the tests: one file in, findings out.

use packguard_python::Python;
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _, Severity};

/// Analyses a package of one file.
pub fn analyze(path: &str, content: impl AsRef<[u8]>) -> Analysis {
    let package = PackageBuilder::new("pypi", "demo")
        .file(path, content)
        .build();
    Python::analyze(&package).unwrap()
}

/// Rules and severities of what was found, capabilities left out.
pub fn rules(analysis: &Analysis) -> Vec<(String, Severity)> {
    analysis
        .findings
        .iter()
        .filter(|finding| !finding.rule.starts_with("python-capability-"))
        .map(|finding| (finding.rule.clone(), finding.severity))
        .collect()
}

/// The gravest severity of a rule's findings.
pub fn severity(analysis: &Analysis, rule: &str) -> Option<Severity> {
    rules(analysis)
        .into_iter()
        .filter(|(found, _)| found == rule)
        .map(|(_, severity)| severity)
        .max()
}

/// Base64.
#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "not every test needs it"
)]
pub fn base64(text: impl AsRef<[u8]>) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(text)
}

/// A zlib stream.
#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "not every test needs it"
)]
pub fn zlib(text: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}
