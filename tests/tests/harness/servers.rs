//! PostgreSQL, Redis, and the sentinels.

use packguard_platform::dev::process::Signal;
use packguard_platform::dev::{Durability, Postgres, PostgresOptions, Redis, RedisOptions};
use packguard_tests::harness::clock::Clock;
use packguard_tests::harness::cluster::{cluster, postgres, redis};
use packguard_tests::harness::scratch::Scratch;
use packguard_tests::harness::sentinel::{QUICK, Sentinels};

use crate::{ask, sql};

#[tokio::test]
async fn postgres_comes_back_after_a_crash_with_what_was_committed() {
    let (postgres, scratch) = postgres(Durability::Fast).await;
    let url = postgres.create("one").await.unwrap();
    assert_eq!(postgres.create("one").await.unwrap(), url);
    sql(&url, "CREATE TABLE kept AS SELECT 'yes'::text")
        .await
        .unwrap();
    postgres.kill().await;
    sql(&url, "SELECT 1").await.unwrap_err();
    postgres.resume().await.unwrap();
    assert_eq!(sql(&url, "TABLE kept").await.unwrap(), ["yes"]);
    postgres.restart().await.unwrap();
    assert_eq!(sql(&url, "TABLE kept").await.unwrap(), ["yes"]);

    // The server dies unseen, and its pid now belongs to somebody: to this test.
    let pid = postgres.id().await.unwrap();
    let exit = postgres.exit().await.unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid.cast_signed()).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    exit.wait().await;
    let data = postgres.folder().join("data");
    let stale = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    let stale = stale.replacen(&pid.to_string(), &std::process::id().to_string(), 1);
    std::fs::write(data.join("postmaster.pid"), stale).unwrap();
    drop(postgres);
    let again = Postgres::start(&scratch.join("postgres"), PostgresOptions::default()).await;
    let again = again.unwrap();
    assert_eq!(sql(&again.url("one"), "TABLE kept").await.unwrap(), ["yes"]);
    // Durable now: what a developer's data get.
    assert_eq!(sql(&again.url("one"), "SHOW fsync").await.unwrap(), ["on"]);
}

#[tokio::test]
async fn a_clock_is_moved_under_a_redis_that_runs() {
    let clock = Clock::new();
    let options = RedisOptions {
        environment: clock.environment().into(),
        ..RedisOptions::default()
    };
    let (redis, _scratch) = redis(options).await;
    let script = "return redis.call('TIME')[1]";
    for moved in [0, 3_600, -3_600, 0] {
        clock.set(moved);
        let told = ask(&redis.url(), &["EVAL", script, "0"]).await.unwrap();
        let off = told.parse::<i64>().unwrap() - chrono::Utc::now().timestamp();
        assert!((off - moved).abs() < 60, "{off} where {moved} was set");
    }
}

