//! The file's own functions: what flows in through parameters and out through
//! `return`.

use std::rc::Rc;

use oxc_ast::ast::Expression;
use packguard_sdk::decode::Layer;

use super::{DEFINITIONS, DEPTH, Evaluator, INLINE, INLINE_STEPS, Memo, either};
use crate::collect::{Call, CallIx, FunctionIx};
use crate::value::{Eval, TEXT_LIMIT, Taint, Value};

impl<'a> Evaluator<'a> {
    pub(super) fn own_call(&mut self, function: FunctionIx, arguments: &[Eval<'a>]) -> Eval<'a> {
        let known = arguments.iter().any(Eval::is_exact);
        let inlined = known
            .then(|| self.inline(function, arguments))
            .flatten()
            .filter(|value| value.is_exact() || value.path.is_some());
        if let Some(value) = inlined.as_ref().filter(|value| value.is_exact()) {
            return value.clone();
        }
        if (known || self.shuffled)
            && arguments.iter().all(Eval::is_exact)
            && size(arguments) <= ARGUMENTS
            && self.is_decoder(function, arguments)
            && let Some(value) = self.machine.apply(function, arguments)
        {
            return self.decoded(value, arguments);
        }
        inlined.unwrap_or_else(|| self.returns(function))
    }

    /// Notes what a decoder of the file's own gave.
    fn decoded(&mut self, value: Eval<'a>, arguments: &[Eval<'a>]) -> Eval<'a> {
        let mut taint = Taint::UNESCAPED;
        let mut layers = Vec::new();
        for argument in arguments {
            taint = taint.with(argument.taint);
            layers.extend_from_slice(argument.layers());
        }
        let Some(text) = value.as_piece() else {
            return value.tainted(taint);
        };
        self.text_bytes += text.len();
        if self.text_bytes > 16 * TEXT_LIMIT {
            self.exhausted = true;
            return Eval::default().tainted(taint);
        }
        layers.truncate(8);
        layers.push(Layer {
            encoding: "own decoder",
            text: packguard_sdk::text::cut(&text, 4_000).into(),
        });
        value.tainted(taint).layered(Some(Rc::new(layers)))
    }

    /// Whether a function looks as if it decoded texts, so that running it step by step
    /// is worth its time.
    fn is_decoder(&mut self, function: FunctionIx, arguments: &[Eval<'a>]) -> bool {
        const LONGEST: u32 = 20_000;
        const SHORT: u32 = 500;
        let facts = self.facts;
        let span = facts.functions[function as usize].span;
        if self.shuffled {
            return span.size() < LONGEST;
        }
        let fetch = span.size() < SHORT && arguments.iter().all(|value| value.number().is_some());
        if fetch && !arguments.is_empty() {
            return true;
        }
        if span.size() > LONGEST {
            return false;
        }
        if let Some(known) = self.decoders.get(&function) {
            return *known;
        }
        let first = facts
            .calls
            .partition_point(|call| call.span().start < span.start);
        let decodes = facts.calls[first..]
            .iter()
            .take_while(|call| call.span().start < span.end)
            .take(200)
            .any(|call| is_decoding(call.callee()));
        self.decoders.insert(function, decodes);
        decodes
    }

    /// What a function of one `return` gives for these arguments.
    pub(super) fn inline(
        &mut self,
        function: FunctionIx,
        arguments: &[Eval<'a>],
    ) -> Option<Eval<'a>> {
        let facts = self.facts;
        let fact = &facts.functions[function as usize];
        let [(value, scope)] = fact.returns[..] else {
            return None;
        };
        if self.inlined.len() >= INLINE || self.inlined.contains(&function) {
            return None;
        }
        let height = self.frames.len();
        for (at, parameter) in fact.params.iter().enumerate() {
            if let Some(parameter) = parameter {
                let value = arguments.get(at).cloned().unwrap_or_default();
                self.frames.push((*parameter, value));
            }
        }
        if self.inlined.is_empty() {
            self.inline_end = self.steps.saturating_add(INLINE_STEPS);
        }
        self.inlined.push(function);
        let result = self.eval(value, scope);
        self.inlined.pop();
        if self.inlined.is_empty() {
            self.inline_end = u32::MAX;
        }
        self.frames.truncate(height);
        Some(result)
    }

    /// Everything a function may give back.
    pub fn returns(&mut self, function: FunctionIx) -> Eval<'a> {
        let left = DEPTH.saturating_sub(self.depth);
        match self.returned.get(&function) {
            Some(Memo::Busy) => return Eval::default(),
            Some(Memo::Done(value, had))
                if self.inlined.is_empty() && left < had.saturating_mul(2) =>
            {
                return value.clone();
            }
            _ => {}
        }
        let cuts = self.cuts;
        self.returned.insert(function, Memo::Busy);
        let facts = self.facts;
        let mut result: Option<Eval<'a>> = None;
        for (value, scope) in facts.functions[function as usize]
            .returns
            .iter()
            .take(DEFINITIONS)
        {
            let value = self.eval(value, *scope);
            result = Some(match result {
                None => value,
                Some(have) => either(have, value),
            });
        }
        let result = result.unwrap_or_default();
        let memo = if self.inlined.is_empty() {
            let had = if cuts == self.cuts { DEPTH } else { left };
            Memo::Done(result.clone(), had)
        } else {
            Memo::Fresh
        };
        self.returned.insert(function, memo);
        result
    }

