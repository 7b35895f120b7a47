//! The platform under test: API and workers as processes, servers behind proxies.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use packguard_platform::dev::servers::free_port;
use packguard_tests::harness::process::Role;
use packguard_tests::harness::proxy::Proxy;
use packguard_tests::harness::registry::Registry;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinHandle;

use super::servers::Servers;

/// Short, so that what died is noticed within a test.
pub const LEASE: Duration = Duration::from_secs(2);

/// What a client may wait for its submission, all retries included: three times the silence
/// after which a connection with Postgres is given up.
const PATIENCE: Duration = Duration::from_secs(90);

/// What all tasks may take once everything is mended.
const SETTLED: Duration = Duration::from_secs(180);

/// The seeds to run.
pub fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("CRASH_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("CRASH_SEEDS").unwrap_or(2)).collect(),
    }
}

/// A task as its client knows it.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub id: i64,
    pub purl: String,
}

pub struct Platform {
    pub servers: Servers,
    pub workers: Vec<Role>,
    api: Option<Role>,
    /// Where clients are sent: a load balancer's part.
    address: Arc<Mutex<String>>,
    database: String,
    key: String,
    failed: Arc<Mutex<Vec<String>>>,
}

impl Platform {
    /// Starts an API and workers on a database and a queue of their own.
    pub async fn start(servers: Servers, workers: usize) -> Self {
        let database = format!("crash_{}", uuid::Uuid::new_v4().simple());
        servers
            .postgres
            .0
            .create(&database)
            .await
            .expect("a database");
        let mut platform = Self {
            servers,
            workers: Vec::new(),
            api: None,
            address: Arc::default(),
            database,
            key: String::new(),
            failed: Arc::default(),
        };
        platform.run(&["migrate"]).await;
        let made = platform
            .run(&[
                "admin",
                "keys",
                "create",
                "--name",
                "crash",
                "--scopes",
                "analyze,read,admin",
                "--rate-limit",
                "1000000",
                "--json",
            ])
            .await;
        let made: Value = serde_json::from_str(made.trim()).expect("JSON");
        platform.key = made["key"].as_str().expect("a key").to_owned();
        platform.start_api().await;
        for _ in 0..workers {
            platform.start_worker().await;
        }
        platform
    }

    /// Ends all processes, and gives the servers back.
    pub async fn stop(mut self) -> Servers {
        for worker in self.workers.drain(..) {
            assert!(worker.terminate().await.success(), "{}", worker.log());
        }
        if let Some(api) = self.api.take() {
            assert!(api.terminate().await.success(), "{}", api.log());
        }
        self.servers.hang_up().await;
        self.servers
    }

    fn environment(&self, postgres: &Proxy, redis: &Proxy) -> Vec<(&'static str, String)> {
        let servers = &self.servers;
        let bucket = servers.store.bucket();
        let seconds = |time: Duration| format!("{}ms", time.as_millis());
        vec![
            (
                "DATABASE_URL",
                postgres.url(&servers.postgres.0.url(&self.database)),
            ),
            (
                "REDIS_URL",
                match &servers.sentinels {
                    Some(sentinels) => sentinels.url(),
                    None => redis.url(&servers.redis.0.url()),
                },
            ),
            ("QUEUE_NAME", self.database.clone()),
            (
                "STORAGE_URL",
                format!("s3://{}/{}", bucket.bucket, self.database),
            ),
            (
                "STORAGE_ENDPOINT",
                format!("http://{}", servers.storage.address()),
            ),
            ("STORAGE_ACCESS_KEY_ID", bucket.access_key.clone()),
            ("STORAGE_SECRET_ACCESS_KEY", bucket.secret_key.clone()),
            ("STORAGE_CONNECT_TIMEOUT", "1s".into()),
            ("STORAGE_REQUEST_TIMEOUT", "3s".into()),
            // What went as it should tells nothing of a failure.
            ("LOG_LEVEL", "warn".into()),
            ("METRICS_LISTEN", "127.0.0.1:0".into()),
            ("WORKER_CONCURRENCY", "8".into()),
            ("WORKER_LEASE", seconds(LEASE)),
            ("WORKER_HEARTBEAT", seconds(LEASE / 4)),
            ("RECONCILE_INTERVAL", "1s".into()),
            ("TASK_MAX_ATTEMPTS", "50".into()),
            ("GRACE_PERIOD", "1s".into()),
            ("REDIS_CONNECT_TIMEOUT", "1s".into()),
            ("REDIS_RESPONSE_TIMEOUT", "1s".into()),
            ("DATABASE_ACQUIRE_TIMEOUT", "2s".into()),
            (
                "PACKGUARD_PYPI_URL",
                format!("http://{}/simple/", servers.registry_proxy.address()),
            ),
            (
                "PACKGUARD_CACHE_DIR",
                packguard_tests::cache().display().to_string(),
            ),
        ]
    }

