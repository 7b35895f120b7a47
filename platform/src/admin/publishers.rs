//! `packguard admin publishers`: who may publish functions, and with which keys.

use clap::Subcommand;

use super::table::{table, time};
use super::{AdminError, Context, Output};
use crate::db::publishers;
use crate::functions::publishers::{Change, PublisherError, change};
use crate::model::KeyId;

/// Publishers of a page.
const PAGE: i64 = 500;

/// What to do with publishers.
#[derive(Debug, Clone, Subcommand)]
pub enum PublishersCommand {
    /// Make a publisher
    Create {
        /// Lower-case letters, digits and `-`
        publisher: String,
    },
    /// Show all publishers
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Register a key that a publisher signs with
    AddKey {
        /// The publisher
        publisher: String,
        /// The ed25519 public key as base64, as `sdk keys` shows it
        public_key: String,
    },
    /// Make a signing key void: workers stop running what it signed
    RevokeKey {
        /// The publisher
        publisher: String,
        /// The key's id: 16 hexadecimal digits
        key: String,
    },
    /// Let an API key deploy in a publisher's name, and no other's
    AddMember {
        /// The publisher
        publisher: String,
        /// The API key's number
        key: i64,
    },
    /// Keep a prefix of names for a publisher: `acme` keeps `acme` and `acme-…`
    Reserve {
        /// The publisher
        publisher: String,
        /// The prefix
        prefix: String,
    },
}

pub(super) async fn run(
    command: PublishersCommand,
    context: &Context<'_>,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let (publisher, what) = match command {
        PublishersCommand::List { json } => return list(context, json, output).await,
        PublishersCommand::Create { publisher } => (publisher, Change::Create),
        PublishersCommand::AddKey {
            publisher,
            public_key,
        } => (publisher, Change::AddKey(public_key)),
        PublishersCommand::RevokeKey { publisher, key } => (publisher, Change::RevokeKey(key)),
        PublishersCommand::AddMember { publisher, key } => {
            (publisher, Change::AddMember(KeyId(key)))
        }
        PublishersCommand::Reserve { publisher, prefix } => (publisher, Change::Reserve(prefix)),
    };
    change(&context.db, &context.actor, &publisher, &what).await?;
    let done = match what {
        Change::Create => "is made",
        Change::AddKey(_) => "may sign with the key",
        Change::RevokeKey(_) => "may not sign with the key any more",
        Change::AddMember(_) => "has the member",
        Change::Reserve(_) => "has the namespace",
    };
    Ok(writeln!(output.out, "publisher {publisher} {done}")?)
}

async fn list(
    context: &Context<'_>,
    json: bool,
    output: &mut Output<'_>,
) -> Result<(), AdminError> {
    let mut all: Vec<publishers::PublisherRow> = Vec::new();
    loop {
        let after = all.last().map_or("", |row| row.name.as_str());
        let page = publishers::list(&context.db, after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    if json {
        return output.json(&all);
    }
    if all.is_empty() {
        let hint =
            "there are no publishers; make one with `packguard admin publishers create NAME`";
        return Ok(writeln!(output.notes, "{hint}")?);
    }
    let rows: Vec<Vec<String>> = all
        .into_iter()
        .map(|row| {
            let members: Vec<String> = row.members.iter().map(ToString::to_string).collect();
            vec![
                row.name,
                time(Some(row.created_at)),
                members.join(","),
                row.signing_keys.join(","),
                row.namespaces.join(","),
            ]
        })
        .collect();
    let heading = ["NAME", "CREATED", "API KEYS", "SIGNING KEYS", "NAMESPACES"];
    Ok(write!(output.out, "{}", table(&heading, &rows))?)
}

impl From<PublisherError> for AdminError {
    fn from(error: PublisherError) -> Self {
        let message = error.to_string();
        match error {
            PublisherError::Database(error) => error.into(),
            PublisherError::Name(_) | PublisherError::Key(_) => {
                Self::usage("the command line makes no sense", message)
            }
            PublisherError::NoApiKey(_) => {
                Self::failed(message, "`packguard admin keys list` shows those there are")
            }
            _ => Self::failed(
                message,
                "`packguard admin publishers list` shows what there is",
            ),
        }
    }
}
