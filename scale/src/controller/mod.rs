//! The controller: brings the number of pods of every pool to what [`decide()`](crate::decide::decide) says.
//!
//! One process leads ([`lease`]). It watches pools, their Deployments and pods, asks the queue every two seconds, plans
//! ([`plan`]) and writes only what changed. First the pool's status with the history of decisions, naming the version it speaks of,
//! then the Deployment: a leader that dies in between, or was deposed without knowing, makes no pool grow or shrink faster
//! than it may.
//!
//! What its Role has to allow, in the namespace of the pools:
//!
//! | group | resource | verbs |
//! |---|---|---|
//! | packguard.dev | runtimepools | get, list, watch, patch |
//! | packguard.dev | runtimepools/status | patch |
//! | apps | deployments | get, list, watch, create, patch, delete |
//! | (core) | pods | get, list, watch, patch |
//! | coordination.k8s.io | leases | get, list, watch, create, update |
//! | events.k8s.io | events | create |
//!
//! and in a ClusterRole `get` on the customresourcedefinition runtimepools.packguard.dev, by which it tells that the
//! definition is missing or older than itself; without that right it takes it to be fit.

mod args;
mod cache;
mod client;
mod conditions;
mod definition;
mod lease;
mod manifest;
mod marks;
mod metrics;
mod plan;
mod pool;
mod source;
mod target;
mod trouble;
mod view;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, StreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher;
use kube::{Api, Client};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

pub use args::ControllerArgs;
pub use client::{connect, connect_to};
pub use lease::{Election, Leadership, LeaseConfig};
pub use metrics::{DecisionLabel, ErrorLabel, Metrics, PoolLabel, RequestLabel};
pub use source::{QueueSignals, SignalSource, SourceError};
pub use trouble::Trouble;
pub(crate) use trouble::bounded;

use crate::crd::{Class, RuntimePool};

use cache::Cache;
use manifest::MANAGER;
use pool::{Memory, Outside, Shared};
use view::{DeploymentView, PodView};
use write::Writer;

/// Pools are seen to side by side: one slow answer holds up no other.
const POOLS_SIDE_BY_SIDE: usize = 8;

/// After a change to a pool, its pass waits so long for further ones.
const SETTLE: Duration = Duration::from_millis(50);

/// What tells the time of day. Tests put it forward and back.
#[derive(Clone)]
pub struct Clock(pub Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(Utc::now))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

/// How the controller works.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the pools are.
    pub namespace: String,
    /// How it is settled who leads.
    pub lease: LeaseConfig,
    /// The pause between two looks at the queue.
    pub interval: Duration,
    /// Numbers alone are written to a pool's status no more often.
    pub status_interval: Duration,
    /// A queue that does not answer within this does not answer.
    pub source_timeout: Duration,
    /// The pause before it is asked again whether the cluster knows pools.
    pub retry: Duration,
    /// The time of day.
    pub clock: Clock,
}

/// Controls pools until `cancel`, and then hands the lease back.
pub fn run(
    client: Client,
    config: Config,
    source: impl SignalSource,
    metrics: Metrics,
    cancel: CancellationToken,
) -> impl Future<Output = ()> + Send {
    control(client, config, source, metrics, cancel)
}

async fn control(
    client: Client,
    config: Config,
    source: impl SignalSource,
    metrics: Metrics,
    cancel: CancellationToken,
) {
    let (election, mut leadership) =
        Election::new(client.clone(), config.lease.clone(), metrics.clone());
    // The lease is handed back after the last write, not before.
    let resign = CancellationToken::new();
    let work = async {
        while tokio::select! {
            won = leadership.won() => won.is_some(),
            () = cancel.cancelled() => false,
        } {
            let term = Term::new(&client, &config, &source, &metrics, &leadership);
            let mut until_lost = leadership.clone();
            tokio::select! {
                () = term.serve() => {}
                () = until_lost.lost() => {}
                () = cancel.cancelled() => {}
            }
        }
        resign.cancel();
    };
    tokio::join!(election.run(resign.clone()), work);
}

/// From winning the election to losing it. What was cached and remembered before does not count: others have written since.
struct Term<'a, S> {
    client: &'a Client,
    config: &'a Config,
    source: &'a S,
    shared: Shared,
    writer: Writer,
}

/// The queues, when last asked.
#[derive(Default)]
struct Queues {
    asked: Option<Instant>,
    last: BTreeMap<Class, QueueSignals>,
    errors: BTreeMap<Class, String>,
}

impl<'a, S: SignalSource> Term<'a, S> {
    fn new(
        client: &'a Client,
        config: &'a Config,
        source: &'a S,
        metrics: &Metrics,
        leadership: &Leadership,
    ) -> Self {
        let instance = config.lease.identity.clone();
        Self {
            client,
            config,
            source,
            shared: Shared {
                pools: Cache::default(),
                deployments: Cache::default(),
                pods: Cache::default(),
                metrics: metrics.clone(),
                status_interval: config.status_interval,
            },
            writer: Writer::new(client, &config.namespace, leadership.clone(), instance),
        }
    }

