//! Here-documents, and the ways of Ruby and Perl to quote.

use crate::lang::Lang;
use crate::lex::{Kind, Lexer, Quote, is_word};
use crate::strings::{Inner, code, finish, inner_of, quoted};

pub(crate) fn php_heredoc(lexer: &mut Lexer<'_>) -> bool {
    let start = lexer.at;
    let mut at = start + 3;
    while matches!(lexer.bytes.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    let quote = lexer
        .bytes
        .get(at)
        .copied()
        .filter(|b| matches!(b, b'"' | b'\''));
    at += usize::from(quote.is_some());
    let Some((name, body, (end, behind))) = heredoc_body(lexer, at, None) else {
        return false;
    };
    let _ = name;
    let raw = quote == Some(b'\'');
    heredoc_pieces(lexer, start, (body, end, behind), raw, Quote::Cooked);
    true
}

/// `<<~NAME`, `<<-'NAME'`, `<<"NAME"` of Ruby and Perl.
pub(crate) fn heredoc(lexer: &mut Lexer<'_>) -> bool {
    let start = lexer.at;
    let mut at = start + 2;
    if matches!(lexer.bytes.get(at), Some(b'~' | b'-')) {
        at += 1;
    }
    let quote = lexer
        .bytes
        .get(at)
        .copied()
        .filter(|b| matches!(b, b'"' | b'\'' | b'`'));
    at += usize::from(quote.is_some());
    if quote.is_none()
        && !lexer
            .bytes
            .get(at)
            .is_some_and(|b| b.is_ascii_uppercase() || *b == b'_')
    {
        return false;
    }
    let Some((name, body, (end, behind))) = heredoc_body(lexer, at, lexer.resume) else {
        return false;
    };
    let kind = if quote == Some(b'`') {
        Quote::Command
    } else {
        Quote::Cooked
    };
    let go_on = at + name + usize::from(quote.is_some());
    heredoc_pieces(lexer, start, (body, end, go_on), quote == Some(b'\''), kind);
    lexer.resume = Some(behind);
    true
}

/// Length of the name at `at`, where the text begins, where it ends and where code goes on.
pub(crate) fn heredoc_body(
    lexer: &Lexer<'_>,
    at: usize,
    resume: Option<usize>,
) -> Option<(usize, usize, (usize, usize))> {
    let bytes = &lexer.bytes[..lexer.end];
    let length = bytes
        .get(at..)?
        .iter()
        .take(64)
        .take_while(|b| is_word(**b))
        .count();
    if length == 0 {
        return None;
    }
    let name = &bytes[at..at + length];
    let body = match resume {
        Some(resume) => resume,
        None => at + memchr::memchr(b'\n', &bytes[at..])? + 1,
    };
    for found in memchr::memmem::find_iter(bytes.get(body..)?, name).take(4_096) {
        let place = body + found;
        let indent = bytes[body..place]
            .iter()
            .rev()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let line = place - indent;
        let alone = line == body || bytes[line - 1] == b'\n';
        let closed = !bytes.get(place + length).is_some_and(|byte| is_word(*byte));
        if alone && closed {
            return Some((length, body, (line, place + length)));
        }
    }
    None
}

pub(crate) fn heredoc_pieces(
    lexer: &mut Lexer<'_>,
    start: usize,
    (body, end, behind): (usize, usize, usize),
    raw: bool,
    quote: Quote,
) {
    let mut pieces = Vec::new();
    let (mut at, mut from) = (body, body);
    let inner = if raw {
        Inner::None
    } else {
        inner_of(lexer.lang)
    };
    while inner != Inner::None && at < end {
        at = code(lexer, at, &mut from, &mut pieces, inner);
    }
    let quote = if raw { Quote::Raw } else { quote };
    finish(lexer, start, (from.min(end), end, behind), quote, pieces);
}

pub(crate) fn closing(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        b'<' => b'>',
        other => other,
    }
}

/// `%q(…)`, `%w[…]`, `%x(…)`, `%(…)`.
pub(crate) fn percent(lexer: &mut Lexer<'_>) -> bool {
    let start = lexer.at;
    let letter = lexer.peek(1);
    let (kind, inner, skip) = match letter {
        b'q' => (Quote::Raw, Inner::None, 2),
        b'Q' => (Quote::Cooked, Inner::Hash, 2),
        b'w' | b'i' | b'W' | b'I' => (Quote::Words, Inner::None, 2),
        b'x' => (Quote::Command, Inner::Hash, 2),
        b'r' => (Quote::Regex, Inner::None, 2),
        b's' => (Quote::Raw, Inner::None, 2),
        b'(' | b'[' | b'{' => (Quote::Cooked, Inner::Hash, 1),
        _ => return false,
    };
    let open = lexer.peek(skip);
    let operand =
        lexer.wants_operand() || (lexer.is_spaced() && !lexer.peek(skip).is_ascii_whitespace());
    if !operand
        || open.is_ascii_alphanumeric()
        || open.is_ascii_whitespace()
        || open == b'='
        || open == 0
    {
        return false;
    }
    let quote = if kind == Quote::Regex {
        Quote::Raw
    } else {
        kind
    };
    quoted(lexer, start, skip + 1, closing(open), quote, inner)
}

