//! Assignments.

use std::rc::Rc;

use oxc_ast::ast::{
    AssignmentExpression, AssignmentOperator, AssignmentTarget, SimpleAssignmentTarget,
    UpdateExpression, UpdateOperator,
};

use super::value::{Frame, Live};
use super::{Halt, Machine, Ran};

impl<'a> Machine<'a> {
    pub(super) fn assignment(
        &mut self,
        assignment: &'a AssignmentExpression<'a>,
        frame: &Rc<Frame<'a>>,
    ) -> Ran<'a> {
        let operator = assignment.operator;
        if let (Some(binary), AssignmentTarget::AssignmentTargetIdentifier(name)) =
            (operator.to_binary_operator(), &assignment.left)
        {
            let name = name.name.as_str();
            let right = self.expression(&assignment.right, frame)?;
            // Taken out, so that a text that grows is not copied each time.
            let before = match self.take(name, frame) {
                Some(value) => value,
                None => self.read(name, frame),
            };
            let value = self.operate(binary, before, &right)?;
            self.write(name, value.clone(), frame);
            return Ok(value);
        }
        if operator == AssignmentOperator::Assign {
            let value = self.expression(&assignment.right, frame)?;
            self.assign(&assignment.left, value.clone(), frame)?;
            return Ok(value);
        }
        let Some(target) = assignment.left.as_simple_assignment_target() else {
            return self.unknown();
        };
        let before = self.current(target, frame)?;
        let value = match operator.to_binary_operator() {
            Some(binary) => {
                let right = self.expression(&assignment.right, frame)?;
                self.operate(binary, before, &right)?
            }
            None => {
                let kept = match operator {
                    AssignmentOperator::LogicalOr => before.truth(),
                    AssignmentOperator::LogicalAnd => before.truth().map(|truth| !truth),
                    _ => Some(!matches!(before, Live::Undefined | Live::Null)),
                };
                if kept == Some(true) {
                    return Ok(before);
                }
                self.expression(&assignment.right, frame)?
            }
        };
        self.assign(&assignment.left, value.clone(), frame)?;
        Ok(value)
    }

    /// What an assignment's target holds before it.
    fn current(
        &mut self,
        target: &'a SimpleAssignmentTarget<'a>,
        frame: &Rc<Frame<'a>>,
    ) -> Ran<'a> {
        match target {
            SimpleAssignmentTarget::AssignmentTargetIdentifier(name) => {
                Ok(self.read(name.name.as_str(), frame))
            }
            SimpleAssignmentTarget::StaticMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                self.member(&base, member.property.name.as_str())
            }
            SimpleAssignmentTarget::ComputedMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                let key = self.expression(&member.expression, frame)?;
                self.element(&base, &key)
            }
            _ => self.unknown(),
        }
    }

    fn assign(
        &mut self,
        target: &'a AssignmentTarget<'a>,
        value: Live<'a>,
        frame: &Rc<Frame<'a>>,
    ) -> Result<(), Halt<'a>> {
        match target {
            AssignmentTarget::AssignmentTargetIdentifier(name) => {
                self.write(name.name.as_str(), value, frame);
            }
            AssignmentTarget::StaticMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                self.set(&base, member.property.name.as_str(), value)?;
            }
            AssignmentTarget::ComputedMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                let key = self.expression(&member.expression, frame)?;
                if let Some(key) = self.key(&key) {
                    self.set(&base, &key, value)?;
                }
            }
            AssignmentTarget::ArrayAssignmentTarget(array) => {
                for (at, element) in array.elements.iter().enumerate() {
                    if let Some(target) =
                        element.as_ref().and_then(|one| one.as_assignment_target())
                    {
                        let part = self.member(&value, &at.to_string())?;
                        self.assign(target, part, frame)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn update(
        &mut self,
        update: &'a UpdateExpression<'a>,
        frame: &Rc<Frame<'a>>,
    ) -> Ran<'a> {
        let before = self.current(&update.argument, frame)?;
        let Some(number) = before.number() else {
            return self.unknown();
        };
        let step = match update.operator {
            UpdateOperator::Increment => 1.0,
            UpdateOperator::Decrement => -1.0,
        };
        let after = Live::Number(number + step);
        match &update.argument {
            SimpleAssignmentTarget::AssignmentTargetIdentifier(name) => {
                self.write(name.name.as_str(), after.clone(), frame);
            }
            SimpleAssignmentTarget::StaticMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                self.set(&base, member.property.name.as_str(), after.clone())?;
            }
            SimpleAssignmentTarget::ComputedMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                let key = self.expression(&member.expression, frame)?;
                if let Some(key) = self.key(&key) {
                    self.set(&base, &key, after.clone())?;
                }
            }
            _ => {}
        }
        Ok(if update.prefix {
            after
        } else {
            Live::Number(number)
        })
    }
}
