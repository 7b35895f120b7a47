//! The answer of a scan, in each of its formats.
//!
//! # Exit codes
//!
//! They are API: scripts and CI jobs branch on them. [`exit_code`] is the only place that
//! decides. The first row that applies counts.
//!
//! | code | name | when |
//! |---|---|---|
//! | 1 | flagged | a verdict is at or above `--fail-on` (default: `suspicious`) |
//! | 4 | environment | a registry did not answer, the disk is full, …: try again |
//! | 2 | usage | an option or a named input makes no sense: also what the option parser uses |
//! | 3 | incomplete | something was not, or not fully, analysed |
//! | 0 | clean | everything was analysed, and nothing reaches `--fail-on` |
//!
//! # Hostile text
//!
//! Whatever comes from a package is hostile: file names, snippets, decoded payloads, and
//! the sentences that quote them. `escape` makes it visible and harmless for a terminal;
//! `markdown` and `sarif` add what their readers interpret. JSON is not escaped beyond
//! JSON: it is data.

pub mod diff;
mod escape;
mod file;
mod human;
mod markdown;
mod sarif;

pub use file::write_atomically;

use clap::ValueEnum;
use packguard_runtime::report::{Outcome, Report, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inputs::lock::Remark;

/// Version of [`ScanOutput`]'s schema. A new optional field raises the minor number,
/// anything else the major one; so does a change of the report's own schema.
pub const SCHEMA_VERSION: &str = "1.1";

/// The whole answer of one `packguard scan`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScanOutput {
    /// [`SCHEMA_VERSION`].
    pub schema_version: String,
    /// What made it.
    pub tool: Tool,
    /// The answer in a few numbers.
    pub summary: Summary,
    /// One per package that was analysed, in the order in which they were named.
    pub reports: Vec<Report>,
    /// Inputs that could not be analysed at all.
    pub failures: Vec<Failure>,
    /// Entries of lock files and SBOMs that were not analysed.
    pub skipped: Vec<SkippedEntry>,
}

/// What made the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `packguard`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where rules are explained; `{id}` stands for the rule. Absent where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules_url: Option<String>,
}

impl Tool {
    /// This program.
    fn this() -> Self {
        Self {
            name: "packguard".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            rules_url: None,
        }
    }
}

/// How many packages ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// The gravest verdict; at least `incomplete` when an input failed or was skipped.
    pub outcome: Outcome,
    /// Packages found clean.
    pub clean: usize,
    /// Packages found suspicious or malicious.
    pub flagged: usize,
    /// Packages not fully analysed, and nothing found.
    pub incomplete: usize,
    /// Inputs that could not be analysed at all.
    pub failed: usize,
}

/// An input that could not be analysed at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The input as the user or the lock file named it.
    pub input: String,
    /// What kind of failure it is; decides the exit code.
    pub category: FailureCategory,
    /// What went wrong, one line.
    pub message: String,
    /// What to do about it, one line.
    pub hint: Option<String>,
}

/// Whose turn it is to act on a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureCategory {
    /// The user named something that can't be: a malformed purl, a missing file.
    Usage,
    /// The package, version or artifact can't be analysed: not found, not an archive, too
    /// large, a checksum that disagrees.
    Package,
    /// The surroundings failed: registry down, no disk space, out of memory.
    Environment,
}

/// An entry of a lock file or SBOM that was not analysed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkippedEntry {
    /// The file it stands in.
    pub input: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// The entry, cut.
    pub text: String,
    /// Why, one line.
    pub reason: String,
}

impl SkippedEntry {
    /// From what the parser of the file named by `input` says.
    pub fn new(input: &str, remark: Remark) -> Self {
        let input = match remark.file {
            Some(included) => format!("{included} (included by {input})"),
            None => input.to_owned(),
        };
        Self {
            input,
            line: remark.line,
            text: remark.text,
            reason: remark.reason,
        }
    }
}

impl ScanOutput {
    /// Sums up what a scan found.
    pub fn new(reports: Vec<Report>, failures: Vec<Failure>, skipped: Vec<SkippedEntry>) -> Self {
        let count = |wanted: &[Outcome]| {
            reports
                .iter()
                .filter(|report| wanted.contains(&report.verdict.outcome))
                .count()
        };
        let partial = !failures.is_empty() || !skipped.is_empty();
        let floor = if partial {
            Outcome::Incomplete
        } else {
            Outcome::Clean
        };
        let gravest = reports.iter().map(|report| report.verdict.outcome).max();
        let summary = Summary {
            outcome: gravest.unwrap_or(floor).max(floor),
            clean: count(&[Outcome::Clean]),
            flagged: count(&[Outcome::Suspicious, Outcome::Malicious]),
            incomplete: count(&[Outcome::Incomplete]),
            failed: failures.len(),
        };
        Self {
            schema_version: SCHEMA_VERSION.into(),
            tool: Tool::this(),
            summary,
            reports,
            failures,
            skipped,
        }
    }
}

impl ScanOutput {
    /// The same, naming where rules are explained.
    #[must_use]
    pub fn explained_at(mut self, url: Option<&str>) -> Self {
        self.tool.rules_url = url.map(str::to_owned);
        self
    }
}

