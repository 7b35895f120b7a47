//! Reads what `marshal` writes and `.pyc` files hold, of Python 2.7 to 3.14: names and
//! constants of code objects. Bounded; nothing is run.

use std::collections::BTreeSet;
use std::rc::Rc;

/// Deepest nesting: CPython's own limit is 2,000, its compiler's output stays below 30.
const DEPTH_LIMIT: usize = 100;

/// Objects read of one stream.
const OBJECTS_LIMIT: usize = 500_000;

/// Bytes of constants that are kept of one stream.
const CONSTANTS_LIMIT: usize = 16 << 20;

/// What code objects hold, nested ones included.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Globals, attributes, modules and local names.
    pub names: BTreeSet<String>,
    /// String constants.
    pub strings: Vec<String>,
    /// Bytes constants.
    pub blobs: Vec<Vec<u8>>,
    /// Code objects.
    pub codes: usize,
}

/// How a version lays a code object out: integers in front, where constants and names
/// stand among the objects, and integers between: `(front, objects before the line,
/// objects after it)`.
#[derive(Debug, Clone, Copy)]
struct Layout {
    integers: usize,
    objects: usize,
    after: usize,
}

const LAYOUTS: [Layout; 4] = [
    // 3.11 and later.
    Layout {
        integers: 5,
        objects: 8,
        after: 2,
    },
    // 3.8 to 3.10.
    Layout {
        integers: 6,
        objects: 8,
        after: 1,
    },
    // 3.0 to 3.7.
    Layout {
        integers: 5,
        objects: 8,
        after: 1,
    },
    // 2.x.
    Layout {
        integers: 4,
        objects: 8,
        after: 1,
    },
];

/// What the marshalled code holds; none where the bytes are no marshalled code.
pub fn code(bytes: &[u8]) -> Option<Summary> {
    if bytes.first().is_none_or(|kind| kind & 0x7F != b'c') {
        return None;
    }
    LAYOUTS.iter().find_map(|layout| {
        let mut reader = Reader {
            bytes,
            at: 0,
            layout: *layout,
            refs: Vec::new(),
            interned: Vec::new(),
            objects: 0,
            summary: Summary::default(),
            room: CONSTANTS_LIMIT,
        };
        reader.object(0)?;
        Some(reader.summary)
    })
}

/// What a `.pyc` file holds: a header of 8, 12 or 16 bytes, then marshalled code.
pub fn compiled(bytes: &[u8]) -> Option<Summary> {
    [16, 12, 8, 0]
        .into_iter()
        .find_map(|header| code(bytes.get(header..)?))
}

