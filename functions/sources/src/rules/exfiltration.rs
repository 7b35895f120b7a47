//! Data that leaves the machine.

use std::collections::BTreeSet;

use packguard_sdk::indicators::{Kind, scan};
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::{Context, by_phase, hit_at, when, words};
use crate::facts::Call;
use crate::lang::Lang;
use crate::names::Role;
use crate::value::Taint;

/// Secrets or host facts sent out.
pub const EXFILTRATION: Rule = Rule::new(
    "source-exfiltration",
    "Sends data from this machine out",
    "Found when environment variables, credentials, clipboard, screenshots or facts about host and \
     user reach a request, a socket or a host name that is looked up.\n\nPackages that steal do \
     this, mostly while they are installed or loaded.\n\nLook at what is sent, and where.",
    Category::Exfiltration,
    Severity::High,
    &["T1041", "T1048"],
);

/// Files with keys and cookies.
pub const CREDENTIAL_ACCESS: Rule = Rule::new(
    "source-credential-access",
    "Reads files that hold credentials",
    "Found when code opens private keys, cloud credentials, browser stores or wallets, or knows \
     many such places.\n\nSome tools do so for a living; a package that does it by itself \
     steals.\n\nAsk what the package needs them for.",
    Category::CredentialAccess,
    Severity::Medium,
    &["T1552.001", "T1555"],
);

/// Keys, clipboard, screen.
pub const SURVEILLANCE: Rule = Rule::new(
    "source-surveillance",
    "Watches keys, clipboard or screen",
    "Found when code records keys, reads the clipboard or takes screenshots.\n\nSome programs are \
     for that; together with sending it is spying.\n\nAsk what the package needs it for.",
    Category::Collection,
    Severity::Low,
    &["T1056.001", "T1115", "T1113"],
);

/// Different stores of credentials named in one file from which collecting is the purpose.
const MANY_STORES: usize = 5;

pub(super) fn check(context: &mut Context<'_>) {
    let facts = context.facts;
    for call in &facts.calls {
        let hits = [sent(call), credential_read(call), surveillance(call)];
        hits.into_iter().flatten().for_each(|hit| context.hit(hit));
    }
    many_stores(context);
    gathered(context);
}

fn sent(call: &Call) -> Option<Hit> {
    let taint = call.taint();
    if call.role == Role::Dns {
        let carries = taint.has(Taint::LOOT | Taint::HOST_FACT)
            && words(call).iter().any(|(text, value)| {
                let domain = text.len() > 4 && text.contains('.');
                let near = [".local", ".lan", ".internal", ".home"]
                    .iter()
                    .any(|end| text.ends_with(end));
                domain && !near && value.taint.has(Taint::LOOT | Taint::HOST_FACT)
            });
        return carries.then(|| {
            hit_at(&EXFILTRATION, call)
                .title("Sends data out as part of a host name that it looks up")
                .severity(by_phase(call, Severity::Critical, Severity::High))
                .why("Whoever runs the domain's name server reads the data.")
        });
    }
    if !matches!(call.role, Role::Net | Role::Socket) {
        return None;
    }
    let suspect = taint.has(Taint::SUSPECT_HOST) || (call.receiver.taint).has(Taint::SUSPECT_HOST);
    let by_itself = call.by_itself();
    let (what, severity) = if taint.has(Taint::ENVIRONMENT) {
        (
            "all environment variables",
            by_phase(
                call,
                Severity::Critical,
                if suspect {
                    Severity::High
                } else {
                    Severity::Low
                },
            ),
        )
    } else if taint.has(Taint::CREDENTIAL) {
        let severity = match (by_itself, suspect) {
            (true, _) => Severity::Critical,
            (false, true) => Severity::High,
            (false, false) => Severity::Low,
        };
        ("a credential file", severity)
    } else if taint.has(Taint::CLIPBOARD | Taint::SCREEN | Taint::KEYS) {
        (
            "clipboard, screen or keys",
            if by_itself || suspect {
                Severity::High
            } else {
                Severity::Low
            },
        )
    } else if taint.has(Taint::SECRET) && (suspect || call.phase == Phase::Install) {
        ("a secret environment variable", Severity::High)
    } else if taint.has(Taint::HOST_FACT) && (by_itself || suspect) {
        let severity = match (call.phase, suspect) {
            (Phase::Install, _) | (Phase::Import, true) => Severity::High,
            _ => Severity::Medium,
        };
        ("facts about host and user", severity)
    } else {
        return None;
    };
    Some(
        hit_at(&EXFILTRATION, call)
            .title(format!("Sends {what} out"))
            .severity(severity)
            .confidence(if by_itself || suspect {
                Confidence::High
            } else {
                Confidence::Medium
            })
            .why(format!("This happens {}.", when(call.phase))),
    )
}