/// `:name`, `:"name"`: read as a string.
pub(crate) fn symbol(lexer: &mut Lexer<'_>) -> bool {
    let start = lexer.at;
    let next = lexer.peek(1);
    if next == b':' || (start > 0 && lexer.bytes[start - 1] == b':') {
        return false;
    }
    if next == b'"' && lexer.wants_operand() {
        lexer.at += 1;
        return quoted(lexer, start, 1, b'"', Quote::Cooked, Inner::Hash);
    }
    let known = lexer.wants_operand() || lexer.is_spaced();
    if !(known && (next.is_ascii_alphabetic() || next == b'_')) {
        return false;
    }
    let length = lexer.bytes[start + 1..lexer.end]
        .iter()
        .take_while(|b| is_word(**b))
        .count();
    let end = start + 1 + length;
    finish(lexer, start, (start + 1, end, end), Quote::Raw, Vec::new());
    true
}

pub(crate) fn regex(lexer: &mut Lexer<'_>) -> bool {
    let next = lexer.peek(1);
    let bare = lexer.is_spaced()
        && !next.is_ascii_whitespace()
        && next != b'='
        && lexer.last().is_some_and(|last| last.kind == Kind::Word)
        && lexer.lang == Lang::Ruby;
    if next == b'/' && lexer.lang == Lang::Perl || !(lexer.wants_operand() || bare) {
        return false;
    }
    quoted(lexer, lexer.at, 1, b'/', Quote::Regex, Inner::None)
}

/// Ruby's `?a`.
pub(crate) fn character(lexer: &mut Lexer<'_>) -> bool {
    let start = lexer.at;
    let one = lexer.peek(1).is_ascii_graphic() && !is_word(lexer.peek(2));
    if !(one && lexer.wants_operand() && lexer.is_spaced()) {
        return false;
    }
    finish(
        lexer,
        start,
        (start + 1, start + 2, start + 2),
        Quote::Raw,
        Vec::new(),
    );
    true
}

/// `q(…)`, `qq{…}`, `qx/…/`, `qw(…)`, `m/…/`, `s/…/…/`.
pub(crate) fn perl_quote(lexer: &mut Lexer<'_>) -> bool {
    let start = lexer.at;
    let last_is_arrow = lexer
        .last()
        .is_some_and(|last| matches!(lexer.text(last), b"->" | b"{" | b"sub"));
    if last_is_arrow {
        return false;
    }
    let (kind, inner, skip, parts) = match (lexer.peek(0), lexer.peek(1)) {
        (b'q', b'q') => (Quote::Cooked, Inner::Dollar, 2, 1),
        (b'q', b'x') => (Quote::Command, Inner::Dollar, 2, 1),
        (b'q', b'w') => (Quote::Words, Inner::None, 2, 1),
        (b'q', b'r') => (Quote::Raw, Inner::None, 2, 1),
        (b'q', _) => (Quote::Raw, Inner::None, 1, 1),
        (b'm', _) => (Quote::Raw, Inner::None, 1, 1),
        (b't', b'r') => (Quote::Raw, Inner::None, 2, 2),
        (b's' | b'y', _) => (Quote::Raw, Inner::None, 1, 2),
        _ => return false,
    };
    let open = lexer.peek(skip);
    let matched = lexer
        .last()
        .is_some_and(|last| matches!(lexer.text(last), b"=~" | b"!~"));
    let odd = matched && matches!(open, b':' | b'%' | b',' | b'@' | b';' | b'=');
    if !odd
        && !matches!(
            open,
            b'(' | b'{' | b'[' | b'<' | b'/' | b'|' | b'!' | b'#' | b'~' | b'\'' | b'"'
        )
    {
        return false;
    }
    let done = quoted(lexer, start, skip + 1, closing(open), kind, inner);
    if done && parts == 2 {
        let close = closing(open);
        let skip = usize::from(close != open && lexer.peek(0) == open);
        return quoted(lexer, lexer.at, skip, close, Quote::Raw, Inner::None) || done;
    }
    done
}
