//! A PostgreSQL of our own, on loopback and a private socket, in a folder of its own.
//!
//! Data: `password` (readable by the owner only), `data`, `socket`, `postgres.log`. `data` is made
//! beside and renamed, so an `initdb` that was interrupted leaves nothing that looks finished. The
//! port is chosen at the first start and stays over [`Postgres::restart`], so that clients
//! reconnect where they were. Failure rule: [`super::process`]; a server that was killed is
//! started again with [`Postgres::resume`] and recovers from its log.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt as _;
use sqlx::Connection as _;
use sqlx::migrate::MigrateDatabase as _;
use tokio::sync::Mutex;

use super::place::{Place, give, place};
use super::process::{Child, Exit, Program, Signal};
use super::reclaim::reclaim;
use super::servers::{
    Log, PORT_ATTEMPTS, ServerError, at, find_postgres, free_port, is_port_taken, secret,
    until_ready,
};

const NAME: &str = "PostgreSQL";

/// Who owns everything in it.
const OWNER: &str = "packguard";

/// What a fast shutdown may take: a checkpoint of a developer's data.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A socket's address holds 107 bytes; this leaves room for its name, `/.s.PGSQL.65535.lock`.
const LONGEST_SOCKET_FOLDER: usize = 85;

/// What a PostgreSQL promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// Everything: for data that matter.
    #[default]
    Durable,
    /// Survives [`Postgres::kill`], not a crash of the machine: for tests.
    Fast,
    /// As [`Durability::Fast`], with `fsync`: for tests that measure.
    FastWithFsync,
}

/// How a PostgreSQL is started.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// What it promises.
    pub durability: Durability,
    /// Further settings, by PostgreSQL's names.
    pub settings: Vec<(String, String)>,
    /// Where it logs; `postgres.log` in its folder unless set.
    pub log: Option<PathBuf>,
}

/// A running PostgreSQL. Dropping it ends it.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    place: Place,
    log: PathBuf,
    port: u16,
    password: String,
    settings: Vec<(String, String)>,
    child: Mutex<Option<Child>>,
}

impl Postgres {
    /// Starts one in a folder, which is made, and waits until it answers. A folder of an earlier
    /// start gives its data, also after a crash.
    ///
    /// Root can't run PostgreSQL: it runs as the user `postgres` then, who becomes the owner of
    /// the folder; if that user does not reach it, [`Postgres::folder`] is another.
    ///
    /// # Errors
    /// PostgreSQL is not installed, does not start, or the folder can't be used.
    pub async fn start(folder: &Path, options: PostgresOptions) -> Result<Self, ServerError> {
        let place = place(folder).await?;
        let password = place.folder.join("password");
        let secret = secret(&password).await?;
        if let Some(user) = place.user {
            give(&password, user)?;
        }
        let log = options.log.clone();
        let mut postgres = Self {
            programs: find_programs(&place.folder.join("data")).await?,
            log: log.unwrap_or_else(|| place.folder.join("postgres.log")),
            place,
            port: 0,
            password: secret,
            settings: settings(&options),
            child: Mutex::new(None),
        };
        postgres.initialise(&options).await?;
        for attempt in 1.. {
            postgres.port = free_port().map_err(at(folder))?;
            match postgres.resume().await {
                Err(error) if attempt < PORT_ATTEMPTS && is_port_taken(&error) => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        Ok(postgres)
    }

    /// Runs `initdb`, unless that was done.
    async fn initialise(&self, options: &PostgresOptions) -> Result<(), ServerError> {
        let data = self.data();
        if data.exists() {
            return Ok(());
        }
        let making = self.place.folder.join("data.making");
        let mut failure = String::new();
        // Byte order, on any machine: C.UTF-8 where there is such a locale.
        for locale in ["C.UTF-8", "C"] {
            if let Err(error) = tokio::fs::remove_dir_all(&making).await
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(at(&making)(error));
            }
            let mut program = self
                .program("initdb")
                .args(["-U", OWNER, "-E", "UTF8", "--locale", locale])
                .args(["--auth-local=trust", "--auth-host=scram-sha-256"])
                .arg("--no-instructions")
                .arg("--pwfile")
                .arg(self.place.folder.join("password"))
                .arg("-D")
                .arg(&making);
            if options.durability == Durability::Fast {
                program = program.arg("--no-sync");
            }
            let (status, lines) = program.finish().await?;
            if status.success() {
                return tokio::fs::rename(&making, &data).await.map_err(at(&data));
            }
            let lines: Vec<_> = lines.into_iter().map(|line| line.text).collect();
            failure = lines.join("\n");
            if !failure.contains("locale") {
                break;
            }
        }
        Err(ServerError::Database(sqlx::Error::Io(io::Error::other(
            format!("initdb failed:\n{failure}"),
        ))))
    }

    /// One of PostgreSQL's programs, run as the right user.
    fn program(&self, name: &str) -> Program {
        Program::new(self.programs.join(name))
            .env_clear()
            .user(self.place.user)
            .folder(&self.place.folder)
    }

    fn data(&self) -> PathBuf {
        self.place.folder.join("data")
    }

    /// Where its data are: the folder that was asked for, or see [`Postgres::start`].
    pub fn folder(&self) -> &Path {
        &self.place.folder
    }

    /// Whether [`Postgres::folder`] is not the one that was asked for.
    pub fn is_elsewhere(&self) -> bool {
        self.place.is_elsewhere
    }

    /// The address of a database, with the password.
    pub fn url(&self, database: &str) -> String {
        let Self { password, port, .. } = self;
        format!("postgres://{OWNER}:{password}@127.0.0.1:{port}/{database}")
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.port
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

    /// Makes a database, unless there is one of that name, and gives its address.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn create(&self, database: &str) -> Result<String, ServerError> {
        let url = self.url(database);
        if !sqlx::Postgres::database_exists(&url).await? {
            sqlx::Postgres::create_database(&url).await?;
        }
        Ok(url)
    }

    /// Starts it again, at the same port, after [`Postgres::stop`] or [`Postgres::kill`].
    ///
    /// # Errors
    /// It does not start.
    pub async fn resume(&self) -> Result<(), ServerError> {
        let mut child = self.child.lock().await;
        if child.as_ref().is_some_and(|c| c.exited().is_none()) {
            return Ok(());
        }
        let data = self.data();
        reclaim(NAME, &data, &data.join("postmaster.pid")).await?;
        let log = Log::mark(&self.log).await;
        let started = self.server().await?.start().await?;
        let url = self.url("postgres");
        let knock = || {
            let url = url.clone();
            async move { connect(&url).await.map_err(|e| e.to_string()) }.boxed()
        };
        until_ready(NAME, &started, log, knock).await?;
        *child = Some(started);
        Ok(())
    }

    async fn server(&self) -> Result<Program, ServerError> {
        let sockets = self.place.folder.join("socket");
        let is_short = sockets.as_os_str().len() <= LONGEST_SOCKET_FOLDER;
        if is_short && !sockets.exists() {
            let made = tokio::fs::create_dir(&sockets).await;
            made.map_err(at(&sockets))?;
            match self.place.user {
                Some(user) => give(&sockets, user)?,
                None => rustix::fs::chmod(&sockets, rustix::fs::Mode::RWXU)
                    .map_err(|e| at(&sockets)(e.into()))?,
            }
        }
        let sockets = if is_short { sockets } else { PathBuf::new() };
        let mut program = self
            .program("postgres")
            .name(NAME)
            .log_to(&self.log)
            // A fast shutdown. SIGTERM would wait for clients, who may wait for us.
            .ending(Signal::INT)
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-k".as_ref(), sockets.as_os_str()]);
        for (name, value) in &self.settings {
            program = program.args(["-c", &format!("{name}={value}")]);
        }
        Ok(program)
    }

    /// Ends it orderly and starts it again at the same port.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart(&self) -> Result<(), ServerError> {
        self.stop().await;
        self.resume().await
    }

