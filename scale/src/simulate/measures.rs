//! What a simulation has seen.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Points in time that are kept; beyond, neighbours are merged. A day has one per minute.
const MOST_SAMPLES: usize = 2880;
/// Three digits: a wait is off by a thousandth at most.
const DIGITS: u8 = 3;
/// Longer waits count as this: ten years.
const LONGEST_WAIT: u64 = 10 * 366 * 24 * 3600 * 1_000_000;

/// What a policy made of a workload.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The rule's name.
    pub rule: &'static str,
    /// Hours from the start to the last task's end, or to the end of the last day.
    pub hours: f64,
    /// Hours within which tasks came: the days that were asked for, or all of a trace.
    pub work_hours: f64,
    /// Tasks that came.
    pub arrived: u64,
    /// Tasks that were done.
    pub served: u64,
    /// Hours of slots that the tasks which came asked for.
    pub offered_hours: f64,
    /// Hours of slots that tasks were served for.
    pub served_hours: f64,
    /// From coming to being claimed.
    pub wait: Waits,
    /// Pods on nodes, on average over time.
    pub pods_mean: f64,
    /// At most.
    pub pods_max: u32,
    /// Nodes, on average, from asking for them on.
    pub nodes_mean: f64,
    /// At most.
    pub nodes_max: u32,
    /// Hours of nodes.
    pub node_hours: f64,
    /// Hours of pods on nodes.
    pub pod_hours: f64,
    /// Share of the pods' slots that was busy.
    pub busy: f64,
    /// How often it was decided.
    pub decisions: u64,
    /// Decisions that added pods.
    pub ups: u64,
    /// Decisions that took pods away.
    pub downs: u64,
    /// What happened over time.
    pub samples: Vec<Sample>,
}

/// Waits in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waits {
    /// Half of the tasks waited no longer.
    pub p50: f64,
    /// 95 of 100 waited no longer.
    pub p95: f64,
    /// 99 of 100 waited no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Seconds since the start.
    pub seconds: u64,
    /// Tasks that wait.
    pub queued: u64,
    /// Tasks that are worked on.
    pub running: u64,
    /// Pods that are wanted.
    pub pods_wanted: u32,
    /// Pods that are ready.
    pub pods_ready: u32,
    /// Nodes.
    pub nodes: u32,
    /// What 95 of 100 tasks that were claimed since the last point had waited, in seconds.
    pub wait_p95: f64,
}

/// A number over time: its sum and its highest.
#[derive(Debug, Default)]
pub(super) struct Area {
    value: u32,
    since: u64,
    sum: u128,
    highest: u32,
}

impl Area {
    pub(super) fn value(&self) -> u32 {
        self.value
    }

    pub(super) fn highest(&self) -> u32 {
        self.highest
    }

    pub(super) fn add(&mut self, now: u64, change: i32) {
        self.sum += u128::from(self.value) * u128::from(now - self.since);
        self.since = now;
        self.value = self.value.saturating_add_signed(change);
        self.highest = self.highest.max(self.value);
    }

    /// Number times hours.
    pub(super) fn hours(&mut self, now: u64) -> f64 {
        self.add(now, 0);
        hours(self.sum)
    }
}

/// Microseconds as hours.
pub(super) fn hours(micros: u128) -> f64 {
    micros as f64 / 3.6e9
}

/// How long tasks waited.
pub(super) struct WaitTimes {
    all: Histogram<u64>,
    lately: Histogram<u64>,
}

impl WaitTimes {
    pub(super) fn new() -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self {
            all: Histogram::new_with_max(LONGEST_WAIT, DIGITS)?,
            lately: Histogram::new_with_max(LONGEST_WAIT, DIGITS)?,
        })
    }

    pub(super) fn add(&mut self, micros: u64) {
        self.all.saturating_record(micros);
        self.lately.saturating_record(micros);
    }

    pub(super) fn waits(&self) -> Waits {
        Waits {
            p50: quantile(&self.all, 0.5),
            p95: quantile(&self.all, 0.95),
            p99: quantile(&self.all, 0.99),
            max: quantile(&self.all, 1.0),
        }
    }

    /// The 95th percentile since the last call.
    pub(super) fn lately(&mut self) -> f64 {
        let wait = quantile(&self.lately, 0.95);
        self.lately.reset();
        wait
    }
}

fn quantile(times: &Histogram<u64>, share: f64) -> f64 {
    if times.is_empty() {
        return 0.0;
    }
    // The histogram answers with the end of a bucket; its start lets no wait at all be none.
    times.lowest_equivalent(times.value_at_quantile(share)) as f64 / 1e6
}

/// What happened over time, in bounded memory.
pub(super) struct Samples {
    every: u64,
    next: u64,
    kept: Vec<Sample>,
}

impl Samples {
    pub(super) fn new() -> Self {
        let every = 60_000_000;
        Self {
            every,
            next: every,
            kept: Vec::new(),
        }
    }

    /// When the next is due, in microseconds.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn add(&mut self, sample: Sample) {
        self.kept.push(sample);
        if self.kept.len() >= MOST_SAMPLES {
            self.kept = self.kept.chunks(2).map(merged).collect();
            self.every *= 2;
        }
        self.next += self.every;
    }

    pub(super) fn into_kept(self) -> Vec<Sample> {
        self.kept
    }
}

/// The last of them, with the worst of what was waited.
fn merged(samples: &[Sample]) -> Sample {
    let last = samples[samples.len() - 1];
    samples.iter().fold(last, |worst, sample| Sample {
        queued: worst.queued.max(sample.queued),
        wait_p95: worst.wait_p95.max(sample.wait_p95),
        ..worst
    })
}

/// What the controller knows of the last minutes.
pub(super) struct Lately {
    span: u64,
    past: VecDeque<(u64, Counts)>,
    running: Counts,
    sum: Counts,
}

/// Tasks between two decisions.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    arrived: u64,
    done: u64,
    service: u64,
}

impl Lately {
    /// The last `span`.
    pub(super) fn new(span: Duration) -> Self {
        Self {
            span: span.as_micros() as u64,
            past: VecDeque::new(),
            running: Counts::default(),
            sum: Counts::default(),
        }
    }

    pub(super) fn arrived(&mut self) {
        self.running.arrived += 1;
        self.sum.arrived += 1;
    }

    pub(super) fn done(&mut self, service: u64) {
        self.running.done += 1;
        self.running.service += service;
        self.sum.done += 1;
        self.sum.service += service;
    }

    /// Arrivals a second and mean service time, as far as there were any.
    pub(super) fn rates(&mut self, now: u64) -> (Option<f64>, Option<Duration>) {
        self.past
            .push_back((now, std::mem::take(&mut self.running)));
        while let Some(&(at, counts)) = self.past.front() {
            if now - at < self.span {
                break;
            }
            self.past.pop_front();
            self.sum.arrived -= counts.arrived;
            self.sum.done -= counts.done;
            self.sum.service -= counts.service;
        }
        let seconds = now.min(self.span) as f64 / 1e6;
        let rate = (seconds > 0.0).then(|| self.sum.arrived as f64 / seconds);
        let mean = self.sum.service.checked_div(self.sum.done);
        (rate, mean.map(Duration::from_micros))
    }
}
