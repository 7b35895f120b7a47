//! Object storage: reports and uploads, on S3, in a folder or in memory.
//!
//! ```text
//! keys.rs     what may be stored where
//! connect.rs  the client of each kind, its time-outs and retries
//! upload.rs   streams of unknown length
//! error.rs    what went wrong, and what to do
//! ```
//!
//! **Failure rule.** Objects appear whole or not at all. Reports are named by their digest, so
//! writing one twice is harmless, and Postgres, not a conditional PUT, decides which counts:
//! conditional PUT is not portable between S3 servers.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::Signer as _;
use object_store::{
    Attribute, Attributes, ObjectStore, ObjectStoreExt as _, PutOptions, PutPayload,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::config::StorageConfig;

mod connect;
mod error;
mod keys;
#[cfg(test)]
pub(crate) mod tests;
mod upload;

pub use error::StorageError;
pub use keys::{AliasKey, BackupKey, CompiledKey, ComponentKey, KeyError, ReportKey, UploadKey};
pub use upload::Uploaded;

/// The storage of a deployment. Cloning shares its connections.
#[derive(Clone)]
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    signer: Option<Arc<AmazonS3>>,
    prefix: Arc<str>,
    /// For messages.
    place: Arc<str>,
    url_expiry: Duration,
}

impl std::fmt::Debug for Storage {
    /// Where it is; the client would show its credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Storage({})", self.place)
    }
}

/// A report that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReport {
    /// Where.
    pub key: ReportKey,
    /// Bytes.
    pub size: u64,
}

/// An object as it is read.
pub struct Object {
    /// Bytes in all.
    pub size: u64,
    /// They come as they are read; an error ends them.
    pub bytes: BoxStream<'static, Result<Bytes, StorageError>>,
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Object({} bytes)", self.size)
    }
}

impl Storage {
    /// Opens a storage. A folder is created; a server is not asked yet.
    ///
    /// # Errors
    /// When the folder can't be used.
    pub fn open(config: &StorageConfig) -> Result<Self, StorageError> {
        let client = connect::connect(config)?;
        Ok(Self {
            store: client.store,
            signer: client.signer,
            prefix: client.prefix.into(),
            place: client.place.into(),
            url_expiry: config.url_expiry,
        })
    }

    /// Where it is, for messages.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether it can make presigned URLs.
    pub fn signs_urls(&self) -> bool {
        self.signer.is_some()
    }

    /// Stores a report under its digest. It is written without looking first: a new report is
    /// nearly always one, a HEAD would cost each of them a round trip, and the same bytes may
    /// replace themselves.
    ///
    /// # Errors
    /// What the storage says.
    pub async fn put_report(&self, report: Bytes) -> Result<StoredReport, StorageError> {
        let key = ReportKey::of(&report);
        let size = u64::try_from(report.len()).unwrap_or(u64::MAX);
        self.put_json(&key, report).await?;
        Ok(StoredReport { key, size })
    }

    /// Stores a package's latest report, in place of the one before.
    ///
    /// # Errors
    /// What the storage says.
    pub async fn put_alias(&self, key: &AliasKey, report: Bytes) -> Result<(), StorageError> {
        self.put_json(key, report).await
    }

    /// A report, as a stream.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], or what the storage says.
    pub async fn get_report(&self, key: &ReportKey) -> Result<Object, StorageError> {
        self.get(key).await
    }

    /// A package's latest report, as a stream.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], or what the storage says.
    pub async fn get_alias(&self, key: &AliasKey) -> Result<Object, StorageError> {
        self.get(key).await
    }

    /// A report whole, checked against its digest.
    ///
    /// # Errors
    /// [`StorageError::TooLarge`] beyond `limit` bytes, [`StorageError::Damaged`],
    /// [`StorageError::NotFound`], or what the storage says.
    pub async fn read_report(&self, key: &ReportKey, limit: u64) -> Result<Bytes, StorageError> {
        let report = whole(self.get(key).await?, limit).await?;
        if ReportKey::of(&report) == *key {
            return Ok(report);
        }
        let key = key.to_string();
        Err(StorageError::Damaged { key })
    }

