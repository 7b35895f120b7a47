//! Analyzer of JavaScript and TypeScript: what the code does when a package is
//! installed, loaded or called.
//!
//! A file goes through `parse` (text to tree), `collect` (tree to facts), `acts` (what
//! the facts do, with values from `eval`) and `rules` (what acts mean). `phase` says
//! when each file runs, `file` ties it together and follows code inside code.

use std::collections::BTreeMap;
use std::io;

use oxc_allocator::Allocator;
use packguard_sdk::{
    Analysis, Analyzer, Category, Confidence, Descriptor, File, Hit, Package, Phase, descriptor,
};

mod acts;
mod carried;
mod collect;
mod context;
mod eval;
mod file;
mod linked;
mod markup;
mod nesting;
mod origin;
mod parse;
mod phase;
mod reach;
mod resolve;
mod rules;
mod run;
mod sources;
mod value;

/// Largest file that is read whole, in bytes. Larger ones are searched piece by piece.
pub const READ_LIMIT: u64 = 32 << 20;

/// Largest HTML file whose scripts are looked at, in bytes: larger ones are manuals.
const MARKUP_LIMIT: u64 = 1 << 20;

/// Size of such a piece, and of what two of them share, in bytes.
const PIECE: usize = 8 << 20;
const OVERLAP: usize = 4 << 10;

/// The analyzer.
#[derive(Debug, Default)]
pub struct JavaScript;

impl Analyzer for JavaScript {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "javascript",
        description: "What JavaScript and TypeScript do when a package is installed, loaded or called",
        rules: rules::ALL,
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        let mut analysis = Analysis::default();
        let mut phases = None;
        let mut chosen: BTreeMap<usize, usize> = BTreeMap::new();
        for (index, entry) in package.0.files.iter().enumerate() {
            let file = File { entry };
            // Manifests are read only for packages that have scripts at all.
            let extension = file.extension();
            let markup = markup::is_markup(&extension) && entry.size <= MARKUP_LIMIT;
            let by_name = markup || is_script(&extension, file.name());
            if !by_name && (!file.extension().is_empty() || entry.size == 0) {
                continue;
            }
            let phases = phases.get_or_insert_with(|| phase::find(package));
            if !by_name && !is_program(file, phases.is_program(index)) {
                continue;
            }
            // Of copies the one that runs earliest is read: a harmless copy placed before
            // an install script must not hide it.
            let first = entry.duplicate_of.map_or(index, |first| first as usize);
            let earlier = chosen.entry(first).or_insert(index);
            if phases.of(index).urgency() > phases.of(*earlier).urgency() {
                *earlier = index;
            }
        }
        let Some(phases) = phases else {
            return Ok(analysis);
        };
        let mut allocator = Allocator::default();
        let files: Vec<usize> = chosen.into_values().collect();
        for index in files.iter().copied() {
            let Some(entry) = package.0.files.get(index) else {
                continue;
            };
            let file = File { entry };
            let extension = file.extension();
            let setting = file::Setting {
                extension: &extension,
                phase: phases.of(index),
                loaded_only: phases.is_loaded_only(index),
                activates: phases.activates,
                depth: phases.depth_of(&entry.path),
                linked: false,
                own: &phases.own,
            };
            script(
                file,
                &setting,
                is_script(&extension, file.name()),
                &mut allocator,
                &mut analysis,
            );
        }
        together(package, &phases, &files, &mut allocator, &mut analysis);
        Ok(analysis)
    }
}

/// What files of a small package do together: install scripts, entry points and the rest,
/// each with what they load.
fn together(
    package: &Package,
    phases: &phase::Phases,
    files: &[usize],
    allocator: &mut Allocator,
    analysis: &mut Analysis,
) {
    let resolver = phase::Resolver::new(package);
    carried::check(package, phases, files, &resolver, allocator, analysis);
    let rest: Vec<usize> = files
        .iter()
        .copied()
        .filter(|at| phases.of(*at) == Phase::Execute)
        .collect();
    let groups = [
        (&phases.install, Phase::Install),
        (&phases.import, Phase::Import),
        (&rest, Phase::Execute),
    ];
    for (entries, phase) in groups {
        let activates = phases.activates && phase == Phase::Import;
        let Some(linked) = linked::link(package, &resolver, entries, activates, allocator) else {
            continue;
        };
        let setting = file::Setting {
            extension: if linked.typed { "ts" } else { "js" },
            phase,
            loaded_only: linked.files.len() > 40,
            activates: false,
            depth: None,
            linked: true,
            own: &phases.own,
        };
        for hit in file::analyse_linked(&linked.text, &setting, allocator) {
            if hit.severity >= packguard_sdk::Severity::Medium
                && rules::is_of_flow(hit.rule)
                && let Some((file, range)) = linked.origin(&hit.range)
            {
                across(package, &resolver, file, Hit { range, ..hit }, analysis);
            }
        }
    }
}

/// Reports what is known only by looking at several files.
fn across(
    package: &Package,
    resolver: &phase::Resolver<'_>,
    file: usize,
    mut hit: Hit,
    analysis: &mut Analysis,
) {
    let Some(entry) = package.0.files.get(file) else {
        return;
    };
    let known = analysis.findings().iter().any(|have| {
        have.rule == hit.rule.id
            && have.severity >= hit.severity
            && have
                .location
                .as_ref()
                .is_some_and(|at| at.path == entry.path)
    });
    let Some(text) = resolver.read(file, READ_LIMIT).filter(|_| !known) else {
        return;
    };
    let source = packguard_sdk::text::Source::new(&text);
    hit = hit.why("Files of the package were followed together: what one gathers, another uses.");
    report(File { entry }, &source, vec![hit], analysis);
}