/// From which severity on a new finding counts as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FailOnNew {
    /// From `medium` on.
    Medium,
    /// From `high` on.
    #[default]
    High,
    /// Only `critical`.
    Critical,
    /// Never.
    Never,
}

/// From which verdict on a scan counts as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FailOn {
    /// From `suspicious` on.
    #[default]
    Suspicious,
    /// Only `malicious`.
    Malicious,
    /// Never: the verdicts are reported, and don't show in the exit code.
    Never,
}

impl FailOn {
    fn reached(self, outcome: Outcome) -> bool {
        match self {
            Self::Suspicious => outcome >= Outcome::Suspicious,
            Self::Malicious => outcome >= Outcome::Malicious,
            Self::Never => false,
        }
    }
}

/// The exit code of a scan: the table at the top of this module.
pub fn exit_code(output: &ScanOutput, fail_on: FailOn) -> u8 {
    let failed = |category| {
        output
            .failures
            .iter()
            .any(|failure| failure.category == category)
    };
    let incomplete = |report: &Report| {
        report.verdict.outcome == Outcome::Incomplete || !report.incomplete.is_empty()
    };
    if output
        .reports
        .iter()
        .any(|report| fail_on.reached(report.verdict.outcome))
    {
        1
    } else if failed(FailureCategory::Environment) {
        4
    } else if failed(FailureCategory::Usage) {
        2
    } else if failed(FailureCategory::Package)
        || !output.skipped.is_empty()
        || output.reports.iter().any(incomplete)
    {
        3
    } else {
        0
    }
}

/// How to write the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people: the verdict first, then the evidence.
    #[default]
    Human,
    /// For programs: all of it, by a versioned schema.
    Json,
    /// For code scanning: SARIF 2.1.0.
    Sarif,
    /// For a comment on a pull request.
    Markdown,
}

/// What the reader of [`Format::Human`] can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Whether to write ANSI colours.
    pub color: bool,
}

impl Look {
    /// Width where there is no terminal to ask, and of plain files.
    const DEFAULT_WIDTH: usize = 100;
    /// Narrower or wider than this, and lines get hard to read.
    const WIDTHS: std::ops::RangeInclusive<usize> = 40..=140;

    /// For a file or a pipe.
    pub const PLAIN: Self = Self {
        width: Self::DEFAULT_WIDTH,
        color: false,
    };

    /// What standard output can show, by its terminal, `NO_COLOR`, `CLICOLOR` and
    /// `CLICOLOR_FORCE`.
    pub fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let width = terminal_size::terminal_size_of(&stdout)
            .map_or(Self::DEFAULT_WIDTH, |(width, _)| usize::from(width.0));
        Self {
            width: width.clamp(*Self::WIDTHS.start(), *Self::WIDTHS.end()),
            color: anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
        }
    }
}

/// Writes the answer, ending in a newline. `look` matters to [`Format::Human`] only.
///
/// # Errors
/// When JSON can't be made of it, which would be a defect of the types.
pub fn render(output: &ScanOutput, format: Format, look: Look) -> serde_json::Result<String> {
    let mut text = match format {
        Format::Human => {
            let text = human::render(output, look.width);
            if look.color {
                text
            } else {
                anstream::adapter::strip_str(&text).to_string()
            }
        }
        Format::Json => serde_json::to_string_pretty(output)?,
        Format::Sarif => serde_json::to_string_pretty(&sarif::log(output))?,
        Format::Markdown => markdown::render(output),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// The evidence of one report without its verdict: what was found, gravest first, and what was
/// not analysed. For who writes an analyzer, harmless findings are shown as all others.
pub fn evidence(report: &Report, look: Look) -> String {
    let text = human::evidence(report, look.width);
    if look.color {
        text
    } else {
        anstream::adapter::strip_str(&text).to_string()
    }
}

/// The JSON schema of [`ScanOutput`], as committed in `platform/report.schema.json`.
///
/// # Errors
/// When it can't be written as JSON, which would be a defect of the types.
pub fn schema() -> serde_json::Result<String> {
    let schema = schemars::schema_for!(ScanOutput);
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

/// The name to show for a package: its purl, or its plain name.
fn package_name(report: &Report) -> &str {
    report
        .package
        .purl
        .as_deref()
        .unwrap_or(&report.package.name)
}

/// A verdict in a word.
fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Clean => "clean",
        Outcome::Incomplete => "incomplete",
        Outcome::Suspicious => "suspicious",
        Outcome::Malicious => "malicious",
    }
}

/// A severity in a word.
fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// The reports, gravest verdict first, else in their order.
fn by_gravity(output: &ScanOutput) -> Vec<&Report> {
    let mut reports: Vec<&Report> = output.reports.iter().collect();
    reports.sort_by_key(|report| std::cmp::Reverse((report.verdict.outcome, report.verdict.score)));
    reports
}

/// Hostile text as one harmless line, for messages.
pub fn line(text: &str) -> String {
    escape::line(text, 500)
}

#[cfg(test)]
mod tests;
