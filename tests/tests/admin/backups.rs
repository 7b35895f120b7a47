//! Backups of a real Postgres in a real storage, restored into another database.

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use packguard_platform::config::Secret;
use packguard_platform::db::{self, PoolOptions};
use packguard_platform::model::Scope;
use sqlx::{AssertSqlSafe, PgPool};

use crate::world::{World, key};

/// A world whose admin has a key for backups, and some rows.
async fn world() -> World {
    let mut world = World::new().await;
    hold(&mut world, &Identity::generate());
    let (owner, _) = key(&world.db, &[Scope::Analyze]).await;
    for (at, status) in ["completed", "failed", "queued", "running"]
        .into_iter()
        .enumerate()
    {
        world
            .task(owner, &format!("pkg:pypi/a\\b\t{at}@1"), status, 1)
            .await;
    }
    let task = world.task(owner, "pkg:pypi/sample@1", "completed", 0).await;
    world
        .report(None, "pkg:pypi/sample@1", "{}", 0, Some(task))
        .await;
    world
}

fn hold(world: &mut World, identity: &Identity) {
    world.settings.backup_recipient = Some(identity.to_public());
    world.settings.backup_identity = Some(Secret::new(identity.to_string().expose_secret()));
}

/// Another database of the same server, with this version's tables; and a file that names it.
async fn another(world: &World) -> (PgPool, tempfile::NamedTempFile) {
    let name = format!("restored_{}", uuid::Uuid::new_v4().simple());
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&world.db)
        .await
        .unwrap();
    let mut url = url::Url::parse(world.settings.database.url.expose()).unwrap();
    url.set_path(&name);
    let options = PoolOptions {
        size: 2,
        acquire: std::time::Duration::from_secs(10),
        statement: None,
    };
    let pool = db::open(url.as_str(), &options).unwrap();
    db::migrate(&pool).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{url}\n")).unwrap();
    (pool, file)
}

/// All rows of a table, in order, as text.
async fn rows(db: &PgPool, table: &str) -> Vec<String> {
    let sql = format!("SELECT t::text FROM {table} AS t ORDER BY 1");
    let all = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(db).await;
    all.unwrap()
}

async fn newest(world: &World) -> String {
    let (done, list, _) = world.cli("backup --list").await;
    done.unwrap();
    let line = list.lines().last().unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_backup_brings_every_row_back() {
    let world = world().await;
    let (done, out, notes) = world.cli("backup").await;
    done.unwrap();
    assert!(out.starts_with("packguard-"), "{out}");
    assert_eq!(notes, "verified: it was restored, and has all rows\n");
    let (other, file) = another(&world).await;
    let name = newest(&world).await;
    let restore = format!("restore {name} --into-file {}", file.path().display());
    let (done, _, _) = world.cli(&restore).await;
    done.unwrap();
    for table in ["api_keys", "tasks", "task_events", "reports", "audit_log"] {
        assert_eq!(
            rows(&other, table).await,
            rows(&world.db, table).await,
            "{table}"
        );
    }
    // New rows come behind those that were restored, and references hold again.
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO tasks (key_id, purl, requested_purl, ecosystem, name, priority, status, timeout_seconds, max_attempts)
         SELECT key_id, 'pkg:pypi/n@1', 'pkg:pypi/n@1', 'pypi', 'n', 0, 'pending', 60, 3 FROM tasks LIMIT 1 RETURNING id",
    )
    .fetch_one(&other)
    .await
    .unwrap();
    assert!(
        id > 10_000_000,
        "{id} may have been given out since the backup"
    );
    let dangling = sqlx::query(
        "INSERT INTO task_events (task_id, seq, kind, data) VALUES (-1, 3, 'running', '{}')",
    );
    assert!(dangling.execute(&other).await.is_err());
    // What holds tasks is not overwritten.
    let (again, _, _) = world.cli(&restore).await;
    assert!(
        again
            .unwrap_err()
            .message
            .contains("holds 6 rows already, in tasks")
    );
}

#[tokio::test]
async fn a_backup_that_is_damaged_or_for_another_key_is_refused() {
    let mut world = world().await;
    world.cli("backup").await.0.unwrap();
    let name = newest(&world).await;
    let (other, file) = another(&world).await;
    let restore = format!("restore {name} --into-file {}", file.path().display());
    let before = world.settings.clone();
    hold(&mut world, &Identity::generate());
    let error = world.cli(&restore).await.0.unwrap_err();
    assert!(
        error.message.starts_with("the backup can't be read"),
        "{error:?}"
    );
    assert!(error.hint.contains("BACKUP_IDENTITY"), "{error:?}");
    let error = world.cli("verify").await.0.unwrap_err();
    assert!(
        error.message.starts_with("the backup can't be read"),
        "{error:?}"
    );
    world.settings = before;
    assert_eq!(rows(&other, "tasks").await, [""; 0]);
    world.cli(&restore).await.0.unwrap();
    // No scratch database of this one stays behind; other tests on the same server have theirs.
    let left: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_database WHERE starts_with(datname, current_database() || '_verify_')",
    )
    .fetch_one(&world.db)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn without_a_key_no_backup_is_made() {
    let mut world = world().await;
    world.settings.backup_recipient = None;
    let error = world.cli("backup").await.0.unwrap_err();
    assert_eq!(error.message, "BACKUP_RECIPIENT is not set");
    assert!(error.hint.contains("age-keygen"), "{error:?}");
    world.settings.backup_identity = None;
    let error = world.cli("verify").await.0.unwrap_err();
    assert_eq!(error.message, "BACKUP_IDENTITY is not set");
}

#[tokio::test]
async fn old_backups_go_and_the_newest_stays() {
    let world = world().await;
    world.cli("backup").await.0.unwrap();
    // Names tell whole seconds.
    let first = newest(&world).await;
    while newest(&world).await == first {
        world.cli("backup --keep 0s").await.0.unwrap();
    }
    let (_, list, _) = world.cli("backup --list").await;
    assert!(!list.contains(&first), "{list}");
    assert_eq!(list.lines().count(), 2, "{list}");
}
