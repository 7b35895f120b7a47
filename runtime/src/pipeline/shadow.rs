//! A version that is tried beside the one in use: what would it have changed?
//!
//! It runs when the report is made, on the same unpacked files, so that it can neither change
//! the report nor keep it waiting. Its findings then take the place of those of the analyzer
//! that has its name, and the judge is asked again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::compare::{self, Snapshot};
use super::suppress::Suppression;
use super::{Pipeline, applies};
use crate::assemble::{self, Assembly};
use crate::bindings::types::Package;
use crate::component::Component;
use crate::report::{Finding, Incomplete, Outcome, Report, StepInfo, StepOutcome, Verdict};

/// A report, and what it was made of: the files stay until this is dropped.
#[derive(Debug)]
pub struct Analysed {
    /// The report.
    pub report: Report,
    package: Arc<Package>,
    /// Of the artifacts, in the order of their indices.
    filenames: Vec<String>,
    suppressions: Arc<Vec<Suppression>>,
    folder: TempDir,
}

/// What an analyzer would have changed of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The step that was tried. `None` where it has no business with the package's ecosystem:
    /// then only what its predecessor found is missed.
    pub shadow: Option<StepInfo>,
    /// The step of the report whose place it took; `None` where there is none of its name.
    pub against: Option<StepInfo>,
    /// The report's verdict.
    pub before: Judged,
    /// What the verdict would have been.
    pub after: Judged,
    /// Findings that only it made: how many, by rule.
    pub added: BTreeMap<String, u64>,
    /// Findings that only its predecessor made: how many, by rule.
    pub removed: BTreeMap<String, u64>,
}

/// A verdict without its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// The answer in a word.
    pub outcome: Outcome,
    /// 0 (nothing) to 100 (certain).
    pub score: u32,
}

impl From<&Verdict> for Judged {
    fn from(verdict: &Verdict) -> Self {
        Self {
            outcome: verdict.outcome,
            score: verdict.score,
        }
    }
}

impl Analysed {
    pub(super) fn new(
        report: Report,
        package: Arc<Package>,
        filenames: Vec<String>,
        suppressions: Arc<Vec<Suppression>>,
        folder: TempDir,
    ) -> Self {
        Self {
            report,
            package,
            filenames,
            suppressions,
            folder,
        }
    }

    /// What another release can be compared with.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            report: self.report.clone(),
            files: compare::files(&self.package, &self.report.package, &self.filenames),
        }
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("package")
    }

    /// What the report rests on, save what these steps said.
    fn without(&self, steps: [&str; 2]) -> Assembly {
        let mut assembly = Assembly::new(self.filenames.clone());
        let others = |one: &&Finding| !steps.contains(&one.analyzer.as_str());
        let findings = self.report.findings.iter().filter(others);
        assembly.findings = findings.cloned().collect();
        let others = |one: &&Incomplete| !steps.contains(&one.step.as_str());
        let incomplete = self.report.incomplete.iter().filter(others);
        assembly.incomplete = incomplete.cloned().collect();
        assembly
    }
}

impl Pipeline {
    /// Tries an analyzer on what was analysed, with the limits of the others and what it is
    /// configured with.
    ///
    /// Of a report that left findings out since they were too many, those are unknown here too.
    ///
    /// `None` where neither it nor one of its name looks at packages of that ecosystem, and
    /// where `cancel` ended it.
    pub async fn shadow(
        &self,
        analysed: &Analysed,
        component: &Component,
        cancel: &CancellationToken,
    ) -> Option<Comparison> {
        let (report, name) = (&analysed.report, &component.descriptor().name);
        let against = report.analyzers.iter().find(|step| step.name == *name);
        // The judge is asked again: how it failed before is no reason.
        let mut assembly = analysed.without([name, &self.judge.descriptor().name]);
        let mut shadow = None;
        if applies(component, &report.package.ecosystem) {
            let package = Arc::clone(&analysed.package);
            let limits = component.configuration.limits(&self.limits);
            let files = analysed.files();
            let step = self
                .runtime
                .analyze(component, package, &files, &limits, cancel)
                .await;
            if step.outcome() == StepOutcome::Cancelled {
                return None;
            }
            shadow = Some(assemble::info(component, &step));
            if let Some(analysis) = assembly.record(component, step) {
                assembly.add(component, analysis);
            }
        } else if against.is_none() {
            return None;
        }
        assembly.identify(&analysed.package, &analysed.suppressions);
        assembly.order();
        let verdict = self.verdict(&analysed.package, &mut assembly, cancel).await;
        let (added, removed) = difference(name, &report.findings, &assembly.findings);
        Some(Comparison {
            shadow,
            against: against.cloned(),
            before: (&report.verdict).into(),
            after: (&verdict.ok()?).into(),
            added,
            removed,
        })
    }
}

/// How many findings of `analyzer` are only in `after`, and only in `before`, by rule.
fn difference(
    analyzer: &str,
    before: &[Finding],
    after: &[Finding],
) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let of = |findings: &[Finding]| -> BTreeMap<String, String> {
        let own = findings.iter().filter(|one| one.analyzer == analyzer);
        own.map(|one| (one.fingerprint.clone(), one.rule.clone()))
            .collect()
    };
    let (before, after) = (of(before), of(after));
    let only = |some: &BTreeMap<String, String>, others: &BTreeMap<String, String>| {
        let mut count = BTreeMap::new();
        for (fingerprint, rule) in some {
            if !others.contains_key(fingerprint) {
                *count.entry(rule.clone()).or_default() += 1;
            }
        }
        count
    };
    (only(&after, &before), only(&before, &after))
}
