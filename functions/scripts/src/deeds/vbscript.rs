//! VBScript, JScript of Windows' script host, HTA; and AppleScript's shell commands.

use packguard_sdk::indicators::shell;

use super::{Act, Deed, line_around};

/// The acts of a text for Windows' script host.
pub fn acts(text: &str) -> Vec<Act> {
    let lower = text.to_ascii_lowercase();
    let at = |words: &[&str]| words.iter().filter_map(|word| lower.find(word)).min();
    let mut found = Vec::new();
    let fetch = at(&[
        "xmlhttp",
        "winhttprequest",
        "internetexplorer.application",
        "iwr ",
        "invoke-webrequest",
        "downloadfile",
        "downloadstring",
        "bitsadmin",
        "certutil -url",
    ]);
    let run = at(&[
        ".run ",
        ".run(",
        ".exec(",
        ".exec ",
        "shellexecute",
        "win32_process",
        "execute ",
        "execute(",
        "executeglobal",
        "eval(",
    ]);
    let saved = at(&["savetofile", "adodb.stream", ".write "]);
    if let (Some(fetch), Some(run)) = (fetch, run) {
        let act = Act::new(
            Deed::DownloadRun,
            line_around(text, fetch).start..line_around(text, run.max(fetch)).end,
        );
        found.push(Act {
            plain: saved.is_some(),
            ..act
        });
    }
    if let Some(run) = run
        && let Some(name) = at(&["bin.base64", "microsoft.xmldom", "msxml2.domdocument"])
        && lower.contains("base64")
    {
        found.push(Act::new(Deed::DecodeRun, line_around(text, name.min(run))));
    }
    if let Some(start) = at(&[
        "currentversion\\run",
        "specialfolders(\"startup",
        "programs\\startup",
        "schedule.service",
    ]) && lower[start..].len() > 4
        && at(&["regwrite", "copyfile", "createshortcut", "registertask"]).is_some()
    {
        found.push(Act::new(Deed::Persist, line_around(text, start)));
    }
    literals(text, &mut found);
    found
}

/// The commands that string literals hold.
pub fn literals(text: &str, found: &mut Vec<Act>) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let trimmed = line.trim_start().to_ascii_lowercase();
        if trimmed.starts_with('\'')
            || trimmed.starts_with("rem ")
            || trimmed.starts_with("--")
            || line.len() > 64 << 10
        {
            continue;
        }
        let mut rest = line;
        while let Some(open) = rest.find('"') {
            let inner = &rest[open + 1..];
            let Some(end) = string_end(inner) else {
                break;
            };
            let value = inner[..end].replace("\"\"", "\"").replace("\\\"", "\"");
            if value.len() >= 8 && value.contains(' ') {
                let place = start..start + line.trim_end().len();
                found.extend(shell(&value).into_iter().map(|act| Act {
                    decoded: act.decoded,
                    ..Act::new(super::shell::deed(act.act), place.clone())
                }));
            }
            rest = &inner[end + 1..];
        }
    }
}

/// Where a string ends; doubled and escaped quotes do not end it.
fn string_end(inner: &str) -> Option<usize> {
    let bytes = inner.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if bytes.get(at + 1) == Some(&b'"') => at += 2,
            b'"' if bytes.get(at + 1) == Some(&b'"') => at += 2,
            b'"' => return Some(at),
            _ => at += 1,
        }
    }
    None
}
