//! Type arguments before names, and branches where values stand.

use super::Walk;
use super::expressions::Operand;
use super::paths::Path;
use crate::lang::Lang;
use crate::lex::{Kind, Stream};
use crate::value::{Content, Value};

impl Walk<'_> {
    /// `if c { a } else { b }` where a value stands: one of both.
    pub(super) fn choice(&mut self, stream: &Stream, at: usize, end: usize) -> (Operand, usize) {
        let skip = usize::from(self.is(stream, at + 1, "let"));
        let (_, mut next) = self.expression(stream, at + 1 + skip, end, 0);
        let mut value = Value::default();
        while next < end && self.is(stream, next, "{") {
            let close = self.mate(stream, next, end);
            if !self.enter() {
                return (value.into(), close + 1);
            }
            let branch = self.statements(stream, next + 1, close);
            self.leave();
            value = match value.content {
                Content::Unknown => branch.clone().join(&value),
                _ => value.join(&branch),
            };
            next = close + 1;
            if !self.is(stream, next, "else") {
                break;
            }
            next += 1;
            if self.is(stream, next, "if") {
                let (other, behind) = self.choice(stream, next, end);
                return (value.join(&other.value).into(), behind);
            }
        }
        (value.into(), next)
    }

    /// Where what stands behind `<A, B<C>>` begins, if a type's name stands before it and a
    /// variable, call or body behind it.
    pub(super) fn type_arguments(
        &self,
        stream: &Stream,
        at: usize,
        end: usize,
        path: &Path,
    ) -> Option<usize> {
        let generic = matches!(self.lang, Lang::Java | Lang::Kotlin | Lang::CSharp);
        let last = path.name.rsplit('.').next().unwrap_or_default();
        if !generic || !last.starts_with(|c: char| c.is_ascii_uppercase()) {
            return None;
        }
        let mut depth = 0_i32;
        for at in at..end.min(at + 32) {
            let token = stream.tokens[at];
            match self.word(token) {
                "<" => depth += 1,
                ">" => depth -= 1,
                ">>" => depth -= 2,
                ">>>" => depth -= 3,
                "," | "." | "?" | "[" | "]" | "&" => {}
                _ if token.kind == Kind::Word => {}
                _ => return None,
            }
            if depth <= 0 {
                let behind = stream.tokens.get(at + 1).filter(|_| at + 1 < end)?;
                let follows = behind.kind == Kind::Word && !behind.fresh
                    || matches!(self.word(*behind), "(" | "{");
                return follows.then_some(at + 1);
            }
        }
        None
    }
}
