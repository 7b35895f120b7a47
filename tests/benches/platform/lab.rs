//! The servers, and for each step a platform of its own on them.

use std::path::PathBuf;
use std::time::Duration;

use packguard_platform::dev::process::Program;
use packguard_platform::dev::servers::free_port;
use packguard_platform::dev::{Durability, Postgres, Redis, RedisOptions};
use packguard_tests::harness::process::Role;
use packguard_tests::harness::registry::Registry;
use packguard_tests::harness::scratch::Scratch;
use packguard_tests::harness::{cache, cluster};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::process;

/// Between two looks at a task: short against what is measured, and rare enough to cost nothing.
const LOOK: Duration = Duration::from_millis(5);

/// What a step's tasks may take: then something hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// What all steps share.
pub struct Machine {
    binary: PathBuf,
    postgres: (Postgres, Scratch),
    redis: (Redis, Scratch),
    /// Compiled components.
    cache: Scratch,
}

/// A platform with a database, a queue and a storage of its own.
pub struct Site<'a> {
    machine: &'a Machine,
    name: String,
    registry: String,
    storage: Scratch,
    /// `http://host:port`
    pub address: String,
    /// An API key without a limit worth the name.
    pub key: String,
    /// The way to its database.
    pub pool: PgPool,
    /// The API.
    pub api: Role,
    client: reqwest::Client,
}

impl Machine {
    /// Starts the servers.
    pub async fn start(binary: PathBuf) -> Self {
        let redis = RedisOptions {
            append_only: true,
            ..RedisOptions::default()
        };
        Self {
            binary,
            postgres: cluster::postgres(Durability::Durable).await,
            redis: cluster::redis(redis).await,
            cache: Scratch::new(),
        }
    }

    /// `REDIS_URL`.
    pub fn redis_url(&self) -> String {
        self.redis.0.url()
    }

    /// Says what the figures were taken on.
    pub async fn describe(&self) {
        let url = self.postgres.0.url("postgres");
        let pool = PgPool::connect(&url).await.expect("Postgres answers");
        let version: String = sqlx::query_scalar(
            "SELECT format('PostgreSQL %s, fsync %s, synchronous_commit %s',
                current_setting('server_version'), current_setting('fsync'),
                current_setting('synchronous_commit'))",
        )
        .fetch_one(&pool)
        .await
        .expect("Postgres answers");
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        println!(
            "{cores} cores for everything: {version}; Redis with an append-only file, flushed"
        );
        println!("each second; API, workers and the load's makers");
        println!("load average at the start: {}", process::load_average());
    }

    /// Starts an API on a database of its own.
    pub async fn site(&self, registry: Option<&Registry>) -> Site<'_> {
        self.site_at(registry.map(Registry::url).unwrap_or_default())
            .await
    }

    /// The same, with a registry at an address.
    pub async fn site_at(&self, registry: String) -> Site<'_> {
        let name = format!("bench_{}", uuid::Uuid::new_v4().simple());
        let url = self.postgres.0.create(&name).await.expect("a database");
        let storage = Scratch::new();
        let port = free_port().expect("a free port");
        let environment = self.environment(&name, &registry, &storage);
        self.finish(&["migrate"], &environment).await;
        let made = self.finish(&KEY, &environment).await;
        let made: Value = serde_json::from_str(made.trim()).expect("JSON");
        let listen = format!("127.0.0.1:{port}");
        let log = storage.join("serve.log");
        let program = Program::new(&self.binary).args(["serve", "--listen", &listen]);
        let api = Role::run(program.log_to(log), &pairs(&environment)).await;
        let address = format!("http://{listen}");
        api.ready(&address).await;
        Site {
            machine: self,
            name,
            registry,
            storage,
            address,
            key: made["key"].as_str().expect("a key").to_owned(),
            pool: PgPool::connect(&url).await.expect("Postgres answers"),
            api,
            client: reqwest::Client::builder().no_proxy().build().expect("TLS"),
        }
    }

    /// Copies what is compiled already, as onto another machine.
    pub fn copy_cache(&self, to: &Scratch) {
        cache::copy(self.cache.path(), to.path());
    }

    /// Runs a command to its end, and gives what it wrote.
    async fn finish(&self, arguments: &[&str], environment: &[(&str, String)]) -> String {
        let program = Program::new(&self.binary).args(arguments);
        let role = Role::run(program, &pairs(environment)).await;
        assert!(role.wait().await.success(), "{arguments:?}: {}", role.log());
        role.log()
    }

    /// Settings: the defaults, but for where everything is.
    fn environment(
        &self,
        name: &str,
        registry: &str,
        storage: &Scratch,
    ) -> Vec<(&'static str, String)> {
        let folder = storage.join("objects");
        std::fs::create_dir_all(&folder).expect("a folder");
        vec![
            ("DATABASE_URL", self.postgres.0.url(name)),
            ("REDIS_URL", self.redis_url()),
            ("QUEUE_NAME", name.to_owned()),
            ("STORAGE_URL", format!("file://{}", folder.display())),
            ("METRICS_LISTEN", "127.0.0.1:0".into()),
            (
                "PACKGUARD_CACHE_DIR",
                self.cache.path().display().to_string(),
            ),
            ("PACKGUARD_PYPI_URL", registry.to_owned()),
        ]
    }
}

