//! Bindings: declarations, parameters, destructuring, assignments.

use std::rc::Rc;

use oxc_ast::ast::{
    AssignmentTarget, AssignmentTargetMaybeDefault, AssignmentTargetProperty, BindingPattern,
    Expression, FormalParameters, PropertyKey, VariableDeclarationKind, VariableDeclarator,
};
use oxc_span::{GetSpan as _, Span};

use super::{Collector, FunctionIx, Place, ScopeIx, Write};

/// Members of a destructuring beyond this depth are not followed.
const KEYS: usize = 6;

/// Destructurings nested deeper than this are not followed. The parser's own limit on
/// brackets is higher; honest code stays below ten.
const PATTERN_DEPTH: usize = 32;

/// Where a binding's value comes from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// An expression, evaluated in a scope.
    Value(&'a Expression<'a>, ScopeIx),
    /// An element of what an expression yields, as in `for (x of …)`.
    Iterated(&'a Expression<'a>, ScopeIx),
    /// An export of a module; `None` for all of it.
    Import(&'a str, Option<&'a str>),
    /// A parameter, by index.
    Parameter(FunctionIx, usize),
    /// A function of the file.
    Function(FunctionIx),
    /// What is thrown in a `try` block.
    Caught(Span),
    /// Something else.
    Unknown,
}

/// One step of a destructuring.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// `{name: …}`.
    Name(&'a str),
    /// `[…]`, by index.
    Index(usize),
    /// `{[key]: …}`, with the scope of the key.
    Computed(&'a Expression<'a>, ScopeIx),
    /// `...rest`.
    Some,
}

/// One thing a binding is given.
#[derive(Debug, Clone)]
pub struct Definition<'a> {
    /// Where it comes from.
    pub origin: Origin<'a>,
    keys: Option<Rc<[Key<'a>]>>,
    /// Adds to the value instead of replacing it (`+=`, `push`).
    pub partial: bool,
}

impl<'a> Definition<'a> {
    /// The origin itself.
    pub fn whole(origin: Origin<'a>) -> Self {
        Self {
            origin,
            keys: None,
            partial: false,
        }
    }

    /// Which member of it, outermost first.
    pub fn keys(&self) -> &[Key<'a>] {
        self.keys.as_deref().unwrap_or_default()
    }

    fn member(&self, key: Key<'a>) -> Self {
        if self.keys().len() >= KEYS {
            return Self::whole(Origin::Unknown);
        }
        Self {
            origin: self.origin,
            keys: Some(self.keys().iter().copied().chain([key]).collect()),
            partial: self.partial,
        }
    }
}

impl<'a> Collector<'a> {
    pub(super) fn declarator(
        &mut self,
        declarator: &'a VariableDeclarator<'a>,
        kind: VariableDeclarationKind,
        place: Place,
    ) {
        let scope = match kind {
            VariableDeclarationKind::Var => self.facts.scopes[place.scope as usize].var_scope,
            _ => place.scope,
        };
        let definition = declarator
            .init
            .as_ref()
            .map(|init| Definition::whole(Origin::Value(init, place.scope)));
        self.bind(&declarator.id, definition.as_ref(), scope, place, 0);
        if let Some(init) = &declarator.init {
            self.later(init, place);
        }
    }

    pub(super) fn parameters(&mut self, params: &'a FormalParameters<'a>, place: Place) {
        for (at, parameter) in params.items.iter().enumerate() {
            let definition = Definition::whole(Origin::Parameter(place.function, at));
            self.bind(&parameter.pattern, Some(&definition), place.scope, place, 0);
            let symbol = match &parameter.pattern {
                BindingPattern::BindingIdentifier(name) => {
                    self.facts.resolve(name.name.as_str(), place.scope)
                }
                _ => None,
            };
            if let Some(initializer) = &parameter.initializer {
                if let Some(symbol) = symbol {
                    let default = Definition::whole(Origin::Value(initializer, place.scope));
                    self.define(symbol, default);
                }
                self.later(initializer, place);
            }
            self.facts.functions[place.function as usize]
                .params
                .push(symbol);
        }
        if let Some(rest) = &params.rest {
            let all = Definition::whole(Origin::Parameter(place.function, params.items.len()));
            self.bind(
                &rest.rest.argument,
                Some(&all.member(Key::Some)),
                place.scope,
                place,
                0,
            );
        }
    }

    /// Declares every name of a pattern in `scope`.
    pub(super) fn bind(
        &mut self,
        pattern: &'a BindingPattern<'a>,
        definition: Option<&Definition<'a>>,
        scope: ScopeIx,
        place: Place,
        depth: usize,
    ) {
        if depth > PATTERN_DEPTH {
            return;
        }
        match pattern {
            BindingPattern::BindingIdentifier(name) => {
                let symbol = self.declare(name.name.as_str(), scope, name.span.start);
                if let Some(definition) = definition {
                    self.define(symbol, definition.clone());
                }
            }
            BindingPattern::ObjectPattern(object) => {
                for property in &object.properties {
                    let key = self.key(&property.key, property.computed, place);
                    let member = definition.map(|definition| definition.member(key));
                    self.bind(&property.value, member.as_ref(), scope, place, depth + 1);
                }
                if let Some(rest) = &object.rest {
                    self.bind(&rest.argument, definition, scope, place, depth + 1);
                }
            }
            BindingPattern::ArrayPattern(array) => {
                for (at, element) in array.elements.iter().enumerate() {
                    if let Some(element) = element {
                        let member = definition.map(|definition| definition.member(Key::Index(at)));
                        self.bind(element, member.as_ref(), scope, place, depth + 1);
                    }
                }
                if let Some(rest) = &array.rest {
                    self.bind(&rest.argument, definition, scope, place, depth + 1);
                }
            }
            BindingPattern::AssignmentPattern(assignment) => {
                self.bind(&assignment.left, definition, scope, place, depth + 1);
                self.later(&assignment.right, place);
            }
        }
    }

