//! Encoded runs in texts, and what is encoded inside of them.

use std::ops::Range;
use std::rc::Rc;

use super::{base64, hex, inflate, percent};
use crate::text;

/// Shortest run of base64 that is looked at, in bytes: 18 bytes of content. Shorter ones
/// are identifiers.
const BASE64_MINIMUM: usize = 24;

/// Fewest bytes in a run of hexadecimal digits. A digest in a lock file is longer, but
/// what it decodes to is no text.
const HEX_MINIMUM: usize = 16;

/// Fewest escapes (`%41`, `\x41`) in a run.
const ESCAPES_MINIMUM: usize = 8;

/// From this length on a line of base64 may go on in the next (RFC 2045 breaks at 76).
const WRAPPED_LINE: usize = 60;

/// One layer taken off an encoded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// `base64`, `hex`, `url`, `deflate`, …
    pub encoding: &'static str,
    /// What came out, as text.
    pub text: Rc<str>,
}

/// How much [`layers_within`] decodes.
#[derive(Debug, Clone, Copy)]
pub struct LayerLimits {
    /// Encodings inside of encodings.
    pub depth: usize,
    /// Bytes of decoded text, all layers together.
    pub total: usize,
    /// Runs that are tried.
    pub runs: usize,
}

impl Default for LayerLimits {
    /// Eight layers, 16 MiB, 10,000 runs.
    fn default() -> Self {
        Self {
            depth: 8,
            total: 16 << 20,
            runs: 10_000,
        }
    }
}

/// A text that came out of an encoded run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwrapped {
    /// Where the outermost run stands in the text that was searched.
    pub range: Range<usize>,
    /// What was taken off, outermost first; the last one holds the innermost text.
    pub layers: Vec<Layer>,
}

impl Unwrapped {
    /// The innermost text.
    pub fn text(&self) -> &str {
        self.layers.last().map_or("", |layer| &layer.text)
    }
}

/// Looks for runs of base64, hexadecimal digits and percent-encoding, decodes them,
/// inflates what is compressed, and looks again in what came out, within
/// [`LayerLimits::default`]. What decodes to no text is passed over.
///
/// ```
/// use packguard_sdk::decode::layers;
///
/// // base64 of "print('hello world')", then base64 of that.
/// let found: Vec<_> = layers("x = 'Y0hKcGJuUW9KMmhsYkd4dklIZHZjbXhrSnlrPQ=='").collect();
/// assert_eq!(found.len(), 2);
/// assert_eq!(found[1].text(), "print('hello world')");
/// assert_eq!((found[1].layers.len(), found[1].range.start), (2, 5));
/// ```
pub fn layers(text: &str) -> Layers {
    layers_within(text, LayerLimits::default())
}

/// As [`layers`], within other limits.
pub fn layers_within(text: &str, limits: LayerLimits) -> Layers {
    Layers {
        limits,
        stack: vec![Level {
            text: text.into(),
            at: 0,
            layers: Vec::new(),
            range: None,
        }],
        cut: false,
    }
}

/// The iterator that [`layers`] gives: depth first, in order of position.
#[derive(Debug)]
pub struct Layers {
    limits: LayerLimits,
    stack: Vec<Level>,
    cut: bool,
}

/// A text that is being searched.
#[derive(Debug)]
struct Level {
    text: Rc<str>,
    at: usize,
    layers: Vec<Layer>,
    /// Where its outermost run stands; none for the outermost text.
    range: Option<Range<usize>>,
}

impl Layers {
    /// Whether a limit was reached, so that something may not have been decoded: a reason
    /// to report a problem.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    fn end(&mut self) {
        self.cut = true;
        self.stack.clear();
    }
}

impl Iterator for Layers {
    type Item = Unwrapped;

    fn next(&mut self) -> Option<Unwrapped> {
        loop {
            let level = self.stack.last_mut()?;
            let Some(run) = next_run(&level.text, level.at) else {
                self.stack.pop();
                continue;
            };
            level.at = run.end;
            if self.limits.runs == 0 {
                self.end();
                return None;
            }
            self.limits.runs -= 1;
            let Some(decoded) = decode_run(&level.text[run.clone()]) else {
                continue;
            };
            let size: usize = decoded.iter().map(|layer| layer.text.len()).sum();
            if size > self.limits.total {
                self.end();
                return None;
            }
            self.limits.total -= size;
            let range = level.range.clone().unwrap_or(run);
            let mut layers = level.layers.clone();
            layers.extend(decoded);
            if layers.len() < self.limits.depth {
                let text = layers
                    .last()
                    .map_or_else(|| "".into(), |last| last.text.clone());
                self.stack.push(Level {
                    text,
                    at: 0,
                    layers: layers.clone(),
                    range: Some(range.clone()),
                });
            } else {
                self.cut = true;
            }
            return Some(Unwrapped { range, layers });
        }
    }
}

