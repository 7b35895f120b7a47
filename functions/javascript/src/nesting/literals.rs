//! Texts, templates, regular expressions and comments.

use super::{Before, Level, Scan};

impl Scan<'_> {
    pub(super) fn text(&mut self, quote: u8) {
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(step) = memchr::memchr3(quote, b'\\', b'\n', rest) else {
                self.at = self.bytes.len();
                return;
            };
            self.at += step + 1;
            match rest[step] {
                b'\\' => self.at += 1,
                _ => break,
            }
        }
        self.operand();
    }

    pub(super) fn template(&mut self) {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(step) = memchr::memchr3(b'`', b'\\', b'$', rest) else {
                self.at = self.bytes.len();
                return;
            };
            self.at += step + 1;
            match rest[step] {
                b'\\' => self.at += 1,
                b'$' if self.peek(0) == b'{' => {
                    self.at += 1;
                    self.levels.push(Level {
                        waiting: 0,
                        bracket: b'$',
                        head: false,
                        outside: self.ternaries.len(),
                    });
                    self.note();
                    self.operator();
                    return;
                }
                b'$' => {}
                _ => break,
            }
        }
        self.operand();
    }

    pub(super) fn slash(&mut self) {
        let rest = &self.bytes[self.at..];
        match self.peek(1) {
            b'/' => {
                self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            }
            b'*' => {
                self.at +=
                    memchr::memmem::find(&rest[2..], b"*/").map_or(rest.len(), |length| length + 4);
            }
            _ if self.before == Before::Operator => self.pattern(),
            _ => {
                self.at += 1;
                // `/>` closes a JSX element and is counted there.
                self.operator();
            }
        }
    }

    /// A regular expression; a division where it does not end on its line.
    pub(super) fn pattern(&mut self) {
        let rest = &self.bytes[self.at..];
        let mut class = false;
        let mut at = 1;
        while let Some(byte) = rest.get(at) {
            match byte {
                b'\\' => at += 1,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => {
                    self.at += at + 1;
                    self.operand();
                    return;
                }
                b'\n' => break,
                _ => {}
            }
            at += 1;
        }
        self.at += 1;
        self.operator();
    }
}
