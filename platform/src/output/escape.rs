//! Hostile text made visible: control characters, ANSI escapes, bidirectional overrides,
//! invisible and unassigned characters become `\u{…}`, and long text is cut.

use std::fmt::Write;

/// One line of at most `max` characters (before escaping). Line breaks become `\n`.
pub(super) fn line(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max.saturating_mul(2)));
    let mut chars = text.chars();
    for c in chars.by_ref().take(max) {
        push(&mut out, c);
    }
    // Counting stops soon: the rest of a hostile text may be megabytes.
    match chars.take(1_000_000).count() {
        0 => {}
        rest => {
            let _ = write!(out, "… (+{rest})");
        }
    }
    out
}

/// The first `max_lines` lines of at most `max` characters each, and how many lines more
/// there are.
pub(super) fn lines(text: &str, max_lines: usize, max: usize) -> (Vec<String>, usize) {
    let mut all = text.trim_end_matches(['\n', '\r']).split('\n');
    let shown = all
        .by_ref()
        .take(max_lines)
        .map(|text| line(text.strip_suffix('\r').unwrap_or(text), max))
        .collect();
    (shown, all.count())
}

fn push(out: &mut String, c: char) {
    match c {
        '\t' => out.push_str("    "),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\'' | '"' | '\\' => out.push(c),
        _ if is_blank_letter(c) => out.extend(c.escape_unicode()),
        // The standard library's notion of printable: no control, format, private-use,
        // unassigned or separator character but the space, no combining mark.
        _ => out.extend(c.escape_debug()),
    }
}

/// Characters that count as letters or symbols and show as nothing.
fn is_blank_letter(c: char) -> bool {
    matches!(
        c,
        '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        for (hostile, shown) in [
            ("plain é 漢 'x' \"y\" \\z", "plain é 漢 'x' \"y\" \\z"),
            ("a\u{1b}[31mred\u{7}", "a\\u{1b}[31mred\\u{7}"),
            (
                "a\u{202e}b\u{2066}c\u{200b}d\u{feff}",
                "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{feff}",
            ),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("hangul\u{3164}filler", "hangul\\u{3164}filler"),
            ("\u{9b}2J\u{85}\u{a0}", "\\u{9b}2J\\u{85}\\u{a0}"),
            ("one\r\ntwo\tthree\0", "one\\r\\ntwo    three\\0"),
        ] {
            assert_eq!(line(hostile, 100), shown);
        }
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(line("abcdef", 4), "abcd… (+2)");
        assert_eq!(line("abcd", 4), "abcd");
        assert_eq!(
            lines("a\r\nb\nc\nd\n", 2, 9),
            (vec!["a".into(), "b".into()], 2)
        );
        assert_eq!(lines("", 2, 9), (vec![String::new()], 0));
    }

    proptest! {
        #[test]
        fn nothing_invisible_survives(text in any::<String>(), max in 0_usize..50) {
            let shown = line(&text, max);
            let bad = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
            prop_assert!(!shown.contains(bad), "{shown:?}");
            prop_assert!(shown.chars().count() <= max * 10 + 20);
        }
    }
}
