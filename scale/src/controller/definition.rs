//! Whether the cluster knows pools, and as well as this controller does.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, CustomResourceExt, ResourceExt};

use crate::crd::{REVISION, REVISION_ANNOTATION, RuntimePool};

use super::metrics::Metrics;
use super::trouble::{Trouble, bounded};

/// Whether the controller may begin. Says why not.
pub(super) async fn fits(client: &Client, metrics: &Metrics) -> bool {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    match bounded(api.get_opt(RuntimePool::crd_name())).await {
        Ok(Some(definition)) => is_new_enough(&definition, metrics),
        Ok(None) => {
            metrics.failed(
                "definition",
                "NotFound",
                "the cluster knows no RuntimePool: apply deploy/base/crd.yaml; nothing is scaled until then",
            );
            false
        }
        // The right to look is a convenience: listing pools says it, too, if there are none to list.
        Err(Trouble::Forbidden(message)) => {
            tracing::info!(
                message,
                "may not look at the definition of RuntimePool: taken to be new enough"
            );
            true
        }
        Err(trouble) => {
            metrics.trouble("definition", &trouble);
            false
        }
    }
}

fn is_new_enough(definition: &CustomResourceDefinition, metrics: &Metrics) -> bool {
    let revision = definition
        .annotations()
        .get(REVISION_ANNOTATION)
        .and_then(|revision| revision.parse::<u32>().ok())
        .unwrap_or(0);
    if revision < REVISION {
        let error = format!(
            "the cluster's RuntimePool is of revision {revision}, this controller needs {REVISION}: apply deploy/base/crd.yaml; nothing is scaled until then"
        );
        metrics.failed("definition", "Older", &error);
    }
    revision >= REVISION
}
