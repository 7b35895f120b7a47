//! Python: setup.py, build backends, requirements by URL, commands.

use packguard_sdk::indicators::scan;
use packguard_sdk::text::{Source, cut};
use packguard_sdk::{Analysis, Category, Confidence, File, Package, Phase, Rule, Severity};
use toml::{Table, Value};

use crate::pypi_backend;
use crate::top::{MANIFEST_LIMIT, find, shadows};

/// setup.py runs at install from source.
pub const SETUP_PY: Rule = Rule {
    id: "pypi-setup-py",
    title: "setup.py runs when the package is installed from source",
    help: "pip executes `setup.py` of a source distribution to learn its metadata and to build it. Common; its code is looked at by the Python analyzer.\n\nPrefer wheels (`--only-binary :all:`) where nothing has to be built.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// The package builds itself.
pub const IN_TREE_BACKEND: Rule = Rule {
    id: "pypi-in-tree-backend",
    title: "The package brings its own build backend",
    help: "`backend-path` in `pyproject.toml` makes pip run code of the package itself to build it. Build tools do it to build themselves.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// A backend we don't know.
pub const UNKNOWN_BACKEND: Rule = Rule {
    id: "pypi-unknown-backend",
    title: "The package is built by an uncommon build backend",
    help: "pip downloads and runs the build backend that `pyproject.toml` names; this one is not among the common ones.",
    category: Category::InstallHook,
    severity: Severity::Info,
    attack: &["T1204.005"],
};

/// A requirement by URL.
pub const URL_DEPENDENCY: Rule = Rule {
    id: "pypi-url-dependency",
    title: "A dependency comes from a URL, not the index",
    help: "The requirement names a URL (`name @ https://…`): no index, no scanning, and the content can change at any time.\n\nDepend on a published version.",
    category: Category::SupplyChain,
    severity: Severity::Low,
    attack: &["T1195.001"],
};

/// A requirement by an unprotected or hostile URL.
pub const HTTP_DEPENDENCY: Rule = Rule {
    id: "pypi-http-dependency",
    title: "A dependency is fetched over an unprotected connection or from an odd host",
    help: "The requirement's URL is plain `http:`, or names a bare address, tunnel or paste site; whoever controls it or stands on the way decides what is installed.\n\nDo not install without looking at what is served.",
    category: Category::SupplyChain,
    severity: Severity::Medium,
    attack: &["T1195.001", "T1557"],
};

/// A command of the package takes a well-known name.
pub const COMMAND_SHADOW: Rule = Rule {
    id: "pypi-command-shadow",
    title: "The package installs a command under a well-known name",
    help: "An entry point installs a command that users and scripts know as another program (`git`, `pip`). Who types that name afterwards may run the package's code.\n\nCheck that the package has a reason for it.",
    category: Category::SupplyChain,
    severity: Severity::Medium,
    attack: &["T1574.007"],
};

/// Modules of build backends in common use, without the part after the last known dot.
const BACKENDS: &[&str] = &[
    "setuptools",
    "flit_core",
    "flit",
    "flit_scm",
    "hatchling",
    "poetry",
    "poetry_dynamic_versioning",
    "pdm",
    "maturin",
    "scikit_build_core",
    "skbuild",
    "mesonpy",
    "whey",
    "jupyter_packaging",
    "uv_build",
    "uv",
    "sipbuild",
    "pbr",
    "enscons",
    "pyproject_hooks",
    "hatch",
    "trampolim",
    "buildapi",
    "py_build_cmake",
    "versioningit",
    "dunamai",
];

/// Looks at what pip reads and runs.
pub fn look(package: &Package, analysis: &mut Analysis) {
    if !matches!(package.ecosystem(), "pypi" | "generic") {
        return;
    }
    for file in package.top_files(|path| path == "setup.py") {
        let finding = SETUP_PY
            .at_file(file, Confidence::High)
            .phase(Phase::Install);
        analysis.push(finding);
    }
    for file in package.top_files(|path| path == "pyproject.toml") {
        let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
            continue;
        };
        match text.parse::<Table>() {
            Ok(manifest) => pyproject(package, file, &text, &manifest, analysis),
            Err(error) => analysis.problem(
                file,
                format!("pyproject.toml is not valid: {}", error.message()),
            ),
        }
    }
    let entry_points =
        |path: &str| path == "entry_points.txt" || path.ends_with("-info/entry_points.txt");
    for file in package.top_files(entry_points) {
        let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
            continue;
        };
        let source = Source::new(&text);
        let mut in_scripts = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                in_scripts = matches!(line, "[console_scripts]" | "[gui_scripts]");
            } else if let Some((command, _)) = line.split_once('=').filter(|_| in_scripts) {
                shadow(package, file, &source, command.trim(), analysis);
            }
        }
    }
}

