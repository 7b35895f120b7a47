//! Data that leaves the machine.

use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::{Context, by_phase, hit_at, when};
use crate::facts::Call;
use crate::names::Role;
use crate::value::{Taint, Value};

/// Secrets or host facts sent out.
pub const EXFILTRATION: Rule = Rule::new(
    "python-exfiltration",
    "Sends data from this machine out",
    "Found when environment variables, credentials, clipboard, screenshots or facts about host and \
     user reach a request, a socket or a host name that is looked up.\n\nPackages that steal do \
     this, mostly while they are installed or imported.\n\nLook at what is sent, and where.",
    Category::Exfiltration,
    Severity::High,
    &["T1041", "T1048"],
);

/// Files with keys and cookies.
pub const CREDENTIAL_ACCESS: Rule = Rule::new(
    "python-credential-access",
    "Reads files that hold credentials",
    "Found when code opens or copies private keys, cloud credentials, browser stores or wallets.\n\n\
     Some tools do so for a living; a package that does it by itself, or reads many different \
     stores, steals.\n\nAsk what the package needs them for.",
    Category::CredentialAccess,
    Severity::Medium,
    &["T1552.001", "T1555"],
);

/// Different credential stores named in one file from which collecting is the purpose.
const MANY_STORES: usize = 5;

pub(super) fn check(context: &mut Context<'_, '_>) {
    for call in &context.facts.calls {
        if let Some(hit) = sent(call) {
            context.hit(hit);
        }
        if let Some(hit) = credential_read(call) {
            context.hit(hit);
        }
    }
    many_stores(context);
    gathered_and_sent(context);
    if probes(context) {
        for hit in &mut context.found.hits {
            if hit.title == FACTS_SENT && hit.severity >= Severity::High {
                hit.severity = Severity::Critical;
            }
        }
    }
}

/// The title of a finding that host facts leave.
const FACTS_SENT: &str = "Sends facts about host and user out";

/// Whether a file gathers two kinds of facts or more by itself: what a probe does, while
/// honest code at most names the machine.
fn probes(context: &Context<'_, '_>) -> bool {
    let facts: std::collections::BTreeSet<&str> = context
        .facts
        .calls
        .iter()
        .filter(|call| call.role == Some(Role::HostFact) && call.runs_by_itself())
        .map(|call| &*call.callee)
        .collect();
    facts.len() >= 2
}

/// Whether a call sends its arguments out, whatever it is called on.
pub(super) fn sends(call: &Call<'_>) -> bool {
    match call.role {
        Some(Role::Send | Role::Fetch | Role::FetchToFile) => true,
        Some(_) => false,
        None => matches!(
            &*call.callee,
            "?.post"
                | "?.send"
                | "?.sendall"
                | "?.sendto"
                | "?.put"
                | "?.urlopen"
                | "?.send_message"
                | "?.send_document"
                | "?.storbinary"
                | "?.sendmail"
                | "urllib.request.Request"
                | "requests.Request"
        ),
    }
}

/// What a notice of a program's end names, too.
const FACTS: &str = "facts about host and user";

/// Whether a called function sends to an address of which the caller says a part: the
/// token of the user's own chat.
fn names_a_chat_of_the_callers(call: &Call<'_>) -> bool {
    let url = call.args.first().and_then(Value::as_str);
    !call.runs_by_itself() && url.is_some_and(|url| url.contains("/bot?/"))
}

fn sent(call: &Call<'_>) -> Option<Hit> {
    // Where a download is put is not sent.
    let taint = match call.role {
        Some(Role::FetchToFile) => call.args.first().map_or(Taint::NONE, |url| url.taint),
        _ => call.payload_taint(),
    };
    if call.role == Some(Role::Dns) {
        return dns(call, taint);
    }
    if !sends(call) {
        return None;
    }
    let suspect = taint.has(Taint::SUSPECT_HOST);
    let by_itself = call.runs_by_itself();
    let (what, severity) = if taint.has(Taint::ENVIRONMENT) {
        (
            "all environment variables",
            by_phase(call.phase, Severity::Critical, Severity::High),
        )
    } else if taint.has(Taint::CREDENTIAL) {
        let severity = match (by_itself, suspect) {
            (true, _) => Severity::Critical,
            (false, true) => Severity::High,
            (false, false) => Severity::Low,
        };
        ("a credential file", severity)
    } else if taint.has(Taint::CLIPBOARD | Taint::SCREEN) {
        let grave = by_itself || suspect;
        let what = if taint.has(Taint::SCREEN) {
            "a screenshot"
        } else {
            "the clipboard"
        };
        (what, if grave { Severity::High } else { Severity::Low })
    } else if taint.has(Taint::SECRET) && (by_itself || suspect) {
        ("a secret environment variable", Severity::High)
    } else if taint.has(Taint::HOST_FACT) && (by_itself || suspect) {
        let severity = match (call.phase, suspect) {
            (Phase::Install | Phase::Import, _) => Severity::High,
            _ => Severity::Medium,
        };
        (FACTS, severity)
    } else {
        return None;
    };
    Some(
        hit_at(&EXFILTRATION, call)
            .title(format!("Sends {what} out"))
            .severity(
                if suspect && !(what == FACTS && names_a_chat_of_the_callers(call)) {
                    severity.max(Severity::High)
                } else {
                    severity
                },
            )
            .confidence(if call.role.is_some() {
                Confidence::High
            } else {
                Confidence::Medium
            })
            .why(format!("This happens {}.", when(call.phase))),
    )
}

