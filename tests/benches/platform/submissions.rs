//! Submissions per second, how long each takes, and what memory the API needs for them.

use std::time::Duration;

use packguard_platform::dev::process::Program;
use serde_json::Value;

use super::lab::{Machine, Site};
use super::process;

/// Per number of connections: tens of thousands of submissions.
const EACH: Duration = Duration::from_secs(10);

/// Before the first: connections, caches, plans.
const WARM_UP: Duration = Duration::from_secs(2);

/// Looks at memory during the soak.
const LOOKS: u32 = 20;

/// What `serve` may take.
const MEMORY: f64 = 150.0;

/// Submits new packages over 1, 32 and 256 connections, then for `soak` over 32.
pub async fn run(machine: &Machine, soak: Duration) {
    println!("\n== Submissions: POST /api/v1/analyze/, each a package never seen, no worker ==");
    println!("aim: 3000/s, p99 under 50 ms; the old service's: under 500 ms on average");
    let site = machine.site(None).await;
    let id = site.api.id();
    println!("serve, idle: {:.0} MB", process::memory(id).now);
    load(&site, 32, WARM_UP, "warm").await;
    println!("                                                                        CPU µs each");
    println!(
        "connections  submissions/s  p50 ms  p99 ms  mean ms  max ms  failed   API  Postgres  Redis  peak MB"
    );
    for connections in [1, 32, 256] {
        process::forget_peak(id);
        let before = site.cpu().await;
        let done = load(&site, connections, EACH, &format!("c{connections}")).await;
        let after = site.cpu().await;
        let number = |name: &str| done[name].as_f64().expect("a number");
        let each = |at: usize| (after[at] - before[at]) / number("requests") * 1e6;
        println!(
            "{connections:>11}  {:>13.0}  {:>6.1}  {:>6.1}  {:>7.1}  {:>6.1}  {:>6}  {:>4.0}  {:>8.0}  {:>5.0}  {:>7.0}",
            number("requests") / number("seconds"),
            number("p50"),
            number("p99"),
            number("mean"),
            number("max"),
            number("failed"),
            each(0),
            each(1),
            each(2),
            process::memory(id).peak,
        );
    }
    watch(&site, soak).await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks")
        .fetch_one(&site.pool)
        .await
        .expect("Postgres answers");
    println!("tasks in the database and the queue: {rows}");
    site.stop().await;
}

async fn load(site: &Site<'_>, connections: u32, time: Duration, prefix: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/platform/submit.lua");
    let (connections, time) = (connections.to_string(), format!("{}s", time.as_secs()));
    let mixed = if prefix == "soak" { "mixed" } else { "" };
    let program = Program::new("wrk")
        .args(["--threads", "1", "--connections", &connections])
        .args(["--duration", &time, "--timeout", "10s", "--script", script])
        .args([&site.address, "--", prefix, mixed])
        .env("BENCH_KEY", &site.key);
    let (status, lines) = program.finish().await.expect("wrk is installed");
    assert!(status.success(), "wrk: {lines:?}");
    let found = lines
        .iter()
        .find_map(|line| line.text.strip_prefix("bench "));
    let found = found.unwrap_or_else(|| panic!("wrk: {lines:?}"));
    serde_json::from_str(found).expect("JSON")
}

/// Memory over time, under a mixed load.
async fn watch(site: &Site<'_>, soak: Duration) {
    let id = site.api.id();
    process::forget_peak(id);
    let mut load = std::pin::pin!(load(site, 32, soak, "soak"));
    let mut tick = tokio::time::interval(soak / LOOKS);
    tick.tick().await;
    let mut looks = vec![process::memory(id).now];
    let done = loop {
        tokio::select! {
            done = &mut load => break done,
            _ = tick.tick() => looks.push(process::memory(id).now),
        }
    };
    let third = looks[looks.len() / 3];
    let last = looks[looks.len() - 1];
    let peak = process::memory(id).peak;
    println!(
        "soak, {} s, 32 connections, half submissions, half looks at tasks: {} requests, {} failed;",
        soak.as_secs(),
        done["requests"],
        done["failed"]
    );
    println!(
        "    serve {:.1} MB before, {third:.1} MB after a third, {last:.1} MB at the end, peak {peak:.1} MB (aim: under {MEMORY:.0})",
        looks[0]
    );
}
