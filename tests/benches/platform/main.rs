//! The platform under load, everything on one machine: `tools/bench-platform`.
//!
//! Postgres keeps all its promises (`fsync`, synchronous commits), Redis writes its append-only
//! file, `serve` and `work` are the release binary, the registry is local. Each step has a
//! database and a queue of its own, and its size is fixed, so that it ends by itself. Servers
//! and folders go with this process, however it ends.

mod corpus;
mod functions;
mod lab;
mod latency;
mod packages;
mod process;
mod queue;
mod start;
mod submissions;

use std::time::Duration;

use lab::Machine;

fn main() {
    let Some(binary) = std::env::var_os("PACKGUARD") else {
        println!("no PACKGUARD: run this through `tools/bench-platform`");
        return;
    };
    let tokio = tokio::runtime::Runtime::new().expect("tokio starts");
    tokio.block_on(run(binary.into()));
}

async fn run(binary: std::path::PathBuf) {
    let machine = Machine::start(binary).await;
    machine.describe().await;
    for step in steps() {
        match step.as_str() {
            "submissions" => submissions::run(&machine, soak()).await,
            "queue" => queue::run(&machine).await,
            "latency" => latency::run(&machine).await,
            "packages" => packages::run(&machine).await,
            "start" => start::run(&machine).await,
            "functions" => functions::run(&machine).await,
            other => panic!("STEPS: there is no step {other:?}"),
        }
    }
    println!("\nload average at the end: {}", process::load_average());
}

/// All, or those that `STEPS` names.
fn steps() -> Vec<String> {
    let steps = std::env::var("STEPS").unwrap_or_default();
    let steps = match steps.is_empty() {
        true => "submissions queue latency packages start functions",
        false => steps.as_str(),
    };
    steps.split_whitespace().map(str::to_owned).collect()
}

/// How long memory is watched under load: `SOAK_SECONDS`. A leak of a kilobyte per request is
/// 50 MB in the default time.
fn soak() -> Duration {
    let seconds = std::env::var("SOAK_SECONDS").unwrap_or_default();
    Duration::from_secs(seconds.parse().unwrap_or(20))
}

/// A percentile of sorted numbers.
fn percentile<T: Copy>(sorted: &[T], part: usize) -> T {
    sorted[(sorted.len() * part / 100).min(sorted.len() - 1)]
}

/// Milliseconds.
fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