#[derive(Debug, Clone)]
enum Object {
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    Tuple(Rc<[Object]>),
    Null,
    Other,
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    layout: Layout,
    refs: Vec<Object>,
    /// Python 2's interned strings.
    interned: Vec<Object>,
    objects: usize,
    summary: Summary,
    /// Bytes of constants that may still be kept.
    room: usize,
}

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let piece = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(piece)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn long(&mut self) -> Option<i32> {
        Some(i32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.long()?).ok()
    }

    fn object(&mut self, depth: usize) -> Option<Object> {
        self.objects += 1;
        if depth > DEPTH_LIMIT || self.objects > OBJECTS_LIMIT {
            return None;
        }
        let kind = self.byte()?;
        let slot = (kind & 0x80 != 0).then(|| {
            self.refs.push(Object::Other);
            self.refs.len() - 1
        });
        let object = self.content(kind & 0x7F, depth)?;
        if let Some(slot) = slot {
            self.refs[slot] = object.clone();
        }
        Some(object)
    }

    fn content(&mut self, kind: u8, depth: usize) -> Option<Object> {
        Some(match kind {
            b'0' => Object::Null,
            b'N' | b'F' | b'T' | b'S' | b'.' => Object::Other,
            b'i' => self.skip(4)?,
            b'I' | b'g' => self.skip(8)?,
            b'y' => self.skip(16)?,
            b'l' => {
                let digits = usize::try_from(self.long()?.unsigned_abs()).ok()?;
                self.skip(digits.checked_mul(2)?)?
            }
            b'f' => {
                let length = usize::from(self.byte()?);
                self.skip(length)?
            }
            b's' => {
                let length = self.length()?;
                Object::Bytes(self.take(length)?.into())
            }
            b't' | b'u' | b'a' | b'A' => {
                let length = self.length()?;
                self.text(kind, length)?
            }
            b'z' | b'Z' => {
                let length = usize::from(self.byte()?);
                self.text(kind, length)?
            }
            b')' => {
                let count = usize::from(self.byte()?);
                self.items(count, depth)?
            }
            b'(' | b'[' | b'<' | b'>' => {
                let count = self.length()?;
                self.items(count, depth)?
            }
            b'{' => self.dictionary(depth)?,
            b':' => self.items(3, depth)?,
            b'r' => {
                let at = self.length()?;
                self.refs.get(at)?.clone()
            }
            b'R' => {
                let at = self.length()?;
                self.interned.get(at)?.clone()
            }
            b'c' => self.code(depth)?,
            _ => return None,
        })
    }

    fn skip(&mut self, length: usize) -> Option<Object> {
        self.take(length).map(|_| Object::Other)
    }

    fn text(&mut self, kind: u8, length: usize) -> Option<Object> {
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        let object = Object::Text(text.into());
        if kind == b't' {
            self.interned.push(object.clone());
        }
        Some(object)
    }

    fn items(&mut self, count: usize, depth: usize) -> Option<Object> {
        // Each takes a byte at the least.
        if count > self.bytes.len() - self.at {
            return None;
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.object(depth + 1)?);
        }
        Some(Object::Tuple(items.into()))
    }

    fn dictionary(&mut self, depth: usize) -> Option<Object> {
        loop {
            if matches!(self.object(depth + 1)?, Object::Null) {
                return Some(Object::Other);
            }
            self.object(depth + 1)?;
        }
    }

    fn code(&mut self, depth: usize) -> Option<Object> {
        self.summary.codes += 1;
        self.skip(self.layout.integers * 4)?;
        let mut fields = Vec::new();
        for _ in 0..self.layout.objects {
            fields.push(self.object(depth + 1)?);
        }
        self.skip(4)?;
        for _ in 0..self.layout.after {
            self.object(depth + 1)?;
        }
        // Code, constants, names, local names, …: the same in all versions so far.
        let [
            Object::Bytes(_),
            Object::Tuple(constants),
            Object::Tuple(names),
            Object::Tuple(locals),
            ..,
        ] = &fields[..]
        else {
            return None;
        };
        for name in names.iter().chain(locals.iter()) {
            match name {
                Object::Text(text) => {
                    self.summary.names.insert(text.to_string());
                }
                // Python 2 writes names as bytes, where they are not interned.
                Object::Bytes(bytes) => {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    self.summary.names.insert(text);
                }
                _ => return None,
            }
        }
        self.constants(constants, 0);
        Some(Object::Other)
    }

    fn constants(&mut self, constants: &[Object], depth: usize) {
        for constant in constants {
            // References make few bytes into many constants.
            self.objects += 1;
            let size = match constant {
                Object::Text(text) => text.len(),
                Object::Bytes(bytes) => bytes.len(),
                _ => 0,
            };
            let Some(left) = self.room.checked_sub(size) else {
                return;
            };
            self.room = left;
            if self.objects > OBJECTS_LIMIT {
                return;
            }
            match constant {
                Object::Text(text) => self.summary.strings.push(text.to_string()),
                Object::Bytes(bytes) => {
                    if let Ok(text) = std::str::from_utf8(bytes) {
                        self.summary.strings.push(text.to_owned());
                    } else {
                        self.summary.blobs.push(bytes.to_vec());
                    }
                }
                Object::Tuple(inner) if depth < 10 => self.constants(inner, depth + 1),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_no_code() {
        assert_eq!(code(b""), None);
        assert_eq!(code(b"c"), None);
        assert_eq!(code(&[b'c'; 4_000]), None);
        assert_eq!(code(&[b'('; 4_000]), None);
        assert_eq!(compiled(b"\x6f\x0d\x0d\x0a"), None);
    }
}