    /// A crash as its clients see it: connections break, nothing is flushed, and the next start
    /// recovers. SIGQUIT rather than SIGKILL, after which backends would linger for a while.
    pub async fn kill(&self) {
        if let Some(child) = self.child.lock().await.take() {
            child.stop(Signal::QUIT, STOP_LIMIT).await;
        }
    }

    /// A fast shutdown: clients are disconnected, data are flushed.
    pub async fn stop(&self) {
        if let Some(child) = self.child.lock().await.take() {
            child.stop(Signal::INT, STOP_LIMIT).await;
        }
    }
}

async fn connect(url: &str) -> Result<(), sqlx::Error> {
    sqlx::PgConnection::connect(url).await?.close().await
}

/// The programs of the version that wrote the data, or the newest.
async fn find_programs(data: &Path) -> Result<PathBuf, ServerError> {
    let version = tokio::fs::read_to_string(data.join("PG_VERSION")).await;
    let Some(wanted) = version.ok().and_then(|text| text.trim().parse().ok()) else {
        return find_postgres(None).await;
    };
    let found = find_postgres(Some(wanted)).await;
    found.map_err(|_| ServerError::OtherVersion {
        folder: data.to_owned(),
        wanted,
    })
}

fn settings(options: &PostgresOptions) -> Vec<(String, String)> {
    let mut settings = vec![
        // Compiling a query costs more than it saves on the short ones here.
        ("jit", "off"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
    ];
    if options.durability != Durability::Durable {
        settings.extend([
            ("synchronous_commit", "on"),
            // The tests' data fit many times.
            ("shared_buffers", "32MB"),
            // Hundreds of tests, each with a pool of its own.
            ("max_connections", "400"),
            ("autovacuum_vacuum_cost_delay", "0"),
            // No checkpoint in the middle of a test.
            ("checkpoint_timeout", "1h"),
            ("max_wal_size", "4GB"),
            // Nothing is replicated.
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
        ]);
    }
    if options.durability == Durability::Fast {
        settings.extend([("fsync", "off"), ("full_page_writes", "off")]);
    }
    let own = settings
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.chain(options.settings.iter().cloned()).collect()
}
