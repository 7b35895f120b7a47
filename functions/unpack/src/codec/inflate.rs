//! Deflate, with one state for any number of streams: setting one up costs more than
//! many streams hold.

use std::io::{self, BufRead as _};

use flate2::{Decompress, FlushDecompress, Status};

use super::{Member, damaged, truncated};
use crate::source::Section;

/// A deflate decoder.
#[derive(Debug)]
pub struct Inflater {
    state: Decompress,
    used: bool,
    ended: bool,
}

impl Default for Inflater {
    fn default() -> Self {
        Self {
            state: Decompress::new(false),
            used: false,
            ended: false,
        }
    }
}

impl Member for Inflater {
    fn begin(&mut self, _input: &mut Section<'_>) -> io::Result<()> {
        if self.used {
            self.state.reset(false);
        }
        self.used = true;
        self.ended = false;
        Ok(())
    }

    fn read(&mut self, input: &mut Section<'_>, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            let bytes = input.fill_buf()?;
            let at_end = bytes.is_empty();
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(bytes, out, FlushDecompress::None);
            let status = status.map_err(|error| damaged(format!("deflate: {error}")))?;
            let taken =
                usize::try_from(self.state.total_in() - before_in).map_err(io::Error::other)?;
            let made =
                usize::try_from(self.state.total_out() - before_out).map_err(io::Error::other)?;
            input.consume(taken);
            self.ended = status == Status::StreamEnd;
            if made > 0 {
                return Ok(made);
            }
            if !self.ended && taken == 0 {
                return Err(if at_end {
                    truncated()
                } else {
                    damaged("deflate: no progress")
                });
            }
        }
        Ok(0)
    }

    fn starts(&self, _head: &[u8]) -> bool {
        false
    }
}
