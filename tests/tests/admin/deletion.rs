//! Dead letters, deletion of a key's data, and retention.

use std::time::Duration;

use bytes::Bytes;
use packguard_platform::admin::erase::{self, Places};
use packguard_platform::admin::prune::{self, Ages, Pruned};
use packguard_platform::db::audit::{self};
use packguard_platform::db::uploads;
use packguard_platform::model::{KeyId, Priority, Scope, TaskId};
use packguard_platform::queue::{Entry, Position};
use packguard_platform::storage::{AliasKey, StorageError};
use reqwest::Method;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{DAY, World, actor, key};

#[tokio::test]
async fn dead_letters_are_seen_and_tried_again() {
    let world = World::new().await;
    let (owner, _) = key(&world.db, &[Scope::Analyze]).await;
    let dead = world.task(owner, "pkg:pypi/a@1", "failed", 0).await;
    let done = world.task(owner, "pkg:pypi/b@1", "completed", 0).await;
    let twice = world.task(owner, "pkg:pypi/c@1", "failed", 0).await;
    sqlx::query("UPDATE tasks SET idempotency_key = NULL")
        .execute(&world.db)
        .await
        .unwrap();
    world.task(owner, "pkg:pypi/c@1", "queued", 0).await;
    let (_, list) = world
        .admin(Method::GET, "/admin/tasks/?dead=true", None)
        .await;
    let items = list["data"]["items"].as_array().unwrap();
    assert_eq!(
        items.iter().map(|one| &one["task_id"]).collect::<Vec<_>>(),
        [&json!(twice), &json!(dead)]
    );
    assert_eq!(items[1]["error_message"], json!("the registry is away"));
    let retry = async |id: TaskId| {
        world
            .admin(Method::POST, &format!("/admin/tasks/{id}/retry/"), None)
            .await
    };
    let (status, answer) = retry(dead).await;
    assert_eq!((status, &answer["data"]["status"]), (200, &json!("queued")));
    assert_eq!(
        world.queue.position(dead).await.unwrap(),
        Position::Ready(0)
    );
    assert_eq!(retry(done).await.1["code"], json!("not_failed"));
    assert_eq!(retry(twice).await.1["code"], json!("duplicate_task"));
    let by = format!("key:{} task.retry", world.admin);
    assert_eq!(world.actions(&format!("task:{dead}")).await, [by]);
    // What was refused is not in the log.
    assert_eq!(world.count("audit_log").await, 1);
}

#[tokio::test]
async fn all_that_a_key_submitted_goes_and_nothing_else() {
    let world = World::new().await;
    let (owner, _) = key(&world.db, &[Scope::Analyze]).await;
    let (other, _) = key(&world.db, &[Scope::Analyze]).await;
    let mut waiting = Vec::new();
    for (index, status) in ["queued", "running", "completed", "failed"]
        .iter()
        .enumerate()
    {
        for whose in [owner, other] {
            let task = world
                .task(whose, &format!("pkg:pypi/p{index}@1"), status, 0)
                .await;
            let entry = Entry {
                task,
                key: whose,
                priority: Priority::default(),
            };
            world.queue.enqueue(&[entry]).await.unwrap();
            waiting.push((whose, task));
        }
    }
    let mine = world
        .task(owner, "pkg:pypi/private@1", "completed", 0)
        .await;
    let private = world
        .report(Some(owner), "pkg:pypi/private@1", "private", 0, Some(mine))
        .await;
    let public = world
        .report(None, "pkg:pypi/p2@1", "public", 0, Some(waiting[4].1))
        .await;
    // The same bytes for two owners: the object is the other one's as well.
    let shared = world
        .report(Some(owner), "pkg:pypi/s@1", "shared", 0, None)
        .await;
    world
        .report(Some(other), "pkg:pypi/s@1", "shared", 1, None)
        .await;
    for (index, whose) in [owner, other].into_iter().enumerate() {
        let id = uuid::Uuid::now_v7();
        uploads::begin(&world.db, id, whose, "mine.tar.gz")
            .await
            .unwrap();
        let path = world.lab.folder.join(format!("storage/uploads/{whose}"));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join(id.to_string()), "bytes").unwrap();
        let batch: i64 = sqlx::query_scalar(
            "INSERT INTO batches (key_id, source, skipped) VALUES ($1, 'purls', '[]') RETURNING id",
        )
        .bind(whose.0)
        .fetch_one(&world.db)
        .await
        .unwrap();
        sqlx::query("INSERT INTO batch_tasks (batch_id, position, task_id, created) VALUES ($1, 0, $2, true)")
            .bind(batch)
            .bind(waiting[index].1.0)
            .execute(&world.db)
            .await
            .unwrap();
        sqlx::query("INSERT INTO webhooks (key_id, url, secret, events) VALUES ($1, 'https://example.com/', 'whsec_', '{}')")
            .bind(whose.0).execute(&world.db).await.unwrap();
    }
    let path = format!("/admin/keys/{owner}/data/");
    let (status, answer) = world.admin(Method::DELETE, &path, None).await;
    assert_eq!(status, 200, "{answer}");
    let expected = json!({
        "done": true, "cancelled": 2, "tasks": 5, "events": 5, "webhooks": 1, "batches": 1, "reports": 2,
        "uploads": 1, "objects": 1,
    });
    assert_eq!(answer["data"], expected);
    for (table, left) in [
        ("tasks", 4),
        ("task_events", 4),
        ("batches", 1),
        ("batch_tasks", 1),
        ("webhooks", 1),
        ("uploads", 1),
        ("reports", 2),
        ("doomed_objects", 0),
    ] {
        assert_eq!(world.count(table).await, left, "{table}");
    }
    assert!(!world.has(&private).await && world.has(&public).await && world.has(&shared).await);
    let exists = |key: KeyId| {
        world
            .lab
            .folder
            .join(format!("storage/uploads/{key}"))
            .read_dir()
            .is_ok_and(|mut all| all.next().is_some())
    };
    assert_eq!((exists(owner), exists(other)), (false, true));
    let ids: Vec<TaskId> = waiting
        .iter()
        .filter(|(whose, _)| *whose == owner)
        .map(|(_, task)| *task)
        .take(2)
        .collect();
    assert_eq!(world.queue.unknown(&ids).await.unwrap(), ids);
    let log = audit::list(&world.db, Some(&format!("key:{owner}")), None, 10)
        .await
        .unwrap();
    assert_eq!(
        log.iter()
            .map(|entry| &entry.details["state"])
            .collect::<Vec<_>>(),
        ["done", "begun"]
    );
    assert_eq!(log[0].details["deleted"], expected);
    // Again: there is nothing left. And without time it says that it is not done.
    let places = Places {
        db: &world.db,
        queue: &world.queue,
        storage: &world.storage,
    };
    let none = erase::erase(places, other, &actor(), Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((none.done, none.tasks), (false, 0));
    assert_eq!(
        world.admin(Method::DELETE, &path, None).await.1["data"]["tasks"],
        json!(0)
    );
}

