//! The gate: which bundled rules a file may match.
//!
//! Compiling all rules takes tens of milliseconds, nearly all of it for regular
//! expressions, and loading them precompiled takes as long: their automata are built
//! anew. So each rule names, in its metadata, literals without which it can't match, and
//! only the rules that some file of the package may match are compiled at all: for most
//! packages, none or few.
//!
//! A sandbox lives for one package, so nothing is built when it runs: the build makes a
//! table of groups of four bytes, two for each literal, and the gate looks at every
//! second place of a file for such a group. `build/gate.rs` says why that suffices.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use packguard_sdk::text;

use crate::bundled::BUNDLED;

include!(concat!(env!("OUT_DIR"), "/gate.rs"));

/// One flag for each bundled rule.
type Flags = [bool; BUNDLED.len()];

/// Tells which bundled rules some bytes may match.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// For rules by index, what finds one of their `also`, or of the gate of a rule for
    /// media. Made when first needed, which few packages do.
    words: BTreeMap<usize, AhoCorasick>,
}

impl Gate {
    /// Adds the rules that `bytes` may match to `rules`, and says whether there are any.
    ///
    /// # Errors
    /// When an automaton can't be built; it always can.
    pub(crate) fn admit(
        &mut self,
        bytes: &[u8],
        media: bool,
        rules: &mut BTreeSet<usize>,
    ) -> Result<bool, String> {
        let mut seen = [false; BUNDLED.len()];
        groups(bytes, &mut seen);
        short(bytes, &mut seen);
        let mut text = None;
        let mut admits = false;
        for (index, (rule, seen)) in BUNDLED.iter().zip(seen).enumerate() {
            let list = if rule.media { rule.gate } else { rule.also };
            if (seen || rule.media && media)
                && (!rule.text || *text.get_or_insert_with(|| text::is_probably_text(bytes)))
                && (list.is_empty() || self.has_one_of(index, list, bytes)?)
            {
                rules.insert(index);
                admits = true;
            }
        }
        Ok(admits)
    }

    fn has_one_of(
        &mut self,
        rule: usize,
        list: &[&'static [u8]],
        bytes: &[u8],
    ) -> Result<bool, String> {
        let words = match self.words.entry(rule) {
            Entry::Occupied(made) => made.into_mut(),
            Entry::Vacant(place) => {
                let words = AhoCorasick::builder()
                    .ascii_case_insensitive(true)
                    .kind(Some(AhoCorasickKind::DFA))
                    .build(list)
                    .map_err(|error| error.to_string())?;
                place.insert(words)
            }
        };
        Ok(words.is_match(bytes))
    }
}

/// Looks for the literals of at least five bytes.
fn groups(bytes: &[u8], seen: &mut Flags) {
    let mut at = 0;
    // Two places at once.
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let folded = u64::from_le_bytes(*chunk) | 0x2020_2020_2020_2020;
        let (first, second) = (folded as u32, (folded >> 16) as u32);
        if is_group(first) {
            group(bytes, at, first, seen);
        }
        if is_group(second) {
            group(bytes, at + 2, second, seen);
        }
        at += 4;
    }
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        group(bytes, at, u32::from_le_bytes(*chunk) | 0x2020_2020, seen);
        at += 2;
    }
}

/// Whether a group may be one of a literal.
fn is_group(group: u32) -> bool {
    let hash = group.wrapping_mul(HASH) >> 15;
    FILTER[hash as usize / 64] >> (hash % 64) & 1 != 0
}

/// Looks whether the group at a place is one of a literal, and the literal around it.
#[cold]
fn group(bytes: &[u8], at: usize, group: u32, seen: &mut Flags) {
    let first = GROUPS.partition_point(|one| one.0 < group);
    for (_, rule, index, offset) in GROUPS[first..].iter().take_while(|one| one.0 == group) {
        literal(bytes, at, (*rule, *index, *offset), seen);
    }
}

/// Looks for the shorter literals, at bytes that each of them has and files seldom.
fn short(bytes: &[u8], seen: &mut Flags) {
    for at in memchr::memchr2_iter(MARKS[0], MARKS[1], bytes) {
        for place in SHORT {
            literal(bytes, at, *place, seen);
        }
    }
}

/// Looks whether a literal stands where a part of it was seen. It is given by its rule,
/// its index there and how far into it the part is.
fn literal(bytes: &[u8], at: usize, (rule, index, offset): (u16, u16, u8), seen: &mut Flags) {
    let rule = usize::from(rule);
    if seen[rule] {
        return;
    }
    let literal = BUNDLED[rule].gate[usize::from(index)];
    let around = at.checked_sub(usize::from(offset));
    let around = around.and_then(|start| bytes.get(start..start + literal.len()));
    seen[rule] = around.is_some_and(|around| around.eq_ignore_ascii_case(literal));
}
