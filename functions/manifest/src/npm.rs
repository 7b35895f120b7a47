//! npm: lifecycle scripts and commands.

use packguard_sdk::text::{Source, cut};
use packguard_sdk::{Analysis, Category, Confidence, File, Package, Phase, Rule, Severity};
use serde_json::{Map, Value};

use crate::hook::{Hook, Place, grade};
use crate::registry::Registry;
use crate::top::{MANIFEST_LIMIT, find, shadows};
use crate::{history, npm_deps, npm_gyp, npm_registry, program};

/// A lifecycle script runs at install.
pub const INSTALL_SCRIPT: Rule = Rule {
    id: "npm-install-script",
    title: "The package runs a script when it is installed",
    help: "`package.json` has a lifecycle script that npm runs by itself. Most are honest (native builds, banners); most npm malware runs this way too.\n\nRead the script, or install with `--ignore-scripts`.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// A command of the package takes a well-known name.
pub const COMMAND_SHADOW: Rule = Rule {
    id: "npm-command-shadow",
    title: "The package installs a command under a well-known name",
    help: "`bin` installs a command that users and scripts know as another program (`git`, `node`). Who types that name afterwards may run the package's code.\n\nCheck that the package has a reason for it.",
    category: Category::SupplyChain,
    severity: Severity::Medium,
    attack: &["T1574.007"],
};

/// Scripts that run when the package is installed as a dependency.
pub const INSTALL_HOOKS: &[&str] = &["preinstall", "install", "postinstall"];

/// Scripts that run when it is installed from git or a folder, or uninstalled.
const RARE_HOOKS: &[&str] = &[
    "preprepare",
    "prepare",
    "postprepare",
    "prepublish",
    "preuninstall",
    "uninstall",
    "postuninstall",
];

/// Looks at every package.json and binding.gyp.
pub fn look(package: &Package, analysis: &mut Analysis) {
    let manifests = package.top_files(|path| path == "package.json");
    let registry = Registry::of(package).filter(|_| package.ecosystem() == "npm");
    let mut read_artifacts = Vec::new();
    for file in &manifests {
        if let Some(builds) = top_manifest(package, *file, registry.as_ref(), analysis) {
            read_artifacts.push((file.entry.artifact, builds));
        }
    }
    for file in package.top_files(|path| path == "binding.gyp") {
        let scripted = read_artifacts
            .iter()
            .find(|(artifact, _)| *artifact == file.entry.artifact);
        if let Some((_, scripted)) = scripted {
            npm_gyp::look(file, *scripted, analysis);
        }
    }
    for file in package.files() {
        let is_top = || {
            manifests
                .iter()
                .any(|top| top.path() == file.path() && top.entry.artifact == file.entry.artifact)
        };
        if file.name() == "package.json" && !is_top() {
            nested_manifest(file, analysis);
        }
    }
}

/// Looks at the manifest npm reads. Says whether it has an install script of its own.
fn top_manifest(
    package: &Package,
    file: File<'_>,
    registry: Option<&Registry>,
    analysis: &mut Analysis,
) -> Option<bool> {
    let text = analysis.read_text(file, MANIFEST_LIMIT)?;
    let manifest: Map<String, Value> = match serde_json::from_str(&text) {
        Ok(manifest) => manifest,
        Err(error) => {
            // A package.json of another ecosystem's package is data, not a manifest.
            if matches!(package.ecosystem(), "npm" | "generic") {
                analysis.problem(file, format!("package.json is not valid: {error}"));
            }
            return None;
        }
    };
    let is_npm = matches!(package.ecosystem(), "npm" | "generic");
    let lower = if is_npm { 0 } else { 2 };
    let source = Source::new(&text);
    let scripted = scripts(file, &source, &manifest, lower, true, analysis);
    if is_npm {
        inflated(file, &source, &manifest, scripted, analysis);
        npm_deps::look(file, &source, &manifest, analysis);
        commands(package, file, &source, &manifest, analysis);
    }
    if let Some(registry) = registry {
        npm_registry::confusion(file, &source, &manifest, registry, analysis);
    }
    Some(scripted)
}

/// A number as dependency confusion uses it; with a script at install, the whole attack.
fn inflated(
    file: File<'_>,
    source: &Source<'_>,
    manifest: &Map<String, Value>,
    scripted: bool,
    analysis: &mut Analysis,
) {
    let version = manifest.get("version").and_then(Value::as_str);
    if let Some(version) = version.filter(|version| history::is_inflated(version)) {
        let hooks = manifest.get("scripts").and_then(Value::as_object);
        let hooked = scripted || hooks.is_some_and(|hooks| hooks.contains_key("postinstall"));
        let finding = history::INFLATED
            .at(
                file,
                source,
                find(source.text(), 0, version),
                Confidence::Medium,
            )
            .severity(if hooked {
                Severity::Medium
            } else {
                Severity::Low
            })
            .title(format!(
                "The version {version} beats any other of this name"
            ));
        analysis.push(finding);
    }
}

/// Manifests further down: bundled dependencies run their scripts too, others don't.
fn nested_manifest(file: File<'_>, analysis: &mut Analysis) {
    // Of others, nothing reads them: broken ones are fixtures, huge ones are data.
    let bundled = file.path().contains("node_modules/");
    if !bundled && file.size() > MANIFEST_LIMIT {
        return;
    }
    let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
        return;
    };
    if !text.contains("install") {
        return;
    }
    match serde_json::from_str::<Map<String, Value>>(&text) {
        Ok(manifest) => {
            let lower = if bundled { 1 } else { 3 };
            scripts(file, &Source::new(&text), &manifest, lower, false, analysis);
        }
        Err(error) if bundled => {
            analysis.problem(file, format!("package.json is not valid: {error}"));
        }
        Err(_) => {}
    }
}

