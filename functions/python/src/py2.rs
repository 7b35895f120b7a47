//! Python 2 read as if it were Python 3: statements that became functions, and the
//! syntax that went away. Line for line, so that places can be told.

/// Longest line that is rewritten.
const LINE_LIMIT: usize = 4 << 20;

/// The text with what Python 2 wrote otherwise rewritten; none where nothing is.
pub fn modernized(text: &str) -> Option<String> {
    let mut changed = false;
    let mut out = String::with_capacity(text.len() + text.len() / 20);
    for line in text.split_inclusive('\n') {
        match line_modernized(line) {
            Some(rewritten) if line.len() <= LINE_LIMIT => {
                changed = true;
                out.push_str(&rewritten);
            }
            _ => out.push_str(line),
        }
    }
    changed.then_some(out)
}

/// The byte range of `modern`'s line that a place in it stands on, in the old text.
pub fn original(range: std::ops::Range<usize>, modern: &str, old: &str) -> std::ops::Range<usize> {
    let line = modern
        .as_bytes()
        .iter()
        .take(range.start)
        .filter(|byte| **byte == b'\n')
        .count();
    let mut start = 0;
    for (at, text) in old.split_inclusive('\n').enumerate() {
        if at == line {
            let indent = text.len() - text.trim_start().len();
            return start + indent..start + text.trim_end().len().max(indent);
        }
        start += text.len();
    }
    0..0
}

fn line_modernized(line: &str) -> Option<String> {
    let body = line.trim_end_matches(['\n', '\r']);
    let end = &line[body.len()..];
    // One-line blocks: `try: exec x`, `a; print b`.
    let mut out = String::new();
    let mut changed = false;
    for piece in pieces(body) {
        match statement(piece) {
            Some(rewritten) => {
                changed = true;
                out.push_str(&rewritten);
            }
            None => out.push_str(piece),
        }
    }
    changed.then(|| out + end)
}

/// A line cut behind `:` and `;` that stand outside of strings and brackets.
fn pieces(line: &str) -> Vec<&str> {
    let bytes = line.as_bytes();
    let mut pieces = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if open == *byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(*byte),
            (None, b'#') => break,
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, b';' | b':') if depth == 0 => {
                pieces.push(&line[start..=at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    pieces.push(&line[start..]);
    pieces
}

fn statement(piece: &str) -> Option<String> {
    let trimmed = piece.trim_start();
    let indent = &piece[..piece.len() - trimmed.len()];
    let (code, tail) = match trimmed.strip_suffix([';', ':']) {
        Some(code) => (code, &trimmed[code.len()..]),
        None => (trimmed, ""),
    };
    let word_end = code
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(code.len());
    let (word, rest) = code.split_at(word_end);
    let argument = rest.trim();
    match word {
        "print" | "exec" if !rest.starts_with(['(', '=', '.', ',', ')']) && tail != ":" => {
            let argument = argument.trim_start_matches(">>").trim_end_matches(',');
            let (code, scope) = match argument.rsplit_once(" in ") {
                Some((code, scope)) if word == "exec" => (code, format!(", {scope}")),
                _ => (argument, String::new()),
            };
            Some(format!("{indent}{word}({code}{scope}){tail}"))
        }
        // `exec (code) in scope`
        "exec" if rest.contains(") in ") => {
            let (code, scope) = rest.rsplit_once(" in ")?;
            Some(format!("{indent}exec({}, {scope}){tail}", code.trim()))
        }
        "except" if tail == ":" && argument.contains(',') && !argument.ends_with(')') => {
            let (class, name) = argument.rsplit_once(',')?;
            Some(format!("{indent}except {class} as {}{tail}", name.trim()))
        }
        "raise" if argument.contains(", ") && !argument.ends_with(')') => {
            let (class, _) = argument.split_once(',')?;
            Some(format!("{indent}raise {class}{tail}"))
        }
        _ if code.contains("<>") => Some(format!("{indent}{}{tail}", code.replace("<>", "!="))),
        _ => octal(code).map(|code| format!("{indent}{code}{tail}")),
    }
}

/// `0755` and `10L` as they are written today.
fn octal(code: &str) -> Option<String> {
    let mut out = String::new();
    let mut changed = false;
    let mut before = ' ';
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let starts =
            c.is_ascii_digit() && !before.is_ascii_alphanumeric() && !"_.'\"".contains(before);
        if !starts {
            out.push(c);
            before = c;
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let number = &rest[..end];
        let mut digits = number.trim_end_matches(['L', 'l']);
        changed |= digits.len() < number.len();
        if digits.len() > 1
            && digits.starts_with('0')
            && digits.bytes().all(|b| matches!(b, b'0'..=b'7'))
        {
            out.push_str("0o");
            changed = true;
            digits = digits.trim_start_matches('0');
        }
        out.push_str(digits);
        before = '0';
        rest = &rest[end..];
    }
    changed.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_python_2_become_calls() {
        for (old, new) in [
            ("print 'a', b\n", "print('a', b)\n"),
            ("    exec code in {}\n", "    exec(code, {})\n"),
            ("exec (x) in y", "exec((x), y)"),
            ("except E, e:\n", "except E as e:\n"),
            ("except (A, B), e:", "except (A, B) as e:"),
            ("raise E, 'x'", "raise E"),
            ("os.chmod(p, 0755)", "os.chmod(p, 0o755)"),
            ("x = 10L", "x = 10"),
            ("try: exec x", "try: exec(x)"),
            ("print", "print()"),
        ] {
            assert_eq!(modernized(old).as_deref(), Some(new), "{old}");
        }
        for same in [
            "print('a')",
            "x = {'print': 1}",
            "except E as e:",
            "# print x",
            "a = 0",
        ] {
            assert_eq!(modernized(same), None, "{same}");
        }
    }

    #[test]
    fn places_are_those_of_the_old_text() {
        let old = "x = 1\n  print 'a'\n";
        let modern = modernized(old).unwrap();
        assert_eq!(original(8..9, &modern, old), 8..17);
    }
}
