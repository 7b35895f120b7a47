//! `GET /api/v1/batches/{id}/`.

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::read::Skipped;
use super::{BatchTask, PathBatch, link, skipped, tasks_link};
use crate::api::App;
use crate::api::auth::Caller;
use crate::api::envelope::{Answer, Envelope, ErrorEnvelope, ok};
use crate::api::error::ApiError;
use crate::db::batches::{self, BatchRow, Group, ItemRow};
use crate::model::{BatchId, Scope, TaskStatus};

/// Failures that are shown with a batch: enough to see what they have in common. The list of
/// its tasks has them all.
const FAILURES: i64 = 20;

/// Tasks by where they stand.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct StatusCounts {
    /// Written, not yet in the queue.
    pub pending: i64,
    /// In the queue.
    pub queued: i64,
    /// A worker has them.
    pub running: i64,
    /// There is a report.
    pub completed: i64,
    /// There will be no report.
    pub failed: i64,
    /// Ended by whoever submitted them.
    pub cancelled: i64,
}

/// Completed tasks by what their reports say.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct VerdictCounts {
    /// They do harm.
    pub malicious: i64,
    /// They may do harm.
    pub suspicious: i64,
    /// Nothing was found, but not all could be looked at.
    pub incomplete: i64,
    /// Nothing was found.
    pub clean: i64,
}

/// How a batch stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BatchProgress {
    /// Which.
    pub batch_id: BatchId,
    /// Your own word for it.
    pub name: Option<String>,
    /// `purls`, or the format of the lock file or SBOM.
    pub source: String,
    /// Submitted when.
    pub created_at: DateTime<Utc>,
    /// The last task ended when; null while one is unfinished.
    pub completed_at: Option<DateTime<Utc>>,
    /// Distinct packages.
    pub total: i32,
    /// Of them, those that have ended, one way or another.
    pub finished: i64,
    /// Tasks by where they stand.
    pub counts: StatusCounts,
    /// The gravest verdict so far: `malicious`, `suspicious`, `incomplete` or `clean`; null
    /// while nothing has ended. Tasks that failed or were cancelled and entries that were
    /// skipped make it `incomplete` at least.
    pub verdict: Option<&'static str>,
    /// Whether all have ended, so that the verdict stays.
    #[serde(rename = "final")]
    #[schema(rename = "final")]
    pub is_final: bool,
    /// Completed tasks by what their reports say.
    pub verdicts: VerdictCounts,
    /// The first tasks that failed, 20 at most.
    pub failures: Vec<BatchTask>,
    /// What is not analysed.
    pub skipped: Vec<Skipped>,
    /// This address.
    pub status_url: String,
    /// Where its packages are listed.
    pub tasks_url: String,
}

/// Tells how a batch stands: progress, verdict, failures.
#[utoipa::path(
    get, operation_id = "get_batch", path = "/api/v1/batches/{id}/", tag = "tasks",
    params(("id" = i64, Path, description = "The batch", minimum = 1)),
    responses(
        (status = 200, description = "How it stands", body = Envelope<BatchProgress>),
        (status = 404, description = "There is none, or it is somebody else's", body = ErrorEnvelope),
    )
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathBatch(id): PathBatch,
) -> Result<Answer<BatchProgress>, ApiError> {
    caller.needs(Scope::Read)?;
    let row = super::find(&app, &caller, id).await?;
    let groups = batches::progress(&app.db, row.id).await?;
    let failed = Some(TaskStatus::Failed);
    let failures = if groups
        .iter()
        .any(|group| group.status == TaskStatus::Failed)
    {
        batches::items(&app.db, row.id, failed, 0, FAILURES).await?
    } else {
        Vec::new()
    };
    Ok(ok(summary(row, &groups, failures)))
}

