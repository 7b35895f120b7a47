//! A Ceph cluster of one node with its S3 gateway: monitor, one OSD in memory, `radosgw`.
//!
//! Debian's packages radosgw, ceph-mon, ceph-osd, ceph-base and ceph-common, started in a temporary
//! folder on free ports, everything on loopback. The gateway checks S3 signatures as it does
//! anywhere.

use std::path::{Path, PathBuf};
use std::time::Duration;

use packguard_platform::dev::process::{Child, Program, Signal};
use packguard_platform::dev::servers::free_port;

use super::s3::Bucket;
use super::scratch::Scratch;

/// What a start may take: 5 to 15 seconds when the machine is not busy.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Between two looks whether the gateway answers.
const KNOCK: Duration = Duration::from_millis(50);

/// The programs, and what to install.
const PROGRAMS: [&str; 7] = [
    "ceph-authtool",
    "ceph-mon",
    "ceph-osd",
    "radosgw",
    "radosgw-admin",
    "monmaptool",
    "ceph",
];

/// Who there is, each with its rights; the monitor reads them when it is made.
const KEYS: [&[&str]; 3] = [
    &["mon.", "--cap", "mon", "allow *"],
    &[
        "client.admin",
        "--cap",
        "mon",
        "allow *",
        "--cap",
        "osd",
        "allow *",
    ],
    &[
        "osd.0",
        "--cap",
        "mon",
        "allow profile osd",
        "--cap",
        "osd",
        "allow *",
    ],
];

/// A running gateway. Dropping it ends all of it and removes its data.
#[derive(Debug)]
pub struct Ceph {
    /// How to use it.
    pub bucket: Bucket,
    gateway: Child,
    port: u16,
    folder: PathBuf,
    _others: [Child; 2],
    _scratch: Scratch,
}

/// Starts one, with a user and a bucket.
///
/// # Panics
/// Ceph is not installed; the message says what to install. Or it does not start.
pub async fn start() -> Ceph {
    tokio::time::timeout(START_LIMIT, run())
        .await
        .expect("Ceph starts in time")
}

async fn run() -> Ceph {
    require();
    let scratch = Scratch::new();
    let folder = scratch.path().to_owned();
    let (monitor_port, port) = (free_port().expect("a port"), free_port().expect("a port"));
    let cluster = uuid::Uuid::new_v4().to_string();
    configure(&folder, &cluster, monitor_port);
    let monitor = monitor(&folder, &cluster, monitor_port).await;
    let osd = osd(&folder).await;
    let bucket = Bucket {
        endpoint: format!("http://127.0.0.1:{port}"),
        access_key: "packguard".into(),
        secret_key: uuid::Uuid::new_v4().simple().to_string(),
        bucket: "packguard".into(),
        region: "us-east-1".into(),
    };
    let user = ["user", "create", "--uid=packguard", "--display-name=tests"];
    let access = format!("--access-key={}", bucket.access_key);
    let secret = format!("--secret-key={}", bucket.secret_key);
    let admin = program(&folder, "radosgw-admin").args(user);
    done(admin.args([access, secret])).await;
    let gateway = gateway(&folder, port).await;
    bucket.create().await;
    Ceph {
        bucket,
        gateway,
        port,
        folder,
        _others: [monitor, osd],
        _scratch: scratch,
    }
}

impl Ceph {
    /// Ends the gateway by SIGKILL; its data stay.
    pub async fn kill(&self) {
        self.gateway.stop(Signal::KILL, KNOCK).await;
    }

    /// Starts the gateway again, at the same port.
    pub async fn resume(&mut self) {
        self.kill().await;
        self.gateway = gateway(&self.folder, self.port).await;
    }
}

fn require() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    for program in PROGRAMS {
        assert!(
            std::env::split_paths(&path).any(|folder| folder.join(program).exists()),
            "{program} is missing. Run: sudo apt-get install --no-install-recommends \
             radosgw ceph-mon ceph-osd ceph-base ceph-common"
        );
    }
}

