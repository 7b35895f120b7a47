//! Guests that attack their host. Each ends in its typed outcome, the host keeps
//! serving, and nothing is left on disk.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use packguard_runtime::report::StepOutcome;
use packguard_runtime::types::{Analysis, Package, Setting};
use packguard_runtime::{Component, Limits, LoadError, Runtime, RuntimeConfig, Step};
use packguard_tests::HOSTILE;
use tokio_util::sync::CancellationToken;

/// Small enough for a quick test, large enough for an honest guest.
const LIMITS: Limits = Limits {
    memory: 256 << 20,
    fuel: 3_000_000_000,
    wall: Duration::from_secs(20),
    output: 64 << 10,
    transfer: 4 << 20,
    handles: 64,
};

struct Host {
    runtime: Runtime,
    hostile: Component,
    folder: tempfile::TempDir,
}

impl Host {
    async fn new() -> Self {
        let runtime = Runtime::new(RuntimeConfig {
            slots: 2,
            ..RuntimeConfig::default()
        })
        .unwrap();
        let hostile = runtime.load(HOSTILE).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("package/0")).unwrap();
        std::fs::write(folder.path().join("package/0/file"), "content").unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink("../../secret", folder.path().join("package/0/link")).unwrap();
        Self {
            runtime,
            hostile,
            folder,
        }
    }

    fn files(&self) -> std::path::PathBuf {
        self.folder.path().join("package")
    }

    async fn attack(&self, attack: &str, argument: &str) -> Step<Analysis> {
        self.attack_with(attack, argument, &LIMITS, &CancellationToken::new())
            .await
    }

    async fn attack_with(
        &self,
        attack: &str,
        argument: &str,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> Step<Analysis> {
        let package = Arc::new(package(attack, argument));
        self.runtime
            .analyze(&self.hostile, package, &self.files(), limits, cancel)
            .await
    }

    /// What the guest says that it saw.
    async fn saw(&self, attack: &str, argument: &str) -> String {
        self.attack(attack, argument).await.result.unwrap().findings[0]
            .title
            .clone()
    }

    /// Ends a test: the host still serves on every slot, and the package is untouched.
    async fn still_serves(self) {
        for _ in 0..4 {
            assert_eq!(self.attack("nothing", "").await.outcome(), StepOutcome::Ok);
        }
        assert_eq!(
            listing(self.folder.path()),
            [
                "package",
                "package/0",
                "package/0/file",
                "package/0/link",
                "secret"
            ]
        );
        assert_eq!(
            std::fs::read(self.files().join("0/file")).unwrap(),
            b"content"
        );
    }
}

fn package(attack: &str, argument: &str) -> Package {
    let setting = |name: &str, value: &str| Setting {
        name: name.into(),
        value: value.into(),
    };
    Package {
        purl: None,
        ecosystem: "generic".into(),
        namespace: None,
        name: "sample".into(),
        version: None,
        artifacts: Vec::new(),
        files: Vec::new(),
        metadata: None,
        settings: vec![setting("attack", attack), setting("argument", argument)],
    }
}