/// More than any run submits.
const KEY: [&str; 10] = [
    "admin",
    "keys",
    "create",
    "--name",
    "bench",
    "--scopes",
    "analyze,read,functions:write",
    "--rate-limit",
    "1000000000",
    "--json",
];

fn pairs<'a>(environment: &'a [(&str, String)]) -> Vec<(&'a str, &'a str)> {
    let pairs = environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    // An empty value is none.
    pairs.filter(|(_, value)| !value.is_empty()).collect()
}

impl Site<'_> {
    /// Starts a worker.
    pub async fn worker(&self) -> Role {
        self.worker_with(&[]).await
    }

    /// The same with further settings.
    pub async fn worker_with(&self, others: &[(&'static str, &str)]) -> Role {
        let mut environment = self
            .machine
            .environment(&self.name, &self.registry, &self.storage);
        // The last of a name counts.
        environment.extend(others.iter().map(|(name, value)| (*name, (*value).into())));
        let program = Program::new(&self.machine.binary).arg("work");
        let program = program.log_to(self.storage.join("work.log"));
        Role::run(program, &pairs(&environment)).await
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.address));
        request.bearer_auth(&self.key)
    }

    pub fn put(&self, path: &str) -> RequestBuilder {
        let request = self.client.put(format!("{}{path}", self.address));
        request.bearer_auth(&self.key)
    }

    /// CPU seconds of the API, of Postgres and of Redis so far.
    pub async fn cpu(&self) -> [f64; 3] {
        let servers: Vec<i32> = sqlx::query_scalar("SELECT pid FROM pg_stat_activity")
            .fetch_all(&self.pool)
            .await
            .expect("Postgres answers");
        let servers = servers.into_iter().filter_map(|id| u32::try_from(id).ok());
        let redis = redis::Client::open(self.machine.redis_url()).expect("a URL");
        let mut redis = redis
            .get_multiplexed_async_connection()
            .await
            .expect("Redis answers");
        let told: redis::InfoDict = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut redis)
            .await
            .expect("Redis answers");
        let redis: u32 = told.get("process_id").expect("Redis tells its id");
        [
            process::cpu(self.api.id()),
            servers.map(process::cpu).sum(),
            process::cpu(redis),
        ]
        .map(|time: Duration| time.as_secs_f64())
    }

    /// Submits a package, and gives its task.
    pub async fn submit(&self, purl: &str) -> i64 {
        let request = self.post("/api/v1/analyze/");
        let answer = request.json(&json!({ "purl": purl })).send().await;
        let answer = answer.expect("the API answers").error_for_status();
        let body: Value = answer.expect("202").json().await.expect("JSON");
        body["data"]["task_id"].as_i64().expect("a task")
    }

    /// Submits packages in one request.
    pub async fn submit_all(&self, purls: &[String]) {
        let request = self.post("/api/v1/batches/");
        let answer = request.json(&json!({ "purls": purls })).send().await;
        let answer = answer.expect("the API answers").error_for_status();
        answer.expect("202");
    }

    /// Waits until no task is under way.
    pub async fn settled(&self) {
        let waiting = async {
            loop {
                let open: i64 = sqlx::query_scalar(
                    "SELECT count(*) FROM tasks WHERE status IN ('pending', 'queued', 'running')",
                )
                .fetch_one(&self.pool)
                .await
                .expect("Postgres answers");
                if open == 0 {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("the tasks end");
    }

    /// Waits until a task is claimed, and says when that was, in seconds of Unix time: the
    /// start of the statement that a worker claims with.
    pub async fn claimed(&self, task: i64) -> f64 {
        let waiting = async {
            loop {
                let at: Option<f64> = sqlx::query_scalar(
                    "SELECT extract(epoch FROM started_at)::float8 FROM tasks WHERE id = $1",
                )
                .bind(task)
                .fetch_one(&self.pool)
                .await
                .expect("Postgres answers");
                match at {
                    Some(at) => return at,
                    None => tokio::time::sleep(LOOK).await,
                }
            }
        };
        let claimed = tokio::time::timeout(PATIENCE, waiting).await;
        claimed.expect("a worker claims it")
    }

    /// How many tasks ended in each way.
    pub async fn outcomes(&self) -> String {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT COALESCE(verdict, tasks.status::text), count(*)
             FROM tasks LEFT JOIN reports ON reports.id = report_id
             GROUP BY 1 ORDER BY 2 DESC",
        )
        .fetch_all(&self.pool)
        .await
        .expect("Postgres answers");
        let some = rows.iter().map(|(what, number)| format!("{number} {what}"));
        some.collect::<Vec<_>>().join(", ")
    }

    /// Ends the API, and wants it to end well.
    pub async fn stop(self) {
        self.pool.close().await;
        assert!(
            self.api.terminate().await.success(),
            "serve did not end well"
        );
    }
}
