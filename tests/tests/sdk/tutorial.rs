//! `sdk/README.md`, line by line: what is indented there is typed into a bash, against the platform
//! that `packguard dev` is; what stands in a block below must be what the last line printed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use packguard_platform::dev::process::Program;
use packguard_platform::dev::servers::free_port;
use packguard_tests::harness::process::Role;
use packguard_tests::harness::registry::{Registry, harmless};
use packguard_tests::harness::scratch::Scratch;
use packguard_tests::{cache, packguard, sdk};
use regex_lite::Regex;

use crate::server::Asker;
use crate::session::Session;
use crate::shell::{checkout, settled};

/// Where the tutorial's platform listens, and where it keeps its key.
const ADDRESS: &str = "http://127.0.0.1:8000";
const FOLDER: &str = "$PACKGUARD_SDK_PATH/.packguard";

/// What a worker may take for a moved alias on a busy machine.
const SWITCH: Duration = Duration::from_secs(60);

/// The lines that are not typed as they stand: each with what is typed, and why.
const INSTEAD: [(&str, &str, &str); 5] = [
    (
        "rustup target add wasm32-wasip2",
        "true",
        "tools/setup did it; tests install nothing",
    ),
    (
        "cargo install --locked --path sdk/cli",
        "sdk --version",
        "the sdk of this build is on PATH; installing would build it once more, optimised",
    ),
    (
        "make dev",
        "true",
        "the `packguard dev` that it ends in runs already: of this build, on a free port, in a folder of its own",
    ),
    (
        "sdk dev",
        "exec 7< <(exec sdk dev); dev=$!; result",
        "it runs until Ctrl-C: here beside the session, which waits for its first result",
    ),
    (
        r#"sed -i 's/"urlopen("/"httpx.post(", &/' src/lib.rs"#,
        r#"sed -i 's/"urlopen("/"httpx.post(", &/' src/lib.rs && result && kill -INT $dev && wait $dev"#,
        "as it stands; then `sdk dev` has to say what it found, and Ctrl-C has to end it",
    ),
];

/// Reads from `sdk dev` until it watches again; fails where the samples were not as expected.
const RESULT: &str = r#"result() {
    local line seen=1
    while IFS= read -r -t 300 -u 7 line; do
        echo "$line"
        case $line in
        "4 of 4 samples as expected"*) seen=0 ;;
        watching*) return $seen ;;
        esac
    done
    return 1
}"#;

/// A line of the tutorial, and the block that shows what it prints.
struct Line {
    number: usize,
    text: String,
    shown: Option<String>,
}

/// The indented lines, in order. A block in ``` is what the line before it prints.
fn lines(page: &str) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    let mut block: Option<String> = None;
    for (number, line) in (1..).zip(page.lines()) {
        if line.starts_with("```") {
            if let Some(shown) = block.take() {
                let last = found.last_mut().unwrap();
                assert!(last.shown.replace(shown).is_none(), "line {number}");
            } else {
                block = Some(String::new());
            }
        } else if let Some(block) = &mut block {
            *block += &format!("{line}\n");
        } else if let Some(command) = line.strip_prefix("    ") {
            // A comment behind a command is for people.
            let text = command.split("  #").next().unwrap().trim_end().to_owned();
            found.push(Line {
                number,
                text,
                shown: None,
            });
        }
    }
    assert!(block.is_none(), "a block does not end");
    found
}

/// The platform of `make dev`, in a folder of its own.
struct Dev {
    role: Role,
    folder: Scratch,
    url: String,
}

impl Dev {
    async fn start(registry: &Registry) -> Self {
        let program = tokio::task::spawn_blocking(packguard).await.unwrap();
        let (folder, port) = (Scratch::new(), free_port().unwrap());
        let cache = cache().display().to_string();
        let program = Program::new(program)
            .arg("dev")
            .arg("--folder")
            .arg(folder.join(".packguard"))
            .args(["--port", &port.to_string()])
            .name("dev".to_owned());
        let settings = [
            ("PACKGUARD_CACHE_DIR", cache.as_str()),
            ("PACKGUARD_PYPI_URL", &registry.url()),
            ("METRICS_LISTEN", "127.0.0.1:0"),
        ];
        let role = Role::run(program, &settings).await;
        let url = format!("http://127.0.0.1:{port}");
        role.line(&format!("Packguard runs at {url}")).await;
        Self { role, folder, url }
    }

