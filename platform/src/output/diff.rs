//! What is new in a release since another one, in each of its formats.

use std::collections::{BTreeMap, BTreeSet};

use packguard_runtime::Snapshot;
use packguard_runtime::report::{Category, Finding, Outcome, Report, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::human::{finding, paint};
use super::markdown::text::{prose, span};
use super::{FailOn, FailOnNew, Format, Look, ScanOutput, Tool};
use super::{escape, outcome_word, package_name, sarif, severity_word};

/// Version of [`DiffOutput`]'s schema, by the same rules as that of a scan.
pub const SCHEMA_VERSION: &str = "1.0";

/// Most paths of one kind; the others are counted.
const MAX_PATHS: usize = 5_000;
/// Most items of one kind that people are shown.
const MAX_SHOWN: usize = 25;
const MAX_LINE: usize = 300;

/// What the analyzer `names` says a package depends on: the rule, and what its titles begin with.
const DEPENDENCY: &str = "name-dependency";
const DEPENDS_ON: &str = "Depends on ";

/// The whole answer of one `packguard diff`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiffOutput {
    /// [`SCHEMA_VERSION`].
    pub schema_version: String,
    /// What made it.
    pub tool: Tool,
    /// The release before, whole.
    pub before: Report,
    /// The release after, whole. Its findings of `diff-…` say what the judge made of the change.
    pub after: Report,
    /// Files, by paths without the version and the top folder.
    pub files: Files,
    /// What the code is able to do: rules.
    pub capabilities: Changes,
    /// What runs when it is installed: rules.
    pub install_hooks: Changes,
    /// Compiled code: rules, and where.
    pub binaries: Changes,
    /// What it depends on, by its manifests and its registry.
    pub dependencies: Changes,
    /// Fingerprints of the findings that only the release after has, gravest first; the findings
    /// stand in `after`.
    pub findings_new: Vec<String>,
    /// Fingerprints of those that only the release before has; they stand in `before`.
    pub findings_gone: Vec<String>,
}

/// How the files differ, by their hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Files {
    /// Only after.
    pub added: Vec<String>,
    /// Only before.
    pub removed: Vec<String>,
    /// Other bytes under the same path.
    pub changed: Vec<String>,
    /// The same bytes under the same path.
    pub unchanged: u64,
    /// Paths that would be in one of the lists and are not, for want of room.
    pub left_out: u64,
}

/// What came and what went, each once, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// Only after.
    pub new: Vec<String>,
    /// Only before.
    pub gone: Vec<String>,
}

impl Changes {
    fn between(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Self {
        Self {
            new: after.difference(before).cloned().collect(),
            gone: before.difference(after).cloned().collect(),
        }
    }
}

impl DiffOutput {
    /// Compares two analyses.
    pub fn new(before: &Snapshot, after: &Snapshot) -> Self {
        let of = |says: fn(&Finding) -> Option<String>| {
            let all = |report: &Report| report.findings.iter().filter_map(says).collect();
            Changes::between(&all(&before.report), &all(&after.report))
        };
        Self {
            schema_version: SCHEMA_VERSION.into(),
            tool: Tool::this(),
            files: files(&before.files, &after.files),
            capabilities: of(capability),
            install_hooks: of(hook),
            binaries: of(binary),
            dependencies: of(dependency),
            findings_new: only(&after.report, &before.report),
            findings_gone: only(&before.report, &after.report),
            before: before.report.clone(),
            after: after.report.clone(),
        }
    }

    /// Leaves out all that varies between two runs over the same input.
    #[must_use]
    pub fn without_timings(mut self) -> Self {
        self.before = self.before.without_timings();
        self.after = self.after.without_timings();
        self
    }

