//! One pass over a binary: names of functions, and texts.
//!
//! Names are searched as they stand in the file, not through import tables: so they are
//! also found where a program looks functions up by itself, and where a hostile table
//! would take forever to walk. A name ends its text, or a version follows after an `@`:
//! so only what stands there is looked up.

use std::collections::BTreeSet;
use std::io;

use packguard_sdk::File;
use packguard_sdk::indicators::{self, Indicator, Kind};

use crate::marks::Marks;

/// Bytes read at once.
const PIECE: usize = 1 << 20;
/// What two pieces share, longer than any name of a function or host.
const OVERLAP: usize = 512;
/// Shortest text that is searched for indicators, in characters.
const TEXT_MINIMUM: usize = 8;
/// Texts are searched together once they reach this many bytes.
const TEXTS: usize = 256 << 10;
/// Most indicators reported of one file.
const INDICATORS_LIMIT: usize = 10;

/// Lengths of the [`NAMES`], in bytes.
const NAME_MINIMUM: usize = 7;
const NAME_MAXIMUM: usize = 24;

/// Functions that say something in combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    AllocateElsewhere,
    WriteElsewhere,
    RunElsewhere,
    HookInput,
    PollKeys,
    Send,
    DownloadToFile,
    Start,
    NamelessFile,
    RunFile,
    /// It knows all functions of the system: a C library, an interpreter with bindings,
    /// a tracer or filter of system calls.
    Everything,
}

/// Names of functions and what they do.
const NAMES: &[(&str, Act)] = &[
    ("VirtualAllocEx", Act::AllocateElsewhere),
    ("NtAllocateVirtualMemory", Act::AllocateElsewhere),
    ("NtMapViewOfSection", Act::AllocateElsewhere),
    ("WriteProcessMemory", Act::WriteElsewhere),
    ("NtWriteVirtualMemory", Act::WriteElsewhere),
    ("CreateRemoteThread", Act::RunElsewhere),
    ("CreateRemoteThreadEx", Act::RunElsewhere),
    ("NtCreateThreadEx", Act::RunElsewhere),
    ("RtlCreateUserThread", Act::RunElsewhere),
    ("SetThreadContext", Act::RunElsewhere),
    ("SetWindowsHookExA", Act::HookInput),
    ("SetWindowsHookExW", Act::HookInput),
    ("GetAsyncKeyState", Act::PollKeys),
    ("GetKeyboardState", Act::PollKeys),
    ("GetRawInputData", Act::PollKeys),
    ("InternetOpenA", Act::Send),
    ("InternetOpenW", Act::Send),
    ("HttpSendRequestA", Act::Send),
    ("HttpSendRequestW", Act::Send),
    ("WinHttpSendRequest", Act::Send),
    ("WSASend", Act::Send),
    ("URLDownloadToFileA", Act::DownloadToFile),
    ("URLDownloadToFileW", Act::DownloadToFile),
    ("URLDownloadToCacheFileA", Act::DownloadToFile),
    ("URLDownloadToCacheFileW", Act::DownloadToFile),
    ("ShellExecuteA", Act::Start),
    ("ShellExecuteW", Act::Start),
    ("ShellExecuteExA", Act::Start),
    ("ShellExecuteExW", Act::Start),
    ("WinExec", Act::Start),
    ("CreateProcessA", Act::Start),
    ("CreateProcessW", Act::Start),
    ("memfd_create", Act::NamelessFile),
    ("fexecve", Act::RunFile),
    ("execveat", Act::RunFile),
    ("gnu_get_libc_version", Act::Everything),
    ("kexec_load", Act::Everything),
    ("delete_module", Act::Everything),
    ("Py_InitializeEx", Act::Everything),
    ("PyInit_posix", Act::Everything),
];

/// What the pass found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub acts: BTreeSet<Act>,
    /// At most [`INDICATORS_LIMIT`], one per kind and text.
    pub indicators: Vec<Indicator>,
    pub marks: Marks,
}

/// Searches binaries. Made once per package.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// [`PIECE`] bytes, once there is a binary.
    piece: Vec<u8>,
    texts: Texts,
}

impl Search {
    /// Searches one file.
    ///
    /// # Errors
    /// What reading says.
    pub(crate) fn file(&mut self, file: File<'_>) -> io::Result<Found> {
        let mut found = Found::default();
        let Self { piece, texts } = self;
        texts.0.clear();
        file.pieces(PIECE, OVERLAP, piece, |bytes| texts.feed(bytes, &mut found))?;
        texts.search(&mut found);
        Ok(found)
    }
}

