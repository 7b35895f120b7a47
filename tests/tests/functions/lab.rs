//! The API on S3 with publishers, components to deploy, and a worker.

use std::ops::Deref;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use futures_util::TryStreamExt as _;
use object_store::ObjectStore as _;
use packguard_platform::db::audit::Actor;
use packguard_platform::functions::publishers::{Change, change};
use packguard_platform::functions::signature;
use packguard_platform::model::{KeyId, Scope};
use packguard_runtime::report::DescriptorInfo;
use packguard_runtime::{Runtime, RuntimeConfig};
use packguard_tests::harness::lab;
use packguard_tests::harness::process::Role;
use packguard_tests::harness::registry::Registry;
use packguard_tests::{cache, packguard};
pub use packguard_tests::{guest, rewritten};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

/// What a task may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Lab {
    lab: lab::Lab,
    /// Deploys, of the publisher `acme`, which signs with [`signing_key`].
    pub deployer: (KeyId, String),
    /// Deploys too, of no publisher.
    pub stranger: (KeyId, String),
    /// Submits.
    pub client: (KeyId, String),
}

impl Deref for Lab {
    type Target = lab::Lab;

    fn deref(&self) -> &lab::Lab {
        &self.lab
    }
}

/// The key that `acme` signs with.
pub fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// What a worker logs when it has switched.
pub const SWITCHED: &str = "the set of analyzers changed";

pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// An answer that was read.
#[derive(Debug)]
pub struct Read {
    pub status: u16,
    pub body: Value,
}

