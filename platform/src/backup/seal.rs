//! What a backup is: frames, compressed by gzip, encrypted by age (age-encryption.org/v1) for one recipient.
//!
//! A frame is a letter, its length (32 bits, big endian) and so many bytes: `H` the [`Head`], then for each
//! table `T` (the table, JSON) and any number of `D` (rows as COPY writes them), and `E` the [`End`]. What has no
//! end is no backup. Everything here blocks: it runs on a thread of its own.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};

use age::x25519;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::db::copy::Table;

/// Longest frame: Postgres sends a row at a time, and no row of ours has a tenth of that.
const FRAME: usize = 64 << 20;

/// Bytes that are handed on at once.
const CHUNK: usize = 1 << 20;

/// What a backup begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Of this description: 1.
    pub format: u32,
    /// The version of Packguard that made it.
    pub version: String,
    /// The migrations that its tables had.
    pub migrations: Vec<i64>,
}

/// What a backup ends with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Rows by table.
    pub rows: BTreeMap<String, i64>,
}

/// A piece of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// First.
    Head(Head),
    /// The rows that follow are this table's.
    Table(Table),
    /// Rows, or a part of them.
    Rows(Bytes),
    /// Last.
    End(End),
}

/// Compresses and encrypts what comes, up to the end.
///
/// # Errors
/// When the frames end early, or nobody takes the bytes any more.
pub fn seal(
    recipient: &x25519::Recipient,
    mut frames: mpsc::Receiver<Frame>,
    bytes: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let recipients = std::iter::once::<&dyn age::Recipient>(recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
    let out = Chunks {
        bytes,
        waiting: Vec::with_capacity(CHUNK),
    };
    let mut gzip = GzEncoder::new(encryptor.wrap_output(out)?, Compression::default());
    while let Some(frame) = frames.blocking_recv() {
        let is_end = matches!(frame, Frame::End(_));
        write(&mut gzip, &frame)?;
        if is_end {
            return gzip.finish()?.finish()?.flush();
        }
    }
    Err(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the tables ended early",
    ))
}

fn write(out: &mut impl Write, frame: &Frame) -> io::Result<()> {
    let (kind, content) = match frame {
        Frame::Head(head) => (b'H', Bytes::from(serde_json::to_vec(head)?)),
        Frame::Table(table) => (b'T', Bytes::from(serde_json::to_vec(table)?)),
        Frame::Rows(rows) => (b'D', rows.clone()),
        Frame::End(end) => (b'E', Bytes::from(serde_json::to_vec(end)?)),
    };
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    out.write_all(&[kind])?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(&content)
}

/// Hands bytes on in large pieces.
struct Chunks<'s> {
    bytes: &'s mpsc::Sender<io::Result<Bytes>>,
    waiting: Vec<u8>,
}

impl Write for Chunks<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(buffer);
        if self.waiting.len() >= CHUNK {
            self.flush()?;
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.waiting, Vec::with_capacity(CHUNK));
        self.bytes
            .blocking_send(Ok(piece.into()))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Decrypts and unpacks what comes, and hands its frames on.
///
/// # Errors
/// When it is for somebody else, was changed, ends early, or nobody takes the frames any more.
pub fn open(
    identity: &x25519::Identity,
    bytes: mpsc::Receiver<io::Result<Bytes>>,
    frames: &mpsc::Sender<Frame>,
) -> io::Result<()> {
    let bytes = Pieces {
        bytes,
        rest: Bytes::new(),
    };
    let decryptor = age::Decryptor::new(bytes).map_err(io::Error::other)?;
    let identities = std::iter::once::<&dyn age::Identity>(identity);
    let opened = decryptor.decrypt(identities).map_err(io::Error::other)?;
    let mut unpacked = GzDecoder::new(BufReader::with_capacity(CHUNK, opened));
    loop {
        let frame = read(&mut unpacked)?;
        let is_end = matches!(frame, Frame::End(_));
        frames
            .blocking_send(frame)
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        if is_end {
            return Ok(());
        }
    }
}

fn read(source: &mut impl Read) -> io::Result<Frame> {
    let mut head = [0; 5];
    source.read_exact(&mut head)?;
    let [kind, length @ ..] = head;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    if length > FRAME {
        return Err(wrong(format!("a piece of {length} bytes")));
    }
    let mut content = Vec::new();
    source.take(length as u64).read_to_end(&mut content)?;
    if content.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(match kind {
        b'H' => Frame::Head(serde_json::from_slice(&content)?),
        b'T' => Frame::Table(serde_json::from_slice(&content)?),
        b'D' => Frame::Rows(content.into()),
        b'E' => Frame::End(serde_json::from_slice(&content)?),
        other => return Err(wrong(format!("a piece of the unknown kind {other}"))),
    })
}

/// Reads what comes in pieces.
struct Pieces {
    bytes: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.bytes.blocking_recv() {
                Some(piece) => self.rest = piece?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.rest.len());
        buffer[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}
