//! A controller against the stand-in, with a queue and a clock of the test's own. All else is what runs in production.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use kube::Client;
use packguard_scale::controller::{
    Clock, Config, LeaseConfig, Metrics, QueueSignals, SignalSource, SourceError, connect_to, run,
};
use packguard_scale::crd::Class;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::kinds::{DEPLOYMENTS, EVENTS, POOLS};
use crate::server::{NAMESPACE, Server};
use crate::store::TEST;

/// Nothing here takes longer, but on a machine that does ten other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Tasks that one slot starts within the default target of 10 s, at the queue's 1 s each: one at once, and ten more.
pub const TASKS_PER_POD: u64 = 11;

/// A queue whose numbers the test sets, and the clock of everything. The clock stands still but where a test moves it.
#[derive(Debug, Clone)]
pub struct Queue(Arc<Mutex<QueueState>>);

#[derive(Debug)]
struct QueueState {
    ready: u64,
    busy: BTreeSet<String>,
    gone: bool,
    now: DateTime<Utc>,
    /// Time that passes as the queue is next asked.
    passing: TimeDelta,
    age: TimeDelta,
    asked: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(QueueState {
            ready: 0,
            busy: BTreeSet::new(),
            gone: false,
            now: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            passing: TimeDelta::zero(),
            age: TimeDelta::zero(),
            asked: 0,
        })))
    }
}

impl Queue {
    pub fn set(&self, ready: u64) {
        self.0.lock().unwrap().ready = ready;
    }

    /// As much work as takes so many pods of one slot.
    pub fn needs(&self, pods: u64) {
        self.set(pods * TASKS_PER_POD);
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

    /// Puts the clock of everything forward, or back, between any two of the controller's looks at it.
    pub fn jump(&self, by: TimeDelta) {
        self.0.lock().unwrap().now += by;
    }

    /// Lets time pass as the queue is next asked, so that its answer is not older than the decision which rests on it.
    pub fn pass(&self, time: TimeDelta) {
        self.0.lock().unwrap().passing += time;
    }

    pub fn asked(&self) -> u64 {
        self.0.lock().unwrap().asked
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.0.lock().unwrap().now
    }
}

impl SignalSource for Queue {
    async fn signals(&self, _: Class) -> Result<QueueSignals, SourceError> {
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        let passed = std::mem::take(&mut state.passing);
        state.now += passed;
        if state.gone {
            return Err(SourceError(String::from("connection refused")));
        }
        Ok(QueueSignals {
            measured_at: state.now - state.age,
            ready: state.ready,
            leased: state.busy.len() as u64,
            due_soon: 0,
            oldest_wait: Duration::ZERO,
            service_time: Some(Duration::from_secs(1)),
            // So few that none is expected: what is needed follows from what is there.
            arrivals_per_second: Some(0.001),
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
