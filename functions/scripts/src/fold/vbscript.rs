//! VBScript: `Chr(…)` chains, `&`, `StrReverse`, `Replace`, variables.

use std::collections::BTreeMap;

use super::{DEPTH_LIMIT, Folded, Made, VALUE_LIMIT, VARIABLES_LIMIT};
use crate::text::Text;

/// Steps of evaluation in one script.
const STEPS: usize = 500_000;

/// Puts the constants of a script in.
pub fn fold(input: &Text) -> Folded {
    let mut folded = Folded::default();
    let mut reader = Reader {
        text: "",
        at: 0,
        variables: BTreeMap::new(),
        steps: 0,
        operations: 0,
    };
    let mut at = 0;
    for line in input.text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        reader.line(line, start, input, &mut folded);
    }
    folded.cut = reader.steps > STEPS;
    folded
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    variables: BTreeMap<String, String>,
    steps: usize,
    operations: usize,
}

impl<'a> Reader<'a> {
    /// Rewrites the expressions of one line.
    fn line(&mut self, line: &'a str, start: usize, input: &Text, folded: &mut Folded) {
        self.text = line;
        self.at = 0;
        let assigned = self.assigned();
        let from = self.at;
        folded.text.push(input.origin(start), &line[..from]);
        while self.at < line.len() {
            let here = self.at;
            let bounded = here == 0 || !line.as_bytes()[here - 1].is_ascii_alphanumeric();
            self.operations = 0;
            let value = if bounded { self.expression(0) } else { None };
            match value {
                Some(value) => {
                    if let Some(name) = assigned.as_ref().filter(|_| here == from)
                        && self.variables.len() < VARIABLES_LIMIT
                    {
                        self.variables.insert(name.clone(), value.clone());
                    }
                    let origin = input.origin(start + here);
                    if self.operations == 0
                        || folded.text.text.len() > 4 * input.text.len() + VALUE_LIMIT
                    {
                        folded.text.push(origin, &line[here..self.at]);
                        continue;
                    }
                    let begin = folded.text.text.len();
                    folded
                        .text
                        .push(origin, &format!("\"{}\"", value.replace('"', "\"\"")));
                    folded.rewritten += 1;
                    if value.len() >= 8 {
                        folded.made.push(Made {
                            range: begin..folded.text.text.len(),
                            how: "VBScript expression".into(),
                            text: value,
                            runs: line.to_ascii_lowercase().contains("execute"),
                        });
                    }
                }
                None => {
                    self.at = here + line[here..].chars().next().map_or(1, char::len_utf8);
                    folded
                        .text
                        .push(input.origin(start + here), &line[here..self.at]);
                }
            }
        }
    }

    /// The name at `name = …`; the cursor stands behind the sign then.
    fn assigned(&mut self) -> Option<String> {
        let (name, _) = self.text.split_once('=')?;
        let at = name.len() + 1;
        let name = name
            .trim()
            .trim_start_matches("Const ")
            .trim_start_matches("Set ")
            .trim();
        let named = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !named {
            return None;
        }
        self.at = at;
        self.blanks();
        Some(name.to_ascii_lowercase())
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
    }

    fn expression(&mut self, depth: usize) -> Option<String> {
        let mut value = self.operand(depth)?;
        loop {
            let before = self.at;
            self.blanks();
            let joins = matches!(self.text.as_bytes().get(self.at), Some(b'&' | b'+'));
            if joins {
                self.at += 1;
                self.blanks();
            }
            match joins.then(|| self.operand(depth)).flatten() {
                Some(next) if value.len() + next.len() <= VALUE_LIMIT => {
                    self.operations += 1;
                    value.push_str(&next);
                }
                _ => {
                    self.at = before;
                    return Some(value);
                }
            }
        }
    }

    fn operand(&mut self, depth: usize) -> Option<String> {
        self.steps += 1;
        if depth >= DEPTH_LIMIT || self.steps > STEPS {
            return None;
        }
        let rest = &self.text[self.at..];
        if rest.starts_with('"') {
            return self.string();
        }
        let length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            .count();
        if length == 0 {
            return None;
        }
        let before = self.at;
        let name = rest[..length].to_ascii_lowercase();
        self.at += length;
        if self.text.as_bytes().get(self.at) == Some(&b'(') {
            let value = self.arguments(depth).and_then(|args| call(&name, &args));
            match &value {
                Some(_) => self.operations += 1,
                None => self.at = before,
            }
            return value;
        }
        let value = match name.as_str() {
            "vbcrlf" | "vbnewline" => Some("\r\n".into()),
            "vblf" => Some("\n".into()),
            _ => self.variables.get(&name).cloned(),
        };
        match &value {
            Some(_) => self.operations += 1,
            None => self.at = before,
        }
        value
    }

