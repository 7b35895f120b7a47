//! Evaluates expressions as far as that is possible without running them: constants,
//! the interfaces that names denote, and where data comes from.
//!
//! Flow-insensitive: a binding is everything that is assigned to it. Calls of the
//! file's own functions flow in through their parameters and out through what they
//! return; short functions of constant arguments are folded.

use std::collections::BTreeMap;
use std::rc::Rc;

use oxc_ast::ast::{
    ArrayExpressionElement, BinaryOperator, ChainElement, Expression, ObjectExpression,
    ObjectPropertyKind, PropertyKey, UnaryOperator,
};

use crate::collect::{Call, CallNode, Definition, Facts, FunctionIx, Key, Origin, ScopeIx, SymbolIx};
use crate::resolve;
use crate::sources;
use crate::value::{Eval, HOLE, TEXT_LIMIT, Taint, Value};

pub mod calls;
mod methods;
mod packer;

/// Expressions evaluated per file. The largest honest bundles (10 MB) need a tenth.
pub const STEPS: u32 = 6_000_000;

/// How deep evaluation may go: hops from name to name and call to call count too.
/// Bounds the machine stack (some 100 KiB) and the length of a chain that convicts.
const DEPTH: u32 = 40;

/// Definitions of one binding that are looked at; shared bindings of bundles have
/// hundreds, and say nothing.
const DEFINITIONS: usize = 24;

/// Elements of a literal that are evaluated for their marks.
const ELEMENTS: usize = 200;

/// Elements of an array that is folded whole (character codes of a payload).
const LIST: usize = 200_000;

/// Functions folded inside each other.
const INLINE: usize = 6;

/// Steps that folding one function for its arguments may take.
const INLINE_STEPS: u32 = 3_000;

/// A remembered value.
#[derive(Clone)]
enum Memo<'a> {
    Fresh,
    Busy,
    /// The value, and the depth that was left when it was found; [`DEPTH`] where the
    /// depth limit did not cut it short. With twice that much left it is worth
    /// another look, so each is looked at a few times at most.
    Done(Eval<'a>, u32),
}

/// Evaluates expressions of one file.
pub struct Evaluator<'a> {
    /// The file's facts.
    pub facts: &'a Facts<'a>,
    steps: u32,
    depth: u32,
    text_bytes: usize,
    memo: Vec<Memo<'a>>,
    /// Parameters of functions being folded.
    frames: Vec<(SymbolIx, Eval<'a>)>,
    /// Step at which folding must end.
    inline_end: u32,
    /// How often the depth limit cut something short.
    cuts: u32,
    inlined: Vec<FunctionIx>,
    returned: BTreeMap<FunctionIx, Memo<'a>>,
    /// Whether a limit cut the evaluation short.
    pub exhausted: bool,
}

impl<'a> Evaluator<'a> {
    /// An evaluator that has looked at nothing yet.
    pub fn new(facts: &'a Facts<'a>) -> Self {
        Self {
            facts,
            steps: 0,
            depth: 0,
            text_bytes: 0,
            memo: vec![Memo::Fresh; facts.symbols.len()],
            frames: Vec::new(),
            inline_end: u32::MAX,
            cuts: 0,
            inlined: Vec::new(),
            returned: BTreeMap::new(),
            exhausted: false,
        }
    }

