//! Where PostgreSQL keeps its data, and as whom it runs.
//!
//! PostgreSQL refuses to run as root. For root it runs as the user `postgres`, which Debian's
//! package makes; that user must reach the folder, which it does not below `/root`, say. Then the
//! data go to a folder in `/var/tmp` whose name follows from the wanted one, so that the next start
//! finds it. No permission of a folder that was there before is changed.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::process::{Program, User};
use super::servers::{ServerError, at};

/// Survives a reboot and is open to every user.
const ELSEWHERE: &str = "/var/tmp";

/// PostgreSQL's folder and user.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    /// `None`: as us.
    pub(super) user: Option<User>,
    /// The folder is not the one that was asked for.
    pub(super) is_elsewhere: bool,
}

/// The user `postgres`, if we are root and therefore need one.
pub(super) async fn database_user() -> Result<Option<User>, ServerError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    Ok(Some(User {
        uid: ask("-u").await?,
        gid: ask("-g").await?,
    }))
}

/// A number of the user `postgres`, from `id`.
async fn ask(what: &str) -> Result<u32, ServerError> {
    let asked = Program::new("id").args([what, "postgres"]).finish().await?;
    let number = asked.1.first().and_then(|line| line.text.parse().ok());
    number.ok_or_else(|| ServerError::NotInstalled {
        what: "the user `postgres`, as whom root has to run PostgreSQL,".into(),
        packages: "postgresql",
    })
}

/// Makes the folder, or finds another that the server's user reaches.
pub(super) async fn place(wanted: &Path) -> Result<Place, ServerError> {
    let user = database_user().await?;
    let mut builder = tokio::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(wanted).await;
    made.map_err(at(wanted))?;
    let wanted = wanted.canonicalize().map_err(at(wanted))?;
    let Some(user) = user else {
        return Ok(Place {
            folder: wanted,
            user: None,
            is_elsewhere: false,
        });
    };
    give(&wanted, user)?;
    if is_reachable(&wanted, user).await? {
        return Ok(Place {
            folder: wanted,
            user: Some(user),
            is_elsewhere: false,
        });
    }
    let name = hex::encode(&Sha256::digest(wanted.as_os_str().as_encoded_bytes())[..8]);
    let folder = Path::new(ELSEWHERE).join(format!("packguard-postgres-{name}"));
    match tokio::fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .await
    {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(at(&folder)(error));
        }
        // Anybody may write to /var/tmp, and wait there with a folder or a link.
        Err(_) => {
            let found = folder.symlink_metadata().map_err(at(&folder))?;
            if !found.is_dir() || found.uid() != user.uid && found.uid() != 0 {
                return Err(ServerError::NotOurs { path: folder });
            }
        }
        Ok(()) => {}
    }
    give(&folder, user)?;
    if !is_reachable(&folder, user).await? {
        return Err(ServerError::NotOurs { path: folder });
    }
    tracing::warn!(
        wanted = %wanted.display(), used = %folder.display(),
        "the user postgres does not reach the folder; PostgreSQL's data are elsewhere"
    );
    Ok(Place {
        folder,
        user: Some(user),
        is_elsewhere: true,
    })
}

/// Makes a folder or file the server's own.
pub(super) fn give(path: &Path, user: User) -> Result<(), ServerError> {
    std::os::unix::fs::lchown(path, Some(user.uid), Some(user.gid)).map_err(at(path))?;
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(at(path))
}

/// Asks the system rather than the mode bits, which do not tell all.
async fn is_reachable(folder: &Path, user: User) -> Result<bool, ServerError> {
    let test = Program::new("test").arg("-w").arg(folder);
    // It starts elsewhere: our own folder may be closed to that user.
    let (status, _) = test.user(Some(user)).folder("/").finish().await?;
    Ok(status.success())
}