    fn string(&mut self) -> Option<String> {
        let mut out = String::new();
        let mut rest = self.text.get(self.at + 1..)?;
        loop {
            let end = rest.find('"')?;
            out.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            if !rest.starts_with('"') {
                break;
            }
            out.push('"');
            rest = &rest[1..];
        }
        self.at = self.text.len() - rest.len();
        Some(out)
    }

    fn arguments(&mut self, depth: usize) -> Option<Vec<String>> {
        self.at += 1;
        let mut args = Vec::new();
        while args.len() < 5_000 {
            self.blanks();
            args.push(self.number().or_else(|| self.expression(depth + 1))?);
            self.blanks();
            let next = self.text.as_bytes().get(self.at)?;
            self.at += 1;
            match next {
                b',' => {}
                b')' => return Some(args),
                _ => return None,
            }
        }
        None
    }

    /// Numbers with `+`, `-`, `*` and `Xor` between, as text.
    fn number(&mut self) -> Option<String> {
        let before = self.at;
        let mut total: Option<i64> = None;
        let mut sign = "+".to_owned();
        loop {
            self.blanks();
            let rest = &self.text[self.at..];
            let (skip, radix) =
                if rest.len() > 2 && rest.as_bytes()[..2].eq_ignore_ascii_case(b"&h") {
                    (2, 16)
                } else {
                    (0, 10)
                };
            let length = rest.as_bytes()[skip..]
                .iter()
                .take_while(|byte| char::from(**byte).is_digit(radix))
                .count();
            let number = rest
                .get(skip..skip + length)
                .and_then(|digits| i64::from_str_radix(digits, radix).ok());
            let Some(number) = number else {
                self.at = before;
                return None;
            };
            self.at += skip + length;
            total = match (total, sign.as_str()) {
                (None, _) => Some(number),
                (Some(total), "+") => total.checked_add(number),
                (Some(total), "-") => total.checked_sub(number),
                (Some(total), "*") => total.checked_mul(number),
                (Some(total), _) => Some(total ^ number),
            };
            self.blanks();
            let rest = &self.text[self.at..];
            let next = ["+", "-", "*"]
                .iter()
                .find(|one| rest.starts_with(**one))
                .map(|one| (*one).to_owned());
            let next = next.or_else(|| {
                (rest.len() > 3 && rest.as_bytes()[..3].eq_ignore_ascii_case(b"xor"))
                    .then(|| "xor".to_owned())
            });
            match next {
                Some(next) => {
                    self.at += next.len();
                    sign = next;
                }
                None => return total.map(|total| total.to_string()),
            }
        }
    }
}

fn call(name: &str, args: &[String]) -> Option<String> {
    let first = args.first()?;
    match name {
        "chr" | "chrw" | "chrb" => char::from_u32(first.parse().ok()?).map(String::from),
        "strreverse" => Some(first.chars().rev().collect()),
        "replace" => {
            let from = args.get(1).filter(|from| !from.is_empty())?;
            Some(first.replace(from, args.get(2)?))
        }
        "lcase" => Some(first.to_lowercase()),
        "ucase" => Some(first.to_uppercase()),
        "cstr" | "trim" => Some(first.trim().to_owned()),
        "left" => Some(first.chars().take(args.get(1)?.parse().ok()?).collect()),
        "mid" => {
            let start: usize = args.get(1)?.parse().ok()?;
            let length = args
                .get(2)
                .and_then(|length| length.parse().ok())
                .unwrap_or(usize::MAX);
            Some(
                first
                    .chars()
                    .skip(start.checked_sub(1)?)
                    .take(length)
                    .collect(),
            )
        }
        "unescape" => Some(packguard_sdk::text::decode_owned(
            packguard_sdk::decode::percent(first),
        )),
        _ => None,
    }
}
