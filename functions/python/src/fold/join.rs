//! Strings put together: sums, templates, formatted strings.

use std::borrow::Cow;
use std::rc::Rc;

use super::{Budget, LENGTH_LIMIT};
use crate::value::{Kind, Taint, Value};
use packguard_sdk::decode::Layer;

/// Fields of a template that are filled in.
const FIELDS_LIMIT: usize = 5_000;

/// How a value reads inside a string; `?` where it is not known.
fn part<'v>(value: &'v Value<'_>) -> (Cow<'v, str>, bool) {
    match &value.kind {
        Kind::Str(text) => ((&**text).into(), true),
        Kind::Int(number) => (number.to_string().into(), true),
        Kind::None => ("None".into(), true),
        Kind::Path(path) if **path == *"sys.executable" => ("python".into(), true),
        _ => ("?".into(), false),
    }
}

/// A string that is put together piece by piece.
#[derive(Default)]
struct Joined {
    text: String,
    taint: Taint,
    layers: Option<Rc<[Layer]>>,
    is_oversize: bool,
}

impl Joined {
    fn text(&mut self, piece: &str) {
        self.is_oversize |= self.text.len() + piece.len() > LENGTH_LIMIT;
        if !self.is_oversize {
            self.text.push_str(piece);
        }
    }

    fn value(&mut self, value: &Value<'_>) {
        let (piece, known) = part(value);
        self.text(&piece);
        self.taint |= value.taint;
        if value.is_environment() {
            self.taint |= Taint::ENVIRONMENT;
        }
        if !known {
            self.taint |= Taint::PARTIAL;
        }
        if self.layers.is_none() {
            self.layers = value.layers().cloned();
        }
    }

    fn finish<'a>(self, budget: &mut Budget) -> Value<'a> {
        if self.is_oversize {
            return Value::tainted(Taint::OVERSIZE);
        }
        let mut folded = budget.text(self.text).with(self.taint);
        folded.set_layers(self.layers);
        folded
    }
}

/// Strings one after the other.
pub fn concat<'v, 'a: 'v>(
    values: impl IntoIterator<Item = &'v Value<'a>>,
    budget: &mut Budget,
) -> Value<'a> {
    let mut joined = Joined::default();
    for value in values {
        joined.value(value);
        if joined.is_oversize {
            break;
        }
    }
    joined.finish(budget)
}

/// `template % value`.
pub(super) fn percent_format<'a>(
    template: &str,
    value: &Value<'a>,
    budget: &mut Budget,
) -> Value<'a> {
    let mut joined = Joined::default();
    let mut next = value
        .as_list()
        .unwrap_or(std::slice::from_ref(value))
        .iter();
    let mut rest = template;
    let mut fields = 0;
    while let Some(at) = rest.find('%') {
        joined.text(&rest[..at]);
        let spec = &rest[at + 1..];
        let end = spec
            .find(|c: char| c.is_ascii_alphabetic() || c == '%')
            .unwrap_or(spec.len());
        if spec[end..].starts_with('%') {
            joined.text("%");
        } else {
            joined.value(next.next().unwrap_or(&Value::unknown()));
        }
        rest = spec.get(end + 1..).unwrap_or_default();
        fields += 1;
        if fields > FIELDS_LIMIT {
            return Value::tainted(value.taint | Taint::OVERSIZE);
        }
    }
    joined.text(rest);
    joined.finish(budget)
}

/// `template.format(…)`.
pub(super) fn brace_format<'a>(
    template: &str,
    args: &[Value<'a>],
    keywords: &[(Rc<str>, Value<'a>)],
    budget: &mut Budget,
) -> Value<'a> {
    let mut joined = Joined::default();
    let mut position = 0;
    let mut rest = template;
    let mut fields = 0;
    while let Some(at) = rest.find(['{', '}']) {
        joined.text(&rest[..at]);
        fields += 1;
        let open = &rest[at..];
        if open.starts_with("{{") || open.starts_with("}}") {
            joined.text(&open[..1]);
            rest = &open[2..];
            continue;
        }
        let end = open.find('}').unwrap_or(open.len() - 1);
        let field = open[1..end.max(1)]
            .split([':', '!', '.', '['])
            .next()
            .unwrap_or_default();
        let value = if field.is_empty() {
            position += 1;
            args.get(position - 1)
        } else if let Ok(index) = field.parse::<usize>() {
            args.get(index)
        } else {
            keywords
                .iter()
                .find(|(name, _)| &**name == field)
                .map(|(_, value)| value)
        };
        joined.value(value.unwrap_or(&Value::unknown()));
        rest = &open[end + 1..];
        if fields > FIELDS_LIMIT {
            return Value::tainted(Taint::OVERSIZE);
        }
    }
    joined.text(rest);
    joined.finish(budget)
}
