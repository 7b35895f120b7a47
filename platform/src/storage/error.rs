//! Why storage failed, and what to do next.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

/// Why something could not be stored or read. Every message ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such object.
    #[error("there is no object {key}: it was pruned, or never written")]
    NotFound {
        /// Which.
        key: String,
    },
    /// There is no such bucket.
    #[error("{place} has no such bucket: create it, or mend STORAGE_URL")]
    NoBucket {
        /// Where.
        place: String,
    },
    /// The server refused the key, or the folder its user.
    #[error("{place} refuses access ({code}): {hint}")]
    Denied {
        /// Where.
        place: String,
        /// What the server called it.
        code: String,
        /// What to do.
        hint: &'static str,
    },
    /// Nobody answered, or not in time, or with a server's error. Trying again later may help.
    #[error("{place} is not available ({what}): {hint}")]
    Unavailable {
        /// Where.
        place: String,
        /// What happened.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// More bytes than are taken.
    #[error("it has more than {limit} bytes: send less, or raise the limit")]
    TooLarge {
        /// What is taken, bytes.
        limit: u64,
    },
    /// The sender of an upload broke off.
    #[error("the upload broke off ({what}): send it again")]
    Sender {
        /// What happened.
        what: String,
    },
    /// The bytes are not those that were stored.
    #[error("the object {key} is damaged: delete it, and analyse the package again")]
    Damaged {
        /// Which.
        key: String,
    },
    /// The disk is full or broken, or the server answered with nonsense.
    #[error("{place} failed: {what}: look at its disk and its logs")]
    Io {
        /// Where.
        place: String,
        /// What happened.
        what: String,
    },
    /// This kind of storage can't do that.
    #[error("{place} has no presigned URLs: set STORAGE_DOWNLOADS to stream")]
    NotSigned {
        /// Where.
        place: String,
    },
}

impl StorageError {
    /// Whether the same may well succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// What `object_store` said about `key` at `place`.
    pub(super) fn of(place: &str, key: &str, error: &object_store::Error) -> Self {
        let place = place.to_owned();
        let text = format!("{error}");
        if text.contains("NoSuchBucket") {
            return Self::NoBucket { place };
        }
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound { key: key.into() },
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => denied(place, &text),
            _ => other(place, &text, error),
        }
    }
}

fn denied(place: String, text: &str) -> StorageError {
    let code = code(text).unwrap_or("no reason given").to_owned();
    let hint = match code.as_str() {
        "SignatureDoesNotMatch" => {
            "mend STORAGE_SECRET_ACCESS_KEY; if it is right, the endpoint or a proxy changes the request's host"
        }
        "InvalidAccessKeyId" => "mend STORAGE_ACCESS_KEY_ID",
        "RequestTimeTooSkewed" => "set this machine's clock",
        _ => {
            "mend STORAGE_ACCESS_KEY_ID and its secret, or allow the key to read, write, list and delete"
        }
    };
    StorageError::Denied { place, code, hint }
}

/// The code in S3's XML answer. The rest of it is left out: it repeats the request.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let plain = code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then_some(code)
}

fn other(place: String, text: &str, error: &object_store::Error) -> StorageError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(http) = one.downcast_ref::<HttpError>() {
            let (what, hint) = match http.kind() {
                HttpErrorKind::Connect => (
                    "no connection",
                    "is it running, and are STORAGE_ENDPOINT and the network right?",
                ),
                HttpErrorKind::Timeout => (
                    "no answer in time",
                    "is it overloaded? STORAGE_REQUEST_TIMEOUT says how long to wait",
                ),
                _ => ("the connection broke", "try again; look at its logs"),
            };
            let what = what.into();
            return StorageError::Unavailable { place, what, hint };
        }
        if let Some(io) = one.downcast_ref::<std::io::Error>() {
            if io.kind() == std::io::ErrorKind::PermissionDenied {
                let code = "permission denied".into();
                let hint = "give this user the folder, for reading and writing";
                return StorageError::Denied { place, code, hint };
            }
            let what = io.to_string();
            return StorageError::Io { place, what };
        }
        cause = one.source();
    }
    if let Some(code) = code(text) {
        let what = code.to_owned();
        return StorageError::Unavailable {
            place,
            what,
            hint: "look at its logs",
        };
    }
    // The first line at most: answers of servers may be pages long.
    let what = text.lines().next().unwrap_or_default();
    let what = what.chars().take(200).collect();
    StorageError::Io { place, what }
}
