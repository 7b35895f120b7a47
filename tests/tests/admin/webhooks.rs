//! Webhooks of keys, over the API.

use packguard_platform::model::Scope;
use reqwest::Method;
use serde_json::json;

use crate::world::{World, key};

#[tokio::test]
async fn webhooks_belong_to_their_key() {
    let world = World::new().await;
    let (owner, mine) = key(&world.db, &[Scope::Analyze, Scope::Read]).await;
    let (_, other) = key(&world.db, &[Scope::Analyze, Scope::Read]).await;
    let url = json!({"url": "https://example.com/hook", "events": ["task.failed"]});
    let (status, made) = world
        .ask(&mine, Method::POST, "/webhooks/", Some(url.clone()))
        .await;
    assert_eq!(status, 201, "{made}");
    let secret = made["data"]["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    let path = format!("/webhooks/{}/", made["data"]["id"]);
    let (status, shown) = world.ask(&mine, Method::GET, &path, None).await;
    assert_eq!(
        (status, &shown["data"]["events"]),
        (200, &json!(["task.failed"]))
    );
    assert!(!shown.to_string().contains(secret));
    for (method, end) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::POST, "test/"),
        (Method::GET, "deliveries/"),
    ] {
        let asked = world
            .ask(&other, method, &format!("{path}{end}"), None)
            .await;
        assert_eq!(asked.0, 404);
    }
    for _ in 0..5 {
        assert_eq!(
            world
                .ask(&mine, Method::POST, &format!("{path}test/"), None)
                .await
                .0,
            202
        );
    }
    assert_eq!(
        world
            .ask(&mine, Method::POST, &format!("{path}test/"), None)
            .await
            .0,
        429
    );
    let (_, page) = world
        .ask(
            &mine,
            Method::GET,
            &format!("{path}deliveries/?limit=2"),
            None,
        )
        .await;
    let (items, next) = (
        page["data"]["items"].as_array().unwrap(),
        &page["data"]["next_before"],
    );
    assert_eq!(
        (items.len(), &items[0]["state"], next),
        (2, &json!("pending"), &items[1]["id"])
    );
    let again = format!("{path}deliveries/{}/retry/", items[0]["id"]);
    assert_eq!(world.ask(&mine, Method::POST, &again, None).await.0, 409);
    let (_, off) = world
        .ask(&mine, Method::PATCH, &path, Some(json!({"enabled": false})))
        .await;
    assert_eq!(
        off["data"]["disabled_reason"],
        json!("disabled by its owner")
    );
    assert_eq!(
        world.ask(&mine, Method::POST, &again, None).await.1["code"],
        json!("webhook_disabled")
    );
    world
        .ask(&mine, Method::PATCH, &path, Some(json!({"enabled": true})))
        .await;
    assert_eq!(world.ask(&mine, Method::POST, &again, None).await.0, 202);
    for _ in 0..9 {
        assert_eq!(
            world
                .ask(&mine, Method::POST, "/webhooks/", Some(url.clone()))
                .await
                .0,
            201
        );
    }
    assert_eq!(
        world
            .ask(&mine, Method::POST, "/webhooks/", Some(url))
            .await
            .0,
        409
    );
    assert_eq!(world.ask(&mine, Method::DELETE, &path, None).await.0, 200);
    assert_eq!(world.count("webhook_deliveries").await, 0);
    let did = world
        .actions(&format!("webhook:{}", made["data"]["id"]))
        .await;
    assert_eq!(did[0], format!("key:{owner} webhook.delete"));
    assert!(!did.iter().any(|entry| entry.contains(secret)));
}
