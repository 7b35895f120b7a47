//! Random access to an archive on disk through one buffer.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;

use crate::limits::CHUNK;

/// Bytes fetched after a jump: most headers are short, and a directory that names
/// entries in no order must not cost a full chunk for each.
const FIRST_FETCH: usize = 16 << 10;

/// A file with a window of it in memory.
#[derive(Debug)]
pub struct Source {
    file: File,
    size: u64,
    /// Where the file's own cursor stands.
    cursor: u64,
    buffer: Vec<u8>,
    window: Range<u64>,
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            file,
            size,
            cursor: 0,
            buffer: Vec::new(),
            window: 0..0,
        })
    }

    /// Bytes in the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What the buffer has at `offset`; empty only at the end of the file.
    fn at(&mut self, offset: u64) -> io::Result<&[u8]> {
        if !self.window.contains(&offset) {
            let wanted = if offset == self.window.end {
                CHUNK
            } else {
                FIRST_FETCH
            };
            if offset != self.cursor {
                self.file.seek(SeekFrom::Start(offset))?;
            }
            self.window = offset..offset;
            // Grown when it is needed: most files are small, and there may be many.
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
            let read = read_full(&mut self.file, &mut self.buffer[..wanted])?;
            self.cursor = offset + read as u64;
            self.window = offset..self.cursor;
        }
        let start = usize::try_from(offset - self.window.start).map_err(io::Error::other)?;
        let end = usize::try_from(self.window.end - self.window.start).map_err(io::Error::other)?;
        Ok(&self.buffer[start..end])
    }

    /// Reads as much of `out` as there is at `offset`.
    ///
    /// # Errors
    /// What the file system says.
    pub fn read_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        read_full(&mut self.section(offset..self.size), out)
    }

    /// A part of the file as a stream.
    pub fn section(&mut self, range: Range<u64>) -> Section<'_> {
        let end = range.end.min(self.size);
        Section {
            position: range.start.min(end),
            end,
            source: self,
        }
    }
}

/// A part of a [`Source`].
#[derive(Debug)]
pub struct Section<'a> {
    source: &'a mut Source,
    position: u64,
    end: u64,
}

impl Section<'_> {
    /// Offset in the file of what is read next.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Offset in the file where the section ends.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The next bytes, not consumed: fewer than asked for only at the end.
    ///
    /// # Errors
    /// What the file system says.
    pub fn peek<'b>(&mut self, out: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let position = self.position;
        let read = read_full(self, out)?;
        self.position = position;
        Ok(&out[..read])
    }
}

impl BufRead for Section<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.end {
            return Ok(&[]);
        }
        let left = self.end - self.position;
        let bytes = self.source.at(self.position)?;
        Ok(&bytes[..usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))])
    }

    fn consume(&mut self, amount: usize) {
        self.position = (self.position + amount as u64).min(self.end);
    }
}

impl Read for Section<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let length = bytes.len().min(out.len());
        out[..length].copy_from_slice(&bytes[..length]);
        self.consume(length);
        Ok(length)
    }
}

/// Reads until `out` is full or the input ends; says how much was read.
///
/// # Errors
/// What the input says; what came before is lost.
pub fn read_full(input: &mut (impl Read + ?Sized), out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < out.len() {
        match input.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