fn summary(row: BatchRow, groups: &[Group], failures: Vec<ItemRow>) -> BatchProgress {
    let (mut counts, mut verdicts) = (StatusCounts::default(), VerdictCounts::default());
    // Completed without a report: it was pruned since.
    let mut unknown = 0;
    for group in groups {
        let place = match group.status {
            TaskStatus::Pending => &mut counts.pending,
            TaskStatus::Queued => &mut counts.queued,
            TaskStatus::Running => &mut counts.running,
            TaskStatus::Completed => &mut counts.completed,
            TaskStatus::Failed => &mut counts.failed,
            TaskStatus::Cancelled => &mut counts.cancelled,
        };
        *place += group.count;
        if group.status == TaskStatus::Completed {
            match group.verdict.as_deref() {
                Some("malicious") => verdicts.malicious += group.count,
                Some("suspicious") => verdicts.suspicious += group.count,
                Some("incomplete") => verdicts.incomplete += group.count,
                Some("clean") => verdicts.clean += group.count,
                _ => unknown += group.count,
            }
        }
    }
    let open = counts.pending + counts.queued + counts.running;
    let known = open + counts.completed + counts.failed + counts.cancelled;
    // Tasks that were pruned had ended.
    let pruned = i64::from(row.total) - known;
    let finished = i64::from(row.total) - open;
    let skipped = skipped(&row);
    let partial = counts.failed + counts.cancelled + unknown + pruned > 0 || !skipped.is_empty();
    let verdict = match &verdicts {
        _ if finished == 0 => None,
        VerdictCounts { malicious: 1.., .. } => Some("malicious"),
        VerdictCounts {
            suspicious: 1.., ..
        } => Some("suspicious"),
        VerdictCounts {
            incomplete: 1.., ..
        } => Some("incomplete"),
        _ if partial => Some("incomplete"),
        _ => Some("clean"),
    };
    let last = groups.iter().filter_map(|group| group.last).max();
    BatchProgress {
        batch_id: row.id,
        name: row.name,
        source: row.source,
        created_at: row.created_at,
        completed_at: last.filter(|_| open == 0),
        total: row.total,
        finished,
        counts,
        verdict,
        is_final: open == 0,
        verdicts,
        failures: failures.into_iter().map(BatchTask::from).collect(),
        skipped,
        status_url: link(row.id),
        tasks_url: tasks_link(row.id),
    }
}

#[cfg(test)]
mod tests {
    use super::{BatchRow, Group, TaskStatus, summary};
    use crate::model::{BatchId, KeyId};
    use serde_json::json;

    fn row(total: i32, skipped: serde_json::Value) -> BatchRow {
        BatchRow {
            id: BatchId(1),
            key: KeyId(1),
            name: None,
            source: "purls".into(),
            skipped,
            total,
            created: 0,
            cached: 0,
            active: 0,
            created_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn verdict(total: i32, groups: &[(TaskStatus, &str, i64)]) -> (Option<&'static str>, bool) {
        let groups: Vec<Group> = groups
            .iter()
            .map(|&(status, verdict, count)| Group {
                status,
                verdict: (!verdict.is_empty()).then(|| verdict.into()),
                count,
                last: None,
            })
            .collect();
        let summary = summary(row(total, json!([])), &groups, Vec::new());
        (summary.verdict, summary.is_final)
    }

    #[test]
    fn the_gravest_verdict_counts() {
        use TaskStatus::{Cancelled, Completed, Failed, Queued, Running};
        let clean = (Completed, "clean", 1);
        assert_eq!(
            verdict(2, &[(Queued, "", 1), (Running, "", 1)]),
            (None, false)
        );
        assert_eq!(verdict(1, &[clean]), (Some("clean"), true));
        assert_eq!(
            verdict(2, &[clean, (Running, "", 1)]),
            (Some("clean"), false)
        );
        assert_eq!(
            verdict(2, &[clean, (Failed, "", 1)]),
            (Some("incomplete"), true)
        );
        assert_eq!(
            verdict(2, &[clean, (Cancelled, "", 1)]),
            (Some("incomplete"), true)
        );
        assert_eq!(
            verdict(2, &[clean, (Completed, "", 1)]),
            (Some("incomplete"), true)
        );
        assert_eq!(
            verdict(2, &[clean]),
            (Some("incomplete"), true),
            "one was pruned"
        );
        let suspicious = (Completed, "suspicious", 1);
        assert_eq!(
            verdict(2, &[suspicious, (Failed, "", 1)]),
            (Some("suspicious"), true)
        );
        let malicious = (Completed, "malicious", 1);
        assert_eq!(
            verdict(3, &[clean, suspicious, malicious]),
            (Some("malicious"), true)
        );
    }

    #[test]
    fn what_was_skipped_is_not_clean() {
        let group = Group {
            status: TaskStatus::Completed,
            verdict: Some("clean".into()),
            count: 1,
            last: None,
        };
        let skipped = json!([{"input": "x", "line": null, "reason": "y"}]);
        let summary = summary(row(1, skipped), &[group], Vec::new());
        assert_eq!(summary.verdict, Some("incomplete"));
    }
}
