//! Shared by the tests.

use packguard_scripts::Scripts;
use packguard_sdk::testing::PackageBuilder;
use packguard_sdk::{Analysis, Analyzer as _, Severity};

pub fn analyse(files: &[(&str, &str)]) -> Analysis {
    let builder = files.iter().fold(
        PackageBuilder::new("generic", "sample"),
        |builder, (path, text)| builder.file(path, text),
    );
    Scripts::analyze(&builder.build()).unwrap()
}

pub fn found(analysis: &Analysis) -> Vec<(&str, Severity)> {
    analysis
        .findings()
        .iter()
        .map(|finding| (finding.rule.as_str(), finding.severity))
        .collect()
}

/// Whether the rule was found with at least this severity.
pub fn has(analysis: &Analysis, rule: &str, least: Severity) -> bool {
    analysis
        .findings()
        .iter()
        .any(|finding| finding.rule == rule && finding.severity >= least)
}

/// Checks that each text shows the rule, and says which do not.
pub fn all_show(path: &str, rule: &str, least: Severity, texts: &[&str]) {
    let missed: Vec<_> = texts
        .iter()
        .filter(|text| !has(&analyse(&[(path, text)]), rule, least))
        .map(|text| {
            (
                text,
                found(&analyse(&[(path, text)]))
                    .into_iter()
                    .map(|(rule, severity)| format!("{rule} {severity:?}"))
                    .collect::<Vec<_>>(),
            )
        })
        .collect();
    assert!(missed.is_empty(), "{rule}: {missed:#?}");
}
