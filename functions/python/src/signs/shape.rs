//! Signs that the shape of code gives: what runs by itself, what never ends, what a web
//! request is run with.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{CmpOp, Expr, ExprCall, Stmt};
use ruff_text_size::Ranged as _;

use super::sums::signs_of_sum;
use super::{Signs, bits, keys, route, words, wraps};
use crate::interp::bytes_of;

/// Looks at a module's statements; at all that stands in them where it is `acting`: where it
/// names what does something, or is small.
pub fn look(body: &[Stmt], tops: &BTreeSet<String>, acting: bool, signs: &mut Signs) {
    let mut own = Own {
        tops,
        names: BTreeSet::new(),
        signs,
    };
    for stmt in body {
        own.visit_stmt(stmt);
    }
    let names = own.names;
    let mut starts = Starts {
        own: &names,
        signs: &mut *signs,
    };
    for stmt in body {
        starts.visit_stmt(stmt);
    }
    if !acting {
        return;
    }
    let mut all = Everywhere { signs: &mut *signs };
    for stmt in body {
        all.visit_stmt(stmt);
    }
    route::look(body, signs);
    // Cheap: few files name what the keys of wallets are made with.
    wraps::look(body, tops, signs);
    keys::look(body, signs);
}

/// Names of the package's own functions, classes and modules.
struct Own<'s, 't> {
    tops: &'t BTreeSet<String>,
    names: BTreeSet<String>,
    signs: &'s mut Signs,
}

impl Own<'_, '_> {
    /// `a.b` for `import a.b`, `.b` for `from .b import …`.
    fn import(&mut self, relative: bool, module: &str, name: &str) {
        let parts: Vec<&str> = [module, name]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        if !parts.is_empty() {
            let dot = if relative { "." } else { "" };
            self.signs
                .imports
                .insert(format!("{dot}{}", parts.join(".")));
        }
    }

    fn is_own(&self, module: &str) -> bool {
        let first = module.split('.').next().unwrap_or_default();
        self.tops.contains(first)
    }
}

impl<'a> Visitor<'a> for Own<'_, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                self.names.insert(function.name.to_string());
            }
            Stmt::ClassDef(class) => {
                self.names.insert(class.name.to_string());
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map_or("", |name| name.as_str());
                let own = import.level > 0 || self.is_own(module);
                let relative = import.level > 0;
                self.import(relative, module, "");
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    if own {
                        self.import(relative, module, alias.name.as_str());
                    }
                    let acts = bits::SENDS | bits::RUNS | bits::REPEATS;
                    if own || words::of_name(alias.name.as_str()) & acts != 0 {
                        self.names.insert(name.to_string());
                    }
                }
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.import(false, alias.name.as_str(), "");
                    if self.is_own(alias.name.as_str()) {
                        let name = alias.asname.as_ref().unwrap_or(&alias.name);
                        let first = name.as_str().split('.').next().unwrap_or_default();
                        self.names.insert(first.to_owned());
                    }
                }
            }
            Stmt::Assign(assign) if assign.value.is_lambda_expr() => {
                for target in &assign.targets {
                    if let Expr::Name(name) = target {
                        self.names.insert(name.id.to_string());
                    }
                }
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }
}

/// The first name of `a.b().c`.
pub fn root(expr: &Expr) -> Option<&str> {
    let mut expr = expr;
    for _ in 0..100 {
        expr = match expr {
            Expr::Name(name) => return Some(name.id.as_str()),
            Expr::Attribute(attribute) => &attribute.value,
            Expr::Call(call) => &call.func,
            Expr::Subscript(subscript) => &subscript.value,
            _ => return None,
        };
    }
    None
}

/// The last name of `a.b`.
pub fn last(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}

/// Whether a test asks how the module was started, or is for type checkers.
fn is_main(test: &Expr) -> bool {
    let names = |expr: &Expr| matches!(last(expr), Some("__name__" | "TYPE_CHECKING"));
    match test {
        Expr::Compare(compare) => names(&compare.left) || compare.comparators.iter().any(names),
        other => names(other),
    }
}

