//! Loads the components of deployed functions beside everything else: a large one takes minutes
//! to compile, and what has to stop meanwhile must not wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use packguard_runtime::report::DescriptorInfo;
use packguard_runtime::{Component, MAX_COMPONENT, Runtime};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::artifacts::Artifacts;
use crate::db::functions::Followed;
use crate::functions::SignaturePolicy;
use crate::functions::signature::{self, PublicKey};
use crate::storage::{ComponentKey, Storage, StorageError};

/// Components that are loaded at a time: a compiler takes all the cores it gets.
const AT_ONCE: usize = 2;

/// How long a component that does not fit is not fetched and compiled again.
const REFUSED: Duration = Duration::from_secs(300);

/// How long one that could not be fetched is not asked for again.
const AWAY: Duration = Duration::from_secs(2);

/// Why a component is not loaded.
#[derive(Debug, Clone)]
pub(super) enum Unfit {
    /// It does not fit: another look changes nothing soon.
    Refused(String),
    /// What is needed is away.
    Away(String),
}

/// What is known of a component.
pub(super) enum Found {
    Component(Component),
    /// It is being loaded.
    Loading,
    Unfit(Unfit),
}

/// Where components come from.
pub(super) struct Source {
    pub storage: Storage,
    pub runtime: Runtime,
    /// Where workers share what they compile.
    pub artifacts: Option<Artifacts>,
}

type Digest = [u8; 32];

/// Loads components, each once. Dropping it ends what is under way.
pub(super) struct Loader {
    source: Arc<Source>,
    permits: Arc<Semaphore>,
    running: JoinSet<(Digest, Result<Component, Unfit>)>,
    loading: BTreeSet<Digest>,
    loaded: BTreeMap<Digest, Component>,
    unfit: BTreeMap<Digest, (Instant, Unfit)>,
}

impl Loader {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source: Arc::new(source),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            running: JoinSet::new(),
            loading: BTreeSet::new(),
            loaded: BTreeMap::new(),
            unfit: BTreeMap::new(),
        }
    }

    /// The component with that SHA-256; begins to load one that is not known.
    pub(super) fn find(&mut self, digest: Digest) -> Found {
        while let Some(joined) = self.running.try_join_next() {
            self.note(joined);
        }
        if let Some(component) = self.loaded.get(&digest) {
            return Found::Component(component.clone());
        }
        // What did not fit is said of it until another attempt has ended: it stays missing by name.
        let known = self.unfit.get(&digest).cloned();
        if let Some((since, unfit)) = &known {
            let lasts = match unfit {
                Unfit::Refused(_) => REFUSED,
                Unfit::Away(_) => AWAY,
            };
            if since.elapsed() < lasts {
                return Found::Unfit(unfit.clone());
            }
        }
        if self.loading.insert(digest) {
            let (source, permits) = (Arc::clone(&self.source), Arc::clone(&self.permits));
            self.running.spawn(async move {
                let _permit = permits.acquire_owned().await;
                // A task of its own: what panics is refused, and not forgotten.
                let loaded = tokio::spawn(async move { source.load(digest).await }).await;
                let loaded = loaded.unwrap_or_else(|panic| Err(Unfit::Refused(panic.to_string())));
                (digest, loaded)
            });
        }
        known.map_or(Found::Loading, |(_, unfit)| Found::Unfit(unfit))
    }

    /// Whether something is being loaded.
    pub(super) fn is_loading(&self) -> bool {
        !self.running.is_empty()
    }

    /// Waits until one that is being loaded is done with; for ever where there is none.
    pub(super) async fn ended(&mut self) {
        match self.running.join_next().await {
            Some(joined) => self.note(joined),
            None => std::future::pending().await,
        }
    }

    /// Forgets what is loaded, save these.
    pub(super) fn keep(&mut self, digests: &BTreeSet<Digest>) {
        self.loaded.retain(|digest, _| digests.contains(digest));
        // Those that are still wanted were tried again meanwhile.
        self.unfit
            .retain(|_, (since, _)| since.elapsed() < REFUSED * 4);
    }

    fn note(&mut self, joined: Result<(Digest, Result<Component, Unfit>), JoinError>) {
        // It was aborted with all others: nobody asks any more.
        let Ok((digest, loaded)) = joined else { return };
        self.loading.remove(&digest);
        match loaded {
            Ok(component) => {
                self.unfit.remove(&digest);
                self.loaded.insert(digest, component);
            }
            Err(unfit) => {
                self.unfit.insert(digest, (Instant::now(), unfit));
            }
        }
    }
}

impl Source {
    async fn load(&self, digest: Digest) -> Result<Component, Unfit> {
        let key = ComponentKey::of(digest);
        let bytes = self.storage.read_component(&key, MAX_COMPONENT as u64);
        let bytes = bytes.await.map_err(|error| match error {
            StorageError::NotFound { .. }
            | StorageError::Damaged { .. }
            | StorageError::TooLarge { .. } => Unfit::Refused(error.to_string()),
            error => Unfit::Away(error.to_string()),
        })?;
        let loaded = match &self.artifacts {
            Some(artifacts) => artifacts.load(&self.runtime, digest, bytes).await,
            None => self.runtime.load(bytes).await,
        };
        loaded.map_err(|error| Unfit::Refused(error.to_string()))
    }
}

/// Verifies the signature, and that name and version are those that it says.
pub(super) fn verify(
    one: &Followed,
    sha256: &[u8; 32],
    descriptor: &DescriptorInfo,
    policy: SignaturePolicy,
) -> Result<(), Unfit> {
    let refused = |why: &str| Err(Unfit::Refused(why.to_owned()));
    if descriptor.name != one.name || descriptor.version != one.version {
        return refused("its descriptor is that of another version");
    }
    let Some(signature) = &one.signature else {
        return match policy {
            SignaturePolicy::Optional => Ok(()),
            SignaturePolicy::Required => {
                refused("it is not signed, and FUNCTION_SIGNATURES is `required`")
            }
        };
    };
    let Some(key) = &one.public_key else {
        return refused("the key that signed it is void");
    };
    let key = PublicKey::new(key).map_err(|error| Unfit::Refused(error.to_string()))?;
    let payload = signature::payload(&one.name, &one.version, sha256, descriptor);
    let payload = payload.map_err(|error| Unfit::Refused(error.to_string()))?;
    if key.verifies(&payload, signature) {
        return Ok(());
    }
    refused("its signature does not fit")
}
