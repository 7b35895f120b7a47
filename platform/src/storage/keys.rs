//! The keys of objects: typed, and safe to make of any text.
//!
//! ```text
//! reports/sha256/<2 hex>/<64 hex>.json                    a report, by its own digest
//! packages/<type>/<name>/<version>[/<digest>]/report.json the latest report of a package
//! uploads/<key id>/<uuid>                                 an uploaded archive
//! functions/sha256/<2 hex>/<64 hex>.wasm                  a deployed component, by its digest
//! compiled/<32 hex>/<2 hex>/<64 hex>                      its code, by compiler and digest
//! backups/packguard-<time>.age                            Postgres, encrypted
//! probes/<uuid>                                           what a check writes and deletes
//! ```

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Timelike as _, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::model::KeyId;
use crate::purl::{Ecosystem, Purl};

/// A text that is no key of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no storage key of this kind")]
pub struct KeyError;

/// A backup of Postgres, named by when it was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackupKey {
    made: DateTime<Utc>,
}

impl BackupKey {
    const TIME: &str = "%Y%m%dT%H%M%SZ";

    /// Where one that is made now goes.
    pub fn at(now: DateTime<Utc>) -> Self {
        let made = now.with_nanosecond(0).unwrap_or(now);
        Self { made }
    }

    /// When it was made.
    pub fn made(&self) -> DateTime<Utc> {
        self.made
    }

    /// Its name, as [`FromStr`] reads it.
    pub fn name(&self) -> String {
        format!("packguard-{}.age", self.made.format(Self::TIME))
    }
}

impl fmt::Display for BackupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backups/{}", self.name())
    }
}

impl FromStr for BackupKey {
    type Err = KeyError;

    /// With or without the folder.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let name = text.strip_prefix("backups/").unwrap_or(text);
        let time = name.strip_prefix("packguard-");
        let time = time.and_then(|rest| rest.strip_suffix(".age"));
        let made = NaiveDateTime::parse_from_str(time.ok_or(KeyError)?, Self::TIME);
        let made = made.map_err(|_| KeyError)?.and_utc();
        Ok(Self { made })
    }
}

/// A report, found by what it says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportKey {
    digest: String,
}

impl ReportKey {
    /// Where a report of this content is.
    pub fn of(report: &[u8]) -> Self {
        Self {
            digest: hex::encode(Sha256::digest(report)),
        }
    }

    /// Where a report of this SHA-256 is.
    ///
    /// # Errors
    /// If it is not 64 lower-case hexadecimal digits.
    pub fn of_digest(digest: &str) -> Result<Self, KeyError> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if digest.len() != 64 || !digest.bytes().all(hex) {
            return Err(KeyError);
        }
        let digest = digest.to_owned();
        Ok(Self { digest })
    }

    /// The report's SHA-256, hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl fmt::Display for ReportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 256 folders, so that none of them grows large on a disk.
        let folder = self.digest.get(..2).unwrap_or_default();
        write!(f, "reports/sha256/{folder}/{}.json", self.digest)
    }
}

impl FromStr for ReportKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (_, name) = text.rsplit_once('/').ok_or(KeyError)?;
        let key = Self::of_digest(name.strip_suffix(".json").ok_or(KeyError)?)?;
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(KeyError)
        }
    }
}

/// A deployed component, found by what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComponentKey {
    sha256: [u8; 32],
}

impl ComponentKey {
    /// Where the component of this SHA-256 is.
    pub fn of(sha256: [u8; 32]) -> Self {
        Self { sha256 }
    }

    /// The component's SHA-256.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

impl fmt::Display for ComponentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = hex::encode(self.sha256);
        let folder = digest.get(..2).unwrap_or_default();
        write!(f, "functions/sha256/{folder}/{digest}.wasm")
    }
}

/// The compiled code of a component. It may be deleted at any time: who needs it makes it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompiledKey {
    sha256: [u8; 32],
    compiler: [u8; 32],
}

