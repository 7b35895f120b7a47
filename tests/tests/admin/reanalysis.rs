//! Re-analyses: what is queued, how often, and who goes first.

use std::collections::BTreeMap;
use std::time::Duration;

use packguard_platform::model::{Scope, TaskId};
use packguard_platform::reconcile::{Reanalyses, Reconciler};
use packguard_platform::telemetry::Metrics;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{World, key};

/// Tasks of re-analyses at once.
const OPEN: u32 = 7;

/// The component that is to see packages.
const DIGEST: &str = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

fn reconciler(world: &World) -> Reconciler {
    Reconciler {
        db: world.db.clone(),
        queue: world.queue.clone(),
        storage: world.storage.clone(),
        metrics: Metrics::new("test"),
        lease: Duration::from_secs(60),
        reanalyses: Reanalyses {
            open: OPEN,
            timeout: Duration::from_secs(60),
            max_attempts: 3,
        },
    }
}

/// A function whose `stable` is the version of [`DIGEST`], for PyPI alone. It was moved an hour ago,
/// so that nobody waits for workers to switch.
async fn function(world: &World) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "INSERT INTO publishers (name) VALUES ('acme');
         INSERT INTO functions (name, publisher_id) SELECT 'exfil-check', id FROM publishers;
         INSERT INTO function_versions (function_id, version, sha256, size_bytes, contract, descriptor, capabilities,
             publisher_id, measures)
         SELECT id, '2.0.0', decode('{DIGEST}', 'hex'), 1, 'packguard:analyzer@1.0.0',
             '{{\"ecosystems\": [\"pypi\"]}}', '{{}}', publisher_id, '{{}}' FROM functions;
         INSERT INTO function_aliases (function_id, alias, version_id, moved_at)
         SELECT function_id, 'stable', id, now() - interval '1 hour' FROM function_versions"
    )))
    .execute(&world.db)
    .await
    .unwrap();
}

/// `stable` was moved so many seconds ago.
async fn moved(world: &World, seconds: i32) {
    sqlx::query("UPDATE function_aliases SET moved_at = now() - make_interval(secs => $1)")
        .bind(seconds)
        .execute(&world.db)
        .await
        .unwrap();
}

/// Workers run the component from now on.
async fn run_it(world: &World) {
    sqlx::query(
        "INSERT INTO analysis_sets (digest, components) VALUES (sha256('new'), $1)
         ON CONFLICT (digest) DO UPDATE SET registered_at = now()",
    )
    .bind(
        json!({ "components": [{ "name": "exfil-check", "digest": DIGEST, "version": "2.0.0" }] }),
    )
    .execute(&world.db)
    .await
    .unwrap();
}

/// Tasks of the system's key by purl: how many there are.
async fn queued(world: &World) -> BTreeMap<String, i64> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT purl, count(*) FROM tasks JOIN api_keys ON api_keys.id = key_id
         WHERE system IS NOT NULL GROUP BY purl",
    )
    .fetch_all(&world.db)
    .await
    .unwrap();
    rows.into_iter().collect()
}

/// How many of them are not over; those that are in the queue end.
async fn finish(world: &World) -> usize {
    let ended: Vec<i64> = sqlx::query_scalar(
        "UPDATE tasks SET status = 'failed', completed_at = now()
         WHERE status IN ('pending', 'queued', 'running') RETURNING id",
    )
    .fetch_all(&world.db)
    .await
    .unwrap();
    let ids: Vec<TaskId> = ended.into_iter().map(TaskId).collect();
    world.queue.remove(&ids).await.unwrap();
    ids.len()
}

