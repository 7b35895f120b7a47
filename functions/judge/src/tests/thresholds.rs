//! Thresholds that the operator moved.

use super::*;

fn setting(name: &str, value: &str) -> Evidence {
    let mut piece = finding(
        name,
        Category::Capability,
        Severity::Info,
        Confidence::Low,
        Phase::Unknown,
        "",
    );
    piece.analyzer = crate::thresholds::SETTINGS.into();
    piece.finding.title = value.into();
    piece
}

fn high() -> Evidence {
    finding(
        "shell",
        Category::Execution,
        Severity::High,
        Confidence::High,
        Phase::Execute,
        "a.py",
    )
}

#[test]
fn the_answer_follows_the_thresholds() {
    for (settings, expected) in [
        (&[][..], Outcome::Suspicious),
        (&[("judge.suspicious", "41")], Outcome::Clean),
        (&[("judge.suspicious", "40")], Outcome::Suspicious),
        // One rule alone stays below whatever convicts.
        (&[("judge.malicious", "35")], Outcome::Suspicious),
        (
            &[("judge.malicious", "90"), ("judge.suspicious", "10")],
            Outcome::Suspicious,
        ),
        (&[("judge.other", "x")], Outcome::Suspicious),
    ] {
        let settings = settings.iter().map(|(name, value)| setting(name, value));
        let verdict = judge([high()].into_iter().chain(settings).collect());
        assert_eq!(verdict.outcome, expected);
        assert!(verdict.reasons.iter().all(|reason| reason.evidence == [0]));
    }
}

#[test]
fn what_is_no_threshold_is_refused() {
    for settings in [
        &[("judge.malicious", "0")][..],
        &[("judge.malicious", "101")],
        &[("judge.suspicious", "many")],
        &[("judge.suspicious", "71")],
        &[("judge.malicious", "29")],
    ] {
        let dossier = Dossier {
            purl: None,
            ecosystem: "pypi".into(),
            name: "demo".into(),
            version: None,
            evidence: settings
                .iter()
                .map(|(name, value)| setting(name, value))
                .collect(),
            incomplete: Vec::new(),
        };
        assert!(Bench::judge(&dossier).is_err(), "{settings:?}");
    }
}

#[test]
fn settings_are_not_counted_as_findings() {
    let verdict = judge(vec![setting("judge.malicious", "80")]);
    assert_eq!(verdict.summary, "No sign of malice.");
}
