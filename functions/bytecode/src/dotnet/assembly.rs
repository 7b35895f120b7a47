//! .NET assemblies: the PE file, its metadata and what tokens mean. Own code rather than
//! a crate: those at hand read whole assemblies into trees, and refuse what obfuscators
//! do to the tables that the runtime does not read.

use std::borrow::Cow;

use super::tables::{Tables, table};
use crate::read::{index, le16, le32};

/// Most sections; linkers make a handful.
const SECTIONS_LIMIT: usize = 96;
/// Most streams of metadata; there are five.
const STREAMS_LIMIT: usize = 32;
/// Longest name, in bytes.
const NAME_LIMIT: usize = 1_024;

#[derive(Debug)]
struct Section {
    address: usize,
    size: usize,
    offset: usize,
}

/// An assembly.
#[derive(Debug)]
pub(crate) struct Assembly<'a> {
    bytes: &'a [u8],
    sections: Vec<Section>,
    pub tables: Tables<'a>,
    texts: &'a [u8],
    user: &'a [u8],
    blobs: &'a [u8],
}

/// A method's form.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Signature {
    pub has_this: bool,
    pub arguments: usize,
    pub returns: bool,
    pub text: bool,
}

impl<'a> Assembly<'a> {
    /// Reads headers and tables; `None` where there is no .NET in it, the reason where it
    /// is broken.
    pub fn read(bytes: &'a [u8]) -> Option<Result<Self, &'static str>> {
        let (sections, cli) = sections(bytes)?;
        if cli == 0 {
            return None;
        }
        Some(Self::metadata(bytes, sections, cli).ok_or("its metadata can't be read"))
    }

    fn metadata(bytes: &'a [u8], sections: Vec<Section>, cli: usize) -> Option<Self> {
        let header = offset(&sections, cli)?;
        let start = offset(&sections, index(le32(bytes, header + 8)?))?;
        let root = bytes.get(start..)?;
        if le32(root, 0)? != 0x424A_5342 {
            return None;
        }
        let version = index(le32(root, 12)?);
        let mut at = 16_usize.checked_add(version)?;
        let count = usize::from(le16(root, at + 2)?).min(STREAMS_LIMIT);
        at += 4;
        let (mut tables, mut texts, mut user, mut blobs) = (None, None, None, None);
        for _ in 0..count {
            let (offset, size) = (index(le32(root, at)?), index(le32(root, at + 4)?));
            let name = c_text(root.get(at + 8..)?, 32)?;
            at += 8 + (name.len() + 4) / 4 * 4;
            let rest = root.get(offset..).unwrap_or_default();
            let stream = &rest[..size.min(rest.len())];
            // The runtime takes the first of each name.
            match name {
                b"#~" | b"#-" => tables = tables.or(Some(stream)),
                b"#Strings" => texts = texts.or(Some(stream)),
                b"#US" => user = user.or(Some(stream)),
                b"#Blob" => blobs = blobs.or(Some(stream)),
                _ => {}
            }
        }
        Some(Self {
            bytes,
            sections,
            tables: Tables::read(tables?)?,
            texts: texts.unwrap_or_default(),
            user: user.unwrap_or_default(),
            blobs: blobs.unwrap_or_default(),
        })
    }

    /// Bytes from an address on.
    pub fn at(&self, address: usize) -> Option<&'a [u8]> {
        self.bytes.get(offset(&self.sections, address)?..)
    }

