//! Shell text: variables, arrays, functions, substitutions, pipelines of pure commands.

use std::collections::BTreeMap;

use super::shell_eval::{is_runner, joined};
use super::{Folded, Made, VALUE_LIMIT, VARIABLES_LIMIT};
use crate::text::Text;

/// Bytes of substitutions evaluated in one script, nested ones each time anew.
const WORK: usize = 4 << 20;

/// A word with what is known of it put in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    /// All of it is known.
    pub exact: bool,
    /// An expansion was replaced.
    pub changed: bool,
    /// It is one double-quoted or single-quoted string.
    pub quoted: bool,
    /// Which commands put it together: `base64`, `rev`.
    pub how: String,
}

/// Names and what they stand for.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub variables: BTreeMap<String, String>,
    /// Values of which a part is not known: `$HOME/.npmrc`.
    pub loose: BTreeMap<String, String>,
    pub functions: BTreeMap<String, String>,
    pub work: usize,
    pub cut: bool,
}

impl State {
    pub fn set(&mut self, name: &str, value: String) {
        let fits = self.variables.len() < VARIABLES_LIMIT || self.variables.contains_key(name);
        if fits && value.len() <= VALUE_LIMIT {
            self.variables.insert(name.into(), value);
        } else {
            self.cut = true;
        }
    }

    /// Takes so much off the budget; false once it is spent.
    pub fn spend(&mut self, bytes: usize) -> bool {
        self.work = self.work.saturating_add(bytes);
        self.cut |= self.work > WORK;
        self.work <= WORK
    }
}

/// A cursor over shell text.
pub(super) struct Cursor<'a> {
    pub text: &'a str,
    pub at: usize,
    pub depth: usize,
}

impl<'a> Cursor<'a> {
    pub fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    pub fn character(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.chars().next().map_or(0, char::len_utf8);
        self.at += length;
        &rest[..length]
    }
}

/// Puts the constants of a script in.
pub fn fold(input: &Text) -> Folded {
    let mut state = State::default();
    let mut folded = Folded::default();
    functions(&input.text, &mut state);
    let mut cursor = Cursor {
        text: &input.text,
        at: 0,
        depth: 0,
    };
    let mut statement = Statement::default();
    while let Some(byte) = cursor.peek(0) {
        let start = cursor.at;
        match byte {
            b'#' if statement.fresh => {
                let rest = &input.text[start..];
                cursor.at += memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
                folded
                    .text
                    .push(input.origin(start), &input.text[start..cursor.at]);
            }
            b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'{' | b'}' | b'<' | b'>' | b' ' | b'\t'
            | b'\r' => {
                cursor.at += 1;
                let is_brace_word = matches!(byte, b'{' | b'}') && !statement.fresh;
                if !is_brace_word {
                    statement.separator(&input.text, start, byte, &mut state, &mut folded);
                }
                folded
                    .text
                    .push(input.origin(start), &input.text[start..cursor.at]);
                statement.fresh = true;
            }
            _ => {
                let word = cursor.word(&mut state);
                if cursor.at == start {
                    cursor.character();
                }
                statement.word(&input.text[start..cursor.at], &word, &mut state);
                write(input, start..cursor.at, &word, &mut folded);
                statement.fresh = false;
            }
        }
    }
    statement.separator(&input.text, cursor.at, b'\n', &mut state, &mut folded);
    folded.cut |= state.cut;
    folded
}

/// Writes a word: as it stands unless something in it was replaced.
fn write(input: &Text, range: std::ops::Range<usize>, word: &Word, folded: &mut Folded) {
    let raw = &input.text[range.clone()];
    let origin = input.origin(range.start);
    if !word.changed || folded.text.text.len() > 4 * input.text.len() + VALUE_LIMIT {
        folded.text.push(origin, raw);
        return;
    }
    folded.rewritten += 1;
    let from = folded.text.text.len();
    if word.quoted {
        let escaped = word
            .text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('`', "\\`");
        folded.text.push(origin, &format!("\"{escaped}\""));
    } else {
        folded.text.push(origin, &word.text);
    }
    if word.exact && !word.how.is_empty() && word.text.len() >= 4 {
        folded.made.push(Made {
            range: from..folded.text.text.len(),
            how: word.how.clone(),
            text: word.text.clone(),
            runs: false,
        });
    }
}

/// Remembers the bodies of one-line and longer functions, before anything calls them.
fn functions(text: &str, state: &mut State) {
    for (at, _) in text.match_indices("()").take(500) {
        let name = text[..at].trim_end();
        let name = name
            .rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .next()
            .unwrap_or_default();
        let Some(body) = text[at + 2..].trim_start().strip_prefix('{') else {
            continue;
        };
        let body = packguard_sdk::text::cut(body, 4_000);
        let end = body.find("\n}").or_else(|| body.find('}'));
        let end = match (body.find('\n'), body.find('}')) {
            (Some(line), Some(brace)) if brace < line => Some(brace),
            _ => end,
        };
        if let Some(body) = end.and_then(|end| body.get(..end))
            && !name.is_empty()
            && body.len() <= 2_000
        {
            state.functions.insert(name.into(), body.trim().into());
        }
    }
}

/// The pipeline that is being read.
#[derive(Debug, Default)]
struct Statement {
    /// The commands so far, the last one open.
    commands: Vec<Vec<Word>>,
    start: usize,
    origin: usize,
    fresh: bool,
    array: Option<(String, Vec<String>)>,
}

