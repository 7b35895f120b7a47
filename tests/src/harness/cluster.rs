//! One PostgreSQL and one Redis for all tests of a process, started by the first that asks.
//!
//! A test gets a database of its own, cloned from a migrated template, and a queue name of its
//! own. A test that kills servers starts its own with [`postgres()`] and [`redis()`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use packguard_platform::dev::{Durability, Postgres, PostgresOptions, Redis, RedisOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::sync::OnceCell;

use super::scratch::Scratch;

/// The shared servers.
#[derive(Debug)]
pub struct Cluster {
    postgres: Postgres,
    redis: Redis,
    /// Template databases by name, each migrated once.
    templates: Mutex<BTreeMap<String, Arc<OnceCell<String>>>>,
    /// Databases whose tests are over; the next test that asks for one drops them.
    over: Arc<Mutex<Vec<String>>>,
    _scratch: Scratch,
}

/// A test's own database. When it is dropped, so is the database, somewhat later.
#[derive(Debug)]
pub struct Database {
    /// Its address, with the password: `DATABASE_URL`.
    pub url: String,
    name: String,
    over: Arc<Mutex<Vec<String>>>,
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Ok(mut over) = self.over.lock() {
            over.push(std::mem::take(&mut self.name));
        }
    }
}

/// A queue of its own on the shared Redis.
#[derive(Debug)]
pub struct Queue {
    /// `REDIS_URL`.
    pub url: String,
    /// `QUEUE_NAME`.
    pub name: String,
}

/// The servers of this process.
pub async fn cluster() -> &'static Cluster {
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    SHARED.get_or_init(start).await
}

async fn start() -> Cluster {
    let scratch = Scratch::new();
    let (database, queue) = (scratch.join("postgres"), scratch.join("redis"));
    let (postgres, redis) = tokio::join!(
        Postgres::start(&database, options(Durability::Fast)),
        Redis::start(&queue, RedisOptions::default()),
    );
    Cluster {
        postgres: postgres.unwrap_or_else(|error| panic!("{error}")),
        redis: redis.unwrap_or_else(|error| panic!("{error}")),
        templates: Mutex::default(),
        over: Arc::default(),
        _scratch: scratch,
    }
}

fn options(durability: Durability) -> PostgresOptions {
    PostgresOptions {
        durability,
        ..PostgresOptions::default()
    }
}

/// A PostgreSQL of a test's own, to be killed and restarted, and the folder that holds it.
pub async fn postgres(durability: Durability) -> (Postgres, Scratch) {
    let scratch = Scratch::new();
    let started = Postgres::start(&scratch.join("postgres"), options(durability)).await;
    (started.unwrap_or_else(|error| panic!("{error}")), scratch)
}

/// A Redis of a test's own, to be killed and restarted, and the folder that holds it.
pub async fn redis(options: RedisOptions) -> (Redis, Scratch) {
    let scratch = Scratch::new();
    let started = Redis::start(&scratch.join("redis"), options).await;
    (started.unwrap_or_else(|error| panic!("{error}")), scratch)
}

impl Cluster {
    /// A fresh database, cloned from a template that `migrate` fills, once for each name. The
    /// closure gets the template's address and leaves no connection open.
    pub async fn database<F>(&self, template: &str, migrate: F) -> Database
    where
        F: AsyncFnOnce(&str) -> Result<(), anyhow::Error>,
    {
        let cell = {
            let mut templates = self.templates.lock().expect("nobody panics with it");
            Arc::clone(templates.entry(template.to_owned()).or_default())
        };
        let template = cell
            .get_or_init(|| async {
                let name = format!("template_{}", uuid::Uuid::new_v4().simple());
                let url = self.postgres.create(&name).await.expect("a database");
                migrate(&url).await.expect("the migration succeeds");
                // Whoever is connected to a template stands in the way of every clone.
                self.run(&[&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")])
                    .await;
                name
            })
            .await;
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let over = std::mem::take(&mut *self.over.lock().expect("nobody panics with it"));
        let mut statements: Vec<_> = over
            .iter()
            .map(|name| format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .collect();
        statements.push(format!("CREATE DATABASE {name} TEMPLATE {template}"));
        self.run(&statements).await;
        Database {
            url: self.postgres.url(&name),
            name,
            over: Arc::clone(&self.over),
        }
    }

    /// A fresh queue.
    pub fn queue(&self) -> Queue {
        Queue {
            url: self.redis.url(),
            name: format!("test_{}", uuid::Uuid::new_v4().simple()),
        }
    }

    /// The shared PostgreSQL. Tests do not end it.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// The shared Redis. Tests neither end nor flush it.
    pub fn redis(&self) -> &Redis {
        &self.redis
    }

    /// Statements whose names this module made up.
    async fn run(&self, statements: &[impl AsRef<str>]) {
        let url = self.postgres.url("postgres");
        let mut connection = PgConnection::connect(&url).await.expect("a connection");
        for statement in statements {
            let statement = AssertSqlSafe(statement.as_ref().to_owned());
            connection.execute(statement).await.expect("a statement");
        }
        connection.close().await.expect("a connection closes");
    }
}
