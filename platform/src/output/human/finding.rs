//! One finding: where, what it looks like, what it hides, why it matters.

use packguard_runtime::report::{Finding, Location, Phase, Report};

use super::super::{escape, severity_word};
use super::MAX_LINE;
use super::paint::{self, Page};

/// Lines of a snippet and of a decoded payload.
const MAX_SNIPPET_LINES: usize = 8;
/// Layers of a decoded payload that are shown; the innermost is what matters.
const MAX_LAYERS: usize = 8;

pub(in crate::output) fn write(page: &mut Page, finding: &Finding, report: &Report) {
    let word = paint::severity(finding.severity, severity_word(finding.severity));
    page.wrapped(
        2,
        &format!("{word}  "),
        &escape::line(&finding.title, MAX_LINE),
    );
    if let Some(location) = &finding.location {
        page.line(4, &place(location, finding.phase));
        if let Some(snippet) = &location.snippet {
            block(page, snippet);
        }
    }
    decoded(page, finding);
    if !finding.why.is_empty() {
        page.wrapped(4, "why: ", &escape::line(&finding.why, MAX_LINE * 2));
    }
    let rule = report.rules.iter().find(|rule| rule.id == finding.rule);
    let attack = rule.map(|rule| rule.attack.as_slice()).unwrap_or_default();
    let mut cited = vec![format!("rule: {}", escape::line(&finding.rule, 120))];
    cited.extend(attack.iter().take(8).map(|id| escape::line(id, 40)));
    if let Some(fingerprint) = &finding.content_fingerprint {
        cited.push(format!("fingerprint: {}", escape::line(fingerprint, 64)));
    }
    page.line(4, &paint::faint(&cited.join("  ")));
    page.blank();
}

/// `setup.py:3:1 in evil-1.0.tar.gz (when installed)`
fn place(location: &Location, phase: Phase) -> String {
    let mut text = escape::line(&location.path, MAX_LINE);
    let column = location.column.filter(|_| location.line.is_some());
    for number in [location.line, column].into_iter().flatten() {
        text += &format!(":{number}");
    }
    if !location.artifact.is_empty() {
        text += &format!(" in {}", escape::line(&location.artifact, 200));
    }
    let when = match phase {
        Phase::Install => " (runs when installed)",
        Phase::Import => " (runs when imported)",
        Phase::Execute => " (runs when called)",
        Phase::Unknown => "",
    };
    text + when
}

fn decoded(page: &mut Page, finding: &Finding) {
    let Some(innermost) = finding.decoded.last() else {
        return;
    };
    let layers: Vec<String> = finding
        .decoded
        .iter()
        .take(MAX_LAYERS)
        .map(|layer| escape::line(&layer.encoding, 40))
        .collect();
    page.line(4, &format!("decoded ({}):", layers.join(" > ")));
    block(page, &innermost.text);
}

fn block(page: &mut Page, text: &str) {
    let (lines, rest) = escape::lines(text, MAX_SNIPPET_LINES, MAX_LINE);
    for line in lines {
        page.cut(6, "| ", &line);
    }
    match rest {
        0 => {}
        1 => page.line(6, "… 1 more line"),
        rest => page.line(6, &format!("… {rest} more lines")),
    }
}
