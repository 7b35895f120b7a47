//! Addresses of what the API speaks of. They are relative to the server: it does not know
//! under which names it is reached.

use std::time::Duration;

use super::App;
use crate::model::TaskId;
use crate::queue::Position;

/// How long an answer waits for places in the queue, which are nice to know: Redis takes a
/// millisecond, unless it is away, and then nobody should wait for it.
const PATIENCE: Duration = Duration::from_millis(500);

/// How a task stands.
pub fn task(id: TaskId) -> String {
    format!("/api/v1/task/{id}/")
}

/// A task's report.
pub fn report(id: TaskId) -> String {
    format!("/api/v1/task/{id}/report/")
}

/// A task's place in the queue: 1 when it is next, 0 when it is running, `None` when it is
/// not known.
pub async fn position(app: &App, id: TaskId) -> Option<u64> {
    positions(app, &[id]).await.pop().flatten()
}

/// The places of many tasks, in their order.
pub async fn positions(app: &App, ids: &[TaskId]) -> Vec<Option<u64>> {
    if ids.is_empty() {
        return Vec::new();
    }
    let asked = tokio::time::timeout(PATIENCE, app.queue.positions(ids)).await;
    match asked {
        Ok(Ok(found)) => found.into_iter().map(place).collect(),
        Ok(Err(_)) | Err(_) => vec![None; ids.len()],
    }
}

fn place(position: Position) -> Option<u64> {
    match position {
        Position::Ready(before) => Some(before + 1),
        Position::Leased => Some(0),
        Position::Delayed(_) | Position::Unknown => None,
    }
}
