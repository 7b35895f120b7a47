//! The process itself, from `/proc` at each scrape, under the names that Prometheus' own
//! client libraries use (so without our prefix): dashboards know them. Where there is no
//! `/proc`, they are left out.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::catalogue::{Catalogue, Described};

/// In which `/proc` counts CPU time and start: fixed at 100 a second for programs, whatever
/// the kernel's own tick (`USER_HZ`), on all that Rust's Linux targets support.
const TICKS: f64 = 100.0;

const METRICS: [(&str, &str, &str); 6] = [
    (
        "process_cpu_seconds_total",
        "counter",
        "User and system CPU time",
    ),
    ("process_resident_memory_bytes", "gauge", "Resident memory"),
    (
        "process_start_time_seconds",
        "gauge",
        "Start of the process, in Unix time",
    ),
    ("process_open_fds", "gauge", "Open file descriptors"),
    ("process_max_fds", "gauge", "The most it may open"),
    ("process_threads", "gauge", "Threads of the process"),
];

/// A registry of their own: the other's has a prefix.
pub(super) fn register(catalogue: &mut Catalogue) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Process));
    for (name, kind, help) in METRICS {
        catalogue.describe(Described {
            name: name.to_owned(),
            kind,
            labels: &[],
            help,
            buckets: None,
        });
    }
    registry
}

#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let values = read();
        for ((name, kind, help), value) in METRICS.into_iter().zip(values) {
            let Some(value) = value else { continue };
            let (name, unit) = split(name);
            if kind == "counter" {
                let counter = ConstCounter::new(value);
                let into =
                    encoder.encode_descriptor(name, help, unit.as_ref(), counter.metric_type())?;
                counter.encode(into)?;
            } else {
                let gauge = ConstGauge::new(value);
                let into =
                    encoder.encode_descriptor(name, help, unit.as_ref(), gauge.metric_type())?;
                gauge.encode(into)?;
            }
        }
        Ok(())
    }
}

/// The encoder appends unit and `_total` itself.
fn split(name: &str) -> (&str, Option<Unit>) {
    let name = name.strip_suffix("_total").unwrap_or(name);
    if let Some(name) = name.strip_suffix("_seconds") {
        (name, Some(Unit::Seconds))
    } else if let Some(name) = name.strip_suffix("_bytes") {
        (name, Some(Unit::Bytes))
    } else {
        (name, None)
    }
}

/// In the order of [`METRICS`].
fn read() -> [Option<f64>; 6] {
    let file = |path| std::fs::read_to_string(path).unwrap_or_default();
    let stat = file("/proc/self/stat");
    let status = file("/proc/self/status");
    // The second field is the command's name, which may hold blanks and parentheses.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
    // `man proc` counts from 1; these start with its field 3.
    let field =
        |number: usize| -> Option<f64> { fields?.split_whitespace().nth(number - 3)?.parse().ok() };
    let cpu = field(14)
        .zip(field(15))
        .map(|(user, system)| (user + system) / TICKS);
    let boot = value(&file("/proc/stat"), "btime");
    let start = boot
        .zip(field(22))
        .map(|(boot, ticks)| boot + ticks / TICKS);
    // Listing them opens one.
    let open = std::fs::read_dir("/proc/self/fd")
        .ok()
        .map(|all| all.count().saturating_sub(1) as f64);
    [
        cpu,
        value(&status, "VmRSS:").map(|kib| kib * 1024.0),
        start,
        open,
        value(&file("/proc/self/limits"), "Max open files"),
        value(&status, "Threads:"),
    ]
}

/// The first number of the line that starts with `name`.
fn value(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
