//! Back doors: parts of a web request that are run.

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprCall, Stmt};
use ruff_text_size::Ranged as _;

use super::shape::{last, root};
use super::{Signs, bits};
use crate::interp::bytes_of;

/// Parts of a request that whoever sends it chooses.
const PARTS: &[&str] = &[
    "headers",
    "cookies",
    "body",
    "args",
    "form",
    "values",
    "GET",
    "POST",
    "META",
    "COOKIES",
    "query_params",
    "data",
    "json",
    "get_json",
    "get_data",
    "FILES",
    "rel_url",
    "query",
    "get_argument",
];

/// Looks for functions that read requests and run what they are given.
pub fn look(body: &[Stmt], signs: &mut Signs) {
    let mut functions = Functions { signs };
    for stmt in body {
        functions.visit_stmt(stmt);
    }
}

struct Functions<'s> {
    signs: &'s mut Signs,
}

impl<'a> Visitor<'a> for Functions<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        let Stmt::FunctionDef(function) = stmt else {
            walk_stmt(self, stmt);
            return;
        };
        let mut inside = Inside::default();
        for stmt in &function.body {
            inside.visit_stmt(stmt);
        }
        if inside.reads {
            self.signs.add(bits::REQUEST, bytes_of(function.range()));
        }
        if inside.reads
            && let Some(range) = inside.runs
        {
            self.signs.add(bits::ROUTE, range);
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Lambda(lambda) = expr {
            let mut inside = Inside::default();
            inside.visit_expr(&lambda.body);
            if inside.reads {
                self.signs.add(bits::REQUEST, bytes_of(lambda.range()));
            }
        }
        walk_expr(self, expr);
    }
}

/// What one function does.
#[derive(Default)]
struct Inside {
    reads: bool,
    runs: Option<std::ops::Range<usize>>,
}

impl Inside {
    fn call(&mut self, call: &ExprCall) {
        let first = call.arguments.args.first();
        let varies = first.is_some_and(|value| !is_constant(value));
        let shell = call.arguments.keywords.iter().any(|word| {
            word.arg
                .as_ref()
                .is_some_and(|name| name.as_str() == "shell")
                && matches!(&word.value, Expr::BooleanLiteral(literal) if literal.value)
        });
        let runs = match (&*call.func, last(&call.func)) {
            (Expr::Name(_), Some("eval" | "exec")) => varies,
            (Expr::Attribute(_), Some("eval" | "exec")) => {
                varies && matches!(root(&call.func), Some("builtins" | "__builtins__"))
            }
            (_, Some("popen")) => varies,
            (_, Some("system" | "getoutput")) => {
                varies && matches!(root(&call.func), Some("os" | "subprocess"))
            }
            (
                _,
                Some(
                    "run"
                    | "Popen"
                    | "check_output"
                    | "call"
                    | "check_call"
                    | "create_subprocess_shell",
                ),
            ) => varies && shell,
            (_, Some("exec_module")) => true,
            _ => false,
        };
        if runs && self.runs.is_none() {
            self.runs = Some(bytes_of(call.range()));
        }
    }
}

/// Strings and lists of strings.
fn is_constant(value: &Expr) -> bool {
    match value {
        Expr::List(list) => list.elts.iter().all(is_constant),
        other => other.is_literal_expr(),
    }
}

impl<'a> Visitor<'a> for Inside {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Call(call) => self.call(call),
            Expr::Attribute(attribute) if PARTS.contains(&attribute.attr.as_str()) => {
                let holder = root(&attribute.value).unwrap_or_default();
                self.reads |= matches!(holder, "request" | "rq" | "req" | "flask")
                    || (holder == "self" && last(&attribute.value) == Some("request"));
            }
            Expr::StringLiteral(literal) => {
                let text = literal.value.to_str();
                self.reads |= (text.starts_with("HTTP_") && text.len() < 40)
                    || matches!(text, "wsgi.input" | "QUERY_STRING");
            }
            _ => {}
        }
        walk_expr(self, expr);
    }
}
