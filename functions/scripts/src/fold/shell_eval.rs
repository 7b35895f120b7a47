//! Commands that only turn one text into another: `echo`, `base64 -d`, `rev`, `tr`.

use packguard_sdk::decode;

use super::shell::{Cursor, State, Word};
use super::{DEPTH_LIMIT, VALUE_LIMIT};

/// The texts of words, with blanks between.
pub(super) fn joined(words: &[Word]) -> String {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    texts.join(" ")
}

/// Whether a command runs what comes in.
pub(super) fn is_runner(words: &[Word]) -> bool {
    words
        .iter()
        .map(|word| word.text.rsplit('/').next().unwrap_or_default())
        .find(|name| {
            !matches!(
                *name,
                "sudo" | "nohup" | "exec" | "env" | "command" | "xargs" | "setsid"
            )
        })
        .is_some_and(|name| {
            matches!(
                name,
                "sh" | "bash"
                    | "zsh"
                    | "dash"
                    | "ash"
                    | "ksh"
                    | "eval"
                    | "source"
                    | "."
                    | "node"
                    | "php"
                    | "pwsh"
                    | "powershell"
                    | "osascript"
            ) || name.starts_with("python")
                || name.starts_with("perl")
                || name.starts_with("ruby")
        })
}

impl State {
    /// What a substitution's commands write, where that is known.
    pub fn substitution(&mut self, text: &str, how: &mut String, depth: usize) -> Option<String> {
        if depth >= DEPTH_LIMIT || !self.spend(text.len()) {
            return None;
        }
        let mut steps = Vec::new();
        let out = self.pipeline(text, &mut steps, depth)?;
        *how = if steps.is_empty() {
            "substitution".into()
        } else {
            steps.join(", ")
        };
        Some(out.trim_end_matches('\n').to_owned())
    }

    fn pipeline(&mut self, text: &str, how: &mut Vec<String>, depth: usize) -> Option<String> {
        let mut cursor = Cursor { text, at: 0, depth };
        let mut words: Vec<Word> = Vec::new();
        let mut input: Option<String> = None;
        loop {
            match cursor.peek(0) {
                Some(b' ' | b'\t' | b'\r') => cursor.at += 1,
                Some(b'|') if cursor.peek(1) != Some(b'|') => {
                    cursor.at += 1;
                    input = Some(self.command(&words, input.as_deref(), how, depth)?);
                    words.clear();
                }
                Some(b'<') if cursor.text[cursor.at..].starts_with("<<<") => {
                    cursor.at += 3;
                    while cursor.peek(0) == Some(b' ') {
                        cursor.at += 1;
                    }
                    let here = cursor.word(self);
                    if !here.exact {
                        return None;
                    }
                    input = Some(here.text);
                }
                Some(b'\n' | b';') if words.is_empty() => cursor.at += 1,
                Some(b'2') if cursor.text[cursor.at..].starts_with("2>/dev/null") => {
                    cursor.at += 11;
                }
                None | Some(b'\n' | b';') => {
                    let rest = cursor.text[cursor.at..].trim_matches([';', '\n', ' ', '\t', '\r']);
                    return if rest.is_empty() {
                        self.command(&words, input.as_deref(), how, depth)
                    } else {
                        None
                    };
                }
                Some(b'&' | b'(' | b')' | b'<' | b'>' | b'|') => return None,
                Some(_) => {
                    let start = cursor.at;
                    let word = cursor.word(self);
                    if cursor.at == start || words.len() >= 64 {
                        return None;
                    }
                    words.push(word);
                }
            }
        }
    }

    /// What one command writes, given what it reads.
    pub fn command(
        &mut self,
        words: &[Word],
        input: Option<&str>,
        how: &mut Vec<String>,
        depth: usize,
    ) -> Option<String> {
        let (first, args) = words.split_first()?;
        if !words.iter().all(|word| word.exact) {
            return None;
        }
        let name = first.text.rsplit('/').next().unwrap_or_default();
        for step in words
            .iter()
            .filter(|word| !word.how.is_empty() && word.how != "substitution")
        {
            how.push(step.how.clone());
        }
        if matches!(name, "command" | "builtin" | "busybox" | "sudo") {
            return self.command(args, input, how, depth + 1);
        }
        if let Some(body) = self.functions.get(name).cloned() {
            return self.call(&body, args, how, depth);
        }
        let args: Vec<&str> = args.iter().map(|word| word.text.as_str()).collect();
        if matches!(name, "echo" | "printf")
            && args
                .iter()
                .any(|arg| arg.matches("\\x").count() + arg.matches("\\0").count() > 3)
        {
            how.push("escapes".into());
        }
        let out = match name {
            "echo" => Some(echo(&args)),
            "printf" => printf(&args),
            "cat" | "tee" if args.is_empty() || args == ["-"] => return input.map(str::to_owned),
            _ => filter(name, &args, input?).inspect(|_| how.push(name.into())),
        };
        out.filter(|out| out.len() <= VALUE_LIMIT)
    }

    /// A function of the script, called with constants.
    fn call(
        &mut self,
        body: &str,
        args: &[Word],
        how: &mut Vec<String>,
        depth: usize,
    ) -> Option<String> {
        if depth + 1 >= DEPTH_LIMIT || !self.spend(body.len()) {
            return None;
        }
        let names: Vec<String> = (1..=9)
            .map(|at| at.to_string())
            .chain(["@".to_owned()])
            .collect();
        let before: Vec<Option<String>> = names
            .iter()
            .map(|name| self.variables.remove(name))
            .collect();
        for (at, arg) in args.iter().enumerate().take(9) {
            self.set(&(at + 1).to_string(), arg.text.clone());
        }
        self.set("@", joined(args));
        let out = self.pipeline(body, how, depth + 1);
        for (name, value) in names.into_iter().zip(before) {
            self.variables.remove(&name);
            if let Some(value) = value {
                self.variables.insert(name, value);
            }
        }
        out
    }
}

