//! Small packages as one text: what one file exports, another that requires it gets.
//!
//! The evaluator follows data inside of one text. Files that are loaded together are put
//! into one, each in a function of its own; `require`, `import` and exports become names
//! of that text. What is found is told of the file it stands in.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use oxc_allocator::Allocator;
use packguard_sdk::{Analysis, Category, File, Package, Phase};

use crate::collect;
use crate::file::{self, Setting};
use crate::phase::{Phases, Resolver};
use crate::{is_script, parse};

mod module;

use module::Module;

/// Files that are put together.
const FILES: usize = 40;

/// All their texts, in bytes: bundles and larger packages are looked at file by file.
const BYTES: usize = 192 << 10;

/// The largest JSON file that is taken in, in bytes.
const DATA: u64 = 64 << 10;

/// Names that one file exports.
const EXPORTS: usize = 200;

/// A part of the text that was copied from a file.
struct Piece {
    /// Where it stands in the text.
    start: usize,
    /// Where it stands in its file.
    origin: usize,
    file: usize,
}

/// Files put together.
#[derive(Default)]
struct Linked {
    text: String,
    pieces: Vec<Piece>,
    /// JSON files that are needed.
    data: Vec<usize>,
    /// Whether a file links to another.
    links: bool,
}

/// Looks at the files of each phase together, where they are few and small.
pub fn analyse(
    package: &Package,
    phases: &Phases,
    allocator: &mut Allocator,
    analysis: &mut Analysis,
) {
    for phase in [Phase::Install, Phase::Import, Phase::Execute] {
        let Some(files) = together(package, phases, phase) else {
            continue;
        };
        let Some(linked) = link(package, &files, allocator) else {
            continue;
        };
        let setting = Setting {
            extension: "js",
            phase,
            loaded_only: false,
            activates: phases.activates,
            depth: None,
            linked: true,
            own: &phases.own,
        };
        let hits = file::analyse_linked(&linked.text, &setting, allocator);
        tell(package, &linked, hits, analysis);
    }
}

/// The scripts that run in a phase; for the last, all, since programs load the others.
fn together(package: &Package, phases: &Phases, phase: Phase) -> Option<Vec<usize>> {
    let mut files = Vec::new();
    let mut bytes = 0;
    let mut own = 0;
    for (at, entry) in package.0.files.iter().enumerate() {
        let file = File { entry };
        let of = phases.of(at);
        let wanted = of == phase || phase == Phase::Execute;
        let script = is_script(&file.extension(), file.name())
            || file.extension().is_empty() && phases.is_program(at);
        let aside = phase == Phase::Execute
            && ["example", "test", "spec", "demo", "fixture", "doc"]
                .iter()
                .any(|word| entry.path.to_ascii_lowercase().contains(word));
        if !wanted || aside || !script || entry.size == 0 || entry.duplicate_of.is_some() {
            continue;
        }
        own += usize::from(of == phase);
        files.push(at);
        bytes += usize::try_from(entry.size).unwrap_or(BYTES);
        if files.len() > FILES || bytes > BYTES {
            return None;
        }
    }
    (own > 0).then_some(files)
}

fn link(package: &Package, files: &[usize], allocator: &mut Allocator) -> Option<Linked> {
    let resolver = Resolver::new(package);
    let mut linked = Linked::default();
    for at in files {
        let entry = package.0.files.get(*at)?;
        let Ok(bytes) = (File { entry }).read() else {
            continue;
        };
        let text = packguard_sdk::text::decode(&bytes);
        allocator.reset();
        let extension = File { entry }.extension();
        let Ok(program) = parse::parse(allocator, &text, &extension) else {
            continue;
        };
        let facts = collect::collect(program);
        let mut module = Module::new(&resolver, *at, files);
        module.requires(&facts);
        module.writes(&facts, &text);
        module.statements(&program.body);
        linked.add(module, &text);
    }
    linked.data.sort_unstable();
    linked.data.dedup();
    for at in std::mem::take(&mut linked.data) {
        let entry = package.0.files.get(at)?;
        if let Ok(bytes) = (File { entry }).read() {
            let text = packguard_sdk::text::decode(&bytes);
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                let _infallible = writeln!(linked.text, "__m{at} = {text};");
            }
        }
    }
    linked.links.then_some(linked)
}

