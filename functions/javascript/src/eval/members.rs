//! Members: of interfaces, of object literals, of constants.

use oxc_ast::ast::{Expression, ObjectExpression, ObjectPropertyKind, PropertyKey};

use super::{Evaluator, methods};
use crate::collect::ScopeIx;
use crate::sources;
use crate::value::{Eval, Taint, Value};

impl<'a> Evaluator<'a> {
    /// The value of a property of an object literal.
    pub fn property(
        &mut self,
        object: &'a ObjectExpression<'a>,
        name: &str,
        scope: ScopeIx,
    ) -> Option<Eval<'a>> {
        for property in &object.properties {
            if let ObjectPropertyKind::ObjectProperty(property) = property {
                let key = match &property.key {
                    PropertyKey::StaticIdentifier(key) => key.name.as_str() == name,
                    PropertyKey::StringLiteral(key) => key.value.as_str() == name,
                    PropertyKey::NumericLiteral(key) => {
                        name.parse::<f64>().is_ok_and(|number| number == key.value)
                    }
                    _ => false,
                };
                if key {
                    return Some(self.eval(&property.value, scope));
                }
            }
        }
        None
    }

    pub(super) fn member(
        &mut self,
        object: &'a Expression<'a>,
        name: &str,
        scope: ScopeIx,
    ) -> Eval<'a> {
        let base = self.eval(object, scope);
        if name == "constructor"
            && base.path.is_none()
            && (matches!(base.value, Value::Function(_)) || is_constructor_member(object))
        {
            return Eval::path("Function");
        }
        self.select(&base, name)
    }

    pub(super) fn computed(
        &mut self,
        object: &'a Expression<'a>,
        key: &'a Expression<'a>,
        scope: ScopeIx,
    ) -> Eval<'a> {
        let key = self.eval(key, scope);
        if let Some(number) = key.number() {
            let base = self.eval(object, scope);
            return methods::element(&base, number);
        }
        match key.exact() {
            Some(name) => self.member(object, &name, scope),
            None => {
                let base = self.eval(object, scope);
                let taint = if base.api() == "process.env" {
                    key.taint
                } else {
                    base.taint.without(Taint::ENVIRONMENT)
                };
                Eval::default().tainted(taint)
            }
        }
    }

    /// Member `name` of a value.
    pub fn select(&mut self, base: &Eval<'a>, name: &str) -> Eval<'a> {
        if let Some(path) = &base.path {
            return sources::member(path, name, base);
        }
        match &base.value {
            Value::Object(object, scope) => {
                if let Some(value) = self.property(object, name, *scope) {
                    return value;
                }
                return Eval::default().tainted(base.taint.without(Taint::ENVIRONMENT));
            }
            Value::Text { .. } | Value::List(_) | Value::Number(_) | Value::Boolean(_) => {
                if name == "length" {
                    return methods::length(base);
                }
                let kind = if matches!(base.value, Value::List(_)) {
                    "Array"
                } else {
                    "String"
                };
                if name == "constructor" {
                    return Eval::path(kind);
                }
                return Eval::path(format!("{kind}.prototype.{name}")).tainted(base.taint);
            }
            Value::Function(_) if name == "constructor" => return Eval::path("Function"),
            _ => {}
        }
        if matches!(
            name,
            "length" | "size" | "byteLength" | "statusCode" | "status"
        ) {
            return Eval::default();
        }
        // One member of what holds the environment is not the environment.
        Eval::default().tainted(base.taint.without(Taint::ENVIRONMENT))
    }
}

/// `x.constructor`, whose own `constructor` is `Function` whatever `x` is.
fn is_constructor_member(expression: &Expression<'_>) -> bool {
    match expression {
        Expression::StaticMemberExpression(member) => member.property.name == "constructor",
        Expression::ComputedMemberExpression(member) => {
            matches!(&member.expression, Expression::StringLiteral(text) if text.value == "constructor")
        }
        _ => false,
    }
}
