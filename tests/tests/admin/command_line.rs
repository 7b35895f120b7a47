//! `packguard admin`.

use clap::Parser;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Command, World};

/// What differs from run to run.
fn settled(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        text = text
            .replace(secret, "SECRET")
            .replace(&secret[..12], "pg_12345678_");
    }
    let year = chrono::Utc::now().format("%Y-").to_string();
    while let Some(at) = text.find(&year) {
        text.replace_range(at..at + 20, "2026-01-02 03:04:05Z");
        text = text.replacen("2026-01-02 03:04:05Z", "«time».............", 1);
    }
    text.replace("«time».............", "2026-01-02 03:04:05Z")
}

#[tokio::test]
async fn the_command_line_prints_what_people_and_scripts_need() {
    let world = World::new().await;
    let (done, out, notes) = world
        .cli("keys create --name shop --scopes analyze,read --rate-limit 500")
        .await;
    done.unwrap();
    let secret = out.trim();
    assert!(secret.starts_with("pg_") && out.lines().count() == 1);
    assert_eq!(notes, "key 2 (shop); its secret is not shown again:\n");
    assert_eq!(
        world.ask(secret, Method::GET, "/webhooks/", None).await.0,
        200
    );

    let (_, out, _) = world.cli("keys rotate 2 --overlap 1h --json").await;
    let rotated: Value = serde_json::from_str(&out).unwrap();
    let second = rotated["key"].as_str().unwrap();
    assert_eq!(
        world.ask(second, Method::GET, "/webhooks/", None).await.0,
        200
    );
    let (_, out, _) = world.cli("keys list").await;
    insta::assert_snapshot!("keys_list", settled(&out, &[&world.secret, second]));
    let (_, out, _) = world.cli("keys list --json").await;
    assert_eq!(
        serde_json::from_str::<Value>(&out)
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let owner = world.admin;
    let dead = world.task(owner, "pkg:pypi/a@1", "failed", 0).await;
    world.task(owner, "pkg:pypi/b@1", "failed", 0).await;
    let (_, out, _) = world.cli("tasks list --dead").await;
    insta::assert_snapshot!("tasks_list", settled(&out, &[]));
    let (done, out, _) = world.cli(&format!("tasks retry {dead}")).await;
    assert_eq!((done, out.as_str()), (Ok(()), "1 tasks are tried again\n"));
    let (done, out, _) = world.cli("tasks retry --all-dead").await;
    assert_eq!((done, out.as_str()), (Ok(()), "1 tasks are tried again\n"));
    let (_, out, notes) = world.cli("tasks list --dead").await;
    assert_eq!(
        (out.as_str(), notes.as_str()),
        ("", "there are no dead letters\n")
    );

    let (_, out, _) = world.cli("prune --older-than 90d --dry-run").await;
    insta::assert_snapshot!("prune_dry", out);
    let (_, out, _) = world.cli("prune --older-than 90d").await;
    insta::assert_snapshot!("prune", out);
    let (done, out, _) = world.cli(&format!("keys delete-data {owner} --yes")).await;
    done.unwrap();
    insta::assert_snapshot!("delete_data", out);
    let (done, out, notes) = world.cli(&format!("keys revoke {owner}")).await;
    assert_eq!(
        (done, out.as_str()),
        (Ok(()), format!("key {owner} (tests) is void\n").as_str())
    );
    assert!(
        notes.contains("no key with the scope `admin` is left"),
        "{notes}"
    );
    let (_, out, _) = world.cli("audit list --json --limit 3").await;
    let log: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(log[0]["action"], json!("key.revoke"));
    assert!(log[0]["actor"].as_str().unwrap().starts_with("cli:"));
    let (_, out, _) = world.cli("audit list --subject key:2").await;
    assert!(out.starts_with("WHEN") && out.contains("key.rotate") && !out.contains(&second[12..]));
}

#[tokio::test]
async fn the_command_line_refuses_with_a_hint() {
    let world = World::new().await;
    for (line, code, message) in [
        ("keys revoke 99", 1, "there is no key 99"),
        ("keys rotate 99", 1, "there is no active key 99"),
        ("keys rotate 1 --overlap 31d", 2, "--overlap is too long"),
        ("keys delete-data 99 --yes", 1, "there is no key 99"),
        (
            "keys delete-data 1",
            2,
            "this deletes all that key 1 (tests) ever submitted",
        ),
        ("tasks retry 99", 1, "1 tasks were not tried again"),
        ("prune --older-than 1h", 2, "--older-than is below a day"),
    ] {
        let (done, out, _) = world.cli(line).await;
        let error = done.unwrap_err();
        assert_eq!(
            (error.code, error.message.as_str()),
            (code, message),
            "{line}"
        );
        assert!(!error.hint.is_empty(), "{line}");
        assert!(out.is_empty() || line.starts_with("tasks retry"), "{out}");
    }
    assert_eq!(world.count("audit_log").await, 0);
    for line in [
        "keys create",
        "keys create --name a --scopes root",
        "tasks retry",
        "tasks retry 1 --all-dead",
        "keys revoke x",
    ] {
        let words = std::iter::once("admin").chain(line.split_whitespace());
        assert_eq!(
            Command::try_parse_from(words).err().unwrap().exit_code(),
            2,
            "{line}"
        );
    }
}
