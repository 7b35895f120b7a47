//! What can be seen without parsing: invisible characters, code pushed out of sight,
//! JSFuck. Runs on every file, also on those that can't be parsed.

use oxc_span::Span;
use packguard_sdk::indicators::{self, Kind as Indicator};
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::context::hit;

/// Code of six characters.
pub const JSFUCK: Rule = Rule {
    id: "js-jsfuck",
    title: "Code of nothing but brackets and signs",
    help: "A long run of `[`, `]`, `(`, `)`, `!` and `+` is code in an encoding (JSFuck) that no honest package \
uses.\n\nDo not install the package.",
    category: Category::DefenseEvasion,
    severity: Severity::High,
    attack: &["T1027"],
};

/// Code behind a wall of blanks.
pub const WHITESPACE: Rule = Rule {
    id: "js-hidden-by-whitespace",
    title: "Hides code behind blanks",
    help: "After the end of what an editor shows of a line, more than 200 blanks on, there is code.\n\nNobody \
writes code there, except to hide it from reviewers.\n\nRead the line to its end.",
    category: Category::DefenseEvasion,
    severity: Severity::High,
    attack: &["T1027"],
};

/// Runs of characters nobody sees.
pub const INVISIBLE: Rule = Rule {
    id: "js-invisible-text",
    title: "Carries text that nobody sees",
    help: "A run of invisible characters (variation selectors, tags, zero-width letters) can carry a payload \
that no editor shows.\n\nDo not install the package.",
    category: Category::DefenseEvasion,
    severity: Severity::High,
    attack: &["T1027", "T1564"],
};

/// Characters that reorder what is shown.
pub const BIDI: Rule = Rule {
    id: "js-bidirectional-control",
    title: "Reorders what an editor shows",
    help: "A control character for right-to-left text changes the order in which a line is shown, so that code \
looks like a comment or the other way round (\"Trojan Source\").\n\nTranslations use such characters inside \
texts.",
    category: Category::DefenseEvasion,
    severity: Severity::Low,
    attack: &["T1036"],
};

/// Shortest run of the six characters that is no accident.
const JSFUCK_RUN: usize = 400;

/// An obfuscator's names on one line that show its work.
const OBFUSCATED: usize = 6;

/// Blanks that push code out of sight.
const BLANKS: usize = 200;

/// Tabs that do.
const TABS: usize = 60;

/// Shortest run of invisible characters that can carry something.
const INVISIBLE_RUN: usize = 16;

/// Looks at the text of a file.
pub fn check(text: &str, phase: Phase, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    if let Some(at) = jsfuck(bytes) {
        hits.push(
            hit(&JSFUCK, span(at, JSFUCK_RUN), phase)
                .why("No honest code is written with six characters."),
        );
    }
    whitespace(text, phase, hits);
    // Everything below needs a lead byte that plain text lacks.
    if memchr::memchr3(0xE2, 0xEF, 0xF3, bytes).is_some() {
        invisible(text, phase, hits);
        bidi(text, phase, hits);
    }
}

/// Whether hardly anything in a text is a letter or digit: code in an encoding that
/// makes all it needs of signs.
pub fn is_signs(text: &str) -> bool {
    const SHORTEST: usize = 400;
    if text.len() < SHORTEST {
        return false;
    }
    let head = &text.as_bytes()[..text.len().min(4_096)];
    let words = head
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .count();
    words * 8 < head.len()
}

fn span(at: usize, length: usize) -> Span {
    let start = u32::try_from(at).unwrap_or(u32::MAX);
    let length = u32::try_from(length).unwrap_or(0);
    Span::new(start, start.saturating_add(length))
}

/// Where the first run of at least `length` bytes of a kind is. Such a run covers a
/// multiple of `length`: the bytes between are not looked at.
fn run(bytes: &[u8], length: usize, is_one: impl Fn(u8) -> bool) -> Option<usize> {
    let mut probe = length - 1;
    while let Some(byte) = bytes.get(probe) {
        if !is_one(*byte) {
            probe += length;
            continue;
        }
        let before = bytes[..probe].iter().rev().take(length - 1);
        let start = probe - before.take_while(|byte| is_one(**byte)).count();
        let after = bytes[probe..].iter().take(length);
        let end = probe + after.take_while(|byte| is_one(**byte)).count();
        if end - start >= length {
            return Some(start);
        }
        probe = end + length;
    }
    None
}

