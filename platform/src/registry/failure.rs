//! Which failures pass by themselves and are worth another attempt.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use url::Url;

use super::address::PrivateAddress;
use super::document::shown;
use super::error::FetchError;

/// A failed attempt: worth another one (after the given pause, if the server named one), or not.
pub(super) enum Failure {
    Retry(FetchError, Option<Duration>),
    Final(FetchError),
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::Final(error)
    }
}

/// Passes success on; other statuses become failures.
pub(super) fn check_status(
    response: Response,
    url: &Url,
    max_retry_after: Duration,
) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let error = FetchError::Status {
        url: shown(url),
        status: status.as_u16(),
    };
    let passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        );
    if passing {
        return Err(Failure::Retry(
            error,
            retry_after(response.headers(), max_retry_after),
        ));
    }
    Err(Failure::Final(error))
}

fn retry_after(headers: &HeaderMap, longest: Duration) -> Option<Duration> {
    let value = header(headers, &RETRY_AFTER)?;
    let pause = match value.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let when = httpdate::parse_http_date(value).ok()?;
            when.duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    Some(pause.min(longest))
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

pub(super) fn transport_failure(error: &reqwest::Error, url: &Url) -> Failure {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = source {
        if let Some(private) = inner.downcast_ref::<PrivateAddress>() {
            let reason = private.to_string();
            return Failure::Final(FetchError::Refused {
                url: shown(url),
                reason,
            });
        }
        source = inner.source();
    }
    Failure::Retry(
        FetchError::Unreachable {
            url: shown(url),
            reason: cause(error),
        },
        None,
    )
}

/// The innermost cause: the outer layers repeat the URL, with whatever its query holds.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}
