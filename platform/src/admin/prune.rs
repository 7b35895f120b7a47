//! Deletes what is old, from Postgres and storage: for `packguard admin prune`, and for the
//! reconciler.
//!
//! Everything happens in small steps that stand for themselves ([`crate::db::retention`]), so
//! a prune may be stopped or killed anywhere; the next one goes on. One at a time: an
//! advisory lock decides.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::config::RetentionConfig;
use crate::db::audit::{self, Actor, Entry};
use crate::db::doomed::{self, Doomed, Kind};
use crate::db::retention;
use crate::db::{self, uploads};
use crate::functions::orphans::{self, OrphanError};
use crate::model::{KeyId, TaskId};
use crate::purl::Purl;
use crate::storage::{AliasKey, ReportKey, Storage, StorageError, UploadKey};

/// When an upload that was never whole may go: none takes a day.
const UNFINISHED_UPLOADS: Duration = Duration::from_secs(24 * 3_600);

/// Uploads looked at together: each costs a request to the storage.
const UPLOADS: i64 = 100;

/// What may go when; `None` keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ages {
    /// Finished tasks, emptied batches, and reports that no task names.
    pub tasks: Option<Duration>,
    /// Events of finished tasks.
    pub events: Option<Duration>,
    /// Uploads that no unfinished task needs.
    pub uploads: Option<Duration>,
    /// Deliveries that are over.
    pub deliveries: Option<Duration>,
    /// The audit log.
    pub audit: Option<Duration>,
    /// Idempotency keys.
    pub idempotency: Option<Duration>,
}

impl Ages {
    /// As configured; `idempotency` is a setting of the API.
    pub fn of(config: &RetentionConfig, idempotency: Option<Duration>) -> Self {
        Self {
            tasks: config.tasks,
            events: config.events,
            uploads: config.uploads,
            deliveries: config.deliveries,
            audit: config.audit,
            idempotency,
        }
    }
}

/// How much was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Tasks.
    pub tasks: u64,
    /// Their events.
    pub events: u64,
    /// Deliveries of webhooks.
    pub deliveries: u64,
    /// Batches.
    pub batches: u64,
    /// Reports.
    pub reports: u64,
    /// Objects of reports and their aliases.
    pub objects: u64,
    /// Objects whose rows are gone, and that follow in a later prune.
    pub objects_waiting: u64,
    /// Uploads with their objects.
    pub uploads: u64,
    /// Audit entries.
    pub audit: u64,
    /// Idempotency keys.
    pub idempotency_keys: u64,
}

/// Why a prune ended early. What was deleted until then is.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The rows can't be deleted.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The objects can't be deleted.
    #[error("the object storage: {0}")]
    Storage(#[from] StorageError),
}

impl From<OrphanError> for PruneError {
    fn from(error: OrphanError) -> Self {
        match error {
            OrphanError::Database(error) => error.into(),
            OrphanError::Storage(error) => error.into(),
        }
    }
}

/// Deletes what is older than `ages`, until `stop`. `None` where another process is at it.
///
/// # Errors
/// When Postgres or the storage is away.
pub async fn prune(
    db: &PgPool,
    storage: &Storage,
    ages: &Ages,
    actor: &Actor,
    stop: &CancellationToken,
) -> Result<Option<Pruned>, PruneError> {
    let Some(lock) = db::answered(db::try_lock(db, "packguard prune")).await? else {
        return Ok(None);
    };
    let mut pruning = Pruning {
        db,
        storage,
        stop,
        done: Pruned::default(),
    };
    let ended = pruning.all(ages).await;
    let done = pruning.done;
    let nothing = Pruned {
        objects_waiting: done.objects_waiting,
        ..Pruned::default()
    };
    if done != nothing {
        // Also when it ended early: what is gone is gone.
        let entry = Entry {
            action: "prune",
            subject: "everything".into(),
            details: json!({ "deleted": done, "complete": ended.is_ok() && !stop.is_cancelled() }),
        };
        db::answered(async {
            let mut transaction = db.begin().await?;
            audit::write(&mut transaction, actor, &entry).await?;
            transaction.commit().await
        })
        .await?;
    }
    // Dropped, it would be let go some time after our caller was told that this is over.
    db::answered(lock.release_now()).await?;
    ended.map(|()| Some(done))
}

/// How often what is too old is deleted.
const PAUSE: Duration = Duration::from_secs(3_600);

/// Deletes what is too old, every hour, until `stop`.
pub async fn run(db: PgPool, storage: Storage, ages: Ages, stop: CancellationToken) {
    let actor = Actor {
        name: "system:retention".into(),
        request_id: None,
    };
    loop {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return,
        }
        match prune(&db, &storage, &ages, &actor, &stop).await {
            Ok(Some(pruned)) => tracing::info!(?pruned, "what was too old is deleted"),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "not all that is too old is deleted"),
        }
    }
}