    /// A name, by a cell of a table.
    pub fn name(&self, table: usize, row: usize, column: usize) -> Cow<'a, str> {
        let bytes = self
            .tables
            .cell(table, row, column)
            .and_then(|at| self.texts.get(at..))
            .and_then(|rest| c_text(rest, NAME_LIMIT));
        String::from_utf8_lossy(bytes.unwrap_or_default())
    }

    /// A blob, by a cell of a table.
    pub fn blob(&self, table: usize, row: usize, column: usize) -> Option<&'a [u8]> {
        let at = self.tables.cell(table, row, column)?;
        let rest = self.blobs.get(at..)?;
        let (size, taken) = compressed(rest)?;
        rest.get(taken..)?.get(..size)
    }

    /// A text of the code, by its token.
    pub fn user_text(&self, token: u32) -> Option<String> {
        let rest = self.user.get(index(token & 0x00FF_FFFF)..)?;
        let (size, taken) = compressed(rest)?;
        let bytes = rest.get(taken..)?.get(..size)?;
        let text = &bytes[..bytes.len() & !1];
        Some(packguard_sdk::text::decode_utf16le(text))
    }

    /// The full name of a type that a token names.
    pub fn type_name(&self, table: usize, row: usize) -> String {
        let (name, space) = match table {
            table::TYPE_REF => (
                self.name(table::TYPE_REF, row, 1),
                self.name(table::TYPE_REF, row, 2),
            ),
            table::TYPE_DEF => (
                self.name(table::TYPE_DEF, row, 1),
                self.name(table::TYPE_DEF, row, 2),
            ),
            table::TYPE_SPEC => return self.spec_name(row),
            _ => return String::new(),
        };
        if space.is_empty() {
            name.into_owned()
        } else {
            format!("{space}.{name}")
        }
    }

    /// The generic type behind a specification: `15 12 <type> …`.
    fn spec_name(&self, row: usize) -> String {
        let Some(blob) = self.blob(table::TYPE_SPEC, row, 0) else {
            return String::new();
        };
        let rest = match blob {
            [0x15, 0x11 | 0x12, rest @ ..] | [0x11 | 0x12, rest @ ..] => rest,
            _ => return String::new(),
        };
        let Some((coded, _)) = compressed(rest) else {
            return String::new();
        };
        match coded & 3 {
            0 => self.type_name(table::TYPE_DEF, coded >> 2),
            1 => self.type_name(table::TYPE_REF, coded >> 2),
            _ => String::new(),
        }
    }

    /// Owner and name of a member that another assembly has.
    pub fn member(&self, row: usize) -> (String, Cow<'a, str>) {
        let parent = self.tables.cell(table::MEMBER_REF, row, 0).unwrap_or(0);
        let owner = match parent & 7 {
            0 => self.type_name(table::TYPE_DEF, parent >> 3),
            1 => self.type_name(table::TYPE_REF, parent >> 3),
            4 => self.type_name(table::TYPE_SPEC, parent >> 3),
            _ => String::new(),
        };
        (owner, self.name(table::MEMBER_REF, row, 1))
    }

    /// The form of a method, by the cell that holds its signature.
    pub fn signature(&self, table: usize, row: usize, column: usize) -> Signature {
        self.blob(table, row, column)
            .and_then(signature)
            .unwrap_or_default()
    }

    /// The instructions of a method.
    pub fn code(&self, row: usize) -> Option<&'a [u8]> {
        let address = self.tables.cell(table::METHOD, row, 0)?;
        if address == 0 {
            return None;
        }
        let body = self.at(address)?;
        match *body.first()? & 3 {
            2 => body.get(1..)?.get(..usize::from(body[0] >> 2)),
            3 => {
                let head = usize::from(le16(body, 0)? >> 12) * 4;
                let size = index(le32(body, 4)?);
                body.get(head..)?.get(..size)
            }
            _ => None,
        }
    }

    /// The type, with the size of its constant bytes, of a field.
    pub fn field_type(&self, field: usize) -> Option<usize> {
        match self.blob(table::FIELD, field, 2)? {
            [6, 0x11, rest @ ..] => Some(compressed(rest)?.0 >> 2),
            _ => None,
        }
    }
}

/// Whether the headers of a PE file point at .NET metadata; so do those that go on
/// beyond `head`.
pub(crate) fn points_at_metadata(head: &[u8]) -> bool {
    let Some(pe) = le32(head, 0x3C).map(index) else {
        return false;
    };
    match sections(head) {
        Some((_, cli)) => cli != 0,
        None => pe.saturating_add(1_024) > head.len() && head.len() >= 4_096,
    }
}

/// Sections, and the address of the .NET header; `None` if it is no PE file.
fn sections(bytes: &[u8]) -> Option<(Vec<Section>, usize)> {
    let pe = index(le32(bytes, 0x3C)?);
    if !bytes.starts_with(b"MZ") || bytes.get(pe..)?.get(..4)? != b"PE\0\0" {
        return None;
    }
    let count = usize::from(le16(bytes, pe + 6)?).min(SECTIONS_LIMIT);
    let optional = pe + 24;
    let directories = match le16(bytes, optional)? {
        0x10B => optional + 96,
        0x20B => optional + 112,
        _ => return None,
    };
    let cli = index(le32(bytes, directories + 14 * 8)?);
    let mut at = optional + usize::from(le16(bytes, pe + 20)?);
    if directories + 15 * 8 > at {
        return Some((Vec::new(), 0));
    }
    let mut sections = Vec::with_capacity(count);
    for _ in 0..count {
        sections.push(Section {
            address: index(le32(bytes, at + 12)?),
            size: index(le32(bytes, at + 16)?).max(index(le32(bytes, at + 8)?)),
            offset: index(le32(bytes, at + 20)?),
        });
        at += 40;
    }
    Some((sections, cli))
}

fn offset(sections: &[Section], address: usize) -> Option<usize> {
    let section = sections
        .iter()
        .find(|one| address >= one.address && address - one.address < one.size)?;
    section.offset.checked_add(address - section.address)
}

/// The bytes before a NUL.
fn c_text(bytes: &[u8], limit: usize) -> Option<&[u8]> {
    let head = &bytes[..bytes.len().min(limit)];
    memchr::memchr(0, head).map(|end| &head[..end])
}

/// A number of one, two or four bytes, and how many it took.
fn compressed(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*bytes.first()?);
    let next = |at: usize| bytes.get(at).copied().map(usize::from);
    match first {
        0..=0x7F => Some((first, 1)),
        0x80..=0xBF => Some(((first & 0x3F) << 8 | next(1)?, 2)),
        0xC0..=0xDF => Some((
            (first & 0x1F) << 24 | next(1)? << 16 | next(2)? << 8 | next(3)?,
            4,
        )),
        _ => None,
    }
}

fn signature(blob: &[u8]) -> Option<Signature> {
    let form = *blob.first()?;
    let mut rest = &blob[1..];
    if form & 0x10 != 0 {
        rest = rest.get(compressed(rest)?.1..)?;
    }
    let (arguments, taken) = compressed(rest)?;
    rest = rest.get(taken..)?;
    // Modifiers of the result's type.
    while let [0x1F | 0x20, more @ ..] = rest {
        rest = more.get(compressed(more)?.1..)?;
    }
    Some(Signature {
        has_this: form & 0x20 != 0,
        arguments: arguments.min(1_024),
        returns: rest.first() != Some(&1),
        text: rest.first() == Some(&0x0E),
    })
}
