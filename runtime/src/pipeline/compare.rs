//! What is new since the release before.
//!
//! A patch that can suddenly do more than its predecessor weighs more than a package that always
//! could: most hijacked packages were hijacked by a patch. This compares findings and hashes, not
//! bytes, and can be wrong about nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::input::KnownFinding;
use crate::bindings::types::Package;
use crate::report::{
    Category, Confidence, Finding, PackageInfo, Phase, ReleaseComparison, Report, RuleInfo,
    Severity, StepInfo, VersionStep,
};

/// Whose findings these are, in the place of an analyzer's name.
pub const SOURCE: &str = "diff";

/// Rules named in one title; the report has them all.
const NAMED: usize = 6;

/// A release as the next one is compared with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Its report.
    pub report: Report,
    /// The SHA-256 of each of its files, by a path without version and top folder.
    pub files: BTreeMap<String, String>,
}

/// The rules of what is new.
pub fn rules() -> [RuleInfo; 4] {
    [hook(), binary(), behaviour(), capability()]
}

fn rule(id: &str, title: &str, help: &str, severity: Severity) -> RuleInfo {
    RuleInfo {
        id: id.into(),
        title: title.into(),
        help: help.into(),
        category: Category::SupplyChain,
        severity,
        attack: vec!["T1195.002".into()],
    }
}

fn hook() -> RuleInfo {
    rule(
        "diff-new-install-hook",
        "A patch or minor release begins to run code when it is installed",
        "The release before ran nothing when it was installed, or not in this way. That is how a hijacked package strikes: everybody who updates runs it. Honest packages seldom begin with it in a patch.\n\nRead the hook, and look whether the project's repository has it too.",
        Severity::Medium,
    )
}

fn binary() -> RuleInfo {
    rule(
        "diff-new-binary",
        "A patch or minor release begins to carry compiled code",
        "The release before had no compiled code of this kind. What it does can't be read from it.\n\nLook where it comes from and what starts it.",
        Severity::Low,
    )
}

fn behaviour() -> RuleInfo {
    rule(
        "diff-new-behaviour",
        "A patch or minor release shows signs that the one before did not",
        "Findings of severity medium or above are new, though the version promises small changes. They are listed on their own; this says that they are recent, as they are when somebody took a package over.\n\nRead the changed files first: `packguard diff` names them.",
        Severity::Medium,
    )
}

fn capability() -> RuleInfo {
    rule(
        "diff-new-capability",
        "A patch or minor release can do what the one before could not",
        "It begins to talk to the network, to start processes or the like. By itself that is what new features look like, so it weighs little.\n\nLook whether the release notes explain it.",
        Severity::Low,
    )
}

/// Compares with the release before. What is a finding depends on the step between the versions:
/// a major release may do new things.
pub(crate) fn compare(
    before: &Snapshot,
    package: &PackageInfo,
    files: &BTreeMap<String, String>,
    findings: &[Finding],
    steps: &[StepInfo],
) -> (ReleaseComparison, Vec<KnownFinding>) {
    let old = by_rule(&before.report.findings, &before.report.analyzers);
    let new = by_rule(findings, steps);
    let fresh: Vec<&Finding> = new
        .iter()
        .filter(|(rule, _)| !old.contains_key(*rule))
        .map(|(_, finding)| *finding)
        .collect();
    let step = step(
        before.report.package.version.as_deref(),
        package.version.as_deref(),
    );
    let count = |files: &BTreeMap<String, String>, others: &BTreeMap<String, String>| {
        files
            .keys()
            .filter(|path| !others.contains_key(*path))
            .count() as u64
    };
    let changed = files
        .iter()
        .filter(|(path, hash)| before.files.get(*path).is_some_and(|old| old != *hash));
    let comparison = ReleaseComparison {
        before: before.report.package.clone(),
        outcome: before.report.verdict.outcome,
        score: before.report.verdict.score,
        step,
        files_added: count(files, &before.files),
        files_removed: count(&before.files, files),
        files_changed: changed.count() as u64,
        rules_new: fresh.iter().map(|one| one.rule.clone()).collect(),
        rules_gone: old
            .keys()
            .filter(|rule| !new.contains_key(*rule))
            .map(|rule| (*rule).to_owned())
            .collect(),
    };
    let told = match step {
        VersionStep::Patch => tell(&fresh, &before.report.package, "patch", Confidence::Medium),
        VersionStep::Minor => tell(&fresh, &before.report.package, "minor", Confidence::Low),
        VersionStep::Major | VersionStep::Unknown => Vec::new(),
    };
    (comparison, told)
}

