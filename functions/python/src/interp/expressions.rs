//! Expressions.

use std::rc::Rc;

use ruff_python_ast::{
    Comprehension, Expr, ExprBinOp, ExprFString, ExprSubscript, FStringPart,
    InterpolatedStringElement, Number,
};
use ruff_text_size::{Ranged as _, TextRange};

use super::calls;
use super::commands::named;
use super::labels::{text_labels, variable};
use super::numbers::unary;
use super::{DEPTH_LIMIT, Interpreter};
use crate::fold;
use crate::path::Path;
use crate::value::{Kind, Taint, Value};

/// Longest constant that a comprehension is followed over, element by element.
const COMPREHENSION_LIMIT: usize = 200_000;

/// Longest list that is kept; longer ones are data.
const LIST_LIMIT: usize = 200_000;

impl<'a> Interpreter<'a, '_> {
    /// The value of an expression, as far as it is known.
    pub(super) fn eval(&mut self, expression: &'a Expr) -> Value<'a> {
        if self.charged > 0 || self.quiet > 0 {
            let Some(extra) = self.extra.checked_sub(1) else {
                return Value::tainted(Taint::OVERSIZE);
            };
            self.extra = extra;
        }
        if self.depth >= DEPTH_LIMIT {
            self.too_deep = true;
            return Value::unknown();
        }
        self.depth += 1;
        let value = self.eval_common(expression);
        self.depth -= 1;
        value
    }

    fn eval_common(&mut self, expression: &'a Expr) -> Value<'a> {
        match expression {
            Expr::StringLiteral(literal) => self.literal(literal.value.to_str(), literal.range),
            Expr::BytesLiteral(literal) => {
                let bytes: Vec<u8> = literal.value.bytes().collect();
                let taint = match std::str::from_utf8(&bytes) {
                    Ok(text) => self.literal(text, literal.range).taint,
                    Err(_) => Taint::NONE,
                };
                Value::bytes(bytes).with(taint)
            }
            Expr::NumberLiteral(literal) => match &literal.value {
                Number::Int(int) => int
                    .as_i64()
                    .map_or_else(|| self.large(&int.to_string()), |n| Value::of(Kind::Int(n))),
                _ => Value::unknown(),
            },
            Expr::BooleanLiteral(literal) => Value::of(Kind::Int(i64::from(literal.value))),
            Expr::NoneLiteral(_) => Value::of(Kind::None),
            Expr::Name(name) => {
                let value = self.lookup(&name.id);
                if self.written.is_empty() {
                    return value;
                }
                self.written_label(expression, value)
            }
            Expr::Attribute(attribute) => {
                let value = self.attribute(attribute);
                if self.written.is_empty() {
                    return value;
                }
                self.written_label(expression, value)
            }
            Expr::Call(call) => self.call(call),
            Expr::Subscript(subscript) => self.subscript(subscript),
            Expr::BinOp(operation) => self.binary(operation),
            Expr::FString(string) => self.f_string(string),
            Expr::List(list) => self.list(&list.elts),
            Expr::Tuple(tuple) => self.list(&tuple.elts),
            Expr::Set(set) => self.list(&set.elts),
            Expr::Dict(dict) => {
                let items: Vec<(Value<'a>, Value<'a>)> = dict
                    .items
                    .iter()
                    .map(|item| {
                        let value = self.eval(&item.value);
                        match &item.key {
                            Some(key) => (self.eval(key), value),
                            // `{**mapping}`
                            None => (Value::unknown(), calls::iterated(value)),
                        }
                    })
                    .collect();
                let taint = items
                    .iter()
                    .fold(Taint::NONE, |all, (_, value)| all | value.taint);
                Value::dict(items).with(taint.without(Taint::PARTIAL | Taint::BUILT))
            }
            other => self.eval_other(other),
        }
    }

    fn eval_other(&mut self, expression: &'a Expr) -> Value<'a> {
        match expression {
            Expr::BoolOp(operation) => {
                let values: Vec<Value<'a>> = operation
                    .values
                    .iter()
                    .map(|value| self.eval(value))
                    .collect();
                values
                    .into_iter()
                    .reduce(|a, b| a.join(&b))
                    .unwrap_or_default()
            }
            Expr::If(conditional) => {
                let _test = self.eval(&conditional.test);
                let body = self.eval(&conditional.body);
                let otherwise = self.eval(&conditional.orelse);
                match (&body.kind, &otherwise.kind) {
                    // `b if isinstance(b, dict) else vars(b)`: either way it leads there.
                    (Kind::Path(path), Kind::Path(_)) if path.starts_with("builtins") => {
                        body.with(otherwise.taint)
                    }
                    _ => body.join(&otherwise),
                }
            }
            Expr::UnaryOp(operation) => {
                let value = self.eval(&operation.operand);
                unary(operation.op, &value)
            }
            Expr::Compare(compare) => {
                let _left = self.eval(&compare.left);
                for side in &compare.comparators {
                    let _right = self.eval(side);
                }
                Value::unknown()
            }
            Expr::Named(named) => {
                let value = self.eval(&named.value);
                self.assign(&named.target, value.clone());
                value
            }
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    for parameter in parameters.iter_non_variadic_params() {
                        if let Some(default) = &parameter.default {
                            let _unused = self.eval(default);
                        }
                    }
                }
                let _body = self.lambda_body(lambda, &[], &[]);
                Value::of(Kind::Lambda(lambda))
            }
            Expr::Await(inner) => self.eval(&inner.value),
            Expr::Starred(inner) => self.eval(&inner.value),
            Expr::YieldFrom(inner) => self.eval(&inner.value),
            Expr::Yield(inner) => inner
                .value
                .as_deref()
                .map(|value| self.eval(value))
                .unwrap_or_default(),
            Expr::ListComp(c) => self.comprehension(&c.generators, &c.elt),
            Expr::SetComp(c) => self.comprehension(&c.generators, &c.elt),
            Expr::Generator(c) => self.comprehension(&c.generators, &c.elt),
            Expr::DictComp(c) => self.comprehension(&c.generators, &c.value),
            Expr::TString(string) => {
                for element in string.value.elements() {
                    if let InterpolatedStringElement::Interpolation(inner) = element {
                        let _unused = self.eval(&inner.expression);
                    }
                }
                Value::unknown()
            }
            _ => Value::unknown(),
        }
    }

    /// A string constant, with labels for what it names.
    pub(super) fn literal(&mut self, text: &str, range: TextRange) -> Value<'a> {
        let position = range.start().to_u32();
        let (text, taint) = match self.literals.get(&position) {
            Some((text, taint)) => (text.clone(), *taint),
            None => {
                let known = (Rc::from(text), text_labels(text));
                self.literals.insert(position, known.clone());
                known
            }
        };
        if taint != Taint::NONE {
            self.note_text(&text, range);
        }
        let written = match self.written.is_empty() {
            true => Taint::NONE,
            false => match self.written.get(&text) {
                Some(taint) => *taint,
                None if self.names_download(&text) => Taint::DOWNLOADED_FILE,
                None => Taint::NONE,
            },
        };
        let unpacked = self
            .unpacked
            .iter()
            .any(|folder| text.starts_with(&**folder));
        let label = match unpacked {
            true => Taint::DOWNLOADED_FILE,
            false => Taint::NONE,
        };
        Value::text(text).with(taint | written | label)
    }

    /// Adds what was written to the file that a path names.
    fn written_label(&self, expression: &Expr, value: Value<'a>) -> Value<'a> {
        let by_key = self
            .file_key(expression, &value)
            .and_then(|key| self.written.get(&key));
        // A command names a file by its text, whatever part of it is not known.
        let by_text = || self.written.get(named(&value)?);
        match by_key.or_else(by_text) {
            Some(taint) => value.with(*taint),
            None => value,
        }
    }

    fn list(&mut self, items: &'a [Expr]) -> Value<'a> {
        if items.len() > LIST_LIMIT {
            let taint = items
                .iter()
                .fold(Taint::OVERSIZE, |all, item| all | self.eval(item).taint);
            return Value::tainted(taint);
        }
        let items: Vec<Value<'a>> = items.iter().map(|item| self.eval(item)).collect();
        let taint = items.iter().fold(Taint::NONE, |all, item| all | item.taint);
        Value::list(items).with(taint.without(Taint::PARTIAL | Taint::BUILT))
    }

    fn subscript(&mut self, subscript: &'a ExprSubscript) -> Value<'a> {
        let base = self.eval(&subscript.value);
        if let Expr::Slice(slice) = &*subscript.slice {
            let mut bounds = [None; 3];
            for (at, bound) in [&slice.lower, &slice.upper, &slice.step]
                .into_iter()
                .enumerate()
            {
                let Some(bound) = bound else { continue };
                let value = self.eval(bound);
                match value.kind {
                    Kind::None => {}
                    Kind::Int(number) => bounds[at] = Some(number),
                    _ => return Value::unknown().inheriting(&base),
                }
            }
            return fold::slice(&base, bounds, &mut self.budget);
        }
        let key = self.eval(&subscript.slice);
        match &base.kind {
            Kind::Path(path) => self.path_item(&path.clone(), &base, &key),
            _ => fold::index(&base, &key, &mut self.budget),
        }
    }

    /// `os.environ["X"]`, `sys.modules["os"]`, `globals()["exec"]`, …
    fn path_item(&mut self, path: &Path, base: &Value<'a>, key: &Value<'a>) -> Value<'a> {
        let reflected = if key.taint.has(Taint::BUILT | Taint::DECODED) {
            Taint::REFLECTED
        } else {
            Taint::NONE
        };
        match (&**path.canonical(), key.as_str()) {
            ("os.environ" | "os.environb", Some(name)) => variable(name),
            ("os.environ" | "os.environb", None) => Value::unknown(),
            ("sys.modules", Some(name)) => self.path(name).with(reflected),
            ("builtins" | "builtins.__dict__" | "builtins.vars()" | "sys.argv", Some(name))
                if &**path != "sys.argv" =>
            {
                self.path(&format!("builtins.{name}")).with(reflected)
            }
            ("builtins.globals()" | "builtins.locals()" | "builtins.vars()", Some(name)) => {
                self.lookup(name).with(reflected)
            }
            (path, Some(name)) if path.ends_with(".__dict__") => {
                let module = path.trim_end_matches(".__dict__");
                let module = self.paths.whole(module, &mut self.symbols);
                let name = self.symbols.get(name);
                self.path_attribute(&module, name).with(reflected)
            }
            _ => Value::unknown().inheriting(base),
        }
    }

    fn binary(&mut self, operation: &'a ExprBinOp) -> Value<'a> {
        // A sum of thousands is a tree as deep: walk its left edge without recursion.
        let mut chain = vec![operation];
        let mut left = &*operation.left;
        while let Expr::BinOp(inner) = left {
            chain.push(inner);
            left = &inner.left;
        }
        let mut value = self.eval(left);
        for operation in chain.into_iter().rev() {
            let right = self.eval(&operation.right);
            value = fold::binary(operation.op, &value, &right, &mut self.budget);
        }
        self.relabel(value)
    }

    fn f_string(&mut self, string: &'a ExprFString) -> Value<'a> {
        let mut pieces = Vec::new();
        for part in &string.value {
            match part {
                FStringPart::Literal(literal) => {
                    pieces.push(self.literal(literal.as_str(), literal.range()));
                }
                FStringPart::FString(string) => {
                    for element in &string.elements {
                        pieces.push(match element {
                            InterpolatedStringElement::Literal(literal) => {
                                self.literal(&literal.value, literal.range())
                            }
                            InterpolatedStringElement::Interpolation(inner) => {
                                self.eval(&inner.expression)
                            }
                        });
                    }
                }
            }
        }
        let value = fold::concat(&pieces, &mut self.budget);
        self.relabel(value.with(Taint::BUILT))
    }

    /// A folded string names things that its parts did not.
    pub(super) fn relabel(&mut self, value: Value<'a>) -> Value<'a> {
        let labels = match value.as_str() {
            Some(text) if value.taint.has(Taint::BUILT) => text_labels(text),
            _ => return value,
        };
        value.with(labels)
    }

    fn comprehension(&mut self, generators: &'a [Comprehension], element: &'a Expr) -> Value<'a> {
        let [only] = generators else {
            for generator in generators {
                let iterated = calls::iterated(self.eval(&generator.iter));
                self.assign(&generator.target, Value::unknown().inheriting(&iterated));
                for test in &generator.ifs {
                    let _test = self.eval(test);
                }
            }
            let value = self.eval(element);
            return Value::tainted(value.taint.without(Taint::BUILT));
        };
        let iterated = calls::iterated(self.eval(&only.iter));
        let items = fold::elements(
            &iterated,
            self.follow_limit(element).min(COMPREHENSION_LIMIT),
        )
        .filter(|items| only.ifs.is_empty() && !items.is_empty());
        let Some(items) = items else {
            self.assign(&only.target, Value::unknown().inheriting(&iterated));
            for test in &only.ifs {
                let _test = self.eval(test);
            }
            let value = self.eval(element);
            return Value::tainted(value.taint.without(Taint::BUILT));
        };
        let mut values = Vec::with_capacity(items.len().min(4_096));
        let mut taint = iterated.taint;
        let outside = self.rounds;
        self.rounds = outside.saturating_mul(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let Some(extra) = self.extra.checked_sub(4) else {
                self.rounds = outside;
                return Value::tainted(taint | Taint::OVERSIZE);
            };
            self.extra = extra;
            self.quiet += usize::from(at > 0);
            self.assign(&only.target, item);
            let value = self.eval(element);
            self.quiet -= usize::from(at > 0);
            taint |= value.taint;
            values.push(value);
        }
        self.rounds = outside;
        Value::list(values).with(taint.without(Taint::PARTIAL))
    }
}
