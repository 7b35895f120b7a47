//! Goes through one central directory.

use std::io::{self, Read as _};

use packguard_sdk::Severity;
use packguard_sdk::unpacker::Limit;

use super::directory::Directory;
use super::records::{CENTRAL, CENTRAL_LENGTH, Central};
use crate::codec::Inflater;
use crate::limits::{COMMENT, ZIP_ENTRIES};
use crate::out::Out;
use crate::report::Archive;
use crate::rules;
use crate::source::Source;

/// A part of the file that an entry accounts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Where the local header starts.
    pub start: u64,
    /// Where the data ends.
    pub end: u64,
}

/// A zip as it is read.
pub struct Walk<'o, 's, 'a> {
    pub(super) out: &'o mut Out<'s>,
    pub(super) archive: &'a Archive,
    pub(super) source: &'a mut Source,
    /// One state for all entries: see [`Inflater`].
    pub(super) inflater: Inflater,
    pub(super) spans: Vec<Span>,
}

/// Hands every entry of a zip to the sink. `listing` is a second handle on the file, so
/// that directory and data are each read in one go.
///
/// # Errors
/// A limit of the sink.
pub fn walk(
    out: &mut Out<'_>,
    archive: &Archive,
    source: &mut Source,
    listing: &mut Source,
    directory: &Directory,
) -> Result<(), Limit> {
    let mut walk = Walk {
        out,
        archive,
        source,
        inflater: Inflater::default(),
        spans: Vec::new(),
    };
    let damage = walk.entries(listing, directory)?;
    if let Some(reason) = damage {
        walk.out.report.archive_problem(
            archive,
            format!("the zip's central directory is damaged: {reason}"),
        );
    }
    walk.spans.sort_unstable();
    walk.overlaps(directory);
    walk.gaps(directory)?;
    walk.comment(directory)
}

/// Hands what has a local header to the sink, for a zip without a directory.
///
/// # Errors
/// A limit of the sink.
pub fn salvage(out: &mut Out<'_>, archive: &Archive, source: &mut Source) -> Result<(), Limit> {
    let end = source.size();
    let mut walk = Walk {
        out,
        archive,
        source,
        inflater: Inflater::default(),
        spans: Vec::new(),
    };
    walk.local_entries(0..end, false)?;
    Ok(())
}

impl Walk<'_, '_, '_> {
    /// Unpacks by the directory; says where it stopped making sense.
    fn entries(
        &mut self,
        listing: &mut Source,
        directory: &Directory,
    ) -> Result<Option<String>, Limit> {
        let mut records = listing.section(directory.start..directory.end);
        let mut count: u64 = 0;
        while records.position() < records.end() {
            let central = match read_central(&mut records) {
                Ok(central) => central,
                Err(error) => return Ok(Some(format!("entry {}: {error}", count + 1))),
            };
            if self.spans.len() == ZIP_ENTRIES {
                return Ok(Some(format!(
                    "more than {ZIP_ENTRIES} entries; the rest was not unpacked"
                )));
            }
            count += 1;
            self.entry(&central, directory.base)?;
        }
        // The plain end record counts modulo 65,536.
        if count != directory.entries && count % 65_536 != directory.entries {
            self.out
                .report
                .find(self.archive, &rules::HEADER_MISMATCH, None, || {
                    format!(
                        "the zip declares {} entries and lists {count}",
                        directory.entries
                    )
                });
        }
        Ok(None)
    }

    fn overlaps(&mut self, directory: &Directory) {
        let pairs = self
            .spans
            .windows(2)
            .filter(|pair| pair[0].end > pair[1].start)
            .count();
        let into_directory = self
            .spans
            .last()
            .is_some_and(|last| last.end > directory.start);
        if pairs > 0 || into_directory {
            let count = self.spans.len();
            let shared = pairs + usize::from(into_directory);
            self.out
                .report
                .find(self.archive, &rules::OVERLAP, None, || {
                    format!("{shared} of the zip's {count} entries share their data with the next")
                });
        }
    }

    /// Keeps a comment that is long enough to hold something.
    fn comment(&mut self, directory: &Directory) -> Result<(), Limit> {
        let size = self.source.size();
        let start = directory.end_record + super::records::END_LENGTH as u64;
        let end = directory.zip_end.min(size);
        if end.saturating_sub(start) > COMMENT {
            self.keep(start..end, b"!comment")?;
        }
        if directory.zip_end < size {
            let mut rest = self.source.section(directory.zip_end..size);
            crate::unpack::trailing_data(self.out, self.archive, b"", &mut rest)?;
        }
        Ok(())
    }

    /// Hands a part of the file to the sink as it is.
    pub(super) fn keep(&mut self, range: std::ops::Range<u64>, name: &[u8]) -> Result<(), Limit> {
        let written = self
            .out
            .file(self.archive, name, false, &mut self.source.section(range))?;
        if let Some(error) = written.damage {
            self.out
                .report
                .entry_problem(self.archive, name, error.to_string());
        }
        Ok(())
    }

    /// What stands before the zip: installers do not mind.
    pub(super) fn leading(&mut self, end: u64) -> Result<(), Limit> {
        let mut head = [0; 4];
        // An unreadable head is reported when the bytes are kept, below.
        let read = self.source.read_at(0, &mut head).unwrap_or(0);
        let (severity, what) = match &head[..read] {
            [b'#', b'!', ..] => (Severity::Info, "a script's first line"),
            [b'M', b'Z', ..] => (Severity::Info, "a Windows program"),
            [0x7F, b'E', b'L', b'F'] => (Severity::Info, "a Linux program"),
            _ => (rules::LEADING_DATA.rule.severity, "data"),
        };
        self.out
            .report
            .find_as(self.archive, &rules::LEADING_DATA, severity, None, || {
                format!("{end} bytes stand before the zip: {what}")
            });
        self.keep(0..end, b"!leading-data")
    }
}

fn read_central(records: &mut crate::source::Section<'_>) -> io::Result<Central> {
    let mut fixed = [0; CENTRAL_LENGTH];
    records
        .read_exact(&mut fixed)
        .map_err(|_| crate::codec::truncated())?;
    if !fixed.starts_with(&CENTRAL) {
        return Err(crate::codec::damaged("no signature"));
    }
    let mut variable = vec![0; Central::variable_length(&fixed)];
    records
        .read_exact(&mut variable)
        .map_err(|_| crate::codec::truncated())?;
    Ok(Central::parse(&fixed, &variable))
}
