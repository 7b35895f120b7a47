//! Operands: names, members, calls, indexes, literals.

use std::rc::Rc;

use super::Walk;
use super::expressions::Operand;
use super::statements::element;
use crate::lang::Lang;
use crate::lex::{Kind, NONE, Stream, Token};
use crate::value::{Content, Taint, Value};

/// A name that is being read.
pub(super) struct Path {
    /// The dotted name as far as it is one; empty for what is a value only.
    pub name: String,
    pub value: Value,
    /// The variable or field, for assignments.
    pub place: Option<String>,
    /// Its first token.
    pub from: usize,
}

impl Walk<'_> {
    /// One statement, for code inside of brackets.
    pub(super) fn one_statement(
        &mut self,
        stream: &Stream,
        at: usize,
        end: usize,
        last: &mut Value,
    ) -> usize {
        if !self.enter() {
            return end;
        }
        let token = stream.tokens[at];
        let next = if token.kind == Kind::Word
            && self.is_any(stream, at, &["function", "func", "fn", "sub", "def"])
        {
            self.closure(stream, at, end)
        } else {
            let mut after = at + 1;
            if !self.is_any(
                stream,
                at,
                &["return", "let", "var", "val", "if", "for", "foreach"],
            ) {
                let (value, next) = self.expression(stream, at, end, 0);
                *last = value;
                after = next;
            }
            after
        };
        self.leave();
        next
    }

    /// `function (…) use (…) {…}`, `func(…) {…}`, `fn(…) => …`.
    fn closure(&mut self, stream: &Stream, at: usize, end: usize) -> usize {
        let mut next = at + 1;
        while next < end && next < at + 48 && !self.is_any(stream, next, &["{", ";", "=>", ","]) {
            if stream.tokens[next].kind == Kind::Open {
                let close = self.mate(stream, next, end);
                for at in next + 1..close.min(next + 24) {
                    if self.lang == Lang::Php
                        && stream.tokens[at].kind == Kind::Word
                        && self.word(stream.tokens[at]).starts_with('$')
                    {
                        let name: Rc<str> = self.word(stream.tokens[at]).into();
                        if self.lookup(&name).is_none() {
                            self.assign(&name, element(&self.subject.clone()));
                        }
                    }
                }
                next = close;
            }
            next += 1;
        }
        if self.is(stream, next, "{") {
            let close = self.mate(stream, next, end);
            self.statements(stream, next + 1, close);
            return close + 1;
        }
        if self.lang == Lang::Lua {
            let close = self.mate(stream, at, end);
            self.statements(stream, next.min(close), close);
            return close + 1;
        }
        next
    }

    pub(super) fn operand(
        &mut self,
        stream: &Stream,
        mut at: usize,
        end: usize,
    ) -> (Operand, usize) {
        let mut negative = false;
        while at < end {
            let token = stream.tokens[at];
            match token.kind {
                Kind::Str => {
                    let value = self.literal(stream, token);
                    return self.postfix_value(stream, at + 1, end, value, at);
                }
                Kind::Number => {
                    let mut value = self.number(token);
                    if negative && let Content::Number(number) = value.content {
                        value.content = Content::Number(-number);
                    }
                    return self.postfix_value(stream, at + 1, end, value, at);
                }
                Kind::Open => return self.bracket(stream, at, end),
                Kind::Close => return (Operand::default(), at),
                Kind::Op => {
                    let text = self.word(token);
                    if matches!(text, ";" | ",") {
                        return (Operand::default(), at);
                    }
                    if matches!(text, "|" | "||") {
                        at = self.closure_params(stream, at, end);
                        continue;
                    }
                    if text == "$" && self.lang == Lang::Php && self.is(stream, at + 1, "{") {
                        return self.variable_variable(stream, at + 1, end);
                    }
                    negative = text == "-";
                    at += 1;
                }
                Kind::Word => {
                    let word = self.word(token);
                    if self.is_prefix_word(word) {
                        if word == "range" {
                            let (value, next) = self.operand(stream, at + 1, end);
                            return (element(&value.value).into(), next);
                        }
                        at += 1;
                        continue;
                    }
                    if matches!(word, "function" | "func" | "fn" | "sub") {
                        return (Operand::default(), self.closure(stream, at, end));
                    }
                    if word == "if" && self.lang == Lang::Rust {
                        return self.choice(stream, at, end);
                    }
                    if matches!(word, "lambda" | "proc") && self.lang == Lang::Ruby {
                        at += 1;
                        continue;
                    }
                    return self.path(stream, at, end);
                }
            }
        }
        (Operand::default(), at)
    }

    /// `${'name'}` of PHP.
    fn variable_variable(&mut self, stream: &Stream, at: usize, end: usize) -> (Operand, usize) {
        let close = self.mate(stream, at, end);
        let items = self.elements(stream, at + 1, close);
        let name = items.first().and_then(Value::to_text).unwrap_or_default();
        let name = format!("${name}");
        let mut value = self
            .lookup(&name)
            .cloned()
            .unwrap_or_else(|| self.global(&name));
        value.from.get_or_insert_with(|| name.as_str().into());
        let path = Path {
            name: String::new(),
            value,
            place: Some(name),
            from: at,
        };
        self.postfix(stream, close + 1, end, path)
    }

    /// Words before an operand that say nothing about it.
    fn is_prefix_word(&self, word: &str) -> bool {
        match word {
            "new" | "await" | "return" | "not" | "range" | "yield" | "throw" | "raise" => true,
            "go" | "defer" => self.lang == Lang::Go,
            "move" | "mut" | "ref" | "unsafe" | "async" | "typeof" | "stackalloc" => {
                !matches!(self.lang, Lang::Ruby | Lang::Perl | Lang::Php | Lang::Lua)
            }
            "print" | "echo" | "clone" | "global" => self.lang == Lang::Php,
            _ => false,
        }
    }

    pub(super) fn number(&self, token: Token) -> Value {
        let text = self.word(token);
        let digits: String = text.chars().filter(|c| *c != '_').collect();
        let lower = digits.to_ascii_lowercase();
        let (body, radix) = match lower.as_bytes() {
            [b'0', b'x', ..] => (&lower[2..], 16),
            [b'0', b'b', ..] => (&lower[2..], 2),
            [b'0', b'o', ..] => (&lower[2..], 8),
            [b'0', b'0'..=b'7', ..] => (&lower[1..], 8),
            _ => (&lower[..], 10),
        };
        let end = body
            .find(|c: char| !c.is_digit(radix))
            .unwrap_or(body.len());
        match i64::from_str_radix(&body[..end], radix) {
            Ok(number) => Value::number(number),
            Err(_) => Value::default(),
        }
    }

    /// `|a, b|` before a closure's body: names get an element of the subject.
    pub(super) fn closure_params(&mut self, stream: &Stream, at: usize, end: usize) -> usize {
        if self.is(stream, at, "||") {
            return at + 1;
        }
        let element = element(&self.subject.clone());
        let mut next = at + 1;
        while next < end && next < at + 32 {
            if self.is(stream, next, "|") {
                return next + 1;
            }
            if stream.tokens[next].kind == Kind::Word {
                let name: Rc<str> = self.word(stream.tokens[next]).into();
                self.assign(&name, element.clone());
            }
            next += 1;
        }
        at + 1
    }

    /// `(…)`, `[…]`, `{…}` where a value stands.
    fn bracket(&mut self, stream: &Stream, at: usize, end: usize) -> (Operand, usize) {
        let close = self.mate(stream, at, end);
        let kind = self.word(stream.tokens[at]).to_owned();
        if !self.enter() {
            return (Operand::default(), close + 1);
        }
        let value = match kind.as_str() {
            "{" => {
                let items = self.block(stream, at + 1, close);
                Value::list(items)
            }
            _ => {
                let mut items = self.elements(stream, at + 1, close);
                if kind == "(" && items.len() == 1 {
                    items.pop().unwrap_or_default()
                } else {
                    Value::list(items)
                }
            }
        };
        self.leave();
        let next = close + 1;
        // `[]byte{…}`, `[]string(…)` of Go.
        let typed = self.lang == Lang::Go
            && kind == "["
            && stream
                .tokens
                .get(next)
                .is_some_and(|t| next < end && t.kind == Kind::Word && !t.spaced);
        if typed {
            return self.operand(stream, next, end);
        }
        // `(char) 104`, `(string) x`
        let follows = stream.tokens.get(next).filter(|_| next < end);
        let cast = kind == "("
            && close == at + 2
            && stream.tokens[at + 1].kind == Kind::Word
            && follows.is_some_and(|token| {
                matches!(token.kind, Kind::Word | Kind::Number | Kind::Str) && !token.fresh
                    || self.is(stream, next, "(")
            });
        if cast
            && !self.is_any(stream, next, &["and", "or", "in", "as", "if", "do"])
            && !self.ends_here(stream, next)
        {
            let to = self.word(stream.tokens[at + 1]).to_owned();
            if self.lookup(&to).is_none() {
                let (operand, next) = self.operand(stream, next, end);
                let value = if to == "char" {
                    self.as_character(&operand.value)
                } else {
                    operand.value
                };
                return (value.into(), next);
            }
        }
        self.postfix_value(stream, next, end, value, at)
    }

    /// The statements or elements of braces.
    fn block(&mut self, stream: &Stream, at: usize, end: usize) -> Vec<Value> {
        let list = (at..end.min(at + 3)).any(|at| self.is_any(stream, at, &[",", "=>", ":"]))
            || end <= at + 2;
        if list {
            return self.elements(stream, at, end);
        }
        vec![self.statements(stream, at, end)]
    }

    fn postfix_value(
        &mut self,
        stream: &Stream,
        at: usize,
        end: usize,
        value: Value,
        from: usize,
    ) -> (Operand, usize) {
        let path = Path {
            name: match &value.content {
                Content::Name(name) => name.to_string(),
                _ => String::new(),
            },
            value,
            place: None,
            from,
        };
        self.postfix(stream, at, end, path)
    }

    fn path(&mut self, stream: &Stream, at: usize, end: usize) -> (Operand, usize) {
        let token = stream.tokens[at];
        let word = self.word(token).to_owned();
        // `Type name`: the type says nothing.
        if let Some(next) = stream.tokens.get(at + 1).filter(|_| at + 1 < end)
            && next.kind == Kind::Word
            && !next.fresh
            && matches!(
                self.lang,
                Lang::Java | Lang::CSharp | Lang::C | Lang::Go | Lang::Kotlin
            )
            && !self.is_any(
                stream,
                at + 1,
                &[
                    "in",
                    "is",
                    "as",
                    "instanceof",
                    "and",
                    "or",
                    "xor",
                    "shl",
                    "shr",
                    "ushr",
                    "range",
                    "func",
                ],
            )
            && !self.ends_here(stream, at + 1)
        {
            return self.path(stream, at + 1, end);
        }
        let lambda = self.is_any(stream, at + 1, &["->", "=>"])
            && matches!(self.lang, Lang::Java | Lang::Kotlin | Lang::CSharp);
        if lambda {
            let element = element(&self.subject.clone());
            self.assign(&word, element);
        }
        let mut path = Path {
            name: String::new(),
            value: Value::default(),
            place: Some(word.clone()),
            from: at,
        };
        match self.lookup(&word) {
            Some(value) => {
                path.value = value.clone();
                if let Content::Name(name) = &path.value.content {
                    path.name = name.to_string();
                }
            }
            None => {
                let plain = word.trim_start_matches(['&', '%']).to_owned();
                path.name = self
                    .aliases
                    .get(plain.as_str())
                    .map_or(plain, |alias| alias.to_string());
                path.value = self.global(&word);
            }
        }
        let variable = word.starts_with('$') || self.lookup(&word).is_some();
        if path.value.from.is_none() && variable {
            path.value.from = Some(word.as_str().into());
        }
        self.postfix(stream, at + 1, end, path)
    }

    fn postfix(
        &mut self,
        stream: &Stream,
        mut at: usize,
        end: usize,
        mut path: Path,
    ) -> (Operand, usize) {
        let mut called = false;
        while at < end {
            let token = stream.tokens[at];
            let text = self.word(token);
            let glued = !token.fresh || !self.lang.lines_matter();
            match token.kind {
                Kind::Op if text == "<" && !called => {
                    let Some(behind) = self.type_arguments(stream, at, end, &path) else {
                        break;
                    };
                    // `List<String> name`: the type says nothing.
                    if stream.tokens[behind].kind == Kind::Word {
                        return self.path(stream, behind, end);
                    }
                    at = behind;
                }
                Kind::Op if self.is_member(text) => {
                    let Some(next) = self.member(stream, at, end, &mut path, &mut called) else {
                        break;
                    };
                    at = next;
                }
                Kind::Op
                    if matches!(text, "?" | "!!" | "!") && self.lang == Lang::Rust
                        || text == "!!" =>
                {
                    at += 1;
                }
                Kind::Op if text == "\\" && self.lang == Lang::Php => {
                    // Namespaces.
                    at += 1;
                    if let Some(next) = stream
                        .tokens
                        .get(at)
                        .filter(|t| at < end && t.kind == Kind::Word)
                    {
                        path.name = self.word(*next).to_owned();
                        path.value = Value::default();
                        at += 1;
                    }
                }
                Kind::Open
                    if text == "("
                        && glued
                        && !(token.spaced && self.lang == Lang::Ruby && path.name.is_empty()) =>
                {
                    at = self.call_here(stream, at, end, &mut path);
                    called = true;
                }
                Kind::Open
                    if text == "["
                        && glued
                        && !(token.spaced && matches!(self.lang, Lang::Ruby)) =>
                {
                    let close = self.mate(stream, at, end);
                    let index = self.elements(stream, at + 1, close);
                    path.value = self.index(&path.name, std::mem::take(&mut path.value), &index);
                    path.name = match &path.value.content {
                        Content::Name(name) => name.to_string(),
                        _ => String::new(),
                    };
                    path.place = path.place.map(|place| {
                        if place.ends_with("[]") {
                            place
                        } else {
                            place + "[]"
                        }
                    });
                    at = close + 1;
                    // `byte[] name`
                    if (index.is_empty() || self.lang == Lang::Go)
                        && stream
                            .tokens
                            .get(at)
                            .is_some_and(|t| at < end && t.kind == Kind::Word && !t.fresh)
                        && matches!(self.lang, Lang::Java | Lang::CSharp | Lang::Go)
                    {
                        return self.path(stream, at, end);
                    }
                }
                Kind::Open
                    if text == "{" && glued && self.takes_block(stream, at, called, &path) =>
                {
                    let close = self.mate(stream, at, end);
                    at = self.block_of(stream, at + 1, close, &mut path);
                }
                Kind::Word if text == "do" && token.mate != NONE && self.lang == Lang::Ruby => {
                    let close = self.mate(stream, at, end);
                    at = self.block_of(stream, at + 1, close, &mut path);
                }
                Kind::Str | Kind::Word | Kind::Number
                    if !called && self.takes_bare(stream, at, &path) =>
                {
                    at = self.bare_call(stream, at, end, &mut path);
                    called = true;
                }
                Kind::Op
                    if text == "*"
                        && !called
                        && token.spaced
                        && self.lang == Lang::Ruby
                        && stream.tokens.get(at + 1).is_some_and(|next| !next.spaced)
                        && !path.name.is_empty()
                        && self.lookup(&path.name).is_none() =>
                {
                    at = self.bare_call(stream, at + 1, end, &mut path);
                    called = true;
                }
                _ => break,
            }
        }
        if !called && !path.name.is_empty() && matches!(path.value.content, Content::Unknown) {
            // A word alone calls a function in Ruby: `eval_payload`.
            if self.lang == Lang::Ruby && self.functions.contains_key(path.name.as_str()) {
                let range = self.range(stream, path.from, at);
                path.value = self.call(&path.name.clone(), Value::default(), Vec::new(), range);
            } else {
                path.value.content = Content::Name(path.name.as_str().into());
            }
        }
        let place = if called {
            None
        } else {
            path.place.map(Into::into)
        };
        (
            Operand {
                value: path.value,
                place,
            },
            at,
        )
    }

    pub(super) fn range(&self, stream: &Stream, from: usize, to: usize) -> std::ops::Range<usize> {
        let last = to.min(stream.tokens.len()).saturating_sub(1).max(from);
        stream.tokens[from].start as usize..stream.tokens[last].end as usize
    }

    /// Variables that are always there.
    fn global(&self, word: &str) -> Value {
        let taint = match (self.lang, word) {
            (
                Lang::Php,
                "$_GET" | "$_POST" | "$_REQUEST" | "$_COOKIE" | "$_FILES" | "$HTTP_RAW_POST_DATA",
            ) => Taint::REQUEST,
            (Lang::Php, "$_SERVER" | "$_ENV") | (Lang::Perl, "%ENV") => Taint::ENVIRONMENT,
            (Lang::Ruby, "ENV") => Taint::ENVIRONMENT,
            (Lang::Ruby, "params" | "cookies") => Taint::REQUEST,
            (Lang::C, "environ") => Taint::ENVIRONMENT,
            _ => Taint::NONE,
        };
        Value::tainted(taint)
    }
}
