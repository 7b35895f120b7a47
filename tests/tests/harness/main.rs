//! The harness itself: real servers start, suffer, come back, and leave nothing behind.

mod network;
mod servers;

use std::path::{Path, PathBuf};
use std::time::Duration;

use packguard_platform::dev::process::{Program, Signal};
use packguard_platform::dev::{Postgres, PostgresOptions, Redis, RedisOptions};
use packguard_tests::harness::cluster::cluster;
use packguard_tests::harness::process::Role;
use packguard_tests::harness::s3;
use packguard_tests::harness::scratch::Scratch;
use packguard_tests::harness::sentinel::{QUICK, Sentinels};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// Longer than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn sql(url: &str, statement: &str) -> Result<Vec<String>, sqlx::Error> {
    use sqlx::Row as _;
    let mut connection = PgConnection::connect(url).await?;
    let statement = AssertSqlSafe(statement.to_owned());
    let rows = connection.fetch_all(statement).await?;
    connection.close().await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

pub(crate) async fn ask(url: &str, command: &[&str]) -> redis::RedisResult<String> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let mut asked = redis::cmd(command[0]);
    asked.arg(&command[1..]);
    asked.query_async(&mut connection).await
}

/// Processes that stand in a folder, or have it in their command line.
fn processes_of(folder: &Path) -> Vec<u32> {
    let folder = folder.to_str().unwrap();
    let of = |entry: std::fs::DirEntry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let stands = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        let is = String::from_utf8_lossy(&line).contains(folder) || stands.starts_with(folder);
        is.then_some(pid)
    };
    let all = std::fs::read_dir("/proc").unwrap();
    all.flatten().filter_map(of).collect()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(LIMIT, waiting).await;
    waited.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"));
}

#[tokio::test]
async fn roles_are_started_awaited_and_ended() {
    let script =
        "trap 'echo leaving; exit 7' TERM; echo \"here $WORD\"; while :; do sleep 0.01; done";
    let program = Program::new("sh").args(["-c", script]);
    let role = Role::run(program.clone(), &[("WORD", "now")]).await;
    assert_eq!(role.line("here").await, "here now");
    let group = rustix::process::getpgid(rustix::process::Pid::from_raw(role.id().cast_signed()));
    assert_ne!(
        group.unwrap(),
        rustix::process::getpgrp(),
        "Ctrl-C reaches us alone"
    );
    assert_eq!(role.terminate().await.code(), Some(7));
    assert_eq!(role.log(), "here now\nleaving\n");
    let role = Role::run(program, &[]).await;
    role.line("here").await;
    assert_eq!(role.kill().await.code(), None);
}

#[tokio::test]
async fn dropped_servers_are_gone() {
    let scratch = Scratch::new();
    let postgres = Postgres::start(&scratch.join("postgres"), PostgresOptions::default()).await;
    let redis = Redis::start(&scratch.join("redis"), RedisOptions::default()).await;
    let child = Program::new("sleep")
        .arg("1000")
        .folder(scratch.path())
        .start()
        .await;
    assert!(processes_of(scratch.path()).len() >= 3);
    drop((postgres.unwrap(), redis.unwrap(), child.unwrap()));
    until("all ended", || processes_of(scratch.path()).is_empty()).await;
}

/// Not a test of its own: the process that the next test kills.
#[tokio::test]
#[ignore = "run by nothing_outlives_a_killed_process"]
async fn holds_servers_until_killed() {
    let Ok(report) = std::env::var("PACKGUARD_HARNESS_REPORT") else {
        return;
    };
    let own = cluster().await;
    let _s3 = s3::local().await;
    let sentinels = Sentinels::start(1, QUICK).await;
    let _role = Role::run(Program::new("sleep").arg("1000"), &[]).await;
    let folders = [
        own.postgres().folder().parent().unwrap().to_owned(),
        sentinels.servers[0]
            .log()
            .ancestors()
            .nth(2)
            .unwrap()
            .to_owned(),
    ];
    let lines: Vec<_> = folders.iter().map(|f| f.to_str().unwrap()).collect();
    std::fs::write(format!("{report}.new"), lines.join("\n")).unwrap();
    std::fs::rename(format!("{report}.new"), report).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_outlives_a_killed_process() {
    let folder = tempfile::tempdir().unwrap();
    // Not INT: whoever starts the tests in the background may have it ignored.
    for signal in [Signal::KILL, Signal::TERM] {
        let report = folder.path().join(format!("{}", signal.as_raw()));
        let mut holder = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "holds_servers_until_killed", "--ignored"])
            .env("PACKGUARD_HARNESS_REPORT", &report)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        until("the servers run", || report.exists()).await;
        let text = std::fs::read_to_string(&report).unwrap();
        let folders: Vec<_> = text.lines().map(PathBuf::from).collect();
        for folder in &folders {
            assert!(processes_of(folder).len() >= 2, "{folder:?}");
        }
        let pid = holder.id().unwrap().cast_signed();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        holder.wait().await.unwrap();
        let is_over = || {
            folders
                .iter()
                .all(|f| processes_of(f).is_empty() && !f.exists())
        };
        until("all servers and folders are gone", is_over).await;
    }
}
