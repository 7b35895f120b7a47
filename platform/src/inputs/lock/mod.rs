//! Lock files and SBOMs: from bytes to package URLs.
//!
//! A document that can't be parsed is an error; one bad entry among good ones is named in
//! [`Parsed::skipped`] and the rest is read. A file that yields no package is an error too:
//! silence would read as "all is well".
//!
//! These bytes are parsed outside a sandbox, so every parser is bounded: [`MAX_BYTES`],
//! [`MAX_NODES`], [`MAX_DEPTH`], [`MAX_PACKAGES`], [`MAX_REMARKS`]. YAML aliases are not
//! expanded. Nothing is evaluated: no markers, no environment variables, no URLs followed.

mod berry;
mod cargo;
mod collect;
mod hashes;
mod json;
mod npm;
mod pnpm;
mod python;
mod read;
mod requirements;
mod sbom;
mod text;
mod tree;
mod yarn;

pub use collect::{Ecosystem, purl};
pub use hashes::{Algorithm, ExpectedHash};
pub use json::{Sniffed, sniff_json};
pub use read::read;

use collect::Collector;

/// Largest file, and largest sum of a requirements file and what it includes. The largest
/// lock files in the wild are about 5 MB; SBOMs of container images reach 50 MB.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Packages of one file. The largest monorepos lock about 5,000.
pub const MAX_PACKAGES: usize = 10_000;
/// Values in a TOML or YAML document: bounds the memory of its tree to some 300 MB.
pub const MAX_NODES: usize = 2_000_000;
/// Nesting of YAML collections, of npm's `dependencies` and of CycloneDX's `components`.
pub const MAX_DEPTH: usize = 32;
/// Entries in each of [`Parsed::skipped`] and [`Parsed::notes`]; the last one counts the rest.
pub const MAX_REMARKS: usize = 1_000;
/// Characters of [`Remark::text`].
pub const MAX_REMARK_TEXT: usize = 120;

/// The formats that are read, for messages.
pub const SUPPORTED: &str = "requirements.txt, poetry.lock, uv.lock, package-lock.json, \
     pnpm-lock.yaml, yarn.lock, Cargo.lock, CycloneDX JSON, SPDX 2 JSON";

/// A format that names packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// pip's `requirements.txt`.
    Requirements,
    /// Poetry's `poetry.lock`.
    PoetryLock,
    /// uv's `uv.lock`.
    UvLock,
    /// npm's `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.
    PackageLock,
    /// pnpm's `pnpm-lock.yaml`, versions 5 to 9.
    PnpmLock,
    /// `yarn.lock` of Yarn 1 and of Yarn 2 and later.
    YarnLock,
    /// `Cargo.lock`.
    CargoLock,
    /// CycloneDX 1.2 to 1.6, JSON.
    CycloneDx,
    /// SPDX 2.2 and 2.3, JSON.
    Spdx,
}

impl Kind {
    /// The format of a file of this lower-case name, where the name alone tells.
    pub fn from_file_name(name: &str) -> Option<Self> {
        Some(match name {
            "poetry.lock" => Self::PoetryLock,
            "uv.lock" => Self::UvLock,
            "package-lock.json" | "npm-shrinkwrap.json" => Self::PackageLock,
            "pnpm-lock.yaml" => Self::PnpmLock,
            "yarn.lock" => Self::YarnLock,
            "cargo.lock" => Self::CargoLock,
            "requirements.txt" | "requirements.in" => Self::Requirements,
            _ => return None,
        })
    }

    /// Its name, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requirements => "requirements file",
            Self::PoetryLock => "poetry.lock",
            Self::UvLock => "uv.lock",
            Self::PackageLock => "package-lock.json",
            Self::PnpmLock => "pnpm-lock.yaml",
            Self::YarnLock => "yarn.lock",
            Self::CargoLock => "Cargo.lock",
            Self::CycloneDx => "CycloneDX document",
            Self::Spdx => "SPDX document",
        }
    }
}

/// What a file names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The packages, each once, in the order in which they first appear.
    pub packages: Vec<Entry>,
    /// What could not be read or is not published in a registry: not analysed.
    pub skipped: Vec<Remark>,
    /// What was read but has no bearing on which packages are analysed.
    pub notes: Vec<Remark>,
    /// Requirements files that this one includes; [`read`] follows them.
    pub includes: Vec<Include>,
    /// How many entries are the project's own folders: workspaces, links, path dependencies.
    pub local: usize,
}

