//! What `packguard doctor` and readiness ask of Postgres.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::MIGRATIONS;

/// The server behind a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its version as a number: 150004 is 15.4.
    pub version_number: i32,
    /// Its version as it says it.
    pub version: String,
    /// Its clock, now.
    pub now: DateTime<Utc>,
    /// Whether it is a standby, which takes no writes.
    pub is_standby: bool,
    /// Connections that it takes.
    pub max_connections: i32,
}

/// Asks the server who it is.
///
/// # Errors
/// What the connection says.
pub async fn server(connection: &mut PgConnection) -> sqlx::Result<Server> {
    // `now()` would be the transaction's start; clocks are compared to the instant.
    sqlx::query_as!(
        Server,
        r#"SELECT current_setting('server_version_num')::int AS "version_number!",
                  current_setting('server_version') AS "version!",
                  clock_timestamp() AS "now!",
                  pg_is_in_recovery() AS "is_standby!",
                  current_setting('max_connections')::int AS "max_connections!""#
    )
    .fetch_one(connection)
    .await
}

/// A migration as the database remembers it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Applied {
    /// Its version.
    pub version: i64,
    /// Of its text.
    pub checksum: Vec<u8>,
    /// `false` if it broke off.
    pub success: bool,
}

/// The migrations that were applied, in order; none in an empty database.
///
/// # Errors
/// What the connection says.
pub async fn applied_migrations(connection: &mut PgConnection) -> sqlx::Result<Vec<Applied>> {
    let table: Option<String> = sqlx::query_scalar!("SELECT to_regclass('_sqlx_migrations')::text")
        .fetch_one(&mut *connection)
        .await?;
    if table.is_none() {
        return Ok(Vec::new());
    }
    // Unchecked at build time: the table is sqlx's own, and not in every database that a
    // build is checked against.
    sqlx::query_as::<_, Applied>(
        "SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version",
    )
    .fetch_all(connection)
    .await
}

/// The versions of this build's migrations that the database lacks: what a role that starts
/// looks for. Newer ones than this build knows are right while a deployment is rolled out.
///
/// # Errors
/// What the database says.
pub async fn missing_migrations(pool: &PgPool) -> sqlx::Result<Vec<i64>> {
    let mut connection = pool.acquire().await?;
    let applied = applied_migrations(&mut connection).await?;
    let wanted = MIGRATIONS
        .iter()
        .filter(|one| !one.migration_type.is_down_migration())
        .map(|one| one.version);
    let is_there = |version: &i64| {
        let mut all = applied.iter();
        all.any(|one| one.version == *version && one.success)
    };
    Ok(wanted.filter(|version| !is_there(version)).collect())
}
