//! What most scenarios begin with: one pool, its queue, and a controller that brings it to some number of pods.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Fate};
use crate::harness::{Controller, Queue};
use crate::kinds::{DEPLOYMENTS, PODS};
use crate::server::Server;

pub const POOL: &str = "standard";
pub const DEPLOYMENT: &str = "worker-standard";
pub const CANARY: &str = "worker-standard-canary";

/// A pool that follows the work at once, for scenarios that are not about how fast a pool may change.
pub fn at_once(mut spec: Value) -> Value {
    spec["policy"]["upPods"] = json!(1000);
    spec["policy"]["downPods"] = json!(1000);
    spec["policy"]["downEvery"] = json!("0s");
    spec["policy"]["quietWindow"] = json!("0s");
    spec
}

/// A pool, and its queue.
#[derive(Debug)]
pub struct Fixture {
    pub server: Server,
    pub queue: Queue,
}

impl Fixture {
    /// Nobody controls it yet.
    pub async fn new(spec: &Value) -> Self {
        let server = Server::start().await;
        server.create_pool(POOL, spec);
        Self {
            server,
            queue: Queue::default(),
        }
    }

    /// Idle: it has as many pods as it must have.
    pub async fn running(spec: &Value) -> (Self, Controller) {
        let fixture = Self::new(spec).await;
        let controller = fixture.controller("one");
        let min = spec["min"].as_u64().unwrap_or(0);
        fixture.scaled(min).await;
        (fixture, controller)
    }

    /// Work keeps so many pods, and has done so for so long that their growth limits none any more.
    pub async fn with_pods(spec: &Value, pods: u64) -> (Self, Controller) {
        let (fixture, controller) = Self::running(spec).await;
        fixture.queue.needs(pods);
        fixture.scaled(pods).await;
        fixture.later(TimeDelta::minutes(1)).await;
        (fixture, controller)
    }

    pub fn controller(&self, identity: &str) -> Controller {
        Controller::start(&self.server, &self.queue, identity)
    }

    pub fn cluster(&self, fate: Fate) -> Cluster {
        Cluster::start(&self.server, fate)
    }

    /// Waits until the Deployment wants so many pods.
    pub async fn scaled(&self, pods: u64) {
        let what = format!("a Deployment of {pods}");
        self.server
            .until(&what, |server| server.replicas(DEPLOYMENT) == Some(pods))
            .await;
    }

    /// After time to change it, the Deployment wants as many pods as before.
    pub async fn stays(&self, pods: u64) {
        self.server.whole_pass(&self.queue).await;
        assert_eq!(
            self.server.replicas(DEPLOYMENT),
            Some(pods),
            "{}",
            self.status()["reason"]
        );
    }

    /// Lets time pass, and what is then due be done.
    pub async fn later(&self, time: TimeDelta) {
        self.server.whole_pass(&self.queue).await;
        self.queue.pass(time);
        self.server.whole_pass(&self.queue).await;
    }

    /// Waits until a condition of the pool says so.
    pub async fn says(&self, type_: &str, status: &str, reason: &str) {
        let what = format!("{type_} {status} {reason}");
        self.server
            .until(&what, |server| server.says(POOL, type_, status, reason))
            .await;
    }

    pub fn message(&self, condition: &str) -> String {
        self.server.condition(POOL, condition).unwrap().2
    }

    pub fn status(&self) -> Value {
        self.server.pool(POOL)["status"].clone()
    }

    /// Waits until the history in the status, which the next leader goes on from, knows of a quiet time.
    pub async fn quiet(&self) {
        self.server
            .until("a quiet time is on record", |_| {
                self.status()["history"]["quietSince"].is_string()
            })
            .await;
    }

    /// The numbers of pods that the API server was told, one after the other.
    pub fn patched(&self) -> Vec<u64> {
        let log = self.server.log();
        let mut numbers: Vec<u64> = log
            .iter()
            .filter(|change| {
                change.kind == DEPLOYMENTS && change.object["metadata"]["name"] == DEPLOYMENT
            })
            .filter_map(|change| change.object["spec"]["replicas"].as_u64())
            .collect();
        numbers.dedup();
        numbers
    }

    /// The texts of the events of a reason, once there are so many.
    pub async fn told(&self, reason: &str, times: usize) -> Vec<String> {
        self.server.told(reason, times).await;
        let events = self.server.events(reason);
        let text = |event: &Value| event["note"].as_str().unwrap().to_owned();
        events.iter().map(text).collect()
    }

    pub fn pods(&self) -> Vec<String> {
        let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap().to_owned();
        self.server.list(PODS).iter().map(name).collect()
    }

    /// Waits until there are so many pods.
    pub async fn until_pods(&self, number: usize) {
        self.server
            .until(&format!("{number} pods"), |_| self.pods().len() == number)
            .await;
    }
}
