//! The programs that builds need: where they are, and what installs them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::failure::{Failure, environment};

/// Longest answer to `--version`: a shim may have to start an interpreter.
const ANSWER: Duration = Duration::from_secs(20);

/// A program that is needed.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name on `PATH`.
    pub name: &'static str,
    /// The command that installs it.
    pub install: &'static str,
}

/// Installs Rust's tools; the address is that of rustup's own documentation.
const RUSTUP: &str = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh";

/// Builds Rust.
pub const CARGO: Tool = Tool {
    name: "cargo",
    install: RUSTUP,
};

/// Compiles Rust.
pub const RUSTC: Tool = Tool {
    name: "rustc",
    install: RUSTUP,
};

/// Makes the environment that componentize-py is installed into.
pub const PYTHON: Tool = Tool {
    name: "python3",
    install: "sudo apt-get install python3 python3-venv",
};

/// Runs jco.
pub const NODE: Tool = Tool {
    name: "node",
    install: "sudo apt-get install nodejs npm",
};

/// Installs the target that components are compiled for.
pub const INSTALL_TARGET: &str = "rustup target add wasm32-wasip2";

impl Tool {
    /// Where it is on `PATH`.
    pub fn find(&self) -> Option<PathBuf> {
        std::env::split_paths(&std::env::var_os("PATH")?)
            .map(|folder| folder.join(self.name))
            .find(|path| is_program(path))
    }

    /// Where it is.
    ///
    /// # Errors
    /// When it is nowhere; the hint is the command that installs it.
    pub fn require(&self) -> Result<PathBuf, Failure> {
        self.find().ok_or_else(|| {
            environment(
                format!("{} is not installed", self.name),
                format!("run: {}", self.install),
            )
        })
    }
}

/// What `program` answers to `arguments`, in one line; `None` where it does not answer.
pub async fn ask(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(ANSWER, command.output())
        .await
        .ok()?
        .ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().next().unwrap_or_default().trim();
    output
        .status
        .success()
        .then(|| packguard_platform::output::line(line))
}

/// Whether rustc has what components are compiled for.
pub async fn has_target(rustc: &Path) -> bool {
    let asked = [
        "--print",
        "target-libdir",
        "--target",
        packguard_guest_build::TARGET,
    ];
    ask(rustc, &asked)
        .await
        .is_some_and(|folder| Path::new(&folder).is_dir())
}

pub(crate) fn is_program(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
