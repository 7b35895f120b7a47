//! Data that leaves the machine.

use packguard_sdk::indicators;
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::{Act, Kind, network};
use crate::context::{Context, hit, when};
use crate::sources;
use crate::value::Taint;

/// Environment variables that are sent out.
pub const ENVIRONMENT: Rule = Rule {
    id: "js-exfiltrate-environment",
    title: "Sends environment variables out",
    help: "All environment variables, or ones that hold secrets, reach a request.\n\nThey hold tokens of build \
servers and clouds. Honest packages read the ones they need and send none.\n\nDo not install the package; if you \
did, change the secrets of that machine.",
    category: Category::Exfiltration,
    severity: Severity::High,
    attack: &["T1041", "T1552.007"],
};

/// Data that identifies machine and user, sent out.
pub const HOST: Rule = Rule {
    id: "js-exfiltrate-host",
    title: "Sends data about the machine out",
    help: "Names of host and user, folders or network addresses reach a request.\n\nThis is how packages that \
probe for victims (dependency confusion) report home.\n\nFind out who gets the data.",
    category: Category::Exfiltration,
    severity: Severity::High,
    attack: &["T1041", "T1082", "T1033"],
};

/// Files of keys and tokens, sent out.
pub const CREDENTIALS: Rule = Rule {
    id: "js-exfiltrate-credentials",
    title: "Sends files of keys or tokens out",
    help: "The content of a file that holds keys, tokens, cookies or wallets reaches a request.\n\nDo not \
install the package; if you did, change the secrets of that machine.",
    category: Category::Exfiltration,
    severity: Severity::High,
    attack: &["T1041", "T1552.001"],
};

/// Clipboard and the like, sent out.
pub const CAPTURED: Rule = Rule {
    id: "js-exfiltrate-captured",
    title: "Sends the clipboard, keys or files out",
    help: "What was taken from the clipboard, keyboard or disk reaches a request to a host of the kind that \
collects stolen data.\n\nDo not install the package.",
    category: Category::Exfiltration,
    severity: Severity::High,
    attack: &["T1041", "T1115"],
};

/// Files of keys and tokens, read.
pub const READS_CREDENTIALS: Rule = Rule {
    id: "js-reads-credentials",
    title: "Reads files of keys or tokens",
    help: "The code reads a file that holds keys, tokens, cookies or wallets.\n\nTools that log in for you do \
so. Look at what else the package does.",
    category: Category::CredentialAccess,
    severity: Severity::Low,
    attack: &["T1552.001", "T1555"],
};

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let before = hits.len();
    for act in context.acts {
        let sends = act.kind == Kind::Send
            || act.kind == Kind::Spawn && act.text.as_deref().is_some_and(is_transfer);
        if sends {
            sent(context, act, hits);
        }
    }
    let flow = hits[before..]
        .iter()
        .any(|hit| hit.rule.category == Category::Exfiltration);
    if !flow && context.phase == Phase::Install && !context.loaded_only {
        nearby(context, hits);
    }
    for act in context.of(Kind::Read) {
        read(context, act, hits);
    }
}

fn is_transfer(command: &str) -> bool {
    let program = command.split_whitespace().next().unwrap_or_default();
    matches!(
        program,
        "curl" | "wget" | "nslookup" | "dig" | "ping" | "host" | "nc" | "powershell" | "iwr"
    )
}

