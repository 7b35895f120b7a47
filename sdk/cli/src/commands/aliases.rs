//! `sdk promote` and `sdk rollback`: which version an alias names.

use packguard_platform::db::functions::default_percent;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{PromoteArgs, RollbackArgs};
use crate::failure::{Failure, usage};
use crate::print;
use crate::server::Server;
use crate::server::answers::Moved;

/// An alias to be moved.
pub(super) struct Move<'a> {
    alias: &'a str,
    percent: Option<u8>,
}

impl<'a> Move<'a> {
    /// A move, if the alias takes a percentage where there is one.
    pub(super) fn new(alias: &'a str, percent: Option<u8>) -> Result<Self, Failure> {
        if percent.is_some() && default_percent(alias).is_none() {
            return Err(usage(
                format!("{alias} takes no share of the tasks"),
                "leave --percent out, or take --alias canary or --alias shadow",
            ));
        }
        Ok(Self { alias, percent })
    }

    /// Lets the alias name a version.
    pub(super) async fn to(
        &self,
        server: &Server,
        name: &str,
        version: &str,
    ) -> Result<Value, Failure> {
        let path = format!("functions/{name}/aliases/{}/", self.alias);
        let body = match self.percent {
            Some(percent) => json!({ "version": version, "percent": percent }),
            // What an older server understands too.
            None => json!({ "version": version }),
        };
        server
            .insist(|server| server.request(Method::PUT, &path).json(&body))
            .await
    }
}

pub(super) async fn promote(args: &PromoteArgs) -> Result<u8, Failure> {
    let moved = Move::new(&args.alias, args.percent)?;
    let server = Server::logged_in()?;
    let version = args.target.version.as_deref().unwrap_or_default();
    let data = moved.to(&server, &args.target.name, version).await?;
    show(&server, &data, args.json)
}

pub(super) async fn rollback(args: &RollbackArgs) -> Result<u8, Failure> {
    let server = Server::logged_in()?;
    let path = format!("functions/{}/aliases/{}/rollback/", args.name, args.alias);
    // Once: a second one could go back further.
    let data = server.send(server.request(Method::POST, &path)).await?;
    show(&server, &data, args.json)
}

fn show(server: &Server, data: &Value, json: bool) -> Result<u8, Failure> {
    if json {
        print::json(data)?;
    } else {
        print::text(&server.read::<Moved>(data)?.text())?;
    }
    Ok(0)
}
