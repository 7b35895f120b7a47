//! Components that nothing names: what a crash, or a deploy that failed half-way, left.

use sqlx::PgPool;

use crate::db::{self, functions};
use crate::storage::{ComponentKey, Storage, StorageError};

/// Why an orphan stays.
#[derive(Debug, thiserror::Error)]
pub enum OrphanError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Deletes a component, unless something names it, and then its note.
///
/// # Errors
/// When the database or the storage fails: the note stays.
pub async fn remove(
    pool: &PgPool,
    storage: &Storage,
    key: ComponentKey,
    note: i64,
) -> Result<(), OrphanError> {
    if !db::answered(functions::is_known(pool, key.sha256(), note)).await? {
        storage.delete_component(&key).await?;
    }
    Ok(db::answered(functions::forget(pool, note)).await?)
}

/// Deletes what nobody has worked on for an hour.
///
/// # Errors
/// As [`remove`].
pub async fn sweep(pool: &PgPool, storage: &Storage) -> Result<(), OrphanError> {
    for (note, sha256) in db::answered(functions::stale_uploads(pool)).await? {
        // The column holds 32 bytes.
        if let Ok(sha256) = sha256.try_into() {
            remove(pool, storage, ComponentKey::of(sha256), note).await?;
        }
    }
    Ok(())
}
