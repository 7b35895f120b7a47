//! `packguard scan`: fetch, unpack, analyse and judge in one process.

pub(crate) mod jobs;
mod progress;
pub(crate) mod settings;
pub(crate) mod work;

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use packguard_runtime::report::Report;
use packguard_runtime::{Input, InputArtifact, Pipeline, PipelineError, Source};
use tokio_util::sync::CancellationToken;

use crate::cli::ScanArgs;
use crate::components::{self, Setup};
use crate::limits::ScanLimits;
use crate::output::{self, Failure, FailureCategory, Format, Look, ScanOutput};
use crate::purl::Purl;
use crate::registry::{FetchError, Registry, RegistryConfig};
use jobs::{Job, Work};
use progress::Progress;

/// Exit code when the command line makes no sense; `output::exit_code` has the others.
const USAGE: u8 = 2;
/// Exit code when the environment failed.
pub const ENVIRONMENT: u8 = 4;

/// How long work that was cancelled may take to end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// Runs the command and gives its exit code.
pub async fn run(args: ScanArgs, cancel: CancellationToken) -> u8 {
    // What runs sees the cancellation by itself; only compiling does not, and is dropped.
    let overdue = async {
        cancel.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    let done = tokio::select! {
        done = scan(&args, &cancel) => done,
        () = overdue => Err(cancelled()),
    };
    let done = if cancel.is_cancelled() {
        Err(cancelled())
    } else {
        done
    };
    let stop = match done.and_then(|output| print(&args, &output)) {
        Ok(code) => return code,
        Err(stop) => stop,
    };
    eprintln!("error: {}", output::line(&stop.message));
    eprintln!("  hint: {}", output::line(&stop.hint));
    stop.code
}

fn cancelled() -> Stop {
    Stop::environment(&"cancelled; nothing was written", "start it again")
}

/// Why there is no result at all.
pub(crate) struct Stop {
    pub(crate) message: String,
    pub(crate) hint: String,
    code: u8,
}

impl Stop {
    fn environment(message: &dyn ToString, hint: &str) -> Self {
        Self {
            message: message.to_string(),
            hint: hint.into(),
            code: ENVIRONMENT,
        }
    }

    fn usage(message: &dyn ToString, hint: impl Into<String>) -> Self {
        Self {
            message: message.to_string(),
            hint: hint.into(),
            code: USAGE,
        }
    }
}

/// Analyses one package with a pipeline of the caller's: what `sdk run` does with an analyzer that
/// is being written. Downloads and unpacks below `folder`.
///
/// # Errors
/// When `input` is not one package, or can't be fetched or analysed.
pub async fn one(
    pipeline: Pipeline,
    input: &str,
    limits: ScanLimits,
    folder: &Path,
    cancel: &CancellationToken,
) -> Result<Report, Failure> {
    let mut listed = jobs::list(&[input.to_owned()]);
    if let Some(failure) = listed.failures.pop() {
        return Err(failure);
    }
    let (Some(job), true) = (listed.jobs.pop(), listed.jobs.is_empty()) else {
        return Err(failure(
            input,
            FailureCategory::Usage,
            &"this is a list of packages, not one package",
            "name one of them, as a purl; `packguard scan` analyses them all",
        ));
    };
    let scan = Scan {
        pipeline,
        registry: Registry::new(RegistryConfig::from_process(), cancel.clone()),
        limits,
        settings: Vec::new(),
        folder,
        cancel,
    };
    scan.job(&job).await
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
    let folder = work::folder(None);
    let folder = folder
        .map_err(|error| Stop::environment(&error, "set TMPDIR to a folder that can be written"))?;
    let pipeline = components::pipeline(Setup {
        slots: 0,
        cache: components::default_cache(args.cache_dir.clone()),
        analyzers: args.analyzer.clone(),
        limits: args.limits.step,
        archive: args.limits.archive,
    })
    .await
    .map_err(|error| setup_failed(&error))?;
    let config = RegistryConfig {
        offline: args.offline,
        ..RegistryConfig::from_process()
    };
    let scan = Scan {
        pipeline,
        registry: Registry::new(config, cancel.clone()),
        limits: args.limits.clone(),
        settings,
        folder: folder.path(),
        cancel,
    };
    let (mut reports, mut failures) = (Vec::new(), listed.failures);
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
            Ok(report) => reports.push(if args.no_timings {
                report.without_timings()
            } else {
                report
            }),
            Err(failure) => failures.push(failure),
        }
    }
    progress.finish();
    Ok(ScanOutput::new(reports, failures, listed.skipped))
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
        SetupError::Runtime(_) => Stop::environment(
            error,
            "the sandboxes reserve address space: raise `ulimit -v` if it is set",
        ),
    }
}

