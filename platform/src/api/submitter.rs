//! Writes submissions, many at a time.
//!
//! Each request hands its tasks over a channel. A writer takes whatever waits there, writes
//! it in one transaction, enqueues it in one call, and notes that in one statement. While it
//! is at it, the next requests gather: a lone request waits for nobody, and a thousand at a
//! time cost a few transactions. Every answer is sent after the commit that it speaks of.
//!
//! What was committed and not enqueued (this process died, or Redis is away) stays
//! `pending`, and the reconciler enqueues it.

use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::error::ApiError;
use crate::db;
use crate::db::submit::{self, NewTask, Reuse, Submitted};
use crate::model::{TaskId, TaskStatus};
use crate::queue::{Entry, Queue};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Backend;

/// Most requests that wait: beyond, new ones are told to come again. At 3,000/s a third of a
/// second's worth.
const WAITING: usize = 1024;

/// Most tasks of one transaction: where a statement's cost per task stops falling.
const MOST: usize = 256;

/// Writers: while one waits for Redis, the other one's transaction runs.
const WRITERS: usize = 2;

/// A submission's outcome, and its place in the queue where it was just put there.
#[derive(Debug, Clone, Copy)]
pub struct Placed {
    /// What became of it.
    pub submitted: Submitted,
    /// Where its task stands.
    pub status: TaskStatus,
    /// Tasks before it.
    pub position: Option<u64>,
}

struct Request {
    tasks: Vec<NewTask>,
    answer: oneshot::Sender<Result<Vec<Placed>, ApiError>>,
}

/// The way to the writers. They end when it is dropped.
#[derive(Debug, Clone)]
pub struct Submitter {
    requests: mpsc::Sender<Request>,
}

impl Submitter {
    /// Starts the writers.
    pub fn start(db: &PgPool, queue: &Queue, reuse: Reuse, metrics: &Metrics) -> Self {
        let (requests, waiting) = mpsc::channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..WRITERS {
            let writer = Writer {
                db: db.clone(),
                queue: queue.clone(),
                reuse,
                metrics: metrics.clone(),
            };
            tokio::spawn(writer.run(Arc::clone(&waiting)));
        }
        Self { requests }
    }

    /// Writes and enqueues tasks; those of one call are written together, or none.
    ///
    /// # Errors
    /// 503 when the database is away or too much waits already.
    pub async fn submit(&self, tasks: Vec<NewTask>) -> Result<Vec<Placed>, ApiError> {
        let (answer, answered) = oneshot::channel();
        self.requests
            .try_send(Request { tasks, answer })
            .map_err(|_| ApiError::unavailable("the writer of submissions"))?;
        answered
            .await
            .map_err(|_| ApiError::unavailable("the writer of submissions"))?
    }
}

struct Writer {
    db: PgPool,
    queue: Queue,
    reuse: Reuse,
    metrics: Metrics,
}

impl Writer {
    async fn run(self, waiting: Arc<Mutex<mpsc::Receiver<Request>>>) {
        loop {
            let gathered = gather(&mut *waiting.lock().await).await;
            if gathered.is_empty() {
                return;
            }
            self.write(gathered).await;
        }
    }

    async fn write(&self, requests: Vec<Request>) {
        let tasks: Vec<NewTask> = requests
            .iter()
            .flat_map(|one| one.tasks.iter().cloned())
            .collect();
        match self.place(&tasks).await {
            Ok(placed) => {
                let mut rest = placed.as_slice();
                for request in requests {
                    let (mine, others) = rest.split_at(request.tasks.len().min(rest.len()));
                    rest = others;
                    // Who gave up waiting finds the task by asking again.
                    let _ = request.answer.send(Ok(mine.to_vec()));
                }
            }
            // Where one request's data may be to blame, the others must not suffer for it.
            Err(error) if requests.len() > 1 && error.is_internal() => {
                for request in requests {
                    let placed = self.place(&request.tasks).await;
                    let _ = request.answer.send(placed);
                }
            }
            Err(error) => {
                for request in requests {
                    let _ = request.answer.send(Err(error.clone()));
                }
            }
        }
    }

    async fn submit(&self, tasks: &[NewTask]) -> Result<Vec<Submitted>, sqlx::Error> {
        let work = db::answered(submit::submit(&self.db, tasks, self.reuse));
        self.metrics.timed(Backend::Database, "submit", work).await
    }

    async fn place(&self, tasks: &[NewTask]) -> Result<Vec<Placed>, ApiError> {
        let mut written = self.submit(tasks).await;
        if written.as_ref().is_err_and(is_deadlock) {
            written = self.submit(tasks).await;
        }
        let written = written?;
        let positions = enqueue(&self.db, &self.queue, &self.metrics, tasks, &written).await;
        Ok(written
            .into_iter()
            .zip(positions)
            .map(|(submitted, position)| Placed {
                submitted,
                status: match submitted {
                    Submitted::Created(_) if position.is_some() => TaskStatus::Queued,
                    Submitted::Created(_) | Submitted::Conflict(_) => TaskStatus::Pending,
                    Submitted::Cached(_) => TaskStatus::Completed,
                    Submitted::Active(_, status) | Submitted::Replayed(_, status) => status,
                },
                position,
            })
            .collect())
    }
}

async fn gather(waiting: &mut mpsc::Receiver<Request>) -> Vec<Request> {
    let mut gathered = Vec::new();
    let Some(first) = waiting.recv().await else {
        return gathered;
    };
    let mut tasks = first.tasks.len();
    gathered.push(first);
    while tasks < MOST
        && let Ok(next) = waiting.try_recv()
    {
        tasks += next.tasks.len();
        gathered.push(next);
    }
    gathered
}

/// Two transactions waited for each other, and Postgres ended ours.
pub(super) fn is_deadlock(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == "40P01")
}

/// Enqueues what was created, and gives the place of each in the queue. What can't be
/// enqueued now stays `pending` for the reconciler.
pub async fn enqueue(
    db: &PgPool,
    queue: &Queue,
    metrics: &Metrics,
    tasks: &[NewTask],
    written: &[Submitted],
) -> Vec<Option<u64>> {
    let mut positions = vec![None; written.len()];
    let (mut places, mut entries) = (Vec::new(), Vec::new());
    for (place, (task, submitted)) in tasks.iter().zip(written).enumerate() {
        if let Submitted::Created(id) = *submitted {
            places.push(place);
            entries.push(Entry {
                task: id,
                key: task.key,
                priority: task.priority,
            });
        }
    }
    if entries.is_empty() {
        return positions;
    }
    let work = queue.enqueue(&entries);
    match metrics.timed(Backend::Redis, "enqueue", work).await {
        Ok(found) => {
            let ids: Vec<TaskId> = entries.iter().map(|entry| entry.task).collect();
            if let Err(error) = db::answered(submit::queued(db, &ids)).await {
                tracing::warn!(%error, "tasks are in the queue, and still called pending");
            }
            for (place, position) in places.into_iter().zip(found) {
                positions[place] = Some(position);
            }
        }
        Err(error) => tracing::warn!(%error, tasks = entries.len(), "tasks wait for the queue"),
    }
    positions
}
