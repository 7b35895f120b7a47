//! Code handed to an interpreter on its command line, and PowerShell text.

use std::ops::Range;

use super::super::ShellAct;
use super::acts::Acts;
use super::command::Call;
use crate::decode;

/// Shortest and longest string literal of inline code read as commands, in bytes.
const LITERAL: Range<usize> = 4..8_192;

fn has(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Acts of `python -c`, `node -e`, `perl -e`, `ruby -e`, `php -r` code.
pub(super) fn code(acts: &mut Acts, code: &str, range: &Range<usize>) {
    let socket = has(
        code,
        &[
            "socket",
            "TCPSocket",
            "net.connect",
            "net.Socket",
            "createConnection",
            "fsockopen",
        ],
    );
    let spawns = has(
        code,
        &[
            "/bin/sh",
            "/bin/bash",
            "cmd.exe",
            "pty.spawn",
            "dup2",
            "proc_open",
            "exec(\"sh",
            "exec('sh",
            "spawn('sh",
            "spawn(\"sh",
            "exec{\"/bin",
            "STDIN.reopen",
        ],
    );
    if socket && spawns {
        acts.push(ShellAct::ReverseShell, range, None);
    }
    let runs = has(
        code,
        &[
            "exec(",
            "eval(",
            "eval $",
            "eval `",
            "system(",
            "popen",
            "subprocess",
            "child_process",
            "new Function",
            "Function(",
            "vm.run",
            "IO.popen",
            "instance_eval",
            "shell_exec",
            "passthru",
        ],
    );
    let fetches = has(
        code,
        &[
            "urlopen",
            "urlretrieve",
            "requests.get",
            "https.get",
            "http.get",
            "https.request",
            "fetch(",
            "axios",
            "LWP::Simple",
            "Net::HTTP",
            "open-uri",
            "file_get_contents('http",
            "file_get_contents(\"http",
            "URI.open",
            "require('http",
            "require(\"http",
            "require(`http",
            "import urllib",
        ],
    );
    let decodes = has(
        code,
        &[
            "b64decode",
            "fromhex",
            "'base64'",
            "\"base64\"",
            "'hex'",
            "\"hex\"",
            "atob(",
            "zlib.decompress",
            "inflateSync",
            "decode_base64",
            "base64_decode",
            "unpack(",
            "Base64.decode",
            "codecs.decode",
            "fromCharCode",
        ],
    );
    let runs_code = has(
        code,
        &[
            "exec(",
            "eval(",
            "eval $",
            "new Function",
            "Function(",
            "vm.run",
            "instance_eval",
            "__import__",
        ],
    );
    if runs && fetches {
        acts.push(ShellAct::DownloadAndRun, range, None);
    } else if fetches {
        acts.push(ShellAct::Download, range, None);
    }
    let literals = literals(code);
    if runs_code && decodes {
        let payload = literals.iter().find_map(|literal| readable(literal));
        acts.push(ShellAct::DecodeAndRun, range, payload);
    }
    let gathers = has(
        code,
        &[
            "process.env)",
            "process.env,",
            "os.environ)",
            "dict(os.environ",
            "os.userInfo",
            "os.hostname()",
            "readFileSync(",
            "open(os.path.expanduser",
            "gethostname()",
        ],
    );
    let sends = has(
        code,
        &[
            "POST",
            ".post(",
            ".write(",
            "urlencode",
            "encodeURIComponent",
            ".request(",
        ],
    );
    if gathers && sends && (fetches || has(code, &["requests.post", "http", "dns.", "axios"])) {
        acts.push(ShellAct::Upload, range, None);
    }
    if has(
        code,
        &[
            "windowsHide",
            "detached:true",
            "detached: true",
            "CREATE_NO_WINDOW",
        ],
    ) && runs
    {
        acts.push(ShellAct::Hidden, range, None);
    }
    for literal in literals {
        acts.inner(literal, range);
    }
}

/// The quoted strings of code, roughly: enough for one-liners.
fn literals(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(['"', '\'', '`'])
        && found.len() < 64
    {
        let quote = &rest[at..=at];
        let inner = &rest[at + 1..];
        let Some(end) = inner.find(quote) else {
            break;
        };
        if LITERAL.contains(&end) {
            found.push(&inner[..end]);
        }
        rest = &inner[end + 1..];
    }
    found
}

/// The text that a base64 or hex literal holds.
fn readable(literal: &str) -> Option<String> {
    if literal.len() < 12 {
        return None;
    }
    let bytes = decode::base64(literal).or_else(|| decode::hex(literal))?;
    let text = String::from_utf8(bytes).ok()?;
    crate::text::is_probably_text(text.as_bytes()).then_some(text)
}

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
    let units = bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| u16::from_le_bytes(*pair));
    Some(
        char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    )
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
pub(super) fn powershell(acts: &mut Acts, text: &str, range: &Range<usize>) {
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
