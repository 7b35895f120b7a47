//! What can be seen without a syntax tree: hidden columns, invisible characters, mangled
//! names; and, for files that can't be parsed, the words that payloads are made of.

use std::collections::BTreeSet;

use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};
use ruff_python_ast::token::{Token, TokenKind};
use ruff_text_size::Ranged as _;

use super::by_phase;
use super::obfuscation::OBFUSCATED;
use crate::interp::bytes_of;
use crate::styled;

/// Code far to the right.
pub const HIDDEN_CODE: Rule = Rule::new(
    "python-hidden-code",
    "Code is hidden behind white space",
    "Found when code follows more than 150 blanks on the same line, where no editor shows \
     it.\n\nThere is no honest reason. Scroll to the right and read it.",
    Category::DefenseEvasion,
    Severity::High,
    &["T1027", "T1036"],
);

/// Invisible and look-alike characters.
pub const INVISIBLE_TEXT: Rule = Rule::new(
    "python-invisible-text",
    "Invisible or look-alike characters change how the code reads",
    "Found when comments hold controls that reverse the direction of text, or when identifiers mix \
     alphabets or use letters that only look like Latin ones.\n\nWhat a reviewer sees is not what \
     runs. Look at the file with such characters made visible.",
    Category::DefenseEvasion,
    Severity::Medium,
    &["T1027", "T1036"],
);

/// The words of a payload in a file that can't be parsed.
pub const UNPARSED_PAYLOAD: Rule = Rule::new(
    "python-unparsed-payload",
    "A file that can't be parsed runs encoded text",
    "Found when a file that is no valid Python of today holds `exec` or `eval` beside a decoder. \
     It may run under another version of Python, or be read by another program.\n\nLook at the file.",
    Category::DefenseEvasion,
    Severity::Medium,
    &["T1027"],
);

/// A source file in an encoding that turns it into another text.
pub const ENCODED_SOURCE: Rule = Rule::new(
    "python-encoded-source",
    "The file's declared encoding changes what it says",
    "Found when the first lines declare an encoding that is no character set of a language: UTF-7, \
     rot13, `unicode_escape`, … Python decodes the file with it, so what runs is not what stands \
     there.\n\nHonest files are written in UTF-8 or a national character set.\n\nDo not install.",
    Category::DefenseEvasion,
    Severity::High,
    &["T1027", "T1140"],
);

/// Encodings that turn a text into another one.
const TELLING_ENCODINGS: [&str; 12] = [
    "utf7",
    "u7",
    "unicode11utf7",
    "rot13",
    "unicodeescape",
    "rawunicodeescape",
    "punycode",
    "idna",
    "base64",
    "hex",
    "quopri",
    "uu",
];

/// The encoding that the first two lines declare, where it changes what the file says.
pub fn check_encoding(source: &str, phase: Phase) -> Option<Hit> {
    let mut start = 0;
    for line in source.split_inclusive('\n').take(2) {
        let comment = line.trim_start().starts_with('#');
        if let Some((_, rest)) = line.split_once("coding").filter(|_| comment)
            && let Some(name) = rest.strip_prefix([':', '='])
        {
            let name: String = name
                .trim_start()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
                .filter(char::is_ascii_alphanumeric)
                .collect();
            let telling = TELLING_ENCODINGS.contains(&name.to_ascii_lowercase().as_str());
            return telling.then(|| {
                Hit::new(&ENCODED_SOURCE, start..start + line.len(), phase)
                    .severity(by_phase(phase, Severity::High, Severity::Medium))
                    .why("Python runs what this encoding makes of the file, not what is seen.")
            });
        }
        start += line.len();
    }
    None
}

/// Blanks in a row, between code and code, that hide what follows. Editors show 80 to
/// 150 columns.
const HIDING_BLANKS: usize = 150;

/// Distinct mangled names in one file that show an obfuscator at work.
const MANGLED_NAMES: usize = 12;

/// Distinct names of several alphabets each in one file that are no accident.
const PATCHED_NAMES: usize = 3;

/// Shortest name of letters that look like one another.
const MANGLED_LENGTH: usize = 10;

