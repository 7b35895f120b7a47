//! One pass over a syntax tree: scopes, bindings and what is assigned to them,
//! functions, calls, member writes and texts.
//!
//! The pass keeps its own stack of work, so its depth on the machine stack does not
//! depend on the input. Names are not resolved here but on demand, up the scopes.

use std::collections::BTreeMap;

use oxc_ast::ast::{ArrowFunctionExpression, Expression, Function, Program, Statement};
use oxc_span::{GetSpan as _, Span};

mod expressions;
mod externals;
mod facts;
mod link;
mod names;
mod patterns;
mod statements;

pub use expressions::wrapped;
pub use externals::externals;
pub use facts::{Call, CallNode, Facts, FunctionFact, Scope, Symbol, Write};
pub use link::root_name;
pub use patterns::{Definition, Key, Origin};

/// Index into [`Facts::scopes`]. 0 is the file's own scope.
pub type ScopeIx = u32;
/// Index into [`Facts::functions`]. 0 is the file's top level.
pub type FunctionIx = u32;
/// Index into [`Facts::symbols`].
pub type SymbolIx = u32;
/// Index into [`Facts::calls`].
pub type CallIx = u32;

/// A function of either form.
#[derive(Clone, Copy)]
pub enum FunctionNode<'a> {
    /// `function` and methods.
    Function(&'a Function<'a>),
    /// `=>`.
    Arrow(&'a ArrowFunctionExpression<'a>),
}

impl FunctionNode<'_> {
    /// Its place.
    pub fn span(&self) -> Span {
        match self {
            Self::Function(function) => function.span,
            Self::Arrow(arrow) => arrow.span,
        }
    }
}

impl std::fmt::Debug for FunctionNode<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "FunctionNode({:?})", self.span())
    }
}

/// One thing still to be looked at.
enum Node<'a> {
    Statement(&'a Statement<'a>),
    Expression(&'a Expression<'a>),
    Function(FunctionNode<'a>, Role),
}

/// What a function expression is to the expression around it.
#[derive(Clone, Copy, Default)]
struct Role {
    callback_of: Option<(CallIx, usize)>,
    called_by: Option<CallIx>,
}

/// Where something stands.
#[derive(Clone, Copy)]
struct Place {
    scope: ScopeIx,
    function: FunctionIx,
}

struct Collector<'a> {
    facts: Facts<'a>,
    work: Vec<(Node<'a>, Place)>,
    /// Assignments to names, resolved once every declaration is known.
    assigned: Vec<(&'a str, ScopeIx, Definition<'a>, u32)>,
    /// Methods of classes, by name and start.
    methods: Vec<(&'a str, u32)>,
    /// Function expressions that are the value of a binding or call, by start.
    roles: BTreeMap<u32, Role>,
}

/// Looks at the whole of `program`.
pub fn collect<'a>(program: &'a Program<'a>) -> Facts<'a> {
    let mut collector = Collector {
        facts: Facts::default(),
        work: Vec::new(),
        assigned: Vec::new(),
        roles: BTreeMap::new(),
        methods: Vec::new(),
    };
    collector.facts.scopes.push(Scope {
        parent: 0,
        var_scope: 0,
        function: 0,
    });
    collector.facts.functions.push(FunctionFact {
        parent: 0,
        returns: Vec::new(),
        params: Vec::new(),
        callback_of: None,
        called_by: None,
        method_calls: Vec::new(),
        symbol: None,
        span: program.span,
        node: None,
        scope: 0,
    });
    collector.facts.source = program.source_text;
    collector.facts.body = &program.body;
    let top = Place {
        scope: 0,
        function: 0,
    };
    collector.statements(&program.body, top);
    while let Some((node, place)) = collector.work.pop() {
        match node {
            Node::Statement(statement) => collector.statement(statement, place),
            Node::Expression(expression) => collector.expression(expression, place),
            Node::Function(function, role) => {
                collector.function(function, role, place);
            }
        }
    }
    collector.finish()
}

impl<'a> Collector<'a> {
    fn later(&mut self, expression: &'a Expression<'a>, place: Place) {
        match expression {
            // Nothing is to be learnt from these: most expressions never see the stack.
            Expression::Identifier(_)
            | Expression::NumericLiteral(_)
            | Expression::BooleanLiteral(_)
            | Expression::NullLiteral(_)
            | Expression::ThisExpression(_) => {}
            Expression::StringLiteral(text) => {
                self.facts.texts.push((text.value.as_str(), text.span));
            }
            _ => self.work.push((Node::Expression(expression), place)),
        }
    }

    fn block(&mut self, place: Place) -> Place {
        let around = &self.facts.scopes[place.scope as usize];
        let scope = Scope {
            parent: place.scope,
            var_scope: around.var_scope,
            function: place.function,
        };
        self.facts.scopes.push(scope);
        Place {
            scope: index(self.facts.scopes.len() - 1),
            function: place.function,
        }
    }

    fn declare(&mut self, name: &'a str, scope: ScopeIx, start: u32) -> SymbolIx {
        let next = index(self.facts.symbols.len());
        let symbol = self.facts.names.declare(name, scope, next);
        if symbol != next {
            return symbol;
        }
        self.facts.symbols.push(Symbol {
            name,
            scope,
            definitions: Vec::new(),
            calls: Vec::new(),
            passed: Vec::new(),
            writes: Vec::new(),
            start,
        });
        if !name.is_ascii() {
            let end = start + index(name.len());
            self.facts.odd_names.push((name, Span::new(start, end)));
        }
        symbol
    }

    fn define(&mut self, symbol: SymbolIx, definition: Definition<'a>) {
        if let Origin::Function(function) = definition.origin {
            self.facts.functions[function as usize].symbol = Some(symbol);
        }
        self.facts.symbols[symbol as usize]
            .definitions
            .push(definition);
    }

    fn function(&mut self, node: FunctionNode<'a>, role: Role, place: Place) -> FunctionIx {
        let (span, params) = match node {
            FunctionNode::Function(function) => (function.span, &function.params),
            FunctionNode::Arrow(arrow) => (arrow.span, &arrow.params),
        };
        let function = index(self.facts.functions.len());
        let scope = index(self.facts.scopes.len());
        self.facts.scopes.push(Scope {
            parent: place.scope,
            var_scope: scope,
            function,
        });
        self.facts.functions.push(FunctionFact {
            parent: place.function,
            returns: Vec::new(),
            params: Vec::new(),
            callback_of: role.callback_of,
            called_by: role.called_by,
            method_calls: Vec::new(),
            symbol: None,
            span,
            node: Some(node),
            scope,
        });
        self.facts.by_start.push((span.start, function));
        let inside = Place { scope, function };
        self.parameters(params, inside);
        match node {
            FunctionNode::Function(node) => {
                if let Some(id) = &node.id
                    && node.is_expression()
                {
                    let own = self.declare(id.name.as_str(), scope, id.span.start);
                    self.define(own, Definition::whole(Origin::Function(function)));
                }
                if let Some(body) = &node.body {
                    self.statements(&body.statements, inside);
                }
            }
            FunctionNode::Arrow(arrow) => self.arrow_body(arrow, inside),
        }
        function
    }
}

/// Facts of one file are fewer than its bytes, and files are below 4 GiB.
fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Span of an expression.
pub fn span_of(expression: &Expression<'_>) -> Span {
    expression.span()
}
