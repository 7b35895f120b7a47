//! The queue, tasks, workers' slots, analyzers.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use packguard_runtime::report::{Outcome as Verdict, StepInfo};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::catalogue::{Catalogue, Histograms, SecondsCounter, bytes, plain, seconds};
use super::labels::{
    Analyzer, AnalyzerRun, Finished, HasOutcome, HasReason, InQueue, Judged, QueueState, Ready,
    Return, TaskOutcome, ecosystem,
};
use super::{Metrics, buckets, signed};
use crate::model::Priority;
use crate::telemetry::spans;

/// Analyzers with series of their own: seven are bundled, and an operator who adds more than
/// this has the rest counted together.
const MAX_ANALYZERS: usize = 64;

pub(super) struct Work {
    depth: Family<InQueue, Gauge>,
    ready: Family<Ready, Gauge>,
    oldest: Gauge,
    wait: Histogram,
    durations: Histograms<HasOutcome>,
    finished: Family<Finished, Counter>,
    verdicts: Family<Judged, Counter>,
    returned: Family<HasReason, Counter>,
    cpu: SecondsCounter,
    slots: Gauge,
    slots_in_use: Gauge,
    memory_budget: Gauge,
    memory_reserved: Gauge,
    analyzer_durations: Histograms<Analyzer>,
    analyzer_memory: Histograms<Analyzer>,
    analyzer_runs: Family<AnalyzerRun, Counter>,
    analyzer_fuel: Family<Analyzer, Counter>,
    known_analyzers: Mutex<BTreeSet<String>>,
    /// The priorities that have a series: they go to nought, not away.
    known_priorities: Mutex<BTreeSet<i16>>,
}

impl Work {
    pub(super) fn new(c: &mut Catalogue) -> Self {
        Self {
            depth: c.gauges(plain("queue_depth", "Tasks in the queue")),
            ready: c.gauges(plain("queue_ready", "Tasks to be claimed, by priority")),
            oldest: c.gauge(seconds(
                "queue_oldest_wait",
                "How long the task has waited that became ready first; 0 where none is ready",
            )),
            wait: c.histogram(
                seconds("queue_wait", "From a task's being ready to its claim"),
                &buckets::QUEUE_WAIT,
            ),
            durations: c.histograms(
                seconds("task_duration", "From a task's claim to its end"),
                &buckets::TASK,
            ),
            finished: c.counters(plain(
                "tasks_finished",
                "Tasks that ended for good; outcome: completed, cancelled, or the error's category",
            )),
            verdicts: c.counters(plain("verdicts", "Reports, by verdict")),
            returned: c.counters(plain(
                "tasks_returned",
                "Claims that ended without finishing their task",
            )),
            cpu: c.seconds_counter(seconds(
                "task_cpu",
                "CPU time of the steps of tasks: how long each computed, added up",
            )),
            slots: c.gauge(plain("worker_slots", "Tasks that this worker may run at once")),
            slots_in_use: c.gauge(plain("worker_slots_in_use", "Tasks that it runs")),
            memory_budget: c.gauge(bytes(
                "worker_memory_budget",
                "Memory that this worker may promise to sandboxes",
            )),
            memory_reserved: c.gauge(bytes(
                "worker_memory_reserved",
                "Memory promised to sandboxes that run",
            )),
            analyzer_durations: c.histograms(
                seconds("analyzer_duration", "Wall clock of an analyzer on one package"),
                &buckets::ANALYZER,
            ),
            analyzer_memory: c.histograms(
                bytes(
                    "analyzer_peak_memory",
                    "Peak of an analyzer's linear memories and tables together",
                ),
                &buckets::ANALYZER_MEMORY,
            ),
            analyzer_runs: c.counters(plain(
                "analyzer_runs",
                "Runs of an analyzer; outcome: ok, trap, out_of_memory, out_of_time, …, as in the report",
            )),
            analyzer_fuel: c.counters(plain(
                "analyzer_fuel",
                "CPU work in fuel, about one unit per WebAssembly instruction",
            )),
            known_analyzers: Mutex::default(),
            known_priorities: Mutex::default(),
        }
    }
}

