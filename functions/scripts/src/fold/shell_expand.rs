//! What stands behind a `$`: parameters, substitutions, escapes.

use super::shell::{Cursor, State, Word};

impl Cursor<'_> {
    /// Reads an expansion; its value where it is known. The cursor stands behind it then;
    /// where it is not known, behind as much as belongs to it.
    pub fn expand(&mut self, word: &mut Word, state: &mut State) -> Option<String> {
        if self.peek(0) == Some(b'`') {
            let inner = self.at + 1;
            let length = self.text.get(inner..)?.find('`')?;
            let text = &self.text[inner..inner + length];
            self.at = inner + length + 1;
            return state.substitution(text, &mut word.how, self.depth + 1);
        }
        match self.peek(1)? {
            b'(' if self.peek(2) == Some(b'(') => {
                let end = closing(self.text, self.at + 1, b'(', b')', state)?;
                self.at = end;
                None
            }
            b'(' => {
                let open = self.at + 1;
                let end = closing(self.text, open, b'(', b')', state)?;
                self.at = end;
                state.substitution(&self.text[open + 1..end - 1], &mut word.how, self.depth + 1)
            }
            b'\'' => {
                let inner = self.at + 2;
                let length = quote_end(self.text.get(inner..)?)?;
                self.at = inner + length + 1;
                word.how = "escapes".into();
                Some(unescape(&self.text[inner..inner + length]))
            }
            b'{' => {
                let open = self.at + 1;
                let end = closing(self.text, open, b'{', b'}', state)?;
                self.at = end;
                let inner = &self.text[open + 1..end - 1];
                parameter(inner, state)
            }
            // `c$@url` is `curl`: there are no arguments.
            b'@' | b'*' if !state.variables.contains_key("@") => {
                self.at += 2;
                word.text
                    .is_empty()
                    .then_some(())
                    .map_or(Some(String::new()), |()| None)
            }
            first if first.is_ascii_alphabetic() || first == b'_' => {
                let length = self.text.as_bytes()[self.at + 1..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
                    .count();
                let name = &self.text[self.at + 1..self.at + 1 + length];
                self.at += 1 + length;
                state.variables.get(name).cloned()
            }
            digit if digit.is_ascii_digit() || matches!(digit, b'@' | b'*') => {
                let name = &self.text[self.at + 1..self.at + 2];
                self.at += 2;
                state.variables.get(name).cloned()
            }
            _ => None,
        }
    }
}

/// Where a quoted string ends; a backslash hides the quote.
fn quote_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'\'' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// The offset behind the bracket that closes the one at `open`; quotes hide brackets.
pub(super) fn closing(
    text: &str,
    open: usize,
    left: u8,
    right: u8,
    state: &mut State,
) -> Option<usize> {
    if !state.spend(0) {
        return None;
    }
    let found = bracket(text, open, left, right);
    let scanned = found
        .unwrap_or(text.len())
        .saturating_sub(open)
        .min(super::VALUE_LIMIT);
    state.spend(scanned);
    found
}