fn is_jsfuck(byte: u8) -> bool {
    matches!(byte, b'[' | b']' | b'(' | b')' | b'!' | b'+')
}

fn jsfuck(bytes: &[u8]) -> Option<usize> {
    let mut from = run(bytes, JSFUCK_RUN, is_jsfuck)?;
    // Any run of the length contains a `[` among its first hundred characters.
    while let Some(step) = memchr::memmem::find(&bytes[from..], b"[]") {
        let at = from + step;
        let run = bytes[at..]
            .iter()
            .take(JSFUCK_RUN)
            .position(|byte| !is_jsfuck(*byte))
            .unwrap_or(JSFUCK_RUN.min(bytes.len() - at));
        if run >= JSFUCK_RUN && bytes[at..at + run].contains(&b'!') {
            return Some(at);
        }
        from = at + run.max(2);
    }
    None
}

fn whitespace(text: &str, phase: Phase, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for _ in 0..200 {
        let rest = &bytes[from..];
        let found = run(rest, BLANKS, |byte| byte == b' ')
            .or_else(|| run(rest, TABS, |byte| byte == b'\t'));
        let Some(step) = found else {
            return;
        };
        let start = from + step;
        let length = bytes[start..]
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t'))
            .unwrap_or(bytes.len() - start);
        let end = start + length;
        from = end.max(start + 1);
        let line_end = memchr::memchr(b'\n', &bytes[end..]).map_or(bytes.len(), |at| end + at);
        let line_start = memchr::memrchr(b'\n', &bytes[..start]).map_or(0, |at| at + 1);
        let hidden = &text[text.floor_char_boundary(end)..text.floor_char_boundary(line_end)];
        let before = &text[text.floor_char_boundary(line_start)..start];
        if is_code(hidden) && !in_text(before) {
            // What generates deeply indented code does not also mangle its names.
            let mangled = hidden.matches("_0x").take(OBFUSCATED).count() == OBFUSCATED;
            let severity = if before.trim().is_empty() && !mangled {
                Severity::Medium
            } else {
                Severity::High
            };
            hits.push(
                hit(&WHITESPACE, span(end, hidden.len().min(200)), phase)
                    .title(format!("Code stands {length} blanks to the right"))
                    .severity(severity)
                    .confidence(Confidence::Medium)
                    .why("Editors do not show it unless one scrolls there."),
            );
            return;
        }
    }
}

/// Whether a line's rest calls or assigns something.
fn is_code(rest: &str) -> bool {
    let head = packguard_sdk::text::cut(rest.trim(), 2_000);
    let mut letters = head.chars();
    let starts = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || "_$;(!~".contains(first));
    starts
        && head.len() > 12
        && head.contains('(')
        && head.contains(')')
        && [
            "eval", "require", "Function", "=>", "function", "global", "const ", "var ", "import",
        ]
        .iter()
        .any(|word| head.contains(word))
}

/// Whether the line's start opens a text or comment that goes on.
fn in_text(before: &str) -> bool {
    let quotes = |quote: char| before.matches(quote).count() % 2 == 1;
    before.contains("//")
        || before.trim_start().starts_with('*')
        || before.contains("/*")
        || quotes('"')
        || quotes('\'')
        || quotes('`')
}

fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{E0000}'..='\u{E01EF}' | '\u{FFA0}' | '\u{3164}')
}

fn invisible(text: &str, phase: Phase, hits: &mut Vec<Hit>) {
    // Each takes three bytes or more.
    if run(text.as_bytes(), 3 * INVISIBLE_RUN, |byte| byte >= 0x80).is_none() {
        return;
    }
    let mut run = 0;
    let mut start = 0;
    for (at, character) in text.char_indices() {
        if is_invisible(character) {
            if run == 0 {
                start = at;
            }
            run += 1;
            if run >= INVISIBLE_RUN {
                hits.push(
                    hit(&INVISIBLE, span(start, at - start), phase)
                        .why("A run of invisible characters this long carries data."),
                );
                return;
            }
        } else {
            run = 0;
        }
    }
}

