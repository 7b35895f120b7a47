//! Of Deployments and pods, what the controller looks at.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;

use super::manifest::POOL_LABEL;

/// A pod with a lower number goes first when its ReplicaSet shrinks.
pub(super) const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Why a container waits that will not start by waiting.
const FAILING: &[&str] = &[
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// Of a Deployment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct DeploymentView {
    pub generation: i64,
    pub replicas: u32,
    /// Why a rollout does not get on, if it does not.
    pub stuck: Option<Complaint>,
    /// Why no pod can be made, if none can: `exceeded quota`, say.
    pub refused: Option<Complaint>,
}

/// A reason in one word, and in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Complaint {
    pub reason: String,
    pub message: String,
}

/// Of a pod.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PodView {
    pub pool: String,
    pub canary: bool,
    pub ready: bool,
    pub leaving: bool,
    pub failing: Option<Complaint>,
    pub unschedulable: Option<Complaint>,
    /// Its deletion cost, where it has one.
    pub cost: Option<i32>,
}

impl From<Deployment> for DeploymentView {
    fn from(deployment: Deployment) -> Self {
        let spec = deployment.spec.as_ref();
        let conditions = deployment
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default();
        let complaint = |type_: &str, status: &str| {
            let found = conditions
                .iter()
                .find(|condition| condition.type_ == type_ && condition.status == status)?;
            Some(Complaint {
                reason: found.reason.clone().unwrap_or_default(),
                message: found.message.clone().unwrap_or_default(),
            })
        };
        Self {
            generation: deployment.metadata.generation.unwrap_or(0),
            replicas: count(spec.and_then(|spec| spec.replicas)),
            stuck: complaint("Progressing", "False"),
            refused: complaint("ReplicaFailure", "True"),
        }
    }
}

impl From<Pod> for PodView {
    fn from(pod: Pod) -> Self {
        let status = pod.status.as_ref();
        let conditions = status
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default();
        let unschedulable = conditions
            .iter()
            .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
            .filter(|condition| condition.reason.as_deref() == Some("Unschedulable"))
            .map(|condition| Complaint {
                reason: String::from("Unschedulable"),
                message: condition.message.clone().unwrap_or_default(),
            });
        let containers = status
            .and_then(|status| status.container_statuses.as_deref())
            .unwrap_or_default();
        Self {
            pool: pod.labels().get(POOL_LABEL).cloned().unwrap_or_default(),
            canary: pod
                .labels()
                .get(super::manifest::TRACK_LABEL)
                .map(String::as_str)
                == Some("canary"),
            ready: conditions
                .iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True"),
            leaving: pod.metadata.deletion_timestamp.is_some()
                || has_ended(status.and_then(|status| status.phase.as_deref())),
            failing: containers.iter().find_map(failing),
            unschedulable,
            cost: pod
                .annotations()
                .get(DELETION_COST)
                .and_then(|cost| cost.parse().ok()),
        }
    }
}

/// A pod that ended, evicted say, is replaced; it stays as a record.
fn has_ended(phase: Option<&str>) -> bool {
    matches!(phase, Some("Failed" | "Succeeded"))
}

fn failing(container: &ContainerStatus) -> Option<Complaint> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.clone()?;
    FAILING.contains(&reason.as_str()).then(|| Complaint {
        reason,
        message: waiting.message.clone().unwrap_or_default(),
    })
}

fn count(number: Option<i32>) -> u32 {
    number
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(0)
}
