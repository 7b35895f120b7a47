//! The sets of analyzers that a worker holds at a time: the stable one, one for each share of
//! the tasks that canaries take, and what is tried beside them.
//!
//! Canaries of one percentage share a set, and a task's bucket decides which set it gets, so
//! there is at most one more set than there are percentages. Components are shared by all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use packguard_runtime::{Component, Configuration, Missing, Pipeline, PipelineError};

use crate::db::functions::Role;
use crate::functions::traffic;
use crate::model::TaskId;

/// A version that is verified and compiled.
#[derive(Clone)]
pub(super) struct Ready {
    /// The version's id.
    pub version: i64,
    pub role: Role,
    /// Its function.
    pub name: String,
    /// Of the component.
    pub digest: [u8; 32],
    /// What the component is configured with.
    pub configuration: Configuration,
    pub component: Component,
}

impl Ready {
    /// What tells it from another: where these are the same for all, so are the sets.
    pub(super) fn identity(&self) -> ([u8; 32], Role, Configuration) {
        (self.digest, self.role, self.configuration.clone())
    }
}

/// What tasks run with.
pub(super) struct Set {
    pub pipeline: Pipeline,
    /// The versions of deployed functions in it, by the hexadecimal digest of the component.
    pub versions: BTreeMap<String, i64>,
    /// What the set is registered as.
    pub digest: [u8; 32],
}

/// A version that is tried beside a set.
#[derive(Clone)]
pub(super) struct Shadow {
    pub version: i64,
    percent: u8,
    pub component: Component,
}

/// All of them.
pub(super) struct Sets {
    pub stable: Arc<Set>,
    /// By percentage, lowest first: the canaries of at least that percentage.
    canaries: Vec<(u8, Arc<Set>)>,
    shadows: Vec<Shadow>,
}

/// A set that is not registered yet.
pub(super) struct Draft {
    pub pipeline: Pipeline,
    versions: BTreeMap<String, i64>,
}

/// All of them, not registered yet.
pub(super) struct Drafts {
    pub stable: Draft,
    pub canaries: Vec<(u8, Draft)>,
    pub shadows: Vec<Shadow>,
}

impl Sets {
    /// One set for all tasks.
    pub(super) fn only(stable: Set) -> Self {
        Self {
            stable: Arc::new(stable),
            canaries: Vec::new(),
            shadows: Vec::new(),
        }
    }

    pub(super) fn new(stable: Set, canaries: Vec<(u8, Set)>, shadows: Vec<Shadow>) -> Self {
        let canaries = canaries.into_iter();
        Self {
            stable: Arc::new(stable),
            canaries: canaries
                .map(|(percent, set)| (percent, Arc::new(set)))
                .collect(),
            shadows,
        }
    }

    /// The set that a task runs with.
    pub(super) fn of(&self, task: TaskId) -> Arc<Set> {
        let taken = |(percent, _): &&(u8, Arc<Set>)| traffic::canary_takes(*percent, task);
        let canary = self.canaries.iter().find(taken);
        Arc::clone(canary.map_or(&self.stable, |(_, set)| set))
    }

    /// What is tried beside `set` in a task: not what runs in it anyway.
    pub(super) fn shadows(&self, set: &Set, task: TaskId) -> Vec<Shadow> {
        let tried = |shadow: &&Shadow| {
            traffic::shadow_takes(shadow.percent, task)
                && !set.versions.values().any(|id| *id == shadow.version)
        };
        self.shadows.iter().filter(tried).cloned().collect()
    }
}

impl Set {
    /// A set that is registered as `digest`.
    pub(super) fn new(draft: Draft, digest: [u8; 32]) -> Self {
        Self {
            pipeline: draft.pipeline,
            versions: draft.versions,
            digest,
        }
    }
}

impl Drafts {
    /// Puts the sets together: `base` with what of `ready` belongs into each. `missing` should
    /// run as stable, and does not.
    pub(super) fn of(
        base: &Pipeline,
        ready: &[Ready],
        missing: &[Missing],
    ) -> Result<Self, PipelineError> {
        let mut percents = BTreeSet::new();
        let mut shadows = Vec::new();
        for one in ready {
            match one.role {
                Role::Stable => {}
                Role::Canary(percent) => {
                    percents.insert(percent);
                }
                Role::Shadow(percent) => shadows.push(Shadow {
                    version: one.version,
                    percent,
                    component: one.component.clone(),
                }),
            }
        }
        let canaries = percents.into_iter().map(|percent| {
            let draft = draft(base, ready, missing, Some(percent))?;
            Ok((percent, draft))
        });
        Ok(Self {
            stable: draft(base, ready, missing, None)?,
            canaries: canaries.collect::<Result<_, PipelineError>>()?,
            shadows,
        })
    }
}

/// The stable versions; with `percent`, the canaries of at least so many percent in their place.
fn draft(
    base: &Pipeline,
    ready: &[Ready],
    missing: &[Missing],
    percent: Option<u8>,
) -> Result<Draft, PipelineError> {
    let mut chosen: BTreeMap<&str, &Ready> = BTreeMap::new();
    let stable = ready.iter().filter(|one| one.role == Role::Stable);
    chosen.extend(stable.map(|one| (one.name.as_str(), one)));
    let takes = |one: &&Ready| match (one.role, percent) {
        (Role::Canary(of), Some(percent)) => of >= percent,
        _ => false,
    };
    let canaries: Vec<_> = ready.iter().filter(takes).collect();
    // Where a canary runs, nothing of its function is missing.
    let missing = missing.iter().filter(|one| {
        let runs = canaries.iter().any(|canary| canary.name == one.name);
        !runs
    });
    let missing = missing.cloned().collect();
    chosen.extend(canaries.iter().map(|one| (one.name.as_str(), *one)));
    let components: Vec<_> = chosen.values().map(|one| one.component.clone()).collect();
    let versions = chosen.values();
    Ok(Draft {
        pipeline: base.with(&components)?.lacking(missing),
        versions: versions
            .map(|one| (hex::encode(one.digest), one.version))
            .collect(),
    })
}
