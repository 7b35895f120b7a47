//! The sources analyzer: see `README.md`.
//!
//! `lang` picks files and says when they run; `lex` and `strings` split a text into tokens,
//! `walk` folds values and notes calls, `rules` tell what they mean; `inspect` does so for
//! texts inside of texts.

mod blocks;
mod facts;
mod inspect;
mod lang;
mod lex;
mod manifests;
mod names;
mod pom;
mod quotes;
mod rules;
mod small;
mod strings;
mod value;
mod walk;

use std::collections::BTreeSet;

use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Analyzer, Descriptor, File, Package, descriptor};

pub(crate) use walk::is_asked;
pub(crate) use walk::{ordinary as walk_ordinary, pointed_at as walk_pointed_at};

/// Largest file that is read, in bytes. Beyond it the file is a problem.
const READ_LIMIT: u64 = 64 << 20;

/// The analyzer.
#[derive(Debug, Default)]
pub struct Sources;

impl Analyzer for Sources {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "sources",
        description: "Finds hostile Ruby, PHP, Go, Rust, Java, C#, C, Lua and Perl code",
        rules: rules::RULES,
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        let mut report = Report::default();
        let mut small = small::Small::default();
        let installs = manifests::Installs::of(package);
        for file in package.files() {
            let project = pom::is_project(file);
            let lang = match lang::language(file) {
                Some(lang) => lang,
                None if project => lang::Lang::Kotlin,
                None => continue,
            };
            let Some(mut text) = report.analysis.read_text(file, READ_LIMIT) else {
                continue;
            };
            let mut unit = lang::unit(file.path(), lang, installs.runs(file.path(), lang));
            if project {
                let Some(code) = pom::scripts(&text) else {
                    continue;
                };
                text = code;
                unit = pom::unit();
            }
            let inspection = inspect::inspect(&text, unit);
            small.note(&inspection.hits);
            report.add(file, &text, inspection);
            small.keep(file, &text, unit);
        }
        small.inspect(&mut report);
        Ok(report.analysis)
    }
}

/// What is found, file by file.
#[derive(Default)]
struct Report {
    analysis: Analysis,
    capabilities: BTreeSet<&'static str>,
}

impl Report {
    fn add(&mut self, file: File<'_>, text: &str, inspection: inspect::Inspection) {
        if inspection.hits.is_empty() && inspection.problems.is_empty() {
            return;
        }
        let source = Source::new(text);
        for hit in inspection.hits {
            // What a package is able to do is said once.
            if rules::is_capability(hit.rule.id) && !self.capabilities.insert(hit.rule.id) {
                continue;
            }
            self.analysis.push(hit.at(file, &source));
        }
        let problems: BTreeSet<String> = inspection.problems.into_iter().collect();
        for problem in problems {
            self.analysis.problem(file, problem);
        }
    }
}

/// Analyses a text in the language of a file's extension, for fuzzing and benchmarks:
/// findings and problems, counted.
pub fn count(text: &str, extension: &str) -> (usize, usize) {
    use lang::Lang;
    let lang = match extension {
        "rb" => Lang::Ruby,
        "php" => Lang::Php,
        "go" => Lang::Go,
        "rs" => Lang::Rust,
        "java" => Lang::Java,
        "kt" => Lang::Kotlin,
        "cs" => Lang::CSharp,
        "c" => Lang::C,
        "lua" => Lang::Lua,
        _ => Lang::Perl,
    };
    let inspection = inspect::inspect(text, inspect::plain_unit(lang));
    (inspection.hits.len(), inspection.problems.len())
}

packguard_sdk::export_analyzer!(Sources);