#[tokio::test]
async fn postgres_wants_its_password_and_listens_on_loopback_only() {
    let cluster = cluster().await;
    let url = cluster.postgres().url("postgres");
    let password = url.split([':', '@']).nth(2).unwrap();
    let wrong = sql(&url.replace(password, "wrong"), "SELECT 1").await;
    assert!(wrong.unwrap_err().to_string().contains("password"));
    let show = sql(&url, "SHOW listen_addresses").await.unwrap();
    assert_eq!(show, ["127.0.0.1"]);
    assert_eq!(sql(&url, "SHOW server_encoding").await.unwrap(), ["UTF8"]);
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused_and_harms_nothing() {
    let ((first, database), (other, queue)) =
        tokio::join!(postgres(Durability::Fast), redis(RedisOptions::default()),);
    let (database, queue) = (database.join("postgres"), queue.join("redis"));
    let (second, another) = tokio::join!(
        Postgres::start(&database, PostgresOptions::default()),
        Redis::start(&queue, RedisOptions::default()),
    );
    for message in [
        second.unwrap_err().to_string(),
        another.unwrap_err().to_string(),
    ] {
        assert!(message.contains("already runs"), "{message}");
    }
    sql(&first.url("postgres"), "SELECT 1::text").await.unwrap();
    other.kill().await;
    other.resume().await.unwrap();
    assert_eq!(ask(&other.url(), &["PING"]).await.unwrap(), "PONG");
}

#[tokio::test]
async fn a_folder_that_postgres_does_not_reach_is_replaced() {
    let closed = tempfile::tempdir().unwrap();
    // As a home folder is, /root above all.
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(closed.path(), private).unwrap();
    let wanted = closed.path().join("postgres");
    let postgres = Postgres::start(&wanted, PostgresOptions::default()).await;
    let postgres = postgres.unwrap();
    assert_eq!(
        postgres.is_elsewhere(),
        rustix::process::geteuid().is_root()
    );
    let folder = postgres.folder().to_owned();
    let _remove = postgres
        .is_elsewhere()
        .then(|| Scratch::claim(folder.clone()));
    let url = postgres.create("kept").await.unwrap();
    postgres.stop().await;
    drop(postgres);
    let again = Postgres::start(&wanted, PostgresOptions::default()).await;
    let again = again.unwrap();
    assert_eq!(again.folder(), folder);
    assert_ne!(again.create("kept").await.unwrap(), url, "another port");
    again.stop().await;
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own_from_one_migration() {
    let cluster = cluster().await;
    let migrations = std::sync::atomic::AtomicUsize::new(0);
    let database = || {
        cluster.database("numbers", async |url: &str| {
            migrations.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            sql(url, "CREATE TABLE numbers (n text)").await?;
            Ok(())
        })
    };
    let (one, other) = tokio::join!(database(), database());
    sql(&one.url, "INSERT INTO numbers VALUES ('1')")
        .await
        .unwrap();
    assert_eq!(sql(&one.url, "TABLE numbers").await.unwrap(), ["1"]);
    assert!(sql(&other.url, "TABLE numbers").await.unwrap().is_empty());
    let gone = one.url.clone();
    drop(one);
    let third = database().await;
    sql(&gone, "SELECT 1").await.unwrap_err();
    assert!(sql(&third.url, "TABLE numbers").await.unwrap().is_empty());
    assert_eq!(migrations.into_inner(), 1);
}

#[tokio::test]
async fn redis_keeps_or_forgets_as_asked() {
    for append_only in [true, false] {
        let options = RedisOptions {
            append_only,
            settings: vec!["appendfsync always".into()],
            ..RedisOptions::default()
        };
        let (redis, _scratch) = redis(options).await;
        let url = redis.url();
        ask(&url, &["SET", "key", "value"]).await.unwrap();
        redis.kill().await;
        ask(&url, &["PING"]).await.unwrap_err();
        redis.resume().await.unwrap();
        let kept = ask(&url, &["GET", "key"]).await.ok();
        assert_eq!(kept, append_only.then(|| "value".to_owned()));
        let policy = ask(&url, &["INFO", "memory"]).await.unwrap();
        assert!(policy.contains("maxmemory_policy:noeviction"));
        let open = format!("redis://127.0.0.1:{}/0", redis.port());
        ask(&open, &["GET", "key"]).await.unwrap_err();
    }
}

#[tokio::test]
async fn sentinels_fail_over_when_told_and_when_the_master_dies() {
    let sentinels = Sentinels::start(3, QUICK).await;
    assert!(sentinels.url().starts_with("redis+sentinel://127.0.0.1:"));
    let first = sentinels.master().await.port();
    sentinels.failover().await;
    let second = sentinels.master().await;
    assert_ne!(second.port(), first);
    ask(&second.url(), &["SET", "key", "value"]).await.unwrap();

    let single = Sentinels::start(1, QUICK).await;
    let first = single.master().await.port();
    single.kill_master().await;
    let second = single.master().await;
    assert_ne!(second.port(), first);
    ask(&second.url(), &["SET", "key", "value"]).await.unwrap();
}