impl Metrics {
    /// How many tasks the queue holds in each state.
    pub fn queue_depth(&self, state: QueueState, tasks: u64) {
        let labels = InQueue { state };
        let gauge = self.0.work.depth.get_or_create(&labels);
        gauge.set(signed(tasks));
    }

    /// How long the task has waited that became ready first, where any is ready.
    pub fn queue_oldest(&self, waited: Option<Duration>) {
        let waited = waited.unwrap_or_default().as_secs();
        self.0.work.oldest.set(signed(waited));
    }

    /// How many tasks are ready, for each priority that has any.
    pub fn queue_ready(&self, by_priority: &[(Priority, u64)]) {
        let work = &self.0.work;
        let mut known = lock(&work.known_priorities);
        known.extend(by_priority.iter().map(|(priority, _)| priority.get()));
        for &priority in known.iter() {
            let same = by_priority.iter().filter(|(p, _)| p.get() == priority);
            let tasks = same.map(|(_, tasks)| tasks).sum();
            let gauge = work.ready.get_or_create(&Ready { priority });
            gauge.set(signed(tasks));
        }
    }

    /// A task was claimed after waiting.
    pub fn claimed(&self, waited: Duration) {
        self.0.work.wait.observe(waited.as_secs_f64());
    }

    /// A task ended for good, `took` after its claim.
    pub fn task_finished(&self, purl_type: &str, outcome: TaskOutcome, took: Duration) {
        let work = &self.0.work;
        let duration = work.durations.get_or_create(&HasOutcome { outcome });
        duration.observe(took.as_secs_f64());
        let ecosystem = ecosystem(purl_type);
        let labels = Finished { ecosystem, outcome };
        work.finished.get_or_create(&labels).inc();
    }

    /// A report was written.
    pub fn verdict(&self, purl_type: &str, verdict: Verdict) {
        let ecosystem = ecosystem(purl_type);
        let verdict = match verdict {
            Verdict::Clean => "clean",
            Verdict::Incomplete => "incomplete",
            Verdict::Suspicious => "suspicious",
            Verdict::Malicious => "malicious",
        };
        let labels = Judged { ecosystem, verdict };
        self.0.work.verdicts.get_or_create(&labels).inc();
    }

    /// A claim ended without finishing its task.
    pub fn task_returned(&self, reason: Return) {
        let labels = HasReason { reason };
        self.0.work.returned.get_or_create(&labels).inc();
    }

    /// CPU time went into tasks.
    pub fn task_cpu(&self, used: Duration) {
        self.0.work.cpu.inc_by(used.as_secs_f64());
    }

    /// The worker's slots.
    pub fn slots(&self, in_use: usize, total: usize) {
        let work = &self.0.work;
        work.slots_in_use.set(signed(in_use as u64));
        work.slots.set(signed(total as u64));
    }

    /// The worker's memory for sandboxes, bytes.
    pub fn memory(&self, reserved: u64, budget: u64) {
        let work = &self.0.work;
        work.memory_reserved.set(signed(reserved));
        work.memory_budget.set(signed(budget));
    }

    /// Names an analyzer that this process runs; those not named are counted as `other`.
    pub fn know_analyzer(&self, name: &str) {
        let mut known = lock(&self.0.work.known_analyzers);
        if known.len() < MAX_ANALYZERS {
            known.insert(name.to_owned());
        }
    }

    /// An analyzer, the unpacker or the judge ended.
    pub fn step(&self, step: &StepInfo) {
        let work = &self.0.work;
        let known = lock(&work.known_analyzers).contains(&step.name);
        let name = if known { step.name.as_str() } else { "other" };
        let analyzer = name.to_owned();
        let outcome = spans::outcome(step.outcome);
        let run = AnalyzerRun { analyzer, outcome };
        work.analyzer_runs.get_or_create(&run).inc();
        let analyzer = run.analyzer;
        let labels = Analyzer { analyzer };
        if let Some(microseconds) = step.usage.duration_us {
            let took = Duration::from_micros(microseconds).as_secs_f64();
            let durations = work.analyzer_durations.get_or_create(&labels);
            durations.observe(took);
        }
        let memory = work.analyzer_memory.get_or_create(&labels);
        memory.observe(step.usage.peak_memory as f64);
        let fuel = work.analyzer_fuel.get_or_create(&labels);
        fuel.inc_by(step.usage.fuel);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
