//! From a submission to a worker's claim, while nobody else wants anything.

use std::time::{Duration, SystemTime};

use packguard_tests::harness::registry::{Registry, harmless};

use super::lab::Machine;
use super::{millis, percentile, process};

/// Enough for a p99 of two; each is analysed to its end before the next is submitted.
const SUBMISSIONS: usize = 200;

/// From before the HTTP request to the start of the statement by which a worker makes the task
/// its own in Postgres. One clock: that of this machine.
pub async fn run(machine: &Machine) {
    println!("\n== Idle: from the HTTP request to the worker's claim ==");
    println!("aim: p50 5 ms, p99 25 ms");
    let registry = Registry::start(harmless).await;
    let site = machine.site(Some(&registry)).await;
    let worker = site.worker().await;
    // The first start compiles the components.
    site.submit(&Registry::purl("warm", 0)).await;
    site.settled().await;
    let (mut claims, mut answers) = (Vec::new(), Vec::new());
    for number in 0..SUBMISSIONS {
        let started = SystemTime::now();
        let task = site.submit(&Registry::purl("idle", number)).await;
        answers.push(started.elapsed().unwrap_or_default());
        let begun = started.duration_since(SystemTime::UNIX_EPOCH);
        let begun = begun.expect("it is after 1970").as_secs_f64();
        let claimed = site.claimed(task).await - begun;
        claims.push(Duration::from_secs_f64(claimed.max(0.0)));
        site.settled().await;
    }
    for (what, mut times) in [("to the claim", claims), ("to the answer", answers)] {
        times.sort_unstable();
        println!(
            "{what:<14} p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms ({SUBMISSIONS} submissions)",
            millis(percentile(&times, 50)),
            millis(percentile(&times, 99)),
            millis(times[times.len() - 1]),
        );
    }
    println!("worker: {:.0} MB", process::memory(worker.id()).now);
    assert!(
        worker.terminate().await.success(),
        "the worker did not end well"
    );
    site.stop().await;
}
