//! `packguard work`: claims tasks, runs them in sandboxes, records what came out.
//!
//! N packages at a time on one runtime, admitted by number (`WORKER_CONCURRENCY`) and by
//! memory (`WORKER_MEMORY`). Each task is a tokio task of its own: what breaks one leaves the others
//! alone. One that kills the process is claimed again, until Postgres has counted too many claims.
//!
//! On SIGTERM: claims nothing more, lets what runs go on for the grace period, hands the rest
//! back to the queue (which does not count as an attempt), and ends with code 0.

mod artifacts;
mod breaker;
mod error;
mod fetch;
mod held;
mod job;
mod loader;
mod logs;
mod memory;
mod record;
mod rollout;
mod sets;
mod shadow;

use std::sync::Arc;
use std::time::Duration;

use packguard_runtime::Pipeline;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use record::refresh_alias;

use crate::config::WorkerConfig;
use crate::db;
use crate::db::claims::{self, Claim};
use crate::knowledge::Knowledge;
use crate::queue::wakeups::{Hub, Topic};
use crate::queue::{Lease, Queue};
use crate::registry::{Registry, RegistryConfig};
use crate::scan;
use crate::storage::Storage;
use crate::telemetry::metrics::Backend;
use crate::telemetry::{Metrics, StepTracer};
use artifacts::Artifacts;
use breaker::Breaker;
use held::{HeldTasks, Stop};
use job::Shared;
use loader::{Loader, Source};
use logs::Logs;
use memory::Memory;
use rollout::{Parts, Rollout};
use shadow::Shadows;

/// What a worker is connected to.
pub struct Connections {
    /// The truth.
    pub db: PgPool,
    /// The index.
    pub queue: Queue,
    /// Reports and uploads.
    pub storage: Storage,
    /// What is counted.
    pub metrics: Metrics,
    /// The spans of steps.
    pub tracer: StepTracer,
}

/// What a worker works with.
pub struct Tools {
    /// The components.
    pub pipeline: Pipeline,
    /// Settings, suppressions, advisories.
    pub knowledge: Arc<Knowledge>,
    /// The registries.
    pub registry: RegistryConfig,
}

/// Why a worker could not work.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// No folder to unpack in.
    #[error("no folder to unpack packages in: {0}; set WORKER_FOLDER to one that can be written")]
    Folder(std::io::Error),
    /// The set of analyzers could not be registered.
    #[error("the database does not take this worker: {0}; run `packguard doctor`")]
    Register(sqlx::Error),
}

/// When a worker ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Never.
    Forever,
    /// When nothing is ready any more and what it claimed is done.
    Once,
}

/// Pause after Postgres or Redis failed a claim.
const PAUSE: Duration = Duration::from_secs(1);

/// Claims and works until `stop`, or as `mode` says; then what runs has `grace` to end.
///
/// # Errors
/// When it can't begin. What happens later is dealt with.
pub async fn run(
    config: &WorkerConfig,
    grace: Duration,
    connections: Connections,
    tools: Tools,
    mode: Mode,
    stop: CancellationToken,
) -> Result<(), WorkError> {
    // Trials end at once: nobody waits for them.
    let trials = stop.child_token();
    let (logs, writer) = logs::channel(&connections.queue);
    let made = tokio::select! {
        made = Worker::new(config, connections, tools, trials, logs) => made,
        () = stop.cancelled() => return Ok(()),
    };
    let (worker, rollout) = made?;
    let following = CancellationToken::new();
    let (breaker, counting) = (Arc::clone(&worker.shared.breaker), following.clone());
    let (shadows, telling) = (Arc::clone(&worker.shared.shadows), following.clone());
    let writing = following.clone();
    let rollout = async {
        if mode == Mode::Forever {
            rollout.follow(following.clone()).await;
        }
    };
    let work = async {
        work(config, grace, worker, mode, stop).await;
        following.cancel();
    };
    tokio::join!(
        work,
        rollout,
        breaker.follow(counting),
        shadows.follow(telling),
        writer.write(writing)
    );
    Ok(())
}

