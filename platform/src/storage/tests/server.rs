//! S3 servers for the tests: s3s-fs in this process, which checks signatures, and servers
//! that misbehave.

use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::{Place, S3Config, Secret, StorageConfig};

pub(crate) const BUCKET: &str = "reports";
pub(crate) const KEY: &str = "TESTKEY";
pub(crate) const SECRET: &str = "hunter2hunter2";

/// A server that ends when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) root: TempDir,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// One that does its work.
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            // Connections end with the server.
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                connections.spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    let socket = TokioIo::new(socket);
                    // A client that goes away is no failure of the server.
                    let _ = server.serve_connection(socket, service).await;
                });
            }
        });
        Self {
            address,
            root,
            task,
        }
    }

    /// One that takes connections and never says a word.
    pub(crate) async fn silent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((socket, _)) = listener.accept().await {
                open.push(socket);
            }
            pending::<()>().await;
        });
        Self {
            address,
            root: tempfile::tempdir().unwrap(),
            task,
        }
    }

    pub(crate) fn s3(&self) -> S3Config {
        S3Config {
            bucket: BUCKET.into(),
            prefix: "main".into(),
            endpoint: format!("http://{}", self.address).parse().unwrap(),
            public_endpoint: None,
            region: "us-east-1".into(),
            key_id: KEY.into(),
            secret: Secret::new(SECRET),
            path_style: true,
        }
    }

    pub(crate) fn config(&self) -> StorageConfig {
        StorageConfig::at(Place::S3(Box::new(self.s3())))
    }

    /// All files that the server keeps, objects and parts alike, without its own records.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        files
    }
}
