//! Signs of what a file does, whatever flows where: names, strings, what runs by itself.
//!
//! Where values can't be followed (callbacks, descriptors, containers, other files), what
//! stands together in a small package still tells: see `correlate`.

pub mod bits;
mod hosts;
mod keys;
mod route;
mod shape;
mod sums;
mod tables;
mod words;
mod wraps;

use std::collections::BTreeSet;
use std::ops::Range;

use ruff_python_ast::Stmt;
use ruff_python_ast::token::{Token, TokenKind};
use ruff_text_size::Ranged as _;

use packguard_sdk::decode;

use crate::interp::bytes_of;

/// Largest file whose signs are gathered, in bytes.
const SIZE_LIMIT: usize = 64 << 10;

/// Names of imported modules that are kept.
const IMPORTS_LIMIT: usize = 300;

/// Signs of one file.
#[derive(Debug, Default, Clone)]
pub struct Signs {
    /// What there are signs of.
    pub bits: u64,
    /// Which commands of reconnaissance stand in it.
    pub recon: u64,
    /// Where the first sign of each kind stands.
    places: Vec<(u64, Range<usize>)>,
    /// What it imports: `a.b`, or `.b` relative to where it stands.
    pub imports: BTreeSet<String>,
    /// Names that keys are handed to.
    pub hands: BTreeSet<String>,
}

impl Signs {
    /// Whether there are signs of all of these.
    pub fn has(&self, bits: u64) -> bool {
        self.bits & bits == bits
    }

    /// Where the first sign of any of these stands.
    pub fn place(&self, bits: u64) -> Option<Range<usize>> {
        let mut fitting = self.places.iter().filter(|(kind, _)| kind & bits != 0);
        fitting.next().map(|(_, range)| range.clone())
    }

    /// Says anew where each stands, in another form of the text.
    pub fn move_places(&mut self, moved: impl Fn(Range<usize>) -> Range<usize>) {
        for (_, range) in &mut self.places {
            *range = moved(range.clone());
        }
    }

    fn add(&mut self, bits: u64, range: Range<usize>) {
        let new = bits & !self.bits;
        if new != 0 {
            self.bits |= new;
            self.places.push((new, range));
        }
    }
}

/// Gathers the signs of a text; without a body where it is too deep to walk.
pub fn gather(
    text: &str,
    tokens: &[Token],
    body: Option<&[Stmt]>,
    tops: &BTreeSet<String>,
) -> Signs {
    let mut signs = Signs::default();
    if text.len() > SIZE_LIMIT {
        return signs;
    }
    let mut names = 0;
    for token in tokens {
        if token.kind() == TokenKind::CircumFlex {
            signs.add(bits::ENCRYPTS, bytes_of(token.range()));
        }
        if token.kind() == TokenKind::Name
            && let Some(name) = text.get(bytes_of(token.range()))
        {
            // Others take pictures of web pages.
            let bits = match name {
                "screenshot" if !text.contains("pyautogui") => 0,
                _ => words::of_name(name),
            };
            names |= bits;
            if bits != 0 {
                signs.add(bits, bytes_of(token.range()));
            }
            if name == "__file__" {
                signs.add(bits::ITSELF, bytes_of(token.range()));
            }
        }
    }
    let acts =
        bits::SENDS | bits::TRANSACTS | bits::RUNS | bits::WRITES | bits::DELETES | bits::CONTAINER;
    let spies = bits::CLIPBOARD_READ | bits::CLIPBOARD_WRITE | bits::KEYS | bits::SCREEN;
    let reads = bits::WALKS | bits::HOME | bits::ENVIRONMENT | bits::BROWSER;
    let holds = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    // Services that take objects apart, or look functions up by name.
    let serves = || {
        holds("request")
            && ["import_string", "pickle", "marshal", "resolve_name"]
                .iter()
                .any(|word| holds(word))
    };
    let acting = names & (acts | spies | reads) != 0 || text.len() < 2000 || serves();
    match body {
        Some(body) => shape::look(body, tops, acting, &mut signs),
        None => signs.add(bits::STARTS, 0..0),
    }
    if acting {
        strings(text, tokens, &mut signs);
    }
    signs.imports = signs.imports.into_iter().take(IMPORTS_LIMIT).collect();
    signs
}

fn strings(text: &str, tokens: &[Token], signs: &mut Signs) {
    let mut before = TokenKind::Newline;
    for (at, token) in tokens.iter().enumerate() {
        let kind = token.kind();
        if matches!(kind, TokenKind::Comment | TokenKind::NonLogicalNewline) {
            continue;
        }
        if matches!(kind, TokenKind::String | TokenKind::FStringMiddle) {
            let opens = matches!(
                before,
                TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent
            );
            let after = tokens.get(at + 1).map(|next| next.kind());
            let docstring = opens && after == Some(TokenKind::Newline);
            if !docstring && let Some(raw) = text.get(bytes_of(token.range())) {
                string(raw, bytes_of(token.range()), signs);
            }
        }
        before = kind;
    }
}

fn string(raw: &str, range: Range<usize>, signs: &mut Signs) {
    let lower = raw.to_ascii_lowercase();
    let (mut found, recon) = words::of_string(&lower);
    signs.recon |= recon;
    if found & bits::LOCKED != 0 && found & bits::PAY != 0 && raw.len() > 40 {
        found |= bits::NOTE;
    }
    for rest in lower.split("://").skip(1).take(20) {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".-:@".contains(c)));
        if hosts::is_foreign(rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest)) {
            found |= bits::URL;
        }
        if rest.starts_with("169.254.169.254") || rest.starts_with("metadata.google.internal") {
            found |= bits::CLOUD_ADDRESS;
        }
    }
    if hides_code(raw) {
        found |= bits::HIDDEN_CODE;
    }
    let hides =
        lower.contains(">/dev/null") || lower.contains("> /dev/null") || lower.contains(">nul");
    let runs = ["exec(", "| sh", "|sh", "| bash", "|bash", "iex"];
    if hides && lower.contains("http") && runs.iter().any(|word| lower.contains(word)) {
        found |= bits::SILENT_COMMAND;
    }
    let inner = lower
        .trim_start_matches(['b', 'r', 'f', 'u'])
        .trim_matches(['"', '\'']);
    // `.example.com` behind what is looked up.
    let behind = inner
        .strip_prefix('.')
        .filter(|host| signs.has(bits::SOCKET) && host.contains('.'));
    if hosts::is_bare_host(behind.unwrap_or(inner)) {
        found |= bits::HOST;
    }
    signs.add(found, range);
}

/// Base64 in a string, at least this long, is looked into.
const HIDDEN_LEAST: usize = 48;

/// Whether base64 in a string hides code that fetches and runs.
fn hides_code(raw: &str) -> bool {
    let runs = raw.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=-_".contains(c)));
    runs.filter(|run| run.len() >= HIDDEN_LEAST)
        .take(8)
        .filter_map(decode::base64)
        .filter_map(|bytes| String::from_utf8(bytes).ok())
        .any(|code| {
            let fetches = ["http://", "https://", "/dev/tcp/", "socket"];
            let runs = [
                "exec(",
                "eval(",
                "subprocess",
                "os.system",
                "| sh",
                "|sh",
                "| bash",
                "|bash",
                "nohup ",
                "chmod +x",
                "powershell",
                ">&",
            ];
            fetches.iter().any(|word| code.contains(word))
                && runs.iter().any(|word| code.contains(word))
        })
}
