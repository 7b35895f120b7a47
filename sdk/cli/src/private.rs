//! Files that are nobody else's: keys and the login, below the user's configuration folder.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use zeroize::Zeroizing;

use crate::failure::{Failure, at, usage};

/// Where the file `name` stands.
pub(crate) fn file(name: &str) -> Result<PathBuf, Failure> {
    let base = etcetera::choose_base_strategy()
        .map_err(|_| usage(format!("there is no home folder for {name}"), "set HOME"))?;
    Ok(base.config_dir().join("packguard").join(name))
}

/// Makes a folder that only the user may enter, unless it is there.
pub(crate) fn folder(path: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(path).map_err(at(path))
}

/// Reads a secret of at most `most` bytes; `None` where there is none. One that others may read
/// is refused.
pub(crate) fn read(path: &Path, most: u64) -> Result<Option<Zeroizing<String>>, Failure> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(at(path))?,
    };
    let mode = file.metadata().map_err(at(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(usage(
            format!("others may read or write {}", path.display()),
            "chmod 600 it, and make a new key if others could have read it",
        ));
    }
    let mut text = Zeroizing::new(String::new());
    match file.take(most).read_to_string(&mut text) {
        // No text: whoever reads it says what it should be.
        Err(error) if error.kind() == ErrorKind::InvalidData => text.clear(),
        other => {
            other.map_err(at(path))?;
        }
    }
    Ok(Some(text))
}

/// Writes a secret whole or not at all, with mode 0600.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(Path::new("."));
    folder(parent)?;
    let mut file = tempfile::Builder::new()
        .prefix(".packguard-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(parent)
        .map_err(at(parent))?;
    file.write_all(text.as_bytes()).map_err(at(path))?;
    file.as_file().sync_all().map_err(at(path))?;
    file.persist(path).map_err(|error| at(path)(error.error))?;
    Ok(())
}

/// Removes a file; whether there was one.
pub(crate) fn remove(path: &Path) -> Result<bool, Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        other => other.map(|()| true).map_err(at(path)),
    }
}
