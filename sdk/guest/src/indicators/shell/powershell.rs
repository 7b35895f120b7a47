//! PowerShell: encoded commands, and text whatever hides its words.

use std::ops::Range;

use super::super::ShellAct;
use super::acts::Acts;
use super::command::Call;
use super::inline::{has, literals, readable};
use crate::{decode, text};

/// The command that `-EncodedCommand` (or any prefix of it) carries: base64 of UTF-16.
pub(super) fn encoded_command(call: &Call<'_>) -> Option<String> {
    let at = call.args.iter().position(|arg| {
        let flag = arg.text.trim_start_matches(['-', '/', '–', '—']);
        let name = flag.to_ascii_lowercase();
        flag.len() < arg.text.len()
            && !name.is_empty()
            && (name == "ec" || "encodedcommand".starts_with(&name))
    })?;
    let bytes = decode::base64(&call.args.get(at + 1)?.text)?;
    if bytes.is_empty() {
        return None;
    }
    let wide = bytes
        .iter()
        .skip(1)
        .step_by(2)
        .filter(|byte| **byte == 0)
        .count()
        * 4
        > bytes.len();
    if !wide {
        return Some(String::from_utf8_lossy(&bytes).into_owned());
    }
    Some(text::decode_utf16le(&bytes))
}

const FETCHES: &[&str] = &[
    "downloadstring",
    "downloadfile",
    "downloaddata",
    "invoke-webrequest",
    "invoke-restmethod",
    "start-bitstransfer",
    "net.webclient",
    "net.http.httpclient",
    "msxml2.xmlhttp",
    "winhttp",
];
const SHORT_FETCHES: &[&str] = &["iwr ", "irm ", "iwr(", "irm("];
const RUNS: &[&str] = &[
    "invoke-expression",
    "start-process",
    "invoke-item",
    "[scriptblock]::create",
    "assembly]::load",
    "shellexecute",
    "wscript.shell",
    "iex(",
    "iex ",
    "|iex",
    "| iex",
    ".invokescript(",
];

/// Acts of PowerShell text, whatever hides its words (backticks, carets, `'a'+'b'`).
pub(super) fn text(acts: &mut Acts, text: &str, range: &Range<usize>) {
    let plain = squeeze(text);
    let known = has(&plain, FETCHES)
        || has(&plain, RUNS)
        || has(&plain, SHORT_FETCHES)
        || has(&plain, &["powershell", "pwsh", "$env:", "remove-item"]);
    if !known {
        return;
    }
    let runs = has(&plain, RUNS) || plain.ends_with("iex") || has(&plain, &["&$", "&("]);
    let fetches = has(&plain, FETCHES) || has(&plain, SHORT_FETCHES) && has(&plain, &["http", "$"]);
    let place = line_of(text, range);
    if fetches && runs {
        acts.push(ShellAct::DownloadAndRun, &place, None);
    } else if fetches && has(&plain, &["://", "$url", "(new-object"]) {
        acts.push(ShellAct::Download, &place, None);
    }
    if has(&plain, &["frombase64string"]) && (runs || has(&plain, &["invoke("])) {
        let payload = literals(text).iter().find_map(|literal| readable(literal));
        acts.push(ShellAct::DecodeAndRun, &place, payload);
    }
    if has(&plain, &["sockets.tcpclient"]) && (runs || has(&plain, &["cmd.exe", "getstream"])) {
        acts.push(ShellAct::ReverseShell, &place, None);
    }
    if has(
        &plain,
        &[
            "-windowstyle hidden",
            "-w hidden",
            "-win hidden",
            "-windowstyle 1",
            "windowstyle=hidden",
            "createnowindow=$true",
            "createnowindow = $true",
        ],
    ) {
        acts.push(ShellAct::Hidden, &place, None);
    }
    let reads = has(
        &plain,
        &[
            "$env:",
            "get-content",
            "get-childitem env",
            "readalltext",
            "dir env:",
            "gci env",
            "environment]::",
        ],
    );
    let posts = has(
        &plain,
        &[
            "-method post",
            "-body",
            "uploadstring",
            "uploadfile",
            "uploaddata",
        ],
    );
    if posts && (reads || has(&plain, &["uploadfile"])) {
        acts.push(ShellAct::Upload, &place, None);
    }
}

/// Lower case, without the marks that split words.
fn squeeze(text: &str) -> String {
    let kept: String = text
        .chars()
        .filter(|c| !matches!(c, '`' | '^'))
        .map(|c| {
            if matches!(c, '\n' | '\t' | '\r') {
                ' '
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    if !kept.contains('+') {
        return kept;
    }
    kept.replace("'+'", "")
        .replace("\"+\"", "")
        .replace("' + '", "")
        .replace("\" + \"", "")
}

/// The line of the first telling word, or the whole text.
fn line_of(text: &str, range: &Range<usize>) -> Range<usize> {
    if range.len() != text.len() {
        return range.clone();
    }
    let lower = text.to_ascii_lowercase();
    let telling = FETCHES.iter().chain(&[
        "frombase64string",
        "sockets.tcpclient",
        "-windowstyle",
        "-w hidden",
        "iwr ",
        "irm ",
    ]);
    let Some(at) = telling.filter_map(|word| lower.find(word)).min() else {
        return range.clone();
    };
    let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let end = text[at..].find('\n').map_or(text.len(), |line| at + line);
    range.start + start..range.start + end
}
