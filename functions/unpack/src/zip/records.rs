//! The records of a zip (APPNOTE.TXT 4.3), each as it stands in the file.
//!
//! Zip libraries reconcile the copies of a header; here they are needed apart, to
//! see where they differ.

/// Signature of a local header.
pub const LOCAL: [u8; 4] = *b"PK\x03\x04";
/// Signature of a central directory entry.
pub const CENTRAL: [u8; 4] = *b"PK\x01\x02";
/// Signature of the end record.
pub const END: [u8; 4] = *b"PK\x05\x06";
/// Signature of the zip64 end record.
pub const END64: [u8; 4] = *b"PK\x06\x06";
/// Signature of the record that locates it.
pub const LOCATOR64: [u8; 4] = *b"PK\x06\x07";

/// Length of an end record without its comment.
pub const END_LENGTH: usize = 22;
/// Length of the locator of the zip64 end record.
pub const LOCATOR64_LENGTH: u64 = 20;
/// Length of a zip64 end record without its extensible part.
pub const END64_LENGTH: usize = 56;
/// Length of a central directory entry without its variable parts.
pub const CENTRAL_LENGTH: usize = 46;
/// Length of a local header without its variable parts.
pub const LOCAL_LENGTH: usize = 30;

const ENCRYPTED: u16 = 1;
const END_MARKED: u16 = 1 << 1;
const DESCRIPTOR: u16 = 1 << 3;
const STRONG_ENCRYPTION: u16 = 1 << 6;

/// Unix file types in the upper half of the external attributes.
const TYPE: u32 = 0o170_000;

/// The two bytes at `at`, little-endian; 0 beyond the end.
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |raw| u16::from_le_bytes(*raw))
}

/// The four bytes at `at`, little-endian; 0 beyond the end.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |raw| u32::from_le_bytes(*raw))
}

/// The eight bytes at `at`, little-endian; 0 beyond the end.
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |raw| u64::from_le_bytes(*raw))
}

/// What local header and central directory both say of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// General purpose flags.
    pub flags: u16,
    /// Compression method.
    pub method: u16,
    /// CRC-32 of the content.
    pub crc: u32,
    /// Bytes of data in the zip.
    pub compressed: u64,
    /// Bytes of content.
    pub size: u64,
    /// Name as stored.
    pub name: Vec<u8>,
    /// Another name, from a Unicode path field that fits `name`.
    pub unicode_name: Option<Vec<u8>>,
}

impl Header {
    /// Whether the data is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.flags & (ENCRYPTED | STRONG_ENCRYPTION) != 0
    }

    /// Whether sizes and checksum follow the data instead of standing in the local header.
    pub fn has_descriptor(&self) -> bool {
        self.flags & DESCRIPTOR != 0
    }

    /// Whether LZMA data marks its own end.
    pub fn marks_end(&self) -> bool {
        self.flags & END_MARKED != 0
    }

    /// Whether the name is one of a folder.
    pub fn is_directory(&self) -> bool {
        self.name.last() == Some(&b'/')
    }
}

/// An entry of the central directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Central {
    /// What the local header repeats.
    pub header: Header,
    /// Unix mode, type included; 0 where the maker had none.
    pub mode: u32,
    /// Where the local header should be, from the start of the zip.
    pub offset: u64,
}

/// What a unix mode says an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A file, or not said.
    Plain,
    /// A symbolic link whose target is the content.
    Symlink,
    /// A device, pipe or socket.
    Special,
}

