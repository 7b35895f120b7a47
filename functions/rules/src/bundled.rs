//! The bundled rules.

use std::collections::BTreeSet;

use boreal::Scanner;
use boreal::compiler::CompilerBuilder;
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
    pub gate: &'static [&'static [u8]],
    /// And one of these too, unless empty.
    pub also: &'static [&'static [u8]],
    /// It can only match a picture, font, sound or film, by name or content.
    pub media: bool,
    /// It can only match text.
    pub text: bool,
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
    // None of them imports a module.
    let mut compiler = crate::scan::compiler(CompilerBuilder::default());
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

#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = &'static Bundled> {
    BUNDLED.iter()
}
