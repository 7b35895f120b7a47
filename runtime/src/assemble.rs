//! Makes the report out of what the steps said. What guests say is checked here: rules
//! they never listed, artifacts that do not exist, floods.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::bindings::judge;
use crate::bindings::types as wit;
use crate::component::Component;
use crate::pipeline::KnownFinding;
use crate::pipeline::suppress::{self, Suppression};
use crate::report::{
    DecodedLayer, Finding, Incomplete, Location, Outcome, Phase, Reason, RuleInfo, StepInfo,
    Thresholds, Verdict,
};
use crate::step::Step;

/// Most findings in one report, gravest first. More than a person reads, less than
/// would choke a client.
const MAX_FINDINGS: usize = 2_000;

/// Most problems in one report: an analyzer must not flood the judge or the reader.
const MAX_INCOMPLETE: usize = 2_000;

/// Collects what the steps of one package say.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    pub findings: Vec<Finding>,
    pub incomplete: Vec<Incomplete>,
    pub steps: Vec<StepInfo>,
    rules: BTreeMap<String, RuleInfo>,
    artifacts: Vec<String>,
    /// Remarks for the reader.
    pub notes: Vec<String>,
}

/// How a step ended, as the report says it.
pub(crate) fn info<T>(component: &Component, step: &Step<T>) -> StepInfo {
    let descriptor = component.descriptor();
    StepInfo {
        name: descriptor.name.clone(),
        version: descriptor.version.clone(),
        digest: component.digest().into(),
        signed_by: component.signer.as_deref().map(Into::into),
        outcome: step.outcome(),
        message: step.message().map(Into::into),
        usage: step.usage,
    }
}

impl Assembly {
    /// An assembly over artifacts of these file names.
    pub(crate) fn new(artifacts: Vec<String>) -> Self {
        Self {
            artifacts,
            ..Self::default()
        }
    }

    /// Notes that something was not analysed.
    pub(crate) fn incomplete(
        &mut self,
        step: &str,
        artifact: Option<u32>,
        path: Option<String>,
        reason: impl Into<String>,
    ) {
        let artifact = artifact.and_then(|index| self.artifact(index));
        self.incomplete.push(Incomplete {
            step: step.into(),
            artifact,
            path,
            reason: reason.into(),
        });
    }

    /// Records how a step ended, and gives back its answer.
    pub(crate) fn record<T>(&mut self, component: &Component, step: Step<T>) -> Option<T> {
        let descriptor = component.descriptor();
        self.steps.push(info(component, &step));
        match step.result {
            Ok(answer) => Some(answer),
            Err((_, message)) => {
                self.incomplete(
                    &descriptor.name,
                    None,
                    None,
                    format!("the step failed: {message}"),
                );
                None
            }
        }
    }

    /// Takes over what an unpacker or analyzer said.
    pub(crate) fn add(&mut self, component: &Component, analysis: wit::Analysis) {
        let descriptor = component.descriptor();
        for problem in analysis.problems {
            self.incomplete(
                &descriptor.name,
                problem.artifact,
                problem.path,
                problem.reason,
            );
        }
        for finding in analysis.findings {
            match descriptor.rules.iter().find(|rule| rule.id == finding.rule) {
                Some(rule) => {
                    self.rules
                        .entry(rule.id.clone())
                        .or_insert_with(|| rule.into());
                    let finding = self.finding(&descriptor.name, &rule.attack, finding);
                    self.findings.push(finding);
                }
                None => {
                    let reason = format!(
                        "it made a finding of the rule `{}`, which it does not list",
                        finding.rule
                    );
                    self.incomplete(&descriptor.name, None, None, reason);
                }
            }
        }
    }

    /// Takes over what is known from elsewhere.
    pub(crate) fn know(&mut self, known: &[KnownFinding]) {
        for one in known {
            let rule = &one.rule;
            self.rules
                .entry(rule.id.clone())
                .or_insert_with(|| rule.clone());
            self.findings.push(Finding {
                fingerprint: fingerprint(&rule.id, None, &one.title),
                content_fingerprint: None,
                content: None,
                rule: rule.id.clone(),
                title: one.title.clone(),
                analyzer: one.source.into(),
                category: rule.category,
                severity: rule.severity,
                confidence: one.confidence,
                phase: Phase::Unknown,
                location: None,
                decoded: Vec::new(),
                why: one.why.clone(),
                attack: rule.attack.clone(),
                suppressed: None,
            });
        }
    }

    /// Says of each finding which content it stands in, and marks those that are suppressed.
    pub(crate) fn identify(&mut self, package: &wit::Package, suppressions: &[Suppression]) {
        let mut release: Option<String> = None;
        for finding in &mut self.findings {
            let place = finding.location.as_ref();
            let file = place.and_then(|place| {
                let index = self
                    .artifacts
                    .iter()
                    .position(|name| *name == place.artifact)?;
                file(package, u32::try_from(index).ok()?, &place.path)
            });
            let content = match file {
                Some(file) => file.sha256.as_str(),
                None => release.get_or_insert_with(|| whole(package)),
            };
            let text = place
                .and_then(|place| place.snippet.as_deref())
                .unwrap_or(&finding.title);
            finding.content_fingerprint = Some(content_fingerprint(&finding.rule, content, text));
            finding.content = Some(content.to_owned());
        }
        let notes = suppress::apply(suppressions, &mut self.findings);
        self.notes.extend(notes);
    }

