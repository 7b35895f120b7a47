//! A bound on a text's nesting, told from its bytes in a fraction of the time that its
//! tokens take. It knows plain Python only: whatever is odd, or nested more than usual,
//! is left to [`guard`](crate::guard), which counts exactly.

/// Most that may deepen the tree at one place: operators, keywords, dots and brackets,
/// all counted alike. Counted twice, as nesting and as a chain, and with
/// [`WIDTH_LIMIT`], it stays within what is dropped recursively.
const DEPTH_LIMIT: usize = 100;

/// Widest indentation, in bytes: each level takes one at least.
const WIDTH_LIMIT: usize = 100;

/// Longest text, in bytes: it has fewer tokens than are too many.
const LENGTH_LIMIT: usize = 900_000;

const _: () = assert!(DEPTH_LIMIT < crate::guard::NESTING_LIMIT);
const _: () = assert!(DEPTH_LIMIT < crate::guard::CHAIN_LIMIT);
const _: () = assert!(WIDTH_LIMIT <= crate::guard::INDENT_LIMIT);
const _: () = assert!(2 * DEPTH_LIMIT + WIDTH_LIMIT <= crate::guard::DROP_LIMIT);
const _: () = assert!(2 * LENGTH_LIMIT < crate::guard::TOKEN_LIMIT);

/// Whether a text is surely within all limits, and a tree of it can be dropped.
pub fn is_flat(text: &str) -> bool {
    text.len() < LENGTH_LIMIT && Reader::new(text.as_bytes()).read().is_some()
}

/// What stands open.
#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    /// The byte that closes it; for a formatted string its quote.
    closer: u8,
    /// What deepens the tree in it since the last comma, itself included.
    count: usize,
    /// Whether a lambda's commas may stand in it.
    has_lambda: bool,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// Nothing: a line by itself.
    #[default]
    Line,
    Bracket,
    /// `{…}` in a formatted string.
    Field,
    /// A formatted string, with as many quotes on each side, and whether it is raw.
    Formatted(usize, bool),
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    open: Vec<Frame>,
    frame: Frame,
    /// Sum of the counts of what stands open around the frame.
    around: usize,
    /// How many formatted strings stand open.
    formatted: usize,
    /// Widths of the indentations that stand open.
    widths: Vec<usize>,
    /// What lines are indented with.
    blank: Option<u8>,
}

