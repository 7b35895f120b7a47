//! Java class files: constant pool, methods, bootstrap methods. Own code rather than a
//! parser crate, since those refuse a file over any broken attribute, and obfuscators
//! break the ones that the virtual machine does not read.

use std::borrow::Cow;
use std::ops::Range;

use crate::read::{be16, be32, index};

/// Most methods of a class that are looked at; the format allows 65,535.
const METHODS_LIMIT: usize = 20_000;

/// An entry of the constant pool.
#[derive(Debug, Clone)]
pub(crate) enum Constant {
    /// Takes no entry, or none that matters here.
    Other,
    Text(Range<usize>),
    Number(i32),
    Long(i64),
    Class(u16),
    String(u16),
    /// Owner, name and type.
    Member(u16, u16),
    NameType(u16, u16),
    /// Bootstrap method, name and type.
    Dynamic(u16, u16),
    Handle,
}

/// A method with its code.
#[derive(Debug, Clone)]
pub(crate) struct Method {
    pub access: u16,
    pub name: u16,
    pub descriptor: u16,
    /// Where its instructions stand.
    pub code: Range<usize>,
    /// Where its exception handlers begin, sorted.
    pub handlers: Vec<usize>,
}

/// A class file.
#[derive(Debug)]
pub(crate) struct Class<'a> {
    bytes: &'a [u8],
    pub pool: Vec<Constant>,
    pub name: u16,
    pub parent: u16,
    pub methods: Vec<Method>,
    /// Handle and arguments of each bootstrap method.
    pub bootstraps: Vec<(u16, Vec<u16>)>,
    /// The end came before all was read.
    pub broken: bool,
}

impl<'a> Class<'a> {
    /// Reads a class file; `None` if there is not even a constant pool.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (pool, mut at) = pool(bytes)?;
        let mut class = Self {
            bytes,
            pool,
            name: be16(bytes, at + 2)?,
            parent: be16(bytes, at + 4)?,
            methods: Vec::new(),
            bootstraps: Vec::new(),
            broken: true,
        };
        at += 6;
        let interfaces = be16(bytes, at)?;
        at += 2 + 2 * usize::from(interfaces);
        class.broken = class.members(at).is_none();
        Some(class)
    }

    fn members(&mut self, mut at: usize) -> Option<()> {
        let fields = be16(self.bytes, at)?;
        at += 2;
        for _ in 0..fields {
            at = self.attributes(at + 6, &mut |_, _, _| {})?;
        }
        let methods = be16(self.bytes, at)?;
        at += 2;
        for _ in 0..methods {
            let mut method = Method {
                access: be16(self.bytes, at)?,
                name: be16(self.bytes, at + 2)?,
                descriptor: be16(self.bytes, at + 4)?,
                code: 0..0,
                handlers: Vec::new(),
            };
            let end = self.attributes(at + 6, &mut |class, name, body| {
                if name == "Code" {
                    code(class.bytes, body, &mut method);
                }
            })?;
            at = end;
            if !method.code.is_empty() && self.methods.len() < METHODS_LIMIT {
                self.methods.push(method);
            }
        }
        let mut bootstraps = Vec::new();
        self.attributes(at, &mut |class, name, body| {
            if name == "BootstrapMethods" {
                bootstraps = bootstrap_methods(class.bytes, body).unwrap_or_default();
            }
        })?;
        self.bootstraps = bootstraps;
        Some(())
    }

    /// Walks a table of attributes, and says where it ends.
    fn attributes(
        &self,
        mut at: usize,
        each: &mut dyn FnMut(&Self, &str, Range<usize>),
    ) -> Option<usize> {
        let count = be16(self.bytes, at)?;
        at += 2;
        for _ in 0..count {
            let name = be16(self.bytes, at)?;
            let size = index(be32(self.bytes, at + 2)?);
            let start = at + 6;
            let end = start.checked_add(size)?;
            if end > self.bytes.len() {
                return None;
            }
            each(self, &self.text(name), start..end);
            at = end;
        }
        Some(at)
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// An entry of the pool.
    pub fn constant(&self, at: u16) -> &Constant {
        self.pool.get(usize::from(at)).unwrap_or(&Constant::Other)
    }

    /// A text of the pool.
    pub fn text(&self, at: u16) -> Cow<'a, str> {
        match self.constant(at) {
            Constant::Text(range) => {
                modified_utf8(self.bytes.get(range.clone()).unwrap_or_default())
            }
            _ => Cow::Borrowed(""),
        }
    }

    /// The name of a class of the pool.
    pub fn class_name(&self, at: u16) -> Cow<'a, str> {
        match self.constant(at) {
            Constant::Class(name) => self.text(*name),
            _ => Cow::Borrowed(""),
        }
    }

    /// Name and type.
    pub fn name_type(&self, at: u16) -> (Cow<'a, str>, Cow<'a, str>) {
        match self.constant(at) {
            Constant::NameType(name, kind) => (self.text(*name), self.text(*kind)),
            _ => (Cow::Borrowed(""), Cow::Borrowed("")),
        }
    }
}

