//! One pool, pass by pass: look, plan, write what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::ResourceExt;
use tokio::time::Instant;

use crate::crd::{RuntimePool, RuntimePoolStatus};
use crate::signals::Pods;

use super::cache::Cache;
use super::conditions::turned;
use super::manifest::{Track, deployment};
use super::marks;
use super::metrics::Metrics;
use super::plan::{Plan, Seen, plan};
use super::source::QueueSignals;
use super::trouble::Trouble;
use super::view::{Complaint, DeploymentView, PodView};
use super::write::Writer;

/// So many pods are marked, and taken away, in one pass: more follow in the next.
const MARKED_AT_ONCE: u32 = 50;

/// What all pools have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub pools: Cache<RuntimePool>,
    pub deployments: Cache<DeploymentView>,
    pub pods: Cache<PodView>,
    pub metrics: Metrics,
    pub status_interval: Duration,
}

/// What the outside said in this pass.
#[derive(Debug)]
pub(super) struct Outside<'a> {
    pub queue: Option<&'a QueueSignals>,
    pub queue_error: Option<&'a str>,
    pub busy: Option<&'a BTreeSet<String>>,
    pub class_taken_by: Option<&'a str>,
    pub deployments: &'a BTreeMap<String, Arc<DeploymentView>>,
    pub pods: &'a BTreeMap<String, Arc<PodView>>,
    pub now: DateTime<Utc>,
}

/// What was applied last.
#[derive(Debug, Clone, Copy)]
struct Applied {
    manifest: u64,
    generation: i64,
    replicas: u32,
    /// What it is brought to: fewer than `replicas` while pods are still being marked, some in each pass.
    aim: u32,
}

/// What is remembered of a pool while this process leads.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What was said last, written or not: without the right to write it, deciding goes on.
    said: Option<RuntimePoolStatus>,
    written: Option<Instant>,
    applied: BTreeMap<Track, Applied>,
    trouble: Option<Complaint>,
}

impl Memory {
    /// Pods that the Deployments want, or will as soon as all that are to go are marked: a step that was decided is done whole.
    pub(super) fn wanted(
        &self,
        pool: &str,
        deployments: &BTreeMap<String, Arc<DeploymentView>>,
    ) -> u32 {
        [Track::Stable, Track::Canary]
            .into_iter()
            .map(|track| match self.applied.get(&track) {
                Some(applied) => applied.aim,
                None => self.replicas(track, pool, deployments),
            })
            .sum()
    }

    /// What was applied, not what someone made of it since: that is put right.
    fn replicas(
        &self,
        track: Track,
        pool: &str,
        deployments: &BTreeMap<String, Arc<DeploymentView>>,
    ) -> u32 {
        let there = || {
            deployments
                .get(&track.deployment(pool))
                .map(|view| view.replicas)
        };
        self.applied
            .get(&track)
            .map(|applied| applied.replicas)
            .or_else(there)
            .unwrap_or(0)
    }

    /// One pass.
    pub(super) async fn pass(
        &mut self,
        pool: &Arc<RuntimePool>,
        outside: &Outside<'_>,
        shared: &Shared,
        writer: &Writer,
    ) -> Result<(), Trouble> {
        let before = self
            .said
            .clone()
            .or_else(|| pool.status.clone())
            .unwrap_or_default();
        let seen = self.look(pool, &before, outside);
        let wanted = seen.pods.wanted;
        let planned = plan(&seen, outside.now);
        // First what is meant, then what is done: whoever takes over in between finds the history, and grows no faster than it may.
        let current = self.say(pool, &before, &planned, shared, writer).await?;
        let pool = current.as_ref().unwrap_or(pool.as_ref());
        shared.metrics.planned(&pool.name_any(), &planned, wanted);
        shared.metrics.limits(pool, outside.queue, outside.now);
        let done = self.apply(pool, &planned, outside, shared, writer).await;
        self.trouble = done.as_ref().err().map(|trouble| Complaint {
            reason: trouble.kind().to_owned(),
            message: trouble.to_string(),
        });
        if let Err(trouble) = &done {
            shared.metrics.trouble("deployment", trouble);
        } else {
            for note in &planned.notes {
                if let Err(trouble) = writer.event(pool, note).await {
                    shared.metrics.trouble("events", &trouble);
                }
            }
        }
        match done {
            Err(trouble @ (Trouble::Unreachable(_) | Trouble::Moved)) => Err(trouble),
            _ => Ok(()),
        }
    }

