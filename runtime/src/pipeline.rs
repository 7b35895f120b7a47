//! The steps of one package: unpack, analyze side by side, judge.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::assemble::{self, Assembly};
use crate::bindings::types::{Artifact, FileEntry, Package, Setting};
use crate::bindings::unpacker::Input as UnpackInput;
use crate::bindings::{judge, sink as wit_sink};
use crate::component::{Component, World};
use crate::engine::Runtime;
use crate::host::sink::{AddError, ArchiveLimits, SharedSink, Sink, lock};
use crate::limits::Limits;
use crate::report::{
    ArtifactInfo, Behaviour, Outcome, PackageInfo, Provenance, Report, SCHEMA_VERSION, StepOutcome,
    Verdict,
};
use crate::sandbox::micros;

mod folder;

/// What is to be analysed.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Identity.
    pub package: PackageInfo,
    /// What there is to unpack.
    pub artifacts: Vec<InputArtifact>,
    /// Artifacts of the release that are not there, and why.
    pub skipped: Vec<SkippedArtifact>,
    /// The registry's metadata (`docs/metadata.md`).
    pub metadata: Option<serde_json::Value>,
    /// Settings for analyzers, by name.
    pub settings: Vec<(String, String)>,
}

/// One artifact on disk.
#[derive(Debug, Clone)]
pub struct InputArtifact {
    /// Its file name in the registry, or the local name.
    pub filename: String,
    /// Where it is.
    pub source: Source,
    /// Whether the registry's own checksum was there and agreed.
    pub verified: bool,
}

/// Where an artifact is.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file, whatever it holds.
    Archive(PathBuf),
    /// A folder, whose files are copied.
    Folder(PathBuf),
}

/// An artifact that is not analysed.
#[derive(Debug, Clone)]
pub struct SkippedArtifact {
    /// Its file name in the registry.
    pub filename: String,
    /// Why, one line.
    pub reason: String,
}

/// Why a package could not be analysed at all.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A set of components that can't work.
    #[error("the set of components can't work: {0}")]
    Components(String),
    /// The local file holds nothing that can be unpacked.
    #[error("{filename} is not an archive that can be unpacked: {reason}")]
    NotAnArchive {
        /// Which.
        filename: String,
        /// What the unpacker says.
        reason: String,
    },
    /// There is no file in it.
    #[error("{0} holds no files")]
    Empty(String),
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which path.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The disk is full or broken.
    #[error("no space left to unpack the package in {0}")]
    Storage(PathBuf),
    /// The caller ended it.
    #[error("cancelled")]
    Cancelled,
}

/// A set of components and limits, ready to analyse packages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pipeline {
    runtime: Runtime,
    unpacker: Component,
    analyzers: Vec<Component>,
    judge: Component,
    limits: Limits,
    archive: ArchiveLimits,
}

impl Pipeline {
    /// A pipeline of exactly one unpacker, one judge and at least one analyzer.
    ///
    /// # Errors
    /// [`PipelineError::Components`] when the set is another.
    pub fn new(
        runtime: Runtime,
        components: Vec<Component>,
        limits: Limits,
        archive: ArchiveLimits,
    ) -> Result<Self, PipelineError> {
        let of = |world| {
            components
                .iter()
                .filter(move |one| one.world() == world)
                .cloned()
        };
        let one = |world, name: &str| match &of(world).collect::<Vec<_>>()[..] {
            [one] => Ok(one.clone()),
            some => Err(PipelineError::Components(format!(
                "{} components are an {name}; one is needed",
                some.len()
            ))),
        };
        let (unpacker, judge) = (
            one(World::Unpacker, "unpacker")?,
            one(World::Judge, "judge")?,
        );
        let mut analyzers: Vec<_> = of(World::Analyzer).collect();
        if analyzers.is_empty() {
            return Err(PipelineError::Components("there is no analyzer".into()));
        }
        analyzers.sort_by(|a, b| a.descriptor().name.cmp(&b.descriptor().name));
        if let Some(pair) = analyzers
            .windows(2)
            .find(|pair| pair[0].descriptor().name == pair[1].descriptor().name)
        {
            let name = &pair[0].descriptor().name;
            return Err(PipelineError::Components(format!(
                "two analyzers are called {name}"
            )));
        }
        Ok(Self {
            runtime,
            unpacker,
            analyzers,
            judge,
            limits,
            archive,
        })
    }

