//! From what the user names to what is analysed.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use packguard_runtime::report::PackageInfo;
use packguard_runtime::{Input, InputArtifact, Integrity, SkippedArtifact, Source};
use sha2::digest::DynDigest;

use crate::inputs;
use crate::inputs::lock::{self, ExpectedHash};
use crate::output::{self, Failure, FailureCategory, SkippedEntry};
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
    /// Whether it stands in a lock file or SBOM.
    pub listed: bool,
}

pub(super) enum Work {
    Release(Purl),
    Local(Input),
}

impl Job {
    /// Whether it is a release that the user named by itself, not in a list.
    pub(super) fn is_named_release(&self) -> bool {
        matches!(self.work, Work::Release(_)) && !self.listed
    }
}

/// All jobs, and what is none.
#[derive(Default)]
pub(super) struct Listed {
    pub jobs: Vec<Job>,
    pub failures: Vec<Failure>,
    pub skipped: Vec<SkippedEntry>,
    /// Index into `jobs` by canonical purl.
    seen: BTreeMap<String, usize>,
}

/// Sorts out the arguments of the command line.
pub(super) fn list(arguments: &[String]) -> Listed {
    let mut listed = Listed::default();
    for argument in arguments {
        match inputs::classify(argument) {
            Ok(inputs::Input::Purl(purl)) => listed.purl(argument, &purl, None),
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
    /// `locked` is what a lock file pins, where the purl comes from one.
    fn purl(&mut self, label: &str, text: &str, locked: Option<Vec<ExpectedHash>>) {
        let listed = locked.is_some();
        let pinned = locked.unwrap_or_default();
        match text.parse::<Purl>() {
            Ok(purl) => match self.seen.get(&purl.to_string()) {
                Some(job) => self.jobs[*job].pinned.extend(pinned),
                None => {
                    self.seen.insert(purl.to_string(), self.jobs.len());
                    self.jobs.push(Job {
                        label: label.into(),
                        work: Work::Release(purl),
                        pinned,
                        listed,
                    });
                }
            },
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
                integrity: Integrity::Unknown,
            }],
            ..Input::default()
        };
        self.jobs.push(Job {
            label: label.into(),
            work: Work::Local(input),
            pinned: Vec::new(),
            listed: false,
        });
    }

    fn lock_file(&mut self, label: &str, path: &Path, kind: lock::Kind) {
        match lock::read(path, kind) {
            Ok(parsed) => {
                for entry in parsed.packages {
                    self.purl(&entry.purl, &entry.purl, Some(entry.expected_hashes));
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
pub(crate) fn input(release: Release, fetched: Fetched, pinned: &[ExpectedHash]) -> Input {
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
                integrity: integrity(artifact.verified.is_some(), artifact.listing),
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
        ..Input::default()
    }
}

fn integrity(verified: bool, listing: Option<String>) -> Integrity {
    match listing {
        Some(listing) => Integrity::Listing(listing),
        None if verified => Integrity::Verified,
        None => Integrity::Unknown,
    }
}

/// The lock file pins digests, and the registry's files have none of them: what was
/// locked is not what was analysed.
fn unpinned(fetched: &Fetched, pinned: &[ExpectedHash]) -> Option<SkippedArtifact> {
    let first = pinned
        .iter()
        .find(|hash| hasher(hash.algorithm).is_some())?;
    let matches = |hash: &ExpectedHash| {
        let same = |path: &Path| digest(hash.algorithm, path).is_ok_and(|hex| hex == hash.hex);
        fetched
            .artifacts
            .iter()
            .any(|artifact| same(&artifact.path))
    };
    // npm pins one digest of one file, PyPI one for each file of the release.
    let any = match first.algorithm {
        lock::Algorithm::Sha256 => pinned.iter().any(|hash| {
            fetched
                .artifacts
                .iter()
                .any(|artifact| artifact.sha256 == hash.hex)
        }),
        _ => pinned.iter().take(MAX_DIGESTS).any(matches),
    };
    (!any).then(|| SkippedArtifact {
        filename: "the locked artifact".into(),
        reason: format!(
            "no file of the registry has a digest that the lock file pins, such as {}",
            output::line(&first.hex)
        ),
    })
}

/// Most pinned digests compared by hashing files anew.
const MAX_DIGESTS: usize = 8;

/// The algorithms that are worth comparing.
fn hasher(algorithm: lock::Algorithm) -> Option<Box<dyn DynDigest>> {
    Some(match algorithm {
        lock::Algorithm::Sha1 => Box::new(sha1::Sha1::default()),
        lock::Algorithm::Sha256 => Box::new(sha2::Sha256::default()),
        lock::Algorithm::Sha384 => Box::new(sha2::Sha384::default()),
        lock::Algorithm::Sha512 => Box::new(sha2::Sha512::default()),
        lock::Algorithm::Md5 | lock::Algorithm::Sha224 => return None,
    })
}

fn digest(algorithm: lock::Algorithm, path: &Path) -> io::Result<String> {
    let mut hasher = hasher(algorithm).ok_or(io::ErrorKind::Unsupported)?;
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            length => hasher.update(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::LocalArtifact;

    fn fetched(content: &str) -> (tempfile::TempDir, Fetched) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tgz");
        std::fs::write(&path, content).unwrap();
        let sha256 = digest(lock::Algorithm::Sha256, &path).unwrap();
        let artifact = LocalArtifact {
            filename: "x.tgz".into(),
            path,
            sha256,
            size: 1,
            verified: None,
            listing: None,
        };
        (
            folder,
            Fetched {
                artifacts: vec![artifact],
                skipped: Vec::new(),
            },
        )
    }

    #[test]
    fn a_lock_that_pins_another_file_is_told() {
        let (folder, honest) = fetched("honest");
        for algorithm in [
            lock::Algorithm::Sha1,
            lock::Algorithm::Sha256,
            lock::Algorithm::Sha512,
        ] {
            let hex = digest(algorithm, &folder.path().join("x.tgz")).unwrap();
            let good = ExpectedHash { algorithm, hex };
            let evil = ExpectedHash {
                algorithm,
                hex: "00".repeat(good.hex.len() / 2),
            };
            assert!(
                unpinned(&honest, std::slice::from_ref(&good)).is_none(),
                "{algorithm:?}"
            );
            assert!(
                unpinned(&honest, std::slice::from_ref(&evil)).is_some(),
                "{algorithm:?}"
            );
            assert!(unpinned(&honest, &[evil, good]).is_none(), "{algorithm:?}");
        }
        assert!(unpinned(&honest, &[]).is_none());
    }
}
