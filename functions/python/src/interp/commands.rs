//! Commands that download: which file they write.

use std::rc::Rc;

use super::Interpreter;
use super::calls::Given;
use crate::value::{Taint, Value};

/// Programs that fetch what is at an address.
pub(super) const DOWNLOADERS: [&str; 8] = [
    "curl",
    "wget",
    "aria2c",
    "certutil",
    "bitsadmin",
    "Invoke-WebRequest",
    "iwr",
    "DownloadFile",
];

/// Long switches that the file's name follows.
const SWITCHES: [&str; 5] = [
    "--output",
    "--output-document",
    "-OutFile",
    "-outfile",
    "--out",
];

/// Words of a command that are read.
const WORDS: usize = 64;

impl<'a> Interpreter<'a, '_> {
    /// Notes which file a command writes what it downloads to.
    pub(super) fn note_download(&mut self, given: &Given<'a>) {
        let keyword = given.keywords.iter().find(|(name, _)| &**name == "args");
        let Some(command) = given.args.first().or(keyword.map(|(_, value)| value)) else {
            return;
        };
        let words: Vec<&str> = match (command.as_list(), command.as_str()) {
            (Some(items), _) => items
                .iter()
                .take(WORDS)
                .map(|item| item.as_str().unwrap_or_default())
                .flat_map(|item| match item.contains("http") && item.contains(' ') {
                    // A command for a shell of its own.
                    true => words(item),
                    false => vec![item],
                })
                .collect(),
            (None, Some(text)) => words(text),
            (None, None) => return,
        };
        let fetches = words.iter().any(|word| is_downloader(word));
        let address = words.iter().find(|word| word.contains("://"));
        // An address may stand in a variable.
        if !fetches {
            return;
        }
        let switched = words.windows(2).find_map(|pair| {
            let (switch, file) = (pair[0], pair[1]);
            let joined = switch
                .strip_prefix("--output=")
                .or(switch.strip_prefix("--output-document="));
            let is_file = (SWITCHES.contains(&switch) || is_short(switch, ['o', 'O']))
                && !file.starts_with('-');
            joined.or((is_file && !file.contains("://")).then_some(file))
        });
        // `certutil -urlcache -f address file`, `DownloadFile(address, file)`.
        let behind = words.windows(2).find_map(|pair| {
            let follows = pair[0].contains("://") && !pair[1].starts_with('-');
            let takes = ["certutil", "bitsadmin", "DownloadFile"];
            let named = || {
                words
                    .iter()
                    .any(|word| takes.iter().any(|name| word.contains(name)))
            };
            (follows && named()).then_some(pair[1])
        });
        // Otherwise `curl` prints what it gets.
        let keeps = words
            .iter()
            .any(|word| *word == "wget" || *word == "--remote-name" || is_short(word, ['O', 'J']));
        let own = address.filter(|_| keeps).and_then(|address| {
            let name = address.split(['?', '#']).next()?.rsplit('/').next()?;
            (name.len() >= 4 && name.contains('.')).then_some(name)
        });
        let folder = words.windows(2).find_map(|pair| {
            let names = matches!(pair[0], "-P" | "--directory-prefix" | "--output-dir" | "-d");
            names.then_some(pair[1])
        });
        if let (None, Some(folder), Some(name)) = (switched.or(behind), folder, own) {
            let path = format!("{}/{name}", folder.trim_end_matches('/'));
            self.write_to(Some(path.into()), Taint::DOWNLOADED_FILE);
        }
        if let Some(file) = switched.or(behind).or(own).filter(|file| file.len() >= 3) {
            self.write_to(Some(Rc::from(file)), Taint::DOWNLOADED_FILE);
        }
    }

    /// Whether a command names a file that was downloaded before.
    pub(super) fn names_download(&self, text: &str) -> bool {
        let mut names = self.written.iter().take(WORDS).filter(|(name, taint)| {
            taint.has(Taint::DOWNLOADED_FILE) && name.len() >= 6 && name.contains(['/', '\\', '.'])
        });
        text.len() <= 4_096
            && text.contains([' ', '/'])
            && !text.contains("://")
            && names.any(|(name, _)| words(text).contains(&&**name))
    }
}

fn words(text: &str) -> Vec<&str> {
    let apart = |c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | ',');
    text.split(apart)
        .map(|word| word.trim_matches(['"', '\'']))
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .collect()
}

/// Whether a word is switches of one letter, the last one of these: `-fsSLo`.
fn is_short(word: &str, last: [char; 2]) -> bool {
    word.strip_prefix('-').is_some_and(|letters| {
        letters.len() <= 7
            && letters.ends_with(last)
            && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

fn is_downloader(word: &str) -> bool {
    let name = word.rsplit(['/', '\\', '.']).next().unwrap_or_default();
    let program = word.rsplit(['/', '\\']).next().unwrap_or_default();
    let program = program.strip_suffix(".exe").unwrap_or(program);
    DOWNLOADERS.contains(&name) || DOWNLOADERS.contains(&program)
}

/// The text of a constant, to look up what was written there.
pub(super) fn named<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    value
        .as_str()
        .filter(|text| text.len() >= 4 && text.trim_start_matches(['?', '/']).len() >= 4)
}
