//! Methods of strings, bytes and dictionaries.

use std::rc::Rc;

use super::join::{brace_format, concat};
use super::{Budget, LENGTH_LIMIT, codec, decode, index};
use crate::value::{Kind, Taint, Value};

/// A method of a string, bytes or list constant; none when it is not one of those that
/// put strings together.
pub fn method<'a>(
    receiver: &Value<'a>,
    name: &str,
    args: &[Value<'a>],
    keywords: &[(Rc<str>, Value<'a>)],
    budget: &mut Budget,
) -> Option<Value<'a>> {
    if !budget.read(receiver) {
        return Some(Value::tainted(receiver.taint | Taint::OVERSIZE));
    }
    let first = args.first();
    let text_arg = |at: usize| args.get(at).and_then(Value::to_text);
    let value = match (&receiver.kind, name) {
        (Kind::Str(template), "format") => brace_format(template, args, keywords, budget),
        (Kind::Str(separator), "join") => join(separator, first?, budget),
        (Kind::Bytes(separator), "join") if separator.is_empty() => {
            let items = first?.as_list()?;
            let bytes: Option<Vec<&[u8]>> = items.iter().map(Value::as_bytes).collect();
            budget.bytes(bytes?.concat())
        }
        (Kind::Str(_) | Kind::Bytes(_), "decode" | "encode") => {
            recode(receiver, name, args, budget)
        }
        (Kind::Str(text), "replace") => {
            let replaced = replace(text, &text_arg(0)?, &text_arg(1)?)?;
            budget.text(replaced)
        }
        (Kind::Bytes(bytes), "replace") => {
            let latin: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            let replaced = replace(&latin, &text_arg(0)?, &text_arg(1)?)?;
            budget.bytes(
                replaced
                    .chars()
                    .filter_map(|c| u8::try_from(c).ok())
                    .collect(),
            )
        }
        (Kind::Str(text), "strip" | "lstrip" | "rstrip") => {
            let set = text_arg(0);
            let drop = |c: char| {
                set.as_ref()
                    .map_or(c.is_whitespace(), |set| set.contains(c))
            };
            let kept = match name {
                "lstrip" => text.trim_start_matches(drop),
                "rstrip" => text.trim_end_matches(drop),
                _ => text.trim_matches(drop),
            };
            budget.text(kept.into())
        }
        (Kind::Str(text), "lower" | "casefold") => budget.text(text.to_lowercase()),
        (Kind::Str(text), "upper") => budget.text(text.to_uppercase()),
        (Kind::Str(text), "swapcase") => budget.text(
            text.chars()
                .map(|c| {
                    if c.is_ascii_lowercase() {
                        c.to_ascii_uppercase()
                    } else {
                        c.to_ascii_lowercase()
                    }
                })
                .collect(),
        ),
        (Kind::Str(text), "split") => {
            let pieces: Vec<Value<'a>> = match text_arg(0) {
                Some(by) if !by.is_empty() => {
                    text.split(&*by).take(100_000).map(Value::text).collect()
                }
                _ => text
                    .split_whitespace()
                    .take(100_000)
                    .map(Value::text)
                    .collect(),
            };
            if !budget.take(text.len() + pieces.len() * 16) {
                return None;
            }
            Value::list(pieces)
        }
        (Kind::Bytes(_), "hex") if receiver.taint.has(Taint::PARTIAL) => {
            return Some(Value::tainted(receiver.taint));
        }
        (Kind::Big(bytes), "to_bytes") => {
            let mut bytes: Vec<u8> = bytes
                .iter()
                .copied()
                .skip_while(|byte| *byte == 0)
                .collect();
            if text_arg(1).as_deref() == Some("little") {
                bytes.reverse();
            }
            budget.bytes(bytes).with(Taint::CHARACTER_CODES)
        }
        (Kind::Str(_) | Kind::Bytes(_), "translate") => {
            translate(receiver, first?, budget)?.with(Taint::DECODED)
        }
        (Kind::Bytes(bytes), "split") => {
            let by = args.first().and_then(Value::as_bytes)?;
            if by.is_empty() || !budget.take(bytes.len()) {
                return None;
            }
            Value::list(split(bytes, by).into_iter().map(Value::bytes).collect())
        }
        (Kind::Bytes(bytes), "strip" | "lstrip" | "rstrip") if args.is_empty() => {
            budget.bytes(bytes.trim_ascii().to_vec())
        }
        (Kind::Str(text), "find" | "index") => {
            let at = text.find(&*text_arg(0)?)?;
            Value::of(Kind::Int(i64::try_from(text[..at].chars().count()).ok()?))
        }
        (Kind::Bytes(bytes), "find" | "index" | "rfind" | "rindex") => {
            let wanted = first?.as_bytes()?;
            let at = match name.starts_with('r') {
                true => memchr::memmem::rfind(bytes, wanted)?,
                false => memchr::memmem::find(bytes, wanted)?,
            };
            Value::of(Kind::Int(i64::try_from(at).ok()?))
        }
        (Kind::Bytes(bytes), "hex") => {
            budget.text(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        (Kind::Dict(_), "get") => index(receiver, first?, budget),
        _ => return None,
    };
    Some(value.inheriting(receiver).with(Taint::BUILT))
}

fn split(bytes: &[u8], by: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, by) {
        pieces.push(rest[..at].to_vec());
        rest = &rest[at + by.len()..];
        if pieces.len() > 10_000 {
            break;
        }
    }
    pieces.push(rest.to_vec());
    pieces
}

/// `text.translate(table)`, for tables that [`str.maketrans`] gives.
fn translate<'a>(
    receiver: &Value<'a>,
    table: &Value<'a>,
    budget: &mut Budget,
) -> Option<Value<'a>> {
    let Kind::Dict(items) = &table.kind else {
        return None;
    };
    let mut map = std::collections::BTreeMap::new();
    for (key, value) in items.iter() {
        let key = match &key.kind {
            Kind::Str(text) => u32::from(text.chars().next()?),
            Kind::Int(number) => u32::try_from(*number).ok()?,
            _ => return None,
        };
        let value = match &value.kind {
            Kind::Str(text) => text.to_string(),
            Kind::Int(number) => char::from_u32(u32::try_from(*number).ok()?)?.to_string(),
            Kind::None => String::new(),
            _ => return None,
        };
        map.insert(key, value);
    }
    let turned = |c: char| map.get(&u32::from(c)).cloned().unwrap_or(c.to_string());
    match &receiver.kind {
        Kind::Str(text) => Some(budget.text(text.chars().map(turned).collect())),
        Kind::Bytes(bytes) => {
            let text: String = bytes.iter().map(|byte| turned(char::from(*byte))).collect();
            let bytes = text.chars().filter_map(|c| u8::try_from(c).ok()).collect();
            Some(budget.bytes(bytes))
        }
        _ => None,
    }
}

