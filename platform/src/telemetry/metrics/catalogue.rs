//! Registers metrics and remembers what they are, for the documentation.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::buckets::Buckets;
use super::labels::Labels;

/// What one metric is.
#[derive(Debug, Clone)]
pub struct Described {
    /// Its whole name, with unit and, for a counter, `_total`.
    pub name: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
    /// A histogram's boundaries.
    pub buckets: Option<&'static Buckets>,
}

/// A histogram for each set of labels.
pub(super) type Histograms<L> = Family<L, Histogram, Bounds>;
/// Counts seconds, which come in fractions.
pub(super) type SecondsCounter = Counter<f64, AtomicU64>;

/// Makes histograms with given boundaries.
#[derive(Debug, Clone)]
pub(super) struct Bounds(&'static Buckets);

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.bounds.iter().copied())
    }
}

/// A metric about to be registered: its name without prefix and suffix, and its help.
pub(super) struct Entry {
    name: &'static str,
    unit: Option<Unit>,
    help: &'static str,
}

pub(super) fn plain(name: &'static str, help: &'static str) -> Entry {
    let unit = None;
    Entry { name, unit, help }
}

pub(super) fn seconds(name: &'static str, help: &'static str) -> Entry {
    let unit = Some(Unit::Seconds);
    Entry { name, unit, help }
}

pub(super) fn bytes(name: &'static str, help: &'static str) -> Entry {
    let unit = Some(Unit::Bytes);
    Entry { name, unit, help }
}

/// Collects metrics. All get the prefix `packguard_`.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) registry: Registry,
    pub(super) described: Vec<Described>,
}

const PREFIX: &str = "packguard";

impl Catalogue {
    pub(super) fn new() -> Self {
        Self {
            registry: Registry::with_prefix(PREFIX),
            described: Vec::new(),
        }
    }

    pub(super) fn seconds_counter(&mut self, entry: Entry) -> SecondsCounter {
        let counter = SecondsCounter::default();
        self.add(entry, "counter", &[], counter.clone());
        counter
    }

    pub(super) fn counter(&mut self, entry: Entry) -> Counter {
        let counter = Counter::default();
        self.add(entry, "counter", &[], counter.clone());
        counter
    }

    pub(super) fn counters<L: Labels>(&mut self, entry: Entry) -> Family<L, Counter> {
        let family = Family::<L, Counter>::default();
        self.add(entry, "counter", L::NAMES, family.clone());
        family
    }

    pub(super) fn gauge(&mut self, entry: Entry) -> Gauge {
        let gauge = Gauge::default();
        self.add(entry, "gauge", &[], gauge.clone());
        gauge
    }

    pub(super) fn gauges<L: Labels>(&mut self, entry: Entry) -> Family<L, Gauge> {
        let family = Family::<L, Gauge>::default();
        self.add(entry, "gauge", L::NAMES, family.clone());
        family
    }

    pub(super) fn histogram(&mut self, entry: Entry, buckets: &'static Buckets) -> Histogram {
        let histogram = Bounds(buckets).new_metric();
        self.add(entry, "histogram", &[], histogram.clone());
        self.set_buckets(buckets);
        histogram
    }

    pub(super) fn histograms<L: Labels>(
        &mut self,
        entry: Entry,
        buckets: &'static Buckets,
    ) -> Histograms<L> {
        let family = Family::new_with_constructor(Bounds(buckets));
        self.add(entry, "histogram", L::NAMES, family.clone());
        self.set_buckets(buckets);
        family
    }

    /// Notes what registers itself: `build_info` and the process's metrics.
    pub(super) fn describe(&mut self, described: Described) {
        self.described.push(described);
    }

    fn set_buckets(&mut self, buckets: &'static Buckets) {
        if let Some(last) = self.described.last_mut() {
            last.buckets = Some(buckets);
        }
    }

    fn add(
        &mut self,
        entry: Entry,
        kind: &'static str,
        labels: &'static [&'static str],
        metric: impl Metric,
    ) {
        let unit = entry
            .unit
            .as_ref()
            .map(|unit| format!("_{}", unit.as_str()));
        let total = if kind == "counter" { "_total" } else { "" };
        self.described.push(Described {
            name: format!("{PREFIX}_{}{}{total}", entry.name, unit.unwrap_or_default()),
            kind,
            labels,
            help: entry.help,
            buckets: None,
        });
        // The registry ends the help with a full stop of its own.
        let help = entry.help.trim_end_matches('.');
        match entry.unit {
            Some(unit) => self
                .registry
                .register_with_unit(entry.name, help, unit, metric),
            None => self.registry.register(entry.name, help, metric),
        }
    }
}

/// All metrics as a page of Markdown.
pub(super) fn page(described: &[Described]) -> String {
    let mut page = String::from(include_str!("page.md"));
    page.push_str("| metric | type | labels | |\n|---|---|---|---|\n");
    for metric in described {
        let labels: Vec<String> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
        let (name, kind, labels) = (&metric.name, metric.kind, labels.join(", "));
        // Writing to a string does not fail.
        let _ = writeln!(page, "| `{name}` | {kind} | {labels} | {} |", metric.help);
    }
    page.push_str("\n## Buckets\n\n| metric | upper bounds | why |\n|---|---|---|\n");
    for metric in described {
        let Some(buckets) = metric.buckets else {
            continue;
        };
        let bounds: Vec<String> = buckets.bounds.iter().map(f64::to_string).collect();
        let (name, bounds) = (&metric.name, bounds.join(", "));
        let _ = writeln!(page, "| `{name}` | {bounds} | {} |", buckets.why);
    }
    page
}
