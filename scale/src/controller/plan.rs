//! What is to be done about one pool: a function of what was seen, without a request.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use kube::ResourceExt;

use crate::crd::{Override, RuntimePool, RuntimePoolStatus};
use crate::signals::Pods;

use super::conditions::{Said, has_turned, merge};
use super::manifest::{selector, split};
use super::source::QueueSignals;
use super::target::{Target, target};
use super::view::Complaint;

/// What was seen of a pool.
#[derive(Debug, Clone)]
pub(super) struct Seen<'a> {
    pub pool: &'a RuntimePool,
    /// What was said of it last.
    pub before: &'a RuntimePoolStatus,
    /// Pods that the Deployments want, and what became of them.
    pub pods: Pods,
    /// Pods that are there.
    pub present: u32,
    pub failing: Option<Complaint>,
    pub canary_failing: Option<Complaint>,
    pub unschedulable: Option<Complaint>,
    pub refused: Option<Complaint>,
    pub stuck: Option<Complaint>,
    /// The pool that scales this one's class, where it is another.
    pub class_taken_by: Option<&'a str>,
    /// What the queue said last.
    pub queue: Option<&'a QueueSignals>,
    /// Why it says nothing now.
    pub queue_error: Option<&'a str>,
    /// Pods with work in hand; none where that is not known.
    pub busy: Option<u32>,
    /// Why the Deployment could not be written, if it could not: a word and a sentence.
    pub trouble: Option<&'a Complaint>,
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    pub desired: u32,
    pub stable: u32,
    pub canary: u32,
    pub status: RuntimePoolStatus,
    /// The manual number has had its time.
    pub override_expired: bool,
    /// What is worth an event, should all be done.
    pub notes: Vec<Note>,
}

/// An event in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub warning: bool,
    pub reason: String,
    pub action: &'static str,
    pub text: String,
}

/// What is to be done about a pool.
pub(super) fn plan(seen: &Seen<'_>, now: DateTime<Utc>) -> Plan {
    let stale = stale(seen, now);
    let seen = &Seen {
        queue_error: seen.queue_error.or(stale.as_deref()),
        ..seen.clone()
    };
    let (manual, override_expired) = manual(seen, now);
    let target = target(seen, manual.as_ref(), now);
    let spec = &seen.pool.spec;
    let failed_canary = failed_canary(seen);
    let share = match &spec.canary {
        Some(canary) if failed_canary.is_none() => canary.share,
        _ => 0,
    };
    let (stable, canary) = split(target.desired, share);
    let said = said(seen, &target, failed_canary.as_deref());
    let generation = seen.pool.metadata.generation;
    let mut notes = Vec::new();
    note_override(seen.before, manual.as_ref(), override_expired, &mut notes);
    note_conditions(seen.before, &said, &mut notes);
    note_decision(seen.pods.wanted, &target, &mut notes);
    let status = RuntimePoolStatus {
        observed_generation: generation,
        desired: target.desired,
        replicas: seen.present,
        ready: seen.pods.ready,
        queued: seen.queue.map_or(0, |queue| queue.ready),
        running: seen.queue.map_or(0, |queue| queue.leased),
        wait_p95: seen.queue.and_then(|queue| queue.wait_p95).map(seconds),
        reason: target.reason,
        history: target.history,
        selector: selector(&seen.pool.name_any()),
        manual,
        failed_canary,
        conditions: merge(&seen.before.conditions, &said, generation, now),
    };
    Plan {
        desired: target.desired,
        stable,
        canary,
        status,
        override_expired,
        notes,
    }
}

/// A queue that answers with old numbers does not answer.
fn stale(seen: &Seen<'_>, now: DateTime<Utc>) -> Option<String> {
    let age = now.signed_duration_since(seen.queue?.measured_at);
    let most = seen.pool.spec.policy.stale_after.0;
    let too_old = age.to_std().is_ok_and(|age| age > most);
    too_old.then(|| format!("its numbers are {} s old", age.num_seconds()))
}

/// The manual number that holds, and whether one has just had its time.
fn manual(seen: &Seen<'_>, now: DateTime<Utc>) -> (Option<Override>, bool) {
    let spec = &seen.pool.spec;
    let Some(replicas) = spec.replicas else {
        return (None, false);
    };
    let since = seen
        .before
        .manual
        .as_ref()
        .filter(|before| before.replicas == replicas)
        // A clock that was put back must not make the number hold for longer than it is meant to.
        .map_or(now, |before| before.since.min(now));
    let expires = Some(spec.override_expiry.0)
        .filter(|expiry| !expiry.is_zero())
        .and_then(|expiry| since.checked_add_signed(TimeDelta::from_std(expiry).ok()?));
    if expires.is_some_and(|expires| expires <= now) {
        return (None, true);
    }
    let manual = Override {
        replicas,
        since,
        expires,
    };
    (Some(manual), false)
}

/// The canary's image, once it failed, until another one is named.
fn failed_canary(seen: &Seen<'_>) -> Option<String> {
    let image = &seen.pool.spec.canary.as_ref()?.image;
    let failed = seen.before.failed_canary.as_ref() == Some(image) || seen.canary_failing.is_some();
    failed.then(|| image.clone())
}

