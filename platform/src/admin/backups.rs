//! `packguard admin backup`, `restore` and `verify`.

use std::time::Duration;

use age::x25519;
use chrono::Utc;
use clap::Args;

use super::table::table;
use super::{AdminError, Context, Output};
use crate::backup::{self, BackupError};
use crate::config::SecretUrl;
use crate::db::backups;
use crate::db::{self, PoolOptions};
use crate::roles;
use crate::storage::{BackupKey, Storage};

/// `packguard admin backup`
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Delete backups that are older, the newest aside
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = humantime::parse_duration)]
    pub keep: Duration,
    /// List what there is, and make none
    #[arg(long)]
    pub list: bool,
}

/// `packguard admin restore`
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup, as `backup --list` names it
    pub name: BackupKey,
    /// The database: new, and made by `packguard migrate` of the version that made the backup [default:
    /// DATABASE_URL]
    #[arg(long, value_name = "FILE")]
    pub into_file: Option<std::path::PathBuf>,
}

/// `packguard admin verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The backup, as `backup --list` names it [default: the newest]
    pub name: Option<BackupKey>,
}

impl From<BackupError> for AdminError {
    fn from(error: BackupError) -> Self {
        let hint = match &error {
            BackupError::Database(_) | BackupError::Storage(_) => {
                "`packguard doctor` tells more; the command can be repeated"
            }
            BackupError::Sealed(_) | BackupError::Order | BackupError::Rows { .. } => {
                "is BACKUP_IDENTITY the key of this backup? if it is, take the backup before it"
            }
            BackupError::Migrations { .. } => {
                "run its `migrate` and `admin restore`, then this version's `migrate`"
            }
            BackupError::Occupied { .. } => {
                "restore into a new database, and point DATABASE_URL to that"
            }
            BackupError::Scratch(_) => {
                "or restore into a database of your own: `admin restore NAME --into-file FILE`"
            }
        };
        Self::failed(error.to_string(), hint)
    }
}

pub(super) async fn backup(
    args: &BackupArgs,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let storage = roles::storage(&context.settings.storage)?;
    if args.list {
        return list(&storage, output).await;
    }
    let Some(recipient) = context.settings.backup_recipient.clone() else {
        return Err(AdminError::usage(
            "BACKUP_RECIPIENT is not set",
            "`age-keygen` makes a key; set BACKUP_RECIPIENT to its recipient, `age1…`",
        ));
    };
    // A key that is none is found before an hour's work.
    let identity = context.settings.backup_identity.is_some();
    let identity = identity.then(|| identity_of(context)).transpose()?;
    let now = Utc::now();
    let made = backup::make(&context.db, &storage, recipient, now).await?;
    let name = made.key.name();
    let size = i64::try_from(made.size).unwrap_or(i64::MAX);
    backups::made(&context.db, &name, made.key.made(), size).await?;
    let rows: i64 = made.rows.values().sum();
    writeln!(output.out, "{name}: {rows} rows, {} bytes", made.size)?;
    match identity {
        Some(identity) => {
            backup::verify(&storage, &made.key, identity, &context.db).await?;
            backups::verified(&context.db, &name).await?;
            writeln!(output.notes, "verified: it was restored, and has all rows")?;
        }
        None => writeln!(
            output.notes,
            "not verified: BACKUP_IDENTITY is not set; run `packguard admin verify` where it is"
        )?,
    }
    for old in backup::prune(&storage, args.keep, now).await? {
        backups::forget(&context.db, &old.name()).await?;
        writeln!(output.notes, "{} deleted: its time was over", old.name())?;
    }
    Ok(())
}

async fn list(storage: &Storage, output: &mut Output<'_>) -> Result<(), AdminError> {
    let all = storage.backups().await.map_err(BackupError::from)?;
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|key| vec![key.name(), key.made().to_rfc3339()])
        .collect();
    Ok(write!(output.out, "{}", table(&["NAME", "MADE"], &rows))?)
}

pub(super) async fn restore(
    args: &RestoreArgs,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let storage = roles::storage(&context.settings.storage)?;
    let identity = identity_of(context)?;
    let other = args.into_file.as_deref().map(opened).transpose()?;
    let into = other.as_ref().unwrap_or(&context.db);
    let rows = backup::restore(&storage, &args.name, identity, into).await?;
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(table, rows)| vec![table, rows.to_string()])
        .collect();
    write!(output.out, "{}", table(&["TABLE", "ROWS"], &rows))?;
    Ok(writeln!(
        output.notes,
        "restored. Redis is rebuilt by the next `packguard serve`"
    )?)
}

pub(super) async fn verify(
    args: &VerifyArgs,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let storage = roles::storage(&context.settings.storage)?;
    let identity = identity_of(context)?;
    let key = match &args.name {
        Some(key) => key.clone(),
        None => {
            let all = storage.backups().await.map_err(BackupError::from)?;
            all.into_iter().next_back().ok_or_else(|| {
                AdminError::failed("there is no backup", "`packguard admin backup` makes one")
            })?
        }
    };
    let rows = backup::verify(&storage, &key, identity, &context.db).await?;
    backups::verified(&context.db, &key.name()).await?;
    let rows: i64 = rows.values().sum();
    Ok(writeln!(
        output.out,
        "{}: {rows} rows, all there",
        key.name()
    )?)
}

fn identity_of(context: &Context<'_>) -> Result<x25519::Identity, AdminError> {
    let Some(secret) = &context.settings.backup_identity else {
        return Err(AdminError::usage(
            "BACKUP_IDENTITY is not set",
            "it is the line of `age-keygen`'s file that begins with AGE-SECRET-KEY-1",
        ));
    };
    let parsed = secret.expose().parse::<x25519::Identity>();
    parsed.map_err(|why| {
        let hint = "it is the line of `age-keygen`'s file that begins with AGE-SECRET-KEY-1";
        AdminError::usage(format!("BACKUP_IDENTITY is no age identity: {why}"), hint)
    })
}

/// The database that a file names, so that its password stands on no command line.
fn opened(file: &std::path::Path) -> Result<sqlx::PgPool, AdminError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let hint =
            "name a file that holds a URL, as in postgres://packguard@db.example.com/restored";
        AdminError::usage(format!("{}: {error}", file.display()), hint)
    })?;
    let options = PoolOptions {
        size: 2,
        acquire: Duration::from_secs(10),
        statement: None,
    };
    let url = SecretUrl::new(text.trim());
    db::open(url.expose(), &options).map_err(AdminError::from)
}
