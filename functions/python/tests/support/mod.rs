//! Shared by the tests: one file in, findings out.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "not every test file needs all of it"
)]

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

/// The score that the judge gives to a package of these files.
pub fn score(files: &[(&str, &[u8])]) -> u32 {
    use packguard_sdk::Judge as _;
    use packguard_sdk::judge::{Dossier, Evidence};
    let mut package = PackageBuilder::new("pypi", "demo");
    for (path, content) in files {
        package = package.file(path, content);
    }
    let analysis = Python::analyze(&package.build()).unwrap();
    let evidence = analysis.findings().iter().map(|finding| Evidence {
        analyzer: "python".into(),
        finding: finding.clone(),
    });
    let dossier = Dossier {
        purl: None,
        ecosystem: "pypi".into(),
        name: "demo".into(),
        version: None,
        evidence: evidence.collect(),
        incomplete: Vec::new(),
    };
    packguard_judge::Bench::judge(&dossier).unwrap().score
}

/// Files of a package, path and content.
pub type Files<'a> = &'a [(&'a str, &'a [u8])];

/// Each package, by the name of its rewriting, must score so much.
#[track_caller]
pub fn convicted(least: u32, cases: &[(&str, Files<'_>)]) {
    for (name, files) in cases {
        let score = score(files);
        assert!(score >= least, "{name} scores {score} < {least}");
    }
}

/// Rules and severities of what was found, capabilities left out.
pub fn rules(analysis: &Analysis) -> Vec<(String, Severity)> {
    analysis
        .findings()
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
pub fn base64(text: impl AsRef<[u8]>) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(text)
}

/// A zlib stream.
pub fn zlib(text: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// (rule, file, code, severity at least)
pub type Case = (&'static str, &'static str, String, Severity);

/// Each must be found, at least as grave, and nothing be left out.
#[track_caller]
pub fn found(cases: &[Case]) {
    for (rule, path, code, least) in cases {
        let analysis = analyze(path, code);
        let severity = severity(&analysis, rule);
        assert!(
            severity >= Some(*least),
            "{rule} {severity:?} < {least:?} in {path}:\n{code}\n{:?}",
            rules(&analysis)
        );
        assert_eq!(analysis.problems(), [], "{code}");
    }
}

/// Nothing of medium or above may be found, and nothing be left out.
#[track_caller]
pub fn quiet(cases: &[(&str, &str)]) {
    for (path, code) in cases {
        let analysis = analyze(path, code);
        let grave: Vec<_> = rules(&analysis)
            .into_iter()
            .filter(|(_, s)| *s >= Severity::Medium)
            .collect();
        assert_eq!(grave, [], "{path}:\n{code}");
        assert_eq!(analysis.problems(), [], "{code}");
    }
}

/// One row.
pub fn case(
    rule: &'static str,
    path: &'static str,
    code: impl Into<String>,
    least: Severity,
) -> Case {
    (rule, path, code.into(), least)
}
