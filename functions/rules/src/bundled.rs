//! The bundled rules, and the gate that tells which of them a file may match.
//!
//! Compiling all rules takes tens of milliseconds, nearly all of it for regular
//! expressions, and loading them precompiled takes as long: their automata are built
//! anew. So each rule names, in its metadata, literals without which it can't match.
//! One Aho-Corasick automaton looks for all of them, and only the rules that some file
//! of the package may match are compiled at all: for most packages, none or few.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use boreal::Scanner;
use packguard_sdk::{Category, Confidence, Phase, Rule, Severity};

/// A rule written by us. The table is made by `build.rs` from `yara/`.
#[derive(Debug)]
pub(crate) struct Bundled {
    /// As in the YARA text.
    pub name: &'static str,
    /// The YARA text.
    source: &'static str,
    pub rule: Rule,
    pub why: &'static str,
    pub confidence: Confidence,
    pub phase: Phase,
    /// It can only match where one of these occurs, whatever the case of ASCII letters.
    gate: &'static [&'static [u8]],
    /// And one of these too, unless empty.
    also: &'static [&'static [u8]],
    /// It can only match a picture, font, sound or film, by name or content.
    media: bool,
    /// Documentation has no reason to quote it.
    pub anywhere: bool,
    /// The match carries base64.
    pub decode: bool,
}

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Compiles the bundled rules with these indices.
///
/// # Errors
/// What is wrong with a rule; the build has compiled each, so nothing should be.
pub(crate) fn compile(rules: &BTreeSet<usize>) -> Result<Scanner, String> {
    let mut compiler = crate::scan::compiler();
    for bundled in rules.iter().filter_map(|index| BUNDLED.get(*index)) {
        compiler
            .add_rules_str(bundled.source)
            .map_err(|error| format!("bundled rule {}: {error}", bundled.name))?;
    }
    Ok(compiler.finalize())
}

/// The bundled rule of a name.
pub(crate) fn find(name: &str) -> Option<&'static Bundled> {
    let index = BUNDLED
        .binary_search_by_key(&name, |bundled| bundled.name)
        .ok()?;
    BUNDLED.get(index)
}

/// Tells which bundled rules some bytes may match.
#[derive(Debug)]
pub(crate) struct Gate {
    automaton: AhoCorasick,
    /// For each pattern: the rule, and whether the literal is one of `also`.
    owners: Vec<(usize, bool)>,
    /// Whether this gate is for media.
    media: bool,
}

impl Gate {
    /// The gate to the rules for media files, or to all others.
    ///
    /// # Errors
    /// When the automaton can't be built; it always can.
    pub(crate) fn new(media: bool) -> Result<Self, String> {
        let mut literals = Vec::new();
        let mut owners = Vec::new();
        for (index, bundled) in BUNDLED.iter().enumerate() {
            if bundled.media == media {
                for (list, also) in [(bundled.gate, false), (bundled.also, true)] {
                    literals.extend_from_slice(list);
                    owners.extend(list.iter().map(|_| (index, also)));
                }
            }
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(literals)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            automaton,
            owners,
            media,
        })
    }

    /// Adds the rules that `bytes` may match to `rules`.
    pub(crate) fn admit(&self, bytes: &[u8], rules: &mut BTreeSet<usize>) {
        let mut seen = vec![[false; 2]; BUNDLED.len()];
        for hit in self.automaton.find_overlapping_iter(bytes) {
            if let Some((rule, also)) = self.owners.get(hit.pattern().as_usize()) {
                seen[*rule][usize::from(*also)] = true;
            }
        }
        let admitted = BUNDLED.iter().zip(seen).enumerate();
        rules.extend(
            admitted
                .filter(|(_, (bundled, [gate, also]))| {
                    bundled.media == self.media && *gate && (*also || bundled.also.is_empty())
                })
                .map(|(index, _)| index),
        );
    }
}

#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = &'static Bundled> {
    BUNDLED.iter()
}
