//! Statements: definitions, imports, loops, returns; all else is an expression.

use std::rc::Rc;

use super::Walk;
use crate::lang::Lang;
use crate::lex::{Kind, Stream};
use crate::value::{Taint, Value};

/// Words before a declaration or an expression that say nothing.
const MODIFIERS: &[&str] = &[
    "let",
    "mut",
    "var",
    "val",
    "const",
    "final",
    "public",
    "private",
    "protected",
    "internal",
    "abstract",
    "virtual",
    "override",
    "sealed",
    "readonly",
    "async",
    "await",
    "pub",
    "my",
    "our",
    "local",
    "else",
    "then",
    "do",
    "begin",
    "ensure",
    "defer",
    "go",
    "throw",
    "try",
    "if",
    "elsif",
    "elseif",
    "unless",
    "while",
    "until",
    "loop",
    "echo",
    "print",
    "puts",
    "yield",
    "auto",
    "extern",
    "volatile",
    "unsafe",
    "lateinit",
    "lazy",
    "implicit",
    "case",
    "when",
    "switch",
    "match",
    "new_",
    "finally",
    "not",
    "global",
    "end",
    "default",
    "register",
    "inline",
    "synchronized",
    "lock",
    "using_",
    "ref",
    "out",
    "rescue",
    "catch",
    "partial",
    "transient",
];

/// Words that are followed by brackets and are no function.
pub(super) const CONTROL: &[&str] = &[
    "if",
    "for",
    "foreach",
    "while",
    "switch",
    "catch",
    "using",
    "lock",
    "synchronized",
    "return",
    "elseif",
    "match",
    "when",
    "new",
    "fixed",
    "until",
    "else",
    "do",
    "try",
    "sizeof",
    "typeof",
    "throw",
    "await",
    "not",
    "and",
    "or",
    "in",
    "unless",
    "elsif",
    "print",
    "echo",
];