impl Read {
    pub fn data(&self) -> &Value {
        assert_eq!(self.body["success"], true, "{} {}", self.status, self.body);
        &self.body["data"]
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

pub async fn send(request: RequestBuilder) -> Read {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let bytes = response.bytes().await.expect("a body");
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Read { status, body }
}

impl Lab {
    pub async fn start(settings: &[(&'static str, &str)]) -> Self {
        // It may have to be built first.
        let program = tokio::task::spawn_blocking(packguard).await;
        let program = program.expect("cargo builds it");
        let lab = lab::Lab::on_s3(settings, |settings| {
            settings.serve.admission.program = program;
        })
        .await;
        let writes = [Scope::FunctionsWrite, Scope::Read];
        let deployer = lab.key("deployer", &writes).await;
        let public = STANDARD.encode(signing_key().verifying_key().as_bytes());
        for what in [
            Change::Create,
            Change::AddMember(deployer.0),
            Change::AddKey(public),
        ] {
            let actor = Actor::default();
            let changed = change(&lab.app.db, &actor, "acme", &what).await;
            changed.expect("a publisher");
        }
        Self {
            stranger: lab.key("stranger", &writes).await,
            client: lab.key("client", &[Scope::Analyze, Scope::Read]).await,
            deployer,
            lab,
        }
    }

    pub fn request(&self, secret: &str, method: Method, path: &str) -> RequestBuilder {
        self.lab.request(method, path).header("x-api-key", secret)
    }

    /// A deploy of the deployer, not signed.
    pub fn deploy(
        &self,
        name: &str,
        version: &str,
        body: impl Into<reqwest::Body>,
    ) -> RequestBuilder {
        let path = format!("/api/v1/functions/?name={name}&version={version}");
        self.request(&self.deployer.1, Method::POST, &path)
            .header("content-type", "application/wasm")
            .body(body)
    }

    /// Deploys a guest, signed.
    pub async fn publish(&self, name: &str, version: &str) -> String {
        let bytes = guest(name, version);
        let signature = sign(name, version, &bytes).await;
        let request = signed(self.deploy(name, version, bytes.clone()), &signature);
        let answer = send(request).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        digest(&bytes)
    }

    pub async fn promote(&self, name: &str, version: &str) -> Read {
        self.point(name, "stable", json!({ "version": version }))
            .await
    }

    /// Moves an alias.
    pub async fn point(&self, name: &str, alias: &str, to: Value) -> Read {
        let path = format!("/api/v1/functions/{name}/aliases/{alias}/");
        let request = self.request(&self.deployer.1, Method::PUT, &path);
        send(request.json(&to)).await
    }

    /// Does what makes a worker switch, and waits until it has.
    pub async fn switching<T>(&self, worker: &Role, what: impl Future<Output = T>) -> T {
        let before = worker.log().matches(SWITCHED).count();
        let done = what.await;
        let switched = async {
            while worker.log().matches(SWITCHED).count() == before {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let switched = tokio::time::timeout(PATIENCE, switched).await;
        switched.expect("the worker switches");
        done
    }

    pub async fn get(&self, path: &str) -> Read {
        send(self.request(&self.deployer.1, Method::GET, path)).await
    }

    /// Rows and objects that a deploy makes: functions, versions, notes, audit entries,
    /// objects.
    pub async fn stored(&self) -> [i64; 5] {
        let count = async |sql: &'static str| -> i64 {
            let counted = sqlx::query_scalar(sql).fetch_one(&self.app.db).await;
            counted.expect("a count")
        };
        let bucket = self.storage.as_ref().expect("S3").bucket.client();
        let objects = bucket.list(Some(&"functions".into()));
        let objects: Vec<_> = objects.try_collect().await.expect("a list");
        [
            count("SELECT count(*) FROM functions").await,
            count("SELECT count(*) FROM function_versions").await,
            count("SELECT count(*) FROM component_uploads").await,
            count("SELECT count(*) FROM audit_log WHERE action LIKE 'function.%'").await,
            i64::try_from(objects.len()).expect("few"),
        ]
    }

    /// A worker, which fetches from `registry`.
    pub async fn worker(&self, registry: &Registry) -> Role {
        self.worker_with(registry, &[]).await
    }

    /// The same with further variables.
    pub async fn worker_with(&self, registry: &Registry, others: &[(&'static str, &str)]) -> Role {
        let mut variables = self.variables.clone();
        let cache = cache().display().to_string();
        variables.extend([
            ("LOG_FORMAT", "json".to_owned()),
            ("METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            ("PACKGUARD_CACHE_DIR", cache),
            ("PACKGUARD_PYPI_URL", registry.url()),
            ("WORKER_CONCURRENCY", "2".to_owned()),
        ]);
        // The last of a name counts.
        variables.extend(others.iter().map(|(name, value)| (*name, (*value).into())));
        let variables: Vec<_> = variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
        Role::start(&["work"], &variables).await
    }

    pub async fn submit(&self, purl: &str) -> i64 {
        let request = self.request(&self.client.1, Method::POST, "/api/v1/analyze/");
        let answer = send(request.json(&json!({ "purl": purl }))).await;
        answer.data()["task_id"].as_i64().expect("a task")
    }

    /// The report of a task, when it is done.
    pub async fn report(&self, task: i64) -> Value {
        let waiting = async {
            loop {
                let path = format!("/api/v1/task/{task}/");
                let status = send(self.request(&self.client.1, Method::GET, &path)).await;
                match status.data()["status"].as_str() {
                    Some("completed") => return,
                    Some("failed") => panic!("{}", status.body),
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let done = tokio::time::timeout(PATIENCE, waiting).await;
        done.expect("the task is done in time");
        let path = format!("/api/v1/task/{task}/report/");
        let request = self.request(&self.client.1, Method::GET, &path);
        send(request).await.body
    }
}

/// The digest of the analyzer of that name, as a report says it.
pub fn ran(report: &Value, name: &str) -> Option<String> {
    let steps = report["analyzers"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["name"] == name)?;
    assert_eq!(step["outcome"], "ok", "{step}");
    Some(step["digest"].as_str().expect("a digest").to_owned())
}

/// What the component says of itself, as whoever signs it sees it.
async fn descriptor(bytes: &[u8]) -> DescriptorInfo {
    static RUNTIME: OnceCell<Runtime> = OnceCell::const_new();
    let make = async || Runtime::new(RuntimeConfig::default()).expect("the pool can be reserved");
    let runtime = RUNTIME.get_or_init(make).await;
    let component = runtime.load(bytes.to_vec()).await.expect("a component");
    component.descriptor().into()
}

/// `acme`'s signature of a component.
pub async fn sign(name: &str, version: &str, bytes: &[u8]) -> String {
    let sha256 = Sha256::digest(bytes).into();
    let descriptor = descriptor(bytes).await;
    let payload = signature::payload(name, version, &sha256, &descriptor).expect("a payload");
    STANDARD.encode(signing_key().sign(&payload).to_bytes())
}

/// A request with a signature of `acme`'s.
pub fn signed(request: RequestBuilder, signature: &str) -> RequestBuilder {
    let public = signature::PublicKey::new(signing_key().verifying_key().as_bytes());
    request
        .header("x-packguard-signature", signature)
        .header("x-packguard-key-id", public.expect("a key").id())
}
