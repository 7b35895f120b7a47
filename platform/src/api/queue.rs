//! `GET /api/v1/queue/status/`: how much there is to do.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;

use super::App;
use super::auth::Caller;
use super::envelope::{Answer, Envelope, ErrorEnvelope, ok};
use super::error::ApiError;
use crate::model::Scope;

/// How much there is to do for everybody. Numbers alone: whose tasks they are is nobody
/// else's business.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct QueueStatus {
    /// Tasks in the queue that no worker has.
    pub queue_length: u64,
    /// Tasks that workers have.
    pub running_tasks: u64,
    /// Of those in the queue, the ones that a worker could take now; the others wait for their
    /// next attempt.
    pub queued_tasks: u64,
}

/// How much there is to do.
#[utoipa::path(
    get, operation_id = "get_queue_status", path = "/api/v1/queue/status/", tag = "tasks",
    responses(
        (status = 200, description = "The numbers", body = Envelope<QueueStatus>),
        (status = 503, description = "The queue can't be reached", body = ErrorEnvelope),
    )
)]
pub async fn status(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Answer<QueueStatus>, ApiError> {
    caller.needs(Scope::Read)?;
    let depths = app.queue.depths().await?;
    Ok(ok(QueueStatus {
        queue_length: depths.ready + depths.delayed,
        running_tasks: depths.leased,
        queued_tasks: depths.ready,
    }))
}