/// Notes the functions that a text names: at its end, where the piece or a NUL ends it,
/// and before each `@`, after which symbols have their version.
fn names(text: &[u8], ends: bool, acts: &mut BTreeSet<Act>) {
    let versions = memchr::memchr_iter(b'@', text);
    for end in versions.chain(ends.then_some(text.len())) {
        let tail = &text[end.saturating_sub(NAME_MAXIMUM + 1)..end];
        let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let length = tail.iter().rev().take_while(|byte| in_name(byte)).count();
        let name = &tail[tail.len() - length..];
        let mut known = NAMES.iter();
        if let Some((_, act)) = known.find(|(known, _)| known.as_bytes() == name) {
            acts.insert(*act);
        }
    }
}

/// Texts to be searched, one per line.
#[derive(Debug, Default)]
struct Texts(String);

impl Texts {
    /// Takes the texts out of a piece. Pieces overlap, so each is looked at by itself.
    fn feed(&mut self, piece: &[u8], found: &mut Found) {
        let mut start = 0;
        // What does not reach the shortest length is passed over from behind.
        while let Some(shortest) = piece.get(start..start + NAME_MINIMUM) {
            if let Some(last) = shortest.iter().rposition(|byte| !is_printable(*byte)) {
                start += last + 1;
                continue;
            }
            let rest = &piece[start..];
            let end = rest.iter().position(|byte| !is_printable(*byte));
            let text = &rest[..end.unwrap_or(rest.len())];
            start += text.len();
            names(
                text,
                matches!(piece.get(start), None | Some(0)),
                &mut found.acts,
            );
            if text.len() >= TEXT_MINIMUM {
                self.push(text, found);
            }
        }
        self.feed_wide(piece, found);
    }

    /// Takes out UTF-16 (little-endian) texts: printable bytes, each with a zero after
    /// it. One that is long enough fills at least one window at a multiple of 8.
    fn feed_wide(&mut self, piece: &[u8], found: &mut Found) {
        let is_wide =
            |at: usize| matches!(piece.get(at..at + 2), Some([byte, 0]) if is_printable(*byte));
        let mut done = 0;
        for window in (0..piece.len().saturating_sub(8)).step_by(8) {
            if window < done || piece[window + 1] != 0 && piece[window + 2] != 0 {
                continue;
            }
            let first = window + usize::from(piece[window + 1] != 0);
            if !is_wide(first) || !is_wide(first + 2) || !is_wide(first + 4) {
                continue;
            }
            let mut start = first;
            while start >= done + 2 && is_wide(start - 2) {
                start -= 2;
            }
            done = first;
            while is_wide(done) {
                done += 2;
            }
            if done - start >= 2 * TEXT_MINIMUM {
                let text: Vec<u8> = piece[start..done].iter().copied().step_by(2).collect();
                self.push(&text, found);
            }
        }
    }

    /// Takes a text of printable bytes.
    fn push(&mut self, text: &[u8], found: &mut Found) {
        self.0
            .push_str(std::str::from_utf8(text).unwrap_or_default());
        self.0.push('\n');
        if self.0.len() >= TEXTS {
            self.search(found);
        }
    }

    fn search(&mut self, found: &mut Found) {
        search(&self.0, found);
        self.0.clear();
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

fn search(text: &str, found: &mut Found) {
    found.marks.search(text);
    for indicator in indicators::scan(text) {
        let known = found
            .indicators
            .iter()
            .any(|have| have.kind == indicator.kind && have.text == indicator.text);
        if is_telling(indicator.kind) && !known && found.indicators.len() < INDICATORS_LIMIT {
            found.indicators.push(indicator);
        }
    }
}

/// Kinds that say something in compiled code, where honest lists of hosts, paths and
/// addresses are common.
fn is_telling(kind: Kind) -> bool {
    (kind.is_hostile_host() && kind != Kind::PublicIp) || kind == Kind::Miner
}

#[cfg(test)]
mod tests {
    use super::{NAME_MAXIMUM, NAME_MINIMUM, NAMES, is_printable};

    #[test]
    fn names_have_the_lengths_that_are_looked_up() {
        for (name, _) in NAMES {
            assert!(
                (NAME_MINIMUM..=NAME_MAXIMUM).contains(&name.len()),
                "{name}"
            );
            assert!(name.bytes().all(is_printable), "{name}");
        }
    }
}