impl Walk<'_> {
    /// Walks tokens `at..end`; gives the value of the last statement.
    pub(super) fn statements(&mut self, stream: &Stream, mut at: usize, end: usize) -> Value {
        let mut last = Value::default();
        while at < end {
            let next = self.statement(stream, at, end, &mut last);
            at = next.max(at + 1);
        }
        last
    }

    fn statement(&mut self, stream: &Stream, at: usize, end: usize, last: &mut Value) -> usize {
        let token = stream.tokens[at];
        match token.kind {
            Kind::Close => return at + 1,
            Kind::Open if self.word(token) == "{" => return at + 1,
            Kind::Open if self.is_attribute(stream, at) => return self.attribute(stream, at, end),
            Kind::Op if self.word(token) == "#" => return at + 1,
            Kind::Op if matches!(self.word(token), ";" | ",") => return at + 1,
            Kind::Word if self.lang == Lang::Php && self.is(stream, at, "goto") => {
                self.jumps += 1;
                return at + 2;
            }
            // `label: statement`
            Kind::Word
                if matches!(self.lang, Lang::Php | Lang::C)
                    && self.is(stream, at + 1, ":")
                    && !self.word(token).starts_with('$') =>
            {
                return at + 2;
            }
            Kind::Word => {
                if let Some(next) = self.keyword(stream, at, end) {
                    return next;
                }
            }
            _ => {}
        }
        if let Some(next) = self.several(stream, at, end) {
            return next;
        }
        let (value, next) = self.expression(stream, at, end, 0);
        *last = value;
        next
    }

    /// `#[…]` of Rust and PHP, `[…]` before a member in C#.
    fn is_attribute(&self, stream: &Stream, at: usize) -> bool {
        self.word(stream.tokens[at]) == "["
            && (at > 0 && self.is_any(stream, at - 1, &["#", "!"]) || self.lang == Lang::CSharp)
    }

    fn attribute(&mut self, stream: &Stream, at: usize, end: usize) -> usize {
        let close = self.mate(stream, at, end);
        let entry = (at..close.min(at + 16)).any(|at| {
            self.is_any(
                stream,
                at,
                &["ctor", "ModuleInitializer", "init_array", "constructor"],
            )
        });
        if entry {
            self.entries.insert("#next".into());
        }
        close + 1
    }

    fn keyword(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
        let word = self.word(stream.tokens[at]).to_owned();
        let lang = self.lang;
        match word.as_str() {
            "def" if lang == Lang::Kotlin && self.is(stream, at + 2, "=") => return Some(at + 1),
            "def" | "func" | "fn" | "fun" | "function" | "sub" => {
                return self.definition(stream, at, end);
            }
            "import" | "use" | "using" | "alias" | "package" | "namespace" | "require_relative" => {
                return self.import(stream, at, end);
            }
            "return" => {
                let fresh = stream
                    .tokens
                    .get(at + 1)
                    .is_none_or(|next| next.fresh && lang.lines_matter());
                if fresh {
                    return Some(at + 1);
                }
                let (value, next) = self.expression(stream, at + 1, end, 0);
                self.gives(&value);
                return Some(next);
            }
            "for" | "foreach" if lang != Lang::Php => return self.each(stream, at, end),
            "static"
                if matches!(lang, Lang::Java | Lang::CSharp) && self.is(stream, at + 1, "{") =>
            {
                let close = self.mate(stream, at + 1, end);
                if self.enter() {
                    self.statements(stream, at + 2, close);
                    self.leave();
                }
                return Some(close + 1);
            }
            "class" | "module" | "struct" | "interface" | "trait" | "enum" | "impl" | "object" => {
                return self.type_definition(stream, at, end);
            }
            "__attribute__" if self.is(stream, at + 1, "(") => {
                return Some(self.attribute(stream, at + 1, end));
            }
            "static" => return Some(at + 1),
            // `pub(crate)`
            "pub" if lang == Lang::Rust && self.is(stream, at + 1, "(") => {
                return Some(self.mate(stream, at + 1, end) + 1);
            }
            _ => {}
        }
        let own = match word.as_str() {
            "go" | "defer" => lang == Lang::Go,
            "var" | "const" => !matches!(lang, Lang::Ruby | Lang::Perl),
            "lock" | "match" | "ref" | "out" | "val" | "let" | "register" | "partial" | "lazy"
            | "auto" | "loop" | "print" | "global" | "end" | "inline" | "final" | "async"
            | "not" | "finally" | "begin" | "then" => match lang {
                Lang::Go => false,
                Lang::Ruby | Lang::Perl | Lang::Lua => {
                    matches!(
                        word.as_str(),
                        "loop" | "print" | "end" | "begin" | "then" | "not"
                    )
                }
                _ => true,
            },
            _ => true,
        };
        let named = self.is_any(
            stream,
            at + 1,
            &[".", "->", "::", "=", ":=", "+=", "&.", "?.", "<<"],
        );
        if own && !named && MODIFIERS.contains(&word.as_str()) {
            return Some(self.declared(stream, at + 1, end));
        }
        self.method(stream, at, end)
    }

    /// Skips to the body of a class: its own statements run when it is loaded.
    fn type_definition(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
        if self.lang == Lang::Ruby {
            // `class << self`, `class A < B`
            let mut next = at + 1;
            while next < end
                && !stream.tokens[next].fresh
                && next < at + 12
                && !self.is(stream, next, ";")
            {
                next += 1;
            }
            return Some(next);
        }
        let mut next = at + 1;
        while next < end && next < at + 64 && !self.is_any(stream, next, &["{", ";"]) {
            if stream.tokens[next].kind == Kind::Open {
                next = self.mate(stream, next, end);
            }
            next += 1;
        }
        Some(next)
    }

    /// `name: Type = …`, `name Type = …`: passes over the type.
    fn declared(&mut self, stream: &Stream, at: usize, end: usize) -> usize {
        let named = stream
            .tokens
            .get(at)
            .is_some_and(|token| token.kind == Kind::Word);
        let typed = self.is(stream, at + 1, ":")
            && !matches!(self.lang, Lang::Ruby | Lang::Php | Lang::C)
            || self.lang == Lang::Go
                && at > 0
                && self.is_any(stream, at - 1, &["var", "const"])
                && !self.is_any(stream, at + 1, &["=", ":=", ","]);
        if !named || !typed {
            return at;
        }
        let mut next = at + 1;
        while next < end && next < at + 64 {
            let token = stream.tokens[next];
            if self.is(stream, next, "=") {
                let name: Rc<str> = self.word(stream.tokens[at]).into();
                let (value, next) = self.expression(stream, next + 1, end, 0);
                self.assign(&name, value);
                return next;
            }
            if self.is_any(stream, next, &[";", "{", ","])
                || token.fresh && self.lang.lines_matter()
            {
                break;
            }
            if token.kind == Kind::Open {
                next = self.mate(stream, next, end);
            }
            next += 1;
        }
        at
    }

    pub(super) fn gives(&mut self, value: &Value) {
        let name = self.function();
        if name.is_empty() {
            return;
        }
        let mut value = value.clone();
        value.call = None;
        value.from = None;
        if let Some(function) = self.functions.get_mut(&name) {
            let first = matches!(function.gives.content, crate::value::Content::Unknown)
                && function.gives.taint == Taint::NONE;
            function.gives = if first {
                value
            } else {
                let taint = function.gives.taint | value.taint;
                let known = std::mem::take(&mut function.gives);
                let better = match value.content {
                    crate::value::Content::Unknown => known,
                    _ => value,
                };
                better.with(taint)
            };
        }
    }

    /// `a, b := f()`: the first name gets the value, or each its own.
    fn several(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
        if !matches!(self.lang, Lang::Go | Lang::Ruby | Lang::Lua) {
            return None;
        }
        let mut names: Vec<Rc<str>> = Vec::new();
        let mut next = at;
        loop {
            let token = stream.tokens.get(next).filter(|_| next < end)?;
            if token.kind != Kind::Word || names.len() >= 16 {
                return None;
            }
            let mut name = self.word(*token).to_owned();
            next += 1;
            while self.is(stream, next, ".") && next + 1 < end && name.len() < 200 {
                name = format!("{name}.{}", self.word(stream.tokens[next + 1]));
                next += 2;
            }
            names.push(name.into());
            if self.is(stream, next, ",") {
                next += 1;
            } else {
                break;
            }
        }
        if names.len() < 2 || !self.is_any(stream, next, &[":=", "="]) {
            return None;
        }
        next += 1;
        let each = self.is(stream, next, "range");
        for (index, name) in names.iter().enumerate() {
            let (value, behind) = self.expression(stream, next, end, 0);
            next = behind;
            let several = self.is(stream, next, ",");
            if index == 0 && !several {
                let target = if each { names.len() - 1 } else { 0 };
                if names[target].as_ref() == "_" || self.lang == Lang::Ruby {
                    names
                        .iter()
                        .for_each(|name| self.assign(name, value.clone()));
                } else {
                    self.assign(&names[target], value);
                }
                break;
            }
            self.store(name, value);
            if several {
                next += 1;
            } else {
                break;
            }
        }
        Some(next)
    }

    /// `for x in y`, `foreach (T x in y)`, `for (T x : y)`.
    fn each(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
        let mut next = at + 1;
        if self.is(stream, next, "(") {
            next += 1;
        }
        let from = next;
        while next < end.min(from + 12) {
            if self.is(stream, next, "in") || self.is(stream, next, ":") && next > from {
                let names: Vec<Rc<str>> = (from..next)
                    .filter(|at| stream.tokens[*at].kind == Kind::Word)
                    .map(|at| self.word(stream.tokens[at]).into())
                    .collect();
                let (value, behind) = self.expression(stream, next + 1, end, 0);
                let element = element(&value);
                for name in names {
                    self.assign(&name, element.clone());
                }
                return Some(behind);
            }
            if self.is_any(stream, next, &[";", "=", ":=", "{"]) {
                break;
            }
            next += 1;
        }
        Some(from)
    }
}

/// One element of a value whose index is not known.
pub(super) fn element(value: &Value) -> Value {
    if let Some([only]) = value.items() {
        return only.clone();
    }
    // Of several addresses any will do.
    let address = value
        .items()
        .and_then(|items| items.first())
        .and_then(Value::bytes)
        .filter(|text| text.starts_with(b"https://") || text.starts_with(b"http://"));
    if let Some(text) = address {
        return Value {
            taint: crate::facts::deep(value, 2),
            ..Value::text(text.to_vec())
        };
    }
    let constant = if value.is_constant() || value.taint.has(Taint::CONSTANT) {
        Taint::CONSTANT
    } else {
        Taint::NONE
    };
    Value {
        taint: crate::facts::deep(value, 2) | constant,
        layers: value.layers.clone(),
        call: value.call,
        ..Value::default()
    }
}
