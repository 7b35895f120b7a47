//! A deliverer, a database, and receivers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use packguard_platform::config::WebhookConfig;
use packguard_platform::db::claims::{self, Claim, Held};
use packguard_platform::db::deliveries;
use packguard_platform::db::keys::{self, NewKey};
use packguard_platform::db::webhooks::{self, DeliveryRow, NewWebhook, WebhookRow};
use packguard_platform::model::{KeyId, Scope, TaskId};
use packguard_platform::telemetry::Metrics;
use packguard_platform::webhooks::{EVENTS, Secret};
use packguard_tests::harness::cluster::Database;
use packguard_tests::harness::lab;
use sha2::Sha256;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const LIMIT: Duration = Duration::from_secs(60);

/// A request that arrived.
#[derive(Clone)]
pub struct Arrived {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub type Arrivals = Arc<Mutex<Vec<Arrived>>>;

/// Does to each path what the path says.
pub async fn receive(
    State(arrivals): State<Arrivals>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    let before = {
        let mut arrivals = arrivals.lock().unwrap();
        let before = arrivals.iter().filter(|one| one.path == path).count();
        arrivals.push(Arrived {
            path: path.clone(),
            headers,
            body,
        });
        before
    };
    match path.as_str() {
        "/flaky" if before == 0 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "/redirect" => (StatusCode::FOUND, [(header::LOCATION, "/landed")]).into_response(),
        "/gone" => StatusCode::GONE.into_response(),
        "/broken" => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "3600")],
        )
            .into_response(),
        "/slow" => std::future::pending().await,
        "/endless" => {
            let chunk = || Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1 << 16]));
            Body::from_stream(futures_util::stream::repeat_with(chunk)).into_response()
        }
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The database, a receiver, and a deliverer.
pub struct World {
    pub db: PgPool,
    pub key: KeyId,
    pub at: String,
    pub arrivals: Arrivals,
    pub stop: CancellationToken,
    pub deliverer: Option<JoinHandle<()>>,
    pub config: WebhookConfig,
    pub _database: Database,
}

impl World {
    pub async fn new(attempts: u32) -> Self {
        let database = lab::database().await;
        let db = PgPool::connect(&database.url).await.unwrap();
        let new = NewKey {
            name: "tests",
            prefix: "00000000",
            sha256: [1; 32],
            scopes: &[Scope::Analyze],
            rate_limit: 100,
        };
        let mut transaction = db.begin().await.unwrap();
        let key = keys::create(&mut transaction, &new).await.unwrap().id;
        transaction.commit().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let arrivals = Arrivals::default();
        let router = Router::new()
            .fallback(receive)
            .with_state(Arc::clone(&arrivals));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut world = Self {
            db,
            key,
            at,
            arrivals,
            stop: CancellationToken::new(),
            deliverer: None,
            config: WebhookConfig {
                allow_private: true,
                attempts,
                timeout: Duration::from_secs(2),
            },
            _database: database,
        };
        world.start();
        world
    }

    pub fn start(&mut self) {
        let sender = packguard_platform::webhooks::sender(&self.config).unwrap();
        self.stop = CancellationToken::new();
        let run = packguard_platform::webhooks::run(
            self.db.clone(),
            sender,
            Metrics::new("test"),
            self.stop.clone(),
        );
        self.deliverer = Some(tokio::spawn(run));
    }

    pub async fn webhook(&self, url: &str) -> (WebhookRow, String) {
        let secret = Secret::random().unwrap().expose();
        let new = NewWebhook {
            key: self.key,
            url,
            secret: &secret,
            events: &EVENTS.map(str::to_owned),
        };
        let mut transaction = self.db.begin().await.unwrap();
        let row = webhooks::create(&mut transaction, &new, 10)
            .await
            .unwrap()
            .unwrap();
        transaction.commit().await.unwrap();
        (row, secret)
    }

    pub async fn to(&self, path: &str) -> (WebhookRow, String) {
        self.webhook(&format!("{}{path}", self.at)).await
    }

    pub async fn test(&self, webhook: i64) -> DeliveryRow {
        let mut transaction = self.db.begin().await.unwrap();
        let row = deliveries::test(&mut transaction, webhook, 100)
            .await
            .unwrap()
            .unwrap();
        transaction.commit().await.unwrap();
        row
    }

    /// A test's delivery, once `done` says that it is as it ought to be.
    pub async fn until(
        &self,
        webhook: i64,
        id: i64,
        done: impl Fn(&DeliveryRow) -> bool,
    ) -> DeliveryRow {
        let looking = async {
            loop {
                let page = deliveries::page(&self.db, webhook, Some(id + 1), 1)
                    .await
                    .unwrap();
                if let Some(row) = page.into_iter().find(|row| row.id == id && done(row)) {
                    return row;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LIMIT, looking)
            .await
            .expect("the delivery gets there")
    }

    /// Makes what is pending due now, as if the pause had passed.
    pub async fn hurry(&self) {
        let mut transaction = self.db.begin().await.unwrap();
        sqlx::query("UPDATE webhook_deliveries SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
            .execute(&mut *transaction)
            .await
            .unwrap();
        sqlx::query("SELECT pg_notify('webhook_due', '')")
            .execute(&mut *transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
    }

    pub fn arrived(&self, path: &str) -> Vec<Arrived> {
        let all = self.arrivals.lock().unwrap();
        all.iter().filter(|one| one.path == path).cloned().collect()
    }

    pub async fn task(&self, purl: &str) -> TaskId {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO tasks (key_id, purl, requested_purl, ecosystem, name, priority, status,
                timeout_seconds, max_attempts)
             VALUES ($1, $2, $2, 'pypi', 'sample', 0, 'queued', 60, 3) RETURNING id",
        )
        .bind(self.key.0)
        .bind(purl)
        .fetch_one(&self.db)
        .await
        .unwrap();
        TaskId(id)
    }

    pub async fn claim(&self, task: TaskId) -> Held {
        match claims::claim(&self.db, "worker", &[task])
            .await
            .unwrap()
            .pop()
        {
            Some(Claim::Run(claimed)) => Held {
                task,
                fence: claimed.fence,
            },
            other => panic!("{other:?}"),
        }
    }

    pub async fn end(mut self) {
        self.stop.cancel();
        let ended = self.deliverer.take().unwrap();
        tokio::time::timeout(LIMIT, ended)
            .await
            .expect("it ends")
            .unwrap();
        self.db.close().await;
    }
}

pub fn header<'a>(arrived: &'a Arrived, name: &str) -> &'a str {
    arrived.headers[name].to_str().unwrap()
}

/// What a receiver does: written from the specification, not from our code.
pub fn signature(secret: &str, arrived: &Arrived) -> String {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, at) = (
        header(arrived, "webhook-id"),
        header(arrived, "webhook-timestamp"),
    );
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(&arrived.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