#[tokio::test]
async fn a_prune_deletes_what_is_old_and_its_objects_an_hour_later() {
    let world = World::new().await;
    let owner = world.admin;
    let old = world.task(owner, "pkg:pypi/old@1", "completed", 100).await;
    let young = world.task(owner, "pkg:pypi/young@1", "completed", 80).await;
    world.task(owner, "pkg:pypi/open@1", "running", 200).await;
    let unneeded = world
        .report(None, "pkg:pypi/old@1", "old", 100, Some(old))
        .await;
    let needed = world
        .report(None, "pkg:pypi/young@1", "young", 100, Some(young))
        .await;
    let checked = world
        .report(None, "pkg:pypi/checked@1", "checked", 10, None)
        .await;
    let alias = AliasKey::new("pypi", "old", "1", "");
    world
        .storage
        .put_alias(&alias, Bytes::from_static(b"old"))
        .await
        .unwrap();
    sqlx::query("INSERT INTO batches (key_id, source, skipped, created_at) VALUES ($1, 'purls', '[]', now() - interval '100 days')")
        .bind(owner.0).execute(&world.db).await.unwrap();
    sqlx::query("INSERT INTO batch_tasks (batch_id, position, task_id, created) SELECT id, 0, $1, true FROM batches")
        .bind(old.0)
        .execute(&world.db)
        .await
        .unwrap();
    sqlx::query("INSERT INTO audit_log (at, actor, action, subject) VALUES (now() - interval '500 days', 'a', 'b', 'c'), (now(), 'a', 'b', 'c')")
        .execute(&world.db).await.unwrap();
    let ages = Ages {
        tasks: Some(90 * DAY),
        events: Some(95 * DAY),
        uploads: Some(DAY),
        deliveries: Some(DAY),
        audit: Some(400 * DAY),
        idempotency: Some(DAY),
    };
    let stop = CancellationToken::new();
    let prune = async || {
        prune::prune(&world.db, &world.storage, &ages, &actor(), &stop)
            .await
            .unwrap()
            .unwrap()
    };
    let first = prune().await;
    let expected = Pruned {
        tasks: 1,
        events: 1,
        batches: 1,
        reports: 1,
        audit: 1,
        idempotency_keys: 2,
        objects_waiting: 2,
        ..Pruned::default()
    };
    assert_eq!(first, expected);
    assert!(
        world.has(&unneeded).await,
        "somebody may just be reusing it"
    );
    assert_eq!(
        prune().await,
        Pruned {
            objects_waiting: 2,
            ..Pruned::default()
        }
    );
    let later = "UPDATE doomed_objects SET not_before = now()";
    sqlx::query(later).execute(&world.db).await.unwrap();
    assert_eq!(
        prune().await,
        Pruned {
            objects: 2,
            ..Pruned::default()
        }
    );
    assert!(!world.has(&unneeded).await && world.has(&needed).await && world.has(&checked).await);
    assert!(matches!(
        world.storage.get_alias(&alias).await,
        Err(StorageError::NotFound { .. })
    ));
    assert_eq!(
        (world.count("tasks").await, world.count("reports").await),
        (2, 2)
    );
    assert_eq!(world.actions("everything").await, ["cli:tests prune"; 2]);

    // Doomed, and then wanted again: it stays.
    sqlx::query("INSERT INTO doomed_objects (kind, subject) SELECT 'report', encode(sha256, 'hex') FROM reports UNION SELECT 'alias', purl FROM reports")
        .execute(&world.db).await.unwrap();
    assert_eq!(prune().await, Pruned::default());
    assert!(world.has(&needed).await && world.has(&checked).await);
    // One at a time.
    let _lock = packguard_platform::db::try_lock(&world.db, "packguard prune")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        prune::prune(&world.db, &world.storage, &ages, &actor(), &stop)
            .await
            .unwrap(),
        None
    );
}
