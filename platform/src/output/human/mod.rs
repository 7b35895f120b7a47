//! `--format human`: the verdict first, then the reasons, then the evidence.
//!
//! Everything is readable without colour; colours are written always and taken off by the
//! caller where they are not wanted.

pub(super) mod finding;
pub(super) mod paint;

use packguard_runtime::report::{
    Category, Finding, Incomplete, Outcome, Report, Severity, StepInfo, StepOutcome, Thresholds,
};

use super::{Failure, ScanOutput, SkippedEntry, by_gravity, escape, outcome_word, package_name};
use paint::Page;

/// From how many packages on a table of all verdicts comes first.
const TABLE_FROM: usize = 4;
/// Rows of that table for clean packages; the others are counted.
const MAX_CLEAN_ROWS: usize = 20;
/// Reasons, findings and other items shown per package; the others are counted.
const MAX_REASONS: usize = 8;
const MAX_FINDINGS: usize = 25;
const MAX_ITEMS: usize = 20;
/// Characters of a one-line text out of a package.
const MAX_LINE: usize = 400;

pub(super) fn render(output: &ScanOutput, width: usize) -> String {
    let mut page = Page::new(width);
    let reports = by_gravity(output);
    let many = reports.len() >= TABLE_FROM;
    if many {
        table(&mut page, &reports);
    }
    for report in &reports {
        if !many || report.verdict.outcome != Outcome::Clean {
            package(&mut page, report);
        }
    }
    failures(&mut page, &output.failures);
    skipped(&mut page, &output.skipped);
    totals(&mut page, output);
    page.finish()
}

pub(super) fn evidence(report: &Report, width: usize) -> String {
    let mut page = Page::new(width);
    for found in report.findings.iter().take(MAX_FINDINGS) {
        finding::write(&mut page, found, report);
    }
    more(
        &mut page,
        report.findings.len(),
        MAX_FINDINGS,
        "findings: --json has them all",
    );
    unanalysed(&mut page, report);
    page.finish()
}

fn table(page: &mut Page, reports: &[&Report]) {
    page.line(0, "VERDICT     SCORE  PACKAGE");
    let mut clean = 0;
    for report in reports {
        if report.verdict.outcome == Outcome::Clean {
            clean += 1;
            if clean > MAX_CLEAN_ROWS {
                continue;
            }
        }
        let word = format!("{:<10}", outcome_word(report.verdict.outcome));
        let word = paint::outcome(report.verdict.outcome, &word);
        let name = escape::line(package_name(report), MAX_LINE);
        page.line(0, &format!("{word}  {:>5}  {name}", report.verdict.score));
    }
    if clean > MAX_CLEAN_ROWS {
        page.line(
            0,
            &format!("… and {} more clean packages", clean - MAX_CLEAN_ROWS),
        );
    }
    page.blank();
}

fn package(page: &mut Page, report: &Report) {
    let verdict = &report.verdict;
    let word = paint::outcome(
        verdict.outcome,
        &outcome_word(verdict.outcome).to_uppercase(),
    );
    let name = paint::strong(&escape::line(package_name(report), MAX_LINE));
    let thresholds = verdict.thresholds.unwrap_or_default();
    let moved = match thresholds == Thresholds::default() {
        true => String::new(),
        false => format!(
            " (malicious from {}, suspicious from {})",
            thresholds.malicious, thresholds.suspicious
        ),
    };
    page.line(
        0,
        &format!("{word}  {name}   score {}{moved}", verdict.score),
    );
    page.wrapped(2, "", &escape::line(&verdict.summary, MAX_LINE));
    for reason in verdict.reasons.iter().take(MAX_REASONS) {
        let text = escape::line(&reason.text, MAX_LINE);
        page.wrapped(2, &format!("{:>+3}  ", reason.weight), &text);
    }
    more(page, verdict.reasons.len(), MAX_REASONS, "reasons");
    page.blank();
    let mut evidence: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info && finding.suppressed.is_none())
        .collect();
    evidence.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    for found in evidence.iter().take(MAX_FINDINGS) {
        finding::write(page, found, report);
    }
    if evidence.len() > MAX_FINDINGS {
        more(
            page,
            evidence.len(),
            MAX_FINDINGS,
            "findings: --format json has them all",
        );
        page.blank();
    }
    footer(page, report);
}

