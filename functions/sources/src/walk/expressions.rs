//! Expressions: operands joined by operators.

use std::rc::Rc;

use super::Walk;
use super::calls::is_header;
use super::statements::element;
use crate::lang::Lang;
use crate::lex::{Kind, Stream};
use crate::value::{Content, LIST_LIMIT, Taint, Value, concat};

/// An operand, and the variable it is, if it is one.
#[derive(Debug, Default)]
pub(super) struct Operand {
    pub value: Value,
    pub place: Option<Rc<str>>,
}

impl From<Value> for Operand {
    fn from(value: Value) -> Self {
        Self { value, place: None }
    }
}

/// Words that end an expression.
const ENDS: &[&str] = &[
    "if", "unless", "while", "until", "rescue", "do", "then", "end", "else", "elsif", "catch",
    "where", "for",
];

/// How tightly an operator binds; 0 ends the expression.
fn binding(operator: &str) -> u8 {
    match operator {
        ";" => 0,
        "=" | ":=" | "+=" | ".=" | "||=" | "&&=" | "-=" | "*=" | "/=" | "%=" | "^=" | "|="
        | "&=" | "??=" | "<<=" | "<-" => 1,
        "," => 0,
        "?" | ":" | "=>" | "?:" | "??" | "and" | "or" | "->" => 2,
        "||" | "&&" => 3,
        "==" | "!=" | "===" | "!==" | "<" | ">" | "<=" | ">=" | "=~" | "!~" | "<=>" | "in"
        | "is" | "as" | "instanceof" => 4,
        "|" | "&" | "^" | "xor" => 5,
        "<<" | ">>" | "ushr" | "shr" | "shl" => 6,
        "+" | "-" | "." | ".." | "..." | "~" => 7,
        "*" | "/" | "%" | "**" => 8,
        _ => 4,
    }
}

