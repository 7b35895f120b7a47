//! The real API on a loopback port, on real servers, with three keys.

use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use packguard_platform::model::{KeyId, Scope};
use packguard_tests::harness::lab;
pub use packguard_tests::harness::lab::LIMIT;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Largest upload.
pub const UPLOAD: u64 = 20 << 20;
/// Largest body of a batch.
pub const BATCH_BODY: usize = 8 << 20;

pub struct Lab {
    lab: lab::Lab,
    pub owner: (KeyId, String),
    pub other: (KeyId, String),
    pub admin: (KeyId, String),
}

impl Deref for Lab {
    type Target = lab::Lab;

    fn deref(&self) -> &lab::Lab {
        &self.lab
    }
}

/// An answer that was read.
pub struct Read {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Read {
    pub fn data(&self) -> &Value {
        assert_eq!(self.body["success"], true, "{} {}", self.status, self.body);
        &self.body["data"]
    }

    /// The fields that are wrong.
    pub fn fields(&self) -> Vec<&str> {
        let fields = self.body["fields"].as_array().expect("an error");
        fields
            .iter()
            .filter_map(|one| one["field"].as_str())
            .collect()
    }
}

impl Lab {
    pub async fn start() -> Self {
        Self::patient(Duration::from_secs(60)).await
    }

    /// With this time-out of requests.
    pub async fn patient(request_timeout: Duration) -> Self {
        let lab = lab::Lab::with(&[], |settings| {
            settings.serve.request_timeout = request_timeout;
            settings.serve.upload_limit = UPLOAD;
            settings.serve.batch_body_limit = BATCH_BODY;
        });
        let lab = lab.await;
        let scopes = [Scope::Analyze, Scope::Read];
        Self {
            owner: lab.key("owner", &scopes).await,
            other: lab.key("other", &scopes).await,
            admin: lab.key("admin", &[Scope::Admin]).await,
            lab,
        }
    }

    /// A request of the owner.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_as(&self.owner.1, method, path)
    }

    pub fn request_as(&self, secret: &str, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(method, url).header("x-api-key", secret)
    }

    pub async fn get(&self, path: &str) -> Read {
        send(self.request(Method::GET, path)).await
    }

    pub async fn get_as(&self, secret: &str, path: &str) -> Read {
        send(self.request_as(secret, Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Read {
        send(self.request(Method::DELETE, path)).await
    }

    pub async fn batch(&self, body: &Value) -> Read {
        send(self.request(Method::POST, "/api/v1/batches/").json(body)).await
    }

    /// Sends a file to `path`.
    pub async fn post(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Read {
        let request = self
            .request(Method::POST, path)
            .header("content-type", kind);
        send(request.body(body)).await
    }

    /// Announces a body, sends none of it, and returns the answer's status line.
    pub async fn announce(&self, path: &str, kind: &str, length: u64) -> String {
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
            self.owner.1
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        let read = BufReader::new(stream).read_line(&mut answer).await;
        read.expect("an answer");
        answer
    }

    /// Rows of a table.
    pub async fn count(&self, table: Table) -> i64 {
        let sql = match table {
            Table::Tasks => "SELECT count(*) FROM tasks",
            Table::Batches => "SELECT count(*) FROM batches",
            Table::Uploads => "SELECT count(*) FROM uploads",
        };
        sqlx::query_scalar(sql)
            .fetch_one(&self.app.db)
            .await
            .expect("a count")
    }

    /// What the owner has spent.
    pub async fn spent(&self) -> u32 {
        let left = self.app.limiter.take(self.owner.0, 0, LIMIT).await;
        LIMIT - left.expect("Redis").remaining
    }

    /// Files below `uploads/` in storage, staged ones included.
    pub fn objects(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.join("storage/uploads")];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(folder) else {
                continue;
            };
            for entry in entries.flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    found.push(path)
                }
            }
        }
        found
    }

    /// Nothing was written, and nothing is left over.
    pub async fn assert_untouched(&self) {
        for table in [Table::Tasks, Table::Batches, Table::Uploads] {
            assert_eq!(self.count(table).await, 0, "{table:?}");
        }
        assert_eq!(self.objects(), Vec::<PathBuf>::new());
        assert_eq!(self.app.queue.depths().await.expect("Redis").ready, 0);
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Table {
    Tasks,
    Batches,
    Uploads,
}

pub async fn send(request: RequestBuilder) -> Read {
    read(request.send().await.expect("an answer")).await
}

pub async fn read(response: Response) -> Read {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let bytes = response.bytes().await.expect("a body");
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Read {
        status,
        headers,
        body,
    }
}
