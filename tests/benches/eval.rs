//! Verdicts of the labelled corpus and of honest packages from registries, as lines of JSON
//! for `tools/eval.py`: `make eval`.
//!
//! HONEST names a folder with a folder of artifacts for each release; ARCHIVES a folder that
//! the corpus' archives are written to, so that others can be asked about the same files.

use std::path::{Path, PathBuf};

use packguard_platform::components::{self, Setup};
use packguard_runtime::report::{Outcome, PackageInfo, Report};
use packguard_runtime::{Input, InputArtifact, Integrity, Pipeline, Source};
use packguard_tests::corpus::{self, Sample};
use rustix::time::{ClockId, clock_gettime};
use tokio_util::sync::CancellationToken;

fn main() {
    let Some(archives) = std::env::var_os("ARCHIVES").map(PathBuf::from) else {
        println!("no ARCHIVES: run this through `make eval`");
        return;
    };
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("tokio starts");
    tokio.block_on(run(&archives));
}

async fn run(archives: &Path) {
    let setup = Setup {
        slots: 1,
        ..Setup::default()
    };
    let pipeline = components::pipeline(setup)
        .await
        .expect("the bundled set works");
    // Compiling took more memory than scanning will: forget that peak (proc(5)).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    for sample in corpus::samples().expect("the corpus can be read") {
        let (name, bytes) = sample.pack().expect("the sample can be packed");
        let folder = archives.join(&sample.id);
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(&name);
        std::fs::write(&path, bytes).expect("a file");
        let input = sample.input(&name, path.clone());
        analyse(&pipeline, input, &of_sample(&sample, &folder)).await;
    }
    let Some(honest) = std::env::var_os("HONEST").map(PathBuf::from) else {
        return;
    };
    for release in sorted(&honest) {
        let name = release
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .replace("%2F", "/");
        if name.ends_with(".part") {
            continue;
        }
        let ecosystem = name
            .trim_start_matches("pkg:")
            .split('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let about = serde_json::json!({"id": name, "set": "closures", "malicious": false, "ecosystem": ecosystem, "archives": release});
        analyse(&pipeline, local(&name, &release), &about).await;
    }
}

fn of_sample(sample: &Sample, folder: &Path) -> serde_json::Value {
    serde_json::json!({
        "id": sample.id,
        "set": "corpus",
        "malicious": sample.malicious,
        "ecosystem": sample.ecosystem,
        "techniques": sample.techniques,
        "rewriting": sample.rewriting,
        "archives": folder,
    })
}

/// The artifacts of a release, without what a registry says.
fn local(name: &str, folder: &Path) -> Input {
    let artifact = |path: PathBuf| InputArtifact {
        filename: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        source: Source::Archive(path),
        integrity: Integrity::Unknown,
    };
    Input {
        package: PackageInfo {
            ecosystem: "generic".into(),
            name: name.into(),
            ..PackageInfo::default()
        },
        artifacts: sorted(folder).into_iter().map(artifact).collect(),
        ..Input::default()
    }
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    paths
}

async fn analyse(pipeline: &Pipeline, input: Input, about: &serde_json::Value) {
    let work = tempfile::tempdir().expect("a temporary folder");
    let before = cpu_ms();
    let report = pipeline
        .run(input, work.path(), &CancellationToken::new())
        .await;
    let cpu = cpu_ms() - before;
    let mut line = about.clone();
    line["cpu_ms"] = cpu.into();
    match report {
        Ok(report) => say(&mut line, &report),
        Err(error) => line["error"] = format!("{error:#}").into(),
    }
    println!("{line}");
}

fn say(line: &mut serde_json::Value, report: &Report) {
    let weighty = |finding: &&packguard_runtime::report::Finding| {
        finding.severity >= packguard_runtime::report::Severity::Low
    };
    let findings: Vec<_> = report
        .findings
        .iter()
        .filter(weighty)
        .take(12)
        .map(|finding| {
            let place = finding.location.as_ref();
            serde_json::json!([
                finding.rule,
                finding.severity,
                finding.title,
                place.map(|place| &place.path),
                place.and_then(|place| place.line),
            ])
        })
        .collect();
    let steps = report
        .analyzers
        .iter()
        .map(|step| (&step.name, step.usage.duration_us));
    line["steps_us"] = serde_json::json!(steps.collect::<Vec<_>>());
    let peak = report
        .analyzers
        .iter()
        .map(|step| (step.usage.peak_memory, &step.name))
        .max();
    line["outcome"] = match report.verdict.outcome {
        Outcome::Malicious => "malicious",
        Outcome::Suspicious => "suspicious",
        Outcome::Clean => "clean",
        Outcome::Incomplete => "incomplete",
    }
    .into();
    line["score"] = report.verdict.score.into();
    line["findings"] = findings.into();
    line["incomplete"] = report
        .incomplete
        .iter()
        .take(3)
        .map(|one| format!("{one:?}"))
        .collect::<Vec<_>>()
        .into();
    line["peak_memory"] = serde_json::json!(peak);
}

/// CPU milliseconds of this process, all threads.
fn cpu_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}
