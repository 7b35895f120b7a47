//! Expressions. Nothing here calls itself: what is inside goes on the work stack.

use oxc_ast::ast::{
    Argument, ArrayExpression, ArrayExpressionElement, AssignmentExpression, AssignmentOperator,
    ChainElement, Expression, JSXAttributeItem, JSXAttributeValue, JSXChild, JSXElement,
    JSXExpression, ObjectPropertyKind, SimpleAssignmentTarget, TemplateLiteral, UpdateExpression,
};
use oxc_span::Span;

use super::patterns::{Definition, Origin};
use super::{Call, CallIx, CallNode, Collector, FunctionNode, Place, index};

impl<'a> Collector<'a> {
    pub(super) fn expression(&mut self, expression: &'a Expression<'a>, place: Place) {
        match expression {
            Expression::StringLiteral(text) => {
                self.facts.texts.push((text.value.as_str(), text.span));
            }
            Expression::TemplateLiteral(template) => self.template(template, place),
            Expression::TaggedTemplateExpression(tagged) => {
                self.later(&tagged.tag, place);
                self.template(&tagged.quasi, place);
            }
            Expression::RegExpLiteral(pattern) => {
                let text = pattern.regex.pattern.text.as_str();
                self.facts.patterns.push((text, pattern.span));
            }
            Expression::ArrayExpression(array) => self.array(array, place),
            Expression::ArrowFunctionExpression(arrow) => {
                let role = self.roles.remove(&arrow.span.start).unwrap_or_default();
                self.function(FunctionNode::Arrow(arrow), role, place);
            }
            Expression::FunctionExpression(function) => {
                let role = self.roles.remove(&function.span.start).unwrap_or_default();
                self.function(FunctionNode::Function(function), role, place);
            }
            Expression::ClassExpression(class) => self.class(class, place),
            Expression::AssignmentExpression(assignment) => self.assignment(assignment, place),
            Expression::CallExpression(_)
            | Expression::NewExpression(_)
            | Expression::ImportExpression(_) => self.call(expression, place),
            Expression::ChainExpression(chain) => self.chain(&chain.expression, place),
            Expression::ObjectExpression(object) => {
                for property in &object.properties {
                    self.property(property, place);
                }
            }
            Expression::BinaryExpression(binary) => {
                self.later(&binary.left, place);
                self.later(&binary.right, place);
            }
            Expression::LogicalExpression(logical) => {
                self.later(&logical.left, place);
                self.later(&logical.right, place);
            }
            Expression::ConditionalExpression(conditional) => {
                self.later(&conditional.test, place);
                self.later(&conditional.consequent, place);
                self.later(&conditional.alternate, place);
            }
            Expression::SequenceExpression(sequence) => {
                for inner in &sequence.expressions {
                    self.later(inner, place);
                }
            }
            Expression::UpdateExpression(update) => self.update(update, place),
            Expression::YieldExpression(inner) => {
                if let Some(argument) = &inner.argument {
                    self.later(argument, place);
                }
            }
            Expression::JSXElement(element) => self.jsx(element, place),
            Expression::JSXFragment(fragment) => self.jsx_children(&fragment.children, place),
            other => {
                self.member(other, place);
                if let Some(inner) = wrapped(other) {
                    self.later(inner, place);
                }
            }
        }
    }

    fn template(&mut self, template: &'a TemplateLiteral<'a>, place: Place) {
        for quasi in &template.quasis {
            let text = quasi.value.cooked.as_ref().unwrap_or(&quasi.value.raw);
            if !text.is_empty() {
                self.facts.texts.push((text.as_str(), quasi.span));
            }
        }
        for inner in &template.expressions {
            self.later(inner, place);
        }
    }

