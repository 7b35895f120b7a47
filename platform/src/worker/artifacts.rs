//! Compiled components that the workers of a deployment hand each other through storage.
//!
//! A worker that finds none there compiles, for two minutes under a lease in Postgres, and
//! uploads what it made; the others wait for it. So a component is compiled once for each
//! kind of processor, however many workers there are.
//!
//! What is loaded was sealed with the deployment's key (`COMPONENT_CACHE_KEY`). What is damaged,
//! or sealed with another, is counted and replaced.
//!
//! Failure rule: sharing only saves time. Where Postgres or the storage is away, or nothing
//! comes in time, the worker compiles for itself.

use std::time::Duration;

use bytes::Bytes;
use packguard_runtime::{Component, LoadError, Runtime, ShareKey, SharedCode};
use sqlx::PgPool;
use tokio::time::Instant;

use crate::db;
use crate::db::functions;
use crate::storage::{CompiledKey, Storage, StorageError};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{Backend, Cache, CacheResult};

/// How long one worker compiles before another begins: as long as admission lets a compilation
/// take. Python's components, the largest, take half a minute on one core.
const LEASE: Duration = Duration::from_secs(120);

/// Longest wait for others: a lease, and time for what it brought.
const PATIENCE: Duration = Duration::from_secs(140);

/// The first pause between two looks; each is twice the one before, up to [`LONGEST_PAUSE`],
/// so that a thousand workers that wait do not crowd the storage.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Most bytes of sealed code that are read: they are held in memory meanwhile.
const MAX_SEALED: u64 = 512 << 20;

/// What the workers share.
pub(super) struct Artifacts {
    pub key: ShareKey,
    pub db: PgPool,
    pub storage: Storage,
    pub metrics: Metrics,
}

/// What the storage has.
enum Found {
    Code(SharedCode),
    Nothing,
    /// It is of no use to look again.
    Away,
}

/// What follows from waiting.
enum Turn {
    /// Another compiled it.
    Take(SharedCode),
    /// This worker compiles for all.
    Make,
    /// This worker compiles for itself.
    Alone,
}

impl Artifacts {
    /// Loads the component with that digest, compiled here only if it is nowhere else.
    pub async fn load(
        &self,
        runtime: &Runtime,
        sha256: [u8; 32],
        bytes: Bytes,
    ) -> Result<Component, LoadError> {
        if runtime.keeps(&hex::encode(sha256)) {
            return runtime.load(bytes).await;
        }
        let key = CompiledKey::of(sha256, runtime.compiler());
        let turn = self.turn(runtime, &key).await;
        let (code, result) = match &turn {
            Turn::Take(code) => (Some(code.clone()), CacheResult::Hit),
            Turn::Make | Turn::Alone => (None, CacheResult::Miss),
        };
        self.metrics.cache(Cache::Component, result);
        let loaded = runtime.load_shared(bytes, &self.key, code).await;
        match &loaded {
            Ok((_, Some(sealed))) => self.keep(&key, sealed.clone()).await,
            Ok((_, None)) => {
                tracing::info!(%key, "a compiled component was taken from the storage");
            }
            Err(_) => {}
        }
        if matches!(turn, Turn::Make) {
            self.end(&key).await;
        }
        loaded.map(|(component, _)| component)
    }

    /// Waits until there is code to take, or it is this worker's turn to compile.
    async fn turn(&self, runtime: &Runtime, key: &CompiledKey) -> Turn {
        let (started, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            match self.find(runtime, key).await {
                Found::Code(code) => return Turn::Take(code),
                Found::Away => return Turn::Alone,
                Found::Nothing => {}
            }
            let begun = functions::begin_compiling(&self.db, key.sha256(), key.compiler(), LEASE);
            match db::answered(begun).await {
                // Whoever had the lease before may have uploaded between look and lease.
                Ok(true) => {
                    let Found::Code(code) = self.find(runtime, key).await else {
                        return Turn::Make;
                    };
                    self.end(key).await;
                    return Turn::Take(code);
                }
                Ok(false) if started.elapsed() < PATIENCE => {}
                Ok(false) => return Turn::Alone,
                Err(error) => {
                    tracing::warn!(%error, "a component is compiled without asking who else does");
                    return Turn::Alone;
                }
            }
            // Not all at the same moment.
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn end(&self, key: &CompiledKey) {
        let ended = functions::end_compiling(&self.db, key.sha256(), key.compiler());
        if let Err(error) = db::answered(ended).await {
            tracing::warn!(%error, "a compilation's lease was left to run out");
        }
    }

    async fn find(&self, runtime: &Runtime, key: &CompiledKey) -> Found {
        let work = self.storage.read_compiled(key, MAX_SEALED);
        let read = self.metrics.timed(Backend::Storage, "get_compiled", work);
        let sealed = match read.await {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return Found::Nothing,
            Err(error @ StorageError::TooLarge { .. }) => {
                return self.refuse(key, &error.to_string());
            }
            Err(error) => {
                tracing::warn!(%key, %error, "no compiled component was looked for");
                return Found::Away;
            }
        };
        let (runtime, share) = (runtime.clone(), self.key.clone());
        let digest = hex::encode(key.sha256());
        // A pass over many megabytes.
        let unsealed =
            tokio::task::spawn_blocking(move || runtime.unseal(&share, &digest, &sealed)).await;
        match unsealed {
            Ok(Some(code)) => Found::Code(code),
            Ok(None) => self.refuse(key, "its MAC is not that of this deployment's key"),
            Err(panic) => self.refuse(key, &panic.to_string()),
        }
    }

    /// What is there is not to be loaded: it counts as nothing, and will be replaced.
    fn refuse(&self, key: &CompiledKey, why: &str) -> Found {
        self.metrics.cache(Cache::Component, CacheResult::Refused);
        tracing::error!(%key, why, "a compiled component in the storage is not genuine");
        Found::Nothing
    }

    async fn keep(&self, key: &CompiledKey, sealed: Bytes) {
        let work = self.storage.put_compiled(key, sealed, MAX_SEALED);
        let put = self.metrics.timed(Backend::Storage, "put_compiled", work);
        match put.await {
            Ok(()) => tracing::info!(%key, "a compiled component was shared"),
            Err(error) => tracing::warn!(%key, %error, "a compiled component was not shared"),
        }
    }
}
