//! Administration: over the API, and on the command line. Keys, dead letters, deletion, retention.

use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use packguard_platform::admin::erase::{self, Places};
use packguard_platform::admin::prune::{self, Ages, Pruned};
use packguard_platform::admin::{self, AdminCommand, AdminError, Output};
use packguard_platform::api::keys::Secret;
use packguard_platform::config::{self, AdminSettings, Flags};
use packguard_platform::db::audit::{self, Actor};
use packguard_platform::db::keys::{self, NewKey};
use packguard_platform::db::uploads;
use packguard_platform::model::{KeyId, Priority, Scope, TaskId};
use packguard_platform::queue::{Entry, Position, Queue};
use packguard_platform::storage::{AliasKey, ReportKey, Storage, StorageError};
use packguard_tests::harness::lab::Lab;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_secs(24 * 3_600);

struct World {
    db: PgPool,
    queue: Queue,
    storage: Storage,
    /// An admin's secret, and its key.
    secret: String,
    admin: KeyId,
    settings: AdminSettings,
    lab: Lab,
}

impl World {
    async fn new() -> Self {
        let lab = Lab::start().await;
        let settings = config::resolve(&Flags::default(), &lab.environment).unwrap();
        let (admin, secret) = key(&lab.app.db, &[Scope::Admin]).await;
        Self {
            db: lab.app.db.clone(),
            queue: lab.app.queue.clone(),
            storage: lab.app.storage.clone(),
            secret,
            admin,
            settings,
            lab,
        }
    }

