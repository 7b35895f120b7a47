//! Build code that is not a manifest (build.rs, extconf.rb): what its strings say.
//!
//! Not a parser: quoted strings are taken out one after the other and read as commands.
//! The language analyzers look at the code itself.

use std::borrow::Cow;
use std::ops::Range;

use packguard_sdk::Analysis;
use packguard_sdk::indicators::{scan, shell};

use crate::hook::{Hook, Place, grade, indicate};

/// Longest string looked at, in bytes; longer ones are data.
const STRING_LIMIT: usize = 64 << 10;

/// Strings between quotes of one line, without comments.
pub fn strings(text: &str, line_comment: &str, quotes: &[char]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) =
        text[at..].find(|c: char| quotes.contains(&c) || line_comment.starts_with(c))
    {
        let start = at + next;
        if text[start..].starts_with(line_comment) {
            at = text[start..]
                .find('\n')
                .map_or(text.len(), |end| start + end);
            continue;
        }
        let Some(quote) = text[start..].chars().next() else {
            break;
        };
        at = start + quote.len_utf8();
        if !quotes.contains(&quote) {
            continue;
        }
        if let Some(end) = closing(&text[at..], quote) {
            found.push(at..at + end);
            at += end + quote.len_utf8();
        }
    }
    found
}

/// Where a string ends; quotes after a backslash don't end it.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices().take(STRING_LIMIT) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// Grades every string of build code; strings that are arguments of one call are read
/// together too (`"sh", "-c", "…"`).
pub fn grade_strings(
    hook: &Hook<'_>,
    text: &str,
    line_comment: &str,
    quotes: &[char],
    analysis: &mut Analysis,
) {
    for range in strings(text, line_comment, quotes) {
        let quoted = &text[range.clone()];
        let value = if quoted.contains('\\') {
            Cow::Owned(quoted.replace("\\\"", "\"").replace("\\'", "'"))
        } else {
            Cow::Borrowed(quoted)
        };
        let value = value.as_ref();
        let at = Hook {
            place: Place::At(range),
            ..hook.clone()
        };
        // A lone word in code (`"id"`, `"env"`) is a name more often than a command.
        if value.contains(' ') && !shell(value).is_empty() {
            grade(&at, value, analysis);
        } else {
            indicate(&at, &scan(value), analysis);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_skip_comments_and_escapes() {
        let text = "// \"no\"\nlet a = \"x\\\"y\"; // it's \"no\"\nlet b = \"z\";";
        let found: Vec<&str> = strings(text, "//", &['"'])
            .into_iter()
            .map(|range| &text[range])
            .collect();
        assert_eq!(found, ["x\\\"y", "z"]);
    }

    proptest::proptest! {
        #[test]
        fn strings_never_panic(text in "[a-z\"'`#/\\\\é\n]{0,80}") {
            for range in strings(&text, "#", &['"', '\'', '`']) {
                assert!(text.get(range).is_some());
            }
        }
    }
}
