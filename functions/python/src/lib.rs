//! The Python analyzer: see `README.md`.
//!
//! `files` picks files and says when they run; `inspect` takes one text through `guard`
//! (bounds), ruff's parser, `interp` (an abstract interpreter over `value`, `fold`,
//! `names`; `symbols` and `path` number the names of a file) and `rules`. `signs` tell what
//! stands in a file, whatever flows where.

mod armor;
mod facts;
mod files;
mod fold;
mod guard;
mod inspect;
mod interp;
mod link;
mod marshal;
mod names;
mod path;
mod pickles;
mod py2;
mod reach;
mod rules;
mod signs;
mod styled;
mod symbols;
mod value;

use std::collections::BTreeSet;

use packguard_sdk::text::Source;
use packguard_sdk::{
    Analysis, Analyzer, Confidence, Descriptor, File, Hit, Package, Phase, Severity, descriptor,
};

use files::Treatment;
use inspect::Inspection;
use interp::Unit;
use link::Seen;

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
        let tops = link::tops(package);
        let mut seen = Vec::new();
        let mut inert = Vec::new();
        for file in package.files() {
            match files::treatment(file) {
                Ok(None | Some(Treatment::Stub)) => {}
                Ok(Some(treatment)) => {
                    let one = analyze_file(
                        file,
                        treatment,
                        &tops,
                        &mut analysis,
                        &mut capabilities,
                        &mut inert,
                    );
                    seen.extend(one);
                }
                Err(error) => analysis.problem(file, format!("can't be read: {error}")),
            }
        }
        for (file, hit) in inert {
            let hit = match reach::is_used(&seen, file) {
                true => hit,
                // Packers and scanners keep what they make, or look for, beside their tests.
                false => hit.severity(Severity::Low),
            };
            if let Some(text) = analysis.read_text(file, READ_LIMIT) {
                analysis.push(hit.at(file, &Source::new(&text)));
            }
        }
        link::check(package, &seen, &tops, &mut analysis);
        rules::correlation::check(&seen, &mut analysis);
        armor::check(&seen, &mut analysis);
        files::bytecode(package, &mut analysis);
        pickles::check(package, &seen, &mut analysis);
        Ok(analysis)
    }
}

fn analyze_file<'p>(
    file: File<'p>,
    treatment: Treatment,
    tops: &BTreeSet<String>,
    analysis: &mut Analysis,
    capabilities: &mut BTreeSet<&'static str>,
    inert: &mut Vec<(File<'p>, Hit)>,
) -> Option<Seen<'p>> {
    let decoded = analysis.read_text(file, READ_LIMIT)?;
    let source = Source::new(&decoded);
    let inspection = match treatment {
        Treatment::Code(unit) => inspect::inspect(&decoded, unit, tops),
        Treatment::Pth => Inspection {
            hits: files::pth_hits(&decoded),
            ..Inspection::default()
        },
        Treatment::Stub => Inspection::default(),
    };
    let found = inspection
        .hits
        .iter()
        .map(|hit| (hit.range.start, hit.rule.id, hit.severity as u8))
        .collect();
    for hit in inspection.hits {
        // What a package is able to do is said once.
        if rules::is_capability(hit.rule.id) && !capabilities.insert(hit.rule.id) {
            continue;
        }
        if hit.rule.id == rules::DECODE_EXEC.id
            && hit.title.ends_with(rules::INERT)
            && files::is_test_data(file.path())
        {
            inert.push((file, hit));
            continue;
        }
        analysis.push(hit.at(file, &source));
    }
    for problem in inspection.problems {
        analysis.problem(file, problem);
    }
    if let Some(reason) = inspection.unparsed {
        // Tests hold what no parser takes, and templates become code later.
        if file.is_among_tests() || file.extension() == "in" {
            analysis.push(
                files::UNPARSED
                    .at_file(file, Confidence::High)
                    .title(reason),
            );
        } else {
            analysis.problem(file, reason);
        }
    }
    match treatment {
        Treatment::Code(unit) => Some(Seen {
            file,
            unit,
            ties: inspection.ties,
            signs: inspection.signs,
            found,
        }),
        _ => None,
    }
}

/// Analyses a Python text as if it were a module that is imported, for fuzzing and
/// benchmarks: findings and problems, counted.
pub fn count(text: &str) -> (usize, usize) {
    let unit = Unit {
        phase: Phase::Import,
        setup: false,
        modern: true,
    };
    let inspection = inspect::inspect(text, unit, &BTreeSet::new());
    let problems = inspection.problems.len() + usize::from(inspection.unparsed.is_some());
    (inspection.hits.len(), problems)
}

packguard_sdk::export_analyzer!(Python);
