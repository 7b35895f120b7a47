//! Statements.

use ruff_python_ast::helpers::any_over_expr;
use ruff_python_ast::{
    ExceptHandler, Expr, Stmt, StmtClassDef, StmtFor, StmtFunctionDef, StmtIf, StmtWith,
};
use ruff_text_size::Ranged as _;

use super::calls;
use super::{Caller, Class, DEPTH_LIMIT, Function, Interpreter, Parameter};
use crate::fold;
use crate::value::{Kind, Taint, Value};

/// Longest constant that a loop is followed over, element by element.
const LOOP_LIMIT: usize = 100_000;

/// Rounds of a loop whose calls are noted: each may run another command.
const NOTED_ROUNDS: usize = 8;

/// Statements in the body of a loop that is followed element by element.
const LOOP_BODY_LIMIT: usize = 6;

/// Methods that add to what they belong to.
const ADDING: [&str; 6] = ["append", "extend", "insert", "write", "add", "update"];

impl<'a> Interpreter<'a, '_> {
    /// A block; `straight` when it runs whenever what surrounds it runs.
    pub(super) fn body(&mut self, body: &'a [Stmt], straight: bool) {
        if self.depth >= DEPTH_LIMIT {
            self.too_deep = true;
            return;
        }
        self.depth += 1;
        self.branch += usize::from(!straight);
        for statement in body {
            self.statement(statement);
        }
        self.branch -= usize::from(!straight);
        self.depth -= 1;
    }

    fn statement(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(definition) => self.function(definition),
            Stmt::ClassDef(definition) => self.class(definition),
            Stmt::Return(statement) => {
                let value = statement.value.as_deref().map(|value| self.eval(value));
                self.returned(value.unwrap_or_default());
            }
            Stmt::Assign(statement) => {
                let value = self.eval(&statement.value);
                for target in &statement.targets {
                    self.assign(target, value.clone());
                }
            }
            Stmt::AnnAssign(statement) => {
                if let Some(value) = &statement.value {
                    let value = self.eval(value);
                    self.assign(&statement.target, value);
                }
            }
            Stmt::AugAssign(statement) => {
                let left = self.eval(&statement.target);
                let right = self.eval(&statement.value);
                let value = fold::binary(statement.op, &left, &right, &mut self.budget);
                self.assign(&statement.target, value);
            }
            Stmt::Expr(statement) => {
                // A docstring, or a string that does nothing.
                if !statement.value.is_string_literal_expr() {
                    let _unused = self.eval(&statement.value);
                }
            }
            Stmt::If(statement) => self.if_statement(statement),
            Stmt::For(statement) => self.for_statement(statement),
            Stmt::While(statement) => {
                let _test = self.eval(&statement.test);
                self.body(&statement.body, false);
                self.body(&statement.orelse, false);
            }
            Stmt::With(statement) => self.with_statement(statement),
            Stmt::Try(statement) => {
                self.body(&statement.body, true);
                for ExceptHandler::ExceptHandler(handler) in &statement.handlers {
                    if let Some(name) = &handler.name {
                        self.bind(name.as_str(), Value::unknown());
                    }
                    self.body(&handler.body, false);
                }
                self.body(&statement.orelse, true);
                self.body(&statement.finalbody, true);
            }
            Stmt::Import(statement) => self.import(statement),
            Stmt::ImportFrom(statement) => self.import_from(statement),
            Stmt::Global(statement) => {
                for name in &statement.names {
                    let name = self.symbols.get(name.as_str());
                    self.scopes[self.scope].globals.insert(name);
                }
            }
            other => self.rest(other),
        }
    }

    fn rest(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Match(statement) => {
                let _subject = self.eval(&statement.subject);
                for case in &statement.cases {
                    if let Some(guard) = &case.guard {
                        let _test = self.eval(guard);
                    }
                    self.body(&case.body, false);
                }
            }
            Stmt::Raise(statement) => {
                for part in [&statement.exc, &statement.cause].into_iter().flatten() {
                    let _unused = self.eval(part);
                }
            }
            Stmt::Assert(statement) => {
                let _test = self.eval(&statement.test);
                if let Some(message) = &statement.msg {
                    let _unused = self.eval(message);
                }
            }
            Stmt::Delete(statement) => {
                for target in &statement.targets {
                    let _unused = self.eval(target);
                }
            }
            _ => {}
        }
    }

    fn if_statement(&mut self, statement: &'a StmtIf) {
        let _test = self.eval(&statement.test);
        let outside = self.caller;
        if outside == Caller::Module && is_main_test(&statement.test) {
            self.caller = Caller::MainGuard;
        }
        self.body(&statement.body, false);
        self.caller = outside;
        for clause in &statement.elif_else_clauses {
            if let Some(test) = &clause.test {
                let _test = self.eval(test);
            }
            self.body(&clause.body, false);
        }
    }

    fn for_statement(&mut self, statement: &'a StmtFor) {
        let iterated = calls::iterated(self.eval(&statement.iter));
        let limit = match statement.body.iter().any(accumulates) {
            true => LOOP_LIMIT,
            false => 64,
        };
        let elements = (statement.body.len() <= LOOP_BODY_LIMIT)
            .then(|| fold::elements(&iterated, self.follow_limit(statement).min(limit)))
            .flatten()
            .filter(|elements| !elements.is_empty() && elements.len() <= self.extra);
        let Some(elements) = elements else {
            let element = fold::elements(&iterated, 1_000)
                .and_then(|items| items.into_iter().reduce(|a, b| a.join(&b)))
                .unwrap_or_else(|| Value::unknown().inheriting(&iterated));
            self.assign(&statement.target, element);
            self.body(&statement.body, false);
            self.body(&statement.orelse, false);
            return;
        };
        let outside = self.rounds;
        self.rounds = outside.saturating_mul(elements.len());
        for (at, element) in elements.into_iter().enumerate() {
            let Some(extra) = self.extra.checked_sub(statement.body.len() * 4) else {
                break;
            };
            self.extra = extra;
            let again = usize::from(at >= NOTED_ROUNDS);
            self.quiet += again;
            self.charged += usize::from(at > 0);
            self.assign(&statement.target, element);
            // Every element is followed, so the body runs as straight code does.
            self.body(&statement.body, true);
            self.charged -= usize::from(at > 0);
            self.quiet -= again;
        }
        self.rounds = outside;
        self.body(&statement.orelse, false);
    }

    fn with_statement(&mut self, statement: &'a StmtWith) {
        for item in &statement.items {
            let value = self.eval(&item.context_expr);
            if let Some(target) = &item.optional_vars {
                self.assign(target, value);
            }
        }
        self.body(&statement.body, true);
    }

    fn function(&mut self, definition: &'a StmtFunctionDef) {
        let position = definition.range().start().to_u32();
        let index = match self.function_at.get(&position) {
            Some(index) => *index,
            None => {
                let scope = self.new_scope(self.scope, None);
                let parameters = definition.parameters.iter_non_variadic_params();
                let parameters = parameters
                    .map(|parameter| Parameter {
                        name: self.symbols.get(parameter.name().as_str()),
                        default: None,
                        given: None,
                    })
                    .collect();
                self.functions.push(Function {
                    definition,
                    parent: self.scope,
                    scope,
                    class: self.scopes[self.scope].class,
                    queued: false,
                    intercepts: false,
                    returned: None,
                    parameters,
                });
                self.function_at.insert(position, self.functions.len() - 1);
                self.functions.len() - 1
            }
        };
        let parameters = definition.parameters.iter_non_variadic_params();
        for (at, parameter) in parameters.enumerate() {
            if let Some(default) = &parameter.default {
                let value = self.eval(default);
                let parameter = &mut self.functions[index].parameters[at];
                parameter.default = Some(value.clone());
                parameter.given.get_or_insert(value);
            }
        }
        if self.quiet == 0 && !std::mem::replace(&mut self.functions[index].queued, true) {
            self.pending.push(index);
        }
        let mut value = Value::of(Kind::Function(index));
        for decorator in definition.decorator_list.iter().rev() {
            value = self.decorate(&decorator.expression, value);
        }
        self.bind(definition.name.as_str(), value);
    }

    fn class(&mut self, definition: &'a StmtClassDef) {
        let position = definition.range().start().to_u32();
        let mut base_path = None;
        if let Some(arguments) = &definition.arguments {
            for base in &arguments.args {
                let base = self.eval(base);
                base_path = base_path.or(base.as_path().map(|path| format!("{path}()")));
            }
            for keyword in &arguments.keywords {
                let value = self.eval(&keyword.value);
                // A metaclass makes the class right here.
                if let Kind::Class(meta) = value.kind {
                    for name in ["__new__", "__init__", "__prepare__"] {
                        if let Some(method) = self.method_of(meta, name) {
                            self.note_edge(method);
                        }
                    }
                }
            }
        }
        let index = match self.class_at.get(&position) {
            Some(index) => *index,
            None => {
                let scope = self.new_scope(self.scope, Some(self.classes.len()));
                let base = base_path.map(|path| self.paths.whole(&path, &mut self.symbols));
                self.classes.push(Class { scope, base });
                self.class_at.insert(position, self.classes.len() - 1);
                self.classes.len() - 1
            }
        };
        let before = self.swap_scope(self.classes[index].scope, self.caller);
        self.body(&definition.body, true);
        (self.scope, self.caller) = before;
        let mut value = Value::of(Kind::Class(index));
        for decorator in definition.decorator_list.iter().rev() {
            value = self.decorate(&decorator.expression, value);
        }
        self.bind(definition.name.as_str(), value);
    }

    fn decorate(&mut self, decorator: &'a Expr, decorated: Value<'a>) -> Value<'a> {
        let callee = self.eval(decorator);
        let result = self.call_value(&callee, decorator, vec![decorated.clone()]);
        // Most decorators give back something that acts as what they were given.
        match result.kind {
            Kind::Function(_) | Kind::Class(_) | Kind::Str(_) | Kind::Bytes(_) => result,
            _ if result.taint.has(Taint::HIDDEN) => result,
            _ => decorated,
        }
    }

    fn returned(&mut self, value: Value<'a>) {
        let join = |old: Option<&Value<'a>>| match old {
            Some(old) => old.join(&value),
            None => value,
        };
        if self.inline_depth > 0 {
            let scope = &mut self.scopes[self.scope];
            scope.returned = Some(join(scope.returned.as_ref()));
        } else if let Caller::Function(index) = self.caller {
            let function = &mut self.functions[index];
            function.returned = Some(join(function.returned.as_ref()));
        }
    }

    /// Binds an assignment's target.
    pub(super) fn assign(&mut self, target: &'a Expr, value: Value<'a>) {
        match target {
            Expr::Name(name) => self.bind(&name.id, value),
            Expr::Tuple(tuple) => self.unpack(&tuple.elts, &value),
            Expr::List(list) => self.unpack(&list.elts, &value),
            Expr::Starred(starred) => {
                self.assign(&starred.value, Value::unknown().inheriting(&value));
            }
            Expr::Attribute(attribute) => {
                let base = self.eval(&attribute.value);
                self.intercept(&base, attribute.attr.as_str(), &value);
                if let Kind::Instance(class) | Kind::Class(class) = base.kind {
                    let scope = self.classes[class].scope;
                    let name = self.symbols.get(attribute.attr.as_str());
                    self.bind_in(scope, name, value, true);
                } else if let Expr::Name(name) = &*attribute.value {
                    self.bind_attribute(&name.id, attribute.attr.as_str(), value);
                }
            }
            Expr::Subscript(subscript) => {
                let index = self.eval(&subscript.slice);
                if let Expr::Name(name) = &*subscript.value
                    && (self.set_element(&name.id, &index, &value)
                        || self.set_entry(&name.id, &index, &value))
                {
                    return;
                }
                // What goes into a container labels the container.
                if let Expr::Name(name) = &*subscript.value {
                    let name = self.symbols.get(&name.id);
                    let container = self.lookup_symbol(name);
                    if !matches!(container.kind, Kind::Path(_)) {
                        let labels = value.taint.without(Taint::PARTIAL | Taint::BUILT);
                        self.bind_in(self.scope, name, container.with(labels), true);
                    }
                }
            }
            _ => {}
        }
    }

    fn unpack(&mut self, targets: &'a [Expr], value: &Value<'a>) {
        let items = value.as_list().filter(|items| items.len() == targets.len());
        for (at, target) in targets.iter().enumerate() {
            let item = items
                .and_then(|items| items.get(at).cloned())
                .unwrap_or_else(|| Value::unknown().inheriting(value));
            self.assign(target, item);
        }
    }
}