/// Data put in front of a domain and looked up.
fn dns(call: &Call<'_>, taint: Taint) -> Option<Hit> {
    let name = call.args.first()?.as_str()?;
    // Names of the local network do not leave it.
    let local = [".local", ".lan", ".localhost", ".localdomain", ".home.arpa"]
        .iter()
        .any(|end| name.trim_end_matches('.').ends_with(end));
    let carries = taint.has(Taint::LOOT | Taint::HOST_FACT)
        && taint.has(Taint::PARTIAL)
        && !local
        && name.contains("?.");
    carries.then(|| {
        hit_at(&EXFILTRATION, call)
            .title("Sends data out as part of a host name that it looks up")
            .severity(by_phase(call.phase, Severity::Critical, Severity::High))
            .why("Whoever runs the domain's name server reads the data.")
    })
}

fn credential_read(call: &Call<'_>) -> Option<Hit> {
    let reads = match call.role {
        Some(Role::Open) => call
            .args
            .first()
            .is_some_and(|path| path.taint.has(Taint::CREDENTIAL_PATH)),
        Some(Role::CopyFile) => call
            .args
            .first()
            .is_some_and(|path| path.taint.has(Taint::CREDENTIAL_PATH)),
        Some(_) => false,
        None => {
            matches!(&*call.callee, "?.read_text" | "?.read_bytes" | "?.open")
                && call.receiver.taint.has(Taint::CREDENTIAL_PATH)
        }
    };
    reads.then(|| {
        hit_at(&CREDENTIAL_ACCESS, call)
            .severity(by_phase(call.phase, Severity::Medium, Severity::Info))
            .why(format!(
                "It reads keys, tokens, cookies or wallets {}.",
                when(call.phase)
            ))
    })
}

/// A file that knows many credential stores collects them.
fn many_stores(context: &mut Context<'_, '_>) {
    use packguard_sdk::indicators::{Kind, scan};
    let mut stores = std::collections::BTreeSet::new();
    let mut first = None;
    for text in &context.facts.texts {
        for found in scan(&text.text) {
            if found.kind == Kind::CredentialPath {
                first = first.or(Some(text));
                stores.insert(found.text.to_ascii_lowercase());
            }
        }
    }
    if let Some(text) = first
        && stores.len() >= MANY_STORES
    {
        // A reader of cookies for the user's own sake talks to nobody in the same file.
        let talks = context.facts.calls.iter().any(sends);
        let hit = Hit::new(&CREDENTIAL_ACCESS, text.range.clone(), text.phase)
            .title(format!(
                "Knows {} different places of credentials",
                stores.len()
            ))
            .severity(if talks {
                Severity::Medium
            } else {
                Severity::Low
            })
            .confidence(Confidence::Medium)
            .why("Code that looks for many kinds of keys, cookies or wallets collects them.");
        context.hit(hit);
    }
}

/// Loot gathered and data sent to a suspect host in one file, though no flow was seen.
fn gathered_and_sent(context: &mut Context<'_, '_>) {
    let gathers = context.facts.calls.iter().any(|call| {
        let opens = matches!(call.role, Some(Role::Open | Role::CopyFile));
        (opens && call.payload_taint().has(Taint::CREDENTIAL_PATH))
            || matches!(
                call.role,
                Some(Role::Screen | Role::ReadClipboard | Role::Keys)
            )
            || call.receiver.taint.has(Taint::CREDENTIAL)
    });
    if !gathers {
        return;
    }
    let sender = context
        .facts
        .calls
        .iter()
        .find(|call| sends(call) && call.payload_taint().has(Taint::SUSPECT_HOST));
    if let Some(call) = sender {
        let hit = hit_at(&EXFILTRATION, call)
            .title("Gathers private data and sends something to a host that payloads go to")
            .confidence(Confidence::Medium)
            .severity(Severity::High)
            .why("The same file reads credentials, clipboard, keys or screen.");
        context.hit(hit);
    }
}
