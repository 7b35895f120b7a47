//! What an uploaded archive may be called.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api::error::ApiError;

/// Longest name, bytes: what file systems take.
const MAX: usize = 255;

/// As `Purl` encodes: all but letters, digits, `-._~` and the colon.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// Checks a name.
///
/// # Errors
/// 422 naming `field`.
pub fn check(name: &str, field: &str) -> Result<(), ApiError> {
    let wrong = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX {
        "it has more than 255 bytes"
    } else if name.contains(['/', '\\']) || matches!(name, "." | "..") {
        "it is a path: leave the folders out"
    } else if name.trim() != name {
        "it begins or ends with a blank"
    } else if name.chars().any(deceives) {
        "it has characters that can't be seen, or that turn the text around"
    } else {
        return Ok(());
    };
    Err(ApiError::invalid(field, wrong))
}

/// Control characters, and those that make a name look like another one in a terminal or on
/// a page: marks of direction, line and paragraph ends, the byte order mark, zero widths.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

/// The purl of an uploaded archive. `Purl` knows registries only, so this is written by hand.
pub fn purl(name: &str, sha256: &str) -> String {
    let name = utf8_percent_encode(name, ENCODED);
    format!("pkg:generic/{name}?checksum=sha256:{sha256}")
}

#[cfg(test)]
mod tests {
    use super::{check, purl};

    #[test]
    fn names() {
        for good in [
            "a.tgz",
            "..a",
            "left-pad 1.3.0.tgz",
            "größe.whl",
            &"x".repeat(255),
        ] {
            assert!(check(good, "filename").is_ok(), "{good:?}");
        }
        let long = "x".repeat(256);
        for bad in [
            "",
            ".",
            "..",
            "../a",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "C:\\a",
            "a\0",
            "a\nb",
            "\u{1b}[2J",
            "a\u{202e}gz.exe",
            "\u{feff}a",
            "a\u{200b}",
            " a",
            "a\t",
            long.as_str(),
        ] {
            assert!(check(bad, "filename").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn purls() {
        assert_eq!(
            purl("a b@1?c#d&e.tgz", "00"),
            "pkg:generic/a%20b%401%3Fc%23d%26e.tgz?checksum=sha256:00"
        );
        assert_eq!(purl("ü", "00"), "pkg:generic/%C3%BC?checksum=sha256:00");
    }
}