    async fn serve(&self) {
        while !definition::fits(self.client, &self.shared.metrics).await {
            sleep(self.config.retry).await;
        }
        let namespace = &self.config.namespace;
        let (shared, metrics) = (&self.shared, &self.shared.metrics);
        let pools: Api<RuntimePool> = Api::namespaced(self.client.clone(), namespace);
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), namespace);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let owned =
            watcher::Config::default().labels(&format!("app.kubernetes.io/managed-by={MANAGER}"));
        tokio::join!(
            shared
                .pools
                .follow(pools, watcher::Config::default(), slim, "pools", metrics),
            shared.deployments.follow(
                deployments,
                owned.clone(),
                DeploymentView::from,
                "deployment",
                metrics
            ),
            shared
                .pods
                .follow(pods, owned, PodView::from, "pods", metrics),
            self.passes(),
        );
    }

    async fn passes(&self) {
        // A pass that took a list half read for all there is would make Deployments anew.
        tokio::join!(
            self.shared.pools.listed(),
            self.shared.deployments.listed(),
            self.shared.pods.listed(),
        );
        let mut changes = self.shared.pools.changes();
        let mut ticks = interval(self.config.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut memories: BTreeMap<String, Memory> = BTreeMap::new();
        let mut queues = Queues::default();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = changes.changed() => sleep(SETTLE).await,
            }
            changes.mark_unchanged();
            self.pass(&mut memories, &mut queues).await;
        }
    }

    async fn pass(&self, memories: &mut BTreeMap<String, Memory>, queues: &mut Queues) {
        let pools = self.shared.pools.all();
        let deployments = self.shared.deployments.all();
        let pods = self.shared.pods.all();
        memories.retain(|name, _| {
            let stays = pools.contains_key(name);
            if !stays {
                self.shared.metrics.forget(name);
            }
            stays
        });
        let owners = owners(&pools);
        self.ask(queues, &pools).await;
        let there = pools.iter().any(|(name, _)| {
            memories
                .get(name)
                .map_or(0, |memory| memory.wanted(name, &deployments))
                > 0
                || Memory::default().wanted(name, &deployments) > 0
        });
        let busy = if there { self.busy().await } else { None };
        let now = (self.config.clock.0)();
        let passes = pools
            .iter()
            .filter(|(_, pool)| pool.metadata.deletion_timestamp.is_none())
            .map(|(name, pool)| {
                let mut memory = memories.remove(name).unwrap_or_default();
                let class = pool.spec.class;
                let outside = Outside {
                    queue: queues.last.get(&class),
                    queue_error: queues.errors.get(&class).map(String::as_str),
                    busy: busy.as_ref(),
                    class_taken_by: owners.get(&class).copied().filter(|owner| owner != name),
                    deployments: &deployments,
                    pods: &pods,
                    now,
                };
                async move {
                    let passed = memory
                        .pass(pool, &outside, &self.shared, &self.writer)
                        .await;
                    (name.clone(), memory, passed)
                }
            });
        // Boxed: the compiler can't tell of a stream of borrowing futures that it may be sent.
        let passes: Vec<_> = passes.map(FutureExt::boxed).collect();
        let mut passes = stream::iter(passes).buffer_unordered(POOLS_SIDE_BY_SIDE);
        while let Some((name, memory, passed)) = passes.next().await {
            memories.insert(name, memory);
            if let Err(trouble) = passed {
                self.shared.metrics.trouble("status", &trouble);
            }
        }
    }

    async fn ask(&self, queues: &mut Queues, pools: &BTreeMap<String, Arc<RuntimePool>>) {
        let soon = self.config.interval / 2;
        if queues.asked.is_some_and(|asked| asked.elapsed() < soon) {
            return;
        }
        queues.asked = Some(Instant::now());
        let classes: BTreeSet<Class> = pools.values().map(|pool| pool.spec.class).collect();
        for class in classes {
            let asked = timeout(self.config.source_timeout, self.source.signals(class)).await;
            let error = match asked {
                Ok(Ok(signals)) => {
                    queues.last.insert(class, signals);
                    queues.errors.remove(&class);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => String::from("it does not answer"),
            };
            self.shared.metrics.failed("signals", "Signals", &error);
            queues.errors.insert(class, error);
        }
    }

    async fn busy(&self) -> Option<BTreeSet<String>> {
        let error = match timeout(self.config.source_timeout, self.source.busy_workers()).await {
            Ok(Ok(workers)) => {
                return Some(
                    workers
                        .iter()
                        .map(|worker| source::pod_of(worker).to_owned())
                        .collect(),
                );
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => String::from("it does not answer"),
        };
        self.shared.metrics.failed("signals", "Signals", &error);
        None
    }
}

/// Which pool scales a class: the oldest of it that is not left alone. Two would each make pods for the same tasks.
fn owners(pools: &BTreeMap<String, Arc<RuntimePool>>) -> BTreeMap<Class, &str> {
    let mut candidates: Vec<_> = pools
        .iter()
        .filter(|(_, pool)| !pool.spec.paused && pool.spec.replicas.is_none())
        .map(|(name, pool)| {
            (
                pool.metadata.creation_timestamp.clone(),
                name.as_str(),
                pool.spec.class,
            )
        })
        .collect();
    candidates.sort();
    let mut owners = BTreeMap::new();
    for (_, name, class) in candidates {
        owners.entry(class).or_insert(name);
    }
    owners
}

fn slim(mut pool: RuntimePool) -> RuntimePool {
    pool.metadata.managed_fields = None;
    pool
}
