use packguard_runtime::report::*;
use pretty_assertions::assert_eq;
use proptest::prelude::*;

use super::*;

pub(super) mod samples;

use samples::{clean, failures, incomplete, malicious, named, skipped, suspicious};

const COLUMNS: Look = Look {
    width: 80,
    color: false,
};

fn scan() -> ScanOutput {
    ScanOutput::new(
        vec![clean(), malicious(), incomplete()],
        failures(),
        skipped(),
    )
}

#[test]
fn human() {
    insta::assert_snapshot!("human", render(&scan(), Format::Human, COLUMNS).unwrap());
}

#[test]
fn human_with_many_packages() {
    let mut reports: Vec<Report> = (0..25)
        .map(|n| named(clean(), &format!("pkg:npm/p{n}@1.0.0")))
        .collect();
    reports.push(suspicious());
    let output = ScanOutput::new(reports, vec![], vec![]);
    insta::assert_snapshot!(
        "human_many",
        render(&output, Format::Human, COLUMNS).unwrap()
    );
}

#[test]
fn human_colours_are_on_top_of_the_same_text() {
    let color = render(
        &scan(),
        Format::Human,
        Look {
            color: true,
            ..COLUMNS
        },
    )
    .unwrap();
    let plain = render(&scan(), Format::Human, COLUMNS).unwrap();
    assert!(
        color.contains("\u{1b}[1m\u{1b}[31mMALICIOUS") || color.contains("\u{1b}[31m"),
        "{color:?}"
    );
    assert_eq!(anstream::adapter::strip_str(&color).to_string(), plain);
}

#[test]
fn markdown() {
    insta::assert_snapshot!(
        "markdown",
        render(&scan(), Format::Markdown, COLUMNS).unwrap()
    );
}

#[test]
fn markdown_is_cut_between_blocks() {
    let mut report = malicious();
    let finding = report.findings[0].clone();
    report.findings = vec![finding; 500];
    let output = ScanOutput::new(vec![report, suspicious()], failures(), skipped());
    let text = render(&output, Format::Markdown, COLUMNS).unwrap();
    assert!(text.len() <= 65_000, "{}", text.len());
    assert!(text.contains("more parts do not fit"));
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
    assert_eq!(
        text.lines().filter(|line| line.starts_with("```")).count() % 2,
        0
    );
}

#[test]
fn sarif() {
    let text = render(&scan(), Format::Sarif, COLUMNS).unwrap();
    assert_valid_sarif(&text);
    let version = env!("CARGO_PKG_VERSION");
    insta::assert_snapshot!(
        "sarif",
        text.replace(&format!("\"{version}\""), "\"VERSION\"")
    );
}

#[test]
fn json_is_the_scan_itself() {
    let text = render(&scan(), Format::Json, COLUMNS).unwrap();
    assert!(text.ends_with("}\n"));
    assert_eq!(serde_json::from_str::<ScanOutput>(&text).unwrap(), scan());
    let schema: serde_json::Value = serde_json::from_str(&schema().unwrap()).unwrap();
    let value = serde_json::from_str(&text).unwrap();
    jsonschema::validator_for(&schema)
        .unwrap()
        .validate(&value)
        .unwrap();
    let empty = ScanOutput::new(vec![], vec![], vec![]);
    insta::assert_snapshot!(
        "json_empty",
        render(&empty, Format::Json, COLUMNS)
            .unwrap()
            .replace(env!("CARGO_PKG_VERSION"), "VERSION")
    );
}

/// `UPDATE_SCHEMA=1 cargo test -p packguard-platform schema` writes it anew.
#[test]
fn the_committed_schema_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/report.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, schema().unwrap()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        committed,
        schema().unwrap(),
        "the types changed: raise SCHEMA_VERSION if clients must know, then run \
         `UPDATE_SCHEMA=1 cargo test -p packguard-platform schema` and commit the file"
    );
}

