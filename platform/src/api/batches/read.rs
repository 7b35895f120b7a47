//! From a batch's body to the packages that it names.
//!
//! A body may have 64 MiB (SBOMs of container images), and its parsed form several times as
//! much. So it is kept on disk while a client takes its time to send it, and only one large
//! body at a time is parsed ([`PARSING`]).

mod list;

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _};

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;

pub use self::list::{BatchItem, BatchRequest};
use crate::api::archives::receive::{Chunks, Faults};
use crate::api::error::ApiError;
use crate::inputs::lock::{self, Kind, LockError, Sniffed};
use crate::model::Priority;
use crate::purl::Purl;

/// Bodies up to this stay in memory: 10,000 purls have 600 KB.
const IN_MEMORY: usize = 1 << 20;

/// Bodies parsed at a time. The tree of a hostile YAML file takes 300 MB; a real lock file
/// takes 50 ms.
static PARSING: Semaphore = Semaphore::const_new(1);

/// A package of a batch.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What.
    pub purl: Purl,
    /// As it was written.
    pub requested: String,
    /// How urgent.
    pub priority: Priority,
    /// Digests that a lock file pins.
    pub pinned: Option<Value>,
}

/// An entry of a lock file or SBOM that is not analysed.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Skipped {
    /// The entry, cut to 120 characters or so. It comes from the file: escape it.
    pub input: String,
    /// Its line, from 1, where that is known.
    pub line: Option<u32>,
    /// Why.
    pub reason: String,
}

/// What a body names.
#[derive(Debug, Default)]
pub struct Listed {
    /// Where from: `purls`, or a format.
    pub source: String,
    /// The client's word for it, where the body has one.
    pub name: Option<String>,
    /// The packages, each once, in order.
    pub packages: Vec<Wanted>,
    /// What is not analysed.
    pub skipped: Vec<Skipped>,
}

/// What decides how a body is read.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// What the client calls the file.
    pub filename: Option<String>,
    /// Whether it may be a list of purls: it was sent as JSON.
    pub may_be_list: bool,
    /// Priority of a lock file's packages.
    pub priority: Priority,
    /// Most packages.
    pub limit: usize,
}

/// A body that was received whole.
pub struct Received {
    content: Content,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

enum Content {
    Memory(Vec<u8>),
    File(std::fs::File),
}

/// Receives a body of at most `limit` bytes.
///
/// # Errors
/// 400, 408, 413; 503 when the disk is full.
pub async fn receive(
    mut chunks: Chunks,
    faults: &Faults,
    limit: u64,
) -> Result<Received, ApiError> {
    let disk = |error: std::io::Error| {
        tracing::error!(%error, "a large body could not be written to a temporary file");
        ApiError::unavailable("the disk for large bodies")
    };
    let (mut digest, mut size) = (Sha256::new(), 0_u64);
    let mut memory = Vec::new();
    let mut file: Option<tokio::fs::File> = None;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| faults.first())?;
        size = size.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if size > limit {
            return Err(ApiError::too_large(limit));
        }
        digest.update(&chunk);
        if file.is_none() && memory.len() + chunk.len() > IN_MEMORY {
            let made = tokio::task::spawn_blocking(tempfile::tempfile).await;
            let made = made.map_err(|error| ApiError::internal(&error))?;
            let mut made = tokio::fs::File::from_std(made.map_err(disk)?);
            made.write_all(&std::mem::take(&mut memory))
                .await
                .map_err(disk)?;
            file = Some(made);
        }
        match &mut file {
            Some(file) => file.write_all(&chunk).await.map_err(disk)?,
            None => memory.extend_from_slice(&chunk),
        }
    }
    let content = match file {
        None => Content::Memory(memory),
        Some(mut file) => {
            file.flush().await.map_err(disk)?;
            Content::File(file.into_std().await)
        }
    };
    let sha256 = digest.finalize().into();
    Ok(Received { content, sha256 })
}

/// Reads the packages out of a body.
///
/// # Errors
/// 400, 422, 413.
pub async fn read(received: Received, hints: Hints) -> Result<Listed, ApiError> {
    let permit = PARSING.acquire().await;
    let permit = permit.map_err(|error| ApiError::internal(&error))?;
    let parsed = tokio::task::spawn_blocking(move || {
        // Given back when the work is over, not when somebody stops waiting for it.
        let _permit = permit;
        let bytes = match received.content {
            Content::Memory(bytes) => bytes,
            Content::File(mut file) => {
                let mut bytes = Vec::new();
                let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
                read.map_err(|error| ApiError::internal(&error))?;
                bytes
            }
        };
        listed(&bytes, &hints)
    });
    parsed.await.map_err(|error| ApiError::internal(&error))?
}

