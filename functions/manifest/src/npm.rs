//! npm: lifecycle scripts, binding.gyp, commands, and what the registry was told.

use packguard_sdk::text::{Source, cut};
use packguard_sdk::{Analysis, Category, Confidence, File, Package, Phase, Rule, Severity};
use serde_json::{Map, Value};

use crate::hook::{Hook, Place, grade};
use crate::npm_deps;
use crate::registry::Registry;
use crate::top::{MANIFEST_LIMIT, find, shadows};

/// A lifecycle script runs at install.
pub const INSTALL_SCRIPT: Rule = Rule {
    id: "npm-install-script",
    title: "The package runs a script when it is installed",
    help: "`package.json` has a lifecycle script that npm runs by itself. Most are honest (native builds, banners); most npm malware runs this way too.\n\nRead the script, or install with `--ignore-scripts`.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// npm builds it because binding.gyp stands there.
pub const IMPLICIT_GYP: Rule = Rule {
    id: "npm-implicit-gyp",
    title: "npm builds the package because binding.gyp is there",
    help: "With a `binding.gyp` and no install script of its own, npm runs `node-gyp rebuild` at install: the build description is executed although `package.json` shows no script.\n\nNormal for native addons.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// A command expansion in binding.gyp.
pub const GYP_COMMAND: Rule = Rule {
    id: "npm-gyp-command",
    title: "binding.gyp runs a command when it is read",
    help: "`<!(command)` in `binding.gyp` is executed while node-gyp reads the file, at install. Honest addons ask `node -p` for include folders or `pkg-config` for flags; a script that is run with its output thrown away is there for its side effects.\n\nRead the command and the script it starts.",
    category: Category::InstallHook,
    severity: Severity::High,
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

/// package.json and the registry disagree.
pub const CONFUSION: Rule = Rule {
    id: "npm-manifest-confusion",
    title: "package.json contradicts the registry's manifest",
    help: "The registry stores a manifest apart from the archive and does not compare them. Install scripts and dependencies that stand only in the archive are run and installed, yet no page and no audit shows them.\n\nTrust the archive's `package.json`, and ask why they differ.",
    category: Category::Metadata,
    severity: Severity::High,
    attack: &["T1036"],
};

/// Scripts that run when the package is installed as a dependency.
const INSTALL_HOOKS: &[&str] = &["preinstall", "install", "postinstall"];

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
            gyp(file, *scripted, analysis);
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
        npm_deps::look(file, &source, &manifest, analysis);
        commands(package, file, &source, &manifest, analysis);
    }
    if let Some(registry) = registry {
        confusion(file, &source, &manifest, registry, analysis);
    }
    Some(scripted)
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

/// Compares package.json with what the registry was told.
fn confusion(
    file: File<'_>,
    source: &Source<'_>,
    manifest: &Map<String, Value>,
    registry: &Registry,
    analysis: &mut Analysis,
) {
    let mut report = |severity, title: String, key: &str| {
        let finding = CONFUSION
            .at(
                file,
                source,
                find(source.text(), 0, &format!("\"{key}\"")),
                Confidence::High,
            )
            .severity(severity)
            .title(title)
            .why("npm installs by the archive; pages and audits show the registry's manifest.");
        analysis.push(finding);
    };
    for (key, told) in [("name", &registry.name), ("version", &registry.version)] {
        let stands = manifest.get(key).and_then(Value::as_str);
        if let (Some(stands), Some(told)) = (stands, told)
            && stands.trim().trim_start_matches(['v', '=']) != told.trim_start_matches(['v', '='])
        {
            report(
                Severity::Medium,
                format!("package.json says {key} {stands}, the registry says {told}"),
                key,
            );
        }
    }
    if let (Some(told), Some(Value::Object(scripts))) = (&registry.scripts, manifest.get("scripts"))
    {
        for name in INSTALL_HOOKS {
            let stands = scripts.get(*name).and_then(Value::as_str);
            let known = told.get(*name).and_then(Value::as_str);
            if let Some(stands) =
                stands.filter(|stands| !stands.trim().is_empty() && known != Some(*stands))
            {
                report(
                    Severity::High,
                    format!(
                        "{name} is not what the registry lists: {}",
                        cut(stands, 120)
                    ),
                    name,
                );
            }
        }
    }
    let Some(told) = &registry.dependencies else {
        return;
    };
    for section in ["dependencies", "optionalDependencies"] {
        let Some(Value::Object(names)) = manifest.get(section) else {
            continue;
        };
        for name in names
            .keys()
            .filter(|name| !told.iter().any(|known| known.name == **name))
        {
            report(
                Severity::High,
                format!("{name} is a dependency in package.json but not in the registry"),
                name,
            );
        }
    }
}

/// Programs whose answers binding.gyp files ask for.
const GYP_ORDINARY: &[&str] = &[
    "node",
    "python",
    "python2",
    "python3",
    "pkg-config",
    "echo",
    "uname",
    "which",
    "pwd",
    "node-gyp",
    "xcrun",
    "xcode-select",
    "sw_vers",
    "brew",
    "llvm-config",
    "cmake-js",
    "arch",
];

fn gyp(file: File<'_>, scripted: bool, analysis: &mut Analysis) {
    let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
        return;
    };
    let source = Source::new(&text);
    if !scripted {
        let finding = IMPLICIT_GYP
            .at_file(file, Confidence::High)
            .phase(Phase::Install);
        analysis.push(finding);
    }
    for (range, command) in expansions(&text) {
        let hook = Hook {
            file,
            source: &source,
            place: Place::From(range.start),
            phase: Phase::Install,
            lower: 0,
            what: "binding.gyp",
        };
        let graded = grade(&hook, command, analysis);
        if let Some(severity) = gyp_severity(command).filter(|_| !graded) {
            let finding = GYP_COMMAND
                .at(file, &source, range, Confidence::Medium)
                .severity(severity)
                .title(format!("binding.gyp runs: {}", cut(command, 120)))
                .phase(Phase::Install);
            analysis.push(finding);
        }
    }
}

/// How odd a command is whose output binding.gyp wants.
fn gyp_severity(command: &str) -> Option<Severity> {
    let silent =
        command.contains("/dev/null") || command.contains(">nul") || command.contains("> nul");
    let mut words = command.split_whitespace();
    let program = words
        .next()
        .unwrap_or_default()
        .trim_matches(['"', '\'', '\\']);
    let program = program.rsplit('/').next().unwrap_or(program);
    let script = words.next().is_some_and(|first| {
        !first.starts_with('-') && first.trim_matches(['"', '\'', '\\']).ends_with("js")
    });
    match (program, script) {
        ("node", true) if silent => Some(Severity::High),
        _ if !GYP_ORDINARY.contains(&program) => Some(Severity::Low),
        _ => None,
    }
}

/// The commands of `<!(…)` and `<!@(…)`, with where they stand.
fn expansions(text: &str) -> Vec<(std::ops::Range<usize>, &str)> {
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(text.as_bytes(), "<!") {
        let rest = &text[at + 2..];
        let rest = rest.strip_prefix('@').unwrap_or(rest);
        let Some(inner) = rest.strip_prefix('(') else {
            continue;
        };
        let start = text.len() - inner.len();
        let mut open = 1_usize;
        let end = inner.bytes().take(16_384).position(|byte| {
            open = match byte {
                b'(' => open + 1,
                b')' => open - 1,
                _ => open,
            };
            open == 0
        });
        if let Some(end) = end {
            found.push((start..start + end, &inner[..end]));
        }
    }
    found
}
