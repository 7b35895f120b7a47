//! The runtime as production has it, with one analyzer in place of the bundled ones.

use std::path::{Path, PathBuf};

use packguard_functions::BUNDLED;
use packguard_platform::components;
use packguard_platform::limits::ScanLimits;
use packguard_runtime::report::{Finding, Incomplete, PackageInfo, Report, StepInfo};
use packguard_runtime::{
    Component, Input, InputArtifact, Integrity, LoadError, Pipeline, Runtime, RuntimeConfig,
    Source, World,
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, at, environment, project};
use crate::project::Sample;

/// The runtime with the bundled unpacker and judge, which every pipeline has.
pub(crate) struct Lab {
    pub(crate) runtime: Runtime,
    frame: Vec<Component>,
    limits: ScanLimits,
    work: tempfile::TempDir,
}

/// What one run of an analyzer gave.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Run {
    /// What it found.
    pub findings: Vec<Finding>,
    /// What it did not analyse, and what the unpacker did not.
    pub incomplete: Vec<Incomplete>,
    /// How it ended and what it used; absent where the package is of an ecosystem that it does
    /// not apply to.
    pub step: Option<StepInfo>,
}

impl Run {
    /// What `analyzer` has to do with `report`.
    pub(crate) fn of(analyzer: &str, report: Report) -> Self {
        Self {
            findings: report
                .findings
                .into_iter()
                .filter(|finding| finding.analyzer == analyzer)
                .map(Finding::as_found)
                .collect(),
            incomplete: report.incomplete,
            step: report
                .analyzers
                .into_iter()
                .find(|step| step.name == analyzer),
        }
    }
}

impl Lab {
    /// Starts the runtime. The bundled components are compiled once per machine and kept.
    pub(crate) async fn new() -> Result<Self, Failure> {
        let cache = std::env::var_os("PACKGUARD_CACHE_DIR").map(PathBuf::from);
        let cache = components::default_cache(cache)
            .as_deref()
            .map(components::open_cache)
            .transpose()
            .map_err(|error| environment(error, "name another folder by PACKGUARD_CACHE_DIR"))?;
        let config = RuntimeConfig {
            cache,
            ..RuntimeConfig::default()
        };
        let runtime = Runtime::new(config).map_err(|error| {
            environment(
                format!("the runtime did not start: {error:#}"),
                "the sandboxes reserve address space: raise `ulimit -v` if it is set",
            )
        })?;
        let mut frame = Vec::new();
        for one in BUNDLED
            .iter()
            .filter(|one| matches!(one.name, "unpack" | "judge"))
        {
            let loaded = runtime.load_embedded(one.bytes, one.digest).await;
            frame.push(loaded.map_err(|error| {
                environment(
                    format!("{}: {error}", one.name),
                    "this is a defect of Packguard: please report it",
                )
            })?);
        }
        let work = tempfile::Builder::new().prefix("packguard-sdk-").tempdir();
        let work =
            work.map_err(|error| environment(error, "set TMPDIR to a folder that can be written"))?;
        Ok(Self {
            runtime,
            frame,
            limits: ScanLimits::default(),
            work,
        })
    }

    /// Loads the analyzer in `path`.
    pub(crate) async fn load(&self, path: &Path) -> Result<Component, Failure> {
        self.load_bytes(read(path)?).await
    }

    /// Loads the analyzer in `bytes`.
    pub(crate) async fn load_bytes(&self, bytes: Vec<u8>) -> Result<Component, Failure> {
        let component = self.runtime.load(bytes).await.map_err(not_admitted)?;
        match component.world() {
            World::Analyzer => Ok(component),
            other => Err(wrong_world(other)),
        }
    }

    fn pipeline(&self, analyzer: &Component) -> Result<Pipeline, Failure> {
        let mut components = self.frame.clone();
        components.push(analyzer.clone());
        Pipeline::new(
            self.runtime.clone(),
            &components,
            self.limits.step,
            self.limits.archive,
        )
        .map_err(|error| project(error, "run `sdk check`"))
    }

    /// Analyses what `input` names, as `packguard scan` does.
    pub(crate) async fn scan(
        &self,
        analyzer: &Component,
        input: &str,
        cancel: &CancellationToken,
    ) -> Result<Report, Failure> {
        let pipeline = self.pipeline(analyzer)?;
        packguard_platform::scan::one(
            pipeline,
            input,
            self.limits.clone(),
            self.work.path(),
            cancel,
        )
        .await
        .map_err(crate::failure::of_scan)
    }

    /// Analyses a sample.
    pub(crate) async fn sample(
        &self,
        analyzer: &Component,
        sample: &Sample,
        cancel: &CancellationToken,
    ) -> Result<Run, Failure> {
        let folder = tempfile::tempdir_in(self.work.path()).map_err(at(self.work.path()))?;
        let package = folder.path().join("package");
        sample.unpack(&package)?;
        let about = &sample.about;
        let input = Input {
            package: PackageInfo {
                purl: None,
                ecosystem: about.ecosystem.clone(),
                namespace: None,
                name: about.name.clone(),
                version: Some(about.version.clone()),
            },
            artifacts: vec![InputArtifact {
                filename: "package".into(),
                source: Source::Folder(package),
                integrity: Integrity::Unknown,
            }],
            ..Input::default()
        };
        let pipeline = self.pipeline(analyzer)?;
        let report = pipeline
            .run(input, folder.path(), cancel)
            .await
            .map_err(|error| {
                project(
                    format!("the sample {}: {error}", sample.name),
                    "put the package's files into its folder package/",
                )
            })?;
        Ok(Run::of(&analyzer.descriptor().name, report))
    }
}

/// Reads a component; what is far too large for one is not read to its end.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    /// One byte more than admission takes, so that it can say that it is too large.
    const MOST: u64 = (64 << 20) + 1;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| {
        crate::failure::usage(
            format!("{}: {error}", path.display()),
            "build the component first: sdk build",
        )
    })?;
    file.take(MOST).read_to_end(&mut bytes).map_err(at(path))?;
    Ok(bytes)
}

fn not_admitted(error: LoadError) -> Failure {
    let hint = match &error {
        LoadError::Describe(..) => "`describe` takes no input: it must answer by itself",
        _ => "`sdk check` says all that stands against it",
    };
    project(error, hint)
}

/// A component that runs, and is no analyzer.
pub(crate) fn wrong_world(world: World) -> Failure {
    let what = match world {
        World::Unpacker => "an unpacker (it exports `unpack`)",
        World::Judge => "a judge (it exports `judge`)",
        World::Analyzer => "an analyzer",
    };
    project(
        format!("the component is {what}, not an analyzer"),
        "export the world `analyzer` of packguard:analyzer: `describe` and `analyze`",
    )
}
