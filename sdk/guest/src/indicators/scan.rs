//! Finding [`Indicator`]s: one pass of a multi-pattern automaton, then a look at what
//! stands around each match.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

use super::glance;
use super::table::{Form, GROUPS, HOST_PREFIXES};
use super::url::url;
use super::{Indicator, Kind};

/// Most indicators of one kind taken from one text: more say nothing new, and a hostile
/// text must not fill the sandbox.
pub const PER_KIND_LIMIT: usize = 1_000;

/// Longest host name (RFC 1035) or identifier followed to its ends, in bytes.
pub(super) const NAME_LIMIT: usize = 253;

/// Bytes put into lower case and searched at once.
const PIECE: usize = 64 << 10;

/// How much of a piece is searched again with the next one: more than any pattern.
const OVERLAP: usize = 64;

struct Scanner {
    automaton: AhoCorasick,
    /// What the pattern of the same index stands for; `None` for `://`.
    meanings: Vec<Option<(Kind, Form)>>,
}

static SCANNER: LazyLock<Option<Scanner>> = LazyLock::new(build);

fn build() -> Option<Scanner> {
    let mut patterns: Vec<String> = vec!["://".into()];
    let mut meanings = vec![None];
    let mut add = |pattern: String, kind, form| {
        patterns.push(pattern.to_ascii_lowercase());
        meanings.push(Some((kind, form)));
    };
    for group in GROUPS {
        for pattern in group.patterns {
            if matches!(group.form, Form::Path | Form::DotFile) && pattern.contains('/') {
                add(pattern.replace('/', "\\"), group.kind, group.form);
                add(pattern.replace('/', "\\\\"), group.kind, group.form);
            }
            add((*pattern).into(), group.kind, group.form);
        }
    }
    for (kind, prefix) in HOST_PREFIXES {
        add((*prefix).into(), *kind, Form::HostPrefix);
    }
    // Every fresh sandbox pays for the building: 0.8 ms this way, 3 ms were it to ignore
    // case itself, 6 ms and more as a DFA (which would scan twice as fast).
    let automaton = AhoCorasickBuilder::new()
        .match_kind(MatchKind::Standard)
        .prefilter(false)
        .dense_depth(1)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(patterns)
        .ok()?;
    Some(Scanner {
        automaton,
        meanings,
    })
}

/// Indicators in a text, in order of position, non-overlapping per kind; of each kind
/// the first [`PER_KIND_LIMIT`].
///
/// ```
/// use packguard_sdk::indicators::{Kind, scan};
/// let found = scan("cat ~/.ssh/id_rsa");
/// assert!(found.iter().any(|one| one.kind == Kind::CredentialPath));
/// ```
pub fn scan(text: &str) -> Vec<Indicator> {
    if LazyLock::get(&SCANNER).is_none() && glance::is_empty(text.as_bytes()) {
        return Vec::new();
    }
    let Some(scanner) = SCANNER.as_ref() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut counts = [0_usize; KINDS];
    let mut start = 0;
    while start < text.len() {
        let end = text.len().min(start + PIECE);
        let piece = text.as_bytes()[start..end].to_ascii_lowercase();
        // What ends in the overlap was found in the piece before.
        let fresh = if start == 0 { 0 } else { OVERLAP };
        for hit in scanner.automaton.find_overlapping_iter(&piece) {
            let range = start + hit.start()..start + hit.end();
            let meaning = scanner.meanings.get(hit.pattern().as_usize());
            let verified = match meaning {
                _ if hit.end() <= fresh => None,
                Some(Some((kind, form))) => {
                    verify(text.as_bytes(), range, *form).map(|range| (*kind, range))
                }
                _ => url(text, range),
            };
            let Some((kind, range)) = verified else {
                continue;
            };
            let count = &mut counts[kind as usize];
            if *count < PER_KIND_LIMIT {
                *count += 1;
                found.push((kind, range));
            }
        }
        start = if end == text.len() {
            end
        } else {
            end - OVERLAP
        };
    }
    tidy(text, found)
}

/// As many as [`Kind`] has variants.
const KINDS: usize = Kind::Miner as usize + 1;

/// Sorts by position and keeps the longest of overlapping matches of a kind.
fn tidy(text: &str, mut found: Vec<(Kind, Range<usize>)>) -> Vec<Indicator> {
    found.sort_by_key(|(kind, range)| (range.start, std::cmp::Reverse(range.end), *kind));
    let mut ends = [0_usize; KINDS];
    found.retain(|(kind, range)| {
        let free = range.start >= ends[*kind as usize];
        if free {
            ends[*kind as usize] = range.end;
        }
        free
    });
    found
        .into_iter()
        .map(|(kind, range)| Indicator {
            kind,
            text: text.get(range.clone()).unwrap_or_default().into(),
            range,
        })
        .collect()
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric())
}

pub(super) fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

