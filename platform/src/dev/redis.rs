//! A Redis (or Valkey) of our own, on loopback, in a folder of its own.
//!
//! Data: `redis.conf` and `password` (readable by the owner only), and what Redis writes. The port
//! is chosen at the first start and stays the same over [`Redis::restart`], so that clients
//! reconnect where they were. Failure rule: [`super::process`]; a server that was killed is
//! started again with [`Redis::resume`] and has what its append-only file had.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Mutex;

use super::process::{Child, Exit, Program, Signal};
use super::reclaim::reclaim;
use super::servers::{
    Log, PORT_ATTEMPTS, ServerError, at, find_redis, free_port, is_port_taken, secret, until_ready,
    write_private,
};

const NAME: &str = "Redis";

/// In its folder, while it runs.
const PID_FILE: &str = "redis.pid";

/// What Redis may take to write its data and end.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How a Redis is started.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// Keeps data over a restart, flushed each second; without, a restart begins empty.
    pub append_only: bool,
    /// Lets clients in without a password: what a test of sentinels needs.
    pub no_password: bool,
    /// Further lines of `redis.conf`.
    pub settings: Vec<String>,
    /// Environment variables; it inherits none.
    pub environment: Vec<(String, String)>,
    /// Where it logs; `redis.log` in its folder unless set.
    pub log: Option<PathBuf>,
}

/// A running Redis. Dropping it ends it.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    folder: PathBuf,
    log: PathBuf,
    port: u16,
    password: Option<String>,
    environment: Vec<(String, String)>,
    child: Mutex<Option<Child>>,
}

impl Redis {
    /// Starts one in a folder, which is made, and waits until it answers. A folder of an earlier
    /// start gives its data.
    ///
    /// # Errors
    /// Redis is not installed, does not start, or the folder can't be used.
    pub async fn start(folder: &Path, options: RedisOptions) -> Result<Self, ServerError> {
        let program = find_redis()?;
        let mut builder = tokio::fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(folder).await;
        made.map_err(at(folder))?;
        let folder = folder.canonicalize().map_err(at(folder))?;
        // Before anything is written: its server may be running.
        reclaim(NAME, &folder, &folder.join(PID_FILE)).await?;
        let password = match options.no_password {
            true => None,
            false => Some(secret(&folder.join("password")).await?),
        };
        let log = options.log.clone();
        let mut redis = Self {
            program,
            log: log.unwrap_or_else(|| folder.join("redis.log")),
            folder,
            port: 0,
            password,
            environment: options.environment.clone(),
            child: Mutex::new(None),
        };
        for attempt in 1.. {
            redis.port = free_port().map_err(at(&redis.folder))?;
            redis.configure(&options).await?;
            match redis.resume().await {
                Err(error) if attempt < PORT_ATTEMPTS && is_port_taken(&error) => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        Ok(redis)
    }

    async fn configure(&self, options: &RedisOptions) -> Result<(), ServerError> {
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            format!("port {}", self.port),
            format!("dir {}", quoted(&self.folder.to_string_lossy())),
            format!(
                "pidfile {}",
                quoted(&self.folder.join(PID_FILE).to_string_lossy())
            ),
            "daemonize no".into(),
            // The queue is lost bit by bit, unnoticed, where keys are evicted.
            "maxmemory-policy noeviction".into(),
            // The append-only file is what is kept; no snapshots beside it.
            "save \"\"".into(),
        ];
        lines.push(format!(
            "appendonly {}",
            if options.append_only { "yes" } else { "no" }
        ));
        if let Some(password) = &self.password {
            lines.push(format!("requirepass {password}"));
        }
        lines.extend(options.settings.iter().cloned());
        write_private(&self.folder.join("redis.conf"), &(lines.join("\n") + "\n")).await
    }

    /// The address, with the password, of database 0.
    pub fn url(&self) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{}/0", self.port),
            None => format!("redis://127.0.0.1:{}/0", self.port),
        }
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password, if it asks for one.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The process id, while it runs.
    pub async fn id(&self) -> Option<u32> {
        self.child.lock().await.as_ref().map(Child::id)
    }

    /// Tells when the server that runs now ends, for whatever reason.
    pub async fn exit(&self) -> Option<Exit> {
        self.child.lock().await.as_ref().map(Child::exit)
    }

    /// Starts it again, at the same port, after [`Redis::stop`] or [`Redis::kill`].
    ///
    /// # Errors
    /// It does not start.
    pub async fn resume(&self) -> Result<(), ServerError> {
        let mut child = self.child.lock().await;
        if child.as_ref().is_some_and(|c| c.exited().is_none()) {
            return Ok(());
        }
        let log = Log::mark(&self.log).await;
        let mut program = Program::new(&self.program)
            .name(NAME)
            .arg(self.folder.join("redis.conf"))
            .folder(&self.folder)
            .env_clear()
            .log_to(&self.log);
        for (name, value) in &self.environment {
            program = program.env(name, value);
        }
        let started = program.start().await?;
        let client = redis::Client::open(self.url()).map_err(|error| ServerError::Silent {
            name: NAME,
            last: error.to_string(),
            log: self.log.clone(),
        })?;
        // While it reads its file it accepts, and answers LOADING.
        let knock = || {
            let client = client.clone();
            async move { ping(&client).await.map_err(|e| e.to_string()) }.boxed()
        };
        until_ready(NAME, &started, log, knock).await?;
        *child = Some(started);
        Ok(())
    }

    /// Ends it orderly and starts it again at the same port.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart(&self) -> Result<(), ServerError> {
        self.stop().await;
        self.resume().await
    }

    /// SIGKILL: what was not written yet is lost.
    pub async fn kill(&self) {
        if let Some(child) = self.child.lock().await.take() {
            child.stop(Signal::KILL, STOP_LIMIT).await;
        }
    }

    /// Ends it orderly.
    pub async fn stop(&self) {
        if let Some(child) = self.child.lock().await.take() {
            child.stop(Signal::TERM, STOP_LIMIT).await;
        }
    }
}

async fn ping(client: &redis::Client) -> redis::RedisResult<()> {
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("PING").query_async(&mut connection).await
}

/// A word of `redis.conf`: its quotes and backslashes escaped.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}
