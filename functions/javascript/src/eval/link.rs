//! Functions that are called under another name than the one that holds them:
//! `const f = o.g; f(x)`, `o.g(x)`, what another file of the package exports.

use std::rc::Rc;

use oxc_ast::ast::Expression;

use super::{Evaluator, Memo, STEPS};
use crate::collect::{Call, CallIx, Origin, ScopeIx};
use crate::value::{Eval, Value, number_text};

/// Calls of a file whose targets are looked at for this: bundles have more, and names that
/// say nothing.
const CALLS: usize = 4_000;

/// Calls of one function that are kept.
const CALLERS: usize = 24;

impl<'a> Evaluator<'a> {
    /// Finds such calls. What was evaluated without knowing them is forgotten.
    pub fn link(&mut self) {
        let facts = self.facts;
        if facts.calls.len() > CALLS {
            return;
        }
        // Not worth more than a part of what a file may cost.
        self.steps = STEPS - STEPS / 8;
        // What one call tells may be what another needs: twice reaches far enough.
        for _ in 0..2 {
            let mut found = false;
            for (at, call) in (0_u32..).zip(&facts.calls) {
                let Some(function) = self.target(call).function else {
                    continue;
                };
                if self.exhausted {
                    break;
                }
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
        self.text_bytes = 0;
        self.exhausted = false;
    }

    fn is_linked(&self, function: u32, call: CallIx) -> bool {
        let fact = &self.facts.functions[function as usize];
        fact.called_by == Some(call)
            || fact.method_calls.contains(&call)
            || fact
                .symbol
                .is_some_and(|symbol| self.facts.symbols[symbol as usize].calls.contains(&call))
    }

    /// The module outside of a bundle that a call loads: `__webpack_require__(2081)`, or `n(2081)`
    /// where `n` is what the bundle hands to each of its files.
    pub(super) fn external(&self, call: &Call<'a>) -> Option<&'a str> {
        if self.externals.is_empty() || call.arguments() != 1 {
            return None;
        }
        let Some(Expression::Identifier(name)) = call.callee() else {
            return None;
        };
        let key = match call.argument(0)? {
            Expression::NumericLiteral(number) => number_text(number.value),
            Expression::StringLiteral(text) => text.value.to_string(),
            _ => return None,
        };
        let module = *self.externals.get(key.as_str())?;
        let named = matches!(
            name.name.as_str(),
            "__webpack_require__" | "__nccwpck_require__"
        );
        let handed = || {
            let symbol = self.facts.reference(name, call.scope)?;
            let definitions = &self.facts.symbols[symbol as usize].definitions;
            let mut origins = definitions.iter().map(|definition| &definition.origin);
            Some(origins.all(|origin| matches!(origin, Origin::Parameter(..))))
        };
        (named || handed() == Some(true)).then_some(module)
    }

    /// Texts that a function's parameter is given, by all that call it: `run(command)`.
    pub fn alternatives(&mut self, expression: &'a Expression<'a>, scope: ScopeIx) -> Vec<Rc<str>> {
        let facts = self.facts;
        let mut texts = Vec::new();
        let Expression::Identifier(name) = expression else {
            return texts;
        };
        let Some(symbol) = facts.reference(name, scope) else {
            return texts;
        };
        for definition in facts.symbols[symbol as usize].definitions.iter().take(4) {
            let Origin::Parameter(function, index) = definition.origin else {
                continue;
            };
            let fact = &facts.functions[function as usize];
            let mut calls = self.also_called.get(&function).cloned().unwrap_or_default();
            let mut handed = Vec::from_iter(fact.callback_of);
            if let Some(symbol) = fact.symbol {
                let symbol = &facts.symbols[symbol as usize];
                calls.extend(symbol.calls.iter().take(CALLERS));
                handed.extend(symbol.passed.iter().take(4));
            }
            for call in calls {
                let value = self.given(call, index);
                texts.extend(value.as_ref().and_then(Eval::known).map(Rc::from));
            }
            for (call, _) in handed.into_iter().filter(|_| index == 0) {
                if let Some(Expression::StaticMemberExpression(member)) =
                    facts.calls[call as usize].callee()
                {
                    let scope = facts.calls[call as usize].scope;
                    self.elements(&member.object, scope, &mut texts, 0);
                }
            }
        }
        texts
    }

    /// Texts of a list, or of either of two.
    fn elements(
        &mut self,
        list: &'a Expression<'a>,
        scope: ScopeIx,
        texts: &mut Vec<Rc<str>>,
        depth: u32,
    ) {
        const DEPTH: u32 = 4;
        if depth > DEPTH || texts.len() > CALLERS {
            return;
        }
        match list {
            Expression::ConditionalExpression(either) => {
                self.elements(&either.consequent, scope, texts, depth + 1);
                self.elements(&either.alternate, scope, texts, depth + 1);
            }
            Expression::Identifier(name) => {
                let facts = self.facts;
                let Some(symbol) = facts.reference(name, scope) else {
                    return;
                };
                for definition in facts.symbols[symbol as usize].definitions.iter().take(2) {
                    if let Origin::Value(value, scope) = definition.origin
                        && definition.keys().is_empty()
                    {
                        self.elements(value, scope, texts, depth + 1);
                    }
                }
            }
            _ => {
                if let Value::List(items) = self.eval(list, scope).value {
                    let known = items.iter().take(CALLERS).filter_map(Eval::known);
                    texts.extend(known.map(Rc::<str>::from));
                }
            }
        }
    }
}
