//! Bounded decoding of encoded payloads, layer by layer.
//!
//! [`base64()`], [`hex()`], [`inflate`] and [`percent`] take off one encoding that is known;
//! so do [`base32`], [`base85`], [`ascii85`], [`bunzip2`], [`unlzma`], [`xor`], [`rotate`] and,
//! with a key that is known, [`fernet`] and [`aes`](fn@aes).
//! [`layers`] looks for encoded runs in a text, decodes them and looks again in what came
//! out.

mod ciphers;
mod compressed;
mod layers;
#[cfg(test)]
mod layers_tests;
mod radix;

use std::io::Read as _;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Largest output of one decoding, in bytes. Payloads in packages are scripts or small
/// executables; a bomb must not fill the sandbox.
pub const OUTPUT_LIMIT: usize = 8 << 20;

pub use ciphers::{AesMode, aes, fernet, rotate, xor};
pub use compressed::{bunzip2, unlzma};
pub use radix::{ascii85, base32, base85, z85};

pub use layers::{Layer, LayerLimits, Layers, Unwrapped, layers, layers_within, payload};

const FORGIVING: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, FORGIVING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, FORGIVING);

/// Base64, standard or URL-safe, padded or not, white space ignored (RFC 4648).
///
/// ```
/// use packguard_sdk::decode::base64;
/// assert_eq!(base64("aGVs\nbG8").as_deref(), Some(&b"hello"[..]));
/// assert_eq!(base64("not base64!"), None);
/// ```
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let compact: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    if compact.len() > OUTPUT_LIMIT {
        return None;
    }
    STANDARD
        .decode(&compact)
        .or_else(|_| URL_SAFE.decode(&compact))
        .ok()
}

/// Hexadecimal digits, white space ignored.
///
/// ```
/// use packguard_sdk::decode::hex;
/// assert_eq!(hex("48 69").as_deref(), Some(&b"Hi"[..]));
/// ```
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| {
            character
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    if digits.is_empty() || digits.len() > OUTPUT_LIMIT {
        return None;
    }
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// A zlib, gzip or raw deflate stream, told by its header; at most [`OUTPUT_LIMIT`]
/// bytes come out, and what precedes damage is kept.
///
/// ```
/// use packguard_sdk::decode::inflate;
/// let stored = b"\x78\x01\x01\x02\x00\xFD\xFFhi\x01\x3B\x00\xD2";
/// assert_eq!(inflate(stored).as_deref(), Some(&b"hi"[..]));
/// assert_eq!(inflate(b"\x78\x01"), None);
/// ```
pub fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let out = match bytes {
        [0x1F, 0x8B, ..] => bounded(flate2::read::MultiGzDecoder::new(bytes)),
        [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..] => bounded(flate2::read::ZlibDecoder::new(bytes)),
        _ => bounded(flate2::read::DeflateDecoder::new(bytes)),
    };
    (!out.is_empty()).then_some(out)
}

fn bounded(reader: impl std::io::Read) -> Vec<u8> {
    let mut out = Vec::new();
    // What came out before the damage is evidence too.
    let _damage = reader.take(OUTPUT_LIMIT as u64).read_to_end(&mut out);
    out
}

/// Percent-encoding (RFC 3986); bytes that are not encoded stay.
///
/// ```
/// assert_eq!(packguard_sdk::decode::percent("a%20%zz"), b"a %zz");
/// ```
pub fn percent(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escape = (*byte == b'%')
            .then(|| {
                bytes
                    .get(at + 1..at + 3)
                    .and_then(|digits| std::str::from_utf8(digits).ok())
                    .and_then(hex)
            })
            .flatten();
        match escape.as_deref() {
            Some([decoded]) => {
                out.push(*decoded);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_takes_both_alphabets_and_no_padding() {
        assert_eq!(base64("aGk/").as_deref(), Some(&b"hi?"[..]));
        assert_eq!(base64("aGk_").as_deref(), Some(&b"hi?"[..]));
        assert_eq!(base64("aG k").as_deref(), Some(&b"hi"[..]));
        assert_eq!(base64("a*"), None);
    }

    #[test]
    fn hex_needs_whole_bytes() {
        assert_eq!(hex("48 69").as_deref(), Some(&b"Hi"[..]));
        assert_eq!(hex("486"), None);
        assert_eq!(hex(""), None);
    }

    #[test]
    fn inflate_is_bounded() {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..OUTPUT_LIMIT / 1024 + 100 {
            encoder.write_all(&[0; 1024]).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert_eq!(inflate(&bomb).unwrap().len(), OUTPUT_LIMIT);
    }

    #[test]
    fn percent_leaves_broken_escapes_alone() {
        assert_eq!(percent("%41%4g%"), b"A%4g%");
    }
}
