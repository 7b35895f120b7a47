//! NuGet: install scripts and build files that MSBuild imports.

use packguard_sdk::text::{Source, cut};
use packguard_sdk::{Analysis, Category, Confidence, File, Package, Phase, Rule, Severity};
use roxmltree::{Document, Node, ParsingOptions};

use crate::hook::{Hook, Place, grade};
use crate::top::MANIFEST_LIMIT;

/// PowerShell that Visual Studio runs.
pub const INSTALL_SCRIPT: Rule = Rule {
    id: "nuget-install-script",
    title: "The package brings a PowerShell script for its installation",
    help: "Visual Studio runs `tools/init.ps1` (and, for older projects, `install.ps1`) of packages. Rare today.\n\nRead the script.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1059.001"],
};

/// Tasks that run in the consumer's build.
pub const BUILD_TASK: Rule = Rule {
    id: "nuget-build-task",
    title: "The package runs tasks in the build of who uses it",
    help: "MSBuild imports `.targets` and `.props` files below `build/`; their `Exec` tasks and inline code run in every build of the consuming project. Common for code generators.\n\nRead the command.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1127.001"],
};

/// Most XML nodes read from one build file.
const NODES_LIMIT: u32 = 200_000;

/// Looks at scripts and build files.
pub fn look(package: &Package, analysis: &mut Analysis) {
    if !matches!(package.ecosystem(), "nuget" | "generic") {
        return;
    }
    // Copies too: one placed before the real one must not hide it.
    for file in package.all_files() {
        let path = file.path().to_ascii_lowercase();
        let name = path.rsplit('/').next().unwrap_or_default();
        if matches!(name, "init.ps1" | "install.ps1" | "uninstall.ps1")
            && path.split('/').rev().nth(1) == Some("tools")
        {
            install_script(file, analysis);
        }
        let imported = path.split('/').any(|folder| {
            matches!(
                folder,
                "build" | "buildtransitive" | "buildmultitargeting" | "buildcrosstargeting"
            )
        });
        if (name.ends_with(".targets") || name.ends_with(".props"))
            && (imported || package.ecosystem() == "nuget")
        {
            build_file(file, imported, analysis);
        }
    }
}

fn install_script(file: File<'_>, analysis: &mut Analysis) {
    let finding = INSTALL_SCRIPT
        .at_file(file, Confidence::High)
        .phase(Phase::Install);
    analysis.push(finding);
    let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
        return;
    };
    let source = Source::new(&text);
    let hook = Hook {
        file,
        source: &source,
        place: Place::From(0),
        phase: Phase::Install,
        lower: 0,
        what: file.name(),
    };
    grade(&hook, &text, analysis);
}

fn build_file(file: File<'_>, imported: bool, analysis: &mut Analysis) {
    let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
        return;
    };
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: NODES_LIMIT,
        ..ParsingOptions::default()
    };
    let document = match Document::parse_with_options(&text, options) {
        Ok(document) => document,
        Err(error) => {
            if imported {
                analysis.problem(file, format!("not valid XML: {error}"));
            }
            return;
        }
    };
    let source = Source::new(&text);
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        let command = match name {
            "Exec" => node.attribute("Command").unwrap_or_default(),
            "Code" => node.text().unwrap_or_default(),
            "PreBuildEvent" | "PostBuildEvent" => node.text().unwrap_or_default(),
            _ => continue,
        };
        let finding = BUILD_TASK
            .at(file, &source, node.range(), Confidence::High)
            .severity(if name == "Code" {
                Severity::Low
            } else {
                Severity::Info
            })
            .title(format!("{name} task: {}", cut(command.trim(), 160)))
            .phase(Phase::Install);
        analysis.push(finding);
        let hook = Hook {
            file,
            source: &source,
            place: Place::At(node.range()),
            phase: Phase::Install,
            lower: 0,
            what: "A build task",
        };
        grade(&hook, command, analysis);
    }
}
