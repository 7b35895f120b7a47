//! What the platform promises when machines die: every task that was accepted ends with
//! exactly one visible report; none is lost, no lease is left, Redis holds no orphan, and the
//! counters are right.
//!
//! Each test runs its scenario for `CRASH_SEEDS` seeds (2 unless told otherwise; CI says 10),
//! with a schedule that follows from the seed alone; `CRASH_SEED=7` runs that seed only:
//!
//! ```text
//! CRASH_SEED=7 cargo test --workspace --test crash worker_killed
//! ```
//!
//! The product runs as the processes that it runs as in production. Postgres, Redis, the
//! object storage (s3s-fs) and the registry stand behind proxies that cut, hold and delay.

mod check;
mod platform;

use std::time::Duration;

use packguard_tests::harness::proxy::{Direction, Then, Watch};
use platform::{Platform, Servers, seeds};

/// Packages of a run: enough that hundreds are in flight with two workers.
const PACKAGES: usize = 200;

/// Cuts last longer than a lease, and than any client waits.
const CUT: Duration = Duration::from_secs(10);

/// Runs a scenario for each seed on the same servers: submits, harms, mends, waits, checks.
async fn scenario<H>(name: &str, harm: H)
where
    H: AsyncFn(&mut Platform, &mut fastrand::Rng),
{
    let mut servers = Servers::start().await;
    for seed in seeds() {
        eprintln!("{name}: CRASH_SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut platform = Platform::start(servers, 2).await;
        let submitting = platform.submit(PACKAGES, seed);
        harm(&mut platform, &mut random).await;
        let tasks = submitting.await.expect("submissions end");
        platform.mend().await;
        check::all(&platform, &tasks).await;
        servers = platform.stop().await;
    }
}

/// A moment in a run, by its seed.
fn moment(random: &mut fastrand::Rng) -> Duration {
    Duration::from_millis(random.u64(50..1_500))
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_killed_at_random() {
    scenario(
        "workers killed at random moments",
        async |platform, random| {
            for _ in 0..4 {
                tokio::time::sleep(moment(random)).await;
                let index = random.usize(0..2);
                platform.kill_worker(index).await;
                platform.start_worker().await;
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_killed_in_every_step() {
    scenario("a worker killed in every step", async |platform, random| {
        let steps: [(&str, Direction, &str); 5] = [
            // Claimed in Redis, not yet in Postgres; the other way round; while fetching;
            // with the report half-sent; with the report stored and not yet visible.
            ("redis", Direction::Answer, "*2\r\n"),
            ("postgres", Direction::Request, "UPDATE tasks SET"),
            ("registry", Direction::Request, "GET /files/"),
            ("storage", Direction::Request, "PUT /packguard/"),
            ("postgres", Direction::Request, "FOR UPDATE"),
        ];
        for (server, direction, pattern) in steps {
            let skip = random.usize(0..8);
            let watch = Watch::new(direction, pattern, Then::HoldHere).skip(skip);
            let proxy = platform.worker_proxy(server);
            let seen = proxy.watch(watch);
            // Statements are prepared once for each connection: whoever does not send the
            // text again is killed all the same, a moment later.
            let _ = tokio::time::timeout(Duration::from_secs(2), seen.wait()).await;
            platform.kill_worker(0).await;
            platform.worker_proxy(server).restore().await;
            platform.start_worker().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_killed_between_commit_and_enqueue() {
    scenario(
        "the API killed between commit and enqueue",
        async |platform, random| {
            for _ in 0..3 {
                tokio::time::sleep(moment(random)).await;
                // What the API sends to Redis stays on the way: rows are committed, not enqueued.
                platform.servers.api_redis.hold(Direction::Request);
                tokio::time::sleep(moment(random)).await;
                platform.kill_api().await;
                platform.servers.api_redis.restore().await;
                platform.start_api().await;
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_flushed() {
    scenario("FLUSHALL", async |platform, random| {
        for _ in 0..3 {
            tokio::time::sleep(moment(random)).await;
            platform.flush_redis().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_and_restarted() {
    scenario("Redis killed and restarted", async |platform, random| {
        tokio::time::sleep(moment(random)).await;
        platform.servers.redis.0.kill().await;
        tokio::time::sleep(moment(random)).await;
        platform.servers.restart_redis().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cut_for_ten_seconds() {
    scenario("Redis cut for ten seconds", async |platform, random| {
        tokio::time::sleep(moment(random)).await;
        platform.servers.api_redis.cut().await;
        platform.servers.worker_redis.cut().await;
        tokio::time::sleep(CUT).await;
        platform.servers.api_redis.restore().await;
        platform.servers.worker_redis.restore().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_killed_and_restarted() {
    scenario("Postgres killed and restarted", async |platform, random| {
        tokio::time::sleep(moment(random)).await;
        platform.servers.postgres.0.kill().await;
        tokio::time::sleep(moment(random)).await;
        platform.servers.restart_postgres().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_cut_for_ten_seconds() {
    scenario("Postgres cut for ten seconds", async |platform, random| {
        tokio::time::sleep(moment(random)).await;
        platform.servers.api_postgres.cut().await;
        platform.servers.worker_postgres.cut().await;
        tokio::time::sleep(CUT).await;
        platform.servers.api_postgres.restore().await;
        platform.servers.worker_postgres.restore().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_down_and_slow() {
    scenario(
        "the object storage down, then slow",
        async |platform, random| {
            tokio::time::sleep(moment(random)).await;
            platform.servers.storage.cut().await;
            tokio::time::sleep(moment(random) * 3).await;
            platform.servers.storage.restore().await;
            platform
                .servers
                .storage
                .delay(Duration::from_millis(random.u64(20..200)));
            tokio::time::sleep(moment(random)).await;
            platform.servers.storage.restore().await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_and_one_expired_lease() {
    scenario(
        "a worker sleeps through its leases and wakes",
        async |platform, random| {
            for _ in 0..2 {
                tokio::time::sleep(moment(random)).await;
                // As a machine that swaps, or a paused virtual machine: it wakes believing that
                // its tasks are still its own.
                platform.workers[0].freeze();
                tokio::time::sleep(platform::LEASE * 2).await;
                platform.workers[0].thaw();
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_restart_fails_no_request() {
    scenario("rolling restart under load", async |platform, random| {
        for _ in 0..2 {
            tokio::time::sleep(moment(random)).await;
            platform.roll_api().await;
            platform.roll_worker().await;
        }
        assert_eq!(platform.failed_requests(), 0, "no request may fail");
    })
    .await;
}
