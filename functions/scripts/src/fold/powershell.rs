//! PowerShell expressions: strings in pieces, `-f`, `-join`, `[char]`, `-replace`,
//! indexes, `FromBase64String`, pipelines of `ForEach-Object` over constants.

use std::collections::BTreeMap;

use super::powershell_values::{ITEMS, Value, add, range};
use super::{DEPTH_LIMIT, Folded, Made, VALUE_LIMIT, VARIABLES_LIMIT};
use crate::text::Text;

/// Steps of evaluation in one script.
const STEPS: usize = 2_000_000;

/// Reads expressions.
pub(super) struct Reader<'a> {
    pub text: &'a str,
    pub at: usize,
    pub variables: BTreeMap<String, Value>,
    pub steps: usize,
    pub depth: usize,
    /// Operations and calls that were evaluated.
    pub operations: usize,
}

/// Puts the constants of a script in.
pub fn fold(input: &Text) -> Folded {
    let mut folded = Folded::default();
    let mut reader = Reader {
        text: &input.text,
        at: 0,
        variables: BTreeMap::new(),
        steps: 0,
        depth: 0,
        operations: 0,
    };
    while reader.at < input.text.len() {
        let start = reader.at;
        if !starts_expression(input.text.as_bytes(), start) {
            plain(&mut reader, input, &mut folded);
            continue;
        }
        if let Some(name) = reader.assignment() {
            let value = reader.list();
            match value {
                Some(value) if reader.variables.len() < VARIABLES_LIMIT => {
                    reader.variables.insert(name, value);
                }
                _ => {
                    reader.variables.remove(&name);
                }
            }
            let equals = input.text[start..]
                .find('=')
                .map_or(start + 1, |at| start + at + 1);
            folded
                .text
                .push(input.origin(start), &input.text[start..equals]);
            reader.at = equals;
            continue;
        }
        reader.operations = 0;
        let value = reader.expression();
        let worth = reader.operations > 0 && reader.at > start;
        match value.filter(|_| worth) {
            Some(value) => put(input, start..reader.at, &value, &mut folded),
            None => {
                reader.at = start;
                skip(&mut reader, input, &mut folded);
            }
        }
    }
    folded.cut = reader.steps > STEPS;
    folded
}

/// Writes what an expression came to: as a word behind a call operator, else quoted.
fn put(input: &Text, range: std::ops::Range<usize>, value: &Value, folded: &mut Folded) {
    let text = value.text();
    let raw = &input.text[range.clone()];
    if matches!(value, Value::List(_)) && text.len() < 8
        || folded.text.text.len() > 4 * input.text.len() + VALUE_LIMIT
    {
        folded.text.push(input.origin(range.start), raw);
        return;
    }
    let called = folded.text.text.trim_end().ends_with(['&', '.', '|']);
    let from = folded.text.text.len();
    folded.rewritten += 1;
    if called {
        folded
            .text
            .push(input.origin(range.start), &format!("{} ", text.trim()));
    } else {
        let quoted = text.replace('\'', "''");
        folded
            .text
            .push(input.origin(range.start), &format!("'{quoted}'"));
    }
    if text.len() >= 8 {
        let how = if raw.to_ascii_lowercase().contains("frombase64") {
            "base64"
        } else {
            "PowerShell expression"
        };
        folded.made.push(Made {
            range: from..folded.text.text.len(),
            how: how.into(),
            text,
            runs: false,
        });
    }
}

fn starts_expression(bytes: &[u8], at: usize) -> bool {
    let bounded = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
    match bytes[at] {
        b'\'' | b'"' | b'$' | b'[' | b'(' => bounded || bytes[at] != b'[',
        b'-' => bytes[at..].len() > 5 && bytes[at..at + 5].eq_ignore_ascii_case(b"-join"),
        _ => false,
    }
}

/// Copies one byte or comment; backticks inside of words go.
fn plain(reader: &mut Reader<'_>, input: &Text, folded: &mut Folded) {
    let start = reader.at;
    let bytes = input.text.as_bytes();
    if bytes[start] == b'#' && (start == 0 || bytes[start - 1].is_ascii_whitespace()) {
        reader.at += memchr::memchr(b'\n', &bytes[start..]).unwrap_or(bytes.len() - start);
        folded
            .text
            .push(input.origin(start), &input.text[start..reader.at]);
        return;
    }
    let splits =
        bytes[start] == b'`' && bytes.get(start + 1).is_some_and(u8::is_ascii_alphanumeric);
    let end = start
        + 1
        + bytes[start + 1..]
            .iter()
            .position(|byte| matches!(byte, b'\'' | b'"' | b'$' | b'[' | b'(' | b'-' | b'`' | b'#'))
            .unwrap_or(bytes.len() - start - 1);
    let from = start + usize::from(splits);
    folded.rewritten += usize::from(splits);
    reader.at = end;
    if let Some(part) = input.text.get(from..end) {
        folded.text.push(input.origin(from), part);
    }
}

