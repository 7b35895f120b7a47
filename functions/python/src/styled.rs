//! Names in letters of styles that Python takes for plain ones (PEP 3131): `𝗼𝘀.𝘀𝘆𝘀𝘁𝗲𝗺` is
//! `os.system`. The parser folds them in its tree; what looks at tokens and at text needs a
//! text in which they are plain.

use ruff_python_ast::token::{Token, TokenKind};
use ruff_text_size::Ranged as _;
use unicode_normalization::UnicodeNormalization as _;

use crate::interp::bytes_of;

/// The text with such names written plainly; none where it has none.
pub fn plain(text: &str, tokens: &[Token]) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let mut out = String::new();
    let mut at = 0;
    for token in tokens {
        let range = bytes_of(token.range());
        let Some(name) = text.get(range.clone()).filter(|name| !name.is_ascii()) else {
            continue;
        };
        if token.kind() != TokenKind::Name {
            continue;
        }
        let folded: String = name.nfkc().collect();
        if folded.is_ascii() {
            out.push_str(text.get(at..range.start)?);
            out.push_str(&folded);
            at = range.end;
        }
    }
    (at > 0).then(|| {
        out.push_str(text.get(at..).unwrap_or_default());
        out
    })
}

/// Whether a name that reads as plain letters is put together from several alphabets:
/// `𝘨𝘦𝘁env`. Who likes a style writes a name in that.
pub fn is_patchwork(name: &str) -> bool {
    let alphabet = |c: char| match c {
        'a'..='z' | 'A'..='Z' => Some(0),
        // Alphabets of 52 letters each.
        '\u{1D400}'..='\u{1D6A3}' => Some(1 + (u32::from(c) - 0x1D400) / 52),
        '\u{FF21}'..='\u{FF5A}' => Some(100),
        _ => None,
    };
    let mut found = name.chars().filter_map(alphabet);
    let first = found.next();
    !name.is_ascii() && found.any(|other| Some(other) != first) && name.nfkc().all(|c| c.is_ascii())
}
