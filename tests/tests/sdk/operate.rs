//! `sdk settings` and `sdk logs`, against a real server and worker.

use std::process::Stdio;
use std::time::Duration;

use packguard_tests::TALKER;
use packguard_tests::harness::registry::{Registry, harmless};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::server::{Platform, at_home, good, login, run};
use crate::shell::{Shell, code, json as printed, said};

/// Publishes the guest that does as its options say, and promotes it.
async fn talker(platform: &Platform) {
    let post = |method, path: &str| {
        let request = platform.lab.request(method, path);
        request.header("x-api-key", &platform.deployer.1)
    };
    let deploy = post(Method::POST, "/api/v1/functions/?name=talker&version=0.1.0");
    let deploy = deploy
        .header("content-type", "application/wasm")
        .body(TALKER);
    assert_eq!(deploy.send().await.unwrap().status(), 201);
    let promote = post(Method::PUT, "/api/v1/functions/talker/aliases/stable/");
    let promoted = promote.json(&json!({ "version": "0.1.0" })).send().await;
    assert_eq!(promoted.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_changed_and_lines_followed() {
    let (platform, registry) = tokio::join!(Platform::start(&[]), Registry::start(harmless));
    let shell = Shell::new();
    let sdk = |arguments: &[&str]| at_home(&shell, None, arguments);
    let logged_in = login(&shell, &platform.url(), &platform.deployer.1).await;
    assert_eq!(code(&logged_in), 0, "{}", said(&logged_in));
    let missing = run(sdk(&["settings", "talker"])).await;
    assert_eq!(code(&missing), 2, "{}", said(&missing));
    talker(&platform).await;

    let empty = said(&good(sdk(&["settings", "talker"])).await);
    assert_eq!(
        empty.matches("as the platform has it").count(),
        4,
        "{empty}"
    );
    let set = [
        "settings",
        "talker",
        "memory=64MiB",
        "time=5s",
        "ecosystems=pypi,npm",
        "option.say=2",
    ];
    let set = said(&good(sdk(&set)).await);
    let expected = "memory      64.0 MiB\nfuel        as the platform has it\ntime        5.0 s\n\
                    ecosystems  pypi, npm\noption.say  2\n";
    assert_eq!(set, expected);
    let unset = ["settings", "talker", "time=", "--json"];
    let unset = printed(&good(sdk(&unset)).await);
    assert_eq!(
        (&unset["time_ms"], &unset["memory_bytes"]),
        (&Value::Null, &json!(64 << 20))
    );
    for (arguments, expected, says) in [
        (
            &["settings", "talker", "memroy=1MiB"][..],
            2,
            "did you mean `memory`?",
        ),
        (
            &["settings", "talker", "memory=1TiB"],
            1,
            "it can only be lowered: the platform's limit is 536870912",
        ),
        (
            &["settings", "talker", "ecosystems=apt"],
            1,
            "ecosystems: there are pypi",
        ),
        (&["logs", "nothing"], 2, "not_found"),
    ] {
        let output = run(sdk(arguments)).await;
        assert_eq!(code(&output), expected, "{}", said(&output));
        assert!(said(&output).contains(says), "{}", said(&output));
    }

    let nothing = good(sdk(&["logs", "talker"])).await;
    assert!(said(&nothing).contains("nothing was said within a day"));
    let mut follow = tokio::process::Command::from(sdk(&["logs", "talker", "--follow", "--json"]));
    let mut follow = follow
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let worker = platform.worker(&registry).await;
    worker.line("\"functions\":1").await;
    let mut next = async || -> Value {
        let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await;
        serde_json::from_str(&line.expect("in time").unwrap().expect("a line")).unwrap()
    };
    for number in 1..=2 {
        let asker = platform.asker();
        let purl = Registry::purl("sample", number);
        asker.ran(&purl, "talker").await.unwrap();
        for line in 0..2 {
            let said = next().await;
            assert_eq!(
                said["text"],
                format!("line {line} [31m of sample-000{number}"),
                "{said}"
            );
        }
    }
    let pid = rustix::process::Pid::from_raw(follow.id().unwrap().try_into().unwrap());
    rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::INT).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), follow.wait()).await;
    assert_eq!(ended.expect("in time").unwrap().code(), Some(0));

    let all = said(&good(sdk(&["logs", "talker"])).await);
    assert_eq!(all.lines().count(), 4, "{all}");
    assert!(
        all.contains("  info   0.1.0  pkg:pypi/sample-0001@1.0 (task "),
        "{all}"
    );

    // It has lines to say, and nobody reads them.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut unread = tokio::process::Command::from(sdk(&["logs", "talker", "--follow"]));
    let mut unread = unread.stdout(writer).kill_on_drop(true).spawn().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), unread.wait()).await;
    assert_eq!(ended.expect("in time").unwrap().code(), Some(0));
    assert!(worker.terminate().await.success());
}
