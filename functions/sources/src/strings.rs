//! Strings of all languages, as far as the lexer needs them: where they end, and where
//! code stands inside.

use crate::lang::Lang;
use crate::lex::{Kind, Lexer, NONE, Piece, Quote, is_word};
use crate::quotes::{character, heredoc, percent, perl_quote, php_heredoc, regex, symbol};

/// Longest code inside of a string that is followed, in bytes.
const CODE_LIMIT: usize = 4 << 10;

/// How code is put into a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inner {
    /// It is not.
    None,
    /// `#{code}`.
    Hash,
    /// `$name`, `${code}`, `{$code}`.
    Dollar,
    /// `{code}`.
    Brace,
}

/// Reads a string that begins here; false if none does.
pub fn string(lexer: &mut Lexer<'_>) -> bool {
    let byte = lexer.bytes[lexer.at];
    match (lexer.lang, byte) {
        (_, b'"') => double(lexer, lexer.at),
        (Lang::Ruby | Lang::Php | Lang::Perl | Lang::Lua | Lang::Kotlin, b'\'') => {
            let start = lexer.at;
            if lexer.lang == Lang::Kotlin && lexer.begins(b"'''") {
                return until(lexer, start, 3, b"'''", Quote::Cooked, Inner::None);
            }
            let quote = if lexer.lang == Lang::Lua || lexer.lang == Lang::Kotlin {
                Quote::Cooked
            } else {
                Quote::Raw
            };
            quoted(lexer, start, 1, b'\'', quote, Inner::None)
        }
        (Lang::Rust, b'\'') => rust_char(lexer),
        (Lang::Go | Lang::Java | Lang::CSharp | Lang::C, b'\'') => {
            quoted(lexer, lexer.at, 1, b'\'', Quote::Char, Inner::None)
        }
        (Lang::Ruby | Lang::Php | Lang::Perl, b'`') => {
            if lexer.lang == Lang::Ruby && after_def(lexer) {
                return false;
            }
            let inner = inner_of(lexer.lang);
            quoted(lexer, lexer.at, 1, b'`', Quote::Command, inner)
        }
        (Lang::Go, b'`') => until(lexer, lexer.at, 1, b"`", Quote::Raw, Inner::None),
        (Lang::Rust, b'r' | b'b' | b'c') => rust_raw(lexer),
        (Lang::CSharp, b'$' | b'@') => csharp(lexer),
        (Lang::C, b'R' | b'L' | b'u' | b'U') => c_prefix(lexer),
        (Lang::Kotlin, b's' | b'f') if lexer.peek(1) == b'"' => {
            let start = lexer.at;
            lexer.at += 1;
            double(lexer, start)
        }
        (Lang::Lua, b'[') => lua_long(lexer),
        (Lang::Php, b'<') if lexer.begins(b"<<<") => php_heredoc(lexer),
        (Lang::Ruby | Lang::Perl, b'<') if lexer.begins(b"<<") => heredoc(lexer),
        (Lang::Ruby, b'%') => percent(lexer),
        (Lang::Ruby, b':') => symbol(lexer),
        (Lang::Ruby | Lang::Perl, b'/') => regex(lexer),
        (Lang::Ruby, b'?') => character(lexer),
        (Lang::Perl, b'q' | b'm' | b's' | b't' | b'y') => perl_quote(lexer),
        _ => false,
    }
}

pub(crate) fn inner_of(lang: Lang) -> Inner {
    match lang {
        Lang::Ruby => Inner::Hash,
        Lang::Php | Lang::Perl | Lang::Kotlin => Inner::Dollar,
        _ => Inner::None,
    }
}

fn after_def(lexer: &Lexer<'_>) -> bool {
    lexer
        .last()
        .is_some_and(|last| matches!(lexer.text(last), b"def" | b"."))
}

fn double(lexer: &mut Lexer<'_>, start: usize) -> bool {
    let inner = inner_of(lexer.lang);
    if matches!(lexer.lang, Lang::Java | Lang::Kotlin | Lang::CSharp) && lexer.begins(b"\"\"\"") {
        return until(lexer, start, 3, b"\"\"\"", Quote::Cooked, inner);
    }
    quoted(lexer, start, 1, b'"', Quote::Cooked, inner)
}

/// A string up to an unescaped quote.
pub(crate) fn quoted(
    lexer: &mut Lexer<'_>,
    start: usize,
    skip: usize,
    close: u8,
    quote: Quote,
    inner: Inner,
) -> bool {
    let one_line = quote == Quote::Char
        || quote == Quote::Regex
        || matches!(
            lexer.lang,
            Lang::Go | Lang::Java | Lang::Kotlin | Lang::CSharp | Lang::C | Lang::Lua
        );
    let open = match close {
        b')' => b'(',
        b']' => b'[',
        b'}' => b'{',
        b'>' => b'<',
        _ => 0,
    };
    let mut depth = 0_usize;
    let mut at = lexer.at + skip;
    let mut from = at;
    let mut pieces = Vec::new();
    while at < lexer.end {
        let byte = lexer.bytes[at];
        match byte {
            b'\\' => at += 2,
            b'\n' if one_line => break,
            _ if byte == close && depth == 0 => {
                finish(lexer, start, (from, at, at + 1), quote, pieces);
                return true;
            }
            _ if byte == close => {
                depth -= 1;
                at += 1;
            }
            _ if open != 0 && byte == open => {
                depth += 1;
                at += 1;
            }
            _ => at = code(lexer, at, &mut from, &mut pieces, inner),
        }
    }
    if lexer.unended() {
        return true;
    }
    false
}

