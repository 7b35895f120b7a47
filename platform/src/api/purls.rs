//! From a purl that a client wrote to a task to be written.

use std::time::Duration;

use super::error::ApiError;
use crate::db::submit::NewTask;
use crate::model::{KeyId, Priority};
use crate::purl::Purl;

/// What all tasks of a request have in common.
#[derive(Debug, Clone)]
pub struct Common {
    /// Whose.
    pub key: KeyId,
    /// How urgent.
    pub priority: Priority,
    /// How long an attempt may run.
    pub timeout: Duration,
    /// How often a worker may try.
    pub max_attempts: i32,
    /// Of the HTTP request.
    pub request_id: String,
}

/// Longest canonical purl, bytes: Postgres takes 2,704 of an index entry. Real ones have
/// fewer than 300.
const MAX_PURL: usize = 2_048;

/// Reads a purl.
///
/// # Errors
/// 422 naming `field`.
pub fn parse(text: &str, field: &str) -> Result<Purl, ApiError> {
    let purl = text.parse::<Purl>().map_err(|error| {
        let hint = error.hint();
        ApiError::invalid(field, format!("{error}; {hint}"))
    })?;
    if purl.to_string().len() > MAX_PURL {
        let message = format!("it has more than {MAX_PURL} bytes in its canonical form");
        return Err(ApiError::invalid(field, message));
    }
    // No registry has such names, and Postgres takes no NUL.
    let parts = [
        Some(text),
        purl.namespace(),
        Some(purl.name()),
        purl.version(),
    ];
    if parts
        .into_iter()
        .flatten()
        .any(|part| part.contains(char::is_control))
    {
        return Err(ApiError::invalid(field, "it has control characters"));
    }
    Ok(purl)
}

/// Checks a priority.
///
/// # Errors
/// 422.
pub fn priority(value: i64) -> Result<Priority, ApiError> {
    Priority::new(value).ok_or_else(|| {
        ApiError::invalid(
            "priority",
            format!("{value} is not between 0 and {}", Priority::MAX),
        )
    })
}

/// The task for a package.
pub fn task(purl: &Purl, requested: &str, common: &Common) -> NewTask {
    NewTask {
        key: common.key,
        idempotency: None,
        purl: purl.to_string(),
        requested_purl: requested.trim().to_owned(),
        ecosystem: purl.ecosystem().as_str().to_owned(),
        namespace: purl.namespace().map(str::to_owned),
        name: purl.name().to_owned(),
        version: purl.version().map(str::to_owned),
        upload: None,
        pinned: None,
        priority: common.priority,
        timeout: common.timeout,
        max_attempts: common.max_attempts,
        request_id: Some(common.request_id.clone()),
        traceparent: crate::telemetry::inject_current(),
    }
}
