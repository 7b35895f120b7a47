//! From nothing to a running analyzer, and back: against a real server and worker.

use std::os::unix::fs::PermissionsExt as _;

use packguard_platform::functions::publishers::Change;
use packguard_tests::harness::proxy::{Direction, Proxy, Then, Watch};
use packguard_tests::harness::registry::{Registry, harmless};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::{Platform, at_home, good, login, run};
use crate::shell::{Project, Shell, code, json, said};

async fn project(name: &'static str) -> (Shell, Project) {
    let made = tokio::task::spawn_blocking(move || Shell::with_project(name));
    made.await.unwrap()
}

/// Gives a project another version.
fn raise(project: &Project, from: &str, to: &str) {
    let (from, to) = (
        format!("version = \"{from}\""),
        format!("version = \"{to}\""),
    );
    for file in ["packguard.toml", "Cargo.toml"] {
        project.edit(file, &from, &to);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_a_running_analyzer_and_back() {
    let (platform, registry, (shell, project)) = tokio::join!(
        Platform::start(&[("FUNCTION_SIGNATURES", "required")]),
        Registry::start(harmless),
        project("goes-live")
    );
    let sdk = |arguments: &[&str]| at_home(&shell, Some(&project), arguments);
    let logged_in = login(&shell, &platform.url(), &platform.deployer.1).await;
    assert_eq!(code(&logged_in), 0, "{}", said(&logged_in));
    assert_eq!(json(&logged_in)["may_deploy"], true);
    let file = shell.0.path().join("config/packguard/login.toml");
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Signatures are required here: the refusal says what to do.
    let unsigned = run(sdk(&["deploy"])).await;
    assert_eq!(code(&unsigned), 1, "{}", said(&unsigned));
    assert!(said(&unsigned).contains("signature_required"));
    assert!(said(&unsigned).contains("sdk keys new"));
    let made = good(sdk(&["keys", "new", "sign.pem", "--json"])).await;
    let unknown = run(sdk(&["deploy", "--key", "sign.pem"])).await;
    assert_eq!(code(&unknown), 1);
    assert!(said(&unknown).contains("signature_unknown_key"));
    let public = json(&made)["public_key"].as_str().unwrap().to_owned();
    platform.change(Change::AddKey(public)).await;
    assert_eq!(platform.versions().await, 0);

    let deploy = "deploy --key sign.pem --alias canary --percent 1 --json";
    let deploy: Vec<_> = deploy.split(' ').collect();
    let deployed = json(&good(sdk(&deploy)).await);
    assert_eq!(deployed["existed"], false);
    assert_eq!(deployed["changes"], serde_json::Value::Null);
    assert_eq!(deployed["alias"]["alias"], "canary");
    assert_eq!(deployed["alias"]["percent"], 1);
    let key = json(&made)["key_id"].clone();
    assert_eq!(deployed["version"]["signing_key"], key);
    let first = deployed["version"]["sha256"].as_str().unwrap().to_owned();
    // Again: the very same is there.
    let again = json(&good(sdk(&deploy)).await);
    assert_eq!(again["existed"], true);
    assert_eq!(platform.versions().await, 1);

    let worker = platform.worker(&registry).await;
    let report = async |number| {
        let asker = platform.asker();
        let purl = Registry::purl("sample", number);
        asker.ran(&purl, "goes-live").await
    };
    // The canary takes one task of a hundred, and that is none of the first ones.
    assert_eq!(report(1).await, None);
    let promoted = good(sdk(&["promote", "goes-live@0.1.0"])).await;
    assert!(said(&promoted).contains("stable of goes-live names 0.1.0 now"));
    worker.line("\"functions\":1").await;
    assert_eq!(report(2).await, Some(first.clone()));

    raise(&project, "0.1.0", "0.2.0");
    project.edit(
        "src/lib.rs",
        "\"urlopen(\"",
        "\"httpx.post(\", \"urlopen(\"",
    );
    let changed = good(sdk(&["deploy", "--key", "sign.pem"])).await;
    let text = said(&changed);
    for expected in [
        "goes-live 0.2.0 published (by acme, signed with",
        "since    0.1.0",
        "imports  as before",
        "rules    as before",
        "next: sdk promote goes-live@0.2.0",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    let moved = json(&good(sdk(&["promote", "goes-live@0.2.0", "--json"])).await);
    assert_eq!(moved["from"], "0.1.0");
    let second = moved["sha256"].as_str().unwrap().to_owned();
    assert_ne!(second, first);
    until_ran(&platform, 10, &second).await;

    let back = json(&good(sdk(&["rollback", "goes-live", "--json"])).await);
    assert_eq!(back["to"], "0.1.0");
    until_ran(&platform, 1_000, &first).await;

    shows_and_stops(&shell, &project).await;
    assert!(worker.terminate().await.success());
}

/// Submits packages until one is analysed by the component with this digest.
async fn until_ran(platform: &Platform, first: usize, digest: &str) {
    let asker = platform.asker();
    let waiting = async {
        for number in first.. {
            let purl = Registry::purl("sample", number);
            if asker.ran(&purl, "goes-live").await.as_deref() == Some(digest) {
                return;
            }
        }
    };
    let limit = std::time::Duration::from_secs(60);
    let switched = tokio::time::timeout(limit, waiting).await;
    switched.unwrap_or_else(|_| panic!("the worker does not run {digest}"));
}

/// `list`, `inspect`, `yank`, `disable` and `logout`.
async fn shows_and_stops(shell: &Shell, project: &Project) {
    let sdk = |arguments: &[&str]| at_home(shell, Some(project), arguments);
    let list = said(&good(sdk(&["list"])).await);
    let line = "goes-live  2 versions   canary 0.1.0 (1 % of tasks), stable 0.1.0  (of acme)\n1 function\n";
    assert_eq!(list, line);
    let list = json(&good(sdk(&["list", "--json"])).await);
    assert_eq!(list[0]["aliases"]["stable"], "0.1.0");
    let shown = said(&good(sdk(&["inspect", "goes-live"])).await);
    assert!(
        shown.contains("stable: 0.2.0 -> 0.1.0  (rollback by key:"),
        "{shown}"
    );
    let shown = said(&good(sdk(&["inspect", "goes-live@0.2.0"])).await);
    assert!(shown.contains("goes-live-environment-sent"), "{shown}");

    let yanked = said(&good(sdk(&["yank", "goes-live@0.2.0"])).await);
    assert_eq!(yanked, "goes-live@0.2.0: yanked\n");
    let refused = run(sdk(&["promote", "goes-live@0.2.0"])).await;
    assert_eq!(code(&refused), 1);
    assert!(said(&refused).contains("version_yanked") && said(&refused).contains("--undo"));
    good(sdk(&["yank", "goes-live@0.2.0", "--undo"])).await;
    let disable = ["disable", "goes-live@0.2.0", "--reason", "it is slow"];
    let disabled = said(&good(sdk(&disable)).await);
    assert_eq!(disabled, "goes-live@0.2.0: disabled: it is slow\n");
    let none = run(sdk(&["promote", "goes-live@9.9.9"])).await;
    assert_eq!(code(&none), 2, "{}", said(&none));

    good(sdk(&["logout"])).await;
    let out = run(sdk(&["list"])).await;
    assert_eq!(code(&out), 4);
    assert!(said(&out).contains("you are not logged in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_loses_and_doubles_nothing() {
    let (platform, (shell, project)) = tokio::join!(Platform::start(&[]), project("breaks-off"));
    let proxy = Proxy::start(platform.lab.address).await;
    let url = format!("http://{}", proxy.address());
    assert_eq!(code(&login(&shell, &url, &platform.deployer.1).await), 0);
    let sdk = |arguments: &[&str]| at_home(&shell, Some(&project), arguments);
    good(sdk(&["build"])).await;
    let component = std::fs::read(project.root.join("dist/breaks-off.wasm")).unwrap();

    // Half of it arrived.
    let middle = component.len() / 2;
    let half = &component[middle..middle + 64];
    let broken = proxy.watch(Watch::new(Direction::Request, half, Then::Cut));
    let restored = async {
        broken.wait().await;
        let stored = platform.versions().await;
        proxy.restore().await;
        stored
    };
    let (deployed, stored) = tokio::join!(good(sdk(&["deploy", "--json"])), restored);
    assert_eq!(stored, 0);
    assert_eq!(json(&deployed)["existed"], false);
    assert!(
        said(&deployed).contains("trying again"),
        "{}",
        said(&deployed)
    );

    // All of it arrived, and the answer was lost.
    raise(&project, "0.1.0", "0.1.1");
    let lost = proxy.watch(Watch::new(Direction::Answer, "201 Created", Then::HoldHere));
    let restored = async {
        lost.wait().await;
        proxy.cut().await;
        proxy.restore().await;
    };
    let (deployed, ()) = tokio::join!(good(sdk(&["deploy", "--json"])), restored);
    assert_eq!(json(&deployed)["existed"], true);
    assert_eq!(platform.versions().await, 2);

    // Another component as the same version.
    project.edit(
        "src/lib.rs",
        "\"urlopen(\"",
        "\"httpx.post(\", \"urlopen(\"",
    );
    let other = run(sdk(&["deploy"])).await;
    assert_eq!(code(&other), 1);
    assert!(said(&other).contains("version_exists"), "{}", said(&other));
    assert!(said(&other).contains("raise the version"));

    // What would not pass here is not even sent.
    project.edit("packguard.toml", "0.1.1", "0.3.0");
    let mismatch = run(sdk(&["deploy"])).await;
    assert_eq!(code(&mismatch), 1);
    assert!(
        said(&mismatch).contains("make them agree"),
        "{}",
        said(&mismatch)
    );
    assert_eq!(platform.versions().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_that_are_no_good_say_what_to_do() {
    let platform = Platform::start(&[]).await;
    let shell = Shell::new();
    let url = platform.url();
    let kept = shell.0.path().join("config/packguard/login.toml");
    let wrong = login(&shell, &url, "pg_00000000_wrong").await;
    assert_eq!(code(&wrong), 4, "{}", said(&wrong));
    assert!(said(&wrong).contains("unauthorized"), "{}", said(&wrong));
    let empty = login(&shell, &url, "").await;
    assert_eq!(code(&empty), 2);
    assert!(!kept.exists(), "nothing is kept");

    // A key that may look only.
    let reader = login(&shell, &url, &platform.client.1).await;
    assert_eq!(json(&reader)["may_deploy"], false);
    good(at_home(&shell, None, &["list"])).await;
    let refused = run(at_home(&shell, None, &["rollback", "none"])).await;
    assert_eq!(code(&refused), 2, "{}", said(&refused));

    let with = |name: &str, value: &str| {
        let mut command = at_home(&shell, None, &["list"]);
        command.env(name, value);
        command
    };
    let other = run(with("PACKGUARD_URL", "http://127.0.0.1:9/")).await;
    assert_eq!(code(&other), 2);
    assert!(said(&other).contains("a key is sent to no other server"));
    let wrong = run(with("PACKGUARD_API_KEY", "pg_wrong")).await;
    assert_eq!(code(&wrong), 4);
    assert!(said(&wrong).contains("the key in PACKGUARD_API_KEY is wrong"));
    good(with("PACKGUARD_API_KEY", &platform.deployer.1)).await;

    // A login that others may read is none.
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = run(at_home(&shell, None, &["list"])).await;
    assert!(said(&exposed).contains("chmod 600"), "{}", said(&exposed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_or_another_is_said_to_be() {
    let shell = Shell::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listening = tokio::spawn(async move {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 302 Found\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let url = format!("http://{address}");
    let list = || {
        let mut command = at_home(&shell, None, &["list"]);
        command.env("PACKGUARD_URL", &url);
        command.env("PACKGUARD_API_KEY", "pg_one");
        command
    };
    for says in [
        "does not answer as Packguard does",
        "it redirects to https://example.com/",
    ] {
        let output = run(list()).await;
        assert_eq!(code(&output), 4, "{}", said(&output));
        assert!(said(&output).contains(says), "{}", said(&output));
    }
    listening.await.unwrap();
    let away = run(list()).await;
    assert_eq!(code(&away), 4);
    assert!(said(&away).contains("check the address"), "{}", said(&away));
}