#[test]
fn exit_codes_follow_the_table() {
    let failure = |category| Failure {
        input: "x".into(),
        category,
        message: "y".into(),
        hint: None,
    };
    use FailureCategory::{Environment, Package, Usage};
    let mut flagged_and_partial = suspicious();
    flagged_and_partial.incomplete = incomplete().incomplete;
    for (reports, failed, entries, fail_on, expected) in [
        (vec![clean()], vec![], vec![], FailOn::Suspicious, 0),
        (vec![], vec![], vec![], FailOn::Suspicious, 0),
        (
            vec![clean(), suspicious()],
            vec![],
            vec![],
            FailOn::Suspicious,
            1,
        ),
        (vec![suspicious()], vec![], vec![], FailOn::Malicious, 0),
        (vec![malicious()], vec![], vec![], FailOn::Malicious, 1),
        (vec![malicious()], vec![], vec![], FailOn::Never, 0),
        (
            vec![flagged_and_partial],
            vec![],
            vec![],
            FailOn::Malicious,
            3,
        ),
        (vec![incomplete()], vec![], vec![], FailOn::Never, 3),
        (vec![clean()], vec![Package], vec![], FailOn::Suspicious, 3),
        (vec![clean()], vec![], skipped(), FailOn::Suspicious, 3),
        (
            vec![clean()],
            vec![Package, Usage],
            vec![],
            FailOn::Suspicious,
            2,
        ),
        (
            vec![incomplete()],
            vec![Usage, Environment],
            vec![],
            FailOn::Suspicious,
            4,
        ),
        (
            vec![malicious(), incomplete()],
            vec![Environment],
            skipped(),
            FailOn::Suspicious,
            1,
        ),
    ] {
        let failed = failed.into_iter().map(failure).collect();
        let output = ScanOutput::new(reports, failed, entries);
        assert_eq!(
            exit_code(&output, fail_on),
            expected,
            "{:?} {fail_on:?}",
            output.summary
        );
    }
}

#[test]
fn a_scan_with_gaps_is_never_clean() {
    let outcome = |output: ScanOutput| output.summary.outcome;
    assert_eq!(
        outcome(ScanOutput::new(vec![clean()], vec![], vec![])),
        Outcome::Clean
    );
    assert_eq!(
        outcome(ScanOutput::new(vec![clean()], vec![], skipped())),
        Outcome::Incomplete
    );
    assert_eq!(
        outcome(ScanOutput::new(vec![], failures(), vec![])),
        Outcome::Incomplete
    );
    assert_eq!(
        outcome(ScanOutput::new(vec![malicious()], failures(), vec![])),
        Outcome::Malicious
    );
}

pub(super) fn assert_valid_sarif(text: &str) {
    let schema = include_str!("../../testdata/sarif-2.1.0.schema.json");
    // The schema's pattern for languages has a stray bracket, which strict readers refuse.
    let schema = schema.replace("-[a-zA-Z]{2}]?$", "-[a-zA-Z]{2}$");
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let log: serde_json::Value = serde_json::from_str(text).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&log)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_sarif_check_can_fail() {
    let broken = r#"{"version": "2.1.0", "runs": [{"results": []}]}"#;
    assert!(std::panic::catch_unwind(|| assert_valid_sarif(broken)).is_err());
}

fn with_hostile_text(text: &str, line: Option<u32>) -> ScanOutput {
    let mut report = malicious();
    report.package.purl = None;
    report.package.name = text.into();
    report.verdict.summary = text.into();
    report.verdict.reasons[0].text = text.into();
    report.rules[0].help = text.into();
    let finding = &mut report.findings[1];
    finding.title = text.into();
    finding.why = text.into();
    finding.decoded[0].text = text.into();
    let location = finding.location.as_mut().unwrap();
    location.path = text.into();
    location.artifact = text.into();
    location.snippet = Some(text.into());
    location.line = line;
    report.incomplete = incomplete().incomplete;
    report.incomplete[0].path = Some(text.into());
    let mut failed = failures();
    failed[0].input = text.into();
    let mut entries = skipped();
    entries[0].text = text.into();
    ScanOutput::new(vec![report], failed, entries)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hostile_text_is_harmless_in_every_format(
        text in "(\\PC|[\u{0}-\u{1f}\u{7f}-\u{9f}\u{202a}-\u{202e}`@|<>\\[\\]()!/.\\\\]){0,60}",
        line in proptest::option::of(any::<u32>()),
        width in 40_usize..140,
    ) {
        let output = with_hostile_text(&text, line);
        let human = render(&output, Format::Human, Look { width, color: false }).unwrap();
        let bad = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}'));
        prop_assert!(!human.contains(bad), "{human:?}");
        let markdown = render(&output, Format::Markdown, COLUMNS).unwrap();
        prop_assert!(!markdown.contains(bad), "{markdown:?}");
        let opened = |line: &&str| line.starts_with("<details>");
        prop_assert_eq!(markdown.lines().filter(opened).count(), 1);
        assert_valid_sarif(&render(&output, Format::Sarif, COLUMNS).unwrap());
        render(&output, Format::Json, COLUMNS).unwrap();
    }
}
