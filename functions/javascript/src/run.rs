//! Runs pure parts of the code step by step: decoders, rotations of string arrays,
//! code made of six characters. Only the language itself is there; what an interface of
//! Node or a browser would give is unknown, nothing has effects, and what would be run
//! as code is kept.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::collect::{Call, CallNode, Facts, FunctionIx, FunctionNode, Origin, ScopeIx, SymbolIx};
use crate::value::Eval;

mod assignments;
mod builtin;
mod calls;
mod expressions;
mod lists;
mod literals;
mod members;
mod numbers;
mod operators;
mod statements;
mod texts;
pub mod value;

use value::{Closure, Frame, Live};

/// Steps for all decoders of a file that are run, and of one whose texts stand in a shuffled
/// array: putting that in order takes a decoding per text and turn.
const STEPS: u32 = 150_000;
const STEPS_SHUFFLED: u32 = 20_000_000;

/// Turns of a shuffled array beyond twice its length after which it is in no order:
/// obfuscators turn by less than 512.
const TURNS: usize = 512;

/// How deep expressions and calls may go. Bounds the machine stack.
const DEPTH: u32 = 120;

/// Bytes of text made, all together.
const TEXT: usize = 64 << 20;

/// Texts that would run as code, kept per file.
const CAPTURED: usize = 40;

/// Why running ended early.
#[derive(Debug)]
pub enum Halt<'a> {
    /// A bound was met, or something not known decides how to go on.
    Stop,
    /// The code threw.
    Throw(Live<'a>),
}

type Ran<'a> = Result<Live<'a>, Halt<'a>>;

/// Runs parts of one file.
pub struct Machine<'a> {
    facts: &'a Facts<'a>,
    steps: u32,
    depth: u32,
    text: usize,
    /// Goes on where something is not known: both branches, each loop once.
    tolerant: bool,
    /// Variables outside of what runs, from their definitions on.
    globals: BTreeMap<SymbolIx, Live<'a>>,
    /// Names that were never declared.
    loose: BTreeMap<&'a str, Live<'a>>,
    /// Texts that would have been run as code.
    pub captured: Vec<Rc<str>>,
    /// How often an array was turned while it is put in order.
    turns: Option<usize>,
    /// Functions that were tried in vain.
    failed: BTreeMap<FunctionIx, u8>,
}

impl<'a> Machine<'a> {
    pub fn new(facts: &'a Facts<'a>) -> Self {
        Self {
            facts,
            steps: STEPS,
            depth: 0,
            text: TEXT,
            tolerant: false,
            globals: BTreeMap::new(),
            loose: BTreeMap::new(),
            captured: Vec::new(),
            turns: None,
            failed: BTreeMap::new(),
        }
    }

    /// Runs the function that puts a shuffled array in order, with what it is given.
    pub fn shuffle(&mut self, call: &Call<'a>) {
        let CallNode::Call(node) = call.node else {
            return;
        };
        self.steps = STEPS_SHUFFLED;
        self.turns = Some(0);
        let frame = top(call.scope);
        // What order it has then shows in the texts that come out.
        let _done = self.call_expression(&node.callee, &node.arguments, &frame);
        self.turns = None;
        self.steps = self.steps.max(STEPS);
        self.text = self.text.max(TEXT / 2);
        self.depth = 0;
    }

    /// What a function gives for constant arguments.
    pub fn apply(&mut self, function: FunctionIx, arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
        const TRIES: u8 = 3;
        let failures = self.failed.get(&function).copied().unwrap_or_default();
        if failures >= TRIES {
            return None;
        }
        let node = self.facts.functions[function as usize].node?;
        self.depth = 0;
        let callee = self.closure(node, None);
        let given = arguments.iter().map(Live::from_eval).collect();
        let given = match self.facts.functions[function as usize].symbol {
            // The binding itself: the function may have replaced itself.
            Some(symbol) => {
                let callee = self.global(symbol).unwrap_or(callee);
                self.call(&callee, Live::Undefined, given)
            }
            None => self.call(&callee, Live::Undefined, given),
        };
        let result = given.ok().map(|value| value.to_eval(0));
        let found = result.filter(|value| value.is_exact() || value.path.is_some());
        if found.is_none() {
            self.failed.insert(function, failures + 1);
        }
        found
    }

