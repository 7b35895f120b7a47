//! Webhooks against a receiver that behaves, and ones that don't.

use std::collections::BTreeMap;
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
use packguard_platform::db::audit;
use packguard_platform::db::claims::{self, Claim, Held};
use packguard_platform::db::deliveries;
use packguard_platform::db::keys::{self, NewKey};
use packguard_platform::db::reports::{self, NewReport};
use packguard_platform::db::webhooks::{self, Change, DeliveryRow, NewWebhook, WebhookRow};
use packguard_platform::model::{KeyId, Scope, TaskId};
use packguard_platform::telemetry::Metrics;
use packguard_platform::webhooks::{EVENTS, Secret};
use packguard_tests::harness::cluster::Database;
use packguard_tests::harness::lab;
use serde_json::Value;
use sha2::Sha256;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A request that arrived.
#[derive(Clone)]
struct Arrived {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

type Arrivals = Arc<Mutex<Vec<Arrived>>>;

/// Does to each path what the path says.
async fn receive(
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
struct World {
    db: PgPool,
    key: KeyId,
    at: String,
    arrivals: Arrivals,
    stop: CancellationToken,
    deliverer: Option<JoinHandle<()>>,
    config: WebhookConfig,
    _database: Database,
}

impl World {
    async fn new(attempts: u32) -> Self {
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

    fn start(&mut self) {
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

    async fn webhook(&self, url: &str) -> (WebhookRow, String) {
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

    async fn to(&self, path: &str) -> (WebhookRow, String) {
        self.webhook(&format!("{}{path}", self.at)).await
    }

    async fn test(&self, webhook: i64) -> DeliveryRow {
        let mut transaction = self.db.begin().await.unwrap();
        let row = deliveries::test(&mut transaction, webhook, 100)
            .await
            .unwrap()
            .unwrap();
        transaction.commit().await.unwrap();
        row
    }

    /// A test's delivery, once `done` says that it is as it ought to be.
    async fn until(
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
    async fn hurry(&self) {
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

    fn arrived(&self, path: &str) -> Vec<Arrived> {
        let all = self.arrivals.lock().unwrap();
        all.iter().filter(|one| one.path == path).cloned().collect()
    }

    async fn task(&self, purl: &str) -> TaskId {
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

    async fn claim(&self, task: TaskId) -> Held {
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

    async fn end(mut self) {
        self.stop.cancel();
        let ended = self.deliverer.take().unwrap();
        tokio::time::timeout(LIMIT, ended)
            .await
            .expect("it ends")
            .unwrap();
        self.db.close().await;
    }
}

fn header<'a>(arrived: &'a Arrived, name: &str) -> &'a str {
    arrived.headers[name].to_str().unwrap()
}

/// What a receiver does: written from the specification, not from our code.
fn signature(secret: &str, arrived: &Arrived) -> String {
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

#[tokio::test]
async fn a_completed_task_is_told_at_once_and_signed() {
    let world = World::new(8).await;
    let (webhook, secret) = world.to("/ok").await;
    reports::register_set(&world.db, &[9; 32], &serde_json::json!({}))
        .await
        .unwrap();
    let task = world.task("pkg:pypi/sample@1.0").await;
    let held = world.claim(task).await;
    let report = NewReport {
        owner: None,
        purl: "pkg:pypi/sample@1.0".into(),
        ecosystem: "pypi".into(),
        full_name: "sample".into(),
        version: Some("1.0".into()),
        verdict: "malicious".into(),
        score: 97,
        findings: 3,
        sha256: [2; 32],
        size_bytes: 10,
        reuse_key: [3; 32],
        analysis_set: [9; 32],
    };
    claims::complete(&world.db, held, &report)
        .await
        .unwrap()
        .unwrap();
    let log = deliveries::page(&world.db, webhook.id, None, 10)
        .await
        .unwrap();
    let [written] = log.as_slice() else {
        panic!("{log:?}")
    };
    let row = world
        .until(webhook.id, written.id, |row| row.state == "delivered")
        .await;
    // Told by NOTIFY: well before the deliverer would have looked by itself.
    let took = row.delivered_at.unwrap() - row.created_at;
    assert!(took < chrono::TimeDelta::seconds(10), "{took}");
    assert_eq!((row.last_status, row.attempts), (Some(204), 1));

    let [arrived] = world.arrived("/ok").try_into().ok().unwrap();
    assert_eq!(header(&arrived, "webhook-id"), format!("msg_{}", row.id));
    assert_eq!(
        header(&arrived, "webhook-signature"),
        signature(&secret, &arrived)
    );
    assert_eq!(header(&arrived, "content-type"), "application/json");
    let at: i64 = header(&arrived, "webhook-timestamp").parse().unwrap();
    assert!((chrono::Utc::now().timestamp() - at).abs() < 60);
    let mut body: Value = serde_json::from_slice(&arrived.body).unwrap();
    assert!(body["delivered_at"].take().is_string());
    let told = serde_json::json!({
        "event": "task.completed", "webhook_id": webhook.id, "delivered_at": null,
        "task": {
            "id": task, "purl": "pkg:pypi/sample@1.0", "status": "completed", "verdict": "malicious",
            "score": 97, "error_category": null, "error_message": null,
            "status_url": format!("/api/v1/task/{task}/"),
            "report_url": format!("/api/v1/task/{task}/report/"),
        },
    });
    assert_eq!(body, told);
    world.end().await;
}

#[tokio::test]
async fn while_a_secret_is_rotated_both_sign() {
    let world = World::new(8).await;
    let (webhook, old) = world.to("/ok").await;
    let new = Secret::random().unwrap().expose();
    let rotate = async |overlap: u64| {
        let mut transaction = world.db.begin().await.unwrap();
        let overlap = Duration::from_secs(overlap);
        let row = webhooks::rotate(&mut transaction, webhook.id, None, &new, overlap).await;
        transaction.commit().await.unwrap();
        row.unwrap().unwrap()
    };
    assert!(rotate(3600).await.previous_secret_expires_at.is_some());
    let row = world.test(webhook.id).await;
    world
        .until(webhook.id, row.id, |row| row.state == "delivered")
        .await;
    let both = world.arrived("/ok").pop().unwrap();
    let expected = format!("{} {}", signature(&new, &both), signature(&old, &both));
    assert_eq!(header(&both, "webhook-signature"), expected);
    assert!(rotate(0).await.previous_secret_expires_at.is_none());
    let row = world.test(webhook.id).await;
    world
        .until(webhook.id, row.id, |row| row.state == "delivered")
        .await;
    let one = world.arrived("/ok").pop().unwrap();
    assert_eq!(header(&one, "webhook-signature"), signature(&new, &one));
    let body: Value = serde_json::from_slice(&one.body).unwrap();
    assert_eq!(
        (&body["event"], &body["task"]),
        (&"webhook.test".into(), &Value::Null)
    );
    world.end().await;
}

#[tokio::test]
async fn what_failed_is_tried_again_under_the_same_id() {
    let world = World::new(8).await;
    let (webhook, secret) = world.to("/flaky").await;
    let row = world.test(webhook.id).await;
    let failed = world
        .until(webhook.id, row.id, |row| row.last_status == Some(500))
        .await;
    assert_eq!((failed.state.as_str(), failed.attempts), ("pending", 1));
    assert!(
        failed
            .last_error
            .unwrap()
            .contains("500 Internal Server Error")
    );
    let pause = failed.next_attempt_at.unwrap() - failed.last_attempt_at.unwrap();
    assert!((9..15).contains(&pause.num_seconds()), "{pause}");
    world.hurry().await;
    let row = world
        .until(webhook.id, row.id, |row| row.state == "delivered")
        .await;
    assert_eq!((row.attempts, row.last_error), (2, None));
    let [first, second] = world.arrived("/flaky").try_into().ok().unwrap();
    assert_eq!(header(&first, "webhook-id"), header(&second, "webhook-id"));
    assert_eq!(
        header(&second, "webhook-signature"),
        signature(&secret, &second)
    );
    world.end().await;
}

#[tokio::test]
async fn receivers_that_misbehave_are_logged_and_delay_nobody() {
    let world = World::new(8).await;
    // A port where the connection is taken and dropped.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closing = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let mut hooks = BTreeMap::new();
    for path in ["/slow", "/redirect", "/broken", "/ok", "/endless"] {
        hooks.insert(path, world.to(path).await.0.id);
    }
    hooks.insert("closing", world.webhook(&closing).await.0.id);
    hooks.insert("nowhere", world.webhook("http://hook.invalid/").await.0.id);
    let mut sent = BTreeMap::new();
    // Far more to the slow one than may be under way at once.
    for _ in 0..20 {
        world.test(hooks["/slow"]).await;
    }
    for (name, webhook) in &hooks {
        sent.insert(*name, world.test(*webhook).await.id);
    }
    let settled = |row: &DeliveryRow| row.state == "delivered" || row.last_error.is_some();
    let ok = world.until(hooks["/ok"], sent["/ok"], settled).await;
    assert_eq!(ok.state, "delivered");
    let waited = ok.delivered_at.unwrap() - ok.created_at;
    // Behind the slow one it would be ten seconds.
    assert!(waited < chrono::TimeDelta::seconds(8), "{waited}");
    for (name, error) in [
        ("/redirect", "redirects are not followed"),
        ("closing", "the connection broke"),
        ("nowhere", "could not connect"),
        ("/broken", "503 Service Unavailable"),
    ] {
        let row = world.until(hooks[name], sent[name], settled).await;
        let said = row.last_error.unwrap();
        assert!(said.contains(error), "{name}: {said}");
        assert_eq!(row.state, "pending");
        if name == "/broken" {
            // As long as it asked for.
            let pause = row.next_attempt_at.unwrap() - row.last_attempt_at.unwrap();
            assert!(pause >= chrono::TimeDelta::seconds(3_599), "{pause}");
        }
    }
    assert!(world.arrived("/landed").is_empty());
    // Taken, whatever its answer goes on to say.
    let endless = world
        .until(hooks["/endless"], sent["/endless"], settled)
        .await;
    assert_eq!(
        (endless.state.as_str(), endless.last_status),
        ("delivered", Some(200))
    );
    let slow = world.until(hooks["/slow"], sent["/slow"], settled).await;
    let said = slow.last_error.unwrap();
    assert!(
        said.contains("too long") || said.contains("no answer"),
        "{said}"
    );
    world.end().await;
}

#[tokio::test]
async fn a_webhook_that_always_fails_is_disabled_and_says_so() {
    // One attempt each: a delivery is given up at once.
    let world = World::new(1).await;
    let (webhook, _) = world.to("/broken").await;
    for _ in 0..9 {
        let id = world.test(webhook.id).await.id;
        let row = world
            .until(webhook.id, id, |row| row.state == "failed")
            .await;
        assert_eq!(row.last_status, Some(503));
    }
    let row = webhooks::get(&world.db, webhook.id, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((row.enabled, row.failures_in_a_row), (true, 9));
    let id = world.test(webhook.id).await.id;
    world
        .until(webhook.id, id, |row| row.state == "failed")
        .await;
    let row = webhooks::get(&world.db, webhook.id, None)
        .await
        .unwrap()
        .unwrap();
    assert!(!row.enabled);
    assert_eq!(
        row.disabled_reason.unwrap(),
        "10 deliveries in a row were given up"
    );
    let subject = format!("webhook:{}", webhook.id);
    let log = audit::list(&world.db, Some(&subject), None, 10)
        .await
        .unwrap();
    let [entry] = log.as_slice() else {
        panic!("{log:?}")
    };
    assert_eq!(
        (entry.actor.as_str(), entry.action.as_str()),
        ("system:webhooks", "webhook.disable")
    );

    // Enabled again it tells again, and one success forgets the failures.
    let url = format!("{}/ok", world.at);
    let change = Change {
        url: Some(&url),
        enabled: Some(true),
        ..Change::default()
    };
    let mut transaction = world.db.begin().await.unwrap();
    let row = webhooks::update(&mut transaction, webhook.id, None, &change)
        .await
        .unwrap()
        .unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(
        (row.enabled, row.failures_in_a_row, row.disabled_reason),
        (true, 0, None)
    );
    // What was given up can be sent once more.
    let mut transaction = world.db.begin().await.unwrap();
    deliveries::retry(&mut transaction, webhook.id, id)
        .await
        .unwrap()
        .unwrap();
    transaction.commit().await.unwrap();
    let row = world
        .until(webhook.id, id, |row| row.state == "delivered")
        .await;
    assert_eq!(row.attempts, 2);

    let (gone, _) = world.to("/gone").await;
    let id = world.test(gone.id).await.id;
    world.until(gone.id, id, |row| row.state == "failed").await;
    let row = webhooks::get(&world.db, gone.id, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        row.disabled_reason.unwrap(),
        "its receiver answered 410 Gone"
    );
    world.end().await;
}

#[tokio::test]
async fn what_dies_with_its_deliverer_is_taken_by_another_after_the_lease() {
    let mut world = World::new(8).await;
    let (webhook, _) = world.to("/slow").await;
    let id = world.test(webhook.id).await.id;
    world.until(webhook.id, id, |row| row.attempts == 1).await;
    // As by SIGKILL: nothing is written down.
    let killed = world.deliverer.take().unwrap();
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    let row = world.until(webhook.id, id, |_| true).await;
    let lease = row.next_attempt_at.unwrap() - row.last_attempt_at.unwrap();
    assert_eq!((row.last_error, lease.num_seconds()), (None, 32));
    sqlx::query("UPDATE webhooks SET url = $1")
        .bind(format!("{}/ok", world.at))
        .execute(&world.db)
        .await
        .unwrap();
    world.start();
    world.hurry().await;
    let row = world
        .until(webhook.id, id, |row| row.state == "delivered")
        .await;
    assert_eq!(row.attempts, 2);
    world.end().await;
}

#[tokio::test]
async fn two_deliverers_share_the_work_and_send_nothing_twice() {
    let world = World::new(8).await;
    let sender = packguard_platform::webhooks::sender(&world.config).unwrap();
    let other = tokio::spawn(packguard_platform::webhooks::run(
        world.db.clone(),
        sender,
        Metrics::new("test"),
        world.stop.clone(),
    ));
    let (webhook, _) = world.to("/ok").await;
    let mut last = 0;
    for _ in 0..100 {
        last = world.test(webhook.id).await.id;
    }
    let counting = async {
        loop {
            let log = deliveries::page(&world.db, webhook.id, None, 200)
                .await
                .unwrap();
            if log.iter().filter(|row| row.state == "delivered").count() == 100 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, counting)
        .await
        .expect("all arrive");
    assert!(last > 0);
    assert_eq!(world.arrived("/ok").len(), 100);
    world.stop.cancel();
    tokio::time::timeout(LIMIT, other)
        .await
        .expect("it ends")
        .unwrap();
    world.end().await;
}
