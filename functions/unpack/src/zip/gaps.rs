//! The bytes of a zip that its directory does not account for.

use std::ops::Range;

use packguard_sdk::unpacker::Limit;

use super::directory::Directory;
use super::walk::{Span, Walk};
use crate::names::shown;
use crate::rules;

/// Longest descriptor: what follows an entry's data up to there is one, or padding.
const DESCRIPTOR: u64 = 24;

/// A zip64 end record and its locator, which stand between directory and end record.
const END_RECORDS_64: u64 = 76;

/// Lengths of the descriptor that may follow an entry's data: without and with its
/// signature, in 32 and in 64 bits.
const DESCRIPTORS: [u64; 5] = [0, 12, 16, 20, 24];

impl Walk<'_, '_, '_> {
    /// Looks for entries between those of the directory, and for data that is none.
    pub(super) fn gaps(&mut self, directory: &Directory) -> Result<(), Limit> {
        let spans = std::mem::take(&mut self.spans);
        let end = directory.start;
        let first = spans.first().map_or(end, |span| span.start).min(end);
        let listed = self.local_entries(0..first, true)?;
        if listed == 0 && first > 0 {
            self.leading(first)?;
        } else {
            self.unlisted(listed..first)?;
        }
        let mut cursor = first;
        let last = Span { start: end, end };
        for span in spans.iter().chain([&last]) {
            if span.start > cursor + DESCRIPTOR {
                let listed = self.local_entries(cursor..span.start, true)?;
                self.unlisted(listed..span.start)?;
            }
            cursor = cursor.max(span.end);
        }
        if directory.end_record > directory.end + END_RECORDS_64 {
            self.unlisted(directory.end..directory.end_record)?;
        }
        Ok(())
    }

    /// Keeps bytes that belong to nothing, unless they are a descriptor or padding.
    fn unlisted(&mut self, range: Range<u64>) -> Result<(), Limit> {
        let length = range.end.saturating_sub(range.start);
        if length <= DESCRIPTOR
            || crate::unpack::only_zeros(&mut self.source.section(range.clone()))
        {
            return Ok(());
        }
        let start = range.start;
        self.out
            .report
            .find(self.archive, &rules::UNLISTED_DATA, None, || {
                format!("{length} bytes at {start} belong to no entry of the zip")
            });
        self.keep(range, format!("!unlisted-data-{start}").as_bytes())
    }

    /// Unpacks the entries that stand in a row from the start of a range, and says where
    /// the last one ends. They are `hidden` where a directory should list them.
    pub(super) fn local_entries(&mut self, range: Range<u64>, hidden: bool) -> Result<u64, Limit> {
        let mut at = range.start;
        'row: while at < range.end {
            for descriptor in DESCRIPTORS {
                let start = at + descriptor;
                let Ok(Some(local)) = self.local(start) else {
                    continue;
                };
                let data = start + local.length;
                if data > range.end {
                    break 'row;
                }
                at = self
                    .local_entry(&local.header, data..range.end, hidden)?
                    .max(data);
                continue 'row;
            }
            break;
        }
        Ok(at)
    }

    fn local_entry(
        &mut self,
        header: &super::records::Header,
        range: Range<u64>,
        hidden: bool,
    ) -> Result<u64, Limit> {
        let name = &header.name;
        if hidden {
            self.out
                .report
                .find(self.archive, &rules::HIDDEN_ENTRY, Some(name), || {
                    format!("{} is in the zip but not in its directory", shown(name))
                });
        }
        if header.is_directory() && header.compressed == 0 {
            return Ok(range.start);
        }
        let known = !header.has_descriptor();
        let end = if known {
            range.start.saturating_add(header.compressed).min(range.end)
        } else {
            range.end
        };
        if header.is_encrypted() {
            self.encrypted(header);
            return Ok(end);
        }
        self.unchecked(header, range.start..end)
    }
}
