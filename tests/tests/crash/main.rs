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
//! object storage (Ceph where it is what fails, s3s-fs elsewhere) and the registry stand behind
//! proxies that cut, hold, lose and delay.

mod check;
mod platform;
mod servers;

use std::collections::BTreeMap;
use std::time::Duration;

use packguard_tests::harness::proxy::{Direction, Then, Watch};
use platform::{Platform, seeds};
use servers::{Choice, Servers};

/// Packages of a run: enough that hundreds are in flight with two workers.
const PACKAGES: usize = 200;

/// Cuts last longer than a lease, and than any client waits.
const CUT: Duration = Duration::from_secs(10);

/// Runs a scenario for each seed on the same servers: submits, harms, mends, waits, checks.
async fn scenario<H>(name: &str, harm: H)
where
    H: AsyncFn(&mut Platform, &mut fastrand::Rng),
{
    scenario_on(Servers::start().await, name, harm).await;
}

async fn scenario_on<H>(mut servers: Servers, name: &str, harm: H)
where
    H: AsyncFn(&mut Platform, &mut fastrand::Rng),
{
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

/// In the statement that a worker claims tasks with.
const CLAIM: &str = "attempts = attempts + 1";

/// In the statement that submissions are written with.
const SUBMIT: &str = "INSERT INTO tasks";

/// Where a worker is stopped and killed: a server, and what it is about to be asked.
const STEPS: [(&str, &str); 7] = [
    // Claimed in Redis, not in Postgres.
    ("postgres", CLAIM),
    ("registry", "GET /simple/"),
    ("registry", "GET /files/"),
    ("postgres", "'analyzer', data"),
    ("storage", "PUT /packguard/"),
    // The report is stored, and nobody sees it.
    ("postgres", "AND status = 'running' FOR UPDATE"),
    // Its row is written, and not committed.
    ("postgres", "status = 'completed', completed_at"),
];

#[tokio::test(flavor = "multi_thread")]
async fn worker_killed_in_every_step() {
    let mut servers = Servers::start().await;
    for seed in seeds() {
        eprintln!("a worker killed in every step: CRASH_SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut platform = Platform::start(servers, 1).await;
        let mut steps = STEPS;
        random.shuffle(&mut steps);
        let mut tasks = Vec::new();
        for (number, (server, pattern)) in steps.into_iter().enumerate() {
            let proxy = platform.worker_proxy(server);
            let seen = proxy.watch(Watch::new(Direction::Request, pattern, Then::HoldHere));
            // A new one: statements are sent as text once for each connection.
            platform.kill_worker(0).await;
            platform.start_worker().await;
            let submitted = platform.submit(30, seed * 10 + number as u64);
            seen.wait().await;
            platform.kill_worker(0).await;
            platform.worker_proxy(server).restore().await;
            platform.start_worker().await;
            tasks.extend(submitted.await.expect("submissions end"));
        }
        platform.mend().await;
        check::all(&platform, &tasks).await;
        servers = platform.stop().await;
    }
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
        // One that starts meanwhile waits for it.
        platform.kill_worker(0).await;
        platform.start_worker().await;
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
async fn postgres_connections_fall_silent() {
    let mut servers = Servers::start().await;
    for seed in seeds() {
        eprintln!("connections with Postgres fall silent: CRASH_SEED={seed}");
        let mut platform = Platform::start(servers, 0).await;
        // Something to claim at once: both sides are then silent at the same time.
        let before = platform.submit(PACKAGES / 10, seed + 1_000);
        let mut tasks = before.await.expect("submissions end");
        // In the middle of a statement: what is idle is tried before it is used.
        let lose = |pattern| Watch::new(Direction::Request, pattern, Then::Lose);
        let (api, worker) = (
            &platform.servers.api_postgres,
            &platform.servers.worker_postgres,
        );
        let seen = [
            // Both writers of submissions.
            api.watch(lose(SUBMIT)),
            api.watch(lose(SUBMIT)),
            worker.watch(lose(CLAIM)),
        ];
        // New ones: statements are sent as text once for each connection.
        platform.start_api().await;
        platform.start_worker().await;
        let submitting = platform.submit(PACKAGES, seed);
        for sighting in seen {
            sighting.wait().await;
        }
        tasks.extend(submitting.await.expect("submissions end"));
        platform.mend().await;
        check::all(&platform, &tasks).await;
        servers = platform.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_of_redis_moved() {
    scenario("the clock of Redis moved", async |platform, random| {
        // Forward, then back beyond where it was, then right again: leases and delays are ended
        // an hour too early, and then would last for hours.
        for seconds in [3_600, -3_600, 0] {
            tokio::time::sleep(moment(random)).await;
            platform.servers.clock.set(seconds);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_down_and_slow() {
    let servers = Servers::with(Choice {
        ceph: true,
        ..Choice::default()
    });
    scenario_on(
        servers.await,
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
        assert_eq!(platform.failed_requests(), [""; 0], "no request may fail");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_fails_over() {
    // A replica that lags loses what it had not got: the reconciler finds it.
    let servers = Servers::with(Choice {
        sentinels: true,
        ..Choice::default()
    });
    scenario_on(
        servers.await,
        "Redis fails over",
        async |platform, random| {
            tokio::time::sleep(moment(random)).await;
            if let Some(sentinels) = &platform.servers.sentinels {
                sentinels.failover().await;
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_cancelled_in_every_state() {
    let mut servers = Servers::start().await;
    for seed in seeds() {
        eprintln!("tasks cancelled in every state: CRASH_SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut platform = Platform::start(servers, 1).await;
        let tasks = platform.submit(PACKAGES, seed).await.expect("they end");
        let mut answers = BTreeMap::new();
        let mut order: Vec<_> = tasks.iter().map(|task| task.id).collect();
        random.shuffle(&mut order);
        for task in order.iter().take(PACKAGES / 2) {
            answers.insert(*task, platform.cancel(*task).await);
            if random.u8(..) < 16 {
                // The worker dies with tasks whose cancellation it was to see to.
                platform.kill_worker(0).await;
                platform.start_worker().await;
            }
        }
        platform.mend().await;
        check::cancelled(&platform, &tasks, &answers).await;
        servers = platform.stop().await;
    }
}
