//! API keys: how they look, and how a request's key is found.
//!
//! The state is one map from a secret's digest to its key, kept only while a connection
//! listens for `key_changed` (a trigger sends it whenever a key's row changes). When that
//! connection is lost the map is emptied and every request asks Postgres, so a revoked key
//! is void at once, whatever breaks. An entry lives for at most [`FRESH`], in case a
//! connection is dead without anybody having noticed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use crate::db;
use crate::db::keys::{self, KeyRow};
use crate::model::{KeyId, Scope};

/// Longest time that a key is not looked up anew.
const FRESH: Duration = Duration::from_secs(10);

/// Most keys kept: a few hundred bytes each.
const MOST: usize = 10_000;

/// Wait before listening again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often uses are written down.
const USES: Duration = Duration::from_secs(60);

/// Bytes of randomness in a secret.
const SECRET: usize = 32;

/// A new secret: shown once, kept as a digest.
pub struct Secret {
    /// What the client sends: `pg_PREFIX_SECRET`.
    pub text: String,
    /// The part that may be seen.
    pub prefix: String,
}

impl Secret {
    /// Makes one from the system's random source.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new() -> Result<Self, getrandom::Error> {
        let (mut prefix, mut secret) = ([0; 4], [0; SECRET]);
        getrandom::fill(&mut prefix)?;
        getrandom::fill(&mut secret)?;
        let prefix = hex::encode(prefix);
        let text = format!("pg_{prefix}_{}", hex::encode(secret));
        Ok(Self { text, prefix })
    }

    /// What is kept of it.
    pub fn sha256(&self) -> [u8; 32] {
        digest(&self.text)
    }
}

/// 256 random bits need no slow hash: there is nothing to guess.
fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// A key as the API uses it.
#[derive(Debug, Clone)]
pub struct Key {
    /// Which.
    pub id: KeyId,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Packages that may be submitted in an hour.
    pub rate_limit: u32,
    /// Of the secret that was shown.
    digest: [u8; 32],
}

impl Key {
    fn new(row: &KeyRow, digest: [u8; 32]) -> Self {
        let scopes = row.scopes.iter().filter_map(|scope| scope.parse().ok());
        Self {
            id: row.id,
            scopes: scopes.collect(),
            rate_limit: row.rate_limit.unsigned_abs(),
            digest,
        }
    }
}

/// The keys in use.
#[derive(Debug)]
pub struct Keys {
    pool: PgPool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether changes are heard of.
    listening: bool,
    /// Grows with each change: what was read before it may be outdated.
    generation: u64,
    known: BTreeMap<[u8; 32], (Key, Instant)>,
    used: BTreeMap<KeyId, ()>,
}

impl Keys {
    /// Knows no key yet. [`Keys::listen`] has to run beside it for any to be kept.
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of a secret, unless it is void.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, secret: &str) -> Result<Option<Key>, sqlx::Error> {
        self.look_up(digest(secret)).await
    }

    /// Whether a key that was found is not void by now. While nobody can tell, it is good:
    /// what was begun goes on when the database is back.
    pub async fn is_good(&self, key: &Key) -> bool {
        let found = self.look_up(key.digest).await;
        found.map_or(true, |found| found.is_some())
    }

    async fn look_up(&self, digest: [u8; 32]) -> Result<Option<Key>, sqlx::Error> {
        let generation = {
            let mut state = self.state();
            if let Some((key, since)) = state.known.get(&digest)
                && since.elapsed() < FRESH
            {
                let key = key.clone();
                state.used.insert(key.id, ());
                return Ok(Some(key));
            }
            state.generation
        };
        let Some(row) = keys::by_secret(&self.pool, &digest).await? else {
            return Ok(None);
        };
        let key = Key::new(&row, digest);
        let mut state = self.state();
        state.used.insert(key.id, ());
        if state.listening && state.generation == generation {
            if state.known.len() >= MOST {
                state.known.clear();
            }
            state.known.insert(digest, (key.clone(), Instant::now()));
        }
        Ok(Some(key))
    }

    /// Forgets a key: called where it is changed, so that not even a notification's way
    /// through Postgres is waited for.
    pub fn forget(&self, id: KeyId) {
        let mut state = self.state();
        state.generation += 1;
        state.known.retain(|_, (key, _)| key.id != id);
    }

    fn forget_all(&self, listening: bool) {
        let mut state = self.state();
        state.generation += 1;
        state.listening = listening;
        state.known.clear();
    }

    /// Hears of changed keys, and writes down which were used, until `stop`.
    pub async fn listen(&self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(USES);
        while !stop.is_cancelled() {
            let mut listener = match db::answered(self.subscribe()).await {
                Ok(listener) => listener,
                Err(error) => {
                    tracing::warn!(%error, "keys are not cached: cannot listen for their changes");
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => continue,
                        () = stop.cancelled() => return,
                    }
                }
            };
            self.forget_all(true);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return self.note_uses().await,
                    _ = tick.tick() => self.note_uses().await,
                    heard = listener.try_recv() => match heard {
                        Ok(Some(change)) => match change.payload().parse() {
                            Ok(id) => self.forget(KeyId(id)),
                            Err(_) => self.forget_all(true),
                        },
                        // The connection is gone; what was sent meanwhile is lost.
                        Ok(None) | Err(_) => break,
                    },
                }
            }
            self.forget_all(false);
        }
    }

    async fn subscribe(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.eager_reconnect(false);
        listener.listen("key_changed").await?;
        Ok(listener)
    }

    async fn note_uses(&self) {
        let used: Vec<KeyId> = std::mem::take(&mut self.state().used).into_keys().collect();
        if used.is_empty() {
            return;
        }
        if let Err(error) = db::answered(keys::used(&self.pool, &used)).await {
            tracing::warn!(%error, "could not note which keys were used");
        }
    }
}
