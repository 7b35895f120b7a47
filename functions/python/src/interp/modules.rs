//! Several modules of a package walked as one, and what its files contain.

use std::rc::Rc;

use ruff_python_ast::Stmt;
use ruff_text_size::Ranged as _;

use super::Interpreter;
use super::calls::Given;
use crate::names::Role;
use crate::path::Path;
use crate::symbols::Symbol;
use crate::value::{Taint, Value};

/// Gives the content of the package's file whose path ends so.
pub type Content<'s> = dyn Fn(&str) -> Option<Rc<[u8]>> + 's;

/// Calls of siblings noted for one file.
const SIBLINGS_LIMIT: usize = 200;

/// One of the modules that are walked as one.
#[derive(Debug, Clone)]
pub struct Module {
    /// Dotted path from the artifact's top.
    pub name: String,
    /// Whether it is a package's `__init__`.
    pub is_package: bool,
    /// Where its text ends.
    pub end: usize,
}

impl<'a> Interpreter<'a, '_> {
    /// Gives each module its own names.
    pub(super) fn add_modules(&mut self, modules: &[Module]) {
        for (at, module) in modules.iter().enumerate() {
            let scope = match at {
                0 => 0,
                _ => {
                    let scope = self.new_scope(0, None);
                    self.scopes[scope].parent = None;
                    scope
                }
            };
            self.modules.push((module.clone(), scope));
        }
    }

    /// Walks the modules one after the other: what is imported comes first.
    pub(super) fn module_bodies(&mut self, body: &'a [Stmt]) {
        let mut from = 0;
        for (module, scope) in self.modules.clone() {
            let until = body.partition_point(|one| one.range().start().to_usize() < module.end);
            self.scope = scope;
            self.body(body.get(from..until).unwrap_or_default(), true);
            from = until;
        }
        self.scope = 0;
    }

    /// The absolute name of what is imported at a place, where it is imported relatively.
    pub(super) fn absolute(&self, dots: u32, name: &str, position: usize) -> Option<String> {
        let (module, _) = self
            .modules
            .iter()
            .find(|(module, _)| position < module.end)?;
        let mut parts: Vec<&str> = module.name.split('.').collect();
        let up = usize::try_from(dots)
            .ok()?
            .saturating_sub(usize::from(module.is_package));
        parts.truncate(parts.len().checked_sub(up)?);
        parts.extend(name.split('.').filter(|part| !part.is_empty()));
        Some(parts.join("."))
    }

    /// What a dotted name stands for among the modules walked: a name in one of them.
    pub(super) fn in_modules(&self, module: &str, name: Symbol) -> Option<Value<'a>> {
        let scope = self.module_scope(module)?;
        self.scopes[scope].get(name).cloned()
    }

    pub(super) fn module_scope(&self, name: &str) -> Option<usize> {
        let is = |module: &Module| {
            module
                .name
                .strip_suffix(name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let found = self.modules.iter().find(|(module, _)| is(module));
        found.map(|(_, scope)| *scope)
    }

    /// Binds all names of a module, for a star import.
    pub(super) fn import_all(&mut self, module: &str) {
        let Some(scope) = self
            .module_scope(module)
            .filter(|scope| *scope != self.scope)
        else {
            return;
        };
        for (name, value) in self.scopes[scope].all() {
            self.scopes[self.scope].set(name, value);
        }
    }

    /// Notes what of other modules is called by itself, or reaches what runs code.
    pub(super) fn note_siblings(&mut self, name: &Path, given: &Given<'a>) {
        if !self.is_noting() || self.siblings.len() >= SIBLINGS_LIMIT {
            return;
        }
        let runs = matches!(
            name.role(),
            Some(Role::Exec | Role::Marshal | Role::Unpickle | Role::Decode(_) | Role::Shell)
        );
        let is_sibling = |path: &str| {
            path.starts_with('.')
                || self
                    .tops
                    .contains(path.split('.').next().unwrap_or_default())
        };
        if name.role().is_none() && self.phase() == self.unit.phase && is_sibling(name) {
            self.siblings.insert((**name).into());
        }
        if runs {
            for path in given.args.iter().filter_map(Value::as_path) {
                if is_sibling(path) {
                    self.siblings.insert(format!("!{path}").into());
                }
            }
            self.runs_file |= given.taint().has(Taint::PACKAGE_FILE);
        }
    }

    /// What reading a file of the package gives.
    pub(super) fn file_content(
        &mut self,
        path: &str,
        callee: &Value<'a>,
        given: &Given<'a>,
    ) -> Option<Value<'a>> {
        let bytes = path == "pkgutil.get_data" || path.ends_with("read_bytes");
        let named = match path {
            "pkgutil.get_data"
            | "importlib.resources.read_text"
            | "importlib.resources.read_binary" => given.args.get(1)?,
            "builtins.open().read" => callee,
            "?.read_text" | "?.read_bytes" => callee,
            _ => return None,
        };
        let label = Taint::PACKAGE_FILE;
        let tail = match path {
            "builtins.open().read" => named.file()?.to_string(),
            _ => file_tail(named.as_str()?)?.to_owned(),
        };
        let is_binary = bytes || tail.starts_with('\0') || path.ends_with("read_binary");
        let content = self
            .content
            .and_then(|content| content(tail.trim_start_matches('\0')));
        let Some(content) = content else {
            return Some(Value::tainted(label).with(callee.taint.without(Taint::PARTIAL)));
        };
        let value = match is_binary {
            true => self.budget.bytes(content.to_vec()),
            false => self
                .budget
                .text(packguard_sdk::text::decode(&content).into_owned()),
        };
        Some(value.with(label))
    }
}

/// The part of a path that is known to its end: `?/data.bin` is `data.bin`.
pub(super) fn file_tail(path: &str) -> Option<&str> {
    let tail = path.rsplit(['?', '~', '%']).next().unwrap_or_default();
    let tail = tail.trim_start_matches(['/', '.', '\\']);
    (tail.len() >= 3 && tail.len() < 200).then_some(tail)
}
