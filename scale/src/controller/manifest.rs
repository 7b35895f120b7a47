//! The Deployments of a pool, as they are applied.

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::crd::RuntimePool;

/// Owns the fields that are applied, and is selected by.
pub(super) const MANAGER: &str = "packguard-scale";

/// On Deployments and pods: their pool's name.
pub(super) const POOL_LABEL: &str = "packguard.dev/pool";

/// On Deployments and pods: `stable` or `canary`.
pub(super) const TRACK_LABEL: &str = "packguard.dev/track";

/// Where a worker serves health and metrics.
const METRICS_PORT: u16 = 9464;

/// Of a pod's grace period, kept for handing back what did not get done.
const HANDING_BACK_SECONDS: u64 = 5;

/// Which of a pool's two Deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Track {
    Stable,
    Canary,
}

impl Track {
    const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
        }
    }

    /// The Deployment's name. Short: a pod's name is its host's name, which is cut at 63 characters, and by it a busy
    /// worker is told from an idle one.
    pub(super) fn deployment(self, pool: &str) -> String {
        match self {
            Self::Stable => format!("worker-{pool}"),
            Self::Canary => format!("worker-{pool}-canary"),
        }
    }
}

/// What selects the pods of both tracks.
pub(super) fn selector(pool: &str) -> String {
    format!("{POOL_LABEL}={pool}")
}

/// How many of `total` pods each track gets: stable, canary. A canary takes no pool's only pod.
pub(super) fn split(total: u32, share: u32) -> (u32, u32) {
    let canary = match share {
        0 => 0,
        100.. => total,
        _ if total < 2 => 0,
        _ => {
            let rounded = (u64::from(total) * u64::from(share) + 50) / 100;
            u32::try_from(rounded).unwrap_or(total).clamp(1, total - 1)
        }
    };
    (total - canary, canary)
}

/// The Deployment of a track with so many pods.
pub(super) fn deployment(pool: &RuntimePool, track: Track, image: &str, replicas: u32) -> Value {
    let name = pool.name_any();
    let labels = labels(&name, track);
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": track.deployment(&name),
            "namespace": pool.namespace(),
            "labels": labels,
            "ownerReferences": [{
                "apiVersion": "packguard.dev/v1alpha1",
                "kind": "RuntimePool",
                "name": name,
                "uid": pool.uid(),
                "controller": true,
            }],
        },
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 5,
            "progressDeadlineSeconds": pool.spec.progress_deadline.0.as_secs().max(1),
            // No pod goes before its successor is ready: an image that never gets ready replaces none.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "10%"}},
            "selector": {"matchLabels": {POOL_LABEL: name, TRACK_LABEL: track.name()}},
            "template": {
                "metadata": {"labels": labels},
                "spec": pod(pool, image),
            },
        },
    })
}

fn labels(pool: &str, track: Track) -> Value {
    json!({
        "app.kubernetes.io/name": "packguard-worker",
        "app.kubernetes.io/component": "worker",
        "app.kubernetes.io/part-of": "packguard",
        "app.kubernetes.io/managed-by": MANAGER,
        POOL_LABEL: pool,
        TRACK_LABEL: track.name(),
    })
}

fn pod(pool: &RuntimePool, image: &str) -> Value {
    let spec = &pool.spec;
    let name = pool.name_any();
    let mut pod = json!({
        "serviceAccountName": spec.service_account_name,
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": spec.termination_grace_period.0.as_secs(),
        "topologySpreadConstraints": [
            spread("topology.kubernetes.io/zone", &name),
            spread("kubernetes.io/hostname", &name),
        ],
        "containers": [container(pool, image)],
        "volumes": [
            {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
            {"name": "unpacked", "emptyDir": {"medium": "Memory", "sizeLimit": spec.unpack_size}},
        ],
    });
    // What is not said is not applied, so that the API server's defaults are no drift.
    if !spec.node_selector.is_empty() {
        pod["nodeSelector"] = json!(spec.node_selector);
    }
    if !spec.tolerations.is_empty() {
        pod["tolerations"] = json!(spec.tolerations);
    }
    if let Some(class) = &spec.priority_class_name {
        pod["priorityClassName"] = json!(class);
    }
    if !spec.image_pull_secrets.is_empty() {
        let secrets: Vec<Value> = spec
            .image_pull_secrets
            .iter()
            .map(|name| json!({"name": name}))
            .collect();
        pod["imagePullSecrets"] = Value::Array(secrets);
    }
    pod
}

fn container(pool: &RuntimePool, image: &str) -> Value {
    let spec = &pool.spec;
    let grace = spec
        .termination_grace_period
        .0
        .as_secs()
        .saturating_sub(HANDING_BACK_SECONDS);
    let config_maps = spec
        .environment
        .config_maps
        .iter()
        .map(|name| json!({"configMapRef": {"name": name}}));
    let secrets = spec
        .environment
        .secrets
        .iter()
        .map(|name| json!({"secretRef": {"name": name}}));
    let from: Vec<Value> = config_maps.chain(secrets).collect();
    let mut container = json!({
        "name": "worker",
        "image": image,
        "args": ["work"],
        "env": [
            {"name": "WORKER_CONCURRENCY", "value": spec.slots_per_pod.to_string()},
            {"name": "WORKER_FOLDER", "value": "/unpacked"},
            {"name": "METRICS_LISTEN", "value": format!("0.0.0.0:{METRICS_PORT}")},
            {"name": "GRACE_PERIOD", "value": format!("{grace}s")},
        ],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        // A start compiles analyzers where no cache has them: two minutes are allowed.
        "startupProbe": probe("/health/", 2, 60),
        "readinessProbe": probe("/ready/", 5, 2),
        "livenessProbe": probe("/health/", 10, 6),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "unpacked", "mountPath": "/unpacked"},
        ],
    });
    if !from.is_empty() {
        container["envFrom"] = Value::Array(from);
    }
    if let Some(resources) = &spec.resources {
        container["resources"] = json!(resources);
    }
    container
}

fn probe(path: &str, every_seconds: u32, failures: u32) -> Value {
    json!({
        "httpGet": {"path": path, "port": "metrics"},
        "periodSeconds": every_seconds,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    })
}

/// Even, but not at the price of a pod that waits.
fn spread(key: &str, pool: &str) -> Value {
    json!({
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {POOL_LABEL: pool}},
    })
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_share_is_split_off() {
        for (total, share, expected) in [
            (0, 10, (0, 0)),
            (1, 10, (1, 0)),
            (1, 100, (0, 1)),
            (2, 1, (1, 1)),
            (2, 99, (1, 1)),
            (40, 10, (36, 4)),
            (40, 0, (40, 0)),
            (1000, 25, (750, 250)),
        ] {
            assert_eq!(split(total, share), expected, "{share} % of {total}");
        }
    }
}
