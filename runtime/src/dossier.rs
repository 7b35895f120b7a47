//! What the judge gets: the findings that count, and its settings.

use crate::bindings::judge;
use crate::bindings::types as wit;
use crate::report::{Finding, Thresholds};

/// Whose evidence the judge's settings are: no analyzer has such a name. They come behind all
/// other evidence.
const SETTINGS: &str = "host:settings";

/// What the names of the judge's settings begin with.
const JUDGE: &str = "judge.";

/// What counts: suppressed findings do not reach the judge.
pub(crate) fn judged(findings: &[Finding]) -> Vec<&Finding> {
    let counts = |finding: &&Finding| finding.suppressed.is_none();
    findings.iter().filter(counts).collect()
}

/// The judge's view of the findings, and its settings.
pub(crate) fn evidence(findings: &[&Finding], settings: &[wit::Setting]) -> Vec<judge::Evidence> {
    let found = findings.iter().map(|finding| judge::Evidence {
        analyzer: finding.analyzer.clone(),
        finding: (*finding).into(),
    });
    let settings = settings.iter().filter(|one| one.name.starts_with(JUDGE));
    let set = settings.map(|one| judge::Evidence {
        analyzer: SETTINGS.into(),
        finding: wit::Finding {
            rule: one.name.clone(),
            title: one.value.clone(),
            category: wit::Category::Capability,
            severity: wit::Severity::Info,
            confidence: wit::Confidence::High,
            phase: wit::Phase::Unknown,
            location: None,
            decoded: Vec::new(),
            why: String::new(),
        },
    });
    found.chain(set).collect()
}

/// The thresholds that are in force with these settings.
pub(crate) fn thresholds(settings: &[wit::Setting]) -> Thresholds {
    let mut thresholds = Thresholds::default();
    for one in settings {
        match (one.name.as_str(), one.value.parse()) {
            ("judge.malicious", Ok(number)) => thresholds.malicious = number,
            ("judge.suspicious", Ok(number)) => thresholds.suspicious = number,
            _ => {}
        }
    }
    thresholds
}