    /// What a promise's executor resolves with.
    pub(super) fn settled(&mut self, executor: FunctionIx) -> Taint {
        let facts = self.facts;
        let resolve = facts.functions[executor as usize].params.first();
        let Some(Some(resolve)) = resolve else {
            return Taint::NONE;
        };
        let mut taint = Taint::NONE;
        for call in facts.symbols[*resolve as usize]
            .calls
            .iter()
            .take(DEFINITIONS)
        {
            let call = &facts.calls[*call as usize];
            if let Some(value) = call.argument(0) {
                taint = taint.with(self.eval(value, call.scope).taint);
            }
        }
        taint
    }

    /// What parameter `index` of `function` may be.
    pub(super) fn parameter(&mut self, function: FunctionIx, index: usize) -> Eval<'a> {
        let facts = self.facts;
        let fact = &facts.functions[function as usize];
        let mut values = Vec::new();
        if let Some(call) = fact.called_by {
            values.extend(self.given(call, index));
        }
        // What many places call gets everything: that says nothing.
        if fact.method_calls.len() <= METHOD_CALLS {
            for call in &fact.method_calls {
                values.extend(self.given(*call, index));
            }
        }
        if let Some((call, argument)) = fact.callback_of {
            values.push(self.handed(call, argument, index));
        }
        if let Some(calls) = self.also_called.get(&function) {
            for call in calls.clone() {
                values.extend(self.given(call, index));
            }
        }
        if let Some(symbol) = fact.symbol {
            let symbol = &facts.symbols[symbol as usize];
            for call in symbol.calls.iter().take(DEFINITIONS) {
                values.extend(self.given(*call, index));
            }
            for (call, argument) in symbol.passed.iter().take(4) {
                values.push(self.handed(*call, *argument, index));
            }
        }
        let reached = self.reached.get(&function).cloned().unwrap_or_default();
        if reached.len() <= METHOD_CALLS {
            for call in reached {
                values.extend(self.given(call, index));
            }
        }
        let mut all = values.into_iter();
        let first = all.next().unwrap_or_default();
        all.fold(first, either)
    }

    /// Argument `index` of a direct call.
    pub(super) fn given(&mut self, call: CallIx, index: usize) -> Option<Eval<'a>> {
        let call = self.facts.calls[call as usize];
        let shift = match call.callee()? {
            Expression::StaticMemberExpression(member) => match member.property.name.as_str() {
                "call" => 1,
                "apply" => return None,
                _ => 0,
            },
            _ => 0,
        };
        let argument = call.argument(index + shift)?;
        Some(self.eval(argument, call.scope))
    }

    /// What a callback gets as its parameter `index` from the call it is handed to.
    pub(super) fn handed(&mut self, call: CallIx, argument: usize, index: usize) -> Eval<'a> {
        let call = self.facts.calls[call as usize];
        let facts = self.facts;
        if let Some(Expression::Identifier(name)) = call.callee()
            && let Some(symbol) = facts.reference(name, call.scope)
            && let Value::Function(function) = self.symbol(symbol).value
        {
            let parameter = facts.functions[function as usize].params.get(argument);
            let Some(Some(parameter)) = parameter else {
                return Eval::default();
            };
            let mut values = Vec::new();
            for call in facts.symbols[*parameter as usize]
                .calls
                .iter()
                .take(DEFINITIONS)
            {
                values.extend(self.given(*call, index));
            }
            let mut all = values.into_iter();
            let first = all.next().unwrap_or_default();
            return all.fold(first, either);
        }
        if index == 0
            && argument == 1
            && let Some(event) = call.argument(0)
            && let Some(event) = self.eval(event, call.scope).exact()
            && matches!(&*event, "keydown" | "keypress" | "keyup")
        {
            return Eval::default().tainted(Taint::KEY_EVENT);
        }
        if let Some(value) = self.passed_on(&call, argument, index) {
            return value;
        }
        let given = self.call_depth(&call);
        let path = given.path.filter(|_| index == 0);
        // Node's callbacks: the first of two or more is the error.
        Eval {
            path,
            taint: given.taint,
            ..Eval::default()
        }
    }

    /// What `process.nextTick(f, x)` and `list.forEach(f)` give to `f`.
    fn passed_on(&mut self, call: &Call<'a>, argument: usize, index: usize) -> Option<Eval<'a>> {
        let name = match call.callee()? {
            Expression::StaticMemberExpression(member) => {
                let name = member.property.name.as_str();
                if index == 0
                    && argument == 0
                    && matches!(
                        name,
                        "forEach" | "map" | "flatMap" | "filter" | "some" | "every"
                    )
                {
                    let list = self.eval(&member.object, call.scope);
                    let value = super::lists::telling(&list)?;
                    return Some(Eval::from(value).tainted(list.taint));
                }
                name
            }
            Expression::Identifier(name) => name.name.as_str(),
            _ => return None,
        };
        let first = match name {
            "nextTick" | "setImmediate" if argument == 0 => 1,
            "setTimeout" | "setInterval" if argument == 0 => 2,
            _ => return None,
        };
        let value = call.argument(first + index)?;
        Some(self.eval(value, call.scope))
    }

    pub(super) fn call_depth(&mut self, call: &Call<'a>) -> Eval<'a> {
        if self.depth + 1 >= DEPTH {
            self.cuts += 1;
            return Eval::default();
        }
        self.depth += 1;
        let value = self.call(call);
        self.depth -= 1;
        value
    }
}

/// Calls of a method that are followed to its parameters.
const METHOD_CALLS: usize = 4;

/// Most that a function is run with, in bytes and elements.
const ARGUMENTS: usize = 1 << 20;

fn size(arguments: &[Eval<'_>]) -> usize {
    let one = |argument: &Eval<'_>| match &argument.value {
        Value::Text { text, .. } => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.len(),
        _ => 1,
    };
    arguments.iter().map(one).sum()
}

/// Whether a call is one that decoders make.
fn is_decoding(callee: Option<&Expression<'_>>) -> bool {
    let name = match callee {
        Some(Expression::StaticMemberExpression(member)) => member.property.name.as_str(),
        Some(Expression::ComputedMemberExpression(member)) => match &member.expression {
            Expression::StringLiteral(text) => text.value.as_str(),
            _ => return false,
        },
        Some(Expression::Identifier(name)) => name.name.as_str(),
        _ => return false,
    };
    matches!(
        name,
        "charCodeAt"
            | "codePointAt"
            | "fromCharCode"
            | "fromCodePoint"
            | "atob"
            | "unescape"
            | "decodeURIComponent"
            | "reverse"
    )
}
