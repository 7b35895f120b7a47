//! The API's contract (docs: `platform/openapi.json`) against the real router on a real
//! socket, with real Postgres and Redis: every row, and every way to get it wrong.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use packguard_platform::api::App;
use packguard_platform::api::keys::Secret;
use packguard_platform::config::{Environment, Flags, Place, ServeSettings, StorageConfig};
use packguard_platform::db::claims::{self, Claim, End, Held, TaskError};
use packguard_platform::db::reports::NewReport;
use packguard_platform::db::{self, keys as db_keys};
use packguard_platform::model::{ErrorCategory, KeyId, Scope, TaskId};
use packguard_platform::queue::wakeups::{self, Topic};
use packguard_platform::queue::{Queue, QueueConfig};
use packguard_platform::serve::{self, Behind, Bounds};
use packguard_platform::storage::Storage;
use packguard_platform::telemetry::Metrics;
use packguard_tests::harness::cluster::{Database, cluster};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A whole API of one test.
struct Lab {
    app: Arc<App>,
    address: SocketAddr,
    client: reqwest::Client,
    /// Of an ordinary client, another one, and an admin.
    key: String,
    other: String,
    admin: String,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<()>,
    _database: Database,
}

impl Lab {
    async fn start() -> Self {
        let servers = cluster().await;
        let database = servers
            .database("api_contract", async |url: &str| {
                let pool = sqlx::PgPool::connect(url).await?;
                db::migrate(&pool).await?;
                pool.close().await;
                Ok(())
            })
            .await;
        let queue = servers.queue();
        let environment = Environment::new([
            ("DATABASE_URL", database.url.as_str()),
            ("REDIS_URL", queue.url.as_str()),
            ("QUEUE_NAME", queue.name.as_str()),
            ("STORAGE_URL", "file:///nowhere"),
            ("REQUEST_TIMEOUT", "6s"),
            ("HEADER_TIMEOUT", "1s"),
            ("GRACE_PERIOD", "5s"),
        ]);
        let mut settings: ServeSettings =
            packguard_platform::config::resolve(&Flags::default(), &environment).unwrap();
        settings.storage = StorageConfig::at(Place::Memory);
        let mut config = QueueConfig::new(queue.url);
        config.name = queue.name;
        let behind = Behind {
            db: sqlx::PgPool::connect(&database.url).await.unwrap(),
            queue: Queue::connect(&config).await.unwrap(),
            storage: Storage::open(&settings.storage).unwrap(),
            metrics: Metrics::new("test"),
        };
        let app = serve::app(&settings, behind).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let listening = Arc::clone(&app);
        let until = stop.clone();
        tokio::spawn(async move { listening.keys.listen(until).await });
        let bounds = Bounds::new(&settings.serve, settings.tasks.grace_period);
        let served = tokio::spawn(serve::serve(
            listener,
            Arc::clone(&app),
            bounds,
            stop.clone(),
        ));
        app.hub.connected().await;
        let client = [Scope::Analyze, Scope::Read];
        Self {
            key: key(&app, &client).await.0,
            other: key(&app, &client).await.0,
            admin: key(&app, &[Scope::Admin]).await.0,
            client: reqwest::Client::new(),
            app,
            address,
            stop,
            served,
            _database: database,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path).bearer_auth(&self.key)
    }

    fn analyze(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(Method::POST, "/api/v1/analyze/")
            .bearer_auth(&self.key)
            .header("content-type", "application/json")
            .body(body)
    }

    async fn submit(&self, purl: &str) -> TaskId {
        let answer = self
            .analyze(json!({ "purl": purl }).to_string())
            .send()
            .await;
        let data = good(answer.unwrap(), StatusCode::ACCEPTED).await;
        TaskId(data["task_id"].as_i64().unwrap())
    }

    async fn claim(&self, task: TaskId) -> Held {
        let leases = self
            .app
            .queue
            .claim("contract", 100, Duration::from_secs(60))
            .await
            .unwrap();
        assert!(leases.leases.iter().any(|lease| lease.task == task));
        let claims = claims::claim(&self.app.db, "contract", &[task])
            .await
            .unwrap();
        let Some(Claim::Run(claimed)) = claims.first() else {
            panic!("{claims:?}")
        };
        Held {
            task,
            fence: claimed.fence,
        }
    }

