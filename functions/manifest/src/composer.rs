//! Composer: scripts, plugins, files loaded by themselves.

use packguard_sdk::text::{Source, cut};
use packguard_sdk::{Analysis, Category, Confidence, Package, Phase, Rule, Severity};
use serde_json::{Map, Value};

use crate::hook::{Hook, Place, grade};
use crate::top::{MANIFEST_LIMIT, find};

/// Scripts of composer.json.
pub const SCRIPT: Rule = Rule {
    id: "composer-script",
    title: "composer.json has install or update scripts",
    help: "Composer runs them where this package is the root project, not where it is a dependency.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// A plugin runs inside Composer.
pub const PLUGIN: Rule = Rule {
    id: "composer-plugin",
    title: "The package is a Composer plugin",
    help: "Its code runs inside Composer while packages are installed, once the user allows it.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// Files loaded with every request.
pub const AUTOLOAD_FILES: Rule = Rule {
    id: "composer-autoload-files",
    title: "The package loads files by itself",
    help: "`autoload.files` are executed whenever the project's autoloader is, even if nothing of the package is used. Common for helper functions.",
    category: Category::Capability,
    severity: Severity::Info,
    attack: &[],
};

/// Events that fire while packages are installed or updated.
fn is_event(name: &str) -> bool {
    (name.starts_with("pre-") || name.starts_with("post-"))
        && [
            "install",
            "update",
            "autoload-dump",
            "create-project",
            "root-package",
            "package",
        ]
        .iter()
        .any(|part| name.contains(part))
}

/// Looks at composer.json.
pub fn look(package: &Package, analysis: &mut Analysis) {
    let is_composer = matches!(package.ecosystem(), "composer" | "generic");
    for file in package.top_files(|path| path == "composer.json") {
        if !is_composer {
            continue;
        }
        let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
            continue;
        };
        let manifest: Map<String, Value> = match serde_json::from_str(&text) {
            Ok(manifest) => manifest,
            Err(error) => {
                analysis.problem(file, format!("composer.json is not valid: {error}"));
                continue;
            }
        };
        let source = Source::new(&text);
        if manifest.get("type").and_then(Value::as_str) == Some("composer-plugin") {
            let finding = PLUGIN
                .at(
                    file,
                    &source,
                    find(&text, 0, "composer-plugin"),
                    Confidence::High,
                )
                .phase(Phase::Install);
            analysis.push(finding);
        }
        if manifest
            .get("autoload")
            .and_then(|autoload| autoload.get("files"))
            .is_some()
        {
            let finding = AUTOLOAD_FILES
                .at(file, &source, find(&text, 0, "\"files\""), Confidence::High)
                .phase(Phase::Import);
            analysis.push(finding);
        }
        let Some(Value::Object(scripts)) = manifest.get("scripts") else {
            continue;
        };
        for (name, commands) in scripts.iter().filter(|(name, _)| is_event(name)) {
            let range = find(&text, 0, &format!("\"{name}\""));
            let listed = match commands {
                Value::Array(list) => list.as_slice(),
                one => std::slice::from_ref(one),
            };
            for command in listed.iter().filter_map(Value::as_str) {
                let finding = SCRIPT
                    .at(file, &source, range.clone(), Confidence::High)
                    .title(format!("{name}: {}", cut(command, 160)))
                    .phase(Phase::Install);
                analysis.push(finding);
                let hook = Hook {
                    file,
                    source: &source,
                    place: Place::At(range.clone()),
                    phase: Phase::Install,
                    lower: 1,
                    what: name,
                };
                grade(&hook, command, analysis);
            }
        }
    }
}
