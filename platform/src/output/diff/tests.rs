//! What is new, as it is printed.

use super::super::tests::samples::{clean, malicious};
use super::*;

fn snapshot(report: Report, files: &[(&str, &str)]) -> Snapshot {
    let files = files
        .iter()
        .map(|(path, hash)| ((*path).into(), (*hash).into()));
    Snapshot {
        report,
        files: files.collect(),
    }
}

fn output() -> DiffOutput {
    let mut after = malicious();
    let mut found = after.findings[0].clone();
    for (at, one) in after.findings.iter_mut().enumerate() {
        one.fingerprint = format!("{at:032}");
    }
    found.rule = DEPENDENCY.into();
    found.title = "Depends on left-pad".into();
    found.severity = Severity::Info;
    after.findings.push(found);
    DiffOutput::new(
        &snapshot(clean(), &[("same", "1"), ("gone", "1"), ("changed", "1")]),
        &snapshot(
            after,
            &[("same", "1"), ("new\u{1b}[2J", "1"), ("changed", "2")],
        ),
    )
}

#[test]
fn every_format_says_what_is_new() {
    let output = output();
    let look = Look {
        width: 80,
        color: false,
    };
    insta::assert_snapshot!("diff_human", render(&output, Format::Human, look).unwrap());
    insta::assert_snapshot!(
        "diff_markdown",
        render(&output, Format::Markdown, look).unwrap()
    );
    let sarif = render(&output, Format::Sarif, look).unwrap();
    super::super::tests::assert_valid_sarif(&sarif);
    assert!(sarif.contains("\"baselineState\": \"new\""));
    let json = render(&output, Format::Json, look).unwrap();
    assert_eq!(serde_json::from_str::<DiffOutput>(&json).unwrap(), output);
    assert_eq!(output.dependencies.new, ["left-pad"]);
    assert_eq!(output.files.removed, ["gone"]);
}

#[test]
fn the_exit_code_follows_verdict_and_new_findings() {
    let mut output = output();
    assert_eq!(exit_code(&output, FailOn::Suspicious, FailOnNew::Never), 1);
    output.after.verdict.outcome = Outcome::Clean;
    assert_eq!(exit_code(&output, FailOn::Suspicious, FailOnNew::High), 1);
    assert_eq!(exit_code(&output, FailOn::Suspicious, FailOnNew::Never), 0);
    output.before.verdict.outcome = Outcome::Incomplete;
    assert_eq!(exit_code(&output, FailOn::Suspicious, FailOnNew::Never), 3);
    output.findings_new.clear();
    assert_eq!(exit_code(&output, FailOn::Never, FailOnNew::Medium), 3);
}

/// `UPDATE_SCHEMA=1 cargo test --workspace --lib schema` writes it anew.
#[test]
fn the_committed_schema_of_comparisons_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/diff.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, schema().unwrap()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        committed,
        schema().unwrap(),
        "the types changed: see report.schema.json"
    );
}
