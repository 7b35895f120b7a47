//! The first step: from artifacts to files that analyzers can read.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Input, InputArtifact, Integrity, Pipeline, PipelineError, Source, at, folder};
use crate::assemble::Assembly;
use crate::bindings::sink as wit_sink;
use crate::bindings::types::{Artifact, FileEntry, Package, Setting};
use crate::bindings::unpacker::Input as UnpackInput;
use crate::engine::Unpacking;
use crate::host::sink::{AddError, SharedSink, Sink, lock};
use crate::report::{ArtifactInfo, Incomplete, StepOutcome};

impl Pipeline {
    /// Unpacks artifact by artifact: in parallel, which of them hits a common limit
    /// would depend on the clock.
    pub(super) async fn unpack(
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
            let mut info = match &artifact.source {
                Source::Archive(path) => {
                    self.unpack_archive(index, artifact, path, folder, &sink, assembly, cancel)
                        .await?
                }
                Source::Folder(path) => {
                    self.unpack_folder(index, artifact, path, folder, &sink, assembly, cancel)
                        .await?
                }
            };
            let said_nothing = assembly.findings.is_empty()
                && assembly
                    .steps
                    .iter()
                    .all(|step| step.outcome == StepOutcome::Ok);
            if let Integrity::Listing(expected) = &artifact.integrity
                && assembly.incomplete.len() == before
            {
                info.verified = check_listing(artifact, expected, &sink)?;
            }
            if info.files == 0 && input.artifacts.len() == 1 && said_nothing {
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
        let nesting = self.archive.nesting;
        let work = Unpacking {
            inputs,
            nesting,
            sink: Arc::clone(sink),
            mounts,
        };
        let step = self
            .runtime
            .unpack(&self.unpacker, work, &self.limits, cancel)
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
        verified: artifact.integrity == Integrity::Verified,
        skipped: None,
    }
}

/// Compares the files of the current artifact with the registry's hash of their listing,
/// and says whether it speaks for all of them.
fn check_listing(
    artifact: &InputArtifact,
    expected: &str,
    sink: &SharedSink,
) -> Result<bool, PipelineError> {
    let sink = lock(sink);
    let files: BTreeMap<&str, &str> = sink
        .files_of_artifact()
        .map(|file| (file.path.as_str(), file.sha256.as_str()))
        .collect();
    // What came out of archives inside the artifact stands below their names.
    let nested = |path: &str| {
        path.match_indices("!/")
            .any(|(at, _)| files.contains_key(&path[..at]))
    };
    let mut hash = Sha256::new();
    for (path, sha256) in files.iter().filter(|(path, _)| !nested(path)) {
        hash.update(format!("{sha256}  {path}\n"));
    }
    let actual = hex::encode(hash.finalize());
    if actual == expected {
        // A file that was slipped in under an inner archive's name can't be told from what
        // came out of that archive.
        return Ok(!files.keys().any(|path| nested(path)));
    }
    Err(PipelineError::HashMismatch {
        filename: artifact.filename.clone(),
        expected: expected.into(),
        actual,
    })
}

fn nothing_in(artifact: &InputArtifact, said: &[Incomplete]) -> PipelineError {
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
