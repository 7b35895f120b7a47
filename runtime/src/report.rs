//! The report: what clients get. Versioned; its JSON schema is committed
//! (`platform/report.schema.json`) and checked for drift.
//!
//! The same archive, components, limits and settings give the same report, byte for
//! byte, save [`Report::started_at`] and the `duration_us` fields.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod finding;

pub use finding::{
    Category, Confidence, DecodedLayer, Finding, Location, Phase, Severity, Suppressed,
};

/// Version of the report's schema. A new optional field raises the minor number,
/// anything else the major one.
pub const SCHEMA_VERSION: &str = "1.2";

/// The analysis of one package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: String,
    /// What was analysed.
    pub package: PackageInfo,
    /// Its downloadable files.
    pub artifacts: Vec<ArtifactInfo>,
    /// The answer.
    pub verdict: Verdict,
    /// The evidence, gravest first.
    pub findings: Vec<Finding>,
    /// What was not, or not fully, analysed. Never empty when the verdict is
    /// `incomplete`; always empty when it is `clean`.
    pub incomplete: Vec<Incomplete>,
    /// What the reader should know besides, one line each: a suppression that ran out, a release
    /// before that could not be compared with. None of it changes the verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What is new since the release before, where one was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<ReleaseComparison>,
    /// What the package did when it ran, by phase.
    pub behaviour: Behaviour,
    /// The steps that ran, in order.
    pub analyzers: Vec<StepInfo>,
    /// The rules that `findings` cite, by id.
    pub rules: Vec<RuleInfo>,
    /// What the report came from.
    pub provenance: Provenance,
    /// RFC 3339, UTC. Absent where timings were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// Whole analysis, microseconds. Absent where timings were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
}

impl Report {
    /// Leaves out all that varies between two runs over the same input.
    pub fn without_timings(mut self) -> Self {
        self.started_at = None;
        self.duration_us = None;
        for step in &mut self.analyzers {
            step.usage.duration_us = None;
        }
        self
    }
}

/// Identity of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackageInfo {
    /// Canonical package URL; absent for a local archive or folder.
    pub purl: Option<String>,
    /// Purl type, or `generic`.
    pub ecosystem: String,
    /// Purl namespace.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Version; the one that was resolved when none was asked for.
    pub version: Option<String>,
}

/// One downloadable file of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactInfo {
    /// File name.
    pub filename: String,
    /// Lower-case hex SHA-256; empty for a folder or where it was not fetched.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Regular files found in it, those of inner archives included.
    pub files: u64,
    /// Bytes of those files.
    pub unpacked_size: u64,
    /// Whether the registry's own checksum was there and agreed.
    pub verified: bool,
    /// Why it was not analysed, when it was not.
    pub skipped: Option<String>,
}

/// The answer to "is it safe to install?"
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The answer in a word.
    pub outcome: Outcome,
    /// 0 (nothing) to 100 (certain).
    pub score: u32,
    /// The answer in a line.
    pub summary: String,
    /// Why, heaviest first.
    pub reasons: Vec<Reason>,
    /// From which score on it is what. Absent in reports of before 1.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
}

/// From which score on a package is what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Thresholds {
    /// From here on: do not install.
    pub malicious: u32,
    /// From here on: look before installing.
    pub suspicious: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            malicious: 70,
            suspicious: 30,
        }
    }
}

/// The possible answers.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything was looked at; nothing convicts.
    Clean,
    /// Nothing convicts, but not everything was looked at.
    Incomplete,
    /// Look before installing.
    Suspicious,
    /// Do not install.
    Malicious,
}

/// One reason for a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Points it adds to the score.
    pub weight: u32,
    /// One line.
    pub text: String,
    /// Fingerprints of the findings it rests on.
    pub findings: Vec<String>,
}

/// What is new since the release before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseComparison {
    /// The release before.
    pub before: PackageInfo,
    /// Its verdict.
    pub outcome: Outcome,
    /// Its score.
    pub score: u32,
    /// What kind of step lies between the two.
    pub step: VersionStep,
    /// Files that only this release has, that only the other has, and that differ.
    pub files_added: u64,
    /// See `files_added`.
    pub files_removed: u64,
    /// See `files_added`.
    pub files_changed: u64,
    /// Rules that only this release has findings of.
    pub rules_new: Vec<String>,
    /// Rules that only the release before has findings of.
    pub rules_gone: Vec<String>,
}

