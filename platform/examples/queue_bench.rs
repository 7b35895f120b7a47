//! How many tasks go through the queue, and how soon an idle worker has one.
//!
//!     REDIS_URL=redis://127.0.0.1:6379/ cargo run --release --example queue_bench
//!
//! Uses keys of its own (`{bench-…}:`) and removes them. The work is empty: every figure is the
//! queue's own cost, this program's included.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use packguard_platform::model::{KeyId, Priority, TaskId};
use packguard_platform::queue::{Entry, Queue, QueueConfig};

/// Tasks per run: seconds of work, so that the start does not weigh.
const TASKS: usize = 20_000;

/// Submissions measured one by one: enough for a p99 of ten.
const SINGLES: usize = 1_000;

/// Tenants: the fair order is part of what is measured.
const TENANTS: usize = 50;

const LEASE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::var("REDIS_URL").context("set REDIS_URL")?;
    println!("submitters  per call  workers  per claim    tasks/s");
    // One at a time as a small installation does; 32 as `serve` micro-batches; 250 as a batch.
    for (submitters, per_call, workers, per_claim) in [
        (1, 1, 1, 1),
        (8, 1, 8, 1),
        (8, 1, 32, 1),
        (4, 32, 8, 1),
        (4, 32, 8, 8),
        (4, 32, 32, 8),
        (1, 250, 8, 16),
    ] {
        let rate = throughput(&url, [submitters, per_call, workers, per_claim]).await?;
        println!("{submitters:>10}  {per_call:>8}  {workers:>7}  {per_claim:>9}  {rate:>9.0}");
    }
    for workers in [1, 8, 64] {
        let mut times = latency(&url, workers).await?;
        times.sort_unstable();
        let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
        println!(
            "idle, {workers} waiting: submit to claim p50 {:.2} ms, p99 {:.2} ms",
            millis(at(50)),
            millis(at(99))
        );
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A process of its own: its own connections.
async fn connect(url: &str, name: &str) -> Result<Queue> {
    let mut config = QueueConfig::new(url);
    config.name = name.to_owned();
    Ok(Queue::connect(&config).await?)
}

fn entry(n: usize) -> Result<Entry> {
    Ok(Entry {
        task: TaskId(i64::try_from(n)?),
        key: KeyId(i64::try_from(n % TENANTS)?),
        priority: Priority::default(),
    })
}

/// All at once: some submit, others work.
async fn throughput(
    url: &str,
    [submitters, per_call, workers, per_claim]: [usize; 4],
) -> Result<f64> {
    let name = format!("bench-{}", std::process::id());
    let done = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for n in 0..submitters {
        let queue = connect(url, &name).await?;
        running.spawn(async move {
            let share = TASKS / submitters;
            let all: Vec<_> = (n * share..(n + 1) * share)
                .map(entry)
                .collect::<Result<_>>()?;
            for chunk in all.chunks(per_call) {
                queue.enqueue(chunk).await?;
            }
            Ok(())
        });
    }
    for n in 0..workers {
        let queue = connect(url, &name).await?;
        let done = Arc::clone(&done);
        running.spawn(async move { work(&queue, n, per_claim, &done).await });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    let rate = TASKS as f64 / started.elapsed().as_secs_f64();
    let queue = connect(url, &name).await?;
    ensure!(queue.claim("bench", 1, LEASE).await?.leases.is_empty());
    ensure!(queue.depths().await? == Default::default(), "tasks left");
    Ok(rate)
}

async fn work(queue: &Queue, n: usize, per_claim: usize, done: &AtomicUsize) -> Result<()> {
    let worker = format!("bench-{n}");
    while done.load(Ordering::Relaxed) < TASKS {
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

/// From before the call that submits to after the claim, with so many processes waiting.
async fn latency(url: &str, workers: usize) -> Result<Vec<Duration>> {
    let name = format!("bench-{}", std::process::id());
    let submitter = connect(url, &name).await?;
    let (sender, mut claims) = tokio::sync::mpsc::channel(workers);
    let mut waiting = tokio::task::JoinSet::new();
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
    let mut pause = tokio::time::interval(Duration::from_millis(3));
    for n in 0..SINGLES {
        // Long enough for everybody to be idle again.
        pause.tick().await;
        let started = Instant::now();
        submitter.enqueue(&[entry(n)?]).await?;
        let claimed = claims.recv().await.context("the workers are gone")?;
        times.push(claimed.saturating_duration_since(started));
    }
    waiting.shutdown().await;
    Ok(times)
}
