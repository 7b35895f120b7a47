//! What makes no sense is refused by the API server, with the field named; and the definition that says so is the committed one.

use std::path::Path;

use packguard_scale::crd;
use serde_json::{Value, json};

use crate::harness::pool;
use crate::kinds::POOLS;
use crate::server::{NAMESPACE, Server};
use crate::store::TEST;

async fn refusal(name: &str, spec: &Value) -> String {
    let server = Server::start().await;
    let created = server.change(|store| store.create(POOLS, NAMESPACE, pool(name, spec), &TEST));
    let refusal = created.unwrap_err();
    assert_eq!(refusal.code, 422);
    refusal.message
}

#[tokio::test]
async fn a_pool_that_makes_no_sense_is_refused_by_field() {
    for (spec, field) in [
        (json!({"min": 5, "max": 4}), "spec.min"),
        (json!({"max": 1001}), "spec.max"),
        (json!({"min": -1}), "spec.min"),
        (json!({"class": "gpu"}), "spec.class"),
        (json!({"image": ""}), "spec.image"),
        (json!({"slotsPerPod": 0}), "spec.slotsPerPod"),
        (json!({"replicas": 11, "max": 10}), "spec.replicas"),
        (
            json!({"canary": {"image": "packguard:2", "share": 101}}),
            "spec.canary.share",
        ),
        (
            json!({"policy": {"quietWindow": "-10m"}}),
            "spec.policy.quietWindow",
        ),
        (
            json!({"policy": {"downEvery": "soon"}}),
            "spec.policy.downEvery",
        ),
        (json!({"policy": {"rule": "guess"}}), "spec.policy.rule"),
        (json!({"policy": {"upPods": 0}}), "spec.policy.upPods"),
        (
            json!({"terminationGracePeriod": "30s"}),
            "spec.terminationGracePeriod",
        ),
    ] {
        let message = refusal("standard", &spec).await;
        assert!(message.contains(field), "{spec}: {message}");
    }
}

#[tokio::test]
async fn a_pool_whose_pods_could_not_be_told_apart_is_refused() {
    for name in ["a-pool-with-a-name-that-is-too-long", "standard-canary"] {
        let message = refusal(name, &json!({})).await;
        assert!(message.contains("metadata.name"), "{message}");
    }
}

#[tokio::test]
async fn what_is_left_out_is_filled_in() {
    let server = Server::start().await;
    let bare = json!({"metadata": {"name": "bulk"}, "spec": {"class": "bulk", "image": "packguard:1", "max": 5}});
    let pool = server
        .change(|store| store.create(POOLS, NAMESPACE, bare, &TEST))
        .unwrap();
    let spec = &pool["spec"];
    assert_eq!(spec["min"], 0);
    assert_eq!(spec["slotsPerPod"], 2);
    assert_eq!(spec["policy"]["rule"], "target-wait");
    assert_eq!(spec["policy"]["quietWindow"], "10m");
    assert_eq!(
        spec["environment"],
        json!({"configMaps": ["packguard"], "secrets": ["packguard"]})
    );
}

#[test]
fn the_committed_definition_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/base/crd.yaml");
    let head = "# Written by the controller's code: UPDATE_CRD=1 cargo test -p packguard-scale the_committed_definition\n";
    let now = format!("{head}{}", crd::yaml().unwrap());
    if std::env::var_os("UPDATE_CRD").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    pretty_assertions::assert_eq!(committed, now);
}

/// An API server refuses a definition whose defaults it would itself refuse, and warns of formats that it does not know.
#[test]
fn the_definition_has_nothing_that_an_api_server_refuses() {
    let text = crd::definition().to_string();
    for wrong in [
        "null", "nullable", "uint32", "uint64", "$ref", "anyOf", "oneOf",
    ] {
        let found = text
            .find(&format!("\"{wrong}\""))
            .or_else(|| text.find(&format!(":{wrong}")));
        assert_eq!(found.map(|at| &text[at.saturating_sub(200)..at + 20]), None);
    }
}

#[test]
fn the_definition_shows_what_an_admin_looks_for() {
    let definition = crd::definition();
    let version = &definition["spec"]["versions"][0];
    let columns: Vec<&str> = version["additionalPrinterColumns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        columns,
        [
            "Desired", "Ready", "Queued", "Running", "Wait P95", "Reason", "Age"
        ]
    );
    assert_eq!(
        version["subresources"]["scale"]["specReplicasPath"],
        ".spec.replicas"
    );
    assert_eq!(
        definition["metadata"]["annotations"][crd::REVISION_ANNOTATION],
        crd::REVISION.to_string()
    );
    assert_eq!(definition["spec"]["names"]["shortNames"], json!(["rtp"]));
}
