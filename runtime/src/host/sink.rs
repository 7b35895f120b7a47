//! `packguard:analyzer/sink`: where an unpacker puts entries.
//!
//! The unpacker is not trusted: names, kinds and sizes are decided here. Nothing is
//! written outside the package's folder, no link or device is ever made, no file is
//! written twice, and files and bytes are counted over the whole release. A file whose
//! name can't be trusted is kept under a made-up name, since an attacker would hide
//! where analysis does not look.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::fs::{Dir, File, OpenOptions};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::bindings::sink as wit;
use crate::bindings::types::FileEntry;

mod host;
mod name;

use name::Name;

/// Folder, inside each artifact's, for files whose own name can't be used.
pub(crate) const RENAMED: &str = ".packguard-renamed";

/// Longest path used on disk as it is. Linux takes 4,095 bytes, the mount's included;
/// a longer path is true in the report and short on disk.
const DISK_PATH: usize = 2_048;

/// Most bytes of names remembered over a release, parent folders included. An honest
/// release of 100,000 files has about 10 MB of them; a hostile one made of deep paths
/// would have gigabytes.
const MAX_NAMES: usize = 64 << 20;

/// Most incomplete entries remembered: the first ones tell enough.
const MAX_UNFINISHED: usize = 100;

/// Limits of one release, over all its artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ArchiveLimits {
    /// Entries, directories included.
    pub files: u64,
    /// Bytes unpacked.
    pub bytes: u64,
    /// Bytes unpacked per byte of the artifact.
    pub ratio: u64,
    /// Bytes unpacked of one artifact before `ratio` is looked at: a few kilobytes of
    /// an honest fixture may well compress better.
    pub ratio_floor: u64,
    /// Bytes of a path.
    pub path: usize,
    /// Components of a path.
    pub depth: usize,
    /// Archives inside archives; 0 = only the outermost.
    pub nesting: u32,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self {
            // Ten times the largest honest release seen.
            files: 100_000,
            bytes: 2 << 30,
            // Deflate can't exceed 1,032:1; honest source text stays under 20:1.
            ratio: 200,
            ratio_floor: 16 << 20,
            path: 4_096,
            depth: 64,
            nesting: 3,
        }
    }
}

/// The files of one release as they are unpacked.
#[derive(Debug)]
pub struct Sink {
    root: Dir,
    limits: ArchiveLimits,
    used: Used,
    artifact: u32,
    /// Bytes that the current artifact may still unpack to, by its size.
    ratio_left: u64,
    names: BTreeMap<String, Kind>,
    folded: BTreeSet<String>,
    renamed: u32,
    files: Vec<FileEntry>,
    unfinished: Vec<String>,
    /// The folder of the last file: archives keep theirs together.
    folder: Option<(String, Dir)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Used {
    entries: u64,
    bytes: u64,
    names: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
}

/// A sink shared with the sandbox that fills it.
pub(crate) type SharedSink = Arc<Mutex<Sink>>;

/// An entry being written.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: String,
    disk: String,
    executable: bool,
    hash: Sha256,
    size: u64,
    artifact: u32,
}

/// Where an entry goes.
enum Placed {
    File(Writer, Option<wit::Oddity>),
    Directory,
    RefusedDirectory(wit::Oddity),
    Refused,
}

impl Sink {
    /// A sink that writes below `root`, one folder per artifact: `0/`, `1/`, …
    pub fn new(root: Dir, limits: ArchiveLimits) -> Self {
        Self {
            root,
            limits,
            used: Used::default(),
            artifact: 0,
            ratio_left: u64::MAX,
            names: BTreeMap::new(),
            folded: BTreeSet::new(),
            renamed: 0,
            files: Vec::new(),
            unfinished: Vec::new(),
            folder: None,
        }
    }

    /// Starts the artifact of that index. `size` is what the ratio limit counts from;
    /// `None` for a folder.
    pub fn begin(&mut self, artifact: u32, size: Option<u64>) {
        let by_ratio = |size: u64| {
            size.saturating_mul(self.limits.ratio)
                .max(self.limits.ratio_floor)
        };
        self.ratio_left = size.map_or(u64::MAX, by_ratio);
        self.artifact = artifact;
        self.names.clear();
        self.folded.clear();
        self.renamed = 0;
        self.folder = None;
    }

