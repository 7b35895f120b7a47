//! Builds every analyzer below `functions/` and embeds it with its digest.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a build script has nobody to answer to but cargo"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use sha2::{Digest as _, Sha256};

fn main() {
    // Read when it runs: checkouts that share a target folder share this program.
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let root = here
        .ancestors()
        .nth(2)
        .expect("functions/bundle is two levels down");
    for watched in ["functions", "sdk/guest", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let names = functions(root);
    let packages: Vec<String> = names
        .iter()
        .map(|name| format!("packguard-{name}"))
        .collect();
    match packguard_guest_build::build(root, &packages) {
        Ok(built) => embed(&out, &names, &built),
        Err(error) => {
            println!("cargo::error={error}");
            process::exit(1);
        }
    }
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

fn embed(out: &Path, names: &[String], built: &[PathBuf]) {
    let mut code = String::from("&[\n");
    for (name, built) in names.iter().zip(built) {
        let bytes = fs::read(built).expect("cargo built it");
        fs::write(out.join(format!("{name}.wasm")), &bytes).expect("OUT_DIR is writable");
        let digest: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(
            code,
            "    Bundled {{ name: {name:?}, digest: {digest:?}, bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\")) }},"
        )
        .expect("a string takes all");
    }
    code.push_str("]\n");
    fs::write(out.join("bundled.rs"), code).expect("OUT_DIR is writable");
}
