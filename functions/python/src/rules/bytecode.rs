//! Compiled code: what its names and constants say.

use std::ops::Range;

use packguard_sdk::decode::{self, Layer};
use packguard_sdk::indicators::{self, Kind};
use packguard_sdk::{Category, Hit, Phase, Rule, Severity};

use super::is_capability;
use crate::inspect::{PAYLOAD_DEPTH, inspect_payload};
use crate::marshal::Summary;

/// Hostile names and constants in compiled code.
pub const BYTECODE_PAYLOAD: Rule = Rule::new(
    "python-bytecode-payload",
    "Compiled code does what its author does not show",
    "Found when the names and constants of marshalled code or of a `.pyc` file without its source \
     go together as they do in malware: it decodes or downloads and runs, sends the environment \
     or credentials, drives a shell from a socket.\n\nCompiled code can't be reviewed.\n\nDo not \
     install unless you know what it does.",
    Category::Execution,
    Severity::High,
    &["T1027", "T1059.006"],
);

/// Constants of one code that are decoded.
const CONSTANTS_LIMIT: usize = 40;

/// Names of a module from which on some go together by chance.
const LARGE: usize = 250;

/// Names of which one of each list tells a deed.
const DEEDS: &[(&str, &[&[&str]])] = &[
    (
        "downloads and runs code",
        &[
            &["urlopen", "urlretrieve", "get", "requests"],
            &["exec", "eval", "Popen", "startfile", "system"],
            &[
                "requests", "urllib", "urllib2", "httpx", "urlopen", "aiohttp",
            ],
            &["content", "text", "read", "urlretrieve", "write"],
        ],
    ),
    (
        "decodes and runs code",
        &[
            &["exec", "eval", "loads"],
            &[
                "b64decode",
                "decompress",
                "a85decode",
                "b85decode",
                "unhexlify",
                "Fernet",
                "b32decode",
            ],
            &["exec", "eval", "marshal"],
        ],
    ),
    (
        "sends the environment out",
        &[
            &["environ"],
            &["post", "urlopen", "sendall", "sendto"],
            &["requests", "urllib", "socket", "httpx"],
            &["dict", "items", "urlencode", "dumps"],
        ],
    ),
    (
        "gives a shell to a socket",
        &[
            &["socket", "create_connection"],
            &["connect", "create_connection"],
            &[
                "dup2",
                "Popen",
                "check_output",
                "getoutput",
                "popen",
                "system",
            ],
            &["recv", "dup2", "fileno"],
        ],
    ),
    (
        "takes what browsers keep",
        &[
            &["CryptUnprotectData", "win32crypt"],
            &["sqlite3", "AES", "execute"],
        ],
    ),
    (
        "sends facts about host and user",
        &[
            &["gethostname", "getuser", "node"],
            &["post", "urlopen", "sendall"],
            &["getuser", "getcwd", "getlogin", "gethostbyname", "uname"],
        ],
    ),
];

/// Hits that compiled code gives.
pub fn check(summary: &Summary, range: &Range<usize>, phase: Phase, depth: usize) -> Vec<Hit> {
    let mut hits = Vec::new();
    let holds = |name: &&str| summary.names.contains(*name);
    let deed = DEEDS
        .iter()
        .find(|(_, parts)| parts.iter().all(|part| part.iter().any(holds)));
    let host = hostile(summary);
    let runs = [
        "exec",
        "eval",
        "Popen",
        "system",
        "post",
        "urlopen",
        "startfile",
    ];
    let named = host.as_ref().filter(|_| runs.iter().any(holds));
    if deed.is_some() || named.is_some() {
        let what = match (deed, &named) {
            (Some((what, _)), Some(host)) => format!("Compiled code {what}, and names {host}"),
            (Some((what, _)), None) => format!("Compiled code {what}"),
            (None, Some(host)) => format!("Compiled code sends to or runs from {host}"),
            (None, None) => String::new(),
        };
        let large = summary.names.len() > LARGE;
        let both = deed.is_some() && named.is_some();
        hits.push(
            Hit::new(&BYTECODE_PAYLOAD, range.clone(), phase)
                .title(what)
                .severity(match (both, large) {
                    (true, _) => Severity::Critical,
                    (false, false) => Severity::High,
                    (false, true) => Severity::Medium,
                })
                .layers(&[listing(summary)])
                .why("So say the names and constants of code that comes without its source."),
        );
    }
    hits.extend(nested(summary, range, phase, depth));
    hits
}

