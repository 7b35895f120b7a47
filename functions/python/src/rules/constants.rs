//! The constants of a file, as they stand there.

use std::borrow::Cow;
use std::ops::Range;

use packguard_sdk::{decode, text};
use ruff_python_ast::token::{Token, TokenKind};
use ruff_text_size::Ranged as _;

use super::latent::SHORTEST;
use crate::interp::bytes_of;

/// Reads the bytes that an address or identifier stands for.
type Reader<'r> = dyn Fn(&str) -> Option<Vec<u8>> + 'r;

/// A constant of the file.
pub(super) struct Constant<'t> {
    pub text: Cow<'t, str>,
    pub range: Range<usize>,
}

/// String constants that are no docstrings, without quotes.
pub(super) fn strings<'t>(source: &'t str, tokens: &[Token]) -> Vec<Constant<'t>> {
    let mut found = Vec::new();
    let mut before = TokenKind::Newline;
    for token in tokens {
        let kind = token.kind();
        if matches!(kind, TokenKind::String | TokenKind::FStringMiddle) {
            let range = bytes_of(token.range());
            let documents = matches!(
                before,
                TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent
            );
            if !documents && let Some(literal) = source.get(range.clone()) {
                found.push(Constant {
                    text: bare(literal),
                    range,
                });
            }
        }
        if kind != TokenKind::NonLogicalNewline && kind != TokenKind::Comment {
            before = kind;
        }
    }
    found
}

/// A literal without prefix and quotes; doubled backslashes are read as one.
fn bare(literal: &str) -> Cow<'_, str> {
    let start = literal.find(['"', '\'']).unwrap_or(0);
    let inner = unquoted(&literal[start..]);
    if inner.contains('\\') && !literal[..start].contains(['r', 'R']) {
        let plain = inner
            .replace("\\\n", "")
            .replace("\\\\", "\\")
            .replace("\\'", "'")
            .replace("\\\"", "\"");
        return plain.into();
    }
    inner.into()
}

/// A literal between its quotes, one or three on each side.
pub(super) fn unquoted(literal: &str) -> &str {
    ["\"\"\"", "'''", "\"", "'"]
        .iter()
        .find_map(|quote| literal.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(literal)
}

/// Tuples and lists of numbers that are characters.
pub(super) fn numbers<'t>(
    source: &'t str,
    tokens: &'t [Token],
) -> impl Iterator<Item = Constant<'t>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < tokens.len() {
            let start = at;
            let mut letters = String::new();
            while let Some(token) = tokens.get(at) {
                match token.kind() {
                    TokenKind::Int => {
                        let digits = source.get(bytes_of(token.range())).unwrap_or_default();
                        let Some(letter) = character(digits) else {
                            break;
                        };
                        letters.push(letter);
                    }
                    TokenKind::Comma | TokenKind::NonLogicalNewline if at > start => {}
                    _ => break,
                }
                at += 1;
            }
            if letters.len() >= SHORTEST {
                let range = bytes_of(tokens[start].range());
                return Some(Constant {
                    text: letters.into(),
                    range,
                });
            }
            at = at.max(start + 1);
        }
        None
    })
}

fn character(digits: &str) -> Option<char> {
    let code: u32 = match digits.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(code).filter(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='~'))
}

/// Lists of UUIDs, of IPv4 and of MAC addresses, as the bytes they are made of.
pub(super) fn tables<'t>(strings: &[Constant<'t>]) -> impl Iterator<Item = Constant<'t>> {
    let uuid = |text: &str| {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        (text.len() == 36 && digits.len() == 32).then(|| decode::hex(&digits))?
    };
    let mac = |text: &str| {
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-')).collect();
        (text.len() == 17 && digits.len() == 12).then(|| decode::hex(&digits))?
    };
    let address = |text: &str| {
        let parts: Vec<u8> = text
            .split('.')
            .map(|part| part.parse().ok())
            .collect::<Option<_>>()?;
        (parts.len() == 4).then_some(parts)
    };
    let last = |text: &str| address(text).map(|parts| parts[3..].to_vec());
    let readers: [&Reader<'_>; 4] = [&uuid, &mac, &address, &last];
    let mut found = Vec::new();
    for read in readers {
        let mut bytes = Vec::new();
        let mut start = None;
        for constant in strings {
            if let Some(more) = read(&constant.text) {
                bytes.extend(more);
                start.get_or_insert_with(|| constant.range.clone());
            }
        }
        if let Some(range) = start.filter(|_| bytes.len() >= SHORTEST)
            && text::is_probably_text(&bytes)
        {
            found.push(Constant {
                text: text::decode(&bytes).into_owned().into(),
                range,
            });
        }
    }
    found.into_iter()
}
