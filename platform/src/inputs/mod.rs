//! What a user names on the command line: package URLs, archives, folders, lock files, SBOMs.

pub mod lock;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use lock::Kind;

/// One thing to analyse, told apart by its spelling and, for a file, its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A package URL, as the user spelled it.
    Purl(String),
    /// A file that is none of the known lock files: the unpacker tells whether it is an archive.
    Archive(PathBuf),
    /// An unpacked package.
    Folder(PathBuf),
    /// A list of packages.
    LockFile {
        /// The file.
        path: PathBuf,
        /// Its format.
        kind: Kind,
    },
}

/// Why a command-line argument names nothing that can be analysed.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// Neither a purl nor an existing path.
    #[error("no such file or folder: {0}")]
    NotFound(String),
    /// It exists, but can't be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// As the user named it.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A device, socket or pipe.
    #[error("neither a file nor a folder: {0}")]
    NotAFile(String),
    /// A file that lists packages in a format that is not read.
    #[error("{path}: {format} is not supported")]
    Unsupported {
        /// As the user named it.
        path: String,
        /// What it is.
        format: &'static str,
    },
}

impl InputError {
    /// What to do about it, one line.
    pub fn hint(&self) -> String {
        match self {
            Self::NotFound(text) => match suggested_purl(text) {
                Some(purl) => format!("to analyse a published package, write its purl: {purl}"),
                None => {
                    "name a purl (pkg:pypi/requests@2.28.1), an archive, a folder or a lock file"
                        .into()
                }
            },
            Self::Unreadable { .. } => "check the path and its permissions".into(),
            Self::NotAFile(_) => "name a regular file or a folder".into(),
            Self::Unsupported { .. } => format!("these are read: {}", lock::SUPPORTED),
        }
    }
}

/// Tells what `argument` names. A `pkg:` prefix always means a purl; write `./pkg:x` for
/// a file of that name.
///
/// # Errors
/// When it is neither a purl nor a readable file or folder, or a known unsupported format.
pub fn classify(argument: &str) -> Result<Input, InputError> {
    if argument
        .get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("pkg:"))
    {
        return Ok(Input::Purl(argument.to_owned()));
    }
    let path = Path::new(argument);
    let metadata = std::fs::metadata(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::InvalidInput => {
            InputError::NotFound(argument.to_owned())
        }
        _ => InputError::Unreadable {
            path: argument.to_owned(),
            source,
        },
    })?;
    if metadata.is_dir() {
        return Ok(Input::Folder(path.to_owned()));
    }
    if !metadata.is_file() {
        return Err(InputError::NotAFile(argument.to_owned()));
    }
    if let Some(format) = path
        .file_name()
        .and_then(|name| unsupported(&name.to_string_lossy()))
    {
        return Err(InputError::Unsupported {
            path: argument.to_owned(),
            format,
        });
    }
    let found = kind_of_file(path).map_err(|source| InputError::Unreadable {
        path: argument.to_owned(),
        source,
    })?;
    Ok(match found {
        FileKind::Lock(kind) => Input::LockFile {
            path: path.to_owned(),
            kind,
        },
        FileKind::UnsupportedSbom => {
            return Err(InputError::Unsupported {
                path: argument.to_owned(),
                format: "this kind of SBOM",
            });
        }
        FileKind::Other => Input::Archive(path.to_owned()),
    })
}

enum FileKind {
    Lock(Kind),
    UnsupportedSbom,
    Other,
}

/// By name where the name is fixed by a tool, else by content.
fn kind_of_file(path: &Path) -> std::io::Result<FileKind> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().to_ascii_lowercase());
    let name = name.as_deref().unwrap_or_default();
    if let Some(kind) = Kind::from_file_name(name) {
        return Ok(FileKind::Lock(kind));
    }
    let mut file = File::open(path)?;
    let mut head = [0; 512];
    let length = read_up_to(&mut file, &mut head)?;
    let head = head.get(..length).unwrap_or_default();
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    if text.first() == Some(&b'{') {
        let mut bytes = head.to_vec();
        file.take(lock::MAX_BYTES).read_to_end(&mut bytes)?;
        return Ok(match lock::sniff_json(&bytes) {
            lock::Sniffed::Kind(kind) => FileKind::Lock(kind),
            lock::Sniffed::UnsupportedSbom => FileKind::UnsupportedSbom,
            lock::Sniffed::Other => FileKind::Other,
        });
    }
    let listing = [".txt", ".in"].iter().any(|ending| name.ends_with(ending));
    let utf16 = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    if listing && (utf16 || !head.contains(&0)) {
        return Ok(FileKind::Lock(Kind::Requirements));
    }
    Ok(FileKind::Other)
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            count => length += count,
        }
    }
    Ok(length)
}

/// Package lists that people will try, so that they are not taken for broken archives.
fn unsupported(name: &str) -> Option<&'static str> {
    const FORMATS: [(&str, &str); 14] = [
        ("bun.lock", "bun.lock"),
        ("bun.lockb", "bun.lockb"),
        (
            "cargo.toml",
            "Cargo.toml (a manifest names no versions; its Cargo.lock does)",
        ),
        ("composer.lock", "composer.lock"),
        ("gemfile.lock", "Gemfile.lock"),
        ("go.mod", "go.mod"),
        ("go.sum", "go.sum"),
        ("gradle.lockfile", "gradle.lockfile"),
        (
            "package.json",
            "package.json (a manifest names no versions; its lock file does)",
        ),
        ("packages.lock.json", "packages.lock.json"),
        ("pdm.lock", "pdm.lock"),
        ("pipfile.lock", "Pipfile.lock"),
        ("pylock.toml", "pylock.toml"),
        (
            "pyproject.toml",
            "pyproject.toml (a manifest names no versions; its lock file does)",
        ),
    ];
    FORMATS
        .iter()
        .find(|(file, _)| name.eq_ignore_ascii_case(file))
        .map(|(_, format)| *format)
}

/// The purl that `requests==2.0`, `left-pad@1.3.0` or `@babel/core` was probably meant to be.
fn suggested_purl(text: &str) -> Option<String> {
    if let Some((name, version)) = text.split_once("==") {
        return lock::purl(lock::Ecosystem::Pypi, name, Some(version)).ok();
    }
    let split = text
        .rfind('@')
        .filter(|at| *at > 0)
        .and_then(|at| text.split_at_checked(at));
    if let Some((name, version)) = split {
        let version = version.trim_start_matches('@');
        return lock::purl(lock::Ecosystem::Npm, name, Some(version)).ok();
    }
    text.starts_with('@')
        .then(|| lock::purl(lock::Ecosystem::Npm, text, None).ok())
        .flatten()
}

#[cfg(test)]
mod tests;
