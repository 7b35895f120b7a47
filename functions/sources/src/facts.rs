//! What the walk hands to the rules.

use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use packguard_sdk::Phase;

use crate::lang::Lang;
use crate::names::Role;
use crate::value::{Content, Taint, Value};

/// Most calls of one file that are kept.
pub const CALL_LIMIT: usize = 200_000;

/// One call as it stands in the code.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its name, parts joined by dots.
    pub callee: Rc<str>,
    /// What it does.
    pub role: Role,
    /// How the callee's name was come by.
    pub callee_taint: Taint,
    /// What the method was called on.
    pub receiver: Value,
    /// Arguments, and what was added to the result later.
    pub args: Vec<Value>,
    /// Where it stands.
    pub range: Range<usize>,
    /// When it runs.
    pub phase: Phase,
    /// The function it stands in; empty outside of all.
    pub function: Rc<str>,
}

impl Call {
    /// Labels of all arguments.
    pub fn taint(&self) -> Taint {
        self.args
            .iter()
            .fold(Taint::NONE, |all, arg| all | deep(arg, 3))
    }

    /// Whether it runs without being called by a user.
    pub fn by_itself(&self) -> bool {
        matches!(self.phase, Phase::Install | Phase::Import)
    }

    /// Last part of the name.
    pub fn name(&self) -> &str {
        self.callee.rsplit('.').next().unwrap_or_default()
    }
}

/// Labels of a value and of what is in it.
pub fn deep(value: &Value, depth: usize) -> Taint {
    match &value.content {
        Content::List(items) if depth > 0 => items
            .iter()
            .take(64)
            .fold(value.taint, |all, item| all | deep(item, depth - 1)),
        _ => value.taint,
    }
}

/// A string with indicators in it.
#[derive(Debug, Clone)]
pub struct Text {
    /// The string.
    pub text: Rc<str>,
    /// Where it stands.
    pub range: Range<usize>,
    /// When the code runs.
    pub phase: Phase,
    /// The function it stands in.
    pub function: Rc<str>,
    /// Where it comes from.
    pub taint: Taint,
}

/// All of one file.
#[derive(Debug)]
pub struct Facts {
    /// Its language.
    pub lang: Lang,
    /// Calls worth a look, in order.
    pub calls: Vec<Call>,
    /// Strings worth a look, in order.
    pub texts: Vec<Text>,
    /// Functions that compare the clock with a day of the program's own.
    pub dated: BTreeSet<Rc<str>>,
    /// Functions that compare a random number with a constant.
    pub chances: BTreeSet<Rc<str>>,
    /// Length of the text, in bytes.
    pub size: usize,
    /// What could not be followed.
    pub problems: Vec<String>,
}
