//! Values of PowerShell expressions, and what methods and casts make of them.

use super::VALUE_LIMIT;

/// What an expression stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    List(Vec<Self>),
}

impl Value {
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::List(items) => items.iter().map(Self::text).collect::<Vec<_>>().join(" "),
        }
    }

    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => number(text.trim()),
            Self::List(_) => None,
        }
    }

    pub fn items(self) -> Vec<Self> {
        match self {
            Self::List(items) => items,
            one => vec![one],
        }
    }
}

pub(super) fn number(text: &str) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => lower.parse().ok(),
    }
}

/// Most items of a list.
pub(super) const ITEMS: usize = 200_000;

pub(super) fn add(left: Value, right: Value) -> Option<Value> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            Some(Value::Number(left.checked_add(right)?))
        }
        (Value::List(mut left), right) => {
            left.extend(right.items());
            (left.len() <= ITEMS).then_some(Value::List(left))
        }
        (left, right) => {
            let text = left.text() + &right.text();
            (text.len() <= VALUE_LIMIT).then_some(Value::Text(text))
        }
    }
}

pub(super) fn range(from: &Value, to: &Value) -> Option<Value> {
    let (from, to) = (from.number()?, to.number()?);
    if from.abs_diff(to) > ITEMS as u64 {
        return None;
    }
    let items: Vec<Value> = if from <= to {
        (from..=to).map(Value::Number).collect()
    } else {
        (to..=from).rev().map(Value::Number).collect()
    };
    Some(Value::List(items))
}

pub(super) fn cast(name: &str, array: bool, value: Value) -> Option<Value> {
    let character = |value: &Value| match value {
        Value::Text(text) if text.chars().count() == 1 => Some(value.clone()),
        other => {
            let number = u32::try_from(other.number()?).ok()?;
            Some(Value::Text(char::from_u32(number)?.to_string()))
        }
    };
    match name {
        "char" if array => match value {
            Value::Text(text) => Some(Value::List(
                text.chars().map(|c| Value::Text(c.into())).collect(),
            )),
            list => list
                .items()
                .iter()
                .map(character)
                .collect::<Option<Vec<_>>>()
                .map(Value::List),
        },
        "char" => character(&value),
        "string" | "array" | "object" | "scriptblock" => Some(if name == "array" {
            value
        } else {
            Value::Text(value.text())
        }),
        "byte" if array => match value {
            Value::Text(_) => None,
            list => Some(list),
        },
        "int" | "byte" | "int32" | "long" | "uint32" | "convert" => match value {
            Value::Text(text)
                if text.chars().count() == 1 && !text.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                text.chars()
                    .next()
                    .map(|c| Value::Number(i64::from(u32::from(c))))
            }
            other => other.number().map(Value::Number),
        },
        _ => None,
    }
}

pub(super) fn bytes_value(bytes: &[u8]) -> Option<Value> {
    (bytes.len() <= ITEMS).then(|| {
        Value::List(
            bytes
                .iter()
                .map(|byte| Value::Number(i64::from(*byte)))
                .collect(),
        )
    })
}

pub(super) fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    let Value::List(items) = value else {
        return None;
    };
    items
        .iter()
        .map(|item| item.number().and_then(|number| u8::try_from(number).ok()))
        .collect()
}

pub(super) fn method(value: &Value, name: &str, args: &[Value]) -> Option<Value> {
    let text = || value.text();
    let number = |at: usize| {
        args.get(at)
            .and_then(Value::number)
            .and_then(|number| usize::try_from(number).ok())
    };
    Some(match name {
        "replace" => {
            let from = args.first()?.text();
            if from.is_empty() {
                return None;
            }
            Value::Text(text().replace(&from, &args.get(1)?.text()))
        }
        "tochararray" => Value::List(text().chars().map(|c| Value::Text(c.into())).collect()),
        "tostring" | "invoke" | "normalize" => Value::Text(text()),
        "tolower" => Value::Text(text().to_lowercase()),
        "toupper" => Value::Text(text().to_uppercase()),
        "trim" => Value::Text(text().trim().into()),
        "substring" => {
            let size = number(1).unwrap_or(usize::MAX);
            Value::Text(text().chars().skip(number(0)?).take(size).collect())
        }
        "remove" => Value::Text(text().chars().take(number(0)?).collect()),
        "insert" => {
            let mut characters: Vec<char> = text().chars().collect();
            let at = number(0)?.min(characters.len());
            characters.splice(at..at, args.get(1)?.text().chars());
            Value::Text(characters.into_iter().collect())
        }
        "split" => split(&text(), &args.iter().map(Value::text).collect::<Vec<_>>()),
        _ => return None,
    })
}

pub(super) fn split(text: &str, separators: &[String]) -> Value {
    let items = text.split(|c: char| separators.iter().any(|one| one.contains(c)));
    Value::List(
        items
            .map(|item| Value::Text(item.into()))
            .take(ITEMS)
            .collect(),
    )
}

pub(super) fn indexed(value: &Value, index: Value) -> Option<Value> {
    let items: Vec<Value> = match value {
        Value::Text(text) => text.chars().map(|c| Value::Text(c.into())).collect(),
        Value::List(items) => items.clone(),
        Value::Number(_) => return None,
    };
    let size = i64::try_from(items.len()).ok()?;
    let one = |at: &Value| {
        let at = at.number()?;
        let at = if at < 0 { size + at } else { at };
        items.get(usize::try_from(at).ok()?).cloned()
    };
    match index {
        Value::List(list) => list
            .iter()
            .map(one)
            .collect::<Option<Vec<_>>>()
            .map(Value::List),
        at => one(&at),
    }
}

/// A regular expression that stands for itself.
pub(super) fn plain_pattern(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => out.push(characters.next().filter(|c| !c.is_ascii_alphanumeric())?),
            '*' | '+' | '?' | '[' | '(' | '|' | '.' | '^' | '$' | '{' => return None,
            c => out.push(c),
        }
    }
    (!out.is_empty()).then_some(out)
}

/// `'{1}{0}' -f 'b','a'`.
pub(super) fn format(pattern: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(end) = rest.find('}') else {
            out.push('{');
            continue;
        };
        let index = rest[..end]
            .split([':', ','])
            .next()
            .and_then(|index| index.trim().parse::<usize>().ok());
        match index.and_then(|index| values.get(index)) {
            Some(value) if out.len() <= VALUE_LIMIT => {
                out.push_str(&value.text());
                rest = &rest[end + 1..];
            }
            _ => out.push('{'),
        }
    }
    out.push_str(rest);
    out
}
