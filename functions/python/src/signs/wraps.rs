//! Functions of other packages put in the place of those that make or use a wallet's keys:
//! what stands there then sees every key.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged as _;

use super::shape::{last, root};
use super::{Signs, bits};
use crate::interp::bytes_of;

/// Functions that are given keys or make them, whatever the library.
const KEY_MAKERS: &[&str] = &[
    "from_seed",
    "from_mnemonic",
    "from_key",
    "from_private_key",
    "from_privkey",
    "from_secret_key",
    "from_base58_string",
    "from_seed_phrase",
    "from_seed_phrase_and_passphrase",
    "from_seed_and_derivation_path",
    "from_wif",
    "from_words",
    "privateKeyToAccount",
    "private_key_to_account",
    "fromSecretKey",
    "to_seed",
    "to_entropy",
    "mnemonic_to_seed",
    "generate_mnemonic",
    "sign_transaction",
];

/// Looks for assignments to such functions of what the file imports from elsewhere.
pub fn look(body: &[Stmt], tops: &BTreeSet<String>, signs: &mut Signs) {
    let mut wraps = Wraps {
        tops,
        foreign: BTreeSet::new(),
        overriding: BTreeSet::new(),
        looped: Vec::new(),
        signs,
    };
    for stmt in body {
        wraps.visit_stmt(stmt);
    }
}

struct Wraps<'s, 't> {
    tops: &'t BTreeSet<String>,
    /// Names of other packages' modules, functions and classes, and of classes made from them.
    foreign: BTreeSet<String>,
    /// Classes of the file that do a key maker's work in their own way.
    overriding: BTreeSet<String>,
    /// Variables of loops over names of key makers.
    looped: Vec<String>,
    signs: &'s mut Signs,
}

impl Wraps<'_, '_> {
    fn is_foreign(&self, expr: &Expr) -> bool {
        root(expr).is_some_and(|name| self.foreign.contains(name))
    }

    /// Whether an expression says the name of a key maker.
    fn names_maker(&self, expr: &Expr) -> bool {
        match expr {
            Expr::StringLiteral(text) => KEY_MAKERS.contains(&text.value.to_str()),
            Expr::Name(name) => self.looped.iter().any(|one| *one == *name.id),
            _ => false,
        }
    }
}

/// Whether a loop goes over strings, one of which is a key maker.
fn lists_makers(expr: &Expr) -> bool {
    let items = match expr {
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::List(list) => &list.elts,
        Expr::Set(set) => &set.elts,
        _ => return false,
    };
    items.iter().any(
        |item| matches!(item, Expr::StringLiteral(text) if KEY_MAKERS.contains(&text.value.to_str())),
    )
}

impl<'a> Visitor<'a> for Wraps<'_, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map_or("", |name| name.as_str());
                let first = module.split('.').next().unwrap_or_default();
                if import.level == 0 && !self.tops.contains(first) {
                    for alias in &import.names {
                        let name = alias.asname.as_ref().unwrap_or(&alias.name);
                        self.foreign.insert(name.to_string());
                    }
                }
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    let first = name.split('.').next().unwrap_or_default();
                    if !self.tops.contains(first) {
                        self.foreign.insert(first.to_owned());
                    }
                }
            }
            Stmt::ClassDef(class) => {
                let mut bases = class.arguments.iter().flat_map(|list| &list.args);
                if bases.any(|base| self.is_foreign(base)) {
                    self.foreign.insert(class.name.to_string());
                    let overrides = class.body.iter().any(|inner| {
                        matches!(inner, Stmt::FunctionDef(method)
                            if KEY_MAKERS.contains(&method.name.as_str()))
                    });
                    if overrides {
                        self.overriding.insert(class.name.to_string());
                    }
                }
            }
            Stmt::For(list) if lists_makers(&list.iter) => {
                if let Expr::Name(name) = &*list.target {
                    self.looped.push(name.id.to_string());
                }
            }
            Stmt::Assign(assign) => {
                let replaces = assign.targets.iter().any(|target| {
                    matches!(target, Expr::Attribute(attribute)
                        if KEY_MAKERS.contains(&attribute.attr.as_str())
                            && self.is_foreign(&attribute.value))
                });
                // `eth_account.Account = Mine`
                let swaps = matches!(&*assign.value, Expr::Name(name)
                        if self.overriding.contains(name.id.as_str()))
                    && assign.targets.iter().any(|target| {
                        matches!(target, Expr::Attribute(attribute)
                            if self.is_foreign(&attribute.value))
                    });
                if replaces || swaps {
                    self.signs.add(bits::WRAPS_KEYS, bytes_of(assign.range()));
                }
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Call(call) = expr
            && last(&call.func) == Some("setattr")
            && let [of, name, _] = &*call.arguments.args
            && self.is_foreign(of)
            && self.names_maker(name)
        {
            self.signs.add(bits::WRAPS_KEYS, bytes_of(call.range()));
        }
        // `wrapt.wrap_function_wrapper("eth_account", "Account.from_key", mine)`.
        if let Expr::Call(call) = expr
            && matches!(
                last(&call.func),
                Some("wrap_function_wrapper" | "patch_function_wrapper" | "wrap_object")
            )
        {
            let names = |arg: &Expr| {
                matches!(arg, Expr::StringLiteral(text) if text.value.to_str().rsplit('.').next()
                    .is_some_and(|name| KEY_MAKERS.contains(&name)))
            };
            if call.arguments.args.iter().any(names) {
                self.signs.add(bits::WRAPS_KEYS, bytes_of(call.range()));
            }
        }
        walk_expr(self, expr);
    }
}
