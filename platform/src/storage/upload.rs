//! Uploads of unknown length, in parts.
//!
//! **Failure rule.** An object exists whole or not at all. What fits into one part is one
//! PUT. More goes into a multipart upload, which is invisible until it is completed and is
//! aborted when the sender breaks off, the limit is passed, the storage fails, or the future
//! is dropped. Completion runs as a task of its own: if the future is dropped then, a whole
//! object may appear that nobody knows of; those are what `uploads_older_than` finds. If the
//! process is killed, parts may stay on the server: give the bucket a lifecycle rule that
//! aborts incomplete multipart uploads.

use std::fmt::Display;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use object_store::{ObjectStoreExt as _, PutPayloadMut, WriteMultipart, path::Path};
use sha2::{Digest as _, Sha256};

use super::error::StorageError;
use super::{BackupKey, CompiledKey, ComponentKey, Storage, UploadKey};

/// Bytes of a part. S3 wants 5 MiB at least, all alike, and 10,000 at most: 80 GB.
const PART: usize = 8 << 20;

/// Parts of one upload on their way at once: one is sent while the next is received. More
/// would only take memory, for clients are slower than the storage.
const PARTS_AT_ONCE: usize = 2;

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl Storage {
    /// Stores a stream of bytes as an upload, unless it has more than `limit` bytes.
    ///
    /// # Errors
    /// [`StorageError::TooLarge`], [`StorageError::Sender`] if the stream fails, or whatever
    /// the storage says. Nothing is stored then.
    pub async fn upload<S, E>(
        &self,
        key: &UploadKey,
        bytes: S,
        limit: u64,
    ) -> Result<Uploaded, StorageError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Display,
    {
        self.write(self.path(key), bytes, limit).await
    }

    /// Stores a stream of bytes as a component. The caller knows its digest, and compares
    /// what was stored.
    ///
    /// # Errors
    /// As [`Storage::upload`].
    pub async fn put_component<S, E>(
        &self,
        key: &ComponentKey,
        bytes: S,
        limit: u64,
    ) -> Result<Uploaded, StorageError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Display,
    {
        self.write(self.path(key), bytes, limit).await
    }

    /// Stores a stream of bytes as a backup.
    ///
    /// # Errors
    /// As [`Storage::upload`].
    pub async fn put_backup<S, E>(
        &self,
        key: &BackupKey,
        bytes: S,
        limit: u64,
    ) -> Result<Uploaded, StorageError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Display,
    {
        self.write(self.path(key), bytes, limit).await
    }

    /// Stores sealed code of a component, in place of what was there.
    ///
    /// # Errors
    /// [`StorageError::TooLarge`], or whatever the storage says. Nothing is stored then.
    pub async fn put_compiled(
        &self,
        key: &CompiledKey,
        sealed: Bytes,
        limit: u64,
    ) -> Result<(), StorageError> {
        // In pieces of a part: the writer copies what it is given.
        let starts = (0..sealed.len()).step_by(PART);
        let chunks = starts.map(|from| sealed.slice(from..sealed.len().min(from + PART)));
        let chunks = futures_util::stream::iter(chunks.map(Ok::<_, std::convert::Infallible>));
        self.write(self.path(key), chunks, limit).await.map(drop)
    }

    async fn write<S, E>(&self, path: Path, bytes: S, limit: u64) -> Result<Uploaded, StorageError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Display,
    {
        let mut writer = Writer::new(self, path);
        let mut bytes = std::pin::pin!(bytes);
        let mut digest = Sha256::new();
        let mut size = 0_u64;
        while let Some(chunk) = bytes.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    let what = error.to_string();
                    return writer.give_up(StorageError::Sender { what }).await;
                }
            };
            size = size.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            if size > limit {
                return writer.give_up(StorageError::TooLarge { limit }).await;
            }
            digest.update(&chunk);
            if let Err(error) = writer.write(chunk).await {
                return writer.give_up(error).await;
            }
        }
        writer.finish().await?;
        let sha256 = hex::encode(digest.finalize());
        Ok(Uploaded { size, sha256 })
    }
}

/// What has come so far: less than a part, or parts already sent.
struct Writer {
    storage: Storage,
    path: Path,
    waiting: PutPayloadMut,
    parts: Option<WriteMultipart>,
}

impl Writer {
    fn new(storage: &Storage, path: Path) -> Self {
        Self {
            storage: storage.clone(),
            path,
            waiting: PutPayloadMut::new(),
            parts: None,
        }
    }

    fn failed(&self, error: &object_store::Error) -> StorageError {
        StorageError::of(&self.storage.place, self.path.as_ref(), error)
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        if self.parts.is_none() {
            // Copied, so that a client's chunks of a byte each do not cost a handle each.
            self.waiting.extend_from_slice(&chunk);
            if self.waiting.content_length() < PART {
                return Ok(());
            }
            let upload = self.storage.store.put_multipart(&self.path).await;
            let upload = upload.map_err(|error| self.failed(&error))?;
            let mut parts = WriteMultipart::new_with_chunk_size(upload, PART);
            for bytes in std::mem::take(&mut self.waiting).freeze() {
                parts.put(bytes);
            }
            self.parts = Some(parts);
            return Ok(());
        }
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        if let Err(error) = parts.wait_for_capacity(PARTS_AT_ONCE).await {
            return Err(self.failed(&error));
        }
        parts.write(&chunk);
        Ok(())
    }

    async fn finish(mut self) -> Result<(), StorageError> {
        let Some(parts) = self.parts.take() else {
            let payload = std::mem::take(&mut self.waiting).freeze();
            let put = self.storage.store.put(&self.path, payload).await;
            return put.map(drop).map_err(|error| self.failed(&error));
        };
        // Half-way through, a dropped future could neither complete nor abort.
        match tokio::spawn(parts.finish()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(error) => Err(StorageError::Io {
                place: self.storage.place.to_string(),
                what: error.to_string(),
            }),
        }
    }

    /// Aborts, and answers with why. That the abort failed too adds nothing for the caller.
    async fn give_up<T>(mut self, error: StorageError) -> Result<T, StorageError> {
        if let Some(parts) = self.parts.take() {
            abort(parts, self.path.clone()).await;
        }
        Err(error)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(abort(parts, self.path.clone()));
        }
    }
}

async fn abort(parts: WriteMultipart, path: Path) {
    if let Err(error) = parts.abort().await {
        tracing::warn!(%path, %error, "an incomplete upload could not be removed");
    }
}