    async fn complete(&self, held: Held, purl: &str, report: &[u8]) {
        let stored = self
            .app
            .storage
            .put_report(report.to_vec().into())
            .await
            .unwrap();
        db::reports::register_set(&self.app.db, &[7; 32], &json!({}))
            .await
            .unwrap();
        let mut sha256 = [0; 32];
        hex::decode_to_slice(stored.key.digest(), &mut sha256).unwrap();
        let report = NewReport {
            owner: None,
            purl: purl.into(),
            ecosystem: "npm".into(),
            full_name: "a".into(),
            version: Some("1.0.0".into()),
            verdict: "clean".into(),
            score: 0,
            findings: 0,
            sha256,
            size_bytes: i64::try_from(stored.size).unwrap(),
            reuse_key: sha256,
            analysis_set: [7; 32],
        };
        claims::complete(&self.app.db, held, &report)
            .await
            .unwrap()
            .unwrap();
        wakeups::publish(&self.app.queue, Topic::Events, held.task)
            .await
            .unwrap();
    }

    /// How many tasks there are: what was refused must have written none.
    async fn tasks(&self) -> i64 {
        db::tasks::count(&self.app.db, None, None).await.unwrap()
    }

    /// Sends raw bytes, and gives what comes until the server closes.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(Duration::from_secs(20), read)
            .await
            .unwrap()
            .unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn end(self) {
        self.stop.cancel();
        drop(self.client);
        tokio::time::timeout(Duration::from_secs(10), self.served)
            .await
            .unwrap()
            .unwrap();
    }
}

async fn key(app: &App, scopes: &[Scope]) -> (String, KeyId) {
    let secret = Secret::new().unwrap();
    let new = db_keys::NewKey {
        name: "contract",
        prefix: &secret.prefix,
        sha256: secret.sha256(),
        scopes,
        rate_limit: 1_000,
    };
    let mut transaction = app.db.begin().await.unwrap();
    let row = db_keys::create(&mut transaction, &new).await.unwrap();
    transaction.commit().await.unwrap();
    (secret.text, row.id)
}

/// The data of a success in its envelope.
async fn good(answer: Response, status: StatusCode) -> Value {
    let (got, id) = (answer.status(), header(&answer, "x-request-id"));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(got, status, "{body}");
    assert_eq!(body["success"], true, "{body}");
    assert_eq!(body["request_id"], id.as_str());
    body["data"].clone()
}

/// An error in its envelope.
async fn bad(answer: Response, status: u16, code: &str) -> Value {
    let (got, id) = (answer.status(), header(&answer, "x-request-id"));
    assert_eq!(header(&answer, "content-type"), "application/json");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(got.as_u16(), status, "{body}");
    assert_eq!(body["success"], false, "{body}");
    assert_eq!(body["code"], code, "{body}");
    assert!(!body["message"].as_str().unwrap().is_empty());
    assert_eq!(body["request_id"], id.as_str());
    body
}

