//! From what the user names to what is analysed.

use std::collections::BTreeSet;
use std::path::Path;

use packguard_runtime::report::PackageInfo;
use packguard_runtime::{Input, InputArtifact, SkippedArtifact, Source};

use crate::inputs::{self, lock};
use crate::output::{Failure, SkippedInput};
use crate::purl::Purl;
use crate::registry::{Fetched, Release};

/// One package to analyse.
pub(super) struct Job {
    /// As the user knows it.
    pub label: String,
    pub work: Work,
}

pub(super) enum Work {
    Release(Purl),
    Local(Input),
}

/// All jobs, and what is none.
#[derive(Default)]
pub(super) struct Listed {
    pub jobs: Vec<Job>,
    pub failures: Vec<Failure>,
    pub skipped: Vec<SkippedInput>,
    seen: BTreeSet<String>,
}

/// Sorts out the arguments of the command line.
pub(super) fn list(arguments: &[String]) -> Listed {
    let mut listed = Listed::default();
    for argument in arguments {
        match inputs::classify(argument) {
            Ok(inputs::Input::Purl(purl)) => listed.purl(argument, &purl),
            Ok(inputs::Input::Archive(path)) => {
                listed.local(argument, Source::Archive(path.clone()), &path);
            }
            Ok(inputs::Input::Folder(path)) => listed.local(argument, Source::Folder(path.clone()), &path),
            Ok(inputs::Input::LockFile { path, kind }) => listed.lock_file(argument, &path, kind),
            Err(error) => listed.failures.push(Failure::usage(argument, &error, &error.hint())),
        }
    }
    listed
}

impl Listed {
    fn purl(&mut self, label: &str, text: &str) {
        match text.parse::<Purl>() {
            Ok(purl) => {
                if self.seen.insert(purl.to_string()) {
                    self.jobs.push(Job { label: label.into(), work: Work::Release(purl) });
                }
            }
            Err(error) => self.failures.push(Failure::usage(label, &error, &error.hint())),
        }
    }

    fn local(&mut self, label: &str, source: Source, path: &Path) {
        let name = path.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let name = name.unwrap_or_else(|| label.to_owned());
        let input = Input {
            package: PackageInfo { ecosystem: "generic".into(), name: name.clone(), ..PackageInfo::default() },
            artifacts: vec![InputArtifact { filename: name, source, verified: false }],
            ..Input::default()
        };
        self.jobs.push(Job { label: label.into(), work: Work::Local(input) });
    }

    fn lock_file(&mut self, label: &str, path: &Path, kind: lock::Kind) {
        match lock::read(path, kind) {
            Ok(parsed) => {
                for entry in &parsed.packages {
                    self.purl(&entry.purl, &entry.purl);
                }
                self.skipped.extend(parsed.skipped.iter().map(|remark| SkippedInput::new(label, remark)));
            }
            Err(error) => self.failures.push(Failure::new(label, "unknown_error", &error, error.hint())),
        }
    }
}

/// What the pipeline gets of a release that was fetched.
pub(super) fn input(release: Release, fetched: Fetched) -> Input {
    Input {
        package: PackageInfo {
            purl: Some(release.purl.to_string()),
            ecosystem: release.ecosystem.as_str().into(),
            namespace: release.namespace,
            name: release.name,
            version: Some(release.version),
        },
        artifacts: fetched
            .artifacts
            .into_iter()
            .map(|artifact| InputArtifact {
                filename: artifact.filename,
                source: Source::Archive(artifact.path),
                verified: artifact.verified.is_some(),
            })
            .collect(),
        skipped: fetched
            .skipped
            .into_iter()
            .map(|skipped| SkippedArtifact { filename: skipped.filename, reason: skipped.reason })
            .collect(),
        metadata: Some(release.metadata),
        settings: Vec::new(),
    }
}
