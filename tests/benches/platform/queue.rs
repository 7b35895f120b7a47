//! Tasks through the queue with empty work: every figure is the queue's own cost, this
//! program's included. Beside it BullMQ on the same Redis, with as many workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use packguard_platform::dev::process::Program;
use packguard_platform::model::{KeyId, Priority, TaskId};
use packguard_platform::queue::{Entry, Queue, QueueConfig};
use tokio::task::JoinSet;

use super::lab::Machine;
use super::{millis, percentile};

/// Tasks per run: seconds of work, so that the start does not weigh.
const TASKS: usize = 30_000;

/// Submissions measured one by one: enough for a p99 of ten.
const SINGLES: usize = 1_000;

/// Tenants: the fair order is part of what is measured.
const TENANTS: usize = 50;

const LEASE: Duration = Duration::from_secs(60);

/// Who does what at once.
#[derive(Debug, Clone, Copy)]
struct Shape {
    submitters: usize,
    per_call: usize,
    workers: usize,
    per_claim: usize,
    /// Whether the peer can do it like that: its workers take one task at a time.
    peer: bool,
}

/// One at a time, as many small clients do; 32 a call, as `serve` gathers them; the same with
/// workers that claim for eight slots.
const SHAPES: [Shape; 3] = [
    Shape {
        submitters: 8,
        per_call: 1,
        workers: 8,
        per_claim: 1,
        peer: true,
    },
    Shape {
        submitters: 4,
        per_call: 32,
        workers: 8,
        per_claim: 1,
        peer: true,
    },
    Shape {
        submitters: 4,
        per_call: 32,
        workers: 8,
        per_claim: 8,
        peer: false,
    },
];

/// All shapes, then the latency of an idle queue.
pub async fn run(machine: &Machine) {
    let url = machine.redis_url();
    println!("\n== Queue: enqueue, claim, acknowledge; no work, no database ==");
    println!(
        "aim: 5000 tasks/s. Ours with priorities, leases and 50 tenants served fairly; BullMQ with none of these"
    );
    println!("submitters  per call  workers  per claim  packguard/s  BullMQ/s");
    for shape in SHAPES {
        let ours = throughput(&url, shape).await.expect("the queue works");
        let peer = match shape.peer {
            true => bullmq(&url, shape).await,
            false => None,
        };
        println!(
            "{:>10}  {:>8}  {:>7}  {:>9}  {ours:>11.0}  {:>8}",
            shape.submitters,
            shape.per_call,
            shape.workers,
            shape.per_claim,
            peer.map_or("-".into(), |rate| format!("{rate:.0}")),
        );
    }
    for workers in [1, 64] {
        let mut times = latency(&url, workers).await.expect("the queue works");
        times.sort_unstable();
        println!(
            "idle, {workers} waiting: enqueue to claim p50 {:.2} ms, p99 {:.2} ms",
            millis(percentile(&times, 50)),
            millis(percentile(&times, 99))
        );
    }
}

/// The peer's rate; `None` where it is not installed.
async fn bullmq(url: &str, shape: Shape) -> Option<f64> {
    let folder = std::env::var_os("BULLMQ")?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/bench-bullmq.mjs");
    let program = Program::new("node").arg(script).env("BULLMQ", folder);
    let program = program
        .env("REDIS_URL", url)
        .env("TASKS", TASKS.to_string())
        .env("SUBMITTERS", shape.submitters.to_string())
        .env("PER_CALL", shape.per_call.to_string())
        .env("WORKERS", shape.workers.to_string());
    let (status, lines) = program.finish().await.expect("node is installed");
    assert!(status.success(), "BullMQ: {lines:?}");
    let rate = lines
        .iter()
        .find_map(|line| line.text.strip_prefix("rate "));
    Some(rate.and_then(|rate| rate.parse().ok()).expect("a rate"))
}

