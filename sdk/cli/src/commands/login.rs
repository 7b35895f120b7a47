//! `sdk login` and `sdk logout`: a server's address and an API key, in a file that only the
//! user reads.

use packguard_platform::output::line;
use reqwest::Method;
use serde::Serialize;

use crate::cli::{JsonArgs, LoginArgs};
use crate::failure::{Failure, usage};
use crate::server::login::{self, KEY, Login};
use crate::server::{Server, Trouble, prompt};
use crate::{print, private};

/// What was kept.
#[derive(Serialize)]
struct Kept {
    url: String,
    file: String,
    may_read: bool,
    may_deploy: bool,
}

pub(super) async fn login(args: &LoginArgs) -> Result<u8, Failure> {
    let url = match args.url.as_deref().filter(|url| !url.trim().is_empty()) {
        Some(url) => login::address(url)?,
        None => match Login::stored()? {
            Some(stored) => stored.url,
            None => {
                return Err(usage(
                    "no server is named",
                    "name it: sdk login https://packguard.example.com",
                ));
            }
        },
    };
    let login = Login {
        url,
        key: prompt::key().await?,
        key_given: false,
    };
    if login.is_exposed() {
        eprintln!("warning: http is not encrypted: whoever is on the way can read the key");
    }
    let server = Server::of(&login)?;
    let (may_read, may_deploy) = rights(&server).await?;
    let file = login.store()?;
    let kept = Kept {
        url: login.url.to_string(),
        file: file.display().to_string(),
        may_read,
        may_deploy,
    };
    if std::env::var_os(KEY).is_some() {
        eprintln!("warning: {KEY} is set, and used instead of what was kept");
    }
    if args.json {
        print::json(&kept)?;
    } else {
        print::text(&kept.text())?;
    }
    Ok(0)
}

impl Kept {
    fn text(&self) -> String {
        let may = match (self.may_read, self.may_deploy) {
            (true, true) => "look and deploy",
            (true, false) => "look, but not deploy: it lacks the scope `functions:write`",
            (false, true) => "deploy, but not look: it lacks the scope `read`",
            (false, false) => "neither look nor deploy: it lacks `read` and `functions:write`",
        };
        let (url, file) = (line(&self.url), line(&self.file));
        format!("logged in to {url}\n  the key may {may}\n  kept in {file}\n")
    }
}

/// What the key is good for: reading, deploying. Whether it may deploy is asked with a deploy
/// that can only be refused: an empty one of a name that is none.
async fn rights(server: &Server) -> Result<(bool, bool), Failure> {
    let list = server.request_with(Method::GET, "functions/", &[("limit", "1")]);
    let may_read = match server.try_send(list).await {
        Ok(_) => true,
        Err(trouble) if trouble.code() == Some("forbidden") => false,
        Err(trouble) => return Err(server.failure(&trouble)),
    };
    let nothing = [("name", "-"), ("version", "-")];
    let deploy = server.request_with(Method::POST, "functions/", &nothing);
    let may_deploy = match server.try_send(deploy).await {
        Err(trouble) if trouble.code() == Some("forbidden") => false,
        Err(trouble) if trouble.code() == Some("invalid_request") => true,
        Err(trouble) => return Err(server.failure(&trouble)),
        Ok(_) => {
            let trouble = Trouble::Stranger("it took a deploy of nothing".into());
            return Err(server.failure(&trouble));
        }
    };
    Ok((may_read, may_deploy))
}

/// What was forgotten.
#[derive(Serialize)]
struct Forgotten {
    file: String,
    was_there: bool,
}

pub(super) fn logout(args: &JsonArgs) -> Result<u8, Failure> {
    let file = login::file()?;
    let was_there = private::remove(&file)?;
    let file = line(&file.display().to_string());
    if args.json {
        print::json(&Forgotten { file, was_there })?;
    } else if was_there {
        print::text(&format!(
            "removed {file}; the key is still good: an admin revokes it\n"
        ))?;
    } else {
        print::text("you were not logged in\n")?;
    }
    Ok(0)
}
