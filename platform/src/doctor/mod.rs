//! `packguard doctor`: what stands in the way of a deployment.
//!
//! `checks` is the list of what is looked at. The checks run side by side, each under a
//! time limit and as a task of its own: one that fails, hangs or panics is reported as failed
//! and stops no other.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sqlx::migrate::Migrator;

use crate::config::{DatabaseConfig, Downloads, RedisConfig, StorageConfig};

mod clock;
mod postgres;
mod redis;
mod report;
mod storage;
#[cfg(test)]
mod tests;

pub use report::{Level, Outcome, Report, Verdict};

/// How long one check may take: several times what each of its connections may.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// A check that another module brings along, to be run once.
pub struct Probe {
    name: String,
    run: BoxFuture<'static, Verdict>,
}

impl Probe {
    /// A check of this name, as in `registry npm`.
    pub fn new(
        name: impl Into<String>,
        run: impl Future<Output = Verdict> + Send + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            run: Box::pin(run),
        }
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Probe({})", self.name)
    }
}

/// What is to be looked at.
#[derive(Debug)]
pub struct Deployment {
    /// Postgres.
    pub database: DatabaseConfig,
    /// The migrations of this build.
    pub migrator: &'static Migrator,
    /// Redis.
    pub redis: RedisConfig,
    /// Object storage.
    pub storage: StorageConfig,
    /// What other modules know how to check: whether the
    /// sandbox runs an empty step, what each registry answers.
    pub probes: Vec<Probe>,
}

/// Every check, in the order in which they are printed.
fn checks(deployment: Deployment) -> Vec<Probe> {
    let Deployment {
        database,
        migrator,
        redis,
        storage,
        probes,
    } = deployment;
    let mut checks = vec![
        Probe::new("postgres", postgres::server(database.clone())),
        Probe::new(
            "migrations",
            postgres::migrations(database.clone(), migrator),
        ),
        Probe::new("postgres clock", postgres::clock(database)),
        Probe::new("redis", redis::server(redis.clone())),
        Probe::new("queue", redis::queue(redis.clone())),
        Probe::new("redis clock", redis::clock(redis)),
        Probe::new("storage", storage::round_trip(storage.clone())),
    ];
    if storage.downloads == Downloads::Redirect {
        checks.push(Probe::new("presigned URLs", storage::presigned(storage)));
    }
    checks.extend(probes);
    checks
}

/// Runs all checks.
pub async fn examine(deployment: Deployment) -> Report {
    run(checks(deployment), TIME_LIMIT).await
}

async fn run(checks: Vec<Probe>, limit: Duration) -> Report {
    let start = Instant::now();
    let running: Vec<_> = checks
        .into_iter()
        .map(|Probe { name, run }| {
            let task = tokio::spawn(async move {
                let verdict = tokio::time::timeout(limit, run).await;
                (verdict, start.elapsed())
            });
            (name, task)
        })
        .collect();
    let mut outcomes = Vec::with_capacity(running.len());
    for (name, task) in running {
        let (verdict, took) = match task.await {
            Ok((Ok(verdict), took)) => (verdict, took),
            Ok((Err(_), took)) => {
                let what = format!("no result after {} s", limit.as_secs_f64());
                (Verdict::fail(what, "is it reachable, or overloaded?"), took)
            }
            Err(error) => {
                let what = format!("the check itself broke: {error}");
                let hint = "this is a bug in packguard: report it";
                (Verdict::fail(what, hint), start.elapsed())
            }
        };
        outcomes.push(Outcome::new(name, verdict, took));
    }
    Report { checks: outcomes }
}