    fn look<'a>(
        &'a self,
        pool: &'a RuntimePool,
        before: &'a RuntimePoolStatus,
        outside: &Outside<'a>,
    ) -> Seen<'a> {
        let name = pool.name_any();
        let mine = || {
            outside
                .pods
                .iter()
                .filter(|(_, pod)| pod.pool == name && !pod.leaving)
        };
        let count =
            |test: fn(&PodView) -> bool| number(mine().filter(|(_, pod)| test(pod)).count());
        let first = |canary: bool| {
            mine()
                .filter(|(_, pod)| pod.canary == canary)
                .find_map(|(_, pod)| pod.failing.clone())
        };
        let stable = outside.deployments.get(&Track::Stable.deployment(&name));
        let canary = outside.deployments.get(&Track::Canary.deployment(&name));
        let refused = [stable, canary]
            .into_iter()
            .flatten()
            .find_map(|view| view.refused.clone());
        Seen {
            pool,
            before,
            pods: Pods {
                wanted: self.wanted(&name, outside.deployments),
                ready: count(|pod| pod.ready),
                failing: count(|pod| pod.failing.is_some()),
                unschedulable: count(|pod| pod.unschedulable.is_some()),
            },
            present: count(|_| true),
            failing: first(false),
            canary_failing: first(true).or_else(|| canary.and_then(|view| view.stuck.clone())),
            unschedulable: mine().find_map(|(_, pod)| pod.unschedulable.clone()),
            refused,
            stuck: stable.and_then(|view| view.stuck.clone()),
            class_taken_by: outside.class_taken_by,
            queue: outside.queue,
            queue_error: outside.queue_error,
            busy: outside
                .busy
                .map(|busy| number(mine().filter(|(pod, _)| busy.contains(*pod)).count())),
            trouble: self.trouble.as_ref(),
        }
    }

    /// Writes the status where it changed; numbers alone only now and then.
    async fn say(
        &mut self,
        pool: &Arc<RuntimePool>,
        before: &RuntimePoolStatus,
        planned: &Plan,
        shared: &Shared,
        writer: &Writer,
    ) -> Result<Option<RuntimePool>, Trouble> {
        let mut current = None;
        if planned.override_expired {
            current = Some(writer.end_override(pool).await?);
        }
        let now = &planned.status;
        let written = pool.status.as_ref() == Some(now);
        let urgent = before.desired != now.desired
            || before.manual != now.manual
            || before.failed_canary != now.failed_canary
            || before.observed_generation != now.observed_generation
            || turned(&before.conditions, &now.conditions);
        let due = self
            .written
            .is_none_or(|at| at.elapsed() >= shared.status_interval);
        if !written && (urgent || due) {
            match writer
                .status(current.as_ref().unwrap_or(pool.as_ref()), now)
                .await
            {
                Ok(answer) => {
                    complain_if_cut(&answer, now, shared);
                    current = Some(answer);
                }
                Err(
                    trouble @ (Trouble::Conflict(_) | Trouble::Unreachable(_) | Trouble::Moved),
                ) => return Err(trouble),
                // Without the right to say it, or with a definition that knows no such field, work goes on.
                Err(trouble) => shared.metrics.trouble("status", &trouble),
            }
            self.written = Some(Instant::now());
        }
        self.said = Some(now.clone());
        if let Some(answer) = &current {
            shared
                .pools
                .put(&answer.name_any(), Some(pool), answer.clone());
        }
        Ok(current)
    }

    async fn apply(
        &mut self,
        pool: &RuntimePool,
        planned: &Plan,
        outside: &Outside<'_>,
        shared: &Shared,
        writer: &Writer,
    ) -> Result<(), Trouble> {
        let spec = &pool.spec;
        self.bring(
            pool,
            Track::Stable,
            &spec.image,
            planned.stable,
            outside,
            shared,
            writer,
        )
        .await?;
        if let Some(canary) = &spec.canary {
            return self
                .bring(
                    pool,
                    Track::Canary,
                    &canary.image,
                    planned.canary,
                    outside,
                    shared,
                    writer,
                )
                .await;
        }
        let name = Track::Canary.deployment(&pool.name_any());
        if outside.deployments.contains_key(&name) {
            writer.delete(&name).await?;
            self.applied.remove(&Track::Canary);
        }
        Ok(())
    }

    /// Brings one Deployment to what it should be.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different thing, and a struct for one call would only rename them"
    )]
    async fn bring(
        &mut self,
        pool: &RuntimePool,
        track: Track,
        image: &str,
        aim: u32,
        outside: &Outside<'_>,
        shared: &Shared,
        writer: &Writer,
    ) -> Result<(), Trouble> {
        let name = track.deployment(&pool.name_any());
        let there = outside.deployments.get(&name);
        let wanted = self.replicas(track, &pool.name_any(), outside.deployments);
        let mut replicas = aim;
        if replicas < wanted && replicas > 0 && there.is_some() {
            let goes = (wanted - replicas).min(MARKED_AT_ONCE);
            let busy = outside.busy.ok_or_else(|| {
                Trouble::Refused(String::from(
                    "not known which pods have work in hand: none is taken away",
                ))
            })?;
            let is_canary = track == Track::Canary;
            let marks = marks::marks(
                outside.pods,
                busy,
                &pool.name_any(),
                is_canary,
                goes as usize,
            );
            marks::write(marks, writer, &shared.metrics).await?;
            replicas = wanted - goes;
        }
        let manifest = deployment(pool, track, image, replicas);
        let hash = hash(&manifest.to_string());
        let as_it_should_be = self.applied.get(&track).is_some_and(|applied| {
            applied.manifest == hash
                && there.is_some_and(|there| there.generation <= applied.generation)
        });
        if as_it_should_be {
            self.applied
                .entry(track)
                .and_modify(|applied| applied.aim = aim);
            return Ok(());
        }
        let view = DeploymentView::from(writer.deployment(&name, &manifest).await?);
        let applied = Applied {
            manifest: hash,
            generation: view.generation,
            replicas,
            aim,
        };
        self.applied.insert(track, applied);
        shared.deployments.put(&name, there, view);
        Ok(())
    }
}

/// An older definition drops the fields that it does not know, without a word.
fn complain_if_cut(answer: &RuntimePool, sent: &RuntimePoolStatus, shared: &Shared) {
    if answer.status.as_ref() != Some(sent) {
        shared.metrics.failed(
            "definition",
            "Older",
            "the cluster's RuntimePool drops what the controller writes: it is older than the controller, apply deploy/base/crd.yaml",
        );
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