/// The constant pool, and where it ends.
fn pool(bytes: &[u8]) -> Option<(Vec<Constant>, usize)> {
    let count = usize::from(be16(bytes, 8)?);
    let mut pool = Vec::with_capacity(count);
    pool.push(Constant::Other);
    let mut at = 10;
    while pool.len() < count {
        let tag = *bytes.get(at)?;
        let (first, second) = (be16(bytes, at + 1)?, be16(bytes, at + 3).unwrap_or(0));
        let (constant, size) = match tag {
            1 => {
                let start = at + 3;
                let end = start + usize::from(first);
                if end > bytes.len() {
                    return None;
                }
                (Constant::Text(start..end), 2 + usize::from(first))
            }
            3 => (Constant::Number(be32(bytes, at + 1)?.cast_signed()), 4),
            4 => (Constant::Other, 4),
            5 => {
                let (high, low) = (be32(bytes, at + 1)?, be32(bytes, at + 5)?);
                let number = (u64::from(high) << 32) | u64::from(low);
                (Constant::Long(number.cast_signed()), 8)
            }
            6 => (Constant::Other, 8),
            7 => (Constant::Class(first), 2),
            8 => (Constant::String(first), 2),
            9..=11 => (Constant::Member(first, second), 4),
            12 => (Constant::NameType(first, second), 4),
            15 => (Constant::Handle, 3),
            16 | 19 | 20 => (Constant::Other, 2),
            17 | 18 => (Constant::Dynamic(first, second), 4),
            _ => return None,
        };
        pool.push(constant);
        // Long numbers take two entries.
        if matches!(tag, 5 | 6) {
            pool.push(Constant::Other);
        }
        at += 1 + size;
    }
    Some((pool, at))
}

fn code(bytes: &[u8], body: Range<usize>, method: &mut Method) {
    let Some(size) = be32(bytes, body.start + 4).map(index) else {
        return;
    };
    let start = body.start + 8;
    let end = start.saturating_add(size);
    if end > body.end {
        return;
    }
    method.code = start..end;
    let count = be16(bytes, end).unwrap_or(0);
    for entry in 0..usize::from(count) {
        if let Some(handler) = be16(bytes, end + 2 + entry * 8 + 4) {
            method.handlers.push(usize::from(handler));
        }
    }
    method.handlers.sort_unstable();
}

fn bootstrap_methods(bytes: &[u8], body: Range<usize>) -> Option<Vec<(u16, Vec<u16>)>> {
    let body = bytes.get(body)?;
    let count = be16(body, 0)?;
    let mut at = 2;
    let mut all = Vec::new();
    for _ in 0..count {
        let handle = be16(body, at)?;
        let arguments = usize::from(be16(body, at + 2)?);
        at += 4;
        let mut list = Vec::new();
        for argument in 0..arguments {
            list.push(be16(body, at + 2 * argument)?);
        }
        at += 2 * arguments;
        all.push((handle, list));
    }
    Some(all)
}

/// Text as class files have it: UTF-8, but NUL in two bytes and surrogates by themselves.
fn modified_utf8(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut units = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let next = |ahead: usize| u16::from(bytes.get(at + ahead).copied().unwrap_or(0) & 0x3F);
        let (unit, size) = match byte {
            0xC0..=0xDF => (u16::from(byte & 0x1F) << 6 | next(1), 2),
            0xE0..=0xEF => (u16::from(byte & 0x0F) << 12 | next(1) << 6 | next(2), 3),
            _ => (u16::from(*byte), 1),
        };
        units.push(unit);
        at += size;
    }
    Cow::Owned(String::from_utf16_lossy(&units))
}