/// A host or file in a constant that attackers name.
fn hostile(summary: &Summary) -> Option<String> {
    summary.strings.iter().take(5_000).find_map(|text| {
        let found = indicators::scan(text).into_iter().find(|found| {
            found.kind.is_hostile_host() || matches!(found.kind, Kind::CredentialPath | Kind::Miner)
        });
        found.map(|found| found.text)
    })
}

/// Code inside the constants of code.
fn nested(summary: &Summary, range: &Range<usize>, phase: Phase, depth: usize) -> Vec<Hit> {
    let mut hits = Vec::new();
    if depth >= PAYLOAD_DEPTH {
        return hits;
    }
    let long = summary.strings.iter().filter(|text| text.len() >= 40);
    for text in long.take(CONSTANTS_LIMIT) {
        let bytes = decode::base64(text).unwrap_or_else(|| text.as_bytes().to_vec());
        hits.extend(inner(&bytes, range, phase, depth));
    }
    for blob in summary.blobs.iter().take(CONSTANTS_LIMIT) {
        hits.extend(inner(blob, range, phase, depth));
    }
    hits
}

fn inner(bytes: &[u8], range: &Range<usize>, phase: Phase, depth: usize) -> Vec<Hit> {
    let plain = decode::inflate(bytes)
        .or_else(|| decode::bunzip2(bytes))
        .or_else(|| decode::unlzma(bytes))
        .unwrap_or_else(|| bytes.to_vec());
    if let Some(summary) = crate::marshal::code(&plain) {
        return check(&summary, range, phase, depth + 1);
    }
    let Ok(text) = String::from_utf8(plain) else {
        return Vec::new();
    };
    if !text.contains("import") && !text.contains("exec") {
        return Vec::new();
    }
    let layer = Layer {
        encoding: "constant of compiled code",
        text: packguard_sdk::text::cut(&text, 2_000).into(),
    };
    let inspection = inspect_payload(&text, phase, depth + 1);
    let grave = inspection
        .hits
        .into_iter()
        .filter(|hit| !is_capability(hit.rule.id) && hit.severity >= Severity::Medium);
    grave
        .map(|mut hit| {
            hit.range = range.clone();
            hit.layers.insert(0, layer.clone());
            hit
        })
        .collect()
}

fn listing(summary: &Summary) -> Layer {
    let names: Vec<&str> = summary.names.iter().map(String::as_str).take(80).collect();
    let strings: Vec<&str> = summary
        .strings
        .iter()
        .map(|text| packguard_sdk::text::cut(text, 120))
        .take(40)
        .collect();
    Layer {
        encoding: "marshal",
        text: format!(
            "names: {}\nconstants: {}",
            names.join(" "),
            strings.join("\n")
        )
        .into(),
    }
}

/// `_Class__name` is written `__name`; a dotted module may be written in parts.
fn unmangled(name: &str) -> &str {
    let name = name.rsplit('.').next().unwrap_or(name);
    name.rsplit("__")
        .find(|part| !part.is_empty())
        .unwrap_or(name)
}

/// Names of compiled code that its source does not hold.
pub fn strangers(summary: &Summary, source: &str) -> usize {
    let strange = |name: &&String| {
        name.len() >= 3
            && !name.starts_with("__")
            && !name.starts_with('.')
            && memchr::memmem::find(source.as_bytes(), unmangled(name).as_bytes()).is_none()
    };
    summary.names.iter().filter(strange).count()
}
