//! `packguard admin reanalyze`: what an improved analyzer is to see again.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use clap::Args;
use serde_json::json;

use super::table::{table, time};
use super::{AdminError, Context, Output};
use crate::db::audit::{self, Entry};
use crate::db::reanalyses::{self, NewReanalysis, ReanalysisRow, Target};
use crate::purl::Ecosystem;

/// `packguard admin reanalyze`
#[derive(Debug, Args)]
pub struct ReanalyzeArgs {
    /// The analyzer that is to see packages again
    #[arg(long, value_name = "NAME", required_unless_present = "status")]
    pub function: Option<String>,
    /// Only packages of this ecosystem [default: those that the analyzer looks at]
    #[arg(long, value_name = "TYPE", value_parser = ecosystem)]
    pub ecosystem: Option<Ecosystem>,
    /// Only packages whose newest report is younger, as in 30d
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub newer_than: Option<Duration>,
    /// Most packages to queue
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub limit: Option<i64>,
    /// Show how far re-analyses are
    #[arg(long, conflicts_with_all = ["ecosystem", "newer_than", "limit", "stop"])]
    pub status: bool,
    /// Queue nothing more of it; what is in the queue is done
    #[arg(long, conflicts_with_all = ["ecosystem", "newer_than", "limit"])]
    pub stop: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn ecosystem(text: &str) -> Result<Ecosystem, String> {
    let known = Ecosystem::ALL.into_iter().find(|one| one.as_str() == text);
    known.ok_or_else(|| {
        let all = Ecosystem::ALL.map(Ecosystem::as_str).join(", ");
        format!("there are {all}")
    })
}

pub(super) async fn run(
    args: &ReanalyzeArgs,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    match &args.function {
        function if args.status => status(function.as_deref(), args.json, context, output).await,
        Some(function) if args.stop => stop(function, args.json, context, output).await,
        Some(function) => begin(function, args, context, output).await,
        // The command line asks for it.
        None => Ok(()),
    }
}

async fn begin(
    function: &str,
    args: &ReanalyzeArgs,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let target = target(function, context).await?;
    let ecosystems = ecosystems(function, &target, args.ecosystem)?;
    let since = args.newer_than.map(|age| {
        // Beyond what there are dates for, all is newer.
        let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
        Utc::now().checked_sub_signed(age)
    });
    let new = NewReanalysis {
        function,
        target: &target,
        ecosystems: &ecosystems,
        since: since.flatten(),
        most: args.limit,
        actor: &context.actor.name,
    };
    let (row, goes_on) = write(&new, context).await?;
    if args.json {
        return output.json(&row);
    }
    let (version, id) = (&row.version, row.id);
    if goes_on {
        writeln!(
            output.notes,
            "re-analysis {id} of {function} {version} is open and goes on as it was begun; `--stop` ends it"
        )?;
        return show(&[row], output);
    }
    writeln!(
        output.out,
        "re-analysis {id} of {function} {version} has begun; `packguard admin reanalyze --status` shows how far it is"
    )?;
    Ok(())
}

/// The one that is open for the same component, or a new one.
async fn write(
    new: &NewReanalysis<'_>,
    context: &Context<'_>,
) -> Result<(ReanalysisRow, bool), AdminError> {
    let mut transaction = context.db.begin().await?;
    let open = reanalyses::open(&mut transaction, new.function).await?;
    let superseded = open.as_ref().map(|open| open.id);
    match open {
        Some(open) if open.digest == new.target.digest => return Ok((open, true)),
        Some(open) => reanalyses::end(&mut transaction, open.id, "superseded").await?,
        None => {}
    }
    let Some(row) = reanalyses::begin(&mut transaction, new).await? else {
        let hint = "run the command again: it goes on with that one";
        return Err(AdminError::failed("another one was begun just now", hint));
    };
    let entry = Entry {
        action: "function.reanalyze",
        subject: format!("function:{}", new.function),
        details: json!({
            "id": row.id, "version": row.version, "digest": row.digest, "ecosystems": row.ecosystems,
            "since": row.since, "most": row.most, "supersedes": superseded,
        }),
    };
    audit::write(&mut transaction, &context.actor, &entry).await?;
    transaction.commit().await?;
    Ok((row, false))
}

async fn target(function: &str, context: &Context<'_>) -> Result<Target, AdminError> {
    let target = reanalyses::target(&context.db, function).await?;
    let target = target.ok_or_else(|| {
        let message = format!("no worker runs an analyzer called `{function}`");
        let hint = format!(
            "is it spelt well? A deployed one has to be promoted first: `sdk promote {function}@VERSION`"
        );
        AdminError::failed(message, hint)
    })?;
    if let Some(reason) = &target.disabled {
        let message = format!("{function} {} is disabled: {reason}", target.version);
        let hint = "enable it, or promote another version, and run this again";
        return Err(AdminError::failed(message, hint));
    }
    Ok(target)
}

/// The ecosystems to look at: those of the analyzer, or the one that was asked for.
fn ecosystems(
    function: &str,
    target: &Target,
    wanted: Option<Ecosystem>,
) -> Result<Vec<String>, AdminError> {
    let Some(wanted) = wanted else {
        return Ok(target.ecosystems.clone());
    };
    let covers = target.ecosystems.iter().any(|one| one == wanted.as_str());
    if !target.ecosystems.is_empty() && !covers {
        let all = target.ecosystems.join(", ");
        return Err(AdminError::usage(
            format!("{function} does not look at {wanted} packages"),
            format!("give one of {all}, or none"),
        ));
    }
    Ok(vec![wanted.as_str().to_owned()])
}

async fn stop(
    function: &str,
    json: bool,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let mut transaction = context.db.begin().await?;
    let Some(open) = reanalyses::open(&mut transaction, function).await? else {
        let message = format!("no re-analysis of `{function}` is open");
        let hint = "`packguard admin reanalyze --status` shows those there are";
        return Err(AdminError::failed(message, hint));
    };
    reanalyses::end(&mut transaction, open.id, "stopped").await?;
    let entry = Entry {
        action: "function.reanalyze_stop",
        subject: format!("function:{function}"),
        details: json!({ "id": open.id, "looked": open.looked, "queued": open.queued }),
    };
    audit::write(&mut transaction, &context.actor, &entry).await?;
    transaction.commit().await?;
    if json {
        let rows = reanalyses::list(&context.db, Some(function)).await?;
        return match rows.into_iter().find(|row| row.id == open.id) {
            Some(row) => output.json(&row),
            None => Ok(()),
        };
    }
    Ok(writeln!(
        output.out,
        "re-analysis {} of {function} is stopped; it queued {} packages",
        open.id, open.queued
    )?)
}

async fn status(
    function: Option<&str>,
    json: bool,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let rows = reanalyses::list(&context.db, function).await?;
    let unfinished = reanalyses::unfinished(&context.db).await?;
    if json {
        return output.json(&json!({ "reanalyses": rows, "unfinished_tasks": unfinished }));
    }
    if rows.is_empty() {
        return Ok(writeln!(output.notes, "there are no re-analyses")?);
    }
    writeln!(
        output.notes,
        "{unfinished} tasks of re-analyses are not over"
    )?;
    show(&rows, output)
}

fn show(rows: &[ReanalysisRow], output: &mut Output<'_>) -> Result<(), AdminError> {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.id.to_string(),
                row.function.clone(),
                row.version.clone(),
                row.state.clone(),
                format!("{} %", row.progress()),
                row.looked.to_string(),
                row.queued.to_string(),
                time(Some(row.created_at)),
                row.actor.clone(),
            ]
        })
        .collect();
    let heading = [
        "ID",
        "FUNCTION",
        "VERSION",
        "STATE",
        "THROUGH",
        "LOOKED AT",
        "QUEUED",
        "BEGUN",
        "BY",
    ];
    Ok(write!(output.out, "{}", table(&heading, &rows))?)
}
