//! Looks at compiled code: ELF, PE, Mach-O and WebAssembly files in packages.

mod hidden;
mod kind;
mod marks;
mod rules;
mod started;
mod stream;
mod structure;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;

use packguard_sdk::indicators::Kind as IndicatorKind;
use packguard_sdk::{
    Analysis, Analyzer, Confidence, Descriptor, File, Package, Rule, Severity, descriptor,
};

use kind::Kind;
use marks::Marks;
use stream::{Act, Search};
use structure::Structure;

/// Programs made of scripts are larger than their loader alone, in bytes.
const FILLED: u64 = 1 << 20;

/// The analyzer.
#[derive(Debug, Default)]
pub struct Binaries;

impl Analyzer for Binaries {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "binaries",
        description: "Looks at compiled code: ELF, PE, Mach-O and WebAssembly files",
        rules: rules::RULES,
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        let mut analysis = Analysis::default();
        let mut search = Search::default();
        let mut head = Vec::new();
        let mut census = Census {
            library: is_library(package),
            ..Census::default()
        };
        for file in package.files() {
            let outcome = kind(file, &mut head).and_then(|kind| match kind {
                Some(kind) => binary(file, kind, &mut search, &mut census, &mut analysis),
                None => hidden::look(file, &mut head, &mut analysis),
            });
            if let Err(error) = outcome {
                analysis.problem(file, format!("can't be read: {error}"));
            }
        }
        if census.library {
            started::look(package, &census.binaries, &mut analysis);
        }
        census.report(&mut analysis);
        Ok(analysis)
    }
}

/// What kind of compiled code a file is. Most files are none, and a few bytes tell that.
fn kind(file: File<'_>, head: &mut Vec<u8>) -> io::Result<Option<Kind>> {
    file.read_head_into(kind::HEAD_SHORT, head)?;
    if kind::may_be_pe(head) {
        file.read_head_into(kind::HEAD, head)?;
    }
    Ok(Kind::of(head))
}

/// Whether a package is a library of a language that needs no programs; where the
/// ecosystem is not known, its manifest tells.
fn is_library(package: &Package) -> bool {
    const MANIFESTS: &[&str] = &[
        "package.json",
        "setup.py",
        "pyproject.toml",
        "PKG-INFO",
        "composer.json",
        "Cargo.toml",
        "go.mod",
    ];
    match package.ecosystem() {
        "pypi" | "npm" | "gem" | "composer" | "cargo" | "golang" => true,
        "generic" => {
            let manifest = |path: &str| {
                MANIFESTS.contains(&path)
                    || path.ends_with(".gemspec")
                    || path.ends_with(".dist-info/METADATA")
            };
            !package.top_files(manifest).is_empty()
        }
        _ => false,
    }
}

/// The compiled code of a package as a whole.
#[derive(Debug, Default)]
struct Census<'a> {
    binaries: Vec<File<'a>>,
    kinds: BTreeSet<&'static str>,
    dotnet: Vec<File<'a>>,
    /// Stand-alone programs where none are expected.
    programs: Vec<File<'a>>,
    /// The package is a library of a language that is interpreted or built from source.
    library: bool,
}

impl Census<'_> {
    fn report(self, analysis: &mut Analysis) {
        let kinds: Vec<&str> = self.kinds.into_iter().collect();
        let kinds = kinds.join(", ");
        many(analysis, &rules::NATIVE, &self.binaries, |count| {
            format!("{count} of compiled code ({kinds})")
        });
        many(analysis, &rules::DOTNET, &self.dotnet, |count| {
            format!("{count} of .NET code")
        });
        if self.library {
            many(analysis, &rules::PROGRAM, &self.programs, |count| {
                format!("{count} outside of the folders for commands can be started as a program")
            });
        }
    }
}

