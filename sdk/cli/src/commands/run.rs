//! `sdk run`: one package, one analyzer.

use packguard_platform::output::{self, Look};
use packguard_runtime::Component;
use packguard_runtime::report::{PackageInfo, Report, StepOutcome};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::cli::RunArgs;
use crate::failure::Failure;
use crate::lab::{Lab, Run};
use crate::{build, print};

/// Exit code when something was not analysed.
const INCOMPLETE: u8 = 3;

/// What `--json` prints.
#[derive(Serialize)]
struct Answer {
    package: PackageInfo,
    #[serde(flatten)]
    run: Run,
}

pub(super) async fn run(args: &RunArgs, cancel: &CancellationToken) -> Result<u8, Failure> {
    let path = build::component(None, &args.component).await?;
    let lab = Lab::new().await?;
    let analyzer = lab.load(&path).await?;
    let report = lab.scan(&analyzer, &args.input, cancel).await?;
    let name = &analyzer.descriptor().name;
    let run = Run::of(name, report.clone());
    let complete = run.incomplete.is_empty();
    if args.json {
        let package = report.package;
        print::json(&Answer { package, run })?;
    } else {
        print::text(&text(&analyzer, report, &run))?;
    }
    Ok(if complete { 0 } else { INCOMPLETE })
}

fn text(analyzer: &Component, mut report: Report, run: &Run) -> String {
    // What the unpacker found is not this analyzer's.
    report.findings.clone_from(&run.findings);
    let mut text = output::evidence(&report, Look::of_stdout());
    let descriptor = analyzer.descriptor();
    let files: u64 = report.artifacts.iter().map(|one| one.files).sum();
    let found = print::count(run.findings.len(), "finding");
    text += &format!(
        "{} {}: {found} in {}; ",
        output::line(&descriptor.name),
        output::line(&descriptor.version),
        print::count(usize::try_from(files).unwrap_or(usize::MAX), "file"),
    );
    match &run.step {
        None => {
            let ecosystem = output::line(&report.package.ecosystem);
            text += &format!("it does not apply to {ecosystem}\n");
        }
        Some(step) => {
            let usage = &step.usage;
            let time = print::time(usage.duration_us.unwrap_or_default());
            let memory = print::bytes(usage.peak_memory);
            text += &format!("{time}, {memory} of memory, {} fuel\n", usage.fuel);
            if step.outcome != StepOutcome::Ok {
                text += "it did not answer: see above\n";
            }
        }
    }
    text
}
