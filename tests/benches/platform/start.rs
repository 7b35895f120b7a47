//! From a worker's start to its first claim.

use std::time::{Duration, SystemTime};

use packguard_tests::harness::registry::{Registry, harmless};

use super::lab::Machine;
use super::{millis, percentile};

/// Starts: each ends the worker before it.
const STARTS: usize = 11;

/// A task waits; a worker is started, whose components are compiled already.
pub async fn run(machine: &Machine) {
    println!("\n== A worker from the start of its process to its first claim ==");
    println!("aim: 300 ms, with components compiled ahead of time");
    let registry = Registry::start(harmless).await;
    let site = machine.site(Some(&registry)).await;
    let mut times = Vec::new();
    for number in 0..=STARTS {
        let task = site.submit(&Registry::purl("start", number)).await;
        let started = SystemTime::now();
        let worker = site.worker().await;
        let begun = started.duration_since(SystemTime::UNIX_EPOCH);
        let begun = begun.expect("it is after 1970").as_secs_f64();
        let took = Duration::from_secs_f64((site.claimed(task).await - begun).max(0.0));
        site.settled().await;
        assert!(
            worker.terminate().await.success(),
            "the worker did not end well"
        );
        if number == 0 {
            // It compiles them, unless an earlier step's did.
            println!("first: {:.0} ms", millis(took));
        } else {
            times.push(took);
        }
    }
    times.sort_unstable();
    println!(
        "then:  median {:.0} ms, slowest {:.0} ms ({STARTS} starts)",
        millis(percentile(&times, 50)),
        millis(times[times.len() - 1]),
    );
    site.stop().await;
}
