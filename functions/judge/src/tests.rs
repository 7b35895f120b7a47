//! Realistic dossiers get the verdict that a person would give.

mod dossiers;
mod properties;
mod thresholds;

use packguard_sdk::judge::{Dossier, Evidence, Finding, FindingLocation, Outcome, Verdict};
use packguard_sdk::{Category, Confidence, Judge as _, Phase, Severity};

use crate::Bench;
use dossiers::{DOSSIERS, Row};

fn finding(
    rule: &str,
    category: Category,
    severity: Severity,
    confidence: Confidence,
    phase: Phase,
    path: &str,
) -> Evidence {
    Evidence {
        analyzer: "test".into(),
        finding: Finding {
            rule: rule.into(),
            title: format!("Title of {rule}"),
            category,
            severity,
            confidence,
            phase,
            location: (!path.is_empty()).then(|| FindingLocation {
                artifact: 0,
                path: path.into(),
                line: Some(3),
                column: Some(1),
                end_line: Some(3),
                snippet: None,
            }),
            decoded: Vec::new(),
            why: String::new(),
        },
    }
}

fn judge_with(evidence: Vec<Evidence>, incomplete: Vec<String>) -> Verdict {
    Bench::judge(&Dossier {
        purl: None,
        ecosystem: "pypi".into(),
        name: "demo".into(),
        version: None,
        evidence,
        incomplete,
    })
    .unwrap()
}

fn judge(evidence: Vec<Evidence>) -> Verdict {
    judge_with(evidence, Vec::new())
}

use Category as C;
use Confidence as S;
use Outcome as O;
use Phase as P;
use Severity as V;

fn dossier(rows: &[Row]) -> Vec<Evidence> {
    rows.iter()
        .map(|(rule, category, severity, confidence, phase, path)| {
            finding(rule, *category, *severity, *confidence, *phase, path)
        })
        .collect()
}

#[test]
fn dossiers_get_their_verdicts() {
    for (name, rows, outcome) in DOSSIERS {
        let verdict = judge(dossier(rows));
        assert_eq!(verdict.outcome, *outcome, "{name}: {verdict:#?}");
    }
}

#[test]
fn what_was_not_analysed_forbids_clean_and_nothing_else() {
    for (name, rows, outcome) in DOSSIERS {
        let verdict = judge_with(dossier(rows), vec!["x.js: too deep".into()]);
        let expected = match outcome {
            O::Clean => O::Incomplete,
            other => *other,
        };
        assert_eq!(verdict.outcome, expected, "{name}");
        assert!(verdict.summary.contains("x.js: too deep"), "{name}");
    }
}

#[test]
fn a_chain_reads_as_one_and_cites_its_links() {
    let mut rows = dossier(&[
        (
            "spawn",
            C::Capability,
            V::Info,
            S::High,
            P::Install,
            "setup.py",
        ),
        (
            "exec",
            C::Execution,
            V::High,
            S::High,
            P::Install,
            "setup.py",
        ),
        (
            "decode",
            C::DefenseEvasion,
            V::Medium,
            S::High,
            P::Install,
            "setup.py",
        ),
    ]);
    rows[1].finding.title = "spawns a shell".into();
    rows[2].finding.title = "decodes base64\nand more.".into();
    let verdict = judge(rows);
    let chain = verdict
        .reasons
        .iter()
        .find(|reason| reason.evidence == [2, 1])
        .unwrap();
    assert_eq!(
        chain.text,
        "runs at install → decodes base64 and more (setup.py:3) → spawns a shell (setup.py:3)"
    );
    // 75 % of the lighter link: 15 × 1.25.
    assert_eq!(chain.weight, 14);
}

#[test]
fn links_in_one_file_weigh_more_than_links_far_apart() {
    let near = judge(dossier(&[
        (
            "decode",
            C::DefenseEvasion,
            V::Medium,
            S::High,
            P::Execute,
            "a.py",
        ),
        ("exec", C::Execution, V::Medium, S::High, P::Execute, "a.py"),
    ]));
    let far = judge(dossier(&[
        (
            "decode",
            C::DefenseEvasion,
            V::Medium,
            S::High,
            P::Execute,
            "a.py",
        ),
        ("exec", C::Execution, V::Medium, S::High, P::Execute, "b.py"),
    ]));
    assert_eq!((near.score, far.score), (41, 33));
}

#[test]
fn repeats_of_one_rule_add_little() {
    let one = ("rule", C::Execution, V::High, S::High, P::Execute, "a.py");
    let scores: Vec<u32> = [1, 2, 3, 25]
        .map(|times| judge(dossier(&vec![one; times])).score)
        .into();
    assert_eq!(scores, [40, 48, 52, 56]);
}

#[test]
fn reasons_come_heaviest_first_and_info_gives_none() {
    let verdict = judge(dossier(&[
        ("low", C::Binary, V::Low, S::High, P::Execute, "a"),
        ("info", C::Binary, V::Info, S::High, P::Execute, "a"),
        ("high", C::Execution, V::High, S::High, P::Execute, "b"),
    ]));
    let cited: Vec<_> = verdict
        .reasons
        .iter()
        .map(|reason| (reason.evidence.as_slice(), reason.weight))
        .collect();
    assert_eq!(cited, [(&[2][..], 40), (&[0][..], 3)]);
    assert_eq!(
        verdict.summary,
        "Look before installing: Title of high (b:3)."
    );
}

#[test]
fn summaries_of_what_does_not_convict() {
    let capability = ("spawn", C::Capability, V::Info, S::High, P::Import, "a.py");
    let low = ("low", C::Binary, V::Low, S::High, P::Import, "a.so");
    assert_eq!(judge(Vec::new()).summary, "No sign of malice.");
    assert_eq!(
        judge(dossier(&[capability; 3])).summary,
        "Nothing convicts; 3 capabilities noted."
    );
    assert_eq!(
        judge(dossier(&[capability, low])).summary,
        "Nothing convicts; 1 capability and 1 minor finding noted."
    );
    assert_eq!(
        judge_with(Vec::new(), vec!["a: b.".into(), "c".into()]).summary,
        "No sign of malice. Not analysed: a: b (and 1 more)."
    );
}