impl Statement {
    fn word(&mut self, raw: &str, word: &Word, state: &mut State) {
        if let Some((_, items)) = &mut self.array {
            items.push(word.text.clone());
            return;
        }
        if self.commands.is_empty() {
            self.commands.push(Vec::new());
        }
        let Some(last) = self.commands.last_mut() else {
            return;
        };
        let leads = last.is_empty()
            || matches!(
                last[0].text.as_str(),
                "export" | "local" | "declare" | "readonly" | "typeset" | "set"
            );
        if leads && let Some((name, append)) = assignment(raw) {
            if let Some((_, value)) = word.text.split_once('=') {
                state.loose.remove(name);
                // What is empty at first is filled later: it counts only inside of words.
                if value.is_empty() && name != "IFS" {
                    state.variables.remove(name);
                    state.loose.insert(name.into(), String::new());
                    if raw.ends_with('=') {
                        self.array = Some((name.into(), Vec::new()));
                    }
                    return;
                }
                if !word.exact {
                    state.variables.remove(name);
                    if value.len() <= 500
                        && !value.contains(['(', '`', '@', '*'])
                        && state.loose.len() < VARIABLES_LIMIT
                    {
                        state.loose.insert(name.into(), value.into());
                    }
                } else if append {
                    let before = state.variables.get(name).cloned().unwrap_or_default();
                    state.set(name, before + value);
                } else {
                    state.set(name, value.into());
                }
            }
            self.fresh = false;
            if raw.ends_with('=') {
                self.array = Some((name.into(), Vec::new()));
            }
            return;
        }
        if last.len() < 64 {
            last.push(word.clone());
        }
    }

    /// What stands between words: ends a command, a pipeline, an array.
    fn separator(
        &mut self,
        text: &str,
        at: usize,
        byte: u8,
        state: &mut State,
        folded: &mut Folded,
    ) {
        let end = folded.text.text.len();
        if self.array.is_some() {
            let opens = byte == b'(' && text[..at].ends_with('=');
            let inside = self
                .array
                .as_ref()
                .is_some_and(|(_, items)| !items.is_empty());
            match byte {
                b'(' if opens => return,
                b' ' | b'\t' | b'\n' | b'\r' if inside || text[..at].trim_end().ends_with('(') => {
                    return;
                }
                b')' => {
                    if let Some((name, items)) = self.array.take() {
                        array(&name, &items, state);
                    }
                    return;
                }
                _ => self.array = None,
            }
        }
        match byte {
            b' ' | b'\t' | b'\r' => {}
            b'|' if text.as_bytes().get(at + 1) != Some(&b'|') && !text[..at].ends_with('|') => {
                self.commands.push(Vec::new());
            }
            b'<' | b'>' | b'{' | b'}' => {
                if byte == b'<' && text[at..].starts_with("<<<") && self.commands.is_empty() {
                    self.commands.push(Vec::new());
                }
            }
            _ => {
                self.pipeline(end, state, folded);
                self.commands.clear();
                self.start = end;
                self.origin = at;
            }
        }
    }

    /// A complete pipeline: what it hands to an interpreter, where that is known.
    fn pipeline(&mut self, end: usize, state: &mut State, folded: &mut Folded) {
        let Some((last, before)) = self.commands.split_last() else {
            return;
        };
        let range = self.start.min(end)..end;
        if before.is_empty() {
            if let Some((how, text)) = evaluated(last) {
                folded.made.push(Made {
                    range,
                    how,
                    text,
                    runs: true,
                });
            }
            return;
        }
        if !is_runner(last) {
            return;
        }
        let mut input = None;
        let mut how = Vec::new();
        for command in before {
            input = state.command(command, input.as_deref(), &mut how, 0);
            if input.is_none() {
                return;
            }
        }
        if let Some(text) = input {
            let how = if how.is_empty() {
                "echo".into()
            } else {
                how.join(", ")
            };
            folded.made.push(Made {
                range,
                how,
                text,
                runs: true,
            });
        }
    }
}

/// The text that `eval`, `sh -c` or a command made by a substitution runs, and how it came
/// to be, where it was put together.
fn evaluated(words: &[Word]) -> Option<(String, String)> {
    let (first, rest) = words.split_first()?;
    let hidden = |words: &[Word]| {
        words
            .iter()
            .map(|word| word.how.as_str())
            .find(|how| !how.is_empty())
            .map(str::to_owned)
    };
    if first.text == "eval" {
        let known = !rest.is_empty()
            && rest.iter().all(|word| word.exact)
            && rest.iter().any(|word| word.changed);
        return known.then(|| (hidden(rest).unwrap_or_else(|| "eval".into()), joined(rest)));
    }
    if is_runner(words) {
        let code = rest
            .iter()
            .find(|word| word.exact && !word.how.is_empty() && word.text.len() > 3)?;
        return Some((code.how.clone(), code.text.clone()));
    }
    let whole = first.exact && first.text.contains(' ');
    let how = hidden(std::slice::from_ref(first)).filter(|_| whole)?;
    Some((how, joined(words)))
}

fn array(name: &str, items: &[String], state: &mut State) {
    for (at, item) in items.iter().enumerate().take(500) {
        state.set(&format!("{name}[{at}]"), item.clone());
    }
    let between = if state.variables.get("IFS").is_some_and(String::is_empty) {
        ""
    } else {
        " "
    };
    state.set(&format!("{name}[@]"), items.join(between));
    state.set(&format!("{name}[*]"), items.join(between));
    if let Some(first) = items.first() {
        state.set(name, first.clone());
    }
}

/// The name that a word sets, and whether it appends.
fn assignment(raw: &str) -> Option<(&str, bool)> {
    let (name, _) = raw.split_once('=')?;
    let (name, append) = match name.strip_suffix('+') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let named = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'[' | b']'))
        && !name.starts_with(|c: char| c.is_ascii_digit());
    named.then_some((name, append))
}
