//! Webhooks against a receiver that behaves, and ones that don't.

mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use packguard_platform::db::audit;
use packguard_platform::db::claims::{self};
use packguard_platform::db::deliveries;
use packguard_platform::db::reports::{self, NewReport};
use packguard_platform::db::webhooks::{self, Change, DeliveryRow};
use packguard_platform::telemetry::Metrics;
use packguard_platform::webhooks::Secret;
use serde_json::Value;
use tokio::net::TcpListener;

use world::{LIMIT, World, header, signature};

#[tokio::test]
async fn a_completed_task_is_told_at_once_and_signed() {
    let world = World::new(8).await;
    let (webhook, secret) = world.to("/ok").await;
    reports::register_set(&world.db, &[9; 32], &serde_json::json!({}))
        .await
        .unwrap();
    let task = world.task("pkg:pypi/sample@1.0").await;
    let held = world.claim(task).await;
    let report = NewReport {
        owner: None,
        purl: "pkg:pypi/sample@1.0".into(),
        ecosystem: "pypi".into(),
        full_name: "sample".into(),
        version: Some("1.0".into()),
        verdict: "malicious".into(),
        score: 97,
        findings: 3,
        sha256: [2; 32],
        size_bytes: 10,
        reuse_key: [3; 32],
        analysis_set: [9; 32],
    };
    claims::complete(&world.db, held, &report)
        .await
        .unwrap()
        .unwrap();
    let log = deliveries::page(&world.db, webhook.id, None, 10)
        .await
        .unwrap();
    let [written] = log.as_slice() else {
        panic!("{log:?}")
    };
    let row = world
        .until(webhook.id, written.id, |row| row.state == "delivered")
        .await;
    // Told by NOTIFY: well before the deliverer would have looked by itself.
    let took = row.delivered_at.unwrap() - row.created_at;
    assert!(took < chrono::TimeDelta::seconds(10), "{took}");
    assert_eq!((row.last_status, row.attempts), (Some(204), 1));

    let [arrived] = world.arrived("/ok").try_into().ok().unwrap();
    assert_eq!(header(&arrived, "webhook-id"), format!("msg_{}", row.id));
    assert_eq!(
        header(&arrived, "webhook-signature"),
        signature(&secret, &arrived)
    );
    assert_eq!(header(&arrived, "content-type"), "application/json");
    let at: i64 = header(&arrived, "webhook-timestamp").parse().unwrap();
    assert!((chrono::Utc::now().timestamp() - at).abs() < 60);
    let mut body: Value = serde_json::from_slice(&arrived.body).unwrap();
    assert!(body["delivered_at"].take().is_string());
    let told = serde_json::json!({
        "event": "task.completed", "webhook_id": webhook.id, "delivered_at": null,
        "task": {
            "id": task, "purl": "pkg:pypi/sample@1.0", "status": "completed", "verdict": "malicious",
            "score": 97, "error_category": null, "error_message": null,
            "status_url": format!("/api/v1/task/{task}/"),
            "report_url": format!("/api/v1/task/{task}/report/"),
        },
    });
    assert_eq!(body, told);
    world.end().await;
}

#[tokio::test]
async fn while_a_secret_is_rotated_both_sign() {
    let world = World::new(8).await;
    let (webhook, old) = world.to("/ok").await;
    let new = Secret::random().unwrap().expose();
    let rotate = async |overlap: u64| {
        let mut transaction = world.db.begin().await.unwrap();
        let overlap = Duration::from_secs(overlap);
        let row = webhooks::rotate(&mut transaction, webhook.id, None, &new, overlap).await;
        transaction.commit().await.unwrap();
        row.unwrap().unwrap()
    };
    assert!(rotate(3600).await.previous_secret_expires_at.is_some());
    let row = world.test(webhook.id).await;
    world
        .until(webhook.id, row.id, |row| row.state == "delivered")
        .await;
    let both = world.arrived("/ok").pop().unwrap();
    let expected = format!("{} {}", signature(&new, &both), signature(&old, &both));
    assert_eq!(header(&both, "webhook-signature"), expected);
    assert!(rotate(0).await.previous_secret_expires_at.is_none());
    let row = world.test(webhook.id).await;
    world
        .until(webhook.id, row.id, |row| row.state == "delivered")
        .await;
    let one = world.arrived("/ok").pop().unwrap();
    assert_eq!(header(&one, "webhook-signature"), signature(&new, &one));
    let body: Value = serde_json::from_slice(&one.body).unwrap();
    assert_eq!(
        (&body["event"], &body["task"]),
        (&"webhook.test".into(), &Value::Null)
    );
    world.end().await;
}