    /// What `expression` is, seen from `scope`.
    pub fn eval(&mut self, expression: &'a Expression<'a>, scope: ScopeIx) -> Eval<'a> {
        self.steps += 1;
        if self.steps > STEPS {
            self.exhausted = true;
            return Eval::default();
        }
        if self.depth >= DEPTH || self.steps > self.inline_end {
            self.cuts += 1;
            return Eval::default();
        }
        self.depth += 1;
        let result = self.dispatch(expression, scope);
        self.depth -= 1;
        result
    }

    fn dispatch(&mut self, expression: &'a Expression<'a>, scope: ScopeIx) -> Eval<'a> {
        match expression {
            Expression::StringLiteral(text) => Eval::text(text.value.as_str()),
            Expression::NumericLiteral(number) => Value::Number(number.value).into(),
            Expression::BooleanLiteral(literal) => Value::Boolean(literal.value).into(),
            Expression::TemplateLiteral(template) => {
                let mut pieces = Pieces::default();
                for (at, quasi) in template.quasis.iter().enumerate() {
                    let text = quasi.value.cooked.as_ref().unwrap_or(&quasi.value.raw);
                    pieces.push(&Eval::text(text.as_str()));
                    if let Some(inner) = template.expressions.get(at) {
                        let inner = self.eval(inner, scope);
                        pieces.push(&inner);
                    }
                }
                self.join(pieces)
            }
            Expression::Identifier(name) => self.name(name.name.as_str(), scope),
            Expression::StaticMemberExpression(member) => {
                self.member(&member.object, member.property.name.as_str(), scope)
            }
            Expression::ComputedMemberExpression(member) => {
                self.computed(&member.object, &member.expression, scope)
            }
            Expression::ChainExpression(chain) => match &chain.expression {
                ChainElement::CallExpression(call) => self.call(
                    &Call {
                        node: CallNode::Call(call),
                        scope,
                        function: 0,
                    },
                ),
                ChainElement::StaticMemberExpression(member) => {
                    self.member(&member.object, member.property.name.as_str(), scope)
                }
                ChainElement::ComputedMemberExpression(member) => {
                    self.computed(&member.object, &member.expression, scope)
                }
                ChainElement::TSNonNullExpression(inner) => self.eval(&inner.expression, scope),
                ChainElement::PrivateFieldExpression(_) => Eval::default(),
            },
            Expression::CallExpression(call) => self.call(&site(CallNode::Call(call), scope)),
            Expression::NewExpression(call) => self.call(&site(CallNode::New(call), scope)),
            Expression::ImportExpression(call) => self.call(&site(CallNode::Import(call), scope)),
            Expression::BinaryExpression(_) => self.binary(expression, scope),
            Expression::LogicalExpression(logical) => {
                let left = self.eval(&logical.left, scope);
                let right = self.eval(&logical.right, scope);
                either(left, right)
            }
            Expression::ConditionalExpression(conditional) => {
                let left = self.eval(&conditional.consequent, scope);
                let right = self.eval(&conditional.alternate, scope);
                either(left, right)
            }
            Expression::SequenceExpression(sequence) => sequence
                .expressions
                .last()
                .map(|last| self.eval(last, scope))
                .unwrap_or_default(),
            Expression::AssignmentExpression(assignment) => self.eval(&assignment.right, scope),
            Expression::ArrayExpression(_) => self.array(expression, scope),
            Expression::ObjectExpression(object) => self.object(object, scope),
            Expression::UnaryExpression(unary) => {
                let inner = self.eval(&unary.argument, scope);
                unary_value(unary.operator, &inner)
            }
            Expression::ArrowFunctionExpression(arrow) => self.function(arrow.span.start),
            Expression::FunctionExpression(function) => self.function(function.span.start),
            Expression::RegExpLiteral(_) => Eval::path("RegExp.prototype"),
            other => match crate::collect::wrapped(other) {
                Some(inner) => self.eval(inner, scope),
                None => Eval::default(),
            },
        }
    }

    fn function(&self, start: u32) -> Eval<'a> {
        self.facts
            .function_at(start)
            .map(|function| Value::Function(function).into())
            .unwrap_or_default()
    }

    fn array(&mut self, expression: &'a Expression<'a>, scope: ScopeIx) -> Eval<'a> {
        let Expression::ArrayExpression(array) = expression else {
            return Eval::default();
        };
        let mut items = Vec::new();
        let mut taint = Taint::NONE;
        for element in array.elements.iter().take(LIST) {
            let item = match element {
                ArrayExpressionElement::SpreadElement(spread) => {
                    let inner = self.eval(&spread.argument, scope);
                    if let Value::List(list) = &inner.value {
                        items.extend(list.iter().cloned());
                    }
                    taint = taint.with(inner.taint);
                    continue;
                }
                other => other
                    .as_expression()
                    .map(|inner| self.eval(inner, scope))
                    .unwrap_or_default(),
            };
            taint = taint.with(item.taint);
            items.push(item);
        }
        Eval::from(Value::List(items.into())).tainted(taint)
    }

    fn object(&mut self, object: &'a ObjectExpression<'a>, scope: ScopeIx) -> Eval<'a> {
        let mut taint = Taint::NONE;
        for property in object.properties.iter().take(ELEMENTS) {
            let value = match property {
                ObjectPropertyKind::ObjectProperty(property) => &property.value,
                ObjectPropertyKind::SpreadProperty(spread) => &spread.argument,
            };
            let value = self.eval(value, scope);
            taint = taint.with(value.taint);
        }
        Eval::from(Value::Object(object, scope)).tainted(taint)
    }

    /// The value of a property of an object literal.
    pub fn property(
        &mut self,
        object: &'a ObjectExpression<'a>,
        name: &str,
        scope: ScopeIx,
    ) -> Option<Eval<'a>> {
        for property in &object.properties {
            if let ObjectPropertyKind::ObjectProperty(property) = property {
                let key = match &property.key {
                    PropertyKey::StaticIdentifier(key) => key.name.as_str() == name,
                    PropertyKey::StringLiteral(key) => key.value.as_str() == name,
                    PropertyKey::NumericLiteral(key) => {
                        name.parse::<f64>().is_ok_and(|number| number == key.value)
                    }
                    _ => false,
                };
                if key {
                    return Some(self.eval(&property.value, scope));
                }
            }
        }
        None
    }

    fn name(&mut self, name: &str, scope: ScopeIx) -> Eval<'a> {
        match self.facts.resolve(name, scope) {
            Some(symbol) => self.symbol(symbol),
            None => sources::global(name),
        }
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

    fn combine(&mut self, symbol: SymbolIx) -> Eval<'a> {
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

    fn definition(&mut self, definition: &'a Definition<'a>) -> Eval<'a> {
        let mut value = match definition.origin {
            Origin::Value(expression, scope) => self.eval(expression, scope),
            Origin::Iterated(expression, scope) => {
                let all = self.eval(expression, scope);
                let path = all.path.filter(|path| path.ends_with("()"));
                Eval {
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
            Origin::Unknown => Eval::default(),
        };
        for key in definition.keys.iter() {
            value = match key {
                Key::Name(name) => self.select(value, name),
                Key::Index(index) => match &value.value {
                    Value::List(items) => items.get(*index).cloned().unwrap_or_default(),
                    _ => Eval::default().tainted(value.taint),
                },
                Key::Some => Eval::default().tainted(value.taint),
            };
        }
        value
    }

    fn member(&mut self, object: &'a Expression<'a>, name: &str, scope: ScopeIx) -> Eval<'a> {
        let base = self.eval(object, scope);
        if name == "constructor"
            && base.path.is_none()
            && (matches!(base.value, Value::Function(_)) || is_constructor_member(object))
        {
            return Eval::path("Function");
        }
        self.select(base, name)
    }

    fn computed(
        &mut self,
        object: &'a Expression<'a>,
        key: &'a Expression<'a>,
        scope: ScopeIx,
    ) -> Eval<'a> {
        let key = self.eval(key, scope);
        if let Some(number) = key.number() {
            let base = self.eval(object, scope);
            return methods::element(&base, number);
        }
        match key.exact() {
            Some(name) => self.member(object, &name, scope),
            None => {
                let base = self.eval(object, scope);
                let taint = if base.api() == "process.env" {
                    key.taint
                } else {
                    base.taint.without(Taint::ENVIRONMENT)
                };
                Eval::default().tainted(taint)
            }
        }
    }

    /// Member `name` of a value.
    pub fn select(&mut self, base: Eval<'a>, name: &str) -> Eval<'a> {
        if let Some(path) = &base.path {
            return sources::member(path, name, &base);
        }
        match &base.value {
            Value::Object(object, scope) => {
                if let Some(value) = self.property(object, name, *scope) {
                    return value;
                }
                return Eval::default().tainted(base.taint.without(Taint::ENVIRONMENT));
            }
            Value::Text { .. } | Value::List(_) | Value::Number(_) | Value::Boolean(_) => {
                if name == "length" {
                    return methods::length(&base);
                }
                let kind = if matches!(base.value, Value::List(_)) {
                    "Array"
                } else {
                    "String"
                };
                if name == "constructor" {
                    return Eval::path(kind);
                }
                return Eval::path(format!("{kind}.prototype.{name}")).tainted(base.taint);
            }
            Value::Function(_) if name == "constructor" => return Eval::path("Function"),
            _ => {}
        }
        if matches!(name, "length" | "size" | "byteLength" | "statusCode" | "status") {
            return Eval::default();
        }
        // One member of what holds the environment is not the environment.
        Eval::default().tainted(base.taint.without(Taint::ENVIRONMENT))
    }

    /// `a + b + …` without recursion along the left side, and arithmetic.
    fn binary(&mut self, expression: &'a Expression<'a>, scope: ScopeIx) -> Eval<'a> {
        let mut operands = Vec::new();
        let mut at = expression;
        while let Expression::BinaryExpression(binary) = at {
            if binary.operator != BinaryOperator::Addition {
                break;
            }
            operands.push(&binary.right);
            at = &binary.left;
        }
        if operands.is_empty() {
            let Expression::BinaryExpression(binary) = expression else {
                return Eval::default();
            };
            let left = self.eval(&binary.left, scope);
            let right = self.eval(&binary.right, scope);
            return methods::arithmetic(binary.operator, &left, &right);
        }
        operands.push(at);
        let mut sum: Option<f64> = None;
        let mut pieces: Option<Pieces> = None;
        for operand in operands.into_iter().rev() {
            let value = self.eval(operand, scope);
            match (&mut pieces, value.number(), sum) {
                (None, Some(number), None) => sum = Some(number),
                (None, Some(number), Some(have)) => sum = Some(have + number),
                (None, None, have) => {
                    let mut begun = Pieces::default();
                    if let Some(have) = have {
                        begun.push(&Value::Number(have).into());
                    }
                    begun.push(&value);
                    pieces = Some(begun);
                }
                (Some(pieces), ..) => pieces.push(&value),
            }
        }
        match (pieces, sum) {
            (Some(pieces), _) => self.join(pieces),
            (None, Some(sum)) => Value::Number(sum).into(),
            (None, None) => Eval::default(),
        }
    }

    /// A text made of pieces, within the file's budget.
    fn join(&mut self, pieces: Pieces) -> Eval<'a> {
        self.text_bytes += pieces.text.len();
        if self.text_bytes > 16 * TEXT_LIMIT || pieces.text.len() > TEXT_LIMIT {
            self.exhausted = true;
            return Eval::default().tainted(pieces.taint);
        }
        let value = if pieces.known {
            Value::Text {
                exact: pieces.exact,
                text: pieces.text.into(),
            }
        } else {
            Value::Unknown
        };
        Eval {
            value,
            path: None,
            taint: pieces.taint,
            layers: pieces.layers,
        }
    }
}

