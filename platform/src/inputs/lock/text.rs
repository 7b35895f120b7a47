//! Bytes to text, and byte offsets to line numbers.

use std::borrow::Cow;

use super::{Kind, MAX_REMARK_TEXT, Malformed};

/// Strict UTF-8, with or without a byte-order mark. Requirements files may also be UTF-16,
/// which is what a redirected `pip freeze` writes on Windows, and may hold stray bytes.
pub(super) fn decode(kind: Kind, bytes: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    if kind == Kind::Requirements {
        let decode = match bytes {
            [0xff, 0xfe, rest @ ..] => Some((rest, u16::from_le_bytes as fn([u8; 2]) -> u16)),
            [0xfe, 0xff, rest @ ..] => Some((rest, u16::from_be_bytes as fn([u8; 2]) -> u16)),
            _ => None,
        };
        if let Some((rest, from_bytes)) = decode {
            let (pairs, _) = rest.as_chunks::<2>();
            let units = pairs.iter().map(|pair| from_bytes(*pair));
            return Ok(char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect::<String>()
                .into());
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        // A stray byte spoils one line, which then names itself as unreadable.
        return Ok(String::from_utf8_lossy(bytes));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|error| {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            Malformed::new(Some(newlines(good) + 1), "not UTF-8 text")
        })
}

/// At most [`MAX_REMARK_TEXT`] characters of the first line of `text`.
pub(super) fn cut(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    match line.char_indices().nth(MAX_REMARK_TEXT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn newlines(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// Line numbers of byte offsets, in any order, at little memory and bounded work each.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Newlines before each block.
    before: Vec<u32>,
    total: u32,
}

impl<'a> Lines<'a> {
    /// Bytes counted per lookup at most.
    const BLOCK: usize = 4096;

    pub(super) fn new(text: &'a str) -> Self {
        let mut total = 0;
        let mut before = Vec::with_capacity(text.len() / Self::BLOCK + 1);
        for block in text.as_bytes().chunks(Self::BLOCK) {
            before.push(total);
            total += newlines(block);
        }
        Self {
            text,
            before,
            total,
        }
    }

    /// The line, from 1, of the byte at `offset`.
    pub(super) fn at(&self, offset: usize) -> u32 {
        let offset = offset.min(self.text.len());
        let block = offset / Self::BLOCK;
        let start = block * Self::BLOCK;
        let before = self.before.get(block).copied().unwrap_or(self.total);
        before + newlines(self.text.as_bytes().get(start..offset).unwrap_or_default()) + 1
    }

    /// The line of a part of the text.
    pub(super) fn of(&self, part: &str) -> Option<u32> {
        let offset = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (offset <= self.text.len()).then(|| self.at(offset))
    }
}
