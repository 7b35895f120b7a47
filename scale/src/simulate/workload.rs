//! When tasks come.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

use super::SimulateError;
use super::args::{DAY, SimulateArgs};

/// Minutes of a day.
const MINUTES: u64 = DAY / 60;
/// Days that are simulated at most: a year.
const MOST_DAYS: u64 = 366;
/// Tasks at most: a quarter of an hour of computing or so.
const MOST_TASKS: u64 = 1_000_000_000;
/// What chance is drawn from for arrivals; service times have a stream of their own.
const STREAM: u64 = 1;

/// A task that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Microseconds since the start.
    pub(super) at: u64,
    /// Microseconds of service, where they are known beforehand.
    pub(super) service: Option<u64>,
}

/// Where tasks come from.
#[derive(Debug)]
pub(super) enum Workload {
    /// The same shape each day.
    Days {
        /// Tasks that are expected in each minute of a day.
        shape: Vec<f64>,
        days: u64,
        tasks: u64,
    },
    /// A recorded one.
    Trace(PathBuf),
}

impl Workload {
    pub(super) fn from_args(args: &SimulateArgs) -> Result<Self, SimulateError> {
        if let Some(file) = &args.trace {
            return Ok(Self::Trace(file.clone()));
        }
        let (total, days) = match args.month {
            Some(month) => (month, 30),
            None => (
                args.day.unwrap_or(50_000).saturating_mul(args.days),
                args.days,
            ),
        };
        if days == 0 || days > MOST_DAYS {
            return Err(argument(
                "--days",
                format!("{days} is not from 1 to {MOST_DAYS}"),
            ));
        }
        let on_top = args
            .spike
            .iter()
            .fold(0u64, |sum, spike| sum.saturating_add(spike.tasks));
        let tasks = total.saturating_add(on_top.saturating_mul(days));
        if tasks == 0 || tasks > MOST_TASKS {
            let problem = format!("{tasks} tasks in all; say how many, from 1 to {MOST_TASKS}");
            return Err(argument("--day or --month", problem));
        }
        let mut shape = shape(args, total as f64 / days as f64)?;
        for spike in &args.spike {
            let each = spike.tasks as f64 / spike.minutes as f64;
            let minutes = spike.minute as usize..(spike.minute + spike.minutes) as usize;
            for minute in shape.get_mut(minutes).into_iter().flatten() {
                *minute += each;
            }
        }
        Ok(Self::Days { shape, days, tasks })
    }

    /// How long it lasts at least, in microseconds.
    pub(super) fn horizon(&self) -> u64 {
        match self {
            Self::Days { days, .. } => days * DAY * 1_000_000,
            Self::Trace(_) => 0,
        }
    }

    /// All of it, sorted by time.
    pub(super) fn arrivals(&self, seed: u64) -> Result<Arrivals<'_>, SimulateError> {
        match self {
            Self::Days { shape, tasks, .. } => {
                let mut chance = ChaCha8Rng::seed_from_u64(seed);
                chance.set_stream(STREAM);
                let per_day: f64 = shape.iter().sum();
                Ok(Box::new(Poisson {
                    shape,
                    chance,
                    left: *tasks,
                    ahead: 1.0,
                    total: per_day * self.horizon() as f64 / 1e6 / DAY as f64,
                    minute: 0,
                    before: 0.0,
                }))
            }
            Self::Trace(file) => trace(file),
        }
    }
}

/// Tasks in order of time.
pub(super) type Arrivals<'a> = Box<dyn Iterator<Item = Result<Arrival, SimulateError>> + 'a>;

/// So many tasks a day, minute by minute, with the peak's share in the peak.
fn shape(args: &SimulateArgs, tasks: f64) -> Result<Vec<f64>, SimulateError> {
    let peak = whole_minutes("--peak-length", args.peak_length)?;
    let start = whole_minutes("--peak-start", args.peak_start)?;
    if !(0.0..=1.0).contains(&args.peak_share) {
        let problem = format!(
            "{} is not a share from 0 to 1; 40 % are 0.4",
            args.peak_share
        );
        return Err(argument("--peak-share", problem));
    }
    if peak == 0 || peak >= MINUTES {
        let problem = String::from("a peak is longer than nothing and shorter than a day");
        return Err(argument("--peak-length", problem));
    }
    let inside = tasks * args.peak_share / peak as f64;
    let outside = tasks * (1.0 - args.peak_share) / (MINUTES - peak) as f64;
    Ok((0..MINUTES)
        .map(|minute| {
            // Also for a peak that goes past midnight.
            let into = (minute + MINUTES - start % MINUTES) % MINUTES;
            if into < peak { inside } else { outside }
        })
        .collect())
}

