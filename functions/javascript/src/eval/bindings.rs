//! Names: what a binding holds, from all that is assigned to it.

use oxc_ast::ast::{Expression, IdentifierReference};
use oxc_span::Span;

use super::{DEFINITIONS, DEPTH, Evaluator, Memo, either};
use crate::collect::{Definition, Key, Origin, ScopeIx, SymbolIx};
use crate::resolve;
use crate::sources;
use crate::value::{Eval, Taint, Value};

impl<'a> Evaluator<'a> {
    pub(super) fn name(&mut self, name: &IdentifierReference<'a>, scope: ScopeIx) -> Eval<'a> {
        match self.facts.reference(name, scope) {
            Some(symbol) => self.symbol(symbol),
            None if name.name == "arguments" => self.all_parameters(scope),
            None => match self.globals.path(name.name.as_str()) {
                Some(path) => sources::global(name.name.as_str(), path),
                None => Eval::default(),
            },
        }
    }

    /// Whether a parameter is the key of a signature.
    fn signs_with(&mut self, symbol: SymbolIx) -> bool {
        let at = &self.facts.symbols[symbol as usize];
        let parameter = matches!(
            at.definitions[..],
            [Definition {
                origin: Origin::Parameter(..),
                ..
            }]
        );
        parameter
            && at.passed.len() <= 6
            && at.passed.iter().any(|(call, argument)| {
                *argument == 1
                    && self.target(&self.facts.calls[*call as usize]).api() == "crypto.createHmac"
            })
    }

    /// `arguments`: every parameter of the function around.
    fn all_parameters(&mut self, scope: ScopeIx) -> Eval<'a> {
        let facts = self.facts;
        let function = facts.scopes[scope as usize].function;
        let mut taint = Taint::NONE;
        let parameters = facts.functions[function as usize].params.iter().take(8);
        for parameter in parameters.flatten() {
            taint = taint.with(self.symbol(*parameter).taint);
        }
        Eval::default().tainted(taint)
    }

    /// What a binding holds.
    pub fn symbol(&mut self, symbol: SymbolIx) -> Eval<'a> {
        let bound = self.frames.iter().rev().find(|(have, _)| *have == symbol);
        if let Some((_, value)) = bound {
            return value.clone();
        }
        let facts = self.facts;
        let at = &facts.symbols[symbol as usize];
        let owner = facts.scopes[at.scope as usize].function;
        let local = self
            .inlined
            .iter()
            .any(|function| facts.within(owner, *function));
        let left = DEPTH - self.depth;
        match &self.memo[symbol as usize] {
            Memo::Busy => return Eval::default(),
            Memo::Done(value, had) if !local && left < had.saturating_mul(2) => {
                return value.clone();
            }
            _ => {}
        }
        let cuts = self.cuts;
        let before = std::mem::replace(&mut self.memo[symbol as usize], Memo::Busy);
        let value = self.combine(symbol);
        self.memo[symbol as usize] = if local {
            before
        } else {
            let had = if cuts == self.cuts { DEPTH } else { left };
            Memo::Done(value.clone(), had)
        };
        value
    }

    pub(super) fn combine(&mut self, symbol: SymbolIx) -> Eval<'a> {
        let facts = self.facts;
        let at = &facts.symbols[symbol as usize];
        let mut result = Eval::default();
        let mut wholes = 0;
        for definition in at.definitions.iter().take(DEFINITIONS) {
            let value = self.definition(definition);
            if definition.partial {
                result.taint = result.taint.with(value.taint);
                // A text that grows is not known; what it grows by still tells.
                wholes += 1;
                result.value = Value::Unknown;
                continue;
            }
            wholes += 1;
            result = if wholes == 1 {
                value
            } else {
                either(result, value)
            };
        }
        if matches!(
            at.definitions[..],
            [Definition {
                origin: Origin::Parameter(..),
                ..
            }]
        ) && result.path.is_none()
            && matches!(result.value, Value::Unknown)
        {
            // `(function (require) { … })(require)`, and what is compiled as a module.
            const SMALL: usize = 64 << 10;
            match at.name {
                "req" | "request" => result.path = Some("request-in".into()),
                "require" if facts.source.len() < SMALL => {
                    result.path = Some("require".into());
                }
                _ => {}
            }
        }
        if super::members::is_wallet_key(at.name)
            || self.knows_wallets && super::members::may_be_key(at.name)
            || self.signs_with(symbol)
        {
            result.taint = result.taint.with(Taint::WALLET_KEY);
        }
        if at.definitions.len() > DEFINITIONS {
            result.value = Value::Unknown;
            result.path = None;
        }
        if !at.writes.is_empty() {
            for write in at.writes.iter().take(DEFINITIONS) {
                let write = &facts.writes[*write];
                let value = self.eval(write.value, write.scope);
                result.taint = result.taint.with(value.taint);
            }
            if matches!(result.value, Value::List(_)) {
                result.value = Value::Unknown;
            }
        }
        result
    }

    pub(super) fn definition(&mut self, definition: &'a Definition<'a>) -> Eval<'a> {
        let mut value = match definition.origin {
            Origin::Value(expression, scope) => self.eval(expression, scope),
            Origin::Iterated(expression, scope) => {
                let all = self.eval(expression, scope);
                let told = super::lists::telling(&all);
                let path = all.path.filter(|path| path.ends_with("()"));
                Eval {
                    value: told.unwrap_or_default(),
                    path,
                    taint: all.taint,
                    ..Eval::default()
                }
            }
            Origin::Import(module, name) => {
                let base = resolve::module(module);
                let path = match (base, name) {
                    (Some(base), Some(name)) => resolve::member(&base, name),
                    (base, None) => base,
                    (None, Some(_)) => None,
                };
                path.map(Eval::path).unwrap_or_default()
            }
            Origin::Parameter(function, index) => self.parameter(function, index),
            Origin::Function(function) => Value::Function(function).into(),
            Origin::Caught(span) => self.caught(span),
            Origin::Unknown => Eval::default(),
        };
        for key in definition.keys() {
            value = match key {
                Key::Name(name) => self.select(&value, name),
                Key::Index(index) => match &value.value {
                    Value::List(items) => items.get(*index).cloned().unwrap_or_default(),
                    _ => Eval::default().tainted(value.taint),
                },
                Key::Computed(key, scope) => {
                    let (key, scope): (&'a Expression<'a>, _) = (key, *scope);
                    match self.eval(key, scope).exact() {
                        Some(name) => self.select(&value, &name),
                        None => Eval::default().tainted(value.taint),
                    }
                }
                Key::Some => Eval::default().tainted(value.taint),
            };
        }
        value
    }

    /// What a `catch` may get: the answer of a request that failed, where one is sent.
    fn caught(&mut self, block: Span) -> Eval<'a> {
        const CALLS: usize = 12;
        let facts = self.facts;
        let first = facts
            .calls
            .partition_point(|call| call.span().start < block.start);
        let inside = facts.calls[first..]
            .iter()
            .take_while(|call| call.span().start < block.end);
        for call in inside.take(CALLS) {
            if sources::is_request(self.target(call).api()) {
                return Eval::default().tainted(Taint::DOWNLOADED);
            }
        }
        Eval::default()
    }
}
