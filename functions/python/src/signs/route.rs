//! Back doors: parts of a web request that are run.

use std::collections::BTreeSet;

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
        let loads = inside.loads.filter(|_| inside.asks_for_a_digest);
        let runs = inside.runs.or(loads).or(inside.calls_hidden);
        if inside.reads
            && let Some(range) = runs
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
    /// Makes objects out of bytes in a way that can run code. Services of one program's own
    /// processes do so, too, for whoever asks.
    loads: Option<std::ops::Range<usize>>,
    /// Compares a digest with a constant: who knows a word may go on.
    asks_for_a_digest: bool,
    /// Variables for functions that were reached through a name that hides something.
    hidden: BTreeSet<String>,
    /// Calls one of these.
    calls_hidden: Option<std::ops::Range<usize>>,
}

/// Whether a call gives the function of a name that is put together, or that runs code.
fn reaches_hidden(value: &Expr) -> bool {
    let Expr::Call(call) = value else {
        return false;
    };
    let reaches = matches!(
        last(&call.func),
        Some(
            "import_string"
                | "import_module"
                | "resolve_name"
                | "locate"
                | "getattr"
                | "__import__"
        )
    );
    let hides = |name: &Expr| match name {
        Expr::StringLiteral(text) => [
            "pickle",
            "marshal.load",
            "builtins.e",
            "os.system",
            "subprocess",
        ]
        .iter()
        .any(|part| text.value.to_str().contains(part)),
        Expr::BinOp(sum) => sum.left.is_string_literal_expr() && sum.right.is_string_literal_expr(),
        _ => false,
    };
    reaches && call.arguments.args.iter().any(hides)
}

fn is_digest(expr: &Expr) -> bool {
    matches!(expr, Expr::Call(call) if matches!(last(&call.func), Some("hexdigest" | "digest")))
}

/// A string, or a name in capitals.
fn is_fixed(expr: &Expr) -> bool {
    match expr {
        Expr::StringLiteral(text) => text.value.to_str().len() >= 16,
        Expr::BytesLiteral(_) => true,
        Expr::Name(name) => !name.id.bytes().any(|byte| byte.is_ascii_lowercase()),
        _ => false,
    }
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
        let loads = matches!(last(&call.func), Some("loads" | "load" | "unsafe_load"))
            && matches!(
                root(&call.func),
                Some(
                    "pickle"
                        | "_pickle"
                        | "cPickle"
                        | "dill"
                        | "cloudpickle"
                        | "marshal"
                        | "yaml"
                        | "jsonpickle"
                )
            );
        if loads && varies && self.loads.is_none() {
            self.loads = Some(bytes_of(call.range()));
        }
        if let Expr::Name(name) = &*call.func
            && varies
            && self.hidden.contains(name.id.as_str())
        {
            self.calls_hidden = Some(bytes_of(call.range()));
        }
        if last(&call.func) == Some("compare_digest") {
            let args = &call.arguments.args;
            self.asks_for_a_digest |= args.iter().any(is_digest) && args.iter().any(is_fixed);
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
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Assign(assign) = stmt
            && let [Expr::Name(name)] = &*assign.targets
            && reaches_hidden(&assign.value)
        {
            self.hidden.insert(name.id.to_string());
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Call(call) => self.call(call),
            Expr::Compare(compare) => {
                let mut sides = compare.comparators.iter().chain([&*compare.left]);
                self.asks_for_a_digest |= sides.clone().any(is_digest) && sides.any(is_fixed);
            }
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
