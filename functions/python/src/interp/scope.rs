//! Names and their values.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Caller, Interpreter};
use crate::names;
use crate::path::Path;
use crate::symbols::Symbol;
use crate::value::{Kind, Taint, Value};

/// Entries of a dictionary that is filled one by one.
const ENTRIES_LIMIT: usize = 64;

/// One namespace: a module's, a class's or a function's.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    pub parent: Option<usize>,
    /// The class whose body this is.
    pub class: Option<usize>,
    pub globals: FxHashSet<Symbol>,
    /// What the call that it belongs to gives back.
    pub returned: Option<Value<'a>>,
    /// Attributes of names: `name.attribute = …`.
    pub attributes: FxHashMap<(Symbol, Symbol), Value<'a>>,
    names: FxHashMap<Symbol, Value<'a>>,
}

impl<'a> Scope<'a> {
    pub fn get(&self, name: Symbol) -> Option<&Value<'a>> {
        self.names.get(&name)
    }

    /// All names, in no order: for binding them elsewhere.
    pub fn all(&self) -> Vec<(Symbol, Value<'a>)> {
        let names = self.names.iter();
        names.map(|(name, value)| (*name, value.clone())).collect()
    }

    pub fn set(&mut self, name: Symbol, value: Value<'a>) {
        self.names.insert(name, value);
    }
}

