//! Building guests, and the pipeline that runs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use packguard_functions::BUNDLED;
use packguard_runtime::report::{PackageInfo, Report};
use packguard_runtime::{
    ArchiveLimits, Component, Input, InputArtifact, Integrity, Limits, Pipeline, Runtime,
    RuntimeConfig, Source,
};
use tokio_util::sync::CancellationToken;

/// A language and the example that shows it.
#[derive(Debug, Clone, Copy)]
pub struct Language {
    /// As in `packguard.toml`.
    pub name: &'static str,
    /// Its SDK, from the workspace's root.
    pub sdk: &'static str,
    /// The example in it.
    pub example: &'static str,
}

pub const PYTHON: Language = Language {
    name: "python",
    sdk: "sdk/python",
    example: "hidden-address",
};

pub const JAVASCRIPT: Language = Language {
    name: "javascript",
    sdk: "sdk/js",
    example: "install-address",
};

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

impl Language {
    /// The folder of the example.
    pub fn example(self) -> PathBuf {
        root().join(self.sdk).join("examples").join(self.example)
    }

    /// Builds a project through the SDK's script.
    pub fn build(self, project: &Path) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("component.wasm");
        let script = root().join(self.sdk).join("build");
        succeed(Command::new(script).arg(project).arg(&component));
        std::fs::read(component).unwrap()
    }
}

/// Runs a command that has to succeed; what it said is on standard error.
pub fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The runtime and one guest.
pub struct Lab {
    pub runtime: Runtime,
    pub guest: Component,
    frame: Vec<Component>,
}

impl Lab {
    pub async fn new(component: Vec<u8>) -> Self {
        let runtime = Runtime::new(RuntimeConfig {
            slots: 2,
            ..RuntimeConfig::default()
        })
        .unwrap();
        let guest = runtime.load(component).await.unwrap();
        let mut frame = vec![guest.clone()];
        for one in BUNDLED {
            if matches!(one.name, "unpack" | "judge") {
                frame.push(runtime.load_embedded(one.bytes, one.digest).await.unwrap());
            }
        }
        Self {
            runtime,
            guest,
            frame,
        }
    }

    /// Runs the guest over a folder, within the limits of production.
    pub async fn folder(&self, package: PackageInfo, folder: PathBuf) -> Report {
        let pipeline = Pipeline::new(
            self.runtime.clone(),
            &self.frame,
            Limits::default(),
            ArchiveLimits::default(),
        );
        let input = Input {
            package,
            artifacts: vec![InputArtifact {
                filename: "package".into(),
                source: Source::Folder(folder),
                integrity: Integrity::Unknown,
            }],
            ..Input::default()
        };
        let work = tempfile::tempdir().unwrap();
        let cancel = CancellationToken::new();
        pipeline
            .unwrap()
            .run(input, work.path(), &cancel)
            .await
            .unwrap()
    }
}

/// Copies a sample's package, decoding what is stored as `NAME.b64`.
pub fn unpack(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            unpack(&entry.path(), &to.join(name));
        } else if let Some(name) = name.strip_suffix(".b64") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let compact: String = text.split_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(compact);
            std::fs::write(to.join(name), bytes.unwrap()).unwrap();
        } else {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}
