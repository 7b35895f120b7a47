//! The upload. A connection that breaks tells nothing of what arrived: before another attempt
//! the server is asked, and a version with the same digest is the one that was sent.

use packguard_platform::output::line;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::Candidate;
use crate::failure::{Failure, project};
use crate::server::{ADMISSION, PAUSES, Server, Trouble};
use crate::target::Target;

/// What is on the server now.
pub(super) enum Published {
    /// Published by this: the server's answer, with what changed.
    New(Value),
    /// The very component was there: the version.
    Same(Value),
}

/// Publishes a version, unless it is there.
pub(super) async fn publish(server: &Server, candidate: &Candidate) -> Result<Published, Failure> {
    let mut pauses = PAUSES.into_iter();
    let mut was_there = false;
    loop {
        if let Some(same) = existing(server, candidate).await? {
            return Ok(Published::Same(same));
        }
        let trouble = match server.try_send(candidate.request(server)).await {
            Ok(data) => return Ok(Published::New(data)),
            Err(trouble) => trouble,
        };
        // An attempt that seemed to have failed may have been carried out meanwhile.
        if trouble.code() == Some("version_exists")
            && let Some(same) = existing(server, candidate).await?
        {
            return Ok(Published::Same(same));
        }
        // A server that was there comes back, as when it is restarted.
        was_there |= !matches!(trouble, Trouble::Away(_));
        let again = trouble.passes() || (was_there && matches!(trouble, Trouble::Away(_)));
        match pauses.next().filter(|_| again) {
            Some(pause) => server.pause(&trouble, pause).await,
            None => return Err(server.failure(&trouble)),
        }
    }
}

/// The version on the server, if it is this very component; `None` where there is none, or it
/// can't be told.
async fn existing(server: &Server, candidate: &Candidate) -> Result<Option<Value>, Failure> {
    let target = Target {
        name: candidate.name.clone(),
        version: Some(candidate.version.clone()),
    };
    let request = server.request(Method::GET, &target.path());
    let version = match server.try_send(request).await {
        Ok(version) => version,
        Err(trouble) if trouble.passes() || matches!(trouble, Trouble::Away(_)) => {
            return Ok(None);
        }
        // A key that may deploy need not be one that may look.
        Err(trouble) if matches!(trouble.code(), Some("not_found" | "forbidden")) => {
            return Ok(None);
        }
        Err(trouble) => return Err(server.failure(&trouble)),
    };
    let published = version["sha256"].as_str().unwrap_or_default();
    if published == hex::encode(candidate.sha256) {
        return Ok(Some(version));
    }
    Err(project(
        format!(
            "{target} is published with another component, sha256 {}: versions never change (version_exists)",
            line(published)
        ),
        "raise the version in packguard.toml and in the code, and deploy again",
    ))
}

impl Candidate {
    fn request(&self, server: &Server) -> RequestBuilder {
        let query = [("name", self.name.as_str()), ("version", &self.version)];
        let request = server
            .request_with(Method::POST, "functions/", &query)
            .timeout(ADMISSION)
            .header(CONTENT_TYPE, "application/wasm")
            .body(self.component.clone());
        match &self.signature {
            Some((signature, key)) => request
                .header("x-packguard-signature", signature)
                .header("x-packguard-key-id", key),
            None => request,
        }
    }
}
