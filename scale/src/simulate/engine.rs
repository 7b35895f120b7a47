//! The simulation itself: what happens next, again and again.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rand_chacha::ChaCha8Rng;

use super::SimulateError;
use super::args::SimulateArgs;
use super::cluster::{Cluster, Event, Events, Layout};
use super::measures::{Lately, Outcome, Sample, Samples, WaitTimes, hours};
use super::prices::Prices;
use super::times::{ServiceTimes, chance};
use super::workload::{Arrival, Arrivals, Workload, argument};
use crate::decide::{History, decide};
use crate::policy::{Policy, RuleName};
use crate::signals::{Pods, Signals};

/// What the controller's averages are over.
const LATELY: Duration = Duration::from_secs(300);
/// The shortest time between decisions.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// All but the tasks.
pub(super) struct Setup {
    rule: &'static str,
    policy: Policy,
    /// Microseconds between decisions.
    interval: u64,
    layout: Layout,
}

impl Setup {
    pub(super) fn from_args(
        args: &SimulateArgs,
        rule: RuleName,
        prices: &Prices,
    ) -> Result<Self, SimulateError> {
        let policy = args.policy(rule)?;
        if policy.max == 0 {
            let problem = String::from("with 0 no task would ever be served; at least 1");
            return Err(argument("--max", problem));
        }
        if args.interval < SHORTEST_INTERVAL || args.interval > policy.stale_after {
            let problem = String::from("from 1s to 1m");
            return Err(argument("--interval", problem));
        }
        if args.node_limit == 0 {
            let problem = String::from("with 0 no pod would ever start; at least 1");
            return Err(argument("--node-limit", problem));
        }
        let pods_per_node = match args.pods_per_node {
            Some(0) => {
                let problem = String::from("0 pods on a node; at least 1");
                return Err(argument("--pods-per-node", problem));
            }
            Some(pods) => pods,
            None => prices.pods_per_node(&args.node_size, args.pod_cpus, args.pod_memory)?,
        };
        Ok(Self {
            rule: rule.name(),
            layout: Layout {
                slots: policy.slots_per_pod,
                pod_start: micros("--pod-start", args.pod_start)?,
                pods_per_node,
                node_start: micros("--node-start", args.node_start)?,
                node_idle: micros("--node-idle", args.node_idle)?,
                node_limit: args.node_limit,
            },
            interval: micros("--interval", args.interval)?,
            policy,
        })
    }
}

fn micros(flag: &'static str, time: Duration) -> Result<u64, SimulateError> {
    if time > Duration::from_secs(24 * 3600) {
        return Err(argument(flag, String::from("is more than a day")));
    }
    Ok(time.as_micros() as u64)
}

/// Serves all tasks.
pub(super) fn simulate(
    setup: &Setup,
    workload: &Workload,
    times: &ServiceTimes,
    seed: u64,
) -> Result<Outcome, SimulateError> {
    let mut arrivals = workload.arrivals(seed)?;
    let Some(next) = arrivals.next().transpose()? else {
        return Err(argument("--trace", String::from("the file has no tasks")));
    };
    let waits = WaitTimes::new().map_err(|why| argument("waits", why.to_string()))?;
    let mut engine = Engine {
        setup,
        times,
        chance: chance(seed),
        arrivals,
        next: Some(next),
        queue: VecDeque::new(),
        events: Events::new(),
        cluster: Cluster::new(setup.layout.clone()),
        history: History::default(),
        lately: Lately::new(LATELY),
        waits,
        samples: Samples::new(),
        counts: Counts::default(),
    };
    let end = engine.run(workload.horizon())?;
    let work = match workload.horizon() {
        0 => end,
        horizon => horizon,
    };
    Ok(engine.outcome(end, work))
}

#[derive(Default)]
struct Counts {
    arrived: u64,
    served: u64,
    running: u64,
    /// Microseconds of slots.
    offered: u128,
    done: u128,
    decisions: u64,
    ups: u64,
    downs: u64,
}

struct Engine<'a> {
    setup: &'a Setup,
    times: &'a ServiceTimes,
    chance: ChaCha8Rng,
    arrivals: Arrivals<'a>,
    /// The first task that has not come yet.
    next: Option<Arrival>,
    /// When each waiting task came, and how long it will hold a slot.
    queue: VecDeque<(u64, u64)>,
    events: Events,
    cluster: Cluster,
    history: History,
    lately: Lately,
    waits: WaitTimes,
    samples: Samples,
    counts: Counts,
}

