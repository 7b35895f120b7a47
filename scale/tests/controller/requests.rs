//! What one request asks for, and its answer.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::apply::merge_patch;
use crate::kinds::{Kind, POOLS};
use crate::store::{By, Refusal, Store};

/// What a path names.
pub struct Target {
    pub kind: Kind,
    pub namespace: String,
    pub name: Option<String>,
    pub subresource: Option<String>,
}

pub type Params = BTreeMap<String, String>;

pub fn parse(store: &Store, path: &str) -> Option<Target> {
    let mut parts = path.trim_matches('/').split('/').peekable();
    let (group, version) = match parts.next()? {
        "api" => ("", parts.next()?),
        "apis" => (parts.next()?, parts.next()?),
        _ => return None,
    };
    let mut namespace = String::new();
    if parts.peek() == Some(&"namespaces") {
        parts.next();
        namespace = parts.next()?.to_owned();
    }
    Some(Target {
        kind: store.kind(group, version, parts.next()?)?,
        namespace,
        name: parts.next().map(str::to_owned),
        subresource: parts.next().map(str::to_owned),
    })
}

pub fn verb(method: &Method, named: bool, watches: bool) -> &'static str {
    match method.as_str() {
        "GET" if watches => "watch",
        "GET" if named => "get",
        "GET" => "list",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        _ => "delete",
    }
}

pub fn forbidden(verb: &str, target: &Target) -> Refusal {
    let resource = match &target.subresource {
        Some(subresource) => format!("{}/{subresource}", target.kind.plural),
        None => target.kind.plural.to_owned(),
    };
    let name = target
        .name
        .as_ref()
        .map(|name| format!(" \"{name}\""))
        .unwrap_or_default();
    Refusal::new(
        403,
        "Forbidden",
        format!(
            "{}{name} is forbidden: User \"system:serviceaccount:packguard:packguard-scale\" cannot {verb} resource \"{resource}\" in API group \"{}\" in the namespace \"{}\"",
            target.kind.resource(),
            target.kind.group,
            target.namespace
        ),
    )
}

pub fn status(refusal: &Refusal) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": refusal.message, "reason": refusal.reason, "code": refusal.code})
}

pub fn refuse(refusal: &Refusal) -> Response {
    let code = StatusCode::from_u16(refusal.code).unwrap();
    (
        code,
        [(header::CONTENT_TYPE, "application/json")],
        status(refusal).to_string(),
    )
        .into_response()
}

pub fn act(
    store: &mut Store,
    verb: &str,
    target: &Target,
    params: &Params,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(StatusCode, Value), Refusal> {
    let Target {
        kind, namespace, ..
    } = target;
    let name = target.name.as_deref().unwrap_or_default();
    let manager = params.get("fieldManager").map_or("unknown", String::as_str);
    let by = By {
        manager,
        force: params.get("force").is_some_and(|force| force == "true"),
    };
    let ok = |object| Ok((StatusCode::OK, object));
    let subresource = target.subresource.as_deref();
    if subresource == Some("scale") {
        return scale(store, verb, target, &by, body).and_then(ok);
    }
    match verb {
        "get" => store.get(*kind, namespace, name).and_then(ok),
        "list" => ok(list(store, target, params)),
        "create" => Ok((
            StatusCode::CREATED,
            store.create(*kind, namespace, read(body)?, &by)?,
        )),
        "update" => {
            let new = read(body)?;
            if kind.namespaced
                && *kind != POOLS
                && new.pointer("/metadata/resourceVersion").is_none()
            {
                return Err(Refusal::new(
                    422,
                    "Invalid",
                    "metadata.resourceVersion: Invalid value: \"\": must be specified for an update",
                ));
            }
            let replaced = store.update(*kind, namespace, name, subresource, &by, |object| {
                *object = new;
                Ok(())
            });
            replaced.and_then(ok)
        }
        "patch" => {
            let patch = read(body)?;
            match headers
                .get(header::CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
            {
                Some("application/merge-patch+json") => {
                    let patched =
                        store.update(*kind, namespace, name, subresource, &by, |object| {
                            merge_patch(object, &patch);
                            Ok(())
                        });
                    patched.and_then(ok)
                }
                Some("application/apply-patch+yaml") if params.contains_key("fieldManager") => {
                    let (object, created) = store.apply(*kind, namespace, name, &patch, &by)?;
                    Ok((
                        if created {
                            StatusCode::CREATED
                        } else {
                            StatusCode::OK
                        },
                        object,
                    ))
                }
                other => Err(Refusal::new(
                    415,
                    "UnsupportedMediaType",
                    format!("the body of the request was in an unknown format: {other:?}"),
                )),
            }
        }
        _ => store.delete(*kind, namespace, name).and_then(ok),
    }
}

fn read(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new(400, "BadRequest", error.to_string()))
}

fn list(store: &Store, target: &Target, params: &Params) -> Value {
    let items: Vec<Value> = store
        .list(target.kind, &target.namespace)
        .into_iter()
        .filter(|object| selected(object, params))
        .collect();
    json!({
        "apiVersion": target.kind.api_version(),
        "kind": format!("{}List", target.kind.kind),
        "metadata": {"resourceVersion": store.version.to_string()},
        "items": items,
    })
}

pub fn selected(object: &Value, params: &Params) -> bool {
    let labels = params.get("labelSelector").map_or("", String::as_str);
    let fields = params.get("fieldSelector").map_or("", String::as_str);
    let pairs = |text: &str| -> Vec<(String, String)> {
        text.split(',')
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    pairs(labels)
        .iter()
        .all(|(name, value)| object["metadata"]["labels"][name] == value.as_str())
        && pairs(fields).iter().all(|(name, value)| {
            name == "metadata.name" && object["metadata"]["name"] == value.as_str()
        })
}

/// The scale subresource of a pool, by the paths of its definition.
fn scale(
    store: &mut Store,
    verb: &str,
    target: &Target,
    by: &By<'_>,
    body: &[u8],
) -> Result<Value, Refusal> {
    let name = target.name.as_deref().unwrap_or_default();
    let shown = |pool: &Value| {
        json!({
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {
                "name": name,
                "namespace": target.namespace,
                "uid": pool["metadata"]["uid"],
                "resourceVersion": pool["metadata"]["resourceVersion"],
                "creationTimestamp": pool["metadata"]["creationTimestamp"],
            },
            "spec": {"replicas": pool["spec"]["replicas"]},
            "status": {"replicas": pool["status"]["replicas"].as_u64().unwrap_or(0), "selector": pool["status"]["selector"]},
        })
    };
    if verb == "get" {
        let pool = store.get(target.kind, &target.namespace, name)?;
        if pool["spec"]["replicas"].is_null() {
            return Err(Refusal::new(
                500,
                "InternalError",
                "the spec replicas field \".spec.replicas\" does not exist",
            ));
        }
        return Ok(shown(&pool));
    }
    let asked = read(body)?;
    let pool = store.update(target.kind, &target.namespace, name, None, by, |pool| {
        let replicas = &asked["spec"]["replicas"];
        if replicas.is_null() {
            return Err(Refusal::new(
                400,
                "BadRequest",
                "the spec replicas field \".spec.replicas\" cannot be empty",
            ));
        }
        pool["spec"]["replicas"] = replicas.clone();
        Ok(())
    })?;
    Ok(shown(&pool))
}