/// Extensions of JavaScript and TypeScript.
fn is_script(extension: &str, name: &str) -> bool {
    let declares = [".d.ts", ".d.mts", ".d.cts"];
    matches!(
        extension,
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx"
    ) && !declares.iter().any(|end| name.ends_with(end))
}

/// Whether a file without extension is a script: a manifest names it and it is text, or
/// its first line says so.
fn is_program(file: File<'_>, named: bool) -> bool {
    let Ok(head) = file.read_head(8_192) else {
        return named;
    };
    if let Some(rest) = head.strip_prefix(b"#!") {
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        return ["node", "bun", "deno", "tsx"]
            .iter()
            .any(|name| line.contains(name));
    }
    named && packguard_sdk::text::is_probably_text(&head)
}

fn script(
    file: File<'_>,
    setting: &file::Setting<'_>,
    by_name: bool,
    allocator: &mut Allocator,
    analysis: &mut Analysis,
) {
    if file.size() > READ_LIMIT {
        if let Err(error) = large(file, setting, analysis) {
            analysis.problem(file, format!("can't be read: {error}"));
        }
        return;
    }
    let Some(bytes) = analysis.read(file, READ_LIMIT) else {
        return;
    };
    if is_other_language(setting.extension, &bytes) {
        return;
    }
    let text = packguard_sdk::text::decode(&bytes);
    if markup::is_markup(setting.extension) {
        for (range, extension) in markup::scripts(&text) {
            let setting = file::Setting {
                extension,
                ..*setting
            };
            let mut outcome = file::analyse(&text[range.clone()], &setting, allocator);
            for hit in &mut outcome.hits {
                hit.range = hit.range.start + range.start..hit.range.end + range.start;
            }
            // Templates put other languages into scripts: what can't be parsed there is
            // none of ours.
            if !outcome.hits.is_empty() {
                let source = packguard_sdk::text::Source::new(&text);
                report(file, &source, outcome.hits, analysis);
            }
        }
        return;
    }
    let outcome = file::analyse(&text, setting, allocator);
    if let Some(reason) = outcome.problem
        && by_name
    {
        // Tests hold what no engine takes.
        if outcome.is_other && file.is_among_tests() {
            let finding = rules::capabilities::UNPARSED.at_file(file, Confidence::High);
            analysis.push(finding.title(reason));
        } else {
            analysis.problem(file, reason);
        }
    }
    if outcome.hits.is_empty() {
        return;
    }
    let source = packguard_sdk::text::Source::new(&text);
    report(file, &source, outcome.hits, analysis);
}

/// Searches a file as text, piece by piece, whatever its size.
fn large(file: File<'_>, setting: &file::Setting<'_>, analysis: &mut Analysis) -> io::Result<()> {
    file.pieces(PIECE, OVERLAP, &mut Vec::new(), |piece| {
        let mut hits = Vec::new();
        let text = packguard_sdk::text::decode(piece);
        rules::text::check(&text, setting.phase, &mut hits);
        rules::unparsed(&text, setting.phase, &mut hits);
        for hit in hits {
            // A place in a piece is not a place in the file.
            let known = analysis
                .findings()
                .iter()
                .any(|have| have.rule == hit.rule.id && have.title == hit.title);
            if !known {
                analysis.push(graded(hit).at_file(file));
            }
        }
    })?;
    analysis.problem(file, parse::Unparsed::Large.to_string());
    Ok(())
}

/// `.ts` is also the extension of Qt's translations (XML) and of video streams.
fn is_other_language(extension: &str, bytes: &[u8]) -> bool {
    let head = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    extension == "ts"
        && (head.starts_with(b"<?xml")
            || head.starts_with(b"<!DOCTYPE TS")
            || bytes.first() == Some(&0x47) && bytes.get(188) == Some(&0x47))
}

/// Turns hits into findings: one per rule and line, capabilities one per package.
fn report(
    file: File<'_>,
    source: &packguard_sdk::text::Source<'_>,
    mut hits: Vec<Hit>,
    analysis: &mut Analysis,
) {
    hits.sort_by(|a, b| {
        (a.range.start, a.rule.id, std::cmp::Reverse(a.severity)).cmp(&(
            b.range.start,
            b.rule.id,
            std::cmp::Reverse(b.severity),
        ))
    });
    hits.dedup_by(|b, a| {
        a.rule.id == b.rule.id && a.range.start == b.range.start && a.title == b.title
    });
    for hit in hits {
        let capability = hit.rule.category == Category::Capability;
        if capability
            && analysis
                .findings()
                .iter()
                .any(|have| have.rule == hit.rule.id)
        {
            continue;
        }
        analysis.push(graded(hit).at(file, source));
    }
}

/// A hit whose code runs at the latest when it is called.
fn graded(mut hit: Hit) -> Hit {
    if hit.phase == Phase::Unknown {
        hit.phase = Phase::Execute;
    }
    hit
}

packguard_sdk::export_analyzer!(JavaScript);
