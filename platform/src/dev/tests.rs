//! `packguard dev` with real servers and a stub in place of `packguard`.

use std::os::unix::fs::PermissionsExt as _;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;

use super::process::{Program, Signal};
use super::*;

/// Longer than a start takes on a busy machine.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// Plays the subcommands. `serve` is [`stub`], in this test's own executable.
const SCRIPT: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$* LISTEN=$LISTEN $DATABASE_URL $REDIS_URL $STORAGE_URL $LOG_FORMAT $DATABASE_URL_FILE" >> "$here/calls"
case "$1" in
migrate) [ -e "$here/fail-migrate" ] && { echo 'no such column' >&2; exit 3; } ; exit 0 ;;
admin) echo 'a warning' >&2; printf '{\n  "key": "pg_dev_secret"\n}\n' ;;
serve) PACKGUARD_DEV_STUB=1 exec "$TEST" --exact dev::tests::stub --ignored ;;
work) [ -e "$here/fail-work" ] && { echo 'no more memory' >&2; exit 9; } ; exec sleep 1000 ;;
esac
"#;

/// Not a test of its own: what the script runs as `serve`.
#[tokio::test]
#[ignore = "run by the stub script"]
async fn stub() {
    if std::env::var_os("PACKGUARD_DEV_STUB").is_none() {
        return;
    }
    let reports = async |headers: HeaderMap| match headers.get("authorization") {
        Some(key) if key == "Bearer pg_dev_secret" => StatusCode::OK,
        _ => StatusCode::UNAUTHORIZED,
    };
    let router = Router::new()
        .route("/ready/", get(async || "ready"))
        .route("/api/v1/reports/", get(reports));
    let address = std::env::var("LISTEN").unwrap();
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}

struct Stub(tempfile::TempDir);

impl Stub {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // For the user postgres to pass through.
        let passable = std::fs::Permissions::from_mode(0o711);
        std::fs::set_permissions(folder.path(), passable).unwrap();
        let test = std::env::current_exe().unwrap();
        let script = SCRIPT.replace("$TEST", test.to_str().unwrap());
        let path = folder.path().join("stub");
        std::fs::write(path, script).unwrap();
        Self(folder)
    }

    fn options(&self) -> DevOptions {
        DevOptions {
            folder: self.home(),
            port: Some(free_port().unwrap()),
            command: vec!["sh".into(), self.0.path().join("stub").into()],
        }
    }

    fn home(&self) -> PathBuf {
        self.0.path().join(".packguard")
    }

    fn calls(&self) -> String {
        std::fs::read_to_string(self.0.path().join("calls")).unwrap_or_default()
    }

    /// Waits until `work` was started the nth time, which is the last thing that is started.
    async fn until_works(&self, nth: usize) {
        let waiting = async {
            while self.calls().matches("work LISTEN").count() < nth {
                tokio::time::sleep(servers::KNOCK).await;
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.unwrap();
    }

    /// Processes with this folder in their command line or under their feet.
    fn processes(&self) -> usize {
        let folder = self.0.path().to_str().unwrap();
        let belongs = |entry: &std::fs::DirEntry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let stands = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(folder) || stands.starts_with(folder)
        };
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter(belongs).count()
    }

    fn mode(&self, name: &str) -> u32 {
        let path = self.home().join(name);
        path.metadata().unwrap().permissions().mode() & 0o777
    }
}

#[tokio::test]
async fn dev_starts_all_keeps_what_it_made_and_ends_all() {
    let stub = Stub::new();
    for start in 1..=2 {
        let cancel = CancellationToken::new();
        let options = stub.options();
        let running = tokio::spawn(run(options.clone(), cancel.clone()));
        stub.until_works(start).await;
        assert!(stub.processes() >= 3);
        if start == 1 {
            let second = run(options, cancel.clone()).await.unwrap_err();
            let expected = format!("(process {})", std::process::id());
            assert!(second.to_string().contains(&expected), "{second}");
        }
        cancel.cancel();
        running.await.unwrap().unwrap();
        assert_eq!(stub.processes(), 0, "something still runs");
    }
    let calls = stub.calls();
    assert_eq!(calls.matches("admin keys create").count(), 1, "{calls}");
    let first = calls.lines().next().unwrap();
    assert!(first.starts_with("migrate LISTEN=127.0.0.1:"), "{first}");
    let storage = format!("file://{}/storage/ pretty ", stub.home().display());
    for expected in ["/packguard redis://:", &storage] {
        assert!(first.contains(expected), "{first}");
    }
    let key = std::fs::read_to_string(stub.home().join("dev.key")).unwrap();
    assert_eq!(key, "pg_dev_secret\n");
    assert_eq!(stub.mode("dev.key"), 0o600);
    assert_eq!(
        stub.mode(""),
        if rustix::process::geteuid().is_root() {
            0o710
        } else {
            0o700
        }
    );
    let ignored = std::fs::read_to_string(stub.home().join(".gitignore")).unwrap();
    assert_eq!(ignored, "*\n");
    for log in ["postgres.log", "redis.log"] {
        let log = stub.home().join("logs").join(log);
        assert!(log.metadata().unwrap().len() > 0, "{log:?}");
    }
}

