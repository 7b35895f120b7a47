//! Batch files: carets, `set`, `%name%`, `%name:~1,2%`, `%name:a=b%`, `!name!`.

use std::collections::BTreeMap;

use super::{Folded, VALUE_LIMIT, VARIABLES_LIMIT};
use crate::text::Text;

/// Longest line whose variables are put in, in bytes.
const LINE_LIMIT: usize = 256 << 10;

/// What Windows sets itself: words are cut out of these.
const KNOWN: &[(&str, &str)] = &[
    ("comspec", "C:\\Windows\\system32\\cmd.exe"),
    ("systemroot", "C:\\Windows"),
    ("windir", "C:\\Windows"),
    ("public", "C:\\Users\\Public"),
    ("programfiles", "C:\\Program Files"),
    ("commonprogramfiles", "C:\\Program Files\\Common Files"),
    ("programdata", "C:\\ProgramData"),
    ("allusersprofile", "C:\\ProgramData"),
    ("os", "Windows_NT"),
    ("systemdrive", "C:"),
    (
        "pathext",
        ".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC",
    ),
];

/// Puts the variables of a batch file in.
pub fn fold(input: &Text) -> Folded {
    let mut folded = Folded::default();
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut at = 0;
    for line in input.text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let body = line.trim_end_matches(['\r', '\n']);
        let head = body.trim_start().to_ascii_lowercase();
        let is_comment = head.starts_with("rem ") || head.starts_with("::");
        if is_comment || line.len() > LINE_LIMIT {
            folded.cut |= !is_comment;
            folded.text.push(input.origin(start), line);
            continue;
        }
        let plain = expand(&carets(body), &variables);
        let rewritten = plain.as_str() != body;
        folded.rewritten += usize::from(rewritten);
        for part in plain.split('&') {
            remember(part, &mut variables);
        }
        if folded.text.text.len() + plain.len() > 4 * input.text.len() + VALUE_LIMIT {
            folded.cut = true;
            return folded;
        }
        folded.text.push(input.origin(start), &plain);
        folded
            .text
            .push(input.origin(start + body.len()), &line[body.len()..]);
    }
    folded
}

/// Takes escapes off: outside of quotes, a caret hides nothing.
fn carets(line: &str) -> String {
    let mut quoted = false;
    let mut out = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => {
                quoted = !quoted;
                out.push(c);
            }
            '^' if !quoted => out.extend(characters.next()),
            c => out.push(c),
        }
    }
    out
}

/// Notes `set name=value`.
fn remember(command: &str, variables: &mut BTreeMap<String, String>) {
    let command = command.trim().trim_start_matches('@').trim_start();
    let Some((word, rest)) = command.split_once([' ', '\t']) else {
        return;
    };
    if !word.eq_ignore_ascii_case("set") {
        return;
    }
    let rest = rest.trim_start();
    let rest = rest
        .strip_prefix('"')
        .map_or(rest, |inner| inner.strip_suffix('"').unwrap_or(inner));
    let Some((name, value)) = rest
        .split_once('=')
        .filter(|(name, _)| !name.starts_with('/'))
    else {
        return;
    };
    if variables.len() < VARIABLES_LIMIT && value.len() <= LINE_LIMIT {
        variables.insert(name.trim().to_ascii_lowercase(), value.into());
    }
}

fn expand(line: &str, variables: &BTreeMap<String, String>) -> String {
    if !line.contains(['%', '!']) {
        return line.into();
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['%', '!']) {
        let mark = &rest[at..=at];
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let value = rest
            .find(mark)
            .and_then(|end| value(&rest[..end], variables).map(|value| (value, end)));
        match value {
            Some((value, end)) if out.len() + value.len() <= VALUE_LIMIT => {
                out.push_str(&value);
                rest = &rest[end + 1..];
            }
            _ => out.push_str(mark),
        }
    }
    out.push_str(rest);
    out
}

/// The value of `name`, `name:~start,length` or `name:from=to`.
fn value(inner: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let (name, operation) = inner
        .split_once(':')
        .map_or((inner, None), |(name, operation)| (name, Some(operation)));
    let name = name.trim().to_ascii_lowercase();
    let own = variables.get(&name).map(String::as_str);
    let Some(operation) = operation else {
        return own.map(str::to_owned);
    };
    let value = own.or_else(|| {
        KNOWN
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    })?;
    let Some(slice) = operation.strip_prefix('~') else {
        let (from, to) = operation.split_once('=')?;
        return (!from.is_empty()).then(|| value.replace(from, to));
    };
    let (start, length) = slice
        .split_once(',')
        .map_or((slice, None), |(start, length)| (start, Some(length)));
    let characters: Vec<char> = value.chars().collect();
    let size = i64::try_from(characters.len()).ok()?;
    let start: i64 = start.trim().parse().ok()?;
    let start = if start < 0 {
        size.saturating_add(start)
    } else {
        start
    }
    .clamp(0, size);
    let end = match length {
        Some(length) => match length.trim().parse::<i64>().ok()? {
            length if length < 0 => size.saturating_add(length),
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
