//! Strings and numbers.

use packguard_sdk::indicators::{Kind as Indicated, scan};

use super::Walk;
use crate::lang::Lang;
use crate::lex::{Literal, Piece, Quote, Stream, Token, lex};
use crate::names::Role;
use crate::value::{Taint, Value, concat, push_code};

/// Deepest code in strings in code.
const INTERPOLATION: usize = 60;

impl Walk<'_> {
    /// The value of a string.
    pub(super) fn literal(&mut self, stream: &Stream, token: Token) -> Value {
        let Some(literal) = stream.literals.get(token.mate as usize) else {
            return Value::default();
        };
        let range = token.start as usize..token.end as usize;
        match literal.quote {
            Quote::Words => {
                let text = self.piece_text(literal, 0);
                let words = text
                    .split(|byte| byte.is_ascii_whitespace())
                    .filter(|word| !word.is_empty())
                    .take(4_096)
                    .map(|word| Value::text(word.to_vec()))
                    .collect::<Vec<_>>();
                let words = words
                    .into_iter()
                    .map(|word| self.pointing(word, &range))
                    .collect();
                Value::list(words)
            }
            Quote::Command => {
                let command = self.pieces(literal, token);
                let partial = command.taint;
                let text = command.to_text();
                let call = self.call_fact("`", Role::Shell, Value::default(), vec![command], range);
                let mut value = self.output(text.as_deref());
                value.call = call;
                value.taint |= partial.without(Taint::CONSTANT | Taint::PARTIAL | Taint::HIDDEN);
                value
            }
            _ => self.pieces(literal, token),
        }
    }

    fn pieces(&mut self, literal: &Literal, token: Token) -> Value {
        let mut value = if let [Piece::Text(_)] = literal.pieces.as_slice() {
            Value::text(self.piece_text(literal, 0))
        } else {
            let mut value = Value::text(Vec::new());
            for (at, piece) in literal.pieces.iter().enumerate() {
                let part = match piece {
                    Piece::Text(_) => Value::text(self.piece_text(literal, at)),
                    Piece::Code(range) if self.depth < INTERPOLATION => {
                        let inner = lex(self.text, range.clone(), self.lang, true);
                        self.depth += 4;
                        let value = self.statements(&inner, 0, inner.tokens.len());
                        self.depth -= 4;
                        value
                    }
                    Piece::Code(_) => {
                        self.too_deep = true;
                        Value::default()
                    }
                };
                value = concat(value, &part, &mut self.budget);
            }
            value
        };
        if literal.pieces.len() > 1 || value.is_constant() {
            value.from = None;
        }
        if self.is_all_escapes(literal) && value.bytes().is_some_and(is_word_like) {
            value.taint |= Taint::BUILT;
        }
        value.taint |= self.indicated(&value, token);
        value
    }

    /// Whether most of a string is written as numbers of characters: `"\x65\166al"`.
    fn is_all_escapes(&self, literal: &Literal) -> bool {
        let [Piece::Text(range)] = literal.pieces.as_slice() else {
            return false;
        };
        let raw = self.text.as_bytes().get(range.clone()).unwrap_or_default();
        if raw.len() < 12 || raw[0] != b'\\' || raw.len() > 4_096 {
            return false;
        }
        let numbers = raw
            .windows(2)
            .filter(|pair| pair[0] == b'\\' && matches!(pair[1], b'x' | b'u' | b'0'..=b'7'))
            .count();
        // `\u0065` is six bytes long, `\x65` four.
        numbers >= 4 && numbers * 6 + numbers / 2 >= raw.len()
    }

    /// A word of a list, with what it points at.
    fn pointing(&mut self, word: Value, range: &std::ops::Range<usize>) -> Value {
        let text = word.to_text().unwrap_or_default();
        if text.len() < 6 || !text.contains(['.', '/']) {
            return word;
        }
        let taint = pointed_at(&text);
        if taint != Taint::NONE {
            self.note_text(&text, range.clone(), taint);
        }
        word.with(taint)
    }

    /// What a string's text points at; each is looked at once.
    fn indicated(&mut self, value: &Value, token: Token) -> Taint {
        let Some(bytes) = value.bytes().filter(|bytes| bytes.len() >= 4) else {
            return Taint::NONE;
        };
        let known = self.known.get(&token.start).copied();
        let taint = known.unwrap_or_else(|| {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1 << 16)]);
            pointed_at(&text)
        });
        if known.is_none() {
            self.known.insert(token.start, taint);
        }
        if taint != Taint::NONE {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4_096)]).into_owned();
            self.note_text(&text, token.start as usize..token.end as usize, taint);
        }
        taint
    }

    /// A piece of text with its escapes replaced.
    fn piece_text(&self, literal: &Literal, at: usize) -> Vec<u8> {
        let Some(Piece::Text(range)) = literal.pieces.get(at) else {
            return Vec::new();
        };
        let raw = self.text.as_bytes().get(range.clone()).unwrap_or_default();
        match literal.quote {
            Quote::Raw | Quote::Words if self.lang != Lang::Kotlin => {
                if memchr::memchr(b'\\', raw).is_some()
                    && matches!(self.lang, Lang::Ruby | Lang::Php | Lang::Perl)
                {
                    return unescape_quotes(raw);
                }
                raw.to_vec()
            }
            _ if memchr::memchr(b'\\', raw).is_none() => raw.to_vec(),
            _ => unescape(raw, self.lang),
        }
    }
}