    /// Orders what was collected, so that it does not depend on which step was faster.
    pub(crate) fn order(&mut self) {
        let gravity = |finding: &Finding| std::cmp::Reverse((finding.severity, finding.confidence));
        self.findings.sort_by(|a, b| {
            gravity(a)
                .cmp(&gravity(b))
                .then_with(|| key(a).cmp(&key(b)))
        });
        self.findings.dedup();
        if self.findings.len() > MAX_FINDINGS {
            let more = self.findings.len() - MAX_FINDINGS;
            self.findings.truncate(MAX_FINDINGS);
            self.incomplete(
                "report",
                None,
                None,
                format!("{more} more findings, less grave than these, were left out"),
            );
        }
        self.incomplete.sort();
        self.incomplete.dedup();
        if self.incomplete.len() > MAX_INCOMPLETE {
            let more = self.incomplete.len() - MAX_INCOMPLETE;
            self.incomplete.truncate(MAX_INCOMPLETE);
            self.incomplete(
                "report",
                None,
                None,
                format!("{more} more problems were left out"),
            );
        }
    }

    /// The rules that the findings cite.
    pub(crate) fn cited_rules(&self) -> Vec<RuleInfo> {
        let cited = |rule: &&RuleInfo| self.findings.iter().any(|finding| finding.rule == rule.id);
        self.rules.values().filter(cited).cloned().collect()
    }

    fn artifact(&self, index: u32) -> Option<String> {
        self.artifacts.get(usize::try_from(index).ok()?).cloned()
    }

    fn finding(&self, analyzer: &str, attack: &[String], from: wit::Finding) -> Finding {
        let location = from.location.and_then(|place| {
            Some(Location {
                artifact: self.artifact(place.artifact)?,
                path: place.path,
                line: place.line,
                column: place.column,
                end_line: place.end_line,
                snippet: place.snippet,
            })
        });
        Finding {
            fingerprint: fingerprint(&from.rule, location.as_ref(), &from.title),
            content_fingerprint: None,
            content: None,
            rule: from.rule,
            title: from.title,
            analyzer: analyzer.into(),
            category: from.category.into(),
            severity: from.severity.into(),
            confidence: from.confidence.into(),
            phase: from.phase.into(),
            location,
            decoded: from
                .decoded
                .into_iter()
                .map(|layer| DecodedLayer {
                    encoding: layer.encoding,
                    text: layer.text,
                })
                .collect(),
            why: from.why,
            attack: attack.to_vec(),
            suppressed: None,
        }
    }
}

/// The file at that path: files are ordered by artifact, then by path.
fn file<'a>(package: &'a wit::Package, artifact: u32, path: &str) -> Option<&'a wit::FileEntry> {
    let found = package
        .files
        .binary_search_by(|file| (file.artifact, file.path.as_str()).cmp(&(artifact, path)));
    package.files.get(found.ok()?)
}

/// The content of a release as a whole.
fn whole(package: &wit::Package) -> String {
    let hashes: BTreeSet<&str> = package
        .files
        .iter()
        .map(|file| file.sha256.as_str())
        .collect();
    let mut hash = Sha256::new();
    for one in hashes {
        hash.update(one);
    }
    hex::encode(hash.finalize())
}

/// Makes a [`Finding::content_fingerprint`].
fn content_fingerprint(rule: &str, content: &str, text: &str) -> String {
    let text: String = text.split_whitespace().collect();
    let hash = Sha256::digest(format!("{rule}\n{content}\n{text}"));
    hex::encode(&hash[..16])
}

/// What orders findings of the same gravity.
fn key(finding: &Finding) -> (&str, &str, Option<&Location>, &str, &str) {
    let place = finding.location.as_ref();
    (
        &finding.analyzer,
        &finding.rule,
        place,
        &finding.title,
        &finding.why,
    )
}

/// Makes a [`Finding::fingerprint`]. The top folder is left out of the path, since it names
/// the version.
pub fn fingerprint(rule: &str, place: Option<&Location>, title: &str) -> String {
    let path = place.map_or("", |place| {
        place
            .path
            .split_once('/')
            .map_or(place.path.as_str(), |(_, rest)| rest)
    });
    let text = place
        .and_then(|place| place.snippet.as_deref())
        .unwrap_or(title);
    let hash = Sha256::digest(format!("{rule}\n{path}\n{text}"));
    hex::encode(&hash[..16])
}

/// The judge's answer, checked: whatever a judge says, a package that was not wholly
/// analysed is not clean.
pub(crate) fn verdict(
    from: judge::Verdict,
    findings: &[&Finding],
    incomplete: &[Incomplete],
    thresholds: Thresholds,
) -> Verdict {
    let outcome = match from.outcome {
        judge::Outcome::Malicious => Outcome::Malicious,
        judge::Outcome::Suspicious => Outcome::Suspicious,
        judge::Outcome::Clean if incomplete.is_empty() => Outcome::Clean,
        judge::Outcome::Clean | judge::Outcome::Incomplete => Outcome::Incomplete,
    };
    let fingerprint = |index: u32| {
        findings
            .get(usize::try_from(index).ok()?)
            .map(|finding| finding.fingerprint.clone())
    };
    Verdict {
        outcome,
        score: from.score.min(100),
        summary: from.summary,
        thresholds: Some(thresholds),
        reasons: from
            .reasons
            .into_iter()
            .map(|reason| Reason {
                weight: reason.weight,
                text: reason.text,
                findings: reason
                    .evidence
                    .into_iter()
                    .filter_map(fingerprint)
                    .collect(),
            })
            .collect(),
    }
}
