//! A platform, and who administers it.

use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use packguard_platform::admin::{self, AdminCommand, AdminError, Output};
use packguard_platform::api::keys::Secret;
use packguard_platform::config::{self, AdminSettings, Flags};
use packguard_platform::db::audit::{self, Actor};
use packguard_platform::db::keys::{self, NewKey};
use packguard_platform::model::{KeyId, Scope, TaskId};
use packguard_platform::queue::Queue;
use packguard_platform::storage::{ReportKey, Storage, StorageError};
use packguard_tests::harness::lab::Lab;
use reqwest::Method;
use serde_json::Value;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

pub const DAY: Duration = Duration::from_secs(24 * 3_600);

pub struct World {
    pub db: PgPool,
    pub queue: Queue,
    pub storage: Storage,
    /// An admin's secret, and its key.
    pub secret: String,
    pub admin: KeyId,
    pub settings: AdminSettings,
    pub lab: Lab,
}

impl World {
    pub async fn new() -> Self {
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

    pub async fn ask(
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

    pub async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.ask(&self.secret, method, path, body).await
    }

    /// Runs `packguard admin …`; standard output and standard error.
    pub async fn cli(&self, line: &str) -> (Result<(), AdminError>, String, String) {
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
    pub async fn task(&self, key: KeyId, purl: &str, status: &str, days: i32) -> TaskId {
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
    pub async fn report(
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

    pub async fn count(&self, table: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(statement)
            .fetch_one(&self.db)
            .await
            .unwrap()
    }

    pub async fn has(&self, key: &ReportKey) -> bool {
        match self.storage.get_report(key).await {
            Ok(_) => true,
            Err(StorageError::NotFound { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn actions(&self, subject: &str) -> Vec<String> {
        let log = audit::list(&self.db, Some(subject), None, 100)
            .await
            .unwrap();
        log.into_iter()
            .map(|entry| format!("{} {}", entry.actor, entry.action))
            .collect()
    }
}

#[derive(Parser)]
pub struct Command {
    #[command(subcommand)]
    pub command: AdminCommand,
}

pub async fn key(db: &PgPool, scopes: &[Scope]) -> (KeyId, String) {
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

pub fn actor() -> Actor {
    Actor {
        name: "cli:tests".into(),
        request_id: None,
    }
}
