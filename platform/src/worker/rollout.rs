//! The sets of analyzers that a worker runs: the bundled ones, and what the alias `stable` of
//! each deployed function names; for a share of the tasks, what `canary` names instead.
//!
//! State: the sets in use. A task takes its one when it begins and keeps it to its end. When
//! Postgres tells of a change, or [`POLL`] is over, the sets that are wanted are put together
//! beside those in use: each component is fetched, checked against its digest and its
//! signature, and compiled ([`super::loader`]), before the switch. Until then what ran before
//! goes on in its place, unless that was disabled or its key is void.
//!
//! A component that does not fit (its signature, its digest, its compilation) is left out, and
//! the log says why. Where `stable` names it, reports say that it did not run, and none is
//! `clean`; where it is a canary, the stable version runs. Where Postgres is away, the sets in
//! use stay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use packguard_runtime::report::DescriptorInfo;
use packguard_runtime::{Component, Configuration, Missing, Pipeline, World};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::loader::{Found, Loader, Unfit, verify};
use super::record::persist;
use super::sets::{Draft, Drafts, Ready, Set, Sets};
use crate::db;
use crate::db::functions::{self, CHANGED, Followed, Role, Tripped};
use crate::db::reports;
use crate::functions::{SignaturePolicy, settings};
use crate::knowledge::Knowledge;
use crate::suppressions;
use crate::telemetry::Metrics;

/// How often it is looked whether something changed, heard of or not: with a second to load
/// it, a new set is in use within five.
const POLL: Duration = Duration::from_secs(4);

/// How long it is waited for more changes: somebody who makes a hundred is not followed a
/// hundred times.
const GATHER: Duration = Duration::from_millis(200);

/// Pause after Postgres or the storage failed.
const PAUSE: Duration = Duration::from_secs(1);

/// What a set is made with.
pub(super) struct Parts {
    pub db: PgPool,
    pub metrics: Metrics,
    /// The bundled analyzers.
    pub base: Pipeline,
    /// Settings, suppressions, advisories.
    pub knowledge: Arc<Knowledge>,
    pub signatures: SignaturePolicy,
    pub loader: Loader,
}

/// Keeps the sets up to date.
pub(super) struct Rollout {
    parts: Parts,
    sets: watch::Sender<Arc<Sets>>,
    /// What runs beside the bundled analyzers.
    running: Vec<Ready>,
    /// What should run and does not.
    missing: Vec<Missing>,
    /// Suppressions that had run out when the sets were put together.
    expired: usize,
    /// What was said of those that are not loaded, so that the log says it once.
    said: BTreeSet<String>,
}

