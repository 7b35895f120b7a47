//! Go: generator commands and flags handed to the C compiler and linker.

use packguard_sdk::text::{Source, cut, decode};
use packguard_sdk::{Analysis, Category, Confidence, File, Package, Phase, Rule, Severity, glob};

use crate::hook::{Hook, Place, grade};

/// Commands for `go generate`.
pub const GENERATE: Rule = Rule {
    id: "golang-generate",
    title: "The module has go:generate commands",
    help: "`go generate` runs them when a developer of the module asks for it; building or installing does not.",
    category: Category::Capability,
    severity: Severity::Info,
    attack: &[],
};

/// Odd cgo flags.
pub const CGO_FLAG: Rule = Rule {
    id: "golang-cgo-flag",
    title: "A cgo flag loads code into the compiler or linker",
    help: "`#cgo` flags that load plugins make the C compiler or linker run code during the build. Go refuses most of them by default.\n\nFind out why the module asks for it.",
    category: Category::InstallHook,
    severity: Severity::Medium,
    attack: &["T1127"],
};

/// Flags that make compilers and linkers run code.
const FLAGS: &[&str] = &[
    "-fplugin", "-plugin", "-B/", "-wrapper", "-specs=", "-Xclang", "-load",
];

/// Largest Go file looked at, in bytes.
const FILE_LIMIT: u64 = 16 << 20;

/// Looks at comments in Go files that are commands.
pub fn look(package: &Package, analysis: &mut Analysis) {
    if !matches!(package.ecosystem(), "golang" | "generic") {
        return;
    }
    for file in package.glob(glob::sources("golang")) {
        let Some(bytes) = analysis.read(file, FILE_LIMIT) else {
            continue;
        };
        if memchr::memmem::find(&bytes, b"//go:generate").is_some()
            || memchr::memmem::find(&bytes, b"#cgo").is_some()
        {
            go_file(file, &decode(&bytes), analysis);
        }
    }
}

fn go_file(file: File<'_>, text: &str, analysis: &mut Analysis) {
    let source = Source::new(text);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        if let Some(command) = line.strip_prefix("//go:generate ") {
            let finding = GENERATE
                .at(file, &source, range.clone(), Confidence::High)
                .title(format!("go:generate {}", cut(command.trim(), 160)));
            analysis.push(finding);
            let hook = Hook {
                file,
                source: &source,
                place: Place::At(range.clone()),
                phase: Phase::Execute,
                lower: 2,
                what: "go:generate",
            };
            grade(&hook, command, analysis);
        }
        let flags = line.trim_start().trim_start_matches("//").trim_start();
        if flags.starts_with("#cgo")
            && flags
                .split_whitespace()
                .any(|flag| FLAGS.iter().any(|odd| flag.starts_with(odd)))
        {
            let finding = CGO_FLAG
                .at(file, &source, range, Confidence::Medium)
                .title(cut(flags.trim(), 160))
                .phase(Phase::Install);
            analysis.push(finding);
        }
    }
}