fn listing(folder: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            found.push(
                entry
                    .path()
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .into(),
            );
            if entry.file_type().unwrap().is_dir() {
                walk(root, &entry.path(), found);
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attack_ends_in_its_outcome() {
    use StepOutcome::{AnalyzerError, OutOfMemory, OutOfTime, OutputLimit, Trap};
    let host = Host::new().await;
    for (attack, argument, outcome, message) in [
        ("error", "", AnalyzerError, "can't work"),
        ("exit", "", AnalyzerError, "exited with"),
        ("loop", "", OutOfTime, "used up its CPU budget"),
        ("copy", "", OutOfTime, "used up its CPU budget"),
        ("trap", "", Trap, "unreachable"),
        ("panic", "", Trap, "on purpose"),
        ("recursion", "", Trap, "wasm trap"),
        ("memory", "", OutOfMemory, "more memory than its limit"),
        ("log", "", OutputLimit, "output limit"),
        ("stdout", "", OutputLimit, "output limit"),
        ("stderr", "", OutputLimit, "output limit"),
        ("findings", "", OutputLimit, "transfer limit"),
    ] {
        let step = host.attack(attack, argument).await;
        assert_eq!(step.outcome(), outcome, "{attack}: {:?}", step.message());
        assert!(
            step.message().unwrap().contains(message),
            "{attack}: {:?}",
            step.message()
        );
        assert!(step.usage.peak_memory <= LIMITS.memory as u64, "{attack}");
        assert!(step.usage.fuel <= LIMITS.fuel, "{attack}");
    }
    host.still_serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_call_that_lasts_ends_with_the_clock() {
    let host = Host::new().await;
    let limits = Limits {
        wall: Duration::from_millis(200),
        ..LIMITS
    };
    let step = host
        .attack_with("sleep", "", &limits, &CancellationToken::new())
        .await;
    assert_eq!(
        step.outcome(),
        StepOutcome::OutOfTime,
        "{:?}",
        step.message()
    );
    host.still_serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancellation_ends_a_step_wherever_it_is() {
    let host = Host::new().await;
    let limits = Limits {
        fuel: u64::MAX / 2,
        ..LIMITS
    };
    for attack in ["loop", "sleep", "copy"] {
        let cancel = CancellationToken::new();
        let running = host.attack_with(attack, "", &limits, &cancel);
        tokio::pin!(running);
        // The guest is on its way when this ends; it can't answer by itself.
        assert!(
            tokio::time::timeout(Duration::from_millis(100), &mut running)
                .await
                .is_err()
        );
        cancel.cancel();
        let asked = Instant::now();
        assert_eq!(running.await.outcome(), StepOutcome::Cancelled, "{attack}");
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{attack} ended late"
        );
    }
    host.still_serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_package_can_be_read() {
    let host = Host::new().await;
    assert_eq!(host.saw("read", "/package/0/file").await, "read 7 bytes");
    for path in [
        "/package/../secret",
        "/package/0/../../secret",
        "/package/0/link",
        "/package/0/link/",
        "/package/0/file/",
        "/secret",
        "/etc/passwd",
        "../secret",
        "/package/0/./../../../../../../etc/passwd",
    ] {
        let saw = host.saw("read", path).await;
        assert!(saw.starts_with("refused"), "{path}: {saw}");
    }
    for path in [
        "/",
        "/package/..",
        "/package/../",
        "/package/0/../../",
        "..",
    ] {
        let saw = host.saw("list", path).await;
        assert!(saw.starts_with("refused"), "{path}: {saw}");
    }
    host.still_serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_written() {
    let host = Host::new().await;
    for path in ["/package/0/new", "/package/new", "/new", "new", "/tmp/new"] {
        assert_eq!(host.saw("write", path).await, "7 of 7 refused", "{path}");
    }
    host.still_serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_network_environment_clock_or_chance() {
    let host = Host::new().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(
        host.saw("connect", &address).await,
        "tcp refused true, listen refused true, udp refused true"
    );
    assert_eq!(
        host.saw("resolve", "localhost").await,
        "resolve refused true"
    );
    assert_eq!(host.saw("environment", "").await, "0 0");
    for attack in ["clock", "random"] {
        assert_eq!(
            host.saw(attack, "").await,
            host.saw(attack, "").await,
            "{attack}"
        );
    }
    host.still_serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_files_are_bounded() {
    let host = Host::new().await;
    let step = host.attack("handles", "/package/0/file").await;
    match step.result {
        // Depends on which bound is hit first: both keep the host whole.
        Ok(analysis) => {
            let files: u32 = analysis.findings[0]
                .title
                .split(' ')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            assert!(files <= 64, "{files}");
        }
        Err((outcome, message)) => assert_eq!(outcome, StepOutcome::HostRefusal, "{message}"),
    }
    host.still_serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooled_slot_holds_no_residue_of_its_previous_tenant() {
    let host = Host::new().await;
    for tenant in 0..6 {
        let saw = host.saw("canary", &format!("tenant-{tenant}-secret")).await;
        assert_eq!(saw, "0 marks of a predecessor", "tenant {tenant}");
    }
    host.still_serves().await;
}

fn load_error(error: Result<Component, LoadError>) -> String {
    error.map(|_| ()).unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_are_no_component_are_refused() {
    let host = Host::new().await;
    let engine_made = {
        // What `wasmtime compile` gives starts with an ELF header.
        let mut elf = std::fs::read("/proc/self/exe").unwrap();
        elf.truncate(1 << 20);
        elf
    };
    let component = HOSTILE;
    for (what, bytes, says) in [
        ("empty", Vec::new(), "not a WebAssembly component"),
        (
            "text",
            b"print('hello')".to_vec(),
            "not a WebAssembly component",
        ),
        ("native code", engine_made, "not a WebAssembly component"),
        (
            "core module",
            wat::parse_str("(module)").unwrap(),
            "core WebAssembly module",
        ),
        (
            "no world",
            wat::parse_str("(component)").unwrap(),
            "exports no world",
        ),
        (
            "truncated",
            component[..component.len() / 2].to_vec(),
            "not valid",
        ),
        ("too large", vec![0; (64 << 20) + 1], "more than the"),
        (
            "forbidden import",
            wat::parse_str(r#"(component (import "wasi:http/types@0.2.0" (instance)))"#).unwrap(),
            "imports `wasi:http/types@0.2.0`",
        ),
        (
            "import of the host's own",
            wat::parse_str(r#"(component (import "run-command" (func)))"#).unwrap(),
            "imports `run-command`",
        ),
    ] {
        let said = load_error(host.runtime.load(bytes).await);
        assert!(said.contains(says), "{what}: {said}");
    }
    host.still_serves().await;
}

/// Core modules whose instantiation takes too much, wrapped in a component.
#[tokio::test(flavor = "multi_thread")]
async fn memories_tables_and_instances_are_summed() {
    let host = Host::new().await;
    let many = |what: &str, times: usize| what.repeat(times);
    for (what, core) in [
        (
            "many memories",
            format!("(core module $m {})", many("(memory 1000)", 9)),
        ),
        (
            "many tables",
            format!("(core module $m {})", many("(table 10 funcref)", 17)),
        ),
        (
            "one large table",
            "(core module $m (table 10000000 funcref))".into(),
        ),
        ("one large memory", "(core module $m (memory 65536))".into()),
    ] {
        let text = format!("(component {core} (core instance (instantiate $m)))");
        let said = load_error(host.runtime.load(wat::parse_str(text).unwrap()).await);
        assert!(said.contains("not valid"), "{what}: {said}");
    }
    let instances = format!(
        "(component (core module $m) {})",
        many("(core instance (instantiate $m))", 33)
    );
    let said = load_error(host.runtime.load(wat::parse_str(instances).unwrap()).await);
    assert!(said.contains("instances"), "{said}");
    host.still_serves().await;
}
