//! Deletes all that one key ever submitted: tasks, events, batches, uploads and private
//! reports with their objects, webhooks. What is public stays: a public report says nothing
//! of who asked for it.
//!
//! It goes in small steps in an order in which each may be the last: call it again, and it
//! goes on. The key itself stays, and can go on or be revoked.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::prune::{self, PruneError};
use crate::db::audit::{self, Actor, Entry};
use crate::db::{erase, keys, uploads};
use crate::model::KeyId;
use crate::queue::wakeups::{self, Topic};
use crate::queue::{Queue, QueueError};
use crate::storage::{Storage, StorageError};

/// How much was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Erased {
    /// Whether nothing is left: if not, ask again.
    pub done: bool,
    /// Unfinished tasks that were cancelled first.
    pub cancelled: u64,
    /// Tasks.
    pub tasks: u64,
    /// Their events.
    pub events: u64,
    /// Webhooks.
    pub webhooks: u64,
    /// Batches.
    pub batches: u64,
    /// Private reports.
    pub reports: u64,
    /// Uploads with their objects.
    pub uploads: u64,
    /// Objects of private reports.
    pub objects: u64,
}

/// Why it ended early. What was deleted until then is.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The rows can't be deleted.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The queue can't be told.
    #[error("the queue: {0}")]
    Queue(#[from] QueueError),
    /// The objects can't be deleted.
    #[error("the object storage: {0}")]
    Storage(#[from] StorageError),
}

impl From<PruneError> for EraseError {
    fn from(error: PruneError) -> Self {
        match error {
            PruneError::Database(error) => Self::Database(error),
            PruneError::Storage(error) => Self::Storage(error),
        }
    }
}

/// Where the rows, the queue and the objects are.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    /// The truth.
    pub db: &'a PgPool,
    /// The index.
    pub queue: &'a Queue,
    /// The objects.
    pub storage: &'a Storage,
}

/// Deletes what `key` submitted, for about `time`. `None` where there is no such key.
///
/// # Errors
/// When Postgres, Redis or the storage is away.
pub async fn erase(
    places: Places<'_>,
    key: KeyId,
    actor: &Actor,
    time: Duration,
) -> Result<Option<Erased>, EraseError> {
    if keys::get(places.db, key).await?.is_none() {
        return Ok(None);
    }
    // Before the first row goes: if this process dies, the log still says who did it.
    note(places.db, key, actor, json!({ "state": "begun" })).await?;
    let mut erasing = Erasing {
        places,
        key,
        end: Instant::now() + time,
        upto: erase::upto(places.db, key).await?,
        erased: Erased::default(),
    };
    let ended = erasing.all().await;
    let state = match (&ended, erasing.erased.done) {
        (Ok(()), true) => "done",
        (Ok(()), false) => "to be continued",
        (Err(_), _) => "failed",
    };
    let details = json!({ "state": state, "deleted": erasing.erased });
    note(places.db, key, actor, details).await?;
    ended.map(|()| Some(erasing.erased))
}

async fn note(
    db: &PgPool,
    key: KeyId,
    actor: &Actor,
    details: serde_json::Value,
) -> Result<(), sqlx::Error> {
    let entry = Entry {
        action: "data.delete",
        subject: format!("key:{key}"),
        details,
    };
    let mut transaction = db.begin().await?;
    audit::write(&mut transaction, actor, &entry).await?;
    transaction.commit().await
}

struct Erasing<'a> {
    places: Places<'a>,
    key: KeyId,
    end: Instant,
    upto: erase::Upto,
    erased: Erased,
}

impl Erasing<'_> {
    /// Whether there is time for another step.
    fn goes_on(&self) -> bool {
        Instant::now() < self.end
    }

    async fn all(&mut self) -> Result<(), EraseError> {
        self.erased.webhooks += erase::webhooks(self.places.db, self.key).await?;
        self.erased.done = self.cancel().await?
            && self.rows().await?
            && self.uploads().await?
            && self.objects().await?;
        Ok(())
    }

    async fn cancel(&mut self) -> Result<bool, EraseError> {
        let Places { db, queue, .. } = self.places;
        while self.goes_on() {
            let ended = erase::cancel(db, self.key, self.upto).await?;
            if ended.is_empty() {
                return Ok(true);
            }
            self.erased.cancelled += count(ended.len());
            // If this fails, the reconciler does it: their rows are final, or gone.
            queue.remove(&ended).await?;
            for task in ended {
                // Their workers notice at the next heartbeat anyway.
                let _ = wakeups::publish(queue, Topic::Cancelled, task).await;
            }
        }
        Ok(false)
    }

    async fn rows(&mut self) -> Result<bool, EraseError> {
        let db = self.places.db;
        loop {
            if !self.goes_on() {
                return Ok(false);
            }
            let counts = erase::tasks(db, self.key, self.upto).await?;
            self.erased.tasks += counts.tasks;
            self.erased.events += counts.events;
            let batches = erase::batches(db, self.key, self.upto).await?;
            self.erased.batches += batches;
            let reports = erase::reports(db, self.key).await?;
            self.erased.reports += reports;
            if counts.tasks + batches + reports == 0 {
                return Ok(true);
            }
        }
    }

    async fn uploads(&mut self) -> Result<bool, EraseError> {
        let Places { db, storage, .. } = self.places;
        let mut after = None;
        loop {
            let chunk = erase::uploads(db, self.key, after).await?;
            if chunk.is_empty() {
                return Ok(true);
            }
            for id in chunk {
                if !self.goes_on() {
                    return Ok(false);
                }
                if let Some(key) = prune::upload_key(self.key, id) {
                    storage.delete_upload(&key).await?;
                }
                self.erased.uploads += u64::from(uploads::delete(db, id).await?);
                after = Some(id);
            }
        }
    }

    async fn objects(&mut self) -> Result<bool, EraseError> {
        let Places { db, storage, .. } = self.places;
        // Those of a prune whose time has come go with them.
        let stop = CancellationToken::new();
        self.erased.objects += prune::objects(db, storage, &stop).await?;
        Ok(true)
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
