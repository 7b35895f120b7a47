//! What both servers need: finding them, a free port, a password, waiting until they answer.

use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::process::{Child, ProcessError, Program};

/// The oldest PostgreSQL that the schema is tested with.
const OLDEST_POSTGRES: u32 = 15;

/// Where Debian and Red Hat keep PostgreSQL, which is not in `PATH` there.
const POSTGRES_HOMES: [(&str, &str); 2] = [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")];

/// How long a server may take until it answers: a crash recovery of a developer's data, or a
/// start on a machine whose processors are all taken.
pub(super) const START_LIMIT: Duration = Duration::from_secs(60);

/// Between two attempts to connect to a server that starts. A refused attempt costs it nothing.
pub(super) const KNOCK: Duration = Duration::from_millis(10);

/// What one attempt to connect may take; a server on this machine answers in milliseconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// How many ports are tried when others take them between our look and the server's bind.
pub(super) const PORT_ATTEMPTS: usize = 20;

/// Lines of a log that an error repeats.
pub(super) const LAST_LINES: usize = 20;

/// Why a server could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Not installed.
    #[error("{what} was not found. Run: sudo apt-get install {packages}")]
    NotInstalled {
        /// The program, and its version.
        what: String,
        /// Debian's packages.
        packages: &'static str,
    },
    /// The data were written by a version that is not installed.
    #[error("the data in {folder} belong to PostgreSQL {wanted}, which is not installed. Run: sudo apt-get install postgresql-{wanted}; or move the folder away to begin anew", folder = folder.display())]
    OtherVersion {
        /// The server's folder.
        folder: PathBuf,
        /// Major version.
        wanted: u32,
    },
    /// A server runs on the same data.
    #[error("{name} already runs on {folder} (process {pid}): end it first", folder = folder.display())]
    Busy {
        /// Of the server.
        name: &'static str,
        /// Its data.
        folder: PathBuf,
        /// Of the server that runs.
        pid: u32,
    },
    /// It ended instead of answering.
    #[error("{name} ended while it started ({status}). Its last lines, of {log}:\n{lines}", log = log.display())]
    Ended {
        /// Of the server.
        name: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        lines: String,
    },
    /// It runs but does not answer.
    #[error("{name} did not answer within {START_LIMIT:?}: {last}. Its log: {log}", log = log.display())]
    Silent {
        /// Of the server.
        name: &'static str,
        /// What the last attempt said.
        last: String,
        /// Its log.
        log: PathBuf,
    },
    /// Somebody prepared the place before us.
    #[error("{path} is not ours: remove it, or use another folder", path = path.display())]
    NotOurs {
        /// The folder or file.
        path: PathBuf,
    },
    /// A file or folder.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database could not be made.
    #[error("PostgreSQL refused: {0}")]
    Database(#[from] sqlx::Error),
    /// No process.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Attaches the path to an error of the file system.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> ServerError + '_ {
    move |source| ServerError::File {
        path: path.to_owned(),
        source,
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// A program in `PATH`.
pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| is_executable(path))
}

/// Redis, or Valkey which speaks the same.
///
/// # Errors
/// [`ServerError::NotInstalled`].
pub fn find_redis() -> Result<PathBuf, ServerError> {
    let found = ["redis-server", "valkey-server"]
        .into_iter()
        .find_map(in_path);
    found.ok_or_else(|| ServerError::NotInstalled {
        what: "redis-server".into(),
        packages: "redis-server",
    })
}

/// The folder of PostgreSQL's programs: of version `wanted`, or else the newest.
///
/// # Errors
/// [`ServerError::NotInstalled`].
pub async fn find_postgres(wanted: Option<u32>) -> Result<PathBuf, ServerError> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (home, prefix) in POSTGRES_HOMES {
        let Ok(mut entries) = tokio::fs::read_dir(home).await else {
            continue;
        };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let version = entry.file_name().to_str().and_then(|name| {
                let version = name.strip_prefix(prefix)?;
                version.parse().ok()
            });
            found.extend(version.map(|version| (version, entry.path().join("bin"))));
        }
    }
    // PATH may hold a link to one of several programs of a version; its folder is what counts.
    if let Some(path) = in_path("postgres").and_then(|path| path.canonicalize().ok())
        && let Some(version) = version(path.as_os_str()).await
        && let Some(folder) = path.parent()
    {
        found.push((version, folder.to_owned()));
    }
    found.retain(|(_, folder)| {
        is_executable(&folder.join("postgres")) && is_executable(&folder.join("initdb"))
    });
    found.retain(|(version, _)| wanted.is_none_or(|wanted| *version == wanted));
    found.sort();
    match found.pop() {
        Some((version, folder)) if version >= OLDEST_POSTGRES => Ok(folder),
        _ => Err(ServerError::NotInstalled {
            what: format!("PostgreSQL {OLDEST_POSTGRES} or newer"),
            packages: "postgresql",
        }),
    }
}

/// The major version that a `postgres` says it is: `postgres (PostgreSQL) 15.14 (Debian …)`.
async fn version(program: &OsStr) -> Option<u32> {
    let (_, lines) = Program::new(program).arg("--version").finish().await.ok()?;
    let line = lines.into_iter().next()?.text;
    let number = line.split(") ").nth(1)?;
    let major = number.split(|c: char| !c.is_ascii_digit()).next()?;
    major.parse().ok()
}

/// The ports that the system gives to outgoing connections.
fn ephemeral() -> RangeInclusive<u16> {
    // Linux's default, should /proc not tell.
    const DEFAULT: RangeInclusive<u16> = 32768..=60999;
    let Ok(text) = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range") else {
        return DEFAULT;
    };
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last))) => first..=last,
        _ => DEFAULT,
    }
}

