//! The real API on a loopback port, on real servers, with three keys.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use packguard_platform::api::keys::{Keys, Secret};
use packguard_platform::api::service::Service;
use packguard_platform::api::submitter::Submitter;
use packguard_platform::api::{ApiSettings, App};
use packguard_platform::config::{Place, StorageConfig};
use packguard_platform::db::submit::Reuse;
use packguard_platform::db::{self, PoolOptions};
use packguard_platform::model::{KeyId, Scope};
use packguard_platform::queue::rate_limit::RateLimiter;
use packguard_platform::queue::wakeups::Hub;
use packguard_platform::queue::{Queue, QueueConfig};
use packguard_platform::serve::{self, Bounds};
use packguard_platform::storage::Storage;
use packguard_platform::telemetry::Metrics;
use packguard_tests::harness::cluster::{Database, cluster};
use packguard_tests::harness::scratch::Scratch;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Packages per hour of each key.
pub const LIMIT: u32 = 30_000;
/// Largest upload.
pub const UPLOAD: u64 = 20 << 20;
/// Largest body of a batch.
pub const BATCH_BODY: usize = 8 << 20;

pub struct Lab {
    pub app: Arc<App>,
    pub address: String,
    pub owner: (KeyId, String),
    pub other: (KeyId, String),
    pub admin: (KeyId, String),
    pub client: reqwest::Client,
    folder: Scratch,
    _database: Database,
    _stop: DropGuard,
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
        let cluster = cluster().await;
        let database = cluster
            .database("platform", async |url: &str| {
                let pool = pool(url)?;
                db::migrate(&pool).await?;
                pool.close().await;
                Ok(())
            })
            .await;
        let db = pool(&database.url).expect("a pool");
        let named = cluster.queue();
        let mut config = QueueConfig::new(named.url);
        config.name = named.name;
        let queue = Queue::connect(&config).await.expect("a queue");
        let folder = Scratch::new();
        let place = Place::Folder(folder.join("storage"));
        let storage = Storage::open(&StorageConfig::at(place)).expect("a folder");
        let max_age = Duration::from_secs(3600);
        let app = Arc::new(App {
            limiter: RateLimiter::new(&queue),
            hub: Hub::start(&queue),
            storage,
            metrics: Metrics::new("test"),
            keys: Keys::new(db.clone()),
            submitter: Submitter::start(&db, &queue, Reuse { max_age }),
            service: Service::default(),
            document: serde_json::to_vec(&packguard_platform::router::document())
                .expect("JSON")
                .into(),
            settings: ApiSettings {
                private_webhooks: false,
                reuse: Reuse { max_age },
                task_timeout: Duration::from_secs(1800),
                max_attempts: 3,
                request_timeout,
                upload_timeout: Duration::from_secs(120),
                max_body: 64 << 10,
                max_batch_body: BATCH_BODY,
                max_batch: 10_000,
                max_upload: UPLOAD,
                cors_origins: Vec::new(),
                docs_page: false,
                redirect_downloads: false,
            },
            db,
            queue,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let stop = CancellationToken::new();
        let bounds = Bounds {
            connections: 256,
            header: 64 << 10,
            header_timeout: Duration::from_secs(10),
            grace: Duration::from_secs(1),
        };
        tokio::spawn(serve::serve(
            listener,
            Arc::clone(&app),
            bounds,
            stop.clone(),
        ));
        let scopes = [Scope::Analyze, Scope::Read];
        Self {
            owner: key(&app, "owner", &scopes).await,
            other: key(&app, "other", &scopes).await,
            admin: key(&app, "admin", &[Scope::Admin]).await,
            app,
            address,
            client: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
            folder,
            _database: database,
            _stop: stop.drop_guard(),
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
        let mut stream = TcpStream::connect(&self.address)
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

fn pool(url: &str) -> Result<sqlx::PgPool, sqlx::Error> {
    let options = PoolOptions {
        size: 8,
        acquire: Duration::from_secs(20),
        statement: Some(Duration::from_secs(30)),
    };
    db::open(url, &options)
}

async fn key(app: &App, name: &str, scopes: &[Scope]) -> (KeyId, String) {
    let secret = Secret::new().expect("randomness");
    let scopes: Vec<String> = scopes.iter().map(Scope::to_string).collect();
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO api_keys (name, prefix, secret_sha256, scopes, rate_limit) VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(name)
    .bind(&secret.prefix)
    .bind(secret.sha256().to_vec())
    .bind(scopes)
    .bind(i32::try_from(LIMIT).expect("small"))
    .fetch_one(&app.db)
    .await
    .expect("a key");
    (KeyId(id), secret.text)
}
