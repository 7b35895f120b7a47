//! `packguard admin keys …`

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;

use super::erase::{self, EraseError, Erased, Places};
use super::table::{table, time};
use super::{AdminError, Context, Output};
use crate::api::admin::keys::{MAX_OVERLAP, name_problem};
use crate::api::admin::shapes::KeyWithSecret;
use crate::api::keys::Secret;
use crate::db::audit::{self, Entry};
use crate::db::keys::{self, KeyRow, NewKey};
use crate::model::{KeyId, Scope};
use crate::roles;

/// Keys read together.
const PAGE: i64 = 500;

/// How long a step of a deletion lasts, between two looks at whether to stop.
const ERASE_STEP: Duration = Duration::from_secs(5);

/// `packguard admin keys …`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key, and print its secret: it is shown this once
    Create {
        /// What it is for: 1 to 100 characters
        #[arg(long)]
        name: String,
        /// What it may do: analyze, read, functions:write, admin
        #[arg(
            long,
            value_enum,
            value_delimiter = ',',
            default_value = "analyze,read",
            value_name = "SCOPE,…"
        )]
        scopes: Vec<Scope>,
        /// Packages that may be submitted in an hour
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i32).range(0..))]
        rate_limit: i32,
        /// Print JSON: the field `key` is the secret
        #[arg(long)]
        json: bool,
    },
    /// List all keys, newest first, without their secrets
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a key void, at once
    Revoke {
        /// The key, as `keys list` shows it
        id: i64,
    },
    /// Give a key a new secret, and print it: it is shown this once
    Rotate {
        /// The key, as `keys list` shows it
        id: i64,
        /// How long the present secret stays good, at most 30 days
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration)]
        overlap: Duration,
        /// Print JSON: the field `key` is the secret
        #[arg(long)]
        json: bool,
    },
    /// Delete all that a key ever submitted; the key stays
    DeleteData {
        /// The key, as `keys list` shows it
        id: i64,
        /// Do it: it can't be undone
        #[arg(long)]
        yes: bool,
    },
}

pub(super) async fn run(
    command: KeysCommand,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    match command {
        KeysCommand::Create {
            name,
            scopes,
            rate_limit,
            json,
        } => {
            let made = create(context, &name, scopes, rate_limit).await?;
            show_secret(&made, json, output)
        }
        KeysCommand::List { json } => list(context, json, output).await,
        KeysCommand::Revoke { id } => revoke(context, KeyId(id), output).await,
        KeysCommand::Rotate { id, overlap, json } => {
            let rotated = rotate(context, KeyId(id), overlap).await?;
            show_secret(&rotated, json, output)
        }
        KeysCommand::DeleteData { id, yes } => delete_data(context, KeyId(id), yes, output).await,
    }
}

fn secret() -> Result<Secret, AdminError> {
    Secret::new().map_err(|error| {
        AdminError::failed(
            format!("the system gives no randomness: {error}"),
            "try again",
        )
    })
}

fn no_key(id: KeyId) -> AdminError {
    let hint = "`packguard admin keys list` shows those there are";
    AdminError::failed(format!("there is no key {id}"), hint)
}

async fn create(
    context: &Context<'_>,
    name: &str,
    mut scopes: Vec<Scope>,
    rate_limit: i32,
) -> Result<KeyWithSecret, AdminError> {
    if let Some(problem) = name_problem(name) {
        return Err(AdminError::usage("--name makes no sense", problem));
    }
    scopes.sort_unstable();
    scopes.dedup();
    let secret = secret()?;
    let new = NewKey {
        name: name.trim(),
        prefix: &secret.prefix,
        sha256: secret.sha256(),
        scopes: &scopes,
        rate_limit,
    };
    let mut transaction = context.db.begin().await?;
    let details = keys::create(&mut transaction, &new).await?;
    let entry = Entry {
        action: "key.create",
        subject: format!("key:{}", details.id),
        details: json!({
            "name": details.name, "prefix": details.prefix, "scopes": details.scopes, "rate_limit": rate_limit,
        }),
    };
    audit::write(&mut transaction, &context.actor, &entry).await?;
    transaction.commit().await?;
    let key = secret.text;
    Ok(KeyWithSecret { key, details })
}

/// The secret alone on standard output, so that a script can take it.
fn show_secret(
    made: &KeyWithSecret,
    json: bool,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    if json {
        return output.json(made);
    }
    let KeyRow { id, name, .. } = &made.details;
    writeln!(
        output.notes,
        "key {id} ({name}); its secret is not shown again:"
    )?;
    Ok(writeln!(output.out, "{}", made.key)?)
}