/// One package to analyse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Canonical package URL, save that an npm name keeps its capitals: old npm packages
    /// that differ only in case are different packages.
    pub purl: String,
    /// Line of its first mention, from 1.
    pub line: Option<u32>,
    /// What the file asks for where that is not one exact version. The purl then has no
    /// version, and the newest release is what gets analysed.
    pub requirement: Option<String>,
    /// Where the file says that it came from: a URL or an index.
    pub resolved: Option<String>,
    /// Digests that the file allows for the downloaded artifact, over all its artifacts.
    pub expected_hashes: Vec<ExpectedHash>,
}

/// Something in a file that is worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The included file it stands in, relative to the folder of the file named by the
    /// user; none for that file itself.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// The entry, cut to [`MAX_REMARK_TEXT`] characters. Hostile: escape before printing.
    pub text: String,
    /// Why, one line.
    pub reason: String,
}

/// A requirements file included by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Line of the `-r` option, from 1.
    pub line: u32,
    /// Path as written, relative to the including file.
    pub path: String,
}

/// Why a file yields no packages.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Larger than [`MAX_BYTES`].
    #[error("the {kind} is larger than {} MiB", MAX_BYTES / (1024 * 1024))]
    TooLarge {
        /// Its format.
        kind: &'static str,
    },
    /// Not the format it claims to be, or beyond a limit of the parser.
    #[error("not a readable {kind}{}: {message}", at_line(*line))]
    Malformed {
        /// The format expected.
        kind: &'static str,
        /// Line of the first error, from 1.
        line: Option<u32>,
        /// What is wrong.
        message: String,
    },
    /// Read, but without a package that a registry could have.
    #[error("no packages found in the {kind}{}", beside(*local, .skipped.len()))]
    NoPackages {
        /// Its format.
        kind: &'static str,
        /// How many entries are the project's own folders.
        local: usize,
        /// Entries that could not be analysed.
        skipped: Vec<Remark>,
    },
    /// It can't be read from disk.
    #[error("cannot read it: {0}")]
    Unreadable(#[from] std::io::Error),
}

impl LockError {
    /// What to do about it, one line.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "split it, or name the packages by purl",
            Self::Malformed { .. } => "write it anew with the tool that made it",
            Self::NoPackages { .. } => {
                "check that it is the right file; a package can also be named by purl"
            }
            Self::Unreadable(_) => "check the path and its permissions",
        }
    }
}

fn at_line(line: Option<u32>) -> String {
    line.map(|line| format!(" (line {line})"))
        .unwrap_or_default()
}

fn beside(local: usize, skipped: usize) -> String {
    match (local, skipped) {
        (0, 0) => String::new(),
        (local, 0) => format!(" (only {local} local)"),
        (0, skipped) => format!(" (only {skipped} that cannot be analysed)"),
        (local, skipped) => format!(" (only {local} local, {skipped} that cannot be analysed)"),
    }
}

/// Reads the packages that a document of this kind names. Touches no file: the includes
/// of a requirements file are returned, not followed.
///
/// # Errors
/// [`LockError::TooLarge`], [`LockError::Malformed`], and [`LockError::NoPackages`] when
/// there is neither a package nor an include.
pub fn parse(kind: Kind, bytes: &[u8]) -> Result<Parsed, LockError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(LockError::TooLarge { kind: kind.name() });
    }
    let malformed = |error: Malformed| LockError::Malformed {
        kind: kind.name(),
        line: error.line,
        message: error.message,
    };
    let text = text::decode(kind, bytes).map_err(malformed)?;
    let mut collector = Collector::default();
    match kind {
        Kind::Requirements => {
            requirements::parse(&text, &mut collector);
            Ok(())
        }
        Kind::PoetryLock => python::parse_poetry(&text, &mut collector),
        Kind::UvLock => python::parse_uv(&text, &mut collector),
        Kind::PackageLock => npm::parse(&text, &mut collector),
        Kind::PnpmLock => pnpm::parse(&text, &mut collector),
        Kind::YarnLock if berry::is_berry(&text) => berry::parse(&text, &mut collector),
        Kind::YarnLock => yarn::parse(&text, &mut collector),
        Kind::CargoLock => cargo::parse(&text, &mut collector),
        Kind::CycloneDx => sbom::parse_cyclonedx(&text, &mut collector),
        Kind::Spdx => sbom::parse_spdx(&text, &mut collector),
    }
    .map_err(malformed)?;
    let parsed = collector.finish();
    if parsed.packages.is_empty() && parsed.includes.is_empty() {
        return Err(LockError::NoPackages {
            kind: kind.name(),
            local: parsed.local,
            skipped: parsed.skipped,
        });
    }
    Ok(parsed)
}

/// A document that can't be parsed.
#[derive(Debug)]
struct Malformed {
    line: Option<u32>,
    message: String,
}

impl Malformed {
    fn new(line: Option<u32>, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests;
