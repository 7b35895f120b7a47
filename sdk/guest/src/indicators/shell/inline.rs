//! Code handed to an interpreter on its command line.

use std::ops::Range;

use super::super::ShellAct;
use super::acts::Acts;
use crate::decode;

/// Shortest and longest string literal of inline code read as commands, in bytes.
const LITERAL: Range<usize> = 4..8_192;

pub(super) fn has(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Opens a connection.
const SOCKETS: &[&str] = &[
    "socket",
    "TCPSocket",
    "net.connect",
    "net.Socket",
    "createConnection",
    "fsockopen",
];

/// Hands a shell over.
const SHELLS: &[&str] = &[
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
];

/// Runs code or commands.
const RUNNERS: &[&str] = &[
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
];

/// Downloads.
const FETCHERS: &[&str] = &[
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
];

/// Decodes.
const DECODERS: &[&str] = &[
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
];

/// Runs text as code.
const EVALUATORS: &[&str] = &[
    "exec(",
    "eval(",
    "eval $",
    "new Function",
    "Function(",
    "vm.run",
    "instance_eval",
    "__import__",
];

/// Reads what tells about the machine.
const GATHERERS: &[&str] = &[
    "process.env)",
    "process.env,",
    "os.environ)",
    "dict(os.environ",
    "os.userInfo",
    "os.hostname()",
    "readFileSync(",
    "open(os.path.expanduser",
    "gethostname()",
];

/// Sends.
const SENDERS: &[&str] = &[
    "POST",
    ".post(",
    ".write(",
    "urlencode",
    "encodeURIComponent",
    ".request(",
];

/// Acts of `python -c`, `node -e`, `perl -e`, `ruby -e`, `php -r` code.
pub(super) fn code(acts: &mut Acts, code: &str, range: &Range<usize>) {
    let socket = has(code, SOCKETS);
    let spawns = has(code, SHELLS);
    if socket && spawns {
        acts.push(ShellAct::ReverseShell, range, None);
    }
    let runs = has(code, RUNNERS);
    let fetches = has(code, FETCHERS);
    let decodes = has(code, DECODERS);
    let runs_code = has(code, EVALUATORS);
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
    let gathers = has(code, GATHERERS);
    let sends = has(code, SENDERS);
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
pub(super) fn literals(code: &str) -> Vec<&str> {
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
pub(super) fn readable(literal: &str) -> Option<String> {
    if literal.len() < 12 {
        return None;
    }
    let bytes = decode::base64(literal).or_else(|| decode::hex(literal))?;
    let text = String::from_utf8(bytes).ok()?;
    crate::text::is_probably_text(text.as_bytes()).then_some(text)
}
