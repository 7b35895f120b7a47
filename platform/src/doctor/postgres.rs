//! Postgres: who it is, whether its schema is this build's, what time it has.

use std::str::FromStr as _;

use chrono::Utc;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::config::DatabaseConfig;
use crate::db::health;

use super::Verdict;
use super::clock::{self, Reading};

/// The oldest that is supported: issue and manifests name it, CI runs it.
const OLDEST: i32 = 150_000;

async fn connect(config: &DatabaseConfig) -> Result<PgConnection, Verdict> {
    let hint = "is it running, and is DATABASE_URL right?";
    let options = PgConnectOptions::from_str(config.url.expose())
        .map_err(|_| Verdict::fail("DATABASE_URL can't be read", hint))?;
    // Nothing of a URL that may hold a password goes to the log.
    let connecting = options.disable_statement_logging();
    let connecting = connecting.connect();
    match tokio::time::timeout(config.acquire_timeout, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(Verdict::fail(
            format!("{} does not take us in: {error}", config.url),
            hint,
        )),
        Err(_) => Err(Verdict::fail(
            format!("{} does not answer", config.url),
            hint,
        )),
    }
}

fn failed(error: &sqlx::Error) -> Verdict {
    Verdict::fail(error.to_string(), "look at the server's log")
}

pub(super) async fn server(config: DatabaseConfig) -> Verdict {
    let asked = async {
        let mut connection = connect(&config).await?;
        let server = health::server(&mut connection).await;
        connection.close().await.ok();
        server.map_err(|error| failed(&error))
    };
    match asked.await {
        Ok(server) => judge(&server),
        Err(verdict) => verdict,
    }
}

/// Connections for a rollout: two `serve` and two `work` of the default pool size.
const CONNECTIONS: i32 = 64;

pub(super) fn judge(server: &health::Server) -> Verdict {
    let version = &server.version;
    if server.version_number < OLDEST {
        return Verdict::fail(
            format!("version {version}"),
            format!("upgrade to version {} or later", OLDEST / 10_000),
        );
    }
    if server.is_standby {
        return Verdict::fail(
            format!("version {version}, a standby, which takes no writes"),
            "let DATABASE_URL name the primary",
        );
    }
    if server.max_connections < CONNECTIONS {
        return Verdict::warn(
            format!("version {version}, {} connections", server.max_connections),
            "raise max_connections, or lower DATABASE_POOL_SIZE: a rollout has both versions connected",
        );
    }
    Verdict::ok(format!("version {version}"))
}

pub(super) async fn migrations(config: DatabaseConfig, migrator: &'static Migrator) -> Verdict {
    let asked = async {
        let mut connection = connect(&config).await?;
        let applied = health::applied_migrations(&mut connection).await;
        connection.close().await.ok();
        applied.map_err(|error| failed(&error))
    };
    match asked.await {
        Ok(applied) => compare(&applied, migrator),
        Err(verdict) => verdict,
    }
}

pub(super) fn compare(applied: &[health::Applied], migrator: &Migrator) -> Verdict {
    if let Some(broken) = applied.iter().find(|one| !one.success) {
        return Verdict::fail(
            format!("migration {} broke off", broken.version),
            "look at the database's log, repair what it left, delete its row in _sqlx_migrations, run `packguard migrate`",
        );
    }
    let ours = migrator
        .iter()
        .filter(|one| !one.migration_type.is_down_migration());
    let mut missing = Vec::new();
    let mut count = 0_usize;
    for one in ours {
        count += 1;
        match applied
            .iter()
            .find(|applied| applied.version == one.version)
        {
            None => missing.push(one.version.to_string()),
            Some(applied) if applied.checksum != *one.checksum => {
                return Verdict::fail(
                    format!("migration {} is another than this build's", one.version),
                    "run the build that this database belongs to: a migration that was applied must not change",
                );
            }
            Some(_) => {}
        }
    }
    if !missing.is_empty() {
        return Verdict::fail(
            format!("not applied: {}", missing.join(", ")),
            "run `packguard migrate`",
        );
    }
    let unknown = applied
        .iter()
        .filter(|one| !migrator.version_exists(one.version));
    match unknown.count() {
        0 => Verdict::ok(format!("all {count} applied")),
        newer => Verdict::warn(
            format!("all {count} applied, and {newer} that this build does not know"),
            "right during a rollout; otherwise this build is older than the deployment",
        ),
    }
}

pub(super) async fn clock(config: DatabaseConfig) -> Verdict {
    let asked = async {
        let mut connection = connect(&config).await?;
        let before = Utc::now();
        let server = health::server(&mut connection).await;
        let after = Utc::now();
        connection.close().await.ok();
        let theirs = server.map_err(|error| failed(&error))?.now;
        Ok(clock::compare(Reading {
            before,
            theirs,
            after,
        }))
    };
    asked.await.unwrap_or_else(|verdict: Verdict| verdict)
}
