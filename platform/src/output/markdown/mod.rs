//! `--format markdown`: a comment on a pull request.

pub(super) mod text;

use packguard_runtime::report::{Finding, Outcome, Report, Severity};

use super::{ScanOutput, by_gravity, escape, outcome_word, package_name, severity_word};
use text::{cell, fenced, html, prose, span};

/// Longest comment, in bytes; hosts accept 65,536 characters.
const MAX_LENGTH: usize = 65_000;
/// Kept free for the closing notice.
const NOTICE: usize = 200;
/// Rows of the table.
const MAX_ROWS: usize = 100;
/// Reasons and other list items per package.
const MAX_ITEMS: usize = 20;
const MAX_LINE: usize = 300;
/// Closes what [`details`] opens.
const END: &str = "</details>\n\n";

pub(super) fn render(output: &ScanOutput) -> String {
    let mut page = Page {
        text: String::new(),
        left_out: 0,
    };
    page.push(&format!("## Packguard: {}\n\n", headline(output)));
    table(&mut page, output);
    for report in by_gravity(output) {
        if report.verdict.outcome != Outcome::Clean {
            details(&mut page, report);
        }
    }
    not_analysed(&mut page, output);
    page.finish()
}

/// A text that stops taking blocks when it is full; a block is never cut in the middle,
/// so that no fence or element stays open.
struct Page {
    text: String,
    left_out: usize,
}

impl Page {
    fn push(&mut self, block: &str) -> bool {
        let fits = self.text.len() + block.len() + NOTICE <= MAX_LENGTH;
        if fits {
            self.text.push_str(block);
        } else {
            self.left_out += 1;
        }
        fits
    }

    fn finish(mut self) -> String {
        if self.left_out > 0 {
            let notice = format!(
                "\n**Cut:** {} more parts do not fit into a comment. \
                 `--format json` has all of them.\n",
                self.left_out
            );
            self.text.push_str(&notice);
        }
        self.text
    }
}

fn headline(output: &ScanOutput) -> String {
    let summary = output.summary;
    let all = output.reports.len() + output.failures.len();
    match summary.outcome {
        Outcome::Malicious => format!("do not install ({} of {all} flagged)", summary.flagged),
        Outcome::Suspicious => {
            format!(
                "look before installing ({} of {all} flagged)",
                summary.flagged
            )
        }
        Outcome::Incomplete => "not everything could be analysed".into(),
        Outcome::Clean => "nothing found".into(),
    }
}

fn table(page: &mut Page, output: &ScanOutput) {
    if output.reports.is_empty() {
        return;
    }
    let mut rows = String::from("| Verdict | Score | Package | Why |\n|---|---:|---|---|\n");
    for report in by_gravity(output).into_iter().take(MAX_ROWS) {
        let verdict = &report.verdict;
        let word = match verdict.outcome {
            Outcome::Clean => outcome_word(verdict.outcome).to_owned(),
            outcome => format!("**{}**", outcome_word(outcome)),
        };
        let why = verdict
            .reasons
            .first()
            .map_or(&verdict.summary, |reason| &reason.text);
        let name = cell(&span(package_name(report), MAX_LINE));
        let why = cell(&prose(why, MAX_LINE));
        rows += &format!("| {word} | {} | {name} | {why} |\n", verdict.score);
    }
    if output.reports.len() > MAX_ROWS {
        rows += &format!(
            "\n… and {} more packages\n",
            output.reports.len() - MAX_ROWS
        );
    }
    rows.push('\n');
    page.push(&rows);
}

