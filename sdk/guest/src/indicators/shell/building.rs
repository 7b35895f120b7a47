//! Putting words together into commands.

use super::lex::{Command, Joint, Redirect, Word};

/// Words and redirections of a command that is not complete yet, and the commands before
/// it.
pub(super) struct Building {
    pub commands: Vec<Command>,
    pub words: Vec<Word>,
    pub redirects: Vec<Redirect>,
    pub pending: Option<String>,
    pub joint: Joint,
    start: usize,
}

impl Building {
    pub fn new(start: usize) -> Self {
        Self {
            commands: Vec::new(),
            words: Vec::new(),
            redirects: Vec::new(),
            pending: None,
            joint: Joint::Sequence,
            start,
        }
    }

    pub fn word(&mut self, word: Word) {
        if word.text.is_empty() && word.nested.is_empty() {
            return;
        }
        if let Some(operator) = self.pending.take() {
            self.redirects.push(Redirect {
                operator,
                target: word,
            });
        } else if let Some(inner) = brace_list(&word) {
            self.words.extend(inner);
        } else {
            self.words.push(word);
        }
    }

    pub fn close(&mut self, end: usize, next: Joint, background: bool) {
        if self.words.is_empty() && self.redirects.is_empty() {
            // `foo |\n bar` and `(a) | b` keep the pipe.
            if next == Joint::Pipe {
                self.joint = next;
            }
            return;
        }
        let start = self.words.iter().map(|word| word.range.start);
        let start = start
            .chain(self.redirects.iter().map(|to| to.target.range.start))
            .min();
        self.commands.push(Command {
            words: std::mem::take(&mut self.words),
            redirects: std::mem::take(&mut self.redirects),
            joint: self.joint,
            background,
            range: start.unwrap_or(self.start)..end,
        });
        self.pending = None;
        self.joint = next;
    }
}

/// `{curl,-o,f}` as separate words.
fn brace_list(word: &Word) -> Option<Vec<Word>> {
    let inner = word.text.strip_prefix('{')?.strip_suffix('}')?;
    if !inner.contains(',') || inner.contains([':', '"']) && !inner.contains("://") {
        return None;
    }
    let parts = inner.split(',').map(|part| Word {
        text: part.into(),
        range: word.range.clone(),
        ..Word::default()
    });
    Some(parts.collect())
}

/// `\xHH` and octal escapes of `$'…'` and `printf`.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (digits, radix) = match rest.as_bytes() {
            [b'x', ..] => (1..3, 16),
            [b'0'..=b'7', ..] => (0..3, 8),
            _ => {
                out.push('\\');
                continue;
            }
        };
        let value = rest
            .get(digits.clone())
            .and_then(|digits| u8::from_str_radix(digits, radix).ok());
        match value {
            Some(value) => {
                out.push(char::from(value));
                rest = &rest[digits.end..];
            }
            None => out.push('\\'),
        }
    }
    out.push_str(rest);
    out
}
