//! The bytes of a zip that its directory does not account for.

use std::ops::Range;

use packguard_sdk::unpacker::Limit;

use super::records::LOCAL_LENGTH;
use super::walk::{Span, Walk};
use crate::names::shown;
use crate::rules;

/// Lengths of the descriptor that may follow an entry's data: without and with its
/// signature, in 32 and in 64 bits.
const DESCRIPTORS: [u64; 5] = [0, 12, 16, 20, 24];

impl Walk<'_, '_, '_> {
    /// Looks for entries between those of the directory, which ends them at `end`.
    pub(super) fn gaps(&mut self, end: u64) -> Result<(), Limit> {
        let spans = std::mem::take(&mut self.spans);
        let first = spans.first().map_or(end, |span| span.start).min(end);
        if first > 0 && self.local_entries(0..first, true)? == 0 {
            self.leading(first)?;
        }
        let mut cursor = first;
        let last = Span { start: end, end };
        for span in spans.iter().chain([&last]) {
            if span.start >= cursor + LOCAL_LENGTH as u64 {
                self.local_entries(cursor..span.start, true)?;
            }
            cursor = cursor.max(span.end);
        }
        Ok(())
    }

    /// Unpacks the entries that stand in a row from the start of a range, and says how
    /// many. They are `hidden` where a directory should list them.
    pub(super) fn local_entries(&mut self, range: Range<u64>, hidden: bool) -> Result<u64, Limit> {
        let mut count = 0;
        let mut at = range.start;
        'row: while at < range.end {
            for descriptor in DESCRIPTORS {
                let start = at + descriptor;
                let Ok(Some(local)) = self.local(start) else { continue };
                let data = start + local.length;
                if data > range.end {
                    break 'row;
                }
                count += 1;
                at = self.local_entry(&local.header, data..range.end, hidden)?.max(data);
                continue 'row;
            }
            break;
        }
        Ok(count)
    }

    fn local_entry(&mut self, header: &super::records::Header, range: Range<u64>, hidden: bool) -> Result<u64, Limit> {
        let name = &header.name;
        if hidden {
            self.out.report.find(self.archive, &rules::HIDDEN_ENTRY, Some(name), || {
                format!("{} is in the zip but not in its directory", shown(name))
            });
        }
        if header.is_encrypted() {
            self.encrypted(header);
            return Ok(range.end);
        }
        if header.is_directory() && header.compressed == 0 {
            return Ok(range.start);
        }
        let known = !header.has_descriptor();
        let end = if known { range.start.saturating_add(header.compressed).min(range.end) } else { range.end };
        self.unchecked(header, range.start..end)
    }
}
