//! `packguard admin publishers`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use packguard_platform::functions::signature::PublicKey;
use packguard_platform::model::Scope;
use serde_json::{Value, json};

use crate::world::{World, key};

/// A signing key: its public half as base64, and its id.
fn signing_key(seed: u8) -> (String, String) {
    let public = SigningKey::from_bytes(&[seed; 32]).verifying_key();
    let id = PublicKey::new(public.as_bytes()).unwrap().id().to_owned();
    (STANDARD.encode(public.as_bytes()), id)
}

#[tokio::test]
async fn publishers_are_made_given_keys_and_listed() {
    let world = World::new().await;
    let (done, out, notes) = world.cli("publishers list").await;
    assert_eq!((done, out.as_str()), (Ok(()), ""));
    assert!(notes.contains("publishers create NAME"), "{notes}");

    let (member, _) = key(&world.db, &[Scope::FunctionsWrite]).await;
    let (public, id) = signing_key(7);
    let good = async |line: &str, says: &str| {
        let (done, out, notes) = world.cli(line).await;
        assert_eq!(
            (done, out.as_str(), notes.as_str()),
            (Ok(()), says, ""),
            "{line}"
        );
    };
    good("publishers create acme", "publisher acme is made\n").await;
    good("publishers create others", "publisher others is made\n").await;
    good(
        &format!("publishers add-key acme {public}"),
        "publisher acme may sign with the key\n",
    )
    .await;
    good(
        &format!("publishers add-member acme {member}"),
        "publisher acme has the member\n",
    )
    .await;
    good(
        "publishers reserve acme acme",
        "publisher acme has the namespace\n",
    )
    .await;

    let (_, out, _) = world.cli("publishers list").await;
    let heading: Vec<_> = out.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        heading.join(" "),
        "NAME CREATED API KEYS SIGNING KEYS NAMESPACES"
    );
    let row = out.lines().nth(1).unwrap();
    let words: Vec<_> = row.split_whitespace().collect();
    assert_eq!(words[0], "acme");
    let own = [&*member.to_string(), &*id, "acme"];
    assert_eq!(words[words.len() - 3..], own);
    assert_eq!(out.lines().count(), 3);
    let (_, out, _) = world.cli("publishers list --json").await;
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list[0]["name"], "acme");
    assert_eq!(list[0]["members"], json!([member]));
    assert_eq!(list[0]["signing_keys"], json!([id]));
    assert_eq!(list[0]["namespaces"], json!(["acme"]));
    assert_eq!(list[1]["members"], json!([]));

    good(
        &format!("publishers revoke-key acme {id}"),
        "publisher acme may not sign with the key any more\n",
    )
    .await;
    let (_, out, _) = world.cli("publishers list --json").await;
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list[0]["signing_keys"], json!([]));
    let log = world.actions("publisher:acme").await;
    let actions: Vec<_> = log
        .iter()
        .map(|entry| entry.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "publisher.revoke_key",
            "publisher.reserve",
            "publisher.add_member",
            "publisher.add_key",
            "publisher.create"
        ]
    );
    assert!(log.iter().all(|entry| entry.starts_with("cli:")), "{log:?}");
}

#[tokio::test]
async fn publishers_are_refused_with_a_hint() {
    let world = World::new().await;
    let (public, id) = signing_key(7);
    for line in ["publishers create acme", "publishers create others"] {
        assert_eq!(world.cli(line).await.0, Ok(()));
    }
    let taken = format!("publishers add-key acme {public}");
    assert_eq!(world.cli(&taken).await.0, Ok(()));
    let before = world.count("audit_log").await;
    for (line, code, message) in [
        (
            "publishers create acme",
            1,
            "there is a publisher `acme` already",
        ),
        (
            "publishers create Acme",
            2,
            "the command line makes no sense",
        ),
        (
            "publishers add-key acme AAAA",
            2,
            "the command line makes no sense",
        ),
        (
            &*format!("publishers add-key none {public}"),
            1,
            "there is no publisher `none`",
        ),
        // One key, one signer: else nobody could say who signed.
        (
            &*format!("publishers add-key others {public}"),
            1,
            "this signing key is registered already",
        ),
        (
            &*format!("publishers revoke-key others {id}"),
            1,
            &*format!("the publisher has no signing key `{id}`"),
        ),
        ("publishers add-member acme 99", 1, "there is no API key 99"),
        (
            "publishers add-member none 1",
            1,
            "there is no publisher `none`",
        ),
        (
            "publishers reserve acme a--b",
            2,
            "the command line makes no sense",
        ),
    ] {
        let (done, out, _) = world.cli(line).await;
        let error = done.unwrap_err();
        assert_eq!(
            (error.code, error.message.as_str()),
            (code, message),
            "{line}"
        );
        assert!(!error.hint.is_empty(), "{line}");
        assert_eq!(out, "", "{line}");
    }
    assert_eq!(world.count("audit_log").await, before);
}
