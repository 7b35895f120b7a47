//! A package registry on loopback: PyPI's simple index, with packages made up on the fly.
//!
//! Every project name that ends in `-` and digits exists (`sample-0001`, `evil-42`), has the one
//! version 1.0, and one sdist that is built in memory the same way each time. What is in the
//! sdist a function of the test decides. Further projects a test names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::tar_gz;

/// The files of an sdist, by their paths in it.
pub type Files = Vec<(String, Vec<u8>)>;

/// How often a package was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// Its index page.
    pub index: usize,
    /// Its sdist.
    pub download: usize,
}

struct Shared {
    files: Box<dyn Fn(&str) -> Files + Send + Sync>,
    requests: Mutex<BTreeMap<String, Requests>>,
    /// The versions of further projects.
    releases: Mutex<BTreeMap<String, String>>,
    delay: watch::Sender<Duration>,
    /// What every request gets instead of an answer.
    failure: watch::Sender<Option<StatusCode>>,
}

/// A running registry. Dropping it ends it.
pub struct Registry {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A package that does nothing: one small module, whose text depends on the name.
pub fn harmless(name: &str) -> Files {
    let folder = format!("{}-1.0", name.replace('-', "_"));
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n");
    let module = format!("def answer():\n    return {name:?}\n");
    vec![
        (format!("{folder}/PKG-INFO"), metadata.into_bytes()),
        (format!("{folder}/sample/__init__.py"), module.into_bytes()),
    ]
}

impl Registry {
    /// Starts one whose sdists hold what the function makes of a project's name.
    pub async fn start(files: impl Fn(&str) -> Files + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared {
            files: Box::new(files),
            requests: Mutex::default(),
            releases: Mutex::default(),
            delay: watch::Sender::new(Duration::ZERO),
            failure: watch::Sender::new(None),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .route("/simple/{name}/", get(index))
            .route("/files/{name}/{file}", get(download))
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self {
            address,
            shared,
            task,
        }
    }

    /// The index: `PACKGUARD_PYPI_URL`.
    pub fn url(&self) -> String {
        format!("http://{}/simple/", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on there is this project too, with this version.
    pub fn release(&self, name: &str, version: &str) {
        let mut releases = self.shared.releases.lock().expect("nobody panics with it");
        releases.insert(name.to_owned(), version.to_owned());
    }

    /// Waits so long before each answer, from now on.
    pub fn delay(&self, delay: Duration) {
        self.shared.delay.send_replace(delay);
    }

    /// Answers each request with this status instead, until `None`.
    pub fn fail(&self, status: Option<StatusCode>) {
        self.shared.failure.send_replace(status);
    }

    /// How often a package was asked for.
    pub fn requests(&self, name: &str) -> Requests {
        let requests = self.shared.requests.lock().expect("nobody panics with it");
        requests.get(name).copied().unwrap_or_default()
    }

    /// How often each package was asked for.
    pub fn all_requests(&self) -> BTreeMap<String, Requests> {
        let requests = self.shared.requests.lock().expect("nobody panics with it");
        requests.clone()
    }

    /// A package's purl: `purl("sample", 7)` is that of `sample-0007`.
    pub fn purl(prefix: &str, number: usize) -> String {
        format!("pkg:pypi/{prefix}-{number:04}@1.0")
    }
}

impl Shared {
    async fn meet(&self, name: &str, count: impl FnOnce(&mut Requests)) -> Result<(), StatusCode> {
        {
            let mut requests = self.requests.lock().expect("nobody panics with it");
            count(requests.entry(name.to_owned()).or_default());
        }
        let delay = *self.delay.borrow();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if let Some(status) = *self.failure.borrow() {
            return Err(status);
        }
        match self.version(name) {
            Some(_) => Ok(()),
            None => Err(StatusCode::NOT_FOUND),
        }
    }

    /// The version that a project has, if it exists.
    fn version(&self, name: &str) -> Option<String> {
        let number = name.rsplit_once('-').map(|(_, number)| number);
        let is_number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
        if number.is_some_and(is_number) {
            return Some("1.0".to_owned());
        }
        let releases = self.releases.lock().expect("nobody panics with it");
        releases.get(name).cloned()
    }

    fn sdist(&self, name: &str) -> Vec<u8> {
        let files = (self.files)(name);
        let files: Vec<_> = files.iter().map(|(p, b)| (p.as_str(), &b[..])).collect();
        tar_gz(&files)
    }
}

async fn index(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    if let Err(status) = shared.meet(&name, |requests| requests.index += 1).await {
        return status.into_response();
    }
    let sdist = shared.sdist(&name);
    let version = shared.version(&name).unwrap_or_default();
    let file = format!("{}-{version}.tar.gz", name.replace('-', "_"));
    let page = serde_json::json!({
        "meta": {"api-version": "1.1"},
        "name": name,
        "versions": [version],
        "files": [{
            "filename": file,
            "url": format!("/files/{name}/{file}"),
            "hashes": {"sha256": hex::encode(Sha256::digest(&sdist))},
            "size": sdist.len(),
            "upload-time": "2026-01-01T00:00:00Z",
        }],
    });
    let kind = [(header::CONTENT_TYPE, "application/vnd.pypi.simple.v1+json")];
    (kind, page.to_string()).into_response()
}

async fn download(
    State(shared): State<Arc<Shared>>,
    Path((name, _)): Path<(String, String)>,
) -> Response {
    if let Err(status) = shared.meet(&name, |requests| requests.download += 1).await {
        return status.into_response();
    }
    let kind = [(header::CONTENT_TYPE, "application/gzip")];
    (kind, shared.sdist(&name)).into_response()
}