fn details(page: &mut Page, report: &Report) {
    let word = outcome_word(report.verdict.outcome);
    let name = html(&escape::line(package_name(report), MAX_LINE));
    let mut head = format!("<details><summary>{word}: <code>{name}</code></summary>\n\n");
    head += &format!("{}\n\n", prose(&report.verdict.summary, MAX_LINE));
    for reason in report.verdict.reasons.iter().take(MAX_ITEMS) {
        head += &format!("- {}: {}\n", reason.weight, prose(&reason.text, MAX_LINE));
    }
    for item in report.incomplete.iter().take(MAX_ITEMS) {
        let place = [Some(&item.step), item.artifact.as_ref(), item.path.as_ref()];
        let place: Vec<&str> = place.into_iter().flatten().map(String::as_str).collect();
        let place = span(&place.join(": "), MAX_LINE);
        head += &format!(
            "- not analysed: {place}: {}\n",
            prose(&item.reason, MAX_LINE)
        );
    }
    let suppressed = report.findings.iter();
    let suppressed = suppressed.filter(|one| one.suppressed.is_some());
    for finding in suppressed.take(MAX_ITEMS) {
        if let Some(suppressed) = &finding.suppressed {
            head += &format!(
                "- suppressed: {}: {} ({}, until {})\n",
                span(&finding.rule, 120),
                prose(&suppressed.reason, MAX_LINE),
                prose(&suppressed.owner, MAX_LINE),
                prose(&suppressed.expires, 40)
            );
        }
    }
    for note in report.notes.iter().take(MAX_ITEMS) {
        head += &format!("- note: {}\n", prose(note, MAX_LINE));
    }
    head.push('\n');
    if !page.push(&(head + END)) {
        return;
    }
    let end = page.text.len() - END.len();
    page.text.truncate(end);
    let mut evidence: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info && finding.suppressed.is_none())
        .collect();
    evidence.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    for found in evidence {
        let block = finding(found, report);
        // The end that was taken off must fit again.
        if page.text.len() + block.len() + END.len() + NOTICE > MAX_LENGTH {
            page.left_out += 1;
        } else {
            page.text.push_str(&block);
        }
    }
    page.text.push_str(END);
}

fn finding(finding: &Finding, report: &Report) -> String {
    let word = severity_word(finding.severity);
    let mut out = format!(
        "**{word}** {}: {}\n\n",
        span(&finding.rule, 120),
        prose(&finding.title, MAX_LINE)
    );
    if let Some(location) = &finding.location {
        let line = location
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        let place = span(&format!("{}{line}", location.path), MAX_LINE);
        out += &format!("{place} in {}\n\n", span(&location.artifact, MAX_LINE));
        if let Some(snippet) = &location.snippet {
            out += &fenced(snippet);
        }
    }
    if let Some(innermost) = finding.decoded.last() {
        let layers = finding
            .decoded
            .iter()
            .take(8)
            .map(|layer| layer.encoding.as_str());
        let layers = layers.collect::<Vec<_>>().join(" > ");
        out += &format!(
            "Decoded ({}):\n\n{}",
            span(&layers, 200),
            fenced(&innermost.text)
        );
    }
    if !finding.why.is_empty() {
        out += &format!("{}\n\n", prose(&finding.why, MAX_LINE * 2));
    }
    let rule = report.rules.iter().find(|rule| rule.id == finding.rule);
    let attack = rule.map(|rule| rule.attack.as_slice()).unwrap_or_default();
    if !attack.is_empty() {
        let ids: Vec<String> = attack.iter().take(8).map(|id| span(id, 40)).collect();
        out += &format!("ATT&amp;CK: {}\n\n", ids.join(", "));
    }
    out
}

fn not_analysed(page: &mut Page, output: &ScanOutput) {
    if output.failures.is_empty() && output.skipped.is_empty() {
        return;
    }
    page.push("### Not analysed\n\n");
    for failure in &output.failures {
        let hint = failure
            .hint
            .as_deref()
            .map(|hint| format!(" ({})", prose(hint, MAX_LINE)));
        page.push(&format!(
            "- {}: {}{}\n",
            span(&failure.input, MAX_LINE),
            prose(&failure.message, MAX_LINE),
            hint.unwrap_or_default()
        ));
    }
    for entry in &output.skipped {
        let line = entry
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        page.push(&format!(
            "- {} {}: {}\n",
            span(&format!("{}{line}", entry.input), MAX_LINE),
            span(&entry.text, MAX_LINE),
            prose(&entry.reason, MAX_LINE)
        ));
    }
}
