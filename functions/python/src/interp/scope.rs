//! Names and their values.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Caller, Interpreter};
use crate::names;
use crate::value::{Kind, Taint, Value};

/// One namespace: a module's, a class's or a function's.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    pub parent: Option<usize>,
    /// The class whose body this is.
    pub class: Option<usize>,
    pub globals: BTreeSet<Rc<str>>,
    /// Whether dotted names are bound in it.
    pub has_attributes: bool,
    names: BTreeMap<Rc<str>, Value<'a>>,
}

impl<'a> Scope<'a> {
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.names.get(name)
    }

    pub fn set(&mut self, name: Rc<str>, value: Value<'a>) {
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
    pub(super) fn lookup(&self, name: &str) -> Value<'a> {
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
    pub(super) fn unbound(&self, name: &str) -> Value<'a> {
        for module in &self.stars {
            let path = format!("{module}.{name}");
            if names::role(&names::canonical(&path)).is_some() {
                return Value::path(path);
            }
        }
        match name {
            "__builtins__" => Value::path("builtins"),
            "__name__" | "__file__" => Value::unknown(),
            _ if names::BUILTINS.contains(&name) => Value::path(format!("builtins.{name}")),
            _ => Value::unknown(),
        }
    }

    /// Gives a name a value, in the module's scope where it is declared global.
    pub(super) fn bind(&mut self, name: &str, value: Value<'a>) {
        let name: Rc<str> = name.into();
        if self.scopes[self.scope].globals.contains(&name) {
            self.bind_in(0, name.clone(), value.clone(), true);
        }
        self.bind_in(self.scope, name, value, self.branch > 0);
    }

    /// Gives a name a value in a scope; `keep` keeps the labels it had.
    pub(super) fn bind_in(&mut self, scope: usize, name: Rc<str>, value: Value<'a>, keep: bool) {
        let scope = &mut self.scopes[scope];
        let value = match scope.get(&name) {
            Some(old) if keep => {
                let labels = old.taint.without(Taint::PARTIAL | Taint::BUILT);
                value.with(labels)
            }
            _ => value,
        };
        scope.set(name, value);
    }

    /// Notes that a function is called from where the walk stands.
    pub(super) fn note_edge(&mut self, function: usize) {
        if !self.noting {
            self.edges.insert((self.caller, function));
        }
    }

    /// A method of a class of this file, by name, bases of this file included.
    pub(super) fn method_of(&self, class: usize, name: &str) -> Option<usize> {
        let scope = self.classes.get(class)?.scope;
        match self.scopes[scope].get(name)?.kind {
            Kind::Function(index) => Some(index),
            _ => None,
        }
    }

    /// Takes the callee's view for a moment.
    pub(super) fn swap_scope(&mut self, scope: usize, caller: Caller) -> (usize, Caller) {
        let before = (self.scope, self.caller);
        self.scope = scope;
        self.caller = caller;
        before
    }
}
