//! How a batch stands, who may know, and how it is cancelled.

use reqwest::Method;
use serde_json::{Value, json};

use crate::lab::{Lab, send};

async fn submit(lab: &Lab, purls: &[&str]) -> i64 {
    let answer = lab.batch(&json!({"purls": purls})).await;
    answer.data()["batch_id"].as_i64().expect("an id")
}

/// Ends a task as a worker would, with a report of this verdict, or failed.
pub async fn end(lab: &Lab, purl: &str, verdict: Option<&str>) {
    let report = match verdict {
        Some(verdict) => Some(report(lab, purl, verdict, None).await),
        None => None,
    };
    let done = sqlx::query(
        "UPDATE tasks SET status = (CASE WHEN $2::bigint IS NULL THEN 'failed' ELSE 'completed' END)::task_status,
            completed_at = now(), report_id = $2, error_message = CASE WHEN $2 IS NULL THEN 'gone' END,
            error_category = CASE WHEN $2 IS NULL THEN 'package_not_found'::error_category END
         WHERE purl = $1 AND completed_at IS NULL",
    )
    .bind(purl)
    .bind(report)
    .execute(&lab.app.db)
    .await
    .expect("an update");
    assert_eq!(done.rows_affected(), 1, "{purl}");
}

/// Writes a report about a package.
pub async fn report(lab: &Lab, purl: &str, verdict: &str, owner: Option<i64>) -> i64 {
    let parsed: packguard_platform::purl::Purl = purl.parse().expect("a purl");
    let stored = lab
        .app
        .storage
        .put_report(format!("{{\"purl\": \"{purl}\"}}").into())
        .await;
    let stored = stored.expect("stored");
    let set = [7_u8; 32];
    sqlx::query("INSERT INTO analysis_sets VALUES ($1, '{}') ON CONFLICT DO NOTHING")
        .bind(set.to_vec())
        .execute(&lab.app.db)
        .await
        .expect("a set");
    sqlx::query_scalar(
        "INSERT INTO reports (owner, purl, ecosystem, full_name, version, verdict, score, findings,
            sha256, size_bytes, reuse_key, analysis_set)
         VALUES ($1, $2, $3, $4, $5, $6, 40, 2, $7, $8, sha256(random()::text::bytea), $9) RETURNING id",
    )
    .bind(owner)
    .bind(purl)
    .bind(parsed.ecosystem().as_str())
    .bind(parsed.full_name())
    .bind(parsed.version())
    .bind(verdict)
    .bind(hex::decode(stored.key.digest()).expect("hex"))
    .bind(i64::try_from(stored.size).expect("small"))
    .bind(set.to_vec())
    .fetch_one(&lab.app.db)
    .await
    .expect("a report")
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_ends_in_a_verdict() {
    let lab = Lab::start().await;
    let purls = ["pkg:npm/a@1", "pkg:npm/b@1", "pkg:npm/c@1", "pkg:npm/d@1"];
    let id = submit(&lab, &purls).await;
    let path = format!("/api/v1/batches/{id}/");
    let look = async || lab.get(&path).await.data().clone();
    let verdict = |seen: &Value| {
        (
            seen["verdict"].clone(),
            seen["final"].clone(),
            seen["finished"].clone(),
        )
    };
    assert_eq!(
        verdict(&look().await),
        (Value::Null, json!(false), json!(0))
    );
    end(&lab, purls[0], Some("clean")).await;
    assert_eq!(
        verdict(&look().await),
        (json!("clean"), json!(false), json!(1))
    );
    end(&lab, purls[1], None).await;
    assert_eq!(
        verdict(&look().await),
        (json!("incomplete"), json!(false), json!(2))
    );
    end(&lab, purls[2], Some("suspicious")).await;
    assert_eq!(
        verdict(&look().await),
        (json!("suspicious"), json!(false), json!(3))
    );
    end(&lab, purls[3], Some("malicious")).await;
    let seen = look().await;
    assert_eq!(verdict(&seen), (json!("malicious"), json!(true), json!(4)));
    assert_eq!(
        seen["counts"],
        json!({"pending": 0, "queued": 0, "running": 0, "completed": 3, "failed": 1, "cancelled": 0})
    );
    assert_eq!(
        seen["verdicts"],
        json!({"malicious": 1, "suspicious": 1, "incomplete": 0, "clean": 1})
    );
    assert_eq!(seen["failures"][0]["purl"], "pkg:npm/b@1");
    assert_eq!(seen["failures"][0]["error_category"], "package_not_found");
    assert_eq!(seen["failures"].as_array().map(Vec::len), Some(1));
    assert!(seen["completed_at"].is_string());
    // A finished report answers at once, in the next batch too.
    let again = lab
        .batch(&json!({"purls": ["pkg:npm/a@1", "pkg:npm/x@1"]}))
        .await;
    assert_eq!(
        (&again.data()["cached"], &again.data()["created"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_its_owners() {
    let lab = Lab::start().await;
    let id = submit(&lab, &["pkg:npm/a@1"]).await;
    for path in ["", "tasks/"] {
        let path = format!("/api/v1/batches/{id}/{path}");
        assert_eq!(lab.get_as(&lab.owner.1, &path).await.status, 200);
        assert_eq!(lab.get_as(&lab.admin.1, &path).await.status, 200);
        let theirs = lab.get_as(&lab.other.1, &path).await;
        assert_eq!(
            (theirs.status, &theirs.body["code"]),
            (404, &json!("not_found"))
        );
    }
    let path = format!("/api/v1/batches/{id}/");
    let theirs = send(lab.request_as(&lab.other.1, Method::DELETE, &path)).await;
    assert_eq!(theirs.status, 404);
    assert_eq!(lab.app.queue.depths().await.expect("Redis").ready, 1);
    for bad in ["0", "-1", "x", "99999999999999999999"] {
        let answer = lab.get(&format!("/api/v1/batches/{bad}/")).await;
        assert_eq!(answer.status, 422, "{bad}: {}", answer.body);
    }
    assert_eq!(lab.get("/api/v1/batches/999999/").await.status, 404);
    let put = send(lab.request(Method::PUT, &path)).await;
    assert_eq!(put.status, 405);
    let allow = put.headers["allow"].to_str().expect("text");
    assert!(allow.contains("GET") && allow.contains("DELETE"), "{allow}");
    let patch = send(lab.request(Method::PATCH, "/api/v1/batches/")).await;
    let allow = patch.headers["allow"].to_str().expect("text").to_owned();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_what_is_only_its_own() {
    let lab = Lab::start().await;
    let single = lab.request(Method::POST, "/api/v1/analyze/");
    send(single.json(&json!({"purl": "pkg:npm/before@1"}))).await;
    let purls = [
        "pkg:npm/before@1",
        "pkg:npm/own@1",
        "pkg:npm/shared@1",
        "pkg:npm/running@1",
        "pkg:npm/over@1",
    ];
    let first = submit(&lab, &purls).await;
    let second = submit(&lab, &["pkg:npm/shared@1", "pkg:npm/later@1"]).await;
    end(&lab, "pkg:npm/over@1", Some("clean")).await;
    sqlx::query(
        "UPDATE tasks SET status = 'running', started_at = now() WHERE purl = 'pkg:npm/running@1'",
    )
    .execute(&lab.app.db)
    .await
    .expect("an update");
    let over = lab.delete(&format!("/api/v1/batches/{first}/")).await;
    assert_eq!(over.status, 202, "{}", over.body);
    assert_eq!(
        *over.data(),
        json!({"batch_id": first, "cancelled": 1, "requested": 1, "kept": 2})
    );
    let stands = async |purl: &str| -> (String, bool) {
        sqlx::query_as(
            "SELECT status::text, cancel_requested_at IS NOT NULL FROM tasks WHERE purl = $1",
        )
        .bind(purl.to_owned())
        .fetch_one(&lab.app.db)
        .await
        .expect("a task")
    };
    assert_eq!(stands("pkg:npm/before@1").await, ("queued".into(), false));
    assert_eq!(stands("pkg:npm/shared@1").await, ("queued".into(), false));
    assert_eq!(stands("pkg:npm/own@1").await, ("cancelled".into(), true));
    assert_eq!(stands("pkg:npm/running@1").await, ("running".into(), true));
    assert_eq!(stands("pkg:npm/over@1").await, ("completed".into(), false));
    let events: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM task_events WHERE kind IN ('cancelled', 'cancel_requested')",
    )
    .fetch_one(&lab.app.db)
    .await
    .expect("a count");
    assert_eq!(events, 2);
    // A second time changes nothing: one is still running.
    let again = lab.delete(&format!("/api/v1/batches/{first}/")).await;
    assert_eq!(
        *again.data(),
        json!({"batch_id": first, "cancelled": 0, "requested": 1, "kept": 2})
    );
    let last = lab.delete(&format!("/api/v1/batches/{second}/")).await;
    assert_eq!(
        (last.status, &last.data()["cancelled"], &last.data()["kept"]),
        (200, &json!(1), &json!(1))
    );
    let seen = lab.get(&format!("/api/v1/batches/{second}/")).await;
    assert_eq!(seen.data()["counts"]["cancelled"], 1);
    assert_eq!(
        seen.data()["verdict"],
        "incomplete",
        "what was cancelled is not clean"
    );
}
