//! Who may do what.

use packguard_platform::db::{audit, keys as db_keys};
use packguard_platform::model::Scope;
use reqwest::{Method, StatusCode};

use super::lab::{Lab, bad, good};

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_missing_wrong_doubled_or_revoked() {
    let lab = Lab::start().await;
    let path = "/api/v1/queue/status/";
    let with = |key: &str| lab.request(Method::GET, path).header("x-api-key", key);
    good(with(&lab.key).send().await.unwrap(), StatusCode::OK).await;
    bad(
        lab.request(Method::GET, path).send().await.unwrap(),
        401,
        "unauthorized",
    )
    .await;
    for key in ["", "wrong", &"x".repeat(300)] {
        bad(with(key).send().await.unwrap(), 401, "unauthorized").await;
    }
    let two = with(&lab.key).bearer_auth(&lab.other);
    bad(two.send().await.unwrap(), 401, "unauthorized").await;
    let (id, secret) = lab.key("reader", &[Scope::Read]).await;
    good(with(&secret).send().await.unwrap(), StatusCode::OK).await;
    bad(
        lab.analyze("{}")
            .header("x-api-key", &secret)
            .send()
            .await
            .unwrap(),
        401,
        "unauthorized",
    )
    .await;
    let scoped = lab
        .request(Method::POST, "/api/v1/timeout/check/")
        .bearer_auth(&secret);
    bad(scoped.send().await.unwrap(), 403, "forbidden").await;
    let mut transaction = lab.app.db.begin().await.unwrap();
    db_keys::revoke(&mut transaction, id).await.unwrap();
    transaction.commit().await.unwrap();
    lab.app.keys.forget(id);
    bad(with(&secret).send().await.unwrap(), 401, "unauthorized").await;

    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_admins_is_for_nobody_else() {
    let lab = Lab::start().await;
    for (method, path) in [
        (Method::POST, "/api/v1/timeout/check/"),
        (Method::GET, "/api/v1/timeout/status/"),
    ] {
        bad(
            lab.request(method.clone(), path)
                .bearer_auth(&lab.key)
                .send()
                .await
                .unwrap(),
            403,
            "forbidden",
        )
        .await;
        good(
            lab.request(method, path)
                .bearer_auth(&lab.admin)
                .send()
                .await
                .unwrap(),
            StatusCode::OK,
        )
        .await;
    }
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_is_in_the_audit_log() {
    let lab = Lab::start().await;
    let task = lab.submit("pkg:npm/slow@1").await;
    lab.claim(task).await;
    let sweep = || {
        lab.request(Method::POST, "/api/v1/timeout/check/")
            .bearer_auth(&lab.admin)
            .header("x-request-id", "sweep-1")
    };
    let swept = good(sweep().send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(swept["timed_out_tasks"], 0);
    sqlx::query("UPDATE tasks SET started_at = now() - interval '1 day'")
        .execute(&lab.app.db)
        .await
        .unwrap();
    let swept = good(sweep().send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(swept["task_ids"], serde_json::json!([task.0]));
    let log = audit::list(&lab.app.db, Some("tasks"), None, 10)
        .await
        .unwrap();
    assert_eq!(log.len(), 1, "what changed nothing is not in it");
    assert_eq!(log[0].action, "tasks.sweep");
    assert_eq!(log[0].details, serde_json::json!({"task_ids": [task.0]}));
    assert_eq!(log[0].request_id.as_deref(), Some("sweep-1"));
    lab.end().await;
}