/// A string up to a mark, without escapes of quotes.
fn until(
    lexer: &mut Lexer<'_>,
    start: usize,
    skip: usize,
    mark: &[u8],
    quote: Quote,
    inner: Inner,
) -> bool {
    let from = lexer.at + skip;
    let rest = &lexer.bytes[from.min(lexer.end)..lexer.end];
    let Some(length) = memchr::memmem::find(rest, mark) else {
        return lexer.unended();
    };
    let mut pieces = Vec::new();
    let mut begin = from;
    let mut at = from;
    while inner != Inner::None && at < from + length {
        at = code(lexer, at, &mut begin, &mut pieces, inner);
    }
    let end = from + length;
    finish(
        lexer,
        start,
        (begin.min(end), end, end + mark.len()),
        quote,
        pieces,
    );
    true
}

pub(crate) fn finish(
    lexer: &mut Lexer<'_>,
    start: usize,
    (from, end, behind): (usize, usize, usize),
    quote: Quote,
    mut pieces: Vec<Piece>,
) {
    if from < end || pieces.is_empty() {
        pieces.push(Piece::Text(from..end));
    }
    lexer.at = behind.min(lexer.end);
    lexer.push_literal(start, quote, pieces);
}

/// Notes code that begins at `at`; gives the place to go on.
pub(crate) fn code(
    lexer: &Lexer<'_>,
    at: usize,
    from: &mut usize,
    pieces: &mut Vec<Piece>,
    inner: Inner,
) -> usize {
    let bytes = &lexer.bytes[..lexer.end];
    let next = bytes.get(at + 1).copied().unwrap_or(0);
    let found = match (inner, bytes[at]) {
        (Inner::Hash, b'#') if next == b'{' => {
            braces(bytes, at + 1).map(|end| (at + 2..end, end + 1))
        }
        (Inner::Dollar, b'$') if next == b'{' => {
            braces(bytes, at + 1).map(|end| (at + 2..end, end + 1))
        }
        (Inner::Dollar, b'{') if next == b'$' && lexer.lang == Lang::Php => {
            braces(bytes, at).map(|end| (at + 1..end, end + 1))
        }
        (Inner::Dollar, b'$') if next.is_ascii_alphabetic() || next == b'_' => {
            let length = bytes[at + 1..]
                .iter()
                .take(64)
                .take_while(|b| is_word(**b))
                .count();
            let begin = if lexer.lang.has_sigils() { at } else { at + 1 };
            let mut end = at + 1 + length;
            if lexer.lang.has_sigils() && bytes.get(end) == Some(&b'[') {
                let close = bytes[end..].iter().take(64).position(|b| *b == b']');
                end = close.map_or(end, |close| end + close + 1);
            }
            Some((begin..end, end))
        }
        (Inner::Brace, b'{') if next != b'{' => braces(bytes, at).map(|end| (at + 1..end, end + 1)),
        (Inner::Brace, b'{') => return at + 2,
        _ => None,
    };
    let Some((range, behind)) = found else {
        return at + 1;
    };
    if *from < at {
        pieces.push(Piece::Text(*from..at));
    }
    pieces.push(Piece::Code(range));
    *from = behind;
    behind
}

/// Where the brace that opens at `at` closes, if that is near.
fn braces(bytes: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (place, byte) in bytes[at..].iter().enumerate().take(CODE_LIMIT) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + place);
                }
            }
            _ => {}
        }
    }
    None
}

/// A character, or a lifetime.
fn rust_char(lexer: &mut Lexer<'_>) -> bool {
    let start = lexer.at;
    let rest = &lexer.bytes[start + 1..lexer.end];
    let escaped = rest.first() == Some(&b'\\');
    let close = rest
        .iter()
        .take(12)
        .skip(if escaped { 2 } else { 1 })
        .position(|byte| *byte == b'\'')
        .map(|at| at + if escaped { 2 } else { 1 });
    let one = |end: usize| {
        escaped || std::str::from_utf8(&rest[..end]).is_ok_and(|text| text.chars().count() == 1)
    };
    match close.filter(|end| one(*end)) {
        Some(end) => {
            let behind = start + 1 + end;
            finish(
                lexer,
                start,
                (start + 1, behind, behind + 1),
                Quote::Char,
                Vec::new(),
            );
        }
        None => {
            lexer.at += 1;
            lexer.push(Kind::Op, start, NONE);
        }
    }
    true
}