    async fn ask(
        &self,
        secret: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let path = format!("/api/v1{path}");
        let mut request = self.lab.request(method, &path).bearer_auth(secret);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} {text}")),
        )
    }

    async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.ask(&self.secret, method, path, body).await
    }

    /// Runs `packguard admin …`; standard output and standard error.
    async fn cli(&self, line: &str) -> (Result<(), AdminError>, String, String) {
        let words = std::iter::once("admin").chain(line.split_whitespace());
        let command = Command::try_parse_from(words).unwrap().command;
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let output = Output {
            out: &mut out,
            notes: &mut notes,
        };
        let done = admin::run(command, &self.settings, output, &CancellationToken::new()).await;
        (
            done,
            String::from_utf8(out).unwrap(),
            String::from_utf8(notes).unwrap(),
        )
    }

    /// A task in this state, ended so many days ago.
    async fn task(&self, key: KeyId, purl: &str, status: &str, days: i32) -> TaskId {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO tasks (key_id, purl, requested_purl, ecosystem, name, priority, status, timeout_seconds,
                max_attempts, attempts, created_at, completed_at, dead_lettered_at, error_category, error_message,
                idempotency_key, event_seq)
             SELECT $1, $2, $2, 'pypi', 'sample', 0, $3::task_status, 60, 3, 3, at,
                CASE WHEN $3 IN ('completed', 'failed', 'cancelled') THEN at END,
                CASE WHEN $3 = 'failed' THEN at END,
                CASE WHEN $3 = 'failed' THEN 'fetch_error'::error_category END,
                CASE WHEN $3 = 'failed' THEN 'the registry is away' END, $2, 3
             FROM (SELECT now() - make_interval(days => $4) AS at) AS _ RETURNING id",
        )
        .bind(key.0)
        .bind(purl)
        .bind(status)
        .bind(days)
        .fetch_one(&self.db)
        .await
        .unwrap();
        sqlx::query(
            "INSERT INTO task_events (task_id, seq, kind, data) VALUES ($1, 3, 'running', '{}')",
        )
        .bind(id)
        .execute(&self.db)
        .await
        .unwrap();
        TaskId(id)
    }

    /// A report with its object, checked so many days ago, named by `task`.
    async fn report(
        &self,
        owner: Option<KeyId>,
        purl: &str,
        text: &str,
        days: i32,
        task: Option<TaskId>,
    ) -> ReportKey {
        let stored = self
            .storage
            .put_report(Bytes::copy_from_slice(text.as_bytes()))
            .await
            .unwrap();
        sqlx::query("INSERT INTO analysis_sets (digest, components) VALUES (sha256('a'), '{}') ON CONFLICT DO NOTHING")
            .execute(&self.db)
            .await
            .unwrap();
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO reports (owner, purl, ecosystem, full_name, version, verdict, score, findings, sha256,
                size_bytes, reuse_key, analysis_set, checked_at)
             VALUES ($1, $2, 'pypi', 'sample', '1', 'clean', 0, 0, decode($3, 'hex'), 1,
                sha256(convert_to($2 || $4::text, 'UTF8')), sha256('a'), now() - make_interval(days => $4))
             RETURNING id",
        )
        .bind(owner.map(|key| key.0))
        .bind(purl)
        .bind(stored.key.digest())
        .bind(days)
        .fetch_one(&self.db)
        .await
        .unwrap();
        if let Some(task) = task {
            sqlx::query("UPDATE tasks SET report_id = $2 WHERE id = $1")
                .bind(task.0)
                .bind(id)
                .execute(&self.db)
                .await
                .unwrap();
        }
        stored.key
    }

    async fn count(&self, table: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(statement)
            .fetch_one(&self.db)
            .await
            .unwrap()
    }

    async fn has(&self, key: &ReportKey) -> bool {
        match self.storage.get_report(key).await {
            Ok(_) => true,
            Err(StorageError::NotFound { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    async fn actions(&self, subject: &str) -> Vec<String> {
        let log = audit::list(&self.db, Some(subject), None, 100)
            .await
            .unwrap();
        log.into_iter()
            .map(|entry| format!("{} {}", entry.actor, entry.action))
            .collect()
    }
}

#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    command: AdminCommand,
}

async fn key(db: &PgPool, scopes: &[Scope]) -> (KeyId, String) {
    let secret = Secret::new().unwrap();
    let new = NewKey {
        name: "tests",
        prefix: &secret.prefix,
        sha256: secret.sha256(),
        scopes,
        rate_limit: 100,
    };
    let mut transaction = db.begin().await.unwrap();
    let row = keys::create(&mut transaction, &new).await.unwrap();
    transaction.commit().await.unwrap();
    (row.id, secret.text)
}

fn actor() -> Actor {
    Actor {
        name: "cli:tests".into(),
        request_id: None,
    }
}

#[tokio::test]
async fn a_key_lives_and_dies_over_the_api() {
    let world = World::new().await;
    let wanted = json!({"name": "CI", "scopes": ["read", "analyze"], "rate_limit": 7});
    let (status, made) = world
        .admin(Method::POST, "/admin/keys/", Some(wanted))
        .await;
    assert_eq!(status, 201, "{made}");
    let (id, first) = (
        made["data"]["id"].as_i64().unwrap(),
        made["data"]["key"].as_str().unwrap(),
    );
    assert_eq!(made["data"]["scopes"], json!(["analyze", "read"]));
    let alive = async |secret: &str| world.ask(secret, Method::GET, "/webhooks/", None).await.0;
    assert_eq!(alive(first).await, 200);
    assert_eq!(
        world.ask(first, Method::GET, "/admin/keys/", None).await.0,
        403
    );

    let path = format!("/admin/keys/{id}/");
    let change = json!({"name": "CI of the shop", "scopes": ["analyze"]});
    let (status, changed) = world.admin(Method::PATCH, &path, Some(change)).await;
    assert_eq!(
        (status, &changed["data"]["name"]),
        (200, &json!("CI of the shop"))
    );
    assert_eq!(alive(first).await, 403, "the scope `read` is gone at once");
    world
        .admin(Method::PATCH, &path, Some(json!({"scopes": ["read"]})))
        .await;

    let (_, rotated) = world
        .admin(
            Method::POST,
            &format!("{path}rotate/"),
            Some(json!({"overlap_seconds": 60})),
        )
        .await;
    let second = rotated["data"]["key"].as_str().unwrap();
    assert_eq!((alive(first).await, alive(second).await), (200, 200));
    let (_, rotated) = world
        .admin(
            Method::POST,
            &format!("{path}rotate/"),
            Some(json!({"overlap_seconds": 0})),
        )
        .await;
    let third = rotated["data"]["key"].as_str().unwrap();
    assert_eq!(
        (alive(first).await, alive(second).await, alive(third).await),
        (401, 401, 200)
    );

    let (status, gone) = world.admin(Method::DELETE, &path, None).await;
    assert_eq!((status, &gone["data"]["active"]), (200, &json!(false)));
    assert_eq!(alive(third).await, 401, "void at once");
    let (status, _) = world
        .admin(Method::POST, &format!("{path}rotate/"), Some(json!({})))
        .await;
    assert_eq!(status, 404);
    let by = format!("key:{}", world.admin);
    let did = world.actions(&format!("key:{id}")).await;
    let expected = [
        "key.revoke",
        "key.rotate",
        "key.rotate",
        "key.update",
        "key.update",
        "key.create",
    ];
    assert_eq!(did, expected.map(|action| format!("{by} {action}")));

    // Neither lists nor the audit log hold a secret.
    let (_, list) = world.admin(Method::GET, "/admin/keys/", None).await;
    let (_, log) = world
        .admin(Method::GET, "/admin/audit/?limit=100", None)
        .await;
    assert_eq!(log["data"]["items"].as_array().unwrap().len(), 6);
    for secret in [first, second, third, &world.secret] {
        let hidden = secret.rsplit('_').next().unwrap();
        assert!(!list.to_string().contains(hidden) && !log.to_string().contains(hidden));
    }
}

#[tokio::test]
async fn the_last_admin_key_stays() {
    let world = World::new().await;
    let path = format!("/admin/keys/{}/", world.admin);
    for (method, body) in [
        (Method::DELETE, None),
        (Method::PATCH, Some(json!({"scopes": ["read"]}))),
    ] {
        let (status, answer) = world.admin(method, &path, body).await;
        assert_eq!((status, &answer["code"]), (409, &json!("last_admin_key")));
    }
    assert_eq!(
        world
            .admin(Method::PATCH, &path, Some(json!({"name": "root"})))
            .await
            .0,
        200
    );
    // Two that revoke each other at the same moment: one is left.
    let (other, secret) = key(&world.db, &[Scope::Admin, Scope::Read]).await;
    let (mine, theirs) = (format!("/admin/keys/{other}/"), path.clone());
    let both = tokio::join!(
        world.admin(Method::DELETE, &mine, None),
        world.ask(&secret, Method::DELETE, &theirs, None),
    );
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL")
        .fetch_one(&world.db)
        .await
        .unwrap();
    assert_eq!(left, 1, "{both:?}");
}

#[tokio::test]
async fn bad_requests_change_nothing() {
    let world = World::new().await;
    for (method, path, body, code) in [
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "", "scopes": ["read"]}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a\u{0}", "scopes": ["read"]}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a".repeat(101), "scopes": ["read"]}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a", "scopes": []}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a", "scopes": ["root"]}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a", "scopes": ["read"], "rate_limit": -1}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a", "scopes": ["read"], "other": 1}),
            422,
        ),
        (
            Method::PATCH,
            "/admin/keys/99999/",
            json!({"name": "b"}),
            404,
        ),
        (Method::DELETE, "/admin/keys/99999/", json!({}), 404),
        (Method::DELETE, "/admin/keys/x/", json!({}), 422),
        (Method::DELETE, "/admin/keys/99999/data/", json!({}), 404),
        (
            Method::POST,
            "/admin/keys/1/rotate/",
            json!({"overlap_seconds": 2_592_001}),
            422,
        ),
        (Method::POST, "/admin/tasks/99999/retry/", json!({}), 404),
        (Method::GET, "/admin/audit/?limit=0", json!({}), 422),
        (Method::GET, "/admin/tasks/?dead=perhaps", json!({}), 422),
        (
            Method::POST,
            "/webhooks/",
            json!({"url": "https://10.0.0.1/"}),
            422,
        ),
        (
            Method::POST,
            "/webhooks/",
            json!({"url": "http://example.com/"}),
            422,
        ),
        (
            Method::POST,
            "/webhooks/",
            json!({"url": "https://example.com/", "events": ["task.begun"]}),
            422,
        ),
        (Method::POST, "/webhooks/1/test/", json!({}), 404),
    ] {
        let (status, answer) = world.admin(method, path, Some(body.clone())).await;
        assert_eq!(status, code, "{path} {body}: {answer}");
        assert_eq!(answer["success"], json!(false));
    }
    assert_eq!(
        (
            world.count("audit_log").await,
            world.count("api_keys").await
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn webhooks_belong_to_their_key() {
    let world = World::new().await;
    let (owner, mine) = key(&world.db, &[Scope::Analyze, Scope::Read]).await;
    let (_, other) = key(&world.db, &[Scope::Analyze, Scope::Read]).await;
    let url = json!({"url": "https://example.com/hook", "events": ["task.failed"]});
    let (status, made) = world
        .ask(&mine, Method::POST, "/webhooks/", Some(url.clone()))
        .await;
    assert_eq!(status, 201, "{made}");
    let secret = made["data"]["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    let path = format!("/webhooks/{}/", made["data"]["id"]);
    let (status, shown) = world.ask(&mine, Method::GET, &path, None).await;
    assert_eq!(
        (status, &shown["data"]["events"]),
        (200, &json!(["task.failed"]))
    );
    assert!(!shown.to_string().contains(secret));
    for (method, end) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::POST, "test/"),
        (Method::GET, "deliveries/"),
    ] {
        let asked = world
            .ask(&other, method, &format!("{path}{end}"), None)
            .await;
        assert_eq!(asked.0, 404);
    }
    for _ in 0..5 {
        assert_eq!(
            world
                .ask(&mine, Method::POST, &format!("{path}test/"), None)
                .await
                .0,
            202
        );
    }
    assert_eq!(
        world
            .ask(&mine, Method::POST, &format!("{path}test/"), None)
            .await
            .0,
        429
    );
    let (_, page) = world
        .ask(
            &mine,
            Method::GET,
            &format!("{path}deliveries/?limit=2"),
            None,
        )
        .await;
    let (items, next) = (
        page["data"]["items"].as_array().unwrap(),
        &page["data"]["next_before"],
    );
    assert_eq!(
        (items.len(), &items[0]["state"], next),
        (2, &json!("pending"), &items[1]["id"])
    );
    let again = format!("{path}deliveries/{}/retry/", items[0]["id"]);
    assert_eq!(world.ask(&mine, Method::POST, &again, None).await.0, 409);
    let (_, off) = world
        .ask(&mine, Method::PATCH, &path, Some(json!({"enabled": false})))
        .await;
    assert_eq!(
        off["data"]["disabled_reason"],
        json!("disabled by its owner")
    );
    assert_eq!(
        world.ask(&mine, Method::POST, &again, None).await.1["code"],
        json!("webhook_disabled")
    );
    world
        .ask(&mine, Method::PATCH, &path, Some(json!({"enabled": true})))
        .await;
    assert_eq!(world.ask(&mine, Method::POST, &again, None).await.0, 202);
    for _ in 0..9 {
        assert_eq!(
            world
                .ask(&mine, Method::POST, "/webhooks/", Some(url.clone()))
                .await
                .0,
            201
        );
    }
    assert_eq!(
        world
            .ask(&mine, Method::POST, "/webhooks/", Some(url))
            .await
            .0,
        409
    );
    assert_eq!(world.ask(&mine, Method::DELETE, &path, None).await.0, 200);
    assert_eq!(world.count("webhook_deliveries").await, 0);
    let did = world
        .actions(&format!("webhook:{}", made["data"]["id"]))
        .await;
    assert_eq!(did[0], format!("key:{owner} webhook.delete"));
    assert!(!did.iter().any(|entry| entry.contains(secret)));
}

#[tokio::test]
async fn dead_letters_are_seen_and_tried_again() {
    let world = World::new().await;
    let (owner, _) = key(&world.db, &[Scope::Analyze]).await;
    let dead = world.task(owner, "pkg:pypi/a@1", "failed", 0).await;
    let done = world.task(owner, "pkg:pypi/b@1", "completed", 0).await;
    let twice = world.task(owner, "pkg:pypi/c@1", "failed", 0).await;
    sqlx::query("UPDATE tasks SET idempotency_key = NULL")
        .execute(&world.db)
        .await
        .unwrap();
    world.task(owner, "pkg:pypi/c@1", "queued", 0).await;
    let (_, list) = world
        .admin(Method::GET, "/admin/tasks/?dead=true", None)
        .await;
    let items = list["data"]["items"].as_array().unwrap();
    assert_eq!(
        items.iter().map(|one| &one["task_id"]).collect::<Vec<_>>(),
        [&json!(twice), &json!(dead)]
    );
    assert_eq!(items[1]["error_message"], json!("the registry is away"));
    let retry = async |id: TaskId| {
        world
            .admin(Method::POST, &format!("/admin/tasks/{id}/retry/"), None)
            .await
    };
    let (status, answer) = retry(dead).await;
    assert_eq!((status, &answer["data"]["status"]), (200, &json!("queued")));
    assert_eq!(
        world.queue.position(dead).await.unwrap(),
        Position::Ready(0)
    );
    assert_eq!(retry(done).await.1["code"], json!("not_failed"));
    assert_eq!(retry(twice).await.1["code"], json!("duplicate_task"));
    let by = format!("key:{} task.retry", world.admin);
    assert_eq!(world.actions(&format!("task:{dead}")).await, [by]);
    // What was refused is not in the log.
    assert_eq!(world.count("audit_log").await, 1);
}

#[tokio::test]
async fn all_that_a_key_submitted_goes_and_nothing_else() {
    let world = World::new().await;
    let (owner, _) = key(&world.db, &[Scope::Analyze]).await;
    let (other, _) = key(&world.db, &[Scope::Analyze]).await;
    let mut waiting = Vec::new();
    for (index, status) in ["queued", "running", "completed", "failed"]
        .iter()
        .enumerate()
    {
        for whose in [owner, other] {
            let task = world
                .task(whose, &format!("pkg:pypi/p{index}@1"), status, 0)
                .await;
            let entry = Entry {
                task,
                key: whose,
                priority: Priority::default(),
            };
            world.queue.enqueue(&[entry]).await.unwrap();
            waiting.push((whose, task));
        }
    }
    let mine = world
        .task(owner, "pkg:pypi/private@1", "completed", 0)
        .await;
    let private = world
        .report(Some(owner), "pkg:pypi/private@1", "private", 0, Some(mine))
        .await;
    let public = world
        .report(None, "pkg:pypi/p2@1", "public", 0, Some(waiting[4].1))
        .await;
    // The same bytes for two owners: the object is the other one's as well.
    let shared = world
        .report(Some(owner), "pkg:pypi/s@1", "shared", 0, None)
        .await;
    world
        .report(Some(other), "pkg:pypi/s@1", "shared", 1, None)
        .await;
    for (index, whose) in [owner, other].into_iter().enumerate() {
        let id = uuid::Uuid::now_v7();
        uploads::begin(&world.db, id, whose, "mine.tar.gz")
            .await
            .unwrap();
        let path = world.lab.folder.join(format!("storage/uploads/{whose}"));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join(id.to_string()), "bytes").unwrap();
        let batch: i64 = sqlx::query_scalar(
            "INSERT INTO batches (key_id, source, skipped) VALUES ($1, 'purls', '[]') RETURNING id",
        )
        .bind(whose.0)
        .fetch_one(&world.db)
        .await
        .unwrap();
        sqlx::query("INSERT INTO batch_tasks (batch_id, position, task_id, created) VALUES ($1, 0, $2, true)")
            .bind(batch)
            .bind(waiting[index].1.0)
            .execute(&world.db)
            .await
            .unwrap();
        sqlx::query("INSERT INTO webhooks (key_id, url, secret, events) VALUES ($1, 'https://example.com/', 'whsec_', '{}')")
            .bind(whose.0).execute(&world.db).await.unwrap();
    }
    let path = format!("/admin/keys/{owner}/data/");
    let (status, answer) = world.admin(Method::DELETE, &path, None).await;
    assert_eq!(status, 200, "{answer}");
    let expected = json!({
        "done": true, "cancelled": 2, "tasks": 5, "events": 5, "webhooks": 1, "batches": 1, "reports": 2,
        "uploads": 1, "objects": 1,
    });
    assert_eq!(answer["data"], expected);
    for (table, left) in [
        ("tasks", 4),
        ("task_events", 4),
        ("batches", 1),
        ("batch_tasks", 1),
        ("webhooks", 1),
        ("uploads", 1),
        ("reports", 2),
        ("doomed_objects", 0),
    ] {
        assert_eq!(world.count(table).await, left, "{table}");
    }
    assert!(!world.has(&private).await && world.has(&public).await && world.has(&shared).await);
    let exists = |key: KeyId| {
        world
            .lab
            .folder
            .join(format!("storage/uploads/{key}"))
            .read_dir()
            .is_ok_and(|mut all| all.next().is_some())
    };
    assert_eq!((exists(owner), exists(other)), (false, true));
    let ids: Vec<TaskId> = waiting
        .iter()
        .filter(|(whose, _)| *whose == owner)
        .map(|(_, task)| *task)
        .take(2)
        .collect();
    assert_eq!(world.queue.unknown(&ids).await.unwrap(), ids);
    let log = audit::list(&world.db, Some(&format!("key:{owner}")), None, 10)
        .await
        .unwrap();
    assert_eq!(
        log.iter()
            .map(|entry| &entry.details["state"])
            .collect::<Vec<_>>(),
        ["done", "begun"]
    );
    assert_eq!(log[0].details["deleted"], expected);
    // Again: there is nothing left. And without time it says that it is not done.
    let places = Places {
        db: &world.db,
        queue: &world.queue,
        storage: &world.storage,
    };
    let none = erase::erase(places, other, &actor(), Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((none.done, none.tasks), (false, 0));
    assert_eq!(
        world.admin(Method::DELETE, &path, None).await.1["data"]["tasks"],
        json!(0)
    );
}

#[tokio::test]
async fn a_prune_deletes_what_is_old_and_its_objects_an_hour_later() {
    let world = World::new().await;
    let owner = world.admin;
    let old = world.task(owner, "pkg:pypi/old@1", "completed", 100).await;
    let young = world.task(owner, "pkg:pypi/young@1", "completed", 80).await;
    world.task(owner, "pkg:pypi/open@1", "running", 200).await;
    let unneeded = world
        .report(None, "pkg:pypi/old@1", "old", 100, Some(old))
        .await;
    let needed = world
        .report(None, "pkg:pypi/young@1", "young", 100, Some(young))
        .await;
    let checked = world
        .report(None, "pkg:pypi/checked@1", "checked", 10, None)
        .await;
    let alias = AliasKey::new("pypi", "old", "1", "");
    world
        .storage
        .put_alias(&alias, Bytes::from_static(b"old"))
        .await
        .unwrap();
    sqlx::query("INSERT INTO batches (key_id, source, skipped, created_at) VALUES ($1, 'purls', '[]', now() - interval '100 days')")
        .bind(owner.0).execute(&world.db).await.unwrap();
    sqlx::query("INSERT INTO batch_tasks (batch_id, position, task_id, created) SELECT id, 0, $1, true FROM batches")
        .bind(old.0)
        .execute(&world.db)
        .await
        .unwrap();
    sqlx::query("INSERT INTO audit_log (at, actor, action, subject) VALUES (now() - interval '500 days', 'a', 'b', 'c'), (now(), 'a', 'b', 'c')")
        .execute(&world.db).await.unwrap();
    let ages = Ages {
        tasks: Some(90 * DAY),
        events: Some(95 * DAY),
        uploads: Some(DAY),
        deliveries: Some(DAY),
        audit: Some(400 * DAY),
        idempotency: Some(DAY),
    };
    let stop = CancellationToken::new();
    let prune = async || {
        prune::prune(&world.db, &world.storage, &ages, &actor(), &stop)
            .await
            .unwrap()
            .unwrap()
    };
    let first = prune().await;
    let expected = Pruned {
        tasks: 1,
        events: 1,
        batches: 1,
        reports: 1,
        audit: 1,
        idempotency_keys: 2,
        objects_waiting: 2,
        ..Pruned::default()
    };
    assert_eq!(first, expected);
    assert!(
        world.has(&unneeded).await,
        "somebody may just be reusing it"
    );
    assert_eq!(
        prune().await,
        Pruned {
            objects_waiting: 2,
            ..Pruned::default()
        }
    );
    let later = "UPDATE doomed_objects SET not_before = now()";
    sqlx::query(later).execute(&world.db).await.unwrap();
    assert_eq!(
        prune().await,
        Pruned {
            objects: 2,
            ..Pruned::default()
        }
    );
    assert!(!world.has(&unneeded).await && world.has(&needed).await && world.has(&checked).await);
    assert!(matches!(
        world.storage.get_alias(&alias).await,
        Err(StorageError::NotFound { .. })
    ));
    assert_eq!(
        (world.count("tasks").await, world.count("reports").await),
        (2, 2)
    );
    assert_eq!(world.actions("everything").await, ["cli:tests prune"; 2]);

    // Doomed, and then wanted again: it stays.
    sqlx::query("INSERT INTO doomed_objects (kind, subject) SELECT 'report', encode(sha256, 'hex') FROM reports UNION SELECT 'alias', purl FROM reports")
        .execute(&world.db).await.unwrap();
    assert_eq!(prune().await, Pruned::default());
    assert!(world.has(&needed).await && world.has(&checked).await);
    // One at a time.
    let _lock = packguard_platform::db::try_lock(&world.db, "packguard prune")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        prune::prune(&world.db, &world.storage, &ages, &actor(), &stop)
            .await
            .unwrap(),
        None
    );
}

