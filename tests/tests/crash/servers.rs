//! The servers that the platform stands on, each behind a proxy.

use packguard_platform::dev::{Durability, Postgres, Redis, RedisOptions};
use packguard_tests::harness::ceph::{self, Ceph};
use packguard_tests::harness::clock::Clock;
use packguard_tests::harness::cluster;
use packguard_tests::harness::proxy::Proxy;
use packguard_tests::harness::registry::{Registry, harmless};
use packguard_tests::harness::s3::{self, Bucket, LocalS3};
use packguard_tests::harness::scratch::Scratch;
use packguard_tests::harness::sentinel::{PATIENT, Sentinels};

/// What differs from one Postgres, one Redis and s3s-fs.
#[derive(Debug, Default)]
pub struct Choice {
    /// In place of the one Redis: one that fails over.
    pub sentinels: bool,
    /// Ceph's gateway as the object storage.
    pub ceph: bool,
}

pub enum Store {
    Local(LocalS3),
    Ceph(Box<Ceph>),
}

impl Store {
    pub fn bucket(&self) -> &Bucket {
        match self {
            Self::Local(local) => &local.bucket,
            Self::Ceph(ceph) => &ceph.bucket,
        }
    }
}

/// What stays from seed to seed.
pub struct Servers {
    pub postgres: (Postgres, Scratch),
    pub redis: (Redis, Scratch),
    pub store: Store,
    _registry: Registry,
    pub api_postgres: Proxy,
    pub worker_postgres: Proxy,
    pub api_redis: Proxy,
    pub worker_redis: Proxy,
    pub storage: Proxy,
    pub registry_proxy: Proxy,
    pub sentinels: Option<Sentinels>,
    /// The one Redis lives by it.
    pub clock: Clock,
}

impl Servers {
    pub async fn start() -> Self {
        Self::with(Choice::default()).await
    }

    pub async fn with(choice: Choice) -> Self {
        // Crash tests are about durability: commits are real ones. Redis loses nothing on a
        // restart but what the flush scenario takes.
        let postgres = cluster::postgres(Durability::Durable).await;
        let clock = Clock::new();
        let options = RedisOptions {
            append_only: true,
            environment: clock.environment().into(),
            ..RedisOptions::default()
        };
        let redis = cluster::redis(options).await;
        let store = match choice.ceph {
            true => Store::Ceph(Box::new(ceph::start().await)),
            false => Store::Local(s3::local().await),
        };
        let registry = Registry::start(harmless).await;
        let endpoint = store.bucket().endpoint.trim_start_matches("http://");
        let s3_address = endpoint.parse();
        Self {
            api_postgres: Proxy::local(postgres.0.port()).await,
            worker_postgres: Proxy::local(postgres.0.port()).await,
            api_redis: Proxy::local(redis.0.port()).await,
            worker_redis: Proxy::local(redis.0.port()).await,
            storage: Proxy::start(s3_address.expect("an address")).await,
            registry_proxy: Proxy::start(registry.address()).await,
            postgres,
            redis,
            store,
            _registry: registry,
            sentinels: match choice.sentinels {
                true => Some(Sentinels::start(3, PATIENT).await),
                false => None,
            },
            clock,
        }
    }

    pub fn redis_url(&self) -> String {
        match &self.sentinels {
            Some(sentinels) => sentinels.url(),
            None => self.redis.0.url(),
        }
    }

    pub async fn restart_redis(&mut self) {
        self.redis.0.restart().await.expect("Redis restarts");
    }

    pub async fn restart_postgres(&mut self) {
        self.postgres.0.restart().await.expect("Postgres restarts");
    }

    /// Closes what clients that ended left behind: the server's half of a connection that was
    /// lost stays open, and after some seeds Postgres would have room for no other.
    pub async fn hang_up(&self) {
        for proxy in self.proxies() {
            proxy.cut().await;
            proxy.restore().await;
        }
    }

    pub async fn restore(&self) {
        for proxy in self.proxies() {
            proxy.restore().await;
        }
    }

    fn proxies(&self) -> [&Proxy; 6] {
        [
            &self.api_postgres,
            &self.worker_postgres,
            &self.api_redis,
            &self.worker_redis,
            &self.storage,
            &self.registry_proxy,
        ]
    }
}
