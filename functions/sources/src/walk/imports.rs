//! Imports, and what they call things.

use std::rc::Rc;

use super::Walk;
use crate::lang::Lang;
use crate::lex::{Kind, Stream};

impl Walk<'_> {
    /// Imports, and what they call things.
    pub(super) fn import(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
        let mut next = at + 1;
        match self.lang {
            Lang::Go => return self.go_import(stream, at, end),
            Lang::Ruby if self.is(stream, at, "alias") => {
                let new = self.plain(stream, at + 1)?;
                let old = self.plain(stream, at + 2)?;
                self.aliases.insert(new, old);
                return Some(at + 3);
            }
            Lang::Ruby | Lang::Lua => return None,
            _ => {}
        }
        // `use a::b as c;`, `using c = a.b;`, `import a.b as c`
        let mut parts: Vec<Rc<str>> = Vec::new();
        while next < end && next < at + 64 && !self.is(stream, next, ";") {
            let token = stream.tokens[next];
            if token.fresh && self.lang == Lang::Kotlin {
                break;
            }
            if self.is(stream, next, "as") {
                if let (Some(old), Some(new)) =
                    (parts.last().cloned(), self.plain(stream, next + 1))
                {
                    self.aliases.insert(new, old);
                }
                next += 2;
                continue;
            }
            if self.is(stream, next, "=") && parts.len() == 1 {
                let last = (next + 1..end.min(next + 24))
                    .take_while(|at| !self.is_any(stream, *at, &[";", "("]))
                    .filter_map(|at| self.plain(stream, at))
                    .last();
                if let (Some(new), Some(old)) = (parts.pop(), last) {
                    self.aliases.insert(new, old);
                }
            }
            if self.is(stream, next, "(") {
                return None;
            }
            if token.kind == Kind::Word {
                parts.push(self.word(token).into());
            }
            next += 1;
        }
        Some(next)
    }

    pub(super) fn plain(&self, stream: &Stream, at: usize) -> Option<Rc<str>> {
        let token = stream.tokens.get(at)?;
        match token.kind {
            Kind::Word => Some(self.word(*token).into()),
            Kind::Str => Some(self.word(*token).trim_matches([':', '"', '\'']).into()),
            _ => None,
        }
    }

    pub(super) fn go_import(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
        if self.is(stream, at, "package") {
            return Some(at + 2);
        }
        let (mut next, close) = if self.is(stream, at + 1, "(") {
            (at + 2, self.mate(stream, at + 1, end))
        } else {
            (at + 1, end.min(at + 3))
        };
        let mut name: Option<Rc<str>> = None;
        while next < close {
            let token = stream.tokens[next];
            match token.kind {
                Kind::Word => name = Some(self.word(token).into()),
                Kind::Op if self.is(stream, next, ".") => name = Some(".".into()),
                Kind::Str => {
                    let path = self.word(token).trim_matches(['"', '`']);
                    let package: Rc<str> = path.rsplit('/').next().unwrap_or(path).into();
                    if let Some(name) = name.take() {
                        let key: Rc<str> = if &*name == "." {
                            format!(".{package}").into()
                        } else {
                            name
                        };
                        self.aliases.insert(key, package);
                    }
                }
                _ => {}
            }
            next += 1;
        }
        Some(next.max(at + 1))
    }
}
