//! Folding of library functions over known values.

use std::ops::Range;
use std::rc::Rc;

use packguard_sdk::decode;

use super::Walk;
use super::literals::pointed_at;
use crate::facts::deep;
use crate::lang::Lang;
use crate::lex::is_word;
use crate::names::Coding;
use crate::value::{Content, Taint, Value, concat, push_code};

impl Walk<'_> {
    /// Whether so many bytes may still be copied; takes them.
    fn afford(&mut self, bytes: usize) -> bool {
        if bytes > self.budget {
            self.budget = 0;
            return false;
        }
        self.budget -= bytes;
        true
    }

    /// A number as the character it stands for; all else as it is.
    pub(super) fn as_character(&self, value: &Value) -> Value {
        match &value.content {
            Content::Number(code) => {
                let mut out = Vec::new();
                match push_code(&mut out, *code) {
                    Some(()) => Value::text(out).with(value.taint | Taint::BUILT),
                    None => Value::tainted(value.taint),
                }
            }
            _ => value.clone(),
        }
    }

    /// `chr`, `pack`, `string(…)`, `Character.toString`.
    pub(super) fn characters(&mut self, name: &str, receiver: Value, args: &[Value]) -> Value {
        let last = name.rsplit('.').next().unwrap_or(name);
        let taint = args
            .iter()
            .fold(receiver.taint, |all, arg| all | deep(arg, 2));
        if last == "pack" {
            return self.pack(receiver, args, taint);
        }
        if matches!(last, "string" | "valueOf")
            && let Some(
                text @ Value {
                    content: Content::Text(_),
                    ..
                },
            ) = args.first()
        {
            return text.clone();
        }
        if self.lang == Lang::Lua && args.iter().all(Value::is_constant) && !args.is_empty() {
            let list = Value::list(args.to_vec());
            return list.to_bytes().map_or_else(
                || Value::tainted(taint),
                |bytes| Value::text(bytes).with(Taint::BUILT),
            );
        }
        let subject = args.first().unwrap_or(&receiver);
        if let Content::List(_) = subject.content
            && let Some(bytes) = subject.to_bytes().filter(|bytes| self.afford(bytes.len()))
        {
            return Value::text(bytes).with(taint | Taint::BUILT);
        }
        if let Content::Number(_) = subject.content {
            return self.as_character(subject);
        }
        // Characters computed from what stands in the program.
        if taint.has(Taint::CONSTANT) && !matches!(last, "rune" | "string" | "valueOf") {
            return Value::tainted(taint | Taint::DECODED);
        }
        Value::tainted(taint)
    }

    fn pack(&mut self, receiver: Value, args: &[Value], taint: Taint) -> Value {
        let ruby = matches!(receiver.content, Content::List(_)) || self.lang == Lang::Ruby;
        let (format, data) = if ruby {
            (args.first(), Some(&receiver))
        } else {
            (args.first(), args.get(1))
        };
        let format = format.and_then(Value::to_text).unwrap_or_default();
        let Some(data) = data else {
            return Value::tainted(taint);
        };
        let single = data.items().and_then(|items| items.first()).unwrap_or(data);
        let out = match format.chars().next() {
            Some('H' | 'h') => single
                .to_text()
                .and_then(|text| decode::hex(&text))
                .map(|out| ("hex", out)),
            Some('m') => return Value::tainted(taint),
            Some('C' | 'c' | 'U' | 'W') => {
                let all = if ruby {
                    data.to_bytes()
                } else {
                    Value::list(args[1..].to_vec()).to_bytes()
                };
                all.map(|out| ("characters", out))
            }
            _ => None,
        };
        self.decoded(out, taint, data)
    }

    /// A value that was decoded, with its layer.
    fn decoded(
        &mut self,
        out: Option<(&'static str, Vec<u8>)>,
        taint: Taint,
        from: &Value,
    ) -> Value {
        let mut value = match out {
            Some((encoding, bytes)) if self.afford(bytes.len()) => {
                let mut value = Value::text(bytes.clone());
                value.layers.clone_from(&from.layers);
                value.add_layer(encoding, &bytes);
                value.taint |=
                    pointed_at(&String::from_utf8_lossy(&bytes[..bytes.len().min(1 << 16)]));
                value
            }
            _ => Value {
                layers: from.layers.clone(),
                ..Value::default()
            },
        };
        value.call = from.call;
        let constant = taint.has(Taint::CONSTANT | Taint::EMBEDDED | Taint::REQUEST)
            || matches!(value.content, Content::Text(_));
        value.taint |= taint.without(Taint::PARTIAL);
        if constant {
            value.taint |= Taint::DECODED;
        }
        value
    }

    /// Base64 and its like, of the first argument or of what the method is called on.
    pub(super) fn decode(
        &mut self,
        coding: Coding,
        name: &str,
        receiver: Value,
        args: &[Value],
        range: Range<usize>,
    ) -> Value {
        let data = args
            .iter()
            .find(|arg| {
                !matches!(arg.content, Content::Unknown | Content::Name(_))
                    && !matches!(arg.content, Content::Number(_))
            })
            .or_else(|| args.first())
            .unwrap_or(&receiver)
            .clone();
        let taint = args
            .iter()
            .fold(receiver.taint, |all, arg| all | deep(arg, 2));
        let bytes = data.to_bytes();
        let text = || {
            bytes
                .as_deref()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let out = match coding {
            Coding::Base64 => text()
                .and_then(|text| decode::base64(&text))
                .map(|out| ("base64", out)),
            Coding::Hex => text()
                .and_then(|text| decode::hex(&text))
                .map(|out| ("hex", out)),
            Coding::Inflate => bytes
                .as_deref()
                .and_then(decode::inflate)
                .map(|out| ("deflate", out)),
            Coding::Rot13 => {
                bytes.map(|bytes| ("rot13", bytes.iter().map(|b| rot13(*b)).collect()))
            }
            Coding::Percent => text().map(|text| ("url", decode::percent(&text))),
            Coding::Reverse => return self.reversed(data, receiver),
            Coding::Other => None,
        };
        if coding == Coding::Percent && !taint.has(Taint::DECODED) {
            return Value {
                content: out.map_or(Content::Unknown, |(_, out)| Content::Text(Rc::new(out))),
                ..Value::tainted(taint)
            };
        }
        let value = self.decoded(out, taint, &data);
        if value
            .taint
            .has(Taint::SUSPECT_HOST | Taint::CREDENTIAL_PATH)
            && let Some(text) = value.to_text()
        {
            self.note_text(&text, range, value.taint);
        }
        let _ = name;
        value
    }

    fn reversed(&mut self, data: Value, receiver: Value) -> Value {
        let data = if matches!(data.content, Content::Unknown) {
            receiver
        } else {
            data
        };
        let mut out = data.clone();
        match &data.content {
            Content::Text(text) if text.len() > 3 && self.afford(text.len()) => {
                let bytes: Vec<u8> = text.iter().rev().copied().collect();
                out.add_layer("reversed", &bytes);
                out.taint |=
                    pointed_at(&String::from_utf8_lossy(&bytes[..bytes.len().min(1 << 16)]));
                out.content = Content::Text(Rc::new(bytes));
                out.taint |= Taint::DECODED;
            }
            Content::List(items) => {
                out.content = Content::List(Rc::new(items.iter().rev().cloned().collect()));
            }
            _ => {}
        }
        out
    }

    /// Exclusive or of data with a key among the arguments, or the function's own, if text
    /// comes out.
    pub(super) fn unxor(
        &mut self,
        data: &[u8],
        args: &[Value],
        key: Option<i64>,
    ) -> Option<Vec<u8>> {
        let mut keys: Vec<Vec<u8>> = args
            .iter()
            .filter_map(|arg| match arg.content {
                Content::Number(key) => Some(vec![(key & 0xFF) as u8]),
                _ => arg.to_bytes().filter(|key| !key.is_empty() && key != data),
            })
            .collect();
        keys.extend(key.map(|key| vec![(key & 0xFF) as u8]));
        for key in keys.iter().take(4) {
            if !self.afford(data.len()) {
                return None;
            }
            let out: Vec<u8> = data
                .iter()
                .zip(key.iter().cycle())
                .map(|(a, b)| a ^ b)
                .collect();
            let plain = out
                .iter()
                .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
            if plain && !out.is_empty() {
                return Some(out);
            }
        }
        None
    }

    /// Functions that give their text on, changed or not.
    pub(super) fn pass(&mut self, name: &str, receiver: Value, args: Vec<Value>) -> Value {
        let last = name.rsplit('.').next().unwrap_or(name);
        let taint = args
            .iter()
            .fold(receiver.taint, |all, arg| all | deep(arg, 3));
        match last {
            "join" | "Join" | "implode" | "concat" | "concat!" | "Concat" | "String.Concat"
            | "append" | "Append" | "sb" | "combine" | "Combine" | "resolve" | "get" | "of" => {
                return self.joined(name, last, receiver, &args, taint);
            }
            "format" | "format!" | "Format" | "sprintf" | "Sprintf" | "vsprintf" | "snprintf" => {
                let receiver_first = !args
                    .first()
                    .is_some_and(|first| matches!(first.content, Content::Text(_)));
                let mut all = args.clone();
                if receiver_first && matches!(receiver.content, Content::Text(_)) {
                    all.insert(0, receiver.clone());
                }
                return self.format(&all);
            }
            "gsub" | "replace" | "Replace" | "ReplaceAll" | "str_replace" | "tr" | "strtr"
            | "sub" | "delete" | "replaceAll" | "Remove" | "str_ireplace" => {
                return self.replaced(last, receiver, &args, taint);
            }
            "unpack" | "unpack1"
                if args
                    .first()
                    .and_then(Value::to_text)
                    .is_some_and(|format| format.starts_with('m')) =>
            {
                return self.decode(Coding::Base64, name, receiver.clone(), &[receiver], 0..0);
            }
            "unpack" | "unpack1"
                if args
                    .first()
                    .and_then(Value::to_text)
                    .is_some_and(|format| format.starts_with(['u', 'H', 'h'])) =>
            {
                return Value::tainted(taint | Taint::DECODED);
            }
            "call" => return Value::tainted(taint.without(Taint::CONSTANT)),
            "strip" | "chomp" | "trim" | "Trim" | "TrimSpace" => {
                let subject = if matches!(receiver.content, Content::Text(_)) {
                    &receiver
                } else {
                    args.first().unwrap_or(&receiver)
                };
                if let Some(bytes) = subject.bytes() {
                    let trimmed = bytes.trim_ascii().to_vec();
                    return Value {
                        content: Content::Text(Rc::new(trimmed)),
                        ..subject.clone()
                    };
                }
            }
            "map" | "collect" | "scan" | "split" | "Split" | "explode" | "Select" | "flat_map"
            | "filter_map" | "chars" | "bytes" | "each_char" | "substr" | "substring"
            | "Substring" | "array_map" => {
                // What comes out is not what went in.
                let result = args.iter().fold(Taint::NONE, |all, arg| all | arg.taint);
                let constant = receiver.is_constant() || receiver.taint.has(Taint::CONSTANT);
                if let (Content::List(_), Some(bytes)) = (&receiver.content, receiver.to_bytes())
                    && matches!(last, "map" | "collect" | "chars" | "Select")
                    && !result.has(Taint::DECODED)
                {
                    return Value {
                        content: receiver.content.clone(),
                        ..Value::tainted(taint)
                    }
                    .with(if bytes.is_empty() {
                        Taint::NONE
                    } else {
                        Taint::CONSTANT
                    });
                }
                let decoded = result & Taint::HIDDEN;
                return Value {
                    call: receiver.call,
                    layers: receiver.layers,
                    ..Value::tainted(taint | decoded)
                }
                .with(if constant {
                    Taint::CONSTANT
                } else {
                    Taint::NONE
                });
            }
            _ => {}
        }
        // As it is: the first of receiver and arguments with known content.
        let mut best = if matches!(receiver.content, Content::Unknown | Content::Name(_)) {
            args.iter()
                .find(|arg| !matches!(arg.content, Content::Unknown))
                .cloned()
                .unwrap_or_else(|| receiver.clone())
        } else {
            receiver.clone()
        };
        if matches!(best.content, Content::Name(_)) {
            best.content = Content::Unknown;
        }
        // Bytes become a text.
        let to_text = matches!(
            last,
            "from_utf8"
                | "from_utf8_lossy"
                | "String"
                | "GetString"
                | "string"
                | "from"
                | "toString"
        );
        if to_text
            && matches!(best.content, Content::List(_))
            && let Some(bytes) = best
                .to_bytes()
                .filter(|bytes| !bytes.is_empty() && self.afford(bytes.len()))
        {
            best.content = Content::Text(Rc::new(bytes));
            best.taint |= Taint::BUILT;
        }
        best.taint |= taint;
        best.call = best
            .call
            .or(receiver.call)
            .or_else(|| args.iter().find_map(|arg| arg.call));
        best.from = best
            .from
            .or_else(|| args.iter().find_map(|arg| arg.from.clone()));
        if best.layers.is_none() {
            best.layers = args.iter().find_map(|arg| arg.layers.clone());
        }
        best
    }

    /// `join`, `implode`, `append`, `concat`.
    fn joined(
        &mut self,
        name: &str,
        last: &str,
        receiver: Value,
        args: &[Value],
        taint: Taint,
    ) -> Value {
        let path = name.contains("File.")
            || name.contains("Path")
            || name.contains("filepath")
            || name.contains("path.")
            || last == "resolve";
        let (list, separator): (Vec<Value>, Vec<u8>) = match last {
            _ if path => {
                let mut parts: Vec<Value> = Vec::new();
                if last == "resolve"
                    || last == "join"
                        && !matches!(receiver.content, Content::Unknown | Content::Name(_))
                {
                    parts.push(receiver.clone());
                }
                parts.extend(args.iter().cloned());
                (parts, b"/".to_vec())
            }
            "join" | "Join" | "implode" | "concat" if receiver.items().is_some() => (
                receiver.items().unwrap_or_default().to_vec(),
                args.first().and_then(Value::to_bytes).unwrap_or_default(),
            ),
            "join" | "Join" | "implode" | "concat"
                if args.iter().any(|arg| arg.items().is_some()) =>
            {
                let list = args
                    .iter()
                    .find_map(Value::items)
                    .unwrap_or_default()
                    .to_vec();
                (
                    list,
                    args.iter()
                        .find_map(|arg| arg.bytes().map(<[u8]>::to_vec))
                        .unwrap_or_default(),
                )
            }
            "append" if self.lang == Lang::Go => {
                let mut all = args
                    .first()
                    .and_then(Value::items)
                    .unwrap_or_default()
                    .to_vec();
                all.extend(args.iter().skip(1).cloned());
                if all.len() > 1 << 12 {
                    return Value::tainted(taint);
                }
                return Value::list(all);
            }
            "get" | "of" if !path => return Value::tainted(taint),
            _ => {
                let mut parts = vec![receiver.clone()];
                if matches!(receiver.content, Content::Unknown | Content::Name(_)) {
                    parts.clear();
                }
                parts.extend(args.iter().cloned());
                (parts, Vec::new())
            }
        };
        let short = list.len() >= 4
            && list.iter().all(|item| {
                item.bytes().is_some_and(|text| text.len() <= 2)
                    || matches!(item.content, Content::Number(_))
            });
        let mut out = Value::text(Vec::new());
        for (at, item) in list.iter().enumerate() {
            if at > 0 && !separator.is_empty() {
                out = concat(out, &Value::text(separator.clone()), &mut self.budget);
            }
            out = concat(out, item, &mut self.budget);
        }
        out.taint |= taint;
        if short {
            out.taint |= Taint::BUILT;
        }
        out.call = receiver.call.or(out.call);
        if out
            .bytes()
            .is_some_and(|text| text.len() > 6 && text.len() < 4_096)
        {
            let text = out.to_text().unwrap_or_default();
            out.taint |=
                pointed_at(&text) & Taint(Taint::SUSPECT_HOST.0 | Taint::CREDENTIAL_PATH.0);
        }
        out
    }

    /// Replacing of one text by another.
    fn replaced(&mut self, last: &str, receiver: Value, args: &[Value], taint: Taint) -> Value {
        let php = matches!(last, "str_replace" | "str_ireplace");
        let (old, new, subject) = match (self.lang, args) {
            (_, [old, new, subject]) if php => (Some(old), Some(new), subject.clone()),
            (Lang::Go, [subject, old, new, ..]) => (Some(old), Some(new), subject.clone()),
            (Lang::Lua, [subject, old, new]) if receiver.bytes().is_none() => {
                (Some(old), Some(new), subject.clone())
            }
            (Lang::Php, [subject, old, new]) => (Some(old), Some(new), subject.clone()),
            (_, [old, new]) => (Some(old), Some(new), receiver.clone()),
            (_, [old]) => (Some(old), None, receiver.clone()),
            _ => (None, None, receiver.clone()),
        };
        let empty = Vec::new();
        let new = new.and_then(Value::to_bytes).unwrap_or(empty);
        if let (Some(text), Some(old)) = (subject.bytes(), old.and_then(Value::to_bytes))
            && !old.is_empty()
            && self.afford(text.len())
        {
            let text = text.to_vec();
            let mut out = Vec::with_capacity(text.len());
            let mut from = 0;
            for at in memchr::memmem::find_iter(&text, &old) {
                out.extend_from_slice(&text[from..at]);
                out.extend_from_slice(&new);
                from = at + old.len();
                if out.len() > 1 << 22 {
                    break;
                }
            }
            out.extend_from_slice(text.get(from..).unwrap_or_default());
            let shown = String::from_utf8_lossy(&out[..out.len().min(1 << 12)]).into_owned();
            let pointed = pointed_at(&shown);
            let hidden = pointed.without(subject.taint) != Taint::NONE;
            return Value {
                content: Content::Text(Rc::new(out)),
                layers: subject.layers,
                ..Value::tainted(taint | pointed | if hidden { Taint::BUILT } else { Taint::NONE })
            };
        }
        Value {
            call: receiver.call,
            layers: subject.layers,
            ..Value::tainted(taint)
        }
    }

    /// `format("%s{}", …)`: holes are filled in order.
    pub(super) fn format(&mut self, args: &[Value]) -> Value {
        let taint = args.iter().fold(Taint::NONE, |all, arg| all | deep(arg, 2));
        let Some(template) = args
            .first()
            .and_then(|first| first.bytes().map(<[u8]>::to_vec))
        else {
            return Value::tainted(taint);
        };
        let mut values = args[1..].iter();
        let mut out = Value::text(Vec::new());
        let mut plain = Vec::new();
        let mut at = 0;
        while at < template.len() {
            let rest = &template[at..];
            let (length, name) = hole(rest);
            if length == 0 {
                plain.push(rest[0]);
                at += 1;
                continue;
            }
            out = concat(
                out,
                &Value::text(std::mem::take(&mut plain)),
                &mut self.budget,
            );
            let named = name.and_then(|name| self.lookup(name)).cloned();
            let value = named.or_else(|| values.next().cloned()).unwrap_or_default();
            let value = if rest.starts_with(b"%c") {
                self.as_character(&value)
            } else {
                value
            };
            out = concat(out, &value, &mut self.budget);
            at += length;
        }
        out = concat(out, &Value::text(plain), &mut self.budget);
        out.taint |= taint;
        out
    }
}

/// Length of the hole that a template begins with, and the name in it.
fn hole(rest: &[u8]) -> (usize, Option<&str>) {
    match rest {
        [b'%', b'%', ..] => (0, None),
        [b'%', more @ ..] => {
            let flags = more
                .iter()
                .take(8)
                .take_while(|b| {
                    b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'0' | b'+' | b'#' | b'$')
                })
                .count();
            match more.get(flags) {
                Some(b's' | b'd' | b'c' | b'v' | b'x' | b'q' | b'i' | b'u') => (flags + 2, None),
                _ => (0, None),
            }
        }
        [b'{', more @ ..] => {
            let length = more.iter().take(48).position(|byte| *byte == b'}');
            let Some(length) = length else {
                return (0, None);
            };
            let inner = &more[..length];
            let name_length = inner.iter().take_while(|byte| is_word(**byte)).count();
            let spec = inner.get(name_length).is_none_or(|byte| *byte == b':');
            let named = inner
                .first()
                .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
            if !spec {
                return (0, None);
            }
            (
                length + 2,
                std::str::from_utf8(&inner[..name_length])
                    .ok()
                    .filter(|_| named),
            )
        }
        _ => (0, None),
    }
}

fn rot13(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => (byte - b'a' + 13) % 26 + b'a',
        b'A'..=b'Z' => (byte - b'A' + 13) % 26 + b'A',
        other => other,
    }
}
