//! Caches of compiled components.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Copies a cache of compiled components into an empty folder, if there is one.
pub fn copy(from: &Path, to: &Path) {
    let Ok(files) = std::fs::read_dir(from.join("compiled")) else {
        return;
    };
    let mut private = DirBuilder::new();
    private
        .mode(0o700)
        .create(to.join("compiled"))
        .expect("a folder");
    for file in files {
        let name = file.expect("a file").file_name();
        // One that another test is writing just now is gone or not genuine: no harm.
        let _ = std::fs::copy(
            from.join("compiled").join(&name),
            to.join("compiled").join(&name),
        );
    }
    std::fs::copy(from.join("compiled.key"), to.join("compiled.key")).expect("a key");
}
