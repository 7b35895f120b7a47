//! Shared by the tests.

use packguard_manifest::Manifest;
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _, Severity};

pub type Files<'a> = &'a [(&'a str, &'a str)];

pub fn package(ecosystem: &str, files: Files<'_>) -> PackageBuilder {
    files.iter().fold(
        PackageBuilder::new(ecosystem, "sample"),
        |builder, (path, content)| builder.file(path, content),
    )
}

pub fn run(builder: PackageBuilder) -> Analysis {
    Manifest::analyze(&builder.build()).unwrap()
}

pub fn found(analysis: &Analysis) -> Vec<(&str, Severity)> {
    analysis
        .findings()
        .iter()
        .map(|finding| (finding.rule.as_str(), finding.severity))
        .collect()
}
