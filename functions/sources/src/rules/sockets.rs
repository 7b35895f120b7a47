//! Shells handed to a peer, and hosts that payloads come from.

use std::collections::BTreeSet;

use packguard_sdk::indicators::{Kind, scan};
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::{Context, hit_at, starts, when, words};
use crate::facts::{Call, Facts};
use crate::lang::Lang;
use crate::names::Role;
use crate::value::Taint;

/// A shell over a socket.
pub const REVERSE_SHELL: Rule = Rule::new(
    "source-reverse-shell",
    "Hands a shell to a remote peer",
    "Found when a connection is opened and a shell is started with it as input and output, or what \
     the peer sends is run.\n\nThe peer controls the machine.\n\nDo not run it.",
    Category::CommandAndControl,
    Severity::Critical,
    &["T1059", "T1571"],
);

/// A webhook, tunnel, paste site, …
pub const SUSPICIOUS_HOST: Rule = Rule::new(
    "source-suspicious-host",
    "Talks to a host that stolen data goes to or payloads come from",
    "Found when code contacts a webhook, a tunnel, a paste site, an anonymous file share, an \
     interaction host or a bare public address.\n\nHarmless by itself: chat libraries name chat \
     services. It weighs more where the code does it unasked.",
    Category::CommandAndControl,
    Severity::Low,
    &["T1102", "T1567"],
);

pub(super) fn check(context: &mut Context<'_>) {
    reverse_shell(context);
    hosts(context);
}

fn reverse_shell(context: &mut Context<'_>) {
    let facts = context.facts;
    for call in facts.calls.iter().filter(|call| starts(call)).take(2_000) {
        let near = |role: Role| {
            facts
                .calls
                .iter()
                .any(|other| other.role == role && other.function == call.function)
        };
        let taint = call.taint() | call.receiver.taint;
        let remote = taint.has(Taint::REMOTE) && from_socket(facts, call);
        let shell = interactive(call);
        let socket = near(Role::Socket);
        let redirected = near(Role::Redirect);
        let sure = shell && socket && (remote || redirected || handed(call));
        // Commands read from the connection.
        let commanded =
            socket && remote && (call.role == Role::Shell || shell_word(call) || named(call));
        let likely = shell && socket;
        if !(sure || commanded || likely) {
            continue;
        }
        if facts.lang == Lang::C && !redirected {
            continue;
        }
        let severity = if sure || commanded && call.by_itself() {
            Severity::Critical
        } else {
            Severity::High
        };
        let confidence = if sure {
            Confidence::High
        } else {
            Confidence::Medium
        };
        context.hit(
            hit_at(&REVERSE_SHELL, call)
                .severity(severity)
                .confidence(confidence)
                .why(format!(
                    "A connection is opened and a shell started {}.",
                    when(call.phase)
                )),
        );
    }
}

/// Whether an argument came from a socket of the same function.
fn from_socket(facts: &Facts, call: &Call) -> bool {
    words(call).iter().any(|(_, value)| {
        value.taint.has(Taint::REMOTE)
            && value
                .call
                .and_then(|at| facts.calls.get(at as usize))
                .is_none_or(|origin| origin.role == Role::Socket)
    })
}

/// Whether the peer names the program that is started.
fn named(call: &Call) -> bool {
    words(call).first().is_some_and(|(_, value)| {
        value.taint.has(Taint::REMOTE) && !value.taint.has(Taint::FILE | Taint::PARTIAL)
    })
}

/// Whether streams are handed to what is started: `in: socket`, `Stdin = conn`.
fn handed(call: &Call) -> bool {
    call.args.iter().any(|arg| arg.taint.has(Taint::REMOTE))
}

fn shell_word(call: &Call) -> bool {
    words(call).first().is_some_and(|(text, _)| is_shell(text))
}

fn is_shell(program: &str) -> bool {
    let name = program
        .trim()
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    matches!(
        name.trim_end_matches(".exe"),
        "sh" | "bash" | "zsh" | "dash" | "ksh" | "cmd" | "powershell" | "pwsh"
    )
}

