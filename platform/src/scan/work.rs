//! Where packages are unpacked.

use std::io;
use std::path::Path;

use tempfile::TempDir;

/// Memory-backed on Linux: making a thousand small files takes a tenth of the time that
/// it takes on a disk.
const SHARED_MEMORY: &str = "/dev/shm";

/// Free bytes that make it worth it: the largest release allowed, downloaded and
/// unpacked, twice over. Containers have 64 MiB there and stay on disk.
const ENOUGH: u64 = 8 << 30;

/// Makes the folder of one run: below `parent`, or `TMPDIR`, where that is set, else in shared
/// memory where there is plenty, else below the system's temporary folder.
pub(crate) fn folder(parent: Option<&Path>) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("packguard-scan-");
    if let Some(parent) = parent {
        return builder.tempdir_in(parent);
    }
    let plenty = std::env::var_os("TMPDIR").is_none() && free(Path::new(SHARED_MEMORY)) >= ENOUGH;
    if plenty && let Ok(folder) = builder.tempdir_in(SHARED_MEMORY) {
        return Ok(folder);
    }
    builder.tempdir()
}

fn free(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize))
}