fn configure(folder: &Path, cluster: &str, port: u16) {
    let folder = folder.to_str().expect("a printable path");
    let text = format!(
        "[global]
fsid = {cluster}
mon_host = [v2:127.0.0.1:{port}/0]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_allow_insecure_global_id_reclaim = false
run_dir = {folder}
admin_socket =
log_file =
mon_cluster_log_file =
log_to_stderr = true
err_to_stderr = true
mon_data = {folder}/mon
osd_data = {folder}/osd
rgw_data = {folder}/rgw
keyring = {folder}/keyring
osd_objectstore = memstore
memstore_device_bytes = 1073741824
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
rgw_rados_pool_pg_num_min = 1
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_data_avail_warn = 1
mon_data_avail_crit = 0
mon_max_pg_per_osd = 1000
ms_bind_port_min = 10000
ms_bind_port_max = 32000
rgw_enable_usage_log = false
rgw_dns_name = 127.0.0.1
"
    );
    std::fs::write(format!("{folder}/ceph.conf"), text).expect("a file");
    for name in ["mon", "osd", "rgw"] {
        std::fs::create_dir(format!("{folder}/{name}")).expect("a folder");
    }
}

fn program(folder: &Path, name: &str) -> Program {
    let conf = folder.join("ceph.conf");
    Program::new(name)
        .args(["-c".as_ref(), conf.as_os_str()])
        // All is lost with the folder, so nothing is to be ended orderly.
        .ending(Signal::KILL)
}

/// Runs a program to its end.
async fn done(program: Program) {
    let (status, lines) = program.finish().await.unwrap_or_else(|e| panic!("{e}"));
    assert!(status.success(), "{status}: {lines:#?}");
}

async fn begun(program: Program) -> Child {
    program.start().await.unwrap_or_else(|e| panic!("{e}"))
}

async fn monitor(folder: &Path, cluster: &str, port: u16) -> Child {
    let map = folder.join("monmap");
    let address = format!("[v2:127.0.0.1:{port}]");
    let create = ["--create", "--fsid", cluster, "--addv", "a", &address];
    done(Program::new("monmaptool").args(create).arg(&map)).await;
    // The gateway does not start without Ceph's own authentication.
    let keyring = folder.join("keyring");
    for (index, caps) in KEYS.iter().enumerate() {
        let create = if index == 0 {
            &["--create-keyring"][..]
        } else {
            &[]
        };
        let authtool = Program::new("ceph-authtool").args(create).arg(&keyring);
        done(authtool.args(["--gen-key", "-n"]).args(*caps)).await;
    }
    let make = program(folder, "ceph-mon").args(["--mkfs", "-i", "a", "--monmap"]);
    done(make.arg(&map).arg("--keyring").arg(&keyring)).await;
    begun(program(folder, "ceph-mon").args(["-f", "-i", "a"])).await
}

async fn osd(folder: &Path) -> Child {
    let id = uuid::Uuid::new_v4().to_string();
    // Waits for the monitor.
    done(program(folder, "ceph").args(["osd", "new", &id])).await;
    let make = program(folder, "ceph-osd").args(["-i", "0", "--mkfs", "--osd-uuid", &id]);
    done(make).await;
    begun(program(folder, "ceph-osd").args(["-f", "-i", "0"])).await
}

async fn gateway(folder: &Path, port: u16) -> Child {
    let frontend = format!("--rgw_frontends=beast endpoint=127.0.0.1:{port}");
    let gateway = program(folder, "radosgw").args(["-f", "-n", "client.admin", &frontend]);
    let gateway = begun(gateway).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("TLS");
    let url = format!("http://127.0.0.1:{port}/");
    let knocking = async {
        while client.get(&url).send().await.is_err() {
            tokio::time::sleep(KNOCK).await;
        }
    };
    tokio::select! {
        () = knocking => gateway,
        status = gateway.wait() => panic!("radosgw ended ({status}): {:#?}", gateway.lines()),
    }
}
