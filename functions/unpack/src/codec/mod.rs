//! Decompression, one member at a time.
//!
//! Compressed files may be several streams in a row (gzip members, xz streams, bzip2
//! streams, Zstandard frames), padded with zeros, with something else behind them. All
//! codecs take exactly the bytes that are theirs, so that what follows is known.

mod bzip2;
mod gzip;
mod inflate;
mod lzma;
mod zstd;

use std::io::{self, BufRead, Read};

use crate::limits::MEMBERS;
use crate::source::Section;

pub use inflate::Inflater;
pub use lzma::Lzma;

/// One compressed stream after another, from one input.
pub trait Member {
    /// Reads the header of the next stream.
    ///
    /// # Errors
    /// What is wrong with it.
    fn begin(&mut self, input: &mut Section<'_>) -> io::Result<()>;

    /// Decompresses into `out`. 0 = the stream has ended and its trailer is read.
    ///
    /// # Errors
    /// What is wrong with the data.
    fn read(&mut self, input: &mut Section<'_>, out: &mut [u8]) -> io::Result<usize>;

    /// Whether another stream starts with these bytes (up to 6).
    fn starts(&self, head: &[u8]) -> bool;

    /// How many streams one file may have.
    fn members(&self) -> u32 {
        MEMBERS
    }
}

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// The xz container.
    Xz,
    /// `.lzma`, the container before xz.
    Lzma,
    /// RFC 8878.
    Zstd,
}

impl Codec {
    /// A decoder for it.
    pub fn member(self) -> Box<dyn Member> {
        match self {
            Self::Gzip => Box::new(gzip::Gzip::default()),
            Self::Bzip2 => Box::new(bzip2::Bzip2::default()),
            Self::Xz => Box::new(Lzma::xz()),
            Self::Lzma => Box::new(Lzma::alone()),
            Self::Zstd => Box::new(zstd::Zstd::default()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Inside,
    Done,
}

/// All streams of a section as one.
pub struct Members<'m, 's, 'a> {
    member: &'m mut dyn Member,
    input: &'s mut Section<'a>,
    state: State,
    seen: u32,
}

impl<'m, 's, 'a> Members<'m, 's, 'a> {
    /// Decompresses `input` from where it stands.
    pub fn new(member: &'m mut dyn Member, input: &'s mut Section<'a>) -> Self {
        Self {
            member,
            input,
            state: State::Between,
            seen: 0,
        }
    }

    /// Whether all streams were read to their end.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn between(&mut self) -> io::Result<()> {
        if self.seen > 0 {
            skip_zeros(self.input)?;
            let mut head = [0; 6];
            let head = self.input.peek(&mut head)?;
            if head.is_empty() || !self.member.starts(head) {
                self.state = State::Done;
                return Ok(());
            }
        }
        if self.seen == self.member.members() {
            return Err(damaged(format!(
                "more than {} compressed streams in one file",
                self.seen
            )));
        }
        self.seen += 1;
        self.member.begin(self.input)?;
        self.state = State::Inside;
        Ok(())
    }
}

impl Read for Members<'_, '_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::Done => return Ok(0),
                State::Between => self.between()?,
                State::Inside => match self.member.read(self.input, out)? {
                    0 => self.state = State::Between,
                    read => return Ok(read),
                },
            }
        }
    }
}

impl<M: Member + ?Sized> Member for &mut M {
    fn begin(&mut self, input: &mut Section<'_>) -> io::Result<()> {
        (**self).begin(input)
    }

    fn read(&mut self, input: &mut Section<'_>, out: &mut [u8]) -> io::Result<usize> {
        (**self).read(input, out)
    }

    fn starts(&self, head: &[u8]) -> bool {
        (**self).starts(head)
    }

    fn members(&self) -> u32 {
        (**self).members()
    }
}

impl<M: Member + ?Sized> Member for Box<M> {
    fn begin(&mut self, input: &mut Section<'_>) -> io::Result<()> {
        (**self).begin(input)
    }

    fn read(&mut self, input: &mut Section<'_>, out: &mut [u8]) -> io::Result<usize> {
        (**self).read(input, out)
    }

    fn starts(&self, head: &[u8]) -> bool {
        (**self).starts(head)
    }

    fn members(&self) -> u32 {
        (**self).members()
    }
}

/// One stream alone, as zip entries hold it.
pub struct Single<'s, 'a, M> {
    member: M,
    input: &'s mut Section<'a>,
    done: bool,
}

impl<'s, 'a, M: Member> Single<'s, 'a, M> {
    /// Starts a stream where `input` stands.
    ///
    /// # Errors
    /// What is wrong with its header.
    pub fn new(mut member: M, input: &'s mut Section<'a>) -> io::Result<Self> {
        member.begin(input)?;
        Ok(Self {
            member,
            input,
            done: false,
        })
    }
}

impl<M: Member> Read for Single<'_, '_, M> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.done || out.is_empty() {
            return Ok(0);
        }
        let read = self.member.read(self.input, out)?;
        self.done = read == 0;
        Ok(read)
    }
}

/// Skips the zeros that tapes and some tools pad with.
fn skip_zeros(input: &mut Section<'_>) -> io::Result<()> {
    loop {
        let bytes = input.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let all = zeros == bytes.len();
        let end = bytes.is_empty();
        input.consume(zeros);
        if end || !all {
            return Ok(());
        }
    }
}

/// An error about the data.
pub fn damaged(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// The error of data that ends too early.
pub fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the data ends too early")
}
