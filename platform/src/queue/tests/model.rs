//! Random operations by random tenants and workers, on a real Redis and on the reference; after each
//! one everything that can be seen is compared. The scripts' clock is pinned, so time passes only
//! when an operation says so.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::harness::{NOON, Server, entry};
use super::reference::Model;
use crate::model::TaskId;
use crate::queue::{Queue, QueueConfig, Token};

/// Few ids, so that operations meet each other; and fewer than the hundred that one claim promotes.
const IDS: i64 = 24;

#[derive(Debug, Clone)]
enum Step {
    Enqueue(Vec<(i64, i64, i64)>),
    Claim {
        max: usize,
        lease: i64,
    },
    /// The n-th latest of all leases ever given, modulo how many there were: also lost ones.
    Beat {
        leases: Vec<usize>,
        lease: i64,
    },
    Acknowledge(usize),
    Retry(usize, i64),
    Release(usize),
    Cancel(i64),
    Remove(i64),
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    // Times in whole seconds, and some that fall together.
    let seconds = || (0i64..20).prop_map(|s| s * 1000);
    prop_oneof![
        5 => prop::collection::vec((0..IDS, 0i64..4, prop::sample::select(vec![0i64, 1, 50, 100])), 1..6)
            .prop_map(Step::Enqueue),
        5 => (1usize..4, seconds()).prop_map(|(max, lease)| Step::Claim { max, lease: lease + 1000 }),
        2 => (prop::collection::vec(0usize..15, 1..4), seconds())
            .prop_map(|(leases, lease)| Step::Beat { leases, lease: lease + 1000 }),
        2 => (0usize..15).prop_map(Step::Acknowledge),
        3 => (0usize..15, seconds()).prop_map(|(lease, delay)| Step::Retry(lease, delay)),
        2 => (0usize..15).prop_map(Step::Release),
        2 => (0..IDS).prop_map(Step::Cancel),
        1 => (0..IDS).prop_map(Step::Remove),
        3 => seconds().prop_map(Step::Pass),
    ]
}

/// Among so many, the n-th from the end.
fn latest(n: usize, count: usize) -> Option<usize> {
    n.checked_rem(count).map(|n| count - 1 - n)
}

struct Run {
    queue: Queue,
    model: Model,
    /// In the order in which they were given: task and token.
    leases: Vec<(i64, Token)>,
}

impl Run {
    /// A lease that was given once; (its number, task, token).
    fn lease(&self, n: usize) -> Option<(usize, i64, Token)> {
        let n = latest(n, self.leases.len())?;
        Some((n, self.leases[n].0, self.leases[n].1))
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Enqueue(entries) => {
                let list: Vec<_> = entries.iter().map(|&(id, t, p)| entry(id, t, p)).collect();
                let ahead = self.queue.enqueue(&list).await.unwrap();
                for &(id, tenant, priority) in entries {
                    self.model.enqueue(id, tenant, priority);
                }
                let ready = self.model.order().len() as u64;
                for (&(id, ..), ahead) in entries.iter().zip(ahead) {
                    use crate::queue::Position::{Delayed, Leased, Ready, Unknown};
                    let expected = match self.model.position(id) {
                        Ready(n) => n,
                        Delayed(_) => ready,
                        Leased => 0,
                        Unknown => panic!("{id} is unknown"),
                    };
                    assert_eq!(ahead, expected, "ahead of {id}");
                }
            }
            Step::Claim { max, lease } => self.claim(*max, *lease).await,
            Step::Beat { leases, lease } => {
                let leases: Vec<_> = leases.iter().filter_map(|n| self.lease(*n)).collect();
                let pairs: Vec<_> = leases
                    .iter()
                    .map(|(_, id, token)| (TaskId(*id), *token))
                    .collect();
                let beats = self.queue.heartbeat(&pairs, ms(*lease)).await.unwrap();
                let expected: Vec<_> = leases
                    .iter()
                    .map(|(n, id, _)| self.model.heartbeat(*id, *n, *lease))
                    .collect();
                assert_eq!(beats, expected);
            }
            Step::Cancel(id) => {
                let cancelled = self.queue.cancel(TaskId(*id)).await.unwrap();
                assert_eq!(cancelled, self.model.cancel(*id));
            }
            Step::Remove(id) => {
                let removed = self.queue.remove(&[TaskId(*id)]).await.unwrap();
                assert_eq!(removed == 1, self.model.remove(*id));
            }
            Step::Pass(time) => {
                self.model.now += time;
                self.queue.pin(self.model.now);
            }
            Step::Acknowledge(n) | Step::Retry(n, _) | Step::Release(n) => {
                self.settle(step, *n).await;
            }
        }
    }

    async fn claim(&mut self, max: usize, lease: i64) {
        let claimed = self.queue.claim("w", max, ms(lease)).await.unwrap();
        let (expected, next) = self.model.claim(max, lease);
        let seen: Vec<_> = claimed
            .leases
            .iter()
            .map(|l| (l.task.0, l.waited.as_millis() as i64, l.cancelled))
            .collect();
        assert_eq!(seen, expected);
        // Shorter ones are rounded up.
        assert_eq!(claimed.next, next.map(|next| ms(next.max(250))));
        self.leases
            .extend(claimed.leases.iter().map(|l| (l.task.0, l.token)));
    }

    async fn settle(&mut self, step: &Step, n: usize) {
        let Some((n, id, token)) = self.lease(n) else {
            return;
        };
        let task = TaskId(id);
        let (done, expected) = match step {
            Step::Retry(_, delay) => (
                self.queue.retry(task, token, ms(*delay)).await,
                self.model.retry(id, n, *delay),
            ),
            Step::Release(_) => (
                self.queue.release(task, token).await,
                self.model.release(id, n),
            ),
            _ => (
                self.queue.acknowledge(task, token).await,
                self.model.acknowledge(id, n),
            ),
        };
        assert_eq!(done.unwrap(), expected);
    }

    async fn compare(&self) {
        let all: Vec<_> = (0..IDS).map(TaskId).collect();
        let positions = self.queue.positions(&all).await.unwrap();
        let expected: Vec<_> = (0..IDS).map(|id| self.model.position(id)).collect();
        assert_eq!(positions, expected);
        let depths = self.queue.depths().await.unwrap();
        let oldest = depths
            .oldest_ready
            .map(|age| self.model.now - age.as_millis() as i64);
        assert_eq!(
            (depths.ready, depths.delayed, depths.leased, oldest),
            self.model.counts()
        );
        assert_eq!(depths.by_priority.values().sum::<u64>(), depths.ready);
        let known = self.model.ids();
        let unknown: Vec<_> = self.queue.unknown(&all).await.unwrap();
        assert!(unknown.iter().all(|task| !known.contains(&task.0)));
        assert_eq!(unknown.len() + known.len(), all.len());
        assert_eq!(
            self.queue.inconsistencies().await.unwrap(),
            Vec::<String>::new()
        );
    }
}