impl Central {
    /// Parses the fixed part and the variable parts that follow it.
    pub fn parse(fixed: &[u8; CENTRAL_LENGTH], variable: &[u8]) -> Self {
        let (name, rest) = variable
            .split_at_checked(u16_at(fixed, 28).into())
            .unwrap_or((variable, &[]));
        let extra = rest.get(..u16_at(fixed, 30).into()).unwrap_or(rest);
        let mut wide = [u32_at(fixed, 24), u32_at(fixed, 20), u32_at(fixed, 42)].map(u64::from);
        widen(&mut wide, extra);
        let [size, compressed, offset] = wide;
        let header = Header {
            flags: u16_at(fixed, 8),
            method: u16_at(fixed, 10),
            crc: u32_at(fixed, 16),
            compressed,
            size,
            name: name.to_vec(),
            unicode_name: unicode_name(name, extra),
        };
        Self {
            header,
            mode: u32_at(fixed, 38) >> 16,
            offset,
        }
    }

    /// Bytes of the parts that follow the fixed one: name, extra fields, comment.
    pub fn variable_length(fixed: &[u8; CENTRAL_LENGTH]) -> usize {
        [28, 30, 32]
            .iter()
            .map(|at| usize::from(u16_at(fixed, *at)))
            .sum()
    }

    /// What the entry is by its unix mode.
    pub fn unix_type(&self) -> Type {
        match self.mode & TYPE {
            0o120_000 => Type::Symlink,
            0o010_000 | 0o020_000 | 0o060_000 | 0o140_000 => Type::Special,
            _ => Type::Plain,
        }
    }
}

/// A local header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// What the central directory repeats.
    pub header: Header,
    /// Bytes of the header with its variable parts: the data follows.
    pub length: u64,
}

impl Local {
    /// Parses the fixed part and the variable parts that follow it.
    pub fn parse(fixed: &[u8; LOCAL_LENGTH], variable: &[u8]) -> Self {
        let (name, rest) = variable
            .split_at_checked(u16_at(fixed, 26).into())
            .unwrap_or((variable, &[]));
        let extra = rest.get(..u16_at(fixed, 28).into()).unwrap_or(rest);
        let mut wide = [u32_at(fixed, 22), u32_at(fixed, 18)].map(u64::from);
        widen(&mut wide, extra);
        let [size, compressed] = wide;
        let header = Header {
            flags: u16_at(fixed, 6),
            method: u16_at(fixed, 8),
            crc: u32_at(fixed, 14),
            compressed,
            size,
            name: name.to_vec(),
            unicode_name: unicode_name(name, extra),
        };
        Self {
            header,
            length: (LOCAL_LENGTH + Self::variable_length(fixed)) as u64,
        }
    }

    /// Bytes of the parts that follow the fixed one: name and extra fields.
    pub fn variable_length(fixed: &[u8; LOCAL_LENGTH]) -> usize {
        usize::from(u16_at(fixed, 26)) + usize::from(u16_at(fixed, 28))
    }
}

/// Extra fields: id and content.
fn extra_fields(mut extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = extra.split_at_checked(4)?;
        let (field, rest) = rest.split_at_checked(u16_at(head, 2).into())?;
        extra = rest;
        Some((u16_at(head, 0), field))
    })
}

/// Replaces values that did not fit by those of the zip64 field, in its fixed order.
fn widen(values: &mut [u64], extra: &[u8]) {
    let Some((_, mut field)) = extra_fields(extra).find(|(id, _)| *id == 1) else {
        return;
    };
    for value in values
        .iter_mut()
        .filter(|value| **value == u64::from(u32::MAX))
    {
        let Some((raw, rest)) = field.split_first_chunk() else {
            return;
        };
        *value = u64::from_le_bytes(*raw);
        field = rest;
    }
}

/// The name in an Info-ZIP Unicode path field, if it was made for this `name` and differs.
fn unicode_name(name: &[u8], extra: &[u8]) -> Option<Vec<u8>> {
    let (_, field) = extra_fields(extra).find(|(id, _)| *id == 0x7075)?;
    let (1, rest) = field.split_first()? else {
        return None;
    };
    let (checksum, unicode) = rest.split_first_chunk()?;
    let mut ours = flate2::Crc::new();
    ours.update(name);
    (ours.sum() == u32::from_le_bytes(*checksum) && unicode != name).then(|| unicode.to_vec())
}
