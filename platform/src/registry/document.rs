//! An index document as it was received, and how its URL may be shown.

use serde::Deserialize;
use url::Url;

use super::error::FetchError;

/// An index document.
pub(super) struct Document {
    /// Where it came from in the end: relative links are relative to this.
    pub(super) url: Url,
    pub(super) content_type: String,
    pub(super) bytes: Vec<u8>,
}

impl Document {
    /// Parses JSON; borrows from the document where the type does.
    pub(super) fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, FetchError> {
        serde_json::from_slice(&self.bytes).map_err(|error| self.nonsense(error.to_string()))
    }

    pub(super) fn text(&self) -> Result<&str, FetchError> {
        std::str::from_utf8(&self.bytes).map_err(|error| self.nonsense(error.to_string()))
    }

    pub(super) fn nonsense(&self, reason: impl Into<String>) -> FetchError {
        FetchError::Nonsense {
            url: shown(&self.url),
            reason: reason.into(),
        }
    }
}

/// A URL as messages show it: user information, query and fragment may hold secrets.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs without a host, which have nothing to hide.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}