fn echo(args: &[&str]) -> String {
    let flags = args
        .iter()
        .take_while(|arg| {
            arg.len() > 1 && arg.starts_with('-') && arg[1..].bytes().all(|b| b"neE".contains(&b))
        })
        .count();
    let text = args[flags..].join(" ");
    if args[..flags].iter().any(|flag| flag.contains('e')) {
        super::shell_expand::unescape(&text)
    } else {
        text
    }
}

fn printf(args: &[&str]) -> Option<String> {
    let args = args.strip_prefix(&["--"]).unwrap_or(args);
    let (format, values) = args.split_first()?;
    let format = super::shell_expand::unescape(format);
    if !format.contains('%') {
        return Some(format);
    }
    let mut out = String::new();
    let mut values = values.iter();
    for _ in 0..200 {
        let mut rest = format.as_str();
        let before = values.len();
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            let value = values.next().copied().unwrap_or_default();
            match rest.as_bytes().get(at + 1)? {
                b's' => out.push_str(value),
                b'b' => out.push_str(&super::shell_expand::unescape(value)),
                b'd' => out.push_str(value),
                b'%' => out.push('%'),
                b'c' => out.extend(value.chars().next()),
                _ => return None,
            }
            rest = rest.get(at + 2..)?;
        }
        out.push_str(rest);
        if values.len() == 0 || values.len() == before {
            break;
        }
    }
    Some(out)
}

/// What a filter makes of a text.
fn filter(name: &str, args: &[&str], input: &str) -> Option<String> {
    let text = |bytes: Vec<u8>| packguard_sdk::text::decode_owned(bytes);
    match name {
        "base64" | "gbase64" if has(args, &["-d", "-D", "--decode", "-di", "-id"]) => {
            decode::base64(input).map(text)
        }
        "openssl" if has(args, &["-d"]) && has(args, &["base64", "-base64", "-a"]) => {
            decode::base64(input).map(text)
        }
        "xxd" if args.iter().any(|arg| arg.starts_with("-r")) => decode::hex(input).map(text),
        "rev" => Some(
            input
                .lines()
                .map(|line| line.chars().rev().collect::<String>())
                .collect::<Vec<_>>()
                .join("\n"),
        ),
        "tr" => tr(args, input),
        "sed" => sed(args, input),
        "head" if args.first() == Some(&"-c") => {
            let size = args.get(1)?.parse().ok()?;
            Some(packguard_sdk::text::cut(input, size).to_owned())
        }
        "cut" => {
            let range = args
                .iter()
                .find_map(|arg| arg.strip_prefix("-c").or_else(|| arg.strip_prefix("-b")))?;
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let from = from.parse().unwrap_or(1_usize).max(1) - 1;
            let to = to.parse().unwrap_or(input.len());
            Some(input.chars().take(to).skip(from).collect())
        }
        "gunzip" | "zcat" | "gzip" => None,
        "tac" => Some(input.lines().rev().collect::<Vec<_>>().join("\n")),
        _ => None,
    }
}

fn has(args: &[&str], words: &[&str]) -> bool {
    args.iter().any(|arg| words.contains(arg))
}

/// `tr A-Za-z N-ZA-Mn-za-m`, `tr -d x`.
fn tr(args: &[&str], input: &str) -> Option<String> {
    match args {
        ["-d", set] => {
            let set = ranges(set);
            Some(input.chars().filter(|c| !set.contains(c)).collect())
        }
        [from, to] if !from.starts_with('-') => {
            let (from, to) = (ranges(from), ranges(to));
            let last = to.last().copied();
            let swap = |c: char| match from.iter().position(|one| *one == c) {
                Some(at) => to.get(at).copied().or(last).unwrap_or(c),
                None => c,
            };
            Some(input.chars().map(swap).collect())
        }
        _ => None,
    }
}

/// The characters of a set like `a-z0`.
fn ranges(set: &str) -> Vec<char> {
    let set = match set {
        "[:upper:]" => "A-Z",
        "[:lower:]" => "a-z",
        set => set
            .strip_prefix('[')
            .and_then(|set| set.strip_suffix(']'))
            .unwrap_or(set),
    };
    let set = super::shell_expand::unescape(set);
    let characters: Vec<char> = set.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < characters.len() && out.len() < 512 {
        if characters.get(at + 1) == Some(&'-') && at + 2 < characters.len() {
            out.extend((characters[at]..=characters[at + 2]).take(256));
            at += 3;
        } else {
            out.push(characters[at]);
            at += 1;
        }
    }
    out
}

/// `s/a/b/g` with plain patterns.
fn sed(args: &[&str], input: &str) -> Option<String> {
    let script = args
        .iter()
        .find(|arg| arg.starts_with('s') && arg.len() > 3)?;
    let mark = script[1..].chars().next()?;
    let mut parts = script[1 + mark.len_utf8()..].split(mark);
    let (from, to, flags) = (
        parts.next()?,
        parts.next()?,
        parts.next().unwrap_or_default(),
    );
    if from.is_empty() || from.contains(['*', '[', '^', '$', '\\']) || to.contains(['&', '\\']) {
        return None;
    }
    Some(if flags.contains('g') {
        input.replace(from, to)
    } else {
        input.replacen(from, to, 1)
    })
}
