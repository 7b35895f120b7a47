//! A task over the API: submitted, followed, reported, cancelled.

use std::time::Duration;

use packguard_platform::db::audit;
use packguard_platform::db::claims::{self, End, TaskError};
use packguard_platform::model::{ErrorCategory, TaskId};
use packguard_platform::queue::wakeups::{self, Topic};
use packguard_tests::harness::lab::LIMIT;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::lab::{Lab, bad, good, header};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_from_submission_to_report() {
    let lab = Lab::start().await;
    let answer = lab
        .analyze(r#"{"purl":"pkg:npm/a@1.0.0","priority":5}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "x-ratelimit-limit"), LIMIT.to_string());
    assert_eq!(
        header(&answer, "x-ratelimit-remaining"),
        (LIMIT - 1).to_string()
    );
    let data = good(answer, StatusCode::ACCEPTED).await;
    let task = TaskId(data["task_id"].as_i64().unwrap());
    assert_eq!(
        (&data["status"], &data["queue_position"]),
        (&json!("queued"), &json!(1))
    );
    let again = lab
        .analyze(r#"{"purl":"pkg:npm/a@1.0.0"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(good(again, StatusCode::OK).await["task_id"], task.0);

    let path = format!("/api/v1/task/{task}");
    let view = good(lab.get(&path).send().await.unwrap(), StatusCode::OK).await;
    for field in [
        "task_id",
        "purl",
        "status",
        "created_at",
        "queued_at",
        "started_at",
        "completed_at",
        "package_name",
        "package_version",
        "ecosystem",
        "priority",
        "queue_position",
        "timeout_minutes",
        "remaining_time_minutes",
        "is_timed_out",
        "last_heartbeat",
        "error_message",
        "error_category",
        "error_details",
        "result_url",
        "download_url",
        "report_metadata",
        "attempts",
        "verdict",
        "score",
        "cancel_requested_at",
    ] {
        assert!(view.get(field).is_some(), "{field} is missing in {view}");
    }
    assert_eq!(view["timeout_minutes"], 30);
    let report = format!("{path}/report/");
    bad(
        lab.get(&report).send().await.unwrap(),
        404,
        "report_not_ready",
    )
    .await;
    let status = good(
        lab.get("/api/v1/queue/status/").send().await.unwrap(),
        StatusCode::OK,
    )
    .await;
    assert_eq!(
        status,
        json!({"queue_length": 1, "running_tasks": 0, "queued_tasks": 1})
    );

    let held = lab.claim(task).await;
    let place = good(
        lab.get(&format!("{path}/queue/")).send().await.unwrap(),
        StatusCode::OK,
    )
    .await;
    assert_eq!(place["position"], 0);
    lab.complete(held, "pkg:npm/a@1.0.0", br#"{"schema_version":"1.0"}"#)
        .await;
    let view = good(lab.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(view["report_metadata"]["filename"], "npm-a-1.0.0.json");
    assert_eq!(view["report_metadata"]["size_bytes"], 24);

    let answer = lab.get(&report).send().await.unwrap();
    let tag = header(&answer, "etag");
    assert_eq!(
        header(&answer, "content-disposition"),
        "attachment; filename=\"npm-a-1.0.0.json\""
    );
    assert_eq!(
        answer.bytes().await.unwrap().as_ref(),
        br#"{"schema_version":"1.0"}"#
    );
    let same = lab
        .get(&report)
        .header("if-none-match", &tag)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (same.status(), header(&same, "etag")),
        (StatusCode::NOT_MODIFIED, tag)
    );
    let head = lab
        .request(Method::HEAD, &report)
        .bearer_auth(&lab.key)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (head.status(), header(&head, "content-length")),
        (StatusCode::OK, "24".into())
    );
    let html = lab
        .get(&report)
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    bad(html, 406, "not_acceptable").await;
    bad(
        lab.get(&format!("{report}?format=pdf"))
            .send()
            .await
            .unwrap(),
        422,
        "invalid_request",
    )
    .await;

    let cached = lab
        .analyze(r#"{"purl":"pkg:npm/a@1.0.0"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(good(cached, StatusCode::OK).await["cached"], true);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_as_they_happen_and_go_on_where_they_broke() {
    let lab = Lab::start().await;
    let task = lab.submit("pkg:npm/b@1").await;
    let path = format!("/api/v1/task/{task}/events/");
    let streaming = lab.get(&path).send().await.unwrap();
    assert_eq!(header(&streaming, "content-type"), "text/event-stream");
    let held = lab.claim(task).await;
    let error = TaskError {
        category: ErrorCategory::FetchError,
        message: "no".into(),
        details: json!({}),
    };
    assert!(
        claims::end(&lab.app.db, held, End::Failed, Some(&error))
            .await
            .unwrap()
    );
    wakeups::publish(&lab.app.queue, Topic::Events, task)
        .await
        .unwrap();
    let text = tokio::time::timeout(Duration::from_secs(15), streaming.text())
        .await
        .unwrap()
        .unwrap();
    let ids: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect();
    assert_eq!(ids, ["1", "2", "3", "4"], "{text}");
    assert!(
        text.contains("retry: 3000") && text.contains("event: failed"),
        "{text}"
    );

    let rest = lab
        .get(&path)
        .header("last-event-id", "3")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(rest.contains("id: 4") && !rest.contains("id: 3"), "{rest}");
    let over = lab
        .get(&format!("{path}?last_event_id=4"))
        .send()
        .await
        .unwrap();
    assert_eq!(over.status(), StatusCode::NO_CONTENT);
    for id in ["-1", "x", "99", "99999999999", ""] {
        bad(
            lab.get(&path)
                .header("last-event-id", id)
                .send()
                .await
                .unwrap(),
            422,
            "invalid_request",
        )
        .await;
    }
    let other = lab.request(Method::GET, &path).bearer_auth(&lab.other);
    bad(other.send().await.unwrap(), 404, "not_found").await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_in_every_state() {
    let lab = Lab::start().await;
    let cancel = async |task: TaskId, key: &str| {
        let path = format!("/api/v1/task/{task}/");
        lab.request(Method::DELETE, &path)
            .bearer_auth(key)
            .send()
            .await
            .unwrap()
    };
    let (waiting, running) = (
        lab.submit("pkg:npm/c@1").await,
        lab.submit("pkg:npm/d@1").await,
    );
    bad(cancel(waiting, &lab.other).await, 404, "not_found").await;
    assert_eq!(
        good(cancel(waiting, &lab.key).await, StatusCode::OK).await["status"],
        "cancelled"
    );
    bad(cancel(waiting, &lab.key).await, 409, "task_over").await;
    lab.claim(running).await;
    for _ in 0..2 {
        good(cancel(running, &lab.key).await, StatusCode::ACCEPTED).await;
    }
    bad(cancel(TaskId(999_999), &lab.key).await, 404, "not_found").await;
    // Each cancellation once, whoever asks twice or in vain.
    let mut audited = Vec::new();
    for task in [waiting, running] {
        let subject = format!("task:{task}");
        audited.extend(
            audit::list(&lab.app.db, Some(&subject), None, 10)
                .await
                .unwrap(),
        );
    }
    let actions: Vec<_> = audited.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["task.cancel", "task.cancel"]);
    assert!(audited.iter().all(|row| row.actor.starts_with("key:")));
    lab.end().await;
}
