//! What Packguard leans on: registries, storage, Postgres, Redis; caches, the reconciler.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::catalogue::{Catalogue, Histograms, bytes, plain, seconds};
use super::labels::{
    Cache, CacheResult, CacheUse, Dependency, Ecosystem, FetchError, FetchFailed, OfDependency,
    Operation, Outcome, Repair, Repaired, ecosystem,
};
use super::{Metrics, buckets, signed};

pub(super) struct Backends {
    caches: Family<CacheUse, Counter>,
    fetches: Histograms<Ecosystem>,
    fetch_errors: Family<FetchFailed, Counter>,
    downloaded: Family<Ecosystem, Counter>,
    storage: Histograms<Operation>,
    database: Histograms<Operation>,
    connections: Gauge,
    idle: Gauge,
    acquire: Histogram,
    redis: Histograms<Operation>,
    repairs: Family<Repaired, Counter>,
    reconciled: Gauge,
    up: Family<OfDependency, Gauge>,
    dead_letters: Gauge,
    backed_up: Gauge,
    refused_signatures: Counter,
}

impl Backends {
    pub(super) fn new(c: &mut Catalogue) -> Self {
        Self {
            caches: c.counters(plain("cache_requests", "Questions to a cache")),
            fetches: c.histograms(
                seconds(
                    "fetch_duration",
                    "Download of a release, its metadata included",
                ),
                &buckets::FETCH,
            ),
            fetch_errors: c.counters(plain(
                "fetch_errors",
                "Downloads that failed, by the ecosystem whose registry failed",
            )),
            downloaded: c.counters(bytes("downloaded", "Downloaded from registries")),
            storage: c.histograms(
                seconds("storage_operation_duration", "Operations of object storage"),
                &buckets::STORAGE,
            ),
            database: c.histograms(
                seconds(
                    "database_query_duration",
                    "Queries and transactions of Postgres",
                ),
                &buckets::BACKEND,
            ),
            connections: c.gauge(plain(
                "database_connections",
                "Connections to Postgres that this process holds",
            )),
            idle: c.gauge(plain(
                "database_connections_idle",
                "Those of them that are idle",
            )),
            acquire: c.histogram(
                seconds("database_acquire_wait", "Wait for a connection of the pool"),
                &buckets::BACKEND,
            ),
            redis: c.histograms(
                seconds(
                    "redis_operation_duration",
                    "Operations of Redis; blocking claims are not among them",
                ),
                &buckets::BACKEND,
            ),
            repairs: c.counters(plain("reconciler_repairs", "What the reconciler mended")),
            reconciled: c.gauge(seconds(
                "reconciler_last_success_timestamp",
                "When the reconciler last went through, in Unix time",
            )),
            up: c.gauges(plain(
                "dependency_up",
                "1 where it answered this process last, as /ready/ asks",
            )),
            dead_letters: c.gauge(plain(
                "dead_letters",
                "Tasks that were given up and not tried again, counted up to 100,000",
            )),
            backed_up: c.gauge(seconds(
                "backup_last_success_timestamp",
                "When the newest backup that was verified by restoring it was made, in Unix time; 0 for none",
            )),
            refused_signatures: c.counter(plain(
                "function_signature_refusals",
                "Deploys and loads of functions that were refused for their signature",
            )),
        }
    }
}

/// One operation of a backend: its name in the code, how it ended, how long it took. An
/// operation whose caller gave up is [`Outcome::Timeout`].
fn observe(
    family: &Histograms<Operation>,
    operation: &'static str,
    outcome: Outcome,
    took: Duration,
) {
    let labels = Operation { operation, outcome };
    family.get_or_create(&labels).observe(took.as_secs_f64());
}

/// What we stand before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Object storage.
    Storage,
    /// Postgres.
    Database,
    /// Redis.
    Redis,
}

impl Metrics {
    /// A cache was asked.
    pub fn cache(&self, cache: Cache, result: CacheResult) {
        let labels = CacheUse { cache, result };
        self.0.backends.caches.get_or_create(&labels).inc();
    }

    /// A release was downloaded, whole: so many bytes in so long.
    pub fn fetched(&self, purl_type: &str, bytes: u64, took: Duration) {
        let ecosystem = ecosystem(purl_type);
        let labels = Ecosystem { ecosystem };
        let fetches = self.0.backends.fetches.get_or_create(&labels);
        fetches.observe(took.as_secs_f64());
        let downloaded = self.0.backends.downloaded.get_or_create(&labels);
        downloaded.inc_by(bytes);
    }

    /// A release could not be downloaded.
    pub fn fetch_failed(&self, purl_type: &str, kind: FetchError) {
        let ecosystem = ecosystem(purl_type);
        let labels = FetchFailed { ecosystem, kind };
        self.0.backends.fetch_errors.get_or_create(&labels).inc();
    }

    /// Times an operation of a backend, and notes how it ended.
    pub async fn timed<T, E>(
        &self,
        backend: Backend,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let done = work.await;
        let outcome = match done {
            Ok(_) => Outcome::Ok,
            Err(_) => Outcome::Error,
        };
        match backend {
            Backend::Storage => self.storage(operation, outcome, started.elapsed()),
            Backend::Database => self.database(operation, outcome, started.elapsed()),
            Backend::Redis => self.redis(operation, outcome, started.elapsed()),
        }
        done
    }

    /// Object storage did something: `put_report`, `get_archive`, …
    pub fn storage(&self, operation: &'static str, outcome: Outcome, took: Duration) {
        observe(&self.0.backends.storage, operation, outcome, took);
    }

    /// Postgres did something: `claim_task`, …
    pub fn database(&self, operation: &'static str, outcome: Outcome, took: Duration) {
        observe(&self.0.backends.database, operation, outcome, took);
    }

    /// The pool of connections to Postgres: set it by [`Metrics::at_scrape`].
    pub fn database_pool(&self, connections: u32, idle: usize) {
        let backends = &self.0.backends;
        backends.connections.set(i64::from(connections));
        backends.idle.set(signed(idle as u64));
    }

    /// A connection of the pool was waited for.
    pub fn database_acquired(&self, waited: Duration) {
        self.0.backends.acquire.observe(waited.as_secs_f64());
    }

    /// Redis did something: `enqueue`, `heartbeat`, …
    pub fn redis(&self, operation: &'static str, outcome: Outcome, took: Duration) {
        observe(&self.0.backends.redis, operation, outcome, took);
    }

    /// The reconciler mended so many of a kind.
    pub fn repaired(&self, kind: Repair, count: u64) {
        let labels = Repaired { kind };
        let repairs = self.0.backends.repairs.get_or_create(&labels);
        repairs.inc_by(count);
    }

    /// Which servers behind this process answer.
    pub fn dependency(&self, dependency: Dependency, up: bool) {
        let labels = OfDependency { dependency };
        let gauge = self.0.backends.up.get_or_create(&labels);
        gauge.set(i64::from(up));
    }

    /// What the reconciler counted: tasks given up, and when the newest good backup was made.
    pub fn stock(&self, dead_letters: u64, backed_up: Option<SystemTime>) {
        self.0.backends.dead_letters.set(signed(dead_letters));
        let since = backed_up.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let seconds = since.unwrap_or_default().as_secs();
        self.0.backends.backed_up.set(signed(seconds));
    }

    /// A function was refused for its signature.
    pub fn signature_refused(&self) {
        self.0.backends.refused_signatures.inc();
    }

    /// The reconciler went through.
    pub fn reconciled(&self, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.0.backends.reconciled.set(signed(since.as_secs()));
    }
}
