//! Finds a zip's central directory, and every other one that a tool could find.

use std::io;

use super::records::{
    CENTRAL, END, END_LENGTH, END64, END64_LENGTH, LOCATOR64, LOCATOR64_LENGTH, u16_at, u32_at,
    u64_at,
};
use crate::source::Source;

/// An end record is at most this far from the end of the file: its comment has a 16-bit
/// length. Python's zipfile and Java look no further either.
const SEARCH: u64 = END_LENGTH as u64 + u16::MAX as u64;

/// End records that are looked at: an attacker may put thousands into a comment.
const CANDIDATES: usize = 32;

/// A central directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Where it starts.
    pub start: u64,
    /// Where it ends, by its size.
    pub end: u64,
    /// What is to be added to the offsets it holds: bytes before the zip.
    pub base: u64,
    /// Entries that the end record declares.
    pub entries: u64,
    /// Where the end record stands.
    pub end_record: u64,
    /// Where the zip ends, comment included.
    pub zip_end: u64,
}

/// All central directories of one file, the one that Python finds first.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Directories {
    /// Without those that stand inside a stored entry.
    pub all: Vec<Directory>,
    size: u64,
}

/// An end record, with the zip64 one where there is one.
#[derive(Debug, Clone, Copy)]
struct End {
    offset: u64,
    /// Where the directory has to end: at this record or at its zip64 one.
    directory_end: u64,
    entries: u64,
    directory_size: u64,
    directory_offset: u64,
    zip_end: u64,
}

impl Directories {
    /// Searches the end of a file.
    ///
    /// # Errors
    /// What the file system says.
    pub fn locate(source: &mut Source) -> io::Result<Self> {
        let size = source.size();
        let tail_start = size.saturating_sub(SEARCH);
        let length = usize::try_from(size - tail_start).map_err(io::Error::other)?;
        let mut tail = vec![0; length];
        let read = source.read_at(tail_start, &mut tail)?;
        let tail = &tail[..read];
        let mut all = Vec::new();
        for (nth, at) in signatures(tail).take(CANDIDATES).enumerate() {
            let end = End::read(source, tail_start + at as u64, &tail[at..])?;
            // Only what reaches the end is an archive of its own; an end record further
            // in belongs to a zip that is stored inside. The last one counts anyway:
            // Python does not ask for more.
            if nth == 0 || end.zip_end == size {
                end.directories(source, &mut all)?;
            }
        }
        Ok(Self { all, size })
    }

    /// Whether the file is no zip.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether the file is a zip for tools that look at its end, given that another
    /// format's data ends at `other_end`.
    pub fn stand_beside(&self, other_end: u64) -> bool {
        self.all
            .iter()
            .any(|directory| directory.zip_end == self.size || directory.end_record >= other_end)
    }
}

/// Whether bytes from the end of a file hold an end record, valid or not.
pub fn may_hold_end_record(tail: &[u8]) -> bool {
    let search = usize::try_from(SEARCH).unwrap_or(usize::MAX);
    signatures(&tail[tail.len().saturating_sub(search)..])
        .next()
        .is_some()
}

/// Offsets of end record signatures, last first.
fn signatures(tail: &[u8]) -> impl Iterator<Item = usize> {
    // The last byte of the signature is rare in text, so that this costs next to nothing.
    memchr::memrchr_iter(END[3], tail)
        .filter_map(|at| at.checked_sub(3))
        .filter(|at| tail[*at..].starts_with(&END) && tail.len() - at >= END_LENGTH)
}

impl End {
    fn read(source: &mut Source, offset: u64, record: &[u8]) -> io::Result<Self> {
        let mut end = Self {
            offset,
            directory_end: offset,
            entries: u16_at(record, 10).into(),
            directory_size: u32_at(record, 12).into(),
            directory_offset: u32_at(record, 16).into(),
            zip_end: offset + END_LENGTH as u64 + u64::from(u16_at(record, 20)),
        };
        let Some(locator_at) = offset.checked_sub(LOCATOR64_LENGTH) else {
            return Ok(end);
        };
        let mut locator = [0; LOCATOR64_LENGTH as usize];
        source.read_at(locator_at, &mut locator)?;
        if !locator.starts_with(&LOCATOR64) {
            return Ok(end);
        }
        // The record stands right before its locator, whatever the locator says, for
        // tools that allow bytes before the zip.
        let mut record = [0; END64_LENGTH];
        let near = locator_at.checked_sub(END64_LENGTH as u64);
        for at in near.into_iter().chain([u64_at(&locator, 8)]) {
            source.read_at(at, &mut record)?;
            if record.starts_with(&END64) && at < locator_at {
                end.directory_end = at;
                end.entries = u64_at(&record, 32);
                end.directory_size = u64_at(&record, 40);
                end.directory_offset = u64_at(&record, 48);
                break;
            }
        }
        Ok(end)
    }

    /// Adds the directories that tools find by this record: right before it, or at the
    /// offset that it declares.
    fn directories(&self, source: &mut Source, all: &mut Vec<Directory>) -> io::Result<()> {
        let before = self.directory_end.checked_sub(self.directory_size);
        for start in before.into_iter().chain([self.directory_offset]) {
            let Some(base) = start.checked_sub(self.directory_offset) else {
                continue;
            };
            let end = start
                .saturating_add(self.directory_size)
                .min(self.directory_end);
            let directory = Directory {
                start,
                end,
                base,
                entries: self.entries,
                end_record: self.offset,
                zip_end: self.zip_end,
            };
            if self.is_valid(source, &directory)?
                && all
                    .iter()
                    .all(|have| have.start != start || have.base != base)
            {
                all.push(directory);
            }
        }
        Ok(())
    }

    fn is_valid(&self, source: &mut Source, directory: &Directory) -> io::Result<bool> {
        if self.directory_size == 0 {
            // An empty zip is nothing but this record; elsewhere 22 such bytes mean little.
            let at_end = self.zip_end == source.size() && directory.start == self.directory_end;
            return Ok(self.entries == 0 && at_end);
        }
        let mut signature = [0; 4];
        source.read_at(directory.start, &mut signature)?;
        Ok(directory.start < directory.end && signature == CENTRAL)
    }
}
