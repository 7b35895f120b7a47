//! Constant folding: what Python's operators and string methods give for constants.
//!
//! Every result is bounded; what would be larger is unknown and labelled
//! [`Taint::OVERSIZE`], which is a problem where it reaches `exec` or a command.

mod decode;
mod join;
mod methods;

pub use decode::{codec, decode, decrypted};
pub use join::concat;
pub use methods::method;
use ruff_python_ast::Operator;

use crate::value::{Kind, Taint, Value};
use join::percent_format;

/// Longest string, bytes or list that folding makes: as much as one decoding may give.
pub const LENGTH_LIMIT: usize = packguard_sdk::decode::OUTPUT_LIMIT;

/// Bytes that folding may produce for one file, all results together.
pub const BYTES_PER_FILE: usize = 64 << 20;

/// Bytes that folding may read for one file, all operations together.
const READ_PER_FILE: usize = 1 << 30;

/// Longest list that repeating one makes.
const LISTED: usize = 10_000;

/// Counts what folding produces.
#[derive(Debug)]
pub struct Budget {
    bytes: usize,
    read: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bytes: BYTES_PER_FILE,
            read: READ_PER_FILE,
        }
    }
}

impl Budget {
    /// Takes `bytes` off; false when one result or all together are too large.
    pub fn take(&mut self, bytes: usize) -> bool {
        if bytes > LENGTH_LIMIT || bytes > self.bytes {
            return false;
        }
        self.bytes -= bytes;
        true
    }

    /// Charges for reading a value's content; false when all together is too much.
    pub fn read(&mut self, value: &Value<'_>) -> bool {
        let length = value.as_bytes().map_or(0, <[u8]>::len);
        let left = self.read.checked_sub(length);
        self.read = left.unwrap_or(0);
        left.is_some()
    }

    /// A string, if it is affordable.
    pub fn text<'a>(&mut self, text: String) -> Value<'a> {
        if self.take(text.len()) {
            Value::text(text)
        } else {
            Value::tainted(Taint::OVERSIZE)
        }
    }

    /// Bytes, if they are affordable.
    pub fn bytes<'a>(&mut self, bytes: Vec<u8>) -> Value<'a> {
        if self.take(bytes.len()) {
            Value::bytes(bytes)
        } else {
            Value::tainted(Taint::OVERSIZE)
        }
    }
}

/// `left op right`.
pub fn binary<'a>(
    op: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
    budget: &mut Budget,
) -> Value<'a> {
    let folded = match (op, &left.kind, &right.kind) {
        (Operator::Add, Kind::Bytes(a), Kind::Bytes(b)) if a.len() + b.len() <= LENGTH_LIMIT => {
            budget.bytes([&a[..], b].concat())
        }
        (Operator::Add, Kind::List(a), Kind::List(b)) if budget.take((a.len() + b.len()) * 16) => {
            Value::list(a.iter().chain(b.iter()).cloned().collect())
        }
        (Operator::Add, Kind::Str(_), _) | (Operator::Add, _, Kind::Str(_)) => {
            concat([left, right], budget)
        }
        (Operator::Mult, Kind::Str(text), Kind::Int(count))
        | (Operator::Mult, Kind::Int(count), Kind::Str(text)) => repeat(text.as_bytes(), *count)
            .map_or_else(
                || Value::tainted(Taint::OVERSIZE),
                |bytes| budget.text(String::from_utf8_lossy(&bytes).into_owned()),
            ),
        (Operator::Mult, Kind::Bytes(bytes), Kind::Int(count)) => repeat(bytes, *count)
            .map_or_else(
                || Value::tainted(Taint::OVERSIZE),
                |bytes| budget.bytes(bytes),
            ),
        (Operator::Mult, Kind::List(items), Kind::Int(count)) => {
            let count = usize::try_from(*count).unwrap_or(0);
            let total = items.len().saturating_mul(count);
            match total <= LISTED && budget.take(total * 16) {
                true => Value::list(items.iter().cloned().cycle().take(total).collect()),
                false => Value::unknown(),
            }
        }
        (Operator::Mod, Kind::Str(template), _) => percent_format(template, right, budget),
        (Operator::Div, Kind::Str(_), _) | (Operator::Div, _, Kind::Str(_)) => {
            let slash = Value::text("/");
            concat([left, &slash, right], budget)
        }
        (_, Kind::Int(a), Kind::Int(b)) => {
            integer(op, *a, *b).map_or_else(Value::unknown, |n| Value::of(Kind::Int(n)))
        }
        // What a cipher made by hand does to each byte.
        (Operator::BitXor, Kind::Unknown, _) | (Operator::BitXor, _, Kind::Unknown) => {
            Value::tainted(Taint::DECODED)
        }
        _ => Value::unknown(),
    };
    let folded = folded.inheriting(left).inheriting(right);
    match folded.kind {
        Kind::Str(_) | Kind::Bytes(_) => folded.with(Taint::BUILT),
        _ => folded,
    }
}

fn repeat(bytes: &[u8], count: i64) -> Option<Vec<u8>> {
    let count = usize::try_from(count.max(0)).ok()?;
    (bytes.len().checked_mul(count)? <= LENGTH_LIMIT).then(|| bytes.repeat(count))
}

