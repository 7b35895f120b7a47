//! What the tokens of an assembly stand for, looked up once each.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::assembly::{Assembly, Signature};
use super::code::method_key;
use super::library::{LIBRARY, native};
use super::tables::table;
use crate::meaning::Meaning;
use crate::read::index;
use crate::summaries;

/// Deepest nesting of types that is followed.
const NESTING_LIMIT: usize = 16;
/// Bytes of constant arrays in one assembly that are taken.
const INITIAL_BUDGET: usize = 32 << 20;

/// What a token that is called stands for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Callee {
    pub meaning: Option<Meaning>,
    pub key: u64,
    pub signature: Signature,
    /// The function of a native library.
    pub native: Option<Rc<str>>,
    /// It takes single letters of a text.
    pub letters: bool,
}

/// An assembly and what was looked up in it.
#[derive(Debug)]
pub(crate) struct Context<'a, 'b> {
    pub assembly: &'a Assembly<'b>,
    path: &'a str,
    callees: FxHashMap<u32, Rc<Callee>>,
    /// The type of each method, from row 1.
    owners: Vec<usize>,
    enclosing: FxHashMap<usize, usize>,
    natives: FxHashMap<usize, Rc<str>>,
    /// Addresses of fields, and sizes of types.
    addresses: FxHashMap<usize, usize>,
    sizes: FxHashMap<usize, usize>,
    budget: usize,
}

impl<'a, 'b> Context<'a, 'b> {
    /// Looks up what all methods need.
    pub fn new(assembly: &'a Assembly<'b>, path: &'a str) -> Self {
        let tables = &assembly.tables;
        let pairs = |number: usize, key: usize, value: usize| {
            (1..=tables.rows(number))
                .filter_map(|row| {
                    tables
                        .cell(number, row, key)
                        .zip(tables.cell(number, row, value))
                })
                .collect::<FxHashMap<usize, usize>>()
        };
        let mut natives = FxHashMap::default();
        for row in 1..=tables.rows(table::IMPL_MAP) {
            if let Some(member) = tables.cell(table::IMPL_MAP, row, 1)
                && member & 1 == 1
            {
                let name = assembly.name(table::IMPL_MAP, row, 2);
                natives.insert(member >> 1, Rc::from(name));
            }
        }
        let mut owners = vec![0; tables.rows(table::METHOD) + 1];
        for row in 1..=tables.rows(table::TYPE_DEF) {
            let first = tables.cell(table::TYPE_DEF, row, 5).unwrap_or(usize::MAX);
            let next = tables.cell(table::TYPE_DEF, row + 1, 5);
            let end = next.unwrap_or(owners.len()).min(owners.len());
            // Ranges that overlap are none of an honest compiler's: the last one counts,
            // and only what stands behind the previous one is written.
            if first < end {
                for owner in owners[first..end].iter_mut().filter(|owner| **owner == 0) {
                    *owner = row;
                }
            }
        }
        Self {
            path,
            callees: FxHashMap::default(),
            owners,
            enclosing: pairs(table::NESTED, 0, 1),
            natives,
            addresses: pairs(table::FIELD_RVA, 1, 0),
            sizes: pairs(table::CLASS_LAYOUT, 2, 1),
            budget: INITIAL_BUDGET,
            assembly,
        }
    }

    /// The type that a method belongs to.
    pub fn owner(&self, method: usize) -> usize {
        self.owners.get(method).copied().unwrap_or(0)
    }

    /// The outermost type around one.
    pub fn outermost(&self, mut row: usize) -> usize {
        for _ in 0..NESTING_LIMIT {
            match self.enclosing.get(&row) {
                Some(outer) => row = *outer,
                None => break,
            }
        }
        row
    }

    /// The native function that a method stands for.
    pub fn native(&self, method: usize) -> Option<&Rc<str>> {
        self.natives.get(&method)
    }

    /// What is called.
    pub fn callee(&mut self, token: u32) -> Rc<Callee> {
        if let Some(known) = self.callees.get(&token) {
            return known.clone();
        }
        let callee = Rc::new(self.look_up(token, 0));
        self.callees.insert(token, callee.clone());
        callee
    }

    fn look_up(&self, token: u32, depth: usize) -> Callee {
        let row = index(token & 0x00FF_FFFF);
        let assembly = self.assembly;
        match index(token >> 24) {
            table::METHOD => {
                let signature = assembly.signature(table::METHOD, row, 4);
                let name = assembly.name(table::METHOD, row, 3);
                let owner = assembly.type_name(table::TYPE_DEF, self.owner(row));
                let known = self.native(row).cloned();
                Callee {
                    meaning: known.as_deref().and_then(native),
                    key: method_key(&owner, &name, signature.arguments),
                    signature,
                    native: known,
                    letters: false,
                }
            }
            table::MEMBER_REF => {
                let signature = assembly.signature(table::MEMBER_REF, row, 2);
                let (owner, name) = assembly.member(row);
                Callee {
                    meaning: LIBRARY.find(&owner, &name),
                    key: method_key(&owner, &name, signature.arguments),
                    signature,
                    native: None,
                    letters: name == "get_Chars",
                }
            }
            table::METHOD_SPEC if depth == 0 => {
                let method = assembly
                    .tables
                    .cell(table::METHOD_SPEC, row, 0)
                    .unwrap_or(0);
                let table = if method & 1 == 0 {
                    table::METHOD
                } else {
                    table::MEMBER_REF
                };
                let row = u32::try_from(method >> 1).unwrap_or(0) & 0x00FF_FFFF;
                let table = u32::try_from(table).unwrap_or(0);
                self.look_up(table << 24 | row, 1)
            }
            _ => Callee::default(),
        }
    }

    /// The key of a field.
    pub fn field(&self, token: u32) -> u64 {
        if index(token >> 24) == table::MEMBER_REF {
            let (owner, name) = self.assembly.member(index(token & 0x00FF_FFFF));
            return summaries::key(&[&owner, &name]);
        }
        summaries::key(&[self.path, &token.to_string()])
    }

    /// The constant bytes of a field.
    pub fn initial(&mut self, token: u32) -> Option<&'b [u8]> {
        if index(token >> 24) != table::FIELD {
            return None;
        }
        let field = index(token & 0x00FF_FFFF);
        let address = *self.addresses.get(&field)?;
        let kind = self.assembly.field_type(field)?;
        let size = *self.sizes.get(&kind)?;
        self.budget = self.budget.checked_sub(size)?;
        self.assembly.at(address)?.get(..size)
    }
}