/// Passes over what did not evaluate: a whole string, or one character.
fn skip(reader: &mut Reader<'_>, input: &Text, folded: &mut Folded) {
    let start = reader.at;
    let quote = input.text.as_bytes()[start];
    let string = matches!(quote, b'\'' | b'"');
    if !string || reader.string().is_none() {
        reader.at = start + input.text[start..].chars().next().map_or(1, char::len_utf8);
    }
    folded
        .text
        .push(input.origin(start), &input.text[start..reader.at]);
}

impl Reader<'_> {
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n' | b'`') = self.peek() {
            self.at += 1;
        }
    }

    /// Whether the text goes on with a word, in any case; it is consumed.
    pub fn takes(&mut self, word: &str) -> bool {
        let rest = &self.text.as_bytes()[self.at.min(self.text.len())..];
        let takes =
            rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word.as_bytes());
        if takes {
            self.at += word.len();
        }
        takes
    }

    /// `$name =`: the cursor stands behind it then, else where it was.
    fn assignment(&mut self) -> Option<String> {
        let start = self.at;
        let name = self.name();
        self.blanks();
        let rest = &self.text[self.at..];
        if name.is_some() && rest.starts_with('=') && !rest.starts_with("==") {
            self.at += 1;
            self.blanks();
            return name;
        }
        self.at = start;
        None
    }

    /// The name of a variable, in lower case.
    pub fn name(&mut self) -> Option<String> {
        let rest = self.text[self.at..].strip_prefix('$')?;
        let (inner, braced) = match rest.strip_prefix('{') {
            Some(inner) => (inner, 1),
            None => (rest, 0),
        };
        let length = inner
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
            .count();
        if length == 0 || braced == 1 && !inner[length..].starts_with('}') {
            return None;
        }
        self.at += 1 + length + 2 * braced;
        Some(inner[..length].to_ascii_lowercase())
    }

    /// Expressions with commas between: a list.
    pub fn list(&mut self) -> Option<Value> {
        let first = self.expression()?;
        let mut items = Vec::new();
        loop {
            let before = self.at;
            self.blanks();
            if self.peek() != Some(b',') || items.len() >= ITEMS {
                self.at = before;
                break;
            }
            self.at += 1;
            self.blanks();
            match self.expression() {
                Some(item) => items.push(item),
                None => return None,
            }
        }
        if items.is_empty() {
            return self.piped(first);
        }
        items.insert(0, first);
        let value = self.operators(Value::List(items))?;
        self.piped(value)
    }

    /// Operands with operators between.
    pub fn expression(&mut self) -> Option<Value> {
        self.steps += 1;
        if self.depth >= DEPTH_LIMIT || self.steps > STEPS {
            return None;
        }
        self.depth += 1;
        let value = self.operand().and_then(|value| self.operators(value));
        self.depth -= 1;
        value
    }

    fn operators(&mut self, mut value: Value) -> Option<Value> {
        loop {
            let before = self.at;
            self.blanks();
            let next = match self.peek() {
                Some(b'+') if self.text.as_bytes().get(self.at + 1) != Some(&b'=') => {
                    self.at += 1;
                    self.blanks();
                    self.right().and_then(|right| add(value.clone(), right))
                }
                Some(b'.') if self.text[self.at..].starts_with("..") => {
                    self.at += 2;
                    self.right().and_then(|right| range(&value, &right))
                }
                Some(b'-') => self.dashed(value.clone()),
                _ => None,
            };
            match next {
                Some(next) => {
                    self.operations += 1;
                    value = next;
                }
                None => {
                    self.at = before;
                    return Some(value);
                }
            }
        }
    }

    /// The right side of an operator: one operand, with what is bound closer.
    pub fn right(&mut self) -> Option<Value> {
        self.steps += 1;
        self.blanks();
        if self.depth >= DEPTH_LIMIT || self.steps > STEPS {
            return None;
        }
        self.depth += 1;
        let value = self.operand();
        self.depth -= 1;
        value
    }

    /// A string literal, from the cursor on.
    pub fn string(&mut self) -> Option<Value> {
        let bytes = self.text.as_bytes();
        let quote = self.peek()?;
        let mut out = String::new();
        let mut at = self.at + 1;
        let mut known = true;
        while at < bytes.len() && out.len() <= VALUE_LIMIT {
            match bytes[at] {
                byte if byte == quote => {
                    if bytes.get(at + 1) == Some(&quote) {
                        out.push(char::from(quote));
                        at += 2;
                        continue;
                    }
                    self.at = at + 1;
                    return known.then_some(Value::Text(out));
                }
                b'`' if quote == b'"' => at += 1,
                b'$' if quote == b'"' => {
                    let start = std::mem::replace(&mut self.at, at);
                    let name = self.name();
                    let end = std::mem::replace(&mut self.at, start);
                    match name.and_then(|name| self.variables.get(&name)) {
                        Some(value) => {
                            out.push_str(&value.text());
                            self.operations += 1;
                            at = end;
                        }
                        None => {
                            known &= end == at;
                            out.push('$');
                            at += 1;
                        }
                    }
                }
                _ => {
                    let next = self.text[at..].chars().next()?;
                    out.push(next);
                    at += next.len_utf8();
                }
            }
        }
        None
    }
}
