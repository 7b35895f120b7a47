//! One tolerant lexer for all languages: words, numbers, strings, operators, brackets.
//!
//! It never fails: what makes no sense becomes operators. Each byte is looked at a bounded
//! number of times.

use std::ops::Range;

use crate::lang::Lang;
use crate::strings;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Identifier or keyword, with its sigil.
    Word,
    /// Number.
    Number,
    /// String; `mate` is the index of its [`Literal`].
    Str,
    /// Operator of one to three bytes.
    Op,
    /// Opening bracket; `mate` is the index of the closing one.
    Open,
    /// Closing bracket.
    Close,
}

/// One token.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: u32,
    /// Byte behind the last.
    pub end: u32,
    /// See [`Kind`]; for a Ruby word that opens a block, the index of its `end`.
    pub mate: u32,
    /// Whether white space stands before it.
    pub spaced: bool,
    /// Whether a line's end stands before it.
    pub fresh: bool,
}

/// No mate.
pub const NONE: u32 = u32::MAX;

/// What kind of string a literal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote {
    /// Escapes count.
    Cooked,
    /// Only the quote itself can be escaped, or nothing.
    Raw,
    /// One character.
    Char,
    /// Runs as a shell command.
    Command,
    /// Words of a list.
    Words,
    /// A pattern.
    Regex,
}

/// A part of a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text, not yet unescaped.
    Text(Range<usize>),
    /// Code whose value stands here.
    Code(Range<usize>),
}

/// A string as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Its kind.
    pub quote: Quote,
    /// Its parts.
    pub pieces: Vec<Piece>,
}

/// A lexed text.
#[derive(Debug, Default)]
pub struct Stream {
    /// Tokens in order.
    pub tokens: Vec<Token>,
    /// Strings in order.
    pub literals: Vec<Literal>,
    /// Brackets were nested deeper than is followed.
    pub too_deep: bool,
    /// Strings did not end, again and again.
    pub broken: bool,
}

impl Stream {
    /// Puts the tokens of a later part of the same text behind these.
    pub fn append(&mut self, other: Self) {
        let tokens = u32::try_from(self.tokens.len()).unwrap_or(NONE);
        let literals = u32::try_from(self.literals.len()).unwrap_or(NONE);
        self.tokens
            .extend(other.tokens.into_iter().map(|mut token| {
                let before = if token.kind == Kind::Str {
                    literals
                } else {
                    tokens
                };
                if token.mate != NONE {
                    token.mate = token.mate.saturating_add(before);
                }
                token
            }));
        self.literals.extend(other.literals);
        self.too_deep |= other.too_deep;
        self.broken |= other.broken;
    }
}

/// Most tokens of one text: 64 MiB of punctuation must not fill the sandbox.
const TOKEN_LIMIT: usize = 6 << 20;

/// Deepest nesting of brackets that is matched.
const BRACKETS: usize = 4_096;

/// Strings without an end after which the rest is given up.
const UNENDED: usize = 64;

/// The lexer's state; `strings` works on it too.
pub struct Lexer<'a> {
    /// The text.
    pub bytes: &'a [u8],
    /// Where it is.
    pub at: usize,
    /// Where it ends.
    pub end: usize,
    /// The language.
    pub lang: Lang,
    /// What was found.
    pub out: Stream,
    /// Where to go on after this line: behind the text of here-documents.
    pub resume: Option<usize>,
    open: Vec<u32>,
    spaced: bool,
    fresh: bool,
    unended: usize,
}

/// Lexes a range of a text. PHP starts outside of code unless `inside`.
pub fn lex(text: &str, range: Range<usize>, lang: Lang, inside: bool) -> Stream {
    let mut lexer = Lexer {
        bytes: text.as_bytes(),
        at: range.start,
        end: range.end.min(text.len()),
        lang,
        out: Stream::default(),
        resume: None,
        open: Vec::new(),
        spaced: true,
        fresh: true,
        unended: 0,
    };
    if lang == Lang::Php && !inside {
        lexer.skip_page();
    }
    lexer.run();
    let mut out = lexer.out;
    if lang == Lang::Ruby || lang == Lang::Lua {
        crate::blocks::match_ends(&mut out, lexer.bytes, lang);
    }
    out
}