fn whole_minutes(flag: &'static str, time: Duration) -> Result<u64, SimulateError> {
    if time.as_secs() > DAY {
        return Err(argument(flag, String::from("is more than a day")));
    }
    Ok(time.as_secs() / 60)
}

pub(super) fn argument(flag: &'static str, problem: String) -> SimulateError {
    SimulateError::Argument { flag, problem }
}

/// A Poisson process whose number of tasks is given: then their times are independent of each other and follow the
/// shape. They are drawn in order, the smallest of what is left each time, so nothing has to be kept or sorted.
struct Poisson<'a> {
    shape: &'a [f64],
    chance: ChaCha8Rng,
    left: u64,
    /// Share of the whole that lies ahead.
    ahead: f64,
    /// What the shape adds up to over all days.
    total: f64,
    /// The minute that was reached, from the start, and what the shape adds up to before it.
    minute: usize,
    before: f64,
}

impl Iterator for Poisson<'_> {
    type Item = Result<Arrival, SimulateError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let pause: f64 = Exp1.sample(&mut self.chance);
        self.ahead *= (-pause / self.left as f64).exp();
        self.left -= 1;
        let reached = (1.0 - self.ahead) * self.total;
        let mut here = self.shape[self.minute % self.shape.len()];
        while self.before + here < reached {
            self.before += here;
            self.minute += 1;
            here = self.shape[self.minute % self.shape.len()];
        }
        let into = if here > 0.0 {
            (reached - self.before) / here
        } else {
            0.0
        };
        let at = (self.minute as f64 + into.clamp(0.0, 1.0)) * 60e6;
        Some(Ok(Arrival {
            at: at as u64,
            service: None,
        }))
    }
}

/// Reads a trace line by line, as it is needed.
fn trace(path: &Path) -> Result<Arrivals<'static>, SimulateError> {
    let unreadable = |why: String| SimulateError::Read {
        file: path.to_path_buf(),
        why,
    };
    let file = File::open(path).map_err(|why| unreadable(why.to_string()))?;
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(file);
    let path = path.to_path_buf();
    let mut last = 0;
    Ok(Box::new(reader.into_records().enumerate().filter_map(
        move |(index, record)| {
            let arrival = record
                .map_err(|why| SimulateError::Read {
                    file: path.clone(),
                    why: why.to_string(),
                })
                .and_then(|record| {
                    let first = record.get(0).unwrap_or_default();
                    if index == 0 && first.parse::<f64>().is_err() {
                        return Ok(None);
                    }
                    row(&path, &record, last).map(Some)
                });
            if let Ok(Some(arrival)) = &arrival {
                last = arrival.at;
            }
            arrival.transpose()
        },
    )))
}

fn row(path: &Path, record: &csv::StringRecord, last: u64) -> Result<Arrival, SimulateError> {
    let wrong = |problem: String| SimulateError::Line {
        file: path.to_path_buf(),
        line: record.position().map_or(0, csv::Position::line),
        problem,
    };
    let time = |text: &str| {
        micros(text).ok_or_else(|| wrong(format!("`{text}` is not a number of seconds")))
    };
    let at = time(record.get(0).unwrap_or_default())?;
    let service = record
        .get(1)
        .filter(|text| !text.is_empty())
        .map(time)
        .transpose()?;
    if at < last {
        return Err(wrong(String::from(
            "is earlier than the line before: sort the file by time",
        )));
    }
    Ok(Arrival { at, service })
}

/// Seconds as microseconds, if they are from 0 to a year.
pub(super) fn micros(text: &str) -> Option<u64> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| (0.0..=(MOST_DAYS * DAY) as f64).contains(seconds))
        .map(|seconds| (seconds * 1e6) as u64)
}
