//! A folder to work in, and the `sdk` command in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use packguard_tests::{cache, sdk};
use regex_lite::Regex;

/// A folder to work in; it goes when this is dropped.
pub struct Shell(pub tempfile::TempDir);

impl Shell {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a project made by `sdk new`. Names differ from test to test: they share a folder of
    /// built components.
    pub fn with_project(name: &str) -> (Self, Project) {
        let shell = Self::new();
        let output = shell.run(shell.0.path(), &["new", name, "--lang", "rust"]);
        assert_eq!(code(&output), 0, "{}", said(&output));
        let root = shell.0.path().join(name);
        (shell, Project { root })
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(sdk());
        surroundings(&mut command);
        command.args(arguments).current_dir(folder);
        command
    }

    pub fn run(&self, folder: &Path, arguments: &[&str]) -> Output {
        let output = self.command(folder, arguments).output().unwrap();
        let text = said(&output);
        assert!(!text.contains("panicked"), "{text}");
        output
    }

    /// What a person reads, without what differs from machine to machine and run to run.
    pub fn shown(&self, output: &Output) -> String {
        let mut text = format!(
            "exit code {}\n--- stdout\n{}--- stderr\n{}",
            code(output),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let here = self.0.path().canonicalize().unwrap();
        for path in [here.as_path(), self.0.path()] {
            text = text.replace(&path.display().to_string(), "HERE");
        }
        let text = text.replace(&checkout().display().to_string(), "CHECKOUT");
        settled(&text)
    }
}

/// A text without what differs from run to run.
pub fn settled(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, put) in [
        (r"[0-9a-f]{64}", "DIGEST"),
        (r"\d+(\.\d+)? (µs|ms|s)\b", "TIME"),
        (r"\d+(\.\d+)? (B|[KM]iB)", "SIZE"),
        (r"[\d,]*\d fuel", "N fuel"),
    ] {
        let found = Regex::new(pattern).unwrap();
        text = found.replace_all(&text, put).into_owned();
    }
    text
}

/// The variables that `sdk`, and whatever starts it, is given.
pub fn surroundings(command: &mut Command) {
    command
        .env_remove("RUSTFLAGS")
        // `cargo test` sets it; a project names its own.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env("CARGO_TERM_COLOR", "never")
        .env("NO_COLOR", "1")
        // What the generated projects depend on is built once for all of them.
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk"),
        )
        .env("PACKGUARD_CACHE_DIR", cache())
        .env("PACKGUARD_SDK_PATH", checkout());
    // Nobody's settings of the day.
    for name in ["PACKGUARD_URL", "PACKGUARD_API_KEY", "PACKGUARD_SDK_KEY"] {
        command.env_remove(name);
    }
    // The servers of these tests, and no other: cargo may need one.
    command.env("NO_PROXY", "127.0.0.1");
}

/// The checkout whose SDK the projects use: this one, unless `PACKGUARD_SDK_PATH` says otherwise.
pub fn checkout() -> PathBuf {
    match std::env::var_os("PACKGUARD_SDK_PATH") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .unwrap()
            .to_owned(),
    }
}

/// A project made by `sdk new`.
pub struct Project {
    pub root: PathBuf,
}

impl Project {
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let path = self.root.join(path);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

pub fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}
