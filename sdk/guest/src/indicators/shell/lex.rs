//! Splits shell text into commands and words, undoing what hides them: quotes,
//! backslashes and carets inside words, `$IFS`, `$'\x63'`, `{curl,-o,f}` and variables
//! that are set on the way.

use std::collections::BTreeMap;
use std::ops::Range;

use super::building::{Building, unescape};
use super::nested::Nested;

/// Deepest nesting of `$(…)` followed; deeper ones stay text.
const NESTING_LIMIT: usize = 8;

/// Most variables remembered, and the longest value, in bytes.
const VARIABLES_LIMIT: usize = 64;
const VALUE_LIMIT: usize = 200;

/// How a command follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    /// It takes the previous command's output.
    Pipe,
    /// Anything else: `;`, `&&`, `||`, a new line, the first command.
    Sequence,
}

/// A word as the shell would see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    pub range: Range<usize>,
    /// The commands of each `$(…)`, backtick pair or `<(…)` in it.
    pub nested: Vec<Vec<Command>>,
    /// What those commands do.
    pub does: Nested,
}

impl Word {
    fn nest(&mut self, commands: Vec<Command>) {
        self.does.add(Nested::commands(&commands));
        self.nested.push(commands);
    }
}

/// `>>`, `<`, … and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    pub operator: String,
    pub target: Word,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub words: Vec<Word>,
    pub redirects: Vec<Redirect>,
    pub joint: Joint,
    /// Ends in a single `&`.
    pub background: bool,
    pub range: Range<usize>,
}

