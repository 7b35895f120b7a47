//! A sink that answers as the host's does, and archives built byte by byte.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code; no test uses all of it"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use packguard_sdk::unpacker::{
    Entry, EntryKind, Input, Limit, Oddity, Placement, Sink, UnpackLimits, Unpacker as _, Writer,
};
use packguard_sdk::{Analysis, Severity};
use packguard_unpack::Unpack;
use tempfile::TempDir;

pub mod tarball;
pub mod zipfile;

/// Limits of the test sink.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub entries: u64,
    pub bytes: u64,
    pub nesting: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            bytes: 1 << 30,
            nesting: 3,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    entries: u64,
    bytes: u64,
    files: BTreeMap<String, Vec<u8>>,
    folded: BTreeSet<String>,
    directories: BTreeSet<String>,
    executables: BTreeSet<String>,
    refused: Vec<String>,
    unfinished: u32,
    largest_write: usize,
}

/// A sink in a folder.
struct FolderSink {
    folder: PathBuf,
    limits: Limits,
    state: Rc<RefCell<State>>,
}

struct FolderWriter {
    name: String,
    folder: PathBuf,
    limit: u64,
    content: Vec<u8>,
    state: Rc<RefCell<State>>,
    finished: bool,
}

fn parse(raw: &[u8]) -> Result<String, Oddity> {
    let text = std::str::from_utf8(raw).map_err(|_| Oddity::NonUtf8)?;
    if raw.len() > 4_096 {
        return Err(Oddity::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(Oddity::ControlCharacter);
    }
    if text.starts_with(['/', '\\']) || text.as_bytes().get(1) == Some(&b':') {
        return Err(Oddity::Escape);
    }
    let mut parts = Vec::new();
    for part in text.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return Err(Oddity::Escape),
            ".." => {}
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        Err(Oddity::Empty)
    } else {
        Ok(parts.join("/"))
    }
}

impl FolderSink {
    fn claim(&self, raw: &[u8]) -> Result<String, Oddity> {
        let name = parse(raw)?;
        let mut state = self.state.borrow_mut();
        if state.files.contains_key(&name) {
            return Err(Oddity::Duplicate);
        }
        if state.directories.contains(&name) {
            return Err(Oddity::Conflict);
        }
        if !state.folded.insert(name.to_lowercase()) {
            return Err(Oddity::CaseCollision);
        }
        state.files.insert(name.clone(), Vec::new());
        Ok(name)
    }
}

impl Sink for FolderSink {
    fn place(&mut self, entry: &Entry) -> Result<Placement, Limit> {
        self.state.borrow_mut().entries += 1;
        if self.state.borrow().entries > self.limits.entries {
            return Err(Limit::Files);
        }
        match &entry.kind {
            EntryKind::File => {}
            EntryKind::Directory => {
                return Ok(match parse(&entry.path) {
                    Ok(name) => {
                        self.state.borrow_mut().directories.insert(name);
                        Placement::Directory
                    }
                    Err(Oddity::Empty) => Placement::Directory,
                    Err(oddity) => Placement::RefusedDirectory(oddity),
                });
            }
            other => {
                let told = match other {
                    EntryKind::Symlink(target) => {
                        format!("symlink {}", String::from_utf8_lossy(target))
                    }
                    EntryKind::Hardlink(target) => {
                        format!("hardlink {}", String::from_utf8_lossy(target))
                    }
                    _ => "special".into(),
                };
                self.state.borrow_mut().refused.push(told);
                return Ok(Placement::Refused);
            }
        }
        let claimed = self.claim(&entry.path);
        let name = claimed
            .clone()
            .unwrap_or_else(|_| format!("renamed/{}", self.state.borrow().entries));
        if entry.executable {
            self.state.borrow_mut().executables.insert(name.clone());
        }
        let writer = Box::new(FolderWriter {
            name,
            folder: self.folder.clone(),
            limit: self.limits.bytes,
            content: Vec::new(),
            state: Rc::clone(&self.state),
            finished: false,
        });
        Ok(match claimed {
            Ok(_) => Placement::File(writer),
            Err(oddity) => Placement::Renamed(writer, oddity),
        })
    }
}