/// One finding for each rule; the gravest stands for the others. What is known from elsewhere is
/// no property of the code.
fn by_rule<'a>(findings: &'a [Finding], steps: &[StepInfo]) -> BTreeMap<&'a str, &'a Finding> {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    let counts = |one: &&Finding| steps.iter().any(|step| step.name == one.analyzer);
    for finding in findings.iter().filter(counts) {
        let kept = rules.entry(&finding.rule).or_insert(finding);
        if finding.severity > kept.severity {
            *kept = finding;
        }
    }
    rules
}

fn tell(
    fresh: &[&Finding],
    before: &PackageInfo,
    step: &str,
    confidence: Confidence,
) -> Vec<KnownFinding> {
    type Kind = (fn() -> RuleInfo, fn(&Finding) -> bool, &'static str);
    let kinds: [Kind; 4] = [
        (hook, is_hook, "it runs code when it is installed"),
        (binary, is_binary, "it carries compiled code"),
        (behaviour, is_behaviour, "it shows new signs"),
        (capability, is_capability, "it can do more"),
    ];
    let version = before.version.as_deref().unwrap_or("the release before");
    let mut told = Vec::new();
    for (rule, is, what) in kinds {
        let rules: BTreeSet<&str> = fresh
            .iter()
            .filter(|one| is(one))
            .map(|one| one.rule.as_str())
            .collect();
        if rules.is_empty() {
            continue;
        }
        let named: Vec<&str> = rules.iter().copied().take(NAMED).collect();
        let more = match rules.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        told.push(KnownFinding {
            source: SOURCE,
            rule: rule(),
            title: format!(
                "New in this {step} release, and not in {version}: {what} ({}{more})",
                named.join(", ")
            ),
            confidence,
            why: "Hijacked packages differ from their predecessors in what they do, not in what they say.".into(),
        });
    }
    told
}

fn is_hook(finding: &Finding) -> bool {
    finding.category == Category::InstallHook
}

fn is_binary(finding: &Finding) -> bool {
    finding.category == Category::Binary || finding.rule == "binary-native"
}

fn is_capability(finding: &Finding) -> bool {
    finding.category == Category::Capability && !is_binary(finding)
}

fn is_behaviour(finding: &Finding) -> bool {
    let outside = matches!(
        finding.category,
        Category::Archive | Category::Metadata | Category::SupplyChain
    );
    finding.severity >= Severity::Medium
        && !outside
        && !is_hook(finding)
        && !is_binary(finding)
        && !is_capability(finding)
        // What nobody runs says little of a hijack.
        && (finding.phase != Phase::Unknown || finding.severity >= Severity::High)
}

/// What lies between two versions. The numbers are those before any other word.
fn step(before: Option<&str>, after: Option<&str>) -> VersionStep {
    let (Some(before), Some(after)) = (before.and_then(numbers), after.and_then(numbers)) else {
        return VersionStep::Unknown;
    };
    if before[0] != after[0] {
        VersionStep::Major
    } else if before[1] != after[1] {
        VersionStep::Minor
    } else {
        VersionStep::Patch
    }
}

fn numbers(version: &str) -> Option<[u64; 2]> {
    let version = version.trim_start_matches(['v', 'V']);
    let release = version.split(['-', '+']).next()?;
    let mut parts = release.split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit());
        part[..end.unwrap_or(part.len())].parse().ok()
    });
    let first = parts.next()??;
    Some([first, parts.next().flatten().unwrap_or(0)])
}

