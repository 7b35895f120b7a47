//! Every write to the API server: only while leading, and never for longer than that.

use std::future::Future;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, Resource, ResourceExt};
use serde_json::{Value, json};
use tokio::time::timeout_at;

use crate::crd::{RuntimePool, RuntimePoolStatus};

use super::lease::Leadership;
use super::manifest::MANAGER;
use super::plan::Note;
use super::trouble::{Trouble, bounded};
use super::view::DELETION_COST;

/// An event's text may be 1 kB long.
const NOTE_CHARACTERS: usize = 900;

/// Writes, while leading.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pools: Api<RuntimePool>,
    deployments: Api<Deployment>,
    pods: Api<Pod>,
    events: Api<Event>,
    leadership: Leadership,
    instance: String,
}

impl Writer {
    pub(super) fn new(
        client: &Client,
        namespace: &str,
        leadership: Leadership,
        instance: String,
    ) -> Self {
        Self {
            pools: Api::namespaced(client.clone(), namespace),
            deployments: Api::namespaced(client.clone(), namespace),
            pods: Api::namespaced(client.clone(), namespace),
            events: Api::namespaced(client.clone(), namespace),
            leadership,
            instance,
        }
    }

    async fn leading<T>(
        &self,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Trouble> {
        let until = self.leadership.until().ok_or(Trouble::Moved)?;
        timeout_at(until, bounded(request))
            .await
            .unwrap_or(Err(Trouble::Moved))
    }

    /// Says what is the case. Names the version that it speaks of: who was deposed without knowing it gets a conflict.
    pub(super) async fn status(
        &self,
        pool: &RuntimePool,
        status: &RuntimePoolStatus,
    ) -> Result<RuntimePool, Trouble> {
        let mut status = json!(status);
        if let Some(before) = &pool.status {
            take_away(&json!(before), &mut status);
        }
        let patch =
            json!({"metadata": {"resourceVersion": pool.resource_version()}, "status": status});
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        self.leading(
            self.pools
                .patch_status(&pool.name_any(), &params, &Patch::Merge(&patch)),
        )
        .await
    }

    /// Takes the manual number away.
    pub(super) async fn end_override(&self, pool: &RuntimePool) -> Result<RuntimePool, Trouble> {
        let patch = json!({"metadata": {"resourceVersion": pool.resource_version()}, "spec": {"replicas": null}});
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        self.leading(
            self.pools
                .patch(&pool.name_any(), &params, &Patch::Merge(&patch)),
        )
        .await
    }

    /// Applies a Deployment. `force`: what the controller says of its own Deployments holds, whoever said otherwise.
    pub(super) async fn deployment(
        &self,
        name: &str,
        manifest: &Value,
    ) -> Result<Deployment, Trouble> {
        let params = PatchParams::apply(MANAGER).force();
        self.leading(
            self.deployments
                .patch(name, &params, &Patch::Apply(manifest)),
        )
        .await
    }

    /// Deletes a Deployment; its pods end in their own time.
    pub(super) async fn delete(&self, name: &str) -> Result<(), Trouble> {
        match self
            .leading(self.deployments.delete(name, &DeleteParams::background()))
            .await
        {
            Ok(_) | Err(Trouble::NotFound(_)) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    /// Sets how early a pod goes when its ReplicaSet shrinks; none: as any other.
    pub(super) async fn deletion_cost(
        &self,
        pod: String,
        cost: Option<i32>,
    ) -> Result<(), Trouble> {
        let cost = cost.map(|cost| cost.to_string());
        let patch = json!({"metadata": {"annotations": {DELETION_COST: cost}}});
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        match self
            .leading(
                self.pods
                    .patch_metadata(&pod, &params, &Patch::Merge(&patch)),
            )
            .await
        {
            Ok(_) | Err(Trouble::NotFound(_)) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    /// Tells `kubectl describe` and `kubectl events`. Not by kube's recorder: it folds events of one reason into the text of
    /// the first, and here the text holds the numbers.
    pub(super) async fn event(&self, pool: &RuntimePool, note: &Note) -> Result<(), Trouble> {
        let now = Timestamp::now();
        let regarding: ObjectReference = pool.object_ref(&());
        let event = Event {
            metadata: ObjectMeta {
                name: Some(format!("{}.{:x}", pool.name_any(), now.as_nanosecond())),
                namespace: pool.namespace(),
                ..ObjectMeta::default()
            },
            action: Some(note.action.to_owned()),
            event_time: Some(MicroTime(now)),
            note: Some(note.text.chars().take(NOTE_CHARACTERS).collect()),
            reason: Some(note.reason.clone()),
            regarding: Some(regarding),
            reporting_controller: Some(format!("packguard.dev/{MANAGER}")),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(String::from(if note.warning {
                "Warning"
            } else {
                "Normal"
            })),
            ..Event::default()
        };
        self.leading(self.events.create(&PostParams::default(), &event))
            .await?;
        Ok(())
    }
}

/// A merge patch keeps what it does not name: what is not there any more is named as null.
fn take_away(before: &Value, now: &mut Value) {
    let (Some(before), Some(now)) = (before.as_object(), now.as_object_mut()) else {
        return;
    };
    for (name, old) in before {
        match now.get_mut(name) {
            Some(new) => take_away(old, new),
            None => {
                now.insert(name.clone(), Value::Null);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_named() {
        let mut now = json!({"a": 1, "c": {"d": 2}});
        take_away(&json!({"a": 0, "b": [1], "c": {"d": 1, "e": 3}}), &mut now);
        assert_eq!(now, json!({"a": 1, "b": null, "c": {"d": 2, "e": null}}));
    }
}
