//! The names and the pieces of strings that are signs, and what each is a sign of.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use rustc_hash::FxHashMap;

use super::tables::{NAMES, PIECES, RECON};

static NAME_BITS: LazyLock<FxHashMap<&'static str, u64>> = LazyLock::new(|| {
    let mut map = FxHashMap::default();
    for (bits, names) in NAMES {
        for name in *names {
            *map.entry(*name).or_default() |= *bits;
        }
    }
    map
});

struct Pieces {
    automaton: AhoCorasick,
    meanings: Vec<Result<u64, usize>>,
}

static PIECE_BITS: LazyLock<Option<Pieces>> = LazyLock::new(|| {
    let mut patterns = Vec::new();
    let mut meanings = Vec::new();
    for (bits, pieces) in PIECES {
        for piece in *pieces {
            patterns.push(*piece);
            meanings.push(Ok(*bits));
        }
    }
    for (number, command) in RECON.iter().enumerate() {
        patterns.push(*command);
        meanings.push(Err(number));
    }
    let automaton = AhoCorasick::new(patterns).ok()?;
    Some(Pieces {
        automaton,
        meanings,
    })
});

/// What an identifier is a sign of.
pub fn of_name(name: &str) -> u64 {
    NAME_BITS.get(name).copied().unwrap_or(0)
}

/// What a string, in lower case, is a sign of, and the commands of reconnaissance in it.
pub fn of_string(text: &str) -> (u64, u64) {
    let Some(pieces) = PIECE_BITS.as_ref() else {
        return (0, 0);
    };
    let (mut bits, mut recon) = (0, 0);
    for found in pieces.automaton.find_overlapping_iter(text) {
        match pieces.meanings.get(found.pattern().as_usize()) {
            Some(Ok(meaning)) => bits |= meaning,
            Some(Err(number)) => recon |= 1 << number,
            None => {}
        }
    }
    (bits, recon)
}
