//! The real API on a loopback port, before servers of [`super::cluster`]: a database and a queue
//! of its own, and files, or an S3 server, as its storage.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use packguard_platform::api::App;
use packguard_platform::api::keys::Secret;
use packguard_platform::config::{self, Environment, Flags, ServeSettings};
use packguard_platform::db::keys::{self, NewKey};
use packguard_platform::db::{self, PoolOptions};
use packguard_platform::model::{KeyId, Scope};
use packguard_platform::queue::Queue;
use packguard_platform::serve::{self, Behind, Bounds};
use packguard_platform::storage::Storage;
use packguard_platform::telemetry::Metrics;
use reqwest::{Method, RequestBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::cluster::{Database, cluster};
use super::proxy::Proxy;
use super::s3::{self, LocalS3};
use super::scratch::Scratch;

/// Packages per hour of each key.
pub const LIMIT: u32 = 30_000;

/// A running API.
pub struct Lab {
    /// What its handlers work with.
    pub app: Arc<App>,
    /// Where it listens.
    pub address: SocketAddr,
    /// A client.
    pub client: reqwest::Client,
    /// How it was configured.
    pub environment: Environment,
    /// The same, to start other roles with.
    pub variables: Vec<(&'static str, String)>,
    /// `storage/` in it is the storage, where that is a folder.
    pub folder: Scratch,
    /// Before the servers, of [`Lab::breakable`].
    pub proxies: Option<Proxies>,
    /// Its database.
    pub database: Database,
    stop: CancellationToken,
    served: Option<tokio::task::JoinHandle<()>>,
    /// Its storage, where that is an S3 server.
    pub storage: Option<LocalS3>,
    _stop: DropGuard,
}

/// Between the API and its servers.
pub struct Proxies {
    /// Before Postgres.
    pub database: Proxy,
    /// Before Redis.
    pub queue: Proxy,
    /// Before the S3 server.
    pub storage: Proxy,
}

impl Lab {
    /// Files as storage, and settings for tests.
    pub async fn start() -> Self {
        Self::with(&[], |_| ()).await
    }

    /// With settings of these names, and then changed at will.
    pub async fn with(
        settings: &[(&'static str, &str)],
        change: impl FnOnce(&mut ServeSettings),
    ) -> Self {
        let folder = Scratch::new();
        let (database, queue) = (database().await, cluster().await.queue());
        let mut environment = vec![
            ("DATABASE_URL", database.url.clone()),
            ("REDIS_URL", queue.url),
            ("QUEUE_NAME", queue.name),
            (
                "STORAGE_URL",
                format!("file://{}", folder.join("storage").display()),
            ),
        ];
        environment.extend(
            settings
                .iter()
                .map(|(name, value)| (*name, (*value).into())),
        );
        let parts = (folder, database, None, None);
        Self::run(environment, change, parts).await
    }

    /// S3 as storage, and a proxy before each server.
    pub async fn breakable(settings: &[(&'static str, &str)]) -> Self {
        let (database, cluster) = (database().await, cluster().await);
        let (queue, storage) = (cluster.queue(), s3::local().await);
        let target = storage.bucket.endpoint.trim_start_matches("http://");
        let proxies = Proxies {
            database: Proxy::local(cluster.postgres().port()).await,
            queue: Proxy::local(cluster.redis().port()).await,
            storage: Proxy::start(target.parse().expect("an address")).await,
        };
        let bucket = &storage.bucket;
        let mut environment = vec![
            ("DATABASE_URL", proxies.database.url(&database.url)),
            ("REDIS_URL", proxies.queue.url(&queue.url)),
            ("QUEUE_NAME", queue.name),
            ("STORAGE_URL", format!("s3://{}", bucket.bucket)),
            ("STORAGE_ENDPOINT", proxies.storage.url(&bucket.endpoint)),
            ("STORAGE_REGION", bucket.region.clone()),
            ("STORAGE_ACCESS_KEY_ID", bucket.access_key.clone()),
            ("STORAGE_SECRET_ACCESS_KEY", bucket.secret_key.clone()),
        ];
        environment.extend(
            settings
                .iter()
                .map(|(name, value)| (*name, (*value).into())),
        );
        let parts = (Scratch::new(), database, Some(proxies), Some(storage));
        Self::run(environment, |_| (), parts).await
    }

    /// S3 as storage, with settings of these names, and then changed at will.
    pub async fn on_s3(
        settings: &[(&'static str, &str)],
        change: impl FnOnce(&mut ServeSettings),
    ) -> Self {
        let (database, queue) = (database().await, cluster().await.queue());
        let storage = s3::local().await;
        let bucket = &storage.bucket;
        let mut environment = vec![
            ("DATABASE_URL", database.url.clone()),
            ("REDIS_URL", queue.url),
            ("QUEUE_NAME", queue.name),
            ("STORAGE_URL", format!("s3://{}", bucket.bucket)),
            ("STORAGE_ENDPOINT", bucket.endpoint.clone()),
            ("STORAGE_REGION", bucket.region.clone()),
            ("STORAGE_ACCESS_KEY_ID", bucket.access_key.clone()),
            ("STORAGE_SECRET_ACCESS_KEY", bucket.secret_key.clone()),
        ];
        environment.extend(
            settings
                .iter()
                .map(|(name, value)| (*name, (*value).into())),
        );
        let parts = (Scratch::new(), database, None, Some(storage));
        Self::run(environment, change, parts).await
    }

    async fn run(
        environment: Vec<(&'static str, String)>,
        change: impl FnOnce(&mut ServeSettings),
        (folder, database, proxies, storage): (Scratch, Database, Option<Proxies>, Option<LocalS3>),
    ) -> Self {
        // Quick ends; all else as users have it.
        let ours = [("GRACE_PERIOD", "5s".to_owned())];
        let variables: Vec<_> = ours.into_iter().chain(environment).collect();
        let environment = Environment::new(variables.clone());
        let resolved = config::resolve(&Flags::default(), &environment);
        let mut settings: ServeSettings = resolved.unwrap_or_else(|error| panic!("{error}"));
        change(&mut settings);
        let config = &settings.database;
        let options = PoolOptions {
            size: config.pool_size,
            acquire: config.acquire_timeout,
            statement: config.statement_timeout,
        };
        let queue = Queue::connect(&settings.redis.queue_config()).await;
        let behind = Behind {
            db: db::open(config.url.expose(), &options).expect("a pool"),
            queue: queue.expect("a queue"),
            storage: Storage::open(&settings.storage).expect("a storage"),
            metrics: Metrics::new("test"),
        };
        let app = serve::app(&settings, behind).expect("an API");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let (listening, until) = (Arc::clone(&app), stop.clone());
        tokio::spawn(async move { listening.keys.listen(until).await });
        let bounds = Bounds::new(&settings.serve, settings.tasks.grace_period);
        let served = serve::serve(listener, Arc::clone(&app), bounds, stop.clone());
        let client = reqwest::Client::builder()
            .no_proxy()
            // Tests look at what was sent.
            .no_gzip()
            .redirect(reqwest::redirect::Policy::none());
        let lab = Self {
            served: Some(tokio::spawn(served)),
            client: client.build().expect("a client"),
            _stop: stop.clone().drop_guard(),
            app,
            address,
            environment,
            variables,
            folder,
            proxies,
            database,
            stop,
            storage,
        };
        lab.app.hub.connected().await;
        lab
    }

    /// Makes a key.
    pub async fn key(&self, name: &str, scopes: &[Scope]) -> (KeyId, String) {
        let secret = Secret::new().expect("randomness");
        let new = NewKey {
            name,
            prefix: &secret.prefix,
            sha256: secret.sha256(),
            scopes,
            rate_limit: i32::try_from(LIMIT).expect("small"),
        };
        let mut transaction = self.app.db.begin().await.expect("a transaction");
        let row = keys::create(&mut transaction, &new).await.expect("a key");
        transaction.commit().await.expect("a commit");
        (row.id, secret.text)
    }

    /// A request without a key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(method, url)
    }

    /// Sends raw bytes, and gives what comes until the server closes.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let stream = TcpStream::connect(self.address).await;
        let mut stream = stream.expect("a connection");
        stream.write_all(bytes).await.expect("sent");
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(20), read).await;
        read.expect("the server closes").expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Ends the API as SIGTERM does.
    pub async fn end(mut self) {
        self.stop.cancel();
        // Its idle connections, too.
        self.client = reqwest::Client::new();
        let served = self.served.take().expect("it ends once");
        let ended = tokio::time::timeout(Duration::from_secs(10), served).await;
        ended.expect("it ends in time").expect("it does not panic");
    }
}

/// A database with the schema, and nothing else.
pub async fn database() -> Database {
    let migrate = async |url: &str| {
        let options = PoolOptions {
            size: 2,
            acquire: Duration::from_secs(20),
            statement: None,
        };
        let pool = db::open(url, &options)?;
        db::migrate(&pool).await?;
        pool.close().await;
        Ok(())
    };
    cluster().await.database("platform", migrate).await
}
