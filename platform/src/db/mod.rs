//! All SQL of the platform, one file per resource. Queries are checked against the schema
//! when they are compiled (`.sqlx/` holds what the checker needs; `make queries` renews it).
//!
//! Postgres is the truth. What changes a task is one statement or one short transaction;
//! none is held open while something else is waited for. A worker's statements carry the
//! fence of its claim and change nothing once the task was claimed anew.

pub mod audit;
pub mod backups;
pub mod batches;
pub mod claims;
pub mod copy;
pub mod dead_letters;
pub mod deliveries;
pub mod doomed;
pub mod erase;
pub mod events;
pub mod functions;
pub mod health;
pub mod heartbeats;
pub mod keys;
pub mod load;
pub mod packages;
pub mod publishers;
pub mod reanalyses;
pub mod reports;
pub mod retention;
pub mod submit;
pub mod tasks;
pub mod timeouts;
pub mod uploads;
pub mod webhooks;

use std::io;
use std::str::FromStr as _;
use std::time::Duration;

use futures_util::FutureExt as _;
use sqlx::Connection as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use tokio::time::timeout;

/// The schema, as this version wants it.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Longest wait for an answer: beyond what Postgres lets any statement take
/// (`DATABASE_STATEMENT_TIMEOUT`), so that only one that never comes is given up.
pub const SILENCE: Duration = Duration::from_secs(30);

/// Longest wait for the answer to a ping.
const PING: Duration = Duration::from_secs(1);

/// How the database is reached.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Most connections.
    pub size: u32,
    /// Longest wait for a free one, connecting included.
    pub acquire: Duration,
    /// Longest statement; `None` for no limit.
    pub statement: Option<Duration>,
}

/// Opens a pool; connects when first used.
///
/// # Errors
/// When the URL is none.
pub fn open(url: &str, options: &PoolOptions) -> Result<PgPool, sqlx::Error> {
    // 0 is Postgres' word for no limit.
    let limit = options.statement.map_or(0, |limit| limit.as_millis());
    let limit = limit.to_string();
    let connect = PgConnectOptions::from_str(url)?
        .application_name("packguard")
        .options([
            ("statement_timeout", limit.as_str()),
            // A client that went away must not keep its locks.
            ("idle_in_transaction_session_timeout", "30000"),
            // A plan that was made while few tasks were open, and kept, reads the index of
            // all open ones for each statement after a burst of a hundred thousand. Planning
            // takes a tenth of a millisecond.
            ("plan_cache_mode", "force_custom_plan"),
            // A client that is gone without a word: its session, and the advisory locks in it,
            // end after a minute. Linux' two hours would leave the reconciler locked out.
            ("tcp_keepalives_idle", "30"),
            ("tcp_keepalives_interval", "10"),
            ("tcp_keepalives_count", "3"),
            ("tcp_user_timeout", "60000"),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(options.size)
        .acquire_timeout(options.acquire)
        // Servers and proxies in between drop idle connections after some minutes.
        .idle_timeout(Duration::from_secs(240))
        // The pool's own tests wait for ever on a network that swallows packets.
        .test_before_acquire(false)
        .before_acquire(|connection, _| alive(connection).boxed())
        .after_release(|connection, _| alive(connection).boxed())
        .connect_lazy_with(connect))
}

/// Another database of the same server, for one thing after another.
pub fn beside(pool: &PgPool, name: &str) -> PgPool {
    let options = pool.connect_options();
    let connect = options.as_ref().clone().database(name);
    PgPoolOptions::new()
        .max_connections(2)
        .connect_lazy_with(connect)
}

/// Whether the server at the other end answers; the pool throws the connection away otherwise.
async fn alive(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match timeout(PING, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(silent(PING)),
    }
}

/// Gives up after [`SILENCE`], for those that nobody else would stop. The connection is thrown
/// away, and the statement may have been carried out.
///
/// # Errors
/// Those of the statement; [`is_away`] is true of silence.
pub async fn answered<T>(
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match timeout(SILENCE, statement).await {
        Ok(answer) => answer,
        Err(_) => Err(silent(SILENCE)),
    }
}

fn silent(limit: Duration) -> sqlx::Error {
    let message = format!("no answer from the database within {} s", limit.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, message).into()
}

/// Brings the schema to what this version wants, once however many do it at the same time:
/// sqlx holds an advisory lock meanwhile.
///
/// # Errors
/// When the database can't be reached, or its schema was changed by something else.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    MIGRATIONS.run(pool).await
}

/// Whether trying again may help: the server is away, shuts down, starts, or has no room.
pub fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        // A handshake that the server's end cut in two.
        | sqlx::Error::Protocol(_) => true,
        // Classes 08 (connections), 53 (resources), 57P0x (shutting down, starting up),
        // 57014 (our own statement timeout), 40 (deadlock, serialization).
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "53", "57P0", "57014", "40"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// Held while it lives; the session's end frees it as well.
pub type Lock = sqlx::postgres::PgAdvisoryLockGuard<sqlx::pool::PoolConnection<sqlx::Postgres>>;

/// Takes the lock of that name, unless somebody has it.
///
/// # Errors
/// When the database fails.
pub async fn try_lock(pool: &PgPool, name: &str) -> Result<Option<Lock>, sqlx::Error> {
    use sqlx::Either;
    use sqlx::postgres::PgAdvisoryLock;
    let connection = pool.acquire().await?;
    match PgAdvisoryLock::new(name).try_acquire(connection).await? {
        Either::Left(lock) => Ok(Some(lock)),
        Either::Right(_) => Ok(None),
    }
}