fn shadow(
    package: &Package,
    file: File<'_>,
    source: &Source<'_>,
    command: &str,
    analysis: &mut Analysis,
) {
    if shadows(command, package) {
        let finding = COMMAND_SHADOW
            .at(
                file,
                source,
                find(source.text(), 0, command),
                Confidence::Medium,
            )
            .title(format!("The package installs a command called {command}"));
        analysis.push(finding);
    }
}

fn pyproject(
    package: &Package,
    file: File<'_>,
    text: &str,
    manifest: &Table,
    analysis: &mut Analysis,
) {
    let source = Source::new(text);
    let system = manifest.get("build-system");
    let backend = system
        .and_then(|system| system.get("build-backend"))
        .and_then(Value::as_str);
    if system.is_some_and(|system| system.get("backend-path").is_some()) {
        let finding = IN_TREE_BACKEND
            .at(
                file,
                &source,
                find(text, 0, "backend-path"),
                Confidence::High,
            )
            .phase(Phase::Install);
        analysis.push(finding);
    } else if let Some(backend) = backend
        && !BACKENDS.contains(&backend.split(['.', ':']).next().unwrap_or(backend))
    {
        let finding = UNKNOWN_BACKEND
            .at(
                file,
                &source,
                find(text, 0, "build-backend"),
                Confidence::High,
            )
            .title(format!("The package is built by {}", cut(backend, 80)))
            .phase(Phase::Install);
        analysis.push(finding);
    }
    if let (Some(system), Some(backend)) = (system, backend) {
        pypi_backend::in_tree(package, system, backend, analysis);
        pypi_backend::by_url(file, &source, system, backend, analysis);
    }
    let project = manifest.get("project");
    let lists = [
        system.and_then(|system| system.get("requires")),
        project.and_then(|project| project.get("dependencies")),
    ];
    for requirement in lists
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Value::as_str)
    {
        url_requirement(file, &source, requirement, analysis);
    }
    let scripts = ["scripts", "gui-scripts"]
        .iter()
        .filter_map(|key| project?.get(key)?.as_table());
    for command in scripts.flat_map(Table::keys) {
        shadow(package, file, &source, command, analysis);
    }
}

/// Reports a requirement of the form `name @ url`.
pub fn url_requirement(
    file: File<'_>,
    source: &Source<'_>,
    requirement: &str,
    analysis: &mut Analysis,
) {
    let requirement = requirement.split(';').next().unwrap_or(requirement).trim();
    let Some((_, url)) = requirement.split_once('@') else {
        return;
    };
    let url = url.trim();
    if !url.contains("://") {
        return;
    }
    let hostile = scan(url).iter().any(|found| found.kind.is_hostile_host());
    let plain =
        url.starts_with("http://") || url.starts_with("git+http://") || url.starts_with("git://");
    let (rule, severity) = match (hostile, plain) {
        (true, _) => (&HTTP_DEPENDENCY, Severity::High),
        (_, true) if crate::npm_deps::is_unknown(url) => (&HTTP_DEPENDENCY, Severity::High),
        (_, true) => (&HTTP_DEPENDENCY, Severity::Medium),
        _ => (&URL_DEPENDENCY, Severity::Low),
    };
    let finding = rule
        .at(file, source, find(source.text(), 0, url), Confidence::High)
        .severity(severity)
        .title(format!("Dependency {}", cut(requirement, 160)))
        .phase(Phase::Install);
    analysis.push(finding);
}
