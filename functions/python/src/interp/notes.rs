//! What the rules are told of calls.

use std::rc::Rc;

use ruff_text_size::TextRange;

use super::calls::Given;
use super::{CALLS_PER_FILE, Interpreter, bytes_of};
use crate::facts::Call;
use crate::names::Role;
use crate::path::Path;
use crate::value::{Taint, Value};

/// What a call is made on, by name.
#[derive(Clone, Copy)]
pub(super) enum Callee<'c> {
    Path(&'c Path),
    /// A method of something that has no name.
    Method(&'c str),
}

impl Callee<'_> {
    /// Whether calls of it are noted whatever they are given.
    fn is_followed(self) -> bool {
        match self {
            Callee::Path(path) => {
                let path = path.canonical();
                path.ends_with(".write")
                    || path.starts_with("socket.")
                    || path.starts_with("subprocess.")
                    || path.starts_with("pip.")
                    || path.starts_with("yaml.")
                    || path.starts_with("mmap.")
                    || path.starts_with("joblib.")
                    || &**path == "torch.load"
                    || &**path == "__pyarmor__"
                    || path.ends_with(".chmod")
            }
            Callee::Method(name) => {
                name == "write" || name.ends_with(".write") || name.starts_with("write_")
            }
        }
    }

    fn text(self) -> Rc<str> {
        match self {
            Callee::Path(path) => path.canonical().clone(),
            Callee::Method(name) => format!("?.{name}").into(),
        }
    }
}

impl<'a> Interpreter<'a, '_> {
    pub(super) fn note(
        &mut self,
        callee: Callee<'_>,
        reached: Taint,
        receiver: &Value<'a>,
        given: &Given<'a>,
        range: TextRange,
    ) {
        let role = match callee {
            Callee::Path(path) => path.role(),
            Callee::Method(_) => None,
        };
        let runs = matches!(
            role,
            Some(Role::Exec | Role::Compile | Role::Shell | Role::Spawn)
        );
        if runs && given.taint().has(Taint::OVERSIZE) {
            self.oversize = true;
        }
        if !self.is_noting() {
            return;
        }
        let worth = role.is_some()
            || (given.taint() | receiver.taint | reached) != Taint::NONE
            || callee.is_followed();
        if worth {
            if self.facts.calls.len() >= CALLS_PER_FILE {
                self.too_many = true;
                return;
            }
            self.facts.calls.push(Call {
                callee: callee.text(),
                role,
                callee_taint: reached,
                receiver: receiver.clone(),
                args: given.args.clone(),
                keywords: given.keywords.clone(),
                range: bytes_of(range),
                phase: self.phase(),
            });
        }
    }
}