impl Linked {
    /// Adds a file, with its edits made.
    fn add(&mut self, mut module: Module<'_>, text: &str) {
        self.links |= module.links;
        self.data.append(&mut module.data);
        module.edits.sort_by_key(|(span, _)| (span.start, span.end));
        self.text.push_str("(async function(){");
        // A first line for the system's loader stands only at the start of a file.
        let first = if text.starts_with("#!") {
            text.find('\n').unwrap_or(text.len())
        } else {
            0
        };
        let mut done = first;
        for (span, new) in &module.edits {
            let (start, end) = (span.start as usize, span.end as usize);
            if start < done {
                continue;
            }
            self.copy(text, module.at, done, start);
            self.text.push_str(new);
            done = end;
        }
        self.copy(text, module.at, done, text.len());
        self.text.push_str("\n;");
        if !module.whole && !module.exports.is_empty() {
            let _infallible = write!(self.text, "__m{} = {{", module.at);
            for (name, local) in &module.exports {
                let _infallible = if local.is_empty() {
                    write!(self.text, "{name},")
                } else {
                    write!(self.text, "{name:?}: {local},")
                };
            }
            self.text.push_str("};");
        }
        self.text.push_str("})();\n");
    }

    fn copy(&mut self, text: &str, file: usize, start: usize, end: usize) {
        if let Some(part) = text.get(start..end).filter(|part| !part.is_empty()) {
            self.pieces.push(Piece {
                start: self.text.len(),
                origin: start,
                file,
            });
            self.text.push_str(part);
        }
    }

    /// The file and place that a place of the text was copied from.
    fn origin(&self, at: usize) -> Option<(usize, usize)> {
        let next = self.pieces.partition_point(|piece| piece.start <= at);
        let piece = self.pieces.get(next.checked_sub(1)?)?;
        Some((piece.file, piece.origin + at - piece.start))
    }
}

/// Whether a program that reads its settings in one file and asks its service in another
/// does so too. What only programs do weighs less.
fn is_usual(hit: &mut packguard_sdk::Hit) -> bool {
    if hit.rule.category != Category::Exfiltration {
        return false;
    }
    let keys = hit.rule.id == "js-exfiltrate-wallet-keys";
    if hit.phase == Phase::Execute && !keys {
        hit.severity = hit.severity.min(packguard_sdk::Severity::Medium);
    }
    let token = hit.title.contains("secret environment") && hit.title.contains("api.github.com");
    let unknown = hit.title.contains("not written out");
    let early = hit.phase != Phase::Execute;
    let credentials = hit.rule.id == "js-exfiltrate-credentials";
    token || unknown && !(keys || credentials && early)
}

/// Adds what no file said by itself.
fn tell(
    package: &Package,
    linked: &Linked,
    hits: Vec<packguard_sdk::Hit>,
    analysis: &mut Analysis,
) {
    let mut by_file: BTreeMap<usize, Vec<packguard_sdk::Hit>> = BTreeMap::new();
    for mut hit in hits {
        if hit.rule.category == Category::Capability || is_usual(&mut hit) {
            continue;
        }
        let length = hit.range.len();
        if let Some((file, at)) = linked.origin(hit.range.start) {
            hit.range = at..at + length;
            by_file.entry(file).or_default().push(hit);
        }
    }
    for (at, hits) in by_file {
        let Some(entry) = package.0.files.get(at) else {
            continue;
        };
        let Ok(bytes) = (File { entry }).read() else {
            continue;
        };
        let text = packguard_sdk::text::decode(&bytes);
        let source = packguard_sdk::text::Source::new(&text);
        for mut hit in hits {
            hit.range.end = text.floor_char_boundary(hit.range.end);
            hit.range.start = text.floor_char_boundary(hit.range.start.min(hit.range.end));
            let hit = crate::graded(hit);
            let (rule, severity, phase) = (hit.rule.id, hit.severity, hit.phase);
            let known = analysis.findings().iter().any(|have| {
                have.rule == rule
                    && have.severity >= severity
                    && have.phase.urgency() >= phase.urgency()
                    && have
                        .location
                        .as_ref()
                        .is_some_and(|place| place.path == entry.path)
            });
            if !known {
                analysis.push(hit.at(File { entry }, &source));
            }
        }
    }
}