    /// Analyses one package. Unpacks below `work`, and leaves nothing there.
    ///
    /// # Errors
    /// When there is nothing to analyse, or the caller or the file system ended it. A step
    /// that failed is not an error: the report says so.
    pub async fn run(
        &self,
        input: Input,
        work: &Path,
        cancel: &CancellationToken,
    ) -> Result<Report, PipelineError> {
        let (started, started_at) = (Instant::now(), SystemTime::now());
        let folder = tempfile::Builder::new()
            .prefix("packguard-")
            .tempdir_in(work)
            .map_err(at(work))?;
        let mut assembly = Assembly::new(
            input
                .artifacts
                .iter()
                .map(|one| one.filename.clone())
                .collect(),
        );
        let (package, artifacts) = self
            .unpack(&input, folder.path(), &mut assembly, cancel)
            .await?;
        self.analyze(package, folder.path(), &mut assembly, cancel)
            .await?;
        for skipped in &input.skipped {
            let reason = format!("{} was not analysed: {}", skipped.filename, skipped.reason);
            assembly.incomplete("fetch", None, None, reason);
        }
        assembly.order();
        let verdict = self.verdict(&input.package, &mut assembly, cancel).await?;
        Ok(Report {
            schema_version: SCHEMA_VERSION.into(),
            provenance: self.provenance(&input),
            package: input.package,
            artifacts,
            verdict,
            rules: assembly.cited_rules(),
            findings: assembly.findings,
            incomplete: assembly.incomplete,
            behaviour: not_observed(),
            analyzers: assembly.steps,
            started_at: Some(humantime::format_rfc3339_seconds(started_at).to_string()),
            duration_us: Some(micros(started.elapsed())),
        })
    }