/// What convicts nobody, and what went wrong.
fn footer(page: &mut Page, report: &Report) {
    let info = report
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Info && finding.suppressed.is_none());
    let (can, also): (Vec<_>, Vec<_>) =
        info.partition(|finding| finding.category == Category::Capability);
    folded(page, "Capabilities: ", &can, report);
    folded(page, "Also noted: ", &also, report);
    comparison(page, report);
    let suppressed: Vec<String> = report.findings.iter().filter_map(suppressed).collect();
    list(page, "Suppressed:", &suppressed);
    let notes = report.notes.iter().map(|note| escape::line(note, MAX_LINE));
    list(page, "Notes:", &notes.collect::<Vec<_>>());
    unanalysed(page, report);
}

/// What is new since the release before, in a line.
fn comparison(page: &mut Page, report: &Report) {
    let Some(comparison) = &report.comparison else {
        return;
    };
    let before = &comparison.before;
    let version = before.version.as_ref().unwrap_or(&before.name);
    let rules = |rules: &[String]| match rules {
        [] => "no kind of finding".to_owned(),
        rules => escape::line(&rules.join(", "), MAX_LINE),
    };
    let text = format!(
        "{} files new, {} changed, {} gone; new: {}; gone: {}",
        comparison.files_added,
        comparison.files_changed,
        comparison.files_removed,
        rules(&comparison.rules_new),
        rules(&comparison.rules_gone)
    );
    page.wrapped(2, &format!("Since {}: ", escape::line(version, 80)), &text);
}

fn suppressed(finding: &Finding) -> Option<String> {
    let suppressed = finding.suppressed.as_ref()?;
    Some(format!(
        "{}: {} ({}; {}, until {})",
        escape::line(&finding.rule, 120),
        escape::line(&finding.title, MAX_LINE),
        escape::line(&suppressed.reason, MAX_LINE),
        escape::line(&suppressed.owner, 200),
        escape::line(&suppressed.expires, 40)
    ))
}

/// What was not analysed, and which steps failed.
fn unanalysed(page: &mut Page, report: &Report) {
    let mut incomplete: Vec<String> = report.incomplete.iter().map(incomplete).collect();
    for artifact in &report.artifacts {
        let told = |item: &Incomplete| item.artifact.as_ref() == Some(&artifact.filename);
        if let Some(reason) = &artifact.skipped
            && !report.incomplete.iter().any(told)
        {
            let name = escape::line(&artifact.filename, 200);
            incomplete.push(format!("{name}: {}", escape::line(reason, MAX_LINE)));
        }
    }
    list(page, "Not analysed:", &incomplete);
    let failed = report
        .analyzers
        .iter()
        .filter(|step| step.outcome != StepOutcome::Ok);
    list(
        page,
        "Failed steps:",
        &failed.map(failed_step).collect::<Vec<_>>(),
    );
    page.blank();
}

/// The rules of several findings in one line, each once.
fn folded(page: &mut Page, label: &str, findings: &[&Finding], report: &Report) {
    let mut titles: Vec<String> = Vec::new();
    for finding in findings {
        let rule = report.rules.iter().find(|rule| rule.id == finding.rule);
        let title = escape::line(rule.map_or(&finding.rule, |rule| &rule.title), 80);
        if !titles.contains(&title) && titles.len() < MAX_ITEMS {
            titles.push(title);
        }
    }
    if !titles.is_empty() {
        page.wrapped(2, label, &titles.join(", "));
    }
}

