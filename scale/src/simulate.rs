//! `packguard scale simulate`: what a policy would do to a day, before it does it to a cluster.
//!
//! A discrete-event simulation: tasks come, wait, hold a slot, go; pods and nodes take their time to start; every few
//! seconds the same [`decide()`](crate::decide::decide) that the controller calls says how many pods there should be.
//! The same arguments and the same seed give the same answer, to the byte.

mod args;
mod chart;
mod cluster;
mod engine;
mod measures;
mod prices;
mod table;
#[cfg(test)]
mod tests;
mod times;
mod workload;

use std::fs;
use std::path::{Path, PathBuf};

pub use args::{SimulateArgs, Spike};
pub use measures::{Outcome, Sample, Waits};
pub use prices::{Cost, Prices};

use engine::Setup;
use times::ServiceTimes;
use workload::Workload;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// An argument makes no sense.
    #[error("{flag}: {problem}")]
    Argument {
        /// Which.
        flag: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The policy that the arguments make up makes no sense.
    #[error("the policy makes no sense: {0}")]
    Policy(String),
    /// A file could not be read.
    #[error("cannot read {}: {why}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// A file holds something else than it should.
    #[error("{}, line {line}: {problem}", file.display())]
    Line {
        /// Which file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The price table makes no sense.
    #[error("price table {from}: {problem}")]
    Prices {
        /// The file, or `built in`.
        from: String,
        /// What is wrong.
        problem: String,
    },
    /// A result could not be written.
    #[error("cannot write {}: {why}", file.display())]
    Write {
        /// Which file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// The chart could not be drawn.
    #[error("cannot draw the chart: {0}")]
    Chart(String),
}

/// Simulates, writes the files that were asked for, and returns the table to print.
///
/// # Errors
/// If arguments, files or prices make no sense, or a result cannot be written. Nothing was simulated or written then,
/// save for a trace that turns out to be wrong on the way.
pub fn run(args: &SimulateArgs) -> Result<String, SimulateError> {
    let prices = Prices::load(args.prices.as_deref())?;
    let outcomes = outcomes(args, &prices)?;
    if let (Some(file), Some(first)) = (&args.csv, outcomes.first()) {
        write(
            file,
            &table::series(first).map_err(|why| unwritable(file, &why))?,
        )?;
    }
    if let (Some(file), Some(first)) = (&args.svg, outcomes.first()) {
        write(file, &chart::draw(first)?)?;
    }
    table::print(args, &prices, &outcomes)
}

/// One outcome per rule that was asked for, in that order.
///
/// # Errors
/// As [`run`].
pub fn outcomes(args: &SimulateArgs, prices: &Prices) -> Result<Vec<Outcome>, SimulateError> {
    let workload = Workload::from_args(args)?;
    let times = ServiceTimes::from_args(args)?;
    let setups = args
        .rule
        .iter()
        .map(|rule| Setup::from_args(args, *rule, prices))
        .collect::<Result<Vec<_>, _>>()?;
    setups
        .iter()
        .map(|setup| engine::simulate(setup, &workload, &times, args.seed))
        .collect()
}

fn unwritable(file: &Path, why: &dyn std::error::Error) -> SimulateError {
    SimulateError::Write {
        file: file.to_path_buf(),
        why: why.to_string(),
    }
}

fn write(file: &Path, text: &str) -> Result<(), SimulateError> {
    fs::write(file, text).map_err(|why| unwritable(file, &why))
}