/// Grades the lifecycle scripts. Says whether one runs at every install.
fn scripts(
    file: File<'_>,
    source: &Source<'_>,
    manifest: &Map<String, Value>,
    lower: u8,
    report: bool,
    analysis: &mut Analysis,
) -> bool {
    let Some(Value::Object(scripts)) = manifest.get("scripts") else {
        return false;
    };
    let section = find(source.text(), 0, "\"scripts\"").end;
    let mut at_install = false;
    for (name, command) in scripts {
        let Value::String(command) = command else {
            continue;
        };
        let always = INSTALL_HOOKS.contains(&name.as_str());
        if !always && !RARE_HOOKS.contains(&name.as_str()) {
            continue;
        }
        at_install |= always && name != "postinstall";
        let range = find(source.text(), section, &format!("\"{name}\""));
        if always && report {
            let finding = INSTALL_SCRIPT
                .at(file, source, range.clone(), Confidence::High)
                .title(format!("{name} runs at install: {}", cut(command, 160)))
                .why("npm runs it by itself, before anybody has looked at the code.")
                .phase(Phase::Install);
            analysis.push(finding);
        }
        let hook = Hook {
            file,
            source,
            place: Place::At(range),
            phase: if always {
                Phase::Install
            } else {
                Phase::Execute
            },
            lower: lower + u8::from(!always),
            what: name,
        };
        grade(&hook, command, analysis);
        program::look(&hook, command, analysis);
    }
    at_install
}

fn commands(
    package: &Package,
    file: File<'_>,
    source: &Source<'_>,
    manifest: &Map<String, Value>,
    analysis: &mut Analysis,
) {
    let Some(Value::Object(bin)) = manifest.get("bin") else {
        return;
    };
    for command in bin.keys().filter(|command| shadows(command, package)) {
        let finding = COMMAND_SHADOW
            .at(
                file,
                source,
                find(source.text(), 0, &format!("\"{command}\"")),
                Confidence::Medium,
            )
            .title(format!("The package installs a command called {command}"));
        analysis.push(finding);
    }
}
