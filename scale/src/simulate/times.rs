//! How long tasks hold a slot.

use std::path::Path;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

use super::SimulateError;
use super::args::{DAY, SimulateArgs};
use super::workload::{argument, micros};

/// Quantile of the standard normal distribution at 95 %.
const Z95: f64 = 1.644_853_626_951_472_2;
/// Measured times that are kept: 8 MB.
const MOST_SAMPLES: usize = 1_000_000;
/// See the workload's.
const STREAM: u64 = 2;

/// Where service times come from.
#[derive(Debug)]
pub(super) enum ServiceTimes {
    /// A lognormal, cut, and a constant on top; in microseconds.
    Computed {
        compute: LogNormal<f64>,
        longest: f64,
        download: f64,
    },
    /// Measured ones, in microseconds.
    Measured(Vec<u64>),
}

/// Chance for service times.
pub(super) fn chance(seed: u64) -> ChaCha8Rng {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    chance.set_stream(STREAM);
    chance
}

impl ServiceTimes {
    pub(super) fn from_args(args: &SimulateArgs) -> Result<Self, SimulateError> {
        match &args.service {
            Some(file) => measured(file).map(Self::Measured),
            None => computed(args),
        }
    }

    /// Of the next task, in microseconds, at least one.
    pub(super) fn next(&self, chance: &mut ChaCha8Rng) -> u64 {
        match self {
            Self::Computed {
                compute,
                longest,
                download,
            } => (compute.sample(chance).min(*longest) + download).max(1.0) as u64,
            Self::Measured(times) => times[chance.random_range(0..times.len())].max(1),
        }
    }
}

fn computed(args: &SimulateArgs) -> Result<ServiceTimes, SimulateError> {
    let (median, p95) = (micros_of(args.service_median), micros_of(args.service_p95));
    if median < 1.0 || p95 < median {
        let problem = String::from("the median is above zero, and --service-p95 not below it");
        return Err(argument("--service-median", problem));
    }
    if args.service_max.as_secs() > DAY || args.download.as_secs() > DAY {
        let problem = String::from("not more than a day");
        return Err(argument("--service-max and --download", problem));
    }
    let spread = (p95 / median).ln() / Z95;
    let download = micros_of(args.download);
    let median = match args.service_mean.map(micros_of) {
        None => median,
        Some(mean) if mean > download => (mean - download) / (spread * spread / 2.0).exp(),
        Some(_) => {
            let problem = String::from("is not above --download, which it includes: lower that");
            return Err(argument("--service-mean", problem));
        }
    };
    let compute = LogNormal::new(median.ln(), spread)
        .map_err(|why| argument("--service-median", why.to_string()))?;
    Ok(ServiceTimes::Computed {
        compute,
        longest: micros_of(args.service_max),
        download,
    })
}

fn micros_of(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn measured(path: &Path) -> Result<Vec<u64>, SimulateError> {
    let text = std::fs::read_to_string(path).map_err(|why| SimulateError::Read {
        file: path.to_path_buf(),
        why: why.to_string(),
    })?;
    let mut times = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_is = |problem: String| SimulateError::Line {
            file: path.to_path_buf(),
            line: index as u64 + 1,
            problem,
        };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let time =
            micros(line).ok_or_else(|| line_is(format!("`{line}` is not a number of seconds")))?;
        if times.len() == MOST_SAMPLES {
            return Err(line_is(format!(
                "more than {MOST_SAMPLES} times: a part of them will do"
            )));
        }
        times.push(time);
    }
    if times.is_empty() {
        return Err(argument(
            "--service",
            String::from("the file has no times: one number of seconds a line"),
        ));
    }
    Ok(times)
}
