//! What scripts do, language by language: acts with their places, not yet graded.

pub mod flow;
mod piped;
pub mod powershell;
mod powershell_words;
pub mod shell;
pub mod vbscript;
pub mod words;

use std::ops::Range;

/// What a script does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Downloads and runs.
    DownloadRun,
    /// Downloads.
    Download,
    /// Sends data out.
    Upload,
    /// Hands a shell over.
    ReverseShell,
    /// Runs decoded text.
    DecodeRun,
    /// Hides what it starts.
    Hidden,
    /// Asks who and where it is.
    Recon,
    /// Starts again by itself.
    Persist,
    /// Deletes what is not its own.
    Destroy,
    /// Mines.
    Mine,
    /// Switches protection off.
    Defences,
    /// Blinds the script scanner.
    Bypass,
    /// Reads keys, cookies, wallets.
    Secrets,
    /// Publishes itself on.
    Spread,
    /// Watches keys, clipboard, screen.
    Watch,
    /// Writes code into memory or other processes.
    Inject,
    /// Asks for a password in a dialog of its own.
    Phish,
    /// Reads the memory of other processes.
    Memory,
    /// Encrypts or renames many files.
    Ransom,
}

/// One of them, at its place in the text that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// What it is.
    pub deed: Deed,
    /// Where.
    pub range: Range<usize>,
    /// A payload that it carries.
    pub decoded: Option<String>,
    /// It needs no host or secret beside it to convict.
    pub plain: bool,
}

impl Act {
    /// An act whose surroundings decide how grave it is.
    pub fn new(deed: Deed, range: Range<usize>) -> Self {
        Self {
            deed,
            range,
            decoded: None,
            plain: false,
        }
    }

    /// An act that is grave by itself.
    pub fn plain(deed: Deed, range: Range<usize>) -> Self {
        Self {
            plain: true,
            ..Self::new(deed, range)
        }
    }
}

/// The line around an offset.
pub fn line_around(text: &str, at: usize) -> Range<usize> {
    let at = text.floor_char_boundary(at);
    let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    start..end
}
