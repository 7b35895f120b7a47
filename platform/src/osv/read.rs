//! Reading the source: a folder, a zip archive or a document, from disk or from a URL.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Database;

/// Largest document, bytes: real ones have kilobytes.
const MAX_DOCUMENT: u64 = 8 << 20;
/// Most documents: all ecosystems together have half a million.
const MAX_DOCUMENTS: usize = 2_000_000;
/// Most bytes of all documents, unpacked.
const MAX_TOTAL: u64 = 8 << 30;
/// Most folders inside folders.
const MAX_DEPTH: usize = 8;
/// Most bytes that are fetched.
const MAX_FETCHED: u64 = 1 << 30;
/// How long fetching may take.
const FETCH_TIME: Duration = Duration::from_secs(600);
const CONNECT_TIME: Duration = Duration::from_secs(30);

/// Why the source can't be used. A part of it is not taken for the whole.
#[derive(Debug, thiserror::Error)]
pub enum OsvError {
    /// It can't be read.
    #[error("{path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no archive.
    #[error("{path} is neither a zip archive nor a JSON document: {reason}")]
    Archive {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It is too much.
    #[error(
        "{path} holds more than {MAX_DOCUMENTS} documents, or more than {MAX_TOTAL} bytes of them"
    )]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// It can't be fetched.
    #[error("{url}: {reason}")]
    Fetch {
        /// From where.
        url: String,
        /// Why not.
        reason: String,
    },
    /// It is empty.
    #[error("{0} holds no advisory in the OSV format{1}")]
    Empty(String, String),
    /// A URL, where the network may not be asked.
    #[error("{0} is behind the network, and --offline is given")]
    Offline(String),
}

impl OsvError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check the path and its permissions",
            Self::Archive { .. } | Self::Empty(..) => {
                "give a folder of OSV documents (.json), a zip archive of them, or one document"
            }
            Self::TooLarge { .. } => "give the ecosystems that you use, one by one",
            Self::Fetch { .. } => "check the address, or download it and name the file",
            Self::Offline(_) => "download it before, and name the file",
        }
    }

    /// Whether the surroundings failed, and not who named it.
    pub fn is_environment(&self) -> bool {
        matches!(self, Self::Fetch { .. })
    }
}

/// Reads what `source` names.
///
/// # Errors
/// When it can't be read whole, or holds nothing.
pub async fn read(source: &str, offline: bool) -> Result<Database, OsvError> {
    let is_url = ["http://", "https://"].iter().any(|scheme| {
        source
            .get(..scheme.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(scheme))
    });
    if is_url && offline {
        return Err(OsvError::Offline(source.to_owned()));
    }
    // Kept until it was read.
    let fetched = if is_url {
        Some(fetch(source).await?)
    } else {
        None
    };
    let path = match &fetched {
        Some(file) => file.path().to_owned(),
        None => PathBuf::from(source),
    };
    let named = source.to_owned();
    let failed = |path: &Path, error: String| OsvError::Read {
        path: path.to_owned(),
        source: io::Error::other(error),
    };
    let reading = path.clone();
    let done = tokio::task::spawn_blocking(move || {
        let mut reader = Reader::default();
        reader.path(&reading)?;
        Ok::<_, OsvError>(reader.database)
    });
    let database = done
        .await
        .map_err(|error| failed(&path, error.to_string()))??;
    if database.is_empty() {
        let why = database.problem().map(|why| format!(": {why}"));
        return Err(OsvError::Empty(named, why.unwrap_or_default()));
    }
    Ok(database)
}