    async fn role(&self, arguments: &[&str], postgres: &Proxy, redis: &Proxy) -> Role {
        let environment = self.environment(postgres, redis);
        let environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        Role::start(arguments, &environment).await
    }

    /// Runs a command to its end, and gives what it wrote.
    async fn run(&self, arguments: &[&str]) -> String {
        let servers = &self.servers;
        let role = self
            .role(arguments, &servers.api_postgres, &servers.api_redis)
            .await;
        let status = role.wait().await;
        assert!(status.success(), "{arguments:?}: {}", role.log());
        role.log()
    }

    pub fn address(&self) -> String {
        self.address.lock().expect("nobody panics with it").clone()
    }

    /// Starts an API at a new address; when it is ready, clients are sent there. Gives back
    /// the one before.
    pub async fn start_api(&mut self) -> Option<Role> {
        let servers = &self.servers;
        let listen = format!("127.0.0.1:{}", free_port().expect("a free port"));
        let api = self
            .role(
                &["serve", "--listen", &listen],
                &servers.api_postgres,
                &servers.api_redis,
            )
            .await;
        let address = format!("http://{listen}");
        api.ready(&address).await;
        *self.address.lock().expect("nobody panics with it") = address;
        self.api.replace(api)
    }

    pub async fn kill_api(&mut self) {
        if let Some(api) = self.api.take() {
            api.kill().await;
        }
    }

    pub async fn start_worker(&mut self) {
        let servers = &self.servers;
        let worker = self
            .role(&["work"], &servers.worker_postgres, &servers.worker_redis)
            .await;
        self.workers.push(worker);
    }

    pub async fn kill_worker(&mut self, index: usize) {
        let worker = self.workers.remove(index % self.workers.len());
        worker.kill().await;
    }

    /// The new one is ready before the old one is told to end, as in a rolling update.
    pub async fn roll_api(&mut self) {
        if let Some(old) = self.start_api().await {
            assert!(old.terminate().await.success(), "{}", old.log());
        }
    }

    pub async fn roll_worker(&mut self) {
        self.start_worker().await;
        let old = self.workers.remove(0);
        assert!(old.terminate().await.success(), "{}", old.log());
    }

    pub fn worker_proxy(&self, server: &str) -> &Proxy {
        match server {
            "redis" => &self.servers.worker_redis,
            "postgres" => &self.servers.worker_postgres,
            "storage" => &self.servers.storage,
            _ => &self.servers.registry_proxy,
        }
    }

    pub async fn flush_redis(&self) {
        let client = redis::Client::open(self.servers.redis.0.url()).expect("a URL");
        let mut connection = client
            .get_multiplexed_async_connection()
            .await
            .expect("Redis answers");
        let _: () = redis::cmd("FLUSHALL")
            .query_async(&mut connection)
            .await
            .expect("it flushes");
    }

    /// What requests said that were not answered, or with an error.
    pub fn failed_requests(&self) -> Vec<String> {
        self.failed.lock().expect("nobody panics with it").clone()
    }

