//! The command line of the simulation.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use humantime::parse_duration;

use super::SimulateError;
use crate::policy::{Policy, RuleName, UpLimit};

/// Seconds of a day.
pub(super) const DAY: u64 = 24 * 3600;

/// `packguard scale simulate`
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// Tasks a day [default: 50000]
    #[arg(long, value_name = "TASKS", conflicts_with_all = ["month", "trace"], help_heading = "Work")]
    pub day: Option<u64>,
    /// Tasks in 30 days, which are all simulated
    #[arg(long, value_name = "TASKS", conflicts_with_all = ["trace", "days"], help_heading = "Work")]
    pub month: Option<u64>,
    /// Tasks from a CSV file, sorted: seconds since the start and, if known, seconds of service
    #[arg(long, value_name = "FILE", conflicts_with_all = ["days", "spike"], help_heading = "Work")]
    pub trace: Option<PathBuf>,
    /// How many days
    #[arg(long, default_value_t = 1, help_heading = "Work")]
    pub days: u64,
    /// Share of a day's tasks that come in its peak hours, from 0 to 1
    #[arg(
        long,
        default_value_t = 0.4,
        value_name = "SHARE",
        help_heading = "Work"
    )]
    pub peak_share: f64,
    /// How long the peak lasts
    #[arg(long, default_value = "8h", value_parser = parse_duration, value_name = "TIME", help_heading = "Work")]
    pub peak_length: Duration,
    /// When the peak begins, after midnight
    #[arg(long, default_value = "9h", value_parser = parse_duration, value_name = "TIME", help_heading = "Work")]
    pub peak_start: Duration,
    /// Tasks on top, each day, as 14:30=5000 (within a minute) or 14:30=5000/10m
    #[arg(long, value_name = "SPIKE", help_heading = "Work")]
    pub spike: Vec<Spike>,
    /// What chance starts from
    #[arg(long, default_value_t = 1, help_heading = "Work")]
    pub seed: u64,

    /// CPU time of the median task, download apart: measured, see the README
    #[arg(long, default_value = "20ms", value_parser = parse_duration, value_name = "TIME", help_heading = "Service time")]
    pub service_median: Duration,
    /// CPU time that 95 of 100 tasks stay under, download apart: measured
    #[arg(long, default_value = "754ms", value_parser = parse_duration, value_name = "TIME", help_heading = "Service time")]
    pub service_p95: Duration,
    /// Mean time in a slot, download included; the median follows, the spread between it and the p95 stays
    #[arg(long, value_parser = parse_duration, value_name = "TIME", help_heading = "Service time")]
    pub service_mean: Option<Duration>,
    /// Fetching the package, added to each task: assumed
    #[arg(long, default_value = "250ms", value_parser = parse_duration, value_name = "TIME", help_heading = "Service time")]
    pub download: Duration,
    /// No task computes longer than this
    #[arg(long, default_value = "2m", value_parser = parse_duration, value_name = "TIME", help_heading = "Service time")]
    pub service_max: Duration,
    /// Measured times in a slot, one number of seconds a line; drawn from by chance
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "service_mean",
        help_heading = "Service time"
    )]
    pub service: Option<PathBuf>,

    /// How pods follow from work; several, with commas, are shown side by side
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "target-wait",
        help_heading = "Policy"
    )]
    pub rule: Vec<RuleName>,
    /// What target-wait aims at for 95 of 100 tasks
    #[arg(long, default_value = "10s", value_parser = parse_duration, value_name = "TIME", help_heading = "Policy")]
    pub target: Duration,
    /// Fewest pods
    #[arg(long, default_value_t = 0, help_heading = "Policy")]
    pub min: u32,
    /// Most pods
    #[arg(long, default_value_t = 1000, help_heading = "Policy")]
    pub max: u32,
    /// Tasks that a pod works on at once
    #[arg(long, default_value_t = 2, help_heading = "Policy")]
    pub slots: u32,
    /// Pods more per minute, or --up-percent if that is more
    #[arg(
        long,
        default_value_t = 10,
        value_name = "PODS",
        help_heading = "Policy"
    )]
    pub up_pods: u32,
    /// See --up-pods
    #[arg(
        long,
        default_value_t = 100,
        value_name = "PERCENT",
        help_heading = "Policy"
    )]
    pub up_percent: u32,
    /// Pods fewer per --down-every
    #[arg(
        long,
        default_value_t = 1,
        value_name = "PODS",
        help_heading = "Policy"
    )]
    pub down_pods: u32,
    /// See --down-pods
    #[arg(long, default_value = "10m", value_parser = parse_duration, value_name = "TIME", help_heading = "Policy")]
    pub down_every: Duration,
    /// How long fewer pods must have been enough
    #[arg(long, default_value = "10m", value_parser = parse_duration, value_name = "TIME", help_heading = "Policy")]
    pub quiet_window: Duration,
    /// How often it is decided
    #[arg(long, default_value = "5s", value_parser = parse_duration, value_name = "TIME", help_heading = "Policy")]
    pub interval: Duration,

    /// From a pod's placement on a node to its first claim
    #[arg(long, default_value = "10s", value_parser = parse_duration, value_name = "TIME", help_heading = "Cluster")]
    pub pod_start: Duration,
    /// CPUs that a pod asks for; 1.8 lets four pods of two slots share a node of eight with the node's system
    #[arg(
        long,
        default_value_t = 1.8,
        value_name = "CPUS",
        help_heading = "Cluster"
    )]
    pub pod_cpus: f64,
    /// Memory that a pod asks for, in GB
    #[arg(
        long,
        default_value_t = 4.0,
        value_name = "GB",
        help_heading = "Cluster"
    )]
    pub pod_memory: f64,
    /// Size of the nodes, from the price table
    #[arg(
        long,
        default_value = "g-8vcpu-32gb",
        value_name = "SIZE",
        help_heading = "Cluster"
    )]
    pub node_size: String,
    /// Pods on a node [default: as many as its size has room for]
    #[arg(long, value_name = "PODS", help_heading = "Cluster")]
    pub pods_per_node: Option<u32>,
    /// From asking for a node to pods starting on it
    #[arg(long, default_value = "2m", value_parser = parse_duration, value_name = "TIME", help_heading = "Cluster")]
    pub node_start: Duration,
    /// How long a node is kept without pods
    #[arg(long, default_value = "10m", value_parser = parse_duration, value_name = "TIME", help_heading = "Cluster")]
    pub node_idle: Duration,
    /// Most nodes for workers: deploy/doks has 50, a new account 25 Droplets in all
    #[arg(
        long,
        default_value_t = 50,
        value_name = "NODES",
        help_heading = "Cluster"
    )]
    pub node_limit: u32,

    /// Price table in TOML [default: built in, of list prices that want checking]
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub prices: Option<PathBuf>,
    /// Write what happened over time, for the first rule
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub csv: Option<PathBuf>,
    /// Draw it
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub svg: Option<PathBuf>,
}

