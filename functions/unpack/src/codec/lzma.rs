//! xz, `.lzma`, and LZMA as zip stores it.

use std::io::{self, BufRead as _, Read as _};

use lzma_rust2::{Action, LzmaStream, Status, StreamResult, XzStream};

use super::{Member, damaged};
use crate::limits::WINDOW;
use crate::source::Section;

/// What a decoder needs beside its dictionary, KiB: tables and buffers.
const OVERHEAD_KB: u32 = 1 << 10;

/// Which container the data is in.
#[derive(Debug, Clone, Copy)]
enum Container {
    Xz,
    Alone,
    /// Declared length, where the end is not marked in the data.
    Zip(Option<u64>),
}

enum Stream {
    Xz(Box<XzStream>),
    Lzma(Box<LzmaStream>),
}

/// A decoder of the LZMA family.
pub struct Lzma {
    container: Container,
    stream: Option<Stream>,
}

impl Lzma {
    /// For `.xz`.
    pub fn xz() -> Self {
        Self {
            container: Container::Xz,
            stream: None,
        }
    }

    /// For `.lzma`.
    pub fn alone() -> Self {
        Self {
            container: Container::Alone,
            stream: None,
        }
    }

    /// For zip's method 14 (APPNOTE 5.8.8). `length` is the entry's declared length, where
    /// its flags do not say that the data marks its own end.
    pub fn zip(length: Option<u64>) -> Self {
        Self {
            container: Container::Zip(length),
            stream: None,
        }
    }
}

const LIMIT_KB: u32 = (WINDOW >> 10) + OVERHEAD_KB;

fn zip_stream(input: &mut Section<'_>, length: Option<u64>) -> io::Result<LzmaStream> {
    let mut header = [0; 9];
    input.read_exact(&mut header)?;
    let [_, _, 5, 0, properties, dictionary @ ..] = header else {
        return Err(damaged("lzma: bad header"));
    };
    let dictionary = u32::from_le_bytes(dictionary);
    if dictionary > WINDOW {
        return Err(too_large());
    }
    LzmaStream::new_with_props(length.unwrap_or(u64::MAX), properties, dictionary, None)
}

fn too_large() -> io::Error {
    damaged(format!(
        "its dictionary is larger than the limit of {} MiB",
        WINDOW >> 20
    ))
}

fn step(stream: &mut Stream, bytes: &[u8], out: &mut [u8]) -> io::Result<StreamResult> {
    let action = if bytes.is_empty() {
        Action::Finish
    } else {
        Action::Run
    };
    let result = match stream {
        Stream::Xz(stream) => stream.process(bytes, out, action),
        Stream::Lzma(stream) => stream.process(bytes, out, action),
    };
    result.map_err(|error| match error.kind() {
        io::ErrorKind::OutOfMemory => too_large(),
        _ => damaged(format!("lzma: {error}")),
    })
}

impl Member for Lzma {
    fn begin(&mut self, input: &mut Section<'_>) -> io::Result<()> {
        self.stream = Some(match self.container {
            Container::Xz => Stream::Xz(Box::new(XzStream::new_mem_limit(false, LIMIT_KB))),
            Container::Alone => Stream::Lzma(Box::new(LzmaStream::new_mem_limit(LIMIT_KB, None))),
            Container::Zip(length) => Stream::Lzma(Box::new(zip_stream(input, length)?)),
        });
        Ok(())
    }

    fn read(&mut self, input: &mut Section<'_>, out: &mut [u8]) -> io::Result<usize> {
        while let Some(stream) = &mut self.stream {
            let bytes = input.fill_buf()?;
            let result = step(stream, bytes, out)?;
            let (taken, made) = (result.bytes_consumed, result.bytes_produced);
            input.consume(taken);
            if result.status == Status::StreamEnd {
                self.stream = None;
            } else if taken == 0 && made == 0 {
                return Err(damaged("lzma: no progress"));
            }
            if made > 0 {
                return Ok(made);
            }
        }
        Ok(0)
    }

    fn starts(&self, head: &[u8]) -> bool {
        matches!(self.container, Container::Xz) && head.starts_with(b"\xFD7zXZ\0")
    }
}
