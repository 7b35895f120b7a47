//! Constants that turn out to be code: decoded whatever the file does with them, since
//! how they reach what runs them can't always be followed.

use std::ops::Range;

use packguard_sdk::decode::{self, Layer};
use packguard_sdk::indicators::{self, ShellAct};
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity, text};
use ruff_python_ast::token::Token;

use super::constants::{Constant, numbers, strings, tables};
use super::encoded::encoded_names;
use super::is_capability;
use crate::inspect::inspect_payload;

/// A constant that decodes to code.
pub const LATENT_PAYLOAD: Rule = Rule::new(
    "python-latent-payload",
    "A constant decodes to code that does harm",
    "Found when a string, a tuple of numbers or a list of addresses or identifiers decodes to Python \
     code or to a command that downloads, runs, sends or hides something, in a file that is able \
     to run code.\n\nHonest packages ship their code readable.\n\nRead the decoded text. Do not \
     install unless you know what it does.",
    Category::DefenseEvasion,
    Severity::High,
    &["T1027", "T1140"],
);

/// Characters that show nothing, in a file that runs code.
pub const UNSEEN_DATA: Rule = Rule::new(
    "python-unseen-data",
    "A string of invisible characters beside code that is run",
    "Found when a string holds many characters that show nothing (zero-width ones, variation \
     selectors, tags), in a file that runs text as code.\n\nData is hidden so from people who \
     read the file.\n\nDo not install.",
    Category::DefenseEvasion,
    Severity::High,
    &["T1027.010", "T1140"],
);

/// Shortest constant that is decoded.
pub(super) const SHORTEST: usize = 24;

/// Constants decoded in a file, and their length together.
const CONSTANTS_LIMIT: usize = 400;
const LENGTH_LIMIT: usize = 512 << 10;

/// Invisible characters in one string that carry data.
const INVISIBLE: usize = 24;

/// Words without which a file can't run what a constant decodes to.
const RUNS: &[&str] = &[
    "exec",
    "eval",
    "runpy",
    "__import__",
    "import_module",
    "subprocess",
    "os.system",
    "popen",
    "startfile",
    "pickle",
    "marshal",
    "builtins",
    "__builtins__",
    "meta_path",
    "FunctionType",
    "getattr",
    "b64decode",
    "fromhex",
    "unhexlify",
    "codecs",
];

/// Looks at the constants of a file that is able to run code.
pub(super) fn check(source: &str, tokens: &[Token], phase: Phase, depth: usize) -> Vec<Hit> {
    // `re.compile` runs nothing.
    let compiles = memchr::memmem::find_iter(source.as_bytes(), "compile(")
        .any(|at| !source[..at].ends_with('.'));
    let runs = compiles
        || RUNS
            .iter()
            .any(|word| memchr::memmem::find(source.as_bytes(), word.as_bytes()).is_some());
    let mut hits = Vec::new();
    if !runs || depth > 2 {
        return hits;
    }
    let strings = strings(source, tokens);
    let runs_text = ["exec", "eval", "FunctionType", "runpy"]
        .iter()
        .any(|word| memchr::memmem::find(source.as_bytes(), word.as_bytes()).is_some());
    for constant in &strings {
        if runs_text && !constant.text.is_ascii() {
            hits.extend(unseen(constant, phase));
        }
    }
    let mut left = LENGTH_LIMIT;
    let turned = Turned::of(source);
    let lists = numbers(source, tokens).chain(tables(&strings));
    let long = strings.iter().filter(|one| one.text.len() >= SHORTEST);
    for constant in long.take(CONSTANTS_LIMIT) {
        let Some(rest) = left.checked_sub(constant.text.len()) else {
            break;
        };
        left = rest;
        for layers in decoded(&constant.text, turned) {
            hits.extend(judge(&layers, &constant.range, phase, depth));
        }
    }
    hits.extend(encoded_names(source, &strings, phase));
    for constant in lists.take(50) {
        let layers = [Layer {
            encoding: "numbers",
            text: constant.text.as_ref().into(),
        }];
        hits.extend(judge(&layers, &constant.range, phase, depth));
    }
    hits
}

/// What else than encoded a file's constants may be: found out once for all of them.
#[derive(Clone, Copy)]
struct Turned {
    /// Readable text, back to front.
    backwards: bool,
    /// Readable text, each letter 13 further.
    rotated: bool,
}

impl Turned {
    /// Words of which [`judge`] wants one, whatever it is about.
    const WORDS: [&str; 9] = [
        "import", "http", "curl", "wget", "bash", "/bin/", "ershell", "base64", "/dev/tcp",
    ];

    fn of(source: &str) -> Self {
        let has = |word: &str| memchr::memmem::find(source.as_bytes(), word.as_bytes()).is_some();
        let turned = |word: &str| word.chars().rev().collect::<String>();
        Self {
            backwards: Self::WORDS.iter().any(|word| has(&turned(word))),
            rotated: Self::WORDS
                .iter()
                .any(|word| has(&decode::rotate(word, 13))),
        }
    }
}