/// Looks at a file's tokens.
pub fn check(source: &str, tokens: &[Token], phase: Phase) -> Vec<Hit> {
    let mut hits = Vec::new();
    if !may_hide(source.as_bytes()) && !has_odd_characters(source, tokens) {
        return hits;
    }
    let mut mangled = BTreeSet::new();
    let mut mangled_at = None;
    let mut patched = BTreeSet::new();
    let mut patched_at = None;
    let mut before = 0;
    for token in tokens {
        let range = bytes_of(token.range());
        let text = source.get(range.clone()).unwrap_or_default();
        let kind = token.kind();
        let is_code = !matches!(
            kind,
            TokenKind::Comment
                | TokenKind::Newline
                | TokenKind::NonLogicalNewline
                | TokenKind::Indent
                | TokenKind::Dedent
                | TokenKind::EndOfFile
        );
        if is_code && range.start.saturating_sub(before) > HIDING_BLANKS {
            hits.extend(hidden(source, before, &range, phase));
        }
        if kind == TokenKind::Comment && text.contains(is_direction_control) {
            hits.push(
                Hit::new(&INVISIBLE_TEXT, range.clone(), phase)
                    .title("A comment holds characters that reverse the direction of text")
                    .why("What stands after them is shown in another order than it runs."),
            );
        }
        if kind == TokenKind::Name {
            if !text.is_ascii() {
                hits.extend(look_alike(text, &range, phase));
                if styled::is_patchwork(text) && patched.insert(text) && patched_at.is_none() {
                    patched_at = Some(range.clone());
                }
            }
            if is_mangled(text) && mangled.insert(text) && mangled_at.is_none() {
                mangled_at = Some(range.clone());
            }
        }
        before = range.end.max(before);
        if hits.len() > 200 {
            break;
        }
    }
    if let Some(range) = patched_at
        && patched.len() >= PATCHED_NAMES
    {
        hits.retain(|hit| hit.range.start != range.start);
        hits.push(
            Hit::new(&INVISIBLE_TEXT, range, phase)
                .title(format!(
                    "{} names are put together from letters of several alphabets",
                    patched.len()
                ))
                .severity(Severity::High)
                .why("Python reads plain names, which no search for them finds."),
        );
    }
    if let Some(range) = mangled_at
        && mangled.len() >= MANGLED_NAMES
    {
        hits.push(
            Hit::new(&OBFUSCATED, range, phase)
                .title(format!(
                    "{} names are mangled as obfuscators do",
                    mangled.len()
                ))
                .confidence(Confidence::Medium)
                .why("Names that say nothing keep people from reading the code."),
        );
    }
    hits
}

/// Whether there are characters beyond ASCII in names, or such in comments as reorder
/// text.
fn has_odd_characters(source: &str, tokens: &[Token]) -> bool {
    let beyond = |from: usize| {
        let rest = source.as_bytes().get(from..)?;
        rest.iter().position(|byte| !byte.is_ascii())
    };
    let mut at = 0;
    while let Some(ahead) = beyond(at) {
        at += ahead;
        let index = tokens.partition_point(|token| bytes_of(token.range()).end <= at);
        let Some(token) = tokens.get(index) else {
            return false;
        };
        let range = bytes_of(token.range());
        let text = source.get(range.clone()).unwrap_or_default();
        match token.kind() {
            TokenKind::Name => return true,
            TokenKind::Comment if text.contains(is_direction_control) => return true,
            _ => at = range.end.max(at + 1),
        }
    }
    false
}

/// Whether the bytes of a text tell of hidden columns or mangled names. Few do.
fn may_hide(text: &[u8]) -> bool {
    let holds = |sign: &[u8]| memchr::memmem::find(text, sign).is_some();
    has_run(text, HIDING_BLANKS + 1, |byte| matches!(byte, b' ' | b'\t'))
        || has_run(text, MANGLED_LENGTH, |byte| {
            matches!(byte, b'O' | b'0' | b'o')
        })
        || has_run(text, MANGLED_LENGTH, |byte| {
            matches!(byte, b'I' | b'l' | b'1' | b'i')
        })
        || holds(b"_0x")
        || holds(b"x0x")
}

/// Whether `length` bytes of a kind stand in a row. Looks at one byte in `length`, and
/// around those that are of the kind.
fn has_run(text: &[u8], length: usize, is: impl Fn(u8) -> bool) -> bool {
    let mut at = length - 1;
    while let Some(byte) = text.get(at) {
        if is(*byte) {
            let around = &text[at + 1 - length..];
            let before = around[..length].iter().rev().take_while(|byte| is(**byte));
            let after = around[length..]
                .iter()
                .take(length)
                .take_while(|byte| is(**byte));
            if before.count() + after.count() >= length {
                return true;
            }
        }
        at += length;
    }
    false
}

