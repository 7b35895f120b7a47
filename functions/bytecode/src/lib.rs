//! Follows data through the bytecode of Java classes and .NET assemblies.

mod asar;
mod conclude;
mod dotnet;
mod facts;
mod java;
mod labels;
mod machine;
mod meaning;
mod read;
mod rules;
mod scene;
mod scripts;
mod summaries;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use packguard_sdk::{Analysis, Analyzer, Confidence, Descriptor, File, Package, descriptor};

use conclude::Found;
use facts::{Deed, Facts};
use machine::Machine;
use summaries::Summaries;

/// Largest file that is followed, in bytes.
const FILE_LIMIT: u64 = 64 << 20;
/// Classes are followed even if they name nothing that matters, up to so many bytes.
const ALL_LIMIT: u64 = 2 << 20;
/// Bytes of classes and assemblies of one package that are followed.
const PACKAGE_LIMIT: u64 = 256 << 20;
/// Instructions that are followed in one package.
const STEPS_LIMIT: usize = 60_000_000;
/// What tells the formats apart.
const HEAD: usize = 16;

/// The analyzer.
#[derive(Debug, Default)]
pub struct Bytecode;

impl Analyzer for Bytecode {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "bytecode",
        description: "Follows data through the bytecode of Java classes and .NET assemblies",
        rules: rules::RULES,
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        let mut analysis = Analysis::default();
        let mut sorted = Sorted::default();
        let mut head = Vec::new();
        for file in package.files() {
            if let Err(error) = file.read_head_into(HEAD, &mut head) {
                analysis.problem(file, format!("can't be read: {error}"));
                continue;
            }
            if java::is_class(&head) {
                sorted.classes.push(file);
            } else if dotnet::may_be_assembly(&head) {
                sorted.programs.push(file);
            } else if asar::is_archive(file, &head) {
                asar::look(file, &mut analysis);
            }
        }
        scripts::look(package, &mut analysis);
        let mut run = Run::default();
        run.classes(&sorted.classes, &mut analysis);
        for file in sorted.programs {
            run.assembly(file, &mut analysis);
        }
        run.capabilities(&mut analysis);
        Ok(analysis)
    }
}

/// The files of a package that hold bytecode.
#[derive(Debug, Default)]
struct Sorted<'a> {
    classes: Vec<File<'a>>,
    programs: Vec<File<'a>>,
}

/// One package.
#[derive(Debug, Default)]
struct Run<'a> {
    machine: Machine,
    summaries: Summaries,
    steps: usize,
    bytes: u64,
    /// The first file that does each thing.
    able: BTreeMap<Deed, File<'a>>,
}

