//! From a task to what the pipeline takes: the registry's artifacts, or an uploaded archive.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt as _;
use packguard_runtime::report::PackageInfo;
use packguard_runtime::{Input, InputArtifact, Integrity, Pipeline, Source};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use super::error::{self, JobError};
use crate::db;
use crate::db::claims::ClaimedTask;
use crate::db::uploads;
use crate::inputs::lock::ExpectedHash;
use crate::knowledge::Knowledge;
use crate::limits::ScanLimits;
use crate::purl::Purl;
use crate::registry::{FetchError, Registry};
use crate::scan::jobs;
use crate::storage::{Storage, UploadKey};
use crate::suppressions;
use crate::telemetry::{Metrics, spans};
use tracing::Instrument as _;

/// What was fetched.
pub(super) struct Fetched {
    /// For the pipeline.
    pub input: Input,
    /// File names and lower-case hex SHA-256, sorted.
    artifacts: Vec<(String, String)>,
    /// Bytes of all artifacts.
    pub bytes: u64,
    /// What the report will be filed under.
    pub purl: String,
    /// Namespace and name.
    pub full_name: String,
}

impl Fetched {
    /// What decides the report, in one digest: same key, same report.
    pub(super) fn reuse_key(&self, pipeline: &Pipeline) -> [u8; 32] {
        let provenance = pipeline.provenance(&self.input);
        let skipped: Vec<_> = self
            .input
            .skipped
            .iter()
            .map(|one| (&one.filename, &one.reason))
            .collect();
        let all = json!({
            "purl": self.purl,
            "artifacts": self.artifacts,
            "skipped": skipped,
            "components": pipeline.components(),
            "provenance": provenance,
        });
        Sha256::digest(all.to_string()).into()
    }
}

/// Fetches what a task is about.
pub(super) struct Fetcher {
    pub db: PgPool,
    pub storage: Storage,
    pub registry: Registry,
    pub limits: ScanLimits,
    pub knowledge: Arc<Knowledge>,
    pub metrics: Metrics,
}

impl Fetcher {
    /// Fetches into `folder`.
    pub(super) async fn fetch(
        &self,
        task: &ClaimedTask,
        folder: &Path,
    ) -> Result<Fetched, JobError> {
        let mut fetched = match task.upload {
            Some(id) => self.upload(task, id, folder).await?,
            None => self.release(task, folder).await?,
        };
        self.knowledge
            .tell(&mut fetched.input, suppressions::today());
        fetched.artifacts.sort();
        Ok(fetched)
    }

    async fn release(&self, task: &ClaimedTask, folder: &Path) -> Result<Fetched, JobError> {
        let purl: Purl = task
            .requested_purl
            .parse()
            .map_err(|error| JobError::purl(&error))?;
        let ecosystem = purl.ecosystem().as_str();
        let started = Instant::now();
        let work = async {
            let release = self.registry.resolve(&purl).await?;
            let downloads = self
                .registry
                .fetch(&release, &self.limits.fetch, folder)
                .await?;
            Ok::<_, FetchError>((release, downloads))
        };
        let (release, downloads) = work
            .instrument(spans::fetch_span(ecosystem))
            .await
            .map_err(|error| {
                self.metrics.fetch_failed(ecosystem, error::kind(&error));
                JobError::fetch(&error)
            })?;
        let bytes = downloads.artifacts.iter().map(|one| one.size).sum();
        self.metrics.fetched(ecosystem, bytes, started.elapsed());
        let pinned: Vec<ExpectedHash> = match &task.pinned {
            Some(pinned) => {
                serde_json::from_value(pinned.clone()).map_err(|error| JobError::pinned(&error))?
            }
            None => Vec::new(),
        };
        let artifacts = downloads
            .artifacts
            .iter()
            .map(|one| (one.filename.clone(), one.sha256.clone()))
            .collect();
        let (purl, full_name) = (release.purl.to_string(), release.purl.full_name());
        Ok(Fetched {
            input: jobs::input(release, downloads, &pinned),
            artifacts,
            bytes,
            purl,
            full_name,
        })
    }

    async fn upload(
        &self,
        task: &ClaimedTask,
        id: Uuid,
        folder: &Path,
    ) -> Result<Fetched, JobError> {
        let row = db::answered(uploads::get(&self.db, id))
            .await
            .map_err(|error| JobError::database(&error))?;
        let row = row.ok_or_else(JobError::no_upload)?;
        let path = folder.join("upload");
        let sha256 = self.copy(&UploadKey::of(row.owner, id), &path).await?;
        if row.sha256 != sha256 {
            return Err(JobError::damaged_upload());
        }
        Ok(Fetched {
            input: Input {
                package: PackageInfo {
                    purl: Some(task.purl.clone()),
                    ecosystem: "generic".into(),
                    name: row.filename.clone(),
                    ..PackageInfo::default()
                },
                artifacts: vec![InputArtifact {
                    filename: row.filename.clone(),
                    source: Source::Archive(path),
                    integrity: Integrity::Verified,
                }],
                ..Input::default()
            },
            artifacts: vec![(row.filename.clone(), hex::encode(sha256))],
            bytes: u64::try_from(row.size_bytes).unwrap_or(0),
            purl: task.purl.clone(),
            full_name: row.filename,
        })
    }

    /// Copies an upload to a file, and gives its SHA-256.
    async fn copy(&self, key: &UploadKey, path: &Path) -> Result<[u8; 32], JobError> {
        let mut object = self
            .storage
            .get_upload(key)
            .await
            .map_err(|error| JobError::storage(&error))?;
        let mut file = tokio::fs::File::create(path)
            .await
            .map_err(|error| JobError::disk(&error))?;
        let mut hash = Sha256::new();
        while let Some(bytes) = object.bytes.next().await {
            let bytes = bytes.map_err(|error| JobError::storage(&error))?;
            hash.update(&bytes);
            file.write_all(&bytes)
                .await
                .map_err(|error| JobError::disk(&error))?;
        }
        file.flush().await.map_err(|error| JobError::disk(&error))?;
        Ok(hash.finalize().into())
    }
}