async fn state(world: &World) -> Value {
    let (done, out, _) = world.cli("reanalyze --status --json").await;
    done.unwrap();
    let all: Value = serde_json::from_str(&out).unwrap();
    all["reanalyses"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcilers_that_are_killed_and_doubled_queue_each_package_once() {
    let world = World::new().await;
    function(&world).await;
    let owner = world.admin;
    for number in 0..40 {
        let purl = format!("pkg:pypi/sample-{number}@1");
        world
            .report(None, &purl, &format!("report {number}"), 1, None)
            .await;
        if number % 3 == 0 {
            // A newer one of the same package.
            world
                .report(None, &purl, &format!("newer {number}"), 0, None)
                .await;
        }
    }
    // Private, and of an ecosystem that it does not look at.
    world
        .report(Some(owner), "pkg:pypi/private@1", "private", 0, None)
        .await;
    world.report(None, "pkg:npm/other@1", "npm", 0, None).await;
    sqlx::query("UPDATE reports SET ecosystem = 'npm' WHERE purl LIKE 'pkg:npm/%'")
        .execute(&world.db)
        .await
        .unwrap();
    run_it(&world).await;
    // Seen by the component already: the newest report counts, not the one before.
    world
        .report(None, "pkg:pypi/seen@1", "before", 1, None)
        .await;
    world.report(None, "pkg:pypi/seen@1", "seen", 0, None).await;
    sqlx::query(
        "UPDATE reports SET analysis_set = sha256('new')
         WHERE id = (SELECT max(id) FROM reports WHERE purl = 'pkg:pypi/seen@1')",
    )
    .execute(&world.db)
    .await
    .unwrap();

    let (done, out, _) = world.cli("reanalyze --function exfil-check").await;
    done.unwrap();
    assert!(
        out.contains("re-analysis 1 of exfil-check 2.0.0 has begun"),
        "{out}"
    );

    let one = reconciler(&world);
    let mut rng = fastrand::Rng::with_seed(7);
    let mut rounds = 0;
    while state(&world).await["state"] == "open" {
        rounds += 1;
        assert!(rounds < 500, "it comes to no end: {}", state(&world).await);
        // Killed wherever it is after some hundred microseconds, beside one that is not.
        let (doomed, other) = (one.clone(), one.clone());
        let killed = tokio::spawn(async move { doomed.reanalyse().await.map(drop) });
        let kept = tokio::spawn(async move { other.reanalyse().await.map(drop) });
        tokio::time::sleep(Duration::from_micros(rng.u64(0..8_000))).await;
        killed.abort();
        let _ = killed.await;
        kept.await.unwrap().unwrap();
        assert!(finish(&world).await <= usize::try_from(OPEN).unwrap());
    }
    let expected: BTreeMap<String, i64> = (0..40)
        .map(|number| (format!("pkg:pypi/sample-{number}@1"), 1))
        .collect();
    assert_eq!(queued(&world).await, expected);
    let end = state(&world).await;
    assert_eq!(
        (&end["queued"], &end["state"]),
        (&json!(40), &json!("done"))
    );

    // What was queued and never reached Redis is found by the round that mends.
    assert_eq!(
        world.actions("function:exfil-check").await,
        [format!(
            "{} function.reanalyze",
            end["actor"].as_str().unwrap()
        )]
    );
}

#[tokio::test]
async fn clients_go_first_and_see_nothing_of_it() {
    let world = World::new().await;
    function(&world).await;
    for number in 0..20 {
        let purl = format!("pkg:pypi/sample-{number}@1");
        world
            .report(None, &purl, &format!("report {number}"), 0, None)
            .await;
    }
    run_it(&world).await;
    world
        .cli("reanalyze --function exfil-check")
        .await
        .0
        .unwrap();
    let reconciler = reconciler(&world);
    assert_eq!(reconciler.reanalyse().await.unwrap(), u64::from(OPEN));
    // No room: no more.
    assert_eq!(reconciler.reanalyse().await.unwrap(), 0);

    let (_, secret) = key(&world.db, &[Scope::Analyze, Scope::Read]).await;
    let lease = Duration::from_secs(60);
    let before = world.queue.claim("w", 2, lease).await.unwrap().leases;
    assert_eq!(before.len(), 2);
    let mut clients = Vec::new();
    for number in 0..3 {
        // Analysed before, but not by what workers run now.
        let body = json!({ "purl": format!("pkg:pypi/sample-{number}@1") });
        let (status, answer) = world
            .ask(&secret, Method::POST, "/analyze/", Some(body))
            .await;
        assert_eq!(status, 202, "{answer}");
        clients.push(TaskId(answer["data"]["task_id"].as_i64().unwrap()));
    }
    let next = world.queue.claim("w", 4, lease).await.unwrap().leases;
    let next: Vec<TaskId> = next.into_iter().map(|lease| lease.task).collect();
    assert_eq!(next[..3], clients[..]);
    assert!(!clients.contains(&next[3]));
    assert!(world.queue.inconsistencies().await.unwrap().is_empty());

    let (_, list) = world.ask(&secret, Method::GET, "/reports/", None).await;
    assert_eq!(
        list["data"]["items"].as_array().map(Vec::len),
        Some(3),
        "{list}"
    );
    // Lost with Redis: put back with the priority that they had.
    sqlx::query("UPDATE tasks SET created_at = now() - interval '1 minute'")
        .execute(&world.db)
        .await
        .unwrap();
    let all: Vec<i64> = sqlx::query_scalar("SELECT id FROM tasks")
        .fetch_all(&world.db)
        .await
        .unwrap();
    let all: Vec<TaskId> = all.into_iter().map(TaskId).collect();
    world.queue.remove(&all).await.unwrap();
    reconciler.round().await.unwrap();
    let depths = world.queue.depths().await.unwrap();
    assert_eq!(depths.by_priority, [(-1, 7), (0, 3)].into());
}

#[tokio::test]
async fn the_command_goes_on_with_what_is_open_and_says_what_is_wrong() {
    let world = World::new().await;
    for (line, says) in [
        (
            "reanalyze --function nothing",
            "no worker runs an analyzer called `nothing`",
        ),
        (
            "reanalyze --stop --function nothing",
            "no re-analysis of `nothing` is open",
        ),
    ] {
        let error = world.cli(line).await.0.unwrap_err();
        assert!(error.message.contains(says), "{error}");
    }
    function(&world).await;
    world.report(None, "pkg:pypi/a@1", "a", 0, None).await;
    world.report(None, "pkg:pypi/b@1", "b", 40, None).await;
    let error = world
        .cli("reanalyze --function exfil-check --ecosystem npm")
        .await
        .0;
    assert!(
        error
            .unwrap_err()
            .message
            .contains("does not look at npm packages")
    );
    let (done, out, _) = world
        .cli("reanalyze --function exfil-check --ecosystem pypi --newer-than 30d --limit 1 --json")
        .await;
    done.unwrap();
    let begun: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&begun["most"], &begun["state"]),
        (&json!(1), &json!("open"))
    );

    // Workers do not run it yet: packages would be seen as they were.
    let reconciler = reconciler(&world);
    assert_eq!(reconciler.reanalyse().await.unwrap(), 0);
    let (_, _, notes) = world.cli("reanalyze --function exfil-check").await;
    assert!(
        notes.contains("re-analysis 1 of exfil-check 2.0.0 is open and goes on"),
        "{notes}"
    );
    assert_eq!(world.count("reanalyses").await, 1);
    run_it(&world).await;
    // One of them runs it; after two minutes, all do.
    moved(&world, 0).await;
    assert_eq!(reconciler.reanalyse().await.unwrap(), 0);
    moved(&world, 121).await;
    assert_eq!(reconciler.reanalyse().await.unwrap(), 1);
    assert_eq!(state(&world).await["state"], "done");

    let (_, out, _) = world
        .cli("reanalyze --function exfil-check --limit 5")
        .await;
    assert!(out.contains("re-analysis 2"), "{out}");
    let (done, out, _) = world.cli("reanalyze --function exfil-check --stop").await;
    done.unwrap();
    assert_eq!(
        out,
        "re-analysis 2 of exfil-check is stopped; it queued 0 packages\n"
    );
    finish(&world).await;
    assert_eq!(reconciler.reanalyse().await.unwrap(), 0);
    let (_, out, _) = world.cli("reanalyze --status").await;
    assert!(out.contains("stopped") && out.contains("done"), "{out}");

    // Another version takes over from one that is open.
    world
        .cli("reanalyze --function exfil-check")
        .await
        .0
        .unwrap();
    sqlx::raw_sql(
        "INSERT INTO function_versions (function_id, version, sha256, size_bytes, contract, descriptor, capabilities,
             publisher_id, measures)
         SELECT id, '2.1.0', sha256('2.1.0'), 1, 'packguard:analyzer@1.0.0', '{}', '{}', publisher_id, '{}'
         FROM functions;
         UPDATE function_aliases SET version_id = (SELECT max(id) FROM function_versions)",
    )
    .execute(&world.db)
    .await
    .unwrap();
    let (_, out, _) = world.cli("reanalyze --function exfil-check").await;
    assert!(out.contains("re-analysis 4 of exfil-check 2.1.0"), "{out}");
    let states: Vec<String> = sqlx::query_scalar("SELECT state FROM reanalyses ORDER BY id")
        .fetch_all(&world.db)
        .await
        .unwrap();
    assert_eq!(states, ["done", "stopped", "superseded", "open"]);
}