fn said(seen: &Seen<'_>, target: &Target, failed_canary: Option<&str>) -> Vec<Said> {
    let ready = seen.pods.ready;
    let desired = target.desired;
    let readiness = match seen.trouble {
        Some(trouble) => Said::new("Ready", false, &trouble.reason, &trouble.message),
        None if desired == 0 => Said::new("Ready", true, "NoneNeeded", "there is no work"),
        None if ready >= desired => Said::new("Ready", true, "AllReady", "all pods are ready"),
        None => Said::new(
            "Ready",
            false,
            "PodsNotReady",
            format!("{ready} of {desired} pods are ready"),
        ),
    };
    let (scaling, why, words) = &target.scaling;
    let fresh = match seen.queue_error {
        Some(error) => Said::new("SignalsFresh", false, "QueueNotAnswering", error),
        None => Said::new(
            "SignalsFresh",
            true,
            "QueueAnswers",
            "the queue was asked a moment ago",
        ),
    };
    let max = seen.pool.spec.max;
    let at_maximum = if desired >= max {
        Said::new(
            "AtMaximum",
            true,
            "MaxReached",
            format!("max is {max}: no more pods, whatever the work"),
        )
    } else {
        Said::new("AtMaximum", false, "BelowMax", format!("max is {max}"))
    };
    vec![
        readiness,
        Said::new("Scaling", *scaling, why, words.clone()),
        fresh,
        rollout(seen, failed_canary),
        schedulable(seen),
        at_maximum,
    ]
}

fn rollout(seen: &Seen<'_>, failed_canary: Option<&str>) -> Said {
    let image = &seen.pool.spec.image;
    // The pod's word first: that a deadline has passed does not say why.
    if let Some(failing) = seen.failing.as_ref().or(seen.stuck.as_ref()) {
        let text = format!("{image}: {}; pods that are ready stay", failing.message);
        return Said::new("RolloutHealthy", false, &failing.reason, text);
    }
    if let Some(canary) = failed_canary {
        let why = seen
            .canary_failing
            .as_ref()
            .map_or("", |complaint| complaint.message.as_str());
        let text = format!("canary {canary} gets no pods until another image is named {why}");
        return Said::new("RolloutHealthy", false, "CanaryFailed", text.trim_end());
    }
    Said::new(
        "RolloutHealthy",
        true,
        "NoFailure",
        format!("no pod of {image} fails"),
    )
}

fn schedulable(seen: &Seen<'_>) -> Said {
    if let Some(refused) = &seen.refused {
        let quota = refused.message.contains("exceeded quota");
        let reason = if quota {
            "QuotaExceeded"
        } else {
            refused.reason.as_str()
        };
        return Said::new("Schedulable", false, reason, &refused.message);
    }
    if let Some(complaint) = &seen.unschedulable {
        let text = format!(
            "{} pods find no node: {}",
            seen.pods.unschedulable, complaint.message
        );
        return Said::new("Schedulable", false, &complaint.reason, text);
    }
    Said::new("Schedulable", true, "RoomForAll", "every pod has a node")
}

fn note_override(
    before: &RuntimePoolStatus,
    manual: Option<&Override>,
    expired: bool,
    notes: &mut Vec<Note>,
) {
    let note = |reason: &str, text: String| Note {
        warning: false,
        reason: reason.to_owned(),
        action: "Override",
        text,
    };
    match (&before.manual, manual) {
        (_, None) if expired => {
            notes.push(note(
                "OverrideExpired",
                String::from("the manual number has had its time"),
            ));
        }
        (Some(_), None) => {
            notes.push(note(
                "OverrideEnded",
                String::from("the manual number was taken away"),
            ));
        }
        (old, Some(now)) if old.as_ref().map(|old| old.replicas) != Some(now.replicas) => {
            let until = now
                .expires
                .map_or_else(String::new, |expires| format!(" until {expires}"));
            notes.push(note(
                "OverrideSet",
                format!("{} pods by hand{until}", now.replicas),
            ));
        }
        _ => {}
    }
}

/// Scaling is told of by what it does, readiness turns with every new pod.
fn note_conditions(before: &RuntimePoolStatus, said: &[Said], notes: &mut Vec<Note>) {
    for said in said {
        if matches!(said.type_, "Ready" | "Scaling") || !has_turned(&before.conditions, said) {
            continue;
        }
        notes.push(Note {
            warning: said.is_bad(),
            reason: said.reason.clone(),
            action: "Observe",
            text: said.message.clone(),
        });
    }
}

fn note_decision(wanted: u32, target: &Target, notes: &mut Vec<Note>) {
    let desired = target.desired;
    if desired == wanted {
        return;
    }
    notes.push(Note {
        warning: false,
        reason: String::from(if desired > wanted {
            "ScaledUp"
        } else {
            "ScaledDown"
        }),
        action: "Scale",
        text: format!("from {wanted} to {desired} pods: {}", target.reason),
    });
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}
