//! What one pass over a syntax tree learns.

use std::collections::BTreeMap;

use oxc_ast::ast::{
    Argument, CallExpression, Expression, IdentifierReference, ImportExpression, NewExpression,
    Statement,
};
use oxc_span::Span;
use oxc_syntax::reference::ReferenceId;

use super::names::Names;
use super::patterns::Definition;
use super::{CallIx, FunctionIx, FunctionNode, ScopeIx, SymbolIx};

/// Stands in a reference for no binding of the file. There are fewer bindings than bytes.
const NO_SYMBOL: SymbolIx = u32::MAX - 1;

/// A scope: a file, function or block.
#[derive(Debug)]
pub struct Scope {
    /// The scope around it; its own index for the outermost.
    pub parent: ScopeIx,
    /// The scope that `var` declarations go to.
    pub var_scope: ScopeIx,
    /// The function it belongs to.
    pub function: FunctionIx,
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
    /// Calls of it as a method.
    pub method_calls: Vec<CallIx>,
    /// The binding that holds it.
    pub symbol: Option<SymbolIx>,
    /// Its place.
    pub span: Span,
    /// Its syntax; nothing for the top level.
    pub node: Option<FunctionNode<'a>>,
    /// The scope of its body.
    pub scope: ScopeIx,
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

    /// The argument at `index`, or what is spread there.
    pub fn given(&self, index: usize) -> Option<&'a Expression<'a>> {
        let arguments = match self.node {
            CallNode::Call(call) => &call.arguments,
            CallNode::New(call) => &call.arguments,
            CallNode::Import(call) => return (index == 0).then_some(&call.source),
        };
        match arguments.get(index)? {
            Argument::SpreadElement(spread) => Some(&spread.argument),
            argument => argument.as_expression(),
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
    /// The text that was parsed.
    pub source: &'a str,
    /// The statements of the top level.
    pub body: &'a [Statement<'a>],
    /// Scopes; 0 is the file's.
    pub scopes: Vec<Scope>,
    /// Bindings.
    pub symbols: Vec<Symbol<'a>>,
    /// Functions; 0 is the top level.
    pub functions: Vec<FunctionFact<'a>>,
    /// Calls, in order of position.
    pub calls: Vec<Call<'a>>,
    /// Member writes, in order of position.
    pub writes: Vec<Write<'a>>,
    /// What `this.name` is given, by name, with the scope of each.
    pub own_members: BTreeMap<&'a str, Vec<(&'a Expression<'a>, ScopeIx)>>,
    /// Methods of classes by name; nothing where several have the name.
    pub methods: BTreeMap<&'a str, Option<FunctionIx>>,
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
    pub(super) names: Names<'a>,
    /// Functions by the start of their span, in order.
    pub(super) by_start: Vec<(u32, FunctionIx)>,
    /// Where scopes of functions begin, for expressions that hold one.
    pub arrays: Vec<(usize, Span, FunctionIx)>,
}

impl<'a> Facts<'a> {
    /// The binding that `name` means in `scope`.
    pub fn resolve(&self, name: &str, scope: ScopeIx) -> Option<SymbolIx> {
        self.names.resolve(&self.scopes, name, scope)
    }

    /// The binding that a reference in `scope` means. Remembered in the tree, so that
    /// looking again costs nothing: only to be asked once every declaration is known.
    pub fn reference(&self, name: &IdentifierReference<'a>, scope: ScopeIx) -> Option<SymbolIx> {
        if let Some(known) = name.reference_id.get() {
            let symbol = super::index(known.index());
            return (symbol != NO_SYMBOL).then_some(symbol);
        }
        let symbol = self.names.resolve(&self.scopes, name.name.as_str(), scope);
        let known = symbol.unwrap_or(NO_SYMBOL);
        name.reference_id
            .set(Some(ReferenceId::from_usize(known as usize)));
        symbol
    }

    /// Whether the file loads a library of wallets, or speaks of recovery phrases.
    pub fn knows_wallets(&self) -> bool {
        let texts = self.modules.iter().chain(&self.texts);
        texts.into_iter().any(|(text, _)| {
            crate::eval::is_of_wallets(text)
                || text.len() < 200 && text.to_ascii_lowercase().contains("mnemonic")
        })
    }

    /// The function whose span starts at `start`.
    pub fn function_at(&self, start: u32) -> Option<FunctionIx> {
        let after = self.by_start.partition_point(|(at, _)| *at <= start);
        let (at, function) = self.by_start.get(after.checked_sub(1)?)?;
        (*at == start).then_some(*function)
    }

    /// The scope of the function whose span starts at `start`; the file's where there
    /// is none.
    pub fn scope_of_function(&self, start: u32) -> ScopeIx {
        self.function_at(start)
            .map_or(0, |function| self.functions[function as usize].scope)
    }

    /// Whether `inner` is `outer` or stands in it.
    pub fn within(&self, mut inner: FunctionIx, outer: FunctionIx) -> bool {
        while inner != outer && inner != 0 {
            inner = self.functions[inner as usize].parent;
        }
        inner == outer
    }
}
