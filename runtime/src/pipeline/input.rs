//! What goes into the pipeline, and why it may refuse.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::compare::Snapshot;
use super::suppress::Suppression;
use crate::report::{Confidence, PackageInfo, RuleInfo};

/// What is to be analysed.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Identity.
    pub package: PackageInfo,
    /// What there is to unpack.
    pub artifacts: Vec<InputArtifact>,
    /// Artifacts of the release that are not there, and why.
    pub skipped: Vec<SkippedArtifact>,
    /// The registry's metadata (`docs/metadata.md`).
    pub metadata: Option<serde_json::Value>,
    /// Settings for analyzers, by name.
    pub settings: Vec<(String, String)>,
    /// Findings that the operator accepts.
    pub suppressions: Arc<Vec<Suppression>>,
    /// What the caller knows of the package from elsewhere.
    pub known: Vec<KnownFinding>,
    /// Hex digest of where `known` comes from.
    pub advisories: Option<String>,
    /// The release before.
    pub before: Option<Arc<Snapshot>>,
    /// What the reader should know besides.
    pub notes: Vec<String>,
}

/// A finding that no component makes: what is known of a package from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KnownFinding {
    /// Where it is known from, in the place of an analyzer's name.
    pub source: &'static str,
    /// Its rule; the severity is the rule's.
    pub rule: RuleInfo,
    /// What is known, one line.
    pub title: String,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why it matters.
    pub why: String,
}

/// One artifact on disk.
#[derive(Debug, Clone)]
pub struct InputArtifact {
    /// Its file name in the registry, or the local name.
    pub filename: String,
    /// Where it is.
    pub source: Source,
    /// What the registry's own checksum says.
    pub integrity: Integrity,
}

/// What the registry's checksum says of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrity {
    /// There is none.
    Unknown,
    /// It was there when the artifact was fetched, and agreed.
    Verified,
    /// It is one over the unpacked files, still to be compared: lower-case hex SHA-256 of
    /// the sorted lines `SHA256  PATH`, which Go writes in base64 as `h1:…`
    /// (golang.org/x/mod/sumdb/dirhash, `Hash1`).
    Listing(String),
}

/// Where an artifact is.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file, whatever it holds.
    Archive(PathBuf),
    /// A folder, whose files are copied.
    Folder(PathBuf),
}

/// An artifact that is not analysed.
#[derive(Debug, Clone)]
pub struct SkippedArtifact {
    /// Its file name in the registry.
    pub filename: String,
    /// Why, one line.
    pub reason: String,
}

/// Why a package could not be analysed at all.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A set of components that can't work.
    #[error("the set of components can't work: {0}")]
    Components(String),
    /// The local file holds nothing that can be unpacked.
    #[error("{filename} is not an archive that can be unpacked: {reason}")]
    NotAnArchive {
        /// Which.
        filename: String,
        /// What the unpacker says.
        reason: String,
    },
    /// Its files are not those that the registry speaks of.
    #[error("{filename} holds files with the hash {actual}, where {expected} was expected")]
    HashMismatch {
        /// Which.
        filename: String,
        /// The registry's hash of the listing.
        expected: String,
        /// The hash of what was unpacked.
        actual: String,
    },
    /// There is no file in it.
    #[error("{0} holds no files")]
    Empty(String),
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which path.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The disk is full or broken.
    #[error("no space left to unpack the package in {0}")]
    Storage(PathBuf),
    /// The caller ended it.
    #[error("cancelled")]
    Cancelled,
}