/// What runs when the module is imported.
struct Starts<'s, 'o> {
    own: &'o BTreeSet<String>,
    signs: &'s mut Signs,
}

impl Starts<'_, '_> {
    fn call(&mut self, call: &ExprCall) {
        let own = root(&call.func).is_some_and(|name| self.own.contains(name));
        let acts = bits::SENDS | bits::RUNS | bits::REPEATS;
        let mut names = last(&call.func).into_iter().chain(root(&call.func));
        let acts = names.any(|name| words::of_name(name) & acts != 0);
        let setup = call.arguments.keywords.iter().any(|word| {
            word.arg
                .as_ref()
                .is_some_and(|name| name.as_str() == "cmdclass")
        });
        if own || acts || setup {
            self.signs.add(bits::STARTS, bytes_of(call.range()));
        }
    }
}

impl<'a> Visitor<'a> for Starts<'_, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::If(branch) if is_main(&branch.test) => {}
            Stmt::While(list) if is_true(&list.test) => {
                self.signs.add(bits::STARTS, bytes_of(list.range()));
                walk_stmt(self, stmt);
            }
            Stmt::For(list) if counts(&list.iter) => {
                self.signs.add(bits::STARTS, bytes_of(list.range()));
                walk_stmt(self, stmt);
            }
            // `module.attribute` alone: read for what reading it does.
            Stmt::Expr(expr) if expr.value.is_attribute_expr() => {
                self.signs.add(bits::STARTS, bytes_of(expr.range()));
            }
            Stmt::Try(attempt) if attempt.handlers.iter().any(keys::is_silent) => {
                let calls = attempt
                    .body
                    .iter()
                    .any(|stmt| matches!(stmt, Stmt::Expr(expr) if expr.value.is_call_expr()));
                if calls {
                    self.signs.add(bits::STARTS, bytes_of(attempt.range()));
                }
                walk_stmt(self, stmt);
            }
            Stmt::FunctionDef(function) => {
                let exits = function.decorator_list.iter().any(|decorator| {
                    matches!(last(&decorator.expression), Some("register"))
                        && root(&decorator.expression) == Some("atexit")
                });
                if exits {
                    self.signs.add(bits::STARTS, bytes_of(function.range()));
                }
            }
            Stmt::ClassDef(class) => {
                let made = class
                    .arguments
                    .iter()
                    .flat_map(|list| &list.keywords)
                    .any(|word| {
                        word.arg
                            .as_ref()
                            .is_some_and(|name| name.as_str() == "metaclass")
                            && last(&word.value).is_some_and(|name| self.own.contains(name))
                    });
                if made {
                    self.signs.add(bits::STARTS, bytes_of(class.range()));
                }
                for inner in &class.body {
                    self.visit_stmt(inner);
                }
            }
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if expr.is_lambda_expr() {
            return;
        }
        if let Expr::Call(call) = expr {
            self.call(call);
        }
        walk_expr(self, expr);
    }
}

/// What is a sign wherever it stands.
struct Everywhere<'s> {
    signs: &'s mut Signs,
}