async fn list(
    context: &Context<'_>,
    json: bool,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let mut all: Vec<KeyRow> = Vec::new();
    loop {
        let page = keys::list(&context.db, all.last().map(|key| key.id), PAGE).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    if json {
        return output.json(&all);
    }
    if all.is_empty() {
        let hint = "there are no keys; make one with `packguard admin keys create --name NAME`";
        return Ok(writeln!(output.notes, "{hint}")?);
    }
    let rows: Vec<Vec<String>> = all
        .into_iter()
        .map(|key| {
            vec![
                key.id.to_string(),
                if key.active { "active" } else { "revoked" }.to_owned(),
                format!("pg_{}_…", key.prefix),
                key.scopes.join(","),
                format!("{}/h", key.rate_limit),
                time(Some(key.created_at)),
                time(key.last_used_at),
                key.name,
            ]
        })
        .collect();
    let heading = [
        "ID",
        "STATE",
        "KEY",
        "SCOPES",
        "LIMIT",
        "CREATED",
        "LAST USED",
        "NAME",
    ];
    Ok(write!(output.out, "{}", table(&heading, &rows))?)
}

async fn revoke(
    context: &Context<'_>,
    id: KeyId,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let mut transaction = context.db.begin().await?;
    // Unlike the API, the command line can make another admin key at any time.
    let last = keys::is_last_admin(&mut transaction, id).await?;
    let key = keys::revoke(&mut transaction, id)
        .await?
        .ok_or_else(|| no_key(id))?;
    let entry = Entry {
        action: "key.revoke",
        subject: format!("key:{id}"),
        details: json!({ "name": key.name, "prefix": key.prefix }),
    };
    audit::write(&mut transaction, &context.actor, &entry).await?;
    transaction.commit().await?;
    writeln!(output.out, "key {id} ({}) is void", key.name)?;
    if last {
        writeln!(
            output.notes,
            "no key with the scope `admin` is left: the API can't be administered until there is one"
        )?;
    }
    Ok(())
}

async fn rotate(
    context: &Context<'_>,
    id: KeyId,
    overlap: Duration,
) -> Result<KeyWithSecret, AdminError> {
    if overlap > Duration::from_secs(MAX_OVERLAP) {
        let hint = "give at most 30d; to keep two secrets for longer, make a second key";
        return Err(AdminError::usage("--overlap is too long", hint));
    }
    let secret = secret()?;
    let mut transaction = context.db.begin().await?;
    let (prefix, sha256) = (&secret.prefix, secret.sha256());
    let details = keys::rotate(&mut transaction, id, prefix, &sha256, overlap).await?;
    let Some(details) = details else {
        let hint = "`packguard admin keys list` shows those there are; a revoked one stays void";
        return Err(AdminError::failed(
            format!("there is no active key {id}"),
            hint,
        ));
    };
    let entry = Entry {
        action: "key.rotate",
        subject: format!("key:{id}"),
        details: json!({ "prefix": prefix, "overlap_seconds": overlap.as_secs() }),
    };
    audit::write(&mut transaction, &context.actor, &entry).await?;
    transaction.commit().await?;
    let key = secret.text;
    Ok(KeyWithSecret { key, details })
}

async fn delete_data(
    context: &Context<'_>,
    id: KeyId,
    yes: bool,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let key = keys::get(&context.db, id)
        .await?
        .ok_or_else(|| no_key(id))?;
    if !yes {
        let message = format!(
            "this deletes all that key {id} ({}) ever submitted",
            key.name
        );
        return Err(AdminError::usage(
            message,
            "add --yes if that is what you want",
        ));
    }
    let queue = roles::queue(&context.settings.redis).await?;
    let storage = roles::storage(&context.settings.storage)?;
    let places = Places {
        db: &context.db,
        queue: &queue,
        storage: &storage,
    };
    let mut all = Erased::default();
    while !all.done && !context.stop.is_cancelled() {
        let part = erase::erase(places, id, &context.actor, ERASE_STEP).await;
        all = add(all, part?.ok_or_else(|| no_key(id))?);
    }
    let rows = [
        ("tasks", all.tasks),
        ("of them cancelled first", all.cancelled),
        ("events", all.events),
        ("batches", all.batches),
        ("webhooks", all.webhooks),
        ("uploads", all.uploads),
        ("private reports", all.reports),
        ("objects of reports", all.objects),
    ];
    let rows = rows.map(|(what, count)| vec![what.to_owned(), count.to_string()]);
    write!(output.out, "{}", table(&["DELETED", "COUNT"], &rows))?;
    if all.done {
        return Ok(());
    }
    let hint = "run the same command again: it goes on";
    Err(AdminError::failed(
        "it was stopped before all was deleted",
        hint,
    ))
}

fn add(all: Erased, part: Erased) -> Erased {
    Erased {
        done: part.done,
        cancelled: all.cancelled + part.cancelled,
        tasks: all.tasks + part.tasks,
        events: all.events + part.events,
        webhooks: all.webhooks + part.webhooks,
        batches: all.batches + part.batches,
        reports: all.reports + part.reports,
        uploads: all.uploads + part.uploads,
        objects: all.objects + part.objects,
    }
}

impl From<EraseError> for AdminError {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Database(error) => error.into(),
            error => Self::failed(error.to_string(), "run the same command again: it goes on"),
        }
    }
}
