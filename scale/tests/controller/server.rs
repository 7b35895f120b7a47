//! An API server for tests: the paths, verbs, patches, watches and refusals that the Kubernetes API documents.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::apply::merge_patch;
use crate::store::{By, Change, DEFINITIONS, Kind, POOLS, Refusal, Store, TEST};
use crate::watching::follow;

pub const NAMESPACE: &str = "packguard";

/// A request that was made.
#[derive(Debug, Clone)]
pub struct Asked {
    pub verb: String,
    pub resource: String,
    pub at: Instant,
}

#[derive(Debug)]
pub struct Inner {
    pub store: Mutex<Store>,
    pub version: watch::Sender<u64>,
    asked: Mutex<Vec<Asked>>,
    /// Writes of these verbs and resources hang until the sender says false.
    held: Mutex<BTreeMap<(String, String), watch::Receiver<bool>>>,
}

impl Inner {
    fn tell(&self, version: u64) {
        self.version.send_if_modified(|told| {
            let is_new = *told != version;
            *told = version;
            is_new
        });
    }
}

/// The stand-in. Clones are the same server.
#[derive(Debug, Clone)]
pub struct Server {
    inner: Arc<Inner>,
    address: SocketAddr,
    running: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Server {
    /// One that knows RuntimePool.
    pub async fn start() -> Self {
        let server = Self::bare().await;
        server.install(packguard_scale::crd::definition());
        server
    }

    /// One that does not.
    pub async fn bare() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inner = Arc::new(Inner {
            store: Mutex::default(),
            version: watch::Sender::new(0),
            asked: Mutex::default(),
            held: Mutex::default(),
        });
        let address = listener.local_addr().unwrap();
        let server = Self {
            inner,
            address,
            running: Arc::default(),
        };
        server.serve(listener);
        server
    }

    fn serve(&self, listener: TcpListener) {
        let app = axum::Router::new()
            .fallback(handle)
            .with_state(Arc::clone(&self.inner));
        let task = tokio::spawn(async move {
            // Dropped with the task, and every connection with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(app.clone());
                connections.spawn(async move {
                    let builder =
                        hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    drop(
                        builder
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        *self.running.lock().unwrap() = Some(task);
    }

    /// Nobody answers any more; connections break.
    pub async fn stop(&self) {
        let task = self.running.lock().unwrap().take().unwrap();
        task.abort();
        drop(task.await);
    }

    /// Answers again, at the same address, with what was stored.
    pub async fn restart(&self) {
        self.serve(TcpListener::bind(self.address).await.unwrap());
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn install(&self, definition: Value) {
        self.change(|store| store.create(DEFINITIONS, "", definition, &TEST).unwrap());
    }

    /// Looks at the objects, or changes them; watches hear of it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let (result, version) = {
            let mut store = self.store();
            let result = change(&mut store);
            (result, store.version)
        };
        self.inner.tell(version);
        result
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.inner.store.lock().unwrap()
    }

    pub fn get(&self, kind: Kind, name: &str) -> Option<Value> {
        let namespace = if kind.namespaced { NAMESPACE } else { "" };
        self.store().get(kind, namespace, name).ok()
    }

    pub fn list(&self, kind: Kind) -> Vec<Value> {
        self.store().list(kind, NAMESPACE)
    }

    pub fn versions(&self) -> watch::Receiver<u64> {
        self.inner.version.subscribe()
    }

    pub fn log(&self) -> Vec<Change> {
        self.store().log.clone()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.inner.asked.lock().unwrap().clone()
    }

    pub fn deny(&self, verb: &str, resource: &str) {
        self.store()
            .denied
            .insert((verb.to_owned(), resource.to_owned()));
    }

    pub fn allow(&self, verb: &str, resource: &str) {
        self.store()
            .denied
            .remove(&(verb.to_owned(), resource.to_owned()));
    }

    /// Requests of this kind get no answer, and have no effect, until the sender is told `false`.
    pub fn hold(&self, verb: &str, resource: &str) -> watch::Sender<bool> {
        let (sender, receiver) = watch::channel(true);
        self.inner
            .held
            .lock()
            .unwrap()
            .insert((verb.to_owned(), resource.to_owned()), receiver);
        sender
    }

    /// Forgets old versions: watches from before get 410.
    pub fn compact(&self) {
        self.change(|store| {
            store.version += 1;
            store.compacted = store.version;
            store.log.clear();
        });
    }
}

/// What a path names.
pub struct Target {
    pub kind: Kind,
    pub namespace: String,
    name: Option<String>,
    subresource: Option<String>,
}

pub type Params = BTreeMap<String, String>;

async fn handle(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = {
        let store = inner.store.lock().unwrap();
        parse(&store, uri.path())
    };
    let Some(target) = target else {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    let watches = params
        .get("watch")
        .is_some_and(|watch| watch == "true" || watch == "1");
    let verb = verb(&method, target.name.is_some(), watches);
    let resource = match &target.subresource {
        Some(subresource) => format!("{}/{subresource}", target.kind.resource()),
        None => target.kind.resource(),
    };
    inner.asked.lock().unwrap().push(Asked {
        verb: verb.to_owned(),
        resource: resource.clone(),
        at: Instant::now(),
    });
    let held = inner
        .held
        .lock()
        .unwrap()
        .get(&(verb.to_owned(), resource.clone()))
        .cloned();
    if let Some(mut held) = held {
        drop(held.wait_for(|held| !held).await);
    }
    if inner
        .store
        .lock()
        .unwrap()
        .denied
        .contains(&(verb.to_owned(), resource.clone()))
    {
        return refuse(&forbidden(verb, &target));
    }
    if verb == "watch" {
        return follow(&inner, &target, &params);
    }
    let answer = {
        let mut store = inner.store.lock().unwrap();
        let answer = act(&mut store, verb, &target, &params, &headers, &body);
        inner.tell(store.version);
        answer
    };
    match answer {
        Ok((code, object)) => (
            code,
            [(header::CONTENT_TYPE, "application/json")],
            object.to_string(),
        )
            .into_response(),
        Err(refusal) => refuse(&refusal),
    }
}

fn parse(store: &Store, path: &str) -> Option<Target> {
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

fn verb(method: &Method, named: bool, watches: bool) -> &'static str {
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

fn forbidden(verb: &str, target: &Target) -> Refusal {
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

fn refuse(refusal: &Refusal) -> Response {
    let code = StatusCode::from_u16(refusal.code).unwrap();
    (
        code,
        [(header::CONTENT_TYPE, "application/json")],
        status(refusal).to_string(),
    )
        .into_response()
}

fn act(
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