impl Lexer<'_> {
    fn run(&mut self) {
        while self.at < self.end {
            let before = self.at;
            self.step();
            if self.at <= before {
                self.at = before + 1;
            }
            if self.out.tokens.len() >= TOKEN_LIMIT {
                self.out.broken = true;
                return;
            }
        }
    }

    fn step(&mut self) {
        let byte = self.bytes[self.at];
        match byte {
            b'\n' => self.newline(),
            b' ' | b'\t' | b'\r' | 0x0B | 0x0C => {
                self.at += 1;
                self.spaced = true;
            }
            b'\\' if self.peek(1) == b'\n' => {
                self.at += 2;
                self.spaced = true;
            }
            _ if self.comment(byte) => {}
            _ if strings::string(self) => {}
            b'0'..=b'9' => self.number(),
            b'(' | b'[' | b'{' => self.bracket_open(),
            b')' | b']' | b'}' => self.bracket_close(byte),
            b'$' | b'@' | b'%' if self.lang.has_sigils() || self.lang == Lang::Ruby => {
                self.sigil();
            }
            _ if is_word(byte) => self.word(self.at),
            _ => self.operator(),
        }
    }

    /// The byte so many places ahead; 0 behind the end.
    pub fn peek(&self, ahead: usize) -> u8 {
        if self.at + ahead < self.end {
            self.bytes[self.at + ahead]
        } else {
            0
        }
    }

    /// Whether the rest begins so.
    pub fn begins(&self, with: &[u8]) -> bool {
        self.bytes[self.at..self.end].starts_with(with)
    }

    /// The last token.
    pub fn last(&self) -> Option<Token> {
        self.out.tokens.last().copied()
    }

    /// The text of a token.
    pub fn text(&self, token: Token) -> &[u8] {
        &self.bytes[token.start as usize..token.end as usize]
    }

    /// Whether an operand may begin here: after an operator, a bracket, a keyword.
    pub fn wants_operand(&self) -> bool {
        let Some(last) = self.last() else { return true };
        match last.kind {
            Kind::Op | Kind::Open => true,
            Kind::Close | Kind::Number | Kind::Str => false,
            Kind::Word => {
                let keyword = matches!(
                    self.text(last),
                    b"if"
                        | b"unless"
                        | b"while"
                        | b"until"
                        | b"and"
                        | b"or"
                        | b"not"
                        | b"when"
                        | b"return"
                        | b"in"
                        | b"puts"
                        | b"then"
                        | b"elsif"
                        | b"else"
                        | b"split"
                        | b"grep"
                        | b"do"
                        | b"case"
                );
                keyword || self.fresh && self.lang.lines_matter()
            }
        }
    }

    /// Whether white space stands before what comes.
    pub fn is_spaced(&self) -> bool {
        self.spaced || self.fresh
    }

    /// A string that did not end: gives up on the rest only when it happens often.
    pub fn unended(&mut self) -> bool {
        self.unended += 1;
        if self.unended > UNENDED {
            self.out.broken = true;
            self.at = self.end;
            return true;
        }
        false
    }

    /// Adds a token that ends at `self.at`.
    pub fn push(&mut self, kind: Kind, start: usize, mate: u32) {
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(self.at)) else {
            return;
        };
        self.out.tokens.push(Token {
            kind,
            start,
            end,
            mate,
            spaced: self.spaced || self.fresh,
            fresh: self.fresh,
        });
        self.spaced = false;
        self.fresh = false;
    }

    /// Adds a string.
    pub fn push_literal(&mut self, start: usize, quote: Quote, pieces: Vec<Piece>) {
        let index = u32::try_from(self.out.literals.len()).unwrap_or(NONE);
        self.out.literals.push(Literal { quote, pieces });
        self.push(Kind::Str, start, index);
    }

    fn newline(&mut self) {
        self.at = match self.resume.take() {
            Some(resume) => resume.max(self.at + 1),
            None => self.at + 1,
        };
        self.fresh = true;
        let rest = &self.bytes[self.at.min(self.end)..self.end];
        let skip =
            |mark: &[u8]| memchr::memmem::find(rest, mark).map_or(rest.len(), |at| at + mark.len());
        match self.lang {
            Lang::Ruby if rest.starts_with(b"=begin") => self.at += skip(b"\n=end"),
            Lang::Perl if is_pod(rest) => self.at += skip(b"\n=cut"),
            Lang::Ruby | Lang::Perl if rest.starts_with(b"__END__") => self.at = self.end,
            Lang::Perl if rest.starts_with(b"__DATA__") => self.at = self.end,
            _ => {}
        }
    }

    fn line_end(&self) -> usize {
        memchr::memchr(b'\n', &self.bytes[self.at..self.end]).map_or(self.end, |at| self.at + at)
    }

    fn comment(&mut self, byte: u8) -> bool {
        let next = self.peek(1);
        let hash = match self.lang {
            Lang::Ruby => true,
            Lang::Perl => self.is_spaced(),
            Lang::Php => next != b'[',
            _ => false,
        };
        let slashes = !matches!(self.lang, Lang::Ruby | Lang::Lua | Lang::Perl);
        match byte {
            b'#' if hash => self.line_comment(),
            b'#' if matches!(self.lang, Lang::C | Lang::CSharp) && self.fresh => {
                // Directives: `#include`, `#define`; what they hold is seen where it is used.
                self.at = self.line_end();
            }
            b'/' if slashes && next == b'/' => self.line_comment(),
            b'/' if slashes && next == b'*' => {
                let rest = &self.bytes[self.at + 2..self.end];
                self.at =
                    memchr::memmem::find(rest, b"*/").map_or(self.end, |at| self.at + 2 + at + 2);
                self.spaced = true;
            }
            b'-' if self.lang == Lang::Lua && next == b'-' => {
                if self.begins(b"--[[") {
                    let rest = &self.bytes[self.at..self.end];
                    self.at =
                        memchr::memmem::find(rest, b"]]").map_or(self.end, |at| self.at + at + 2);
                } else {
                    self.at = self.line_end();
                }
            }
            b'?' if self.lang == Lang::Php && next == b'>' => {
                self.at += 2;
                self.skip_page();
            }
            _ => return false,
        }
        true
    }

    fn line_comment(&mut self) {
        let end = self.line_end();
        if self.lang == Lang::Php
            && let Some(close) = memchr::memmem::find(&self.bytes[self.at..end], b"?>")
        {
            self.at += close;
            return;
        }
        self.at = end;
    }

    /// Skips text outside of PHP's tags; a statement ends there.
    fn skip_page(&mut self) {
        let rest = &self.bytes[self.at..self.end];
        match memchr::memmem::find(rest, b"<?") {
            Some(at) => {
                self.at += at + 2;
                if self.bytes[self.at..self.end].len() >= 3
                    && self.bytes[self.at..self.at + 3].eq_ignore_ascii_case(b"php")
                {
                    self.at += 3;
                } else if self.peek(0) == b'=' {
                    self.at += 1;
                } else if self.begins(b"xml") {
                    self.skip_page_on();
                }
            }
            None => self.at = self.end,
        }
        self.fresh = true;
    }

    fn skip_page_on(&mut self) {
        let mut at = self.at;
        while let Some(found) = memchr::memmem::find(&self.bytes[at..self.end], b"<?") {
            at += found + 2;
            let rest = &self.bytes[at..self.end];
            if rest.starts_with(b"php") || rest.starts_with(b"=") {
                self.at = at + if rest[0] == b'=' { 1 } else { 3 };
                return;
            }
        }
        self.at = self.end;
    }

    fn number(&mut self) {
        let start = self.at;
        while self.at < self.end {
            let byte = self.bytes[self.at];
            let decimal_point = byte == b'.' && self.peek(1).is_ascii_digit();
            if !(is_word(byte) || decimal_point) {
                break;
            }
            self.at += 1;
        }
        self.push(Kind::Number, start, NONE);
    }

    /// A word that ends behind `self.at`; it began at `start`.
    pub fn word(&mut self, start: usize) {
        while self.at < self.end && is_word(self.bytes[self.at]) {
            self.at += 1;
        }
        let next = self.peek(1);
        let mark = match self.lang {
            Lang::Ruby => {
                matches!(self.peek(0), b'?' | b'!') && !matches!(next, b'=' | b'~' | b':')
            }
            Lang::Rust => self.peek(0) == b'!' && next != b'=',
            _ => false,
        };
        self.at += usize::from(mark);
        self.push(Kind::Word, start, NONE);
    }

    fn sigil(&mut self) {
        let start = self.at;
        let mut length = 1;
        while matches!(self.peek(length), b'$' | b'@' | b'#') && length < 8 {
            length += 1;
        }
        let next = self.peek(length);
        let names = next.is_ascii_alphabetic() || next == b'_' || next >= 0x80;
        let modulo = self.bytes[start] == b'%' && (!self.wants_operand() || self.lang == Lang::Php);
        if names && !modulo && !(self.lang == Lang::Php && self.bytes[start] == b'@') {
            self.at += length;
            self.word(start);
        } else {
            self.at += 1;
            self.push(Kind::Op, start, NONE);
        }
    }

    fn bracket_open(&mut self) {
        let start = self.at;
        self.at += 1;
        if self.open.len() < BRACKETS {
            self.open
                .push(u32::try_from(self.out.tokens.len()).unwrap_or(NONE));
        } else {
            self.out.too_deep = true;
        }
        self.push(Kind::Open, start, NONE);
    }

    fn bracket_close(&mut self, byte: u8) {
        let start = self.at;
        self.at += 1;
        let index = u32::try_from(self.out.tokens.len()).unwrap_or(NONE);
        let opening = match byte {
            b')' => b'(',
            b']' => b'[',
            _ => b'{',
        };
        // An unmatched bracket in between is passed over, within reason.
        let depth = self.open.iter().rev().take(4).position(|at| {
            let token = self.out.tokens[*at as usize];
            self.bytes[token.start as usize] == opening
        });
        if let Some(depth) = depth {
            let keep = self.open.len() - depth - 1;
            let opened = self.open[keep];
            self.open.truncate(keep);
            self.out.tokens[opened as usize].mate = index;
        }
        self.push(Kind::Close, start, NONE);
    }

    fn operator(&mut self) {
        let start = self.at;
        let rest = &self.bytes[start..self.end];
        let length = OPERATORS
            .iter()
            .find(|operator| rest.starts_with(operator.as_bytes()))
            .map_or(1, |operator| operator.len());
        self.at += length;
        self.push(Kind::Op, start, NONE);
    }
}

/// Operators of more than one byte, the longest first.
const OPERATORS: &[&str] = &[
    "<=>", "===", "!==", "**=", "||=", "&&=", "??=", "<<=", ">>=", "...", "..=", "?->", "?.", "::",
    "->", "=>", "==", "!=", "<=", ">=", "&&", "||", ":=", "+=", "-=", "*=", "/=", ".=", "%=", "^=",
    "|=", "&=", "<<", ">>", "++", "--", "..", "=~", "!~", "&.", "??", "?:", "**", "<-", "!!",
];

/// Whether a byte belongs to words; bytes of other alphabets do.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn is_pod(rest: &[u8]) -> bool {
    rest.first() == Some(&b'=') && rest.get(1).is_some_and(u8::is_ascii_lowercase)
}
