//! What can go wrong between the platform and its Redis.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why an operation on the queue did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// Redis is away, busy, full, or being replaced. The same call may work later; whether this one
    /// took effect is not known.
    #[error("Redis is not available: {0}")]
    Unavailable(String),
    /// Redis, or this client, will not do that until somebody changes a setting or the call.
    #[error("Redis cannot be used like this: {0}")]
    Refused(String),
    /// Redis answered what the queue does not understand: other software uses its keys, or there is
    /// a bug.
    #[error("the queue's data in Redis makes no sense: {0}")]
    Protocol(String),
}

impl QueueError {
    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<RedisError> for QueueError {
    fn from(error: RedisError) -> Self {
        let text = error.to_string();
        match error.kind() {
            // The library has no kind for it.
            ErrorKind::Io if text.contains("certificate") => Self::Refused(format!(
                "{text}; a private authority goes behind REDIS_URL: ?root_certificate=FILE"
            )),
            ErrorKind::Io
            | ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel
            | ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::TryAgain,
            ) => Self::Unavailable(text),
            ErrorKind::AuthenticationFailed => Self::Refused(format!(
                "{text}; check the user and the password in REDIS_URL"
            )),
            ErrorKind::InvalidClientConfig | ErrorKind::EmptySentinelList => Self::Refused(text),
            ErrorKind::Server(ServerErrorKind::NoPerm) => Self::Refused(format!(
                "{text}; the user needs +@all on the keys of the queue, +info and pub/sub"
            )),
            ErrorKind::Server(
                ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot,
            ) => Self::Refused(format!(
                "{text}; this is one node of a cluster, and not the one with the queue's slot: \
                 use a Redis without cluster mode, or a proxy in front of it"
            )),
            _ => by_code(&error, text),
        }
    }
}

/// Codes that the client library has no name for.
fn by_code(error: &RedisError, text: String) -> QueueError {
    match error.code() {
        Some("OOM") => QueueError::Unavailable(
            "Redis is full: raise maxmemory; tasks are still worked off, but none are added".into(),
        ),
        Some("BUSY" | "UNBLOCKED" | "MISCONF" | "NOREPLICAS") => QueueError::Unavailable(text),
        Some("NOAUTH" | "WRONGPASS") => QueueError::Refused(format!(
            "{text}; check the user and the password in REDIS_URL"
        )),
        _ => QueueError::Protocol(text),
    }
}
