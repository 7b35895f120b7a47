//! Operands, operators with names, and calls of PowerShell expressions.

use packguard_sdk::{decode, text};

use super::VALUE_LIMIT;
use super::powershell::{ITEMS, Reader, Value, number};

impl Reader<'_> {
    /// A literal, variable, cast, call or parenthesis, with its members and indexes.
    pub fn operand(&mut self) -> Option<Value> {
        self.blanks();
        let value = match self.peek()? {
            b'\'' | b'"' => self.string()?,
            b'$' if self.text[self.at..].starts_with("$(") => {
                self.at += 1;
                self.parenthesis()?
            }
            b'$' => {
                let name = self.name()?;
                let value = self.variables.get(&name)?.clone();
                self.operations += usize::from(name != "_");
                value
            }
            b'(' => self.parenthesis()?,
            b'@' if self.text[self.at..].starts_with("@(") => {
                self.at += 1;
                self.parenthesis()?
            }
            b',' => {
                self.at += 1;
                self.operand()?
            }
            b'[' => self.bracket()?,
            b'-' if self.takes("-join") => {
                self.operations += 1;
                let items = self.right()?.items();
                Value::Text(items.iter().map(Value::text).collect())
            }
            b'-' | b'0'..=b'9' => self.digits()?,
            _ => return None,
        };
        self.members(value)
    }

    fn digits(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let sign = usize::from(rest.starts_with('-'));
        let length = rest[sign..]
            .bytes()
            .enumerate()
            .take_while(|(at, byte)| {
                byte.is_ascii_hexdigit() || *at == 1 && matches!(byte, b'x' | b'X')
            })
            .count();
        let digits = rest.get(sign..sign + length)?;
        let value = number(digits)?;
        self.at += sign + length;
        Some(Value::Number(if sign == 1 {
            value.checked_neg()?
        } else {
            value
        }))
    }

    fn parenthesis(&mut self) -> Option<Value> {
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b')') {
            self.at += 1;
            return Some(Value::List(Vec::new()));
        }
        let value = self.list()?;
        self.blanks();
        if self.peek() != Some(b')') {
            return None;
        }
        self.at += 1;
        Some(value)
    }

    /// `[char]65`, `[string]::Join(…)`, `[Convert]::FromBase64String(…)`.
    fn bracket(&mut self) -> Option<Value> {
        let rest = &self.text[self.at + 1..];
        let end = rest.bytes().take(200).position(|byte| byte == b']')?;
        let array = rest[end + 1..].starts_with(']');
        let name: String = rest[..end]
            .chars()
            .filter(|c| !matches!(c, '`' | '[' | ' '))
            .collect::<String>()
            .to_ascii_lowercase();
        self.at += end + 2 + usize::from(array);
        self.operations += 1;
        if self.takes("::") {
            return self.call(name.strip_prefix("system.").unwrap_or(&name));
        }
        let value = self.right()?;
        cast(name.strip_prefix("system.").unwrap_or(&name), array, value)
    }

    fn member(&mut self) -> String {
        let mut quoted = None;
        if let Some(quote @ (b'\'' | b'"')) = self.peek() {
            quoted = Some(quote);
            self.at += 1;
        }
        let mut name = String::new();
        while let Some(byte) = self.peek() {
            if byte.is_ascii_alphanumeric() || byte == b'_' {
                name.push(char::from(byte.to_ascii_lowercase()));
            } else if byte != b'`' {
                break;
            }
            self.at += 1;
        }
        if quoted.is_some() && self.peek() == quoted {
            self.at += 1;
        }
        name
    }

    fn arguments(&mut self) -> Option<Vec<Value>> {
        if self.peek() != Some(b'(') {
            return None;
        }
        let open = self.at;
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b')') {
            self.at += 1;
            return Some(Vec::new());
        }
        self.at = open + 1;
        let mut values = Vec::new();
        while values.len() < 8 {
            values.push(self.expression()?);
            self.blanks();
            match self.peek()? {
                b',' => self.at += 1,
                b')' => {
                    self.at += 1;
                    return Some(values);
                }
                _ => return None,
            }
        }
        None
    }

    /// A static call whose type was read.
    fn call(&mut self, class: &str) -> Option<Value> {
        let mut method = self.member();
        let mut encoding = String::new();
        if class.ends_with("encoding") {
            encoding = std::mem::take(&mut method);
            if self.peek() == Some(b'.') {
                self.at += 1;
                method = self.member();
            } else if encoding == "getencoding" {
                encoding = self.arguments()?.first()?.text();
                self.at += usize::from(self.peek() == Some(b'.'));
                method = self.member();
            }
        }
        let mut values = self.arguments()?.into_iter();
        let first = values.next();
        match (class, method.as_str()) {
            ("convert", "frombase64string") => bytes_value(&decode::base64(&first?.text())?),
            ("convert", "toint32" | "toint16" | "tobyte" | "toint64") => {
                let base = values.next().and_then(|base| base.number()).unwrap_or(10);
                let digits = first?.text();
                i64::from_str_radix(
                    digits.trim_start_matches("0x"),
                    u32::try_from(base)
                        .ok()
                        .filter(|base| (2..=36).contains(base))?,
                )
                .ok()
                .map(Value::Number)
            }
            ("convert", "tochar") => cast("char", false, first?),
            ("string", "join") => {
                let separator = first?.text();
                let items: Vec<String> = values
                    .flat_map(Value::items)
                    .map(|item| item.text())
                    .collect();
                Some(Value::Text(items.join(&separator)))
            }
            ("string", "concat") => {
                let rest: String = values.map(|value| value.text()).collect();
                Some(Value::Text(first?.text() + &rest))
            }
            ("string", "format") => Some(Value::Text(format(
                &first?.text(),
                &values.collect::<Vec<_>>(),
            ))),
            ("regex" | "text.regularexpressions.regex", "replace") => {
                let (from, to) = (values.next()?.text(), values.next()?.text());
                plain_pattern(&from).map(|from| {
                    Value::Text(
                        first
                            .map_or(String::new(), |text| text.text())
                            .replace(&from, &to),
                    )
                })
            }
            ("regex" | "text.regularexpressions.regex", "unescape") => {
                Some(Value::Text(super::shell_expand::unescape(&first?.text())))
            }
            ("uri" | "net.webutility" | "web.httputility", "unescapedatastring" | "urldecode") => {
                Some(Value::Text(text::decode_owned(decode::percent(
                    &first?.text(),
                ))))
            }
            (_, "getstring") => {
                let bytes = bytes_of(&first?)?;
                let wide = encoding.contains("unicode") || encoding.contains("utf-16");
                Some(Value::Text(if wide {
                    text::decode_utf16le(&bytes)
                } else {
                    text::decode_owned(bytes)
                }))
            }
            (_, "getbytes") => bytes_value(first?.text().as_bytes()),
            _ => None,
        }
    }

    /// `.Replace(…)`, `[0]`, `[-1..-9]`.
    fn members(&mut self, mut value: Value) -> Option<Value> {
        for _ in 0..64 {
            let before = self.at;
            let next = match self.peek() {
                Some(b'.') if self.text.as_bytes().get(self.at + 1) != Some(&b'.') => {
                    self.at += 1;
                    let name = self.member();
                    self.arguments()
                        .and_then(|values| method(&value, &name, &values))
                }
                Some(b'[') => {
                    self.at += 1;
                    let index = self.list();
                    self.blanks();
                    let closed = self.peek() == Some(b']');
                    self.at += usize::from(closed);
                    index
                        .filter(|_| closed)
                        .and_then(|index| indexed(&value, index))
                }
                _ => return Some(value),
            };
            match next {
                Some(next) => {
                    self.operations += 1;
                    value = next;
                }
                None => {
                    self.at = before;
                    return None;
                }
            }
        }
        Some(value)
    }

    /// Operators that are words: `-f`, `-join`, `-replace`, `-split`, `-bxor`.
    pub fn dashed(&mut self, value: Value) -> Option<Value> {
        let rest = &self.text[self.at + 1..];
        let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let name = rest[..length].to_ascii_lowercase();
        self.at += 1 + length;
        match name.as_str() {
            "f" => {
                let values = self.commas()?;
                Some(Value::Text(format(&value.text(), &values)))
            }
            "join" => {
                let separator = self.right()?.text();
                let items: Vec<String> = value.items().iter().map(Value::text).collect();
                Some(Value::Text(items.join(&separator)))
            }
            "replace" | "creplace" | "ireplace" => {
                let values = self.commas()?;
                let from = plain_pattern(&values.first()?.text())?;
                let to = values.get(1).map(Value::text).unwrap_or_default();
                Some(Value::Text(value.text().replace(&from, &to)))
            }
            "split" | "csplit" | "isplit" => {
                let separator = self.right()?.text();
                Some(split(&value.text(), &[plain_pattern(&separator)?]))
            }
            "bxor" => {
                let right = self.right()?.number()?;
                Some(Value::Number(value.number()? ^ right))
            }
            "band" => Some(Value::Number(value.number()? & self.right()?.number()?)),
            "as" => {
                self.blanks();
                let end = self.text[self.at..].find(']')?;
                let name = self.text[self.at..self.at + end]
                    .trim_start_matches('[')
                    .to_ascii_lowercase();
                self.at += end + 1;
                cast(&name, false, value)
            }
            _ => None,
        }
    }

    fn commas(&mut self) -> Option<Vec<Value>> {
        let mut values = vec![self.right()?];
        loop {
            let before = self.at;
            self.blanks();
            if self.peek() != Some(b',') || values.len() >= 4_000 {
                self.at = before;
                return Some(if let [Value::List(items)] = values.as_slice() {
                    items.clone()
                } else {
                    values
                });
            }
            self.at += 1;
            values.push(self.right()?);
        }
    }

    /// `| ForEach-Object { … }` over the items of a list.
    pub fn piped(&mut self, mut value: Value) -> Option<Value> {
        for _ in 0..8 {
            let before = self.at;
            self.blanks();
            if self.peek() != Some(b'|') {
                self.at = before;
                return Some(value);
            }
            self.at += 1;
            self.blanks();
            let loops = ["foreach-object", "foreach", "%"]
                .iter()
                .any(|word| self.takes(word));
            self.blanks();
            if !loops || self.peek() != Some(b'{') {
                self.at = before;
                return Some(value);
            }
            let body = self.at + 1;
            let mut out = Vec::new();
            for item in value.items() {
                self.at = body;
                self.variables.insert("_".into(), item);
                out.push(self.list()?);
                self.blanks();
                self.at += usize::from(self.peek() == Some(b';'));
                self.blanks();
                if self.peek() != Some(b'}') {
                    return None;
                }
            }
            if out.is_empty() {
                return None;
            }
            self.at += 1;
            self.operations += 1;
            value = Value::List(out);
        }
        Some(value)
    }
}

fn cast(name: &str, array: bool, value: Value) -> Option<Value> {
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

fn bytes_value(bytes: &[u8]) -> Option<Value> {
    (bytes.len() <= ITEMS).then(|| {
        Value::List(
            bytes
                .iter()
                .map(|byte| Value::Number(i64::from(*byte)))
                .collect(),
        )
    })
}

fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    let Value::List(items) = value else {
        return None;
    };
    items
        .iter()
        .map(|item| item.number().and_then(|number| u8::try_from(number).ok()))
        .collect()
}

fn method(value: &Value, name: &str, args: &[Value]) -> Option<Value> {
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

fn split(text: &str, separators: &[String]) -> Value {
    let items = text.split(|c: char| separators.iter().any(|one| one.contains(c)));
    Value::List(
        items
            .map(|item| Value::Text(item.into()))
            .take(ITEMS)
            .collect(),
    )
}

fn indexed(value: &Value, index: Value) -> Option<Value> {
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
fn plain_pattern(pattern: &str) -> Option<String> {
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
fn format(pattern: &str, values: &[Value]) -> String {
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