/// Tells by name and content what a body is, and reads it.
///
/// # Errors
/// 400, 422, 413.
pub fn listed(bytes: &[u8], hints: &Hints) -> Result<Listed, ApiError> {
    let listed = match kind(bytes, hints.filename.as_deref())? {
        Some(kind) => document(kind, bytes, hints)?,
        None if hints.may_be_list => list::list(bytes, hints.limit)?,
        None => {
            return Err(ApiError::invalid(
                "body",
                format!(
                    "this is no lock file or SBOM that is read: {}; say what it is called by ?filename=NAME, or send purls as application/json, with neither filename nor priority in the query",
                    lock::SUPPORTED
                ),
            ));
        }
    };
    if listed.packages.len() > hints.limit {
        return Err(too_many(listed.packages.len(), hints.limit));
    }
    if listed.packages.is_empty() {
        return Err(ApiError::invalid(
            "body",
            "it names no package that can be analysed",
        ));
    }
    Ok(listed)
}

fn too_many(count: usize, limit: usize) -> ApiError {
    ApiError::invalid(
        "body",
        format!("it names {count} packages; a batch may have {limit}: split it"),
    )
}

/// As on the command line: by name where a tool fixes it, else by content.
fn kind(bytes: &[u8], filename: Option<&str>) -> Result<Option<Kind>, ApiError> {
    let name = filename.unwrap_or_default().to_ascii_lowercase();
    if let Some(kind) = Kind::from_file_name(&name) {
        return Ok(Some(kind));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.trim_ascii_start().first() == Some(&b'{') {
        return match lock::sniff_json(bytes) {
            Sniffed::Kind(kind) => Ok(Some(kind)),
            Sniffed::UnsupportedSbom => Err(ApiError::invalid(
                "body",
                format!(
                    "this version of SBOM is not read; these are: {}",
                    lock::SUPPORTED
                ),
            )),
            Sniffed::Other => Ok(None),
        };
    }
    let listing = [".txt", ".in"].iter().any(|ending| name.ends_with(ending));
    Ok(listing.then_some(Kind::Requirements))
}

/// A lock file or SBOM: what can't be analysed is skipped, and said so.
fn document(kind: Kind, bytes: &[u8], hints: &Hints) -> Result<Listed, ApiError> {
    let parsed = lock::parse(kind, bytes).map_err(|error| match error {
        LockError::TooLarge { .. } => ApiError::too_large(lock::MAX_BYTES),
        error => ApiError::invalid("body", format!("{error}; {}", error.hint())),
    })?;
    let mut listed = Listed {
        source: kind.name().into(),
        ..Listed::default()
    };
    for remark in parsed.skipped {
        listed.skip(&remark.text, remark.line, &remark.reason);
    }
    for include in parsed.includes {
        let reason = "included files are not sent along: send them as batches of their own";
        listed.skip(&format!("-r {}", include.path), Some(include.line), reason);
    }
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for entry in parsed.packages {
        let purl = match entry.purl.parse::<Purl>() {
            Ok(purl) => purl,
            Err(error) => {
                listed.skip(&entry.purl, entry.line, &error.to_string());
                continue;
            }
        };
        let spelled = purl.spelled_name();
        if let Some(first) = seen.get(&purl.to_string()) {
            if *first != spelled {
                let reason = format!("its purl is that of `{first}`: submit it by itself, later");
                listed.skip(&entry.purl, entry.line, &reason);
            }
            continue;
        }
        seen.insert(purl.to_string(), spelled);
        let hashes = entry.expected_hashes.iter().map(|hash| {
            let algorithm = format!("{:?}", hash.algorithm).to_ascii_lowercase();
            json!({"algorithm": algorithm, "hex": hash.hex})
        });
        let hashes: Vec<Value> = hashes.collect();
        listed.packages.push(Wanted {
            purl,
            requested: entry.purl,
            priority: hints.priority,
            pinned: (!hashes.is_empty()).then_some(Value::Array(hashes)),
        });
    }
    Ok(listed)
}

impl Listed {
    fn skip(&mut self, input: &str, line: Option<u32>, reason: &str) {
        // One more than the parser's own, and without what Postgres can't keep.
        if self.skipped.len() < 2 * lock::MAX_REMARKS {
            let clean = |text: &str| {
                let text = text.replace('\0', "\u{fffd}");
                text.chars().take(2 * lock::MAX_REMARK_TEXT).collect()
            };
            self.skipped.push(Skipped {
                input: clean(input),
                line,
                reason: clean(reason),
            });
        }
    }
}

/// Checks the client's word for a batch.
///
/// # Errors
/// 422.
pub fn check_name(name: &str) -> Result<(), ApiError> {
    let length = name.chars().count();
    if (1..=200).contains(&length) && !name.contains(char::is_control) {
        return Ok(());
    }
    Err(ApiError::invalid(
        "name",
        "1 to 200 characters, and no control characters",
    ))
}

#[cfg(test)]
mod tests;