/// Whether a loopback port can be bound now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A loopback port that nobody listens at, outside the range that outgoing connections use.
///
/// From inside that range another connection could take the port between this look and the
/// server's bind, or while the server restarts; worse, a client that knocks at a port in it while
/// nobody listens can be given the very port as its own, and then talks to itself.
///
/// # Errors
/// No port is free.
pub fn free_port() -> io::Result<u16> {
    /// Below lie the well-known ports of other servers.
    const LOWEST: u16 = 10_000;
    let taken = ephemeral();
    for _ in 0..1_000 {
        let port = fastrand::u16(LOWEST..);
        if !taken.contains(&port) && is_free(port) {
            return Ok(port);
        }
    }
    // A range over everything: whatever the system offers.
    let listener = TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// A new password: 244 random bits, in letters that need no escape in a URL.
pub(super) fn new_password() -> String {
    uuid::Uuid::new_v4().simple().to_string() + &uuid::Uuid::new_v4().simple().to_string()
}

/// Reads a secret that an earlier start left, or makes one; the file is for its owner only.
pub(super) async fn secret(path: &Path) -> Result<String, ServerError> {
    match tokio::fs::read_to_string(path).await {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(path)(error)),
        Ok(_) | Err(_) => {}
    }
    let password = new_password();
    write_private(path, &password).await?;
    Ok(password)
}

/// Writes a file that only its owner may read, whole or not at all.
pub(super) async fn write_private(path: &Path, text: &str) -> Result<(), ServerError> {
    let beside = path.with_extension("new");
    let write = async {
        let _ = tokio::fs::remove_file(&beside).await;
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&beside).await?;
        tokio::io::AsyncWriteExt::write_all(&mut file, text.as_bytes()).await?;
        file.sync_all().await?;
        tokio::fs::rename(&beside, path).await
    };
    write.await.map_err(at(path))
}

/// The last lines of a log file.
pub(super) async fn last_lines(path: &Path) -> String {
    Log { path, from: 0 }.tail().await
}

/// A server's log, from the start of the server that is spoken of.
pub(super) struct Log<'a> {
    pub(super) path: &'a Path,
    from: u64,
}

impl<'a> Log<'a> {
    /// Marks its present end.
    pub(super) async fn mark(path: &'a Path) -> Self {
        let length = tokio::fs::metadata(path).await.map(|m| m.len());
        Self {
            path,
            from: length.unwrap_or_default(),
        }
    }

    /// The last lines since the mark, at most a few kilobytes of them.
    pub(super) async fn tail(&self) -> String {
        /// Enough for [`LAST_LINES`] lines of what servers write.
        const BYTES: u64 = 8 << 10;
        let read = async {
            let mut file = tokio::fs::File::open(self.path).await?;
            let length = file.metadata().await?.len();
            let from = length.saturating_sub(BYTES).max(self.from);
            file.seek(io::SeekFrom::Start(from)).await?;
            let mut bytes = Vec::new();
            file.take(BYTES).read_to_end(&mut bytes).await?;
            io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read.await.unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}

/// One attempt to be answered; boxed and owning what it needs, so that the futures that hold it
/// may move between threads.
pub(super) type Knock = BoxFuture<'static, Result<(), String>>;

/// Knocks until the server answers, it ends, or the limit is over.
pub(super) async fn until_ready(
    name: &'static str,
    child: &Child,
    log: Log<'_>,
    knock: impl Fn() -> Knock,
) -> Result<(), ServerError> {
    let mut last = String::new();
    let knocking = async {
        // One attempt may hang while the server recovers: hence the limit around each.
        while let Err(error) = tokio::time::timeout(ANSWER_LIMIT, knock())
            .await
            .unwrap_or_else(|_| Err("it accepts, and says nothing".into()))
        {
            last = error;
            tokio::time::sleep(KNOCK).await;
        }
    };
    tokio::select! {
        () = knocking => return Ok(()),
        status = child.wait() => {
            let lines = log.tail().await;
            return Err(ServerError::Ended { name, status, log: log.path.to_owned(), lines });
        }
        () = tokio::time::sleep(START_LIMIT) => {}
    }
    Err(ServerError::Silent {
        name,
        last,
        log: log.path.to_owned(),
    })
}

/// Whether a server ended because somebody else has its port.
pub(super) fn is_port_taken(error: &ServerError) -> bool {
    matches!(error, ServerError::Ended { lines, .. } if lines.contains("Address already in use"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_lie_outside_the_range_of_outgoing_connections() {
        let taken = ephemeral();
        // Other tests take some of them meanwhile.
        let mut free = 0;
        for _ in 0..100 {
            let port = free_port().unwrap();
            assert!(!taken.contains(&port), "{port}");
            free += usize::from(is_free(port));
        }
        assert!(free > 50, "{free}");
    }

    #[tokio::test]
    async fn a_secret_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let first = secret(&path).await.unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(secret(&path).await.unwrap(), first);
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_version_that_is_not_installed_says_what_to_install() {
        let error = find_postgres(Some(9)).await.unwrap_err().to_string();
        assert!(error.contains("sudo apt-get install postgresql"), "{error}");
        assert!(find_postgres(None).await.unwrap().join("initdb").exists());
    }

    #[tokio::test]
    async fn the_tail_of_a_log_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let text: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let log = Log::mark(&path).await;
        std::fs::write(&path, text).unwrap();
        let tail = log.tail().await;
        assert_eq!(tail.lines().count(), LAST_LINES);
        assert!(tail.ends_with("line 9999"));
        assert_eq!(Log::mark(&path).await.tail().await, "");
    }
}