fn incomplete(item: &Incomplete) -> String {
    let place = [item.artifact.as_deref(), item.path.as_deref()];
    let place: Vec<String> = place
        .into_iter()
        .flatten()
        .map(|part| escape::line(part, 200))
        .collect();
    let step = escape::line(&item.step, 80);
    let reason = escape::line(&item.reason, MAX_LINE);
    if place.is_empty() {
        format!("{step}: {reason}")
    } else {
        format!("{step}: {}: {reason}", place.join(": "))
    }
}

fn failed_step(step: &StepInfo) -> String {
    let how = match step.outcome {
        StepOutcome::Ok => "ok",
        StepOutcome::AnalyzerError => "failed",
        StepOutcome::Trap => "crashed",
        StepOutcome::OutOfMemory => "ran out of memory",
        StepOutcome::OutOfTime => "ran out of time",
        StepOutcome::OutputLimit => "said more than it may",
        StepOutcome::HostRefusal => "asked for something it may not have",
        StepOutcome::Cancelled => "was cancelled",
    };
    let said = step
        .message
        .as_deref()
        .map(|said| format!(": {}", escape::line(said, MAX_LINE)));
    format!(
        "{} {how}{}",
        escape::line(&step.name, 80),
        said.unwrap_or_default()
    )
}

fn list(page: &mut Page, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    page.line(2, title);
    for item in items.iter().take(MAX_ITEMS) {
        page.wrapped(4, "", item);
    }
    if items.len() > MAX_ITEMS {
        page.line(4, &format!("… and {} more", items.len() - MAX_ITEMS));
    }
}

fn more(page: &mut Page, count: usize, shown: usize, what: &str) {
    if count > shown {
        page.line(2, &format!("… and {} more {what}", count - shown));
    }
}

fn failures(page: &mut Page, failures: &[Failure]) {
    for failure in failures {
        let input = escape::line(&failure.input, MAX_LINE);
        let message = escape::line(&failure.message, MAX_LINE);
        page.wrapped(0, &paint::error("error: "), &format!("{input}: {message}"));
        if let Some(hint) = &failure.hint {
            page.wrapped(2, "hint: ", &escape::line(hint, MAX_LINE));
        }
    }
    if !failures.is_empty() {
        page.blank();
    }
}

fn skipped(page: &mut Page, skipped: &[SkippedEntry]) {
    for entry in skipped.iter().take(MAX_ITEMS) {
        let line = entry
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        let input = escape::line(&entry.input, 200);
        let text = escape::line(&entry.text, 200);
        let reason = escape::line(&entry.reason, MAX_LINE);
        page.wrapped(0, "skipped: ", &format!("{input}{line}: {text}: {reason}"));
    }
    more(page, skipped.len(), MAX_ITEMS, "skipped entries");
    if !skipped.is_empty() {
        page.blank();
    }
}

fn totals(page: &mut Page, output: &ScanOutput) {
    let count = |outcome| {
        output
            .reports
            .iter()
            .filter(|report| report.verdict.outcome == outcome)
            .count()
    };
    let packages = output.reports.len();
    let mut parts: Vec<String> = [
        Outcome::Malicious,
        Outcome::Suspicious,
        Outcome::Incomplete,
        Outcome::Clean,
    ]
    .into_iter()
    .filter(|outcome| count(*outcome) > 0)
    .map(|outcome| format!("{} {}", count(outcome), outcome_word(outcome)))
    .collect();
    if !output.failures.is_empty() {
        parts.push(format!("{} failed", output.failures.len()));
    }
    if !output.skipped.is_empty() {
        parts.push(format!("{} skipped", output.skipped.len()));
    }
    let noun = if packages == 1 { "package" } else { "packages" };
    let parts = if parts.is_empty() {
        "nothing to do".into()
    } else {
        parts.join(", ")
    };
    page.line(0, &format!("{packages} {noun} analysed: {parts}"));
}