impl Scan<'_> {
    async fn job(&self, job: &Job) -> Result<Report, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("job-")
            .tempdir_in(self.folder);
        let folder = folder.map_err(|error| no_space(&job.label, &error))?;
        let mut input = match &job.work {
            Work::Release(purl) => self.fetch(job, purl, folder.path()).await?,
            Work::Local(input) => {
                self.check_size(job, input)?;
                input.clone()
            }
        };
        input.settings.clone_from(&self.settings);
        let report = self.pipeline.run(input, folder.path(), self.cancel).await;
        report.map_err(|error| pipeline_failed(&job.label, &error))
    }

    /// A local archive has the limit of a downloaded one.
    fn check_size(&self, job: &Job, input: &Input) -> Result<(), Failure> {
        let limit = self.limits.fetch.artifact_bytes;
        let too_large = |artifact: &InputArtifact| match &artifact.source {
            Source::Archive(path) => std::fs::metadata(path).is_ok_and(|file| file.len() > limit),
            Source::Folder(_) => false,
        };
        if input.artifacts.iter().any(too_large) {
            let message = format!("it is larger than {limit} bytes");
            let hint = "raise --limits artifact-size if you expect packages of this size";
            return Err(failure(
                &job.label,
                FailureCategory::Package,
                &message,
                hint,
            ));
        }
        Ok(())
    }

    async fn fetch(&self, job: &Job, purl: &Purl, folder: &Path) -> Result<Input, Failure> {
        let failed = |error: FetchError| fetch_failed(&job.label, &error);
        let release = self.registry.resolve(purl).await.map_err(failed)?;
        let downloads = folder.join("download");
        std::fs::create_dir(&downloads).map_err(|error| no_space(&job.label, &error))?;
        let fetched = self
            .registry
            .fetch(&release, &self.limits.fetch, &downloads)
            .await
            .map_err(failed)?;
        Ok(jobs::input(release, fetched, &job.pinned))
    }
}

fn failure(
    input: &str,
    category: FailureCategory,
    error: &dyn ToString,
    hint: impl Into<String>,
) -> Failure {
    Failure {
        input: input.into(),
        category,
        message: error.to_string(),
        hint: Some(hint.into()),
    }
}

fn no_space(input: &str, error: &std::io::Error) -> Failure {
    failure(
        input,
        FailureCategory::Environment,
        error,
        "free some space, or set TMPDIR to a larger disk",
    )
}

fn fetch_failed(input: &str, error: &FetchError) -> Failure {
    let category = match error {
        FetchError::Purl(_)
        | FetchError::RepositoryNotConfigured { .. }
        | FetchError::BadSetting { .. } => FailureCategory::Usage,
        FetchError::PackageNotFound { .. }
        | FetchError::VersionNotFound { .. }
        | FetchError::NoVersions { .. }
        | FetchError::ArtifactNotFound { .. }
        | FetchError::NoArtifacts { .. }
        | FetchError::HashMismatch { .. }
        | FetchError::TooLarge { .. }
        | FetchError::Refused { .. } => FailureCategory::Package,
        _ => FailureCategory::Environment,
    };
    failure(input, category, error, error.hint())
}

fn pipeline_failed(input: &str, error: &PipelineError) -> Failure {
    let (category, hint) = match error {
        PipelineError::NotAnArchive { .. } => (
            FailureCategory::Package,
            "give a tar, zip, gz, bz2, xz or zstd archive, a folder, a lock file or a purl",
        ),
        PipelineError::HashMismatch { .. } => (
            FailureCategory::Environment,
            "the download was damaged or tampered with: try again, and report it if it stays so",
        ),
        PipelineError::Empty(_) => (
            FailureCategory::Package,
            "there is nothing to analyse: check the path",
        ),
        PipelineError::Storage(_) => (
            FailureCategory::Environment,
            "free some space, or set TMPDIR to a larger disk",
        ),
        PipelineError::Io { .. } => (
            FailureCategory::Environment,
            "check the path and its permissions",
        ),
        PipelineError::Components(_) => (
            FailureCategory::Usage,
            "check the files named by --analyzer",
        ),
        PipelineError::Cancelled => (FailureCategory::Environment, "start it again"),
    };
    failure(input, category, error, hint)
}

fn print(args: &ScanArgs, output: &ScanOutput) -> Result<u8, Stop> {
    let look = match args.output {
        None if args.format == Format::Human => Look::of_stdout(),
        _ => Look::PLAIN,
    };
    let text = output::render(output, args.format, look).map_err(|error| {
        Stop::environment(&error, "this is a defect of Packguard: please report it")
    })?;
    let (written, place) = match &args.output {
        Some(path) => (
            output::write_atomically(path, text.as_bytes()),
            path.display().to_string(),
        ),
        None => (
            std::io::stdout().write_all(text.as_bytes()),
            "standard output".into(),
        ),
    };
    match written {
        // Who reads it has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Stop::environment(
            &format!("{place}: {error}"),
            "nothing was written; name another file with --output",
        )),
        _ => Ok(output::exit_code(output, args.fail_on)),
    }
}
