//! Methods of texts.

use std::rc::Rc;

use super::value::{Live, Units};
use super::{Halt, Machine, Ran};

impl<'a> Machine<'a> {
    pub(super) fn text_method(
        &mut self,
        text: &Units,
        name: &str,
        arguments: &[Live<'a>],
    ) -> Ran<'a> {
        let number = |at: usize, missing: f64| match arguments.get(at) {
            None | Some(Live::Undefined) => Some(missing),
            Some(value) => value.number().map(|n| if n.is_nan() { 0.0 } else { n }),
        };
        let argument = |at: usize| arguments.get(at).and_then(|value| self.units(value));
        let length = text.len() as f64;
        let value = match name {
            "charCodeAt" | "codePointAt" => code_at(text, number(0, 0.0), name),
            "charAt" => number(0, 0.0).map(|at| part(text, at, at + 1.0)),
            "at" => number(0, 0.0).map(|at| {
                let at = if at < 0.0 { length + at } else { at };
                part(text, at, at + 1.0)
            }),
            "slice" => {
                let bound = |at: f64| if at < 0.0 { length + at } else { at };
                number(0, 0.0)
                    .zip(number(1, length))
                    .map(|(start, end)| part(text, bound(start), bound(end)))
            }
            "substring" => number(0, 0.0)
                .zip(number(1, length))
                .map(|(a, b)| part(text, a.min(b), a.max(b))),
            "substr" => number(0, 0.0).zip(number(1, length)).map(|(start, count)| {
                let start = if start < 0.0 {
                    (length + start).max(0.0)
                } else {
                    start
                };
                part(text, start, start + count)
            }),
            "indexOf" => argument(0).zip(number(1, 0.0)).map(|(wanted, from)| {
                let from = from.clamp(0.0, length) as usize;
                let at = find(&text[from..], &wanted).map_or(-1.0, |at| (at + from) as f64);
                Live::Number(at)
            }),
            "includes" => argument(0).map(|wanted| Live::Boolean(find(text, &wanted).is_some())),
            "startsWith" => argument(0).map(|wanted| Live::Boolean(text.starts_with(&wanted))),
            "endsWith" => argument(0).map(|wanted| Live::Boolean(text.ends_with(&wanted))),
            "split" => match arguments.first() {
                None | Some(Live::Undefined) => Some(Live::list(vec![Live::Text(Rc::clone(text))])),
                Some(Live::Object(_)) => None,
                Some(separator) => self
                    .units(separator)
                    .map(|separator| split(text, &separator)),
            },
            "concat" => {
                let mut out = text.to_vec();
                for argument in arguments {
                    match self.units(argument) {
                        Some(more) => out.extend_from_slice(&more),
                        None => return self.unknown(),
                    }
                }
                Some(Live::units(out))
            }
            "replace" | "replaceAll" => return self.replace(text, name, arguments),
            "toString" | "valueOf" | "toLocaleString" | "normalize" => {
                Some(Live::Text(Rc::clone(text)))
            }
            "search" | "match" => Some(Live::Unknown),
            name => return self.made_text(text, name, arguments),
        };
        if let Some(Live::Text(made)) = &value {
            let length = made.len();
            self.made(length)?;
        }
        value.map_or_else(|| self.unknown(), Ok)
    }