/// A process of its own: its own connections.
async fn connect(url: &str, name: &str) -> Result<Queue> {
    let mut config = QueueConfig::new(url);
    config.name = name.to_owned();
    Ok(Queue::connect(&config).await?)
}

fn entry(number: usize) -> Result<Entry> {
    Ok(Entry {
        task: TaskId(i64::try_from(number)?),
        key: KeyId(i64::try_from(number % TENANTS)?),
        priority: Priority::default(),
    })
}

/// All at once: some submit, others work.
async fn throughput(url: &str, shape: Shape) -> Result<f64> {
    let name = format!("bench-{}", std::process::id());
    let done = Arc::new(AtomicUsize::new(0));
    let (mut submitting, mut working) = (Vec::new(), Vec::new());
    for _ in 0..shape.submitters {
        submitting.push(connect(url, &name).await?);
    }
    for _ in 0..shape.workers {
        working.push(connect(url, &name).await?);
    }
    let started = Instant::now();
    let mut running = JoinSet::new();
    let share = TASKS / shape.submitters;
    for (n, queue) in submitting.into_iter().enumerate() {
        let all: Vec<_> = (n * share..(n + 1) * share)
            .map(entry)
            .collect::<Result<_>>()?;
        running.spawn(async move {
            for chunk in all.chunks(shape.per_call) {
                queue.enqueue(chunk).await?;
            }
            Ok(())
        });
    }
    for (n, queue) in working.into_iter().enumerate() {
        let done = Arc::clone(&done);
        let all = share * shape.submitters;
        running.spawn(async move { work(&queue, n, shape.per_claim, (&done, all)).await });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    let queue = connect(url, &name).await?;
    ensure!(queue.claim("bench", 1, LEASE).await?.leases.is_empty());
    ensure!(queue.depths().await? == Default::default(), "tasks left");
    Ok(rate)
}

async fn work(
    queue: &Queue,
    number: usize,
    per_claim: usize,
    (done, all): (&AtomicUsize, usize),
) -> Result<()> {
    let worker = format!("bench-{number}");
    while done.load(Ordering::Relaxed) < all {
        let claimed = queue.claim(&worker, per_claim, LEASE).await?;
        if claimed.leases.is_empty() {
            queue.wait(Duration::from_millis(50)).await?;
        }
        let acknowledging = claimed
            .leases
            .iter()
            .map(|lease| queue.acknowledge(lease.task, lease.token));
        for held in futures_util::future::join_all(acknowledging).await {
            ensure!(held?, "a lease was lost");
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// From before the call that enqueues to after the claim, with so many processes waiting.
async fn latency(url: &str, workers: usize) -> Result<Vec<Duration>> {
    let name = format!("bench-{}", std::process::id());
    let submitter = connect(url, &name).await?;
    let (sender, mut claims) = tokio::sync::mpsc::channel(workers);
    let mut waiting = JoinSet::new();
    for n in 0..workers {
        let queue = connect(url, &name).await?;
        let sender = sender.clone();
        waiting.spawn(async move {
            loop {
                let claimed = queue.claim(&format!("bench-{n}"), 1, LEASE).await?;
                if claimed.leases.is_empty() {
                    queue.wait(Duration::from_secs(5)).await?;
                }
                for lease in claimed.leases {
                    let now = Instant::now();
                    queue.acknowledge(lease.task, lease.token).await?;
                    if sender.send(now).await.is_err() {
                        return anyhow::Ok(());
                    }
                }
            }
        });
    }
    let mut times = Vec::with_capacity(SINGLES);
    // Long enough for everybody to be idle again.
    let mut pause = tokio::time::interval(Duration::from_millis(3));
    for n in 0..SINGLES {
        pause.tick().await;
        let started = Instant::now();
        submitter.enqueue(&[entry(n)?]).await?;
        let claimed = claims.recv().await.context("the workers are gone")?;
        times.push(claimed.saturating_duration_since(started));
    }
    waiting.shutdown().await;
    Ok(times)
}
