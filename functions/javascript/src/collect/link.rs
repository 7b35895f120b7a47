//! After the pass, once every declaration is known: assignments, writes and calls find
//! their bindings.

use oxc_ast::ast::{Expression, IdentifierReference};

use super::patterns::{Definition, Origin};
use super::{Call, CallIx, Collector, Facts, index};

impl<'a> Collector<'a> {
    pub(super) fn finish(mut self) -> Facts<'a> {
        self.facts.by_start.sort_unstable();
        self.facts.calls_in_order();
        for (name, scope, definition, start) in std::mem::take(&mut self.assigned) {
            if let Some(symbol) = self.facts.resolve(name, scope) {
                self.define(symbol, definition);
            } else if !crate::resolve::is_global(name) {
                let symbol = self.declare(name, 0, start);
                self.define(symbol, definition);
            }
        }
        for (name, start) in std::mem::take(&mut self.methods) {
            if let Some(function) = self.facts.function_at(start) {
                self.facts
                    .methods
                    .entry(name)
                    .and_modify(|known| *known = None)
                    .or_insert(Some(function));
            }
        }
        for write in &self.facts.writes {
            if let (Expression::ThisExpression(_), Some(name)) = (write.object, write.property) {
                let written = self.facts.own_members.entry(name).or_default();
                written.push((write.value, write.scope));
            }
        }
        for (at, write) in self.facts.writes.iter().enumerate() {
            if let Some(name) = root_name(write.object)
                && let Some(symbol) = self.facts.reference(name, write.scope)
            {
                self.facts.symbols[symbol as usize].writes.push(at);
            }
        }
        self.link_calls();
        self.facts
    }

    /// Tells every binding which calls call it, get it, or grow it.
    pub(super) fn link_calls(&mut self) {
        for at in 0..self.facts.calls.len() {
            let call = self.facts.calls[at];
            if let Some(callee) = call.callee() {
                if let Expression::Identifier(name) = callee {
                    if let Some(symbol) = self.facts.reference(name, call.scope) {
                        self.facts.symbols[symbol as usize].calls.push(index(at));
                    }
                } else if let Expression::StaticMemberExpression(member) = callee {
                    let name = member.property.name.as_str();
                    self.link_growth(&member.object, name, &call);
                    if let Some(Some(function)) = self.facts.methods.get(name) {
                        let function = &mut self.facts.functions[*function as usize];
                        function.method_calls.push(index(at));
                    }
                }
            }
            self.link_bound_growth(&call);
            for argument in 0..call.arguments().min(8) {
                if let Some(Expression::Identifier(name)) = call.argument(argument)
                    && let Some(symbol) = self.facts.reference(name, call.scope)
                {
                    let passed = &mut self.facts.symbols[symbol as usize].passed;
                    passed.push((index(at), argument));
                }
            }
        }
    }

    /// `stream.on('data', list.push.bind(list))`: the list gets what the stream gives.
    fn link_bound_growth(&mut self, call: &Call<'a>) {
        let (
            Some(Expression::StaticMemberExpression(source)),
            Some(Expression::CallExpression(bind)),
        ) = (call.callee(), call.argument(1))
        else {
            return;
        };
        let Expression::StaticMemberExpression(bound) = &bind.callee else {
            return;
        };
        let Expression::StaticMemberExpression(push) = &bound.object else {
            return;
        };
        if bound.property.name != "bind" || push.property.name != "push" {
            return;
        }
        if let Expression::Identifier(list) = &push.object
            && let Some(symbol) = self.facts.reference(list, call.scope)
        {
            let mut grown = Definition::whole(Origin::Value(&source.object, call.scope));
            grown.partial = true;
            self.define(symbol, grown);
        }
    }

    /// `list.push(x)`, `form.append(k, x)`, `Object.assign(all, x)` add to what the
    /// binding holds.
    pub(super) fn link_growth(
        &mut self,
        object: &'a Expression<'a>,
        method: &str,
        call: &Call<'a>,
    ) {
        let (target, first) = match (method, object) {
            ("push" | "unshift" | "append" | "set" | "add", Expression::Identifier(name)) => {
                (name, 0)
            }
            ("assign", Expression::Identifier(object)) if object.name == "Object" => {
                let Some(Expression::Identifier(name)) = call.argument(0) else {
                    return;
                };
                (name, 1)
            }
            _ => return,
        };
        let Some(symbol) = self.facts.reference(target, call.scope) else {
            return;
        };
        for argument in first..call.arguments().min(8) {
            if let Some(value) = call.given(argument) {
                let mut grown = Definition::whole(Origin::Value(value, call.scope));
                grown.partial = true;
                self.define(symbol, grown);
            }
        }
    }
}

impl Facts<'_> {
    fn calls_in_order(&mut self) {
        self.writes.sort_by_key(|write| write.span.start);
        self.texts.sort_by_key(|(_, span)| span.start);
        // Calls are referred to by index: sort, then renumber what refers to them.
        // Of those that start together, the one seen first stays first.
        let starts = self.calls.iter().map(|call| call.span().start);
        let mut order: Vec<(u32, CallIx)> = starts.zip(0..).collect();
        order.sort_unstable();
        let mut renamed = vec![0; order.len()];
        for (new, (_, old)) in order.iter().enumerate() {
            renamed[*old as usize] = index(new);
        }
        self.calls = order
            .iter()
            .map(|(_, at)| self.calls[*at as usize])
            .collect();
        for function in &mut self.functions {
            if let Some((call, _)) = &mut function.callback_of {
                *call = renamed[*call as usize];
            }
            if let Some(call) = &mut function.called_by {
                *call = renamed[*call as usize];
            }
        }
    }
}

/// The name at the root of `a.b[c].d`.
pub fn root_name<'a>(mut expression: &'a Expression<'a>) -> Option<&'a IdentifierReference<'a>> {
    loop {
        expression = match expression {
            Expression::Identifier(name) => return Some(name),
            Expression::StaticMemberExpression(member) => &member.object,
            Expression::ComputedMemberExpression(member) => &member.object,
            Expression::TSNonNullExpression(inner) => &inner.expression,
            Expression::TSAsExpression(inner) => &inner.expression,
            _ => return None,
        };
    }
}
