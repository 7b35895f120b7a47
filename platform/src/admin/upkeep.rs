//! `packguard admin prune`

use std::time::Duration;

use clap::Args;

use super::prune::{self, Ages, PruneError};
use super::table::table;
use super::{AdminError, Context, Output};
use crate::db::retention;
use crate::roles;

/// Youngest tasks that are pruned: reports that answer submissions are a day old at most,
/// unless configured otherwise.
const YOUNGEST: Duration = Duration::from_secs(24 * 3_600);

/// `packguard admin prune`
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Delete tasks that ended before that, and reports that nobody needs [default: RETENTION_TASKS]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub older_than: Option<Duration>,
    /// Only count
    #[arg(long)]
    pub dry_run: bool,
}

pub(super) async fn prune(
    args: &PruneArgs,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let mut ages = Ages::of(&context.settings.retention, None);
    if let Some(age) = args.older_than {
        if age < YOUNGEST {
            let hint =
                "give a day or more, as in 90d; `keys delete-data` deletes what one key submitted";
            return Err(AdminError::usage("--older-than is below a day", hint));
        }
        ages.tasks = Some(age);
    }
    if args.dry_run {
        let Some(age) = ages.tasks else {
            return Ok(writeln!(
                output.notes,
                "RETENTION_TASKS keeps all tasks; give --older-than"
            )?);
        };
        let preview = retention::preview(&context.db, age).await?;
        let rows = [
            ("tasks", preview.tasks),
            ("batches", preview.batches),
            ("reports", preview.reports),
        ];
        let rows = rows.map(|(what, count)| vec![what.to_owned(), count.to_string()]);
        return Ok(write!(
            output.out,
            "{}",
            table(&["WOULD BE DELETED", "COUNT"], &rows)
        )?);
    }
    let storage = roles::storage(&context.settings.storage)?;
    let pruned = prune::prune(&context.db, &storage, &ages, &context.actor, context.stop).await?;
    let Some(pruned) = pruned else {
        let hint = "wait until it ends: two would do the same work";
        return Err(AdminError::failed("another process prunes", hint));
    };
    let rows = [
        ("tasks", pruned.tasks),
        ("events", pruned.events),
        ("webhook deliveries", pruned.deliveries),
        ("batches", pruned.batches),
        ("reports", pruned.reports),
        ("objects of reports", pruned.objects),
        ("uploads", pruned.uploads),
        ("audit entries", pruned.audit),
    ];
    let rows = rows.map(|(what, count)| vec![what.to_owned(), count.to_string()]);
    write!(output.out, "{}", table(&["DELETED", "COUNT"], &rows))?;
    if pruned.objects_waiting > 0 {
        let count = pruned.objects_waiting;
        writeln!(
            output.notes,
            "{count} objects follow their rows after an hour, at the next prune"
        )?;
    }
    if context.stop.is_cancelled() {
        let hint = "run the same command again: it goes on";
        return Err(AdminError::failed(
            "it was stopped before all was deleted",
            hint,
        ));
    }
    Ok(())
}

impl From<PruneError> for AdminError {
    fn from(error: PruneError) -> Self {
        match error {
            PruneError::Database(error) => error.into(),
            error @ PruneError::Storage(_) => Self::failed(
                error.to_string(),
                "mend the storage and run it again: it goes on",
            ),
        }
    }
}
