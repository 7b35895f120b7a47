//! Backups of Postgres: taken from one snapshot by COPY, compressed, encrypted for a key that the
//! deployment itself does not hold, streamed to the object storage, and verified by restoring them.
//!
//! ```text
//! seal.rs      frames, gzip, age
//! ../db/copy.rs   tables out of Postgres and into it
//! ```
//!
//! Nothing of it needs `pg_dump`: a backup is restored by the version of Packguard that made it, or by
//! one with the same migrations, into a database that `packguard migrate` made. Redis needs no backup:
//! it is rebuilt from Postgres. Reports and uploads are objects already.

mod seal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use age::x25519;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sqlx::{PgConnection, PgPool};
use tokio::sync::mpsc;

use crate::db::copy::{self, Table};
use crate::db::{self, health};
use crate::storage::{BackupKey, Storage, StorageError};
use seal::{End, Frame, Head};

/// The format that this version writes and reads.
const FORMAT: u32 = 1;

/// Largest backup, in bytes: what the storage takes in one upload of many parts.
const LIMIT: u64 = 64 << 30;

/// Pieces on their way between Postgres, encryption and storage.
const AHEAD: usize = 4;

/// Why a backup was not made, or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Postgres.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The object storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It is damaged, cut, or for another key.
    #[error("the backup can't be read: {0}")]
    Sealed(#[from] io::Error),
    /// It was made with another schema.
    #[error(
        "the backup was made by Packguard {version}, whose migrations differ: restore it with that version"
    )]
    Migrations {
        /// The version that made it.
        version: String,
    },
    /// There are tasks in the database that it should go into.
    #[error("the database holds {rows} rows already, in {table}")]
    Occupied {
        /// A table that is not empty.
        table: String,
        /// Its rows.
        rows: i64,
    },
    /// Other rows came out than went in.
    #[error("{table} has {found} rows, the backup has {wanted}")]
    Rows {
        /// The table.
        table: String,
        /// Rows found.
        found: i64,
        /// Rows that the backup has.
        wanted: i64,
    },
    /// Its frames come in an order that no backup has.
    #[error("the backup's parts are out of order")]
    Order,
    /// The scratch database could not be made.
    #[error("no scratch database could be made to verify in: {0}; give the role CREATEDB")]
    Scratch(sqlx::Error),
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Where it is.
    pub key: BackupKey,
    /// Bytes, encrypted.
    pub size: u64,
    /// Rows by table.
    pub rows: BTreeMap<String, i64>,
}

/// Backs a database up.
///
/// # Errors
/// When Postgres or the storage fails. Nothing is stored then.
pub async fn make(
    db: &PgPool,
    storage: &Storage,
    recipient: x25519::Recipient,
    now: DateTime<Utc>,
) -> Result<Made, BackupError> {
    let key = BackupKey::at(now);
    let (frames, taken) = mpsc::channel(AHEAD);
    let (sealed, bytes) = mpsc::channel(AHEAD);
    let sealing = tokio::task::spawn_blocking(move || {
        let done = seal::seal(&recipient, taken, &sealed);
        if let Err(error) = &done {
            // The storage learns of it, and keeps nothing.
            let _ = sealed.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
        }
        done
    });
    let bytes = stream::unfold(bytes, |mut bytes| async move {
        bytes.recv().await.map(|piece| (piece, bytes))
    });
    let mut connection = db.acquire().await?;
    let (dumped, stored) = tokio::join!(
        dump(&mut connection, frames),
        storage.put_backup(&key, bytes, LIMIT)
    );
    // Its transaction, and the limits that it lifted, end with it.
    connection.close().await?;
    // A storage that refuses ends all three; only a stream that broke off says less than its cause.
    let stored = match stored {
        Err(error) if !matches!(error, StorageError::Sender { .. }) => return Err(error.into()),
        other => other,
    };
    let rows = dumped?;
    sealing.await.map_err(io::Error::other)??;
    let size = stored?.size;
    Ok(Made { key, size, rows })
}

async fn dump(
    connection: &mut PgConnection,
    frames: mpsc::Sender<Frame>,
) -> Result<BTreeMap<String, i64>, BackupError> {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    copy::begin_snapshot(connection).await?;
    let head = Head {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        migrations: migrations(connection).await?,
    };
    frames.send(Frame::Head(head)).await.map_err(gone)?;
    let tables = copy::tables(connection).await?;
    let rows = copy::counts(connection, &tables).await?;
    for table in tables {
        frames
            .send(Frame::Table(table.clone()))
            .await
            .map_err(gone)?;
        let mut copied = copy::copy_out(connection, &table).await?;
        while let Some(bytes) = copied.try_next().await? {
            frames.send(Frame::Rows(bytes)).await.map_err(gone)?;
        }
    }
    let end = End { rows: rows.clone() };
    frames.send(Frame::End(end)).await.map_err(gone)?;
    Ok(rows)
}

async fn migrations(connection: &mut PgConnection) -> sqlx::Result<Vec<i64>> {
    let applied = health::applied_migrations(connection).await?;
    Ok(applied.iter().map(|one| one.version).collect())
}

