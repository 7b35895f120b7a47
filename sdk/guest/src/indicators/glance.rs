//! A glance at a short text: most hold nothing that any pattern begins with, and then
//! the automaton, which is dear to build, is not needed at all.

use super::table::{GROUPS, HOST_PREFIXES};

/// Longest text that is glanced at, in bytes: for longer ones the automaton pays.
const LONGEST: usize = 4 << 10;

/// Bytes of a pattern's beginning that are looked at. None is shorter, but for `://`.
const HEAD: usize = 4;

/// Size of the table of beginnings, in bits.
const BITS: usize = 1 << 16;

/// Beginnings of all patterns, hashed.
static HEADS: [u64; BITS / 64] = heads();

const fn heads() -> [u64; BITS / 64] {
    let mut table = [0; BITS / 64];
    let mut group = 0;
    while group < GROUPS.len() {
        let patterns = GROUPS[group].patterns;
        let mut at = 0;
        while at < patterns.len() {
            table = with(table, patterns[at].as_bytes(), 1);
            table = with(table, patterns[at].as_bytes(), 2);
            at += 1;
        }
        group += 1;
    }
    let mut at = 0;
    while at < HOST_PREFIXES.len() {
        table = with(table, HOST_PREFIXES[at].1.as_bytes(), 1);
        at += 1;
    }
    table
}

/// Adds a pattern's beginning, each `/` in it written so many times (as `\\` is).
const fn with(mut table: [u64; BITS / 64], pattern: &[u8], times: usize) -> [u64; BITS / 64] {
    let mut head = [0; HEAD];
    let mut filled = 0;
    let mut at = 0;
    while filled < HEAD {
        let mut left = if pattern[at] == b'/' { times } else { 1 };
        while left > 0 && filled < HEAD {
            head[filled] = fold(pattern[at]);
            filled += 1;
            left -= 1;
        }
        at += 1;
    }
    let bit = hash(head);
    table[bit / 64] |= 1 << (bit % 64);
    table
}

/// What stands for a byte in both case and kind of slash.
const fn fold(byte: u8) -> u8 {
    match byte {
        b'\\' => b'/',
        byte => byte.to_ascii_lowercase(),
    }
}

const fn hash(head: [u8; HEAD]) -> usize {
    (u32::from_le_bytes(head).wrapping_mul(0x9E37_79B1) >> 16) as usize % BITS
}

/// Whether it is sure, at a glance, that no pattern is in `text`.
pub(super) fn is_empty(text: &[u8]) -> bool {
    if text.len() > LONGEST {
        return false;
    }
    let mut head = [0; HEAD];
    for (at, byte) in text.iter().enumerate() {
        head.rotate_left(1);
        head[HEAD - 1] = fold(*byte);
        if head[1..] == *b"://" {
            return false;
        }
        let bit = hash(head);
        if (HEADS[bit / 64] >> (bit % 64)) & 1 == 1
            && at + 1 >= HEAD
            && begins(&text[at + 1 - HEAD..])
        {
            return false;
        }
    }
    true
}

/// Whether any pattern stands at the beginning of `text`.
fn begins(text: &[u8]) -> bool {
    let hosts = HOST_PREFIXES.iter().map(|(_, prefix)| *prefix);
    let others = GROUPS
        .iter()
        .flat_map(|group| group.patterns.iter().copied());
    hosts
        .chain(others)
        .any(|pattern| stands(pattern.as_bytes(), text))
}

fn stands(pattern: &[u8], text: &[u8]) -> bool {
    let mut at = 0;
    for byte in pattern {
        let Some(have) = text.get(at) else {
            return false;
        };
        if fold(*have) != fold(*byte) {
            return false;
        }
        at += 1;
        if *have == b'\\' && text.get(at) == Some(&b'\\') {
            at += 1;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_seen() {
        let hosts = HOST_PREFIXES.iter().map(|(_, prefix)| *prefix);
        let others = GROUPS
            .iter()
            .flat_map(|group| group.patterns.iter().copied());
        for pattern in hosts.chain(others).chain(["://"]) {
            for slash in ["/", "\\", "\\\\"] {
                let written = pattern.replace('/', slash);
                for text in [
                    written.to_ascii_uppercase(),
                    format!("a b\u{FFFC} {written} c"),
                ] {
                    assert!(!is_empty(text.as_bytes()), "{text}");
                }
            }
        }
    }

    #[test]
    fn plain_words_need_no_search() {
        assert!(is_empty(b"./lib/pad.js\nuse strict\n../node_modules\n"));
    }
}
