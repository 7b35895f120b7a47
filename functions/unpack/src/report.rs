//! Gathers findings and problems, bounded whatever the archive holds.

use std::collections::BTreeMap;

use packguard_sdk::bindings::analyzer::packguard::analyzer::types as wit;
use packguard_sdk::{Analysis, Confidence, Severity, is_among_tests};

use crate::limits::PROBLEMS;
use crate::names::shown;
use crate::rules::{self, Kind};

/// Findings of one rule; the SDK's own bound, asked here first because a hostile
/// archive may have a million odd entries.
const PER_RULE: usize = packguard_sdk::FINDINGS_PER_RULE;

/// An archive that is being unpacked.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Index of the artifact it is, or is in.
    pub artifact: u32,
    /// Path of the archive as a file of the package; absent for the artifact itself.
    pub path: Option<String>,
    /// Name to strip suffixes from; not to be trusted.
    pub name: Vec<u8>,
    /// Stands before the paths of its entries.
    pub prefix: Vec<u8>,
    /// Archives around this one.
    pub depth: u32,
    /// Whether an installer would unpack it. What is wrong with an archive that lies in
    /// a package as a file, such as a test fixture, weighs less.
    pub installed: bool,
    /// It need not be an archive.
    pub optional: bool,
    /// It is a gem, whose inner archives are unpacked when it is installed.
    pub gem: bool,
}

impl Archive {
    /// Whether an installer would unpack the archives in this one.
    pub fn unpacks_inner(&self) -> bool {
        self.installed && self.gem
    }

    /// The path of one of its entries as the report shows it.
    pub fn entry(&self, name: &[u8]) -> String {
        let prefix = String::from_utf8_lossy(&self.prefix);
        format!("{prefix}{}", shown(name))
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Report {
    analysis: Analysis,
    problems: Vec<wit::Problem>,
    counts: BTreeMap<&'static str, usize>,
    more_problems: usize,
}

impl Report {
    /// Adds a finding about an entry (or the archive itself) at the rule's own severity.
    pub fn find(
        &mut self,
        archive: &Archive,
        kind: &'static Kind,
        entry: Option<&[u8]>,
        title: impl FnOnce() -> String,
    ) {
        self.find_as(archive, kind, kind.rule.severity, entry, title);
    }

    /// Adds a finding of another severity than its rule has.
    pub fn find_as(
        &mut self,
        archive: &Archive,
        kind: &'static Kind,
        severity: Severity,
        entry: Option<&[u8]>,
        title: impl FnOnce() -> String,
    ) {
        let path = entry.map_or_else(
            || archive.path.clone().unwrap_or_default(),
            |name| archive.entry(name),
        );
        self.find_at(archive, kind, severity, path, title);
    }

    /// Adds a finding at a path of the report's own making.
    pub fn find_at(
        &mut self,
        archive: &Archive,
        kind: &'static Kind,
        severity: Severity,
        path: String,
        title: impl FnOnce() -> String,
    ) {
        let count = self.counts.entry(kind.rule.id).or_default();
        *count += 1;
        if *count > PER_RULE {
            return;
        }
        let severity = if archive.installed {
            severity
        } else {
            lower(severity)
        };
        let finding = kind
            .rule
            .at_path(archive.artifact, path, Confidence::High)
            .title(title())
            .why(kind.why)
            .severity(severity);
        self.analysis.push(finding);
    }

    /// Says that an entry was not, or not fully, unpacked.
    pub fn entry_problem(&mut self, archive: &Archive, entry: &[u8], reason: impl Into<String>) {
        self.problem(archive, Some(archive.entry(entry)), reason.into());
    }

    /// Says that an archive was not, or not fully, unpacked.
    pub fn archive_problem(&mut self, archive: &Archive, reason: impl Into<String>) {
        self.problem(archive, archive.path.clone(), reason.into());
    }

    /// Says that an archive was not, or not fully, unpacked, since that is bounded.
    pub fn archive_limit(&mut self, archive: &Archive, reason: String) {
        self.keep(archive, archive.path.clone(), reason);
    }

    /// What is broken in an archive that no installer unpacks and that lies among tests was
    /// made so: it is told, and keeps no package from being analysed.
    fn problem(&mut self, archive: &Archive, path: Option<String>, reason: String) {
        match path {
            Some(path) if !archive.installed && is_among_tests(&path) => {
                let severity = rules::UNREADABLE.rule.severity;
                self.find_at(archive, &rules::UNREADABLE, severity, path, || {
                    format!("An archive among tests could not be read to its end: {reason}")
                });
            }
            path => self.keep(archive, path, reason),
        }
    }

    fn keep(&mut self, archive: &Archive, path: Option<String>, reason: String) {
        if self.problems.len() >= PROBLEMS {
            self.more_problems += 1;
            return;
        }
        self.problems.push(wit::Problem {
            path,
            artifact: Some(archive.artifact),
            reason,
        });
    }

    /// All that was found.
    pub fn finish(mut self) -> Analysis {
        if self.more_problems > 0 {
            self.problems.push(wit::Problem {
                path: None,
                artifact: None,
                reason: format!(
                    "{} more problems of this kind while unpacking",
                    self.more_problems
                ),
            });
        }
        let findings = wit::Analysis::from(self.analysis).findings;
        Analysis::from(wit::Analysis {
            findings,
            problems: self.problems,
        })
    }
}

/// What is odd about an archive that no installer unpacks hides nothing: all of it was
/// analysed.
fn lower(severity: Severity) -> Severity {
    severity.min(Severity::Low)
}
