//! Database and queue.

use std::str::FromStr as _;
use std::time::Duration;

use url::Url;

use super::parse::Wrong;
use super::reader::Reader;
use super::secret::SecretUrl;
use super::setting::Role;
use super::{MINUTE, MS, SECOND};
use crate::queue::{Queue, QueueConfig};

/// How to reach Postgres.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// The address, with its password if it has one.
    pub url: SecretUrl,
    /// Connections at most.
    pub pool_size: u32,
    /// How long to wait for a connection, the time to make one included.
    pub acquire_timeout: Duration,
    /// When Postgres ends a statement; `None`: never, for a migration may build an index.
    pub statement_timeout: Option<Duration>,
}

/// What a process needs: in `serve` one connection listens for changed keys, one holds the
/// reconciler's lock, one listens for due webhooks, one writes submissions, one is left to read.
const POOL_OF_SERVE: u32 = 5;

/// Heartbeats must not wait for a slow update.
const POOL_OF_WORK: u32 = 2;

/// Those that do one thing after another, and whose work must not wait for itself.
const POOL_OF_OTHERS: u32 = 2;

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let url = reader.secret_url("DATABASE_URL", postgres);
        let config = Self {
            url,
            pool_size: match reader.role() {
                // Postgres knows no more than 262,143; a thousand is a slip already.
                Role::Serve | Role::Work => reader.number("DATABASE_POOL_SIZE", 1, 1_000),
                _ => POOL_OF_OTHERS,
            },
            acquire_timeout: reader.duration("DATABASE_ACQUIRE_TIMEOUT", 100 * MS, MINUTE),
            statement_timeout: (reader.role() != Role::Migrate)
                .then(|| reader.duration("DATABASE_STATEMENT_TIMEOUT", 100 * MS, 25 * SECOND)),
        };
        let needed = match reader.role() {
            Role::Serve => POOL_OF_SERVE,
            _ => POOL_OF_WORK,
        };
        reader.check(
            &["DATABASE_POOL_SIZE"],
            config.pool_size >= needed,
            format!(
                "{} connections are too few: {} needs {needed} to make progress",
                config.pool_size,
                reader.role()
            ),
            "the default, 16, does",
        );
        config
    }
}

/// Parameters that the driver knows. Others it ignores, but logs with their values, which
/// may be secret: `?passwd=…`.
const PARAMETERS: [&str; 20] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "options[search_path]",
    "options[role]",
];

fn postgres(text: &str) -> Result<SecretUrl, Wrong> {
    let hint = "give an address such as postgres://packguard@db.example.com/packguard";
    if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
        return Err(Wrong::new("does not begin with postgres://", hint));
    }
    let known = Url::parse(text).map(|url| {
        url.query_pairs()
            .all(|(name, _)| PARAMETERS.contains(&name.as_ref()))
    });
    if known == Ok(false) {
        return Err(Wrong::new(
            "has a parameter that is not known",
            format!("known are {}", PARAMETERS.join(", ")),
        ));
    }
    match sqlx::postgres::PgConnectOptions::from_str(text) {
        Ok(_) => Ok(SecretUrl::new(text)),
        Err(_) => Err(Wrong::new(
            "is no address of a database",
            format!("{hint}; write a password's special characters as %40 and the like"),
        )),
    }
}

/// How to reach Redis.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// The server, or the sentinels that know it: what [`QueueConfig`] takes.
    pub url: SecretUrl,
    /// What the keys are named after (`QUEUE_NAME`).
    pub queue: String,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub response_timeout: Duration,
}

impl RedisConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            url: reader.secret_url("REDIS_URL", redis),
            queue: reader.value("QUEUE_NAME", name),
            connect_timeout: reader.duration("REDIS_CONNECT_TIMEOUT", 100 * MS, MINUTE),
            response_timeout: reader.duration("REDIS_RESPONSE_TIMEOUT", 100 * MS, 30 * SECOND),
        }
    }

    /// As the queue takes it.
    pub fn queue_config(&self) -> QueueConfig {
        QueueConfig {
            url: self.url.expose().to_owned(),
            name: self.queue.clone(),
            connect_timeout: self.connect_timeout,
            command_timeout: self.response_timeout,
        }
    }
}

fn redis(text: &str) -> Result<SecretUrl, Wrong> {
    let config = QueueConfig::new(text);
    match Queue::lazy(&config) {
        // The driver would take a bare file name for a URL too.
        Ok(_) if text.contains("://") => Ok(SecretUrl::new(text)),
        _ => Err(Wrong::new(
            "is no address of a Redis",
            "give one such as redis://redis.example.com:6379/0, or redis+sentinel://a.example.com:26379,b.example.com:26379/MASTER; write a password's special characters as %40 and the like",
        )),
    }
}

/// Bytes of a name: it is part of every key.
const NAME: usize = 64;

fn name(text: &str) -> Result<String, Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    if text.len() > NAME || !text.chars().all(fits) {
        // Braces would break the hash tag that keeps all keys on one node of a cluster.
        return Err(Wrong::new(
            "is no name",
            "give at most 64 letters, digits, `_`, `-`, `.` and `:`",
        ));
    }
    Ok(text.into())
}
