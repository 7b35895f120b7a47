//! Evaluates expressions as far as that is possible without running them: constants,
//! the interfaces that names denote, and where data comes from.
//!
//! Flow-insensitive: a binding is everything that is assigned to it. Calls of the
//! file's own functions flow in through their parameters and out through what they
//! return; short functions of constant arguments are folded.

use std::collections::BTreeMap;

use oxc_ast::ast::{
    ArrayExpressionElement, ChainElement, Expression, ObjectExpression, ObjectPropertyKind,
};

use crate::collect::{Call, CallIx, CallNode, Facts, FunctionIx, ScopeIx, SymbolIx, externals};
use crate::resolve::Globals;
use crate::run::Machine;
use crate::value::{Eval, Taint, Value};

mod bindings;
pub mod calls;
mod fold;
mod functions;
mod link;
mod lists;
mod members;
pub mod methods;
mod packer;
mod pieces;

pub use members::is_of_wallets;
pub use pieces::either;
use pieces::{Pieces, unary_value};

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
    globals: Globals,
    returned: BTreeMap<FunctionIx, Memo<'a>>,
    /// Runs the file's decoders.
    pub machine: Machine<'a>,
    /// Whether the file's texts stand in a shuffled array.
    pub shuffled: bool,
    decoders: BTreeMap<FunctionIx, bool>,
    /// Calls that reach a function by value, see [`crate::reach::by_value`].
    pub reached: BTreeMap<FunctionIx, Vec<CallIx>>,
    /// Whether several files were put together, each in a function of its own.
    pub linked: bool,
    /// Members of `this` that are being evaluated.
    members_busy: Vec<&'a str>,
    /// Calls of the file's functions under another name than the one that holds them.
    pub also_called: BTreeMap<FunctionIx, Vec<CallIx>>,
    /// Modules outside of a bundle, by the number that they have in it.
    externals: BTreeMap<&'a str, &'a str>,
    /// Whether the file is about wallets.
    pub knows_wallets: bool,
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
            globals: Globals::default(),
            returned: BTreeMap::new(),
            machine: Machine::new(facts),
            shuffled: false,
            decoders: BTreeMap::new(),
            reached: BTreeMap::new(),
            linked: false,
            members_busy: Vec::new(),
            also_called: BTreeMap::new(),
            externals: externals(facts.source),
            knows_wallets: facts.knows_wallets(),
            exhausted: false,
        }
    }

    /// Forgets what bindings and functions were found to be: more is known now.
    pub fn forget(&mut self) {
        self.memo.fill(Memo::Fresh);
        self.returned.clear();
    }

    /// Puts a shuffled array of texts in order, with the function that the file does it
    /// with.
    pub fn shuffle(&mut self, call: &Call<'a>) {
        self.shuffled = true;
        self.machine.shuffle(call);
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
            Expression::Identifier(name) => self.name(name, scope),
            Expression::StaticMemberExpression(member) => {
                self.member(&member.object, member.property.name.as_str(), scope)
            }
            Expression::ComputedMemberExpression(member) => {
                self.computed(&member.object, &member.expression, scope)
            }
            Expression::ChainExpression(chain) => self.chain(&chain.expression, scope),
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

    fn chain(&mut self, element: &'a ChainElement<'a>, scope: ScopeIx) -> Eval<'a> {
        match element {
            ChainElement::CallExpression(call) => self.call(&site(CallNode::Call(call), scope)),
            ChainElement::StaticMemberExpression(member) => {
                self.member(&member.object, member.property.name.as_str(), scope)
            }
            ChainElement::ComputedMemberExpression(member) => {
                self.computed(&member.object, &member.expression, scope)
            }
            ChainElement::TSNonNullExpression(inner) => self.eval(&inner.expression, scope),
            ChainElement::PrivateFieldExpression(_) => Eval::default(),
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
}

fn site<'a>(node: CallNode<'a>, scope: ScopeIx) -> Call<'a> {
    Call {
        node,
        scope,
        function: 0,
    }
}
