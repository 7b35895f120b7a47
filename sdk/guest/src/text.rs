//! Text files: decoding, line positions, snippets.

use std::borrow::Cow;

/// Longest snippet kept as evidence, in bytes.
const SNIPPET_LIMIT: usize = 240;

/// Decodes a text file: UTF-8 with or without byte order mark, UTF-16 and UTF-32 with one;
/// anything else byte by byte as Latin-1, so that hostile bytes hide nothing.
///
/// ```
/// use packguard_sdk::text::decode;
/// assert_eq!(decode(b"\xEF\xBB\xBFimport os"), "import os");
/// assert_eq!(decode(b"\xFF\xFEo\0s\0"), "os");
/// assert_eq!(decode(b"exec \xE9"), "exec \u{e9}");
/// ```
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => decode(rest),
        [0xFF, 0xFE, 0, 0, rest @ ..] => Cow::Owned(utf32(rest, u32::from_le_bytes)),
        [0, 0, 0xFE, 0xFF, rest @ ..] => Cow::Owned(utf32(rest, u32::from_be_bytes)),
        [0xFF, 0xFE, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
        },
    }
}

/// As [`decode`], without a copy of what is plain UTF-8.
pub fn decode_owned(bytes: Vec<u8>) -> String {
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return decode(&bytes).into_owned();
    }
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => decode(error.as_bytes()).into_owned(),
    }
}

/// Decodes UTF-16 without a mark, little-endian as Windows has it: what
/// `powershell -EncodedCommand` takes.
pub fn decode_utf16le(bytes: &[u8]) -> String {
    utf16(bytes, u16::from_le_bytes)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
    char::decode_utf16(units)
        .map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> String {
    let units = bytes.as_chunks::<4>().0.iter().map(|four| unit(*four));
    units
        .map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Whether bytes look like text: no NUL and few control characters in the first 8 KiB.
pub fn is_probably_text(bytes: &[u8]) -> bool {
    let marks: [&[u8]; 3] = [&[0xFF, 0xFE], &[0xFE, 0xFF], &[0, 0, 0xFE, 0xFF]];
    if marks.iter().any(|mark| bytes.starts_with(mark)) {
        return true;
    }
    let head = &bytes[..bytes.len().min(8_192)];
    let control = head
        .iter()
        .filter(|byte| matches!(byte, 0x01..=0x08 | 0x0E..=0x1A | 0x1C..=0x1F | 0x7F))
        .count();
    !head.contains(&0) && control * 50 <= head.len()
}

/// At most `limit` bytes of `text`, cut at a character boundary.
///
/// ```
/// assert_eq!(packguard_sdk::text::cut("a\u{e9}b", 2), "a");
/// ```
pub fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// Shannon entropy of bytes, in bits per byte (0 to 8). Code has 4 to 5, compressed or
/// encrypted data nearly 8.
///
/// ```
/// use packguard_sdk::text::entropy;
/// assert_eq!(entropy(b"abababab"), 1.0);
/// ```
pub fn entropy(bytes: &[u8]) -> f64 {
    if bytes.is_empty() {
        return 0.0;
    }
    let mut counts = [0_u64; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = *count as f64 / total;
            -share * share.log2()
        })
        .sum()
}

/// A text with its line starts, to turn byte offsets into places.
///
/// ```
/// use packguard_sdk::text::Source;
/// let source = Source::new("import os\nos.system(x)\n");
/// assert_eq!(source.position(13), (2, 4));
/// assert_eq!(source.snippet(13..19), "os.system(x)");
/// ```
#[derive(Debug)]
pub struct Source<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Source<'a> {
    /// Indexes the lines of `text`.
    pub fn new(text: &'a str) -> Self {
        let line_starts = std::iter::once(0)
            .chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1))
            .collect();
        Self { text, line_starts }
    }

    /// The text itself.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Line and column (both from 1, columns in characters) of a byte offset.
    pub fn position(&self, offset: usize) -> (u32, u32) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self
            .line_starts
            .partition_point(|start| *start <= offset)
            .max(1);
        let start = self.line_starts[line - 1];
        // Counting columns along a 100 MB line for each finding would be quadratic.
        let column = if offset - start > 1_000_000 {
            offset - start
        } else {
            self.text[start..offset].chars().count()
        };
        (to_u32(line), to_u32(column + 1))
    }

    /// The text of a byte range with the rest of its first line, trimmed and cut.
    pub fn snippet(&self, range: std::ops::Range<usize>) -> String {
        let start = self.text.floor_char_boundary(range.start);
        let line = self
            .line_starts
            .partition_point(|line| *line <= start)
            .max(1);
        let line_start = self.line_starts[line - 1];
        let end_of_line = memchr::memchr(b'\n', &self.text.as_bytes()[start..])
            .map_or(self.text.len(), |length| start + length);
        let end = self.text.floor_char_boundary(range.end).max(end_of_line);
        let from = if start - line_start <= SNIPPET_LIMIT / 2 {
            line_start
        } else {
            start
        };
        let whole = &self.text[from..end];
        let kept = cut(whole.trim_end(), SNIPPET_LIMIT);
        let marker = if kept.len() < whole.trim_end().len() {
            " …"
        } else {
            ""
        };
        format!("{}{marker}", kept.trim())
    }
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new("añb\nsecond");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(3), (1, 3));
        assert_eq!(source.position(5), (2, 1));
        assert_eq!(source.snippet(5..6), "second");
    }

    #[test]
    fn snippet_of_a_long_line_stays_short() {
        let text = format!("{}eval(x){}", "a".repeat(10_000), "b".repeat(10_000));
        let snippet = Source::new(&text).snippet(10_000..10_007);
        assert!(snippet.starts_with("eval(x)"));
        assert!(snippet.len() < 260);
    }

    #[test]
    fn decoding_hides_nothing() {
        assert_eq!(decode(b"\xEF\xBB\xBFimport os"), "import os");
        assert_eq!(decode(b"\xFF\xFEo\0s\0"), "os");
        assert_eq!(decode(b"exec \xE9"), "exec é");
        assert_eq!(decode(b"\xFF\xFE\0\0o\0\0\0s\0\0\0"), "os");
        assert_eq!(decode(b"\0\0\xFE\xFF\0\0\0o\0\x11\0\0"), "o\u{fffd}");
        assert_eq!(decode_utf16le(b"o\0s\0!"), "os");
        for bytes in [&b"\xEF\xBB\xBFimport os"[..], b"plain", b"exec \xE9"] {
            assert_eq!(decode_owned(bytes.to_vec()), decode(bytes));
        }
    }

    #[test]
    fn entropy_bounds() {
        assert!(entropy(b"aaaa") < 0.01);
        let all: Vec<u8> = (0..=255).collect();
        assert!((entropy(&all) - 8.0).abs() < 1e-9);
    }
}
