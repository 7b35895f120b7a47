//! The folder of `packguard dev`, and the lock on it.

use std::fs::{File, Permissions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::place::database_user;
use super::process::User;
use super::servers::write_private;
use super::{DevError, at};

/// An open folder. The lock goes with it, and with our process.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    _lock: File,
}

impl Home {
    /// Makes the folder, if need be, and locks it.
    pub(super) async fn open(folder: &Path) -> Result<Self, DevError> {
        let user = database_user().await?;
        let wanted = folder.to_owned();
        let opened = tokio::task::spawn_blocking(move || open(&wanted, user)).await;
        opened.unwrap_or_else(|error| Err(at(folder)(io::Error::other(error))))
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The API key of an earlier start.
    pub(super) async fn key(&self) -> Option<String> {
        let text = tokio::fs::read_to_string(self.join("dev.key")).await.ok()?;
        let key = text.trim();
        (!key.is_empty()).then(|| key.to_owned())
    }

    pub(super) async fn keep_key(&self, key: &str) -> Result<(), DevError> {
        Ok(write_private(&self.join("dev.key"), &format!("{key}\n")).await?)
    }
}

fn open(folder: &Path, user: Option<User>) -> Result<Home, DevError> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {
            // Only to pass through it, to a folder of its own; see `place`.
            if let Some(user) = user {
                std::os::unix::fs::chown(folder, None, Some(user.gid)).map_err(at(folder))?;
                let passable = Permissions::from_mode(0o710);
                std::fs::set_permissions(folder, passable).map_err(at(folder))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(at(folder)(error)),
    }
    let folder = folder.canonicalize().map_err(at(folder))?;
    let lock = lock(&folder)?;
    let ignore = folder.join(".gitignore");
    std::fs::write(&ignore, "*\n").map_err(at(&ignore))?;
    for name in ["logs", "storage"] {
        let path = folder.join(name);
        let mut builder = std::fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&path);
        made.map_err(at(&path))?;
    }
    Ok(Home {
        folder,
        _lock: lock,
    })
}

fn lock(folder: &Path) -> Result<File, DevError> {
    let path = folder.join("dev.lock");
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // What it holds is a courtesy: the lock is what counts.
            let _ = file.take(32).read_to_string(&mut text);
            return Err(DevError::AnotherRuns {
                folder: folder.to_owned(),
                by: text.trim().parse().ok(),
            });
        }
    }
    let mut write = || {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write().map_err(at(&path))?;
    Ok(file)
}
