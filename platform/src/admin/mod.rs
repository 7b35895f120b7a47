//! `packguard admin`: keys, dead letters, the audit log, deletion. It speaks to Postgres, and
//! where needed to Redis and the object storage, itself: no API has to run.
//!
//! ```text
//! keys.rs tasks.rs publishers.rs reanalyze.rs upkeep.rs   the commands
//! table.rs                     tables for people
//! retry.rs erase.rs prune.rs   what the API and the reconciler do as well
//! ```
//!
//! What is asked for goes to standard output, everything else to standard error. Whatever
//! changes something is in the audit log, written in the same transaction, as `cli:USER`.

mod backups;
pub mod erase;
mod keys;
pub mod prune;
mod publishers;
mod reanalyze;
pub mod retry;
mod table;
mod tasks;
mod upkeep;

use std::io::{self, Write};

use clap::Subcommand;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::AdminSettings;
use crate::db::audit::Actor;
use crate::roles;

pub use backups::{BackupArgs, RestoreArgs, VerifyArgs};
pub use keys::KeysCommand;
pub use packguard_scale::admin::PoolsArgs;
pub use publishers::PublishersCommand;
pub use reanalyze::ReanalyzeArgs;
pub use tasks::{AuditCommand, TasksCommand};
pub use upkeep::PruneArgs;

/// Exit code when something could not be done.
pub const FAILED: u8 = 1;
/// Exit code when the command line makes no sense.
pub const USAGE: u8 = 2;

/// `packguard admin …`
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// API keys: create, list, rotate, revoke; delete what one submitted
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Everybody's tasks: list them, try failed ones again
    #[command(subcommand)]
    Tasks(TasksCommand),
    /// Who may publish functions: publishers, their keys and namespaces
    #[command(subcommand)]
    Publishers(PublishersCommand),
    /// Queue what an improved analyzer should see again, behind all that clients submit; begins two
    /// minutes after `stable` was moved
    Reanalyze(ReanalyzeArgs),
    /// Who changed what
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Delete what is old: tasks, reports, uploads, logs
    Prune(PruneArgs),
    /// Back Postgres up into the object storage, and verify that by restoring it
    Backup(BackupArgs),
    /// Restore a backup into a database that `packguard migrate` made
    Restore(RestoreArgs),
    /// Restore a backup into a scratch database beside, and drop that
    Verify(VerifyArgs),
    /// Runtime pools on Kubernetes: list, set, pause, drain
    Pools(PoolsArgs),
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AdminError {
    /// What went wrong.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// The exit code: [`FAILED`] or [`USAGE`].
    pub code: u8,
}

impl AdminError {
    fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
            code: FAILED,
        }
    }

    fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            ..Self::failed(message, hint)
        }
    }
}

impl From<sqlx::Error> for AdminError {
    fn from(error: sqlx::Error) -> Self {
        let hint = match &error {
            sqlx::Error::Database(error) if error.code().is_some_and(|code| code == "42P01") => {
                "the database has no tables yet: run `packguard migrate`"
            }
            _ => "is DATABASE_URL right, and Postgres up? `packguard doctor` tells more",
        };
        Self::failed(format!("the database failed: {error}"), hint)
    }
}

impl From<roles::Failure> for AdminError {
    fn from(failure: roles::Failure) -> Self {
        Self::failed(failure.message, failure.hint)
    }
}

impl From<io::Error> for AdminError {
    fn from(error: io::Error) -> Self {
        Self::failed(
            format!("the output can't be written: {error}"),
            "is the disk full?",
        )
    }
}

/// Where a command writes.
pub struct Output<'a> {
    /// What was asked for: standard output.
    pub out: &'a mut dyn Write,
    /// Everything else: standard error.
    pub notes: &'a mut dyn Write,
}

impl Output<'_> {
    /// One JSON document, for programs.
    fn json(&mut self, value: &impl Serialize) -> Result<(), AdminError> {
        serde_json::to_writer_pretty(&mut *self.out, value).map_err(io::Error::from)?;
        Ok(writeln!(self.out)?)
    }
}

/// Runs a command. Prunes and deletions end early, and in order, when `stop` is cancelled.
///
/// # Errors
/// When it can't be done; with a hint, and the exit code.
pub async fn run(
    command: AdminCommand,
    settings: &AdminSettings,
    mut output: Output<'_>,
    stop: &CancellationToken,
) -> Result<(), AdminError> {
    let context = Context {
        settings,
        db: roles::database(&settings.database)?,
        actor: actor(),
        stop,
    };
    match command {
        AdminCommand::Keys(command) => keys::run(command, &context, &mut output).await,
        AdminCommand::Tasks(command) => tasks::run(command, &context, &mut output).await,
        AdminCommand::Publishers(command) => publishers::run(command, &context, &mut output).await,
        AdminCommand::Reanalyze(args) => reanalyze::run(&args, &context, &mut output).await,
        AdminCommand::Audit(command) => tasks::audit(command, &context, &mut output).await,
        AdminCommand::Prune(args) => upkeep::prune(&args, &context, &mut output).await,
        AdminCommand::Backup(args) => backups::backup(&args, &context, &mut output).await,
        AdminCommand::Restore(args) => backups::restore(&args, &context, &mut output).await,
        AdminCommand::Verify(args) => backups::verify(&args, &context, &mut output).await,
        // Spoken to before there is a database: see roles::admin.
        AdminCommand::Pools(_) => Ok(()),
    }
}

/// What every command works with. Redis and storage are connected to where needed.
struct Context<'a> {
    settings: &'a AdminSettings,
    db: sqlx::PgPool,
    actor: Actor,
    stop: &'a CancellationToken,
}

/// Longest user name that is noted.
const MAX_USER: usize = 64;

/// Who runs the command, as far as the system says. Anybody who can run it can write anything
/// into the database, so this is for finding out, not for proof.
fn actor() -> Actor {
    let named = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|user| !user.is_empty());
    let user = named.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    let user: String = user
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_USER)
        .collect();
    Actor {
        name: format!("cli:{user}"),
        request_id: None,
    }
}