/// `r"…"`, `br#"…"#`, `b"…"`, `c"…"`, `b'…'`.
fn rust_raw(lexer: &mut Lexer<'_>) -> bool {
    let start = lexer.at;
    let mut at = 1;
    let mut raw = lexer.bytes[start] == b'r';
    if !raw && lexer.peek(1) == b'r' {
        raw = true;
        at = 2;
    }
    if !raw {
        let quote = lexer.peek(1);
        if quote == b'"' {
            lexer.at += 1;
            return quoted(lexer, start, 1, b'"', Quote::Cooked, Inner::None);
        }
        if quote == b'\'' && lexer.bytes[start] == b'b' {
            lexer.at += 1;
            return rust_char(lexer);
        }
        return false;
    }
    let mut mark = vec![b'"'];
    while lexer.peek(at) == b'#' && mark.len() < 256 {
        mark.push(b'#');
        at += 1;
    }
    if lexer.peek(at) != b'"' {
        return false;
    }
    until(lexer, start, at + 1, &mark, Quote::Raw, Inner::None)
}

/// `$"…"`, `@"…"`, `$@"…"`.
fn csharp(lexer: &mut Lexer<'_>) -> bool {
    let start = lexer.at;
    let mut length = 0;
    let (mut inner, mut raw) = (Inner::None, false);
    while length < 3 && matches!(lexer.peek(length), b'$' | b'@') {
        if lexer.peek(length) == b'$' {
            inner = Inner::Brace;
        } else {
            raw = true;
        }
        length += 1;
    }
    if lexer.peek(length) != b'"' {
        return false;
    }
    lexer.at += length;
    if raw {
        return until(lexer, start, 1, b"\"", Quote::Raw, inner);
    }
    if lexer.begins(b"\"\"\"") {
        return until(lexer, start, 3, b"\"\"\"", Quote::Raw, inner);
    }
    quoted(lexer, start, 1, b'"', Quote::Cooked, inner)
}

fn c_prefix(lexer: &mut Lexer<'_>) -> bool {
    let start = lexer.at;
    if lexer.peek(1) == b'"' {
        lexer.at += 1;
        if lexer.bytes[start] != b'R' {
            return quoted(lexer, start, 1, b'"', Quote::Cooked, Inner::None);
        }
        let name: Vec<u8> = lexer.bytes[lexer.at + 1..lexer.end]
            .iter()
            .take(16)
            .take_while(|byte| **byte != b'(')
            .copied()
            .collect();
        let mark = [b")", &name[..], b"\""].concat();
        return until(lexer, start, name.len() + 2, &mark, Quote::Raw, Inner::None);
    }
    false
}

fn lua_long(lexer: &mut Lexer<'_>) -> bool {
    let mut level = 1;
    while lexer.peek(level) == b'=' && level < 64 {
        level += 1;
    }
    if lexer.peek(level) != b'[' {
        return false;
    }
    let mark = [b"]", "=".repeat(level - 1).as_bytes(), b"]"].concat();
    until(lexer, lexer.at, level + 1, &mark, Quote::Raw, Inner::None)
}

#[cfg(test)]
mod tests {
    use crate::lang::Lang;
    use crate::lex::{Kind, lex};

    fn texts(text: &str, lang: Lang) -> Vec<String> {
        let stream = lex(text, 0..text.len(), lang, true);
        stream
            .tokens
            .iter()
            .filter(|token| token.kind == Kind::Str)
            .map(|token| text[token.start as usize..token.end as usize].to_owned())
            .collect()
    }

    #[test]
    fn strings_end_where_they_end() {
        let cases: &[(Lang, &str, &[&str])] = &[
            (Lang::Ruby, "a = \"x#{b(\"y\")}z\"", &["\"x#{b(\"y\")}z\""]),
            (Lang::Ruby, "%w[a b] + x % y", &["%w[a b]"]),
            (
                Lang::Ruby,
                "f(<<~A, 1)\n  text 'x\nA\ng 'y'",
                &["<<~A", "'y'"],
            ),
            (
                Lang::Ruby,
                "x =~ /a'b/; `id`; :sym",
                &["/a'b/", "`id`", ":sym"],
            ),
            (
                Lang::Php,
                "$a = <<<'X'\nfoo\"\nX;\n$b = \"c\";",
                &["<<<'X'\nfoo\"\nX", "\"c\""],
            ),
            (
                Lang::Rust,
                "let a: &'static str = r#\"x\"y\"#; 'c'; b\"z\"",
                &["r#\"x\"y\"#", "'c'", "b\"z\""],
            ),
            (
                Lang::CSharp,
                "var a = @\"c:\\\"; var b = $\"{x}y\";",
                &["@\"c:\\\"", "$\"{x}y\""],
            ),
            (Lang::Go, "a := `x\"\n` + \"y\"", &["`x\"\n`", "\"y\""]),
            (
                Lang::Lua,
                "a = [==[x]]]==] -- 'no'\nb = 'c'",
                &["[==[x]]]==]", "'c'"],
            ),
            (
                Lang::Perl,
                "my $a = q{x{y}z}; `id`; qx(ls)",
                &["q{x{y}z}", "`id`", "qx(ls)"],
            ),
        ];
        for (lang, text, expected) in cases {
            assert_eq!(texts(text, *lang), *expected, "{text}");
        }
    }
}
