//! Against real servers, servers that are not there, and checks that misbehave.

use std::borrow::Cow;

use chrono::{TimeDelta, Utc};
use sqlx::migrate::{Migration, MigrationType};
use sqlx::{Connection as _, PgConnection, SqlSafeStr as _};

use super::*;
use crate::config::{DoctorSettings, Environment, Flags, Place, resolve};
use crate::db::health::{Applied, Server};
use crate::storage::tests::server::Server as S3;

mod servers;

const SECRET: &str = "hunter2hunter2";

fn migrator(versions: &[i64]) -> &'static Migrator {
    let migrations = versions.iter().map(|version| {
        Migration::new(
            *version,
            Cow::Borrowed("test"),
            MigrationType::Simple,
            "SELECT 1".into_sql_str(),
            false,
        )
    });
    Box::leak(Box::new(Migrator::with_migrations(migrations.collect())))
}

fn deployment(postgres: &str, redis: &str, storage: StorageConfig) -> Deployment {
    let environment = Environment::new([
        ("DATABASE_URL", postgres),
        ("REDIS_URL", redis),
        ("STORAGE_URL", "file:///replaced"),
    ]);
    let settings: DoctorSettings = resolve(&Flags::default(), &environment).unwrap();
    Deployment {
        database: settings.database,
        migrator: migrator(&[1, 2]),
        redis: settings.redis,
        storage,
        probes: Vec::new(),
    }
}

fn level(report: &Report, name: &str) -> Level {
    let check = report.checks.iter().find(|check| check.name == name);
    check.unwrap_or_else(|| panic!("no check {name}")).level
}

#[tokio::test]
async fn a_sound_deployment_is_all_ok() {
    let (postgres, redis) = tokio::join!(servers::postgres(), servers::redis("noeviction"));
    let mut connection = PgConnection::connect(&postgres.url).await.unwrap();
    migrator(&[1, 2]).run(&mut connection).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let storage = StorageConfig::at(Place::Folder(folder.path().into()));
    let mut deployment = deployment(&postgres.url, &redis.url, storage);
    deployment.probes.push(Probe::new("sandbox", async {
        Verdict::ok("an empty step ran")
    }));
    let report = examine(deployment).await;
    let names: Vec<_> = report
        .checks
        .iter()
        .map(|check| check.name.as_str())
        .collect();
    let all = [
        "postgres",
        "migrations",
        "postgres clock",
        "redis",
        "queue",
        "redis clock",
        "storage",
        "sandbox",
    ];
    assert_eq!(names, all);
    assert_eq!(report.level(), Level::Ok, "{}", report.human());
    assert_eq!(report.exit_code(), 0);
    assert!(
        report.human().ends_with("8 ok, 0 to look at, 0 failed\n"),
        "{}",
        report.human()
    );
    // Nothing stays behind, in the folder as on the servers.
    let probes = std::fs::read_dir(folder.path().join("probes")).unwrap();
    assert_eq!(probes.count(), 0);
}

#[tokio::test]
async fn a_database_without_migrations_and_a_redis_that_evicts() {
    let (postgres, redis) = tokio::join!(servers::postgres(), servers::redis("allkeys-lru"));
    let storage = StorageConfig::at(Place::Memory);
    let report = examine(deployment(&postgres.url, &redis.url, storage)).await;
    assert_eq!(level(&report, "postgres"), Level::Ok);
    assert_eq!(level(&report, "migrations"), Level::Fail);
    assert_eq!(level(&report, "redis"), Level::Fail);
    assert_eq!(report.exit_code(), 1);
    let text = report.human();
    for says in [
        "not applied: 1, 2",
        "run `packguard migrate`",
        "maxmemory-policy is allkeys-lru",
    ] {
        assert!(text.contains(says), "{text}");
    }
}

#[tokio::test]
async fn servers_that_are_not_there_fail_each_with_a_hint() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let storage = StorageConfig::at(Place::Folder(file.path().join("below")));
    let nowhere = file.path().parent().unwrap().join("no-such-folder");
    let postgres = format!(
        "postgres://app:{SECRET}@localhost/x?host={}",
        nowhere.display()
    );
    let redis = format!("redis://:{SECRET}@127.0.0.1:1/0");
    let mut deployment = deployment(&postgres, &redis, storage);
    deployment
        .probes
        .push(Probe::new("last", async { Verdict::ok("ran") }));
    let report = examine(deployment).await;
    let (last, others) = report.checks.split_last().unwrap();
    assert_eq!(last.level, Level::Ok);
    assert_eq!(others.len(), 7);
    for check in others {
        assert_eq!(check.level, Level::Fail, "{check:?}");
        assert!(check.hint.is_some(), "{check:?}");
    }
    let shown = format!("{} {} {report:?}", report.human(), report.json());
    assert!(!shown.contains(SECRET), "{shown}");
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test]
async fn a_wrong_server_is_not_taken_for_a_redis() {
    let silent = S3::silent().await;
    let url = format!("redis://{}/0", silent.address);
    let mut deployment = deployment(
        "postgres://localhost/x",
        &url,
        StorageConfig::at(Place::Memory),
    );
    deployment.redis.connect_timeout = Duration::from_millis(200);
    deployment.redis.response_timeout = Duration::from_millis(200);
    let verdict = redis::server(deployment.redis).await;
    assert_eq!(verdict.level, Level::Fail, "{verdict:?}");
}