async fn fetch(url: &str) -> Result<tempfile::NamedTempFile, OsvError> {
    let failed = |reason: String| OsvError::Fetch {
        url: url.to_owned(),
        reason,
    };
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIME)
        .timeout(FETCH_TIME)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let answer = client.get(url).send().await;
    let answer = answer.and_then(reqwest::Response::error_for_status);
    let mut answer = answer.map_err(|error| failed(error.without_url().to_string()))?;
    let mut file = tempfile::NamedTempFile::new().map_err(|error| failed(error.to_string()))?;
    let mut size = 0;
    while let Some(bytes) = answer
        .chunk()
        .await
        .map_err(|error| failed(error.without_url().to_string()))?
    {
        size += bytes.len() as u64;
        if size > MAX_FETCHED {
            return Err(failed(format!("it has more than {MAX_FETCHED} bytes")));
        }
        file.write_all(&bytes)
            .map_err(|error| failed(error.to_string()))?;
    }
    file.flush().map_err(|error| failed(error.to_string()))?;
    Ok(file)
}

#[derive(Default)]
struct Reader {
    database: Database,
    documents: usize,
    bytes: u64,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> OsvError {
    let path = path.to_owned();
    move |source| OsvError::Read { path, source }
}

impl Reader {
    fn path(&mut self, path: &Path) -> Result<(), OsvError> {
        if path.is_dir() {
            return self.folder(path, 0);
        }
        let mut head = [0; 4];
        let mut file = File::open(path).map_err(at(path))?;
        let is_zip = file.read_exact(&mut head).is_ok() && head == *b"PK\x03\x04";
        if is_zip {
            self.zip(path)
        } else {
            self.document(path)
        }
    }

    /// In the order of the names, so that what is refused first is always the same.
    fn folder(&mut self, path: &Path, depth: usize) -> Result<(), OsvError> {
        let mut entries = std::fs::read_dir(path)
            .map_err(at(path))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(at(path))?;
        entries.sort();
        for entry in entries {
            let kind = entry.symlink_metadata().map_err(at(&entry))?.file_type();
            if kind.is_dir() && depth < MAX_DEPTH {
                self.folder(&entry, depth + 1)?;
            } else if kind.is_dir() {
                self.database.refuse(format!(
                    "{}: too many folders inside folders",
                    entry.display()
                ));
            } else if kind.is_file() && is_json(&entry.to_string_lossy()) {
                self.document(&entry)?;
            }
        }
        Ok(())
    }

    fn document(&mut self, path: &Path) -> Result<(), OsvError> {
        let file = File::open(path).map_err(at(path))?;
        let name = path.display().to_string();
        self.take(&name, file, path)
    }

    fn zip(&mut self, path: &Path) -> Result<(), OsvError> {
        let broken = |error: zip::result::ZipError| OsvError::Archive {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let file = io::BufReader::new(File::open(path).map_err(at(path))?);
        let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
        for index in 0..archive.len() {
            let entry = archive.by_index(index).map_err(broken)?;
            let name = entry.name().map_err(broken)?.into_owned();
            if entry.is_file() && is_json(&name) {
                self.take(&name, entry, path)?;
            }
        }
        Ok(())
    }

    /// Takes one document over. What is too large to be an advisory is refused unread.
    fn take(&mut self, name: &str, from: impl Read, source: &Path) -> Result<(), OsvError> {
        let mut bytes = Vec::new();
        from.take(MAX_DOCUMENT + 1)
            .read_to_end(&mut bytes)
            .map_err(at(source))?;
        self.documents += 1;
        self.bytes += bytes.len() as u64;
        if self.documents > MAX_DOCUMENTS || self.bytes > MAX_TOTAL {
            return Err(OsvError::TooLarge {
                path: source.to_owned(),
            });
        }
        if bytes.len() as u64 > MAX_DOCUMENT {
            self.database
                .refuse(format!("{name}: more than {MAX_DOCUMENT} bytes"));
        } else {
            self.database.add(name, &bytes);
        }
        Ok(())
    }
}

fn is_json(name: &str) -> bool {
    name.len() > 5
        && name.is_char_boundary(name.len() - 5)
        && name[name.len() - 5..].eq_ignore_ascii_case(".json")
}
