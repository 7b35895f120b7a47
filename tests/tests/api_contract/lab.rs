//! The API of one test with three keys, and a worker by hand.

use std::ops::Deref;
use std::time::Duration;

use packguard_platform::db;
use packguard_platform::db::claims::{self, Claim, Held};
use packguard_platform::db::reports::NewReport;
use packguard_platform::model::{Scope, TaskId};
use packguard_platform::queue::wakeups::{self, Topic};
use packguard_tests::harness::lab;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// A whole API of one test.
pub struct Lab {
    lab: lab::Lab,
    /// Of an ordinary client, another one, and an admin.
    pub key: String,
    pub other: String,
    pub admin: String,
}

impl Deref for Lab {
    type Target = lab::Lab;

    fn deref(&self) -> &lab::Lab {
        &self.lab
    }
}

impl Lab {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With settings of these names.
    pub async fn with(settings: &[(&'static str, &str)]) -> Self {
        // Short enough to be waited for.
        let ours = [("REQUEST_TIMEOUT", "6s"), ("HEADER_TIMEOUT", "1s")];
        let settings = [ours.as_slice(), settings].concat();
        Self::of(lab::Lab::with(&settings, |_| ()).await).await
    }

    /// Before proxies, and with S3 as storage.
    pub async fn breakable(settings: &[(&'static str, &str)]) -> Self {
        Self::of(lab::Lab::breakable(settings).await).await
    }

    async fn of(lab: lab::Lab) -> Self {
        let client = [Scope::Analyze, Scope::Read];
        Self {
            key: lab.key("client", &client).await.1,
            other: lab.key("other", &client).await.1,
            admin: lab.key("admin", &[Scope::Admin]).await.1,
            lab,
        }
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path).bearer_auth(&self.key)
    }

    pub fn analyze(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(Method::POST, "/api/v1/analyze/")
            .bearer_auth(&self.key)
            .header("content-type", "application/json")
            .body(body)
    }

    pub async fn submit(&self, purl: &str) -> TaskId {
        let answer = self
            .analyze(json!({ "purl": purl }).to_string())
            .send()
            .await;
        let data = good(answer.unwrap(), StatusCode::ACCEPTED).await;
        TaskId(data["task_id"].as_i64().unwrap())
    }

    pub async fn claim(&self, task: TaskId) -> Held {
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

    pub async fn complete(&self, held: Held, purl: &str, report: &[u8]) {
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
    pub async fn tasks(&self) -> i64 {
        db::tasks::count(&self.app.db, None, None).await.unwrap()
    }

    pub async fn end(self) {
        self.lab.end().await;
    }
}

/// The data of a success in its envelope.
pub async fn good(answer: Response, status: StatusCode) -> Value {
    let (got, id) = (answer.status(), header(&answer, "x-request-id"));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(got, status, "{body}");
    assert_eq!(body["success"], true, "{body}");
    assert_eq!(body["request_id"], id.as_str());
    body["data"].clone()
}

/// An error in its envelope.
pub async fn bad(answer: Response, status: u16, code: &str) -> Value {
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

pub fn header(answer: &Response, name: &str) -> String {
    let value = answer
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}