#[tokio::test]
async fn presigned_urls_are_fetched_as_a_client_would() {
    let server = S3::start().await;
    let mut config = server.config();
    let verdict = storage::presigned(config.clone()).await;
    assert_eq!(verdict.level, Level::Ok, "{verdict:?}");
    // Signed for an address at which nobody is, any more.
    let Place::S3(s3) = &mut config.place else {
        panic!("not S3");
    };
    s3.public_endpoint = Some(
        format!("http://{}", S3::silent().await.address)
            .parse()
            .unwrap(),
    );
    let verdict = storage::presigned(config.clone()).await;
    assert_eq!(verdict.level, Level::Fail, "{verdict:?}");
    assert!(!verdict.what.contains("X-Amz-Signature"), "{verdict:?}");
    config.downloads = Downloads::Redirect;
    let mut deployment = deployment("postgres://localhost/x", "redis://localhost", config);
    deployment.probes.clear();
    let names: Vec<_> = checks(deployment)
        .into_iter()
        .map(|check| check.name)
        .collect();
    assert!(names.contains(&"presigned URLs".to_owned()));
}

#[tokio::test]
async fn a_check_that_hangs_or_panics_stops_no_other() {
    let checks = vec![
        Probe::new("hangs", std::future::pending()),
        Probe::new("panics", async { panic!("on purpose") }),
        Probe::new("ends", async { Verdict::ok("done") }),
    ];
    let report = run(checks, Duration::from_millis(500)).await;
    assert_eq!(level(&report, "hangs"), Level::Fail);
    assert_eq!(level(&report, "panics"), Level::Fail);
    assert_eq!(level(&report, "ends"), Level::Ok);
    assert!(
        report.human().contains("no result after 0.5 s"),
        "{}",
        report.human()
    );
}

fn applied(versions: &[i64]) -> Vec<Applied> {
    let known = migrator(versions);
    let row = |one: &Migration| Applied {
        version: one.version,
        checksum: one.checksum.to_vec(),
        success: true,
    };
    known.iter().map(row).collect()
}

#[test]
fn migrations_are_compared_both_ways() {
    let ours = migrator(&[1, 2]);
    let mut broken = applied(&[1, 2]);
    broken[1].success = false;
    let mut changed = applied(&[1, 2]);
    changed[0].checksum = vec![0];
    for (rows, level, says) in [
        (applied(&[1, 2]), Level::Ok, "all 2 applied"),
        (applied(&[1]), Level::Fail, "not applied: 2"),
        (applied(&[]), Level::Fail, "not applied: 1, 2"),
        (
            applied(&[1, 2, 3]),
            Level::Warn,
            "1 that this build does not know",
        ),
        (broken, Level::Fail, "migration 2 broke off"),
        (changed, Level::Fail, "migration 1 is another"),
    ] {
        let verdict = postgres::compare(&rows, ours);
        assert_eq!(verdict.level, level, "{verdict:?}");
        assert!(verdict.what.contains(says), "{verdict:?}");
    }
}

#[test]
fn servers_that_will_not_do() {
    let good = Server {
        version_number: 150_004,
        version: "15.4".into(),
        now: Utc::now(),
        is_standby: false,
        max_connections: 100,
    };
    assert_eq!(postgres::judge(&good).level, Level::Ok);
    let old = Server {
        version_number: 140_009,
        ..good.clone()
    };
    assert_eq!(postgres::judge(&old).level, Level::Fail);
    let standby = Server {
        is_standby: true,
        ..good.clone()
    };
    assert_eq!(postgres::judge(&standby).level, Level::Fail);
    let small = Server {
        max_connections: 20,
        ..good
    };
    assert_eq!(postgres::judge(&small).level, Level::Warn);
}

#[test]
fn clocks_are_compared_beyond_the_time_it_took_to_ask() {
    let before = Utc::now();
    let after = before + TimeDelta::seconds(1);
    for (offset, level) in [
        (0, Level::Ok),
        (1, Level::Ok),
        (2, Level::Ok),
        (-1, Level::Ok),
        (4, Level::Warn),
        (-3, Level::Warn),
        (400, Level::Fail),
        (-400, Level::Fail),
    ] {
        let theirs = before + TimeDelta::seconds(offset);
        let verdict = clock::compare(clock::Reading {
            before,
            theirs,
            after,
        });
        assert_eq!(verdict.level, level, "{offset}: {verdict:?}");
    }
}

#[test]
fn a_report_for_people_and_for_programs() {
    let took = Duration::from_millis(12);
    let report = Report {
        checks: vec![
            Outcome::new("postgres".into(), Verdict::ok("version 15.4"), took),
            Outcome::new(
                "redis clock".into(),
                Verdict::warn("3.0 s ahead of ours", "synchronise"),
                took,
            ),
            Outcome::new(
                "storage".into(),
                Verdict::fail("two\nlines \u{1b}[31m", "mend it"),
                took,
            ),
        ],
    };
    insta::assert_snapshot!(report.human());
    insta::assert_json_snapshot!(report.json());
}
