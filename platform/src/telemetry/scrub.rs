//! Takes secrets out of text on its way to the log.
//!
//! Nothing is meant to log a secret. This is for what slips through: an error of a library
//! that quotes the URL it was given, a header printed for debugging. It knows the shapes that
//! secrets have here: passwords in URLs, API keys, `Authorization`, signatures of presigned
//! URLs, `password=`. It runs over each finished line, so the line's writer need not know.

use std::borrow::Cow;
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

const REDACTED: &str = "[redacted]";
/// Shorter than any secret of ours (256 bits), longer than the words of a table's name.
const SHORTEST_SECRET: usize = 20;

/// An address with user and password is shorter; the bound keeps the search linear.
const LONGEST_AUTHORITY: usize = 2048;
/// Of an API key's visible prefix; likewise.
const LONGEST_PREFIX: usize = 32;

/// Names whose value is secret, as `name=value`, `name: value` or `"name":"value"`.
const NAMES: [&str; 10] = [
    "authorization",
    "password",
    "passwd",
    "secret_access_key",
    "secretaccesskey",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-api-key",
    "x-packguard-signature",
];

/// The text without its secrets.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    // Up to where `text` has been copied.
    let mut copied = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let Some(first) = rest.chars().next() else {
            break;
        };
        match secret(text, at) {
            Some((start, end)) => {
                clean.push_str(text.get(copied..start).unwrap_or_default());
                clean.push_str(REDACTED);
                copied = end;
                at = end;
            }
            None => at += first.len_utf8(),
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(clean)
}

/// The secret that something at `at` announces: where it starts and ends.
fn secret(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    let (start, length) = match rest.as_bytes().first()?.to_ascii_lowercase() {
        b':' => url_password(text.get(..at)?, rest),
        b'b' => scheme(rest),
        b'p' => api_key(rest).or_else(|| named(rest)),
        b'a' | b's' | b'x' => named(rest),
        _ => None,
    }?;
    // Nothing twice: `[redacted]` stays as it is.
    let found = rest.get(start..start + length)?;
    (length > 0 && found != REDACTED).then_some((at + start, at + start + length))
}

/// `://user:PASSWORD@host` and `://TOKEN@host`.
fn url_password(before: &str, rest: &str) -> Option<(usize, usize)> {
    let authority = head(rest.strip_prefix("://")?, LONGEST_AUTHORITY);
    if !authority.contains('@') {
        return None;
    }
    let web = before.ends_with("http") || before.ends_with("https");
    // A web address may hold an `@` in its path. That of a database hardly does, but its
    // password may hold a `/` that somebody forgot to encode.
    let end = length_until(authority, |c| web && matches!(c, '/' | '?' | '#'));
    let user = authority.get(..end)?.rfind('@')?;
    let start = authority
        .get(..user)?
        .find(':')
        .map_or(0, |colon| colon + 1);
    Some((3 + start, user - start))
}

/// `Bearer TOKEN`, `Basic TOKEN`.
fn scheme(rest: &str) -> Option<(usize, usize)> {
    // Longer than the words that may follow in prose ("Bearer authentication is needed").
    let (name, shortest) = match () {
        () if starts_with(rest, "bearer ") => ("bearer ", SHORTEST_SECRET),
        () if starts_with(rest, "basic ") => ("basic ", 8),
        () => return None,
    };
    let length = length_until(rest.get(name.len()..)?, |_| false);
    (length >= shortest).then_some((name.len(), length))
}

/// `pg_PREFIX_SECRET`: the prefix may be seen.
fn api_key(rest: &str) -> Option<(usize, usize)> {
    let after = rest.strip_prefix("pg_")?;
    let start = 3 + head(after, LONGEST_PREFIX).find('_')? + 1;
    let length = rest
        .get(start..)?
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
        .unwrap_or(rest.len() - start);
    (length >= SHORTEST_SECRET).then_some((start, length))
}

/// `NAME=value`, `NAME: value`, `"NAME":"value"`, also escaped once more.
fn named(rest: &str) -> Option<(usize, usize)> {
    let name = NAMES.into_iter().find(|name| starts_with(rest, name))?;
    let value = rest.get(name.len()..)?;
    let quoted = value.trim_start_matches(['"', '\\', '\'']);
    let value = quoted.strip_prefix([':', '='])?;
    let mut value = value.trim_start_matches([' ', '"', '\\', '\'']);
    for scheme in ["bearer ", "basic "] {
        if starts_with(value, scheme) {
            value = value.get(scheme.len()..)?;
        }
    }
    let length = length_until(value, |c| matches!(c, '&' | ',' | ';' | '\\'));
    // `Sensitive` is what a header marked as such prints.
    (value.get(..length) != Some("Sensitive")).then_some((rest.len() - value.len(), length))
}

/// The first `bytes` of the text, or a few fewer.
fn head(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

fn length_until(text: &str, stop: impl Fn(char) -> bool) -> usize {
    text.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>') || stop(c))
        .unwrap_or(text.len())
}

fn starts_with(text: &str, lower: &str) -> bool {
    text.get(..lower.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(lower))
}

/// A writer whose lines are [`scrub`]bed and stay lines: control characters, with which a
/// value could forge a line or drive a terminal, are written as escapes. The log writes a
/// line at a time.
#[derive(Debug, Clone)]
pub struct Scrubbing<W> {
    writer: W,
    /// Whether the log colours its lines, and so writes ESC itself.
    colour: bool,
}

impl<W> Scrubbing<W> {
    /// Writes to `writer`; `colour` lets ESC through.
    pub fn new(writer: W, colour: bool) -> Self {
        Self { writer, colour }
    }
}

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Scrubbing<W> {
    type Writer = ScrubbingWriter<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        ScrubbingWriter {
            writer: self.writer.make_writer(),
            colour: self.colour,
        }
    }
}

/// Writes one line of [`Scrubbing`].
#[derive(Debug)]
pub struct ScrubbingWriter<W> {
    writer: W,
    colour: bool,
}

impl<W: Write> Write for ScrubbingWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let (text, end) = match text.strip_suffix('\n') {
            Some(text) => (text, "\n"),
            None => (&*text, ""),
        };
        let mut clean = scrub(text);
        let control = |c: char| c.is_control() && !(self.colour && c == '\u{1b}');
        if clean.contains(control) {
            let mut escaped = String::with_capacity(clean.len() + 16);
            for c in clean.chars() {
                if control(c) {
                    escaped.extend(c.escape_default());
                } else {
                    escaped.push(c);
                }
            }
            clean = Cow::Owned(escaped);
        }
        let mut whole = clean.into_owned();
        whole.push_str(end);
        self.writer.write_all(whole.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
