//! Real archives, served as a registry: those of `CORPUS` that the list `LIST` names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

struct Release {
    version: String,
    file: String,
    bytes: Vec<u8>,
}

type Releases = Arc<BTreeMap<String, Release>>;

/// A running registry of PyPI's kind. Dropping it ends it.
pub struct Corpus {
    address: SocketAddr,
    releases: Releases,
    task: JoinHandle<()>,
}

impl Drop for Corpus {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Corpus {
    /// Serves what is there; `None` without `CORPUS` and `LIST`.
    pub async fn start() -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os("CORPUS")?);
        let list = std::fs::read_to_string(std::env::var_os("LIST")?).expect("LIST can be read");
        let releases: BTreeMap<_, _> = list
            .lines()
            .filter_map(|line| {
                // pkg:pypi/NAME@VERSION?file_name=FILE
                let (name, rest) = line.strip_prefix("pkg:pypi/")?.split_once('@')?;
                let (version, file) = rest.split_once("?file_name=")?;
                let release = Release {
                    version: version.to_owned(),
                    file: file.to_owned(),
                    bytes: std::fs::read(folder.join(file)).ok()?,
                };
                Some((name.to_owned(), release))
            })
            .collect();
        if releases.is_empty() {
            return None;
        }
        let releases = Arc::new(releases);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .route("/simple/{name}/", get(index))
            .route("/files/{name}/{file}", get(download))
            .with_state(Arc::clone(&releases));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Some(Self {
            address,
            releases,
            task,
        })
    }

    /// The index: `PACKGUARD_PYPI_URL`.
    pub fn url(&self) -> String {
        format!("http://{}/simple/", self.address)
    }

    /// All there are.
    pub fn purls(&self) -> Vec<String> {
        let all = self.releases.iter();
        all.map(|(name, release)| format!("pkg:pypi/{name}@{}", release.version))
            .collect()
    }
}

async fn index(State(releases): State<Releases>, Path(name): Path<String>) -> Response {
    let Some(release) = releases.get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let page = json!({
        "meta": {"api-version": "1.1"},
        "name": name,
        "versions": [release.version],
        "files": [{
            "filename": release.file,
            "url": format!("/files/{name}/{}", release.file),
            "hashes": {"sha256": hex::encode(Sha256::digest(&release.bytes))},
            "size": release.bytes.len(),
            "upload-time": "2026-01-01T00:00:00Z",
        }],
    });
    let kind = [(header::CONTENT_TYPE, "application/vnd.pypi.simple.v1+json")];
    (kind, page.to_string()).into_response()
}

async fn download(
    State(releases): State<Releases>,
    Path((name, _)): Path<(String, String)>,
) -> Response {
    match releases.get(&name) {
        Some(release) => release.bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