fn sent<'a>(context: &Context<'_, 'a>, act: &Act<'a>, hits: &mut Vec<Hit>) {
    let phase = context.phase_of(act);
    let address = act.text.as_deref().unwrap_or_default();
    let found = indicators::scan(address);
    let hostile = found
        .iter()
        .find(|found| super::download::is_hostile(found.kind))
        .map(|found| found.text.clone());
    let own = network::host(address).is_some_and(|host| context.own.owns(address, host));
    let to = match (&hostile, network::host(address)) {
        (Some(host), _) => host.clone(),
        (None, Some(host)) => host.to_owned(),
        (None, None) => "an address not written out".to_owned(),
    };
    let mut push = |rule: &'static Rule, what: &str, severity: Severity| {
        let severity = if hostile.is_some() {
            severity.raised()
        } else {
            severity
        };
        hits.push(
            hit(rule, act.span, phase)
                .title(format!("Sends {what} to {to} {}", when(phase)))
                .severity(severity)
                .confidence(Confidence::Medium)
                .why("What is read reaches what is sent, by the flow of values through this file."),
        );
    };
    let taint = act.taint;
    if taint.has(Taint::ENVIRONMENT) {
        let host = network::host(address);
        let severity = match phase {
            Phase::Install => Severity::Critical,
            Phase::Import => Severity::High,
            // To a host that the code itself names, not one it is told.
            _ if host.is_some_and(|host| !context.own.is_home(host)) => Severity::High,
            _ if host.is_some() => Severity::Medium,
            _ => Severity::Low,
        };
        push(&ENVIRONMENT, "all environment variables", severity);
    } else if taint.has(Taint::SECRET) {
        let own = own || network::host(address).is_some_and(is_code_host);
        let severity = match (phase, own) {
            (Phase::Install, false) => Some(Severity::High),
            // Nobody is authorised by a letter.
            _ if address.starts_with("mailto://") => Some(Severity::High),
            (Phase::Import, false) => Some(Severity::Low),
            _ => None,
        };
        if let Some(severity) = severity.or(hostile.is_some().then_some(Severity::Low)) {
            push(&ENVIRONMENT, "secret environment variables", severity);
        }
    }
    if taint.has(Taint::CREDENTIALS) {
        let severity = match phase {
            Phase::Install => Severity::Critical,
            // Clients of clouds sign with keys, for hosts that they are told.
            Phase::Execute if network::host(address).is_none() => Severity::Medium,
            _ => Severity::High,
        };
        push(&CREDENTIALS, "files of keys or tokens", severity);
    }
    if let Some(severity) = identity(act, phase, hostile.is_some()) {
        let severity = if own { Severity::Low } else { severity };
        push(&HOST, &identity_words(taint), severity);
    }
    if phase == Phase::Import && super::together::is_written_out(address) {
        push(&CAPTURED, "something", Severity::Medium);
    }
    if carries_authorization(context, act)
        && network::host(address).is_some_and(|host| !context.own.is_home(host))
    {
        push(
            &CREDENTIALS,
            "what requests are authorised with",
            Severity::High,
        );
    }
    if taint.has(Taint::OUTPUT) && phase != Phase::Execute && hostile.is_some() {
        push(&CAPTURED, "the output of commands", Severity::Medium);
    }
    if taint.has(Taint::CLIPBOARD) {
        push(&CAPTURED, "the clipboard", Severity::High);
    } else if hostile.is_some() && taint.has(Taint::FILE) && phase != Phase::Execute {
        push(&CAPTURED, "files", Severity::Medium);
    }
}

/// Whether the address or body of a request, not its headers, holds what another one was
/// authorised with.
fn carries_authorization<'a>(context: &Context<'_, 'a>, act: &Act<'a>) -> bool {
    if !act.taint.has(Taint::AUTHORIZATION) {
        return false;
    }
    let writes = [".end", ".write", ".send"];
    let written = writes.iter().any(|end| act.api.ends_with(end));
    let first = act.arguments.first();
    written
        || first
            .is_some_and(|first| first.known().is_some() && first.taint.has(Taint::AUTHORIZATION))
        || ["body", "data"].iter().any(|name| {
            act.option(&mut context.evaluator.borrow_mut(), name)
                .is_some_and(|value| value.taint.has(Taint::AUTHORIZATION))
        })
}