impl<'a> Interpreter<'a, '_> {
    pub(super) fn new_scope(&mut self, parent: usize, class: Option<usize>) -> usize {
        self.scopes.push(Scope {
            parent: Some(parent),
            class,
            ..Scope::default()
        });
        self.scopes.len() - 1
    }

    /// What a name stands for, as far as it is known.
    pub(super) fn lookup(&mut self, name: &str) -> Value<'a> {
        let name = self.symbols.get(name);
        self.lookup_symbol(name)
    }

    pub(super) fn lookup_symbol(&mut self, name: Symbol) -> Value<'a> {
        let mut at = Some(self.scope);
        while let Some(index) = at {
            let scope = &self.scopes[index];
            // A class's names are not visible in its methods.
            if (scope.class.is_none() || index == self.scope)
                && let Some(value) = scope.get(name)
            {
                return value.clone();
            }
            at = scope.parent;
        }
        self.unbound(name)
    }

    /// A name that the file doesn't bind: from a star import, or a builtin.
    fn unbound(&mut self, name: Symbol) -> Value<'a> {
        let stars = self.stars.len();
        if let Some((known, path)) = self.unbound.get(&name)
            && *known == stars
        {
            return path.clone().map_or_else(Value::unknown, Value::path);
        }
        let path = self.reached_from_outside(name);
        self.unbound.insert(name, (stars, path.clone()));
        path.map_or_else(Value::unknown, Value::path)
    }

    fn reached_from_outside(&mut self, name: Symbol) -> Option<Path> {
        let text = self.symbols.name(name).clone();
        for module in &self.stars {
            let path = format!("{module}.{text}");
            if names::role(&names::canonical(&path)).is_some() {
                return Some(self.paths.whole(&path, &mut self.symbols));
            }
        }
        let path = match &*text {
            "__builtins__" => "builtins".into(),
            "__pyarmor__" => "__pyarmor__".into(),
            text if names::BUILTINS.contains(&text) => format!("builtins.{text}"),
            _ => return None,
        };
        Some(self.paths.whole(&path, &mut self.symbols))
    }

    /// A dotted name as a value.
    pub(super) fn path(&mut self, text: &str) -> Value<'a> {
        Value::path(self.paths.whole(text, &mut self.symbols))
    }

    /// `path.name`, if the result is not too long to matter.
    pub(super) fn path_attribute(&mut self, path: &Path, name: Symbol) -> Value<'a> {
        self.paths
            .attribute(path, name, &self.symbols)
            .map_or_else(Value::unknown, Value::path)
    }

    /// Gives a name a value, in the module's scope where it is declared global.
    pub(super) fn bind(&mut self, name: &str, value: Value<'a>) {
        let name = self.symbols.get(name);
        if self.scopes[self.scope].globals.contains(&name) {
            let mut module = self.scope;
            while let Some(parent) = self.scopes[module].parent {
                module = parent;
            }
            self.bind_in(module, name, value.clone(), true);
        }
        self.bind_in(self.scope, name, value, self.branch > 0);
    }

    /// Gives a name a value in a scope; `keep` keeps the labels it had.
    pub(super) fn bind_in(&mut self, scope: usize, name: Symbol, value: Value<'a>, keep: bool) {
        replace(self.scopes[scope].names.entry(name), value, keep);
    }

    /// Adds an entry to a small dictionary; false where there is none.
    pub(super) fn set_entry(&mut self, name: &str, key: &Value<'a>, item: &Value<'a>) -> bool {
        let name = self.symbols.get(name);
        if key.as_str().is_none() || self.branch > 0 {
            return false;
        }
        let Some(value) = self.scopes[self.scope].names.get_mut(&name) else {
            return false;
        };
        let Kind::Dict(items) = &value.kind else {
            return false;
        };
        if items.len() >= ENTRIES_LIMIT {
            return false;
        }
        let mut items = items.to_vec();
        items.retain(|(old, _)| old.as_str() != key.as_str());
        items.push((key.clone(), item.clone()));
        let taint = value.taint | item.taint.without(Taint::PARTIAL | Taint::BUILT);
        *value = Value::dict(items).with(taint);
        true
    }

    /// Sets one element of a list or byte array that is known; false where it is not.
    pub(super) fn set_element(&mut self, name: &str, index: &Value<'a>, item: &Value<'a>) -> bool {
        let name = self.symbols.get(name);
        let Some(at) = index.as_int().and_then(|at| usize::try_from(at).ok()) else {
            return false;
        };
        let Some(value) = self.scopes[self.scope].names.get_mut(&name) else {
            return false;
        };
        match (
            &mut value.kind,
            item.as_int().and_then(|n| u8::try_from(n).ok()),
        ) {
            (Kind::Bytes(bytes), Some(byte)) if at < bytes.len() => {
                if Rc::get_mut(bytes).is_none() {
                    if !self.budget.take(bytes.len()) {
                        return false;
                    }
                    *bytes = bytes.to_vec().into();
                }
                if let Some(bytes) = Rc::get_mut(bytes) {
                    bytes[at] = byte;
                }
            }
            _ => return false,
        }
        value.taint |= Taint::CHARACTER_CODES | Taint::BUILT;
        true
    }

    /// Gives an attribute of a name a value, in the current scope.
    pub(super) fn bind_attribute(&mut self, name: &str, attribute: &str, value: Value<'a>) {
        let key = (self.symbols.get(name), self.symbols.get(attribute));
        let keep = self.branch > 0;
        replace(self.scopes[self.scope].attributes.entry(key), value, keep);
    }

    /// Notes that a function is called from where the walk stands.
    pub(super) fn note_edge(&mut self, function: usize) {
        if !self.noting {
            self.edges.insert((self.caller, function));
        }
    }

    /// A method of a class of this file, by name, bases of this file included.
    pub(super) fn method_of(&mut self, class: usize, name: &str) -> Option<usize> {
        let scope = self.classes.get(class)?.scope;
        let name = self.symbols.get(name);
        match self.scopes[scope].get(name)?.kind {
            Kind::Function(index) => Some(index),
            _ => None,
        }
    }

    /// `requests.Session.send = mine`: from then on `mine` sees what others say.
    pub(super) fn intercept(&mut self, base: &Value<'a>, name: &str, value: &Value<'a>) {
        let (Kind::Path(path), Kind::Function(index)) = (&base.kind, &value.kind) else {
            return;
        };
        let target = format!("{}.{name}", path.canonical());
        let sees = names::SEES_SECRETS.contains(&&*target)
            || (name.starts_with("from_") || name == "__init__")
                && ["Keypair", "Account", "Wallet"]
                    .iter()
                    .any(|class| path.ends_with(class))
            || (!path.starts_with('.') && self.takes_secrets(*index));
        if sees {
            self.note_edge(*index);
            self.functions[*index].intercepts = true;
        }
    }

    /// Whether a function says by a parameter's name that it is given a secret.
    fn takes_secrets(&self, index: usize) -> bool {
        let words = ["secret", "password", "passwd", "private_key", "mnemonic"];
        let mut parameters = self.functions[index].parameters.iter();
        parameters.any(|parameter| {
            let name = self.symbols.name(parameter.name);
            words.iter().any(|word| name.contains(word))
        })
    }

    /// Takes the callee's view for a moment.
    pub(super) fn swap_scope(&mut self, scope: usize, caller: Caller) -> (usize, Caller) {
        let before = (self.scope, self.caller);
        self.scope = scope;
        self.caller = caller;
        before
    }
}

/// Puts a value in another's place; `keep` keeps the labels that were there.
fn replace<'a, K>(
    entry: std::collections::hash_map::Entry<'_, K, Value<'a>>,
    value: Value<'a>,
    keep: bool,
) {
    use std::collections::hash_map::Entry;
    match entry {
        Entry::Occupied(mut entry) => {
            let old = entry.get_mut();
            let labels = old.taint.without(Taint::PARTIAL | Taint::BUILT);
            *old = if keep { value.with(labels) } else { value };
        }
        Entry::Vacant(entry) => {
            entry.insert(value);
        }
    }
}
