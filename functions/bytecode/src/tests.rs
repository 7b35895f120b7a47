//! What is found in small classes and assemblies.

mod build;
mod dotnet;
mod java;
mod others;

use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _, Severity};

use crate::Bytecode;

/// Analyses a package of these files.
fn analyze(files: &[(&str, Vec<u8>)]) -> Analysis {
    let mut package = PackageBuilder::new("generic", "demo");
    for (path, content) in files {
        package = package.file(path, content);
    }
    Bytecode::analyze(&package.build()).unwrap()
}

/// Rules of severity low and up, with their severities.
fn found(files: &[(&str, Vec<u8>)]) -> Vec<(String, Severity)> {
    let analysis = analyze(files);
    assert_eq!(analysis.problems(), []);
    analysis
        .findings()
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
        .map(|finding| (finding.rule.clone(), finding.severity))
        .collect()
}

#[test]
fn every_rule_is_listed_under_an_id_of_its_own() {
    let ids: std::collections::BTreeSet<_> =
        crate::rules::RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), crate::rules::RULES.len());
    assert!(ids.iter().all(|id| id.starts_with("bytecode-")));
}
