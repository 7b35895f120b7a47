//! Calls of functions of the code; those of the language go to `builtin`.

use std::rc::Rc;

use oxc_ast::ast::{Argument, ArrowFunctionBody, Expression};

use super::statements::End;
use super::value::{Closure, Frame, Live, Members};
use super::{Halt, Machine, Ran, declare};
use crate::collect::FunctionNode;

impl<'a> Machine<'a> {
    pub(super) fn call_expression(
        &mut self,
        callee: &'a Expression<'a>,
        arguments: &'a [Argument<'a>],
        frame: &Rc<Frame<'a>>,
    ) -> Ran<'a> {
        let (this, function) = match callee {
            Expression::StaticMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                let function = self.member(&base, member.property.name.as_str())?;
                (base, function)
            }
            Expression::ComputedMemberExpression(member) => {
                let base = self.expression(&member.object, frame)?;
                let key = self.expression(&member.expression, frame)?;
                let function = self.element(&base, &key)?;
                (base, function)
            }
            _ => (Live::Undefined, self.expression(callee, frame)?),
        };
        let arguments = self.arguments(arguments, frame)?;
        self.call(&function, this, arguments)
    }

    pub(super) fn arguments(
        &mut self,
        arguments: &'a [Argument<'a>],
        frame: &Rc<Frame<'a>>,
    ) -> Result<Vec<Live<'a>>, Halt<'a>> {
        let mut out = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument {
                Argument::SpreadElement(spread) => {
                    let all = self.expression(&spread.argument, frame)?;
                    match self.items(&all) {
                        Some(items) => {
                            self.made(items.len())?;
                            out.extend(items);
                        }
                        None => out.push(Live::Unknown),
                    }
                }
                other => out.push(match other.as_expression() {
                    Some(value) => self.expression(value, frame)?,
                    None => Live::Unknown,
                }),
            }
        }
        Ok(out)
    }

    /// `function(arguments)`.
    pub(super) fn call(
        &mut self,
        function: &Live<'a>,
        this: Live<'a>,
        arguments: Vec<Live<'a>>,
    ) -> Ran<'a> {
        self.step()?;
        match function {
            Live::Closure(closure) => self.enter(closure, this, arguments),
            Live::Native(path) => self.native(path, &arguments),
            Live::Method(method) if &*method.1 == "\u{0}itself" => Ok(method.0.clone()),
            Live::Method(method) => self.method(&method.0, &method.1, &arguments),
            Live::Unknown => {
                self.callbacks(&arguments);
                self.unknown()
            }
            _ => Err(Halt::Throw(Live::text("TypeError"))),
        }
    }

    /// What an unknown function is handed may be called by it.
    pub(super) fn callbacks(&mut self, arguments: &[Live<'a>]) {
        if !self.tolerant {
            return;
        }
        for argument in arguments {
            if let Live::Closure(closure) = argument {
                let _ignored = self.enter(closure, Live::Unknown, Vec::new());
            }
        }
    }

    fn enter(
        &mut self,
        closure: &Rc<Closure<'a>>,
        this: Live<'a>,
        arguments: Vec<Live<'a>>,
    ) -> Ran<'a> {
        if self.depth + 8 >= super::DEPTH {
            return Err(Halt::Stop);
        }
        let (span, params) = match closure.node {
            FunctionNode::Function(function) => (function.span, &function.params),
            FunctionNode::Arrow(arrow) => (arrow.span, &arrow.params),
        };
        let arrow = matches!(closure.node, FunctionNode::Arrow(_));
        let frame = Rc::new(Frame {
            variables: Default::default(),
            parent: closure.frame.clone(),
            this: if arrow { closure.this.clone() } else { this },
            scope: match &closure.frame {
                Some(frame) => frame.scope,
                None => self.facts.scope_of_function(span.start),
            },
        });
        let missing = |at: usize| {
            if at >= arguments.len() && self.tolerant && arguments.is_empty() {
                Live::Unknown
            } else {
                arguments.get(at).cloned().unwrap_or(Live::Undefined)
            }
        };
        let given: Vec<Live<'a>> = (0..params.items.len()).map(missing).collect();
        for (parameter, value) in params.items.iter().zip(given) {
            let value = match (&value, &parameter.initializer) {
                (Live::Undefined, Some(initializer)) => self.expression(initializer, &frame)?,
                _ => value,
            };
            self.bind(&parameter.pattern, value, &frame)?;
        }
        if let Some(rest) = &params.rest {
            let more = arguments.get(params.items.len()..).unwrap_or_default();
            self.bind(&rest.rest.argument, Live::list(more.to_vec()), &frame)?;
        }
        if !arrow {
            declare("arguments", Live::list(arguments), &frame);
        }
        self.body(closure, &frame)
    }

    fn body(&mut self, closure: &Rc<Closure<'a>>, frame: &Rc<Frame<'a>>) -> Ran<'a> {
        let statements = match closure.node {
            FunctionNode::Function(function) => {
                if let Some(id) = &function.id
                    && function.is_expression()
                {
                    let name = id.name.as_str();
                    let known = frame
                        .variables
                        .borrow()
                        .iter()
                        .any(|(have, _)| *have == name);
                    if !known {
                        declare(name, Live::Closure(Rc::clone(closure)), frame);
                    }
                }
                match &function.body {
                    Some(body) => &body.statements,
                    None => return Ok(Live::Undefined),
                }
            }
            FunctionNode::Arrow(arrow) => match &arrow.body {
                ArrowFunctionBody::FunctionBody(body) => &body.statements,
                other => {
                    return match other.as_expression() {
                        Some(value) => self.expression(value, frame),
                        None => self.unknown(),
                    };
                }
            },
        };
        self.depth += 2;
        let end = self.block(statements, frame);
        self.depth -= 2;
        match end? {
            End::Return(value) => Ok(value),
            _ => Ok(Live::Undefined),
        }
    }

    /// `new function(arguments)`.
    pub(super) fn construct(&mut self, function: &Live<'a>, arguments: Vec<Live<'a>>) -> Ran<'a> {
        match function {
            Live::Closure(closure) => {
                let prototype = self.member(function, "prototype")?;
                let mut members = Members::default();
                members.insert("\u{0}prototype".into(), prototype);
                let made = Live::object(members);
                let given = self.enter(closure, made.clone(), arguments)?;
                Ok(match given {
                    Live::Object(_) | Live::List(_) | Live::Closure(_) => given,
                    _ => made,
                })
            }
            Live::Native(path) => self.native_new(path, &arguments),
            _ => self.unknown(),
        }
    }

    fn native_new(&mut self, path: &str, arguments: &[Live<'a>]) -> Ran<'a> {
        let first = arguments.first();
        Ok(match path {
            "Array" | "Object" | "Function" | "String" | "Number" | "Error" => {
                return self.native(path, arguments);
            }
            "RegExp" => {
                let source = first.and_then(|first| self.key(first));
                let flags = arguments.get(1).and_then(|flags| self.key(flags));
                match source {
                    Some(source) => {
                        super::members::pattern(&source, flags.as_deref().unwrap_or_default())
                    }
                    None => Live::Unknown,
                }
            }
            "Uint8Array" | "Uint16Array" | "Uint32Array" => match first {
                Some(Live::Number(length)) => {
                    let length = length.clamp(0.0, 4e6) as usize;
                    self.made(length)?;
                    if path == "Uint8Array" {
                        Live::bytes(vec![0; length])
                    } else {
                        Live::list(vec![Live::Number(0.0); length])
                    }
                }
                Some(list @ Live::List(_)) if path == "Uint8Array" => {
                    self.native("Buffer.from", std::slice::from_ref(list))?
                }
                Some(other) => other.clone(),
                None => Live::bytes(Vec::new()),
            },
            "TextDecoder" | "TextEncoder" => Live::Native([path, "()"].concat().into()),
            _ => {
                self.callbacks(arguments);
                Live::Unknown
            }
        })
    }
}