impl<'a> Visitor<'a> for Everywhere<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Try(attempt) = stmt
            && attempt.handlers.iter().any(keys::is_silent)
        {
            self.signs.add(bits::SILENT, bytes_of(attempt.range()));
        }
        let (endless, body) = match stmt {
            Stmt::While(list) => (is_true(&list.test), &list.body),
            Stmt::For(list) => (counts(&list.iter), &list.body),
            Stmt::Assign(assign) => {
                let asks = assign.targets.iter().any(|target| {
                    let hooks = root(target) == Some("requests")
                        && matches!(last(target), Some("request" | "send"));
                    target.is_attribute_expr()
                        && (hooks || matches!(last(target), Some("getpass" | "unix_getpass")))
                });
                if asks {
                    self.signs.add(bits::ASKS, bytes_of(assign.range()));
                }
                walk_stmt(self, stmt);
                return;
            }
            _ => {
                walk_stmt(self, stmt);
                return;
            }
        };
        let prints = !body.is_empty() && body.iter().all(only_prints);
        if endless && prints {
            self.signs.add(bits::ENDLESS, bytes_of(stmt.range()));
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Call(call) = expr {
            let first = call.arguments.args.first();
            let runs = matches!(&*call.func, Expr::Name(name) if matches!(name.id.as_str(), "exec" | "eval"));
            if runs && first.is_some_and(|code| !code.is_literal_expr()) {
                self.signs.add(bits::EXECS, bytes_of(call.range()));
            }
            if let Some(Expr::List(list)) = first
                && list.elts.first().and_then(last) == Some("executable")
                && list.elts.get(1).is_some_and(names_data)
            {
                self.signs.add(bits::RUNS_DATA, bytes_of(call.range()));
            }
        }
        if let Expr::BinOp(sum) = expr {
            signs_of_sum(sum, self.signs);
        }
        let generators = match expr {
            Expr::DictComp(comp) => &comp.generators,
            Expr::ListComp(comp) => &comp.generators,
            Expr::SetComp(comp) => &comp.generators,
            Expr::Generator(comp) => &comp.generators,
            _ => {
                walk_expr(self, expr);
                return;
            }
        };
        let mut inside = Environment::default();
        walk_expr(&mut inside, expr);
        if inside.reads {
            self.signs
                .add(bits::ENVIRONMENT_LOOP, bytes_of(expr.range()));
            let over = generators.iter().any(|one| {
                let mut iterated = Environment::default();
                iterated.visit_expr(&one.iter);
                iterated.reads
            });
            if over && inside.picks {
                self.signs
                    .add(bits::ENVIRONMENT_FILTER, bytes_of(expr.range()));
            }
        }
        walk_expr(self, expr);
    }
}

/// Whether an expression holds the name of a file that is not a program's.
fn names_data(expr: &Expr) -> bool {
    #[derive(Default)]
    struct Names(bool);
    impl<'a> Visitor<'a> for Names {
        fn visit_expr(&mut self, expr: &'a Expr) {
            if let Expr::StringLiteral(text) = expr {
                let endings = [
                    ".txt", ".dat", ".bin", ".png", ".jpg", ".json", ".md", ".cfg", ".log", ".ini",
                    ".css", ".tmp",
                ];
                let text = text.value.to_str();
                self.0 |= endings.iter().any(|ending| text.ends_with(ending));
            }
            walk_expr(self, expr);
        }
    }
    let mut names = Names::default();
    names.visit_expr(expr);
    names.0
}

/// What a comprehension does with the environment.
#[derive(Default)]
struct Environment {
    reads: bool,
    picks: bool,
}

impl<'a> Visitor<'a> for Environment {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Compare(compare) => {
                let asks = compare.ops.iter().any(|op| matches!(op, CmpOp::In));
                let secret = matches!(&*compare.left, Expr::StringLiteral(text)
                    if matches!(text.value.to_str().to_ascii_uppercase().trim_matches('_'), "KEY" | "TOKEN" | "SECRET" | "PASS" | "PASSWORD" | "AWS" | "API"));
                self.picks |= asks && (secret || compare.left.is_name_expr());
            }
            other => self.reads |= matches!(last(other), Some("environ" | "getenv")),
        }
        walk_expr(self, expr);
    }
}

fn is_true(test: &Expr) -> bool {
    match test {
        Expr::BooleanLiteral(literal) => literal.value,
        Expr::NumberLiteral(_) => true,
        _ => false,
    }
}

/// `itertools.count()`.
fn counts(iterable: &Expr) -> bool {
    matches!(iterable, Expr::Call(call) if matches!(last(&call.func), Some("count" | "cycle")))
}

fn only_prints(stmt: &Stmt) -> bool {
    let Stmt::Expr(expr) = stmt else {
        return false;
    };
    matches!(&*expr.value, Expr::Call(call) if matches!(last(&call.func), Some("print" | "sleep")))
}