#[tokio::test]
async fn a_key_that_no_longer_works_is_replaced() {
    let stub = Stub::new();
    std::fs::create_dir(stub.home()).unwrap();
    std::fs::set_permissions(stub.home(), std::fs::Permissions::from_mode(0o711)).unwrap();
    std::fs::write(stub.home().join("dev.key"), "revoked").unwrap();
    let cancel = CancellationToken::new();
    let running = tokio::spawn(run(stub.options(), cancel.clone()));
    stub.until_works(1).await;
    cancel.cancel();
    running.await.unwrap().unwrap();
    let key = std::fs::read_to_string(stub.home().join("dev.key")).unwrap();
    assert_eq!(key, "pg_dev_secret\n");
}

#[tokio::test]
async fn a_part_that_ends_ends_everything_with_its_last_words() {
    for (switch, expected) in [
        (
            "fail-migrate",
            "`packguard migrate` failed (exit status: 3):\nno such column",
        ),
        (
            "fail-work",
            "work ended (exit status: 9), so everything was ended. Its last lines:\nno more memory",
        ),
    ] {
        let stub = Stub::new();
        std::fs::write(stub.0.path().join(switch), "").unwrap();
        let error = run(stub.options(), CancellationToken::new()).await;
        assert_eq!(error.unwrap_err().to_string(), expected);
        assert_eq!(stub.processes(), 0, "something still runs");
    }
}

#[tokio::test]
async fn a_server_that_dies_ends_everything() {
    let stub = Stub::new();
    let running = tokio::spawn(run(stub.options(), CancellationToken::new()));
    stub.until_works(1).await;
    let pid = std::fs::read_to_string(stub.home().join("postgres/data/postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    let error = running.await.unwrap().unwrap_err().to_string();
    assert!(error.starts_with("PostgreSQL ended"), "{error}");
    assert!(error.contains("fast shutdown request"), "{error}");
    assert_eq!(stub.processes(), 0, "something still runs");
}

/// Not a test of its own: a `dev` in a process of its own, for the next test to kill.
#[tokio::test]
#[ignore = "run by killed_it_leaves_nothing_running"]
async fn runs_until_killed() {
    let Some(folder) = std::env::var_os("PACKGUARD_DEV_HOME") else {
        return;
    };
    let folder = PathBuf::from(folder);
    let options = DevOptions {
        command: vec!["sh".into(), folder.with_file_name("stub").into()],
        folder,
        port: Some(free_port().unwrap()),
    };
    run(options, CancellationToken::new()).await.unwrap();
}

#[tokio::test]
async fn killed_it_leaves_nothing_running_and_starts_again_at_once() {
    let stub = Stub::new();
    let mut dev = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "dev::tests::runs_until_killed", "--ignored"])
        .env("PACKGUARD_DEV_HOME", stub.home())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    stub.until_works(1).await;
    dev.kill().await.unwrap();
    // While the old servers are still ending.
    let cancel = CancellationToken::new();
    let running = tokio::spawn(run(stub.options(), cancel.clone()));
    stub.until_works(2).await;
    cancel.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(stub.processes(), 0, "something still runs");
}

#[tokio::test]
async fn cancelled_while_it_starts_it_ends_well() {
    let stub = Stub::new();
    let cancel = CancellationToken::new();
    let running = tokio::spawn(run(stub.options(), cancel.clone()));
    let waiting = async {
        while stub.processes() == 0 {
            tokio::time::sleep(servers::KNOCK).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.unwrap();
    cancel.cancel();
    running.await.unwrap().unwrap();
    let ending = async {
        while stub.processes() > 0 {
            tokio::time::sleep(servers::KNOCK).await;
        }
    };
    tokio::time::timeout(LIMIT, ending).await.unwrap();
}

#[tokio::test]
async fn a_program_that_does_not_exist_says_so() {
    let (status, lines) = Program::new("no-such-program").finish().await.unwrap();
    assert_eq!(status.code(), Some(127));
    assert!(lines[0].text.contains("no-such-program"), "{lines:?}");
}

#[test]
fn the_greeting_has_all_that_a_newcomer_needs() {
    let greeting = Greeting {
        address: "http://127.0.0.1:8000",
        key: "pg_dev_secret",
        home: Path::new("/somewhere/.packguard"),
        postgres: None,
    };
    insta::assert_snapshot!(greeting, @r#"

    Packguard runs at http://127.0.0.1:8000

      API      http://127.0.0.1:8000/docs
      key      pg_dev_secret
      data     /somewhere/.packguard (logs in logs/; remove it to begin anew)

    Submit a package:

      curl -sS http://127.0.0.1:8000/api/v1/analyze/ -H 'Authorization: Bearer pg_dev_secret' -H 'Content-Type: application/json' -d '{"purl":"pkg:pypi/requests@2.28.1"}'

    Follow it (put the answer's task_id for the 1):

      curl -sSN http://127.0.0.1:8000/api/v1/task/1/events -H 'Authorization: Bearer pg_dev_secret'

    Ctrl-C ends everything; the data stay.
    "#);
}
