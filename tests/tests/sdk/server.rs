//! A platform for `sdk` to deploy to: the API on S3, a publisher, a worker.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use packguard_platform::db::audit::Actor;
use packguard_platform::functions::publishers::{Change, change};
use packguard_platform::model::{KeyId, Scope};
use packguard_tests::harness::lab::Lab;
use packguard_tests::harness::process::Role;
use packguard_tests::harness::registry::Registry;
use packguard_tests::{cache, packguard};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::shell::{Project, Shell, code, said};

/// What a task may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A platform.
pub struct Platform {
    pub lab: Lab,
    /// Of the publisher `acme`.
    pub deployer: (KeyId, String),
    /// Submits, and may not deploy.
    pub client: (KeyId, String),
}

impl Platform {
    pub async fn start(settings: &[(&'static str, &str)]) -> Self {
        // It may have to be built first.
        let program = tokio::task::spawn_blocking(packguard).await.unwrap();
        let lab = Lab::on_s3(settings, |settings| {
            settings.serve.admission.program = program;
        })
        .await;
        let deployer = lab.key("deployer", &[Scope::FunctionsWrite, Scope::Read]);
        let deployer = deployer.await;
        let client = lab.key("client", &[Scope::Analyze, Scope::Read]).await;
        let platform = Self {
            lab,
            deployer,
            client,
        };
        platform.change(Change::Create).await;
        let member = Change::AddMember(platform.deployer.0);
        platform.change(member).await;
        platform
    }

    /// As an admin does it to `acme`.
    pub async fn change(&self, what: Change) {
        let changed = change(&self.lab.app.db, &Actor::default(), "acme", &what).await;
        changed.unwrap();
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.lab.address)
    }

    /// Versions that were published.
    pub async fn versions(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM function_versions");
        count.fetch_one(&self.lab.app.db).await.unwrap()
    }

    /// A worker, which fetches from `registry`.
    pub async fn worker(&self, registry: &Registry) -> Role {
        let mut variables = self.lab.variables.clone();
        variables.extend([
            ("LOG_FORMAT", "json".to_owned()),
            ("METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            ("PACKGUARD_CACHE_DIR", cache().display().to_string()),
            ("PACKGUARD_PYPI_URL", registry.url()),
            ("WORKER_CONCURRENCY", "2".to_owned()),
        ]);
        let variables: Vec<_> = variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
        Role::start(&["work"], &variables).await
    }

    /// Submits as the client.
    pub fn asker(&self) -> Asker {
        Asker {
            client: self.lab.client.clone(),
            url: self.url(),
            key: self.client.1.clone(),
        }
    }
}

/// Who submits packages and reads reports.
pub struct Asker {
    pub client: reqwest::Client,
    /// Of the platform.
    pub url: String,
    /// The API key.
    pub key: String,
}

impl Asker {
    /// The digest of the analyzer `name` in the report of `purl`.
    pub async fn ran(&self, purl: &str, name: &str) -> Option<String> {
        let report = self.report(purl).await;
        let steps = report["analyzers"].as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == name)?;
        assert_eq!(step["outcome"], "ok", "{step}");
        Some(step["digest"].as_str().unwrap().to_owned())
    }

    /// Submits `purl`, and gives its report.
    pub async fn report(&self, purl: &str) -> Value {
        let body = json!({ "purl": purl });
        let request = self.request(Method::POST, "analyze/").json(&body);
        self.report_when_done(request).await
    }

    /// Uploads an archive of this name, and gives its report.
    pub async fn report_of_archive(&self, name: &str, bytes: Vec<u8>) -> Value {
        let path = format!("archives/?filename={name}");
        let request = self.request(Method::POST, &path).body(bytes);
        self.report_when_done(request).await
    }

    async fn report_when_done(&self, submission: RequestBuilder) -> Value {
        let data = answer(submission).await;
        let task = data["data"]["task_id"].as_i64().unwrap();
        let waiting = async {
            loop {
                let status = self.get(&format!("task/{task}/")).await;
                match status["data"]["status"].as_str() {
                    Some("completed") => return,
                    Some("failed") => panic!("{status}"),
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap();
        self.get(&format!("task/{task}/report/")).await
    }

    async fn get(&self, path: &str) -> Value {
        answer(self.request(Method::GET, path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1/{path}", self.url);
        self.client
            .request(method, url)
            .header("x-api-key", &self.key)
    }
}

async fn answer(request: RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    answer.json().await.unwrap()
}

/// `sdk` as somebody runs it who has a configuration folder of their own.
pub fn at_home(shell: &Shell, project: Option<&Project>, arguments: &[&str]) -> Command {
    let folder = project.map_or(shell.0.path(), |project| &project.root);
    let mut command = shell.command(folder, arguments);
    command
        .env("XDG_CONFIG_HOME", shell.0.path().join("config"))
        .stdin(Stdio::null());
    command
}

/// Runs a command while the servers of this process go on.
pub async fn run(mut command: Command) -> Output {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    assert!(!said(&output).contains("panicked"), "{}", said(&output));
    output
}

/// Runs a command that is to end well.
pub async fn good(command: Command) -> Output {
    let output = run(command).await;
    assert_eq!(code(&output), 0, "{}", said(&output));
    output
}

/// Logs in, with the key on standard input.
pub async fn login(shell: &Shell, url: &str, key: &str) -> Output {
    let mut command = at_home(shell, None, &["login", url, "--json"]);
    let key = format!("{key}\n");
    let output = tokio::task::spawn_blocking(move || {
        command.stdin(Stdio::piped());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(key.as_bytes()).unwrap();
        drop(input);
        child.wait_with_output().unwrap()
    });
    output.await.unwrap()
}
