//! What is taken from who uses the package: keys handed to it, memory of other programs.

use packguard_sdk::{Category, Confidence, Hit, Rule, Severity};

use super::exfiltration::{EXFILTRATION, sends};
use super::{Context, by_phase, hit_at, when};
use crate::facts::Call;
use crate::names::Role;
use crate::value::{Taint, Value};

/// Memory of other processes.
pub const MEMORY_DUMP: Rule = Rule::new(
    "python-memory-dump",
    "Reads the memory of other programs",
    "Found when code dumps `lsass` (`comsvcs.dll MiniDump`, `procdump`, `MiniDumpWriteDump`) or \
     reads `/proc/…/mem` of processes that it goes through.\n\nMemory holds passwords and tokens in \
     clear. Debuggers do so when asked.\n\nLook at what becomes of it.",
    Category::CredentialAccess,
    Severity::High,
    &["T1003.001", "T1003.007"],
);

pub(super) fn check(context: &mut Context<'_, '_>) {
    let talks = context.facts.calls.iter().any(sends);
    for call in &context.facts.calls {
        if let Some(hit) = handed_key(call) {
            context.hit(hit);
        }
        if let Some(hit) = callers_source(call) {
            context.hit(hit);
        }
        if let Some(hit) = memory(call) {
            // Debuggers show what they read; they do not send it.
            let hit = match talks {
                true => hit
                    .severity(Severity::High)
                    .why("The same file sends something out."),
                false => hit,
            };
            context.hit(hit);
        }
    }
}

/// The files of who calls, found through the call stack, sent to a host that the code names.
fn callers_source(call: &Call<'_>) -> Option<Hit> {
    if !sends(call) || !call.payload_taint().has(Taint::CALLERS_SOURCE) {
        return None;
    }
    names_host(url_of(call)?.as_str()?).then(|| {
        hit_at(&EXFILTRATION, call)
            .title("Sends the source code of the program that calls it out")
            .severity(Severity::High)
            .why("It walks the call stack, reads the files that it names, and sends them.")
    })
}

/// A key, seed or password that a caller handed over, sent to a host that the code names.
fn handed_key(call: &Call<'_>) -> Option<Hit> {
    if !sends(call) {
        return None;
    }
    let url = url_of(call)?;
    let (text, taint) = (url.as_str()?, call.payload_taint());
    let hidden = url.taint.has(Taint::HIDDEN | Taint::CHARACTER_CODES);
    let suspect = url.taint.has(Taint::SUSPECT_HOST);
    let beside = data_taint(call, url);
    let what = if taint.has(Taint::WALLET_KEY) && names_host(text) {
        "a wallet's key or seed"
    } else if beside.has(Taint::PASSWORD) && (hidden || suspect) {
        "a password"
    } else {
        return None;
    };
    let sure = hidden || suspect || call.runs_by_itself();
    let why = "What the caller hands over goes to a host that the caller does not name.";
    Some(
        hit_at(&EXFILTRATION, call)
            .title(format!(
                "Sends {what} that it is given to a host of its own"
            ))
            .severity(if hidden {
                Severity::Critical
            } else {
                Severity::High
            })
            .confidence(if sure {
                Confidence::High
            } else {
                Confidence::Medium
            })
            .layers(url.layers().map_or(&[], |layers| layers))
            .why(why),
    )
}

/// The address of a request: the first argument that reads as one.
fn url_of<'c, 'a>(call: &'c Call<'a>) -> Option<&'c Value<'a>> {
    let by_name = call.keyword("url").into_iter();
    call.args.iter().take(2).chain(by_name).find(|value| {
        value
            .as_str()
            .is_some_and(|text| text.starts_with("http://") || text.starts_with("https://"))
    })
}

/// `https://host…`, not `https://?/…`.
fn names_host(text: &str) -> bool {
    let host = text.split("://").nth(1).unwrap_or_default();
    let host = host.split(['/', '?', ':']).next().unwrap_or_default();
    host.contains('.') && !host.starts_with("127.") && !host.ends_with("localhost")
}

fn data_taint(call: &Call<'_>, url: &Value<'_>) -> Taint {
    let data = call.keywords.iter().filter(|(name, _)| {
        matches!(
            &**name,
            "data" | "json" | "params" | "files" | "content" | "body"
        )
    });
    let args = call.args.iter().filter(|value| !std::ptr::eq(*value, url));
    args.chain(data.map(|(_, value)| value))
        .fold(Taint::NONE, |all, value| all | value.taint)
}

fn memory(call: &Call<'_>) -> Option<Hit> {
    let reads = call.role == Some(Role::Open)
        && call
            .args
            .first()
            .and_then(Value::as_str)
            .is_some_and(|path| {
                path.strip_prefix("/proc/")
                    .and_then(|rest| rest.strip_suffix("/mem"))
                    .is_some_and(|process| process != "self")
            });
    let dumps = call.name() == "MiniDumpWriteDump";
    (reads || dumps).then(|| {
        hit_at(&MEMORY_DUMP, call)
            .severity(by_phase(call.phase, Severity::High, Severity::Low))
            .why(format!("It does so {}.", when(call.phase)))
    })
}

/// A command line that dumps memory.
pub(super) fn dumps(command: &str) -> bool {
    let command = command.to_ascii_lowercase();
    (command.contains("comsvcs") && command.contains("minidump"))
        || (command.contains("procdump") && command.contains("lsass"))
}
