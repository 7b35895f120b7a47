//! Keys and passwords that a function is given and hands on to what sends silently.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{ExceptHandler, Expr, Stmt, StmtFunctionDef};
use ruff_text_size::Ranged as _;

use super::shape::{last, root};
use super::{Signs, bits, hosts, words};
use crate::interp::bytes_of;

/// Looks at every function of a module.
pub fn look(body: &[Stmt], signs: &mut Signs) {
    let mut silent = Silent {
        hosts: hosts_of(body),
        ..Silent::default()
    };
    for stmt in body {
        silent.visit_stmt(stmt);
    }
    if let Some(range) = silent.key.clone() {
        signs.add(bits::SENDS_KEY, range);
    }
    let mut functions = Functions {
        silent: &silent.senders,
        kept: &silent.kept,
        signs,
    };
    for stmt in body {
        functions.visit_stmt(stmt);
    }
}

/// Constants of a module that are addresses.
fn hosts_of(body: &[Stmt]) -> BTreeSet<String> {
    let constants = body.iter().filter_map(|stmt| match stmt {
        Stmt::Assign(assign) => match (&*assign.targets, &*assign.value) {
            ([Expr::Name(name)], Expr::StringLiteral(text)) => {
                let text = text.value.to_str();
                let address = text.split("://").nth(1).map(|rest| {
                    hosts::is_foreign(rest.split(['/', '?']).next().unwrap_or_default())
                });
                address
                    .unwrap_or_else(|| hosts::is_bare_host(text))
                    .then(|| name.id.to_string())
            }
            _ => None,
        },
        _ => None,
    });
    constants.collect()
}

/// Whether a name says that it holds all of somebody's credentials.
fn is_credentials(name: &str) -> bool {
    matches!(
        name.trim_start_matches('_'),
        "credentials" | "creds" | "frozen_credentials" | "keypair" | "wallet"
    )
}

/// Whether a name says that it holds what nobody else may know.
fn is_secret(name: &str) -> bool {
    let name = name.trim_start_matches('_').to_ascii_lowercase();
    matches!(
        name.as_str(),
        "secret"
            | "seed"
            | "mnemonic"
            | "wif"
            | "privkey"
            | "passphrase"
            | "password"
            | "passwd"
            | "keypair"
            | "seed_phrase"
    ) || [
        "private_key",
        "priv_key",
        "secret_key",
        "mnemonic",
        "privatekey",
    ]
    .iter()
    .any(|part| name.contains(part))
}

/// Whether a name says that it holds the key of a wallet.
fn is_wallet_key(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "private_key",
        "mnemonic",
        "seed_phrase",
        "privkey",
        "secret_key",
    ]
    .iter()
    .any(|part| name.contains(part))
}

/// Functions that send and keep quiet about errors.
#[derive(Default)]
struct Silent {
    senders: BTreeSet<String>,
    /// Where one of them sends a key to an address that it names.
    key: Option<std::ops::Range<usize>>,
    /// Attributes that keep secrets in dictionaries.
    kept: BTreeSet<String>,
    /// Constants of the module that are addresses.
    hosts: BTreeSet<String>,
}

impl<'a> Visitor<'a> for Silent {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::FunctionDef(function) = stmt {
            let mut body = Body {
                hosts: &self.hosts,
                sends: false,
                silent: false,
                address: false,
                named: false,
                key: false,
                whole: false,
            };
            for stmt in &function.body {
                body.visit_stmt(stmt);
            }
            if body.sends && body.silent {
                self.senders.insert(function.name.to_string());
                let address = body.address || body.named;
                if (body.address && body.key) || (address && body.whole) {
                    self.key = Some(bytes_of(function.range()));
                }
            }
        }
        if let Stmt::Assign(assign) = stmt {
            let gathered = match &*assign.value {
                Expr::Call(call) => last(&call.func) == Some("dict"),
                other => other.is_dict_expr(),
            };
            let mut mention = Mention {
                secret: &BTreeSet::new(),
                kept: &BTreeSet::new(),
                found: false,
            };
            mention.visit_expr(&assign.value);
            if let [Expr::Attribute(attribute)] = &*assign.targets
                && gathered
            {
                let keyed = matches!(&*assign.value, Expr::Call(call) if call.arguments.keywords.iter().any(
                    |word| word.arg.as_ref().is_some_and(|name| is_secret(name.as_str()))));
                if keyed || mention.found {
                    self.kept.insert(attribute.attr.to_string());
                }
            }
        }
        walk_stmt(self, stmt);
    }
}

struct Body<'n> {
    hosts: &'n BTreeSet<String>,
    sends: bool,
    silent: bool,
    address: bool,
    /// Whether it names a constant that is an address.
    named: bool,
    key: bool,
    /// Whether it takes all that an object of credentials holds.
    whole: bool,
}