    /// Methods that make a text out of the whole of another.
    fn made_text(&mut self, text: &Units, name: &str, arguments: &[Live<'a>]) -> Ran<'a> {
        let number = |at: usize| arguments.get(at).and_then(Live::number);
        let argument = |at: usize| arguments.get(at).and_then(|value| self.units(value));
        let value = match name {
            "repeat" => {
                let times = number(0).unwrap_or(0.0).max(0.0) as usize;
                let all = text.len().saturating_mul(times);
                if all > crate::value::TEXT_LIMIT {
                    return Err(Halt::Stop);
                }
                Some(Live::units(text.repeat(times)))
            }
            "trim" | "toLowerCase" | "toUpperCase" => {
                let plain = String::from_utf16_lossy(text);
                Some(Live::text(&match name {
                    "trim" => plain.trim().to_owned(),
                    "toLowerCase" => plain.to_lowercase(),
                    _ => plain.to_uppercase(),
                }))
            }
            "padStart" | "padEnd" => {
                let fill = argument(1).unwrap_or_else(|| Rc::new(vec![u16::from(b' ')]));
                let wanted = number(0).unwrap_or(0.0).clamp(0.0, 65_536.0) as usize;
                let missing = wanted.saturating_sub(text.len());
                let fill: Vec<u16> = fill.iter().copied().cycle().take(missing).collect();
                Some(Live::units(if name == "padStart" {
                    [&fill[..], text].concat()
                } else {
                    [text, &fill[..]].concat()
                }))
            }
            "italics" => Some(html(text, "i", "")),
            "bold" => Some(html(text, "b", "")),
            "fontcolor" => {
                let color = argument(0).map_or_else(String::new, |c| String::from_utf16_lossy(&c));
                Some(html(text, "font", &format!(" color=\"{color}\"")))
            }
            "link" => {
                let to = argument(0).map_or_else(String::new, |c| String::from_utf16_lossy(&c));
                Some(html(
                    text,
                    "a",
                    &format!(" href=\"{}\"", to.replace('"', "&quot;")),
                ))
            }
            _ => None,
        };
        if let Some(Live::Text(made)) = &value {
            let length = made.len();
            self.made(length)?;
        }
        value.map_or_else(|| self.unknown(), Ok)
    }

    /// `text.replace(pattern, with)` for texts and for the simplest patterns.
    fn replace(&mut self, text: &Units, name: &str, arguments: &[Live<'a>]) -> Ran<'a> {
        let (Some(first), Some(second)) = (arguments.first(), arguments.get(1)) else {
            return Ok(Live::Text(Rc::clone(text)));
        };
        if let (Live::Text(from), Live::Text(to)) = (first, second) {
            let all = name == "replaceAll";
            let mut out = Vec::new();
            let mut rest = &text[..];
            while let Some(at) = find(rest, from).filter(|_| !from.is_empty()) {
                out.extend_from_slice(&rest[..at]);
                out.extend_from_slice(to);
                rest = &rest[at + from.len()..];
                if !all {
                    break;
                }
            }
            out.extend_from_slice(rest);
            self.made(out.len())?;
            return Ok(Live::units(out));
        }
        let Live::Object(pattern) = first else {
            return self.unknown();
        };
        let source = pattern
            .borrow()
            .get("source")
            .and_then(|source| self.key(source));
        let global = pattern
            .borrow()
            .get("flags")
            .and_then(|flags| self.key(flags))
            .is_some_and(|flags| flags.contains('g'));
        let Some(class) = source.as_deref().and_then(Class::read) else {
            return self.unknown();
        };
        let mut out = Vec::new();
        let mut rest = &text[..];
        let mut done = false;
        while let Some(unit) = rest.first() {
            let length = rest.iter().take_while(|unit| class.has(**unit)).count();
            let length = if class.many { length } else { length.min(1) };
            if length == 0 || done {
                out.push(*unit);
                rest = &rest[1..];
                continue;
            }
            let matched = Live::units(rest[..length].to_vec());
            let put = match second {
                Live::Closure(_) => self.call(second, Live::Undefined, vec![matched])?,
                other => other.clone(),
            };
            match self.units(&put) {
                Some(put) => out.extend_from_slice(&put),
                None => return self.unknown(),
            }
            rest = &rest[length..];
            done = !global;
            self.step()?;
        }
        self.made(out.len())?;
        Ok(Live::units(out))
    }
}

/// A pattern of one class of characters: `[a-zA-Z]`, `.`, `\s+`, a letter.
struct Class {
    ranges: Vec<(u16, u16)>,
    negated: bool,
    many: bool,
}

impl Class {
    fn read(pattern: &str) -> Option<Self> {
        let (body, many) = match pattern.strip_suffix('+') {
            Some(body) if !body.ends_with('\\') => (body, true),
            _ => (pattern, false),
        };
        let whole = |ranges: &[(u16, u16)], negated| Self {
            ranges: ranges.to_vec(),
            negated,
            many,
        };
        let digits = [(48, 57)];
        let words = [(48, 57), (65, 90), (95, 95), (97, 122)];
        let blanks = [(9, 13), (32, 32), (160, 160)];
        match body {
            "." => return Some(whole(&[(10, 10), (13, 13)], true)),
            "\\s" => return Some(whole(&blanks, false)),
            "\\S" => return Some(whole(&blanks, true)),
            "\\d" => return Some(whole(&digits, false)),
            "\\D" => return Some(whole(&digits, true)),
            "\\w" => return Some(whole(&words, false)),
            "\\W" => return Some(whole(&words, true)),
            _ => {}
        }
        if let Some(inner) = body
            .strip_prefix('[')
            .and_then(|body| body.strip_suffix(']'))
        {
            let (inner, negated) = match inner.strip_prefix('^') {
                Some(inner) => (inner, true),
                None => (inner, false),
            };
            if inner.contains('\\') || inner.contains('[') {
                return None;
            }
            let units: Vec<u16> = inner.encode_utf16().collect();
            let mut ranges = Vec::new();
            let mut at = 0;
            while let Some(first) = units.get(at) {
                match (units.get(at + 1), units.get(at + 2)) {
                    (Some(45), Some(last)) => {
                        ranges.push((*first, *last));
                        at += 3;
                    }
                    _ => {
                        ranges.push((*first, *first));
                        at += 1;
                    }
                }
            }
            return Some(Self {
                ranges,
                negated,
                many,
            });
        }
        let mut letters = body.trim_start_matches('\\').encode_utf16();
        let (letter, None) = (letters.next()?, letters.next()) else {
            return None;
        };
        Some(whole(&[(letter, letter)], false))
    }

    fn has(&self, unit: u16) -> bool {
        let inside = self.ranges.iter().any(|(a, b)| (*a..=*b).contains(&unit));
        inside != self.negated
    }
}

fn code_at<'a>(text: &Units, at: Option<f64>, name: &str) -> Option<Live<'a>> {
    let at = at?.trunc();
    let at = if at >= 0.0 { at as usize } else { usize::MAX };
    let Some(unit) = text.get(at) else {
        return Some(Live::Number(f64::NAN));
    };
    let mut code = u32::from(*unit);
    if name == "codePointAt"
        && let Some(Ok(character)) = char::decode_utf16(text[at..].iter().copied()).next()
    {
        code = character as u32;
    }
    Some(Live::Number(f64::from(code)))
}

fn part<'a>(text: &Units, start: f64, end: f64) -> Live<'a> {
    let length = text.len() as f64;
    let start = start.clamp(0.0, length) as usize;
    let end = (end.clamp(0.0, length) as usize).max(start);
    Live::units(text[start..end].to_vec())
}

fn find(text: &[u16], wanted: &[u16]) -> Option<usize> {
    match wanted {
        [] => Some(0),
        [one] => text.iter().position(|unit| unit == one),
        wanted => text
            .windows(wanted.len())
            .position(|window| window == wanted),
    }
}

fn split<'a>(text: &Units, separator: &Units) -> Live<'a> {
    if separator.is_empty() {
        let units = text.iter().map(|unit| Live::units(vec![*unit]));
        return Live::list(units.collect());
    }
    let mut parts = Vec::new();
    let mut rest = &text[..];
    while let Some(at) = find(rest, separator) {
        parts.push(Live::units(rest[..at].to_vec()));
        rest = &rest[at + separator.len()..];
    }
    parts.push(Live::units(rest.to_vec()));
    Live::list(parts)
}

fn html<'a>(text: &Units, tag: &str, attribute: &str) -> Live<'a> {
    let inner = String::from_utf16_lossy(text);
    Live::text(&format!("<{tag}{attribute}>{inner}</{tag}>"))
}