fn site<'a>(node: CallNode<'a>, scope: ScopeIx) -> Call<'a> {
    Call {
        node,
        scope,
        function: 0,
    }
}

/// `x.constructor`, whose own `constructor` is `Function` whatever `x` is.
fn is_constructor_member(expression: &Expression<'_>) -> bool {
    match expression {
        Expression::StaticMemberExpression(member) => member.property.name == "constructor",
        Expression::ComputedMemberExpression(member) => {
            matches!(&member.expression, Expression::StringLiteral(text) if text.value == "constructor")
        }
        _ => false,
    }
}

/// A text in the making.
struct Pieces {
    text: String,
    exact: bool,
    known: bool,
    taint: Taint,
    layers: Option<Rc<Vec<crate::value::Layer>>>,
}

impl Default for Pieces {
    fn default() -> Self {
        Self {
            text: String::new(),
            exact: true,
            known: false,
            taint: Taint::NONE,
            layers: None,
        }
    }
}

impl Pieces {
    fn push(&mut self, piece: &Eval<'_>) {
        self.taint = self.taint.with(piece.taint);
        if self.layers.is_none() {
            self.layers.clone_from(&piece.layers);
        }
        match piece.as_piece() {
            Some(text) if self.text.len() <= TEXT_LIMIT => {
                self.exact &= piece.is_exact();
                self.known |= !text.is_empty();
                self.text.push_str(&text);
            }
            _ => {
                self.exact = false;
                if !self.text.ends_with(HOLE) {
                    self.text.push(HOLE);
                }
                if piece.taint == Taint::NONE {
                    self.taint = self.taint.with(Taint::MIXED);
                }
            }
        }
        if self.exact {
            self.known = true;
        }
    }
}