/// One finding for many files, at the first.
fn many(
    analysis: &mut Analysis,
    rule: &Rule,
    files: &[File<'_>],
    title: impl FnOnce(&str) -> String,
) {
    if let [first, rest @ ..] = files {
        let count = match rest.len() + 1 {
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        let finding = rule.at_file(*first, Confidence::High);
        analysis.push(finding.title(title(&count)));
    }
}

/// Looks at one binary.
///
/// # Errors
/// What reading says.
fn binary<'a>(
    file: File<'a>,
    kind: Kind,
    search: &mut Search,
    census: &mut Census<'a>,
    analysis: &mut Analysis,
) -> io::Result<()> {
    census.binaries.push(file);
    census.kinds.insert(kind.name());
    if kind::is_disguised(file) {
        let finding = rules::DISGUISED
            .at_file(file, Confidence::High)
            .title(format!("{} code is named {}", kind.name(), file.name()))
            .why("Compiled code under such a name is there to be overlooked.");
        analysis.push(finding);
    }
    let structure = structure::look(&file.entry.location, kind)?;
    if structure.dotnet {
        census.dotnet.push(file);
    }
    if structure.program && !kind::is_place_of_programs(file) {
        census.programs.push(file);
    }
    parts(file, &structure, analysis);
    let found = search.file(file)?;
    acts(file, &found.acts, analysis);
    marks(file, &found.marks, &structure, census.library, analysis);
    for indicator in found.indicators {
        let (severity, what) = meaning(indicator.kind);
        let finding = rules::INDICATOR
            .at_file(file, Confidence::Medium)
            .severity(severity)
            .title(format!("Compiled code names {what}: {}", indicator.text))
            .why("Malware sends its loot to such places, or fetches its orders there.");
        analysis.push(finding);
    }
    Ok(())
}

/// Findings about headers and sections.
fn parts(file: File<'_>, structure: &Structure, analysis: &mut Analysis) {
    if let Some(error) = &structure.malformed {
        let finding = rules::MALFORMED
            .at_file(file, Confidence::Medium)
            .title(format!("The binary breaks its format: {error}"))
            .why("Damaged, cut off, a test file, or made to confuse tools.");
        analysis.push(finding);
    }
    if let Some((reason, certain)) = &structure.packed {
        let confidence = if *certain {
            Confidence::High
        } else {
            Confidence::Medium
        };
        let finding = rules::PACKED
            .at_file(file, confidence)
            .title(format!("The code is packed: {reason}"))
            .why("A packed program can't be looked at before it runs.");
        analysis.push(finding);
    }
    if let Some(name) = &structure.writable_code {
        let finding = rules::WRITABLE_CODE
            .at_file(file, Confidence::High)
            .title(format!("{name} is loaded both writable and executable"));
        analysis.push(finding);
    }
    if let Some(overlay) = structure.overlay {
        let (severity, form) = if overlay.archive {
            (Severity::Low, "an archive or installer")
        } else {
            (Severity::Medium, "no known form")
        };
        let finding = rules::OVERLAY
            .at_file(file, Confidence::Medium)
            .severity(severity)
            .title(format!(
                "{} bytes of {form} after the program's end",
                overlay.size
            ))
            .why("A payload may hide there: no section accounts for it.");
        analysis.push(finding);
    }
}

/// Functions that together tell what a binary does.
const COMBINATIONS: &[(&Rule, &[Act], &str)] = &[
    (
        &rules::INJECTION,
        &[
            Act::AllocateElsewhere,
            Act::WriteElsewhere,
            Act::RunElsewhere,
        ],
        "It can write code into another process and start it there.",
    ),
    (
        &rules::KEYLOGGER,
        &[Act::HookInput, Act::PollKeys, Act::Send],
        "It can record what is typed in other programs and send it away.",
    ),
    (
        &rules::DOWNLOAD_RUN,
        &[Act::DownloadToFile, Act::Start],
        "It can fetch a file and start it: what runs is not in the package.",
    ),
    (
        &rules::MEMORY_PROGRAM,
        &[Act::NamelessFile, Act::RunFile],
        "It can run a program that was never a file.",
    ),
];

fn acts(file: File<'_>, acts: &BTreeSet<Act>, analysis: &mut Analysis) {
    if acts.contains(&Act::Everything) {
        return;
    }
    for (rule, needed, why) in COMBINATIONS {
        if needed.iter().all(|act| acts.contains(act)) {
            analysis.push(rule.at_file(file, Confidence::Medium).why(*why));
        }
    }
}

/// Findings about what the texts are about.
fn marks(
    file: File<'_>,
    marks: &Marks,
    structure: &Structure,
    library: bool,
    analysis: &mut Analysis,
) {
    if let Some(what) = marks.stealer() {
        // Libraries that read cookies for their user are modules of Python on Linux and macOS.
        let module = file.name().contains(".cpython-") && file.extension() == "so";
        let severity = if module && !marks.address {
            Severity::Medium
        } else {
            Severity::High
        };
        analysis.push(
            rules::STEALER
                .at_file(file, Confidence::High)
                .severity(severity)
                .title(format!("Compiled code names {what}")),
        );
    }
    for (seen, rule) in [
        (marks.miner(), &rules::MINER),
        (marks.defences(), &rules::DEFENCES),
        (
            structure.shell_connect && marks.shell() && marks.address,
            &rules::SHELL_CONNECT,
        ),
    ] {
        if seen {
            analysis.push(rule.at_file(file, Confidence::High));
        }
    }
    if let Some((command, hostile)) = &marks.command {
        let severity = if *hostile {
            Severity::High
        } else {
            Severity::Low
        };
        let finding = rules::COMMAND
            .at_file(file, Confidence::Medium)
            .severity(severity);
        analysis.push(finding.decoded("text", command));
    }
    if let Some(tool) = marks.bundle() {
        // A loader without scripts, as the tools themselves ship it, is small.
        let filled = file.size() >= FILLED;
        let severity = if library && filled && !kind::is_place_of_programs(file) {
            Severity::Medium
        } else {
            Severity::Low
        };
        analysis.push(
            rules::BUNDLE
                .at_file(file, Confidence::High)
                .severity(severity)
                .title(format!("{tool} made a program of scripts")),
        );
    }
}

/// How much an indicator in compiled code weighs, and what it is.
fn meaning(kind: IndicatorKind) -> (Severity, &'static str) {
    match kind {
        IndicatorKind::Webhook => (Severity::Medium, "a webhook"),
        IndicatorKind::OutOfBand => (Severity::Medium, "an interaction server"),
        IndicatorKind::Miner => (Severity::Medium, "a mining pool or miner"),
        IndicatorKind::Tunnel => (Severity::Low, "a tunnel"),
        IndicatorKind::PasteOrFileShare => (Severity::Low, "a paste site or file share"),
        IndicatorKind::ChatApi => (Severity::Low, "a chat service"),
        _ => (Severity::Info, "a place"),
    }
}

packguard_sdk::export_analyzer!(Binaries);