/// None where the result would be too large.
fn replace(text: &str, from: &str, to: &str) -> Option<String> {
    let count = text.matches(from).count();
    (count.saturating_mul(to.len()) <= LENGTH_LIMIT).then(|| text.replace(from, to))
}

fn join<'a>(separator: &str, list: &Value<'a>, budget: &mut Budget) -> Value<'a> {
    if let Some(text) = list.as_str()
        && separator.is_empty()
    {
        return Value::text(text).inheriting(list);
    }
    let Some(items) = list.as_list() else {
        return Value::unknown().inheriting(list);
    };
    let separator = Value::text(separator);
    let mut pieces: Vec<&Value<'a>> = Vec::with_capacity(items.len() * 2);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            pieces.push(&separator);
        }
        pieces.push(item);
    }
    concat(pieces, budget).with(list.taint)
}

fn recode<'a>(
    receiver: &Value<'a>,
    name: &str,
    args: &[Value<'a>],
    budget: &mut Budget,
) -> Value<'a> {
    if let Some(encoding) = args.first().and_then(Value::as_str).and_then(codec) {
        return decode(encoding, receiver, budget);
    }
    match (&receiver.kind, name) {
        (Kind::Bytes(bytes), "decode") => {
            budget.text(packguard_sdk::text::decode(bytes).into_owned())
        }
        (Kind::Str(text), "encode") => budget.bytes(text.as_bytes().to_vec()),
        _ => receiver.clone(),
    }
}
