//! Builds guests for wasm32-wasip2 from a build script, with a nested cargo.
//!
//! The same source gives the same bytes wherever it is built: paths of the machine are
//! mapped away and the outer build's flags are left out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt};

/// Rust's name of what components are built for.
pub const TARGET: &str = "wasm32-wasip2";

/// Why guests were not built. Printed as `cargo::error`, it is what a developer sees.
#[derive(Debug)]
pub struct BuildError(String);

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Builds `packages` of the workspace at `root` and says where each component is, in
/// the same order.
///
/// # Errors
/// When the wasm32-wasip2 target is missing, or cargo failed (its own words are on
/// standard error).
pub fn build(root: &Path, packages: &[String]) -> Result<Vec<PathBuf>, BuildError> {
    require_target()?;
    let target = target_folder()?;
    let mut command = Command::new(variable("CARGO")?);
    command
        .current_dir(root)
        .args(["build", "--quiet", "--profile", "guest", "--target", TARGET]);
    command.arg("--target-dir").arg(&target);
    for package in packages {
        command.args(["-p", package]);
    }
    // The outer build's flags (clippy, a fuzzer's sanitizer) are not for guests.
    for outer in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "CARGO_MAKEFLAGS",
    ] {
        command.env_remove(outer);
    }
    let status = command.env("RUSTFLAGS", path_flags(root)).status();
    if !status.is_ok_and(|status| status.success()) {
        return Err(BuildError("the guests did not build: see above".into()));
    }
    let built = target.join(TARGET).join("guest");
    Ok(packages
        .iter()
        .map(|package| built.join(format!("{}.wasm", package.replace('-', "_"))))
        .collect())
}

fn variable(name: &str) -> Result<PathBuf, BuildError> {
    let missing = || BuildError(format!("{name} is not set: call this from a build script"));
    env::var_os(name).map(PathBuf::from).ok_or_else(missing)
}

fn require_target() -> Result<(), BuildError> {
    let asked = Command::new(variable("RUSTC")?)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let there = asked.is_ok_and(|output| {
        output.status.success()
            && Path::new(String::from_utf8_lossy(&output.stdout).trim()).exists()
    });
    let hint = || {
        BuildError(format!(
            "Rust's target {TARGET} is missing. Run: rustup target add {TARGET}"
        ))
    };
    there.then_some(()).ok_or_else(hint)
}

/// A target folder of the guests' own, beside the host's: cargo holds a lock on that one.
fn target_folder() -> Result<PathBuf, BuildError> {
    // OUT_DIR is <target>/<profile>/build/<package>-<hash>/out; with --target, one more.
    let out = variable("OUT_DIR")?;
    let profile = out.ancestors().nth(3).unwrap_or(&out);
    let above = profile.parent().unwrap_or(profile);
    let is_target = |path: &Path| path.join("CACHEDIR.TAG").exists();
    let target = if is_target(above) {
        above
    } else {
        above.parent().unwrap_or(above)
    };
    Ok(target.join("guests"))
}

fn path_flags(root: &Path) -> String {
    format!(
        "{FEATURES} --remap-path-prefix={}=/packguard{}",
        root.display(),
        home_flag()
    )
}

/// `RUSTFLAGS` that hold nothing of the machine's paths and nothing of one project: what several
/// projects depend on is built once in a target folder that they share.
pub fn shared_flags() -> String {
    format!("{FEATURES}{}", home_flag())
}

/// What every sandbox can run.
const FEATURES: &str = "-Ctarget-feature=+simd128";

fn home_flag() -> String {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    home.map_or_else(String::new, |home| {
        format!(" --remap-path-prefix={}=/cargo", home.display())
    })
}