    /// The findings that only the release after has, capabilities and inventory aside.
    fn new_findings(&self) -> Vec<&Finding> {
        let new: BTreeSet<&String> = self.findings_new.iter().collect();
        let findings = self.after.findings.iter();
        let told = |one: &&Finding| {
            one.severity > Severity::Info
                && one.category != Category::Capability
                && one.suppressed.is_none()
                && new.contains(&one.fingerprint)
        };
        findings.filter(told).collect()
    }
}

fn files(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Files {
    let mut files = Files::default();
    let mut left_out = 0;
    let mut add = |list: &mut Vec<String>, path: &String| {
        if list.len() < MAX_PATHS {
            list.push(path.clone());
        } else {
            left_out += 1;
        }
    };
    for (path, hash) in after {
        match before.get(path) {
            None => add(&mut files.added, path),
            Some(old) if old != hash => add(&mut files.changed, path),
            Some(_) => files.unchanged += 1,
        }
    }
    for path in before.keys().filter(|path| !after.contains_key(*path)) {
        add(&mut files.removed, path);
    }
    files.left_out = left_out;
    files
}

/// Fingerprints of the findings that only `one` has, in its order, each once.
fn only(one: &Report, other: &Report) -> Vec<String> {
    let known: BTreeSet<&String> = other.findings.iter().map(|it| &it.fingerprint).collect();
    let mut seen = BTreeSet::new();
    let fresh = one.findings.iter().map(|it| &it.fingerprint);
    fresh
        .filter(|it| !known.contains(it) && seen.insert(*it))
        .cloned()
        .collect()
}

fn capability(finding: &Finding) -> Option<String> {
    let is = finding.category == Category::Capability && finding.rule != "binary-native";
    is.then(|| finding.rule.clone())
}

fn hook(finding: &Finding) -> Option<String> {
    let is = finding.category == Category::InstallHook;
    is.then(|| finding.rule.clone())
}

/// The place is part of it, without the folder that names the version.
fn binary(finding: &Finding) -> Option<String> {
    if finding.category != Category::Binary && finding.rule != "binary-native" {
        return None;
    }
    let place = finding.location.as_ref().map(|place| {
        let below = place.path.split_once('/').map(|(_, rest)| rest);
        below.unwrap_or(&place.path)
    });
    Some(match place {
        Some(place) => format!("{}: {place}", finding.rule),
        None => finding.rule.clone(),
    })
}

fn dependency(finding: &Finding) -> Option<String> {
    let is = finding.rule == DEPENDENCY;
    let name = is.then(|| finding.title.strip_prefix(DEPENDS_ON))??;
    Some(name.to_owned())
}

/// The exit code: those of a scan, and 1 for a new finding of that severity.
pub fn exit_code(output: &DiffOutput, fail_on: FailOn, fail_on_new: FailOnNew) -> u8 {
    let limit = match fail_on_new {
        FailOnNew::Medium => Some(Severity::Medium),
        FailOnNew::High => Some(Severity::High),
        FailOnNew::Critical => Some(Severity::Critical),
        FailOnNew::Never => None,
    };
    let grave = |one: &&Finding| limit.is_some_and(|limit| one.severity >= limit);
    if fail_on.reached(output.after.verdict.outcome) || output.new_findings().iter().any(grave) {
        return 1;
    }
    let partial = |report: &Report| {
        report.verdict.outcome == Outcome::Incomplete || !report.incomplete.is_empty()
    };
    match partial(&output.before) || partial(&output.after) {
        true => 3,
        false => 0,
    }
}

/// Writes the comparison, ending in a newline.
///
/// # Errors
/// When JSON can't be made of it, which would be a defect of the types.
pub fn render(output: &DiffOutput, format: Format, look: Look) -> serde_json::Result<String> {
    let mut text = match format {
        Format::Human => {
            let text = human(output, look.width);
            if look.color {
                text
            } else {
                anstream::adapter::strip_str(&text).to_string()
            }
        }
        Format::Json => serde_json::to_string_pretty(output)?,
        Format::Sarif => serde_json::to_string_pretty(&log(output))?,
        Format::Markdown => markdown(output),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// The JSON schema of [`DiffOutput`], as committed in `platform/diff.schema.json`.
///
/// # Errors
/// When it can't be written as JSON, which would be a defect of the types.
pub fn schema() -> serde_json::Result<String> {
    let schema = schemars::schema_for!(DiffOutput);
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

/// The log of the release after, whose results say whether they are new.
fn log(output: &DiffOutput) -> serde_json::Value {
    let scan = ScanOutput::new(vec![output.after.clone()], Vec::new(), Vec::new());
    let mut log = sarif::log(&scan);
    let new: BTreeSet<&str> = output.findings_new.iter().map(String::as_str).collect();
    let results = log["runs"][0]["results"].as_array_mut();
    for result in results.into_iter().flatten() {
        let fingerprint = result["partialFingerprints"]["packguardFinding/v1"].as_str();
        let is_new = fingerprint.is_some_and(|it| new.contains(it));
        result["baselineState"] = json!(if is_new { "new" } else { "unchanged" });
    }
    log
}

/// The lists in the order in which they matter: what came, what went.
fn lists(output: &DiffOutput) -> [(&'static str, &[String]); 11] {
    [
        ("New install hooks", &output.install_hooks.new),
        ("New compiled code", &output.binaries.new),
        ("New capabilities", &output.capabilities.new),
        ("New dependencies", &output.dependencies.new),
        ("Files added", &output.files.added),
        ("Files changed", &output.files.changed),
        ("Files removed", &output.files.removed),
        ("Install hooks gone", &output.install_hooks.gone),
        ("Compiled code gone", &output.binaries.gone),
        ("Capabilities gone", &output.capabilities.gone),
        ("Dependencies gone", &output.dependencies.gone),
    ]
}

fn human(output: &DiffOutput, width: usize) -> String {
    let mut page = paint::Page::new(width);
    for (label, report) in [("before", &output.before), ("after ", &output.after)] {
        let verdict = &report.verdict;
        let word = outcome_word(verdict.outcome).to_uppercase();
        let word = paint::outcome(verdict.outcome, &word);
        let name = paint::strong(&escape::line(package_name(report), MAX_LINE));
        page.line(
            0,
            &format!("{label}  {word}  {name}   score {}", verdict.score),
        );
    }
    page.wrapped(
        2,
        "",
        &escape::line(&output.after.verdict.summary, MAX_LINE),
    );
    page.blank();
    let new = output.new_findings();
    for one in new.iter().take(MAX_SHOWN) {
        finding::write(&mut page, one, &output.after);
    }
    if new.len() > MAX_SHOWN {
        page.line(2, &format!("… and {} more findings", new.len() - MAX_SHOWN));
    }
    for (title, items) in lists(output) {
        if items.is_empty() {
            continue;
        }
        page.line(2, &format!("{title} ({}):", items.len()));
        for item in items.iter().take(MAX_SHOWN) {
            page.line(4, &escape::line(item, MAX_LINE));
        }
        if items.len() > MAX_SHOWN {
            page.line(4, &format!("… and {} more", items.len() - MAX_SHOWN));
        }
    }
    page.blank();
    page.line(0, &totals(output));
    page.finish()
}

fn totals(output: &DiffOutput) -> String {
    let files = &output.files;
    let more = match files.left_out {
        0 => String::new(),
        more => format!(" ({more} of them not listed)"),
    };
    format!(
        "{} files added, {} changed, {} removed, {} the same{more}; {} new findings, {} gone",
        files.added.len(),
        files.changed.len(),
        files.removed.len(),
        files.unchanged,
        output.findings_new.len(),
        output.findings_gone.len()
    )
}

fn markdown(output: &DiffOutput) -> String {
    let mut text = String::from(
        "## Packguard: what is new\n\n| | Verdict | Score | Package |\n|---|---|---:|---|\n",
    );
    for (label, report) in [("before", &output.before), ("after", &output.after)] {
        let word = outcome_word(report.verdict.outcome);
        let name = super::markdown::text::cell(&span(package_name(report), MAX_LINE));
        text += &format!("| {label} | {word} | {} | {name} |\n", report.verdict.score);
    }
    text += &format!("\n{}\n\n", prose(&output.after.verdict.summary, MAX_LINE));
    for one in output.new_findings().iter().take(MAX_SHOWN) {
        let place = one.location.as_ref().map(|place| {
            let line = place
                .line
                .map(|line| format!(":{line}"))
                .unwrap_or_default();
            format!(" in {}", span(&format!("{}{line}", place.path), MAX_LINE))
        });
        text += &format!(
            "- **{}** {}: {}{}\n",
            severity_word(one.severity),
            span(&one.rule, 120),
            prose(&one.title, MAX_LINE),
            place.unwrap_or_default()
        );
    }
    for (title, items) in lists(output) {
        if items.is_empty() {
            continue;
        }
        text += &format!("\n**{title}** ({})\n\n", items.len());
        for item in items.iter().take(MAX_SHOWN) {
            text += &format!("- {}\n", span(item, MAX_LINE));
        }
        if items.len() > MAX_SHOWN {
            text += &format!("- … and {} more\n", items.len() - MAX_SHOWN);
        }
    }
    text += &format!("\n{}\n", totals(output));
    text
}

#[cfg(test)]
mod tests;