impl Walk<'_> {
    /// An expression of operators that bind at least so tightly; gives where it ends.
    pub(super) fn expression(
        &mut self,
        stream: &Stream,
        at: usize,
        end: usize,
        least: u8,
    ) -> (Value, usize) {
        if at >= end {
            return (Value::default(), at);
        }
        if !self.enter() {
            // Passes over what is too deep, bracket by bracket.
            let skip = match stream.tokens[at].kind {
                Kind::Open => self.mate(stream, at, end),
                _ => at,
            };
            return (Value::default(), skip + 1);
        }
        let start = at;
        let (mut operand, mut at) = self.operand(stream, at, end);
        while at < end {
            let Some(operator) = self.operator(stream, at) else {
                break;
            };
            let binds = binding(&operator);
            if binds == 0 || binds < least.max(1) {
                break;
            }
            // A counter has many values: `for (i = 0; i < n; i++)`.
            if operator == "++" && self.lang == Lang::C && operand.place.is_some() {
                let place = operand.place.take().unwrap_or_default();
                self.assign(&place, Value::default());
                at += 1;
                continue;
            }
            // `text << more` changes the text in Ruby.
            let grows = operator == "<<"
                && self.lang == Lang::Ruby
                && operand.place.is_some()
                && operand.value.bytes().is_some();
            if operator == "=" && self.lang == Lang::Rust && operand.place.is_none() {
                let (value, next) = self.expression(stream, at + 1, end, 1);
                self.destructure(stream, start, at, &value);
                operand = value.into();
                at = next.max(at + 1);
                continue;
            }
            if binds == 1 || grows {
                let operator = if grows { "+=".to_owned() } else { operator };
                let (value, next) = self.assignment(stream, at, end, operand, &operator);
                operand = value.into();
                at = next;
                continue;
            }
            if matches!(operator.as_str(), "as" | "is" | "instanceof") {
                at = self.cast_or_each(stream, at, end, &operand.value);
                continue;
            }
            let from = at + 1;
            let (right, next) = self.expression(stream, from, end, binds + 1);
            operand = self.combine(operand.value, &operator, &right).into();
            at = next.max(from);
        }
        self.leave();
        (operand.value, at)
    }

    /// The operator at an index, unless the expression ends there.
    fn operator(&self, stream: &Stream, at: usize) -> Option<String> {
        let token = stream.tokens[at];
        let text = self.word(token);
        match token.kind {
            Kind::Op => {
                let continues = !token.fresh
                    || !self.lang.lines_matter()
                    || at > 0 && stream.tokens[at - 1].kind == Kind::Op
                    || matches!(
                        text,
                        "+" | "." | "||" | "&&" | "?" | ":" | "|" | "&" | "?:" | ".."
                    ) && !self.is_prefix(stream, at);
                (continues && !matches!(text, "," | ";")).then(|| text.to_owned())
            }
            Kind::Word
                if matches!(
                    text,
                    "and"
                        | "or"
                        | "xor"
                        | "in"
                        | "as"
                        | "is"
                        | "instanceof"
                        | "shl"
                        | "shr"
                        | "ushr"
                ) && !token.fresh =>
            {
                Some(text.to_owned())
            }
            _ => None,
        }
    }

    /// Whether an operator on a fresh line is a prefix: `-x`, `&block`.
    fn is_prefix(&self, stream: &Stream, at: usize) -> bool {
        self.lang != Lang::Kotlin
            && self.lang != Lang::Lua
            && !self.is(stream, at, ".")
            && stream.tokens.get(at + 1).is_some_and(|next| !next.spaced)
    }

    fn assignment(
        &mut self,
        stream: &Stream,
        at: usize,
        end: usize,
        operand: Operand,
        operator: &str,
    ) -> (Value, usize) {
        let (right, next) = self.expression(stream, at + 1, end, 1);
        let next = next.max(at + 1);
        let Some(place) = operand.place else {
            return (operand.value.join(&right), next);
        };
        if operator == "="
            || operator == ":="
            || operator == "||="
            || operator == "??="
            || operator == "<-"
        {
            self.store(&place, right.clone());
            return (right, next);
        }
        // Taken out, so that a text grows in place.
        let old = match self
            .frames
            .last_mut()
            .and_then(|frame| frame.vars.get_mut(&*place))
        {
            Some(slot) => {
                drop(operand.value);
                std::mem::take(slot)
            }
            None => operand.value,
        };
        let value = match operator {
            "+=" | ".=" | "<<=" => self.combine(old, "+", &right),
            "^=" => self.combine(old, "^", &right),
            _ => old.join(&right),
        };
        let given = Value::tainted(value.taint);
        self.store(&place, value);
        (given, next)
    }

    /// `if let Ok(x) = …`, `let (a, b) = …`: names in the pattern get the value.
    fn destructure(&mut self, stream: &Stream, from: usize, to: usize, value: &Value) {
        for token in stream.tokens[from..to].iter().take(16) {
            let name = self.word(*token);
            let names = token.kind == Kind::Word
                && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
                && !matches!(name, "ref" | "mut" | "_");
            if names {
                let name = name.to_owned();
                self.assign(&name, value.clone());
            }
        }
    }

    /// Assigns; what is set on an object that a call gave is added to that call.
    pub(super) fn store(&mut self, place: &str, value: Value) {
        if let Some((root, member)) = place.split_once('.') {
            let call = self.lookup(root).and_then(|value| value.call);
            if let Some(call) = call.and_then(|call| self.facts.calls.get_mut(call as usize))
                && !is_header(member)
                && call.args.len() < 64
            {
                call.args.push(value.clone());
            }
        }
        if place.ends_with("[]") {
            let root = place.trim_end_matches("[]");
            // `char name[] = {…}`
            let whole = value.items().is_some() || value.bytes().is_some_and(|text| text.len() > 1);
            if self.lang == Lang::C && whole && self.lookup(root).is_none() {
                self.assign(root, value);
                return;
            }
            let mut whole = self.lookup(root).cloned().unwrap_or_default();
            whole.taint |= value.taint.without(Taint::CONSTANT);
            self.assign(root, whole);
            return;
        }
        self.assign(place, value);
    }

    /// `x as u8`; PHP's `foreach (x as k => v)`.
    fn cast_or_each(&mut self, stream: &Stream, at: usize, end: usize, value: &Value) -> usize {
        let element = element(value);
        let mut next = at + 1;
        while next < end && next < at + 12 {
            let token = stream.tokens[next];
            match token.kind {
                Kind::Word if self.lang == Lang::Php => {
                    if !self.word(token).starts_with('$') {
                        return next;
                    }
                    let name: Rc<str> = self.word(token).into();
                    self.assign(&name, element.clone());
                }
                Kind::Word => {
                    if !self.is_any(stream, next + 1, &["::", "."]) {
                        return next + 1;
                    }
                }
                Kind::Op if self.is_any(stream, next, &["=>", "&", "::", ".", "*"]) => {}
                _ => return next,
            }
            next += 1;
        }
        next
    }

    /// The value of two operands.
    pub(super) fn combine(&mut self, left: Value, operator: &str, right: &Value) -> Value {
        use Content::{List, Number, Text};
        match (operator, &left.content, &right.content) {
            ("+", Number(a), Number(b)) => return number(a.checked_add(*b), &left, right),
            ("-", Number(a), Number(b)) => return number(a.checked_sub(*b), &left, right),
            ("*", Number(a), Number(b)) => return number(a.checked_mul(*b), &left, right),
            ("^" | "xor" | "~", Number(a), Number(b)) => return number(Some(a ^ b), &left, right),
            ("|", Number(a), Number(b)) => return number(Some(a | b), &left, right),
            ("%", Number(a), Number(b)) => return number(a.checked_rem(*b), &left, right),
            ("/", Number(a), Number(b)) => return number(a.checked_div(*b), &left, right),
            ("^", Text(a), Text(b)) if !a.is_empty() && !b.is_empty() => {
                let out: Vec<u8> = a
                    .iter()
                    .zip(b.iter().cycle())
                    .take(1 << 20)
                    .map(|(a, b)| a ^ b)
                    .collect();
                let mut value = Value::text(out.clone()).with(Taint::DECODED);
                value.add_layer("xor", &out);
                return value;
            }
            ("*", Text(text), Number(times)) => {
                return self.repeat(text.clone(), *times, left.taint);
            }
            ("%", Text(_), _) => {
                let mut args = vec![left.clone()];
                match right.items() {
                    Some(items) => args.extend(items.iter().cloned()),
                    None => args.push(right.clone()),
                }
                return self.format(&args);
            }
            ("^" | "xor" | "~", ..) => return self.exclusive_or(left, right),
            ("<<", Number(a), Number(b)) => {
                let shifted = u32::try_from(*b).ok().and_then(|b| a.checked_shl(b));
                return number(shifted, &left, right);
            }
            ("<<", ..) if self.lang == Lang::Ruby => {
                let right = self.as_character(right);
                return concat(left, &right, &mut self.budget);
            }
            ("+", List(a), List(b)) if a.len() + b.len() > LIST_LIMIT => return left.join(right),
            ("+", ..) => return concat(left, right, &mut self.budget),
            (".", ..) if self.lang.has_sigils() => return concat(left, right, &mut self.budget),
            ("..", Number(a), Number(b)) if self.lang != Lang::Lua => return range(*a, *b),
            ("..", ..) if self.lang == Lang::Lua => return concat(left, right, &mut self.budget),
            ("==" | "!=" | "===" | "!==" | "<" | ">" | "<=" | ">=" | "=~" | "!~" | "<=>", ..) => {
                self.compared(&left, right);
                return Value::default();
            }
            ("?" | "&&" | "and" | "=>", ..) => {
                let mut value = right.clone();
                if operator == "=>" {
                    // `CURLOPT_HTTPHEADER => […]`: a token there is a login.
                    if matches!(&left.content, Content::Name(name) if is_header(name)) {
                        return Value::default();
                    }
                    value.taint |= left.taint;
                    let named = matches!(value.content, Text(_) | Content::Name(_));
                    if let (Text(key), true) = (&left.content, named && self.lang == Lang::Php) {
                        value.from = Some(format!("=>{}", String::from_utf8_lossy(key)).into());
                    }
                }
                return value;
            }
            (":" | "||" | "or" | "?:" | "??", ..) => {
                let taint = left.taint | right.taint;
                let known = !matches!(left.content, Content::Unknown);
                let mut value = if known { left } else { right.clone() };
                value.taint = taint;
                value.from = value.from.or_else(|| right.from.clone());
                return value;
            }
            _ => {}
        }
        // What passed between two times is no day.
        let lost = match operator {
            "-" => Taint::CLOCK,
            _ => Taint::NONE,
        };
        let mut value = Value::tainted((left.taint | right.taint).without(lost));
        value.call = left.call.or(right.call);
        value
    }

    fn exclusive_or(&mut self, left: Value, right: &Value) -> Value {
        let name = self.function();
        let key = match (&left.content, &right.content) {
            (Content::Number(key), _) | (_, Content::Number(key)) => Some(*key),
            _ => None,
        };
        if let Some(function) = self.functions.get_mut(&name) {
            function.xors = true;
            function.key = function.key.or(key);
        }
        let constant = (left.taint | right.taint).has(Taint::CONSTANT);
        let value = Value::tainted(left.taint | right.taint);
        if constant {
            value.with(Taint::DECODED)
        } else {
            value
        }
    }

    fn repeat(&mut self, text: Rc<Vec<u8>>, times: i64, taint: Taint) -> Value {
        let times = usize::try_from(times).unwrap_or(0);
        let length = text.len().saturating_mul(times);
        if length > 1 << 20 || length > self.budget {
            return Value::tainted(taint);
        }
        self.budget -= length;
        Value::text(text.repeat(times)).with(taint)
    }

    /// The elements of a bracket, joined by commas; statements in it are walked too.
    pub(super) fn elements(&mut self, stream: &Stream, at: usize, end: usize) -> Vec<Value> {
        let mut items: Vec<Value> = Vec::new();
        let mut next = at;
        let mut last = Value::default();
        let mut some = false;
        while next < end {
            if self.is(stream, next, ",") {
                if items.len() < LIST_LIMIT {
                    items.push(std::mem::take(&mut last));
                }
                some = false;
                next += 1;
                continue;
            }
            let before = last.clone();
            last = Value::default();
            let after = self.statement_in(stream, next, end, &mut last);
            if some && before.taint != Taint::NONE {
                last.taint |= before.taint.without(Taint::CONSTANT);
            }
            next = after.max(next + 1);
            some = true;
        }
        if some && items.len() < LIST_LIMIT {
            items.push(last);
        }
        items
    }

    fn statement_in(&mut self, stream: &Stream, at: usize, end: usize, last: &mut Value) -> usize {
        // `&block` of Ruby is no text.
        if self.lang == Lang::Ruby && self.is(stream, at, "&") {
            let (_, next) = self.expression(stream, at, end, 0);
            return next;
        }
        // A list of plain values needs no look for statements.
        let token = stream.tokens[at];
        if token.kind == Kind::Number && self.is(stream, at + 1, ",") {
            *last = self.number(token);
            return at + 1;
        }
        if token.kind == Kind::Word {
            let word = self.word(token);
            if matches!(
                word,
                "function"
                    | "func"
                    | "fn"
                    | "sub"
                    | "return"
                    | "let"
                    | "var"
                    | "val"
                    | "for"
                    | "foreach"
                    | "if"
                    | "def"
            ) {
                let mut one = at;
                while one < end && !self.is(stream, one, ",") {
                    let before = one;
                    *last = Value::default();
                    one = self.one_statement(stream, one, end, last);
                    one = one.max(before + 1);
                }
                return one;
            }
        }
        let (value, next) = self.expression(stream, at, end, 0);
        *last = value;
        next
    }

    /// Whether an operand can't begin here, since the expression ends.
    pub(super) fn ends_here(&self, stream: &Stream, at: usize) -> bool {
        self.is_any(stream, at, ENDS)
    }
}

fn number(result: Option<i64>, left: &Value, right: &Value) -> Value {
    let taint = left.taint | right.taint;
    match result {
        Some(result) => Value::number(result).with(taint),
        None => Value::tainted(taint),
    }
}

fn range(from: i64, to: i64) -> Value {
    if to.saturating_sub(from) > 4_096 || to < from {
        return Value::default();
    }
    Value::list((from..=to).map(Value::number).collect())
}