impl<'a> Visitor<'a> for Body<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Try(attempt) = stmt {
            self.silent |= attempt.handlers.iter().any(is_silent);
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Call(call) = expr {
            self.sends |=
                last(&call.func).is_some_and(|name| words::of_name(name) & bits::SENDS != 0);
            // `vars(self.credentials)`: clients send what a request needs.
            let all = matches!(last(&call.func), Some("vars" | "asdict"));
            let of = call.arguments.args.first().and_then(last);
            self.whole |= all && of.is_some_and(is_credentials);
            // `account.key.hex()`, `bytes(account.key).hex()`.
            if let Expr::Attribute(outer) = &*call.func
                && outer.attr.as_str() == "hex"
            {
                let inner = match &*outer.value {
                    Expr::Call(inner) => inner.arguments.args.first(),
                    other => Some(other),
                };
                self.key |= inner
                    .is_some_and(|inner| inner.is_attribute_expr() && last(inner) == Some("key"));
            }
        }
        match expr {
            Expr::StringLiteral(text) => {
                let text = text.value.to_str();
                self.address |= text.split("://").nth(1).is_some_and(|rest| {
                    hosts::is_foreign(rest.split(['/', '?']).next().unwrap_or_default())
                });
            }
            Expr::Attribute(attribute) => {
                self.key |= is_wallet_key(attribute.attr.as_str());
                self.whole |= attribute.attr.as_str() == "__dict__"
                    && last(&attribute.value).is_some_and(is_credentials);
            }
            Expr::Name(name) => {
                self.key |= is_wallet_key(name.id.as_str());
                self.named |= self.hosts.contains(name.id.as_str());
            }
            _ => {}
        }
        walk_expr(self, expr);
    }
}

pub fn is_silent(handler: &ExceptHandler) -> bool {
    let ExceptHandler::ExceptHandler(handler) = handler;
    match &*handler.body {
        [Stmt::Pass(_) | Stmt::Continue(_) | Stmt::Return(_)] => true,
        [Stmt::Expr(expr)] => expr.value.is_ellipsis_literal_expr(),
        [Stmt::Assign(assign)] => match &*assign.value {
            Expr::Dict(dict) => dict.items.is_empty(),
            Expr::List(list) => list.elts.is_empty(),
            value => value.is_literal_expr(),
        },
        _ => false,
    }
}

struct Functions<'s, 'n> {
    silent: &'n BTreeSet<String>,
    kept: &'n BTreeSet<String>,
    signs: &'s mut Signs,
}

impl<'a> Visitor<'a> for Functions<'_, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::FunctionDef(function) = stmt {
            let mut handing = Handing {
                secret: parameters(function),
                quiet: 0,
                silent: self.silent,
                kept: self.kept,
                signs: &mut *self.signs,
            };
            for stmt in &function.body {
                handing.visit_stmt(stmt);
            }
        }
        walk_stmt(self, stmt);
    }
}

fn parameters(function: &StmtFunctionDef) -> BTreeSet<String> {
    function
        .parameters
        .iter_non_variadic_params()
        .map(|parameter| parameter.parameter.name.as_str())
        .filter(|name| is_secret(name))
        .map(str::to_owned)
        .collect()
}

/// One function's statements, in order.
struct Handing<'s, 'n> {
    secret: BTreeSet<String>,
    quiet: usize,
    silent: &'n BTreeSet<String>,
    kept: &'n BTreeSet<String>,
    signs: &'s mut Signs,
}

impl Handing<'_, '_> {
    fn mentions(&self, expr: &Expr) -> bool {
        let mut mention = Mention {
            secret: &self.secret,
            kept: self.kept,
            found: false,
        };
        mention.visit_expr(expr);
        mention.found
    }
}

impl<'a> Visitor<'a> for Handing<'_, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Assign(assign) => {
                if self.mentions(&assign.value) {
                    let names = assign.targets.iter().filter_map(|target| match target {
                        Expr::Name(name) => Some(name.id.to_string()),
                        _ => None,
                    });
                    self.secret.extend(names);
                }
            }
            Stmt::Expr(expr) => {
                let Expr::Call(call) = &*expr.value else {
                    return;
                };
                let arguments = &call.arguments;
                // `Thread(target=…, args=(key,)).start()` hands over in the inner call.
                let given = match &*call.func {
                    Expr::Attribute(outer) if arguments.is_empty() => self.mentions(&outer.value),
                    _ => {
                        arguments.args.iter().any(|value| self.mentions(value))
                            || arguments
                                .keywords
                                .iter()
                                .any(|word| self.mentions(&word.value))
                    }
                };
                if !given {
                    return;
                }
                let range = bytes_of(call.range());
                let mut target = Target::default();
                target.visit_expr(&expr.value);
                if self.quiet > 0 || target.names.iter().any(|name| self.silent.contains(name)) {
                    self.signs.add(bits::HANDS_KEY, range);
                } else if let Some(root) = root(&call.func).filter(|name| *name != "self") {
                    self.signs.hands.insert(root.to_owned());
                    self.signs.add(bits::HANDS_AWAY, range);
                }
            }
            Stmt::Try(attempt) => {
                let silent = attempt.handlers.iter().any(is_silent);
                self.quiet += usize::from(silent);
                for stmt in &attempt.body {
                    self.visit_stmt(stmt);
                }
                self.quiet -= usize::from(silent);
            }
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            _ => walk_stmt(self, stmt),
        }
    }
}

/// Whether an expression holds a secret.
struct Mention<'n> {
    secret: &'n BTreeSet<String>,
    kept: &'n BTreeSet<String>,
    found: bool,
}

impl<'a> Visitor<'a> for Mention<'_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        self.found |= match expr {
            Expr::Name(name) => self.secret.contains(name.id.as_str()),
            Expr::Attribute(attribute) => {
                let name = attribute.attr.as_str();
                is_secret(name) || self.kept.contains(name)
            }
            _ => false,
        };
        walk_expr(self, expr);
    }
}

/// Names that a call is made of.
#[derive(Default)]
struct Target {
    names: BTreeSet<String>,
}

impl<'a> Visitor<'a> for Target {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Some(name) = last(expr) {
            self.names.insert(name.to_owned());
        }
        walk_expr(self, expr);
    }
}
