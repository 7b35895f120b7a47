//! How deep a text nests, without parsing it: oxc's parser is recursive, and a text
//! nested deeper than the sandbox's stack allows must not reach it.
//!
//! A rough lexer. It counts what makes a recursive parser go down: open brackets, and
//! at each of them the operators and keywords that wait for their right side. Where a
//! hostile text fools it, the parser overflows its stack and the sandbox ends the step:
//! the package is then reported as not analysed. The limit keeps honest files and most
//! hostile ones from losing everything else that this analyzer has to say.

/// Deepest nesting that is parsed, in units of about 100 bytes of stack. A stack of
/// 1 MiB holds 10,000 (measured natively, optimised: `examples/stack.rs`); this is half.
/// It makes 250 brackets, or 1,250 links of an `else if` chain.
pub const LIMIT: u32 = 5_000;

/// What each construct costs the parser, in units of [`LIMIT`].
mod cost {
    /// An open bracket, at worst that of a function's body.
    pub const BRACKET: u32 = 20;
    /// `=>`.
    pub const ARROW: u32 = 10;
    /// `=`.
    pub const ASSIGNMENT: u32 = 6;
    /// `<` of JSX or type arguments.
    pub const ANGLE: u32 = 5;
    /// `?` until its `:` and what follows that end.
    pub const TERNARY: u32 = 6;
    /// Prefix operators and labels.
    pub const OPERATOR: u32 = 4;
}

mod literals;
mod words;

use words::{WORD, down};

/// One open bracket.
#[derive(Clone, Copy, Default)]
struct Level {
    /// What waits for its right side here.
    waiting: u32,
    /// The bracket, `b'$'` for a template's.
    bracket: u8,
    /// Whether the bracket followed `if`, `for`, `while` or `with`.
    head: bool,
    /// How many entries of [`Scan::ternaries`] stand outside of it.
    outside: usize,
}

/// The deepest nesting in `text`, or the first that exceeds [`LIMIT`].
pub fn depth(text: &str) -> u32 {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
        levels: vec![Level::default()],
        waiting: 0,
        deepest: 0,
        ternaries: Vec::new(),
        before: Before::Operator,
        word: b"",
    };
    scan.run();
    scan.deepest
}

/// What stood before, as far as it decides what `/`, `-`, `<` mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// An operator, an opening bracket or a keyword: an operand follows.
    Operator,
    /// An operand: an operator follows.
    Operand,
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    levels: Vec<Level>,
    /// Sum of `waiting` over all levels.
    waiting: u32,
    deepest: u32,
    /// Conditional operators that have not ended: whether each is past its `:`.
    ternaries: Vec<bool>,
    before: Before,
    /// The last word, where nothing followed it yet.
    word: &'a [u8],
}

impl<'a> Scan<'a> {
    fn run(&mut self) {
        while let Some(byte) = self.bytes.get(self.at).copied() {
            match byte {
                b'\'' | b'"' => self.text(byte),
                b'`' => {
                    self.at += 1;
                    self.template();
                }
                b'/' => self.slash(),
                b'(' | b'[' | b'{' => self.open(byte),
                b')' | b']' | b'}' => self.close(byte),
                b';' | b',' => {
                    self.at += 1;
                    self.settle_waiting();
                    self.operator();
                }
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | b'#' | 0x80.. => {
                    self.word();
                }
                b' ' | b'\t' | b'\r' | b'\n' => self.blanks(),
                _ => self.punctuation(byte),
            }
            if self.deepest > LIMIT {
                return;
            }
        }
    }

    fn blanks(&mut self) {
        self.at += 1;
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self, offset: usize) -> u8 {
        self.bytes
            .get(self.at + offset)
            .copied()
            .unwrap_or_default()
    }

    fn operator(&mut self) {
        self.before = Before::Operator;
        self.word = b"";
    }

    fn operand(&mut self) {
        self.before = Before::Operand;
        self.word = b"";
    }

    fn note(&mut self) {
        let open = u32::try_from(self.levels.len()).unwrap_or(u32::MAX);
        let depth = open.saturating_mul(cost::BRACKET);
        self.deepest = self.deepest.max(depth.saturating_add(self.waiting));
    }

    fn wait(&mut self, cost: u32) {
        self.waiting += cost;
        if let Some(level) = self.levels.last_mut() {
            level.waiting += cost;
        }
        self.note();
    }

    fn unwait(&mut self) {
        if let Some(level) = self.levels.last_mut()
            && level.waiting >= cost::ANGLE
        {
            level.waiting -= cost::ANGLE;
            self.waiting -= cost::ANGLE;
        }
    }

    /// As [`Self::settle`], which most often finds that nothing waits.
    fn settle_waiting(&mut self) {
        let waits = self
            .levels
            .last()
            .is_some_and(|level| level.waiting > 0 || level.outside < self.ternaries.len());
        if waits {
            self.settle();
        }
    }

    /// A statement or element ends: nothing waits any more, unless `else` goes on.
    fn settle(&mut self) {
        if self.is_else_next() {
            return;
        }
        if let Some(level) = self.levels.last_mut() {
            self.waiting -= level.waiting;
            level.waiting = 0;
            self.ternaries.truncate(level.outside);
        }
    }

