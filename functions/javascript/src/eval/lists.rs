//! Methods of constant arrays.

use oxc_ast::ast::Expression;

use super::Evaluator;
use super::calls::Target;
use super::fold::fold_api;
use super::methods::{element, to_number};
use crate::collect::Call;
use crate::value::{Eval, TEXT_LIMIT, Taint, Value};

impl<'a> Evaluator<'a> {
    /// `list.map(f)` where `f` folds on every element.
    pub(super) fn map(&mut self, items: &[Eval<'a>], arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
        let first = arguments.first()?;
        let mut out = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let index = Value::Number(at as f64).into();
            let value = match first.value {
                Value::Function(function) => self.inline(function, &[item.clone(), index])?,
                _ => fold_api(first.api(), std::slice::from_ref(item))?,
            };
            if !value.is_exact() {
                return None;
            }
            out.push(value);
        }
        Some(Value::List(out.into()).into())
    }
}

/// `text.match(/../g)` on a constant: its pieces of one length, as decoders cut them.
pub fn pieces<'a>(call: &Call<'a>, target: &Target<'a>) -> Option<Eval<'a>> {
    const MANY: usize = 100_000;
    let Some(Expression::RegExpLiteral(pattern)) = call.argument(0) else {
        return None;
    };
    let base = target.base.as_ref()?;
    if target.method.as_deref() != Some("match") {
        return None;
    }
    let (least, most) = piece_length(pattern.regex.pattern.text.as_str())?;
    let letters: Vec<char> = base.exact()?.chars().take(MANY * most + 1).collect();
    if letters.len() > MANY * most {
        return None;
    }
    let parts = letters.chunks(most).filter(|part| part.len() >= least);
    let parts: Vec<Eval<'a>> = parts
        .map(|part| Eval::text(part.iter().collect::<String>()))
        .collect();
    let list: Eval<'a> = Value::List(parts.into()).into();
    Some(list.tainted(base.taint).layered(base.layers.clone()))
}

/// The shortest and longest text that `..`, `.{2}`, `.{1,2}`, `\w\w` and the like match.
fn piece_length(pattern: &str) -> Option<(usize, usize)> {
    const UNITS: &[&str] = &[
        ".",
        "\\w",
        "[\\s\\S]",
        "[0-9a-f]",
        "[0-9a-fA-F]",
        "[a-f0-9]",
        "[\\da-f]",
    ];
    let unit = UNITS.iter().find(|unit| pattern.starts_with(**unit))?;
    let rest = &pattern[unit.len()..];
    let (least, most) = if let Some(count) = rest.strip_prefix('{') {
        let count = count.strip_suffix('}')?;
        let (least, most) = count.split_once(',').unwrap_or((count, count));
        (least.parse().ok()?, most.parse().ok()?)
    } else {
        let times = pattern.len() / unit.len();
        (unit.repeat(times) == pattern).then_some((times, times))?
    };
    (least >= 1 && least <= most && (2..=64).contains(&most)).then_some((least, most))
}

/// `list.method(arguments)` on an array; `None` where it is not folded.
pub fn list<'a>(items: &[Eval<'a>], method: &str, arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
    Some(match method {
        "join" => {
            let separator = match arguments.first() {
                Some(separator) => separator.exact()?,
                None => ",".into(),
            };
            let mut out = String::new();
            let mut exact = true;
            let mut taint = Taint::NONE;
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(&separator);
                }
                match item.as_piece() {
                    Some(piece) => {
                        exact &= item.is_exact();
                        out.push_str(&piece);
                    }
                    None => {
                        exact = false;
                        out.push(crate::value::HOLE);
                    }
                }
                taint = taint.with(item.taint);
                if out.len() > TEXT_LIMIT {
                    return None;
                }
            }
            let text = if exact {
                Eval::text(out)
            } else {
                Eval::partial(out)
            };
            text.tainted(taint)
        }
        "reverse" | "toReversed" => {
            let reversed: Vec<_> = items.iter().rev().cloned().collect();
            Value::List(reversed.into()).into()
        }
        "concat" => {
            let mut all = items.to_vec();
            for argument in arguments {
                match &argument.value {
                    Value::List(more) => all.extend(more.iter().cloned()),
                    _ => all.push(argument.clone()),
                }
            }
            Value::List(all.into()).into()
        }
        "slice" => slice(items, arguments)?,
        "toString" => return list(items, "join", &[]),
        "at" => element(
            &Value::List(items.into()).into(),
            arguments.first().and_then(Eval::number)?,
        ),
        "pop" => items.last()?.clone(),
        "shift" => items.first()?.clone(),
        _ => return None,
    })
}

/// The elements of an array, text or buffer.
pub fn elements<'a>(value: &Eval<'a>) -> Option<Vec<Eval<'a>>> {
    Some(match &value.value {
        Value::List(items) => items.to_vec(),
        Value::Text { text, exact: true } => text
            .chars()
            .map(|one| Eval::text(one.to_string()))
            .collect(),
        Value::Bytes(bytes) => bytes
            .iter()
            .map(|byte| Value::Number(f64::from(*byte)).into())
            .collect(),
        _ => return None,
    })
}

/// `String.fromCharCode(…)` of numbers.
pub fn from_char_codes<'a>(arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
    let mut units = Vec::with_capacity(arguments.len());
    for argument in arguments {
        match &argument.value {
            Value::List(items) => {
                for item in items.iter() {
                    units.push(to_number(item)? as u32);
                }
            }
            Value::Bytes(bytes) => units.extend(bytes.iter().map(|byte| u32::from(*byte))),
            _ => units.push(to_number(argument)? as u32),
        }
    }
    let out: String = units
        .into_iter()
        .map(|unit| char::from_u32(unit & 0x1F_FFFF).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    Some(Eval::text(out))
}

fn slice<'a>(items: &[Eval<'a>], arguments: &[Eval<'a>]) -> Option<Eval<'a>> {
    let bound = |index: usize, default: usize| match arguments.get(index) {
        None => Some(default),
        Some(argument) => {
            let number = argument.number()?;
            let length = items.len() as f64;
            let at = if number < 0.0 {
                length + number
            } else {
                number
            };
            Some(at.clamp(0.0, length) as usize)
        }
    };
    let start = bound(0, 0)?;
    let end = bound(1, items.len())?.max(start);
    Some(Value::List(items.get(start..end)?.into()).into())
}

/// Of a list of names that code goes through, one that says what it is after: a file of
/// keys, or one that starts programs.
pub fn telling<'a>(list: &Eval<'a>) -> Option<Value<'a>> {
    const NAMES: usize = 64;
    let Value::List(items) = &list.value else {
        return None;
    };
    let mut texts = items.iter().take(NAMES).filter_map(Eval::exact);
    let told = texts.find(|text| {
        crate::sources::is_environment_file(text)
            || text.len() < 200
                && packguard_sdk::indicators::scan(&format!("~/{text}"))
                    .iter()
                    .any(|found| {
                        matches!(
                            found.kind,
                            packguard_sdk::indicators::Kind::CredentialPath
                                | packguard_sdk::indicators::Kind::AutostartPath
                        )
                    })
    })?;
    Some(Value::Text {
        text: told,
        exact: false,
    })
}
