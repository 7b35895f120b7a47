//! `sdk logs`: what a deployed function says on workers, and how its steps fail.

use std::time::Duration;

use packguard_platform::output::line;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::LogsArgs;
use crate::failure::Failure;
use crate::print;
use crate::server::Server;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Lines of a look: all that the server keeps.
const LINES: &str = "1000";

/// A page of a log.
#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    next_after: Option<String>,
}

/// A line of it.
#[derive(Deserialize)]
struct Entry {
    at: String,
    task_id: Option<i64>,
    purl: Option<String>,
    version: String,
    level: String,
    text: String,
}

pub(super) async fn run(args: &LogsArgs) -> Result<u8, Failure> {
    let server = Server::logged_in()?;
    let path = format!("functions/{}/logs/", args.name);
    let mut after: Option<String> = None;
    loop {
        let mut query = vec![("limit", LINES)];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let request = |server: &Server| server.request_with(Method::GET, &path, &query);
        let page: Page = server.read(&server.insist(request).await?)?;
        show(&server, &page.items, args)?;
        if !args.follow {
            if page.items.is_empty() && !args.json {
                eprintln!("nothing was said within a day");
            }
            return Ok(0);
        }
        // Where nothing was ever said, the first page is looked at again.
        after = page.next_after.or(after);
        if page.items.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// With `--json`, an object a line: it can be followed.
fn show(server: &Server, items: &[Value], args: &LogsArgs) -> Result<(), Failure> {
    let mut text = String::new();
    for item in items {
        if args.json {
            text += &format!("{item}\n");
        } else {
            text += &server.read::<Entry>(item)?.text();
        }
    }
    if text.is_empty() {
        return Ok(());
    }
    print::text(&text)
}

impl Entry {
    fn text(&self) -> String {
        let (at, level, version) = (line(&self.at), line(&self.level), line(&self.version));
        let place = match (&self.purl, self.task_id) {
            (Some(purl), Some(task)) => format!("  {} (task {task})", line(purl)),
            _ => String::new(),
        };
        format!("{at}  {level:<5}  {version}{place}  {}\n", line(&self.text))
    }
}
