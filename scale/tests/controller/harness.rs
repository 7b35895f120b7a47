//! A controller against the stand-in, with a queue, a clock and a decision of the test's own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use kube::Client;
use packguard_scale::controller::{
    Clock, Config, LeaseConfig, Metrics, QueueSignals, SignalSource, SourceError, connect_to, run,
};
use packguard_scale::crd::Class;
use packguard_scale::decide::{Decision, History};
use packguard_scale::policy::Policy;
use packguard_scale::signals::Signals;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::kinds::{DEPLOYMENTS, EVENTS, POOLS};
use crate::server::{NAMESPACE, Server};
use crate::store::TEST;

/// Nothing here takes longer, but on a machine that does ten other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A queue whose numbers the test sets.
#[derive(Debug, Clone, Default)]
pub struct Queue(Arc<Mutex<QueueState>>);

#[derive(Debug, Default)]
struct QueueState {
    ready: u64,
    busy: BTreeSet<String>,
    gone: bool,
    ahead: TimeDelta,
    age: TimeDelta,
    asked: u64,
}

impl Queue {
    pub fn set(&self, ready: u64) {
        self.0.lock().unwrap().ready = ready;
    }

    pub fn busy(&self, pods: impl IntoIterator<Item = String>) {
        // As workers are named: after the pod, with the process behind it.
        self.0.lock().unwrap().busy = pods.into_iter().map(|pod| format!("{pod}/7")).collect();
    }

    /// Both at once.
    pub fn load(&self, ready: u64, busy: &[String]) {
        let mut state = self.0.lock().unwrap();
        state.ready = ready;
        state.busy = busy.iter().map(|pod| format!("{pod}/7")).collect();
    }

    pub fn gone(&self, gone: bool) {
        self.0.lock().unwrap().gone = gone;
    }

    /// From now on it tells what it knew so long ago.
    pub fn old(&self, age: TimeDelta) {
        self.0.lock().unwrap().age = age;
    }

    /// Puts the clock of everything forward, or back.
    pub fn jump(&self, by: TimeDelta) {
        self.0.lock().unwrap().ahead += by;
    }

    pub fn asked(&self) -> u64 {
        self.0.lock().unwrap().asked
    }

    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + self.0.lock().unwrap().ahead
    }
}

impl SignalSource for Queue {
    async fn signals(&self, _: Class) -> Result<QueueSignals, SourceError> {
        let now = self.now();
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        if state.gone {
            return Err(SourceError(String::from("connection refused")));
        }
        Ok(QueueSignals {
            measured_at: now - state.age,
            ready: state.ready,
            leased: state.busy.len() as u64,
            due_soon: 0,
            oldest_wait: Duration::ZERO,
            service_time: Some(Duration::from_secs(1)),
            arrivals_per_second: None,
            wait_p95: Some(Duration::from_millis(2100)),
        })
    }

    async fn busy_workers(&self) -> Result<BTreeSet<String>, SourceError> {
        let state = self.0.lock().unwrap();
        if state.gone {
            return Err(SourceError(String::from("connection refused")));
        }
        Ok(state.busy.clone())
    }
}

/// One pod per task, without limits in time: what the decision is worth is tested elsewhere.
pub fn one_per_task(
    signals: &Signals,
    policy: &Policy,
    history: &History,
    _: DateTime<Utc>,
) -> Decision {
    let work = signals.ready + signals.leased;
    let desired = u32::try_from(work)
        .unwrap_or(u32::MAX)
        .clamp(policy.min, policy.max);
    Decision {
        desired,
        reason: format!("queue: {}+{}", signals.ready, signals.leased),
        history: history.clone(),
    }
}

pub fn config(identity: &str, queue: &Queue) -> Config {
    let queue = queue.clone();
    Config {
        namespace: NAMESPACE.to_owned(),
        lease: LeaseConfig {
            namespace: NAMESPACE.to_owned(),
            name: String::from("packguard-scale"),
            identity: identity.to_owned(),
            duration: Duration::from_secs(2),
            renew_every: Duration::from_millis(300),
            renew_deadline: Duration::from_millis(1500),
            retry: Duration::from_millis(100),
        },
        interval: Duration::from_millis(100),
        status_interval: Duration::from_millis(300),
        source_timeout: Duration::from_secs(1),
        retry: Duration::from_millis(100),
        decide: one_per_task,
        clock: Clock(Arc::new(move || queue.now())),
    }
}