fn integer(op: Operator, a: i64, b: i64) -> Option<i64> {
    match op {
        Operator::Add => a.checked_add(b),
        Operator::Sub => a.checked_sub(b),
        Operator::Mult => a.checked_mul(b),
        Operator::FloorDiv => (b != 0).then(|| a.checked_div_euclid(b)).flatten(),
        Operator::Mod => (b != 0).then(|| a.checked_rem_euclid(b)).flatten(),
        Operator::BitXor => Some(a ^ b),
        Operator::BitAnd => Some(a & b),
        Operator::BitOr => Some(a | b),
        Operator::LShift => u32::try_from(b).ok().and_then(|b| a.checked_shl(b)),
        Operator::RShift => u32::try_from(b).ok().and_then(|b| a.checked_shr(b)),
        Operator::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        Operator::Div | Operator::MatMult => None,
    }
}

/// `value[lower:upper:step]`.
pub fn slice<'a>(value: &Value<'a>, bounds: [Option<i64>; 3], budget: &mut Budget) -> Value<'a> {
    if !budget.read(value) {
        return Value::tainted(value.taint | Taint::OVERSIZE);
    }
    let folded = match &value.kind {
        Kind::Str(text) if text.is_ascii() => {
            let bytes = sliced(text.as_bytes(), bounds);
            budget.text(String::from_utf8_lossy(&bytes).into_owned())
        }
        Kind::Str(text) => {
            let chars: Vec<char> = text.chars().collect();
            budget.text(sliced(&chars, bounds).into_iter().collect())
        }
        Kind::Bytes(bytes) => budget.bytes(sliced(bytes, bounds)),
        Kind::List(items) if budget.take(items.len() * 16) => Value::list(sliced(items, bounds)),
        _ => Value::unknown(),
    };
    folded.inheriting(value).with(Taint::BUILT)
}

fn sliced<T: Clone>(items: &[T], [lower, upper, step]: [Option<i64>; 3]) -> Vec<T> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let step = step.unwrap_or(1);
    let absolute = |bound: i64| {
        if bound < 0 {
            bound.saturating_add(length)
        } else {
            bound
        }
    };
    let pick = |at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| items.get(at))
            .cloned()
    };
    if step > 0 {
        let from = lower.map_or(0, absolute).clamp(0, length);
        let to = upper.map_or(length, absolute).clamp(0, length);
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        (from..to).step_by(step).filter_map(pick).collect()
    } else if step < 0 {
        let from = lower.map_or(length - 1, absolute).clamp(-1, length - 1);
        let to = upper.map_or(-1, absolute).clamp(-1, length - 1);
        let step = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
        (to + 1..=from)
            .rev()
            .step_by(step)
            .filter_map(pick)
            .collect()
    } else {
        Vec::new()
    }
}

/// `value[index]`.
pub fn index<'a>(value: &Value<'a>, key: &Value<'a>, budget: &mut Budget) -> Value<'a> {
    if !budget.read(value) {
        return Value::tainted(value.taint | Taint::OVERSIZE);
    }
    let position = |length: usize| {
        let at = key.as_int()?;
        let at = if at < 0 {
            at.checked_add(i64::try_from(length).ok()?)?
        } else {
            at
        };
        usize::try_from(at).ok()
    };
    let found = match &value.kind {
        Kind::Str(text) if !text.is_ascii() => {
            position(text.chars().count()).and_then(|at| character(text, at))
        }
        Kind::List(items) => position(items.len()).and_then(|at| items.get(at).cloned()),
        Kind::Str(text) if text.is_ascii() => position(text.len())
            .and_then(|at| text.get(at..at + 1))
            .map(Value::text),
        Kind::Bytes(bytes) => position(bytes.len())
            .and_then(|at| bytes.get(at))
            .map(|byte| Value::of(Kind::Int(i64::from(*byte)))),
        Kind::Dict(items) => items
            .iter()
            .take(1_000)
            .find(|(name, _)| match (&name.kind, &key.kind) {
                (Kind::Str(a), Kind::Str(b)) => a == b,
                (Kind::Int(a), Kind::Int(b)) => a == b,
                _ => false,
            })
            .map(|(_, item)| item.clone()),
        _ => None,
    };
    match found {
        Some(found) => found.with(Taint::BUILT).with(value.taint),
        None => Value::unknown().inheriting(value),
    }
}

fn character<'a>(text: &str, at: usize) -> Option<Value<'a>> {
    let c = text.chars().nth(at)?;
    Some(Value::text(c.encode_utf8(&mut [0; 4]) as &str))
}

/// The elements of a constant, as iterating over it gives them; none when it is not
/// known or longer than `limit`.
pub fn elements<'a>(value: &Value<'a>, limit: usize) -> Option<Vec<Value<'a>>> {
    let items: Vec<Value<'a>> = match &value.kind {
        Kind::List(items) if items.len() <= limit => items.to_vec(),
        Kind::Str(text) if text.len() <= limit && !value.taint.has(Taint::PARTIAL) => text
            .chars()
            .map(|c| Value::text(c.encode_utf8(&mut [0; 4]) as &str))
            .collect(),
        Kind::Bytes(bytes) if bytes.len() <= limit => bytes
            .iter()
            .map(|byte| Value::of(Kind::Int(i64::from(*byte))))
            .collect(),
        Kind::Dict(items) if items.len() <= limit => {
            items.iter().map(|(name, _)| name.clone()).collect()
        }
        _ => return None,
    };
    Some(
        items
            .into_iter()
            .map(|item| item.with(value.taint))
            .collect(),
    )
}
