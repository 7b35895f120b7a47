//! The Python analyzer: see `README.md`.
//!
//! `files` picks files and says when they run; `inspect` takes one text through `guard`
//! (bounds), ruff's parser, `interp` (an abstract interpreter over `value`, `fold`,
//! `names`; `symbols` and `path` number the names of a file) and `rules`.

mod facts;
mod files;
mod fold;
mod guard;
mod inspect;
mod interp;
mod names;
mod path;
mod rules;
mod symbols;
mod value;

use std::collections::BTreeSet;

use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Analyzer, Descriptor, File, Package, Phase, descriptor};

use files::Treatment;
use inspect::Inspection;
use interp::Unit;

/// Largest file that is read, in bytes. Beyond it the file is a problem.
const READ_LIMIT: u64 = 64 << 20;

/// The analyzer.
#[derive(Debug, Default)]
pub struct Python;

impl Analyzer for Python {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "python",
        description: "Finds hostile Python code: hidden, stealing, downloading, destroying",
        rules: rules::RULES,
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        let mut analysis = Analysis::default();
        let mut capabilities = BTreeSet::new();
        for file in package.files() {
            match files::treatment(file) {
                Ok(None | Some(Treatment::Stub)) => {}
                Ok(Some(treatment)) => {
                    analyze_file(file, treatment, &mut analysis, &mut capabilities);
                }
                Err(error) => analysis.problem(file, format!("can't be read: {error}")),
            }
        }
        for finding in files::bytecode_without_source(package) {
            analysis.push(finding);
        }
        Ok(analysis)
    }
}

fn analyze_file(
    file: File<'_>,
    treatment: Treatment,
    analysis: &mut Analysis,
    capabilities: &mut BTreeSet<&'static str>,
) {
    let Some(decoded) = analysis.read_text(file, READ_LIMIT) else {
        return;
    };
    let source = Source::new(&decoded);
    let inspection = match treatment {
        Treatment::Code(unit) => inspect::inspect(&decoded, unit),
        Treatment::Pth => Inspection {
            hits: files::pth_hits(&decoded),
            problems: Vec::new(),
        },
        Treatment::Stub => Inspection::default(),
    };
    for hit in inspection.hits {
        // What a package is able to do is said once.
        if rules::is_capability(hit.rule.id) && !capabilities.insert(hit.rule.id) {
            continue;
        }
        analysis.push(hit.at(file, &source));
    }
    for problem in inspection.problems {
        analysis.problem(file, problem);
    }
}

/// Analyses a Python text as if it were a module that is imported, for fuzzing and
/// benchmarks: findings and problems, counted.
pub fn count(text: &str) -> (usize, usize) {
    let unit = Unit {
        phase: Phase::Import,
        setup: false,
    };
    let inspection = inspect::inspect(text, unit);
    (inspection.hits.len(), inspection.problems.len())
}

packguard_sdk::export_analyzer!(Python);
