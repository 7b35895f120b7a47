//! What must hold for any dossier.

use packguard_sdk::judge::{Evidence, Reason};
use proptest::prelude::*;

use super::{C, O, P, S, V, finding, judge};

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

fn rank(outcome: O) -> u8 {
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
        let texts = |reasons: Vec<Reason>| -> Vec<(u32, String)> {
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