pub(super) fn before(bytes: &[u8], at: usize) -> Option<&u8> {
    at.checked_sub(1).and_then(|at| bytes.get(at))
}

/// Whether what stands around a match lets it count, and its whole range.
fn verify(bytes: &[u8], hit: Range<usize>, form: Form) -> Option<Range<usize>> {
    let (previous, next) = (before(bytes, hit.start), bytes.get(hit.end));
    let ends_open = bytes[..hit.end].ends_with(b"/") || bytes[..hit.end].ends_with(b"\\");
    match form {
        Form::Host | Form::HostInUrl => host(bytes, hit, form == Form::HostInUrl),
        Form::HostPrefix => host_prefix(bytes, hit),
        Form::Path => {
            let starts_open = matches!(bytes[hit.start], b'/' | b'\\');
            let open = starts_open || !is_word(previous) && previous != Some(&b'_');
            // `/etc/cron` begins a family of names (`cron.d`, `crontab`).
            let closed = ends_open
                || !is_word(next) && next != Some(&b'_')
                || ends_with(&bytes[..hit.end], b"cron");
            (open && closed).then_some(hit)
        }
        Form::DotFile => {
            let open = matches!(previous, Some(b'/' | b'\\' | b'"' | b'\'' | b'`'));
            (open && !is_word(next) && !matches!(next, Some(b'_' | b'-' | b'.'))).then_some(hit)
        }
        Form::Word => (!is_word(previous) && !is_word(next)).then_some(hit),
        Form::Variable => {
            let open = !is_word(previous) && previous != Some(&b'_');
            let upper = !bytes[hit.clone()].iter().any(u8::is_ascii_lowercase);
            (open && upper && !is_word(next) && next != Some(&b'_')).then_some(hit)
        }
        Form::VariableSuffix => variable(bytes, hit),
    }
}

fn ends_with(bytes: &[u8], end: &[u8]) -> bool {
    bytes.len() >= end.len() && bytes[bytes.len() - end.len()..].eq_ignore_ascii_case(end)
}

/// A host name that ends in the match (or whose path does), with its subdomains.
fn host(bytes: &[u8], hit: Range<usize>, only_in_url: bool) -> Option<Range<usize>> {
    let next = bytes.get(hit.end);
    let with_path = bytes[hit.clone()].contains(&b'/');
    if !with_path {
        let goes_on = match next {
            Some(b'.') => is_word(bytes.get(hit.end + 1)),
            Some(b'-' | b'_') => true,
            next => is_word(next),
        };
        if goes_on {
            return None;
        }
    }
    let start = match before(bytes, hit.start) {
        Some(b'.') => hit.start - name_before(bytes, hit.start),
        Some(byte) if is_host_byte(*byte) => return None,
        _ => hit.start,
    };
    let in_url = bytes[..start].ends_with(b"//") || next == Some(&b'/');
    (!only_in_url || in_url).then_some(start..hit.end)
}

/// How many bytes before `at` belong to a host name.
fn name_before(bytes: &[u8], at: usize) -> usize {
    bytes[at.saturating_sub(NAME_LIMIT)..at]
        .iter()
        .rev()
        .take_while(|byte| is_host_byte(**byte))
        .count()
}

/// `<anything>.oast.<tld>`: a subdomain before and a short domain after.
fn host_prefix(bytes: &[u8], hit: Range<usize>) -> Option<Range<usize>> {
    let start = hit.start - name_before(bytes, hit.start);
    if before(bytes, hit.start) != Some(&b'.') || !bytes[..start].ends_with(b"//") {
        return None;
    }
    let tld = bytes[hit.end..]
        .iter()
        .take(NAME_LIMIT)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    (tld >= 2).then_some(start..hit.end + tld)
}

/// An upper-case identifier that ends in the match and is read as a variable.
fn variable(bytes: &[u8], hit: Range<usize>) -> Option<Range<usize>> {
    let is_name = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_';
    if bytes[hit.clone()].iter().any(u8::is_ascii_lowercase) {
        return None;
    }
    let next = bytes.get(hit.end);
    if is_word(next) || next == Some(&b'_') {
        return None;
    }
    let from = hit.start.saturating_sub(NAME_LIMIT);
    let length = bytes[from..hit.start]
        .iter()
        .rev()
        .take_while(is_name)
        .count();
    let start = hit.start - length;
    let lead = &bytes[start.saturating_sub(8)..start];
    let quoted = matches!(
        (lead.last(), next),
        (Some(b'"'), Some(b'"'))
            | (Some(b'\''), Some(b'\''))
            | (Some(b'`'), Some(b'`'))
            | (Some(b'%'), Some(b'%'))
    );
    let read = quoted
        || lead.ends_with(b"$")
        || lead.ends_with(b"${")
        || ends_with(lead, b"env.")
        || ends_with(lead, b"env:");
    (read && !is_word(lead.last())).then_some(start..hit.end)
}