struct Pruning<'a> {
    db: &'a PgPool,
    storage: &'a Storage,
    stop: &'a CancellationToken,
    done: Pruned,
}

impl Pruning<'_> {
    fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    async fn all(&mut self, ages: &Ages) -> Result<(), PruneError> {
        if let Some(age) = ages.uploads {
            self.uploads(age).await?;
        }
        if let Some(age) = ages.tasks {
            self.tasks(age).await?;
        }
        if let Some(age) = ages.events {
            self.events(age).await?;
        }
        if let Some(age) = ages.deliveries {
            self.done.deliveries += self.drain(|| retention::deliveries(self.db, age)).await?;
        }
        if let Some(age) = ages.audit {
            self.done.audit += self.drain(|| retention::audit(self.db, age)).await?;
        }
        if let Some(age) = ages.idempotency {
            let keys = self.drain(|| retention::idempotency(self.db, age));
            self.done.idempotency_keys += keys.await?;
        }
        orphans::sweep(self.db, self.storage).await?;
        self.done.objects += objects(self.db, self.storage, self.stop).await?;
        self.done.objects_waiting = db::answered(doomed::waiting(self.db)).await?;
        Ok(())
    }

    /// Repeats a step until it deletes nothing.
    async fn drain<F: Future<Output = Result<u64, sqlx::Error>>>(
        &self,
        step: impl Fn() -> F,
    ) -> Result<u64, sqlx::Error> {
        let mut all = 0;
        while !self.stopped() {
            let deleted = db::answered(step()).await?;
            all += deleted;
            if deleted == 0 {
                break;
            }
        }
        Ok(all)
    }

    async fn tasks(&mut self, age: Duration) -> Result<(), PruneError> {
        while !self.stopped() {
            let counts = db::answered(retention::tasks(self.db, age)).await?;
            self.done.tasks += counts.tasks;
            self.done.events += counts.events;
            self.done.deliveries += counts.deliveries;
            if counts.tasks == 0 {
                break;
            }
        }
        let mut after = 0;
        while !self.stopped()
            && let Some(step) = db::answered(retention::batches(self.db, age, after)).await?
        {
            self.done.batches += step.deleted;
            after = step.last;
        }
        after = 0;
        while !self.stopped()
            && let Some(step) = db::answered(retention::reports(self.db, age, after)).await?
        {
            self.done.reports += step.deleted;
            after = step.last;
        }
        Ok(())
    }

    async fn events(&mut self, age: Duration) -> Result<(), PruneError> {
        let mut after = TaskId(0);
        while !self.stopped()
            && let Some(step) = db::answered(retention::events(self.db, age, after)).await?
        {
            self.done.events += step.deleted;
            after = TaskId(step.last);
        }
        Ok(())
    }

    async fn uploads(&mut self, age: Duration) -> Result<(), PruneError> {
        while !self.stopped() {
            let stale = uploads::stale(self.db, UNFINISHED_UPLOADS, age, UPLOADS);
            let stale = db::answered(stale).await?;
            let mut deleted = 0;
            for upload in &stale {
                // The row after the object: a crash in between leaves the row, which is found again.
                if let Some(key) = upload_key(upload.owner, upload.id) {
                    self.storage.delete_upload(&key).await?;
                }
                deleted += u64::from(db::answered(uploads::delete(self.db, upload.id)).await?);
            }
            self.done.uploads += deleted;
            if deleted == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// Deletes objects whose rows are gone and whose time has come; says how many.
///
/// # Errors
/// When Postgres or the storage is away. What is left is noted in Postgres.
pub(crate) async fn objects(
    db: &PgPool,
    storage: &Storage,
    stop: &CancellationToken,
) -> Result<u64, PruneError> {
    let (mut after, mut deleted) = (0, 0);
    while !stop.is_cancelled() {
        let chunk = db::answered(doomed::due(db, after)).await?;
        let Some(last) = chunk.last() else { break };
        after = last.id;
        for one in &chunk {
            if !one.wanted {
                delete(storage, one).await?;
                deleted += 1;
            }
            db::answered(doomed::settled(db, one)).await?;
        }
    }
    Ok(deleted)
}

async fn delete(storage: &Storage, doomed: &Doomed) -> Result<(), StorageError> {
    match &doomed.kind {
        Kind::Report(digest) => match ReportKey::of_digest(digest) {
            Ok(key) => storage.delete_report(&key).await,
            // The column holds 32 bytes: this can't be.
            Err(_) => Ok(()),
        },
        Kind::Alias(purl) => match purl.parse::<Purl>().ok().as_ref().and_then(AliasKey::of) {
            Some(key) => storage.delete_alias(&key).await,
            // Without a version there never was one.
            None => Ok(()),
        },
    }
}

/// The key of an upload's object. There is always one: both parts are what keys are made of.
pub(super) fn upload_key(owner: KeyId, id: uuid::Uuid) -> Option<UploadKey> {
    format!("uploads/{owner}/{}", id.hyphenated()).parse().ok()
}
