//! `sdk logs`: what a deployed function says on workers, and how its steps fail.

use std::time::Duration;

use packguard_platform::output::line;
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::Value;

use crate::cli::LogsArgs;
use crate::failure::Failure;
use crate::print;
use crate::server::{Server, Trouble};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Pause between two attempts while the server is away: it may be starting.
const AWAY: Duration = Duration::from_secs(2);

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
    let mut is_first = true;
    loop {
        let mut query = vec![("limit", LINES)];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let request = |server: &Server| server.request_with(Method::GET, &path, &query);
        // What never answered may be a wrong address.
        let data = match is_first {
            true => server.insist(request).await?,
            false => when_back(&server, request).await?,
        };
        is_first = false;
        let page: Page = server.read(&data)?;
        if !show(&server, &page.items, args)? {
            return Ok(0);
        }
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

/// Asks until there is an answer, and says once that there is none: a server that is started anew
/// is away for a moment.
async fn when_back(
    server: &Server,
    request: impl Fn(&Server) -> RequestBuilder,
) -> Result<Value, Failure> {
    let mut is_said = false;
    loop {
        let trouble = match server.try_send(request(server)).await {
            Ok(data) => return Ok(data),
            Err(trouble) => trouble,
        };
        if !trouble.passes() && !matches!(trouble, Trouble::Away(_)) {
            return Err(server.failure(&trouble));
        }
        if !is_said {
            eprintln!("{trouble}; trying again until it answers");
        }
        is_said = true;
        let asked = trouble.pause().unwrap_or_default();
        tokio::time::sleep(asked.max(AWAY)).await;
    }
}

/// With `--json`, an object a line: it can be followed. Says whether somebody still reads.
fn show(server: &Server, items: &[Value], args: &LogsArgs) -> Result<bool, Failure> {
    let mut text = String::new();
    for item in items {
        if args.json {
            text += &format!("{item}\n");
        } else {
            text += &server.read::<Entry>(item)?.text();
        }
    }
    if text.is_empty() {
        return Ok(true);
    }
    print::more(&text)
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use zeroize::Zeroizing;

    use super::*;
    use crate::server::login::{Login, address};

    #[tokio::test]
    async fn a_server_that_goes_away_is_asked_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            drop(listener.accept().unwrap());
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            let body = r#"{"success":true,"data":7}"#;
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .unwrap();
        });
        let login = Login {
            url: address(&url).unwrap(),
            key: Zeroizing::new("pg_test".into()),
            key_given: true,
        };
        let server = Server::of(&login).map_err(|failure| failure.message);
        let request = |server: &Server| server.request(Method::GET, "functions/");
        let data = when_back(&server.unwrap(), request).await.unwrap();
        assert_eq!(data, 7);
        serving.join().unwrap();
    }
}
