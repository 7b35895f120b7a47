//! Encodings that write bytes as digits of a radix: base32, base85 and their kin.

use super::OUTPUT_LIMIT;

/// Base32 of RFC 4648, either case, padded or not, white space ignored.
///
/// ```
/// use packguard_sdk::decode::base32;
/// assert_eq!(base32("NBSWY3DP").as_deref(), Some(&b"hello"[..]));
/// assert_eq!(base32("1"), None);
/// ```
pub fn base32(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    for byte in digits.take_while(|byte| *byte != b'=') {
        let digit = match byte.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5 | u32::from(digit)) & 0xFFFF;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push(low_byte(bits >> count));
        }
        if out.len() > OUTPUT_LIMIT {
            return None;
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Base85 as Python's `base64.b85decode` and git read it (the digits of RFC 1924).
///
/// ```
/// use packguard_sdk::decode::base85;
/// assert_eq!(base85("Xk~0{Zv").as_deref(), Some(&b"hello"[..]));
/// ```
pub fn base85(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    of_85(text, DIGITS)
}

/// Base85 with the digits of ZeroMQ.
///
/// ```
/// assert_eq!(packguard_sdk::decode::z85("xK#0@zV").as_deref(), Some(&b"hello"[..]));
/// ```
pub fn z85(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8] =
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    of_85(text, DIGITS)
}

/// Ascii85, with or without Adobe's `<~ ~>`, white space ignored.
///
/// ```
/// use packguard_sdk::decode::ascii85;
/// assert_eq!(ascii85("<~BOu!rDZ~>").as_deref(), Some(&b"hello"[..]));
/// assert_eq!(ascii85("z").as_deref(), Some(&[0; 4][..]));
/// ```
pub fn ascii85(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let text = text.strip_prefix("<~").unwrap_or(text);
    let text = text.strip_suffix("~>").unwrap_or(text);
    let mut group = Vec::new();
    let mut out = Vec::new();
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        match byte {
            b'z' if group.is_empty() => out.extend([0; 4]),
            b'y' if group.is_empty() => out.extend([b' '; 4]),
            b'!'..=b'u' => group.push(byte - b'!'),
            _ => return None,
        }
        flush(&mut group, &mut out, 5)?;
    }
    flush(&mut group, &mut out, 1)?;
    (!out.is_empty()).then_some(out)
}

fn of_85(text: &str, digits: &[u8]) -> Option<Vec<u8>> {
    let mut values = [u8::MAX; 256];
    for (value, digit) in (0..).zip(digits) {
        values[usize::from(*digit)] = value;
    }
    let mut group = Vec::new();
    let mut out = Vec::new();
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = values[usize::from(byte)];
        if value == u8::MAX {
            return None;
        }
        group.push(value);
        flush(&mut group, &mut out, 5)?;
    }
    flush(&mut group, &mut out, 1)?;
    (!out.is_empty()).then_some(out)
}

/// Writes a group of at least so many digits out; fewer than five stand for fewer bytes.
fn flush(group: &mut Vec<u8>, out: &mut Vec<u8>, least: usize) -> Option<()> {
    let count = group.len();
    if count < least {
        return Some(());
    }
    if count == 1 || out.len() > OUTPUT_LIMIT {
        return None;
    }
    group.resize(5, 84);
    let number = group
        .drain(..)
        .fold(0_u64, |number, digit| number * 85 + u64::from(digit));
    let number = u32::try_from(number).ok()?;
    out.extend(&number.to_be_bytes()[..count - 1]);
    Some(())
}

fn low_byte(number: u32) -> u8 {
    number.to_le_bytes()[0]
}
