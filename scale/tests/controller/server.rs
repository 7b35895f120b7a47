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
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::kinds::{DEFINITIONS, Kind};
use crate::requests::{Params, act, forbidden, parse, refuse, verb};
use crate::store::{Change, Store, TEST};
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

    /// Returns once such requests are not held any more.
    async fn held(&self, verb: &str, resource: &str) {
        let key = (verb.to_owned(), resource.to_owned());
        let held = self.held.lock().unwrap().get(&key).cloned();
        if let Some(mut held) = held {
            drop(held.wait_for(|held| !held).await);
        }
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

    /// As [`Self::hold`], but they have their effect: only the answer is late.
    pub fn hold_answer(&self, verb: &str, resource: &str) -> watch::Sender<bool> {
        self.hold(&format!("answer {verb}"), resource)
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
    inner.held(verb, &resource).await;
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
    inner.held(&format!("answer {verb}"), &resource).await;
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
