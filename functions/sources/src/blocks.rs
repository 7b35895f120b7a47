//! Blocks that words open and `end` closes.

use crate::lang::Lang;
use crate::lex::{Kind, Stream};

/// Deepest nesting of blocks that is matched.
const DEPTH: usize = 4_096;

/// Gives every word that opens a block of Ruby or Lua the index of its `end` as mate.
pub fn match_ends(stream: &mut Stream, bytes: &[u8], lang: Lang) {
    let mut open: Vec<usize> = Vec::new();
    let mut loop_line = false;
    for at in 0..stream.tokens.len() {
        let token = stream.tokens[at];
        if token.fresh {
            loop_line = false;
        }
        if token.kind != Kind::Word {
            continue;
        }
        let previous = at.checked_sub(1).map(|at| stream.tokens[at]);
        let after = |marks: &[&[u8]]| {
            previous.is_some_and(|p| marks.contains(&&bytes[p.start as usize..p.end as usize]))
        };
        if after(&[b".", b"&.", b"::", b":"]) && !token.fresh {
            continue;
        }
        let word = &bytes[token.start as usize..token.end as usize];
        if stream.tokens.get(at + 1).is_some_and(|next| {
            !next.spaced && &bytes[next.start as usize..next.end as usize] == b":"
        }) {
            continue;
        }
        let begins = token.fresh
            || previous.is_none()
            || previous.is_some_and(|p| matches!(p.kind, Kind::Open))
            || after(&[
                b";", b"=", b"do", b"then", b"else", b"||=", b"+=", b"<<", b"(", b"&&", b"||",
                b"return",
            ]);
        let opens = match (lang, word) {
            (Lang::Lua, b"function" | b"do" | b"if") => true,
            (Lang::Lua, _) => false,
            (_, b"def") => !is_endless(stream, bytes, at),
            (_, b"class" | b"module" | b"begin" | b"case") => true,
            (_, b"do") => !std::mem::take(&mut loop_line),
            (_, b"while" | b"until" | b"for") if begins => {
                loop_line = true;
                true
            }
            (_, b"if" | b"unless") => begins,
            _ => false,
        };
        if opens && open.len() < DEPTH {
            open.push(at);
        } else if word == b"end"
            && let Some(opened) = open.pop()
        {
            stream.tokens[opened].mate = u32::try_from(at).unwrap_or(crate::lex::NONE);
        }
    }
}

/// Whether a definition is `def name(…) = expression`.
fn is_endless(stream: &Stream, bytes: &[u8], at: usize) -> bool {
    let text = |at: usize| {
        stream
            .tokens
            .get(at)
            .map(|token| &bytes[token.start as usize..token.end as usize])
    };
    let mut next = at + 2;
    while text(next) == Some(b".") {
        next += 2;
    }
    if text(next) == Some(b"(") {
        let close = stream.tokens[next].mate as usize;
        if close <= next {
            return false;
        }
        next = close + 1;
    }
    text(next) == Some(b"=")
        && stream
            .tokens
            .get(next)
            .is_some_and(|token| token.spaced && !token.fresh)
}
