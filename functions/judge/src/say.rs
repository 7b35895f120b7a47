//! The words of a verdict.

use packguard_sdk::judge::{Evidence, Finding, Outcome, Reason};
use packguard_sdk::text::cut;
use packguard_sdk::{Category, Phase, Severity};

use crate::score::Weighed;

/// Longest quotation from a finding or problem, in bytes: their text may come from a
/// hostile package.
const QUOTE_LIMIT: usize = 160;

/// One line on all findings of one rule, heaviest first.
pub(crate) fn rule(findings: &[Weighed<'_>]) -> String {
    let Some(first) = findings.first() else {
        return String::new();
    };
    let more = match findings.len() - 1 {
        0 => String::new(),
        1 => " (and 1 more place)".to_owned(),
        more => format!(" (and {more} more places)"),
    };
    format!(
        "{}{}{}{more}",
        quote(&first.finding.title),
        when(first.finding.phase),
        at(first.finding),
    )
}

/// One line on findings that form a chain, in the order in which they act.
pub(crate) fn chain(links: &[&Finding]) -> String {
    let mut steps = Vec::new();
    if links.iter().any(|link| link.phase == Phase::Install) {
        steps.push("runs at install".to_owned());
    }
    for link in links {
        steps.push(format!("{}{}", quote(&link.title), at(link)));
    }
    steps.join(" → ")
}

/// The answer in a line.
pub(crate) fn summary(
    outcome: Outcome,
    reasons: &[Reason],
    evidence: &[Evidence],
    incomplete: &[String],
) -> String {
    let heaviest = reasons
        .first()
        .map_or(String::new(), |reason| reason.text.clone());
    match outcome {
        Outcome::Malicious => format!("Do not install: {heaviest}.{}", unseen(incomplete)),
        Outcome::Suspicious => format!("Look before installing: {heaviest}.{}", unseen(incomplete)),
        Outcome::Clean => noted(evidence),
        Outcome::Incomplete => format!("{}{}", noted(evidence), unseen(incomplete)),
    }
}

fn noted(evidence: &[Evidence]) -> String {
    let capabilities = evidence
        .iter()
        .filter(|piece| piece.finding.category == Category::Capability)
        .count();
    let findings: Vec<_> = evidence
        .iter()
        .filter(|piece| piece.finding.category != Category::Capability)
        .collect();
    let weighty = findings
        .iter()
        .filter(|piece| piece.finding.severity > Severity::Info)
        .count();
    let notes: Vec<String> = [
        count(capabilities, "capability", "capabilities"),
        count(weighty, "minor finding", "minor findings"),
        count(findings.len() - weighty, "observation", "observations"),
    ]
    .into_iter()
    .flatten()
    .collect();
    match notes.as_slice() {
        [] => "No sign of malice.".to_owned(),
        [one] => format!("Nothing convicts; {one} noted."),
        [rest @ .., last] => format!("Nothing convicts; {} and {last} noted.", rest.join(", ")),
    }
}

fn count(number: usize, one: &str, many: &str) -> Option<String> {
    match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {many}")),
    }
}

fn unseen(incomplete: &[String]) -> String {
    match incomplete {
        [] => String::new(),
        [one] => format!(" Not analysed: {}.", quote(one)),
        [first, rest @ ..] => format!(" Not analysed: {} (and {} more).", quote(first), rest.len()),
    }
}

fn when(phase: Phase) -> &'static str {
    match phase {
        Phase::Install => ", when installed",
        Phase::Import => ", when imported",
        Phase::Execute | Phase::Unknown => "",
    }
}

fn at(finding: &Finding) -> String {
    match &finding.location {
        Some(place) => match place.line {
            Some(line) => format!(" ({}:{line})", quote(&place.path)),
            None => format!(" ({})", quote(&place.path)),
        },
        None => String::new(),
    }
}

/// Text on one line, cut, without control characters and final stop.
fn quote(text: &str) -> String {
    let short = cut(text.trim(), QUOTE_LIMIT);
    let mark = if short.len() < text.trim().len() {
        "…"
    } else {
        ""
    };
    let clean: String = short
        .trim_end_matches('.')
        .chars()
        .map(|character| match character {
            character if character.is_control() => ' ',
            character => character,
        })
        .collect();
    format!("{clean}{mark}")
}