    /// A `:`: what stood between it and its `?` has ended, and with it every
    /// conditional operator in there.
    fn colon(&mut self) {
        let outside = self.levels.last().map_or(0, |level| level.outside);
        let open = self.ternaries[outside..].iter().rposition(|past| !past);
        let Some(open) = open.map(|at| outside + at) else {
            // A label, key or type.
            self.wait(cost::OPERATOR);
            return;
        };
        let ended = u32::try_from(self.ternaries.len() - open - 1).unwrap_or(0) * cost::TERNARY;
        self.ternaries.truncate(open);
        self.ternaries.push(true);
        self.waiting = self.waiting.saturating_sub(ended);
        if let Some(level) = self.levels.last_mut() {
            level.waiting = level.waiting.saturating_sub(ended);
        }
    }

    /// Whether the next word, past white space, is `else`.
    fn is_else_next(&self) -> bool {
        let rest = &self.bytes[self.at..];
        // A comment before `else` is not looked past: it then counts as an end.
        let start = rest
            .iter()
            .take(200)
            .position(|byte| !byte.is_ascii_whitespace());
        let after = start.and_then(|start| rest[start..].strip_prefix(b"else"));
        after.is_some_and(|after| after.first().is_none_or(|byte| !byte.is_ascii_alphabetic()))
    }

    fn open(&mut self, bracket: u8) {
        self.at += 1;
        let head = matches!(self.word, b"if" | b"for" | b"while" | b"with");
        self.levels.push(Level {
            waiting: 0,
            bracket,
            head,
            outside: self.ternaries.len(),
        });
        self.note();
        self.operator();
    }

    fn close(&mut self, bracket: u8) {
        self.at += 1;
        let mut head = false;
        if self.levels.len() > 1
            && let Some(level) = self.levels.pop()
        {
            self.waiting -= level.waiting;
            self.ternaries.truncate(level.outside);
            head = level.head;
            if level.bracket == b'$' {
                self.template();
                return;
            }
        }
        match bracket {
            b'}' => {
                // A block ends a statement; an object or function may go on.
                let next = self.bytes[self.at..]
                    .iter()
                    .take(200)
                    .find(|byte| !byte.is_ascii_whitespace());
                let goes_on = next.is_some_and(|byte| {
                    matches!(
                        byte,
                        b')' | b']' | b',' | b'.' | b'?' | b':' | b'(' | b';' | b'['
                    )
                });
                if !goes_on {
                    self.settle_waiting();
                }
                self.operand();
                if !goes_on {
                    self.before = Before::Operator;
                }
            }
            b')' if head => self.operator(),
            _ => self.operand(),
        }
    }

    fn word(&mut self) {
        let rest = &self.bytes[self.at..];
        let length = rest
            .iter()
            .position(|byte| !WORD[usize::from(*byte)])
            .unwrap_or(rest.len());
        let word = &rest[..length.max(1)];
        let member = self.at > 0 && self.bytes[self.at - 1] == b'.';
        self.at += word.len();
        if let Some(cost) = down(word)
            && !member
        {
            self.wait(cost);
            self.operator();
            self.word = word;
        } else if !member && matches!(word, b"case" | b"default") {
            // A `case` begins anew, whatever labels stood before it.
            self.settle_waiting();
            self.operator();
        } else if !member && matches!(word, b"in" | b"of" | b"instanceof") {
            self.operator();
        } else {
            self.before = Before::Operand;
            self.word = word;
        }
    }

    fn punctuation(&mut self, byte: u8) {
        let next = self.peek(1);
        match (byte, next) {
            (b'=', b'>') => {
                self.wait(cost::ARROW);
                self.at += 2;
            }
            (b'*', b'*') => {
                self.wait(cost::OPERATOR);
                self.at += 2;
            }
            (b'=' | b'!', b'=') => {
                while self.peek(0) == b'=' || self.peek(0) == b'!' {
                    self.at += 1;
                }
            }
            (b'=', _) => {
                self.wait(cost::ASSIGNMENT);
                self.at += 1;
            }
            (b'?', b'.') => self.at += 2,
            (b'?', b'?') => self.at += 2,
            (b'?', _) => {
                self.ternaries.push(false);
                self.wait(cost::TERNARY);
                self.at += 1;
            }
            (b'!' | b'~' | b'@', _) => {
                self.at += 1;
                if self.before == Before::Operand {
                    // TypeScript's `x!`.
                    return;
                }
                self.wait(cost::OPERATOR);
            }
            (b'+' | b'-', _) => {
                if next == byte {
                    self.at += 2;
                    return;
                }
                if self.before == Before::Operator {
                    self.wait(cost::OPERATOR);
                }
                self.at += 1;
            }
            // `<` opens JSX or type arguments, or compares.
            (b'<', b'/') => {
                self.unwait();
                self.at += 2;
            }
            (b'<', b'a'..=b'z' | b'A'..=b'Z' | b'>') => {
                self.wait(cost::ANGLE);
                self.at += 1;
            }
            (b'>', _) => {
                if self.at > 0 && self.bytes[self.at - 1] == b'/' {
                    self.unwait();
                }
                self.at += 1;
            }
            (b':', _) => {
                self.colon();
                self.at += 1;
            }
            _ => self.at += 1,
        }
        self.operator();
    }
}

#[cfg(test)]
mod tests;