fn credential_read(call: &Call) -> Option<Hit> {
    let reads = matches!(call.role, Role::Read | Role::Copy)
        && call
            .args
            .iter()
            .take(2)
            .chain([&call.receiver])
            .any(|arg| arg.taint.has(Taint::CREDENTIAL_PATH));
    reads.then(|| {
        hit_at(&CREDENTIAL_ACCESS, call)
            .severity(by_phase(call, Severity::Medium, Severity::Info))
            .why(format!(
                "It reads keys, tokens, cookies or wallets {}.",
                when(call.phase)
            ))
    })
}

fn surveillance(call: &Call) -> Option<Hit> {
    let watches = match call.role {
        Role::Keys => true,
        Role::Source(taint) => taint.has(Taint::CLIPBOARD | Taint::SCREEN),
        _ => false,
    };
    watches.then(|| {
        hit_at(&SURVEILLANCE, call)
            .severity(by_phase(call, Severity::Medium, Severity::Info))
            .why(format!("It does so {}.", when(call.phase)))
    })
}

fn talks(call: &Call) -> bool {
    matches!(call.role, Role::Net | Role::Socket)
}

/// A file that knows many stores collects them.
fn many_stores(context: &mut Context<'_>) {
    let facts = context.facts;
    if facts.lang == Lang::C {
        return;
    }
    let mut stores = BTreeSet::new();
    let mut first = None;
    for text in facts
        .texts
        .iter()
        .filter(|text| text.taint.has(Taint::CREDENTIAL_PATH))
    {
        for found in scan(&text.text) {
            if found.kind == Kind::CredentialPath && !crate::walk_ordinary(&found.text) {
                first = first.or(Some(text));
                stores.insert(found.text.to_ascii_lowercase());
            }
        }
    }
    let Some(text) = first.filter(|_| stores.len() >= MANY_STORES) else {
        return;
    };
    let severity = if facts.calls.iter().any(talks) {
        Severity::Medium
    } else {
        Severity::Low
    };
    context.hit(
        Hit::new(&CREDENTIAL_ACCESS, text.range.clone(), text.phase)
            .title(format!(
                "Knows {} different places of credentials",
                stores.len()
            ))
            .severity(severity)
            .confidence(Confidence::Medium)
            .why("Code that looks for many kinds of keys, cookies or wallets collects them."),
    );
}

/// Loot gathered and something sent to a suspect host in one file, though no flow was seen.
fn gathered(context: &mut Context<'_>) {
    let facts = context.facts;
    let gathers = facts.calls.iter().any(|call| match call.role {
        Role::Read | Role::Copy => call.taint().has(Taint::CREDENTIAL_PATH),
        Role::Source(taint) => taint.has(Taint::LOOT),
        Role::Keys => true,
        _ => false,
    }) || facts
        .texts
        .iter()
        .filter(|text| text.taint.has(Taint::CREDENTIAL_PATH))
        .count()
        >= 3;
    if !gathers {
        return;
    }
    let sender = facts.calls.iter().find(|call| {
        talks(call) && ((call.taint() | call.receiver.taint).has(Taint::SUSPECT_HOST))
    });
    if let Some(call) = sender {
        context.hit(
            hit_at(&EXFILTRATION, call)
                .title("Gathers private data and talks to a host that loot goes to")
                .confidence(Confidence::Medium)
                .severity(Severity::High)
                .why("The same file reads credentials, environment, clipboard, keys or screen."),
        );
    }
}
