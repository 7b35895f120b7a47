//! Rust: cargo for wasm32-wasip2, whose linker makes the component.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use packguard_guest_build::{TARGET, shared_flags};
use serde::Deserialize;
use tokio::process::Command;

use super::{Options, failed, tool};
use crate::failure::{self, Failure, at, environment};
use crate::project::Project;

/// A line of cargo's `--message-format=json`, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Builds the project and says where cargo left the component.
pub(super) async fn build(project: &Project, options: Options) -> Result<PathBuf, Failure> {
    let cargo = tool::CARGO.require()?;
    // Asking takes as long as an idle build: only before the first one, and after one that failed.
    if !project.component().exists() {
        require_target().await?;
    }
    let offline = options.offline || everything_is_here(&cargo, project).await;
    let mut command = cargo_in(&cargo, project);
    // `rustc`, not `build`: a flag for this crate alone can only be given there.
    command.args(["rustc", "--lib", "--quiet", "--release", "--target", TARGET]);
    command.arg("--message-format=json-render-diagnostics");
    if offline {
        command.arg("--offline");
    }
    let root = project.root.display();
    command.args(["--", &format!("--remap-path-prefix={root}=/packguard")]);
    // Not `output`, which would take standard error too: the compiler speaks for itself.
    let running = command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(at(&cargo))?;
    let output = running.wait_with_output().await.map_err(at(&cargo))?;
    if !output.status.success() {
        require_target().await?;
        return Err(failed("cargo"));
    }
    built(project, &output.stdout).ok_or_else(|| {
        failure::project(
            "cargo built no component",
            "Cargo.toml needs [lib] with crate-type = [\"cdylib\"]",
        )
    })
}

/// Whether a build needs no network: cargo then does not ask the registry for anything.
async fn everything_is_here(cargo: &Path, project: &Project) -> bool {
    let mut command = cargo_in(cargo, project);
    command.args(["fetch", "--quiet", "--offline", "--target", TARGET]);
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    status.is_ok_and(|status| status.success())
}

/// Cargo in the project's folder, without the flags of whatever started this process, so that the
/// same sources give the same component.
fn cargo_in(cargo: &Path, project: &Project) -> Command {
    let mut command = Command::new(cargo);
    command.current_dir(&project.root).kill_on_drop(true);
    for outer in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CARGO_MAKEFLAGS",
    ] {
        command.env_remove(outer);
    }
    super::without_secrets(&mut command);
    command
        .env("RUSTFLAGS", shared_flags())
        .stdin(Stdio::null());
    command
}

/// The component among what cargo says that it made.
fn built(project: &Project, said: &[u8]) -> Option<PathBuf> {
    let manifest = project.root.join("Cargo.toml").canonicalize().ok()?;
    let mut messages = said
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    messages
        .find(|message| {
            message.reason == "compiler-artifact"
                && message.manifest_path.canonicalize().ok().as_ref() == Some(&manifest)
                && message.filenames.iter().any(|file| is_component(file))
        })?
        .filenames
        .into_iter()
        .find(|file| is_component(file))
}

fn is_component(file: &Path) -> bool {
    file.extension()
        .is_some_and(|extension| extension == "wasm")
}

async fn require_target() -> Result<(), Failure> {
    let rustc = tool::RUSTC.require()?;
    if tool::has_target(&rustc).await {
        return Ok(());
    }
    Err(environment(
        format!("Rust's target {TARGET} is not installed"),
        format!("run: {}", tool::INSTALL_TARGET),
    ))
}
