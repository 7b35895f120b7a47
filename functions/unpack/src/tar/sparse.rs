//! Sparse files: GNU's own type `S` and the three pax formats.

use std::io::{self, Read};

use tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

use super::pax::Extensions;
use super::{BLOCK, Stop};
use crate::codec::damaged;
use crate::limits::{SPARSE_HOLES, SPARSE_PIECES};

/// The pieces of a sparse file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Map {
    /// Offset and length of each piece, ascending.
    pieces: Vec<(u64, u64)>,
    /// Size with holes.
    size: u64,
}

impl Map {
    fn new(numbers: impl Iterator<Item = (u64, u64)>, size: u64) -> Result<Self, Stop> {
        let mut map = Self {
            pieces: Vec::new(),
            size,
        };
        let mut end = 0;
        for (offset, length) in numbers {
            if map.pieces.len() == SPARSE_PIECES {
                return Err(Stop::damaged(format!(
                    "a sparse file of more than {SPARSE_PIECES} pieces"
                )));
            }
            if offset < end || offset.checked_add(length).is_none_or(|end| end > size) {
                return Err(Stop::damaged("the map of a sparse file makes no sense"));
            }
            end = offset + length;
            map.pieces.push((offset, length));
        }
        Ok(map)
    }

    /// Bytes that are not stored.
    pub fn holes(&self) -> u64 {
        self.size - self.pieces.iter().map(|(_, length)| length).sum::<u64>()
    }

    /// Reads the map of a GNU sparse header and the extension blocks that follow it.
    pub fn of_gnu(header: &Header, input: &mut dyn Read) -> Result<Self, Stop> {
        let gnu = header
            .as_gnu()
            .ok_or_else(|| Stop::damaged("a sparse entry without a GNU header"))?;
        let mut pieces = Vec::new();
        gather(&gnu.sparse, &mut pieces)?;
        let mut extended = gnu.is_extended();
        while extended && pieces.len() <= SPARSE_PIECES {
            let mut extension = GnuExtSparseHeader::new();
            input.read_exact(extension.as_mut_bytes())?;
            gather(extension.sparse(), &mut pieces)?;
            extended = extension.is_extended();
        }
        Self::new(pieces.into_iter(), gnu.real_size()?)
    }

    /// Takes the map from pax records, or from the front of the data (format 1.0).
    pub fn of_pax(extensions: &Extensions, data: &mut dyn Read) -> Result<Option<Self>, Stop> {
        let sparse = &extensions.sparse;
        if !sparse.map_in_data && sparse.map.is_empty() {
            return Ok(None);
        }
        let front;
        let numbers = if sparse.map_in_data {
            front = numbers_in_data(data)?;
            &front
        } else {
            &sparse.map
        };
        let (pairs, _) = numbers.as_chunks::<2>();
        let end = pairs
            .last()
            .map_or(0, |[offset, length]| offset.saturating_add(*length));
        let size = sparse.size.unwrap_or(end);
        Self::new(
            pairs.iter().map(|[offset, length]| (*offset, *length)),
            size,
        )
        .map(Some)
    }
}

fn gather(headers: &[GnuSparseHeader], pieces: &mut Vec<(u64, u64)>) -> Result<(), Stop> {
    for header in headers.iter().filter(|header| !header.is_empty()) {
        pieces.push((header.offset()?, header.length()?));
    }
    Ok(())
}

/// Format 1.0: decimal numbers, one a line, the first their count of pairs, padded to a
/// block.
fn numbers_in_data(data: &mut dyn Read) -> Result<Vec<u64>, Stop> {
    let mut numbers: Vec<u64> = Vec::new();
    let mut wanted = 1;
    let mut number: u64 = 0;
    loop {
        let mut block = [0; BLOCK];
        data.read_exact(&mut block)?;
        for byte in block {
            match byte {
                b'0'..=b'9' => {
                    let longer = number
                        .checked_mul(10)
                        .and_then(|ten| ten.checked_add(u64::from(byte - b'0')));
                    number = longer.ok_or_else(|| {
                        Stop::damaged("a number too large in a sparse file's map")
                    })?;
                }
                b'\n' => {
                    if numbers.is_empty() {
                        let pairs = usize::try_from(number)
                            .unwrap_or(usize::MAX)
                            .min(SPARSE_PIECES + 1);
                        wanted = 1 + 2 * pairs;
                    }
                    numbers.push(std::mem::take(&mut number));
                    if numbers.len() == wanted {
                        numbers.remove(0);
                        return Ok(numbers);
                    }
                }
                _ => return Err(Stop::damaged("the map of a sparse file makes no sense")),
            }
        }
    }
}

/// A sparse file with its holes filled; holes beyond the limit are left out.
pub struct Expanded<'a> {
    data: &'a mut dyn Read,
    pieces: std::vec::IntoIter<(u64, u64)>,
    size: u64,
    position: u64,
    zeros: u64,
    stored: u64,
    fill: bool,
}

impl<'a> Expanded<'a> {
    /// Reads pieces from `data` and puts zeros between them.
    pub fn new(map: Map, data: &'a mut dyn Read) -> Self {
        let fill = map.holes() <= SPARSE_HOLES;
        let Map { pieces, size } = map;
        Self {
            data,
            pieces: pieces.into_iter(),
            size,
            position: 0,
            zeros: 0,
            stored: 0,
            fill,
        }
    }

    /// Steps to the next piece, or to the end.
    fn advance(&mut self) -> bool {
        let piece = self.pieces.next();
        let (offset, length) = piece.unwrap_or((self.size, 0));
        self.zeros = if self.fill { offset - self.position } else { 0 };
        self.stored = length;
        self.position = offset + length;
        piece.is_some() || self.zeros > 0
    }
}

impl Read for Expanded<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.zeros == 0 && self.stored == 0 {
            if !self.advance() {
                return Ok(0);
            }
        }
        let wanted = if self.zeros > 0 {
            self.zeros
        } else {
            self.stored
        };
        let length = usize::try_from(wanted).map_or(out.len(), |wanted| wanted.min(out.len()));
        if self.zeros > 0 {
            out[..length].fill(0);
            self.zeros -= length as u64;
            return Ok(length);
        }
        let read = self.data.read(&mut out[..length])?;
        if read == 0 && length > 0 {
            return Err(damaged("a sparse file ends too early"));
        }
        self.stored -= read as u64;
        Ok(read)
    }
}
