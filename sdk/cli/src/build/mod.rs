//! From sources to a component, with the tools of each language.

mod rust;
pub(crate) mod scripted;
pub mod tool;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use packguard_platform::output::write_atomically;
use tokio::process::Command;

use crate::cli::ComponentArgs;
use crate::failure::{Failure, at, project};
use crate::project::{FILE, Language, Project, no_links};
use crate::server::login;

/// Folders of a project that hold nothing that is built from.
pub(crate) const NOT_SOURCES: [&str; 8] = [
    "target",
    "dist",
    "node_modules",
    "samples",
    "__pycache__",
    ".venv",
    ".git",
    "venv",
];

/// What the code of a project, which its build may run, has no business with: the server's API key,
/// and where the signing key stands.
const SECRETS: [&str; 2] = [login::KEY, "PACKGUARD_SDK_KEY"];

/// How to build.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Use no network, even where something is missing.
    pub offline: bool,
}

/// Builds the project's component, and says where it is. What the compiler says goes to standard
/// error as it says it.
///
/// # Errors
/// When a tool is missing, or the build fails.
pub async fn build(project: &Project, options: Options) -> Result<PathBuf, Failure> {
    let target = project.component();
    no_links(&project.root, &target)?;
    match project.manifest.language {
        Language::Rust => {
            let built = rust::build(project, options).await?;
            install(&built, &target)?;
        }
        Language::Python | Language::Javascript => {
            if is_fresh(project, &target) {
                return Ok(target);
            }
            let folder = target.parent().unwrap_or(&project.root);
            std::fs::create_dir_all(folder).map_err(at(folder))?;
            // Whole or not at all: the tools write as they go.
            let unfinished = tempfile::Builder::new()
                .prefix(".building-")
                .tempdir_in(folder)
                .map_err(at(folder))?;
            let built = unfinished.path().join("component.wasm");
            scripted::build(project, options, &built).await?;
            install(&built, &target)?;
        }
    }
    Ok(target)
}

/// The component that a command is about: the one that was named, or the project's, built anew.
///
/// # Errors
/// As [`build`].
pub async fn component(
    project: Option<&Project>,
    args: &ComponentArgs,
) -> Result<PathBuf, Failure> {
    match (&args.component, project) {
        (Some(path), _) => Ok(path.clone()),
        (None, Some(project)) => build(project, Options::default()).await,
        (None, None) => build(&Project::here()?, Options::default()).await,
    }
}

fn install(built: &Path, target: &Path) -> Result<(), Failure> {
    let bytes = std::fs::read(built).map_err(at(built))?;
    // A component that is the same keeps its time.
    if std::fs::read(target).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(at(folder))?;
    write_atomically(target, &bytes).map_err(at(target))
}

/// Whether the component is newer than all that it is built from. Interpreters take seconds to
/// be put into a component, and their tools do not look.
fn is_fresh(project: &Project, component: &Path) -> bool {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified());
    let Ok(built) = modified(component) else {
        return false;
    };
    let mut folders = vec![project.root.clone()];
    folders.extend(scripted::sdk_sources(project));
    folders
        .iter()
        .all(|folder| newest(folder).is_some_and(|source| source < built))
}

/// When something in `folder` was last changed; `None` where that can't be told. The time of a
/// folder inside tells of what was deleted there. That of `folder` itself does not count: builds
/// make `dist` in it.
fn newest(folder: &Path) -> Option<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()? {
            let entry = entry.ok()?;
            let found = entry.metadata().ok()?;
            let name = entry.file_name();
            if NOT_SOURCES.iter().any(|skipped| name == *skipped) {
                continue;
            }
            newest = newest.max(found.modified().ok()?);
            if found.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Some(newest)
}

/// Keeps [`SECRETS`] from a tool of a build.
fn without_secrets(command: &mut Command) {
    for name in SECRETS {
        command.env_remove(name);
    }
}

/// Runs a tool of a build, whose words go to standard error: standard output is data.
async fn run(mut command: Command, tool: &Path, failure: Failure) -> Result<(), Failure> {
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .kill_on_drop(true)
        .status()
        .await
        .map_err(at(tool))?;
    status.success().then_some(()).ok_or(failure)
}

/// The build of a language failed; its tool said why.
fn failed(tool: &str) -> Failure {
    project(
        format!("the build failed: {tool} says why above"),
        format!("correct it and start again; {FILE} says what is built"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path, paths: &[&str]) {
        for path in paths {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
    }

    #[tokio::test]
    async fn a_component_that_is_a_link_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        let manifest = "[function]\nname = \"a\"\nversion = \"0.1.0\"\nlanguage = \"rust\"\n";
        files(folder.path(), &["project/dist/x", "elsewhere"]);
        std::fs::write(root.join(FILE), manifest).unwrap();
        let project = Project::around(&root).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), project.component()).unwrap();
        let failure = build(&project, Options::default()).await.unwrap_err();
        let said = failure.message;
        assert!(said.ends_with("dist/a.wasm is a symbolic link"), "{said}");
    }

    #[test]
    fn what_was_changed_and_deleted_is_seen_and_what_was_built_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        files(
            root,
            &["analyzer.py", "rules/a.py", "rules/b.py", "dist/a.wasm"],
        );
        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let age = |path: &str| {
            let file = std::fs::File::open(root.join(path)).unwrap();
            file.set_modified(long_ago).unwrap();
        };
        for path in ["analyzer.py", "rules/a.py", "rules/b.py", "rules"] {
            age(path);
        }
        assert_eq!(newest(root), Some(long_ago));
        std::fs::remove_file(root.join("rules/b.py")).unwrap();
        assert!(newest(root).unwrap() > long_ago);
    }
}
