//! Functions that are called under another name than the one that holds them:
//! `const f = o.g; f(x)`, `o.g(x)`, what another file of the package exports.

use super::{Evaluator, Memo};
use crate::collect::CallIx;

/// Calls of a file whose targets are looked at for this: bundles have more, and names that
/// say nothing.
const CALLS: usize = 4_000;

/// Calls of one function that are kept.
const CALLERS: usize = 24;

impl Evaluator<'_> {
    /// Finds such calls. What was evaluated without knowing them is forgotten.
    pub fn link(&mut self) {
        let facts = self.facts;
        if facts.calls.len() > CALLS {
            return;
        }
        // What one call tells may be what another needs: twice reaches far enough.
        for _ in 0..2 {
            let mut found = false;
            for (at, call) in (0_u32..).zip(&facts.calls) {
                let Some(function) = self.target(call).function else {
                    continue;
                };
                if self.is_linked(function, at) {
                    continue;
                }
                let calls = self.also_called.entry(function).or_default();
                if calls.len() < CALLERS && !calls.contains(&at) {
                    calls.push(at);
                    found = true;
                }
            }
            self.memo = vec![Memo::Fresh; facts.symbols.len()];
            self.returned.clear();
            if !found {
                break;
            }
        }
        self.steps = 0;
    }

    fn is_linked(&self, function: u32, call: CallIx) -> bool {
        let fact = &self.facts.functions[function as usize];
        fact.called_by == Some(call)
            || fact.method_calls.contains(&call)
            || fact
                .symbol
                .is_some_and(|symbol| self.facts.symbols[symbol as usize].calls.contains(&call))
    }
}