/// One or the other: marks of both, and what is known of the first that is known.
pub fn either<'a>(left: Eval<'a>, right: Eval<'a>) -> Eval<'a> {
    let taint = left.taint.with(right.taint);
    let value = match (left.value, right.value) {
        (Value::Unknown, value) | (value, Value::Unknown) => match value {
            // Only one side is known: partly known at best.
            Value::Text { text, .. } => Value::Text { text, exact: false },
            Value::Object(..) | Value::Function(_) => value,
            _ => Value::Unknown,
        },
        (Value::Text { text, .. }, Value::Text { .. }) => Value::Text { text, exact: false },
        (value @ (Value::Object(..) | Value::Function(_)), _) => value,
        _ => Value::Unknown,
    };
    Eval {
        value,
        path: left.path.or(right.path),
        taint,
        layers: left.layers.or(right.layers),
    }
}

fn unary_value<'a>(operator: UnaryOperator, inner: &Eval<'a>) -> Eval<'a> {
    match operator {
        UnaryOperator::UnaryNegation => match inner.number() {
            Some(number) => Value::Number(-number).into(),
            None => Eval::default(),
        },
        UnaryOperator::UnaryPlus => methods::to_number(inner)
            .map(|number| Value::Number(number).into())
            .unwrap_or_default(),
        UnaryOperator::BitwiseNot => match inner.number() {
            Some(number) => Value::Number(f64::from(!methods::to_int32(number))).into(),
            None => Eval::default(),
        },
        UnaryOperator::LogicalNot => match inner.value {
            Value::Boolean(value) => Value::Boolean(!value).into(),
            Value::Number(number) => Value::Boolean(number == 0.0).into(),
            Value::List(_) => Value::Boolean(false).into(),
            _ => Eval::default(),
        },
        _ => Eval::default(),
    }
}