/// What kind of step lies between two versions, by their first three numbers.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum VersionStep {
    /// Another third number, or something less: nothing new is promised.
    Patch,
    /// Another second number.
    Minor,
    /// Another first number.
    Major,
    /// Versions that can't be told apart by numbers.
    Unknown,
}

/// Something that was not, or not fully, analysed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Incomplete {
    /// The step that says so: an analyzer's name, `unpack`, `fetch`.
    pub step: String,
    /// File name of the artifact it concerns.
    pub artifact: Option<String>,
    /// Path inside it.
    pub path: Option<String>,
    /// One line.
    pub reason: String,
}

/// What a package did when it ran. Static steps can't observe that, so today each phase
/// is null and `reason` says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Behaviour {
    /// While being installed.
    pub install: Option<PhaseBehaviour>,
    /// When imported.
    pub import: Option<PhaseBehaviour>,
    /// When called.
    pub execute: Option<PhaseBehaviour>,
    /// Why a phase is null.
    pub reason: Option<String>,
}

/// What was observed in one phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseBehaviour {
    /// Files read.
    pub files_read: Vec<String>,
    /// Files written.
    pub files_written: Vec<String>,
    /// Files deleted.
    pub files_deleted: Vec<String>,
    /// Commands run.
    pub commands: Vec<String>,
    /// Host names looked up.
    pub dns: Vec<String>,
    /// Addresses connected to.
    pub ips: Vec<String>,
}

/// A step that ran: the unpacker, an analyzer or the judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepInfo {
    /// The component's name.
    pub name: String,
    /// The component's version.
    pub version: String,
    /// Lower-case hex SHA-256 of the component.
    pub digest: String,
    /// Who signed it, as `PUBLISHER/KEY ID`. Absent for bundled components and where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// How it ended.
    pub outcome: StepOutcome,
    /// What it said on failing.
    pub message: Option<String>,
    /// What it used.
    pub usage: Usage,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It answered.
    Ok,
    /// It answered that it can't work.
    AnalyzerError,
    /// It broke: unreachable, out-of-bounds access, stack overflow, …
    Trap,
    /// It asked for more memory, tables or instances than its limit.
    OutOfMemory,
    /// It used up its CPU budget or its wall-clock time.
    OutOfTime,
    /// It said or returned more than its limit.
    OutputLimit,
    /// It asked the host for something it may not have.
    HostRefusal,
    /// The caller ended it.
    Cancelled,
}

/// What a step used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// CPU work in fuel: about one unit per WebAssembly instruction.
    pub fuel: u64,
    /// Highest sum of all linear memories and tables, bytes.
    pub peak_memory: u64,
    /// Wall clock, microseconds. Absent where timings were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
}

/// A rule's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleInfo {
    /// Kebab-case id.
    pub id: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub help: String,
    /// What it is about.
    pub category: Category,
    /// The severity it usually has.
    pub severity: Severity,
    /// MITRE ATT&CK technique ids.
    pub attack: Vec<String>,
}

/// What a component says of itself, as it is kept and signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DescriptorInfo {
    /// Kebab-case name.
    pub name: String,
    /// Semantic version of the component.
    pub version: String,
    /// One line.
    pub description: String,
    /// Purl types it applies to; empty for all.
    pub ecosystems: Vec<String>,
    /// The kinds of findings that it can emit.
    pub rules: Vec<RuleInfo>,
}

/// What a report came from: with the artifacts' digests, all that decides it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// Version of Packguard.
    pub packguard: String,
    /// The WIT package and version that the components speak.
    pub contract: String,
    /// Hex SHA-256 over the limits in force.
    pub limits: String,
    /// Hex SHA-256 over the operator's settings and the registry's metadata, and over all that
    /// is said below, as far as it is there.
    pub inputs: String,
    /// Hex SHA-256 over the operator's suppressions and which of them ran out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressions: Option<String>,
    /// Hex SHA-256 over the advisories that were looked into (OSV).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisories: Option<String>,
}
