//! Downloads the files of a release: bounded, hashed while they are written, all or nothing.

use std::io::Write as _;
use std::path::Path;

use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::header::CONTENT_LENGTH;
use tempfile::NamedTempFile;
use tokio::time::timeout;

use super::checksum::{Algorithm, Hasher};
use super::document::shown;
use super::endpoints::Endpoint;
use super::error::FetchError;
use super::failure::{Failure, check_status};
use super::http::{Http, Kind};
use super::release::{
    FetchLimits, Fetched, LocalArtifact, Release, RemoteArtifact, SkippedArtifact,
};

/// Bytes gathered before they are hashed and written on a blocking thread: a hop per network
/// chunk (16 KiB) would cost more than the write.
const WRITE_BUFFER: usize = 1 << 20;

/// A download that is deleted when dropped.
struct Download {
    file: NamedTempFile,
    sha256: String,
    size: u64,
    verified: Option<Algorithm>,
}

/// Fetches what the limits allow. Which files those are depends on the release and the limits
/// alone, not on the order in which downloads end.
pub(super) async fn fetch(
    http: &Http,
    release: &Release,
    limits: &FetchLimits,
    directory: &Path,
) -> Result<Fetched, FetchError> {
    let (planned, mut skipped) = plan(release, limits);
    // A loop, not a closure: the compiler can't prove a closure's futures `Send`.
    let mut pending = Vec::new();
    for &artifact in &planned {
        pending.push(download(
            http,
            &release.endpoint,
            artifact,
            limits.artifact_bytes,
            directory,
        ));
    }
    let mut downloads = stream::iter(pending)
        .buffered(limits.concurrency.max(1))
        .enumerate();
    let mut kept = Vec::new();
    let mut total = 0_u64;
    while let Some((index, result)) = downloads.next().await {
        match result {
            Err(FetchError::TooLarge { .. }) => skipped.push(too_large(planned[index], limits)),
            Err(error) => return Err(error),
            Ok(done) if total + done.size > limits.release_bytes => {
                // The sizes were not known beforehand: stop rather than fetch what may not fit.
                let rest = planned[index..].iter();
                skipped.extend(rest.map(|artifact| beyond_release(artifact, limits)));
                break;
            }
            Ok(done) => {
                total += done.size;
                kept.push((planned[index], done));
            }
        }
    }
    drop(downloads);
    if kept.is_empty() && !skipped.is_empty() {
        let limit = limits.artifact_bytes.min(limits.release_bytes);
        return Err(FetchError::TooLarge {
            what: format!("every file of {}", release.purl),
            limit,
        });
    }
    let artifacts = kept
        .into_iter()
        .enumerate()
        .map(|(index, (artifact, done))| keep(index, artifact, done, directory))
        .collect::<Result<_, _>>()?;
    Ok(Fetched { artifacts, skipped })
}

/// Divides the artifacts by what is known before any download.
fn plan<'a>(
    release: &'a Release,
    limits: &FetchLimits,
) -> (Vec<&'a RemoteArtifact>, Vec<SkippedArtifact>) {
    let mut planned = Vec::new();
    let mut skipped = Vec::new();
    let mut total = 0_u64;
    for artifact in &release.artifacts {
        let size = artifact.size.unwrap_or(0);
        if planned.len() >= limits.artifacts {
            let reason = format!("the release has more than {} files", limits.artifacts);
            skipped.push(SkippedArtifact {
                filename: artifact.filename.clone(),
                reason,
            });
        } else if size > limits.artifact_bytes {
            skipped.push(too_large(artifact, limits));
        } else if total.saturating_add(size) > limits.release_bytes {
            skipped.push(beyond_release(artifact, limits));
        } else {
            total += size;
            planned.push(artifact);
        }
    }
    (planned, skipped)
}

fn too_large(artifact: &RemoteArtifact, limits: &FetchLimits) -> SkippedArtifact {
    let reason = format!("it is larger than {} bytes", limits.artifact_bytes);
    SkippedArtifact {
        filename: artifact.filename.clone(),
        reason,
    }
}