fn header(answer: &Response, name: &str) -> String {
    let value = answer
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_from_submission_to_report() {
    let lab = Lab::start().await;
    let answer = lab
        .analyze(r#"{"purl":"pkg:npm/a@1.0.0","priority":5}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "x-ratelimit-limit"), "1000");
    assert_eq!(header(&answer, "x-ratelimit-remaining"), "999");
    let data = good(answer, StatusCode::ACCEPTED).await;
    let task = TaskId(data["task_id"].as_i64().unwrap());
    assert_eq!(
        (&data["status"], &data["queue_position"]),
        (&json!("queued"), &json!(1))
    );
    let again = lab
        .analyze(r#"{"purl":"pkg:npm/a@1.0.0"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(good(again, StatusCode::OK).await["task_id"], task.0);

    let path = format!("/api/v1/task/{task}");
    let view = good(lab.get(&path).send().await.unwrap(), StatusCode::OK).await;
    for field in [
        "task_id",
        "purl",
        "status",
        "created_at",
        "queued_at",
        "started_at",
        "completed_at",
        "package_name",
        "package_version",
        "ecosystem",
        "priority",
        "queue_position",
        "timeout_minutes",
        "remaining_time_minutes",
        "is_timed_out",
        "last_heartbeat",
        "error_message",
        "error_category",
        "error_details",
        "result_url",
        "download_url",
        "report_metadata",
        "attempts",
        "verdict",
        "score",
        "cancel_requested_at",
    ] {
        assert!(view.get(field).is_some(), "{field} is missing in {view}");
    }
    assert_eq!(view["timeout_minutes"], 30);
    let report = format!("{path}/report/");
    bad(
        lab.get(&report).send().await.unwrap(),
        404,
        "report_not_ready",
    )
    .await;
    let status = good(
        lab.get("/api/v1/queue/status/").send().await.unwrap(),
        StatusCode::OK,
    )
    .await;
    assert_eq!(
        status,
        json!({"queue_length": 1, "running_tasks": 0, "queued_tasks": 1})
    );

    let held = lab.claim(task).await;
    let place = good(
        lab.get(&format!("{path}/queue/")).send().await.unwrap(),
        StatusCode::OK,
    )
    .await;
    assert_eq!(place["position"], 0);
    lab.complete(held, "pkg:npm/a@1.0.0", br#"{"schema_version":"1.0"}"#)
        .await;
    let view = good(lab.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(view["report_metadata"]["filename"], "npm-a-1.0.0.json");
    assert_eq!(view["report_metadata"]["size_bytes"], 24);

    let answer = lab.get(&report).send().await.unwrap();
    let tag = header(&answer, "etag");
    assert_eq!(
        header(&answer, "content-disposition"),
        "attachment; filename=\"npm-a-1.0.0.json\""
    );
    assert_eq!(
        answer.bytes().await.unwrap().as_ref(),
        br#"{"schema_version":"1.0"}"#
    );
    let same = lab
        .get(&report)
        .header("if-none-match", &tag)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (same.status(), header(&same, "etag")),
        (StatusCode::NOT_MODIFIED, tag)
    );
    let head = lab
        .request(Method::HEAD, &report)
        .bearer_auth(&lab.key)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (head.status(), header(&head, "content-length")),
        (StatusCode::OK, "24".into())
    );
    let html = lab
        .get(&report)
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    bad(html, 406, "not_acceptable").await;
    bad(
        lab.get(&format!("{report}?format=pdf"))
            .send()
            .await
            .unwrap(),
        422,
        "invalid_request",
    )
    .await;

    let cached = lab
        .analyze(r#"{"purl":"pkg:npm/a@1.0.0"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(good(cached, StatusCode::OK).await["cached"], true);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_as_they_happen_and_go_on_where_they_broke() {
    let lab = Lab::start().await;
    let task = lab.submit("pkg:npm/b@1").await;
    let path = format!("/api/v1/task/{task}/events/");
    let streaming = lab.get(&path).send().await.unwrap();
    assert_eq!(header(&streaming, "content-type"), "text/event-stream");
    let held = lab.claim(task).await;
    let error = TaskError {
        category: ErrorCategory::FetchError,
        message: "no".into(),
        details: json!({}),
    };
    assert!(
        claims::end(&lab.app.db, held, End::Failed, Some(&error))
            .await
            .unwrap()
    );
    wakeups::publish(&lab.app.queue, Topic::Events, task)
        .await
        .unwrap();
    let text = tokio::time::timeout(Duration::from_secs(15), streaming.text())
        .await
        .unwrap()
        .unwrap();
    let ids: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect();
    assert_eq!(ids, ["1", "2", "3", "4"], "{text}");
    assert!(
        text.contains("retry: 3000") && text.contains("event: failed"),
        "{text}"
    );

    let rest = lab
        .get(&path)
        .header("last-event-id", "3")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(rest.contains("id: 4") && !rest.contains("id: 3"), "{rest}");
    let over = lab
        .get(&format!("{path}?last_event_id=4"))
        .send()
        .await
        .unwrap();
    assert_eq!(over.status(), StatusCode::NO_CONTENT);
    for id in ["-1", "x", "99", "99999999999", ""] {
        bad(
            lab.get(&path)
                .header("last-event-id", id)
                .send()
                .await
                .unwrap(),
            422,
            "invalid_request",
        )
        .await;
    }
    let other = lab.request(Method::GET, &path).bearer_auth(&lab.other);
    bad(other.send().await.unwrap(), 404, "not_found").await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_in_every_state() {
    let lab = Lab::start().await;
    let cancel = async |task: TaskId, key: &str| {
        let path = format!("/api/v1/task/{task}/");
        lab.request(Method::DELETE, &path)
            .bearer_auth(key)
            .send()
            .await
            .unwrap()
    };
    let (waiting, running) = (
        lab.submit("pkg:npm/c@1").await,
        lab.submit("pkg:npm/d@1").await,
    );
    bad(cancel(waiting, &lab.other).await, 404, "not_found").await;
    assert_eq!(
        good(cancel(waiting, &lab.key).await, StatusCode::OK).await["status"],
        "cancelled"
    );
    bad(cancel(waiting, &lab.key).await, 409, "task_over").await;
    lab.claim(running).await;
    for _ in 0..2 {
        good(cancel(running, &lab.key).await, StatusCode::ACCEPTED).await;
    }
    bad(cancel(TaskId(999_999), &lab.key).await, 404, "not_found").await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_number_and_by_cursor() {
    let lab = Lab::start().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(lab.submit(&format!("pkg:npm/page-{n}@1")).await.0);
    }
    let mut seen = Vec::new();
    let mut next = Some(String::from("/api/v1/reports/?page_size=2&status=queued"));
    while let Some(path) = next {
        let page = good(lab.get(&path).send().await.unwrap(), StatusCode::OK).await;
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["task_id"].as_i64().unwrap()),
        );
        next = page["next"].as_str().map(str::to_owned);
    }
    ids.reverse();
    assert_eq!(seen, ids);
    let second = lab
        .get("/api/v1/reports/?page=2&page_size=2")
        .send()
        .await
        .unwrap();
    assert!(header(&second, "link").ends_with("rel=\"next\""));
    let second = good(second, StatusCode::OK).await;
    assert_eq!(
        (&second["total"], &second["items"][0]["task_id"]),
        (&json!(5), &json!(ids[2]))
    );
    for query in [
        "page=0",
        "page=x",
        "page_size=101",
        "page_size=0",
        "status=lost",
        "page=1&page=2",
        "colour=red",
        "page=101&page_size=100",
        "cursor=0",
        "cursor=1&page=1",
    ] {
        let answer = lab
            .get(&format!("/api/v1/reports/?{query}"))
            .send()
            .await
            .unwrap();
        bad(answer, 422, "invalid_request").await;
    }
    let other = lab
        .request(Method::GET, "/api/v1/reports/")
        .bearer_auth(&lab.other);
    assert_eq!(
        good(other.send().await.unwrap(), StatusCode::OK).await["items"],
        json!([])
    );
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_make_no_sense_are_refused_and_write_nothing() {
    let lab = Lab::start().await;
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let deep_field = format!(r#"{{"purl":{}"#, "[".repeat(500));
    let long = json!({ "purl": format!("pkg:npm/{}@1", "a".repeat(5_000)) }).to_string();
    let invalid = [
        "{}",
        r#"{"purl":5}"#,
        r#"{"purl":null}"#,
        r#"{"purl":"nonsense"}"#,
        r#"{"purl":"pkg:cobol/a@1"}"#,
        r#"{"purl":"pkg:npm/a@1","priority":101}"#,
        r#"{"purl":"pkg:npm/a@1","priority":-1}"#,
        r#"{"purl":"pkg:npm/a@1","priority":"high"}"#,
        r#"{"purl":"pkg:npm/a@1","priority":99999999999999999999}"#,
        r#"{"purl":"pkg:npm/a@1","colour":1}"#,
        r#"{"purl":"pkg:npm/a@1","purl":"pkg:npm/b@1"}"#,
        r#"["pkg:npm/a@1"]"#,
        r#""pkg:npm/a@1""#,
        "null",
        r#"{"purl":"pkg:npm/a%00b@1"}"#,
        r#"{"purl":"pkg:npm/a\u0000@1"}"#,
        r#"{"purl":""}"#,
        &long,
        &deep,
        &deep_field,
    ];
    for body in invalid {
        bad(
            lab.analyze(body.to_owned()).send().await.unwrap(),
            422,
            "invalid_request",
        )
        .await;
    }
    for body in ["", "{", r#"{"purl":"pkg:npm/a@1"}x"#] {
        bad(
            lab.analyze(body.to_owned()).send().await.unwrap(),
            400,
            "bad_request",
        )
        .await;
    }
    bad(
        lab.analyze(b"{\"purl\":\"\xff\"}".to_vec())
            .send()
            .await
            .unwrap(),
        400,
        "bad_request",
    )
    .await;
    let huge = format!("{{\"purl\":\"{}\"}}", "a".repeat(100_000));
    bad(
        lab.analyze(huge).send().await.unwrap(),
        413,
        "payload_too_large",
    )
    .await;
    let post = || {
        lab.request(Method::POST, "/api/v1/analyze/")
            .bearer_auth(&lab.key)
            .body("{}")
    };
    bad(post().send().await.unwrap(), 415, "unsupported_media_type").await;
    bad(
        post()
            .header("content-type", "text/plain")
            .send()
            .await
            .unwrap(),
        415,
        "unsupported_media_type",
    )
    .await;
    let coded = lab.analyze("{}").header("content-encoding", "gzip");
    bad(coded.send().await.unwrap(), 415, "unsupported_media_type").await;
    let html = lab
        .analyze(r#"{"purl":"pkg:npm/a@1"}"#)
        .header("accept", "text/html");
    bad(html.send().await.unwrap(), 406, "not_acceptable").await;
    for id in ["", "with space", &"a".repeat(256)] {
        let request = lab
            .analyze(r#"{"purl":"pkg:npm/a@1"}"#)
            .header("x-idempotency-key", id);
        bad(request.send().await.unwrap(), 422, "invalid_request").await;
    }
    assert_eq!(lab.tasks().await, 0);
    let once = |body: &'static str| lab.analyze(body).header("x-idempotency-key", "k1").send();
    let first = good(
        once(r#"{"purl":"pkg:npm/a@1"}"#).await.unwrap(),
        StatusCode::ACCEPTED,
    )
    .await;
    let again = good(
        once(r#"{"purl":"pkg:npm/a@1"}"#).await.unwrap(),
        StatusCode::OK,
    )
    .await;
    assert_eq!(first["task_id"], again["task_id"]);
    bad(
        once(r#"{"purl":"pkg:npm/b@1"}"#).await.unwrap(),
        409,
        "idempotency_conflict",
    )
    .await;
    // The longest purl that is taken, of bytes that no compression helps with.
    let noise: String = (0..3_900)
        .map(|_| fastrand::alphanumeric().to_ascii_lowercase())
        .collect();
    let answer = lab
        .analyze(json!({ "purl": format!("pkg:npm/{noise}@1") }).to_string())
        .send()
        .await
        .unwrap();
    assert!(
        !answer.status().is_server_error(),
        "{}",
        answer.text().await.unwrap()
    );
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_routes_methods_and_sockets() {
    let lab = Lab::start().await;
    let path = "/api/v1/queue/status/";
    let with = |key: &str| lab.request(Method::GET, path).header("x-api-key", key);
    good(with(&lab.key).send().await.unwrap(), StatusCode::OK).await;
    bad(
        lab.request(Method::GET, path).send().await.unwrap(),
        401,
        "unauthorized",
    )
    .await;
    for key in ["", "wrong", &"x".repeat(300)] {
        bad(with(key).send().await.unwrap(), 401, "unauthorized").await;
    }
    let two = with(&lab.key).bearer_auth(&lab.other);
    bad(two.send().await.unwrap(), 401, "unauthorized").await;
    let (secret, id) = key(&lab.app, &[Scope::Read]).await;
    good(with(&secret).send().await.unwrap(), StatusCode::OK).await;
    bad(
        lab.analyze("{}")
            .header("x-api-key", &secret)
            .send()
            .await
            .unwrap(),
        401,
        "unauthorized",
    )
    .await;
    let scoped = lab
        .request(Method::POST, "/api/v1/timeout/check/")
        .bearer_auth(&secret);
    bad(scoped.send().await.unwrap(), 403, "forbidden").await;
    let mut transaction = lab.app.db.begin().await.unwrap();
    db_keys::revoke(&mut transaction, id).await.unwrap();
    transaction.commit().await.unwrap();
    lab.app.keys.forget(id);
    bad(with(&secret).send().await.unwrap(), 401, "unauthorized").await;

    for (method, path) in [
        (Method::POST, "/api/v1/timeout/check/"),
        (Method::GET, "/api/v1/timeout/status/"),
    ] {
        bad(
            lab.request(method.clone(), path)
                .bearer_auth(&lab.key)
                .send()
                .await
                .unwrap(),
            403,
            "forbidden",
        )
        .await;
        good(
            lab.request(method, path)
                .bearer_auth(&lab.admin)
                .send()
                .await
                .unwrap(),
            StatusCode::OK,
        )
        .await;
    }
    for path in ["/health", "/health/", "/ready/"] {
        good(
            lab.request(Method::GET, path).send().await.unwrap(),
            StatusCode::OK,
        )
        .await;
    }
    let metrics = lab.request(Method::GET, "/metrics").send().await.unwrap();
    assert!(metrics.text().await.unwrap().ends_with("# EOF\n"));
    let docs = lab.request(Method::GET, "/docs").send().await.unwrap();
    assert!(header(&docs, "content-security-policy").contains("script-src 'self'"));
    assert!(
        docs.text()
            .await
            .unwrap()
            .contains("/docs/swagger-ui-bundle.js")
    );
    let script = lab
        .request(Method::GET, "/docs/swagger-initializer.js")
        .send()
        .await
        .unwrap();
    assert!(
        script
            .text()
            .await
            .unwrap()
            .contains("/api/v1/openapi.json")
    );
    let document: Value = lab
        .request(Method::GET, "/api/v1/openapi.json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(document["paths"]["/api/v1/analyze/"]["post"].is_object());

    let wrong = lab
        .request(Method::PUT, "/api/v1/analyze/")
        .bearer_auth(&lab.key)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&wrong, "allow"), "POST");
    bad(wrong, 405, "method_not_allowed").await;
    let options = lab
        .request(Method::OPTIONS, "/health/")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (options.status(), header(&options, "allow")),
        (StatusCode::NO_CONTENT, "GET,HEAD".into())
    );
    bad(
        lab.request(Method::GET, "/nothing").send().await.unwrap(),
        404,
        "not_found",
    )
    .await;
    bad(
        lab.get("/api/v1/task/x/").send().await.unwrap(),
        422,
        "invalid_request",
    )
    .await;
    bad(
        lab.get(&format!("/{}", "a".repeat(20_000)))
            .send()
            .await
            .unwrap(),
        414,
        "uri_too_long",
    )
    .await;

    assert!(
        lab.raw(b"GET /health/ HTTP/1.1\r\nHost: a\r\n").await.len() < 200,
        "slow headers end"
    );
    assert_eq!(lab.raw(b"").await, "", "a silent connection ends");
    let slow = format!(
        "POST /api/v1/analyze/ HTTP/1.1\r\nHost: a\r\nX-API-Key: {}\r\nContent-Type: application/json\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{{",
        lab.key
    );
    let slow = lab.raw(slow.as_bytes()).await;
    assert!(
        slow.starts_with("HTTP/1.1 408 ") && slow.contains("\"code\":\"timeout\""),
        "{slow}"
    );
    let twice = lab
        .raw(b"POST /health/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
        .await;
    assert!(twice.starts_with("HTTP/1.1 400 "), "{twice}");
    let mut closing = lab.get("/ready/").send().await.unwrap();
    lab.app.service.closing.cancel();
    assert_eq!(closing.chunk().await.unwrap().is_some(), true);
    bad(lab.get("/ready/").send().await.unwrap(), 503, "not_ready").await;
    lab.end().await;
}
