//! A folder whose last server crashed, or is ending only now.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::servers::{KNOCK, ServerError, at};

/// How long a server that ends just now is waited for: that of a `packguard dev` which was killed
/// and started again at once.
const LEAVING_LIMIT: Duration = Duration::from_secs(10);

/// Waits until no server runs on the folder, and removes the file with its process id. That id
/// alone says nothing: after a crash it may be anybody's. A server that runs stands in its folder.
pub(super) async fn reclaim(
    name: &'static str,
    folder: &Path,
    pid_file: &Path,
) -> Result<(), ServerError> {
    let Ok(text) = tokio::fs::read_to_string(pid_file).await else {
        return Ok(());
    };
    let first = text.lines().next().unwrap_or_default();
    let pid: u32 = first.trim().parse().unwrap_or_default();
    let stands = format!("/proc/{pid}/cwd");
    let leaving = async {
        while tokio::fs::read_link(&stands).await.ok().as_deref() == Some(folder) {
            tokio::time::sleep(KNOCK).await;
        }
    };
    if tokio::time::timeout(LEAVING_LIMIT, leaving).await.is_err() {
        return Err(ServerError::Busy {
            name,
            folder: folder.to_owned(),
            pid,
        });
    }
    match tokio::fs::remove_file(pid_file).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(pid_file)(error)),
        _ => Ok(()),
    }
}
