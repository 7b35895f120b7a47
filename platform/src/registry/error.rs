//! Why a package could not be fetched: one line for the user, a category for the API, a hint.

use std::time::Duration;

use crate::purl::{Ecosystem, PurlError};

/// A failed look-up or download. `Display` is one line without credentials: URLs are shown
/// without user information and query.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum FetchError {
    #[error(transparent)]
    Purl(#[from] PurlError),
    #[error("the {ecosystem} registry has no package `{name}`")]
    PackageNotFound { ecosystem: Ecosystem, name: String },
    #[error("`{name}` has no version `{version}`")]
    VersionNotFound {
        name: String,
        version: String,
        /// The newest stable version, if there is any.
        latest: Option<String>,
        /// Up to three existing versions next to the wanted one, in version order.
        nearest: Vec<String>,
    },
    #[error("`{name}` has no version that can be downloaded")]
    NoVersions { name: String },
    #[error("the release has no file {wanted}")]
    ArtifactNotFound {
        wanted: String,
        available: Vec<String>,
    },
    #[error("the release `{name}` {version} has no file to download")]
    NoArtifacts { name: String, version: String },
    #[error("no {ecosystem} registry is configured, and none could be found out ({reason})")]
    NoEndpoint {
        ecosystem: Ecosystem,
        variable: &'static str,
        reason: String,
    },
    #[error("{variable} is not usable: {reason}")]
    BadSetting { variable: String, reason: String },
    #[error("the purl names the repository {url}, which is not configured")]
    RepositoryNotConfigured { url: String, variable: &'static str },
    #[error("{url} was not fetched: working offline")]
    Offline { url: String },
    #[error("{url} could not be reached: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("{url} gave no complete answer within {} s", .after.as_secs_f32())]
    Timeout { url: String, after: Duration },
    #[error("{url} answered {status}")]
    Status { url: String, status: u16 },
    #[error("{url} answered something that is no registry answer: {reason}")]
    Nonsense { url: String, reason: String },
    #[error("{url} was not followed: {reason}")]
    Refused { url: String, reason: String },
    #[error(
        "{filename} does not match the registry's {algorithm}: expected {expected}, got {actual}"
    )]
    HashMismatch {
        filename: String,
        algorithm: &'static str,
        /// Lower-case hexadecimal, as is `actual`.
        expected: String,
        actual: String,
    },
    #[error("{what} is larger than {limit} bytes")]
    TooLarge { what: String, limit: u64 },
    #[error("no space left to store {what}")]
    DiskFull { what: String },
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
    #[error("cancelled")]
    Cancelled,
}

impl FetchError {
    /// The API's error category.
    pub fn category(&self) -> &'static str {
        match self {
            Self::PackageNotFound { .. }
            | Self::VersionNotFound { .. }
            | Self::NoVersions { .. }
            | Self::ArtifactNotFound { .. }
            | Self::NoArtifacts { .. } => "package_not_found",
            Self::TooLarge { .. } => "limit_exceeded",
            Self::Timeout { .. } => "timeout_error",
            Self::DiskFull { .. } | Self::Io { .. } => "storage_error",
            _ => "fetch_error",
        }
    }

    /// What the user can do about it, in one line.
    pub fn hint(&self) -> String {
        match self {
            Self::Purl(error) => error.hint(),
            Self::PackageNotFound { ecosystem, .. } => not_found_hint(*ecosystem),
            Self::VersionNotFound {
                latest, nearest, ..
            } => versions_hint(latest.as_deref(), nearest),
            Self::ArtifactNotFound { available, .. } => {
                format!("the release has: {}", available.join(", "))
            }
            Self::NoEndpoint { variable, .. } => {
                format!("set {variable} to the registry's URL, or install the ecosystem's client")
            }
            Self::RepositoryNotConfigured { variable, .. } => {
                format!("add it to {variable} (space-separated) if you trust it")
            }
            Self::Offline { .. } => "run without --offline, or give a local archive".to_owned(),
            other => other.fixed_hint().to_owned(),
        }
    }

    fn fixed_hint(&self) -> &'static str {
        match self {
            Self::NoVersions { .. } | Self::NoArtifacts { .. } => {
                "every file of it was deleted or withdrawn"
            }
            Self::BadSetting { .. } => "give an http or https URL",
            Self::Unreachable { .. } => {
                "check the network, the proxy variables and SSL_CERT_FILE; then try again"
            }
            Self::Timeout { .. } => "the registry is slow or down; try again later",
            Self::Status {
                status: 401 | 403, ..
            } => "the registry wants credentials: configure them for the ecosystem's client",
            Self::Status { .. } => "the registry has a problem; try again later",
            Self::Nonsense { .. } => "check that the configured URL is the registry's",
            Self::Refused { .. } => {
                "only https URLs on public addresses are followed, unless they are configured"
            }
            Self::HashMismatch { .. } => {
                "do not install it: the download was tampered with or the mirror is broken"
            }
            Self::TooLarge { .. } => "raise the limit if you expect packages of this size",
            Self::DiskFull { .. } => "free some space, or set TMPDIR to a larger disk",
            Self::Io { .. } => "check the permissions of the temporary directory",
            _ => "start it again",
        }
    }

    /// Tells a full disk from other failures of writing `what`.
    pub(super) fn from_io(what: impl Into<String>, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let what = what.into();
        match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::DiskFull { what },
            _ => Self::Io { what, source },
        }
    }
}

fn not_found_hint(ecosystem: Ecosystem) -> String {
    match ecosystem {
        Ecosystem::Golang => "check the spelling; Go module paths keep their capital letters",
        Ecosystem::Cargo => "check the spelling; - and _ are told apart",
        _ => "check the spelling and the type of the purl",
    }
    .to_owned()
}

fn versions_hint(latest: Option<&str>, nearest: &[String]) -> String {
    let latest = latest.map_or_else(
        || "no stable version".to_owned(),
        |v| format!("latest: {v}"),
    );
    if nearest.is_empty() {
        latest
    } else {
        format!("{latest}; nearest: {}", nearest.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert!(matches!(
            FetchError::from_io("x", full),
            FetchError::DiskFull { .. }
        ));
        let other = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert!(matches!(
            FetchError::from_io("x", other),
            FetchError::Io { .. }
        ));
    }
}