impl Engine<'_> {
    /// Until all is done and the horizon is reached; tells when that was.
    fn run(&mut self, horizon: u64) -> Result<u64, SimulateError> {
        let mut tick = 0;
        let mut now = 0;
        loop {
            let idle = self.next.is_none() && self.queue.is_empty() && self.counts.running == 0;
            if idle && now >= horizon {
                return Ok(now);
            }
            let event = self.events.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
            let arrival = self.next.map_or(u64::MAX, |task| task.at);
            let soonest = event.min(arrival).min(tick).min(self.samples.next());
            if idle && soonest >= horizon {
                return Ok(horizon);
            }
            now = soonest;
            if event == now {
                self.event(now);
            } else if arrival == now {
                self.arrive(now)?;
            } else if tick == now {
                self.decide(now);
                tick += self.setup.interval;
            } else {
                self.sample(now);
            }
        }
    }

    fn event(&mut self, now: u64) {
        let Some(Reverse((_, event))) = self.events.pop() else {
            return;
        };
        match event {
            Event::Done { pod, service } => {
                self.counts.running -= 1;
                self.counts.served += 1;
                self.counts.done += u128::from(service);
                self.lately.done(service);
                self.cluster.release(pod, now, &mut self.events);
            }
            Event::NodeReady { node } => self.cluster.node_ready(node, now, &mut self.events),
            Event::PodReady { pod } => self.cluster.pod_ready(pod),
        }
        self.dispatch(now);
    }

    fn arrive(&mut self, now: u64) -> Result<(), SimulateError> {
        if let Some(task) = self.next {
            let service = match task.service {
                Some(service) => service.max(1),
                None => self.times.next(&mut self.chance),
            };
            self.counts.arrived += 1;
            self.counts.offered += u128::from(service);
            self.lately.arrived();
            self.queue.push_back((now, service));
            self.dispatch(now);
        }
        self.next = self.arrivals.next().transpose()?;
        Ok(())
    }

    /// First come, first served.
    fn dispatch(&mut self, now: u64) {
        while let Some(&(came, service)) = self.queue.front() {
            let Some(pod) = self.cluster.claim() else {
                return;
            };
            self.queue.pop_front();
            self.waits.add(now - came);
            self.counts.running += 1;
            self.events
                .push(Reverse((now + service, Event::Done { pod, service })));
        }
    }

    fn decide(&mut self, now: u64) {
        let time = instant(now);
        let (arrivals_per_second, service_time) = self.lately.rates(now);
        let oldest = self.queue.front().map_or(0, |(came, _)| now - came);
        let wanted = self.cluster.wanted();
        let signals = Signals {
            measured_at: time,
            ready: self.queue.len() as u64,
            leased: self.counts.running,
            due_soon: 0,
            oldest_wait: Duration::from_micros(oldest),
            service_time,
            arrivals_per_second,
            pods: Pods {
                wanted,
                ready: self.cluster.ready(),
                failing: 0,
                unschedulable: self.cluster.unschedulable(),
            },
        };
        let decision = decide(&signals, &self.setup.policy, &self.history, time);
        self.history = decision.history;
        self.counts.decisions += 1;
        self.counts.ups += u64::from(decision.desired > wanted);
        self.counts.downs += u64::from(decision.desired < wanted);
        if decision.desired != wanted {
            self.cluster.scale(decision.desired, now, &mut self.events);
        }
        self.cluster.tidy(now);
    }

    fn sample(&mut self, now: u64) {
        self.samples.add(Sample {
            seconds: now / 1_000_000,
            queued: self.queue.len() as u64,
            running: self.counts.running,
            pods_wanted: self.cluster.wanted(),
            pods_ready: self.cluster.ready(),
            nodes: self.cluster.nodes(),
            wait_p95: self.waits.lately(),
        });
    }

    fn outcome(mut self, end: u64, work: u64) -> Outcome {
        // The last point is the end, also of a trace of seconds.
        self.sample(end);
        let pod_hours = self.cluster.pod_area.hours(end);
        let node_hours = self.cluster.node_area.hours(end);
        let all = hours(u128::from(end));
        let served_hours = hours(self.counts.done);
        let slot_hours = pod_hours * f64::from(self.setup.layout.slots);
        Outcome {
            rule: self.setup.rule,
            hours: all,
            work_hours: hours(u128::from(work)),
            arrived: self.counts.arrived,
            served: self.counts.served,
            offered_hours: hours(self.counts.offered),
            served_hours,
            wait: self.waits.waits(),
            pods_mean: pod_hours / all,
            pods_max: self.cluster.pod_area.highest(),
            nodes_mean: node_hours / all,
            nodes_max: self.cluster.node_area.highest(),
            node_hours,
            pod_hours,
            busy: if slot_hours > 0.0 {
                served_hours / slot_hours
            } else {
                0.0
            },
            decisions: self.counts.decisions,
            ups: self.counts.ups,
            downs: self.counts.downs,
            samples: self.samples.into_kept(),
        }
    }
}

/// The simulation's time as a date: any would do, so it starts with the epoch.
fn instant(now: u64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::microseconds(i64::try_from(now).unwrap_or(i64::MAX))
}
