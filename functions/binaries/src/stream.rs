//! One pass over a binary: names of functions, and texts.
//!
//! Names are searched as they stand in the file, not through import tables: so they are
//! also found where a program looks functions up by itself, and where a hostile table
//! would take forever to walk.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use packguard_sdk::indicators::{self, Indicator, Kind};

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
}

/// Searches binaries. Made once per package.
#[derive(Debug)]
pub(crate) struct Search {
    names: AhoCorasick,
}

impl Search {
    /// # Errors
    /// When the automaton can't be built; it always can.
    pub(crate) fn new() -> Result<Self, String> {
        let names = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .build(NAMES.iter().map(|(name, _)| name))
            .map_err(|error| error.to_string())?;
        Ok(Self { names })
    }

    /// Searches one file.
    ///
    /// # Errors
    /// What reading says.
    pub(crate) fn file(&self, location: &str) -> io::Result<Found> {
        let mut reader = fs::File::open(location)?;
        let mut found = Found::default();
        let mut texts = Texts::default();
        let mut piece = Vec::with_capacity(PIECE);
        loop {
            let kept = piece.len();
            let room = (PIECE - kept) as u64;
            let read = reader.by_ref().take(room).read_to_end(&mut piece)?;
            if read == 0 {
                texts.search(&mut found);
                return Ok(found);
            }
            self.names(&piece, &mut found.acts);
            texts.feed(&piece, &mut found);
            piece.drain(..piece.len().saturating_sub(OVERLAP));
        }
    }

    fn names(&self, piece: &[u8], acts: &mut BTreeSet<Act>) {
        let in_name = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        for hit in self.names.find_overlapping_iter(piece) {
            let before = hit.start().checked_sub(1).and_then(|at| piece.get(at));
            // Symbol versions follow an `@`; everything else ends in NUL.
            let ends = matches!(piece.get(hit.end()), None | Some(0 | b'@'));
            if ends
                && !in_name(before)
                && let Some((_, act)) = NAMES.get(hit.pattern().as_usize())
            {
                acts.insert(*act);
            }
        }
    }
}

/// Texts to be searched, one per line.
#[derive(Debug, Default)]
struct Texts(String);

impl Texts {
    /// Takes the texts out of a piece. Pieces overlap, so each is looked at by itself.
    fn feed(&mut self, piece: &[u8], found: &mut Found) {
        let mut rest = piece;
        while let Some(start) = rest.iter().position(|byte| is_printable(*byte)) {
            rest = &rest[start..];
            let end = rest
                .iter()
                .position(|byte| !is_printable(*byte))
                .unwrap_or(rest.len());
            if end >= TEXT_MINIMUM {
                self.push(rest[..end].iter(), found);
            }
            rest = &rest[end..];
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
                self.push(piece[start..done].iter().step_by(2), found);
            }
        }
    }

    fn push<'b>(&mut self, text: impl Iterator<Item = &'b u8>, found: &mut Found) {
        self.0.extend(text.map(|byte| char::from(*byte)));
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
    matches!(
        kind,
        Kind::Webhook
            | Kind::Tunnel
            | Kind::PasteOrFileShare
            | Kind::ChatApi
            | Kind::OutOfBand
            | Kind::Miner
    )
}