/// The hashes of a release's files, by paths that two versions of it have in common: the version
/// is left out of the names of artifacts and folders, and so is a folder around everything.
pub(crate) fn files(
    package: &Package,
    info: &PackageInfo,
    artifacts: &[String],
) -> BTreeMap<String, String> {
    let version = info.version.as_deref().filter(|version| version.len() > 1);
    let plain = |text: &str| match version {
        Some(version) => text.replace(version, "*"),
        None => text.to_owned(),
    };
    let mut tops: BTreeMap<u32, Option<&str>> = BTreeMap::new();
    for file in &package.files {
        let top = file.path.split_once('/').map(|(top, _)| top);
        let known = tops.entry(file.artifact).or_insert(top);
        if *known != top {
            *known = None;
        }
    }
    let mut files = BTreeMap::new();
    for file in &package.files {
        let path = match tops.get(&file.artifact) {
            Some(Some(top)) => file.path[top.len()..].trim_start_matches('/'),
            _ => &file.path,
        };
        let artifact = match usize::try_from(file.artifact) {
            Ok(index) if artifacts.len() > 1 => artifacts.get(index).map(|name| plain(name)),
            _ => None,
        };
        let key = match artifact {
            Some(artifact) => format!("{artifact}: {}", plain(path)),
            None => plain(path),
        };
        files.insert(key, file.sha256.clone());
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_by_the_first_numbers() {
        for (before, after, expected) in [
            ("1.2.3", "1.2.4", VersionStep::Patch),
            ("v1.2", "v1.2.1", VersionStep::Patch),
            ("1.2.3", "1.3.0", VersionStep::Minor),
            ("1.2.3", "2.0.0-rc.1", VersionStep::Major),
            ("2024.1", "2025.1", VersionStep::Major),
            ("1.0.post1", "1.0.post2", VersionStep::Patch),
            ("abc", "1.0", VersionStep::Unknown),
            ("99999999999999999999999.1", "1.0", VersionStep::Unknown),
        ] {
            assert_eq!(
                step(Some(before), Some(after)),
                expected,
                "{before} {after}"
            );
        }
        assert_eq!(step(None, Some("1.0")), VersionStep::Unknown);
    }

    fn told(rule: &str, category: Category, severity: Severity, phase: Phase) -> Vec<String> {
        let finding = Finding {
            fingerprint: String::new(),
            content_fingerprint: None,
            content: None,
            rule: rule.into(),
            title: String::new(),
            analyzer: "a".into(),
            category,
            severity,
            confidence: Confidence::High,
            phase,
            location: None,
            decoded: Vec::new(),
            why: String::new(),
            attack: Vec::new(),
            suppressed: None,
        };
        let told = tell(
            &[&finding],
            &PackageInfo::default(),
            "patch",
            Confidence::Medium,
        );
        told.into_iter().map(|one| one.rule.id).collect()
    }

    #[test]
    fn what_is_new_is_told_by_what_it_is() {
        use Category as C;
        use Severity as V;
        for (rule, category, severity, phase, expected) in [
            (
                "h",
                C::InstallHook,
                V::Low,
                Phase::Install,
                "diff-new-install-hook",
            ),
            (
                "binary-native",
                C::Capability,
                V::Info,
                Phase::Unknown,
                "diff-new-binary",
            ),
            ("b", C::Binary, V::High, Phase::Unknown, "diff-new-binary"),
            (
                "c",
                C::Capability,
                V::Info,
                Phase::Unknown,
                "diff-new-capability",
            ),
            (
                "e",
                C::Execution,
                V::Medium,
                Phase::Import,
                "diff-new-behaviour",
            ),
            (
                "e",
                C::Exfiltration,
                V::High,
                Phase::Unknown,
                "diff-new-behaviour",
            ),
        ] {
            assert_eq!(told(rule, category, severity, phase), [expected], "{rule}");
        }
        for (category, severity, phase) in [
            (C::Execution, V::Low, Phase::Install),
            (C::Execution, V::Medium, Phase::Unknown),
            (C::Metadata, V::High, Phase::Unknown),
            (C::SupplyChain, V::Medium, Phase::Unknown),
            (C::Archive, V::High, Phase::Unknown),
        ] {
            assert!(told("x", category, severity, phase).is_empty());
        }
    }
}
