//! `packguard diff`: what is new in a release since another one.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cli::DiffArgs;
use crate::output::diff::{self, DiffOutput};
use crate::output::{Failure, Format, Look};
use crate::scan::{self, Scan, Stop, settings};

/// Makes the analyzer `names` say what a package depends on.
const INVENTORY: (&str, &str) = ("names.inventory", "on");

/// Runs the command and gives its exit code.
pub async fn run(args: DiffArgs, cancel: CancellationToken) -> u8 {
    let done = scan::until_cancelled(compare(&args, &cancel), &cancel).await;
    match done.and_then(|done| print(&args, done)) {
        Ok(code) => code,
        Err(stop) => stop.say(),
    }
}

/// The comparison, or why a side of it could not be analysed.
async fn compare(
    args: &DiffArgs,
    cancel: &CancellationToken,
) -> Result<Result<DiffOutput, Failure>, Stop> {
    let knowledge = settings::read(&args.analysis).await?;
    let folder = scan::work_folder()?;
    let scan = Scan::new(&args.analysis, knowledge, folder.path(), cancel).await?;
    let settings = [(INVENTORY.0.to_owned(), INVENTORY.1.to_owned())];
    let before = match scan.one(&args.before, None, &settings).await {
        Ok(before) => Arc::new(before),
        Err(failure) => return Ok(Err(failure)),
    };
    let after = scan.one(&args.after, Some(Arc::clone(&before)), &settings);
    Ok(after.await.map(|after| DiffOutput::new(&before, &after)))
}

fn print(args: &DiffArgs, done: Result<DiffOutput, Failure>) -> Result<u8, Stop> {
    let output = done.map_err(|failure| Stop::failed(&failure))?;
    let output = if args.no_timings {
        output.without_timings()
    } else {
        output
    };
    let look = match args.output {
        None if args.format == Format::Human => Look::of_stdout(),
        _ => Look::PLAIN,
    };
    let text = diff::render(&output, args.format, look).map_err(|error| scan::defect(&error))?;
    scan::write(args.output.as_deref(), &text)?;
    Ok(diff::exit_code(&output, args.fail_on, args.fail_on_new))
}