/// A controller that runs until dropped.
#[derive(Debug)]
pub struct Controller {
    pub metrics: Metrics,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Controller {
    pub fn start(server: &Server, queue: &Queue, identity: &str) -> Self {
        Self::start_with(server, queue, config(identity, queue))
    }

    pub fn start_with(server: &Server, queue: &Queue, config: Config) -> Self {
        let metrics = Metrics::default();
        let cancel = CancellationToken::new();
        let client = client(server, &metrics);
        let work = run(
            client,
            config,
            queue.clone(),
            metrics.clone(),
            cancel.clone(),
        );
        Self {
            metrics,
            cancel,
            task: tokio::spawn(work),
        }
    }

    /// Ends it as SIGTERM does.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        timeout(PATIENCE, &mut self.task).await.unwrap().unwrap();
    }

    /// Ends it as SIGKILL does.
    pub async fn kill(mut self) {
        self.task.abort();
        drop((&mut self.task).await);
    }

    pub fn leads(&self) -> bool {
        self.metrics.leader.get() == 1
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn client(server: &Server, metrics: &Metrics) -> Client {
    let config = kube::Config::new(server.url().parse().unwrap());
    connect_to(config, metrics).unwrap()
}

pub fn pool(name: &str, spec: &Value) -> Value {
    let mut whole = json!({"class": "standard", "image": "packguard:1", "min": 0, "max": 1000, "slotsPerPod": 1});
    for (field, value) in spec.as_object().unwrap() {
        whole[field] = value.clone();
    }
    json!({"metadata": {"name": name}, "spec": whole})
}

impl Server {
    pub fn create_pool(&self, name: &str, spec: &Value) {
        self.change(|store| store.create(POOLS, NAMESPACE, pool(name, spec), &TEST))
            .unwrap();
    }

    pub fn edit_pool(&self, name: &str, patch: &Value) {
        let edited = self.change(|store| {
            store.update(POOLS, NAMESPACE, name, None, &TEST, |pool| {
                crate::apply::merge_patch(pool, &json!({"spec": patch}));
                Ok(())
            })
        });
        edited.unwrap();
    }

    pub fn pool(&self, name: &str) -> Value {
        self.get(POOLS, name).unwrap()
    }

    /// What the Deployment of a pool wants; none where there is none.
    pub fn replicas(&self, deployment: &str) -> Option<u64> {
        self.get(DEPLOYMENTS, deployment)?["spec"]["replicas"].as_u64()
    }

    pub fn condition(&self, pool: &str, type_: &str) -> Option<(String, String, String)> {
        let pool = self.get(POOLS, pool)?;
        let conditions = pool["status"]["conditions"].as_array()?;
        let found = conditions
            .iter()
            .find(|condition| condition["type"] == type_)?;
        let word = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        Some((word("status"), word("reason"), word("message")))
    }

    pub fn says(&self, pool: &str, type_: &str, status: &str, reason: &str) -> bool {
        self.condition(pool, type_)
            .is_some_and(|(is, why, _)| is == status && why == reason)
    }

    pub fn events(&self, reason: &str) -> Vec<Value> {
        self.list(EVENTS)
            .into_iter()
            .filter(|event| event["reason"] == reason)
            .collect()
    }

    /// Waits until there are so many events of a reason: they are written last.
    pub async fn told(&self, reason: &str, times: usize) {
        self.until(reason, |server| server.events(reason).len() == times)
            .await;
    }

    /// Waits until it is so, looking at every change.
    pub async fn until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let mut versions = self.versions();
        let waiting = async {
            loop {
                versions.mark_unchanged();
                if is_so(self) {
                    return;
                }
                // Not everything that is waited for is a change of an object.
                drop(timeout(Duration::from_millis(20), versions.changed()).await);
            }
        };
        if timeout(PATIENCE, waiting).await.is_err() {
            let pools: Vec<_> = self
                .list(POOLS)
                .iter()
                .map(|pool| pool["status"].clone())
                .collect();
            panic!(
                "never came about: {what}; pools: {pools:#?}; asked: {:#?}",
                self.asked().iter().rev().take(10).collect::<Vec<_>>()
            );
        }
    }

    /// Waits until the controller has looked at the queue twice more, and so has had a whole pass in which to do the wrong thing.
    pub async fn whole_pass(&self, queue: &Queue) {
        let before = queue.asked();
        self.until("another pass", |_| queue.asked() >= before + 3)
            .await;
    }
}