/// The commands of `text`, in order.
pub(super) fn lex(text: &str) -> Vec<Command> {
    let mut lexer = Lexer {
        bytes: text.as_bytes(),
        text,
        at: 0,
        end: text.len(),
        variables: BTreeMap::new(),
    };
    lexer.script(None, 0)
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    end: usize,
    variables: BTreeMap<String, String>,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        let at = self.at + ahead;
        (at < self.end)
            .then(|| self.bytes.get(at).copied())
            .flatten()
    }

    /// Commands up to `closing` (consumed) or the end.
    fn script(&mut self, closing: Option<u8>, depth: usize) -> Vec<Command> {
        let mut building = Building::new(self.at);
        let mut open = 0_usize;
        while let Some(byte) = self.peek(0) {
            let here = self.at;
            match byte {
                b')' if closing == Some(b')') && open == 0 => {
                    self.at += 1;
                    building.close(here, Joint::Sequence, false);
                    return building.commands;
                }
                b'(' | b')' => {
                    open = if byte == b'(' {
                        open + 1
                    } else {
                        open.saturating_sub(1)
                    };
                    self.at += 1;
                    building.close(here, Joint::Sequence, false);
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' | b';' => {
                    self.at += 1;
                    self.remember(&building.words);
                    let keeps = building.words.is_empty() && building.joint == Joint::Pipe;
                    building.close(here, Joint::Sequence, false);
                    if keeps {
                        building.joint = Joint::Pipe;
                    }
                }
                b'#' => {
                    self.at = memchr::memchr(b'\n', &self.bytes[here..self.end])
                        .map_or(self.end, |to| here + to);
                }
                b'|' => {
                    let or = self.peek(1) == Some(b'|');
                    self.at += if or || self.peek(1) == Some(b'&') {
                        2
                    } else {
                        1
                    };
                    building.close(here, if or { Joint::Sequence } else { Joint::Pipe }, false);
                }
                b'&' if self.peek(1) == Some(b'>') => building.pending = Some(self.redirect("")),
                b'&' => {
                    let and = self.peek(1) == Some(b'&');
                    self.at += if and { 2 } else { 1 };
                    self.remember(&building.words);
                    building.close(here, Joint::Sequence, !and);
                }
                b'<' | b'>' if self.peek(1) == Some(b'(') => {
                    let word = self.word(depth);
                    building.word(word);
                }
                b'<' | b'>' => building.pending = Some(self.redirect("")),
                _ => self.begin_word(&mut building, depth),
            }
        }
        self.remember(&building.words);
        building.close(self.end, Joint::Sequence, false);
        building.commands
    }

    /// A word, or the descriptor before a redirection (`2>`).
    fn begin_word(&mut self, building: &mut Building, depth: usize) {
        let word = self.word(depth);
        let is_descriptor = matches!(self.peek(0), Some(b'<' | b'>'))
            && !word.text.is_empty()
            && word.text.bytes().all(|byte| byte.is_ascii_digit());
        if is_descriptor {
            building.pending = Some(self.redirect(&word.text));
        } else if !matches!(word.text.as_str(), "{" | "}") {
            building.word(word);
        }
    }

    /// A redirection operator; `2>&1` comes out whole, with no target to wait for.
    fn redirect(&mut self, prefix: &str) -> String {
        let start = self.at;
        while self.at - start < 3 && matches!(self.peek(0), Some(b'<' | b'>' | b'&')) {
            self.at += 1;
        }
        format!("{prefix}{}", &self.text[start..self.at])
    }

    /// Notes `name=value` words when they are the whole command.
    fn remember(&mut self, words: &[Word]) {
        for word in words {
            let Some((name, value)) = word.text.trim_start_matches('$').split_once('=') else {
                return;
            };
            let named = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if named && value.len() <= VALUE_LIMIT && self.variables.len() < VARIABLES_LIMIT {
                self.variables.insert(name.into(), value.into());
            }
        }
    }

    fn word(&mut self, depth: usize) -> Word {
        let start = self.at;
        let mut word = Word::default();
        // Drive paths, `%TEMP%\x` and registry keys use the backslash as a separator.
        let head = &self.bytes[start..self.end.min(start + 3)];
        let is_windows = matches!(
            head,
            [b'A'..=b'Z' | b'a'..=b'z', b':', b'\\'] | [b'\\', b'\\', ..] | [b'%', ..] | [b'.', b'\\', ..]
        ) || head.eq_ignore_ascii_case(b"hkc")
            || head.eq_ignore_ascii_case(b"hkl");
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'|' | b'&' | b')' => break,
                b'(' if self.at > start => break,
                b'<' | b'>' if self.peek(1) != Some(b'(') || self.at > start => break,
                b'<' | b'>' => {
                    word.text.push(char::from(byte));
                    self.at += 1;
                    self.substitution(&mut word, depth);
                }
                b'\'' => self.single_quoted(&mut word),
                b'"' => self.double_quoted(&mut word, depth),
                b'`' => self.backticks(&mut word, depth),
                b'$' if self.dollar(&mut word, depth) => break,
                b'$' => {}
                b'\\' | b'^' => self.escape(&mut word, byte, is_windows),
                _ => self.literal(&mut word),
            }
        }
        if self.at == start {
            // A byte that begins nothing: taken as it is, so that the lexer moves on.
            self.literal(&mut word);
        }
        word.range = start..self.at;
        word
    }

    fn literal(&mut self, word: &mut Word) {
        if let Some(character) = self.text[self.at..].chars().next() {
            word.text.push(character);
            self.at += character.len_utf8();
        }
    }

    fn escape(&mut self, word: &mut Word, byte: u8, is_windows: bool) {
        self.at += 1;
        let next = self.peek(0);
        if next == Some(b'\n') {
            self.at += 1;
        } else if next.is_some() && !is_windows && byte == b'\\' {
            self.literal(word);
        } else if byte == b'\\' || !next.is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            word.text.push(char::from(byte));
        }
    }

    fn single_quoted(&mut self, word: &mut Word) {
        let inner = self.at + 1;
        match memchr::memchr(b'\'', &self.bytes[inner.min(self.end)..self.end]) {
            Some(length) => {
                word.text.push_str(&self.text[inner..inner + length]);
                self.at = inner + length + 1;
            }
            // An apostrophe in prose.
            None => self.literal(word),
        }
    }

    fn double_quoted(&mut self, word: &mut Word, depth: usize) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' if matches!(self.peek(1), Some(b'"' | b'\\' | b'$' | b'`' | b'\n')) => {
                    self.at += 1;
                    self.literal(word);
                }
                b'`' => self.backticks(word, depth),
                b'$' => {
                    if self.dollar(word, depth) {
                        word.text.push(' ');
                    }
                }
                _ => self.literal(word),
            }
        }
    }

    fn backticks(&mut self, word: &mut Word, depth: usize) {
        let inner = self.at + 1;
        let length = memchr::memchr(b'`', &self.bytes[inner.min(self.end)..self.end]);
        match length {
            Some(length) if length > 0 && depth < NESTING_LIMIT => {
                let outer = std::mem::replace(&mut self.end, inner + length);
                self.at = inner;
                let commands = self.script(None, depth + 1);
                word.nest(commands);
                word.text.push_str(&self.text[inner - 1..=inner + length]);
                self.end = outer;
                self.at = inner + length + 1;
            }
            _ => self.literal(word),
        }
    }

    /// `(…)` of a substitution whose sign has been consumed.
    fn substitution(&mut self, word: &mut Word, depth: usize) {
        let from = self.at;
        self.at += 1;
        let commands = self.script(Some(b')'), depth + 1);
        word.nest(commands);
        word.text.push_str(&self.text[from..self.at]);
    }

    /// Something that begins with `$`. True when it is `$IFS`, which ends the word.
    fn dollar(&mut self, word: &mut Word, depth: usize) -> bool {
        match self.peek(1) {
            Some(b'(') if depth < NESTING_LIMIT => {
                word.text.push('$');
                self.at += 1;
                self.substitution(word, depth);
                return false;
            }
            Some(b'\'') => {
                self.at += 1;
                let from = word.text.len();
                self.single_quoted(word);
                let decoded = unescape(&word.text[from..]);
                word.text.replace_range(from.., &decoded);
                return false;
            }
            // `c$@url` is `curl`.
            Some(b'@' | b'*') => {
                self.at += 2;
                return false;
            }
            _ => {}
        }
        let braced = self.peek(1) == Some(b'{');
        let from = self.at + 1 + usize::from(braced);
        let length = self.bytes[from.min(self.end)..self.end]
            .iter()
            .take(VALUE_LIMIT)
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        let name = &self.text[from.min(self.end)..(from + length).min(self.end)];
        let mut after = from + length;
        if braced {
            let rest = &self.bytes[after.min(self.end)..self.end.min(after + VALUE_LIMIT)];
            after += memchr::memchr(b'}', rest).map_or(0, |to| to + 1);
        }
        if name == "IFS" {
            // `$IFS$9` is the usual spelling where letters follow.
            self.at = if self.bytes[after..self.end].starts_with(b"$9") {
                after + 2
            } else {
                after
            };
            return true;
        }
        match self.variables.get(name) {
            Some(value) => {
                word.text.push_str(value);
                self.at = after;
            }
            None => self.literal(word),
        }
        false
    }
}
