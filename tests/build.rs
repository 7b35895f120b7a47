//! Builds the guests that the suites claim; one that no suite claims is an error.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script has nobody to answer to but cargo"
)]

use std::path::PathBuf;
use std::{env, fs, process};

/// Every folder of `tests/guests/`.
const GUESTS: [&str; 4] = ["empty", "fickle", "hostile", "talker"];

fn main() {
    // Read when it runs: checkouts that share a target folder share this program.
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = here.parent().expect("tests/ is in the workspace");
    for watched in [
        "tests/guests",
        "sdk/guest",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    for entry in fs::read_dir(here.join("guests")).expect("tests/guests is there") {
        let name = entry.expect("a readable folder").file_name();
        assert!(
            GUESTS.iter().any(|guest| name == *guest),
            "no suite claims the guest {name:?}"
        );
    }
    let packages = GUESTS.map(|name| format!("packguard-guest-{name}"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    match packguard_guest_build::build(root, &packages) {
        Ok(built) => {
            for (name, built) in GUESTS.iter().zip(built) {
                fs::copy(built, out.join(format!("{name}.wasm"))).expect("OUT_DIR is writable");
            }
        }
        Err(error) => {
            println!("cargo::error={error}");
            process::exit(1);
        }
    }
}