/// A shell that is started to be talked to: without a command of its own.
fn interactive(call: &Call) -> bool {
    let words = words(call);
    let Some((first, value)) = words.iter().find(|(text, _)| text != "?") else {
        return false;
    };
    if value.bytes().is_none() {
        return false;
    }
    let mut parts = first.split_whitespace();
    let program = parts.next().unwrap_or_default();
    let rest = parts.chain(words.iter().skip(1).map(|(text, _)| text.as_str()));
    let mut plain = true;
    for option in rest {
        plain &= matches!(
            option,
            "-i" | "-l"
                | "?"
                | "-li"
                | "-il"
                | "/bin/sh"
                | "sh"
                | "bash"
                | "0"
                | "-p"
                | "-q"
                | "/q"
                | "--noprofile"
                | "w"
                | "r"
                | "r+"
                | "w+"
        ) || option.starts_with("<&")
            || option.starts_with(">&")
            || option.parse::<i64>().is_ok();
    }
    is_shell(program) && plain
}

fn hosts(context: &mut Context<'_>) {
    let facts = context.facts;
    for call in &facts.calls {
        if !matches!(
            call.role,
            Role::Net | Role::NetToFile | Role::Socket | Role::Dns
        ) {
            continue;
        }
        let taint = call.taint() | call.receiver.taint;
        let named = words(call).into_iter().find_map(|(text, _)| what(&text));
        if named.is_none() && !taint.has(Taint::SUSPECT_HOST) && !public_address(call) {
            continue;
        }
        let hidden = taint.has(Taint::HIDDEN);
        let severity = match call.phase {
            Phase::Install => Severity::High,
            Phase::Import if hidden => Severity::High,
            Phase::Import => Severity::Medium,
            _ if hidden => Severity::Medium,
            _ => Severity::Low,
        };
        let title = named.map_or_else(
            || SUSPICIOUS_HOST.title.to_owned(),
            |named| format!("Talks to {named}"),
        );
        context.hit(
            hit_at(&SUSPICIOUS_HOST, call)
                .title(title)
                .severity(severity)
                .why(format!("It does so {}.", when(call.phase))),
        );
    }
    let mut said = BTreeSet::new();
    for text in &facts.texts {
        let Some(named) = what(&text.text) else {
            continue;
        };
        if said.insert(named.clone()) && said.len() <= 8 {
            let severity = if text.taint.has(Taint::HIDDEN) {
                Severity::Medium
            } else {
                Severity::Low
            };
            context.hit(
                Hit::new(&SUSPICIOUS_HOST, text.range.clone(), text.phase)
                    .title(format!("Names {named}"))
                    .severity(severity)
                    .confidence(Confidence::Medium)
                    .why("Such hosts receive stolen data or serve payloads more often than not."),
            );
        }
    }
}

/// A socket to a bare public address: the address is an argument of its own.
fn public_address(call: &Call) -> bool {
    call.role == Role::Socket
        && words(call).iter().any(|(text, _)| {
            let host = text
                .rsplit_once(':')
                .map_or(text.as_str(), |(host, _)| host);
            host.split('.').count() == 4
                && scan(&format!("http://{host}/"))
                    .iter()
                    .any(|found| found.kind == Kind::PublicIp)
        })
}

fn what(text: &str) -> Option<String> {
    scan(text).into_iter().find_map(|found| {
        let kind = match found.kind {
            Kind::Webhook => "a webhook",
            Kind::Tunnel => "a tunnel",
            Kind::PasteOrFileShare => "a paste site or file share",
            Kind::ChatApi => "a chat service's API",
            Kind::OutOfBand => "an interaction host",
            Kind::Miner => "a mining pool or miner",
            Kind::RareTld => "a host in a rare top-level domain",
            Kind::PublicIp => "a bare public address",
            _ => return None,
        };
        Some(format!("{kind}: {}", found.text))
    })
}
