//! Literals with escapes, which are all that some code is.

use super::value::Live;

/// A short text or number that is all of some code.
pub(super) fn constant<'a>(code: &str) -> Option<Live<'a>> {
    let inner = code
        .strip_prefix('"')
        .and_then(|code| code.strip_suffix('"'))?;
    if inner.contains('"') {
        return None;
    }
    // JSFuck and JJEncode write their text with octal escapes and the like.
    Some(Live::text(&unescape_literal(inner)))
}

/// The text that a literal with escapes stands for.
fn unescape_literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let octal = rest
            .bytes()
            .take(3)
            .take_while(|byte| (b'0'..=b'7').contains(byte))
            .count();
        let (code, skip) = match rest.as_bytes().first() {
            Some(b'x') => (hexadecimal(rest.get(1..3)), 3),
            Some(b'u') => (hexadecimal(rest.get(1..5)), 5),
            Some(_) if octal > 0 => (u32::from_str_radix(&rest[..octal], 8).ok(), octal),
            Some(b'n') => (Some(10), 1),
            Some(b't') => (Some(9), 1),
            _ => (None, 0),
        };
        if let Some(character) = code.and_then(char::from_u32) {
            out.push(character);
            rest = rest.get(skip..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

fn hexadecimal(digits: Option<&str>) -> Option<u32> {
    u32::from_str_radix(digits?, 16).ok()
}