/// Blanks of one line before code.
fn hidden(
    source: &str,
    before: usize,
    range: &std::ops::Range<usize>,
    phase: Phase,
) -> Option<Hit> {
    let gap = source.get(before..range.start)?;
    let blanks = gap.len() - gap.trim_start_matches([' ', '\t']).len();
    // After code on the same line: an indented continuation line is no hiding place.
    (blanks == gap.len()
        && blanks > HIDING_BLANKS
        && before > 0
        && source.as_bytes().get(before - 1) != Some(&b'\n'))
    .then(|| {
        Hit::new(&HIDDEN_CODE, range.clone(), phase)
            .title(format!("Code stands behind {blanks} blanks"))
            .severity(by_phase(phase, Severity::High, Severity::Medium))
            .why("It is out of sight in every editor and review page.")
    })
}

/// Controls that reorder text (the "Trojan Source" ones).
fn is_direction_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Letters of styles that Python folds to ASCII (mathematical, full-width), and names
/// that mix Latin with look-alike alphabets.
fn look_alike(name: &str, range: &std::ops::Range<usize>, phase: Phase) -> Option<Hit> {
    let styled = name
        .chars()
        .any(|c| matches!(c, '\u{1D400}'..='\u{1D7CB}' | '\u{FF21}'..='\u{FF5A}'));
    let latin = name.chars().any(|c| c.is_ascii_alphabetic());
    let other = name
        .chars()
        .any(|c| matches!(c, '\u{0400}'..='\u{052F}' | '\u{13A0}'..='\u{13FF}'));
    let many_letters = name.chars().count() >= 3;
    (many_letters && (styled || (latin && other))).then(|| {
        Hit::new(&INVISIBLE_TEXT, range.clone(), phase)
            .title(format!(
                "The name `{name}` uses letters that look like others"
            ))
            .confidence(Confidence::Medium)
            .why("It reads like another name than it is.")
    })
}

/// `_0x3fa9c1`, `OO00O0O0O00`, `IlIIllIlIl`.
fn is_mangled(name: &str) -> bool {
    let bare = name.trim_start_matches('_');
    if let Some(digits) = bare.strip_prefix("0x").or(bare.strip_prefix("x0x")) {
        return digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    }
    let of = |set: &[u8]| bare.bytes().all(|b| set.contains(&b));
    bare.len() >= MANGLED_LENGTH
        && (of(b"O0o") || of(b"Il1i"))
        && bare.bytes().any(|b| b != bare.as_bytes()[0])
}

/// Looks at a file that could not be parsed, or not wholly.
pub fn check_unparsed(source: &str, phase: Phase) -> Vec<Hit> {
    let find = |words: &[&str]| {
        words
            .iter()
            .filter_map(|word| {
                memchr::memmem::find(source.as_bytes(), word.as_bytes())
                    .map(|at| at..at + word.len())
            })
            .min_by_key(|range| range.start)
    };
    let run = find(&[
        "exec(",
        "eval(",
        "exec (",
        "eval (",
        "exec ",
        "os.system(",
        "subprocess.",
    ]);
    let decoder = find(&[
        "b64decode",
        "a2b_base64",
        "marshal.loads",
        "zlib.decompress",
        "fromhex(",
        "decode('base64",
        "decode(\"base64",
        "unhexlify(",
    ]);
    let mut hits = Vec::new();
    if let (Some(run), Some(_)) = (run, decoder) {
        hits.push(
            Hit::new(&UNPARSED_PAYLOAD, run, phase)
                .severity(by_phase(phase, Severity::Medium, Severity::Low))
                .confidence(Confidence::Low)
                .why("The file can't be parsed as Python, yet holds what payloads are made of."),
        );
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_seen_wherever_they_stand() {
        let is = |byte| byte == b'x';
        for start in 0..25 {
            for length in 0..25 {
                let text = format!("{}{}{}", ".".repeat(start), "x".repeat(length), "..x..");
                assert_eq!(has_run(text.as_bytes(), 10, is), length >= 10, "{text}");
            }
        }
    }
}
