//! From a match to a finding.

use std::ops::Range;

use boreal::Scanner;
use boreal::scanner::EvaluatedRule;
use packguard_sdk::decode::{self, Layer};
use packguard_sdk::text::{self, Source};
use packguard_sdk::{Confidence, File, Finding, Rule, Severity};

use crate::bundled::Bundled;
use crate::user::{Meta, USER};

/// Shortest run of base64 that is decoded as evidence.
const BASE64_MINIMUM: usize = 24;

/// Files that quote code for people to read: what stands there does not run by itself.
const PROSE: &[&str] = &[
    "adoc", "asciidoc", "csv", "htm", "html", "markdown", "md", "mdx", "po", "pot", "rst", "tex",
    "txt", "xhtml", "yar", "yara",
];
/// Code that analyzers read as a tree: they tell what is done with a text. That it stands
/// there says little: tests, lists of signatures and scanners quote what they look for.
const READ_AS_CODE: &[&str] = &[
    "cjs", "cs", "go", "java", "js", "jsx", "kt", "mjs", "php", "php5", "phtml", "pl", "pm", "py",
    "pyw", "rb", "rs", "ts", "tsx",
];
/// Data, which tests keep their cases in.
const DATA: &[&str] = &[
    "json", "jsonl", "ndjson", "snap", "toml", "xml", "yaml", "yml",
];
/// Files without such an extension that hold a package's description.
const PROSE_NAMES: &[&str] = &["METADATA", "PKG-INFO", "README", "CHANGES", "CHANGELOG"];

/// Where a rule matched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub file: File<'a>,
    /// What was scanned.
    pub bytes: &'a [u8],
    /// Whether that is the whole file, so that lines can be counted.
    pub whole: bool,
}

/// The finding of a bundled rule.
pub(crate) fn bundled(bundled: &Bundled, matched: &EvaluatedRule<'_>, place: Place<'_>) -> Finding {
    let telling = telling(matched);
    let range = telling.as_ref().map(|(range, _)| range.clone());
    let mut finding = at(&bundled.rule, bundled.confidence, range, place)
        .phase(bundled.phase)
        .why(bundled.why);
    if bundled.decode
        && let Some((_, data)) = telling
    {
        finding = finding.layers(&decoded(data));
    }
    if !bundled.anywhere && is_prose(place.file) {
        finding = finding
            .severity(Severity::Info)
            .confidence(Confidence::Low)
            .title(format!("{} (quoted in documentation)", bundled.rule.title));
    } else if !bundled.anywhere
        && is_aside(place.file)
        && DATA.contains(&place.file.extension().as_str())
    {
        finding = finding.severity(bundled.rule.severity.min(Severity::Low));
    } else if !bundled.anywhere && READ_AS_CODE.contains(&place.file.extension().as_str()) {
        // Not by itself, but beside what such an analyzer finds.
        let most = if is_aside(place.file) {
            Severity::Low
        } else {
            Severity::Medium
        };
        finding = finding
            .severity(bundled.rule.severity.min(most))
            .confidence(Confidence::Medium);
    }
    finding
}

/// The finding of an operator's rule.
pub(crate) fn user(scanner: &Scanner, matched: &EvaluatedRule<'_>, place: Place<'_>) -> Finding {
    let meta = Meta::read(scanner, matched);
    let title = match meta.title {
        Some(title) => format!("YARA rule {}: {title}", matched.name),
        None => format!("YARA rule {} matches", matched.name),
    };
    let range = telling(matched).map(|(range, _)| range);
    at(&USER, meta.confidence, range, place)
        .category(meta.category)
        .severity(meta.severity)
        .title(title)
        .why(meta.why.unwrap_or_default())
}

/// The first match of the first string, in the order of the rule, that matched.
fn telling<'m>(matched: &'m EvaluatedRule<'_>) -> Option<(Range<usize>, &'m [u8])> {
    let found = matched
        .matches
        .iter()
        .find_map(|string| string.matches.first())?;
    Some((found.offset..found.offset + found.length, &found.data))
}

fn at(
    rule: &Rule,
    confidence: Confidence,
    range: Option<Range<usize>>,
    place: Place<'_>,
) -> Finding {
    let Place { file, bytes, whole } = place;
    match range {
        Some(range) if whole && text::is_probably_text(bytes) => {
            let decoded = text::decode(bytes);
            let shifted = shift(bytes, &decoded, range.start)..shift(bytes, &decoded, range.end);
            rule.at(file, &Source::new(&decoded), shifted, confidence)
        }
        _ => rule.at_file(file, confidence),
    }
}

/// The offset in the decoded text of an offset in the bytes.
fn shift(bytes: &[u8], decoded: &str, offset: usize) -> usize {
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return offset.saturating_sub(3);
    }
    if bytes.len() == decoded.len() {
        return offset;
    }
    // Latin-1: what is not ASCII has become two bytes.
    let head = &bytes[..offset.min(bytes.len())];
    offset + head.iter().filter(|byte| !byte.is_ascii()).count()
}

fn is_prose(file: File<'_>) -> bool {
    PROSE.contains(&file.extension().as_str()) || PROSE_NAMES.contains(&file.name())
}

/// Whether a file stands among tests and examples.
fn is_aside(file: File<'_>) -> bool {
    const ASIDE: &[&str] = &[
        "test",
        "tests",
        "__tests__",
        "spec",
        "specs",
        "testing",
        "testdata",
        "fixtures",
        "fixture",
        "examples",
        "example",
        "docs",
        "samples",
        "signatures",
    ];
    let mut parts = file.path().rsplit('/');
    parts.next();
    parts.any(|folder| ASIDE.contains(&folder.to_ascii_lowercase().as_str()))
}

/// What the longest run of base64 in `data` says.
fn decoded(data: &[u8]) -> Vec<Layer> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    data.split(|byte| !is_base64(byte))
        .max_by_key(|run| run.len())
        .filter(|run| run.len() >= BASE64_MINIMUM)
        .and_then(|run| std::str::from_utf8(run).ok())
        .and_then(decode::base64)
        .and_then(|bytes| decode::payload("base64", &bytes))
        .unwrap_or_default()
}