    /// Copies one file of a local folder, named as the file system names it.
    ///
    /// # Errors
    /// When a limit is reached or `from` can't be read.
    pub fn add_file(
        &mut self,
        path: &[u8],
        executable: bool,
        mut from: impl io::Read,
    ) -> Result<(), AddError> {
        let entry = wit::Entry {
            path: path.to_vec(),
            kind: wit::EntryKind::File,
            executable,
        };
        let Placed::File(mut writer, _) = self.place(&entry).map_err(AddError::Limit)? else {
            return Ok(());
        };
        let mut buffer = vec![0; 256 << 10];
        loop {
            let read = from.read(&mut buffer).map_err(AddError::Read)?;
            if read == 0 {
                break;
            }
            self.append(&mut writer, &buffer[..read])
                .map_err(AddError::Limit)?;
        }
        self.finish(writer);
        Ok(())
    }

    /// Files of the current artifact so far.
    pub(crate) fn files_of_artifact(&self) -> impl Iterator<Item = &FileEntry> {
        self.files
            .iter()
            .filter(|file| file.artifact == self.artifact)
    }

    /// Entries that were begun and given up, at most [`MAX_UNFINISHED`] of them.
    pub(crate) fn take_unfinished(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unfinished)
    }

    /// All files in the order analyzers get them, repeats marked.
    pub fn into_files(mut self) -> Vec<FileEntry> {
        self.files
            .sort_by(|a, b| (a.artifact, &a.path).cmp(&(b.artifact, &b.path)));
        let mut first: BTreeMap<(String, String), u32> = BTreeMap::new();
        for (index, file) in (0_u32..).zip(&mut self.files) {
            let base = file.path.rsplit('/').next().unwrap_or_default().to_owned();
            let earlier = *first.entry((file.sha256.clone(), base)).or_insert(index);
            file.duplicate_of = (earlier != index).then_some(earlier);
        }
        self.files
    }

    fn place(&mut self, entry: &wit::Entry) -> Result<Placed, wit::Limit> {
        if self.used.entries >= self.limits.files || self.used.names > MAX_NAMES {
            return Err(wit::Limit::Files);
        }
        self.used.entries += 1;
        let name = Name::parse(&entry.path, &self.limits);
        match (&entry.kind, name) {
            (
                wit::EntryKind::Symlink(_) | wit::EntryKind::Hardlink(_) | wit::EntryKind::Special,
                _,
            ) => Ok(Placed::Refused),
            (wit::EntryKind::Directory, Ok(name)) => {
                Ok(match self.claim(&name.path, Kind::Directory) {
                    Ok(()) => Placed::Directory,
                    Err(oddity) => Placed::RefusedDirectory(oddity),
                })
            }
            // `./` stands in many tars.
            (wit::EntryKind::Directory, Err((wit::Oddity::Empty, _))) => Ok(Placed::Directory),
            (wit::EntryKind::Directory, Err((oddity, _))) => Ok(Placed::RefusedDirectory(oddity)),
            (wit::EntryKind::File, Ok(name)) => match self.claim(&name.path, Kind::File) {
                Ok(()) => Ok(Placed::File(
                    self.create(name.path, entry.executable)?,
                    None,
                )),
                Err(oddity) => self.create_renamed(&name.path, oddity, entry.executable),
            },
            (wit::EntryKind::File, Err((oddity, lossy))) => {
                self.create_renamed(&lossy, oddity, entry.executable)
            }
        }
    }

    /// Reserves a path and its parents.
    fn claim(&mut self, path: &str, kind: Kind) -> Result<(), wit::Oddity> {
        if path == RENAMED || path.starts_with(concat!(".packguard-renamed", "/")) {
            return Err(wit::Oddity::Conflict);
        }
        match (self.names.get(path), kind) {
            (Some(Kind::Directory), Kind::Directory) => return Ok(()),
            (Some(Kind::File), Kind::File) => return Err(wit::Oddity::Duplicate),
            (Some(_), _) => return Err(wit::Oddity::Conflict),
            (None, _) => {}
        }
        let mut new_parents = Vec::new();
        for (at, _) in path.rmatch_indices('/') {
            match self.names.get(&path[..at]) {
                Some(Kind::Directory) => break,
                Some(Kind::File) => return Err(wit::Oddity::Conflict),
                None => new_parents.push(path[..at].to_owned()),
            }
        }
        let parents: usize = new_parents.iter().map(String::len).sum();
        self.used.names += parents + 4 * path.len();
        if kind == Kind::File && !self.folded.insert(path.to_lowercase()) {
            return Err(wit::Oddity::CaseCollision);
        }
        self.names.extend(
            new_parents
                .into_iter()
                .map(|parent| (parent, Kind::Directory)),
        );
        self.names.insert(path.to_owned(), kind);
        Ok(())
    }

    fn create_renamed(
        &mut self,
        path: &str,
        oddity: wit::Oddity,
        executable: bool,
    ) -> Result<Placed, wit::Limit> {
        let path = self.made_up(path);
        Ok(Placed::File(self.create(path, executable)?, Some(oddity)))
    }

    fn made_up(&mut self, path: &str) -> String {
        self.renamed += 1;
        format!("{RENAMED}/{}/{}", self.renamed, name::plain(path))
    }

    fn create(&mut self, path: String, executable: bool) -> Result<Writer, wit::Limit> {
        let inside = if path.len() > DISK_PATH {
            self.made_up(&path)
        } else {
            path.clone()
        };
        let disk = format!("{}/{inside}", self.artifact);
        let (folder, file) = disk.rsplit_once('/').unwrap_or(("", &disk));
        let file = self
            .folder(folder)
            .and_then(|dir| dir.open_with(file, OpenOptions::new().write(true).create_new(true)));
        let file = file.map_err(|error| {
            tracing::error!(%error, "could not create a file of the package");
            wit::Limit::Storage
        })?;
        Ok(Writer {
            file,
            path,
            disk,
            executable,
            hash: Sha256::new(),
            size: 0,
            artifact: self.artifact,
        })
    }

    fn folder(&mut self, path: &str) -> io::Result<&Dir> {
        if self.folder.as_ref().is_none_or(|(have, _)| have != path) {
            self.root.create_dir_all(path)?;
            self.folder = Some((path.to_owned(), self.root.open_dir(path)?));
        }
        self.folder
            .as_ref()
            .map(|(_, dir)| dir)
            .ok_or_else(|| io::Error::other("no folder"))
    }

    fn append(&mut self, writer: &mut Writer, bytes: &[u8]) -> Result<(), wit::Limit> {
        let length = bytes.len() as u64;
        if self.used.bytes + length > self.limits.bytes {
            return Err(wit::Limit::Bytes);
        }
        self.ratio_left = self
            .ratio_left
            .checked_sub(length)
            .ok_or(wit::Limit::Ratio)?;
        self.used.bytes += length;
        writer.file.write_all(bytes).map_err(|error| {
            tracing::error!(%error, "could not write a file of the package");
            wit::Limit::Storage
        })?;
        writer.hash.update(bytes);
        writer.size += length;
        Ok(())
    }

    /// Removes what was written of an entry that is given up.
    fn discard(&mut self, writer: Writer) {
        drop(writer.file);
        if let Err(error) = self.root.remove_file(&writer.disk) {
            tracing::warn!(%error, "could not remove an incomplete file");
        }
        if self.unfinished.len() < MAX_UNFINISHED {
            self.unfinished.push(writer.path);
        }
    }

    /// Records a complete file and says where guests read it.
    fn finish(&mut self, writer: Writer) -> String {
        let location = format!("/package/{}", writer.disk);
        self.files.push(FileEntry {
            artifact: writer.artifact,
            path: writer.path,
            location: location.clone(),
            size: writer.size,
            sha256: hex::encode(writer.hash.finalize()),
            executable: writer.executable,
            duplicate_of: None,
        });
        location
    }
}

/// Why a local file could not be added.
#[derive(Debug)]
pub enum AddError {
    /// The sink takes no more.
    Limit(wit::Limit),
    /// The file can't be read.
    Read(io::Error),
}

pub(crate) fn lock(sink: &SharedSink) -> MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}
