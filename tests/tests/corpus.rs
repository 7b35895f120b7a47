//! The labelled corpus through the bundled components: what is flagged, and what is not.
//!
//! `corpus/outcomes.txt` keeps every package's verdict, so that a change of any rule shows in
//! review; `UPDATE_CORPUS=1` writes it anew. Two bounds hold whatever it says.

use std::fmt::Write as _;

use packguard_runtime::report::{Outcome, Report, Severity};
use packguard_tests::Lab;
use packguard_tests::corpus::{self, Sample};

/// Of malicious packages, in percent, that are at least to be flagged.
const RECALL: f64 = 97.0;
/// Of honest packages, in percent, that are at most to be flagged.
const FALSE_ALARMS: f64 = 0.5;

fn flagged(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Malicious | Outcome::Suspicious)
}

/// Its verdict, score, and the rules that weigh, heaviest first as the report orders them.
fn line(sample: &Sample, report: &Report) -> String {
    let mut rules: Vec<&str> = Vec::new();
    for finding in &report.findings {
        let rule = finding.rule.as_str();
        if finding.severity >= Severity::Medium && !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    let outcome = match report.verdict.outcome {
        Outcome::Malicious => "malicious",
        Outcome::Suspicious => "suspicious",
        Outcome::Clean => "clean",
        Outcome::Incomplete => "incomplete",
    };
    let rules = rules.join(" ");
    format!("{} {outcome} {} {rules}", sample.id, report.verdict.score)
        .trim_end()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_corpus_is_told_apart() {
    let samples = corpus::samples().unwrap();
    let lab = Lab::default();
    let mut lines = String::new();
    let (mut malicious, mut found, mut honest, mut alarms) = (0, 0, 0, 0);
    for sample in &samples {
        let report = lab.sample(sample).await;
        let hit = flagged(report.verdict.outcome);
        match sample.malicious {
            true => (malicious, found) = (malicious + 1, found + usize::from(hit)),
            false => (honest, alarms) = (honest + 1, alarms + usize::from(hit)),
        }
        writeln!(lines, "{}", line(sample, &report)).unwrap();
    }
    assert!(
        malicious >= 300 && honest >= 100,
        "{malicious} and {honest} samples"
    );
    let percent = |part: usize, whole: usize| part as f64 * 100.0 / whole as f64;
    let file = corpus::folder().join("outcomes.txt");
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        std::fs::write(&file, &lines).unwrap();
    }
    assert!(
        percent(found, malicious) >= RECALL,
        "{found} of {malicious} are flagged"
    );
    assert!(
        percent(alarms, honest) <= FALSE_ALARMS,
        "{alarms} of {honest} are false alarms"
    );
    let expected = std::fs::read_to_string(&file).unwrap();
    pretty_assertions::assert_eq!(expected, lines, "UPDATE_CORPUS=1 writes {}", file.display());
}