    fn array(&mut self, array: &'a ArrayExpression<'a>, place: Place) {
        let texts = array
            .elements
            .iter()
            .filter(|element| matches!(element, ArrayExpressionElement::StringLiteral(_)))
            .count();
        if texts >= 3 {
            self.facts.arrays.push((texts, array.span, place.function));
        }
        for element in &array.elements {
            match element {
                ArrayExpressionElement::SpreadElement(spread) => {
                    self.later(&spread.argument, place);
                }
                other => {
                    if let Some(inner) = other.as_expression() {
                        self.later(inner, place);
                    }
                }
            }
        }
    }

    fn assignment(&mut self, assignment: &'a AssignmentExpression<'a>, place: Place) {
        let mut definition = Definition::whole(Origin::Value(&assignment.right, place.scope));
        definition.partial = !matches!(
            assignment.operator,
            AssignmentOperator::Assign
                | AssignmentOperator::LogicalOr
                | AssignmentOperator::LogicalAnd
                | AssignmentOperator::LogicalNullish
        );
        self.assign(&assignment.left, &definition, assignment.span, place, 0);
        self.later(&assignment.right, place);
    }

    fn update(&mut self, update: &'a UpdateExpression<'a>, place: Place) {
        if let SimpleAssignmentTarget::AssignmentTargetIdentifier(name) = &update.argument {
            let mut counted = Definition::whole(Origin::Unknown);
            counted.partial = true;
            let start = name.span.start;
            let entry = (name.name.as_str(), place.scope, counted, start);
            self.assigned.push(entry);
        } else if let Some(member) = update.argument.as_member_expression() {
            self.later(member.object(), place);
        }
    }

    fn member(&mut self, expression: &'a Expression<'a>, place: Place) {
        match expression {
            Expression::StaticMemberExpression(member) => {
                let name = &member.property;
                if !name.name.is_ascii() {
                    self.facts.odd_names.push((name.name.as_str(), name.span));
                }
                self.later(&member.object, place);
            }
            Expression::ComputedMemberExpression(member) => {
                self.later(&member.object, place);
                self.later(&member.expression, place);
            }
            Expression::PrivateFieldExpression(member) => self.later(&member.object, place),
            _ => {}
        }
    }

    fn chain(&mut self, element: &'a ChainElement<'a>, place: Place) {
        match element {
            ChainElement::CallExpression(call) => {
                self.record(
                    CallNode::Call(call),
                    &call.arguments,
                    Some(&call.callee),
                    place,
                );
            }
            ChainElement::TSNonNullExpression(inner) => self.later(&inner.expression, place),
            ChainElement::StaticMemberExpression(member) => self.later(&member.object, place),
            ChainElement::ComputedMemberExpression(member) => {
                self.later(&member.object, place);
                self.later(&member.expression, place);
            }
            ChainElement::PrivateFieldExpression(member) => self.later(&member.object, place),
        }
    }

    fn call(&mut self, expression: &'a Expression<'a>, place: Place) {
        match expression {
            Expression::CallExpression(call) => {
                self.record(
                    CallNode::Call(call),
                    &call.arguments,
                    Some(&call.callee),
                    place,
                );
            }
            Expression::NewExpression(call) => {
                self.record(
                    CallNode::New(call),
                    &call.arguments,
                    Some(&call.callee),
                    place,
                );
            }
            Expression::ImportExpression(call) => {
                self.record(CallNode::Import(call), &[], None, place);
                self.later(&call.source, place);
                if let Some(options) = &call.options {
                    self.later(options, place);
                }
            }
            _ => {}
        }
    }