/// What a constant decodes to, forwards and backwards.
fn decoded(constant: &str, turned: Turned) -> Vec<Vec<Layer>> {
    let mut all = Vec::new();
    let compact = compact(constant);
    if let Some(compact) = &compact {
        unwrapped(constant, compact, &mut all);
    }
    if compact.is_some() || turned.backwards {
        let backwards: String = constant.chars().rev().collect();
        let mut found = vec![Vec::new()];
        if let Some(compact) = &compact {
            let compact: String = compact.chars().rev().collect();
            unwrapped(&backwards, &compact, &mut found);
        }
        for mut layers in found {
            let reversed = Layer {
                encoding: "reversed",
                text: text::cut(&backwards, 400).into(),
            };
            layers.insert(0, reversed);
            all.push(layers);
        }
    }
    if turned.rotated && constant.contains(' ') {
        all.push(vec![Layer {
            encoding: "rot13",
            text: decode::rotate(constant, 13).into(),
        }]);
    }
    all
}

/// A constant without its white space, where it may be encoded: prose has short words and
/// characters that no encoding has.
fn compact(constant: &str) -> Option<String> {
    let is_encoded = |c: char| c.is_ascii_alphanumeric() || "+/=_-%\\x".contains(c);
    let has_run = constant
        .split_ascii_whitespace()
        .any(|word| word.len() >= SHORTEST - 4);
    let only_encoded = || {
        constant
            .chars()
            .all(|c| is_encoded(c) || c.is_ascii_whitespace())
    };
    (has_run || only_encoded()).then(|| constant.split_whitespace().collect())
}

/// What stands encoded in a text.
fn unwrapped(text: &str, compact: &str, all: &mut Vec<Vec<Layer>>) {
    all.extend(decode::layers(text).take(8).map(|found| found.layers));
    if compact.len() != text.len() {
        all.extend(decode::layers(compact).take(4).map(|found| found.layers));
    }
    let bytes = [
        ("base85", decode::base85(compact)),
        ("ascii85", decode::ascii85(compact)),
        ("base32", decode::base32(compact)),
    ];
    for (encoding, bytes) in bytes {
        all.extend(bytes.and_then(|bytes| decode::payload(encoding, &bytes)));
    }
}

/// What a decoded text does, if anything.
fn judge(layers: &[Layer], range: &Range<usize>, phase: Phase, depth: usize) -> Vec<Hit> {
    let Some(inner) = layers.last().map(|layer| &*layer.text) else {
        return Vec::new();
    };
    let words = [
        "exec(",
        "eval(",
        "os.system",
        "Popen",
        "subprocess",
        "socket",
        "urlopen",
        "requests",
        "urlretrieve",
        "ShellExecute",
        "ctypes",
    ];
    let is_code = (inner.contains("import ") || inner.contains("__import__("))
        && words.iter().any(|word| inner.contains(word));
    let hostile_shell = indicators::shell(inner).into_iter().any(|found| {
        matches!(
            found.act,
            ShellAct::DownloadAndRun | ShellAct::DecodeAndRun | ShellAct::ReverseShell
        )
    });
    if !is_code && !hostile_shell {
        return Vec::new();
    }
    let mut hits = Vec::new();
    let mut gravest = None;
    if is_code {
        let inspection = inspect_payload(inner, phase, depth + 1);
        for mut hit in inspection.hits {
            if is_capability(hit.rule.id) {
                gravest = gravest.max(Some(Severity::Low));
                continue;
            }
            gravest = gravest.max(Some(hit.severity));
            hit.range = range.clone();
            hit.layers.splice(0..0, layers.iter().cloned());
            hits.push(hit);
        }
    }
    let severity = match (hostile_shell, gravest) {
        (true, _) | (_, Some(Severity::Medium | Severity::High | Severity::Critical)) => {
            Severity::High
        }
        (_, Some(_)) => Severity::Medium,
        (false, None) => return Vec::new(),
    };
    hits.push(
        Hit::new(&LATENT_PAYLOAD, range.clone(), phase)
            .severity(severity)
            .layers(layers)
            .why("What it decodes to is code, and the file is able to run it."),
    );
    hits
}

/// Zero-width characters, variation selectors, tags: data that nobody sees.
fn unseen(constant: &Constant<'_>, phase: Phase) -> Option<Hit> {
    let hidden = |c: char| {
        matches!(
            c,
            '\u{200B}'..='\u{200F}'
                | '\u{2060}'..='\u{2064}'
                | '\u{FE00}'..='\u{FE0F}'
                | '\u{FEFF}'
                | '\u{180E}'
                | '\u{3164}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{FFA0}'
                | '\u{E0000}'..='\u{E01EF}'
        )
    };
    let count = constant.text.chars().filter(|c| hidden(*c)).count();
    // Emoji are joined by such characters, too, but by few.
    let mostly = count * 2 >= constant.text.chars().count();
    (count >= INVISIBLE && mostly).then(|| {
        Hit::new(&UNSEEN_DATA, constant.range.clone(), phase)
            .title(format!("{count} invisible characters in one string"))
            .confidence(Confidence::High)
            .why("They carry data that no editor shows, and the file runs text as code.")
    })
}