#[tokio::test]
async fn what_failed_is_tried_again_under_the_same_id() {
    let world = World::new(8).await;
    let (webhook, secret) = world.to("/flaky").await;
    let row = world.test(webhook.id).await;
    let failed = world
        .until(webhook.id, row.id, |row| row.last_status == Some(500))
        .await;
    assert_eq!((failed.state.as_str(), failed.attempts), ("pending", 1));
    assert!(
        failed
            .last_error
            .unwrap()
            .contains("500 Internal Server Error")
    );
    let pause = failed.next_attempt_at.unwrap() - failed.last_attempt_at.unwrap();
    assert!((9..15).contains(&pause.num_seconds()), "{pause}");
    world.hurry().await;
    let row = world
        .until(webhook.id, row.id, |row| row.state == "delivered")
        .await;
    assert_eq!((row.attempts, row.last_error), (2, None));
    let [first, second] = world.arrived("/flaky").try_into().ok().unwrap();
    assert_eq!(header(&first, "webhook-id"), header(&second, "webhook-id"));
    assert_eq!(
        header(&second, "webhook-signature"),
        signature(&secret, &second)
    );
    world.end().await;
}

#[tokio::test]
async fn receivers_that_misbehave_are_logged_and_delay_nobody() {
    let world = World::new(8).await;
    // A port where the connection is taken and dropped.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closing = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let mut hooks = BTreeMap::new();
    for path in ["/slow", "/redirect", "/broken", "/ok", "/endless"] {
        hooks.insert(path, world.to(path).await.0.id);
    }
    hooks.insert("closing", world.webhook(&closing).await.0.id);
    hooks.insert("nowhere", world.webhook("http://hook.invalid/").await.0.id);
    let mut sent = BTreeMap::new();
    // Far more to the slow one than may be under way at once.
    for _ in 0..20 {
        world.test(hooks["/slow"]).await;
    }
    for (name, webhook) in &hooks {
        sent.insert(*name, world.test(*webhook).await.id);
    }
    let settled = |row: &DeliveryRow| row.state == "delivered" || row.last_error.is_some();
    let ok = world.until(hooks["/ok"], sent["/ok"], settled).await;
    assert_eq!(ok.state, "delivered");
    let waited = ok.delivered_at.unwrap() - ok.created_at;
    // Behind the slow one it would be ten seconds.
    assert!(waited < chrono::TimeDelta::seconds(8), "{waited}");
    for (name, error) in [
        ("/redirect", "redirects are not followed"),
        ("closing", "the connection broke"),
        ("nowhere", "could not connect"),
        ("/broken", "503 Service Unavailable"),
    ] {
        let row = world.until(hooks[name], sent[name], settled).await;
        let said = row.last_error.unwrap();
        assert!(said.contains(error), "{name}: {said}");
        assert_eq!(row.state, "pending");
        if name == "/broken" {
            // As long as it asked for.
            let pause = row.next_attempt_at.unwrap() - row.last_attempt_at.unwrap();
            assert!(pause >= chrono::TimeDelta::seconds(3_599), "{pause}");
        }
    }
    assert!(world.arrived("/landed").is_empty());
    // Taken, whatever its answer goes on to say.
    let endless = world
        .until(hooks["/endless"], sent["/endless"], settled)
        .await;
    assert_eq!(
        (endless.state.as_str(), endless.last_status),
        ("delivered", Some(200))
    );
    let slow = world.until(hooks["/slow"], sent["/slow"], settled).await;
    let said = slow.last_error.unwrap();
    assert!(
        said.contains("too long") || said.contains("no answer"),
        "{said}"
    );
    world.end().await;
}

