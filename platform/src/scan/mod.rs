//! `packguard scan`: fetch, unpack, analyse and judge in one process.

mod jobs;
mod progress;
mod settings;

use std::path::Path;

use futures_util::StreamExt as _;
use packguard_runtime::report::Report;
use packguard_runtime::{Input, Pipeline, PipelineError};
use tokio_util::sync::CancellationToken;

use crate::cli::{Format, ScanArgs};
use crate::components::{self, Setup};
use crate::limits::ScanLimits;
use crate::output::{self, Failure, ScanOutput};
use crate::registry::{Registry, RegistryConfig};
use jobs::{Job, Work};
use progress::Progress;

/// Runs the command and gives its exit code.
pub async fn run(args: ScanArgs, cancel: CancellationToken) -> u8 {
    match scan(&args, &cancel).await {
        Ok(output) if cancel.is_cancelled() => {
            drop(output);
            eprintln!("error: cancelled; nothing was written");
            output::EXIT_ENVIRONMENT
        }
        Ok(output) => print(&args, output),
        Err(stop) => {
            eprintln!("error: {}", output::plain(&stop.message));
            eprintln!("  hint: {}", output::plain(&stop.hint));
            stop.code
        }
    }
}

/// Why there is no result at all.
struct Stop {
    message: String,
    hint: String,
    code: u8,
}

impl Stop {
    fn environment(message: impl ToString, hint: &str) -> Self {
        Self { message: message.to_string(), hint: hint.into(), code: output::EXIT_ENVIRONMENT }
    }

    fn usage(message: impl ToString, hint: impl Into<String>) -> Self {
        Self { message: message.to_string(), hint: hint.into(), code: output::EXIT_USAGE }
    }
}

/// What the jobs share.
struct Scan<'a> {
    pipeline: Pipeline,
    registry: Registry,
    limits: ScanLimits,
    settings: Vec<(String, String)>,
    folder: &'a Path,
    cancel: &'a CancellationToken,
}

async fn scan(args: &ScanArgs, cancel: &CancellationToken) -> Result<ScanOutput, Stop> {
    let settings = settings::read(args)?;
    let listed = jobs::list(&args.inputs);
    let folder = tempfile::Builder::new().prefix("packguard-scan-").tempdir();
    let folder = folder.map_err(|error| Stop::environment(error, "set TMPDIR to a folder that can be written"))?;
    let pipeline = components::pipeline(Setup {
        slots: 0,
        cache: components::default_cache(args.cache_dir.clone()),
        analyzers: args.analyzer.clone(),
        limits: args.limits.step,
        archive: args.limits.archive,
    })
    .await
    .map_err(|error| setup_failed(&error))?;
    let config = RegistryConfig { offline: args.offline, ..RegistryConfig::from_process() };
    let scan = Scan {
        pipeline,
        registry: Registry::new(config, cancel.clone()),
        limits: args.limits.clone(),
        settings,
        folder: folder.path(),
        cancel,
    };
    let mut output = ScanOutput::new(listed.failures, listed.skipped);
    let progress = Progress::new(listed.jobs.len());
    let at_once = args.jobs.map_or_else(default_jobs, usize::from);
    let (scan, progress) = (&scan, &progress);
    let running = futures_util::stream::iter(listed.jobs).map(|job| async move {
        let done = scan.job(&job).await;
        progress.done(&job.label);
        done
    });
    // In the order of the inputs, so that the output does not depend on who was faster.
    let mut running = std::pin::pin!(running.buffered(at_once));
    while let Some(done) = running.next().await {
        match done {
            Ok(report) => output.push(if args.no_timings { report.without_timings() } else { report }),
            Err(failure) => output.fail(failure),
        }
    }
    progress.finish();
    Ok(output)
}

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn setup_failed(error: &components::SetupError) -> Stop {
    use components::SetupError;
    match error {
        SetupError::Component { .. } | SetupError::Read { .. } | SetupError::Pipeline(_) => {
            Stop::usage(error, "check the files named by --analyzer")
        }
        SetupError::Cache(_) => Stop::environment(error, "name another folder with --cache-dir"),
        SetupError::Runtime(_) => {
            Stop::environment(error, "the sandboxes reserve address space: raise `ulimit -v` if it is set")
        }
    }
}

impl Scan<'_> {
    async fn job(&self, job: &Job) -> Result<Report, Failure> {
        let folder = tempfile::Builder::new().prefix("job-").tempdir_in(self.folder);
        let folder = folder.map_err(|error| Failure::new(&job.label, "storage_error", &error, "free some space"))?;
        let mut input = match &job.work {
            Work::Release(purl) => self.fetch(job, purl, folder.path()).await?,
            Work::Local(input) => input.clone(),
        };
        input.settings.clone_from(&self.settings);
        let report = self.pipeline.run(input, folder.path(), self.cancel).await;
        report.map_err(|error| pipeline_failed(&job.label, &error))
    }

    async fn fetch(&self, job: &Job, purl: &crate::purl::Purl, folder: &Path) -> Result<Input, Failure> {
        let failed = |error: crate::registry::FetchError| {
            Failure::new(&job.label, error.category(), &error, &error.hint())
        };
        let release = self.registry.resolve(purl).await.map_err(failed)?;
        let downloads = folder.join("download");
        std::fs::create_dir(&downloads)
            .map_err(|error| Failure::new(&job.label, "storage_error", &error, "free some space"))?;
        let fetched = self.registry.fetch(&release, &self.limits.fetch, &downloads).await.map_err(failed)?;
        Ok(jobs::input(release, fetched))
    }
}

fn pipeline_failed(label: &str, error: &PipelineError) -> Failure {
    let (category, hint) = match error {
        PipelineError::NotAnArchive { .. } => {
            ("archive_error", "give a tar, zip, gz, bz2, xz or zstd archive, a folder, a lock file or a purl")
        }
        PipelineError::Empty(_) => ("archive_error", "there is nothing to analyse: check the path"),
        PipelineError::Storage(_) => ("storage_error", "free some space, or set TMPDIR to a larger disk"),
        PipelineError::Io { .. } => ("storage_error", "check the path and its permissions"),
        PipelineError::Components(_) => ("analysis_error", "check the files named by --analyzer"),
        PipelineError::Cancelled => ("unknown_error", "start it again"),
    };
    Failure::new(label, category, error, hint)
}

fn print(args: &ScanArgs, output: ScanOutput) -> u8 {
    let code = output::exit_code(&output, args.fail_on);
    let to_file = args.output.is_some();
    let text = match args.format {
        Format::Human => output::human(&output, to_file),
        Format::Json => output::json(&output),
        Format::Sarif => output::sarif(&output),
        Format::Markdown => output::markdown(&output),
    };
    let written = match &args.output {
        Some(path) => output::write_atomically(path, text.as_bytes()),
        None => output::write_to_stdout(&text),
    };
    match written {
        Ok(()) => code,
        Err(error) => {
            let place = args.output.as_deref().map_or("standard output".into(), |path| path.display().to_string());
            eprintln!("error: {place}: {error}");
            eprintln!("  hint: nothing was written; name another file with --output");
            output::EXIT_ENVIRONMENT
        }
    }
}
