//! One pass over a syntax tree: scopes, bindings and what is assigned to them,
//! functions, calls, member writes and texts.
//!
//! The pass keeps its own stack of work, so its depth on the machine stack does not
//! depend on the input. Names are not resolved here but on demand, up the scopes.

use std::collections::BTreeMap;

use oxc_ast::ast::{
    ArrowFunctionExpression, CallExpression, Expression, Function, ImportExpression, NewExpression,
    Program, Statement,
};
use oxc_span::{GetSpan as _, Span};

mod expressions;
mod patterns;
mod statements;

pub use expressions::wrapped;
pub use patterns::{Definition, Key, Origin};

/// Index into [`Facts::scopes`]. 0 is the file's own scope.
pub type ScopeIx = u32;
/// Index into [`Facts::functions`]. 0 is the file's top level.
pub type FunctionIx = u32;
/// Index into [`Facts::symbols`].
pub type SymbolIx = u32;
/// Index into [`Facts::calls`].
pub type CallIx = u32;

/// A scope: a file, function or block.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The scope around it; its own index for the outermost.
    pub parent: ScopeIx,
    /// The scope that `var` declarations go to.
    pub var_scope: ScopeIx,
    /// The function it belongs to.
    pub function: FunctionIx,
    names: BTreeMap<&'a str, SymbolIx>,
}

/// A binding and everything that is assigned to it.
#[derive(Debug)]
pub struct Symbol<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it is declared.
    pub scope: ScopeIx,
    /// What it is given, in no particular order.
    pub definitions: Vec<Definition<'a>>,
    /// Calls `name(…)` and `new name(…)`.
    pub calls: Vec<CallIx>,
    /// Calls that get it as an argument, with the argument's index.
    pub passed: Vec<(CallIx, usize)>,
    /// Indices into [`Facts::writes`] of `name.… = …`.
    pub writes: Vec<usize>,
    /// Declared at this byte.
    pub start: u32,
}

/// A function, method or arrow function.
#[derive(Debug)]
pub struct FunctionFact<'a> {
    /// The function around it.
    pub parent: FunctionIx,
    /// What it returns, with the scope of each.
    pub returns: Vec<(&'a Expression<'a>, ScopeIx)>,
    /// Its parameters, where they are plain names.
    pub params: Vec<Option<SymbolIx>>,
    /// The call that is given it as an argument, with the argument's index.
    pub callback_of: Option<(CallIx, usize)>,
    /// The call that calls it on the spot.
    pub called_by: Option<CallIx>,
    /// The binding that holds it.
    pub symbol: Option<SymbolIx>,
    /// Its place.
    pub span: Span,
}

/// A call of one of the forms that run something.
#[derive(Debug, Clone, Copy)]
pub enum CallNode<'a> {
    /// `f(…)`.
    Call(&'a CallExpression<'a>),
    /// `new F(…)`.
    New(&'a NewExpression<'a>),
    /// `import(…)`.
    Import(&'a ImportExpression<'a>),
}

/// A call and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The call.
    pub node: CallNode<'a>,
    /// Its scope.
    pub scope: ScopeIx,
    /// The function it stands in.
    pub function: FunctionIx,
}

impl<'a> Call<'a> {
    /// Its place.
    pub fn span(&self) -> Span {
        match self.node {
            CallNode::Call(call) => call.span,
            CallNode::New(call) => call.span,
            CallNode::Import(call) => call.span,
        }
    }

    /// The expression that is called.
    pub fn callee(&self) -> Option<&'a Expression<'a>> {
        match self.node {
            CallNode::Call(call) => Some(&call.callee),
            CallNode::New(call) => Some(&call.callee),
            CallNode::Import(_) => None,
        }
    }

    /// The argument at `index`, where it is no spread.
    pub fn argument(&self, index: usize) -> Option<&'a Expression<'a>> {
        match self.node {
            CallNode::Call(call) => call.arguments.get(index)?.as_expression(),
            CallNode::New(call) => call.arguments.get(index)?.as_expression(),
            CallNode::Import(call) => (index == 0).then_some(&call.source),
        }
    }

