//! Zstandard (RFC 8878).

use std::io::{self, Read as _};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Member, damaged};
use crate::limits::WINDOW;
use crate::source::Section;

/// A Zstandard decoder.
pub struct Zstd {
    frame: FrameDecoder,
    skippable: bool,
}

impl Default for Zstd {
    fn default() -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(u64::from(WINDOW));
        Self {
            frame,
            skippable: false,
        }
    }
}

/// Frames for other programs: magic 0x184D2A50 to 0x184D2A5F, length, content.
fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..])
}

impl Member for Zstd {
    fn begin(&mut self, input: &mut Section<'_>) -> io::Result<()> {
        let mut head = [0; 4];
        self.skippable = is_skippable(input.peek(&mut head)?);
        if self.skippable {
            let mut header = [0; 8];
            input.read_exact(&mut header)?;
            let [_, _, _, _, length @ ..] = header;
            let length = u64::from(u32::from_le_bytes(length));
            if io::copy(&mut input.take(length), &mut io::sink())? < length {
                return Err(super::truncated());
            }
            return Ok(());
        }
        self.frame
            .reset(input)
            .map_err(|error| damaged(format!("zstd: {error}")))
    }

    fn read(&mut self, input: &mut Section<'_>, out: &mut [u8]) -> io::Result<usize> {
        if self.skippable {
            return Ok(0);
        }
        while self.frame.can_collect() == 0 && !self.frame.is_finished() {
            self.frame
                .decode_blocks(&mut *input, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(|error| damaged(format!("zstd: {error}")))?;
        }
        let read = self.frame.read(out)?;
        if read == 0 {
            let (stored, ours) = (
                self.frame.get_checksum_from_data(),
                self.frame.get_calculated_checksum(),
            );
            if stored.is_some() && stored != ours {
                return Err(damaged("zstd: wrong checksum"));
            }
        }
        Ok(read)
    }

    fn starts(&self, head: &[u8]) -> bool {
        head.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) || is_skippable(head)
    }
}
