//! `packguard scan`: fetch, unpack, analyse and judge in one process.

mod failures;
pub(crate) mod jobs;
mod package;
mod progress;
pub(crate) mod settings;
pub(crate) mod work;

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use packguard_runtime::Pipeline;
use packguard_runtime::report::Report;
use tokio_util::sync::CancellationToken;

use crate::cli::{Compare, ScanArgs};
use crate::knowledge::Knowledge;
use crate::limits::ScanLimits;
use crate::output::{self, Failure, FailureCategory, Format, Look, ScanOutput};
use crate::registry::{Registry, RegistryConfig};
use crate::suppressions;
use failures::failure;
pub(crate) use package::{Scan, work_folder};
use progress::Progress;

/// Exit code when the command line makes no sense; `output::exit_code` has the others.
const USAGE: u8 = 2;
/// Exit code when the environment failed.
pub const ENVIRONMENT: u8 = 4;

/// How long work that was cancelled may take to end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// Runs the command and gives its exit code.
pub async fn run(args: ScanArgs, cancel: CancellationToken) -> u8 {
    let done = until_cancelled(scan(&args, &cancel), &cancel).await;
    match done.and_then(|output| print(&args, &output)) {
        Ok(code) => code,
        Err(stop) => stop.say(),
    }
}

/// Ends work that does not see the cancellation by itself.
pub(crate) async fn until_cancelled<T>(
    work: impl Future<Output = Result<T, Stop>>,
    cancel: &CancellationToken,
) -> Result<T, Stop> {
    // What runs sees the cancellation by itself; only compiling does not, and is dropped.
    let overdue = async {
        cancel.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    let done = tokio::select! {
        done = work => done,
        () = overdue => Err(cancelled()),
    };
    if cancel.is_cancelled() {
        Err(cancelled())
    } else {
        done
    }
}

fn cancelled() -> Stop {
    Stop::environment(&"cancelled; nothing was written", "start it again")
}

/// Why there is no result at all.
pub(crate) struct Stop {
    pub(crate) message: String,
    pub(crate) hint: String,
    pub(crate) code: u8,
}

impl Stop {
    /// Says it, and gives the exit code.
    pub(crate) fn say(&self) -> u8 {
        eprintln!("error: {}", output::line(&self.message));
        eprintln!("  hint: {}", output::line(&self.hint));
        self.code
    }

    /// Why a package could not be analysed, where there was but that to do.
    pub(crate) fn failed(failure: &Failure) -> Self {
        Self {
            message: format!("{}: {}", failure.input, failure.message),
            hint: failure.hint.clone().unwrap_or_default(),
            code: match failure.category {
                FailureCategory::Usage => USAGE,
                FailureCategory::Package => 3,
                FailureCategory::Environment => ENVIRONMENT,
            },
        }
    }

    pub(crate) fn environment(message: &dyn ToString, hint: &str) -> Self {
        Self {
            message: message.to_string(),
            hint: hint.into(),
            code: ENVIRONMENT,
        }
    }

    pub(crate) fn usage(message: &dyn ToString, hint: impl Into<String>) -> Self {
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
        knowledge: Knowledge::default(),
        today: suppressions::today(),
        folder,
        cancel,
    };
    scan.job(&job).await
}

async fn scan(args: &ScanArgs, cancel: &CancellationToken) -> Result<ScanOutput, Stop> {
    let knowledge = settings::read(&args.analysis).await?;
    let listed = jobs::list(&args.inputs);
    let folder = work_folder()?;
    let scan = Scan::new(&args.analysis, knowledge, folder.path(), cancel).await?;
    let compare = match args.compare_previous {
        Compare::Always => !args.analysis.offline,
        Compare::Never => false,
        Compare::Auto => {
            let alone = listed.jobs.len() == 1 && listed.jobs[0].is_named_release();
            alone && !args.analysis.offline
        }
    };
    let (mut reports, mut failures) = (Vec::new(), listed.failures);
    let progress = Progress::new(listed.jobs.len());
    let at_once = args.jobs.map_or_else(default_jobs, usize::from);
    let (scan, progress) = (&scan, &progress);
    let running = futures_util::stream::iter(listed.jobs).map(|job| async move {
        let done = if compare {
            scan.compared(&job).await
        } else {
            scan.job(&job).await
        };
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
    let output = ScanOutput::new(reports, failures, listed.skipped);
    Ok(output.explained_at(args.rules_url.as_deref()))
}

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn print(args: &ScanArgs, output: &ScanOutput) -> Result<u8, Stop> {
    let look = match args.output {
        None if args.format == Format::Human => Look::of_stdout(),
        _ => Look::PLAIN,
    };
    let text = output::render(output, args.format, look).map_err(|error| defect(&error))?;
    write(args.output.as_deref(), &text)?;
    Ok(output::exit_code(output, args.fail_on))
}

pub(crate) fn defect(error: &dyn ToString) -> Stop {
    Stop::environment(error, "this is a defect of Packguard: please report it")
}

/// Writes a result to a file, whole or not at all, or to standard output.
pub(crate) fn write(path: Option<&Path>, text: &str) -> Result<(), Stop> {
    let (written, place) = match path {
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
        _ => Ok(()),
    }
}
