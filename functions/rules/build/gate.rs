//! The table of the gate: for each literal, two overlapping groups of four bytes.
//!
//! The gate looks at a file's bytes four at a time, at every second place. Any five
//! bytes of a literal hold such a group, whether the literal starts at an even place or
//! not; so each literal is entered with the two groups of its rarest five bytes.

use std::fmt::Write as _;

/// Bytes in a group.
const GROUP: usize = 4;
/// Literals that are shorter than this need one of the [`MARKS`].
const SHORTEST: usize = GROUP + 1;
/// Bytes that are rare in all kinds of files.
const MARKS: [u8; 2] = *b"~^";
/// Words of 64 bits in the filter.
const FILTER: usize = 2_048;

/// A literal of a rule's gate.
pub(crate) struct Literal<'a> {
    /// Indices of the rule, and of the literal in its gate.
    pub rule: usize,
    pub index: usize,
    pub bytes: &'a [u8],
}

/// The constants that `src/gate.rs` includes.
///
/// # Errors
/// A literal that is too short.
pub(crate) fn table(literals: &[Literal<'_>]) -> Result<String, String> {
    let (mut groups, mut short) = (Vec::new(), String::new());
    for literal in literals {
        let Literal { rule, index, bytes } = literal;
        if bytes.len() >= SHORTEST {
            let start = rarest(bytes);
            for offset in [start, start + 1] {
                groups.push((
                    folded(&bytes[offset..offset + GROUP]),
                    *rule,
                    *index,
                    offset,
                ));
            }
            continue;
        }
        let mark = bytes.iter().position(|byte| MARKS.contains(byte));
        let offset = mark.ok_or_else(|| {
            let bytes = bytes.escape_ascii();
            format!("`{bytes}` in a gate has fewer than {SHORTEST} bytes, none of them a mark")
        })?;
        write!(short, "({rule}, {index}, {offset}), ").map_err(|error| error.to_string())?;
    }
    groups.sort_unstable();
    let mut filter = [0_u64; FILTER];
    for (group, ..) in &groups {
        let hash = group.wrapping_mul(HASH) >> 15;
        filter[hash as usize / 64] |= 1 << (hash % 64);
    }
    Ok(format!(
        "const HASH: u32 = {HASH};\n\
         const MARKS: [u8; 2] = {MARKS:?};\n\
         static FILTER: [u64; {FILTER}] = {filter:?};\n\
         static GROUPS: &[(u32, u16, u16, u8)] = &{groups:?};\n\
         static SHORT: &[(u16, u16, u8)] = &[{short}];\n"
    ))
}

/// Multiplier that spreads groups over the filter.
const HASH: u32 = 0x9E37_79B1;

/// A group as the gate compares it: the bit that tells the cases of letters apart is
/// set in every byte.
fn folded(group: &[u8]) -> u32 {
    let bytes = [group[0], group[1], group[2], group[3]];
    u32::from_le_bytes(bytes) | 0x2020_2020
}

/// Where the rarest bytes of a literal start.
fn rarest(bytes: &[u8]) -> usize {
    let windows = bytes.windows(SHORTEST).enumerate();
    let least = windows.min_by_key(|(_, window)| {
        // Runs of one byte are rulers and indentation.
        let runs = window.windows(2).filter(|pair| pair[0] == pair[1]).count();
        window.iter().map(commonness).sum::<usize>() + 15 * runs
    });
    least.map_or(0, |(start, _)| start)
}

/// How common a byte is in source code, roughly.
fn commonness(byte: &u8) -> usize {
    const LETTERS: &[u8] = b"zqjxkvwbyghfmupdclsinorat e";
    let letter = LETTERS
        .iter()
        .position(|letter| *letter == byte.to_ascii_lowercase());
    match letter {
        Some(rank) => 3 + rank,
        None if b"0.-_/\"'(),=".contains(byte) => 10,
        None => 2,
    }
}
