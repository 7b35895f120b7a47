//! A Postgres and a Redis of Debian's packages, on sockets in a temporary folder.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Where Debian keeps Postgres; elsewhere it is on the path.
const POSTGRES: &str = "/usr/lib/postgresql/15/bin";

/// How long a server may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A server that ends when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) url: String,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both end at once and in order when interrupted.
        if let Some(pid) = Pid::from_raw(self.child.id().try_into().unwrap()) {
            kill_process(pid, Signal::INT).ok();
        }
        self.child.wait().ok();
    }
}

/// A command, as a user that Postgres accepts: it refuses root.
fn command(program: &str, folder: &Path) -> Command {
    let installed = Path::new(POSTGRES).join(program);
    let program = if installed.exists() {
        installed
    } else {
        program.into()
    };
    let root = std::fs::metadata(folder).unwrap().uid() == 0;
    let mut command = if root {
        let user = [
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "--",
        ];
        let mut command = Command::new("setpriv");
        command.args(user).arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

async fn wait_for(path: &Path) {
    let deadline = Instant::now() + START;
    while !path.exists() {
        assert!(
            Instant::now() < deadline,
            "{} does not appear",
            path.display()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(super) async fn postgres() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    let data = base.join("data");
    let was_root = std::fs::metadata(base).unwrap().uid() == 0;
    let mut initdb = command("initdb", base);
    let mut server = command("postgres", base);
    if was_root {
        let chown = Command::new("chown")
            .arg("postgres:postgres")
            .arg(base)
            .status();
        assert!(chown.unwrap().success());
    }
    initdb
        .args(["--auth=trust", "--username=doctor", "--no-sync", "-D"])
        .arg(&data);
    assert!(initdb.status().unwrap().success(), "initdb failed");
    server.arg("-D").arg(&data).arg("-k").arg(base);
    server.args(["-c", "listen_addresses=", "-c", "fsync=off"]);
    let child = server.spawn().unwrap();
    let url = format!("postgres:///postgres?host={}&user=doctor", base.display());
    let server = Server {
        child,
        url,
        _folder: folder,
    };
    let path = server._folder.path().join("data/postmaster.pid");
    wait_for(&path).await;
    // The last line of the file says when it takes connections.
    let deadline = Instant::now() + START;
    while !std::fs::read_to_string(&path).is_ok_and(|text| text.contains("ready")) {
        assert!(Instant::now() < deadline, "Postgres does not get ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server
}

pub(super) async fn redis(policy: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("redis.sock");
    let child = Command::new("redis-server")
        .args([
            "--port",
            "0",
            "--save",
            "",
            "--maxmemory-policy",
            policy,
            "--dir",
        ])
        .arg(folder.path())
        .arg("--unixsocket")
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server {
        child,
        url: format!("unix://{}", socket.display()),
        _folder: folder,
    };
    wait_for(&socket).await;
    server
}
