//! What the integration tests and benchmarks share.

pub mod corpus;
pub mod harness;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use packguard_functions::BUNDLED;
use packguard_runtime::report::{PackageInfo, Report};
use packguard_runtime::{
    ArchiveLimits, Component, Input, InputArtifact, Integrity, Limits, Pipeline, PipelineError,
    Runtime, RuntimeConfig, Source,
};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// The `packguard` binary under test: the one that `PACKGUARD_BINARY` names, or built once by
/// cargo for this test run, beside the test.
pub fn packguard() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| binary("packguard", "PACKGUARD_BINARY"))
        .clone()
}

/// The `sdk` binary under test, as [`packguard`]; `SDK_BINARY` names another.
pub fn sdk() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| binary("sdk", "SDK_BINARY")).clone()
}

fn binary(name: &str, given: &str) -> PathBuf {
    if let Some(given) = std::env::var_os(given) {
        return given.into();
    }
    // The whole workspace, as the tests were built: with one package alone, features
    // differ, and its dependencies would be built a second time.
    let built = std::process::Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--workspace", "--bin", name])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.expect("cargo runs").success());
    // <target>/debug/deps/<this test>
    let this = std::env::current_exe().expect("a path");
    let folder = this.ancestors().nth(2).expect("a target folder");
    folder.join(name)
}

/// One compile cache for all tests, beside the binary, so that they compile once.
pub fn cache() -> PathBuf {
    packguard().with_file_name("packguard-test-cache")
}

/// A guest that does nothing.
pub const EMPTY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/empty.wasm"));

/// A guest that does what its version says; `tests/guests/fickle` lists it.
pub const FICKLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fickle.wasm"));

/// A guest that logs and fails as its options say.
pub const TALKER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/talker.wasm"));

/// The empty guest, as this version of this function; both have as many bytes as its own. The
/// fickle one, where that is the name.
pub fn guest(name: &str, version: &str) -> Vec<u8> {
    let (component, own) = match name {
        "fickle" => (FICKLE, "fickle"),
        _ => (EMPTY, "empty"),
    };
    rewritten(component, &[(own, name), ("0.1.0", version)])
}

/// A component with texts in it replaced by others as long.
pub fn rewritten(component: &[u8], changes: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    for (from, to) in changes {
        assert_eq!(from.len(), to.len(), "{from}");
        let places: Vec<usize> = bytes
            .windows(from.len())
            .enumerate()
            .filter(|(_, window)| *window == from.as_bytes())
            .map(|(at, _)| at)
            .collect();
        assert!(!places.is_empty(), "the guest says {from}");
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    bytes
}

/// A guest that attacks its host as its setting `attack` says.
pub const HOSTILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hostile.wasm"));

/// The bundled components, compiled once per test process.
static BUNDLE: OnceCell<(Runtime, Vec<Component>)> = OnceCell::const_new();

/// Compiles the bundled components, once.
pub async fn bundle() -> &'static (Runtime, Vec<Component>) {
    BUNDLE
        .get_or_init(|| async {
            let runtime = Runtime::new(RuntimeConfig::default()).expect("the pool can be reserved");
            let mut components = Vec::new();
            for one in BUNDLED {
                components.push(
                    runtime
                        .load_embedded(one.bytes, one.digest)
                        .await
                        .expect("bundled components load"),
                );
            }
            (runtime, components)
        })
        .await
}

/// A pipeline of the bundled components, with a folder that must be empty afterwards.
pub struct Lab {
    /// Limits of each step.
    pub limits: Limits,
    /// Limits of unpacking.
    pub archive: ArchiveLimits,
    /// Further components.
    pub extra: Vec<&'static [u8]>,
    /// Settings for analyzers.
    pub settings: Vec<(String, String)>,
    /// What the registry says of artifacts.
    pub integrity: Integrity,
    /// Ends what runs.
    pub cancel: CancellationToken,
    /// Where packages are unpacked; empty after each run.
    pub work: tempfile::TempDir,
    /// Where [`Lab::file`] writes.
    pub files: tempfile::TempDir,
}

impl Default for Lab {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            archive: ArchiveLimits::default(),
            extra: Vec::new(),
            settings: Vec::new(),
            integrity: Integrity::Unknown,
            cancel: CancellationToken::new(),
            work: tempfile::tempdir().expect("a temporary folder"),
            files: tempfile::tempdir().expect("a temporary folder"),
        }
    }
}

impl Lab {
    /// Writes a file to be analysed.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// Analyses an archive held in memory.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub async fn archive(&self, name: &str, bytes: &[u8]) -> Result<Report, PipelineError> {
        let path = self.file(name, bytes);
        self.run(&[(name, Source::Archive(path))]).await
    }

    /// Analyses a package of the corpus: as an archive of which nothing else is known, or, where
    /// the sample has metadata, as a release from a registry.
    ///
    /// # Panics
    /// When it can't be packed or analysed: every sample can.
    pub async fn sample(&self, sample: &corpus::Sample) -> Report {
        let (name, bytes) = sample.pack().expect("the sample can be packed");
        let input = sample.input(&name, self.file(&name, &bytes));
        self.analyse(input).await.expect("the sample is analysed")
    }

    /// Analyses a folder.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub async fn folder(&self, path: &Path) -> Result<Report, PipelineError> {
        self.run(&[("folder", Source::Folder(path.to_owned()))])
            .await
    }

    /// Analyses artifacts, and demands that nothing is left of them on disk.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub async fn run(&self, artifacts: &[(&str, Source)]) -> Result<Report, PipelineError> {
        let artifact = |(filename, source): &(&str, Source)| InputArtifact {
            filename: (*filename).into(),
            source: source.clone(),
            integrity: self.integrity.clone(),
        };
        let input = Input {
            package: PackageInfo {
                ecosystem: "generic".into(),
                name: "sample".into(),
                ..PackageInfo::default()
            },
            artifacts: artifacts.iter().map(artifact).collect(),
            settings: self.settings.clone(),
            ..Input::default()
        };
        self.analyse(input).await
    }

    async fn analyse(&self, input: Input) -> Result<Report, PipelineError> {
        let (runtime, bundled) = bundle().await;
        let mut components = bundled.clone();
        for bytes in &self.extra {
            components.push(runtime.load(*bytes).await.expect("the guest loads"));
        }
        let pipeline = Pipeline::new(runtime.clone(), &components, self.limits, self.archive)?;
        let report = pipeline.run(input, self.work.path(), &self.cancel).await;
        let left = std::fs::read_dir(self.work.path())
            .expect("the folder is there")
            .count();
        assert_eq!(left, 0, "the pipeline left something behind");
        report
    }
}

/// A gzipped tar of regular files.
pub fn tar_gz(files: &[(&str, &[u8])]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let mut tar = tar::Builder::new(encoder);
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, *bytes)
            .expect("memory takes all");
    }
    tar.into_inner()
        .and_then(flate2::write::GzEncoder::finish)
        .expect("memory takes all")
}

/// An example of an SDK (`sdk/python`, `sdk/js`), built by its script, which installs its toolchain
/// first where that is missing.
pub fn example(sdk: &str, name: &str) -> Vec<u8> {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(sdk);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let component = folder.path().join("component.wasm");
    let built = std::process::Command::new(sdk.join("build"))
        .arg(sdk.join("examples").join(name))
        .arg(&component)
        .status();
    assert!(built.expect("the script runs").success());
    std::fs::read(component).expect("the script wrote it")
}
