//! Reading a lock file from disk, with what a requirements file includes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::collect::Collector;
use super::{Include, Kind, LockError, MAX_BYTES, Parsed, parse};

/// How deep requirements files may include one another, and how many there may be.
const MAX_INCLUDE_DEPTH: usize = 10;
const MAX_INCLUDES: usize = 100;

/// Reads the packages that the file names. A requirements file's `-r` includes are
/// followed within the folder that it stands in and below; others are named as skipped.
///
/// # Errors
/// As [`parse`], and when the file can't be read. An included file that can't be read is
/// no error but named as skipped.
pub fn read(path: &Path, kind: Kind) -> Result<Parsed, LockError> {
    let mut budget = MAX_BYTES;
    let bytes = read_bounded(path, kind, &mut budget)?;
    let mut parsed = parse(kind, &bytes)?;
    if parsed.includes.is_empty() {
        return Ok(parsed);
    }
    let path = path.canonicalize()?;
    let root = path.parent().unwrap_or(&path).to_owned();
    let includes = std::mem::take(&mut parsed.includes);
    let mut walk = Walk {
        seen: BTreeSet::from([path.clone()]),
        budget,
        collector: Collector::default(),
        root,
    };
    walk.collector.absorb(None, parsed);
    let folder = walk.root.clone();
    walk.follow(None, &folder, &includes, 1);
    let parsed = walk.collector.finish();
    if parsed.packages.is_empty() {
        let Parsed { local, skipped, .. } = parsed;
        return Err(LockError::NoPackages {
            kind: kind.name(),
            local,
            skipped,
        });
    }
    Ok(parsed)
}

fn read_bounded(path: &Path, kind: Kind, budget: &mut u64) -> Result<Vec<u8>, LockError> {
    let mut bytes = Vec::new();
    let length = File::open(path)?
        .take(*budget + 1)
        .read_to_end(&mut bytes)? as u64;
    *budget = budget
        .checked_sub(length)
        .ok_or(LockError::TooLarge { kind: kind.name() })?;
    Ok(bytes)
}

/// The state of following includes, depth first.
struct Walk {
    /// Canonical folder that must hold all includes.
    root: PathBuf,
    /// Canonical paths read so far: ends cycles, and reads a file included twice once.
    seen: BTreeSet<PathBuf>,
    /// Bytes that may still be read.
    budget: u64,
    collector: Collector,
}

impl Walk {
    /// `from` is the name of the file that holds `includes`, `folder` the one it stands in.
    fn follow(&mut self, from: Option<&str>, folder: &Path, includes: &[Include], depth: usize) {
        for include in includes {
            if let Err(reason) = self.include(folder, include, depth) {
                self.skip(from, include, reason);
            }
        }
    }

    fn skip(&mut self, from: Option<&str>, include: &Include, reason: String) {
        let mut remark = Collector::default();
        remark.skip(Some(include.line), &format!("-r {}", include.path), reason);
        self.collector.absorb(from, remark.finish());
    }

    fn include(&mut self, folder: &Path, include: &Include, depth: usize) -> Result<(), String> {
        if include.path.contains("://") || include.path.contains("${") {
            return Err("not a path: not followed".into());
        }
        let path = folder
            .join(&include.path)
            .canonicalize()
            .map_err(|error| format!("cannot be read: {error}"))?;
        let Ok(name) = path.strip_prefix(&self.root) else {
            return Err(
                "outside the folder of the file named: name it on the command line too".into(),
            );
        };
        let name = name.to_string_lossy().into_owned();
        if !self.seen.insert(path.clone()) {
            return Ok(());
        }
        if depth > MAX_INCLUDE_DEPTH || self.seen.len() > MAX_INCLUDES {
            return Err(format!(
                "more than {MAX_INCLUDE_DEPTH} levels or {MAX_INCLUDES} files of includes"
            ));
        }
        if !path.is_file() {
            return Err("not a file".into());
        }
        let kind = Kind::Requirements;
        let parsed =
            read_bounded(&path, kind, &mut self.budget).and_then(|bytes| parse(kind, &bytes));
        let mut parsed = match parsed {
            Ok(parsed) => parsed,
            // Empty, as a file that only holds comments may be; or full of bad lines.
            Err(LockError::NoPackages { local, skipped, .. }) => Parsed {
                local,
                skipped,
                ..Parsed::default()
            },
            Err(error) => return Err(error.to_string()),
        };
        let includes = std::mem::take(&mut parsed.includes);
        self.collector.absorb(Some(&name), parsed);
        let folder = path.parent().unwrap_or(&self.root).to_owned();
        self.follow(Some(&name), &folder, &includes, depth + 1);
        Ok(())
    }
}
