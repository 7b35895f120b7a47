//! What the rest of a cluster does with Deployments: makes pods, starts them, takes them away.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::kinds::{DEPLOYMENTS, PODS};
use crate::server::{NAMESPACE, Server};
use crate::store::{Store, TEST};

/// What becomes of pods.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fate {
    /// No container starts: the reason that it waits for, in a word and a sentence.
    pub waits: Option<(&'static str, &'static str)>,
    /// A quota allows so many pods.
    pub quota: Option<usize>,
    /// Nodes have room for so many.
    pub room: Option<usize>,
}

/// Brings pods about until dropped.
#[derive(Debug)]
pub struct Cluster(JoinHandle<()>);

impl Drop for Cluster {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Cluster {
    pub fn start(server: &Server, fate: Fate) -> Self {
        let server = server.clone();
        Self(tokio::spawn(async move {
            let mut versions = server.versions();
            loop {
                versions.mark_unchanged();
                server.change(|store| settle(store, fate));
                if versions.changed().await.is_err() {
                    return;
                }
            }
        }))
    }
}

fn settle(store: &mut Store, fate: Fate) {
    for deployment in store.list(DEPLOYMENTS, NAMESPACE) {
        let name = deployment["metadata"]["name"].as_str().unwrap().to_owned();
        let wanted = usize::try_from(deployment["spec"]["replicas"].as_u64().unwrap()).unwrap();
        let mut pods = pods_of(store, &name);
        // As a ReplicaSet chooses: not ready first, then by deletion cost.
        pods.sort_by_key(|pod| (is_ready(pod), cost(pod)));
        while pods.len() > wanted {
            let pod = pods.remove(0);
            store
                .delete(PODS, NAMESPACE, pod["metadata"]["name"].as_str().unwrap())
                .unwrap();
        }
        let mut refused = None;
        let mut number = 0;
        while pods.len() < wanted {
            if let Some(quota) = fate.quota
                && pods.len() >= quota
            {
                refused = Some(format!(
                    "pods \"{name}-x\" is forbidden: exceeded quota: packguard, requested: pods=1, used: pods={quota}, limited: pods={quota}"
                ));
                break;
            }
            let has_room = fate.room.is_none_or(|room| pods.len() < room);
            let pod = loop {
                number += 1;
                let made = store.create(
                    PODS,
                    NAMESPACE,
                    pod(&deployment, &format!("{name}-{number:05}")),
                    &TEST,
                );
                if let Ok(made) = made {
                    break made;
                }
            };
            let pod_name = pod["metadata"]["name"].as_str().unwrap().to_owned();
            store
                .update(PODS, NAMESPACE, &pod_name, Some("status"), &TEST, |pod| {
                    pod["status"] = pod_status(fate, has_room);
                    Ok(())
                })
                .unwrap();
            pods.push(pod);
        }
        report(store, &deployment, refused);
    }
    let orphans = store.find(PODS, |pod| {
        let owner = pod["metadata"]["labels"]["test/deployment"]
            .as_str()
            .unwrap_or_default();
        store.get(DEPLOYMENTS, NAMESPACE, owner).is_err()
    });
    for pod in orphans {
        store
            .delete(PODS, NAMESPACE, pod["metadata"]["name"].as_str().unwrap())
            .unwrap();
    }
}

fn pods_of(store: &Store, deployment: &str) -> Vec<Value> {
    store.find(PODS, |pod| {
        pod["metadata"]["labels"]["test/deployment"] == deployment
    })
}

fn pod(deployment: &Value, name: &str) -> Value {
    let template = &deployment["spec"]["template"];
    let mut labels = template["metadata"]["labels"].clone();
    labels["test/deployment"] = deployment["metadata"]["name"].clone();
    json!({"metadata": {"name": name, "labels": labels}, "spec": {}})
}

fn pod_status(fate: Fate, has_room: bool) -> Value {
    if !has_room {
        let message = "0/3 nodes are available: 3 Insufficient cpu.";
        return json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]});
    }
    if let Some((reason, message)) = fate.waits {
        let waiting = json!({"reason": reason, "message": message});
        return json!({
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "worker", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": waiting}}],
        });
    }
    json!({"phase": "Running", "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]})
}

fn report(store: &mut Store, deployment: &Value, refused: Option<String>) {
    let name = deployment["metadata"]["name"].as_str().unwrap();
    let pods = pods_of(store, name);
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let mut conditions =
        vec![json!({"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"})];
    if let Some(message) = refused {
        conditions.push(json!({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}));
    }
    let status = json!({
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": pods.len(),
        "readyReplicas": ready,
        "conditions": conditions,
    });
    store
        .update(
            DEPLOYMENTS,
            NAMESPACE,
            name,
            Some("status"),
            &TEST,
            |deployment| {
                deployment["status"] = status;
                Ok(())
            },
        )
        .unwrap();
}

pub fn is_ready(pod: &Value) -> bool {
    pod["status"]["conditions"]
        .as_array()
        .is_some_and(|conditions| {
            conditions
                .iter()
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        })
}

fn cost(pod: &Value) -> i64 {
    pod["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"]
        .as_str()
        .and_then(|cost| cost.parse().ok())
        .unwrap_or(0)
}
