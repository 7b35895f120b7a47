//! Cargo: build scripts, procedural macros, dependencies from git.

use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Category, Confidence, File, Package, Phase, Rule, Severity};
use toml::{Table, Value};

use crate::code::grade_strings;
use crate::hook::{Hook, Place};
use crate::top::{MANIFEST_LIMIT, find};

/// A build script runs when the crate is compiled.
pub const BUILD_SCRIPT: Rule = Rule {
    id: "cargo-build-script",
    title: "The crate runs a build script",
    help: "Cargo compiles and runs the build script before the crate, with the rights of the user. Common and mostly honest (code generation, C libraries).",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// The build script uses the network.
pub const BUILD_NETWORK: Rule = Rule {
    id: "cargo-build-network",
    title: "The build script uses the network",
    help: "Some crates fetch prebuilt libraries while they are built; what arrives is not part of the crate.\n\nCheck where it comes from and whether a checksum is verified.",
    category: Category::InstallHook,
    severity: Severity::Low,
    attack: &["T1105"],
};

/// The build script starts a shell or download tool.
pub const BUILD_SHELL: Rule = Rule {
    id: "cargo-build-shell",
    title: "The build script starts a shell or a download tool",
    help: "Build scripts start compilers and code generators; a shell or `curl` can do anything else as well.\n\nRead the command.",
    category: Category::InstallHook,
    severity: Severity::Low,
    attack: &["T1059"],
};

/// Runs inside the compiler.
pub const PROC_MACRO: Rule = Rule {
    id: "cargo-proc-macro",
    title: "The crate is a procedural macro",
    help: "Its code runs inside the compiler of whoever uses it, with the rights of the user. Common and mostly honest.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// A dependency from git.
pub const GIT_DEPENDENCY: Rule = Rule {
    id: "cargo-git-dependency",
    title: "A dependency comes from git, not the registry",
    help: "A published crate can't normally have one. Its content can change at any time.",
    category: Category::SupplyChain,
    severity: Severity::Low,
    attack: &["T1195.001"],
};

/// Code that opens connections.
const NETWORK: &[&str] = &[
    "TcpStream",
    "UdpSocket",
    "reqwest::",
    "ureq::",
    "attohttpc::",
    "minreq::",
    "isahc::",
    "hyper::",
    "curl::easy",
    "surf::",
];

/// Programs that run or fetch anything.
const SHELLS: &[&str] = &[
    "sh",
    "bash",
    "zsh",
    "cmd",
    "cmd.exe",
    "powershell",
    "powershell.exe",
    "pwsh",
    "curl",
    "wget",
    "nc",
    "ncat",
    "osascript",
    "mshta",
    "certutil",
];

/// Looks at crates' manifests and build scripts.
pub fn look(package: &Package, analysis: &mut Analysis) {
    for file in package.top_files(|path| path == "Cargo.toml") {
        let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
            continue;
        };
        match text.parse::<Table>() {
            Ok(manifest) => crate_manifest(package, file, &text, &manifest, analysis),
            Err(error) if matches!(package.ecosystem(), "cargo" | "generic") => {
                analysis.problem(
                    file,
                    format!("Cargo.toml is not valid: {}", error.message()),
                );
            }
            Err(_) => {}
        }
    }
}

fn crate_manifest(
    package: &Package,
    file: File<'_>,
    text: &str,
    manifest: &Table,
    analysis: &mut Analysis,
) {
    let source = Source::new(text);
    let section = manifest.get("package").or_else(|| manifest.get("project"));
    let build = section.and_then(|section| section.get("build"));
    let script = match build {
        Some(Value::Boolean(false)) => None,
        Some(Value::String(path)) => Some(path.trim_start_matches("./")),
        _ => Some("build.rs"),
    };
    if let Some(script) = script {
        let top = file.path().strip_suffix("Cargo.toml").unwrap_or_default();
        let path = format!("{top}{script}");
        let found = package
            .all_files()
            .find(|other| other.entry.artifact == file.entry.artifact && other.path() == path);
        if let Some(script) = found {
            build_script(script, analysis);
        }
    }
    let is_macro = |lib: &Value| {
        ["proc-macro", "proc_macro"]
            .iter()
            .any(|key| lib.get(key).and_then(Value::as_bool) == Some(true))
    };
    if manifest.get("lib").is_some_and(is_macro) {
        let finding = PROC_MACRO
            .at(file, &source, find(text, 0, "proc-macro"), Confidence::High)
            .phase(Phase::Install);
        analysis.push(finding);
    }
    for section in ["dependencies", "build-dependencies"] {
        let Some(Value::Table(dependencies)) = manifest.get(section) else {
            continue;
        };
        for (name, _) in dependencies
            .iter()
            .filter(|(_, dependency)| dependency.get("git").is_some())
        {
            let finding = GIT_DEPENDENCY
                .at(file, &source, find(text, 0, name), Confidence::High)
                .title(format!("{name} comes from git"));
            analysis.push(finding);
        }
    }
}

fn build_script(file: File<'_>, analysis: &mut Analysis) {
    let script = BUILD_SCRIPT
        .at_file(file, Confidence::High)
        .phase(Phase::Install);
    analysis.push(script);
    let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
        return;
    };
    let source = Source::new(&text);
    if let Some(word) = NETWORK.iter().find(|word| text.contains(**word)) {
        let finding = BUILD_NETWORK
            .at(file, &source, find(&text, 0, word), Confidence::Medium)
            .phase(Phase::Install);
        analysis.push(finding);
    }
    for shell in SHELLS {
        let range = find(&text, 0, &format!("Command::new(\"{shell}\")"));
        if !range.is_empty() {
            let fetches = matches!(
                *shell,
                "curl" | "wget" | "nc" | "ncat" | "mshta" | "certutil" | "osascript"
            );
            let finding = BUILD_SHELL
                .at(file, &source, range, Confidence::Medium)
                .severity(if fetches {
                    Severity::Medium
                } else {
                    Severity::Low
                })
                .title(format!("The build script starts {shell}"))
                .phase(Phase::Install);
            analysis.push(finding);
        }
    }
    let hook = Hook {
        file,
        source: &source,
        place: Place::From(0),
        phase: Phase::Install,
        lower: 0,
        what: "The build script",
    };
    grade_strings(&hook, &text, "//", &['"'], analysis);
}