/// Restores a backup into a database that has this version's tables, and no tasks in them.
///
/// # Errors
/// When it can't be read, or does not fit. The database is as it was then.
pub async fn restore(
    storage: &Storage,
    key: &BackupKey,
    identity: x25519::Identity,
    into: &PgPool,
) -> Result<BTreeMap<String, i64>, BackupError> {
    let object = storage.get_backup(key).await?;
    let (pieces, bytes) = mpsc::channel(AHEAD);
    let (opened, frames) = mpsc::channel(AHEAD);
    let opening = tokio::task::spawn_blocking(move || seal::open(&identity, bytes, &opened));
    let feed = async move {
        let mut source = object.bytes;
        while let Some(piece) = source.next().await {
            let piece = piece.map_err(io::Error::other);
            if pieces.send(piece).await.is_err() {
                return;
            }
        }
    };
    let mut connection = into.acquire().await?;
    let (loaded, ()) = tokio::join!(load(&mut connection, frames), feed);
    let opened = opening.await.map_err(io::Error::other)?;
    // A transaction that was not ended goes with its connection.
    connection.close().await?;
    // That it can't be read says more than that it ended early.
    match (opened, loaded) {
        (Err(error), Err(BackupError::Order)) => Err(error.into()),
        (_, Err(error)) => Err(error),
        (Err(error), Ok(_)) => Err(error.into()),
        (Ok(()), Ok(rows)) => Ok(rows),
    }
}

async fn load(
    connection: &mut PgConnection,
    mut frames: mpsc::Receiver<Frame>,
) -> Result<BTreeMap<String, i64>, BackupError> {
    let Some(Frame::Head(head)) = frames.recv().await else {
        return Err(BackupError::Order);
    };
    if head.format != FORMAT || head.migrations != migrations(connection).await? {
        let version = head.version;
        return Err(BackupError::Migrations { version });
    }
    let tables = copy::tables(connection).await?;
    let present = copy::counts(connection, &tables).await?;
    for table in ["tasks", "reports"] {
        let rows = present.get(table).copied().unwrap_or(0);
        if rows > 0 {
            let table = table.to_owned();
            return Err(BackupError::Occupied { table, rows });
        }
    }
    let unbound = copy::unbind(connection, &tables).await?;
    let wanted = rows(connection, &mut frames, &tables).await?;
    let found = copy::counts(connection, &tables).await?;
    for (table, wanted) in &wanted {
        let found = found.get(table).copied().unwrap_or(0);
        if found != *wanted {
            let (table, wanted) = (table.clone(), *wanted);
            return Err(BackupError::Rows {
                table,
                found,
                wanted,
            });
        }
    }
    copy::bind(connection, unbound).await?;
    Ok(wanted)
}

/// Takes tables and their rows, up to the end.
async fn rows(
    connection: &mut PgConnection,
    frames: &mut mpsc::Receiver<Frame>,
    tables: &[Table],
) -> Result<BTreeMap<String, i64>, BackupError> {
    let mut next = frames.recv().await;
    loop {
        match next {
            Some(Frame::Table(table)) if tables.contains(&table) => {
                let mut sink = copy::copy_in(connection, &table).await?;
                next = loop {
                    match frames.recv().await {
                        Some(Frame::Rows(bytes)) => {
                            sink.send(bytes).await?;
                        }
                        other => break other,
                    }
                };
                sink.finish().await?;
            }
            Some(Frame::End(end)) => return Ok(end.rows),
            _ => return Err(BackupError::Order),
        }
    }
}

/// Restores a backup into a scratch database beside the real one, and drops that.
///
/// # Errors
/// When it can't be restored: it is no backup then.
pub async fn verify(
    storage: &Storage,
    key: &BackupKey,
    identity: x25519::Identity,
    db: &PgPool,
) -> Result<BTreeMap<String, i64>, BackupError> {
    let mut connection = db.acquire().await?;
    let real: String = sqlx::query_scalar("SELECT current_database()")
        .fetch_one(&mut *connection)
        .await?;
    let name = scratch_name(&real);
    copy::create_database(&mut connection, &name)
        .await
        .map_err(BackupError::Scratch)?;
    let restored = async {
        let scratch = db::beside(db, &name);
        db::migrate(&scratch)
            .await
            .map_err(|error| sqlx::Error::Migrate(Box::new(error)))?;
        let rows = restore(storage, key, identity, &scratch).await;
        scratch.close().await;
        rows
    }
    .await;
    copy::drop_database(&mut connection, &name).await?;
    restored
}

/// Names a scratch database so that whoever finds one left by a machine that died sees whose it was.
/// Postgres cuts names after 63 bytes.
fn scratch_name(real: &str) -> String {
    let real = &real[..real.floor_char_boundary(39)];
    let random = uuid::Uuid::new_v4().as_u64_pair().0;
    format!("{real}_verify_{random:016x}")
}

/// Backups that are older than `keep`, all but the newest.
///
/// # Errors
/// What the storage says.
pub async fn prune(
    storage: &Storage,
    keep: Duration,
    now: DateTime<Utc>,
) -> Result<Vec<BackupKey>, BackupError> {
    let mut all = storage.backups().await?;
    all.pop();
    let mut gone = Vec::new();
    for key in all {
        let age = (now - key.made()).to_std().unwrap_or_default();
        if age > keep {
            storage.delete_backup(&key).await?;
            gone.push(key);
        }
    }
    Ok(gone)
}