fn beyond_release(artifact: &RemoteArtifact, limits: &FetchLimits) -> SkippedArtifact {
    let reason = format!(
        "the release's files exceed {} bytes together",
        limits.release_bytes
    );
    SkippedArtifact {
        filename: artifact.filename.clone(),
        reason,
    }
}

/// Gives a download its final name; the number keeps equal names apart.
fn keep(
    index: usize,
    artifact: &RemoteArtifact,
    done: Download,
    directory: &Path,
) -> Result<LocalArtifact, FetchError> {
    let path = directory.join(format!("{index:02}-{}", artifact.filename));
    let persisted = done.file.persist(&path);
    persisted.map_err(|error| FetchError::from_io(&artifact.filename, error.error))?;
    Ok(LocalArtifact {
        filename: artifact.filename.clone(),
        path,
        sha256: done.sha256,
        size: done.size,
        verified: done.verified,
        listing: artifact
            .checksums
            .iter()
            .find(|checksum| checksum.algorithm == Algorithm::GoH1)
            .map(|checksum| checksum.digest.clone()),
    })
}

async fn download(
    http: &Http,
    endpoint: &Endpoint,
    artifact: &RemoteArtifact,
    limit: u64,
    directory: &Path,
) -> Result<Download, FetchError> {
    let deadline = http.limits.artifact_deadline;
    http.with_retries(|| async move {
        timeout(
            deadline,
            download_once(http, endpoint, artifact, limit, directory),
        )
        .await
        .unwrap_or_else(|_| {
            let url = shown(&artifact.url);
            Err(FetchError::Timeout {
                url,
                after: deadline,
            }
            .into())
        })
    })
    .await
}

async fn download_once(
    http: &Http,
    endpoint: &Endpoint,
    artifact: &RemoteArtifact,
    limit: u64,
    directory: &Path,
) -> Result<Download, Failure> {
    let url = &artifact.url;
    let response = http.send(endpoint, url, None, Kind::Artifact).await?;
    let mut response = check_status(response, url, http.limits.max_retry_after)?;
    let too_large = || FetchError::TooLarge {
        what: artifact.filename.clone(),
        limit,
    };
    let announced = response.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|size| size > limit) {
        return Err(too_large().into());
    }
    let io_error = |error| FetchError::from_io(&artifact.filename, error);
    let file = NamedTempFile::new_in(directory).map_err(io_error)?;
    let mut sink = Sink {
        file,
        hasher: Hasher::new(&artifact.checksums),
    };
    let mut buffer = Vec::new();
    let mut size = 0_u64;
    while let Some(chunk) = http.chunk(&mut response, url).await? {
        size += chunk.len() as u64;
        if size > limit {
            return Err(too_large().into());
        }
        buffer.extend_from_slice(&chunk);
        if buffer.len() >= WRITE_BUFFER {
            (sink, buffer) = sink.write(buffer).await.map_err(io_error)?;
        }
    }
    (sink, _) = sink.write(buffer).await.map_err(io_error)?;
    let (sha256, verified) = sink
        .hasher
        .finish(&artifact.filename, &artifact.checksums)?;
    Ok(Download {
        file: sink.file,
        sha256,
        size,
        verified,
    })
}

/// The file and the hashes of what was written to it.
struct Sink {
    file: NamedTempFile,
    hasher: Hasher,
}

impl Sink {
    /// Writes and hashes on a blocking thread; hands back itself and the emptied buffer.
    async fn write(mut self, mut bytes: Vec<u8>) -> std::io::Result<(Self, Vec<u8>)> {
        let work = tokio::task::spawn_blocking(move || {
            self.hasher.update(&bytes);
            self.file.write_all(&bytes)?;
            bytes.clear();
            Ok((self, bytes))
        });
        work.await.map_err(std::io::Error::other)?
    }
}
