//! Operands, operators with names, and calls of PowerShell expressions.

use packguard_sdk::{decode, text};

use super::powershell::Reader;
use super::powershell_values::{
    Value, bytes_of, bytes_value, cast, format, indexed, method, number, plain_pattern, split,
};

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

    /// The method that is called, and of an encoding's which one.
    fn method_of(&mut self, class: &str) -> Option<(String, String)> {
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
        Some((method, encoding))
    }

    /// A static call whose type was read.
    fn call(&mut self, class: &str) -> Option<Value> {
        let (method, encoding) = self.method_of(class)?;
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