fn is_run_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'%' | b'\\')
}

/// The next run of bytes that encodings consist of and that is long enough for one.
fn next_run(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        let start = at
            + bytes
                .get(at..)?
                .iter()
                .position(|byte| is_run_byte(*byte))?;
        at = run_end(bytes, start);
        if at - start >= BASE64_MINIMUM {
            return Some(start..at);
        }
    }
}

/// Where a run ends; long lines of base64 go on behind a line break.
fn run_end(bytes: &[u8], start: usize) -> usize {
    let (mut line, mut at) = (start, start);
    loop {
        while bytes.get(at).copied().is_some_and(is_run_byte) {
            at += 1;
        }
        let wide = at - line >= WRAPPED_LINE;
        let rest = &bytes[at..];
        let space = rest
            .iter()
            .take(64)
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        let breaks = rest[..space].contains(&b'\n');
        if !wide || !breaks || !rest.get(space).copied().is_some_and(is_run_byte) {
            return at;
        }
        at += space;
        line = at;
    }
}

/// What a run decodes to, where that is text: its layers, outermost first.
fn decode_run(run: &str) -> Option<Vec<Layer>> {
    let percents = run.matches('%').count();
    if percents >= ESCAPES_MINIMUM {
        return plain("url", &percent(run));
    }
    if run.matches("\\x").count() >= ESCAPES_MINIMUM {
        return plain("hex", &hex(&run.replace("\\x", ""))?);
    }
    // A path's first slash, an option's dashes.
    let run = run.trim_start_matches(['/', '-', '_']);
    let digits = run.len() / 2 >= HEX_MINIMUM && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits && let Some(found) = hex(run).and_then(|bytes| certain("hex", &bytes)) {
        return Some(found);
    }
    if run.contains(['%', '\\']) {
        return None;
    }
    base64(run).and_then(|bytes| certain("base64", &bytes))
}

fn plain(encoding: &'static str, bytes: &[u8]) -> Option<Vec<Layer>> {
    let text = std::str::from_utf8(bytes).ok()?.into();
    text::is_probably_text(bytes).then(|| vec![Layer { encoding, text }])
}

/// As [`payload`], for bytes that may be there by chance: only what can hardly be.
fn certain(encoding: &'static str, bytes: &[u8]) -> Option<Vec<Layer>> {
    let found = payload(encoding, bytes)?;
    let marked = matches!(
        bytes,
        [0x1F, 0x8B, ..] | [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..]
    );
    let chance = match found.as_slice() {
        [only] if is_wide(bytes) => only.text.contains(char::REPLACEMENT_CHARACTER),
        [_] => std::str::from_utf8(bytes).is_err(),
        _ => !marked,
    };
    (!chance).then_some(found)
}

/// UTF-16 of ASCII: every second byte is zero.
fn is_wide(bytes: &[u8]) -> bool {
    bytes.len() >= 4 && bytes[1] == 0 && bytes[3] == 0
}

/// What the bytes that an encoding gave say, as layers: a text, UTF-16 without a mark (as
/// PowerShell encodes commands), or either of it compressed; `None` where they are no text.
///
/// ```
/// use packguard_sdk::decode::payload;
/// let found = payload("base64", b"i\0e\0x\0").unwrap();
/// assert_eq!((found[0].encoding, &*found[0].text), ("base64 of UTF-16", "iex"));
/// assert_eq!(payload("hex", b"\x7FELF\0\0\0"), None);
/// ```
pub fn payload(encoding: &'static str, bytes: &[u8]) -> Option<Vec<Layer>> {
    let layer = |encoding, text: String| Layer {
        encoding,
        text: text.into(),
    };
    if is_wide(bytes) {
        let encoding = match encoding {
            "base64" => "base64 of UTF-16",
            "hex" => "hex of UTF-16",
            other => other,
        };
        return Some(vec![layer(encoding, text::decode_utf16le(bytes))]);
    }
    if text::is_probably_text(bytes) {
        return Some(vec![layer(encoding, text::decode(bytes).into_owned())]);
    }
    let inflated = inflate(bytes).filter(|inflated| text::is_probably_text(inflated))?;
    Some(vec![
        layer(encoding, format!("{} bytes, compressed", bytes.len())),
        layer("deflate", text::decode_owned(inflated)),
    ])
}