/// Labels of what a text names.
pub fn pointed_at(text: &str) -> Taint {
    scan(text).iter().fold(shape(text), |all, found| {
        all | match found.kind {
            kind if kind.is_hostile_host() => Taint::SUSPECT_HOST,
            Indicated::RareTld | Indicated::Miner => Taint::SUSPECT_HOST,
            Indicated::CredentialPath if !ordinary(&found.text) => Taint::CREDENTIAL_PATH,
            _ => Taint::NONE,
        }
    })
}

/// Labels of texts that look like addresses of wallets or look for them or for keys.
fn shape(text: &str) -> Taint {
    if !(14..=4_096).contains(&text.len()) {
        return Taint::NONE;
    }
    let bytes = text.as_bytes();
    let hex = |from: usize| bytes[from..].iter().all(u8::is_ascii_hexdigit);
    let plain = bytes.iter().all(u8::is_ascii_alphanumeric);
    let address = bytes.len() == 42 && text.starts_with("0x") && hex(2)
        || plain && text.starts_with("bc1") && (26..=62).contains(&bytes.len())
        || plain
            && bytes.len() == 34
            && bytes[0] == b'T'
            && bytes[1..].iter().any(u8::is_ascii_digit);
    let pattern = text.contains("0x[") && text.contains("{40}")
        || text.contains("bc1") && text.contains('[')
        || text.contains("a-km-zA-HJ-NP-Z") && text.contains('{')
        || text.contains("A-HJ-NP-Za-km-z") && text.contains('{');
    let key = (text.contains("A-HJ-NP-Za-km-z") || text.contains("a-km-zA-HJ-NP-Z"))
        && ["{87", "{88", "{86", "{51", "{52", "{64"]
            .iter()
            .any(|n| text.contains(n))
        || text.contains("]{64}") && (text.contains("a-fA-F") || text.contains("A-Fa-f"));
    let mut taint = Taint::NONE;
    if address || pattern {
        taint |= Taint::WALLET;
    }
    if key {
        taint |= Taint::KEY_SHAPE;
    }
    taint
}

/// Files that hold secrets of others than the user, or none mostly.
pub fn ordinary(path: &str) -> bool {
    matches!(
        path.to_ascii_lowercase().as_str(),
        "/etc/passwd"
            | "169.254.169.254"
            | "metadata.google.internal"
            | "passphrase.json"
            | "google/chrome"
            | ".netrc"
            | "_netrc"
            | "discordcanary"
            | "discordptb"
            | ".gem/credentials"
    )
}

/// Whether a text could have been written as it is.
fn is_word_like(text: &[u8]) -> bool {
    let letters = text.iter().filter(|byte| byte.is_ascii_alphanumeric());
    letters.count() * 2 > text.len() && text.iter().all(|byte| (b' '..=b'~').contains(byte))
}

fn unescape_quotes(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        if *byte == b'\\' && matches!(raw.get(at + 1), Some(b'\\' | b'\'')) {
            at += 1;
        }
        out.push(raw[at]);
        at += 1;
    }
    out
}

/// Escapes as most languages have them.
fn unescape(raw: &[u8], lang: Lang) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        if *byte != b'\\' {
            out.push(*byte);
            at += 1;
            continue;
        }
        let Some(kind) = raw.get(at + 1) else { break };
        at += 2;
        match kind {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'a' => out.push(7),
            b'e' if lang != Lang::Rust => out.push(27),
            b'0'..=b'7' if lang != Lang::Lua => {
                let digits = raw[at - 1..]
                    .iter()
                    .take(3)
                    .take_while(|b| matches!(b, b'0'..=b'7'))
                    .count();
                number(&mut out, &raw[at - 1..at - 1 + digits], 8);
                at += digits - 1;
            }
            b'0'..=b'9' if lang == Lang::Lua => {
                let digits = raw[at - 1..]
                    .iter()
                    .take(3)
                    .take_while(|b| b.is_ascii_digit())
                    .count();
                number(&mut out, &raw[at - 1..at - 1 + digits], 10);
                at += digits - 1;
            }
            b'x' | b'u' | b'U' => at = code_point(&mut out, raw, at, *kind),
            b'\n' if lang == Lang::Rust => {
                while raw.get(at).is_some_and(u8::is_ascii_whitespace) {
                    at += 1;
                }
            }
            b'\n' => {}
            b'$' | b'"' | b'\'' | b'\\' | b'`' | b'/' | b'#' | b'{' => out.push(*kind),
            other => {
                if lang == Lang::Php {
                    out.push(b'\\');
                }
                out.push(*other);
            }
        }
    }
    out
}

/// `\x41`, `\u0041`, `\u{41 42}`; gives where it ends.
fn code_point(out: &mut Vec<u8>, raw: &[u8], at: usize, kind: u8) -> usize {
    if raw.get(at) == Some(&b'{') {
        let length = raw[at..]
            .iter()
            .take(256)
            .position(|byte| *byte == b'}')
            .unwrap_or(0);
        let inner = &raw[(at + 1).min(raw.len())..at + length.max(1)];
        for part in inner
            .split(|byte| *byte == b' ')
            .filter(|part| !part.is_empty())
        {
            number(out, part, 16);
        }
        return at + length + 1;
    }
    let most = match kind {
        b'x' => 2,
        b'u' => 4,
        _ => 8,
    };
    let digits = raw[at..]
        .iter()
        .take(most)
        .take_while(|b| b.is_ascii_hexdigit())
        .count();
    number(out, &raw[at..at + digits], 16);
    at + digits
}

fn number(out: &mut Vec<u8>, digits: &[u8], radix: u32) {
    let parsed = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| i64::from_str_radix(digits, radix).ok());
    if let Some(code) = parsed {
        let _damaged = push_code(out, code);
    }
}