    pub(super) fn key(
        &mut self,
        key: &'a PropertyKey<'a>,
        computed: bool,
        place: Place,
    ) -> Key<'a> {
        match key {
            PropertyKey::StaticIdentifier(name) => Key::Name(name.name.as_str()),
            PropertyKey::StringLiteral(text) => Key::Name(text.value.as_str()),
            other => {
                let Some(expression) = other.as_expression().filter(|_| computed) else {
                    return Key::Some;
                };
                self.later(expression, place);
                Key::Computed(expression, place.scope)
            }
        }
    }

    /// `target = value` in all its forms.
    pub(super) fn assign(
        &mut self,
        target: &'a AssignmentTarget<'a>,
        definition: &Definition<'a>,
        span: Span,
        place: Place,
        depth: usize,
    ) {
        if depth > PATTERN_DEPTH {
            return;
        }
        match target {
            AssignmentTarget::AssignmentTargetIdentifier(name) => {
                self.assigned.push((
                    name.name.as_str(),
                    place.scope,
                    definition.clone(),
                    name.span.start,
                ));
            }
            AssignmentTarget::StaticMemberExpression(member) => {
                let property = Some(member.property.name.as_str());
                self.write(&member.object, property, definition, span, place);
                self.later(&member.object, place);
            }
            AssignmentTarget::ComputedMemberExpression(member) => {
                let property = match &member.expression {
                    Expression::StringLiteral(text) => Some(text.value.as_str()),
                    _ => None,
                };
                self.write(&member.object, property, definition, span, place);
                self.later(&member.object, place);
                self.later(&member.expression, place);
            }
            AssignmentTarget::PrivateFieldExpression(member) => self.later(&member.object, place),
            AssignmentTarget::ObjectAssignmentTarget(object) => {
                for property in &object.properties {
                    self.assign_property(property, definition, span, place, depth);
                }
                if let Some(rest) = &object.rest {
                    self.assign(&rest.target, definition, span, place, depth + 1);
                }
            }
            AssignmentTarget::ArrayAssignmentTarget(array) => {
                for (at, element) in array.elements.iter().enumerate() {
                    if let Some(element) = element {
                        let member = definition.member(Key::Index(at));
                        self.assign_default(element, &member, span, place, depth + 1);
                    }
                }
                if let Some(rest) = &array.rest {
                    self.assign(&rest.target, definition, span, place, depth + 1);
                }
            }
            AssignmentTarget::TSAsExpression(inner) => self.later(&inner.expression, place),
            AssignmentTarget::TSSatisfiesExpression(inner) => self.later(&inner.expression, place),
            AssignmentTarget::TSNonNullExpression(inner) => self.later(&inner.expression, place),
            AssignmentTarget::TSTypeAssertion(inner) => self.later(&inner.expression, place),
        }
    }

    fn assign_property(
        &mut self,
        property: &'a AssignmentTargetProperty<'a>,
        definition: &Definition<'a>,
        span: Span,
        place: Place,
        depth: usize,
    ) {
        match property {
            AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(property) => {
                let name = property.binding.name.as_str();
                self.assigned.push((
                    name,
                    place.scope,
                    definition.member(Key::Name(name)),
                    property.span.start,
                ));
                if let Some(init) = &property.init {
                    self.later(init, place);
                }
            }
            AssignmentTargetProperty::AssignmentTargetPropertyProperty(property) => {
                let key = self.key(&property.name, property.computed, place);
                let member = definition.member(key);
                self.assign_default(&property.binding, &member, span, place, depth + 1);
            }
        }
    }

    fn assign_default(
        &mut self,
        target: &'a AssignmentTargetMaybeDefault<'a>,
        definition: &Definition<'a>,
        span: Span,
        place: Place,
        depth: usize,
    ) {
        match target {
            AssignmentTargetMaybeDefault::AssignmentTargetWithDefault(with) => {
                self.assign(&with.binding, definition, span, place, depth);
                self.later(&with.init, place);
            }
            other => {
                if let Some(target) = other.as_assignment_target() {
                    self.assign(target, definition, span, place, depth);
                }
            }
        }
    }

    fn write(
        &mut self,
        object: &'a Expression<'a>,
        property: Option<&'a str>,
        definition: &Definition<'a>,
        span: Span,
        place: Place,
    ) {
        if let Origin::Value(value, _) = definition.origin
            && definition.keys.is_none()
        {
            self.facts.writes.push(Write {
                object,
                property,
                value,
                scope: place.scope,
                span: span.merge(value.span()),
            });
        }
    }
}