fn ms(time: i64) -> Duration {
    Duration::from_millis(time.unsigned_abs())
}

/// Whoever is idle has word of what is ready: nobody waits in this test, so a word must lie there.
async fn assert_word_is_left(server: &Server, run: &Run) {
    if !run.model.order().is_empty() {
        let key = format!("{{{}}}:wake", run.queue.name());
        let words: u64 = server.command(&["LLEN", &key]).await;
        assert!(words >= 1, "tasks are ready and nobody would learn of it");
    }
}

#[test]
fn behaves_like_the_reference() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(async { Server::start(&[]) });
    let cases = Config::with_cases(96);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..cases
    });
    let serial = std::cell::Cell::new(0);
    let steps = prop::collection::vec(step(), 1..60);
    let outcome = runner.run(&steps, |steps| {
        serial.set(serial.get() + 1);
        runtime.block_on(async {
            let mut config = QueueConfig::new(server.config().url);
            config.name = format!("run{}", serial.get());
            let mut run = Run {
                queue: Queue::connect(&config).await.unwrap(),
                model: Model::at(NOON),
                leases: Vec::new(),
            };
            run.queue.pin(NOON);
            for step in &steps {
                run.step(step).await;
                run.compare().await;
                assert_word_is_left(&server, &run).await;
            }
            // Nothing stays behind when all is done.
            let all: Vec<_> = run.model.ids().into_iter().map(TaskId).collect();
            run.queue.remove(&all).await.unwrap();
            assert_eq!(run.queue.claim("w", 1, ms(1000)).await.unwrap().leases, []);
            assert_eq!(
                server
                    .command::<Vec<String>>(&["KEYS", &format!("{{{}}}:*", run.queue.name())])
                    .await,
                [""; 0]
            );
        });
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// So that a test which compares nothing does not pass: the steps do reach all states.
#[test]
fn the_steps_reach_everything() {
    let mut runner = TestRunner::deterministic();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..50 {
        let steps = prop::collection::vec(step(), 60)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let mut model = Model::at(NOON);
        let mut leases = Vec::new();
        for step in steps {
            let outcome = match step {
                Step::Enqueue(entries) => {
                    entries
                        .iter()
                        .for_each(|&(id, t, p)| model.enqueue(id, t, p));
                    "enqueued".into()
                }
                Step::Claim { max, lease } => {
                    let (claimed, _) = model.claim(max, lease);
                    leases.extend(claimed.iter().map(|c| c.0));
                    let cancelled = claimed.iter().any(|c| c.2);
                    format!("claimed {} {cancelled}", !claimed.is_empty())
                }
                Step::Beat {
                    leases: which,
                    lease,
                } => match latest(which[0], leases.len()) {
                    Some(n) => format!("{:?}", model.heartbeat(leases[n], n, lease)),
                    None => continue,
                },
                Step::Acknowledge(n) => match latest(n, leases.len()) {
                    Some(n) => format!("acknowledged {}", model.acknowledge(leases[n], n)),
                    None => continue,
                },
                Step::Retry(n, delay) => match latest(n, leases.len()) {
                    Some(n) => format!("retried {}", model.retry(leases[n], n, delay)),
                    None => continue,
                },
                Step::Release(n) => match latest(n, leases.len()) {
                    Some(n) => format!("released {}", model.release(leases[n], n)),
                    None => continue,
                },
                Step::Cancel(id) => format!("{:?}", model.cancel(id)),
                Step::Remove(id) => format!("removed {}", model.remove(id)),
                Step::Pass(time) => {
                    model.now += time;
                    "passed".into()
                }
            };
            *kinds.entry(outcome).or_default() += 1;
        }
    }
    for kind in [
        "claimed true false",
        "claimed true true",
        "claimed false false",
        "Held",
        "Cancelled",
        "Lost",
        "acknowledged true",
        "acknowledged false",
        "retried true",
        "retried false",
        "released true",
        "released false",
        "Removed",
        "Requested",
        "Unknown",
        "removed true",
        "removed false",
    ] {
        assert!(kinds.contains_key(kind), "{kind} never happens: {kinds:?}");
    }
}
