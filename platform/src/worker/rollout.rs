//! The sets of analyzers that a worker runs: the bundled ones, and what the alias `stable` of
//! each deployed function names; for a share of the tasks, what `canary` names instead.
//!
//! State: the sets in use. A task takes its one when it begins and keeps it to its end. When
//! Postgres tells of a change, or [`POLL`] is over, the sets that are wanted are put together
//! beside those in use: each component is fetched, checked against its digest and its
//! signature, and compiled, before the switch. What is already loaded is not loaded again.
//!
//! A component that does not fit (its signature, its digest, its compilation) is left out,
//! and the log says why: where it is a canary, the stable version runs. Where Postgres or the
//! storage is away, the sets in use stay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use packguard_runtime::report::DescriptorInfo;
use packguard_runtime::{Component, Configuration, MAX_COMPONENT, Missing, Pipeline, World};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::artifacts::Artifacts;
use super::record::persist;
use super::sets::{Draft, Drafts, Ready, Set, Sets};
use crate::db;
use crate::db::functions::{self, CHANGED, Followed, Role, Tripped};
use crate::db::reports;
use crate::functions::signature::{self, PublicKey};
use crate::functions::{SignaturePolicy, settings};
use crate::storage::{ComponentKey, Storage, StorageError};
use crate::telemetry::Metrics;

/// How often it is looked whether something changed, heard of or not: with a second to load
/// it, a new set is in use within five.
const POLL: Duration = Duration::from_secs(4);

/// Pause after Postgres or the storage failed.
const PAUSE: Duration = Duration::from_secs(1);

/// What a set is made with.
pub(super) struct Parts {
    pub db: PgPool,
    pub storage: Storage,
    pub metrics: Metrics,
    /// The bundled analyzers.
    pub base: Pipeline,
    /// Settings for analyzers, by name.
    pub settings: Vec<(String, String)>,
    pub signatures: SignaturePolicy,
    /// Where workers share what they compile.
    pub artifacts: Option<Artifacts>,
}

/// Keeps the sets up to date.
pub(super) struct Rollout {
    parts: Parts,
    sets: watch::Sender<Arc<Sets>>,
    /// What runs beside the bundled analyzers: digests, what for, and what they are configured with.
    running: Vec<([u8; 32], Role, Configuration)>,
    /// What should run and does not.
    missing: Vec<Missing>,
    loaded: BTreeMap<[u8; 32], Component>,
    /// What was left out, so that the log says it once.
    refused: BTreeSet<String>,
}

/// Why a component is not loaded.
enum Unfit {
    /// It does not fit: another look changes nothing.
    Refused(String),
    /// What is needed is away.
    Away(String),
}

impl Rollout {
    /// Puts the first set together. Where the storage is away, it is the bundled one.
    pub(super) async fn start(
        parts: Parts,
    ) -> Result<(Self, watch::Receiver<Arc<Sets>>), sqlx::Error> {
        let pipeline = parts.base.clone();
        let (digest, _) = describe(&parts, &pipeline);
        let (sets, current) = watch::channel(Arc::new(Sets::only(Set {
            pipeline,
            versions: BTreeMap::new(),
            digest,
        })));
        let mut rollout = Self {
            parts,
            sets,
            running: Vec::new(),
            missing: Vec::new(),
            loaded: BTreeMap::new(),
            refused: BTreeSet::new(),
        };
        if let Err(error) = rollout.refresh().await {
            tracing::error!(error, "deployed functions are not run yet");
        }
        if rollout.running.is_empty() && rollout.missing.is_empty() {
            know(&rollout.parts.metrics, &rollout.parts.base);
            register(&rollout.parts, &rollout.parts.base).await?;
        }
        Ok((rollout, current))
    }

