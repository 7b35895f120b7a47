//! The tables of .NET metadata (ECMA-335, II.22 and II.24): where each row stands.

use crate::read::{bytes_at, index, le16, le32};

/// Tables by their numbers.
pub(crate) mod table {
    pub const TYPE_REF: usize = 1;
    pub const TYPE_DEF: usize = 2;
    pub const FIELD: usize = 4;
    pub const METHOD: usize = 6;
    pub const MEMBER_REF: usize = 10;
    pub const CLASS_LAYOUT: usize = 15;
    pub const TYPE_SPEC: usize = 27;
    pub const IMPL_MAP: usize = 28;
    pub const FIELD_RVA: usize = 29;
    pub const NESTED: usize = 41;
    pub const METHOD_SPEC: usize = 43;
}

/// Number of tables that the standard knows.
const TABLES: usize = 45;

/// What a column holds.
#[derive(Debug, Clone, Copy)]
enum Column {
    /// A number of two or four bytes.
    Two,
    Four,
    /// A place in the heap of texts, GUIDs or blobs.
    Text,
    Guid,
    Blob,
    /// A row of a table.
    Row(usize),
    /// A row of one of several tables: bits of the tag, and the tables.
    Coded(u32, &'static [usize]),
}
use Column::{Blob, Coded, Four, Guid, Row, Text, Two};

const TYPE: Column = Coded(2, &[2, 1, 27]);
const CONSTANT: Column = Coded(2, &[4, 8, 23]);
const ATTRIBUTED: Column = Coded(
    5,
    &[
        6, 4, 1, 2, 8, 9, 10, 0, 14, 23, 20, 17, 26, 27, 32, 35, 38, 39, 40, 42, 44, 43,
    ],
);
const ATTRIBUTE: Column = Coded(3, &[6, 10]);
const MARSHAL: Column = Coded(1, &[4, 8]);
const SECURITY: Column = Coded(2, &[2, 6, 32]);
const PARENT: Column = Coded(3, &[2, 1, 26, 6, 27]);
const SEMANTICS: Column = Coded(1, &[20, 23]);
const METHOD: Column = Coded(1, &[6, 10]);
const FORWARDED: Column = Coded(1, &[4, 6]);
const IMPLEMENTATION: Column = Coded(2, &[38, 35, 39]);
const SCOPE: Column = Coded(2, &[0, 26, 35, 1]);
const GENERIC: Column = Coded(1, &[2, 6]);

const SCHEMA: [&[Column]; TABLES] = [
    &[Two, Text, Guid, Guid, Guid],
    &[SCOPE, Text, Text],
    &[Four, Text, Text, TYPE, Row(4), Row(6)],
    &[Row(4)],
    &[Two, Text, Blob],
    &[Row(6)],
    &[Four, Two, Two, Text, Blob, Row(8)],
    &[Row(8)],
    &[Two, Two, Text],
    &[Row(2), TYPE],
    &[PARENT, Text, Blob],
    &[Two, CONSTANT, Blob],
    &[ATTRIBUTED, ATTRIBUTE, Blob],
    &[MARSHAL, Blob],
    &[Two, SECURITY, Blob],
    &[Two, Four, Row(2)],
    &[Four, Row(4)],
    &[Blob],
    &[Row(2), Row(20)],
    &[Row(20)],
    &[Two, Text, TYPE],
    &[Row(2), Row(23)],
    &[Row(23)],
    &[Two, Text, Blob],
    &[Two, Row(6), SEMANTICS],
    &[Row(2), METHOD, METHOD],
    &[Text],
    &[Blob],
    &[Two, FORWARDED, Text, Row(26)],
    &[Four, Row(4)],
    &[Four, Four],
    &[Four],
    &[Four, Two, Two, Two, Two, Four, Blob, Text, Text],
    &[Four],
    &[Four, Four, Four],
    &[Two, Two, Two, Two, Four, Blob, Text, Text, Blob],
    &[Four, Row(35)],
    &[Four, Four, Four, Row(35)],
    &[Four, Text, Blob],
    &[Four, Four, Text, Text, IMPLEMENTATION],
    &[Four, Four, Text, IMPLEMENTATION],
    &[Row(2), Row(2)],
    &[Two, Two, GENERIC, Text],
    &[METHOD, Blob],
    &[Row(42), TYPE],
];

/// Where one table stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    start: usize,
    rows: usize,
    row: usize,
    /// Offset and width of each column; nine at most.
    columns: [(u8, u8); 9],
}

/// All tables.
#[derive(Debug)]
pub(crate) struct Tables<'a> {
    bytes: &'a [u8],
    places: [Place; TABLES],
    /// Rows lie beyond the end.
    pub cut: bool,
}

impl<'a> Tables<'a> {
    /// Reads the head of the stream of tables.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let heaps = *bytes.get(6)?;
        let valid = u64::from_le_bytes(bytes_at(bytes, 8)?);
        let mut at = 24;
        let mut rows = [0_usize; TABLES];
        for number in 0..64 {
            if valid >> number & 1 == 1 {
                let count = index(le32(bytes, at)?);
                // Tables that nobody knows have no size that could be skipped.
                *rows.get_mut(number)? = count;
                at += 4;
            }
        }
        // Extra data, as some compilers and obfuscators put there.
        if heaps & 0x40 != 0 {
            at += 4;
        }
        let mut tables = Self {
            bytes,
            places: [Place::default(); TABLES],
            cut: false,
        };
        for (number, columns) in SCHEMA.iter().enumerate() {
            let mut place = Place {
                start: at,
                rows: rows[number],
                ..Place::default()
            };
            for (column, into) in columns.iter().zip(&mut place.columns) {
                let width = width(*column, heaps, &rows);
                *into = (place.row as u8, width);
                place.row += usize::from(width);
            }
            at = at.checked_add(place.rows.checked_mul(place.row)?)?;
            if at > bytes.len() {
                tables.cut = true;
                place.rows = bytes.len().saturating_sub(place.start) / place.row.max(1);
            }
            tables.places[number] = place;
        }
        Some(tables)
    }

    /// How many rows a table has.
    pub fn rows(&self, table: usize) -> usize {
        self.places.get(table).map_or(0, |place| place.rows)
    }

    /// A cell: rows count from 1, columns from 0.
    pub fn cell(&self, table: usize, row: usize, column: usize) -> Option<usize> {
        let place = self.places.get(table)?;
        if row == 0 || row > place.rows {
            return None;
        }
        let (offset, width) = *place.columns.get(column)?;
        let at = place.start + (row - 1) * place.row + usize::from(offset);
        match width {
            2 => le16(self.bytes, at).map(usize::from),
            4 => le32(self.bytes, at).map(index),
            _ => None,
        }
    }
}

fn width(column: Column, heaps: u8, rows: &[usize; TABLES]) -> u8 {
    let wide = match column {
        Two => false,
        Four => true,
        Text => heaps & 1 != 0,
        Guid => heaps & 2 != 0,
        Blob => heaps & 4 != 0,
        Row(table) => rows[table] > 0xFFFF,
        Coded(bits, tables) => tables.iter().any(|table| rows[*table] >= 1 << (16 - bits)),
    };
    if wide { 4 } else { 2 }
}
