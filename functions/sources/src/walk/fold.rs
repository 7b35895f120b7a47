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
    pub(super) fn afford(&mut self, bytes: usize) -> bool {
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
        let mut value = self.decoded(out, taint, &data);
        // What a wallet decrypts of the user's own is a key.
        let own = coding == Coding::Other && !value.taint.has(Taint::DECODED | Taint::REMOTE);
        if own && self.speaks_of_wallets() {
            value.taint |= Taint::WALLET_KEY;
        }
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
