//! What goes wrong with the API server, in the words that an admin needs.

use std::future::Future;
use std::time::Duration;

use kube::core::Status;

/// No request takes longer: the API server itself gives up after a minute, which is too long to wait for with a lease in hand.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a request to the API server, or what it was for, failed.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Refused for lack of a right. The API server's message names verb and resource.
    #[error("no permission: {0}; see the controller's Role in deploy/base")]
    Forbidden(String),
    /// Someone else wrote in the meantime, or the object exists already.
    #[error("someone else wrote in the meantime: {0}")]
    Conflict(String),
    /// Gone, or of a kind that the server does not know.
    #[error("not found: {0}")]
    NotFound(String),
    /// The object does not make sense to the API server. Its message names the field.
    #[error("refused as invalid: {0}")]
    Invalid(String),
    /// Another refusal.
    #[error("refused: {0}")]
    Refused(String),
    /// No answer.
    #[error("the API server can't be reached: {0}")]
    Unreachable(String),
    /// Another leads, or may.
    #[error("another leads")]
    Moved,
}

impl Trouble {
    /// A word for metrics and for the reason of a condition.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "Forbidden",
            Self::Conflict(_) => "Conflict",
            Self::NotFound(_) => "NotFound",
            Self::Invalid(_) => "Invalid",
            Self::Refused(_) => "Refused",
            Self::Unreachable(_) => "Unreachable",
            Self::Moved => "NotLeading",
        }
    }

    /// Whether someone else wrote in the meantime.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    pub(super) fn of_status(status: &Status) -> Self {
        let message = status.message.clone();
        match status.code {
            403 if message.contains("exceeded quota") => Self::Refused(message),
            403 => Self::Forbidden(message),
            404 => Self::NotFound(message),
            409 => Self::Conflict(message),
            422 => Self::Invalid(message),
            _ => Self::Refused(format!("{} {message}", status.code)),
        }
    }
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) => Self::of_status(status),
            _ => Self::Unreachable(causes(&error)),
        }
    }
}

/// An error with what caused it: the outermost words alone say little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(cause) = inner {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        inner = cause.source();
    }
    text
}

/// What a request answers, within [`REQUEST_TIMEOUT`].
///
/// # Errors
///
/// See [`Trouble`].
pub(crate) async fn bounded<T>(
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Trouble::Unreachable(format!(
            "no answer within {} s",
            REQUEST_TIMEOUT.as_secs()
        ))),
    }
}
