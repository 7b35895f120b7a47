//! Packages per second through the pipeline over a folder of archives, one at a time on
//! one core, or as many at a time as SLOTS says: `make bench`. Prints a line of JSON for
//! `tools/bench.py`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use packguard_functions::BUNDLED;
use packguard_runtime::report::PackageInfo;
use packguard_runtime::{
    ArchiveLimits, Input, InputArtifact, Integrity, Limits, Pipeline, Runtime, RuntimeConfig,
    Source,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

fn main() {
    let Some(corpus) = std::env::var_os("CORPUS").map(PathBuf::from) else {
        println!("no CORPUS: run this through `make bench`");
        return;
    };
    let mut archives: Vec<_> = std::fs::read_dir(&corpus)
        .expect("CORPUS is a folder")
        .map(|entry| entry.expect("readable").path())
        .collect();
    archives.sort();
    let slots = std::env::var("SLOTS").map_or(1, |slots| slots.parse().expect("a number"));
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("tokio starts");
    let (times, cpu_seconds) = tokio.block_on(run(&archives, slots));
    let ms = |(name, time): (String, Duration)| (name, time.as_secs_f64() * 1e3);
    let answer = serde_json::json!({
        "cpu_seconds": cpu_seconds,
        "ms": serde_json::Map::from_iter(times.into_iter().map(ms).map(|(name, ms)| (name, ms.into()))),
        "peak_rss_mb": peak_rss_mb(),
    });
    println!("{answer}");
}

/// What each archive took, and CPU seconds (user + system) of them all, compiling left out.
async fn run(archives: &[PathBuf], slots: usize) -> (Vec<(String, Duration)>, f64) {
    let config = RuntimeConfig {
        slots,
        ..RuntimeConfig::default()
    };
    let runtime = Runtime::new(config).expect("the pool can be reserved");
    let mut components = Vec::new();
    for one in BUNDLED {
        components.push(
            runtime
                .load_embedded(one.bytes, one.digest)
                .await
                .expect("bundled components load"),
        );
    }
    let pipeline = Pipeline::new(
        runtime,
        &components,
        Limits::default(),
        ArchiveLimits::default(),
    )
    .expect("the bundled set works");
    let work = Arc::new(tempfile::tempdir().expect("a temporary folder"));
    let places = Arc::new(Semaphore::new(slots));
    let mut running = JoinSet::new();
    // Compiling took more memory than scanning will: forget that peak (proc(5)).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = cpu_seconds();
    for archive in archives {
        let place = Arc::clone(&places).acquire_owned().await;
        let (pipeline, work, archive) = (pipeline.clone(), Arc::clone(&work), archive.clone());
        running.spawn(async move {
            let _place = place;
            analyse(&pipeline, work.path(), &archive).await
        });
    }
    let times = running.join_all().await;
    (times, cpu_seconds() - before)
}

async fn analyse(pipeline: &Pipeline, work: &Path, archive: &Path) -> (String, Duration) {
    let name = archive.file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let input = Input {
        package: PackageInfo {
            ecosystem: "generic".into(),
            name: name.clone(),
            ..PackageInfo::default()
        },
        artifacts: vec![InputArtifact {
            filename: name.clone(),
            source: Source::Archive(archive.to_owned()),
            integrity: Integrity::Unknown,
        }],
        ..Input::default()
    };
    let started = Instant::now();
    let report = pipeline.run(input, work, &CancellationToken::new()).await;
    let took = started.elapsed();
    let report = report.expect("every archive of the corpus can be analysed");
    eprintln!(
        "{:>8.1} ms  {:?}  {name}",
        took.as_secs_f64() * 1e3,
        report.verdict.outcome,
    );
    for step in &report.analyzers {
        step_line(step.usage.duration_us, &step.name);
    }
    (name, took)
}

/// CPU seconds of this process, all threads: fields 14 and 15 of proc(5) stat, in ticks of
/// a hundredth of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// With PACKGUARD_BENCH_STEPS set, says what each step took.
fn step_line(duration_us: Option<u64>, name: &str) {
    if std::env::var_os("PACKGUARD_BENCH_STEPS").is_some() {
        eprintln!("    {:>9} µs  {name}", duration_us.unwrap_or_default());
    }
}

fn peak_rss_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or_default();
    line.trim()
        .trim_end_matches(" kB")
        .parse::<u64>()
        .unwrap_or_default()
        / 1024
}
