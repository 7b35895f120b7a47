//! Zips built record by record.

use super::deflate;

/// One entry, as its two headers describe it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    pub data: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub crc: u32,
    pub size: u32,
    pub mode: u32,
    /// In the local header, where it differs.
    pub local_name: Option<Vec<u8>>,
    /// Extra field of the directory.
    pub extra: Vec<u8>,
    /// Left out of the directory.
    pub hidden: bool,
    /// Point at the data of that entry instead of own data.
    pub data_of: Option<usize>,
    pub descriptor: bool,
}

pub fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

impl Entry {
    pub fn stored(name: &str, content: &[u8]) -> Self {
        Self {
            name: name.into(),
            data: content.to_vec(),
            method: 0,
            flags: 0,
            crc: crc(content),
            size: content.len() as u32,
            mode: 0o100_644,
            local_name: None,
            extra: Vec::new(),
            hidden: false,
            data_of: None,
            descriptor: false,
        }
    }

    pub fn deflated(name: &str, content: &[u8]) -> Self {
        Self::packed(name, content, 8, deflate(content))
    }

    pub fn packed(name: &str, content: &[u8], method: u16, data: Vec<u8>) -> Self {
        Self {
            data,
            method,
            ..Self::stored(name, content)
        }
    }

    fn fields(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let flags = self.flags | if self.descriptor { 8 } else { 0 };
        out.extend([20, 0]);
        out.extend(flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0; 4]);
        out
    }

    fn sizes(&self, local: bool) -> Vec<u8> {
        if local && self.descriptor {
            return vec![0; 12];
        }
        [self.crc, self.data.len() as u32, self.size]
            .map(u32::to_le_bytes)
            .concat()
    }

    fn local(&self) -> Vec<u8> {
        let name = self.local_name.as_ref().unwrap_or(&self.name);
        let lengths = [name.len() as u16, 0].map(u16::to_le_bytes).concat();
        [
            b"PK\x03\x04",
            &self.fields()[..],
            &self.sizes(true),
            &lengths,
            name,
        ]
        .concat()
    }

    fn central(&self, offset: u32) -> Vec<u8> {
        let lengths = [self.name.len() as u16, self.extra.len() as u16, 0, 0, 0]
            .map(u16::to_le_bytes)
            .concat();
        [
            b"PK\x01\x02\x14\x03",
            &self.fields()[..],
            &self.sizes(false),
            &lengths,
            &(self.mode << 16).to_le_bytes(),
            &offset.to_le_bytes(),
            &self.name,
            &self.extra,
        ]
        .concat()
    }
}

/// The parts of a zip: local entries, directory, end record.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    pub local: Vec<u8>,
    pub directory: Vec<u8>,
    pub end: Vec<u8>,
}

impl Parts {
    pub fn new(entries: &[Entry]) -> Self {
        let mut parts = Self::default();
        let mut offsets = Vec::new();
        for entry in entries {
            offsets.push(match entry.data_of {
                Some(other) => offsets[other],
                None => parts.local.len() as u32,
            });
            if entry.data_of.is_none() {
                parts.local.extend(entry.local());
                parts.local.extend(&entry.data);
                if entry.descriptor {
                    parts.local.extend(b"PK\x07\x08");
                    parts.local.extend(entry.sizes(false));
                }
            }
        }
        let listed = || {
            entries
                .iter()
                .zip(&offsets)
                .filter(|(entry, _)| !entry.hidden)
        };
        for (entry, offset) in listed() {
            parts.directory.extend(entry.central(*offset));
        }
        parts.end = end(
            listed().count() as u16,
            parts.directory.len() as u32,
            parts.local.len() as u32,
            b"",
        );
        parts
    }

    pub fn bytes(&self) -> Vec<u8> {
        [&self.local[..], &self.directory, &self.end].concat()
    }
}

/// An end record.
pub fn end(entries: u16, size: u32, offset: u32, comment: &[u8]) -> Vec<u8> {
    let counts = [0, 0, entries, entries].map(u16::to_le_bytes).concat();
    let places = [size, offset].map(u32::to_le_bytes).concat();
    [
        b"PK\x05\x06",
        &counts[..],
        &places,
        &(comment.len() as u16).to_le_bytes(),
        comment,
    ]
    .concat()
}

/// A zip of entries.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    Parts::new(entries).bytes()
}

/// A zip of one deflated file.
pub fn one(name: &str, content: &[u8]) -> Vec<u8> {
    zip(&[Entry::deflated(name, content)])
}
