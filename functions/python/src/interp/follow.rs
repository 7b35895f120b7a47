//! Following calls of a file's own functions and lambdas.

use std::rc::Rc;

use ruff_python_ast::{Expr, ExprLambda};

use super::calls::{Given, inherited};
use super::{Caller, INLINE_DEPTH, Interpreter};
use crate::value::{Taint, Value};

impl<'a> Interpreter<'a, '_> {
    /// A lambda's value; its body is evaluated with what it is given.
    pub(super) fn call_lambda(
        &mut self,
        lambda: &'a ExprLambda,
        args: &[Value<'a>],
        keywords: &[(Rc<str>, Value<'a>)],
    ) -> Value<'a> {
        if self.inline_depth >= INLINE_DEPTH {
            return Value::unknown();
        }
        self.inline_depth += 1;
        let value = self.lambda_body(lambda, args, keywords);
        self.inline_depth -= 1;
        value
    }

    /// Evaluates a lambda's body with what it is given, or with nothing known where it
    /// is defined.
    pub(super) fn lambda_body(
        &mut self,
        lambda: &'a ExprLambda,
        args: &[Value<'a>],
        keywords: &[(Rc<str>, Value<'a>)],
    ) -> Value<'a> {
        let scope = self.new_scope(self.scope, None);
        if let Some(parameters) = &lambda.parameters {
            for (at, parameter) in parameters.iter_non_variadic_params().enumerate() {
                let name = parameter.name().as_str();
                let by_name = keywords.iter().find(|(keyword, _)| &**keyword == name);
                let value = args.get(at).or(by_name.map(|(_, value)| value)).cloned();
                let value = match (value, &parameter.default) {
                    (Some(value), _) => value,
                    (None, Some(default)) => self.eval(default),
                    (None, None) => Value::unknown(),
                };
                let name = self.symbols.get(name);
                self.scopes[scope].set(name, value);
            }
        }
        let before = self.swap_scope(scope, self.caller);
        self.charged += 1;
        let value = self.eval(&lambda.body);
        self.charged -= 1;
        (self.scope, self.caller) = before;
        self.scopes.truncate(scope);
        value
    }

    /// A call of one of the file's own functions: what it is given is noted, and its
    /// value is computed anew where it is given constants.
    pub(super) fn call_function(&mut self, index: usize, given: &Given<'a>) -> Value<'a> {
        self.note_edge(index);
        let Some(function) = self.functions.get(index) else {
            return Value::unknown();
        };
        let definition = function.definition;
        let skip = usize::from(
            function.class.is_some()
                && !definition.decorator_list.iter().any(|decorator| {
                    matches!(&decorator.expression, Expr::Name(name) if &*name.id == "staticmethod")
                }),
        );
        let mut bound: Vec<(usize, Value<'a>)> = Vec::new();
        for (at, parameter) in definition
            .parameters
            .iter_non_variadic_params()
            .enumerate()
            .skip(skip)
        {
            let name = parameter.name().as_str();
            let by_name = given
                .keywords
                .iter()
                .find(|(keyword, _)| &**keyword == name);
            if let Some(value) = given
                .args
                .get(at - skip)
                .or(by_name.map(|(_, value)| value))
            {
                bound.push((at, value.clone()));
            }
        }
        let constant = bound.iter().any(|(_, value)| value.as_bytes().is_some());
        let returned = function.returned.clone();
        let known = returned
            .as_ref()
            .is_some_and(|value| value.as_bytes().is_some());
        let small = definition.body.len() <= 12;
        if self.inline_depth == 0 || self.quiet == 0 {
            let parameters = &mut self.functions[index].parameters;
            for (at, value) in &bound {
                let given = &mut parameters[*at].given;
                *given = Some(match given {
                    Some(old) => old.join(value),
                    None => value.clone(),
                });
            }
        }
        if constant && small && !known && self.inline_depth < INLINE_DEPTH {
            return self.inline(index, bound);
        }
        let given = inherited(given.taint());
        match returned {
            Some(value) => value,
            None if self.noting => Value::unknown(),
            None => Value::tainted(given),
        }
    }

    fn inline(&mut self, index: usize, bound: Vec<(usize, Value<'a>)>) -> Value<'a> {
        let function = &self.functions[index];
        let (definition, parent) = (function.definition, function.parent);
        let Some(extra) = self.extra.checked_sub(10) else {
            return Value::tainted(Taint::OVERSIZE);
        };
        self.extra = extra;
        let known = (self.functions.len(), self.classes.len());
        let scope = self.new_scope(parent, None);
        for at in 0..self.functions[index].parameters.len() {
            let parameter = &self.functions[index].parameters[at];
            if let Some(default) = parameter.default.clone() {
                let name = parameter.name;
                self.scopes[scope].set(name, default);
            }
        }
        for (at, value) in bound {
            let name = self.functions[index].parameters[at].name;
            self.scopes[scope].set(name, value);
        }
        let before = self.swap_scope(scope, Caller::Function(index));
        let branch = std::mem::take(&mut self.branch);
        self.inline_depth += 1;
        self.quiet += 1;
        self.body(&definition.body, true);
        self.quiet -= 1;
        self.inline_depth -= 1;
        self.branch = branch;
        (self.scope, self.caller) = before;
        let value = self.scopes[scope].returned.take();
        // Functions defined inside keep their scopes.
        if known == (self.functions.len(), self.classes.len()) {
            self.scopes.truncate(scope);
        }
        value.unwrap_or_default()
    }
}
