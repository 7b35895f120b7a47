//! Statements: definitions, imports, loops, returns; all else is an expression.

use std::rc::Rc;

use super::{Frame, Function, Walk};
use crate::lang::Lang;
use crate::lex::{Kind, NONE, Stream};
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
const CONTROL: &[&str] = &[
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
            _ => {}
        }
        let own = match word.as_str() {
            "go" | "defer" => lang == Lang::Go,
            "var" | "const" => !matches!(lang, Lang::Ruby | Lang::Perl),
            "lock" | "match" | "ref" | "out" | "val" | "let" | "register" | "partial" | "lazy"
            | "auto" | "loop" | "print" | "global" | "end" | "inline" | "final" | "async"
            | "not" | "finally" | "begin" | "then" => {
                !matches!(lang, Lang::Go)
                    && !(matches!(lang, Lang::Ruby | Lang::Perl | Lang::Lua)
                        && !matches!(
                            word.as_str(),
                            "loop" | "print" | "end" | "begin" | "then" | "not"
                        ))
            }
            _ => true,
        };
        if own && MODIFIERS.contains(&word.as_str()) {
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

    fn gives(&mut self, value: &Value) {
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
            names.push(self.word(*token).into());
            next += 1;
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
            self.assign(name, value);
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

    /// `def name(a, b)`, `func (r T) name(a T) T {`, `function name() {`, `sub name {`.
    fn definition(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
        let mut next = at + 1;
        if self.lang == Lang::Go && self.is(stream, next, "(") {
            let close = self.mate(stream, next, end);
            if stream
                .tokens
                .get(close + 1)
                .is_some_and(|token| token.kind == Kind::Word)
            {
                next = close + 1;
            }
        }
        if self.is(stream, next, "&") {
            next += 1;
        }
        let token = stream.tokens.get(next).filter(|_| next < end)?;
        if token.kind != Kind::Word {
            return None;
        }
        while self.is_any(stream, next + 1, &[".", ":"])
            && next + 2 < end
            && stream.tokens[next + 2].kind == Kind::Word
        {
            next += 2;
        }
        let name: Rc<str> = self.word(stream.tokens[next]).into();
        next += 1;
        // Type parameters.
        while next < end
            && next < at + 40
            && !self.is_any(stream, next, &["(", "{", ";", "="])
            && !stream.tokens[next].fresh
        {
            next += 1;
        }
        let mut params = Vec::new();
        if self.is(stream, next, "(") {
            let close = self.mate(stream, next, end);
            params = self.params(stream, next + 1, close);
            next = close + 1;
        }
        let mate = stream.tokens[at].mate;
        if matches!(self.lang, Lang::Ruby | Lang::Lua) {
            if mate == NONE {
                return Some(next);
            }
            let close = self.mate(stream, at, end);
            self.body(stream, &name, params, next.min(close), close);
            return Some(close + 1);
        }
        while next < end && !self.is_any(stream, next, &["{", ";", "=", "}"]) {
            if stream.tokens[next].kind == Kind::Open {
                next = self.mate(stream, next, end);
            }
            next += 1;
        }
        if !self.is(stream, next, "{") {
            if self.is(stream, next, "=") {
                // `fun name() = expression`
                let mut behind = next + 1;
                self.in_function(&name, params, |walk| {
                    let (value, after) = walk.expression(stream, next + 1, end, 0);
                    behind = after;
                    value
                });
                return Some(behind);
            }
            return Some(next);
        }
        let close = self.mate(stream, next, end);
        self.body(stream, &name, params, next + 1, close);
        Some(close + 1)
    }

    /// `Type name(…) … {` of Java, C#, C.
    fn method(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
        if !matches!(
            self.lang,
            Lang::Java | Lang::CSharp | Lang::C | Lang::Kotlin
        ) || !self.is(stream, at + 1, "(")
            || CONTROL.contains(&self.word(stream.tokens[at]))
        {
            return self.typed_method(stream, at, end);
        }
        let close = self.mate(stream, at + 1, end);
        let mut next = close + 1;
        if self.is(stream, next, ":")
            || self.is(stream, next, "throws")
            || self.is(stream, next, "const")
        {
            while next < end && next < close + 24 && !self.is_any(stream, next, &["{", ";"]) {
                next += 1;
            }
        }
        if !self.is(stream, next, "{") || self.lang == Lang::Kotlin {
            return None;
        }
        let name: Rc<str> = self.word(stream.tokens[at]).into();
        let params = self.params(stream, at + 2, close);
        let body = self.mate(stream, next, end);
        if at > 0 && self.is(stream, at - 1, "static") && self.lang == Lang::CSharp {
            self.entries.insert(name.clone());
        }
        self.body(stream, &name, params, next + 1, body);
        Some(body + 1)
    }

    /// Passes over a type that stands before a method's name.
    fn typed_method(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
        if !matches!(self.lang, Lang::Java | Lang::CSharp | Lang::C) {
            return None;
        }
        let mut next = at;
        while next < end.min(at + 24) {
            let token = stream.tokens[next];
            let part = match token.kind {
                Kind::Word => {
                    let word = self.word(token);
                    if word == "new" || word == "return" {
                        return None;
                    }
                    next > at && self.is(stream, next + 1, "(") && !CONTROL.contains(&word)
                }
                Kind::Op
                    if self.is_any(
                        stream,
                        next,
                        &["<", ">", ",", "*", "&", "::", "?", "@", ">>"],
                    ) =>
                {
                    false
                }
                Kind::Op if self.is(stream, next, ".") && !self.is(stream, next + 2, "(") => false,
                Kind::Open if self.word(token) == "[" && self.is(stream, next + 1, "]") => false,
                Kind::Close if self.word(token) == "]" => false,
                _ => return None,
            };
            let after_type = next > at
                && (stream.tokens[next - 1].kind == Kind::Word
                    || self.is_any(stream, next - 1, &[">", "]", "*", "&", "::", ">>"]));
            if part {
                if !after_type {
                    return None;
                }
                let close = self.mate(stream, next + 1, end);
                let opens = (close + 1..end.min(close + 16))
                    .find(|at| self.is_any(stream, *at, &["{", ";", ")", "=", ","]))
                    .is_some_and(|at| self.is(stream, at, "{"));
                return if opens {
                    self.method(stream, next, end)
                } else {
                    None
                };
            }
            next += 1;
        }
        None
    }

    fn params(&self, stream: &Stream, at: usize, end: usize) -> Vec<Rc<str>> {
        let mut params: Vec<Rc<str>> = Vec::new();
        let mut next = at;
        let mut candidate: Option<Rc<str>> = None;
        let name_first = matches!(
            self.lang,
            Lang::Go | Lang::Rust | Lang::Kotlin | Lang::Ruby | Lang::Lua
        );
        while next < end && params.len() < 16 {
            let token = stream.tokens[next];
            match token.kind {
                Kind::Word => {
                    let word = self.word(token);
                    let word = word.trim_start_matches('*');
                    if !(name_first && candidate.is_some()) && word != "mut" && word != "self" {
                        candidate = Some(word.into());
                    }
                }
                Kind::Open => next = self.mate(stream, next, end),
                _ if self.is(stream, next, ",") => {
                    params.extend(candidate.take());
                }
                _ => {}
            }
            next += 1;
        }
        params.extend(candidate);
        params
    }

    fn body(
        &mut self,
        stream: &Stream,
        name: &Rc<str>,
        params: Vec<Rc<str>>,
        at: usize,
        end: usize,
    ) {
        self.in_function(name, params, |walk| walk.statements(stream, at, end));
    }

    fn in_function(
        &mut self,
        name: &Rc<str>,
        params: Vec<Rc<str>>,
        body: impl FnOnce(&mut Self) -> Value,
    ) {
        if !self.enter() {
            return;
        }
        if self.entries.remove("#next") || &**name == "init" && self.lang == Lang::Go {
            self.entries.insert(name.clone());
        }
        let function: &mut Function = self.functions.entry(name.clone()).or_default();
        let mut frame = Frame {
            name: name.clone(),
            ..Frame::default()
        };
        for (index, param) in params.iter().enumerate() {
            let value = function
                .given
                .get(index)
                .cloned()
                .flatten()
                .unwrap_or_default();
            frame.vars.insert(param.clone(), value);
        }
        function.params = params;
        self.frames.push(frame);
        let last = body(self);
        if self.lang.returns_last() {
            self.gives(&last);
        }
        self.frames.pop();
        self.leave();
    }

    /// Imports, and what they call things.
    fn import(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
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

    fn plain(&self, stream: &Stream, at: usize) -> Option<Rc<str>> {
        let token = stream.tokens.get(at)?;
        match token.kind {
            Kind::Word => Some(self.word(*token).into()),
            Kind::Str => Some(self.word(*token).trim_matches([':', '"', '\'']).into()),
            _ => None,
        }
    }

    fn go_import(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
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

/// One element of a value whose index is not known.
pub(super) fn element(value: &Value) -> Value {
    if let Some([only]) = value.items() {
        return only.clone();
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
