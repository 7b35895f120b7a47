//! What a registry says about one release, in the same shape for every ecosystem.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use url::Url;

use super::checksum::{Algorithm, Checksum};
use super::endpoints::Endpoint;
use crate::purl::{Ecosystem, Purl};

/// One release of a package: what it is called, and every file that belongs to it.
#[derive(Debug, Clone)]
pub struct Release {
    /// The purl that was asked for, with the version that was found.
    pub purl: Purl,
    /// The package's ecosystem.
    pub ecosystem: Ecosystem,
    /// npm scope, maven group, composer vendor, directory part of a Go module path.
    pub namespace: Option<String>,
    /// The name as the registry spells it, without the namespace.
    pub name: String,
    /// The version as the registry spells it.
    pub version: String,
    /// Whether the purl named no version and this is the latest stable one.
    pub is_latest: bool,
    /// The files, in the order in which they are fetched: source distributions first.
    pub artifacts: Vec<RemoteArtifact>,
    /// The registry's metadata as `docs/metadata.md` describes it.
    pub metadata: serde_json::Value,
    /// The version before this one, where the registry lists one.
    pub previous: Option<String>,
    /// Remarks for the report, such as a hash that could not be obtained.
    pub notes: Vec<String>,
    pub(super) endpoint: Arc<Endpoint>,
}

/// A file of a release, not yet downloaded.
#[derive(Debug, Clone)]
pub struct RemoteArtifact {
    /// A plain file name: no path separators, no control characters.
    pub filename: String,
    /// Where the registry has it.
    pub url: Url,
    /// Its size in bytes, where the registry tells.
    pub size: Option<u64>,
    /// The registry's hashes of it; all of them are checked.
    pub checksums: Vec<Checksum>,
}

impl RemoteArtifact {
    pub(super) fn new(filename: &str, url: Url) -> Self {
        Self {
            filename: plain_filename(filename),
            url,
            size: None,
            checksums: Vec::new(),
        }
    }

    #[must_use]
    pub(super) fn size(mut self, size: Option<u64>) -> Self {
        self.size = size;
        self
    }

    #[must_use]
    pub(super) fn checksum(mut self, checksum: Option<Checksum>) -> Self {
        self.checksums.extend(checksum);
        self
    }
}

/// File names end up in reports and on disk. 200 bytes leave room for a prefix below the 255 of
/// common file systems.
fn plain_filename(name: &str) -> String {
    let mut plain: String = name
        .chars()
        .map(|c| {
            if c.is_control() || matches!(c, '/' | '\\' | ':') {
                '_'
            } else {
                c
            }
        })
        .collect();
    plain.truncate(plain.floor_char_boundary(200));
    if matches!(plain.as_str(), "" | "." | "..") {
        "unnamed".to_owned()
    } else {
        plain
    }
}

/// How much of a release is fetched.
#[derive(Debug, Clone)]
pub struct FetchLimits {
    /// Files per release. Default 64: numerical packages publish up to that many wheels.
    pub artifacts: usize,
    /// Bytes per file. Default 512 MiB.
    pub artifact_bytes: u64,
    /// Bytes per release. Default 1 GiB.
    pub release_bytes: u64,
    /// Downloads at the same time. Default 4.
    pub concurrency: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            artifacts: 64,
            artifact_bytes: 512 << 20,
            release_bytes: 1 << 30,
            concurrency: 4,
        }
    }
}

/// The files of a release on disk.
#[derive(Debug)]
pub struct Fetched {
    /// In the release's order.
    pub artifacts: Vec<LocalArtifact>,
    /// What a limit left out; a report with such entries is incomplete.
    pub skipped: Vec<SkippedArtifact>,
}

/// A downloaded file.
#[derive(Debug, Clone)]
pub struct LocalArtifact {
    /// As the registry calls it.
    pub filename: String,
    /// Where it lies, directly in the directory that the caller gave.
    pub path: PathBuf,
    /// Of the content, lower-case hexadecimal.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
    /// The strongest of the registry's hashes that was checked and matched; none if the registry
    /// publishes none.
    pub verified: Option<Algorithm>,
    /// The registry's hash of the listing of the unpacked files, lower-case hexadecimal: Go's
    /// `h1:`. It is compared after unpacking.
    pub listing: Option<String>,
}

/// A file that was not fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedArtifact {
    /// As the registry calls it.
    pub filename: String,
    /// One sentence without a full stop.
    pub reason: String,
}

/// The members of `docs/metadata.md`; absent ones are left out.
#[derive(Debug, Default, Serialize)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) homepage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) authors: Vec<Person>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) maintainers: Vec<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) published_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_published_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) versions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latest_version: Option<String>,
    /// A reason, or true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) yanked: Option<serde_json::Value>,
    /// A reason, or true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deprecated: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dependencies: Vec<Dependency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scripts: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bin: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) requires_install_script: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) downloads: Option<u64>,
    /// The version before this one.
    #[serde(skip)]
    pub(super) previous: Option<String>,
}

impl Metadata {
    pub(super) fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn into_value(self) -> serde_json::Value {
        // The type has string keys only, so this cannot fail; `null` is the empty document.
        serde_json::to_value(self).unwrap_or_default()
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Person {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
}

impl Person {
    /// A person, unless nothing is known about them.
    pub(super) fn new(name: Option<&str>, email: Option<&str>) -> Option<Self> {
        let text = |t: Option<&str>| {
            t.map(str::trim)
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        };
        let person = Self {
            name: text(name),
            email: text(email),
        };
        (person != Self::default()).then_some(person)
    }

    /// Reads `Name <mail>`, possibly with `(url)` after it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.split_once('<') {
            Some((name, rest)) => Self::new(Some(name), rest.split('>').next()),
            None => Self::new(Some(text.split('(').next().unwrap_or(text)), None),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) requirement: String,
    pub(super) kind: &'static str,
}

/// A deprecation or withdrawal as the metadata has it: the reason, or `true` without one.
pub(super) fn reason_or_true(reason: Option<&str>) -> serde_json::Value {
    match reason.map(str::trim) {
        None | Some("") => true.into(),
        Some(reason) => reason.into(),
    }
}
