//! Functions: where they begin and end, and what they are given.

use super::statements::CONTROL;
use std::rc::Rc;

use super::{Frame, Function, Walk};
use crate::lang::Lang;
use crate::lex::{Kind, NONE, Stream};
use crate::value::{Taint, Value};

impl Walk<'_> {
    /// `def name(a, b)`, `func (r T) name(a T) T {`, `function name() {`, `sub name {`.
    pub(super) fn definition(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
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
            if mate == NONE && self.is(stream, next, "=") {
                let mut behind = next + 1;
                self.in_function(&name, params, |walk| {
                    let (value, after) = walk.expression(stream, next + 1, end, 0);
                    behind = after;
                    value
                });
                return Some(behind);
            }
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
    pub(super) fn method(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
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
    pub(super) fn typed_method(&mut self, stream: &Stream, at: usize, end: usize) -> Option<usize> {
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

    pub(super) fn params(&self, stream: &Stream, at: usize, end: usize) -> Vec<Rc<str>> {
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

    pub(super) fn body(
        &mut self,
        stream: &Stream,
        name: &Rc<str>,
        params: Vec<Rc<str>>,
        at: usize,
        end: usize,
    ) {
        self.in_function(name, params, |walk| walk.statements(stream, at, end));
    }

    pub(super) fn in_function(
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
        let keys: Vec<Taint> = params.iter().map(|param| self.wallet_key(param)).collect();
        let function: &mut Function = self.functions.entry(name.clone()).or_default();
        let mut frame = Frame {
            name: name.clone(),
            ..Frame::default()
        };
        for (index, param) in params.iter().enumerate() {
            let mut value = function
                .given
                .get(index)
                .cloned()
                .flatten()
                .unwrap_or_default();
            value.taint |= keys.get(index).copied().unwrap_or_default();
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

    /// Labels of a parameter by its name: what wallets must keep to themselves.
    fn wallet_key(&mut self, name: &str) -> Taint {
        let plain: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let has = |words: &[&str]| words.iter().any(|word| plain.contains(word));
        let words = has(&[
            "mnemonic",
            "seedphrase",
            "recoveryphrase",
            "seedwords",
            "walletseed",
        ]);
        // Other programs have private keys too, and sign requests with them.
        let secret = has(&["password", "passwd", "secret"]) || plain.ends_with("pw");
        if words || has(&["privatekey", "privkey"]) && self.speaks_of_wallets() {
            Taint::WALLET_KEY
        } else if secret {
            Taint::GIVEN_SECRET
        } else {
            Taint::NONE
        }
    }

    pub(super) fn speaks_of_wallets(&mut self) -> bool {
        if let Some(known) = self.wallets {
            return known;
        }
        let lower = self.text.to_ascii_lowercase();
        let found = [
            "wallet",
            "solana",
            "ethereum",
            "bitcoin",
            "secp256k1",
            "web3",
            "bip39",
        ]
        .iter()
        .any(|word| memchr::memmem::find(lower.as_bytes(), word.as_bytes()).is_some());
        self.wallets = Some(found);
        found
    }
}
