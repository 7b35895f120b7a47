//! A component as it comes in: into a file, under a limit.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::sync::OwnedSemaphorePermit;

use super::{LIMIT, too_large};
use crate::api::App;
use crate::api::archives::receive::{self, Faults};
use crate::api::error::ApiError;

/// A component in a file.
pub(super) struct Received {
    /// Removed with all that is in it when this is dropped.
    _folder: TempDir,
    /// After the folder, so that there are never more.
    _room: OwnedSemaphorePermit,
    pub path: PathBuf,
    pub sha256: [u8; 32],
    pub size: u64,
}

pub(super) async fn receive(app: &App, body: Body) -> Result<Received, ApiError> {
    let disk = |error: std::io::Error| {
        tracing::error!(%error, "a component could not be written to the disk");
        ApiError::unavailable("the disk")
    };
    let room = Arc::clone(&app.service.deploys).try_acquire_owned();
    let room = room.map_err(|_| {
        ApiError::busy("there are enough deploys at the moment: nothing was read, try again")
    })?;
    let folder = tempfile::Builder::new()
        .prefix("packguard-deploy-")
        .tempdir()
        .map_err(disk)?;
    let path = folder.path().join("component.wasm");
    let mut file = std::fs::File::create(&path).map_err(disk)?;
    let faults = Faults::default();
    let mut chunks = receive::paced(body, app.settings.request_timeout, &faults);
    let (mut digest, mut size) = (Sha256::new(), 0_u64);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| faults.first())?;
        size = size.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if size > LIMIT {
            return Err(too_large());
        }
        digest.update(&chunk);
        // Chunks have some kilobytes, and go to the page cache.
        file.write_all(&chunk).map_err(disk)?;
    }
    if size == 0 {
        return Err(ApiError::invalid("body", "the component is empty"));
    }
    Ok(Received {
        _folder: folder,
        _room: room,
        path,
        sha256: digest.finalize().into(),
        size,
    })
}
