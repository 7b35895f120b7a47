//! Attributes of what is known.

use std::rc::Rc;

use ruff_python_ast::{Expr, ExprAttribute};

use super::Interpreter;
use crate::symbols::Symbol;
use crate::value::{Kind, Taint, Value};

impl<'a> Interpreter<'a, '_> {
    pub(super) fn attribute(&mut self, attribute: &'a ExprAttribute) -> Value<'a> {
        let base = self.eval(&attribute.value);
        let name = self.symbols.get(attribute.attr.as_str());
        if !self.scopes[self.scope].attributes.is_empty()
            && let Expr::Name(of) = &*attribute.value
        {
            let key = (self.symbols.get(&of.id), name);
            if let Some(value) = self.scopes[self.scope].attributes.get(&key) {
                return value.clone();
            }
        }
        self.attribute_symbol(base, name)
    }

    /// `base.name`.
    pub(super) fn attribute_of(&mut self, base: &Value<'a>, name: &str) -> Value<'a> {
        let name = self.symbols.get(name);
        self.attribute_symbol(base.clone(), name)
    }

    fn attribute_symbol(&mut self, base: Value<'a>, name: Symbol) -> Value<'a> {
        match &base.kind {
            Kind::Path(path) => {
                if !self.modules.is_empty()
                    && let Some(value) = self.in_modules(path, name)
                {
                    return value;
                }
                let mut value = self.path_attribute(path, name).with(base.taint);
                value.set_key(base.key().cloned());
                value.set_file(base.file().cloned());
                value
            }
            Kind::Instance(class) | Kind::Class(class) => {
                let class = &self.classes[*class];
                if let Some(value) = self.scopes[class.scope].get(name) {
                    return value.clone();
                }
                match &class.base {
                    Some(path) => self
                        .paths
                        .attribute(path, name, &self.symbols)
                        .map_or_else(Value::unknown, Value::path),
                    None => self.method(base, name),
                }
            }
            Kind::Str(_)
                if base.taint.has(Taint::PARTIAL) && &**self.symbols.name(name) == "parent" =>
            {
                Value::text("?").with(base.taint)
            }
            _ => {
                let taint = base.taint;
                self.method(base, name).with(taint)
            }
        }
    }

    fn method(&self, receiver: Value<'a>, name: Symbol) -> Value<'a> {
        let receiver = if receiver.is_blank() {
            self.blank.clone()
        } else {
            Rc::new(receiver)
        };
        Value::method(receiver, self.symbols.name(name).clone())
    }
}
