//! `packguard dev`: the whole platform on one machine, for one person, with nothing to set up.
//!
//! Data: one folder ([`home`]), `.packguard/`: `dev.lock` tells two `dev` apart, `dev.key` is the
//! API key, `postgres/` and `redis/` belong to servers of our own, `storage/` holds archives and
//! reports, `logs/` the servers' logs. Beside the folder nothing on the machine is touched; all
//! ports are on loopback.
//!
//! Failure rule: all runs, or nothing does. If any child ends, the rest is ended and the error
//! says which it was and what it said last. The order of the ending is that of the need: `serve`
//! and `work` first, which may finish what they do, then Redis, then PostgreSQL. If we are killed
//! ourselves, [`process`] says what happens. A start after any of this goes on with the data.
//!
//! [`servers`], [`Postgres`] and [`Redis`] also serve the integration tests.

pub mod process;
pub mod servers;

mod greeting;
mod home;
mod lines;
mod place;
mod postgres;
mod reclaim;
mod redis;
mod roles;
mod supervisor;

pub use lines::Line;
pub use postgres::{Durability, Postgres, PostgresOptions};
pub use redis::{Redis, RedisOptions};

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use tokio_util::sync::CancellationToken;
use url::Url;

use greeting::Greeting;
use home::Home;
use process::{Exit, ProcessError};
use roles::{Roles, Settings};
use servers::{ServerError, free_port, is_free};

/// The port that the platform is known by.
const PORT: u16 = 8000;

/// The database in our PostgreSQL.
const DATABASE: &str = "packguard";

/// What `packguard dev` was asked for.
#[derive(Debug, Clone)]
pub struct DevOptions {
    /// Where everything is kept: `.packguard`.
    pub folder: PathBuf,
    /// The API's port on loopback. `None`: 8000, or any that is free when that is taken.
    pub port: Option<u16>,
    /// The command whose subcommands `migrate`, `admin`, `serve` and `work` are run.
    pub command: Vec<OsString>,
}

impl DevOptions {
    /// Runs the roles from the executable that runs now.
    ///
    /// # Errors
    /// The system does not say which that is.
    pub fn new(folder: PathBuf) -> io::Result<Self> {
        Ok(Self {
            folder,
            port: None,
            command: vec![std::env::current_exe()?.into_os_string()],
        })
    }
}

/// Why `packguard dev` ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The folder is in use.
    #[error("another `packguard dev`{by} uses {folder}: end it, or use another folder", folder = folder.display(), by = by.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    AnotherRuns {
        /// The folder.
        folder: PathBuf,
        /// The process, if it says so.
        by: Option<u32>,
    },
    /// A file or folder.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// PostgreSQL or Redis did not start.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A process could not be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A step of the start failed.
    #[error("`packguard {command}` failed ({status}):\n{lines}")]
    Step {
        /// Its arguments.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// Its last lines.
        lines: String,
    },
    /// A child ended though nobody asked it to.
    #[error("{name} ended ({status}), so everything was ended. Its last lines:\n{lines}")]
    Died {
        /// Which.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// Its last lines.
        lines: String,
    },
    /// `serve` runs and does not become ready.
    #[error("serve was not ready within {limit:?}; {last}", limit = roles::READY_LIMIT)]
    NotReady {
        /// What it answered last.
        last: String,
    },
    /// `admin keys create` wrote something else than a key.
    #[error("`packguard admin keys create --json` wrote no field `key`")]
    NoKey,
    /// There is no client for HTTP.
    #[error("no HTTP client: {0}")]
    Http(#[from] reqwest::Error),
}

/// Runs the platform until it is cancelled, which is how it ends well: then nothing runs any more
/// and the data stay. Cancelled while a server starts, it leaves that one's end to [`process`].
///
/// # Errors
/// It could not start, or a part of it ended by itself; nothing runs any more then either.
pub async fn run(options: DevOptions, cancel: CancellationToken) -> Result<(), DevError> {
    let home = Home::open(&options.folder).await?;
    let mut parts = Parts::default();
    let outcome = tokio::select! {
        () = cancel.cancelled() => Ok(()),
        outcome = live(&options, &home, &mut parts) => outcome,
    };
    parts.end().await;
    outcome
}

/// What runs.
#[derive(Default)]
struct Parts {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    roles: Option<Roles>,
}

impl Parts {
    async fn end(self) {
        if let Some(roles) = self.roles {
            roles.end().await;
        }
        if let Some(redis) = self.redis {
            redis.stop().await;
        }
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
    }
}

/// Starts everything, says so, and waits for the first part that ends.
async fn live(options: &DevOptions, home: &Home, parts: &mut Parts) -> Result<(), DevError> {
    let (postgres, redis) = start_servers(home).await?;
    let postgres = parts.postgres.insert(postgres);
    let redis = parts.redis.insert(redis);
    let (database, queue) = (postgres.exit().await, redis.exit().await);
    let logs = (postgres.log().to_owned(), redis.log().to_owned());
    let death = async {
        tokio::select! {
            status = ended(database) => ("PostgreSQL", status, &logs.0),
            status = ended(queue) => ("Redis", status, &logs.1),
        }
    };
    let work = async {
        let database_url = postgres.create(DATABASE).await?;
        let port = match options.port {
            Some(port) => port,
            None if is_free(PORT) => PORT,
            None => free_port().map_err(at(home.path()))?,
        };
        let settings = Settings {
            command: options.command.clone(),
            database_url,
            redis_url: redis.url(),
            storage_url: file_url(&home.join("storage")),
            port,
        };
        settings.step(&["migrate"]).await?;
        let roles = parts.roles.insert(Roles::serve(settings).await?);
        roles.until_ready().await?;
        let key = roles.key(home).await?;
        roles.work().await?;
        let greeting = Greeting {
            address: &roles.address(),
            key: &key,
            home: home.path(),
            postgres: postgres.is_elsewhere().then(|| postgres.folder()),
        };
        println!("{greeting}");
        Err(roles.death().await)
    };
    tokio::select! {
        outcome = work => outcome,
        (name, status, log) = death => {
            let lines = servers::last_lines(log).await;
            Err(DevError::Died { name: name.to_owned(), status, lines })
        }
    }
}

async fn ended(exit: Option<Exit>) -> ExitStatus {
    match exit {
        Some(exit) => exit.wait().await,
        None => std::future::pending().await,
    }
}

async fn start_servers(home: &Home) -> Result<(Postgres, Redis), DevError> {
    let logs = home.join("logs");
    let (database, queue) = (home.join("postgres"), home.join("redis"));
    let postgres = PostgresOptions {
        log: Some(logs.join("postgres.log")),
        ..PostgresOptions::default()
    };
    let redis = RedisOptions {
        append_only: true,
        log: Some(logs.join("redis.log")),
        ..RedisOptions::default()
    };
    let (postgres, redis) = tokio::join!(
        Postgres::start(&database, postgres),
        Redis::start(&queue, redis),
    );
    Ok((postgres?, redis?))
}

fn file_url(folder: &Path) -> String {
    // The folder is absolute, which is all that is asked for.
    Url::from_directory_path(folder)
        .map(String::from)
        .unwrap_or_default()
}

/// Attaches the path to an error of the file system.
fn at(path: &Path) -> impl Fn(io::Error) -> DevError + '_ {
    move |source| DevError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