impl<'a> Run<'a> {
    /// All classes of the package: once or twice to learn what fields and methods hold, and
    /// once more to note what is done. Of a small package all classes are followed, and
    /// data from class to class; of a large one those that name what matters, each with
    /// its nested ones: over thousands of classes everything would flow everywhere.
    fn classes(&mut self, files: &[File<'a>], analysis: &mut Analysis) {
        let total: u64 = files.iter().map(File::size).sum();
        let small = total <= ALL_LIMIT;
        let mut units: BTreeMap<String, Vec<File<'a>>> = BTreeMap::new();
        let mut obfuscated = false;
        for file in files {
            let Some(bytes) = self.take(*file, analysis) else {
                continue;
            };
            let glance = java::glance(&bytes);
            if glance.broken {
                analysis.problem(*file, "breaks the format of class files");
            }
            if let Some(tool) = glance.obfuscator.filter(|_| !obfuscated) {
                obfuscated = true;
                analysis.push(obfuscation(*file, tool));
            }
            if glance.telling || small {
                let unit = unit_of(file.entry.artifact, file.path());
                units.entry(unit).or_default().push(*file);
            }
        }
        if small {
            for _ in 0..2 {
                for files in units.values() {
                    self.round(files, None);
                }
            }
        }
        for files in units.values() {
            if self.steps > STEPS_LIMIT {
                analysis.general_problem("more bytecode than is followed");
                break;
            }
            if !small {
                self.summaries = Summaries::default();
                self.round(files, None);
            }
            let mut facts = Facts::default();
            self.round(files, Some(&mut facts));
            if let [file, ..] = files.as_slice() {
                self.report(*file, &facts, analysis);
            }
        }
        self.summaries = Summaries::default();
    }

    /// Follows the classes of a unit; deeds are noted where there is something to note
    /// them in.
    fn round(&mut self, files: &[File<'a>], facts: Option<&mut Facts>) {
        let noting = facts.is_some();
        let mut ignored = Facts::default();
        let facts = facts.unwrap_or(&mut ignored);
        for file in files {
            // What can't be read was a problem before.
            if self.steps <= STEPS_LIMIT
                && let Ok(bytes) = file.read()
            {
                let (machine, summaries) = (&mut self.machine, &mut self.summaries);
                self.steps += java::follow(&bytes, machine, summaries, facts, noting);
            }
        }
    }

    /// The content of a file, within the limits.
    fn take(&mut self, file: File<'a>, analysis: &mut Analysis) -> Option<Vec<u8>> {
        self.bytes = self.bytes.saturating_add(file.size());
        if self.bytes > PACKAGE_LIMIT || self.steps > STEPS_LIMIT {
            analysis.problem(file, "more bytecode than is followed");
            return None;
        }
        analysis.read(file, FILE_LIMIT)
    }

    fn assembly(&mut self, file: File<'a>, analysis: &mut Analysis) {
        // Most PE files are none: the head tells.
        match file.read_head(4_096) {
            Ok(head) if dotnet::has_metadata(&head) => {}
            _ => return,
        }
        let Some(bytes) = self.take(file, analysis) else {
            return;
        };
        let mut units = BTreeMap::new();
        let outcome = dotnet::follow(
            &bytes,
            file.path(),
            &mut self.machine,
            &mut self.summaries,
            &mut units,
            STEPS_LIMIT.saturating_sub(self.steps),
        );
        let Some(outcome) = outcome else {
            return;
        };
        self.steps += outcome.steps;
        if let Some(problem) = outcome.problem {
            analysis.problem(file, problem);
        }
        if let Some(tool) = outcome.obfuscator {
            analysis.push(obfuscation(file, tool));
        }
        for facts in units.values() {
            self.report(file, facts, analysis);
        }
    }

    fn report(&mut self, file: File<'a>, facts: &Facts, analysis: &mut Analysis) {
        for done in &facts.done {
            self.able.entry(done.deed).or_insert(file);
        }
        if facts.cut {
            analysis.problem(file, "does or says more than is kept");
        }
        for found in conclude::conclude(facts) {
            analysis.push(finding(file, found));
        }
    }

    fn capabilities(self, analysis: &mut Analysis) {
        let words: Vec<&str> = self
            .able
            .keys()
            .filter_map(|deed| match deed {
                Deed::Execute => Some("starts programs"),
                Deed::Load | Deed::LoadFrom => Some("loads code"),
                Deed::LoadLibrary => Some("loads native libraries"),
                Deed::Eval => Some("runs scripts"),
                Deed::Fetch | Deed::Connect | Deed::Send => Some("uses the network"),
                Deed::Write => Some("writes files"),
                Deed::Delete => Some("deletes files"),
                Deed::Registry => Some("writes the registry"),
                Deed::Reflect => Some("calls by reflection"),
                Deed::ReadClipboard | Deed::WriteClipboard => Some("uses the clipboard"),
                Deed::Capture => Some("captures the screen"),
                _ => None,
            })
            .collect();
        let mut words = words;
        words.dedup();
        if let (Some(file), false) = (self.able.values().next(), words.is_empty()) {
            let finding = rules::CAPABILITIES.at_file(*file, Confidence::High);
            analysis.push(finding.title(format!("Bytecode {}", words.join(", "))));
        }
    }
}

fn obfuscation(file: File<'_>, tool: &str) -> packguard_sdk::Finding {
    rules::OBFUSCATED
        .at_file(file, Confidence::High)
        .title(format!(
            "The bytecode bears the mark of an obfuscator: {tool}"
        ))
}

/// Nested classes belong to the one around them.
fn unit_of(artifact: u32, path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.strip_suffix(".class").unwrap_or(name);
    let outer = match stem.split_once('$') {
        Some((outer, _)) if !outer.is_empty() => outer,
        _ => stem,
    };
    format!("{artifact}/{folder}/{outer}")
}

fn finding(file: File<'_>, found: Found) -> packguard_sdk::Finding {
    let finding = found
        .rule
        .at_file(file, found.confidence)
        .severity(found.severity)
        .phase(found.phase)
        .title(found.title)
        .why(found.why);
    match found.text {
        Some(text) => finding.decoded("constant", &text),
        None => finding,
    }
}

packguard_sdk::export_analyzer!(Bytecode);
