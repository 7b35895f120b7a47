//! Packages per second through the pipeline, one at a time on one core, over a folder
//! of archives: `make bench`. Prints one line of JSON for `tools/bench.py`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use packguard_functions::BUNDLED;
use packguard_runtime::report::PackageInfo;
use packguard_runtime::{
    ArchiveLimits, Input, InputArtifact, Limits, Pipeline, Runtime, RuntimeConfig, Source,
};
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
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("tokio starts");
    let (mut times, cpu) = tokio.block_on(run(&archives));
    times.sort();
    let total: Duration = times.iter().sum();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!(
        r#"{{"packages": {}, "seconds": {:.3}, "cpu_seconds": {:.3}, "p50_ms": {:.1}, "p95_ms": {:.1}, "peak_rss_mb": {}}}"#,
        times.len(),
        total.as_secs_f64(),
        cpu,
        at(50),
        at(95),
        peak_rss_mb()
    );
}

/// Times of each archive, and CPU seconds (user + system) of them all, compiling left out.
async fn run(archives: &[PathBuf]) -> (Vec<Duration>, f64) {
    let config = RuntimeConfig {
        slots: 1,
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
    let work = tempfile::tempdir().expect("a temporary folder");
    let mut times = Vec::new();
    let before = cpu_seconds();
    for archive in archives {
        let name = archive
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let input = Input {
            package: PackageInfo {
                ecosystem: "generic".into(),
                name: name.clone(),
                ..PackageInfo::default()
            },
            artifacts: vec![InputArtifact {
                filename: name,
                source: Source::Archive(archive.clone()),
                verified: false,
            }],
            ..Input::default()
        };
        let started = Instant::now();
        let report = pipeline
            .run(input, work.path(), &CancellationToken::new())
            .await;
        times.push(started.elapsed());
        let report = report.expect("every archive of the corpus can be analysed");
        eprintln!(
            "{:>8.1} ms  {:?}  {}",
            times[times.len() - 1].as_secs_f64() * 1e3,
            report.verdict.outcome,
            report.package.name
        );
        for step in &report.analyzers {
            step_line(step.usage.duration_us, &step.name);
        }
    }
    (times, cpu_seconds() - before)
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
