//! `packguard admin tasks …` and `packguard admin audit …`

use clap::Subcommand;

use super::retry::{self, RetryError};
use super::table::{table, time};
use super::{AdminError, Context, Output};
use crate::db::audit as log;
use crate::db::dead_letters;
use crate::model::TaskId;
use crate::roles;

/// Dead letters tried again together.
const PAGE: i64 = 500;

/// `packguard admin tasks …`
#[derive(Debug, Subcommand)]
pub enum TasksCommand {
    /// List everybody's tasks, newest first
    List {
        /// Only those that failed for good without an answer about their package
        #[arg(long)]
        dead: bool,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try failed tasks again
    Retry {
        /// The tasks, as `tasks list --dead` shows them
        #[arg(required_unless_present = "all_dead", value_name = "ID")]
        ids: Vec<i64>,
        /// All dead letters
        #[arg(long, conflicts_with = "ids")]
        all_dead: bool,
        /// How often a worker may try
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=100))]
        attempts: i32,
    },
}

/// `packguard admin audit …`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List what was changed, newest first
    List {
        /// Only of this subject, as in key:12
        #[arg(long)]
        subject: Option<String>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(
    command: TasksCommand,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    match command {
        TasksCommand::List { dead, limit, json } => {
            let tasks = dead_letters::list(&context.db, dead, None, limit).await?;
            if json {
                return output.json(&tasks);
            }
            if tasks.is_empty() {
                let what = if dead { "dead letters" } else { "tasks" };
                return Ok(writeln!(output.notes, "there are no {what}")?);
            }
            let rows: Vec<Vec<String>> = tasks
                .into_iter()
                .map(|task| {
                    let reason = match (task.error_category, task.error_message) {
                        (Some(category), Some(message)) => format!("{category}: {message}"),
                        (category, message) => {
                            let category = category.map(|category| category.to_string());
                            message.or(category).unwrap_or_default()
                        }
                    };
                    vec![
                        task.task_id.to_string(),
                        task.key_id.to_string(),
                        task.status.to_string(),
                        format!("{}/{}", task.attempts, task.max_attempts),
                        time(task.completed_at),
                        task.purl,
                        reason,
                    ]
                })
                .collect();
            let heading = [
                "TASK", "KEY", "STATUS", "TRIED", "ENDED", "PACKAGE", "REASON",
            ];
            Ok(write!(output.out, "{}", table(&heading, &rows))?)
        }
        TasksCommand::Retry {
            ids,
            all_dead,
            attempts,
        } => retry_all(context, ids, all_dead, attempts, output).await,
    }
}

async fn retry_all(
    context: &Context<'_>,
    ids: Vec<i64>,
    all_dead: bool,
    attempts: i32,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let queue = roles::queue(&context.settings.redis).await?;
    let mut ids: Vec<TaskId> = ids.into_iter().map(TaskId).collect();
    let (mut before, mut done, mut refused) = (None, 0_u64, 0_u64);
    loop {
        if all_dead {
            let page = dead_letters::list(&context.db, true, before, PAGE).await?;
            ids = page.into_iter().map(|task| task.task_id).collect();
            before = ids.last().copied();
        }
        for id in &ids {
            if context.stop.is_cancelled() {
                let hint = "run the same command again: it goes on with the rest";
                return Err(AdminError::failed(
                    format!("stopped after {done} tasks"),
                    hint,
                ));
            }
            match retry::retry(&context.db, &queue, *id, attempts, &context.actor).await {
                Ok(_) => done += 1,
                Err(RetryError::Refused(why)) => {
                    refused += 1;
                    writeln!(output.notes, "task {id}: {why}")?;
                }
                Err(RetryError::Database(error)) => return Err(error.into()),
            }
        }
        if !all_dead || ids.is_empty() {
            break;
        }
    }
    writeln!(output.out, "{done} tasks are tried again")?;
    if refused > 0 {
        let hint = "`packguard admin tasks list --dead` shows those that can be";
        return Err(AdminError::failed(
            format!("{refused} tasks were not tried again"),
            hint,
        ));
    }
    Ok(())
}

pub(super) async fn audit(
    command: AuditCommand,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let AuditCommand::List {
        subject,
        limit,
        json,
    } = command;
    let entries = log::list(&context.db, subject.as_deref(), None, limit).await?;
    if json {
        return output.json(&entries);
    }
    if entries.is_empty() {
        return Ok(writeln!(output.notes, "there are no entries")?);
    }
    let rows: Vec<Vec<String>> = entries
        .into_iter()
        .map(|entry| {
            vec![
                time(Some(entry.at)),
                entry.actor,
                entry.action,
                entry.subject,
                entry.details.to_string(),
            ]
        })
        .collect();
    let heading = ["WHEN", "WHO", "WHAT", "OF", "DETAILS"];
    Ok(write!(output.out, "{}", table(&heading, &rows))?)
}
