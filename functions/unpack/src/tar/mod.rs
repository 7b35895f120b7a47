//! Walks a tar, entry by entry.
//!
//! The `tar` crate parses fields; the walk is done here, because it must be bounded
//! (a pax header may claim terabytes), has to see what the crate reconciles (a pax
//! size that contradicts the header), and must know where the archive ends.

mod entry;
mod pax;
mod sparse;

use std::io::{self, Read};

use packguard_sdk::unpacker::Limit;
use tar::{EntryType, Header};

use crate::limits::{EXTENSIONS, NAME, PADDING, PAX};
use crate::out::Out;
use crate::report::Archive;
use crate::rules;
use crate::source::read_full;

use pax::Extensions;

/// Bytes of a header, and what data is padded to.
pub const BLOCK: usize = 512;

/// Why an archive is not read further.
#[derive(Debug)]
pub enum Stop {
    /// The sink takes no more: everything ends.
    Limit(Limit),
    /// This archive makes no sense from here on.
    Damaged(String),
}

impl Stop {
    /// A damaged archive.
    pub fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }
}

impl From<Limit> for Stop {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::damaged("it ends too early"),
            _ => Self::Damaged(error.to_string()),
        }
    }
}

/// Whether a block is a header: its checksum says so, in the signed form of old tools too.
pub fn is_header(bytes: &[u8]) -> bool {
    let Some(block) = bytes.first_chunk::<BLOCK>() else {
        return false;
    };
    let Ok(stored) = Header::from_byte_slice(block).cksum() else {
        return false;
    };
    let (mut unsigned, mut signed) = (0_u32, 0_i32);
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) {
            b' '
        } else {
            *byte
        };
        unsigned += u32::from(byte);
        signed += i32::from(byte.cast_signed());
    }
    stored == unsigned || u32::try_from(signed) == Ok(stored)
}

/// A tar as it is read.
struct Walk<'o, 's, 'a> {
    out: &'o mut Out<'s>,
    archive: &'a Archive,
    input: Counted<'a>,
    /// A block that was read to look at it.
    ahead: Option<[u8; BLOCK]>,
    /// Of all entries that follow (type `g`).
    global: Extensions,
    /// Of the next entry.
    next: Extensions,
    extension_bytes: u64,
}

/// Counts what is read, for messages.
struct Counted<'a> {
    inner: &'a mut dyn Read,
    read: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.read += read as u64;
        Ok(read)
    }
}

/// Hands every entry of a tar to the sink, and what follows the end of the tar. Says
/// after how many bytes that end was.
///
/// # Errors
/// A limit of the sink, or where and why the tar makes no sense.
pub fn walk(out: &mut Out<'_>, archive: &Archive, input: &mut dyn Read) -> Result<u64, Stop> {
    let mut walk = Walk {
        out,
        archive,
        input: Counted {
            inner: input,
            read: 0,
        },
        ahead: None,
        global: Extensions::default(),
        next: Extensions::default(),
        extension_bytes: 0,
    };
    match walk.run() {
        Err(Stop::Damaged(reason)) => Err(Stop::Damaged(format!(
            "the tar is damaged near byte {}: {reason}",
            walk.input.read
        ))),
        done => done,
    }
}

impl Walk<'_, '_, '_> {
    fn run(&mut self) -> Result<u64, Stop> {
        while let Some(block) = self.block()? {
            if block == [0; BLOCK] {
                let end = self.input.read;
                return self.after_end().map(|()| end);
            }
            if !is_header(&block) {
                return Err(Stop::damaged("a header's checksum is wrong"));
            }
            let header = Header::from_byte_slice(&block);
            match header.entry_type() {
                EntryType::GNULongName => self.next.long_name = Some(self.long(header)?),
                EntryType::GNULongLink => self.next.long_link = Some(self.long(header)?),
                EntryType::XHeader => {
                    let records = self.extension(header, PAX)?;
                    self.next.read(&records)?;
                }
                EntryType::XGlobalHeader => self.global_header(header)?,
                _ => self.entry(header)?,
            }
        }
        // Many tools leave the end mark out.
        Ok(self.input.read)
    }

    /// The next block; `None` at the end of the input.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Stop> {
        if let Some(block) = self.ahead.take() {
            return Ok(Some(block));
        }
        let mut block = [0; BLOCK];
        match read_full(&mut self.input, &mut block)? {
            0 => Ok(None),
            BLOCK => Ok(Some(block)),
            _ => Err(Stop::damaged("it ends inside a header")),
        }
    }

    /// The data of an extension header.
    fn extension(&mut self, header: &Header, limit: u64) -> Result<Vec<u8>, Stop> {
        let size = header.entry_size()?;
        self.extension_bytes = self
            .extension_bytes
            .saturating_add(size)
            .saturating_add(BLOCK as u64);
        if size > limit || self.extension_bytes > EXTENSIONS {
            return Err(Stop::damaged(format!(
                "extension headers beyond the limits ({} KiB each, {} MiB in all)",
                limit >> 10,
                EXTENSIONS >> 20
            )));
        }
        let mut data = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        self.input.read_exact(&mut data)?;
        self.skip_padding(size)?;
        Ok(data)
    }

    fn long(&mut self, header: &Header) -> Result<Vec<u8>, Stop> {
        let mut name = self.extension(header, NAME)?;
        if let Some(end) = memchr::memchr(0, &name) {
            name.truncate(end);
        }
        Ok(name)
    }

    fn global_header(&mut self, header: &Header) -> Result<(), Stop> {
        let records = self.extension(header, PAX)?;
        self.global.read(&records)?;
        if self.global != Extensions::default() {
            self.out
                .report
                .find(self.archive, &rules::HEADER_MISMATCH, None, || {
                    "a global header renames or resizes all entries that follow".into()
                });
        }
        Ok(())
    }

    fn skip_padding(&mut self, size: u64) -> Result<(), Stop> {
        let block = BLOCK as u64;
        let padding = (block - size % block) % block;
        let mut rest = [0; BLOCK];
        // The last entry of some tars is not padded.
        read_full(
            &mut self.input,
            &mut rest[..usize::try_from(padding).map_err(io::Error::other)?],
        )?;
        Ok(())
    }

    /// Looks at what follows the first block of zeros: a second one and more zeros, as a
    /// rule.
    fn after_end(&mut self) -> Result<(), Stop> {
        let mut zeros = 0;
        let mut block = [0; BLOCK];
        loop {
            let read = read_full(&mut self.input, &mut block)?;
            if read == 0 {
                return Ok(());
            }
            if block[..read].iter().any(|byte| *byte != 0) {
                let mut trailing = block[..read].chain(&mut self.input);
                return crate::unpack::trailing(self.out, self.archive, b"", &mut trailing);
            }
            zeros += read as u64;
            if zeros > PADDING {
                let reason = format!(
                    "more than {} MiB of zeros after the end of the tar were not looked at",
                    PADDING >> 20
                );
                self.out.report.archive_problem(self.archive, reason);
                return Ok(());
            }
        }
    }
}