impl CompiledKey {
    /// Where the code is that the compiler of this fingerprint
    /// ([`packguard_runtime::Runtime::compiler`]) makes of the component of this SHA-256.
    pub fn of(sha256: [u8; 32], compiler: [u8; 32]) -> Self {
        Self { sha256, compiler }
    }

    /// The component's SHA-256.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// The compiler's fingerprint.
    pub fn compiler(&self) -> &[u8; 32] {
        &self.compiler
    }
}

impl fmt::Display for CompiledKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Half of the fingerprint tells compilers apart, and what is loaded proves the whole one.
        // Servers on file systems have no room for a name with both whole.
        let (compiler, _) = self.compiler.split_at(16);
        let [compiler, digest] = [compiler, &self.sha256].map(hex::encode);
        let folder = digest.get(..2).unwrap_or_default();
        write!(f, "compiled/{compiler}/{folder}/{digest}")
    }
}

/// The latest report of one version of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AliasKey(String);

impl AliasKey {
    /// Where the latest report of `purl` is; `None` without a version. npm and Go tell names
    /// apart by case, so theirs are taken as spelled.
    pub fn of(purl: &Purl) -> Option<Self> {
        let ecosystem = purl.ecosystem();
        let name = match ecosystem {
            Ecosystem::Npm | Ecosystem::Golang => purl.spelled_name(),
            _ => purl.full_name(),
        };
        let canonical = purl.to_string();
        // Neither stands elsewhere in the canonical form: they are encoded there.
        let rest = canonical
            .find(['?', '#'])
            .map(|at| canonical.split_at(at).1);
        Some(Self::new(
            ecosystem.as_str(),
            &name,
            purl.version()?,
            rest.unwrap_or_default(),
        ))
    }

    /// The same of its parts; `rest` is whatever else tells it apart, empty for nothing. Two
    /// keys are equal only if all parts are.
    pub fn new(ecosystem: &str, name: &str, version: &str, rest: &str) -> Self {
        let [ecosystem, name, version] = [ecosystem, name, version].map(segment);
        let rest = if rest.is_empty() {
            String::new()
        } else {
            // Qualifiers can be long and are seldom read by people.
            format!("/{}", hex::encode(Sha256::digest(rest)))
        };
        Self(format!(
            "packages/{ecosystem}/{name}/{version}{rest}/report.json"
        ))
    }
}

impl fmt::Display for AliasKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bytes of a segment: file systems take 255 of a name, to which a staged file adds a few,
/// and S3 1,024 of a key.
const SEGMENT: usize = 200;

/// Any text as one segment. Different texts give different segments: all but letters, digits,
/// `-`, `_` and `.` is percent-encoded, a dot at the front too (`..`, hidden files); what
/// would be too long, or empty, becomes `=` and its SHA-256, and `=` is otherwise encoded.
fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for (index, byte) in text.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if plain || (byte == b'.' && index > 0) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    if segment.is_empty() || segment.len() > SEGMENT {
        return format!("={}", hex::encode(Sha256::digest(text)));
    }
    segment
}

/// An uploaded archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UploadKey {
    owner: KeyId,
    id: Uuid,
}

impl UploadKey {
    /// A new one of this tenant.
    pub fn new(owner: KeyId) -> Self {
        // Ordered by time, so that listings are too.
        let id = Uuid::now_v7();
        Self { owner, id }
    }

    /// That of an upload's row.
    pub fn of(owner: KeyId, id: Uuid) -> Self {
        Self { owner, id }
    }

    /// Whose it is.
    pub fn owner(&self) -> KeyId {
        self.owner
    }
}

impl fmt::Display for UploadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uploads/{}/{}", self.owner, self.id.hyphenated())
    }
}

impl FromStr for UploadKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix("uploads/").ok_or(KeyError)?;
        let (owner, id) = rest.split_once('/').ok_or(KeyError)?;
        let key = Self {
            owner: KeyId(owner.parse().map_err(|_| KeyError)?),
            id: Uuid::parse_str(id).map_err(|_| KeyError)?,
        };
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(KeyError)
        }
    }
}
