//! `RuntimePool`: a number of worker pods of one kind, and how it is scaled.
//!
//! The schema refuses what makes no sense, and names the field: the controller reads what the API server let through.
//! After a change: `UPDATE_CRD=1 cargo test -p packguard-scale`, and raise [`REVISION`] where an older schema would
//! drop a field that the controller writes or reads.

mod span;
mod status;

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::{CustomResource, CustomResourceExt, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use span::{NoSpan, Span};
pub use status::{Override, RuntimePoolStatus};

use crate::policy::{Policy, Rule as ScaleRule, RuleName, UpLimit};

/// The annotation that says how old an installed definition is.
pub const REVISION_ANNOTATION: &str = "packguard.dev/crd-revision";

/// The definition that this controller needs, or a later one.
pub const REVISION: u32 = 1;

/// A number of worker pods of one kind, and how it is scaled.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "packguard.dev",
    version = "v1alpha1",
    kind = "RuntimePool",
    plural = "runtimepools",
    singular = "runtimepool",
    shortname = "rtp",
    category = "packguard",
    namespaced,
    status = "RuntimePoolStatus",
    derive = "PartialEq",
    doc = "A number of worker pods of one kind, and how it is scaled.",
    annotation("packguard.dev/crd-revision", "1"),
    validation = Rule::new("!self.metadata.name.endsWith('-canary')").message("metadata.name must not end in -canary: another pool's canary could have the same Deployment"),
    validation = Rule::new("size(self.metadata.name) <= 30").message("metadata.name has 30 characters at most: the names of its pods are made of it, and a worker is known by the first 63"),
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Desired", type_ = "integer", json_path = ".status.desired"),
    printcolumn(name = "Ready", type_ = "integer", json_path = ".status.ready"),
    printcolumn(name = "Queued", type_ = "integer", json_path = ".status.queued"),
    printcolumn(name = "Running", type_ = "integer", json_path = ".status.running"),
    printcolumn(name = "Wait P95", type_ = "string", json_path = ".status.waitP95"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new("self.min <= self.max").message("min must not be over max").field_path(".min"),
    validation = Rule::new("!has(self.replicas) || self.replicas <= self.max").message("replicas (kubectl scale) must not be over max").field_path(".replicas"),
    validation = Rule::new("duration(self.terminationGracePeriod) >= duration('120s')").message("terminationGracePeriod must be 2m at least: the longest step of an analysis takes that long").field_path(".terminationGracePeriod")
)]
#[serde(rename_all = "camelCase")]
pub struct RuntimePoolSpec {
    /// For which tasks there are pods. (A worker of any pool takes the most urgent task there is.) One pool scales a
    /// class; a second one of the same class keeps its number of pods.
    pub class: Class,
    /// The workers' image.
    #[schemars(length(min = 1, max = 500))]
    pub image: String,
    /// A new image, for a share of the pods.
    pub canary: Option<Canary>,
    /// Tasks that a pod works on at once.
    #[serde(default = "slots")]
    #[schemars(range(min = 1, max = 64))]
    pub slots_per_pod: u32,
    /// Never fewer pods, but by `kubectl scale`.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub min: u32,
    /// Never more pods.
    #[schemars(range(min = 0, max = 1000))]
    pub max: u32,
    /// How the number of pods follows from the work.
    #[serde(default)]
    pub policy: PoolPolicy,
    /// The number of pods stays as it is.
    #[serde(default)]
    pub paused: bool,
    /// So many pods, whatever the work: what `kubectl scale` writes. The controller takes it away after
    /// `overrideExpiry`. Fewer pods than have work in hand are reached as that work ends.
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: Option<u32>,
    /// How long `replicas` holds; 0s: until it is taken away.
    #[serde(default = "override_expiry")]
    pub override_expiry: Span,
    /// What the worker's container asks for and may take. Its memory also holds /tmp and /unpacked.
    pub resources: Option<ResourceRequirements>,
    /// Only nodes with these labels.
    #[serde(default)]
    pub node_selector: BTreeMap<String, String>,
    /// Tainted nodes that will do: spot nodes, say.
    #[serde(default)]
    pub tolerations: Vec<Toleration>,
    /// Where the workers' settings come from.
    #[serde(default)]
    pub environment: Environment,
    /// Which pods may push out which.
    pub priority_class_name: Option<String>,
    /// The account of the pods. They get no token for it.
    #[serde(default = "service_account")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: String,
    /// Names of secrets that the image is pulled with.
    #[serde(default)]
    pub image_pull_secrets: Vec<String>,
    /// How long a pod that was told to go may work on.
    #[serde(default = "grace_period")]
    pub termination_grace_period: Span,
    /// A rollout without progress for so long has failed.
    #[serde(default = "progress_deadline")]
    pub progress_deadline: Span,
    /// Memory for packages being unpacked, per pod.
    #[serde(default = "unpack_size")]
    pub unpack_size: Quantity,
}