    /// What is typed for a line: as it stands, but for this platform's address and folder.
    fn typed(&self, text: &str) -> String {
        let folder = self.folder.join(".packguard").display().to_string();
        text.replace(ADDRESS, &self.url).replace(FOLDER, &folder)
    }

    fn asker(&self) -> Asker {
        let key = std::fs::read_to_string(self.folder.join(".packguard/dev.key")).unwrap();
        Asker {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: self.url.clone(),
            key: key.trim().to_owned(),
        }
    }
}

/// A home for the session, with `sdk` on PATH and the toolchains of this machine.
fn session(home: &Path, registry: &Registry) -> Session {
    let real = PathBuf::from(std::env::var_os("HOME").unwrap());
    let tool = |name: &str, folder: &str| {
        let named = std::env::var_os(name).map(PathBuf::from);
        named.unwrap_or_else(|| real.join(folder))
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![sdk().parent().unwrap().to_owned()];
    folders.extend(std::env::split_paths(&path));
    Session::start(&checkout(), |bash| {
        bash.env("CARGO_HOME", tool("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", tool("RUSTUP_HOME", ".rustup"))
            .env("PATH", std::env::join_paths(folders).unwrap())
            .env("HOME", home)
            .env("PACKGUARD_PYPI_URL", registry.url())
            .env_remove("XDG_CONFIG_HOME");
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_does_what_it_says() {
    let page = std::fs::read_to_string(checkout().join("sdk/README.md")).unwrap();
    let lines = lines(&page);
    for (line, ..) in INSTEAD {
        let there = lines.iter().any(|one| one.text == line);
        assert!(there, "{line} is no line of the tutorial any more");
    }
    let registry = Registry::start(harmless).await;
    registry.release("requests", "2.28.1");
    let dev = Dev::start(&registry).await;
    let home = tempfile::tempdir().unwrap();
    let mut session = session(home.path(), &registry);
    session.good(RESULT).await;
    let mut deployed = Vec::new();
    for line in &lines {
        let instead = INSTEAD.iter().find(|(text, ..)| *text == line.text);
        let typed = dev.typed(instead.map_or(line.text.as_str(), |(_, typed, _)| typed));
        let said = session.good(&typed).await;
        if let Some(shown) = &line.shown {
            assert_eq!(settled(&said), settled(shown), "line {}", line.number);
        }
        if line.text.starts_with("sdk deploy") {
            deployed.push(digest(&said));
        }
        let expected = match line.text.split(' ').nth(1) {
            Some("promote") => deployed.last(),
            Some("rollback") => deployed.iter().nth_back(1),
            _ => continue,
        };
        until_ran(&dev, 1, Some(expected.expect("it was deployed"))).await;
    }
    // The last line stops it, for all but the canary's share.
    until_ran(&dev, 1_000, None).await;
    session.end().await;
    assert!(dev.role.terminate().await.success());
}

/// The digest that `sdk deploy` shows.
fn digest(said: &str) -> String {
    let found = Regex::new("sha256 +([0-9a-f]{64})").unwrap();
    found.captures(said).expect(said)[1].to_owned()
}

/// Submits packages until the report of one says that the running worker runs the function with
/// this digest, or does not run it.
async fn until_ran(dev: &Dev, first: usize, digest: Option<&str>) {
    let asker = dev.asker();
    let waiting = async {
        for number in first.. {
            let purl = Registry::purl("sample", number);
            let ran = asker.ran(&purl, "exfil-check").await;
            if ran.as_deref() == digest {
                return;
            }
        }
    };
    let switched = tokio::time::timeout(SWITCH, waiting).await;
    switched.unwrap_or_else(|_| panic!("the worker does not run {digest:?}"));
}
