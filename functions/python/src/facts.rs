//! What the interpreter hands to the rules: calls and strings worth a look.

use std::ops::Range;
use std::rc::Rc;

use packguard_sdk::Phase;

use crate::names::Role;
use crate::value::{Taint, Value};

/// One call as it stands in the code.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Canonical dotted name, `os.system`; `?.name` for a method of something unknown.
    pub callee: Rc<str>,
    /// What it does, where that is known.
    pub role: Option<Role>,
    /// How the callee was reached.
    pub callee_taint: Taint,
    /// What the method was called on.
    pub receiver: Value<'a>,
    /// Positional arguments.
    pub args: Vec<Value<'a>>,
    /// Keyword arguments; an empty name for `**mapping`.
    pub keywords: Vec<(Rc<str>, Value<'a>)>,
    /// Where it stands.
    pub range: Range<usize>,
    /// When it runs.
    pub phase: Phase,
}

impl<'a> Call<'a> {
    /// An argument by position or keyword.
    pub fn arg(&self, position: usize, name: &str) -> Option<&Value<'a>> {
        self.args.get(position).or_else(|| self.keyword(name))
    }

    /// An argument by keyword.
    pub fn keyword(&self, name: &str) -> Option<&Value<'a>> {
        self.keywords
            .iter()
            .find(|(keyword, _)| &**keyword == name)
            .map(|(_, value)| value)
    }

    /// Last part of the callee's name.
    pub fn name(&self) -> &str {
        self.callee.rsplit('.').next().unwrap_or_default()
    }

    /// Labels of what is sent or run. Headers and credentials are left out: sending
    /// a token to the service it belongs to is what clients are for.
    pub fn payload_taint(&self) -> Taint {
        let positional = self
            .args
            .iter()
            .fold(Taint::NONE, |all, arg| all | arg.taint);
        self.keywords
            .iter()
            .filter(|(name, _)| {
                !matches!(
                    &**name,
                    "headers"
                        | "auth"
                        | "cert"
                        | "cookies"
                        | "verify"
                        | "proxies"
                        | "timeout"
                        | "env"
                )
            })
            .fold(positional, |all, (_, value)| all | value.taint)
    }

    /// Whether it runs by itself, when the package is installed or imported.
    pub fn runs_by_itself(&self) -> bool {
        matches!(self.phase, Phase::Install | Phase::Import)
    }
}

/// A string constant with indicators in it, not a docstring.
#[derive(Debug, Clone)]
pub struct Text {
    /// The string.
    pub text: Rc<str>,
    /// Where it stands.
    pub range: Range<usize>,
    /// When the code it stands in runs.
    pub phase: Phase,
}

/// All of one file.
#[derive(Debug, Default)]
pub struct Facts<'a> {
    /// Calls worth a look, in order.
    pub calls: Vec<Call<'a>>,
    /// Strings worth a look, in order.
    pub texts: Vec<Text>,
    /// Names of modules imported, canonical, with the place.
    pub imports: Vec<(Rc<str>, Range<usize>)>,
}
