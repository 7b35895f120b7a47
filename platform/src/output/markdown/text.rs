//! Hostile text in a comment.
//!
//! Text from packages must not become markup, a link, an image, a mention of a user or a
//! reference to an issue in the host's comment. Escaping is not enough: hosts look for
//! `@user` and `#1` in the text that remains. Code spans and code blocks are exempt, so
//! hostile text goes there and nowhere else: [`prose`] lets harmless words stand and puts
//! every other word into a span of its own.

use super::super::escape;
use super::MAX_LINE;

/// Lines of a code block.
const MAX_BLOCK_LINES: usize = 12;

/// The longest run of backticks.
fn backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A code block whose fence is longer than any run of backticks inside.
pub(in crate::output) fn fenced(text: &str) -> String {
    let (lines, rest) = escape::lines(text, MAX_BLOCK_LINES, MAX_LINE);
    let mut body = lines.join("\n");
    if rest > 0 {
        body += &format!("\n… {rest} more lines");
    }
    let fence = "`".repeat(backticks(&body).max(2) + 1);
    format!("{fence}text\n{body}\n{fence}\n\n")
}

/// One line of hostile text as a code span.
pub(in crate::output) fn span(text: &str, max: usize) -> String {
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
pub(in crate::output) fn cell(text: &str) -> String {
    text.replace('|', "\\u{7c}")
}

/// A sentence: plain words stand, all else is put into code spans.
pub(in crate::output) fn prose(text: &str, max: usize) -> String {
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
pub(in crate::output) fn html(text: &str) -> String {
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