/// `__name__ == "__main__"`.
/// Whether a statement adds to something from round to round, as what decodes does.
fn accumulates(statement: &Stmt) -> bool {
    match statement {
        Stmt::AugAssign(_) => true,
        Stmt::Assign(statement) => statement.targets.iter().any(|target| match target {
            Expr::Name(name) => any_over_expr(
                &statement.value,
                &|part: &Expr| matches!(part, Expr::Name(used) if used.id == name.id),
            ),
            Expr::Subscript(target) => !target.slice.is_literal_expr(),
            _ => false,
        }),
        Stmt::Expr(statement) => matches!(&*statement.value, Expr::Call(call)
            if matches!(&*call.func, Expr::Attribute(method)
                if ADDING.contains(&method.attr.as_str()))),
        Stmt::If(statement) => {
            let mut others = statement.elif_else_clauses.iter();
            statement.body.iter().any(accumulates)
                || others.any(|clause| clause.body.iter().any(accumulates))
        }
        Stmt::For(statement) => statement.body.iter().any(accumulates),
        Stmt::While(statement) => statement.body.iter().any(accumulates),
        Stmt::With(statement) => statement.body.iter().any(accumulates),
        Stmt::Try(statement) => statement.body.iter().any(accumulates),
        _ => false,
    }
}

fn is_main_test(test: &Expr) -> bool {
    let Expr::Compare(compare) = test else {
        return false;
    };
    let is_name = |side: &Expr| matches!(side, Expr::Name(name) if &*name.id == "__name__");
    is_name(&compare.left) || compare.comparators.iter().any(is_name)
}
