//! Findings that the operator knows and accepts.
//!
//! A suppression names a rule and content: the hash of a file, or a finding's own. It never names
//! a path, a package or a pattern, since whoever writes packages chooses those. One changed byte
//! in the file, and it does not apply any more. What is suppressed stays in the report, marked,
//! and is not judged.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::report::{Finding, Suppressed};

/// A finding that the operator accepts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Suppression {
    /// The rule's id.
    pub rule: String,
    /// What it stands in.
    pub scope: Scope,
    /// Why it is accepted.
    pub reason: String,
    /// Who accepts it.
    pub owner: String,
    /// The last day on which it is accepted: `2027-01-31`.
    pub expires: String,
    /// Whether that day is over: then it changes nothing, and the report says so.
    pub expired: bool,
}

/// What a suppression holds for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All findings of the rule in a file with this SHA-256 ([`Finding::content`]).
    Content(String),
    /// One finding ([`Finding::content_fingerprint`]).
    Fingerprint(String),
}

impl Scope {
    fn key(&self) -> &str {
        match self {
            Self::Content(key) | Self::Fingerprint(key) => key,
        }
    }
}

/// Marks what is suppressed, and gives a line for each suppression that ran out and would have
/// applied.
pub(crate) fn apply(suppressions: &[Suppression], findings: &mut [Finding]) -> Vec<String> {
    // 64 and 32 digits: a key is never one of the other kind.
    let mut by_key: BTreeMap<(&str, &str), Vec<&Suppression>> = BTreeMap::new();
    for one in suppressions {
        let key = (one.rule.as_str(), one.scope.key());
        by_key.entry(key).or_default().push(one);
    }
    let mut notes = BTreeSet::new();
    for finding in findings {
        let keys = [&finding.content_fingerprint, &finding.content];
        let found = keys
            .into_iter()
            .flatten()
            .filter_map(|key| by_key.get(&(finding.rule.as_str(), key.as_str())))
            .flatten();
        let (over, valid): (Vec<&Suppression>, Vec<&Suppression>) =
            found.copied().partition(|one| one.expired);
        if let Some(one) = valid.first() {
            finding.suppressed = Some(Suppressed {
                reason: one.reason.clone(),
                owner: one.owner.clone(),
                expires: one.expires.clone(),
            });
        } else {
            notes.extend(over.into_iter().map(|one| {
                format!(
                    "the suppression of {} by {} ran out on {} and does not apply any more: look at the finding again, then renew or remove it",
                    one.rule, one.owner, one.expires
                )
            }));
        }
    }
    notes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Category, Confidence, Phase, Severity};

    fn finding(rule: &str, content: &str) -> Finding {
        Finding {
            fingerprint: "f".into(),
            content_fingerprint: Some(format!("{rule}@{content}")),
            content: Some(content.into()),
            rule: rule.into(),
            title: "t".into(),
            analyzer: "a".into(),
            category: Category::Execution,
            severity: Severity::High,
            confidence: Confidence::High,
            phase: Phase::Unknown,
            location: None,
            decoded: Vec::new(),
            why: String::new(),
            attack: Vec::new(),
            suppressed: None,
        }
    }

    fn suppression(scope: Scope, expired: bool) -> Suppression {
        Suppression {
            rule: "r".into(),
            scope,
            reason: "known".into(),
            owner: "us".into(),
            expires: "2027-01-31".into(),
            expired,
        }
    }

    #[test]
    fn only_the_same_rule_in_the_same_content_is_suppressed() {
        for scope in [Scope::Content("c".into()), Scope::Fingerprint("r@c".into())] {
            let mut findings = [finding("r", "c"), finding("r", "d"), finding("s", "c")];
            let notes = apply(&[suppression(scope, false)], &mut findings);
            let marked = findings.map(|one| one.suppressed.is_some());
            assert_eq!((marked, notes.len()), ([true, false, false], 0));
        }
    }

    #[test]
    fn one_that_ran_out_is_told_and_another_still_counts() {
        let scope = Scope::Content("c".into());
        let mut findings = [finding("r", "c")];
        let over = suppression(scope.clone(), true);
        let notes = apply(std::slice::from_ref(&over), &mut findings);
        assert!(findings[0].suppressed.is_none());
        assert!(notes[0].contains("2027-01-31"), "{notes:?}");
        let notes = apply(&[over, suppression(scope, false)], &mut findings);
        assert!(findings[0].suppressed.is_some() && notes.is_empty());
    }
}
