//! From what the user names to what is analysed.

use std::collections::BTreeSet;
use std::path::Path;

use packguard_runtime::report::PackageInfo;
use packguard_runtime::{Input, InputArtifact, SkippedArtifact, Source};

use crate::inputs;
use crate::inputs::lock::{self, ExpectedHash};
use crate::output::{Failure, FailureCategory, SkippedEntry};
use crate::purl::Purl;
use crate::registry::{Fetched, Release};

use super::failure;

/// One package to analyse.
pub(super) struct Job {
    /// As the user knows it.
    pub label: String,
    pub work: Work,
    /// Digests that the lock file pins; empty where it pins none.
    pub pinned: Vec<ExpectedHash>,
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
    pub skipped: Vec<SkippedEntry>,
    seen: BTreeSet<String>,
}

/// Sorts out the arguments of the command line.
pub(super) fn list(arguments: &[String]) -> Listed {
    let mut listed = Listed::default();
    for argument in arguments {
        match inputs::classify(argument) {
            Ok(inputs::Input::Purl(purl)) => listed.purl(argument, &purl, Vec::new()),
            Ok(inputs::Input::Archive(path)) => {
                listed.local(argument, Source::Archive(path.clone()), &path);
            }
            Ok(inputs::Input::Folder(path)) => {
                listed.local(argument, Source::Folder(path.clone()), &path);
            }
            Ok(inputs::Input::LockFile { path, kind }) => listed.lock_file(argument, &path, kind),
            Err(error) => {
                let hint = error.hint();
                listed
                    .failures
                    .push(failure(argument, FailureCategory::Usage, &error, hint));
            }
        }
    }
    listed
}

impl Listed {
    fn purl(&mut self, label: &str, text: &str, pinned: Vec<ExpectedHash>) {
        match text.parse::<Purl>() {
            Ok(purl) => {
                if self.seen.insert(purl.to_string()) {
                    self.jobs.push(Job {
                        label: label.into(),
                        work: Work::Release(purl),
                        pinned,
                    });
                }
            }
            Err(error) => {
                let hint = error.hint();
                self.failures
                    .push(failure(label, FailureCategory::Usage, &error, hint));
            }
        }
    }

    fn local(&mut self, label: &str, source: Source, path: &Path) {
        let name = path
            .canonicalize()
            .ok()
            .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let name = name.unwrap_or_else(|| label.to_owned());
        let input = Input {
            package: PackageInfo {
                ecosystem: "generic".into(),
                name: name.clone(),
                ..PackageInfo::default()
            },
            artifacts: vec![InputArtifact {
                filename: name,
                source,
                verified: false,
            }],
            ..Input::default()
        };
        self.jobs.push(Job {
            label: label.into(),
            work: Work::Local(input),
            pinned: Vec::new(),
        });
    }

    fn lock_file(&mut self, label: &str, path: &Path, kind: lock::Kind) {
        match lock::read(path, kind) {
            Ok(parsed) => {
                for entry in parsed.packages {
                    self.purl(&entry.purl, &entry.purl, entry.expected_hashes);
                }
                self.skipped.extend(
                    parsed
                        .skipped
                        .into_iter()
                        .map(|remark| SkippedEntry::new(label, remark)),
                );
            }
            Err(error) => {
                self.failures
                    .push(failure(label, FailureCategory::Usage, &error, error.hint()));
            }
        }
    }
}

/// What the pipeline gets of a release that was fetched.
pub(super) fn input(release: Release, fetched: Fetched, pinned: &[ExpectedHash]) -> Input {
    let unpinned = unpinned(&fetched, pinned);
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
            .map(|skipped| SkippedArtifact {
                filename: skipped.filename,
                reason: skipped.reason,
            })
            .chain(unpinned)
            .collect(),
        metadata: Some(release.metadata),
        settings: Vec::new(),
    }
}

/// The lock file pins digests, and the registry's files have none of them: what was
/// locked is not what was analysed.
fn unpinned(fetched: &Fetched, pinned: &[ExpectedHash]) -> Option<SkippedArtifact> {
    let sha256 = |hash: &&ExpectedHash| hash.algorithm == lock::Algorithm::Sha256;
    let wanted: Vec<_> = pinned.iter().filter(sha256).collect();
    let found = wanted.iter().any(|hash| {
        fetched
            .artifacts
            .iter()
            .any(|artifact| artifact.sha256 == hash.hex)
    });
    let first = wanted.first().filter(|_| !found)?;
    Some(SkippedArtifact {
        filename: "the locked artifact".into(),
        reason: format!(
            "no file of the registry has a digest that the lock file pins, such as sha256:{}",
            first.hex
        ),
    })
}