/// Hosts of code, which ask for a token so as not to be asked too often.
fn is_code_host(host: &str) -> bool {
    matches!(
        host,
        "api.github.com" | "github.com" | "gitlab.com" | "uploads.github.com"
    )
}

/// How bad it is to send what of the machine's identity an act sends.
fn identity(act: &Act<'_>, phase: Phase, hostile: bool) -> Option<Severity> {
    let count = Taint::IDENTITY
        .iter()
        .filter(|mark| act.taint.has(**mark))
        .count();
    let telling = act
        .taint
        .has(Taint::HOST_NAME.with(Taint::USER).with(Taint::NETWORK));
    match (phase, count) {
        (_, 0) => None,
        (Phase::Install, 2..) => Some(Severity::High),
        (Phase::Install, 1) if telling => Some(Severity::Medium),
        (Phase::Import, 2..) if telling => Some(Severity::High),
        (Phase::Execute, 3..) => Some(Severity::Low),
        (_, 1..) if hostile && telling => Some(Severity::Medium),
        _ => None,
    }
}

pub(super) fn identity_words(taint: Taint) -> String {
    let names = [
        (Taint::HOST_NAME, "host name"),
        (Taint::USER, "user name"),
        (Taint::HOME, "home folder"),
        (Taint::NETWORK, "network addresses"),
        (Taint::FOLDER, "folder"),
    ];
    let found: Vec<&str> = names
        .iter()
        .filter(|(mark, _)| taint.has(*mark))
        .map(|(_, name)| *name)
        .collect();
    found.join(", ")
}

/// Without a flow: an install script that gathers and sends in the same file.
fn nearby(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let mut gathered = Taint::NONE;
    for call in &context.facts.calls {
        let target = context.evaluator.borrow_mut().target(call);
        if target.api().starts_with("os.") || target.api().starts_with("dns.getServers") {
            gathered = gathered.with(sources::call(target.api(), &[]).taint);
        }
    }
    let count = Taint::IDENTITY
        .iter()
        .filter(|mark| gathered.has(**mark))
        .count();
    let sender = context.of(Kind::Send).find(|act| {
        act.text.as_deref().is_none_or(|address| {
            network::host(address).is_none_or(|host| !context.own.owns(address, host))
        })
    });
    if let Some(act) = sender
        && count >= 2
        && gathered.has(Taint::HOST_NAME.with(Taint::USER))
    {
        let addressed = act.text.as_deref().and_then(network::host).is_some();
        let names = [Taint::HOST_NAME, Taint::USER, Taint::NETWORK];
        let several = names.iter().filter(|mark| gathered.has(**mark)).count() >= 2;
        let (severity, confidence) = if addressed && several && act.loaded {
            (Severity::High, Confidence::Medium)
        } else {
            (Severity::Medium, Confidence::Low)
        };
        hits.push(
            hit(&HOST, act.span, Phase::Install)
                .severity(severity)
                .title(format!(
                    "An install script gathers {} and sends a request",
                    identity_words(gathered)
                ))
                .confidence(confidence)
                .why("No flow from one to the other was found, but both happen when the package is installed."),
        );
    }
}

fn read<'a>(context: &Context<'_, 'a>, act: &Act<'a>, hits: &mut Vec<Hit>) {
    let Some(path) = act.text.as_deref() else {
        return;
    };
    if !sources::is_credential_path(path) {
        return;
    }
    let phase = context.phase_of(act);
    // Package managers and their helpers read these two.
    let ordinary = path.contains(".npmrc") || path.contains("/etc/passwd");
    let severity = match (phase, ordinary) {
        (Phase::Execute, _) | (_, true) => Severity::Low,
        _ => Severity::Medium,
    };
    hits.push(
        hit(&READS_CREDENTIALS, act.span, phase)
            .title(format!(
                "Reads {} {}",
                packguard_sdk::text::cut(path, 80),
                when(phase)
            ))
            .severity(severity)
            .why("Files like this one hold keys, tokens, cookies or wallets."),
    );
}