    /// Submits packages as a client does that repeats what was not answered: each with an
    /// idempotency key, eight at a time.
    pub fn submit(&self, packages: usize, seed: u64) -> JoinHandle<Vec<Accepted>> {
        let (address, key) = (Arc::clone(&self.address), self.key.clone());
        let failed = Arc::clone(&self.failed);
        tokio::spawn(async move {
            use futures_util::StreamExt as _;
            let client = reqwest::Client::builder()
                .no_proxy()
                // Of a machine that is busy with other tests, each may take seconds.
                .timeout(Duration::from_secs(20))
                .build()
                .expect("TLS");
            let run = uuid::Uuid::new_v4().simple().to_string();
            let one = async |number: usize| {
                let purl = Registry::purl(&format!("crash-{seed}"), number);
                let started = Instant::now();
                loop {
                    let address = address.lock().expect("nobody panics with it").clone();
                    let request = client
                        .post(format!("{address}/api/v1/analyze/"))
                        .bearer_auth(&key)
                        .header("X-Idempotency-Key", format!("{run}-{number}"))
                        .json(&json!({ "purl": purl }));
                    let answered = async {
                        let answer = request.send().await?.error_for_status()?;
                        answer.json::<Value>().await
                    };
                    match answered.await {
                        Ok(body) => {
                            let id = body["data"]["task_id"].as_i64().expect("a task");
                            return Accepted { id, purl };
                        }
                        Err(error) => {
                            let mut failed = failed.lock().expect("nobody panics with it");
                            failed.push(format!("{error:?}"));
                        }
                    }
                    assert!(started.elapsed() < PATIENCE, "{purl} was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            futures_util::stream::iter(0..packages)
                .map(one)
                .buffer_unordered(8)
                .collect()
                .await
        })
    }

    /// Mends all that was broken, and waits until nothing is under way.
    pub async fn mend(&mut self) {
        self.servers.restore().await;
        let started = Instant::now();
        loop {
            let open = self.under_way().await;
            if open == 0 {
                break;
            }
            assert!(
                started.elapsed() < SETTLED,
                "{open} tasks are still under way"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A way into the database past the proxies.
    pub async fn pool(&self) -> PgPool {
        let url = self.servers.postgres.0.url(&self.database);
        PgPool::connect(&url).await.expect("Postgres answers")
    }

    pub fn redis_url(&self) -> String {
        self.servers.redis_url()
    }

    /// Tasks that are under way now.
    pub async fn under_way(&self) -> i64 {
        let pool = self.pool().await;
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM tasks WHERE status IN ('pending', 'queued', 'running')",
        );
        count.fetch_one(&pool).await.expect("Postgres answers")
    }

    /// `DELETE /api/v1/task/{id}/`: the status of the answer.
    pub async fn cancel(&self, task: i64) -> u16 {
        let client = reqwest::Client::builder().no_proxy().build().expect("TLS");
        let request = client.delete(format!("{}/api/v1/task/{task}/", self.address()));
        let answer = request.bearer_auth(&self.key).send().await;
        answer.expect("an answer").status().as_u16()
    }

    pub fn queue_name(&self) -> &str {
        &self.database
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    /// The objects of this run, by key.
    pub async fn objects(&self) -> Vec<(String, bytes::Bytes)> {
        use futures_util::TryStreamExt as _;
        use object_store::{ObjectStore as _, ObjectStoreExt as _};
        let client = self.servers.store.bucket().client();
        let prefix = object_store::path::Path::from(format!("{}/reports", self.database));
        let listed: Vec<_> = client
            .list(Some(&prefix))
            .try_collect()
            .await
            .expect("a list");
        let mut objects = Vec::new();
        for meta in listed {
            let got = client.get(&meta.location).await.expect("an object");
            objects.push((
                meta.location.to_string(),
                got.bytes().await.expect("its bytes"),
            ));
        }
        objects
    }
}