/// Each function gives nothing where the text is odd.
impl<'t> Reader<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self {
            text,
            at: 0,
            open: Vec::new(),
            frame: Frame::default(),
            around: 0,
            formatted: 0,
            widths: vec![0],
            blank: None,
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn read(&mut self) -> Option<()> {
        self.indentation()?;
        while let Some(byte) = self.text.get(self.at).copied() {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(false)?,
                b'0'..=b'9' => self.number()?,
                b'\n' | b'\r' => self.newline()?,
                b'#' if self.formatted == 0 => self.comment(),
                b'"' | b'\'' => self.string(false, false)?,
                b'(' => self.enter(b')', Kind::Bracket)?,
                b'[' => self.enter(b']', Kind::Bracket)?,
                b'{' => self.enter(b'}', Kind::Bracket)?,
                b')' | b']' | b'}' => self.leave(byte)?,
                b',' => {
                    self.at += 1;
                    if !self.frame.has_lambda {
                        self.frame.count = usize::from(self.frame.kind != Kind::Line);
                    }
                }
                b';' if self.open.is_empty() => {
                    self.at += 1;
                    self.frame = Frame::default();
                }
                b':' if self.frame.kind == Kind::Field => self.format()?,
                b'.' | b'=' | b':' | b'+' | b'-' | b'*' | b'/' | b'%' | b'&' | b'|' | b'^'
                | b'~' | b'<' | b'>' | b'!' | b'@' => {
                    self.at += 1;
                    self.count()?;
                }
                b'\\' => self.continuation()?,
                _ => return None,
            }
        }
        self.open.is_empty().then_some(())
    }

    fn count(&mut self) -> Option<()> {
        self.frame.count += 1;
        (self.around + self.frame.count <= DEPTH_LIMIT).then_some(())
    }

    fn enter(&mut self, closer: u8, kind: Kind) -> Option<()> {
        self.at += 1;
        self.count()?;
        self.around += self.frame.count;
        self.open.push(self.frame);
        self.frame = Frame {
            closer,
            kind,
            ..Frame::default()
        };
        self.count()
    }

    fn leave(&mut self, closer: u8) -> Option<()> {
        if self.frame.closer != closer {
            return None;
        }
        self.at += 1;
        let was = self.frame.kind;
        self.frame = self.open.pop()?;
        self.around -= self.frame.count;
        match was {
            Kind::Field => self.formatted_text(),
            _ => Some(()),
        }
    }

    fn comment(&mut self) {
        let rest = self.rest();
        self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    }

    fn newline(&mut self) -> Option<()> {
        self.at += 1;
        if self.formatted > 0 {
            return None;
        }
        if !self.open.is_empty() {
            return Some(());
        }
        self.frame = Frame::default();
        self.indentation()
    }

    /// The blanks that a line begins with.
    fn indentation(&mut self) -> Option<()> {
        let rest = self.rest();
        let first = self.peek(0);
        let width = rest.iter().take_while(|byte| **byte == first).count();
        let width = if matches!(first, b' ' | b'\t') {
            width
        } else {
            0
        };
        self.at += width;
        match self.peek(0) {
            b'\n' | b'\r' | b'#' => return Some(()),
            b' ' | b'\t' | 0x0C | b'\\' => return None,
            _ => {}
        }
        if width > 0 && *self.blank.get_or_insert(first) != first || width > WIDTH_LIMIT {
            return None;
        }
        while self.widths.last().is_some_and(|open| *open > width) {
            self.widths.pop();
            if self.widths.last().is_some_and(|open| *open < width) {
                return None;
            }
        }
        if self.widths.last() != Some(&width) {
            self.widths.push(width);
        }
        Some(())
    }

    /// A backslash at the end of a line.
    fn continuation(&mut self) -> Option<()> {
        self.at += match (self.peek(1), self.peek(2)) {
            (b'\n', _) => 2,
            (b'\r', b'\n') => 3,
            _ => return None,
        };
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let rest = self.rest();
        let digit = |byte: &&u8| byte.is_ascii_digit() || **byte == b'_';
        self.at += rest.iter().take_while(digit).count();
        if self.peek(0) == b'.' {
            self.at += 1;
            self.count()?;
        }
        match self.peek(0) {
            b'a'..=b'z' | b'A'..=b'Z' => self.word(true),
            _ => Some(()),
        }
    }

    /// A name, a keyword, or what stands before a string; `glued` to a number it may be
    /// part of that, or a keyword with part of it.
    fn word(&mut self, glued: bool) -> Option<()> {
        let rest = self.rest();
        let of_word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let word = &rest[..rest.iter().take_while(of_word).count()];
        self.at += word.len();
        match self.peek(0) {
            0x80.. => return None,
            b'"' | b'\'' if glued => return None,
            b'"' | b'\'' => {
                let (formats, raw) = prefix(word);
                return match formats {
                    Some(formats) => self.string(formats, raw),
                    // A keyword, or no Python.
                    None => self.keyword(word),
                };
            }
            _ => {}
        }
        if glued {
            return self.count();
        }
        self.keyword(word)
    }

    fn keyword(&mut self, word: &[u8]) -> Option<()> {
        if is_keyword(word) {
            self.frame.has_lambda |= word == b"lambda";
            self.count()?;
        }
        Some(())
    }

    fn string(&mut self, formats: bool, raw: bool) -> Option<()> {
        let quote = self.peek(0);
        let quotes = match (self.peek(1) == quote, self.peek(2) == quote) {
            (true, true) => 3,
            (true, false) => {
                self.at += 2;
                return self.count();
            }
            _ => 1,
        };
        if formats {
            self.enter(quote, Kind::Formatted(quotes, raw))?;
            self.at += quotes - 1;
            self.formatted += 1;
            return self.formatted_text();
        }
        self.at += quotes;
        loop {
            let rest = self.rest();
            self.at += if quotes == 3 {
                memchr::memchr2(quote, b'\\', rest)?
            } else {
                rest.iter()
                    .position(|byte| *byte == quote || matches!(byte, b'\\' | b'\n' | b'\r'))?
            };
            match self.peek(0) {
                b'\\' => self.at += 2,
                b'\n' | b'\r' => return None,
                _ if quotes == 1 || (self.peek(1) == quote && self.peek(2) == quote) => {
                    self.at += quotes;
                    return Some(());
                }
                _ => self.at += 1,
            }
        }
    }

    /// Reads on in a formatted string, to its end or to a field of it.
    fn formatted_text(&mut self) -> Option<()> {
        let Kind::Formatted(quotes, raw) = self.frame.kind else {
            return None;
        };
        let quote = self.frame.closer;
        loop {
            match self.peek(0) {
                0 => return None,
                b'\n' | b'\r' if quotes == 1 => return None,
                b'\\' if raw => return None,
                b'\\' => match self.peek(1) {
                    b'n' | b't' | b'r' | b'\\' | b'"' | b'\'' => self.at += 2,
                    _ => return None,
                },
                b'{' | b'}' if self.peek(1) == self.peek(0) => self.at += 2,
                b'{' => return self.enter(b'}', Kind::Field),
                b'}' => return None,
                byte if byte == quote => {
                    if quotes == 1 || (self.peek(1) == quote && self.peek(2) == quote) {
                        self.at += quotes - 1;
                        self.formatted -= 1;
                        return self.leave(quote);
                    }
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
    }

    /// How a field is formatted: `:>10.2f`.
    fn format(&mut self) -> Option<()> {
        self.at += 1;
        let rest = self.rest();
        let plain = |byte: &&u8| byte.is_ascii_alphanumeric() || b" .,<>=^+-_%*:/".contains(*byte);
        self.at += rest.iter().take_while(plain).count();
        match self.peek(0) {
            b'}' => self.leave(b'}'),
            _ => None,
        }
    }
}

/// Whether the prefix of a string makes it a formatted one, if it is a prefix; and
/// whether it makes it raw.
fn prefix(word: &[u8]) -> (Option<bool>, bool) {
    let lower: Vec<u8> = word.iter().take(3).map(u8::to_ascii_lowercase).collect();
    match &lower[..] {
        b"f" | b"t" => (Some(true), false),
        b"fr" | b"rf" | b"tr" | b"rt" => (Some(true), true),
        b"b" | b"u" | b"r" | b"br" | b"rb" => (Some(false), true),
        _ => (None, false),
    }
}

fn is_keyword(word: &[u8]) -> bool {
    matches!(
        word,
        b"and"
            | b"as"
            | b"assert"
            | b"async"
            | b"await"
            | b"break"
            | b"case"
            | b"class"
            | b"continue"
            | b"def"
            | b"del"
            | b"elif"
            | b"else"
            | b"except"
            | b"finally"
            | b"for"
            | b"from"
            | b"global"
            | b"if"
            | b"import"
            | b"in"
            | b"is"
            | b"lambda"
            | b"lazy"
            | b"match"
            | b"nonlocal"
            | b"not"
            | b"or"
            | b"pass"
            | b"raise"
            | b"return"
            | b"try"
            | b"type"
            | b"while"
            | b"with"
            | b"yield"
            | b"None"
            | b"True"
            | b"False"
    )
}
