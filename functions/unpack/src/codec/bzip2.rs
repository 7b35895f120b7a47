//! bzip2.

use std::io::{self, BufRead as _};

use bzip2::{Decompress, Status};

use super::{Member, damaged, truncated};
use crate::source::Section;

/// A bzip2 decoder.
#[derive(Default)]
pub struct Bzip2 {
    state: Option<Decompress>,
}

impl Member for Bzip2 {
    fn begin(&mut self, _input: &mut Section<'_>) -> io::Result<()> {
        self.state = Some(Decompress::new(false));
        Ok(())
    }

    fn read(&mut self, input: &mut Section<'_>, out: &mut [u8]) -> io::Result<usize> {
        while let Some(state) = &mut self.state {
            let bytes = input.fill_buf()?;
            let at_end = bytes.is_empty();
            let (before_in, before_out) = (state.total_in(), state.total_out());
            let status = state.decompress(bytes, out);
            let status = status.map_err(|error| damaged(format!("bzip2: {error}")))?;
            let taken = usize::try_from(state.total_in() - before_in).map_err(io::Error::other)?;
            let made = usize::try_from(state.total_out() - before_out).map_err(io::Error::other)?;
            if matches!(status, Status::StreamEnd) {
                self.state = None;
            } else if made == 0 && taken == 0 {
                return Err(if at_end {
                    truncated()
                } else {
                    damaged("bzip2: no progress")
                });
            }
            input.consume(taken);
            if made > 0 {
                return Ok(made);
            }
        }
        Ok(0)
    }

    fn starts(&self, head: &[u8]) -> bool {
        head.starts_with(b"BZh")
    }
}
