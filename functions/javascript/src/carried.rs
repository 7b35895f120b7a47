//! Texts that a package carries for its scripts to hand on: a template that an install
//! script copies into a folder of hooks, a patch that it appends to somebody else's file.
//! No other analyzer takes them for programs.

use oxc_allocator::Allocator;
use packguard_sdk::{Analysis, File, Package, Phase, Severity};

use crate::phase::{Phases, Resolver};
use crate::{file, rules};

/// Scripts of a package that are searched for names, and their size together, in bytes.
const SCRIPTS: usize = 60;
const SCRIPTS_BYTES: usize = 512 << 10;

/// Largest text that is looked at, in bytes; and how many.
const TEXT: u64 = 64 << 10;
const TEXTS: usize = 20;

/// Extensions of texts that may be anything.
const EXTENSIONS: &[&str] = &[
    "", "txt", "json", "tpl", "tmpl", "template", "dat", "data", "sample", "dist", "in", "patch",
    "hook", "inc", "cfg", "conf", "log",
];

/// Looks at texts that install scripts, or what a small package loads, name.
pub fn check(
    package: &Package,
    phases: &Phases,
    scripts: &[usize],
    resolver: &Resolver<'_>,
    allocator: &mut Allocator,
    analysis: &mut Analysis,
) {
    if scripts.len() > SCRIPTS {
        return;
    }
    let candidates: Vec<usize> = (0..package.0.files.len())
        .filter(|at| !scripts.contains(at) && is_candidate(package, *at))
        .collect();
    if candidates.is_empty() {
        return;
    }
    let named = names(phases, scripts, resolver);
    let mut looked = 0;
    for at in candidates {
        let Some(entry) = package.0.files.get(at) else {
            continue;
        };
        let file = File { entry };
        let Some((_, phase)) = named.iter().find(|(text, _)| names_file(text, file.name())) else {
            continue;
        };
        looked += 1;
        if looked > TEXTS {
            return;
        }
        if let Some(text) = resolver.read(at, TEXT) {
            one(file, &text, *phase, phases, allocator, analysis);
        }
    }
}

fn is_candidate(package: &Package, at: usize) -> bool {
    let Some(entry) = package.0.files.get(at) else {
        return false;
    };
    let file = File { entry };
    let name = file.name();
    entry.size > 0
        && entry.size <= TEXT
        && EXTENSIONS.contains(&&*file.extension())
        && !matches!(
            name,
            "package.json" | "package-lock.json" | "tsconfig.json" | "LICENSE" | "README"
        )
}

/// Texts of scripts that run when the package is installed or loaded.
fn names(phases: &Phases, scripts: &[usize], resolver: &Resolver<'_>) -> Vec<(String, Phase)> {
    let mut bytes = 0;
    let mut named = Vec::new();
    for phase in [Phase::Install, Phase::Import] {
        for at in scripts.iter().filter(|at| phases.of(**at) == phase) {
            // What is loaded may hold a list of examples; who hands it on writes.
            let hands_on = |text: &String| {
                let writes = ["copyFile", "appendFile", "writeFile", "createWriteStream"];
                phase == Phase::Install || writes.iter().any(|name| text.contains(name))
            };
            let text = resolver.read(*at, SCRIPTS_BYTES as u64);
            if let Some(text) = text.filter(hands_on) {
                bytes += text.len();
                if bytes <= SCRIPTS_BYTES {
                    named.push((text, phase));
                }
            }
        }
    }
    named
}

/// Whether a script has a file's name at the end of a literal.
fn names_file(script: &str, name: &str) -> bool {
    name.len() >= 4
        && script.match_indices(name).any(|(at, _)| {
            let before = script[..at].chars().next_back();
            let after = script[at + name.len()..].chars().next();
            before.is_some_and(|letter| "'\"`/\\".contains(letter))
                && after.is_some_and(|letter| "'\"`".contains(letter))
        })
}

fn one(
    file: File<'_>,
    text: &str,
    phase: Phase,
    phases: &Phases,
    allocator: &mut Allocator,
    analysis: &mut Analysis,
) {
    let mut hits = Vec::new();
    let json = file.extension() == "json";
    // Of settings only those that an editor runs are programs.
    if !json || text.contains("\"tasks\"") || text.contains("\"command\"") {
        // Each text of JSON is a command by itself.
        let lines = if json {
            text.replace('"', "\n")
        } else {
            text.to_owned()
        };
        rules::shell::carried(&lines, phase, &mut hits);
    }
    let markup = text.trim_start().starts_with('<') || text.contains("</");
    if hits.is_empty() && !json && !markup && text.contains('(') {
        let setting = file::Setting {
            extension: "js",
            phase,
            loaded_only: false,
            activates: false,
            depth: None,
            linked: false,
            own: &phases.own,
        };
        let found = file::analyse_linked(text, &setting, allocator);
        let flows = found
            .into_iter()
            .filter(|hit| hit.severity >= Severity::Medium && rules::is_of_flow(hit.rule));
        hits.extend(flows);
    }
    if hits.is_empty() {
        return;
    }
    let hits = hits
        .into_iter()
        .map(|hit| hit.why("A script of the package names this file, to read or copy it."))
        .collect();
    let source = packguard_sdk::text::Source::new(text);
    crate::report(file, &source, hits, analysis);
}