    fn record(
        &mut self,
        node: CallNode<'a>,
        arguments: &'a [Argument<'a>],
        callee: Option<&'a Expression<'a>>,
        place: Place,
    ) {
        let at: CallIx = index(self.facts.calls.len());
        self.facts.calls.push(Call {
            node,
            scope: place.scope,
            function: place.function,
        });
        if let Some(callee) = callee {
            if let Some(start) = function_start(called_function(callee)) {
                let role = self.roles.entry(start).or_default();
                role.called_by = Some(at);
            }
            self.later(callee, place);
        }
        for (number, argument) in arguments.iter().enumerate() {
            match argument {
                Argument::SpreadElement(spread) => self.later(&spread.argument, place),
                other => {
                    if let Some(value) = other.as_expression() {
                        if let Some(start) = function_start(value) {
                            let role = self.roles.entry(start).or_default();
                            role.callback_of = Some((at, number));
                        }
                        self.later(value, place);
                    }
                }
            }
        }
    }

    fn property(&mut self, property: &'a ObjectPropertyKind<'a>, place: Place) {
        match property {
            ObjectPropertyKind::ObjectProperty(property) => {
                self.key(&property.key, property.computed, place);
                self.later(&property.value, place);
            }
            ObjectPropertyKind::SpreadProperty(spread) => self.later(&spread.argument, place),
        }
    }

    fn jsx(&mut self, element: &'a JSXElement<'a>, place: Place) {
        for attribute in &element.opening_element.attributes {
            match attribute {
                JSXAttributeItem::Attribute(attribute) => match &attribute.value {
                    Some(JSXAttributeValue::StringLiteral(text)) => {
                        self.facts.texts.push((text.value.as_str(), text.span));
                    }
                    Some(JSXAttributeValue::ExpressionContainer(container)) => {
                        self.jsx_expression(&container.expression, place);
                    }
                    Some(JSXAttributeValue::Element(element)) => self.jsx(element, place),
                    _ => {}
                },
                JSXAttributeItem::SpreadAttribute(spread) => self.later(&spread.argument, place),
            }
        }
        self.jsx_children(&element.children, place);
    }

    /// Recursive, as the parser is: its nesting limit bounds this too.
    fn jsx_children(&mut self, children: &'a [JSXChild<'a>], place: Place) {
        for child in children {
            match child {
                JSXChild::Element(element) => self.jsx(element, place),
                JSXChild::Fragment(fragment) => self.jsx_children(&fragment.children, place),
                JSXChild::ExpressionContainer(container) => {
                    self.jsx_expression(&container.expression, place);
                }
                JSXChild::Spread(spread) => self.later(&spread.expression, place),
                JSXChild::Text(_) => {}
            }
        }
    }

    fn jsx_expression(&mut self, expression: &'a JSXExpression<'a>, place: Place) {
        if let Some(inner) = expression.as_expression() {
            self.later(inner, place);
        }
    }
}

/// What stands inside an expression that adds nothing to its value.
pub fn wrapped<'a>(expression: &'a Expression<'a>) -> Option<&'a Expression<'a>> {
    match expression {
        Expression::AwaitExpression(inner) => Some(&inner.argument),
        Expression::ParenthesizedExpression(inner) => Some(&inner.expression),
        Expression::UnaryExpression(inner) => Some(&inner.argument),
        Expression::PrivateInExpression(inner) => Some(&inner.right),
        Expression::TSAsExpression(inner) => Some(&inner.expression),
        Expression::TSSatisfiesExpression(inner) => Some(&inner.expression),
        Expression::TSTypeAssertion(inner) => Some(&inner.expression),
        Expression::TSNonNullExpression(inner) => Some(&inner.expression),
        Expression::TSInstantiationExpression(inner) => Some(&inner.expression),
        _ => None,
    }
}

/// `f` of `f.call(…)`, `f.apply(…)`; else the callee itself.
fn called_function<'a>(callee: &'a Expression<'a>) -> &'a Expression<'a> {
    match callee {
        Expression::StaticMemberExpression(member)
            if matches!(member.property.name.as_str(), "call" | "apply") =>
        {
            &member.object
        }
        Expression::ParenthesizedExpression(inner) => &inner.expression,
        other => other,
    }
}

fn function_start(expression: &Expression<'_>) -> Option<u32> {
    let span: Span = match expression {
        Expression::FunctionExpression(function) => function.span,
        Expression::ArrowFunctionExpression(arrow) => arrow.span,
        _ => return None,
    };
    Some(span.start)
}