    /// Follows until `stop`.
    pub(super) async fn follow(mut self, stop: CancellationToken) {
        let mut listener: Option<PgListener> = None;
        loop {
            if listener.is_none() {
                listener = db::answered(subscribe(&self.parts.db)).await.ok();
            }
            let refreshed = tokio::select! {
                () = stop.cancelled() => return,
                refreshed = self.refresh() => refreshed,
            };
            let pause = match refreshed {
                Ok(()) => POLL,
                Err(error) => {
                    tracing::warn!(error, "the set of analyzers stays as it is");
                    PAUSE
                }
            };
            let heard = async {
                match &mut listener {
                    Some(listener) => listener.try_recv().await.ok().flatten().is_some(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                alive = heard => if !alive {
                    listener = None;
                    tokio::time::sleep(PAUSE).await;
                },
            }
        }
    }

    /// Switches to the sets that are wanted, if they are others.
    async fn refresh(&mut self) -> Result<(), String> {
        let tripped = db::answered(functions::tripped(&self.parts.db)).await;
        let tripped = tripped.map_err(|error| error.to_string())?;
        let missing: Vec<_> = tripped.into_iter().map(missing).collect();
        let ready = self.ready().await?;
        let wanted: Vec<_> = ready.iter().map(Ready::identity).collect();
        if wanted == self.running && missing == self.missing {
            return Ok(());
        }
        let drafts = Drafts::of(&self.parts.base, &ready, &missing);
        let drafts = drafts.map_err(|error| error.to_string())?;
        let sets = self.registered(drafts).await;
        let sets = Arc::new(sets.map_err(|error| error.to_string())?);
        self.sets.send_replace(Arc::clone(&sets));
        self.missing = missing;
        // The sets before stay loaded: a rollback comes soon, if it comes.
        let before = std::mem::replace(&mut self.running, wanted);
        let kept = before.iter().chain(&self.running);
        let kept: BTreeSet<_> = kept.map(|(digest, ..)| *digest).collect();
        self.loaded.retain(|digest, _| kept.contains(digest));
        self.refused.clear();
        let count =
            |of: fn(&Role) -> bool| self.running.iter().filter(|(_, role, _)| of(role)).count();
        tracing::info!(
            set = hex::encode(sets.stable.digest),
            functions = count(|role| matches!(role, Role::Stable)),
            canaries = count(|role| matches!(role, Role::Canary(_))),
            shadows = count(|role| matches!(role, Role::Shadow(_))),
            "the set of analyzers changed"
        );
        Ok(())
    }

    /// What the aliases name, as far as it fits.
    async fn ready(&mut self) -> Result<Vec<Ready>, String> {
        let wanted = db::answered(functions::followed(&self.parts.db)).await;
        let wanted = wanted.map_err(|error| error.to_string())?;
        let mut ready = Vec::new();
        for one in &wanted {
            match self.component(one).await {
                Ok((digest, component)) => {
                    let configuration = configuration(one);
                    let component = component.configured(configuration.clone());
                    ready.push(Ready {
                        version: one.id,
                        role: one.role,
                        name: one.name.clone(),
                        digest,
                        configuration,
                        component: match &one.signing_key {
                            Some(key) => component.signed_by(&format!("{}/{key}", one.publisher)),
                            None => component,
                        },
                    });
                }
                Err(Unfit::Away(why)) => return Err(why),
                Err(Unfit::Refused(why)) => {
                    let what = format!("{} {}: {why}", one.name, one.version);
                    if self.refused.insert(what) {
                        let (name, version) = (&one.name, &one.version);
                        tracing::error!(name, version, why, "a deployed function is not run");
                    }
                }
            }
        }
        Ok(ready)
    }

    /// Tells Postgres of the sets. The stable one comes last: only its reports answer.
    async fn registered(&self, drafts: Drafts) -> Result<Sets, sqlx::Error> {
        let parts = &self.parts;
        let mut canaries = Vec::new();
        for (percent, draft) in drafts.canaries {
            canaries.push((percent, note(parts, draft).await?));
        }
        know(&parts.metrics, &drafts.stable.pipeline);
        let digest = register(parts, &drafts.stable.pipeline).await?;
        let stable = Set::new(drafts.stable, digest);
        Ok(Sets::new(stable, canaries, drafts.shadows))
    }

    /// A component that is verified and compiled.
    async fn component(&mut self, one: &Followed) -> Result<([u8; 32], Component), Unfit> {
        let refused = |why: &str| Unfit::Refused(why.to_owned());
        let base = self.parts.base.components();
        if base.iter().any(|bundled| bundled.name == one.name) {
            return Err(refused("a bundled analyzer has its name"));
        }
        let sha256: [u8; 32] = one.sha256[..]
            .try_into()
            .map_err(|_| refused("its digest is none"))?;
        let descriptor: DescriptorInfo = serde_json::from_value(one.descriptor.clone())
            .map_err(|error| Unfit::Refused(format!("its descriptor is none: {error}")))?;
        verify(one, &sha256, &descriptor, self.parts.signatures)?;
        if let Some(component) = self.loaded.get(&sha256) {
            return Ok((sha256, component.clone()));
        }
        let key = ComponentKey::of(sha256);
        let bytes = self
            .parts
            .storage
            .read_component(&key, MAX_COMPONENT as u64);
        let bytes = bytes.await.map_err(|error| match error {
            StorageError::NotFound { .. }
            | StorageError::Damaged { .. }
            | StorageError::TooLarge { .. } => Unfit::Refused(error.to_string()),
            error => Unfit::Away(error.to_string()),
        })?;
        let runtime = self.parts.base.runtime();
        let component = match &self.parts.artifacts {
            Some(artifacts) => artifacts.load(runtime, sha256, bytes).await,
            None => runtime.load(bytes).await,
        };
        let component = component.map_err(|error| Unfit::Refused(error.to_string()))?;
        if component.world() != World::Analyzer {
            return Err(refused("it is no analyzer"));
        }
        if DescriptorInfo::from(component.descriptor()) != descriptor {
            return Err(refused(
                "it says something else of itself than when it was admitted",
            ));
        }
        self.loaded.insert(sha256, component.clone());
        Ok((sha256, component))
    }
}

/// What it is run with.
fn configuration(one: &Followed) -> Configuration {
    let settings = one.settings.as_ref();
    settings.map_or_else(Configuration::default, |settings| {
        settings::configuration(settings)
    })
}

/// Verifies the signature, and that name and version are those that it says.
fn verify(
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

/// What reports say of a version that the circuit breaker disabled.
fn missing(tripped: Tripped) -> Missing {
    let Tripped {
        name,
        version,
        reason,
    } = tripped;
    let reason = format!("{name} {version} was not run: it was disabled by itself, since {reason}");
    Missing { name, reason }
}

async fn subscribe(db: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(db).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANGED).await?;
    Ok(listener)
}

fn know(metrics: &Metrics, pipeline: &Pipeline) {
    for component in pipeline.components() {
        metrics.know_analyzer(&component.name);
    }
}

/// A set, and its digest.
fn describe(parts: &Parts, pipeline: &Pipeline) -> ([u8; 32], Value) {
    let input = packguard_runtime::Input {
        settings: parts.settings.clone(),
        ..packguard_runtime::Input::default()
    };
    let provenance = pipeline.provenance(&input);
    let set = json!({
        "components": pipeline.components(),
        "packguard": provenance.packguard,
        "limits": provenance.limits,
        "settings": provenance.inputs,
    });
    (Sha256::digest(set.to_string()).into(), set)
}

/// Tells Postgres of a set that only a share of the tasks gets.
async fn note(parts: &Parts, draft: Draft) -> Result<Set, sqlx::Error> {
    know(&parts.metrics, &draft.pipeline);
    let (digest, set) = describe(parts, &draft.pipeline);
    persist(|| reports::note_set(&parts.db, &digest, &set)).await?;
    Ok(Set::new(draft, digest))
}

/// Tells Postgres which analyzers this worker has, and gives the digest of the set.
async fn register(parts: &Parts, pipeline: &Pipeline) -> Result<[u8; 32], sqlx::Error> {
    let (digest, set) = describe(parts, pipeline);
    persist(|| reports::register_set(&parts.db, &digest, &set)).await?;
    Ok(digest)
}
