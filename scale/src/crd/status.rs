//! What the controller says of a pool.

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decide::History;

/// What the controller says of a pool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimePoolStatus {
    /// The generation of the pool that this speaks of.
    pub observed_generation: Option<i64>,
    /// So many pods there should be.
    pub desired: u32,
    /// So many pods there are, ready or not.
    pub replicas: u32,
    /// So many pods are ready.
    pub ready: u32,
    /// Tasks that can be claimed now.
    pub queued: u64,
    /// Tasks that a worker has.
    pub running: u64,
    /// 95 of 100 tasks waited no longer than this, lately.
    #[serde(rename = "waitP95")]
    pub wait_p95: Option<String>,
    /// Why there should be so many pods.
    pub reason: String,
    /// What the next decision needs to know of earlier ones.
    pub history: History,
    /// Selects the pool's pods.
    pub selector: String,
    /// The number that a person asked for, while it holds.
    #[serde(rename = "override")]
    pub manual: Option<Override>,
    /// The canary's image that failed; it gets no pods until another one is named.
    pub failed_canary: Option<String>,
    /// Ready, Scaling, SignalsFresh, RolloutHealthy, Schedulable, AtMaximum.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// A number of pods that a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Override {
    /// So many pods.
    pub replicas: u32,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When the controller takes it back; never where there is none.
    pub expires: Option<DateTime<Utc>>,
}
