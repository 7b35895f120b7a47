//! Which names are declared in which scopes.

use indexmap::IndexMap;

use super::facts::Scope;
use super::{ScopeIx, SymbolIx};

/// Where each name is declared, in order of scopes.
#[derive(Debug, Default)]
pub(super) struct Names<'a>(IndexMap<&'a str, Vec<(ScopeIx, SymbolIx)>>);

impl<'a> Names<'a> {
    /// The binding of `name` in `scope`; `next` is its index where it is new.
    pub(super) fn declare(&mut self, name: &'a str, scope: ScopeIx, next: SymbolIx) -> SymbolIx {
        let declared = self.0.entry(name).or_default();
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
        let mut declared = &self.0.get(name)?[..];
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
