//! Builds every analyzer below `functions/` for wasm32-wasip2 and embeds it with its
//! digest.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use sha2::{Digest as _, Sha256};

const TARGET: &str = "wasm32-wasip2";

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let root = here.ancestors().nth(2).expect("functions/bundle is two levels down");
    let functions = functions(root);
    for watched in ["functions", "sdk/guest", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    require_target();
    let built = build(root, &target_folder(&out), &functions);
    embed(&out, &functions, &built);
}

/// Names of the analyzers: each folder of `functions/` but this one.
fn functions(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root.join("functions")).expect("functions/ is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("a readable folder"))
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().into_string().expect("a plain name"))
        .filter(|name| name != "bundle")
        .collect();
    names.sort();
    names
}

fn require_target() {
    let rustc = env::var_os("RUSTC").expect("cargo sets it");
    let asked = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let libdir = asked.ok().filter(|output| output.status.success());
    let libdir = libdir.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    if !libdir.is_some_and(|path| path.exists()) {
        println!("cargo::error=Rust's target {TARGET} is missing. Run: rustup target add {TARGET}");
        std::process::exit(1);
    }
}

/// A target folder of their own, beside the host's: cargo holds a lock on that one.
fn target_folder(out: &Path) -> PathBuf {
    // OUT_DIR is <target>/<profile>/build/<package>-<hash>/out.
    let target = out.ancestors().nth(4).expect("cargo's own layout");
    target.join("guests")
}

fn build(root: &Path, target: &Path, functions: &[String]) -> PathBuf {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let mut command = Command::new(env::var_os("CARGO").expect("cargo sets it"));
    command.current_dir(root).args(["build", "--quiet", "--profile", "guest", "--target", TARGET]);
    command.arg("--target-dir").arg(target);
    for name in functions {
        command.args(["-p", &format!("packguard-{name}")]);
    }
    // The outer build's flags (clippy, a fuzzer's sanitizer) are not for guests.
    for outer in ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"] {
        command.env_remove(outer);
    }
    // The same source must give the same digest wherever it is built.
    let mut flags = format!("--remap-path-prefix={}=/packguard", root.display());
    if let Some(home) = home {
        write!(flags, " --remap-path-prefix={}=/cargo", home.display()).expect("a string takes all");
    }
    command.env("RUSTFLAGS", flags);
    let status = command.status().expect("cargo runs");
    if !status.success() {
        println!("cargo::error=the analyzers did not build: see above");
        std::process::exit(1);
    }
    target.join(TARGET).join("guest")
}

fn embed(out: &Path, functions: &[String], built: &Path) {
    let mut code = String::from("&[\n");
    for name in functions {
        let file = format!("packguard_{name}.wasm");
        let bytes = fs::read(built.join(&file)).expect("cargo built it");
        fs::write(out.join(&file), &bytes).expect("OUT_DIR is writable");
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(
            code,
            "    Bundled {{ name: {name:?}, digest: {digest:?}, bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\")) }},"
        )
        .expect("a string takes all");
    }
    code.push_str("]\n");
    fs::write(out.join("bundled.rs"), code).expect("OUT_DIR is writable");
}
