//! Why a server gave no answer, or no good one, and what to do next.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use packguard_platform::output::line;
use reqwest::StatusCode;

use super::Server;
use crate::failure::{Failure, environment, project, usage};

/// Statuses after which the same request may be answered well.
pub(super) const PASSING: [u16; 5] = [408, 429, 502, 503, 504];

/// Why there is no good answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The server said no.
    Refused(Refusal),
    /// There is no connection.
    Away(String),
    /// The connection broke, or no answer came in time.
    Broken(String),
    /// What answers is no Packguard.
    Stranger(String),
}

/// A server's no.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// HTTP's.
    pub status: StatusCode,
    /// For programs: `version_exists`.
    pub code: String,
    /// For people.
    pub message: String,
    /// To find it in the server's log.
    pub request_id: String,
    /// How long to wait before the next attempt.
    pub pause: Option<Duration>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => {
                let (code, message) = (line(&refusal.code), line(&refusal.message));
                write!(f, "the server refused ({code}): {message}")
            }
            Self::Away(why) => write!(f, "the server can't be reached: {}", line(why)),
            Self::Broken(why) => write!(f, "the connection broke: {}", line(why)),
            Self::Stranger(why) => write!(f, "that is no Packguard: {}", line(why)),
        }
    }
}

impl Trouble {
    /// Whether the same request may be answered well in a moment.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Refused(refusal) => PASSING.contains(&refusal.status.as_u16()),
            Self::Broken(_) => true,
            // Nobody waits for an address that is wrong.
            Self::Away(_) | Self::Stranger(_) => false,
        }
    }

    /// The server's word for it.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.code),
            _ => None,
        }
    }

    /// How long the server asks to be left alone for.
    pub(crate) fn pause(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.pause,
            _ => None,
        }
    }
}

impl Server {
    /// What the user is told.
    pub(crate) fn failure(&self, trouble: &Trouble) -> Failure {
        let url = line(self.url.as_str());
        match trouble {
            Trouble::Refused(refusal) => self.refused(trouble, refusal),
            Trouble::Away(why) | Trouble::Broken(why) => environment(
                format!("{url}: {}", line(why)),
                "check the address and that the server runs; nothing is half-done: start it again",
            ),
            Trouble::Stranger(why) => environment(
                format!("{url} does not answer as Packguard does: {}", line(why)),
                "log in with the server's own address: sdk login URL",
            ),
        }
    }

    fn refused(&self, trouble: &Trouble, refusal: &Refusal) -> Failure {
        let status = refusal.status;
        match refusal.code.as_str() {
            "unauthorized" if self.key_given => environment(
                trouble,
                "the key in PACKGUARD_API_KEY is wrong, or was revoked: put a good one there",
            ),
            "unauthorized" => environment(
                trouble,
                "log in with a key that is good: sdk login; an admin makes one",
            ),
            "forbidden" => environment(
                trouble,
                "log in with a key that has it: sdk login; deploying takes `functions:write`, looking takes `read`",
            ),
            code if status == StatusCode::NOT_FOUND => usage(trouble, hint(code)),
            code if PASSING.contains(&status.as_u16()) => environment(trouble, hint(code)),
            _ if status.is_server_error() => environment(
                format!("{trouble} (request {})", line(&refusal.request_id)),
                "tell the server's admin the request's id",
            ),
            code => project(trouble, hint(code)),
        }
    }
}

/// What to do after a refusal.
fn hint(code: &str) -> &'static str {
    match code {
        "version_exists" => "raise the version in packguard.toml and in the code, and deploy again",
        "manifest_mismatch" => {
            "make packguard.toml and `describe` say the same; `sdk check` compares them"
        }
        "name_taken" => "choose another name, or ask an admin to add your key to the publisher",
        "signature_required" => {
            "make a key with `sdk keys new`, have an admin register its .pub, and deploy with --key FILE"
        }
        "signature_unknown_key" => {
            "have an admin register it: `sdk keys show` prints the public key"
        }
        "signature_invalid" => "deploy again; if it stays, use the same version of sdk and server",
        "component_too_large" => "leave out debug information and what is not needed",
        "compile_too_slow" | "compile_too_large" => "make its largest functions smaller",
        "not_wasm"
        | "core_module"
        | "precompiled"
        | "invalid_component"
        | "forbidden_import"
        | "not_an_analyzer"
        | "describe_failed"
        | "descriptor_too_large" => "`sdk check` explains it",
        "unsupported_wit" => {
            "`sdk check` names the version; use the SDK that belongs to the server"
        }
        "smoke_failed" => {
            "it has to end well on any package: add one as it names to the samples, and `sdk test`"
        }
        "too_many_versions" => "begin another function",
        "too_many_functions" => "disable or move one that is not needed, or ask an admin",
        "version_yanked" => "deploy another version, or take it back: sdk yank NAME@VERSION --undo",
        "version_disabled" => {
            "deploy another version, or let it run again: sdk disable NAME@VERSION --undo"
        }
        "disabled_by_admin" => "deploy another version, or ask an admin to enable this one",
        "no_previous_version" => "to stop the version: sdk disable NAME@VERSION --reason TEXT",
        "not_found" => "`sdk list` and `sdk inspect NAME` show what there is",
        "rate_limited" | "unavailable" | "timeout" => {
            "wait a moment and start it again: nothing is half-done"
        }
        _ => "",
    }
}

/// An error with what it came from: the outermost says the least.
pub(super) fn cause(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        inner = error.source();
    }
    text
}
