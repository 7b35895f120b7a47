//! What a sandbox costs, beside a process: `make bench`.
//!
//! Medians over many rounds, and ratios within one run, since machines are noisy.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use packguard_runtime::{Runtime, RuntimeConfig};
use packguard_tests::EMPTY;

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
        ("fresh sandbox + empty analyzer, pooled", false),
        ("the same, allocated on demand", true),
    ] {
        let median = tokio.block_on(sandbox(EMPTY.to_vec(), on_demand));
        row(name, median, fork);
    }
    for (name, sdk, example) in [
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
        let median = tokio.block_on(sandbox(built(sdk, example), false));
        row(name, median, fork);
    }
}

/// An example of an SDK, built by its script.
fn built(sdk: &str, example: &str) -> Vec<u8> {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(sdk);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let component = folder.path().join("component.wasm");
    let built = Command::new(sdk.join("build"))
        .arg(sdk.join("examples").join(example))
        .arg(&component)
        .status();
    assert!(built.expect("the script runs").success());
    std::fs::read(component).expect("the script wrote it")
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