impl Writer for FolderWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Limit> {
        let mut state = self.state.borrow_mut();
        state.bytes += bytes.len() as u64;
        state.largest_write = state.largest_write.max(bytes.len());
        if state.bytes > self.limit {
            return Err(Limit::Ratio);
        }
        self.content.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<String, Limit> {
        self.finished = true;
        let mut state = self.state.borrow_mut();
        let place = self.folder.join(state.entries.to_string());
        std::fs::write(&place, &self.content).unwrap();
        state
            .files
            .insert(self.name.clone(), std::mem::take(&mut self.content));
        Ok(place.to_str().unwrap().to_owned())
    }
}

impl Drop for FolderWriter {
    fn drop(&mut self) {
        if !self.finished {
            self.state.borrow_mut().unfinished += 1;
        }
    }
}

/// What came of unpacking.
#[derive(Debug)]
pub struct Outcome {
    pub analysis: Analysis,
    pub files: BTreeMap<String, Vec<u8>>,
    pub executables: BTreeSet<String>,
    pub refused: Vec<String>,
    pub unfinished: u32,
    pub largest_write: usize,
}

impl Outcome {
    /// Paths of all files.
    pub fn paths(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }

    /// Rule and severity of each finding.
    pub fn findings(&self) -> Vec<(&str, Severity)> {
        self.analysis
            .findings()
            .iter()
            .map(|finding| (finding.rule.as_str(), finding.severity))
            .collect()
    }

    /// Rules found, each once.
    pub fn rules(&self) -> BTreeSet<&str> {
        self.analysis
            .findings()
            .iter()
            .map(|finding| finding.rule.as_str())
            .collect()
    }

    /// Reasons of all problems.
    pub fn problems(&self) -> Vec<&str> {
        self.analysis
            .problems()
            .iter()
            .map(|problem| problem.reason.as_str())
            .collect()
    }

    /// Content of a file.
    pub fn file(&self, path: &str) -> &[u8] {
        self.files
            .get(path)
            .unwrap_or_else(|| panic!("no {path} in {:?}", self.paths()))
    }

    /// Asserts that there is nothing to report.
    #[track_caller]
    pub fn assert_clean(&self) -> &Self {
        assert_eq!(self.findings(), []);
        assert_eq!(self.problems(), Vec::<&str>::new());
        self
    }
}

/// Unpacks bytes as an artifact of that name.
pub fn unpack(filename: &str, bytes: &[u8]) -> Outcome {
    unpack_with(filename, bytes, Limits::default(), |_| {})
}

/// Unpacks under other limits, or as another kind of input.
pub fn unpack_with(
    filename: &str,
    bytes: &[u8],
    limits: Limits,
    change: impl FnOnce(&mut Input),
) -> Outcome {
    let folder = TempDir::new().unwrap();
    let location = folder.path().join("input");
    std::fs::File::create(&location)
        .unwrap()
        .write_all(bytes)
        .unwrap();
    unpack_file(filename, &location, folder.path(), limits, change)
}

/// Unpacks a file on disk.
pub fn unpack_file(
    filename: &str,
    location: &Path,
    folder: &Path,
    limits: Limits,
    change: impl FnOnce(&mut Input),
) -> Outcome {
    let mut input = Input {
        artifact: 0,
        filename: filename.into(),
        location: location.to_str().unwrap().into(),
        prefix: String::new(),
        depth: 0,
        optional: false,
    };
    change(&mut input);
    let state = Rc::new(RefCell::new(State::default()));
    let mut sink = FolderSink {
        folder: folder.into(),
        limits,
        state: Rc::clone(&state),
    };
    let analysis = Unpack::unpack(
        &[input],
        UnpackLimits {
            nesting: limits.nesting,
        },
        &mut sink,
    )
    .unwrap();
    let state = state.take();
    assert!(state.largest_write <= packguard_sdk::unpacker::WRITE_LIMIT);
    Outcome {
        analysis,
        files: state.files,
        executables: state.executables,
        refused: state.refused,
        unfinished: state.unfinished,
        largest_write: state.largest_write,
    }
}

/// Gzips bytes.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Raw deflate.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compresses with bzip2.
pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compresses with xz at a preset.
pub fn xz(bytes: &[u8], preset: u32) -> Vec<u8> {
    let mut encoder =
        lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(preset)).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compresses to `.lzma`.
pub fn lzma(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let mut encoder = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compresses with Zstandard.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}
