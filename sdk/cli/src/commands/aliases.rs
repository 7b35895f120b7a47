//! `sdk promote` and `sdk rollback`: which version an alias names.

use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{PromoteArgs, RollbackArgs};
use crate::failure::Failure;
use crate::print;
use crate::server::Server;
use crate::server::answers::Moved;

pub(super) async fn promote(args: &PromoteArgs) -> Result<u8, Failure> {
    let server = Server::logged_in()?;
    let version = args.target.version.as_deref().unwrap_or_default();
    let data = point(&server, &args.target.name, &args.alias, version).await?;
    show(&server, &data, args.json)
}

/// Lets an alias name a version.
pub(super) async fn point(
    server: &Server,
    name: &str,
    alias: &str,
    version: &str,
) -> Result<Value, Failure> {
    let path = format!("functions/{name}/aliases/{alias}/");
    let body = json!({ "version": version });
    server
        .insist(|server| server.request(Method::PUT, &path).json(&body))
        .await
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