async fn work(
    config: &WorkerConfig,
    grace: Duration,
    worker: Worker,
    mode: Mode,
    stop: CancellationToken,
) {
    let beating = CancellationToken::new();
    let beats = tokio::spawn({
        let (held, every, beating) = (
            worker.shared.held.clone(),
            config.heartbeat,
            beating.clone(),
        );
        async move { held.beat(every, beating).await }
    });
    worker.claim_until(&stop, mode).await;
    let grace = async {
        // What was begun in `Once` is done whole, unless we are told to stop.
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    worker.finish(grace).await;
    beating.cancel();
    // It ends at once; a panic in it was logged where it happened.
    let _ = beats.await;
}

struct Worker {
    name: String,
    lease: Duration,
    slots: Arc<Semaphore>,
    shared: Arc<Shared>,
    hub: Hub,
    running: TaskTracker,
    /// Ends what the registries are asked, when all else has ended.
    registry: CancellationToken,
}

impl Worker {
    async fn new(
        config: &WorkerConfig,
        connections: Connections,
        tools: Tools,
        trials: CancellationToken,
        logs: Logs,
    ) -> Result<(Self, Rollout), WorkError> {
        let Connections {
            db,
            queue,
            storage,
            metrics,
            tracer,
        } = connections;
        let name = held::worker_name();
        let folder = scan::work::folder(config.folder.as_deref()).map_err(WorkError::Folder)?;
        let artifacts = config.share_key.clone().map(|key| Artifacts {
            key,
            db: db.clone(),
            storage: storage.clone(),
            metrics: metrics.clone(),
        });
        let source = Source {
            storage: storage.clone(),
            runtime: tools.pipeline.runtime().clone(),
            artifacts,
        };
        let parts = Parts {
            db: db.clone(),
            metrics: metrics.clone(),
            base: tools.pipeline,
            knowledge: Arc::clone(&tools.knowledge),
            signatures: config.signatures,
            loader: Loader::new(source),
        };
        let started = Rollout::start(parts).await;
        let (rollout, sets) = started.map_err(WorkError::Register)?;
        let registry = CancellationToken::new();
        let fetcher = fetch::Fetcher {
            db: db.clone(),
            storage: storage.clone(),
            registry: Registry::new(tools.registry, registry.clone()),
            limits: config.limits.clone(),
            knowledge: tools.knowledge,
            metrics: metrics.clone(),
        };
        let memory = Memory::new(config.memory);
        let most = config.concurrency.get();
        let slots = Arc::new(Semaphore::new(most));
        watch(&metrics, &memory, &slots, most);
        let held = HeldTasks::new(db.clone(), queue.clone(), &name, config.lease);
        let hub = Hub::start(&queue);
        let breaker = Arc::new(Breaker::new(db.clone()));
        let running = TaskTracker::new();
        let shadows = Shadows::new(&db, &breaker, &running, &memory, most / 2, trials);
        let shared = Shared {
            db,
            queue,
            storage,
            sets,
            fetcher,
            memory,
            held,
            breaker,
            shadows: Arc::new(shadows),
            logs,
            metrics,
            tracer,
            folder,
        };
        let worker = Self {
            name,
            lease: config.lease,
            slots,
            shared: Arc::new(shared),
            hub,
            running,
            registry,
        };
        Ok((worker, rollout))
    }

    async fn claim_until(&self, stop: &CancellationToken, mode: Mode) {
        loop {
            let free = tokio::select! {
                free = Arc::clone(&self.slots).acquire_owned() => free,
                () = stop.cancelled() => return,
            };
            // The slots that are free beyond the one that was waited for.
            drop(free);
            let room = self.slots.available_permits();
            match self.claim(room).await {
                Ok(Round::Some) => {}
                Ok(Round::None(_)) if mode == Mode::Once => return,
                Ok(Round::None(next)) => {
                    let waiting = self.shared.queue.wait(next);
                    tokio::select! {
                        answer = waiting => if let Err(error) = answer {
                            tracing::warn!(%error, "the queue is away");
                            self.pause(stop).await;
                        },
                        () = stop.cancelled() => return,
                    }
                }
                Err(error) => {
                    tracing::warn!(error, "nothing was claimed");
                    self.pause(stop).await;
                }
            }
            if stop.is_cancelled() {
                return;
            }
        }
    }

    async fn pause(&self, stop: &CancellationToken) {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => {}
        }
    }

    /// Claims up to `room` tasks, and starts them.
    async fn claim(&self, room: usize) -> Result<Round, String> {
        let (metrics, queue) = (&self.shared.metrics, &self.shared.queue);
        let work = queue.claim(&self.name, room, self.lease);
        let claimed = metrics.timed(Backend::Redis, "claim", work).await;
        let claimed = claimed.map_err(|error| error.to_string())?;
        if claimed.leases.is_empty() {
            return Ok(Round::None(claimed.next.unwrap_or(crate::queue::MAX_WAIT)));
        }
        let ids: Vec<_> = claimed.leases.iter().map(|lease| lease.task).collect();
        let work = db::answered(claims::claim(&self.shared.db, &self.name, &ids));
        let claims = match metrics.timed(Backend::Database, "claim", work).await {
            Ok(claims) => claims,
            Err(error) => {
                for lease in &claimed.leases {
                    // What can't be released runs out.
                    let _ = self.shared.queue.release(lease.task, lease.token).await;
                }
                return Err(format!("the database is away: {error}"));
            }
        };
        for claim in claims {
            let id = match &claim {
                Claim::Run(task) => task.id,
                Claim::Over(id) => *id,
            };
            if let Some(lease) = claimed.leases.iter().find(|lease| lease.task == id) {
                self.start(claim, lease).await;
            }
        }
        Ok(Round::Some)
    }

    async fn start(&self, claim: Claim, lease: &Lease) {
        let task = match claim {
            Claim::Run(task) => *task,
            Claim::Over(id) => {
                if let Err(error) = self.shared.queue.acknowledge(id, lease.token).await {
                    tracing::warn!(%error, "a lease was left to run out");
                }
                return;
            }
        };
        self.shared.metrics.claimed(lease.waited);
        let stopper = self.shared.held.add(&task, lease.token);
        // There is room for it: only this loop takes slots, and it claimed no more than were free.
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let shared = Arc::clone(&self.shared);
        let mut cancelled = self.hub.subscribe(Topic::Cancelled, task.id);
        let token = lease.token;
        self.running.spawn(async move {
            let running = Arc::clone(&shared).run(task, token, stopper);
            tokio::pin!(running);
            loop {
                tokio::select! {
                    () = &mut running => break,
                    // A hint, and maybe a false one: the heartbeat asks Postgres.
                    () = cancelled.woken() => shared.held.nudge(),
                }
            }
            drop(slot);
        });
    }

    /// Lets what runs end by itself until `grace` is over; then hands it back.
    async fn finish(&self, grace: impl Future<Output = ()>) {
        self.running.close();
        tracing::info!(tasks = self.shared.held.len(), "no more tasks are claimed");
        tokio::select! {
            () = self.running.wait() => {}
            () = grace => {
                self.shared.held.stop_all(Stop::Shutdown);
                self.running.wait().await;
            }
        }
        self.registry.cancel();
    }
}

/// What a claim brought.
enum Round {
    Some,
    /// Nothing: how long to wait at most.
    None(Duration),
}

fn watch(metrics: &Metrics, memory: &Memory, slots: &Arc<Semaphore>, total: usize) {
    let (memory, slots) = (memory.clone(), Arc::clone(slots));
    metrics.at_scrape(move |metrics| {
        metrics.slots(total.saturating_sub(slots.available_permits()), total);
        metrics.memory(memory.reserved(), memory.total());
    });
}