#[tokio::test]
async fn a_webhook_that_always_fails_is_disabled_and_says_so() {
    // One attempt each: a delivery is given up at once.
    let world = World::new(1).await;
    let (webhook, _) = world.to("/broken").await;
    for _ in 0..9 {
        let id = world.test(webhook.id).await.id;
        let row = world
            .until(webhook.id, id, |row| row.state == "failed")
            .await;
        assert_eq!(row.last_status, Some(503));
    }
    let row = webhooks::get(&world.db, webhook.id, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((row.enabled, row.failures_in_a_row), (true, 9));
    let id = world.test(webhook.id).await.id;
    world
        .until(webhook.id, id, |row| row.state == "failed")
        .await;
    let row = webhooks::get(&world.db, webhook.id, None)
        .await
        .unwrap()
        .unwrap();
    assert!(!row.enabled);
    assert_eq!(
        row.disabled_reason.unwrap(),
        "10 deliveries in a row were given up"
    );
    let subject = format!("webhook:{}", webhook.id);
    let log = audit::list(&world.db, Some(&subject), None, 10)
        .await
        .unwrap();
    let [entry] = log.as_slice() else {
        panic!("{log:?}")
    };
    assert_eq!(
        (entry.actor.as_str(), entry.action.as_str()),
        ("system:webhooks", "webhook.disable")
    );

    // Enabled again it tells again, and one success forgets the failures.
    let url = format!("{}/ok", world.at);
    let change = Change {
        url: Some(&url),
        enabled: Some(true),
        ..Change::default()
    };
    let mut transaction = world.db.begin().await.unwrap();
    let row = webhooks::update(&mut transaction, webhook.id, None, &change)
        .await
        .unwrap()
        .unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(
        (row.enabled, row.failures_in_a_row, row.disabled_reason),
        (true, 0, None)
    );
    // What was given up can be sent once more.
    let mut transaction = world.db.begin().await.unwrap();
    deliveries::retry(&mut transaction, webhook.id, id)
        .await
        .unwrap()
        .unwrap();
    transaction.commit().await.unwrap();
    let row = world
        .until(webhook.id, id, |row| row.state == "delivered")
        .await;
    assert_eq!(row.attempts, 2);

    let (gone, _) = world.to("/gone").await;
    let id = world.test(gone.id).await.id;
    world.until(gone.id, id, |row| row.state == "failed").await;
    let row = webhooks::get(&world.db, gone.id, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        row.disabled_reason.unwrap(),
        "its receiver answered 410 Gone"
    );
    world.end().await;
}

#[tokio::test]
async fn what_dies_with_its_deliverer_is_taken_by_another_after_the_lease() {
    let mut world = World::new(8).await;
    let (webhook, _) = world.to("/slow").await;
    let id = world.test(webhook.id).await.id;
    world.until(webhook.id, id, |row| row.attempts == 1).await;
    // As by SIGKILL: nothing is written down.
    let killed = world.deliverer.take().unwrap();
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    let row = world.until(webhook.id, id, |_| true).await;
    let lease = row.next_attempt_at.unwrap() - row.last_attempt_at.unwrap();
    assert_eq!((row.last_error, lease.num_seconds()), (None, 32));
    sqlx::query("UPDATE webhooks SET url = $1")
        .bind(format!("{}/ok", world.at))
        .execute(&world.db)
        .await
        .unwrap();
    world.start();
    world.hurry().await;
    let row = world
        .until(webhook.id, id, |row| row.state == "delivered")
        .await;
    assert_eq!(row.attempts, 2);
    world.end().await;
}

#[tokio::test]
async fn two_deliverers_share_the_work_and_send_nothing_twice() {
    let world = World::new(8).await;
    let sender = packguard_platform::webhooks::sender(&world.config).unwrap();
    let other = tokio::spawn(packguard_platform::webhooks::run(
        world.db.clone(),
        sender,
        Metrics::new("test"),
        world.stop.clone(),
    ));
    let (webhook, _) = world.to("/ok").await;
    let mut last = 0;
    for _ in 0..100 {
        last = world.test(webhook.id).await.id;
    }
    let counting = async {
        loop {
            let log = deliveries::page(&world.db, webhook.id, None, 200)
                .await
                .unwrap();
            if log.iter().filter(|row| row.state == "delivered").count() == 100 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, counting)
        .await
        .expect("all arrive");
    assert!(last > 0);
    assert_eq!(world.arrived("/ok").len(), 100);
    world.stop.cancel();
    tokio::time::timeout(LIMIT, other)
        .await
        .expect("it ends")
        .unwrap();
    world.end().await;
}
