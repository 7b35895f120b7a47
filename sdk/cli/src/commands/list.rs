//! `sdk list`: the functions on the server.

use packguard_platform::output::line;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::JsonArgs;
use crate::failure::Failure;
use crate::print;
use crate::server::answers::Function;
use crate::server::{Server, Trouble};

/// A page of them.
#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    next_after: Option<String>,
}

pub(super) async fn run(args: &JsonArgs) -> Result<u8, Failure> {
    let server = Server::logged_in()?;
    let items = all(&server).await?;
    if args.json {
        print::json(&items)?;
        return Ok(0);
    }
    let functions: Result<Vec<Function>, _> = items.iter().map(|item| server.read(item)).collect();
    let functions = functions?;
    let names = functions.iter().map(|one| one.name.len()).max();
    let names = names.unwrap_or_default();
    let mut text = String::new();
    for one in &functions {
        let (name, publisher) = (line(&one.name), line(&one.publisher));
        let versions = usize::try_from(one.versions).unwrap_or(usize::MAX);
        let versions = print::count(versions, "version");
        let aliases = one.aliases();
        text += &format!("{name:<names$}  {versions:<11}  {aliases}  (of {publisher})\n");
    }
    text += &format!("{}\n", print::count(functions.len(), "function"));
    print::text(&text)?;
    Ok(0)
}

async fn all(server: &Server) -> Result<Vec<Value>, Failure> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let query = [("limit", "100"), ("after", after.as_str())];
        let request = |server: &Server| server.request_with(Method::GET, "functions/", &query);
        let page: Page = server.read(&server.insist(request).await?)?;
        items.extend(page.items);
        match page.next_after {
            // Pages go forward, or it would never end.
            Some(next) if next > after => after = next,
            Some(_) => {
                let trouble = Trouble::Stranger("its pages go in a circle".into());
                return Err(server.failure(&trouble));
            }
            None => return Ok(items),
        }
    }
}