fn bidi(text: &str, phase: Phase, hits: &mut Vec<Hit>) {
    let mut from = 0;
    while let Some(step) = memchr::memchr(0xE2, &text.as_bytes()[from..]) {
        let at = from + step;
        from = at + 1;
        let Some(character) = text[at..].chars().next() else {
            return;
        };
        if !matches!(character, '\u{202D}' | '\u{202E}' | '\u{2066}' | '\u{2067}') {
            continue;
        }
        let line_end =
            memchr::memchr(b'\n', &text.as_bytes()[at..]).map_or(text.len(), |end| at + end);
        let line = packguard_sdk::text::cut(&text[at..line_end], 500);
        let closed = line.contains('\u{202C}') || line.contains('\u{2069}');
        let severity = if closed {
            Severity::Low
        } else {
            Severity::Medium
        };
        hits.push(
            hit(&BIDI, span(at, character.len_utf8()), phase)
                .severity(severity)
                .confidence(Confidence::Low)
                .why(if closed {
                    "The reordering ends on its line, as in a translated text."
                } else {
                    "The reordering does not end on its line: what follows is shown in another order."
                }),
        );
        return;
    }
}

/// Texts are searched in pieces of this size, with an overlap, in bytes.
const PIECE: usize = 4 << 20;

/// Searches a text that could not be parsed for hosts and for words that run what was
/// decoded.
pub fn unparsed(text: &str, phase: Phase, hits: &mut Vec<Hit>) {
    let mut start = 0;
    while start < text.len() && hits.len() < 50 {
        let end = text.floor_char_boundary((start + PIECE).min(text.len()));
        for found in indicators::scan(&text[start..end]) {
            if !super::download::is_hostile(found.kind) {
                continue;
            }
            let severity = match (phase, found.kind) {
                (Phase::Install, _) => Severity::Medium,
                (_, Indicator::Shortener | Indicator::RareTld) => continue,
                _ => Severity::Low,
            };
            let rule = if found.kind == Indicator::Miner {
                &super::hosts::MINER
            } else {
                &super::hosts::INDICATOR_HOST
            };
            hits.push(
                hit(
                    rule,
                    span(start + found.range.start, found.range.len()),
                    phase,
                )
                .title(format!("Names {}", found.text))
                .severity(severity)
                .confidence(Confidence::Low)
                .why("The file could not be parsed; this was found in its text."),
            );
        }
        start = end;
    }
    // A decoder right inside an interpreter's brackets.
    for pattern in [
        "eval(atob(",
        "eval(Buffer.from(",
        "eval(unescape(",
        "eval(String.fromCharCode(",
        "Function(atob(",
        "eval(decodeURIComponent(",
    ] {
        if let Some(at) = memchr::memmem::find(text.as_bytes(), pattern.as_bytes()) {
            hits.push(
                hit(
                    &super::execution::DECODE_EVAL,
                    span(at, pattern.len()),
                    phase,
                )
                .confidence(Confidence::Medium)
                .why("The file could not be parsed; this was found in its text."),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<&'static str> {
        let mut hits = Vec::new();
        check(text, Phase::Execute, &mut hits);
        hits.into_iter().map(|hit| hit.rule.id).collect()
    }

    #[test]
    fn jsfuck_needs_a_long_run() {
        assert_eq!(rules(&"[][(![]+[])[+[]]+".repeat(40)), ["js-jsfuck"]);
        assert!(rules(&"[[],[],[]],".repeat(100)).is_empty());
        assert!(rules(&"[]".repeat(1_000)).is_empty());
    }

    #[test]
    fn code_far_to_the_right_is_found_and_tables_are_not() {
        let gap = " ".repeat(300);
        assert_eq!(
            rules(&format!("x = 1;{gap}eval(require('y').z)\n")),
            ["js-hidden-by-whitespace"]
        );
        assert!(rules(&format!("x = '{gap}require(a) function';\n")).is_empty());
        assert!(rules(&format!("// a {gap}eval(b) require\n")).is_empty());
        assert!(rules(&format!("x = 1;{gap}\n")).is_empty());
    }

    #[test]
    fn invisible_runs_carry_something_and_emoji_do_not() {
        let payload: String = (0..40)
            .map(|at| char::from_u32(0xE0100 + at).unwrap())
            .collect();
        assert_eq!(
            rules(&format!("var s = '{payload}'")),
            ["js-invisible-text"]
        );
        assert!(rules("var s = '👩\u{200D}👩\u{200D}👧 \u{FE0F}'").is_empty());
    }

    #[test]
    fn reordering_that_does_not_end_is_worse() {
        assert_eq!(
            rules("/* \u{202E} } if (x) { */"),
            ["js-bidirectional-control"]
        );
        assert!(rules("// → ok").is_empty());
    }
}
