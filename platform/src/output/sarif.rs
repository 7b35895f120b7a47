//! `--format sarif`: SARIF 2.1.0, valid against the schema of OASIS.
//!
//! One run; every finding is a result, and what was not analysed is a notification, with
//! `executionSuccessful: false`, so that a viewer can't show an empty list as all well.

use std::collections::BTreeMap;

use packguard_runtime::report::{
    Confidence, Finding, Incomplete, Location, Report, RuleInfo, Severity,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{ScanOutput, by_gravity, escape, outcome_word, package_name, severity_word};

/// Results kept, gravest first: code hosts refuse more per run.
const MAX_RESULTS: usize = 25_000;
const MAX_NOTIFICATIONS: usize = 5_000;
const MAX_LINE: usize = 1_000;
const MAX_SNIPPET_LINES: usize = 50;
/// What stands for itself in a path segment; the `!` of `archive!/inner` is one of them.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!');

/// The SARIF log.
pub(in crate::output) fn log(output: &ScanOutput) -> Value {
    let mut rules: BTreeMap<&str, &RuleInfo> = BTreeMap::new();
    let mut precision: BTreeMap<&str, Confidence> = BTreeMap::new();
    let mut findings: Vec<(&Report, &Finding)> = Vec::new();
    for report in &output.reports {
        for one in &report.findings {
            let least = precision.entry(&one.rule).or_insert(one.confidence);
            *least = one.confidence.min(*least);
        }
        rules.extend(report.rules.iter().map(|rule| (rule.id.as_str(), rule)));
        findings.extend(report.findings.iter().map(|finding| (report, finding)));
    }
    findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    let over = findings.len().saturating_sub(MAX_RESULTS);
    findings.truncate(MAX_RESULTS);
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, id)| (*id, at)).collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|(report, finding)| result(report, finding, &index))
        .collect();
    let notifications = notifications(output, over);
    let rules = rules
        .values()
        .map(|info| rule(info, precision.get(info.id.as_str()), output));
    let rules: Vec<Value> = rules.collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": output.tool.name,
                "version": output.tool.version,
                "semanticVersion": output.tool.version,
                "rules": rules,
            }},
            "invocations": [{
                "executionSuccessful": notifications.iter().all(|one| one["level"] == "note"),
                "toolExecutionNotifications": notifications,
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": {
                "outcome": outcome_word(output.summary.outcome),
                "packages": by_gravity(output).into_iter().map(verdict).collect::<Vec<_>>(),
            },
        }],
    })
}

fn verdict(report: &Report) -> Value {
    json!({
        "package": escape::line(package_name(report), MAX_LINE),
        "outcome": outcome_word(report.verdict.outcome),
        "score": report.verdict.score,
        "summary": text(&report.verdict.summary),
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// GitHub's scale: from 9.0 critical, from 7.0 high, from 4.0 medium, else low.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    }
}

/// Message text. `[x](y)` would be a link, so it is broken up.
fn text(hostile: &str) -> String {
    escape::line(hostile, MAX_LINE).replace("](", "] (")
}

fn block(hostile: &str) -> String {
    let (mut lines, rest) = escape::lines(hostile, MAX_SNIPPET_LINES, MAX_LINE);
    if rest > 0 {
        lines.push(format!("… {rest} more lines"));
    }
    lines.join("\n")
}

/// How often the rule is right: the least sure of its findings here.
fn precision(confidence: Option<&Confidence>) -> &'static str {
    match confidence {
        Some(Confidence::High) => "high",
        Some(Confidence::Medium) | None => "medium",
        Some(Confidence::Low) => "low",
    }
}

/// Where a rule is explained.
fn help_uri(template: &str, id: &str) -> String {
    let id = utf8_percent_encode(id, SEGMENT).to_string();
    match template.contains("{id}") {
        true => template.replace("{id}", &id),
        false => format!("{template}#{id}"),
    }
}

fn rule(info: &RuleInfo, confidence: Option<&Confidence>, output: &ScanOutput) -> Value {
    let help = block(&info.help);
    let mut tags = vec!["security".to_owned(), category(info)];
    for id in &info.attack {
        let id = escape::line(id, 40);
        if !tags.contains(&id) {
            tags.push(id);
        }
    }
    let mut rule = json!({
        "id": info.id,
        "shortDescription": {"text": text(&info.title)},
        "fullDescription": {"text": text(&info.title)},
        "help": {"text": help, "markdown": help},
        "defaultConfiguration": {"level": level(info.severity)},
        "properties": {
            "tags": tags,
            "precision": precision(confidence),
            "security-severity": security_severity(info.severity),
        },
    });
    if let Some(template) = &output.tool.rules_url {
        rule["helpUri"] = json!(help_uri(template, &info.id));
    }
    rule
}

fn category(info: &RuleInfo) -> String {
    serde_json::to_value(info.category)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn result(report: &Report, finding: &Finding, index: &BTreeMap<&str, usize>) -> Value {
    let package = escape::line(package_name(report), MAX_LINE);
    let mut message = format!("{}: {}", package, text(&finding.title));
    if !finding.why.is_empty() {
        message += &format!(". {}", text(&finding.why));
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": {"text": message},
        "locations": [{
            "logicalLocations": [{"fullyQualifiedName": package, "kind": "package"}],
        }],
        "partialFingerprints": {"packguardFinding/v1": finding.fingerprint},
        "properties": {
            "severity": severity_word(finding.severity),
            "confidence": finding.confidence,
            "phase": finding.phase,
            "category": finding.category,
            "analyzer": finding.analyzer,
            "package": package,
        },
    });
    if let Some(fingerprint) = &finding.content_fingerprint {
        result["partialFingerprints"]["packguardContent/v1"] = json!(fingerprint);
    }
    if let Some(content) = &finding.content {
        result["properties"]["content"] = json!(content);
    }
    if let Some(suppressed) = &finding.suppressed {
        let justification = format!(
            "{} ({}, until {})",
            text(&suppressed.reason),
            text(&suppressed.owner),
            text(&suppressed.expires)
        );
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": justification,
        }]);
    }
    if let Some(at) = index.get(finding.rule.as_str()) {
        result["ruleIndex"] = json!(at);
    }
    if let Some(location) = &finding.location {
        result["locations"][0]["physicalLocation"] = physical(location);
    }
    if !finding.decoded.is_empty() {
        let layers = finding.decoded.iter().map(|layer| {
            json!({"encoding": escape::line(&layer.encoding, 40), "text": block(&layer.text)})
        });
        result["properties"]["decoded"] = layers.collect();
    }
    result
}

