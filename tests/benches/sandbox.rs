//! What a sandbox costs, beside a process: `make bench`.
//!
//! Medians over many rounds, and ratios within one run, since machines are noisy.

use std::process::Command;
use std::time::{Duration, Instant};

use packguard_runtime::{Runtime, RuntimeConfig};
use packguard_tests::{EMPTY, example};

/// Rounds of each measurement: enough for a steady median, done in two seconds.
const ROUNDS: usize = 2_000;

fn main() {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("tokio starts");
    let fork = median((0..ROUNDS / 4).map(|_| {
        time(|| {
            Command::new("/bin/true").status().expect("/bin/true runs");
        })
    }));
    println!("{:<58}{:>10}{:>9}", "what (median)", "time", "ratio");
    row("fork + exec of /bin/true", fork, fork);
    for (name, on_demand) in [
        ("fresh sandbox + empty Rust analyzer, pooled", false),
        ("the same, allocated on demand", true),
    ] {
        let median = tokio.block_on(sandbox(EMPTY.to_vec(), on_demand));
        row(name, median, fork);
    }
    for (what, sdk, name) in [
        (
            "fresh sandbox + Python analyzer, pooled",
            "sdk/python",
            "hidden-address",
        ),
        (
            "fresh sandbox + JavaScript analyzer, pooled",
            "sdk/js",
            "install-address",
        ),
    ] {
        let median = tokio.block_on(sandbox(example(sdk, name), false));
        row(what, median, fork);
    }
}

async fn sandbox(component: Vec<u8>, on_demand: bool) -> Duration {
    let config = RuntimeConfig {
        slots: 4,
        on_demand,
        ..RuntimeConfig::default()
    };
    let runtime = Runtime::new(config).expect("the pool can be reserved");
    let guest = runtime.load(component).await.expect("the guest loads");
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        runtime
            .describe_here(&guest)
            .await
            .expect("the guest answers");
        times.push(started.elapsed());
    }
    median(times.into_iter())
}

fn row(what: &str, time: Duration, base: Duration) {
    let ratio = base.as_secs_f64() / time.as_secs_f64();
    println!(
        "{what:<58}{:>7.1} µs{:>8.1}x",
        time.as_secs_f64() * 1e6,
        ratio
    );
}

fn time(run: impl FnOnce()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times[times.len() / 2]
}
