//! Which names are declared in which scopes.

use std::collections::HashMap;

use super::facts::Scope;
use super::{ScopeIx, SymbolIx, index};

/// All declarations by name. (Never iterated: its order is not the same every time.)
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    numbers: HashMap<&'a str, u32>,
    /// Where each name is declared, in order of scopes.
    declared: Vec<Vec<(ScopeIx, SymbolIx)>>,
}

impl<'a> Names<'a> {
    /// The binding of `name` in `scope`; `next` is its index where it is new.
    pub(super) fn declare(&mut self, name: &'a str, scope: ScopeIx, next: SymbolIx) -> SymbolIx {
        let number = *self.numbers.entry(name).or_insert_with(|| {
            self.declared.push(Vec::new());
            index(self.declared.len() - 1)
        });
        let declared = &mut self.declared[number as usize];
        match declared.binary_search_by_key(&scope, |(scope, _)| *scope) {
            Ok(at) => declared[at].1,
            Err(at) => {
                // Only scopes around the current one come late, so little is moved.
                declared.insert(at, (scope, next));
                next
            }
        }
    }

    /// The binding that `name` means in scope `at`.
    pub(super) fn resolve(
        &self,
        scopes: &[Scope],
        name: &str,
        mut at: ScopeIx,
    ) -> Option<SymbolIx> {
        let number = *self.numbers.get(name)?;
        let mut declared = &self.declared[number as usize][..];
        loop {
            // Scopes have greater numbers than those around them: candidates are only
            // those below, and those passed by are out.
            let inner = declared.partition_point(|(scope, _)| *scope <= at);
            let ((scope, symbol), outer) = declared[..inner].split_last()?;
            while at > *scope {
                at = scopes[at as usize].parent;
            }
            if at == *scope {
                return Some(*symbol);
            }
            declared = outer;
        }
    }
}