    /// Runs the top level as far as it goes, in at most `steps`, and keeps what it would
    /// run as code.
    pub fn top_level(&mut self, statements: &'a [oxc_ast::ast::Statement<'a>], steps: u32) {
        self.steps = steps;
        self.tolerant = true;
        self.depth = 0;
        let frame = top(0);
        self.hoist(statements, &frame);
        for statement in statements {
            if self.steps == 0 {
                break;
            }
            // What fails does not keep the next statement from running.
            let _failed = self.statement(statement, &frame);
        }
        self.tolerant = false;
    }

    fn step(&mut self) -> Result<(), Halt<'a>> {
        self.steps = self.steps.checked_sub(1).ok_or(Halt::Stop)?;
        Ok(())
    }

    /// Accounts for a text of `length` units.
    fn made(&mut self, length: usize) -> Result<(), Halt<'a>> {
        self.text = self.text.checked_sub(length * 2).ok_or(Halt::Stop)?;
        Ok(())
    }

    /// Something is not known.
    fn unknown(&self) -> Ran<'a> {
        Ok(Live::Unknown)
    }

    fn closure(&self, node: FunctionNode<'a>, frame: Option<&Rc<Frame<'a>>>) -> Live<'a> {
        let this = frame.map_or(Live::Undefined, |frame| frame.this.clone());
        Live::Closure(Rc::new(Closure {
            node,
            frame: frame.cloned(),
            this,
            members: Default::default(),
        }))
    }

    /// A variable outside of what runs.
    fn global(&mut self, symbol: SymbolIx) -> Option<Live<'a>> {
        if let Some(value) = self.globals.get(&symbol) {
            return Some(value.clone());
        }
        let definitions = &self.facts.symbols[symbol as usize].definitions;
        let first = definitions
            .iter()
            .find(|one| matches!(one.origin, Origin::Function(_)))
            .or_else(|| definitions.first())?;
        if !first.keys().is_empty() || first.partial {
            return None;
        }
        let value = match first.origin {
            Origin::Function(function) => {
                let node = self.facts.functions[function as usize].node?;
                self.closure(node, None)
            }
            Origin::Value(value, scope) => {
                // Against definitions that need themselves.
                self.globals.insert(symbol, Live::Unknown);
                self.expression(value, &top(scope)).unwrap_or_default()
            }
            _ => return None,
        };
        self.globals.insert(symbol, value.clone());
        Some(value)
    }

    /// The value of a name.
    fn read(&mut self, name: &'a str, frame: &Rc<Frame<'a>>) -> Live<'a> {
        let mut at = frame;
        loop {
            let variables = at.variables.borrow();
            if let Some((_, value)) = variables.iter().find(|(have, _)| *have == name) {
                return value.clone();
            }
            drop(variables);
            match &at.parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
        if let Some(symbol) = self.facts.resolve(name, at.scope) {
            return self.global(symbol).unwrap_or_default();
        }
        if let Some(value) = self.loose.get(name) {
            return value.clone();
        }
        members::global(name)
    }

    /// Gives a name a value, where it is declared.
    fn write(&mut self, name: &'a str, value: Live<'a>, frame: &Rc<Frame<'a>>) {
        let mut at = frame;
        loop {
            let mut variables = at.variables.borrow_mut();
            if let Some(place) = variables.iter_mut().find(|(have, _)| *have == name) {
                place.1 = value;
                return;
            }
            drop(variables);
            match &at.parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
        match self.facts.resolve(name, at.scope) {
            Some(symbol) => {
                self.globals.insert(symbol, value);
            }
            None => {
                self.loose.insert(name, value);
            }
        }
    }

    /// Takes a variable's value out, so that it can be changed in place.
    fn take(&mut self, name: &'a str, frame: &Rc<Frame<'a>>) -> Option<Live<'a>> {
        let mut at = frame;
        loop {
            let mut variables = at.variables.borrow_mut();
            if let Some(place) = variables.iter_mut().find(|(have, _)| *have == name) {
                return Some(std::mem::take(&mut place.1));
            }
            drop(variables);
            at = at.parent.as_ref()?;
        }
    }

    /// Keeps a text that would have been run.
    fn capture(&mut self, code: &[u16]) {
        if self.captured.len() < CAPTURED && code.len() >= 8 {
            let text: Rc<str> = String::from_utf16_lossy(code).into();
            if !self.captured.contains(&text) {
                self.captured.push(text);
            }
        }
    }
}

/// Declares a variable in its function.
fn declare<'a>(name: &'a str, value: Live<'a>, frame: &Rc<Frame<'a>>) {
    let mut variables = frame.variables.borrow_mut();
    match variables.iter_mut().find(|(have, _)| *have == name) {
        Some(place) => place.1 = value,
        None => variables.push((name, value)),
    }
}

/// Variables of nothing yet.
fn top<'a>(scope: ScopeIx) -> Rc<Frame<'a>> {
    Rc::new(Frame {
        variables: Default::default(),
        parent: None,
        this: Live::native("globalThis"),
        scope,
    })
}
