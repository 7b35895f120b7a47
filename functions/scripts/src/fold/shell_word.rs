//! Reading one shell word: quotes, escapes, expansions.

use super::shell::{Cursor, State, Word};
use super::{DEPTH_LIMIT, VALUE_LIMIT};

impl Cursor<'_> {
    /// The next word.
    pub fn word(&mut self, state: &mut State) -> Word {
        let start = self.at;
        let mut word = Word {
            exact: true,
            ..Word::default()
        };
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'|' | b'&' | b'(' | b')' | b'<' | b'>' => {
                    break;
                }
                b'\'' => self.single(&mut word),
                b'"' => self.double(&mut word, state),
                b'`' | b'$' => self.expansion(&mut word, state),
                b'\\' => {
                    self.at += 1;
                    if self.peek(0) == Some(b'\n') {
                        self.at += 1;
                    } else {
                        let next = self.character();
                        word.text.push_str(next);
                    }
                }
                _ => {
                    let next = self.character();
                    word.text.push_str(next);
                }
            }
        }
        let raw = &self.text[start..self.at];
        word.quoted = raw.len() >= 2 && (raw.starts_with('"') && raw.ends_with('"'));
        word
    }

    fn single(&mut self, word: &mut Word) {
        let inner = self.at + 1;
        match self.text.get(inner..).and_then(|rest| rest.find('\'')) {
            Some(length) => {
                word.text.push_str(&self.text[inner..inner + length]);
                self.at = inner + length + 1;
            }
            None => {
                self.at += 1;
                word.text.push('\'');
                word.exact = false;
            }
        }
    }

    fn double(&mut self, word: &mut Word, state: &mut State) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' if matches!(self.peek(1), Some(b'"' | b'\\' | b'$' | b'`' | b'\n')) => {
                    self.at += 1;
                    let next = self.character();
                    word.text.push_str(next);
                }
                b'`' | b'$' => self.expansion(word, state),
                _ => {
                    let next = self.character();
                    word.text.push_str(next);
                }
            }
        }
        word.exact = false;
    }

    /// Something that begins with `$` or a backtick.
    fn expansion(&mut self, word: &mut Word, state: &mut State) {
        let start = self.at;
        let known = if self.depth < DEPTH_LIMIT {
            self.expand(word, state)
        } else {
            state.cut = true;
            None
        };
        match known {
            Some(value)
                if word.text.len() + value.len() <= VALUE_LIMIT && state.spend(value.len()) =>
            {
                word.changed = true;
                word.text.push_str(&value);
            }
            _ => {
                word.exact = false;
                if self.at == start {
                    self.at += 1;
                }
                let raw = &self.text[start..self.at];
                let name = raw
                    .trim_start_matches('$')
                    .trim_start_matches('{')
                    .trim_end_matches('}');
                let positional = matches!(name, "1" | "2" | "9" | "@" | "*");
                let inside = word.text.ends_with(|c: char| c.is_ascii_alphanumeric())
                    && self
                        .peek(0)
                        .is_some_and(|byte| byte.is_ascii_alphanumeric());
                match state.loose.get(name) {
                    Some(value) if !value.is_empty() || inside => {
                        word.changed = true;
                        word.text.push_str(value);
                    }
                    None if inside && positional => word.changed = true,
                    _ => word.text.push_str(raw),
                }
            }
        }
    }
}