    /// A deployed component, as a stream.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], or what the storage says.
    pub async fn get_component(&self, key: &ComponentKey) -> Result<Object, StorageError> {
        self.get(key).await
    }

    /// A deployed component whole, checked against its digest.
    ///
    /// # Errors
    /// [`StorageError::TooLarge`] beyond `limit` bytes, [`StorageError::Damaged`],
    /// [`StorageError::NotFound`], or what the storage says.
    pub async fn read_component(
        &self,
        key: &ComponentKey,
        limit: u64,
    ) -> Result<Bytes, StorageError> {
        let component = whole(self.get(key).await?, limit).await?;
        if Sha256::digest(&component).as_slice() == key.sha256() {
            return Ok(component);
        }
        let key = key.to_string();
        Err(StorageError::Damaged { key })
    }

    /// Sealed code of a component; `None` where there is none. Whether it is genuine is for the
    /// caller to see.
    ///
    /// # Errors
    /// [`StorageError::TooLarge`] beyond `limit` bytes, or what the storage says.
    pub async fn read_compiled(
        &self,
        key: &CompiledKey,
        limit: u64,
    ) -> Result<Option<Bytes>, StorageError> {
        match self.get(key).await {
            Ok(object) => whole(object, limit).await.map(Some),
            Err(StorageError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes a deployed component; that it is gone already is as good.
    ///
    /// # Errors
    /// What the storage says.
    pub async fn delete_component(&self, key: &ComponentKey) -> Result<(), StorageError> {
        self.delete(key).await
    }

    /// An upload, as a stream.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], or what the storage says.
    pub async fn get_upload(&self, key: &UploadKey) -> Result<Object, StorageError> {
        self.get(key).await
    }

    /// Deletes a report; that it is gone already is as good.
    ///
    /// # Errors
    /// What the storage says.
    pub async fn delete_report(&self, key: &ReportKey) -> Result<(), StorageError> {
        self.delete(key).await
    }

    /// Deletes a package's latest report; that it is gone already is as good.
    ///
    /// # Errors
    /// What the storage says.
    pub async fn delete_alias(&self, key: &AliasKey) -> Result<(), StorageError> {
        self.delete(key).await
    }

    /// Deletes an upload; that it is gone already is as good.
    ///
    /// # Errors
    /// What the storage says.
    pub async fn delete_upload(&self, key: &UploadKey) -> Result<(), StorageError> {
        self.delete(key).await
    }

    /// Uploads that were written more than `age` ago, `limit` of them at most. Objects below
    /// `uploads/` that are none are left alone.
    ///
    /// # Errors
    /// What the storage says.
    pub async fn uploads_older_than(
        &self,
        age: Duration,
        limit: usize,
    ) -> Result<Vec<UploadKey>, StorageError> {
        let age = chrono::TimeDelta::from_std(age).unwrap_or(chrono::TimeDelta::MAX);
        let Some(before) = chrono::Utc::now().checked_sub_signed(age) else {
            return Ok(Vec::new());
        };
        let folder = self.path(&"uploads");
        let old = self.store.list(Some(&folder)).try_filter_map(|object| {
            let old = object.last_modified < before;
            let key = old
                .then(|| self.key::<UploadKey>(&object.location))
                .flatten();
            std::future::ready(Ok(key))
        });
        let old: Result<Vec<UploadKey>, _> = old.take(limit).try_collect().await;
        old.map_err(|error| StorageError::of(&self.place, "uploads", &error))
    }

    /// All backups, oldest first. Other objects below `backups/` are left alone.
    ///
    /// # Errors
    /// What the storage says.
    pub async fn backups(&self) -> Result<Vec<BackupKey>, StorageError> {
        let folder = self.path(&"backups");
        let keys = self.store.list(Some(&folder)).try_filter_map(|object| {
            let key = self.key::<BackupKey>(&object.location);
            std::future::ready(Ok(key))
        });
        let keys: Result<Vec<BackupKey>, _> = keys.try_collect().await;
        let mut keys = keys.map_err(|error| StorageError::of(&self.place, "backups", &error))?;
        keys.sort();
        Ok(keys)
    }

    /// A backup, as a stream.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], or what the storage says.
    pub async fn get_backup(&self, key: &BackupKey) -> Result<Object, StorageError> {
        self.get(key).await
    }

    /// Deletes a backup; that it is gone already is as good.
    ///
    /// # Errors
    /// What the storage says.
    pub async fn delete_backup(&self, key: &BackupKey) -> Result<(), StorageError> {
        self.delete(key).await
    }

    /// A URL under which anybody can read the report for `STORAGE_URL_EXPIRY`.
    ///
    /// # Errors
    /// [`StorageError::NotSigned`] where there is no S3 server.
    pub async fn presigned_report(&self, key: &ReportKey) -> Result<url::Url, StorageError> {
        let Some(signer) = &self.signer else {
            let place = self.place.to_string();
            return Err(StorageError::NotSigned { place });
        };
        let path = self.path(key);
        let url = signer.signed_url(reqwest::Method::GET, &path, self.url_expiry);
        url.await.map_err(|error| self.failed(key, &error))
    }

    /// Writes, reads and deletes an object: the whole of what is needed of a storage.
    ///
    /// # Errors
    /// What the storage says; [`StorageError::Damaged`] if it gives back something else.
    pub async fn round_trip(&self) -> Result<(), StorageError> {
        let id = Uuid::new_v4();
        let key = format!("probes/{}", id.hyphenated());
        let path = self.path(&key);
        let written = Bytes::copy_from_slice(id.as_bytes());
        let failed = |error| self.failed(&key, &error);
        let put = self.store.put(&path, PutPayload::from(written.clone()));
        put.await.map_err(failed)?;
        // More than was written is wrong already.
        let read = whole(self.get(&key).await?, 1 << 10).await;
        // Deleted in any case, but a read that failed says more.
        let deleted = self.delete(&key).await;
        if read? != written {
            return Err(StorageError::Damaged { key });
        }
        deleted
    }

    fn path(&self, key: &impl Display) -> Path {
        // Keys are made of what `Path` takes as it is: a test compares.
        if self.prefix.is_empty() {
            Path::parse(key.to_string()).unwrap_or_default()
        } else {
            Path::parse(format!("{}/{key}", self.prefix)).unwrap_or_default()
        }
    }

    fn key<K: std::str::FromStr>(&self, path: &Path) -> Option<K> {
        let mut text = path.as_ref();
        if !self.prefix.is_empty() {
            text = text.strip_prefix(self.prefix.as_ref())?.strip_prefix('/')?;
        }
        text.parse().ok()
    }

    fn failed(&self, key: &impl Display, error: &object_store::Error) -> StorageError {
        StorageError::of(&self.place, &key.to_string(), error)
    }

    async fn put_json(&self, key: &impl Display, bytes: Bytes) -> Result<(), StorageError> {
        let mut options = PutOptions::default();
        if self.signer.is_some() {
            // For those who download it from the server itself; folders keep no such thing.
            options.attributes =
                Attributes::from_iter([(Attribute::ContentType, "application/json")]);
        }
        let path = self.path(key);
        let put = self
            .store
            .put_opts(&path, PutPayload::from(bytes), options)
            .await;
        put.map(drop).map_err(|error| self.failed(key, &error))
    }

    async fn get(&self, key: &impl Display) -> Result<Object, StorageError> {
        let found = self.store.get(&self.path(key)).await;
        let found = found.map_err(|error| self.failed(key, &error))?;
        let (storage, name) = (self.clone(), key.to_string());
        Ok(Object {
            size: found.meta.size,
            bytes: found
                .into_stream()
                .map_err(move |error| storage.failed(&name, &error))
                .boxed(),
        })
    }

    async fn delete(&self, key: &impl Display) -> Result<(), StorageError> {
        match self.store.delete(&self.path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(key, &error)),
        }
    }
}

/// All bytes of an object, if they are few enough.
async fn whole(mut object: Object, limit: u64) -> Result<Bytes, StorageError> {
    let too_large = || StorageError::TooLarge { limit };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let size = usize::try_from(object.size).unwrap_or(usize::MAX);
    if size > limit {
        return Err(too_large());
    }
    let mut bytes = BytesMut::with_capacity(size);
    while let Some(chunk) = object.bytes.try_next().await? {
        if bytes.len() + chunk.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}
