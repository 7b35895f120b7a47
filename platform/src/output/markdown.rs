//! `--format markdown`: a comment on a pull request.
//!
//! Text from packages must not become markup, a link, an image, a mention of a user or a
//! reference to an issue in the host's comment. Escaping is not enough: hosts look for
//! `@user` and `#1` in the text that remains. Code spans and code blocks are exempt, so
//! hostile text goes there and nowhere else: [`prose`] lets harmless words stand and puts
//! every other word into a span of its own.

use packguard_runtime::report::{Finding, Outcome, Report, Severity};

use super::{ScanOutput, by_gravity, escape, outcome_word, package_name, severity_word};

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
/// Lines of a code block.
const MAX_BLOCK_LINES: usize = 12;

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
    head.push('\n');
    if !page.push(&(head + END)) {
        return;
    }
    let end = page.text.len() - END.len();
    page.text.truncate(end);
    let mut evidence: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
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

/// The longest run of backticks.
fn backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A code block whose fence is longer than any run of backticks inside.
fn fenced(text: &str) -> String {
    let (lines, rest) = escape::lines(text, MAX_BLOCK_LINES, MAX_LINE);
    let mut body = lines.join("\n");
    if rest > 0 {
        body += &format!("\n… {rest} more lines");
    }
    let fence = "`".repeat(backticks(&body).max(2) + 1);
    format!("{fence}text\n{body}\n{fence}\n\n")
}

/// One line of hostile text as a code span.
fn span(text: &str, max: usize) -> String {
    let text = escape::line(text, max);
    if text.trim().is_empty() {
        return "`(empty)`".into();
    }
    let fence = "`".repeat(backticks(&text) + 1);
    // The blanks keep a backtick at either end apart from the fence.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// In a table, a bar ends the cell even inside a code span, and backslashes before it
/// are read differently by different hosts.
fn cell(text: &str) -> String {
    text.replace('|', "\\u{7c}")
}

/// A sentence: plain words stand, all else is put into code spans.
fn prose(text: &str, max: usize) -> String {
    let text = escape::line(text, max);
    let mut out = String::new();
    let mut code: Vec<&str> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if is_plain(word) {
            flush(&mut code, &mut out);
            separate(&mut out);
            out.push_str(word);
        } else {
            code.push(word);
        }
    }
    flush(&mut code, &mut out);
    out
}

fn flush(code: &mut Vec<&str>, out: &mut String) {
    if !code.is_empty() {
        separate(out);
        out.push_str(&span(&code.join(" "), usize::MAX));
        code.clear();
    }
}

fn separate(out: &mut String) {
    if !out.is_empty() {
        out.push(' ');
    }
}

/// Whether a word means itself to every markdown reader: letters, digits and inner
/// punctuation; no address, issue, commit, list marker, emoji or markup.
fn is_plain(word: &str) -> bool {
    let core = word
        .strip_prefix('(')
        .unwrap_or(word)
        .trim_end_matches([',', '.', ';', ':', ')', '?', '!', '%']);
    let inner = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '-' | '/' | '.' | ',');
    let hex = core.len() >= 7 && core.chars().all(|c| c.is_ascii_hexdigit());
    let numbered = core.chars().all(|c| c.is_ascii_digit()) && word.ends_with(['.', ')']);
    let lower = core.to_ascii_lowercase();
    core.starts_with(char::is_alphanumeric)
        && core.chars().all(inner)
        && !hex
        && !numbered
        && !lower.contains("www.")
        && !lower.starts_with("gh-")
}

/// Text inside an HTML element.
fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_keep_plain_words_and_fence_the_rest() {
        for (text, expected) in [
            (
                "Runs when installed (by pip), twice.",
                "Runs when installed (by pip), twice.",
            ),
            ("ping @octocat now", "ping `@octocat` now"),
            ("see #12 or GH-12", "see `#12` or `GH-12`"),
            ("a <img src=x> tag", "a `<img src=x>` tag"),
            (
                "[click](https://x.example) me",
                "`[click](https://x.example)` me",
            ),
            ("visit www.x.example", "visit `www.x.example`"),
            ("at commit deadbeef", "at commit `deadbeef`"),
            ("1. one * two", "`1.` one `*` two"),
            ("tick ``` tock", "tick ```` ``` ```` tock"),
            ("snake_case and **bold**", "`snake_case` and `**bold**`"),
            ("&lt; \u{202e}evil", "`&lt; \\u{202e}evil`"),
            ("", ""),
        ] {
            assert_eq!(prose(text, 200), expected);
        }
    }

    #[test]
    fn fences_are_longer_than_what_they_hold() {
        assert_eq!(fenced("a\n```\nb"), "````text\na\n```\nb\n````\n\n");
        assert_eq!(span("`", 9), "`` ` ``");
        assert_eq!(span(" \n", 9), "`  \\n `");
        assert_eq!(cell(&span("a|b", 9)), "`a\\u{7c}b`");
    }

    /// What is left when code spans and code blocks are taken out: all that a host would
    /// read as markup.
    fn outside_code(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('`') {
            out.push_str(&rest[..at]);
            let tail = &rest[at..];
            let run = tail.len() - tail.trim_start_matches('`').len();
            let body = &tail[run..];
            let mut from = 0;
            // A span ends at a run of the same length.
            loop {
                let Some(next) = body[from..].find('`').map(|next| next + from) else {
                    return out + tail;
                };
                let length = body[next..].len() - body[next..].trim_start_matches('`').len();
                if length == run {
                    rest = &body[next + length..];
                    break;
                }
                from = next + length;
            }
        }
        out + rest
    }

    proptest! {
        #[test]
        fn no_markup_escapes_from_prose(text in "[ -~\u{202e}é`@#|<>\\[\\]\n]{0,60}") {
            let shown = prose(&text, 100);
            let outside = outside_code(&shown);
            prop_assert!(!outside.contains(['@', '#', '<', '>', '[', ']', '*', '_', '`', '|', '~', '\\', '&', '\n']), "{shown:?}");
            prop_assert!(!outside.contains("://"), "{shown:?}");
        }

        #[test]
        fn no_fence_closes_early(text in "[`~ a\n]{0,80}") {
            let block = fenced(&text);
            let mut lines: Vec<&str> = block.trim_end_matches('\n').split('\n').collect();
            let close = lines.pop().unwrap();
            prop_assert_eq!(format!("{close}text"), lines.remove(0));
            prop_assert!(lines.iter().all(|line| backticks(line) < close.len()));
        }

        #[test]
        fn cells_hold_no_bar(text in "\\PC{0,40}") {
            prop_assert!(!cell(&span(&text, 100)).contains(['|', '\n']));
        }
    }
}
