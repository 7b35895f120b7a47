//! One file's identifiers as numbers: names are hashed once where they stand, and
//! compared as integers from there on.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::rc::Rc;

use rustc_hash::FxBuildHasher;

/// Slots tried for a name. Texts are hostile and the hash is no secret: names made to
/// collide end up in a tree instead of an ever longer row.
const PROBES: usize = 8;

/// An identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbol(u32);

/// All identifiers of a file.
#[derive(Debug)]
pub struct Symbols {
    /// A hash table: one more than the symbol's number, zero where free.
    slots: Vec<u32>,
    names: Vec<Rc<str>>,
    /// Names that found no slot.
    crowded: BTreeMap<Rc<str>, Symbol>,
}

impl Default for Symbols {
    fn default() -> Self {
        Self {
            slots: vec![0; 512],
            names: Vec::new(),
            crowded: BTreeMap::new(),
        }
    }
}

impl Symbols {
    /// The symbol of a name.
    pub fn get(&mut self, name: &str) -> Symbol {
        for slot in self.probe(name) {
            match self.slots[slot].checked_sub(1) {
                None => return self.add(name),
                Some(number) if *self.names[number as usize] == *name => return Symbol(number),
                Some(_) => {}
            }
        }
        match self.crowded.get(name) {
            Some(symbol) => *symbol,
            None => self.add(name),
        }
    }

    /// The name of a symbol.
    pub fn name(&self, symbol: Symbol) -> &Rc<str> {
        &self.names[symbol.0 as usize]
    }

    fn add(&mut self, name: &str) -> Symbol {
        let symbol = Symbol(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.into());
        self.place(symbol);
        if self.names.len() * 2 > self.slots.len() {
            self.slots = vec![0; self.slots.len() * 4];
            self.crowded.clear();
            for number in 0..=symbol.0 {
                self.place(Symbol(number));
            }
        }
        symbol
    }

    fn place(&mut self, symbol: Symbol) {
        let name = self.names[symbol.0 as usize].clone();
        match self.probe(&name).find(|slot| self.slots[*slot] == 0) {
            Some(slot) => self.slots[slot] = symbol.0 + 1,
            None => {
                self.crowded.insert(name, symbol);
            }
        }
    }

    fn probe(&self, name: &str) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len() - 1;
        let hash = FxBuildHasher.hash_one(name);
        let first = usize::try_from(hash & 0xFFFF_FFFF).unwrap_or(0);
        (0..PROBES).map(move |step| (first + step) & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_symbols() {
        let mut symbols = Symbols::default();
        let names: Vec<String> = (0..20_000).map(|at| format!("name{at}")).collect();
        let first: Vec<Symbol> = names.iter().map(|name| symbols.get(name)).collect();
        for (name, symbol) in names.iter().zip(first) {
            assert_eq!(symbols.get(name), symbol);
            assert_eq!(&**symbols.name(symbol), name);
        }
    }
}