/// For which tasks a pool has pods.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// What someone waits for.
    Standard,
    /// What no one waits for: analyses done anew.
    Bulk,
}

impl Class {
    /// As written in a pool.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Bulk => "bulk",
        }
    }
}

/// A new image, for a share of the pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Canary {
    /// The new image.
    #[schemars(length(min = 1, max = 500))]
    pub image: String,
    /// So many of 100 pods.
    #[schemars(range(min = 0, max = 100))]
    pub share: u32,
}

/// Where the workers' settings come from: names in the pool's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    /// ConfigMaps, each entry a variable.
    #[serde(default = "packguard")]
    pub config_maps: Vec<String>,
    /// Secrets, each entry a variable.
    #[serde(default = "packguard")]
    pub secrets: Vec<String>,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            config_maps: packguard(),
            secrets: packguard(),
        }
    }
}

/// How the number of pods follows from the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PoolPolicy {
    /// `target-wait`: enough slots that 95 of 100 tasks wait no longer than `targetWait`. `plan` and `architecture`:
    /// step tables over the number of tasks.
    pub rule: RuleName,
    /// See `rule`.
    pub target_wait: Span,
    /// At most so many pods more per minute, or `upPercent`: the larger of the two.
    #[schemars(range(min = 1, max = 1000))]
    pub up_pods: u32,
    /// At most so many percent more per minute, or `upPods`: the larger of the two.
    #[schemars(range(min = 0, max = 10000))]
    pub up_percent: u32,
    /// At most so many pods fewer per `downEvery`.
    #[schemars(range(min = 1, max = 1000))]
    pub down_pods: u32,
    /// See `downPods`.
    pub down_every: Span,
    /// How long fewer pods must have been enough before any goes.
    pub quiet_window: Span,
    /// Older measurements of the queue never scale down.
    pub stale_after: Span,
}

impl Default for PoolPolicy {
    fn default() -> Self {
        let policy = Policy::default();
        let target = match policy.rule {
            ScaleRule::TargetWait(target) => target,
            ScaleRule::PlanSteps | ScaleRule::ArchitectureSteps => Duration::from_secs(10),
        };
        Self {
            rule: RuleName::TargetWait,
            target_wait: Span(target),
            up_pods: policy.up.pods,
            up_percent: policy.up.percent,
            down_pods: policy.down_pods,
            down_every: Span(policy.down_every),
            quiet_window: Span(policy.quiet_window),
            stale_after: Span(policy.stale_after),
        }
    }
}

impl RuntimePoolSpec {
    /// What [`decide()`](crate::decide::decide) is asked with.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let policy = &self.policy;
        Policy {
            rule: policy.rule.rule(policy.target_wait.0),
            min: self.min,
            max: self.max,
            slots_per_pod: self.slots_per_pod,
            up: UpLimit {
                pods: policy.up_pods,
                percent: policy.up_percent,
            },
            down_pods: policy.down_pods,
            down_every: policy.down_every.0,
            quiet_window: policy.quiet_window.0,
            stale_after: policy.stale_after.0,
            paused: self.paused,
        }
    }
}

/// The definition, to be applied to a cluster.
#[must_use]
pub fn definition() -> Value {
    let mut definition = serde_json::to_value(RuntimePool::crd()).unwrap_or_default();
    plain(&mut definition);
    // What the controller writes needs no defaults, and a null is none that the API server takes.
    let status = "/spec/versions/0/schema/openAPIV3Schema/properties/status";
    if let Some(status) = definition.pointer_mut(status) {
        without_defaults(status);
    }
    definition
}

/// The definition as YAML.
///
/// # Errors
///
/// What the YAML writer does not take; nothing that [`definition`] holds.
pub fn yaml() -> Result<String, serde_saphyr::ser_error::Error> {
    serde_saphyr::to_string(&definition())
}

/// An API server knows the formats int32 and int64 only, and warns of others; the bounds stay. And nothing is nullable: it takes
/// a null for what was left out then, so that no rule has to think of one.
fn plain(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let format = match fields.get("format").and_then(Value::as_str) {
                Some("uint32") => Some("int32"),
                Some("uint64") => Some("int64"),
                _ => None,
            };
            if let Some(format) = format {
                fields.insert(String::from("format"), Value::from(format));
            }
            fields.remove("nullable");
            fields.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

fn without_defaults(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("default");
            fields.values_mut().for_each(without_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(without_defaults),
        _ => {}
    }
}

fn slots() -> u32 {
    2
}

fn override_expiry() -> Span {
    Span::seconds(4 * 3600)
}

fn service_account() -> String {
    String::from("packguard-worker")
}

fn grace_period() -> Span {
    Span::seconds(150)
}

fn progress_deadline() -> Span {
    Span::seconds(600)
}

fn unpack_size() -> Quantity {
    Quantity(String::from("2Gi"))
}

fn packguard() -> Vec<String> {
    vec![String::from("packguard")]
}