/// Tasks on top of a day, at one time of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spike {
    /// The minute of the day when it begins.
    pub minute: u64,
    /// How many tasks.
    pub tasks: u64,
    /// Minutes within which they come.
    pub minutes: u64,
}

impl FromStr for Spike {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || String::from("a spike is written as 14:30=5000 or 14:30=5000/10m");
        let (time, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (hour, minute) = time.split_once(':').ok_or_else(wrong)?;
        let (tasks, length) = rest.split_once('/').unwrap_or((rest, "1m"));
        let hour: u64 = hour.parse().map_err(|_| wrong())?;
        let minute: u64 = minute.parse().map_err(|_| wrong())?;
        let tasks = tasks.parse().map_err(|_| wrong())?;
        let length = parse_duration(length).map_err(|_| wrong())?;
        let minutes = length.as_secs().div_ceil(60).max(1);
        if hour > 23 || minute > 59 || hour * 60 + minute + minutes > DAY / 60 {
            return Err(String::from(
                "a spike lies within one day, from 0:00 to 24:00",
            ));
        }
        Ok(Self {
            minute: hour * 60 + minute,
            tasks,
            minutes,
        })
    }
}

impl SimulateArgs {
    /// The policy that the arguments make up.
    ///
    /// # Errors
    /// If it makes no sense.
    pub fn policy(&self, rule: RuleName) -> Result<Policy, SimulateError> {
        let policy = Policy {
            rule: rule.rule(self.target),
            min: self.min,
            max: self.max,
            slots_per_pod: self.slots,
            up: UpLimit {
                pods: self.up_pods,
                percent: self.up_percent,
            },
            down_pods: self.down_pods,
            down_every: self.down_every,
            quiet_window: self.quiet_window,
            ..Policy::default()
        };
        let problems: Vec<String> = policy.validate().iter().map(ToString::to_string).collect();
        if problems.is_empty() {
            Ok(policy)
        } else {
            Err(SimulateError::Policy(problems.join("; ")))
        }
    }
}
