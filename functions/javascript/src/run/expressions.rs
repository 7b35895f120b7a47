//! Expressions.

use std::rc::Rc;

use oxc_ast::ast::{
    ArrayExpression, ArrayExpressionElement, BinaryExpression, BinaryOperator, ChainElement,
    Expression, LogicalOperator, ObjectExpression, ObjectPropertyKind, PropertyKey, PropertyKind,
    TemplateLiteral, UnaryOperator,
};

use super::value::{Frame, Live, Members};
use super::{Halt, Machine, Ran};
use crate::collect::FunctionNode;

impl<'a> Machine<'a> {
    pub(super) fn expression(
        &mut self,
        expression: &'a Expression<'a>,
        frame: &Rc<Frame<'a>>,
    ) -> Ran<'a> {
        self.step()?;
        match expression {
            Expression::NumericLiteral(number) => return Ok(Live::Number(number.value)),
            Expression::StringLiteral(text) => return Ok(Live::text(text.value.as_str())),
            Expression::Identifier(name) => return Ok(self.read(name.name.as_str(), frame)),
            _ => {}
        }
        if self.depth >= super::DEPTH {
            return Err(Halt::Stop);
        }
        self.depth += 1;
        let value = self.inner(expression, frame);
        self.depth -= 1;
        value
    }

    fn inner(&mut self, expression: &'a Expression<'a>, frame: &Rc<Frame<'a>>) -> Ran<'a> {
        match expression {
            Expression::BooleanLiteral(literal) => Ok(Live::Boolean(literal.value)),
            Expression::NullLiteral(_) => Ok(Live::Null),
            Expression::TemplateLiteral(template) => self.template(template, frame),
            Expression::ThisExpression(_) => Ok(frame.this.clone()),
            Expression::StaticMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                self.member(&base, member.property.name.as_str())
            }
            Expression::ComputedMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                let key = self.expression(&member.expression, frame)?;
                self.element(&base, &key)
            }
            Expression::ChainExpression(chain) => self.chain(&chain.expression, frame),
            Expression::CallExpression(call) => {
                self.call_expression(&call.callee, &call.arguments, frame)
            }
            Expression::NewExpression(call) => {
                let callee = self.expression(&call.callee, frame)?;
                let arguments = self.arguments(&call.arguments, frame)?;
                self.construct(&callee, arguments)
            }
            Expression::BinaryExpression(binary) => self.binary(binary, frame),
            Expression::LogicalExpression(_) | Expression::ConditionalExpression(_) => {
                self.choice(expression, frame)
            }
            Expression::ArrayExpression(array) => self.array(array, frame),
            Expression::SequenceExpression(sequence) => {
                let mut last = Live::Undefined;
                for inner in &sequence.expressions {
                    last = self.expression(inner, frame)?;
                }
                Ok(last)
            }
            Expression::AssignmentExpression(assignment) => self.assignment(assignment, frame),
            Expression::UpdateExpression(update) => self.update(update, frame),
            Expression::UnaryExpression(unary) => {
                if unary.operator == UnaryOperator::Delete {
                    return Ok(Live::Boolean(true));
                }
                let inner = self.expression(&unary.argument, frame)?;
                Ok(super::operators::unary(unary.operator, &inner))
            }
            Expression::ObjectExpression(object) => self.object(object, frame),
            Expression::ArrowFunctionExpression(arrow) => {
                Ok(self.closure(FunctionNode::Arrow(arrow), Some(frame)))
            }
            Expression::FunctionExpression(function) => {
                Ok(self.closure(FunctionNode::Function(function), Some(frame)))
            }
            Expression::RegExpLiteral(pattern) => Ok(super::members::pattern(
                pattern.regex.pattern.text.as_str(),
                &pattern.regex.flags.to_string(),
            )),
            other => match crate::collect::wrapped(other) {
                Some(inner) => self.expression(inner, frame),
                None => self.unknown(),
            },
        }
    }

    /// `a && b`, `a || b`, `a ?? b`, `a ? b : c`.
    fn choice(&mut self, expression: &'a Expression<'a>, frame: &Rc<Frame<'a>>) -> Ran<'a> {
        match expression {
            Expression::LogicalExpression(logical) => {
                let left = self.expression(&logical.left, frame)?;
                let take_left = match logical.operator {
                    LogicalOperator::And => self.decide(&left)?.map(|truth| !truth),
                    LogicalOperator::Or => self.decide(&left)?,
                    LogicalOperator::Coalesce => {
                        Some(!matches!(left, Live::Undefined | Live::Null))
                    }
                };
                match take_left {
                    Some(true) => Ok(left),
                    Some(false) => self.expression(&logical.right, frame),
                    None => {
                        self.expression(&logical.right, frame)?;
                        self.unknown()
                    }
                }
            }
            Expression::ConditionalExpression(conditional) => {
                let test = self.expression(&conditional.test, frame)?;
                match self.decide(&test)? {
                    Some(true) => self.expression(&conditional.consequent, frame),
                    Some(false) => self.expression(&conditional.alternate, frame),
                    None => {
                        self.expression(&conditional.consequent, frame)?;
                        self.expression(&conditional.alternate, frame)?;
                        self.unknown()
                    }
                }
            }
            _ => self.unknown(),
        }
    }

    fn array(&mut self, array: &'a ArrayExpression<'a>, frame: &Rc<Frame<'a>>) -> Ran<'a> {
        let mut items = Vec::new();
        for element in &array.elements {
            match element {
                ArrayExpressionElement::SpreadElement(spread) => {
                    let all = self.expression(&spread.argument, frame)?;
                    items.extend(self.items(&all).ok_or(Halt::Stop)?);
                }
                other => items.push(match other.as_expression() {
                    Some(inner) => self.expression(inner, frame)?,
                    None => Live::Undefined,
                }),
            }
        }
        self.made(items.len())?;
        Ok(Live::list(items))
    }

    fn chain(&mut self, element: &'a ChainElement<'a>, frame: &Rc<Frame<'a>>) -> Ran<'a> {
        match element {
            ChainElement::CallExpression(call) => {
                self.call_expression(&call.callee, &call.arguments, frame)
            }
            ChainElement::StaticMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                self.member(&base, member.property.name.as_str())
            }
            ChainElement::ComputedMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                let key = self.expression(&member.expression, frame)?;
                self.element(&base, &key)
            }
            _ => self.unknown(),
        }
    }

    fn template(&mut self, template: &'a TemplateLiteral<'a>, frame: &Rc<Frame<'a>>) -> Ran<'a> {
        let mut out = Live::text("");
        for (at, quasi) in template.quasis.iter().enumerate() {
            let text = quasi.value.cooked.as_ref().unwrap_or(&quasi.value.raw);
            out = self.add(out, &Live::text(text.as_str()))?;
            if let Some(inner) = template.expressions.get(at) {
                let inner = self.expression(inner, frame)?;
                out = self.add(out, &inner)?;
            }
        }
        Ok(out)
    }

    /// Without recursion along the left side: code of six characters is one long sum.
    fn binary(&mut self, binary: &'a BinaryExpression<'a>, frame: &Rc<Frame<'a>>) -> Ran<'a> {
        let mut pending = vec![binary];
        let mut left = &binary.left;
        while let Expression::BinaryExpression(inner) = left {
            pending.push(inner);
            left = &inner.left;
        }
        let mut value = self.expression(left, frame)?;
        while let Some(next) = pending.pop() {
            self.step()?;
            let right = self.expression(&next.right, frame)?;
            value = self.operate(next.operator, value, &right)?;
        }
        Ok(value)
    }

    pub(super) fn operate(
        &mut self,
        operator: BinaryOperator,
        left: Live<'a>,
        right: &Live<'a>,
    ) -> Ran<'a> {
        Ok(match operator {
            BinaryOperator::Addition => return self.add(left, right),
            BinaryOperator::StrictEquality | BinaryOperator::StrictInequality => {
                let wanted = operator == BinaryOperator::StrictEquality;
                match self.strictly_equal(&left, right) {
                    Some(equal) => Live::Boolean(equal == wanted),
                    None => Live::Unknown,
                }
            }
            BinaryOperator::Equality | BinaryOperator::Inequality => {
                let wanted = operator == BinaryOperator::Equality;
                match super::operators::loosely_equal(&left, right) {
                    Some(equal) => Live::Boolean(equal == wanted),
                    None => Live::Unknown,
                }
            }
            BinaryOperator::In => match self.key(&left) {
                Some(key) => match self.member(right, &key)? {
                    Live::Unknown => Live::Unknown,
                    Live::Undefined => Live::Boolean(false),
                    _ => Live::Boolean(true),
                },
                None => Live::Unknown,
            },
            BinaryOperator::Instanceof => Live::Unknown,
            operator => super::operators::arithmetic(operator, &left, right),
        })
    }

    /// `left + right`; a text on the left grows in place where nobody else has it.
    pub(super) fn add(&mut self, left: Live<'a>, right: &Live<'a>) -> Ran<'a> {
        if matches!(left, Live::Unknown) || matches!(right, Live::Unknown) {
            return self.unknown();
        }
        let numbers = |value: &Live<'a>| {
            matches!(
                value,
                Live::Number(_) | Live::Boolean(_) | Live::Null | Live::Undefined
            )
        };
        if numbers(&left) && numbers(right) {
            let sum = left.number().zip(right.number());
            return Ok(sum.map_or(Live::Unknown, |(a, b)| Live::Number(a + b)));
        }
        let (Some(start), Some(end)) = (self.units(&left), self.units(right)) else {
            return self.unknown();
        };
        drop(left);
        self.made(end.len())?;
        let mut start = start;
        if Rc::get_mut(&mut start).is_none() {
            self.made(start.len())?;
        }
        if start.len() + end.len() > crate::value::TEXT_LIMIT {
            return Err(Halt::Stop);
        }
        Rc::make_mut(&mut start).extend_from_slice(&end);
        Ok(Live::Text(start))
    }

    fn object(&mut self, object: &'a ObjectExpression<'a>, frame: &Rc<Frame<'a>>) -> Ran<'a> {
        let mut members = Members::default();
        for property in &object.properties {
            let ObjectPropertyKind::ObjectProperty(property) = property else {
                continue;
            };
            if property.kind != PropertyKind::Init {
                continue;
            }
            let name = self.property_name(&property.key, frame)?;
            let value = self.expression(&property.value, frame)?;
            if let Some(name) = name {
                members.insert(name, value);
            }
        }
        Ok(Live::object(members))
    }

    fn property_name(
        &mut self,
        key: &'a PropertyKey<'a>,
        frame: &Rc<Frame<'a>>,
    ) -> Result<Option<Rc<str>>, Halt<'a>> {
        if let Some(name) = key.static_name() {
            return Ok(Some((&*name).into()));
        }
        match key.as_expression() {
            Some(expression) => {
                let value = self.expression(expression, frame)?;
                Ok(self.key(&value))
            }
            None => Ok(None),
        }
    }
}
