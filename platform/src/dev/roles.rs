//! `serve` and `work` as children of `packguard dev`, and the commands that prepare them.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinSet;

use super::DevError;
use super::home::Home;
use super::process::{Child, Program, Signal};
use super::servers::{KNOCK, LAST_LINES, ServerError, free_port};

/// How long `serve` may take until it is ready: a first start compiles all components, which
/// takes some ten seconds on a small machine.
pub(super) const READY_LIMIT: Duration = Duration::from_secs(120);

/// What `serve` and `work` are given to finish or hand back what they do.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// What one answer of `serve` may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The rights of the first key: all there are, for the machine is its owner's.
const KEY: [&str; 10] = [
    "admin",
    "keys",
    "create",
    "--name",
    "dev",
    "--scopes",
    "analyze,read,functions:write,admin",
    "--rate-limit",
    // Per hour: not to be met by hand.
    "100000",
    "--json",
];

/// How roles are run.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) command: Vec<OsString>,
    pub(super) database_url: String,
    pub(super) redis_url: String,
    pub(super) storage_url: String,
    /// Of `serve`.
    pub(super) port: u16,
}

impl Settings {
    fn program(&self, arguments: &[&str], port: u16) -> Program {
        let mut words = self.command.iter().cloned();
        let mut program = Program::new(words.next().unwrap_or_default());
        // Beside ours, each setting may come from a file, and would then come twice.
        for name in ["DATABASE_URL_FILE", "REDIS_URL_FILE", "STORAGE_URL_FILE"] {
            program = program.env_remove(name);
        }
        program
            .name(arguments.join(" "))
            .args(words)
            .args(arguments)
            .env("DATABASE_URL", &self.database_url)
            .env("REDIS_URL", &self.redis_url)
            .env("STORAGE_URL", &self.storage_url)
            .env("LISTEN", format!("127.0.0.1:{port}"))
            .env("LOG_FORMAT", "pretty")
    }

    /// Runs a command to its end; what it wrote to standard output.
    pub(super) async fn step(&self, arguments: &[&str]) -> Result<String, DevError> {
        let program = self.program(arguments, self.port);
        let (status, lines) = program.finish().await?;
        if !status.success() {
            let texts = lines.into_iter().map(|line| line.text).collect();
            return Err(DevError::Step {
                command: arguments.join(" "),
                status,
                lines: last(texts),
            });
        }
        let written = lines.into_iter().filter(|line| !line.is_error);
        let written: Vec<_> = written.map(|line| line.text).collect();
        Ok(written.join("\n"))
    }
}

/// The running roles. Dropping them ends them.
#[derive(Debug)]
pub(super) struct Roles {
    settings: Settings,
    client: reqwest::Client,
    children: Vec<Arc<Child>>,
    /// Copy the children's lines to standard error; they end with this.
    copiers: JoinSet<()>,
}

impl Roles {
    /// Starts `serve`.
    pub(super) async fn serve(settings: Settings) -> Result<Self, DevError> {
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_LIMIT);
        let mut roles = Self {
            client: client.build()?,
            children: Vec::new(),
            copiers: JoinSet::new(),
            settings,
        };
        roles.start("serve", roles.settings.port).await?;
        Ok(roles)
    }

    /// Starts `work`, whose own pages get a port of their own.
    pub(super) async fn work(&mut self) -> Result<(), DevError> {
        let port = free_port().map_err(|source| ServerError::File {
            path: "a port for work".into(),
            source,
        })?;
        self.start("work", port).await
    }

    async fn start(&mut self, role: &str, port: u16) -> Result<(), DevError> {
        let child = Arc::new(self.settings.program(&[role], port).start().await?);
        self.copiers.spawn(copy(Arc::clone(&child)));
        self.children.push(child);
        Ok(())
    }

    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.settings.port)
    }

    /// Waits until `serve` says that it is ready.
    pub(super) async fn until_ready(&self) -> Result<(), DevError> {
        let url = format!("{}/ready/", self.address());
        let mut last = String::new();
        let knocking = async {
            loop {
                last = match self.client.get(&url).send().await {
                    Ok(answer) if answer.status().is_success() => return,
                    Ok(answer) => format!(
                        "it answered {}: {}",
                        answer.status(),
                        answer.text().await.unwrap_or_default()
                    ),
                    Err(error) => error.to_string(),
                };
                tokio::time::sleep(KNOCK).await;
            }
        };
        tokio::select! {
            () = knocking => return Ok(()),
            error = self.death() => return Err(error),
            () = tokio::time::sleep(READY_LIMIT) => {}
        }
        Err(DevError::NotReady { last })
    }

    /// The key of an earlier start if it still works, or else a new one.
    pub(super) async fn key(&self, home: &Home) -> Result<String, DevError> {
        if let Some(key) = home.key().await {
            let url = format!("{}/api/v1/reports/?page_size=1", self.address());
            let answer = self.client.get(url).bearer_auth(&key).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(key);
            }
        }
        let written = self.settings.step(&KEY).await?;
        let key = serde_json::from_str::<serde_json::Value>(&written)
            .ok()
            .and_then(|value| Some(value.get("key")?.as_str()?.to_owned()))
            .ok_or(DevError::NoKey)?;
        home.keep_key(&key).await?;
        Ok(key)
    }

    /// Waits until one ends by itself.
    pub(super) async fn death(&self) -> DevError {
        let mut ends = FuturesUnordered::new();
        for child in &self.children {
            let child = Arc::clone(child);
            ends.push(async move {
                let status = child.wait().await;
                (child, status)
            });
        }
        let Some((child, status)) = ends.next().await else {
            return std::future::pending().await;
        };
        let lines = child.lines().into_iter().map(|line| line.text).collect();
        DevError::Died {
            name: child.name().to_owned(),
            status,
            lines: last(lines),
        }
    }

    /// Ends both: they may finish or hand back what they do.
    pub(super) async fn end(mut self) {
        let mut ends = JoinSet::new();
        for child in self.children {
            ends.spawn(async move { child.stop(Signal::TERM, STOP_LIMIT).await });
        }
        while ends.join_next().await.is_some() {}
        // What they said while they ended.
        while self.copiers.join_next().await.is_some() {}
    }
}

/// Copies a child's lines to standard error, each with its name.
async fn copy(child: Arc<Child>) {
    let mut position = 0;
    while let Some(line) = child.next_line(&mut position).await {
        let line = format!("{:5} | {}", child.name(), line.text);
        // A terminal may stand still (Ctrl-S), and then only this thread waits for it.
        let written = tokio::task::spawn_blocking(move || writeln!(io::stderr(), "{line}")).await;
        if !written.is_ok_and(|written| written.is_ok()) {
            // Nobody looks any more.
            return;
        }
    }
}

fn last(mut lines: Vec<String>) -> String {
    lines
        .split_off(lines.len().saturating_sub(LAST_LINES))
        .join("\n")
}
