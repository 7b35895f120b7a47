//! Whether what a command runs came from the network.

use crate::facts::Call;
use crate::names::Role;
use crate::value::{Taint, Value};

/// Programs that run what they are given.
const INTERPRETERS: &[&str] = &[
    "sh",
    "bash",
    "zsh",
    "python",
    "python3",
    "powershell",
    "powershell.exe",
    "pwsh",
    "cmd",
    "cmd.exe",
    "wscript",
    "cscript",
    "node",
    "perl",
    "ruby",
    "msiexec",
    "rundll32",
    "rundll32.exe",
    "start",
    "sudo",
    "nohup",
    "chmod",
    "open",
    "java",
    "mshta",
];

/// Switches of interpreters that are followed by code.
const RUNS_NEXT: &[&str] = &[
    "-c",
    "-e",
    "-Command",
    "-command",
    "-EncodedCommand",
    "-enc",
    "/c",
    "/C",
    "-r",
];

/// Whether the program of a command, or what an interpreter is given, was downloaded.
pub(super) fn runs_download(call: &Call<'_>) -> bool {
    let fetched = |value: &Value<'_>| value.taint.has(Taint::DOWNLOADED_FILE | Taint::DOWNLOADED);
    let Some(command) = call.arg(0, "args") else {
        return false;
    };
    if call.role == Some(Role::OpenFile) {
        return command.taint.has(Taint::DOWNLOADED_FILE);
    }
    if let Some(items) = command.as_list() {
        let is_interpreter = items.first().is_some_and(is_interpreter);
        let first = items.first().is_some_and(fetched);
        let script = items
            .iter()
            .skip(1)
            .find(|item| !item.as_str().is_some_and(is_switch));
        let code = items.windows(2).any(|pair| {
            pair[0]
                .as_str()
                .is_some_and(|word| RUNS_NEXT.contains(&word))
                && pair[1].taint.has(Taint::DOWNLOADED)
        });
        return first
            || (is_interpreter && code)
            || (is_interpreter
                && script.is_some_and(|item| item.taint.has(Taint::DOWNLOADED_FILE)));
    }
    match command.as_str() {
        Some(text) => {
            let program = text.split_whitespace().next().unwrap_or_default();
            let program = program.trim_matches(['"', '\'']);
            command
                .taint
                .has(Taint::DOWNLOADED_FILE | Taint::DOWNLOADED)
                && (program.starts_with(['?', '.', '/', '~', '%'])
                    || (command.taint.has(Taint::DOWNLOADED_FILE)
                        && INTERPRETERS.contains(&program)))
        }
        None => fetched(command) && !command.taint.has(Taint::SOCKET),
    }
}

/// `-m`, `+x`, `/c`.
fn is_switch(word: &str) -> bool {
    word.starts_with(['-', '+']) || (word.starts_with('/') && word.len() <= 3)
}

fn is_interpreter(program: &Value<'_>) -> bool {
    match program.as_str() {
        Some(text) => INTERPRETERS.contains(&text.rsplit('/').next().unwrap_or_default()),
        None => program.as_path() == Some("sys.executable"),
    }
}
