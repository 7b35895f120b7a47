//! Bytecode of script engines: V8's code cache as `bytenode` makes it, and Lua's.

use packguard_sdk::{Analysis, Confidence, File, Package, Phase, text};

use crate::rules;

/// Largest manifest or script that is searched for a loader, in bytes.
const SCRIPT_LIMIT: u64 = 1 << 20;
/// Most scripts that are searched for a loader.
const SCRIPTS_LIMIT: usize = 2_000;

/// Looks for hidden scripts and what loads them.
pub(crate) fn look(package: &Package, analysis: &mut Analysis) {
    let hidden: Vec<File<'_>> = package
        .files()
        .filter(|file| match file.extension().as_str() {
            "jsc" => is_v8(*file),
            "luac" | "lua" => starts(*file, b"\x1BLua") || starts(*file, b"\x1BLJ"),
            _ => false,
        })
        .collect();
    let Some(first) = hidden.first() else {
        return;
    };
    let loader = loader(package);
    let finding = rules::HIDDEN_SCRIPT
        .at_file(*first, Confidence::High)
        .title(format!("{} scripts are shipped as bytecode", hidden.len()));
    let finding = match loader {
        Some(path) => finding
            .phase(Phase::Import)
            .why(format!("Loaded by {path}: nobody can read what it runs.")),
        None => finding.severity(packguard_sdk::Severity::Low),
    };
    analysis.push(finding);
}

fn starts(file: File<'_>, magic: &[u8]) -> bool {
    file.read_head(magic.len()).is_ok_and(|head| head == magic)
}

/// V8's cache begins with a number whose upper half is always the same.
fn is_v8(file: File<'_>) -> bool {
    file.read_head(4).is_ok_and(|head| {
        matches!(head.as_slice(), [_, _, 0xDE, 0xC0]) || !text::is_probably_text(&head)
    })
}

/// The path of a script that loads such a cache.
fn loader(package: &Package) -> Option<String> {
    package
        .glob(&["*.{js,cjs,mjs,ts}", "package.json"])
        .filter(|file| file.size() <= SCRIPT_LIMIT)
        .take(SCRIPTS_LIMIT)
        .find(|file| {
            file.read().is_ok_and(|bytes| {
                let has = |word: &[u8]| memchr::memmem::find(&bytes, word).is_some();
                has(b"bytenode") || has(b".jsc") && has(b"require") || has(b"cachedData")
            })
        })
        .map(|file| file.path().to_owned())
}
