//! Copies a local folder into the sink, as if it had been unpacked.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::bindings::sink::Limit;
use crate::host::sink::{AddError, Sink};

/// What was not copied.
pub(super) struct Problem {
    pub path: Option<String>,
    pub reason: String,
}

/// Copies all regular files below `root`, in order of their names. Links are not
/// followed: what they point at inside the folder is copied anyway; one that leads out
/// is named.
pub(super) fn copy(
    root: &Path,
    sink: &mut Sink,
    cancel: &CancellationToken,
) -> Result<Vec<Problem>, AddError> {
    let mut problems = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> =
            match fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<_>>) {
                Ok(entries) => entries,
                Err(error) if folder == root => return Err(AddError::Read(error)),
                Err(error) => {
                    problems.push(problem(root, &folder, &error));
                    continue;
                }
            };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if cancel.is_cancelled() {
                return Ok(problems);
            }
            let path = entry.path();
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(path),
                Ok(metadata) if metadata.is_file() => match add(root, &path, &metadata, sink) {
                    Ok(()) => {}
                    Err(AddError::Read(error)) => problems.push(problem(root, &path, &error)),
                    Err(AddError::Limit(Limit::Storage)) => {
                        return Err(AddError::Limit(Limit::Storage));
                    }
                    Err(AddError::Limit(limit)) => {
                        let reason = format!(
                            "the folder holds more than the limit of {limit:?}: the rest was not analysed"
                        );
                        problems.push(Problem { path: None, reason });
                        return Ok(problems);
                    }
                },
                Ok(metadata) if metadata.is_symlink() && stays_inside(root, &path) => {}
                Ok(_) => problems.push(Problem {
                    path: Some(relative(root, &path)),
                    reason: "a link that leads out of the folder, or no regular file: not followed"
                        .into(),
                }),
                Err(error) => problems.push(problem(root, &path, &error)),
            }
        }
    }
    Ok(problems)
}

fn add(root: &Path, path: &Path, metadata: &fs::Metadata, sink: &mut Sink) -> Result<(), AddError> {
    let name = path.strip_prefix(root).unwrap_or(path);
    let file = fs::File::open(path).map_err(AddError::Read)?;
    sink.add_file(
        name.as_os_str().as_bytes(),
        metadata.permissions().mode() & 0o111 != 0,
        file,
    )
}

/// Whether what a link points at is copied anyway.
fn stays_inside(root: &Path, link: &Path) -> bool {
    let target = link.canonicalize();
    root.canonicalize()
        .is_ok_and(|root| target.is_ok_and(|target| target.starts_with(root)))
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

fn problem(root: &Path, path: &Path, error: &io::Error) -> Problem {
    Problem {
        path: Some(relative(root, path)),
        reason: format!("it could not be read: {error}"),
    }
}
