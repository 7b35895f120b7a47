//! Realistic dossiers, and the properties that any dossier must have.

use packguard_sdk::judge::{Dossier, Evidence, Finding, FindingLocation, Outcome, Verdict};
use packguard_sdk::{Category, Confidence, Judge as _, Phase, Severity};
use proptest::prelude::*;

use crate::Bench;

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

type Row = (&'static str, C, V, S, P, &'static str);

/// What a dossier is like, its findings, and what must come out.
const DOSSIERS: &[(&str, &[Row], Outcome)] = &[
    ("an empty package", &[], O::Clean),
    (
        "a web framework: capabilities only, even at install",
        &[
            (
                "spawn",
                C::Capability,
                V::Info,
                S::High,
                P::Install,
                "setup.py",
            ),
            (
                "network",
                C::Capability,
                V::Info,
                S::High,
                P::Import,
                "app/http.py",
            ),
            (
                "environment",
                C::Capability,
                V::Critical,
                S::High,
                P::Import,
                "app/env.py",
            ),
            (
                "hook",
                C::InstallHook,
                V::Info,
                S::High,
                P::Install,
                "setup.py",
            ),
        ],
        O::Clean,
    ),
    (
        "a large library with a few oddities",
        &[
            ("low-a", C::Execution, V::Low, S::High, P::Install, "a.py"),
            (
                "low-b",
                C::DefenseEvasion,
                V::Low,
                S::High,
                P::Import,
                "b.py",
            ),
            ("low-c", C::Binary, V::Low, S::High, P::Unknown, "c.so"),
            ("low-d", C::Discovery, V::Low, S::High, P::Install, "a.py"),
            (
                "low-e",
                C::Exfiltration,
                V::Low,
                S::High,
                P::Install,
                "a.py",
            ),
            (
                "medium",
                C::Execution,
                V::Medium,
                S::High,
                P::Install,
                "a.py",
            ),
        ],
        O::Clean,
    ),
    (
        "a lone medium finding beside odd metadata and an odd archive",
        &[
            (
                "medium",
                C::Execution,
                V::Medium,
                S::High,
                P::Install,
                "a.py",
            ),
            ("metadata", C::Metadata, V::Medium, S::High, P::Unknown, ""),
            ("archive", C::Archive, V::Medium, S::High, P::Unknown, "x"),
        ],
        O::Clean,
    ),
    (
        "one medium finding seen by two analyzers",
        &[
            ("tree", C::Execution, V::Medium, S::High, P::Execute, "a.py"),
            (
                "yara",
                C::Execution,
                V::Medium,
                S::Medium,
                P::Unknown,
                "a.py",
            ),
        ],
        O::Clean,
    ),
    (
        "two kinds of medium behaviour",
        &[
            ("tree", C::Execution, V::Medium, S::High, P::Import, "a.py"),
            (
                "host",
                C::CommandAndControl,
                V::Medium,
                S::High,
                P::Import,
                "b.py",
            ),
        ],
        O::Suspicious,
    ),
    (
        "one high finding",
        &[(
            "shell",
            C::CommandAndControl,
            V::High,
            S::High,
            P::Unknown,
            "a.py",
        )],
        O::Suspicious,
    ),
    (
        "one high finding at install, with its hook",
        &[
            (
                "hook",
                C::InstallHook,
                V::Info,
                S::High,
                P::Install,
                "package.json",
            ),
            (
                "curl-sh",
                C::CommandAndControl,
                V::High,
                S::High,
                P::Install,
                "package.json",
            ),
        ],
        O::Suspicious,
    ),
    (
        "one critical finding, certain",
        &[(
            "shell",
            C::CommandAndControl,
            V::Critical,
            S::High,
            P::Unknown,
            "a.py",
        )],
        O::Malicious,
    ),
    (
        "one critical finding, not certain",
        &[(
            "shell",
            C::CommandAndControl,
            V::Critical,
            S::Medium,
            P::Install,
            "a.py",
        )],
        O::Suspicious,
    ),
    (
        "one critical finding, a guess",
        &[(
            "shell",
            C::CommandAndControl,
            V::Critical,
            S::Low,
            P::Unknown,
            "a.py",
        )],
        O::Clean,
    ),
    (
        "a typosquat with a critical name, a hostile archive and lying metadata",
        &[
            ("name", C::SupplyChain, V::Critical, S::High, P::Unknown, ""),
            (
                "escape",
                C::Archive,
                V::Critical,
                S::High,
                P::Unknown,
                "../x",
            ),
            ("lie", C::Metadata, V::Critical, S::High, P::Unknown, ""),
        ],
        O::Suspicious,
    ),
    (
        "a typosquat that downloads and runs",
        &[
            ("name", C::SupplyChain, V::High, S::High, P::Unknown, ""),
            (
                "fetch",
                C::CommandAndControl,
                V::High,
                S::High,
                P::Install,
                "setup.py",
            ),
            (
                "hidden",
                C::DefenseEvasion,
                V::Medium,
                S::High,
                P::Install,
                "setup.py",
            ),
        ],
        O::Malicious,
    ),
    (
        "a stealer: reads browser stores and posts them",
        &[
            (
                "cookies",
                C::CredentialAccess,
                V::High,
                S::Medium,
                P::Import,
                "a.py",
            ),
            (
                "webhook",
                C::Exfiltration,
                V::High,
                S::High,
                P::Import,
                "a.py",
            ),
        ],
        O::Malicious,
    ),
    (
        "a fingerprinting dependency-confusion probe",
        &[
            (
                "hook",
                C::InstallHook,
                V::Low,
                S::High,
                P::Install,
                "package.json",
            ),
            (
                "host",
                C::Discovery,
                V::Medium,
                S::High,
                P::Install,
                "index.js",
            ),
            (
                "oast",
                C::Exfiltration,
                V::High,
                S::High,
                P::Install,
                "index.js",
            ),
        ],
        O::Malicious,
    ),
    (
        "setup.py that decodes and runs",
        &[
            (
                "decode",
                C::DefenseEvasion,
                V::Medium,
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
        ],
        O::Malicious,
    ),
];

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

fn any_evidence() -> impl Strategy<Value = Evidence> {
    (0..6_u8, 0..15_u8, 0..5_u8, 0..3_u8, 0..4_u8, 0..4_u8).prop_map(
        |(rule, category, severity, confidence, phase, path)| {
            let category = CATEGORIES[usize::from(category)];
            finding(
                &format!("rule-{rule}"),
                category,
                SEVERITIES[usize::from(severity)],
                [S::Low, S::Medium, S::High][usize::from(confidence)],
                [P::Install, P::Import, P::Execute, P::Unknown][usize::from(phase)],
                ["", "a.py", "b.py", "c.py"][usize::from(path)],
            )
        },
    )
}

const SEVERITIES: [V; 5] = [V::Info, V::Low, V::Medium, V::High, V::Critical];
const CATEGORIES: [C; 15] = [
    C::Capability,
    C::InstallHook,
    C::Execution,
    C::Persistence,
    C::DefenseEvasion,
    C::CredentialAccess,
    C::Discovery,
    C::Collection,
    C::CommandAndControl,
    C::Exfiltration,
    C::Impact,
    C::SupplyChain,
    C::Archive,
    C::Metadata,
    C::Binary,
];

fn rank(outcome: Outcome) -> u8 {
    match outcome {
        O::Clean | O::Incomplete => 0,
        O::Suspicious => 1,
        O::Malicious => 2,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn one_more_finding_never_lowers_the_score(
        evidence in prop::collection::vec(any_evidence(), 0..12),
        more in any_evidence(),
    ) {
        let before = judge(evidence.clone());
        let after = judge(evidence.into_iter().chain([more]).collect());
        prop_assert!(after.score >= before.score);
        prop_assert!(rank(after.outcome) >= rank(before.outcome));
        prop_assert!(after.score <= 100);
    }

    #[test]
    fn order_never_matters(
        (evidence, shuffled) in prop::collection::vec(any_evidence(), 0..12)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let (one, other) = (judge(evidence), judge(shuffled));
        prop_assert_eq!((one.outcome, one.score, one.summary), (other.outcome, other.score, other.summary));
        let texts = |reasons: Vec<packguard_sdk::judge::Reason>| -> Vec<(u32, String)> {
            reasons.into_iter().map(|reason| (reason.weight, reason.text)).collect()
        };
        prop_assert_eq!(texts(one.reasons), texts(other.reasons));
    }

    #[test]
    fn info_and_capabilities_never_convict(
        mut evidence in prop::collection::vec(any_evidence(), 0..40),
        capability in any::<bool>(),
    ) {
        for piece in &mut evidence {
            if capability {
                piece.finding.category = C::Capability;
            } else {
                piece.finding.severity = V::Info;
            }
        }
        prop_assert_eq!(judge(evidence).score, 0);
    }

    #[test]
    fn looks_alone_never_convict(
        mut evidence in prop::collection::vec(any_evidence(), 0..40),
    ) {
        evidence.retain(|piece| matches!(piece.finding.category, C::SupplyChain | C::Archive | C::Metadata));
        prop_assert!(rank(judge(evidence).outcome) <= 1);
    }

    #[test]
    fn low_findings_alone_are_clean(
        mut evidence in prop::collection::vec(any_evidence(), 0..40),
    ) {
        for piece in &mut evidence {
            piece.finding.severity = piece.finding.severity.min(V::Low);
        }
        prop_assert_eq!(judge(evidence).outcome, O::Clean);
    }

    #[test]
    fn reasons_cite_evidence_that_exists(
        evidence in prop::collection::vec(any_evidence(), 0..30),
    ) {
        let count = evidence.len();
        let verdict = judge(evidence);
        let weights: Vec<u32> = verdict.reasons.iter().map(|reason| reason.weight).collect();
        prop_assert!(weights.is_sorted_by(|a, b| a >= b));
        for reason in verdict.reasons {
            prop_assert!(!reason.evidence.is_empty());
            prop_assert!(reason.evidence.iter().all(|index| (*index as usize) < count));
        }
    }
}