fn bracket(text: &str, open: usize, left: u8, right: u8) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(open).take(super::VALUE_LIMIT) {
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, byte) {
            (Some(b'\''), b'\'') => quote = None,
            (Some(b'\''), _) => {}
            (_, b'\\') => escaped = true,
            (Some(b'"'), b'"') => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (_, byte) if byte == left => depth += 1,
            (_, byte) if byte == right => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The value of what stands inside `${…}`.
fn parameter(inner: &str, state: &State) -> Option<String> {
    if let Some(name) = inner.strip_prefix('!') {
        let name = state.variables.get(name)?;
        return state.variables.get(name).cloned();
    }
    let end = inner
        .bytes()
        .position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_'))
        .unwrap_or(inner.len());
    let end = match inner[end..].strip_prefix('[') {
        Some(rest) => end + 1 + rest.find(']')? + 1,
        None => end,
    };
    let (name, operation) = inner.split_at(end);
    let value = state.variables.get(name);
    if operation.is_empty() {
        let joins =
            name.ends_with("[*]") && state.variables.get("IFS").is_some_and(String::is_empty);
        return value.map(|value| {
            if joins {
                value.replace(' ', "")
            } else {
                value.clone()
            }
        });
    }
    let default = [":-", "-", ":=", "="]
        .iter()
        .find_map(|sign| operation.strip_prefix(sign));
    if let Some(default) = default
        && !operation[1..]
            .trim_start()
            .starts_with(|c: char| c == '-' && c.is_ascii_digit())
    {
        return value
            .cloned()
            .or_else(|| (!default.contains('$')).then(|| default.to_owned()));
    }
    let value = value?;
    if let Some(range) = operation.strip_prefix(':') {
        return slice(value, range);
    }
    if let Some(rest) = operation.strip_prefix("//") {
        let (from, to) = rest.split_once('/').unwrap_or((rest, ""));
        return Some(value.replace(plain(from)?, to));
    }
    if let Some(rest) = operation.strip_prefix('/') {
        let (from, to) = rest.split_once('/').unwrap_or((rest, ""));
        return Some(value.replacen(plain(from)?, to, 1));
    }
    match operation {
        "^^" => Some(value.to_ascii_uppercase()),
        ",," => Some(value.to_ascii_lowercase()),
        _ => {
            if let Some(end) = operation.strip_prefix('%') {
                return value
                    .strip_suffix(plain(end.trim_start_matches('%'))?)
                    .map(str::to_owned);
            }
            let start = operation.strip_prefix('#')?.trim_start_matches('#');
            value.strip_prefix(plain(start)?).map(str::to_owned)
        }
    }
}

/// A pattern that stands for itself, its quotes taken off.
fn plain(pattern: &str) -> Option<&str> {
    let pattern = pattern.trim_matches(['"', '\'']);
    let pattern = pattern.strip_prefix('\\').unwrap_or(pattern);
    (!pattern.is_empty() && !pattern.contains(['*', '?', '[', '$'])).then_some(pattern)
}

/// `offset` or `offset:length` of a value.
fn slice(value: &str, range: &str) -> Option<String> {
    let (offset, length) = range
        .split_once(':')
        .map_or((range, None), |(offset, length)| (offset, Some(length)));
    let characters: Vec<char> = value.chars().collect();
    let size = i64::try_from(characters.len()).ok()?;
    let number = |text: &str| text.trim().trim_matches(['(', ')']).parse::<i64>().ok();
    let offset = number(offset)?;
    let start = if offset < 0 { size + offset } else { offset }.clamp(0, size);
    let end = match length {
        Some(length) => match number(length)? {
            length if length < 0 => size + length,
            length => start.saturating_add(length),
        },
        None => size,
    };
    let (start, end) = (
        usize::try_from(start).ok()?,
        usize::try_from(end.clamp(start, size)).ok()?,
    );
    Some(characters[start..end].iter().collect())
}

/// Escapes of `$'…'`, `echo -e` and `printf`.
pub(super) fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'\\' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let (digits, radix, skip) = match tail.first() {
            Some(b'x') => (count(&tail[1..], 2, u8::is_ascii_hexdigit), 16, 1),
            Some(b'u') => (count(&tail[1..], 4, u8::is_ascii_hexdigit), 16, 1),
            Some(b'0') if count(&tail[1..], 3, is_octal) > 0 => {
                (count(&tail[1..], 3, is_octal), 8, 1)
            }
            Some(b'0'..=b'7') => (count(tail, 3, is_octal), 8, 0),
            _ => (0, 0, 0),
        };
        let number = tail
            .get(skip..skip + digits)
            .filter(|digits| !digits.is_empty())
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, radix).ok());
        if let Some(number) = number {
            match u8::try_from(number) {
                Ok(byte) => bytes.push(byte),
                Err(_) => bytes.extend(char::from_u32(number).unwrap_or(' ').to_string().bytes()),
            }
            rest = &tail[skip + digits..];
            continue;
        }
        let (byte, length) = match tail.first() {
            Some(b'n') => (b'\n', 1),
            Some(b't') => (b'\t', 1),
            Some(b'r') => (b'\r', 1),
            Some(b'\\') => (b'\\', 1),
            Some(b'\'') => (b'\'', 1),
            Some(b'"') => (b'"', 1),
            _ => (b'\\', 0),
        };
        bytes.push(byte);
        rest = &tail[length..];
    }
    packguard_sdk::text::decode_owned(bytes)
}

fn is_octal(byte: &u8) -> bool {
    (b'0'..=b'7').contains(byte)
}

fn count(bytes: &[u8], most: usize, wanted: fn(&u8) -> bool) -> usize {
    bytes
        .iter()
        .take(most)
        .take_while(|byte| wanted(byte))
        .count()
}
