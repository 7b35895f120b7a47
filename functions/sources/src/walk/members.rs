//! Members, calls and blocks behind a name.

use super::paths::Path;

use super::Walk;
use crate::lang::Lang;
use crate::lex::{Kind, Stream};
use crate::names::Role;
use crate::value::{Content, Taint, Value};

impl Walk<'_> {
    /// `.name`, with its call if one follows.
    pub(super) fn member(
        &mut self,
        stream: &Stream,
        at: usize,
        end: usize,
        path: &mut Path,
        called: &mut bool,
    ) -> Option<usize> {
        let next = at + 1;
        let token = stream.tokens.get(next).filter(|_| next < end)?;
        if self.word(*token) == "(" && self.lang == Lang::Ruby {
            // `m.(x)` calls what `m` holds.
            return Some(next);
        }
        if self.word(*token) == "<" && self.lang == Lang::Rust {
            // `::<T>`
            let mut depth = 0_i32;
            for at in next..end.min(next + 48) {
                depth += match self.word(stream.tokens[at]) {
                    "<" => 1,
                    ">" => -1,
                    ">>" => -2,
                    _ => 0,
                };
                if depth <= 0 {
                    return Some(at + 1);
                }
            }
            return Some(next + 1);
        }
        if token.kind != Kind::Word {
            if self.lang == Lang::Php && matches!(token.kind, Kind::Open) {
                // `$x->{'name'}(…)`
                let close = self.mate(stream, next, end);
                let items = self.elements(stream, next + 1, close);
                path.name = items.first().and_then(Value::to_text).unwrap_or_default();
                return Some(close + 1);
            }
            return (token.kind == Kind::Number
                || token.kind == Kind::Open
                || self.word(*token) == "$")
                .then_some(next + 1);
        }
        let word = self.word(*token).to_owned();
        let word = if self.lang == Lang::Php && word.starts_with('$') {
            self.lookup(&word).and_then(Value::to_text).unwrap_or(word)
        } else {
            word
        };
        if path.name.is_empty()
            && let Content::Name(name) = &path.value.content
        {
            path.name = name.to_string();
        }
        path.name = format!(
            "{}.{word}",
            if path.name.is_empty() {
                "?"
            } else {
                &path.name
            }
        );
        if path.name.len() > 400 {
            path.name = format!("?.{word}");
        }
        path.place = path.place.take().map(|place| format!("{place}.{word}"));
        let next = next + 1;
        let is_call = self.is(stream, next, "(")
            || self.is_any(stream, next, &["::", "."])
                && self.is(stream, next + 1, "<")
                && self.lang == Lang::Rust;
        if is_call && !(stream.tokens[next].spaced && self.lang == Lang::Ruby) {
            return Some(next);
        }
        if let Some(place) = &path.place
            && let Some(value) = self.lookup(place)
        {
            path.value = value.clone();
            path.name = match &path.value.content {
                Content::Name(name) => name.to_string(),
                _ => String::new(),
            };
            return Some(next);
        }
        let bare = self.lang == Lang::Ruby
            && stream
                .tokens
                .get(next)
                .is_some_and(|_| next < end && self.takes_bare(stream, next, path));
        if !bare {
            self.attribute_value(stream, path, next, called);
        }
        Some(next)
    }

    /// A member that is read, or called without parentheses.
    pub(super) fn attribute_value(
        &mut self,
        stream: &Stream,
        path: &mut Path,
        at: usize,
        called: &mut bool,
    ) {
        let range = self.range(stream, path.from, at);
        let assigned = self.is_any(stream, at, &["=", "+=", ":="]);
        let role = self.table.role(&path.name);
        if !assigned
            && (self.lang == Lang::Ruby && role.is_some() || matches!(role, Some(Role::Source(_))))
        {
            let name = std::mem::take(&mut path.name);
            path.value = self.call(&name, std::mem::take(&mut path.value), Vec::new(), range);
            if matches!(role, Some(Role::Net | Role::Source(_))) {
                path.name = name;
            }
            *called = true;
            return;
        }
        // A word behind a dot calls a function in Ruby.
        let last = path.name.rsplit('.').next().unwrap_or_default();
        if !assigned
            && self.lang == Lang::Ruby
            && path.name.split('.').count() == 2
            && self.functions.contains_key(last)
        {
            let name = std::mem::take(&mut path.name);
            path.value = self.call(&name, std::mem::take(&mut path.value), Vec::new(), range);
            *called = true;
            return;
        }
        let fact = self.host_attribute(&path.name);
        path.value.taint |= fact;
        // An unknown member of a known value is another value.
        if !matches!(path.value.content, Content::Unknown | Content::Name(_)) {
            path.value.content = Content::Unknown;
        }
        if matches!(path.value.content, Content::Name(_)) {
            path.value.content = Content::Unknown;
        }
    }

    /// Whether what stands at `at` is the argument of a call without parentheses.
    pub(super) fn takes_bare(&self, stream: &Stream, at: usize, path: &Path) -> bool {
        let token = stream.tokens[at];
        if token.fresh || !token.spaced && token.kind != Kind::Str || path.name.is_empty() {
            return false;
        }
        let word = self.word(token);
        match self.lang {
            Lang::Ruby => {
                let value = self
                    .lookup(path.place.as_deref().unwrap_or_default())
                    .is_some();
                !value
                    && !self.ends_here(stream, at)
                    && !matches!(word, "and" | "or" | "in" | "=>" | "if" | "unless")
            }
            Lang::Perl | Lang::Php => {
                matches!(
                    path.name.as_str(),
                    "system"
                        | "exec"
                        | "eval"
                        | "open"
                        | "require"
                        | "do"
                        | "include"
                        | "include_once"
                        | "require_once"
                        | "unpack"
                        | "pack"
                        | "join"
                        | "reverse"
                        | "chr"
                        | "decode_base64"
                        | "print"
                        | "get"
                        | "unlink"
                        | "assert"
                ) && !matches!(
                    word,
                    "and" | "or" | "xor" | "x" | "eq" | "ne" | "as" | "instanceof"
                )
            }
            Lang::Lua => token.kind == Kind::Str,
            _ => false,
        }
    }

    pub(super) fn bare_call(
        &mut self,
        stream: &Stream,
        mut at: usize,
        end: usize,
        path: &mut Path,
    ) -> usize {
        let from = path.from;
        let mut args = Vec::new();
        let subject = std::mem::replace(&mut self.subject, path.value.clone());
        while at < end && args.len() < 32 {
            let (value, next) = self.expression(stream, at, end, 2);
            args.push(value);
            at = next.max(at + 1);
            if self.lang == Lang::Lua || !self.is(stream, at, ",") {
                break;
            }
            at += 1;
        }
        self.subject = subject;
        let range = self.range(stream, from, at);
        let name = std::mem::take(&mut path.name);
        path.value = self.call(&name, std::mem::take(&mut path.value), args, range);
        self.renamed(path, name);
        at
    }

    pub(super) fn call_here(
        &mut self,
        stream: &Stream,
        at: usize,
        end: usize,
        path: &mut Path,
    ) -> usize {
        let close = self.mate(stream, at, end);
        if !self.enter() {
            return close + 1;
        }
        let subject = std::mem::replace(&mut self.subject, path.value.clone());
        let args = self.elements(stream, at + 1, close);
        self.subject = subject;
        let range = self.range(stream, path.from, close + 1);
        let name = std::mem::take(&mut path.name);
        self.filled(path.place.as_deref(), &args);
        path.value = if name.is_empty() {
            self.call_value(std::mem::take(&mut path.value), args, range)
        } else {
            self.call(&name, std::mem::take(&mut path.value), args, range)
        };
        self.renamed(path, name);
        self.leave();
        close + 1
    }

    /// `out.push_str(x)`: what is put into a variable labels it.
    fn filled(&mut self, place: Option<&str>, args: &[Value]) {
        let Some((root, method)) = place.and_then(|place| place.rsplit_once('.')) else {
            return;
        };
        let fills = matches!(
            method,
            "push_str"
                | "push"
                | "extend"
                | "extend_from_slice"
                | "insert"
                | "append"
                | "add"
                | "put"
                | "WriteString"
                | "Write"
                | "Append"
                | "Add"
                | "AppendLine"
                | "concat"
                | "addAll"
                | "AddRange"
        );
        let taint = args
            .iter()
            .fold(Taint::NONE, |all, arg| all | crate::facts::deep(arg, 2));
        let label = taint.without(Taint::CONSTANT | Taint::PARTIAL | Taint::HIDDEN);
        if !fills || label == Taint::NONE {
            return;
        }
        if let Some(mut value) = self.lookup(root).cloned() {
            value.taint |= label;
            self.assign(root, value);
        }
    }

    /// What is called on the result of a call goes by that call's name.
    pub(super) fn renamed(&self, path: &mut Path, name: String) {
        path.name = match &path.value.content {
            Content::Name(name) => name.to_string(),
            Content::Unknown => name,
            _ => String::new(),
        };
    }

    /// A block, closure body or composite behind a name or call.
    pub(super) fn block_of(
        &mut self,
        stream: &Stream,
        at: usize,
        close: usize,
        path: &mut Path,
    ) -> usize {
        if !self.enter() {
            return close + 1;
        }
        let subject = std::mem::replace(&mut self.subject, path.value.clone());
        let composite = matches!(self.lang, Lang::Go | Lang::Java | Lang::CSharp);
        if composite {
            let items = self.elements(stream, at, close);
            let call = path.value.call;
            if let Some(call) = call.and_then(|call| self.facts.calls.get_mut(call as usize)) {
                call.args.extend(items.iter().take(32).cloned());
            }
            let mut value = Value::list(items);
            value.call = call;
            path.value = value;
            path.name = String::new();
        } else {
            let start = if self.is(stream, at, "|") {
                self.closure_params(stream, at, close)
            } else {
                at
            };
            let result = self.statements(stream, start, close);
            path.value.taint |= result.taint;
            path.value.merge_layers(&result);
        }
        self.subject = subject;
        self.leave();
        close + 1
    }

    pub(super) fn takes_block(
        &self,
        stream: &Stream,
        at: usize,
        called: bool,
        path: &Path,
    ) -> bool {
        match self.lang {
            Lang::Ruby => called || !path.name.is_empty(),
            Lang::Kotlin => called || stream.tokens[at].spaced && !path.name.is_empty(),
            Lang::Go | Lang::Java | Lang::CSharp => {
                // `[]byte{…}`, `new byte[] {…}`, `new T() {…}`, `&T{…}`
                let composite = self.lang == Lang::Go && !stream.tokens[at].spaced;
                let array = at > 0 && self.is_any(stream, at - 1, &["]"]);
                composite
                    || array
                    || self.lang == Lang::CSharp
                        && path.from > 0
                        && self.is(stream, path.from - 1, "new")
                    || self.lang == Lang::Java
                        && called
                        && path.from > 0
                        && self.is(stream, path.from - 1, "new")
            }
            _ => false,
        }
    }

    pub(super) fn is_member(&self, text: &str) -> bool {
        match self.lang {
            Lang::Php => matches!(text, "->" | "::" | "?->"),
            Lang::Perl => matches!(text, "->" | "::"),
            Lang::C => matches!(text, "->" | "::" | "."),
            Lang::Lua => matches!(text, "." | ":"),
            _ => matches!(text, "." | "::" | "?." | "&."),
        }
    }
}
