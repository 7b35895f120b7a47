//! Evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Stable id of this finding: hex of the first 16 bytes of SHA-256 over rule, path and
    /// snippet. The same code in another version keeps it.
    pub fingerprint: String,
    /// What a suppression may name: hex of the first 16 bytes of SHA-256 over rule, content and
    /// snippet without its white space. Neither path nor line is in it, and another byte in the
    /// file makes it another. Absent in reports of before 1.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_fingerprint: Option<String>,
    /// Lower-case hex SHA-256 of the file that it stands in; where it stands in none, over the
    /// hashes of all files of the release. Absent in reports of before 1.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Rule id; its text stands in [`Report::rules`](crate::report::Report::rules).
    pub rule: String,
    /// What was found here, one line.
    pub title: String,
    /// Name of the analyzer that found it.
    pub analyzer: String,
    /// What it is about.
    pub category: Category,
    /// How bad it is if true.
    pub severity: Severity,
    /// How sure the analyzer is.
    pub confidence: Confidence,
    /// When the code runs.
    pub phase: Phase,
    /// Where.
    pub location: Option<Location>,
    /// Layers of the decoded payload, outermost first.
    pub decoded: Vec<DecodedLayer>,
    /// Why it matters.
    pub why: String,
    /// MITRE ATT&CK technique ids of its rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<String>,
    /// Who accepted it, and why. Such a finding is not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppressed>,
}

impl Finding {
    /// As its analyzer made it, without what the host adds of content, technique and operator: what
    /// the author of an analyzer compares.
    #[must_use]
    pub fn as_found(mut self) -> Self {
        self.content_fingerprint = None;
        self.content = None;
        self.attack.clear();
        self.suppressed = None;
        self
    }
}

/// Why a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suppressed {
    /// Why it is accepted.
    pub reason: String,
    /// Who accepts it.
    pub owner: String,
    /// The last day on which it is accepted: `2027-01-31`.
    pub expires: String,
}

/// How bad a finding is if it is true.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it; see wit/types.wit")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// How sure an analyzer is that a finding is true.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it; see wit/types.wit")]
pub enum Confidence {
    Low,
    Medium,
    High,
}

/// What a finding is about: MITRE ATT&CK tactics and kinds special to packages.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented in wit/types.wit")]
pub enum Category {
    Capability,
    InstallHook,
    Execution,
    Persistence,
    DefenseEvasion,
    CredentialAccess,
    Discovery,
    Collection,
    CommandAndControl,
    Exfiltration,
    Impact,
    SupplyChain,
    Archive,
    Metadata,
    Binary,
}

/// When code runs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented in wit/types.wit")]
pub enum Phase {
    Install,
    Import,
    Execute,
    Unknown,
}

/// A place in an artifact. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// File name of the artifact.
    pub artifact: String,
    /// Path inside it; files of inner archives stand below `<archive>!/`.
    pub path: String,
    /// First line.
    pub line: Option<u32>,
    /// First column, in characters.
    pub column: Option<u32>,
    /// Last line.
    pub end_line: Option<u32>,
    /// The text at that place.
    pub snippet: Option<String>,
}

/// One layer taken off an encoded payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecodedLayer {
    /// `base64`, `hex`, `zlib`, …
    pub encoding: String,
    /// What came out, cut to a bound.
    pub text: String,
}
