//! Acts of command lines: sh and its kin, cmd.exe, PowerShell.
//!
//! Text is split as a shell would (`lex`), each command is named (`command`), and acts
//! are told from commands and how they are joined (`acts`, `network`, `system`, `inline`, `powershell`). Nothing
//! is run, and everything is bounded: see the limits in each module.

mod acts;
mod building;
mod command;
mod inline;
mod lex;
mod nested;
mod network;
mod powershell;
mod system;
#[cfg(test)]
mod tests;

use super::ShellFinding;

/// Most findings of one act taken from one text.
pub const PER_ACT_LIMIT: usize = 100;

/// Longest piece of text looked at at once, in bytes: real scripts are shorter, and the
/// words of a piece take many times its size. Acts that need commands from two pieces are
/// not seen.
const PIECE: usize = 256 << 10;

/// How much a piece repeats of the one before it where no line end offers itself.
const OVERLAP: usize = 4 << 10;

/// Acts of a shell, PowerShell or batch text, in order of position; of each act the
/// first [`PER_ACT_LIMIT`].
pub fn shell(text: &str) -> Vec<ShellFinding> {
    let mut found: Vec<ShellFinding> = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let (end, next) = piece(text, start);
        for mut one in acts::Acts::of(&text[start..end]) {
            one.range = start + one.range.start..start + one.range.end;
            let same = found.iter().filter(|have| have.act == one.act);
            if same.clone().count() < PER_ACT_LIMIT
                && !same.clone().any(|have| have.range == one.range)
            {
                found.push(one);
            }
        }
        start = next;
    }
    found.sort_by_key(|one| (one.range.start, one.range.end, one.act));
    found
}

/// Where the piece that begins at `start` ends, and where the next one begins.
fn piece(text: &str, start: usize) -> (usize, usize) {
    if text.len() - start <= PIECE {
        return (text.len(), text.len());
    }
    let end = text.floor_char_boundary(start + PIECE);
    match memchr::memrchr(b'\n', &text.as_bytes()[start + OVERLAP..end]) {
        Some(line) => {
            let end = start + OVERLAP + line + 1;
            (end, end)
        }
        None => (end, text.floor_char_boundary(end - OVERLAP)),
    }
}
