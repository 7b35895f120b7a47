//! `sdk disable` and `sdk yank`: versions that are not to run, or not to be promoted.

use packguard_platform::output::line;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{DisableArgs, YankArgs};
use crate::failure::Failure;
use crate::print;
use crate::server::Server;
use crate::server::answers::Version;
use crate::target::Target;

pub(super) async fn disable(args: &DisableArgs) -> Result<u8, Failure> {
    let body = match args.undo {
        true => json!({ "disabled": false }),
        false => json!({ "disabled": true, "reason": args.reason }),
    };
    change(&args.target, &body, args.json).await
}

pub(super) async fn yank(args: &YankArgs) -> Result<u8, Failure> {
    change(&args.target, &json!({ "yanked": !args.undo }), args.json).await
}

async fn change(target: &Target, body: &Value, json: bool) -> Result<u8, Failure> {
    let server = Server::logged_in()?;
    let path = target.path();
    let data = server
        .insist(|server| server.request(Method::PATCH, &path).json(body))
        .await?;
    if json {
        print::json(&data)?;
        return Ok(0);
    }
    let version: Version = server.read(&data)?;
    let state = version
        .state()
        .unwrap_or("it may be promoted and run".into());
    print::text(&format!("{target}: {}\n", line(&state)))?;
    Ok(0)
}
