//! Keys, over the API.

use packguard_platform::model::Scope;
use reqwest::Method;
use serde_json::json;

use crate::world::{World, key};

#[tokio::test]
async fn a_key_lives_and_dies_over_the_api() {
    let world = World::new().await;
    let wanted = json!({"name": "CI", "scopes": ["read", "analyze"], "rate_limit": 7});
    let (status, made) = world
        .admin(Method::POST, "/admin/keys/", Some(wanted))
        .await;
    assert_eq!(status, 201, "{made}");
    let (id, first) = (
        made["data"]["id"].as_i64().unwrap(),
        made["data"]["key"].as_str().unwrap(),
    );
    assert_eq!(made["data"]["scopes"], json!(["analyze", "read"]));
    let alive = async |secret: &str| world.ask(secret, Method::GET, "/webhooks/", None).await.0;
    assert_eq!(alive(first).await, 200);
    assert_eq!(
        world.ask(first, Method::GET, "/admin/keys/", None).await.0,
        403
    );

    let path = format!("/admin/keys/{id}/");
    let change = json!({"name": "CI of the shop", "scopes": ["analyze"]});
    let (status, changed) = world.admin(Method::PATCH, &path, Some(change)).await;
    assert_eq!(
        (status, &changed["data"]["name"]),
        (200, &json!("CI of the shop"))
    );
    assert_eq!(alive(first).await, 403, "the scope `read` is gone at once");
    world
        .admin(Method::PATCH, &path, Some(json!({"scopes": ["read"]})))
        .await;

    let (_, rotated) = world
        .admin(
            Method::POST,
            &format!("{path}rotate/"),
            Some(json!({"overlap_seconds": 60})),
        )
        .await;
    let second = rotated["data"]["key"].as_str().unwrap();
    assert_eq!((alive(first).await, alive(second).await), (200, 200));
    let (_, rotated) = world
        .admin(
            Method::POST,
            &format!("{path}rotate/"),
            Some(json!({"overlap_seconds": 0})),
        )
        .await;
    let third = rotated["data"]["key"].as_str().unwrap();
    assert_eq!(
        (alive(first).await, alive(second).await, alive(third).await),
        (401, 401, 200)
    );

    let (status, gone) = world.admin(Method::DELETE, &path, None).await;
    assert_eq!((status, &gone["data"]["active"]), (200, &json!(false)));
    assert_eq!(alive(third).await, 401, "void at once");
    let (status, _) = world
        .admin(Method::POST, &format!("{path}rotate/"), Some(json!({})))
        .await;
    assert_eq!(status, 404);
    let by = format!("key:{}", world.admin);
    let did = world.actions(&format!("key:{id}")).await;
    let expected = [
        "key.revoke",
        "key.rotate",
        "key.rotate",
        "key.update",
        "key.update",
        "key.create",
    ];
    assert_eq!(did, expected.map(|action| format!("{by} {action}")));

    // Neither lists nor the audit log hold a secret.
    let (_, list) = world.admin(Method::GET, "/admin/keys/", None).await;
    let (_, log) = world
        .admin(Method::GET, "/admin/audit/?limit=100", None)
        .await;
    assert_eq!(log["data"]["items"].as_array().unwrap().len(), 6);
    for secret in [first, second, third, &world.secret] {
        let hidden = secret.rsplit('_').next().unwrap();
        assert!(!list.to_string().contains(hidden) && !log.to_string().contains(hidden));
    }
}

#[tokio::test]
async fn the_last_admin_key_stays() {
    let world = World::new().await;
    let path = format!("/admin/keys/{}/", world.admin);
    for (method, body) in [
        (Method::DELETE, None),
        (Method::PATCH, Some(json!({"scopes": ["read"]}))),
    ] {
        let (status, answer) = world.admin(method, &path, body).await;
        assert_eq!((status, &answer["code"]), (409, &json!("last_admin_key")));
    }
    assert_eq!(
        world
            .admin(Method::PATCH, &path, Some(json!({"name": "root"})))
            .await
            .0,
        200
    );
    // Two that revoke each other at the same moment: one is left.
    let (other, secret) = key(&world.db, &[Scope::Admin, Scope::Read]).await;
    let (mine, theirs) = (format!("/admin/keys/{other}/"), path.clone());
    let both = tokio::join!(
        world.admin(Method::DELETE, &mine, None),
        world.ask(&secret, Method::DELETE, &theirs, None),
    );
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL")
        .fetch_one(&world.db)
        .await
        .unwrap();
    assert_eq!(left, 1, "{both:?}");
}

#[tokio::test]
async fn bad_requests_change_nothing() {
    let world = World::new().await;
    for (method, path, body, code) in [
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "", "scopes": ["read"]}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a\u{0}", "scopes": ["read"]}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a".repeat(101), "scopes": ["read"]}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a", "scopes": []}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a", "scopes": ["root"]}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a", "scopes": ["read"], "rate_limit": -1}),
            422,
        ),
        (
            Method::POST,
            "/admin/keys/",
            json!({"name": "a", "scopes": ["read"], "other": 1}),
            422,
        ),
        (
            Method::PATCH,
            "/admin/keys/99999/",
            json!({"name": "b"}),
            404,
        ),
        (Method::DELETE, "/admin/keys/99999/", json!({}), 404),
        (Method::DELETE, "/admin/keys/x/", json!({}), 422),
        (Method::DELETE, "/admin/keys/99999/data/", json!({}), 404),
        (
            Method::POST,
            "/admin/keys/1/rotate/",
            json!({"overlap_seconds": 2_592_001}),
            422,
        ),
        (Method::POST, "/admin/tasks/99999/retry/", json!({}), 404),
        (Method::GET, "/admin/audit/?limit=0", json!({}), 422),
        (Method::GET, "/admin/tasks/?dead=perhaps", json!({}), 422),
        (
            Method::POST,
            "/webhooks/",
            json!({"url": "https://10.0.0.1/"}),
            422,
        ),
        (
            Method::POST,
            "/webhooks/",
            json!({"url": "http://example.com/"}),
            422,
        ),
        (
            Method::POST,
            "/webhooks/",
            json!({"url": "https://example.com/", "events": ["task.begun"]}),
            422,
        ),
        (Method::POST, "/webhooks/1/test/", json!({}), 404),
    ] {
        let (status, answer) = world.admin(method, path, Some(body.clone())).await;
        assert_eq!(status, code, "{path} {body}: {answer}");
        assert_eq!(answer["success"], json!(false));
    }
    assert_eq!(
        (
            world.count("audit_log").await,
            world.count("api_keys").await
        ),
        (0, 1)
    );
}
