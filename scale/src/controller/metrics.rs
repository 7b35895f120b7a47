//! What the controller counts. Whoever runs it serves the registry that these stand in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::ResourceExt;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use crate::crd::RuntimePool;

use super::plan::Plan;
use super::source::QueueSignals;
use super::trouble::Trouble;

/// The same complaint is logged no more often.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Of one pool.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PoolLabel {
    /// The pool's name.
    pub pool: String,
}

/// Changes of one pool in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DecisionLabel {
    /// The pool's name.
    pub pool: String,
    /// `up` or `down`.
    pub direction: &'static str,
}

/// What was asked of the API server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabel {
    /// `watch`, or the HTTP method in lower case.
    pub verb: String,
}

/// What failed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ErrorLabel {
    /// What was being done: `lease`, `pools`, `status`, `deployment`, `pods`, `events`, `signals`, `definition`.
    pub what: &'static str,
    /// See [`Trouble::kind`]; `Signals` where the queue could not be asked.
    pub kind: &'static str,
}

/// What the controller counts.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Decisions that changed a number of pods.
    pub decisions: Family<DecisionLabel, Counter>,
    /// Pods that there should be.
    pub desired: Family<PoolLabel, Gauge>,
    /// Pods that are ready.
    pub ready: Family<PoolLabel, Gauge>,
    /// Most pods that a pool may have.
    pub max: Family<PoolLabel, Gauge>,
    /// How old the measurements are that it was last decided by, in seconds; the same is shown until there are others.
    pub signals_age: Family<PoolLabel, Gauge>,
    /// 1 where a pool is at its maximum.
    pub at_maximum: Family<PoolLabel, Gauge>,
    /// Requests to the API server.
    pub api_requests: Family<RequestLabel, Counter>,
    /// 1 where this process leads.
    pub leader: Gauge,
    /// What failed.
    pub errors: Family<ErrorLabel, Counter>,
    complained: Arc<Mutex<BTreeMap<String, Instant>>>,
}

impl Metrics {
    /// Puts them into a registry, as `scale_…`.
    pub fn register(&self, registry: &mut Registry) {
        let scale = registry.sub_registry_with_prefix("scale");
        scale.register(
            "decisions",
            "Decisions that changed a number of pods",
            self.decisions.clone(),
        );
        scale.register(
            "desired_pods",
            "Pods that there should be",
            self.desired.clone(),
        );
        scale.register("ready_pods", "Pods that are ready", self.ready.clone());
        scale.register(
            "max_pods",
            "Most pods that a pool may have",
            self.max.clone(),
        );
        scale.register_with_unit(
            "signals_age",
            "How old the queue's figures are that a pool was last decided by",
            Unit::Seconds,
            self.signals_age.clone(),
        );
        scale.register(
            "at_maximum",
            "1 where a pool may not grow further",
            self.at_maximum.clone(),
        );
        scale.register(
            "api_requests",
            "Requests to the Kubernetes API",
            self.api_requests.clone(),
        );
        scale.register("leader", "1 where this process leads", self.leader.clone());
        scale.register(
            "errors",
            "What the controller could not do",
            self.errors.clone(),
        );
    }

    pub(super) fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Counts a failure, and logs it unless that was done a short while ago.
    pub(super) fn trouble(&self, what: &'static str, trouble: &Trouble) {
        self.failed(what, trouble.kind(), &trouble.to_string());
    }

    pub(super) fn failed(&self, what: &'static str, kind: &'static str, error: &str) {
        self.errors.get_or_create(&ErrorLabel { what, kind }).inc();
        let now = Instant::now();
        let mut complained = self
            .complained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        complained.retain(|_, at| now.duration_since(*at) < COMPLAIN_EVERY);
        if complained.insert(format!("{what} {error}"), now).is_none() {
            tracing::warn!(what, kind, error, "the controller is held up");
        }
    }

    /// What is to be done about a pool, where `wanted` pods were meant to be until now.
    pub(super) fn planned(&self, pool: &str, plan: &Plan, wanted: u32) {
        let label = PoolLabel {
            pool: pool.to_owned(),
        };
        let set = |gauge: &Family<PoolLabel, Gauge>, value: i64| {
            gauge.get_or_create(&label).set(value);
        };
        set(&self.desired, i64::from(plan.desired));
        set(&self.ready, i64::from(plan.status.ready));
        let at_maximum = plan
            .status
            .conditions
            .iter()
            .any(|condition| condition.type_ == "AtMaximum" && condition.status == "True");
        set(&self.at_maximum, i64::from(at_maximum));
        if plan.desired == wanted {
            return;
        }
        let direction = if plan.desired > wanted { "up" } else { "down" };
        tracing::info!(pool, from = wanted, to = plan.desired, reason = %plan.status.reason, "decided");
        let label = DecisionLabel {
            pool: pool.to_owned(),
            direction,
        };
        self.decisions.get_or_create(&label).inc();
    }

    /// What a pool is held to, and how old what it was decided by is.
    pub(super) fn limits(
        &self,
        pool: &RuntimePool,
        queue: Option<&QueueSignals>,
        now: DateTime<Utc>,
    ) {
        let label = PoolLabel {
            pool: pool.name_any(),
        };
        self.max.get_or_create(&label).set(i64::from(pool.spec.max));
        if let Some(queue) = queue {
            let age = (now - queue.measured_at).num_seconds();
            self.signals_age.get_or_create(&label).set(age.max(0));
        }
    }

    /// Takes away what was counted of a pool that is no more.
    pub(super) fn forget(&self, pool: &str) {
        let label = PoolLabel {
            pool: pool.to_owned(),
        };
        self.desired.remove(&label);
        self.ready.remove(&label);
        self.max.remove(&label);
        self.signals_age.remove(&label);
        self.at_maximum.remove(&label);
    }
}
