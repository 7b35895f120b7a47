//! Building an analyzer's crate as a component.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Builds the crate at `folder` and reads the component.
///
/// # Errors
/// One line; what cargo and the compiler say went to standard error.
pub(crate) fn component(folder: &Path) -> Result<Vec<u8>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(folder)
        .args(["build", "--quiet", "--release", "--lib"])
        .args([
            "--target",
            "wasm32-wasip2",
            "--message-format",
            "json-render-diagnostics",
        ])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo can't be run: {error}"))?;
    if !built.status.success() {
        return Err(
            "cargo failed, see above; where the target is missing: rustup target add wasm32-wasip2"
                .into(),
        );
    }
    let manifest = folder.join("Cargo.toml");
    let path = find(&String::from_utf8_lossy(&built.stdout), &manifest).ok_or(
        "cargo built no component: Cargo.toml needs `[lib] crate-type = [\"cdylib\", \"rlib\"]`",
    )?;
    std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The `.wasm` that cargo says it made of the crate with this manifest.
fn find(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages
        .filter(|message| {
            message["reason"] == "compiler-artifact"
                && message["manifest_path"]
                    .as_str()
                    .is_some_and(|path| Path::new(path) == manifest)
        })
        .filter_map(|message| message["filenames"].as_array().cloned())
        .flatten()
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_told_from_what_else_cargo_built() {
        let line = |reason: &str, manifest: &str, file: &str| {
            serde_json::json!({"reason": reason, "manifest_path": manifest, "filenames": [file]})
                .to_string()
        };
        let messages = [
            line("compiler-artifact", "/dep/Cargo.toml", "/t/dep.wasm"),
            line("compiler-artifact", "/demo/Cargo.toml", "/t/demo.rlib"),
            "not JSON".into(),
            line("build-finished", "/demo/Cargo.toml", "/t/no.wasm"),
            line("compiler-artifact", "/demo/Cargo.toml", "/t/demo.wasm"),
        ];
        let found = find(&messages.join("\n"), Path::new("/demo/Cargo.toml"));
        assert_eq!(found, Some("/t/demo.wasm".into()));
        assert_eq!(find("", Path::new("/demo/Cargo.toml")), None);
    }
}