fn physical(location: &Location) -> Value {
    let mut physical = json!({
        "artifactLocation": {"uri": uri(&[&location.artifact, &location.path])},
    });
    // A region needs a line, and lines count from 1.
    if let Some(line) = location.line.filter(|line| *line > 0) {
        let mut region = json!({"startLine": line});
        if let Some(column) = location.column.filter(|column| *column > 0) {
            region["startColumn"] = json!(column);
        }
        if let Some(end) = location.end_line.filter(|end| *end >= line) {
            region["endLine"] = json!(end);
        }
        if let Some(snippet) = &location.snippet {
            region["snippet"] = json!({"text": block(snippet)});
        }
        physical["region"] = region;
    }
    physical
}

/// A relative reference: the artifact's name, then the path inside it. Segments that
/// would climb or vanish are encoded.
fn uri(parts: &[&str]) -> String {
    let segments = parts
        .iter()
        .flat_map(|part| part.split('/'))
        .filter(|part| !part.is_empty());
    let encoded: Vec<String> = segments
        .map(|segment| match segment {
            "." => "%2E".into(),
            ".." => "%2E%2E".into(),
            _ => utf8_percent_encode(segment, SEGMENT).to_string(),
        })
        .collect();
    encoded.join("/")
}

fn notifications(output: &ScanOutput, over: usize) -> Vec<Value> {
    let mut list = Vec::new();
    for failure in &output.failures {
        let hint = failure
            .hint
            .as_deref()
            .map(|hint| format!(" ({})", text(hint)));
        let message = format!(
            "{}: {}{}",
            text(&failure.input),
            text(&failure.message),
            hint.unwrap_or_default()
        );
        list.push(json!({
            "level": "error",
            "message": {"text": message},
            "descriptor": {"id": "failed"},
        }));
    }
    for report in &output.reports {
        list.extend(
            report
                .incomplete
                .iter()
                .map(|item| incomplete(report, item)),
        );
    }
    for report in &output.reports {
        let package = escape::line(package_name(report), MAX_LINE);
        list.extend(report.notes.iter().map(|note| {
            let message = format!("{package}: {}", text(note));
            json!({"level": "note", "message": {"text": message}, "descriptor": {"id": "note"}})
        }));
    }
    for entry in &output.skipped {
        let line = entry
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        let (input, what, why) = (text(&entry.input), text(&entry.text), text(&entry.reason));
        list.push(notification(
            "skipped",
            &format!("{input}{line}: {what}: {why}"),
        ));
    }
    if over > 0 {
        let message = format!("{over} results past the first {MAX_RESULTS} are left out");
        list.push(notification("cut", &message));
    }
    if list.len() > MAX_NOTIFICATIONS {
        let more = list.len() - MAX_NOTIFICATIONS;
        list.truncate(MAX_NOTIFICATIONS);
        list.push(notification(
            "cut",
            &format!("{more} more notifications are left out"),
        ));
    }
    list
}

fn notification(id: &str, message: &str) -> Value {
    json!({"level": "warning", "message": {"text": message}, "descriptor": {"id": id}})
}

fn incomplete(report: &Report, item: &Incomplete) -> Value {
    let package = escape::line(package_name(report), MAX_LINE);
    let message = format!("{package}: {}: {}", text(&item.step), text(&item.reason));
    let mut value = notification("incomplete", &message);
    let place = [item.artifact.as_deref(), item.path.as_deref()];
    let place: Vec<&str> = place.into_iter().flatten().collect();
    if !place.is_empty() {
        value["locations"] =
            json!([{"physicalLocation": {"artifactLocation": {"uri": uri(&place)}}}]);
    }
    value
}
