//! What has to hold at the end, whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use packguard_platform::model::TaskId;
use packguard_platform::queue::{Cursor, Depths, Queue, QueueConfig, QueueError};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use super::platform::{Accepted, Platform};

/// Longer than a lease and a round of mending.
const SOON: Duration = Duration::from_secs(30);

/// Between two looks.
const KNOCK: Duration = Duration::from_millis(100);

/// Checks everything.
pub async fn all(platform: &Platform, accepted: &[Accepted]) {
    tasks(platform, accepted).await;
    reports(platform, accepted).await;
    queue(platform).await;
    seen_by_a_client(platform, accepted).await;
}

/// Every accepted task, and no other, is complete, was completed once, and kept to its cap.
async fn tasks(platform: &Platform, accepted: &[Accepted]) {
    let pool = platform.pool().await;
    let rows = sqlx::query(
        "SELECT id, status::text AS status, report_id IS NOT NULL AS has_report, attempts, handed_back,
            max_attempts, error_message,
            (SELECT count(*) FROM task_events WHERE task_id = tasks.id AND kind = 'completed') AS completions
         FROM tasks ORDER BY id",
    )
    .fetch_all(&pool)
    .await
    .expect("tasks");
    let ids: BTreeSet<i64> = accepted.iter().map(|task| task.id).collect();
    assert_eq!(ids.len(), accepted.len(), "two submissions have one task");
    let found: BTreeSet<i64> = rows.iter().map(|row| row.get("id")).collect();
    assert_eq!(
        found, ids,
        "tasks that were accepted, and tasks that there are"
    );
    let again = rows.iter().filter(|row| row.get::<i32, _>("attempts") > 1);
    eprintln!(
        "  {} tasks, {} of them tried more than once",
        rows.len(),
        again.count()
    );
    for row in &rows {
        let id: i64 = row.get("id");
        let status: String = row.get("status");
        let error: Option<String> = row.get("error_message");
        assert_eq!(status, "completed", "task {id}: {error:?}");
        assert!(row.get::<bool, _>("has_report"), "task {id} has no report");
        assert_eq!(
            row.get::<i64, _>("completions"),
            1,
            "task {id} completed once"
        );
        let attempts: i32 = row.get("attempts");
        let counted = attempts - row.get::<i32, _>("handed_back");
        assert!(
            attempts >= 1 && counted <= row.get::<i32, _>("max_attempts"),
            "task {id}"
        );
    }
}

/// What was cancelled at once never completes; what was asked to end is cancelled, or was
/// faster; everything else completes. Redis is empty in any case.
pub async fn cancelled(platform: &Platform, accepted: &[Accepted], answers: &BTreeMap<i64, u16>) {
    let pool = platform.pool().await;
    let rows = sqlx::query(
        "SELECT id, status::text AS status, (report_id IS NOT NULL) AS has_report FROM tasks",
    )
    .fetch_all(&pool)
    .await
    .expect("tasks");
    assert_eq!(rows.len(), accepted.len(), "as many tasks as submissions");
    for row in &rows {
        let (id, status): (i64, String) = (row.get("id"), row.get("status"));
        let answer = answers.get(&id).copied();
        let fits = match (answer, status.as_str()) {
            (Some(200), status) => status == "cancelled",
            (Some(202), status) => status == "cancelled" || status == "completed",
            (Some(409) | None, status) => status == "completed",
            _ => false,
        };
        assert!(
            fits,
            "task {id} is {status}; its cancellation was answered with {answer:?}"
        );
        assert_eq!(
            row.get::<bool, _>("has_report"),
            status == "completed",
            "task {id}"
        );
    }
    let seen: BTreeSet<u16> = answers.values().copied().collect();
    assert!(
        seen.contains(&200),
        "nothing was cancelled while it waited: {seen:?}"
    );
    queue(platform).await;
}

/// Every task's report is in storage, whole, and speaks of its package; none is there twice.
async fn reports(platform: &Platform, accepted: &[Accepted]) {
    let pool = platform.pool().await;
    let rows = sqlx::query("SELECT tasks.purl, encode(sha256, 'hex') AS digest FROM tasks JOIN reports ON reports.id = report_id")
        .fetch_all(&pool)
        .await
        .expect("reports");
    let visible: BTreeMap<String, String> = rows
        .iter()
        .map(|row| (row.get("purl"), row.get("digest")))
        .collect();
    assert_eq!(
        visible.len(),
        accepted.len(),
        "one visible report for each package"
    );
    let objects = platform.objects().await;
    let by_digest: BTreeMap<String, &bytes::Bytes> = objects
        .iter()
        .map(|(key, bytes)| {
            let digest = hex::encode(Sha256::digest(bytes));
            assert!(
                key.ends_with(&format!("/{digest}.json")),
                "{key} is damaged"
            );
            (digest, bytes)
        })
        .collect();
    for task in accepted {
        let bytes = by_digest.get(&visible[&task.purl]);
        let bytes = bytes.unwrap_or_else(|| panic!("the report of {} is not stored", task.purl));
        let report: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
        assert_eq!(report["package"]["purl"], task.purl.as_str());
    }
}

/// Nothing is left in Redis, and its parts agree. What was finished a moment ago may still be
/// on its way out: it has as long as a lease and a round of mending.
async fn queue(platform: &Platform) {
    let mut config = QueueConfig::new(platform.redis_url());
    config.name = platform.queue_name().to_owned();
    let queue = Queue::connect(&config).await.expect("Redis answers");
    let started = Instant::now();
    loop {
        let found = left(&queue).await;
        if matches!(&found, Ok((depths, tasks))
            if depths.ready + depths.delayed + depths.leased == 0 && tasks.is_empty())
        {
            break;
        }
        assert!(started.elapsed() < SOON, "left in Redis: {found:?}");
        tokio::time::sleep(KNOCK).await;
    }
    let wrong = queue.inconsistencies().await.expect("a check");
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// A failover may still be closing connections.
async fn left(queue: &Queue) -> Result<(Depths, Vec<TaskId>), QueueError> {
    let depths = queue.depths().await?;
    let (tasks, _) = queue.scan(Cursor::default()).await?;
    Ok((depths, tasks))
}

/// What the API says.
async fn seen_by_a_client(platform: &Platform, accepted: &[Accepted]) {
    let client = reqwest::Client::builder().no_proxy().build().expect("TLS");
    let get = async |path: &str| {
        let request = client.get(format!("{}{path}", platform.address()));
        let answer = request
            .bearer_auth(platform.key())
            .send()
            .await
            .expect("an answer");
        let status = answer.status();
        let body: serde_json::Value = answer.json().await.expect("JSON");
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    };
    let all = get("/api/v1/reports/?page_size=1&status=completed").await;
    assert_eq!(all["data"]["total"], accepted.len());
    let started = Instant::now();
    loop {
        let status = get("/api/v1/queue/status/").await;
        if status["data"]["queue_length"] == 0 && status["data"]["running_tasks"] == 0 {
            break;
        }
        assert!(started.elapsed() < SOON, "clients are told {status}");
        tokio::time::sleep(KNOCK).await;
    }
    let first = &accepted[0];
    let report = get(&format!("/api/v1/task/{}/report/", first.id)).await;
    assert_eq!(report["package"]["purl"], first.purl.as_str());
}
