//! What a delivery says.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::db::deliveries::Due;
use crate::model::{ErrorCategory, TaskId};

/// The body of a delivery.
#[derive(Serialize)]
struct Message<'a> {
    event: &'a str,
    webhook_id: i64,
    delivered_at: String,
    /// Null in a test.
    task: Option<Task<'a>>,
}

#[derive(Serialize)]
struct Task<'a> {
    id: TaskId,
    purl: &'a str,
    status: &'a str,
    verdict: Option<&'a str>,
    score: Option<i32>,
    error_category: Option<ErrorCategory>,
    error_message: Option<&'a str>,
    status_url: String,
    report_url: Option<String>,
}

/// The body. The status is the event's: the task may have been retried since.
pub(super) fn body(due: &Due, at: DateTime<Utc>) -> Result<Vec<u8>, serde_json::Error> {
    let status = due.event.strip_prefix("task.").unwrap_or(&due.event);
    let (completed, failed) = (status == "completed", status == "failed");
    let task = due.task.map(|id| Task {
        id,
        purl: due.purl.as_deref().unwrap_or_default(),
        status,
        verdict: due.verdict.as_deref().filter(|_| completed),
        score: due.score.filter(|_| completed),
        error_category: due.error_category.filter(|_| failed),
        error_message: due.error_message.as_deref().filter(|_| failed),
        // Relative, as the API's links are: the server does not know its public name.
        status_url: format!("/api/v1/task/{id}/"),
        report_url: completed.then(|| format!("/api/v1/task/{id}/report/")),
    });
    serde_json::to_vec(&Message {
        event: &due.event,
        webhook_id: due.webhook,
        delivered_at: at.to_rfc3339_opts(SecondsFormat::Millis, true),
        task,
    })
}