/// What differs from run to run.
fn settled(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        text = text
            .replace(secret, "SECRET")
            .replace(&secret[..12], "pg_12345678_");
    }
    let year = chrono::Utc::now().format("%Y-").to_string();
    while let Some(at) = text.find(&year) {
        text.replace_range(at..at + 20, "2026-01-02 03:04:05Z");
        text = text.replacen("2026-01-02 03:04:05Z", "«time».............", 1);
    }
    text.replace("«time».............", "2026-01-02 03:04:05Z")
}

#[tokio::test]
async fn the_command_line_prints_what_people_and_scripts_need() {
    let world = World::new().await;
    let (done, out, notes) = world
        .cli("keys create --name shop --scopes analyze,read --rate-limit 500")
        .await;
    done.unwrap();
    let secret = out.trim();
    assert!(secret.starts_with("pg_") && out.lines().count() == 1);
    assert_eq!(notes, "key 2 (shop); its secret is not shown again:\n");
    assert_eq!(
        world.ask(secret, Method::GET, "/webhooks/", None).await.0,
        200
    );

    let (_, out, _) = world.cli("keys rotate 2 --overlap 1h --json").await;
    let rotated: Value = serde_json::from_str(&out).unwrap();
    let second = rotated["key"].as_str().unwrap();
    assert_eq!(
        world.ask(second, Method::GET, "/webhooks/", None).await.0,
        200
    );
    let (_, out, _) = world.cli("keys list").await;
    insta::assert_snapshot!("keys_list", settled(&out, &[&world.secret, second]));
    let (_, out, _) = world.cli("keys list --json").await;
    assert_eq!(
        serde_json::from_str::<Value>(&out)
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let owner = world.admin;
    let dead = world.task(owner, "pkg:pypi/a@1", "failed", 0).await;
    world.task(owner, "pkg:pypi/b@1", "failed", 0).await;
    let (_, out, _) = world.cli("tasks list --dead").await;
    insta::assert_snapshot!("tasks_list", settled(&out, &[]));
    let (done, out, _) = world.cli(&format!("tasks retry {dead}")).await;
    assert_eq!((done, out.as_str()), (Ok(()), "1 tasks are tried again\n"));
    let (done, out, _) = world.cli("tasks retry --all-dead").await;
    assert_eq!((done, out.as_str()), (Ok(()), "1 tasks are tried again\n"));
    let (_, out, notes) = world.cli("tasks list --dead").await;
    assert_eq!(
        (out.as_str(), notes.as_str()),
        ("", "there are no dead letters\n")
    );

    let (_, out, _) = world.cli("prune --older-than 90d --dry-run").await;
    insta::assert_snapshot!("prune_dry", out);
    let (_, out, _) = world.cli("prune --older-than 90d").await;
    insta::assert_snapshot!("prune", out);
    let (done, out, _) = world.cli(&format!("keys delete-data {owner} --yes")).await;
    done.unwrap();
    insta::assert_snapshot!("delete_data", out);
    let (done, out, notes) = world.cli(&format!("keys revoke {owner}")).await;
    assert_eq!(
        (done, out.as_str()),
        (Ok(()), format!("key {owner} (tests) is void\n").as_str())
    );
    assert!(
        notes.contains("no key with the scope `admin` is left"),
        "{notes}"
    );
    let (_, out, _) = world.cli("audit list --json --limit 3").await;
    let log: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(log[0]["action"], json!("key.revoke"));
    assert!(log[0]["actor"].as_str().unwrap().starts_with("cli:"));
    let (_, out, _) = world.cli("audit list --subject key:2").await;
    assert!(out.starts_with("WHEN") && out.contains("key.rotate") && !out.contains(&second[12..]));
}

#[tokio::test]
async fn the_command_line_refuses_with_a_hint() {
    let world = World::new().await;
    for (line, code, message) in [
        ("keys revoke 99", 1, "there is no key 99"),
        ("keys rotate 99", 1, "there is no active key 99"),
        ("keys rotate 1 --overlap 31d", 2, "--overlap is too long"),
        ("keys delete-data 99 --yes", 1, "there is no key 99"),
        (
            "keys delete-data 1",
            2,
            "this deletes all that key 1 (tests) ever submitted",
        ),
        ("tasks retry 99", 1, "1 tasks were not tried again"),
        ("prune --older-than 1h", 2, "--older-than is below a day"),
    ] {
        let (done, out, _) = world.cli(line).await;
        let error = done.unwrap_err();
        assert_eq!(
            (error.code, error.message.as_str()),
            (code, message),
            "{line}"
        );
        assert!(!error.hint.is_empty(), "{line}");
        assert!(out.is_empty() || line.starts_with("tasks retry"), "{out}");
    }
    assert_eq!(world.count("audit_log").await, 0);
    for line in [
        "keys create",
        "keys create --name a --scopes root",
        "tasks retry",
        "tasks retry 1 --all-dead",
        "keys revoke x",
    ] {
        let words = std::iter::once("admin").chain(line.split_whitespace());
        assert_eq!(
            Command::try_parse_from(words).err().unwrap().exit_code(),
            2,
            "{line}"
        );
    }
}