impl Rollout {
    /// Puts the first set together, when Postgres answers and all is loaded that can be.
    pub(super) async fn start(
        parts: Parts,
    ) -> Result<(Self, watch::Receiver<Arc<Sets>>), sqlx::Error> {
        persist(|| functions::followed(&parts.db)).await?;
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
            expired: 0,
            said: BTreeSet::new(),
        };
        loop {
            match rollout.refresh().await {
                Ok(()) if !rollout.parts.loader.is_loading() => break,
                // All of them, before it is looked again: a set with half of what is deployed
                // must not become the newest.
                Ok(()) => {
                    while rollout.parts.loader.is_loading() {
                        rollout.parts.loader.ended().await;
                    }
                }
                Err(error) => {
                    tracing::warn!(error, "deployed functions are waited for");
                    tokio::time::sleep(PAUSE).await;
                }
            }
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
                () = self.parts.loader.ended() => {}
                alive = heard => if alive {
                    tokio::time::sleep(GATHER).await;
                    while listener.as_mut().is_some_and(|one| one.next_buffered().is_some()) {}
                } else {
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
        let mut missing: Vec<_> = tripped.into_iter().map(missing).collect();
        let (ready, lacking) = self.ready().await?;
        missing.extend(lacking);
        let same = ready.iter().map(Ready::identity);
        let same = same.eq(self.running.iter().map(Ready::identity));
        // One that runs out changes what reports say, and makes the set another.
        let accepted = &self.parts.knowledge.suppressions;
        let expired = accepted.expired(suppressions::today());
        if same && missing == self.missing && expired.len() == self.expired {
            return Ok(());
        }
        for line in &expired {
            tracing::warn!("{line}");
        }
        let drafts = Drafts::of(&self.parts.base, &ready, &missing);
        let drafts = drafts.map_err(|error| error.to_string())?;
        let sets = self.registered(drafts).await;
        let sets = Arc::new(sets.map_err(|error| error.to_string())?);
        self.sets.send_replace(Arc::clone(&sets));
        self.missing = missing;
        self.expired = expired.len();
        // The sets before stay loaded: a rollback comes soon, if it comes.
        let before = std::mem::replace(&mut self.running, ready);
        let kept = before.iter().chain(&self.running);
        self.parts
            .loader
            .keep(&kept.map(|one| one.digest).collect());
        self.said.clear();
        let count = |of: fn(&Role) -> bool| self.running.iter().filter(|one| of(&one.role)).count();
        tracing::info!(
            set = hex::encode(sets.stable.digest),
            functions = count(|role| matches!(role, Role::Stable)),
            canaries = count(|role| matches!(role, Role::Canary(_))),
            shadows = count(|role| matches!(role, Role::Shadow(_))),
            missing = self.missing.len(),
            "the set of analyzers changed"
        );
        Ok(())
    }

    /// What the aliases name, as far as it is loaded: what ran before in the place of what is not
    /// yet. And what `stable` names and can't be loaded.
    async fn ready(&mut self) -> Result<(Vec<Ready>, Vec<Missing>), String> {
        let wanted = db::answered(functions::followed(&self.parts.db)).await;
        let wanted = wanted.map_err(|error| error.to_string())?;
        let running: Vec<_> = self.running.iter().map(|one| one.version).collect();
        let allowed = db::answered(functions::allowed(&self.parts.db, &running)).await;
        let allowed = allowed.map_err(|error| error.to_string())?;
        let (mut ready, mut lacking) = (Vec::new(), Vec::new());
        for one in &wanted {
            let found = self.component(one);
            let unfit = match found {
                Found::Component(component) => {
                    ready.push(prepared(one, component));
                    continue;
                }
                Found::Loading => None,
                Found::Unfit(unfit) => Some(unfit),
            };
            if let Some(unfit) = &unfit {
                self.say(one, unfit);
            }
            let kind = |role: &Role| std::mem::discriminant(role);
            let before = self.running.iter().find(|old| {
                old.name == one.name
                    && kind(&old.role) == kind(&one.role)
                    && allowed.contains(&old.version)
            });
            match (before, unfit) {
                (Some(before), None | Some(Unfit::Away(_))) => ready.push(Ready {
                    role: one.role,
                    ..before.clone()
                }),
                (_, Some(_)) if one.role == Role::Stable && !self.is_bundled(&one.name) => {
                    lacking.push(unloaded(one));
                }
                _ => {}
            }
        }
        Ok((ready, lacking))
    }

    /// Tells the operator once why a version is not loaded.
    fn say(&mut self, one: &Followed, unfit: &Unfit) {
        let (name, version) = (&one.name, &one.version);
        let why = match unfit {
            Unfit::Refused(why) | Unfit::Away(why) => why,
        };
        if self.said.insert(format!("{name} {version}: {why}")) {
            tracing::error!(name, version, why, "a deployed function is not run");
        }
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

    /// Whether an analyzer of that name runs anyway.
    fn is_bundled(&self, name: &str) -> bool {
        let base = self.parts.base.components();
        base.iter().any(|bundled| bundled.name == name)
    }

    /// The component of a version that is verified.
    fn component(&mut self, one: &Followed) -> Found {
        match self.verified(one) {
            Ok(component) => component,
            Err(unfit) => Found::Unfit(unfit),
        }
    }

    fn verified(&mut self, one: &Followed) -> Result<Found, Unfit> {
        let refused = |why: &str| Unfit::Refused(why.to_owned());
        if self.is_bundled(&one.name) {
            return Err(refused("a bundled analyzer has its name"));
        }
        let sha256: [u8; 32] = one.sha256[..]
            .try_into()
            .map_err(|_| refused("its digest is none"))?;
        let descriptor: DescriptorInfo = serde_json::from_value(one.descriptor.clone())
            .map_err(|error| Unfit::Refused(format!("its descriptor is none: {error}")))?;
        verify(one, &sha256, &descriptor, self.parts.signatures)
            .inspect_err(|_| self.parts.metrics.signature_refused())?;
        let component = match self.parts.loader.find(sha256) {
            Found::Component(component) => component,
            other => return Ok(other),
        };
        if component.world() != World::Analyzer {
            return Err(refused("it is no analyzer"));
        }
        if DescriptorInfo::from(component.descriptor()) != descriptor {
            return Err(refused(
                "it says something else of itself than when it was admitted",
            ));
        }
        Ok(Found::Component(component))
    }
}

/// A version with what it is run with, and with who signed it.
fn prepared(one: &Followed, component: Component) -> Ready {
    let configuration = configuration(one);
    let component = component.configured(configuration.clone());
    let mut digest = [0; 32];
    // `verified` has seen that it is one.
    digest.copy_from_slice(&one.sha256);
    Ready {
        version: one.id,
        role: one.role,
        name: one.name.clone(),
        digest,
        configuration,
        component: match &one.signing_key {
            Some(key) => component.signed_by(&format!("{}/{key}", one.publisher)),
            None => component,
        },
    }
}

/// What reports say of a version that workers can't load. The words are part of the set: they
/// are the same on all workers.
fn unloaded(one: &Followed) -> Missing {
    let (name, version) = (&one.name, &one.version);
    Missing {
        name: name.clone(),
        reason: format!("{name} {version} was not run: it could not be loaded, or not be verified"),
    }
}

/// What it is run with.
fn configuration(one: &Followed) -> Configuration {
    let settings = one.settings.as_ref();
    settings.map_or_else(Configuration::default, |settings| {
        settings::configuration(settings)
    })
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
    let mut input = packguard_runtime::Input::default();
    parts.knowledge.tell(&mut input, suppressions::today());
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
