//! Statements.

use std::rc::Rc;

use oxc_ast::ast::{
    BindingPattern, Declaration, ForStatement, ForStatementInit, ForStatementLeft, Statement,
    SwitchStatement, TryStatement, VariableDeclaration,
};

use super::value::{Frame, Live};
use super::{Halt, Machine, declare};
use crate::collect::FunctionNode;

/// How a statement ends.
#[derive(Debug)]
pub enum End<'a> {
    Normal,
    Return(Live<'a>),
    Break(Option<&'a str>),
    Continue(Option<&'a str>),
}

type Ended<'a> = Result<End<'a>, Halt<'a>>;

impl<'a> Machine<'a> {
    /// Declares the functions of a block.
    pub(super) fn hoist(&mut self, statements: &'a [Statement<'a>], frame: &Rc<Frame<'a>>) {
        for statement in statements {
            if let Some(Declaration::FunctionDeclaration(function)) = statement.as_declaration()
                && let Some(id) = &function.id
                && function.body.is_some()
            {
                let value = self.closure(FunctionNode::Function(function), Some(frame));
                declare(id.name.as_str(), value, frame);
            }
        }
    }

    pub(super) fn block(
        &mut self,
        statements: &'a [Statement<'a>],
        frame: &Rc<Frame<'a>>,
    ) -> Ended<'a> {
        self.hoist(statements, frame);
        for statement in statements {
            match self.statement(statement, frame)? {
                End::Normal => {}
                end => return Ok(end),
            }
        }
        Ok(End::Normal)
    }

    pub(super) fn statement(
        &mut self,
        statement: &'a Statement<'a>,
        frame: &Rc<Frame<'a>>,
    ) -> Ended<'a> {
        self.step()?;
        if self.depth >= super::DEPTH {
            return Err(Halt::Stop);
        }
        self.depth += 1;
        let end = self.one(statement, frame);
        self.depth -= 1;
        end
    }

    fn one(&mut self, statement: &'a Statement<'a>, frame: &Rc<Frame<'a>>) -> Ended<'a> {
        match statement {
            Statement::ExpressionStatement(statement) => {
                self.expression(&statement.expression, frame)?;
            }
            Statement::BlockStatement(block) => return self.block(&block.body, frame),
            Statement::IfStatement(statement) => {
                let test = self.expression(&statement.test, frame)?;
                match self.decide(&test)? {
                    Some(true) => return self.statement(&statement.consequent, frame),
                    Some(false) => {
                        if let Some(other) = &statement.alternate {
                            return self.statement(other, frame);
                        }
                    }
                    None => {
                        // Either may be: what one of them returns does not end the other.
                        let _first = self.statement(&statement.consequent, frame)?;
                        if let Some(other) = &statement.alternate {
                            let _second = self.statement(other, frame)?;
                        }
                    }
                }
            }
            Statement::ReturnStatement(statement) => {
                let value = match &statement.argument {
                    Some(value) => self.expression(value, frame)?,
                    None => Live::Undefined,
                };
                return Ok(End::Return(value));
            }
            Statement::ForStatement(statement) => return self.for_loop(statement, frame, None),
            Statement::WhileStatement(_) | Statement::DoWhileStatement(_) => {
                return self.while_loop(statement, frame, None);
            }
            Statement::ForInStatement(_) | Statement::ForOfStatement(_) => {
                return self.for_each(statement, frame);
            }
            Statement::SwitchStatement(statement) => return self.switch(statement, frame),
            Statement::TryStatement(statement) => return self.try_block(statement, frame),
            Statement::ThrowStatement(statement) => {
                let value = self.expression(&statement.argument, frame)?;
                return Err(Halt::Throw(value));
            }
            Statement::BreakStatement(statement) => {
                let label = statement.label.as_ref();
                return Ok(End::Break(label.map(|label| label.name.as_str())));
            }
            Statement::ContinueStatement(statement) => {
                let label = statement.label.as_ref();
                return Ok(End::Continue(label.map(|label| label.name.as_str())));
            }
            Statement::LabeledStatement(statement) => {
                let label = Some(statement.label.name.as_str());
                return match &statement.body {
                    Statement::ForStatement(body) => self.for_loop(body, frame, label),
                    body @ (Statement::WhileStatement(_) | Statement::DoWhileStatement(_)) => {
                        self.while_loop(body, frame, label)
                    }
                    body => match self.statement(body, frame)? {
                        End::Break(to) if to == label => Ok(End::Normal),
                        end => Ok(end),
                    },
                };
            }
            other => {
                if let Some(Declaration::VariableDeclaration(variables)) = other.as_declaration() {
                    self.variables(variables, frame)?;
                }
            }
        }
        Ok(End::Normal)
    }

    /// Whether a test holds; `None` where that is not known and running goes on.
    pub(super) fn decide(&mut self, test: &Live<'a>) -> Result<Option<bool>, Halt<'a>> {
        match test.truth() {
            None if !self.tolerant => Err(Halt::Stop),
            known => Ok(known),
        }
    }

    fn variables(
        &mut self,
        variables: &'a VariableDeclaration<'a>,
        frame: &Rc<Frame<'a>>,
    ) -> Result<(), Halt<'a>> {
        for declarator in &variables.declarations {
            match &declarator.init {
                Some(init) => {
                    let value = self.expression(init, frame)?;
                    self.bind(&declarator.id, value, frame)?;
                }
                None => {
                    if let BindingPattern::BindingIdentifier(name) = &declarator.id {
                        let name = name.name.as_str();
                        let known = frame
                            .variables
                            .borrow()
                            .iter()
                            .any(|(have, _)| *have == name);
                        // `var x;` does not take a value away, `let x;` in a loop does.
                        if !known || !variables.kind.is_var() {
                            declare(name, Live::Undefined, frame);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives the names of a pattern their values.
    pub(super) fn bind(
        &mut self,
        pattern: &'a BindingPattern<'a>,
        value: Live<'a>,
        frame: &Rc<Frame<'a>>,
    ) -> Result<(), Halt<'a>> {
        self.step()?;
        match pattern {
            BindingPattern::BindingIdentifier(name) => declare(name.name.as_str(), value, frame),
            BindingPattern::ArrayPattern(array) => {
                for (at, element) in array.elements.iter().enumerate() {
                    if let Some(element) = element {
                        let part = self.member(&value, &at.to_string())?;
                        self.bind(element, part, frame)?;
                    }
                }
            }
            BindingPattern::ObjectPattern(object) => {
                for property in &object.properties {
                    let name = property.key.static_name();
                    let part = match name {
                        Some(name) => self.member(&value, &name)?,
                        None => Live::Unknown,
                    };
                    self.bind(&property.value, part, frame)?;
                }
            }
            BindingPattern::AssignmentPattern(assignment) => {
                let value = match value {
                    Live::Undefined => self.expression(&assignment.right, frame)?,
                    value => value,
                };
                self.bind(&assignment.left, value, frame)?;
            }
        }
        Ok(())
    }

    fn for_loop(
        &mut self,
        statement: &'a ForStatement<'a>,
        frame: &Rc<Frame<'a>>,
        label: Option<&'a str>,
    ) -> Ended<'a> {
        match &statement.init {
            Some(ForStatementInit::VariableDeclaration(init)) => self.variables(init, frame)?,
            Some(other) => {
                if let Some(init) = other.as_expression() {
                    self.expression(init, frame)?;
                }
            }
            None => {}
        }
        loop {
            self.step()?;
            let mut once = false;
            if let Some(test) = &statement.test {
                let test = self.expression(test, frame)?;
                match self.decide(&test)? {
                    Some(true) => {}
                    Some(false) => break,
                    None => once = true,
                }
            }
            match self.statement(&statement.body, frame)? {
                End::Break(None) => break,
                End::Break(to) if to == label => break,
                End::Normal | End::Continue(None) => {}
                End::Continue(to) if to == label => {}
                end => return Ok(end),
            }
            if once {
                break;
            }
            if let Some(update) = &statement.update {
                self.expression(update, frame)?;
            }
        }
        Ok(End::Normal)
    }

    fn while_loop(
        &mut self,
        statement: &'a Statement<'a>,
        frame: &Rc<Frame<'a>>,
        label: Option<&'a str>,
    ) -> Ended<'a> {
        let (test, body, first) = match statement {
            Statement::WhileStatement(statement) => (&statement.test, &statement.body, true),
            Statement::DoWhileStatement(statement) => (&statement.test, &statement.body, false),
            _ => return Ok(End::Normal),
        };
        let mut check = first;
        loop {
            self.step()?;
            let mut once = false;
            if check {
                let test = self.expression(test, frame)?;
                match self.decide(&test)? {
                    Some(true) => {}
                    Some(false) => break,
                    None if !first => break,
                    None => once = true,
                }
            }
            check = true;
            match self.statement(body, frame)? {
                End::Break(None) => break,
                End::Break(to) if to == label => break,
                End::Normal | End::Continue(None) => {}
                End::Continue(to) if to == label => {}
                end => return Ok(end),
            }
            if once {
                break;
            }
        }
        Ok(End::Normal)
    }

    fn for_each(&mut self, statement: &'a Statement<'a>, frame: &Rc<Frame<'a>>) -> Ended<'a> {
        let (left, right, body, keys) = match statement {
            Statement::ForInStatement(one) => (&one.left, &one.right, &one.body, true),
            Statement::ForOfStatement(one) => (&one.left, &one.right, &one.body, false),
            _ => return Ok(End::Normal),
        };
        let all = self.expression(right, frame)?;
        let items = if keys {
            self.keys(&all)
        } else {
            self.items(&all)
        };
        let Some(items) = items else {
            return if self.tolerant {
                Ok(End::Normal)
            } else {
                Err(Halt::Stop)
            };
        };
        for item in items {
            self.step()?;
            match left {
                ForStatementLeft::VariableDeclaration(variables) => {
                    for declarator in &variables.declarations {
                        self.bind(&declarator.id, item.clone(), frame)?;
                    }
                }
                ForStatementLeft::AssignmentTargetIdentifier(name) => {
                    self.write(name.name.as_str(), item, frame);
                }
                _ => return Err(Halt::Stop),
            }
            match self.statement(body, frame)? {
                End::Normal | End::Continue(None) => {}
                End::Break(None) => break,
                end => return Ok(end),
            }
        }
        Ok(End::Normal)
    }

    fn switch(&mut self, statement: &'a SwitchStatement<'a>, frame: &Rc<Frame<'a>>) -> Ended<'a> {
        let value = self.expression(&statement.discriminant, frame)?;
        let mut start = None;
        for (at, case) in statement.cases.iter().enumerate() {
            if let Some(test) = &case.test {
                let test = self.expression(test, frame)?;
                if self.strictly_equal(&value, &test) == Some(true) {
                    start = Some(at);
                    break;
                }
            }
        }
        let default = statement.cases.iter().position(|case| case.test.is_none());
        let Some(start) = start.or(default) else {
            return Ok(End::Normal);
        };
        for case in statement.cases.iter().skip(start) {
            match self.block(&case.consequent, frame)? {
                End::Normal => {}
                End::Break(None) => break,
                end => return Ok(end),
            }
        }
        Ok(End::Normal)
    }

    fn try_block(&mut self, statement: &'a TryStatement<'a>, frame: &Rc<Frame<'a>>) -> Ended<'a> {
        let depth = self.depth;
        let mut end = self.block(&statement.block.body, frame);
        if let (Err(Halt::Throw(_)), Some(handler)) = (&end, &statement.handler) {
            self.depth = depth;
            let Err(Halt::Throw(thrown)) = end else {
                return Ok(End::Normal);
            };
            if let Some(parameter) = &handler.param {
                self.bind(&parameter.pattern, thrown, frame)?;
            }
            end = self.block(&handler.body.body, frame);
        }
        if let Some(last) = &statement.finalizer
            && !matches!(end, Err(Halt::Stop))
        {
            match self.block(&last.body, frame)? {
                End::Normal => {}
                other => return Ok(other),
            }
        }
        end
    }
}
