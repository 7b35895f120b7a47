//! Whole tables out of Postgres and into it, by COPY: what backups are made of.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use sqlx::postgres::PgCopyIn;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

/// A table and those of its columns that are not computed from others.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::FromRow)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Their names, in order.
    pub columns: Vec<String>,
}

impl Table {
    fn quoted(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| quoted(name)).collect();
        format!("{} ({})", quoted(&self.name), columns.join(", "))
    }
}

/// Names come from our own migrations, or from a backup that anybody may have written.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// From here on the connection sees one state of all tables, and no statement is too long.
///
/// # Errors
/// What the connection says.
pub async fn begin_snapshot(connection: &mut PgConnection) -> sqlx::Result<()> {
    connection
        .execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
             SET LOCAL statement_timeout = 0;
             SET LOCAL idle_in_transaction_session_timeout = 0",
        )
        .await
        .map(drop)
}

/// All tables but the one in which sqlx keeps the migrations.
///
/// # Errors
/// What the connection says.
pub async fn tables(connection: &mut PgConnection) -> sqlx::Result<Vec<Table>> {
    // Unchecked at build time, as all here is: it is about tables that are not named.
    sqlx::query_as(
        "SELECT c.relname::text AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
           AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
           AND c.relname <> '_sqlx_migrations'
         GROUP BY c.relname ORDER BY c.relname",
    )
    .fetch_all(connection)
    .await
}

/// The rows of a table, in Postgres' text format.
///
/// # Errors
/// What the connection says.
pub async fn copy_out<'c>(
    connection: &'c mut PgConnection,
    table: &Table,
) -> sqlx::Result<BoxStream<'c, sqlx::Result<Bytes>>> {
    connection
        .copy_out_raw(&format!("COPY {} TO STDOUT", table.quoted()))
        .await
}

/// Takes rows as [`copy_out`] gives them.
///
/// # Errors
/// What the connection says.
pub async fn copy_in<'c>(
    connection: &'c mut PgConnection,
    table: &Table,
) -> sqlx::Result<PgCopyIn<&'c mut PgConnection>> {
    connection
        .copy_in_raw(&format!("COPY {} FROM STDIN", table.quoted()))
        .await
}

/// Rows by table.
///
/// # Errors
/// What the connection says.
pub async fn counts(
    connection: &mut PgConnection,
    tables: &[Table],
) -> sqlx::Result<BTreeMap<String, i64>> {
    let mut counts = BTreeMap::new();
    for table in tables {
        let sql = format!("SELECT count(*) FROM {}", quoted(&table.name));
        let count = sqlx::query_scalar(AssertSqlSafe(sql));
        let count: i64 = count.fetch_one(&mut *connection).await?;
        counts.insert(table.name.clone(), count);
    }
    Ok(counts)
}

/// Identities that are left out after what was restored: those that were given out since the backup may
/// be known to somebody, and must not come to mean something else.
const SKIPPED: i64 = 10_000_000;

/// References between tables that were taken away, as the statements that bring them back.
#[derive(Debug)]
pub struct Unbound(Vec<String>);

/// Empties all tables and takes references and triggers away, so that rows may come in any
/// order: within one transaction, which [`bind`] ends.
///
/// # Errors
/// What the connection says.
pub async fn unbind(connection: &mut PgConnection, tables: &[Table]) -> sqlx::Result<Unbound> {
    connection
        .execute(
            "BEGIN;
             SET LOCAL statement_timeout = 0;
             SET LOCAL idle_in_transaction_session_timeout = 0",
        )
        .await?;
    let references: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)
         FROM pg_constraint
         WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY oid",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut back = Vec::new();
    for (table, name, definition) in references {
        let name = quoted(&name);
        run(
            connection,
            format!("ALTER TABLE {table} DROP CONSTRAINT {name}"),
        )
        .await?;
        back.push(format!(
            "ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
        ));
    }
    for table in tables {
        let name = quoted(&table.name);
        run(
            connection,
            format!("ALTER TABLE {name} DISABLE TRIGGER USER"),
        )
        .await?;
        run(connection, format!("TRUNCATE {name}")).await?;
        back.push(format!("ALTER TABLE {name} ENABLE TRIGGER USER"));
    }
    Ok(Unbound(back))
}

/// Brings references and triggers back, which checks every row, puts the counters of identities
/// behind what is there, and ends the transaction.
///
/// # Errors
/// What the connection says: a row that refers to nothing is one.
pub async fn bind(connection: &mut PgConnection, unbound: Unbound) -> sqlx::Result<()> {
    for statement in unbound.0 {
        run(connection, statement).await?;
    }
    let identities: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
           AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity <> ''",
    )
    .fetch_all(&mut *connection)
    .await?;
    for (table, column) in identities {
        let (name, column_name) = (quoted(&table), quoted(&column));
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence($1, $2), COALESCE(max({column_name}), 0) + {SKIPPED})
             FROM {name}"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(&name)
            .bind(&column)
            .execute(&mut *connection)
            .await?;
    }
    connection.execute("COMMIT").await.map(drop)
}

async fn run(connection: &mut PgConnection, statement: String) -> sqlx::Result<()> {
    sqlx::query(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .map(drop)
}

/// Makes an empty database on the same server.
///
/// # Errors
/// What the connection says.
pub async fn create_database(connection: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    run(
        connection,
        format!("CREATE DATABASE {} TEMPLATE template0", quoted(name)),
    )
    .await
}

/// Drops one, and whoever is connected to it.
///
/// # Errors
/// What the connection says.
pub async fn drop_database(connection: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    run(
        connection,
        format!("DROP DATABASE {} WITH (FORCE)", quoted(name)),
    )
    .await
}