    /// How many arguments it has.
    pub fn arguments(&self) -> usize {
        match self.node {
            CallNode::Call(call) => call.arguments.len(),
            CallNode::New(call) => call.arguments.len(),
            CallNode::Import(_) => 1,
        }
    }
}

/// `object.… = value`.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// What stands before the last member.
    pub object: &'a Expression<'a>,
    /// The last member's name, where it is written out.
    pub property: Option<&'a str>,
    /// What is assigned.
    pub value: &'a Expression<'a>,
    /// Its scope.
    pub scope: ScopeIx,
    /// Its place.
    pub span: Span,
}

/// Everything one pass learns of a file.
#[derive(Debug, Default)]
pub struct Facts<'a> {
    /// Scopes; 0 is the file's.
    pub scopes: Vec<Scope<'a>>,
    /// Bindings.
    pub symbols: Vec<Symbol<'a>>,
    /// Functions; 0 is the top level.
    pub functions: Vec<FunctionFact<'a>>,
    /// Calls, in order of position.
    pub calls: Vec<Call<'a>>,
    /// Member writes, in order of position.
    pub writes: Vec<Write<'a>>,
    /// Text literals and the constant parts of templates, with their places.
    pub texts: Vec<(&'a str, Span)>,
    /// Regular expressions, with their places.
    pub patterns: Vec<(&'a str, Span)>,
    /// Names of bindings and members with characters beyond ASCII.
    pub odd_names: Vec<(&'a str, Span)>,
    /// Modules named by `import` and `export … from`, with their places.
    pub modules: Vec<(&'a str, Span)>,
    /// `catch` clauses with an empty body.
    pub silent_catches: usize,
    /// Functions by the start of their span.
    by_start: BTreeMap<u32, FunctionIx>,
    /// Where scopes of functions begin, for expressions that hold one.
    pub arrays: Vec<(usize, Span, FunctionIx)>,
}

impl<'a> Facts<'a> {
    /// The binding that `name` means in `scope`.
    pub fn resolve(&self, name: &str, scope: ScopeIx) -> Option<SymbolIx> {
        let mut at = scope;
        loop {
            let here = &self.scopes[at as usize];
            if let Some(symbol) = here.names.get(name) {
                return Some(*symbol);
            }
            if here.parent == at {
                return None;
            }
            at = here.parent;
        }
    }

    /// The function whose span starts at `start`.
    pub fn function_at(&self, start: u32) -> Option<FunctionIx> {
        self.by_start.get(&start).copied()
    }

    /// Whether `inner` is `outer` or stands in it.
    pub fn within(&self, mut inner: FunctionIx, outer: FunctionIx) -> bool {
        while inner != outer && inner != 0 {
            inner = self.functions[inner as usize].parent;
        }
        inner == outer
    }
}

/// A function of either form.
#[derive(Clone, Copy)]
enum FunctionNode<'a> {
    Function(&'a Function<'a>),
    Arrow(&'a ArrowFunctionExpression<'a>),
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
    };
    collector.facts.scopes.push(Scope {
        parent: 0,
        var_scope: 0,
        function: 0,
        names: BTreeMap::new(),
    });
    collector.facts.functions.push(FunctionFact {
        parent: 0,
        returns: Vec::new(),
        params: Vec::new(),
        callback_of: None,
        called_by: None,
        symbol: None,
        span: program.span,
    });
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
        self.work.push((Node::Expression(expression), place));
    }

    fn block(&mut self, place: Place) -> Place {
        let around = &self.facts.scopes[place.scope as usize];
        let scope = Scope {
            parent: place.scope,
            var_scope: around.var_scope,
            function: place.function,
            names: BTreeMap::new(),
        };
        self.facts.scopes.push(scope);
        Place {
            scope: index(self.facts.scopes.len() - 1),
            function: place.function,
        }
    }

    fn declare(&mut self, name: &'a str, scope: ScopeIx, start: u32) -> SymbolIx {
        if let Some(symbol) = self.facts.scopes[scope as usize].names.get(name) {
            return *symbol;
        }
        let symbol = index(self.facts.symbols.len());
        self.facts.symbols.push(Symbol {
            name,
            scope,
            definitions: Vec::new(),
            calls: Vec::new(),
            passed: Vec::new(),
            writes: Vec::new(),
            start,
        });
        self.facts.scopes[scope as usize].names.insert(name, symbol);
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
            names: BTreeMap::new(),
        });
        self.facts.functions.push(FunctionFact {
            parent: place.function,
            returns: Vec::new(),
            params: Vec::new(),
            callback_of: role.callback_of,
            called_by: role.called_by,
            symbol: None,
            span,
        });
        self.facts.by_start.insert(span.start, function);
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

    fn finish(mut self) -> Facts<'a> {
        self.facts.calls_in_order();
        for (name, scope, definition, start) in std::mem::take(&mut self.assigned) {
            if let Some(symbol) = self.facts.resolve(name, scope) {
                self.define(symbol, definition);
            } else if !crate::resolve::is_global(name) {
                let symbol = self.declare(name, 0, start);
                self.define(symbol, definition);
            }
        }
        for (at, write) in self.facts.writes.iter().enumerate() {
            if let Some((name, scope)) = root_name(write.object, write.scope)
                && let Some(symbol) = self.facts.resolve(name, scope)
            {
                self.facts.symbols[symbol as usize].writes.push(at);
            }
        }
        self.link_calls();
        self.facts
    }

    /// Tells every binding which calls call it, get it, or grow it.
    fn link_calls(&mut self) {
        for at in 0..self.facts.calls.len() {
            let call = self.facts.calls[at];
            if let Some(callee) = call.callee() {
                if let Expression::Identifier(name) = callee {
                    if let Some(symbol) = self.facts.resolve(name.name.as_str(), call.scope) {
                        self.facts.symbols[symbol as usize].calls.push(index(at));
                    }
                } else if let Expression::StaticMemberExpression(member) = callee {
                    self.link_growth(&member.object, member.property.name.as_str(), &call);
                }
            }
            for argument in 0..call.arguments().min(8) {
                if let Some(Expression::Identifier(name)) = call.argument(argument)
                    && let Some(symbol) = self.facts.resolve(name.name.as_str(), call.scope)
                {
                    let passed = &mut self.facts.symbols[symbol as usize].passed;
                    passed.push((index(at), argument));
                }
            }
        }
    }

    /// `list.push(x)`, `form.append(k, x)`, `Object.assign(all, x)` add to what the
    /// binding holds.
    fn link_growth(&mut self, object: &'a Expression<'a>, method: &str, call: &Call<'a>) {
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
        let Some(symbol) = self.facts.resolve(target.name.as_str(), call.scope) else {
            return;
        };
        for argument in first..call.arguments().min(8) {
            if let Some(value) = call.argument(argument) {
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
        let mut order: Vec<CallIx> = (0..index(self.calls.len())).collect();
        order.sort_by_key(|at| self.calls[*at as usize].span().start);
        let mut renamed = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            renamed[*old as usize] = index(new);
        }
        self.calls = order.iter().map(|at| self.calls[*at as usize]).collect();
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
pub fn root_name<'a>(
    mut expression: &'a Expression<'a>,
    scope: ScopeIx,
) -> Option<(&'a str, ScopeIx)> {
    loop {
        expression = match expression {
            Expression::Identifier(name) => return Some((name.name.as_str(), scope)),
            Expression::StaticMemberExpression(member) => &member.object,
            Expression::ComputedMemberExpression(member) => &member.object,
            Expression::TSNonNullExpression(inner) => &inner.expression,
            Expression::TSAsExpression(inner) => &inner.expression,
            _ => return None,
        };
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
