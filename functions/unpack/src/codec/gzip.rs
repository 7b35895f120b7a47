//! Gzip (RFC 1952).

use std::io::{self, BufRead as _, Read as _};

use flate2::Crc;

use super::{Inflater, Member, damaged, truncated};
use crate::source::Section;

const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const HEADER_CHECKSUM: u8 = 2;

/// A gzip decoder.
#[derive(Debug, Default)]
pub struct Gzip {
    inflater: Inflater,
    checksum: Crc,
}

impl Member for Gzip {
    fn begin(&mut self, input: &mut Section<'_>) -> io::Result<()> {
        let mut fixed = [0; 10];
        input.read_exact(&mut fixed)?;
        let [0x1F, 0x8B, 8, flags, ..] = fixed else {
            return Err(damaged("gzip: bad header"));
        };
        if flags & EXTRA != 0 {
            let mut length = [0; 2];
            input.read_exact(&mut length)?;
            let mut extra = vec![0; usize::from(u16::from_le_bytes(length))];
            input.read_exact(&mut extra)?;
        }
        for text in [NAME, COMMENT] {
            if flags & text != 0 {
                skip_text(input)?;
            }
        }
        if flags & HEADER_CHECKSUM != 0 {
            input.read_exact(&mut [0; 2])?;
        }
        self.checksum.reset();
        self.inflater.begin(input)
    }

    fn read(&mut self, input: &mut Section<'_>, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inflater.read(input, out)?;
        self.checksum.update(&out[..read]);
        if read == 0 {
            let mut trailer = [0; 8];
            input.read_exact(&mut trailer)?;
            let ours = [
                self.checksum.sum().to_le_bytes(),
                self.checksum.amount().to_le_bytes(),
            ];
            if trailer[..] != ours.concat()[..] {
                return Err(damaged("gzip: wrong checksum"));
            }
        }
        Ok(read)
    }

    fn starts(&self, head: &[u8]) -> bool {
        head.starts_with(&[0x1F, 0x8B])
    }

    /// A member costs about as much as its bytes, so their number needs no bound.
    fn members(&self) -> u32 {
        u32::MAX
    }
}

fn skip_text(input: &mut Section<'_>) -> io::Result<()> {
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Err(truncated());
        }
        let end = memchr::memchr(0, bytes);
        let length = end.map_or(bytes.len(), |at| at + 1);
        input.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}