    /// Unpacks artifact by artifact: in parallel, which of them hits a common limit
    /// would depend on the clock.
    async fn unpack(
        &self,
        input: &Input,
        folder: &Path,
        assembly: &mut Assembly,
        cancel: &CancellationToken,
    ) -> Result<(Package, Vec<ArtifactInfo>), PipelineError> {
        let files = folder.join("package");
        std::fs::create_dir(&files).map_err(at(&files))?;
        let root = Dir::open_ambient_dir(&files, ambient_authority()).map_err(at(&files))?;
        let sink: SharedSink = Arc::new(Mutex::new(Sink::new(root, self.archive)));
        let mut artifacts = Vec::new();
        for (index, artifact) in (0_u32..).zip(&input.artifacts) {
            let before = assembly.incomplete.len();
            let info = match &artifact.source {
                Source::Archive(path) => {
                    self.unpack_archive(index, artifact, path, folder, &sink, assembly, cancel)
                        .await?
                }
                Source::Folder(path) => {
                    self.unpack_folder(index, artifact, path, folder, &sink, assembly, cancel)
                        .await?
                }
            };
            if info.files == 0 && input.artifacts.len() == 1 {
                return Err(nothing_in(artifact, &assembly.incomplete[before..]));
            }
            artifacts.push(info);
        }
        artifacts.extend(input.skipped.iter().map(|skipped| ArtifactInfo {
            filename: skipped.filename.clone(),
            sha256: String::new(),
            size: 0,
            files: 0,
            unpacked_size: 0,
            verified: false,
            skipped: Some(skipped.reason.clone()),
        }));
        let sink = std::mem::replace(&mut *lock(&sink), Sink::new(closed(&files)?, self.archive));
        Ok((package(input, &artifacts, sink), artifacts))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call site; the values have nothing in common"
    )]
    async fn unpack_archive(
        &self,
        index: u32,
        artifact: &InputArtifact,
        path: &Path,
        folder: &Path,
        sink: &SharedSink,
        assembly: &mut Assembly,
        cancel: &CancellationToken,
    ) -> Result<ArtifactInfo, PipelineError> {
        let private = folder.join(format!("input-{index}"));
        let (sha256, size) = offer(path, &private).map_err(at(path))?;
        lock(sink).begin(index, Some(size));
        let wanted = UnpackInput {
            artifact: index,
            filename: artifact.filename.clone(),
            location: "/input/archive".into(),
            prefix: String::new(),
            depth: 0,
            optional: false,
        };
        let mounts = vec![(private, "/input"), (folder.join("package"), "/package")];
        self.run_unpacker(vec![wanted], mounts, sink, index, assembly, cancel)
            .await?;
        Ok(info(artifact, sha256, size, sink))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call site; the values have nothing in common"
    )]
    async fn unpack_folder(
        &self,
        index: u32,
        artifact: &InputArtifact,
        path: &Path,
        folder: &Path,
        sink: &SharedSink,
        assembly: &mut Assembly,
        cancel: &CancellationToken,
    ) -> Result<ArtifactInfo, PipelineError> {
        lock(sink).begin(index, None);
        let (from, to, token) = (path.to_owned(), Arc::clone(sink), cancel.clone());
        let copied =
            tokio::task::spawn_blocking(move || folder::copy(&from, &mut lock(&to), &token)).await;
        let problems = copied.map_err(|error| PipelineError::Io {
            path: path.into(),
            source: error.into(),
        })?;
        for problem in problems.map_err(|error| folder_error(error, path))? {
            assembly.incomplete("folder", Some(index), problem.path, problem.reason);
        }
        let maybe_archive = |file: &FileEntry| UnpackInput {
            artifact: index,
            filename: file.path.clone(),
            location: file.location.clone(),
            prefix: format!("{}!/", file.path),
            depth: 1,
            optional: true,
        };
        let inner = lock(sink).files_of_artifact().map(maybe_archive).collect();
        let mounts = vec![(folder.join("package"), "/package")];
        self.run_unpacker(inner, mounts, sink, index, assembly, cancel)
            .await?;
        Ok(info(artifact, String::new(), 0, sink))
    }

    async fn run_unpacker(
        &self,
        inputs: Vec<UnpackInput>,
        mounts: Vec<(PathBuf, &'static str)>,
        sink: &SharedSink,
        index: u32,
        assembly: &mut Assembly,
        cancel: &CancellationToken,
    ) -> Result<(), PipelineError> {
        let step = self
            .runtime
            .unpack(
                &self.unpacker,
                inputs,
                self.archive.nesting,
                Arc::clone(sink),
                mounts,
                &self.limits,
                cancel,
            )
            .await;
        if step.outcome() == StepOutcome::Cancelled {
            return Err(PipelineError::Cancelled);
        }
        if let Some(analysis) = assembly.record(&self.unpacker, step) {
            assembly.add(&self.unpacker, analysis);
        }
        let name = &self.unpacker.descriptor().name;
        for path in lock(sink).take_unfinished() {
            assembly.incomplete(
                name,
                Some(index),
                Some(path),
                "only a part of this entry could be unpacked; the part was not analysed",
            );
        }
        Ok(())
    }

    async fn analyze(
        &self,
        package: Package,
        folder: &Path,
        assembly: &mut Assembly,
        cancel: &CancellationToken,
    ) -> Result<(), PipelineError> {
        let package = Arc::new(package);
        let files = folder.join("package");
        let mut running = JoinSet::new();
        let applicable = self
            .analyzers
            .iter()
            .filter(|one| applies(one, &package.ecosystem));
        for (index, component) in applicable.cloned().enumerate() {
            let (runtime, package, files) =
                (self.runtime.clone(), Arc::clone(&package), files.clone());
            let (limits, cancel) = (self.limits, cancel.clone());
            running.spawn(async move {
                let step = runtime
                    .analyze(&component, package, &files, &limits, &cancel)
                    .await;
                (index, component, step)
            });
        }
        let mut done = running.join_all().await;
        done.sort_by_key(|(index, ..)| *index);
        for (_, component, step) in done {
            if step.outcome() == StepOutcome::Cancelled {
                return Err(PipelineError::Cancelled);
            }
            if let Some(analysis) = assembly.record(&component, step) {
                assembly.add(&component, analysis);
            }
        }
        Ok(())
    }

    async fn verdict(
        &self,
        package: &PackageInfo,
        assembly: &mut Assembly,
        cancel: &CancellationToken,
    ) -> Result<Verdict, PipelineError> {
        let dossier = judge::Dossier {
            purl: package.purl.clone(),
            ecosystem: package.ecosystem.clone(),
            name: package.name.clone(),
            version: package.version.clone(),
            evidence: assemble::evidence(&assembly.findings),
            incomplete: assembly
                .incomplete
                .iter()
                .map(|one| one.reason.clone())
                .collect(),
        };
        let step = self
            .runtime
            .judge(&self.judge, dossier, &self.limits, cancel)
            .await;
        if step.outcome() == StepOutcome::Cancelled {
            return Err(PipelineError::Cancelled);
        }
        Ok(match assembly.record(&self.judge, step) {
            Some(verdict) => assemble::verdict(verdict, &assembly.findings, &assembly.incomplete),
            None => Verdict {
                outcome: Outcome::Incomplete,
                score: 0,
                summary: "There is no verdict: the judge failed.".into(),
                reasons: Vec::new(),
            },
        })
    }

    fn provenance(&self, input: &Input) -> Provenance {
        let digest = |value: &serde_json::Value| hex::encode(Sha256::digest(value.to_string()));
        Provenance {
            packguard: env!("CARGO_PKG_VERSION").into(),
            contract: "packguard:analyzer@1.0.0".into(),
            limits: digest(&serde_json::json!([self.limits, self.archive])),
            inputs: digest(&serde_json::json!([input.settings, input.metadata])),
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PipelineError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull => PipelineError::Storage(path),
        _ => PipelineError::Io { path, source },
    }
}

fn folder_error(error: AddError, path: &Path) -> PipelineError {
    match error {
        AddError::Read(source) => at(path)(source),
        AddError::Limit(wit_sink::Limit::Storage) => PipelineError::Storage(path.into()),
        // `folder::copy` turns these into problems.
        AddError::Limit(_) => PipelineError::Cancelled,
    }
}

/// A handle on the folder for the sink that takes the place of the finished one: a step
/// that was left behind must not write into what is being analysed.
fn closed(files: &Path) -> Result<Dir, PipelineError> {
    let nowhere = files.with_file_name("closed");
    std::fs::create_dir(&nowhere).map_err(at(&nowhere))?;
    Dir::open_ambient_dir(&nowhere, ambient_authority()).map_err(at(&nowhere))
}

/// Puts a file, alone, into a new folder that a sandbox may see, and hashes it.
fn offer(path: &Path, private: &Path) -> io::Result<(String, u64)> {
    std::fs::create_dir(private)?;
    let offered = private.join("archive");
    let path = path.canonicalize()?;
    // A link costs nothing; across file systems it takes a copy.
    if std::fs::hard_link(&path, &offered).is_err() {
        std::fs::copy(&path, &offered)?;
    }
    let mut hash = Sha256::new();
    let size = io::copy(&mut std::fs::File::open(&offered)?, &mut hash)?;
    Ok((hex::encode(hash.finalize()), size))
}

fn info(artifact: &InputArtifact, sha256: String, size: u64, sink: &SharedSink) -> ArtifactInfo {
    let sink = lock(sink);
    let (files, unpacked_size) = sink
        .files_of_artifact()
        .fold((0, 0), |(files, bytes), file| {
            (files + 1, bytes + file.size)
        });
    ArtifactInfo {
        filename: artifact.filename.clone(),
        sha256,
        size,
        files,
        unpacked_size,
        verified: artifact.verified,
        skipped: None,
    }
}

fn nothing_in(artifact: &InputArtifact, said: &[crate::report::Incomplete]) -> PipelineError {
    match said.first() {
        Some(problem) => PipelineError::NotAnArchive {
            filename: artifact.filename.clone(),
            reason: problem.reason.clone(),
        },
        None => PipelineError::Empty(artifact.filename.clone()),
    }
}

fn package(input: &Input, artifacts: &[ArtifactInfo], sink: Sink) -> Package {
    let given = artifacts.iter().take(input.artifacts.len());
    Package {
        purl: input.package.purl.clone(),
        ecosystem: input.package.ecosystem.clone(),
        namespace: input.package.namespace.clone(),
        name: input.package.name.clone(),
        version: input.package.version.clone(),
        artifacts: given
            .map(|one| Artifact {
                filename: one.filename.clone(),
                sha256: one.sha256.clone(),
                size: one.size,
            })
            .collect(),
        files: sink.into_files(),
        metadata: input.metadata.as_ref().map(ToString::to_string),
        settings: input
            .settings
            .iter()
            .map(|(name, value)| Setting {
                name: name.clone(),
                value: value.clone(),
            })
            .collect(),
    }
}

/// Local archives are of no known ecosystem: everything looks at them.
fn applies(component: &Component, ecosystem: &str) -> bool {
    let wanted = &component.descriptor().ecosystems;
    wanted.is_empty() || ecosystem == "generic" || wanted.iter().any(|one| one == ecosystem)
}

fn not_observed() -> Behaviour {
    Behaviour {
        install: None,
        import: None,
        execute: None,
        reason: Some("the package was read, not run: static analysis observes no behaviour".into()),
    }
}
