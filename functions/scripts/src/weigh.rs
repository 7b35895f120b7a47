//! The severity and confidence of an act.

use packguard_sdk::indicators::Kind;
use packguard_sdk::{Confidence, Severity};

use crate::deeds::{Act, Deed};
use crate::grade::{Around, Context};
use crate::hosts::Host;
use crate::unit::Unit;

fn has(around: &Around<'_>, kinds: &[Kind]) -> bool {
    around
        .indicators
        .iter()
        .any(|one| kinds.contains(&one.kind))
}

/// How grave an act is, and how sure; `None` for what is ordinary.
pub fn weigh(
    act: &Act,
    around: &Around<'_>,
    unit: &Unit,
    context: Context,
) -> Option<(Severity, Confidence)> {
    use Confidence::{High as Sure, Medium as Likely};
    use Severity::{Critical, High, Info, Low, Medium};
    let hooked = context.hooked;
    Some(match act.deed {
        Deed::DownloadRun => download_run(act, around, hooked, context.aside),
        Deed::Upload => upload(act, around, hooked)?,
        Deed::ReverseShell => (Critical, Sure),
        Deed::DecodeRun => decode_run(act, unit, hooked),
        Deed::Hidden if hooked => (Medium, Likely),
        Deed::Hidden => (Low, Likely),
        Deed::Recon if hooked => (Low, Sure),
        Deed::Recon => (Info, Sure),
        Deed::Persist if act.plain || around.covert => (High, Sure),
        Deed::Persist => match (hooked, around.host >= Host::Odd || around.stealth > 1) {
            (true, true) => (High, Sure),
            (true, false) | (false, true) => (Medium, Sure),
            (false, false) => (Low, Sure),
        },
        Deed::Destroy if hooked => (Critical, Sure),
        Deed::Destroy => (Medium, Likely),
        Deed::Mine if hooked || around.host == Host::Hostile => (Critical, Sure),
        Deed::Mine => (High, Sure),
        Deed::Defences if hooked || acts_beside(unit) && !context.aside => (High, Sure),
        Deed::Defences => (Medium, Sure),
        Deed::Bypass | Deed::Phish | Deed::Memory | Deed::Ransom | Deed::Spread => (Critical, Sure),
        Deed::Secrets if hooked => (Critical, Sure),
        Deed::Secrets => (High, Sure),
        Deed::Watch | Deed::Inject => (if hooked { Critical } else { High }, Sure),
        Deed::Download => return None,
    })
}

/// Whether a unit also runs what is not its own, or sends something out.
fn acts_beside(unit: &Unit) -> bool {
    unit.acts.iter().any(|act| {
        matches!(
            act.deed,
            Deed::DownloadRun | Deed::DecodeRun | Deed::Upload | Deed::Inject
        )
    })
}

fn download_run(
    act: &Act,
    around: &Around<'_>,
    hooked: bool,
    aside: bool,
) -> (Severity, Confidence) {
    use Confidence::{High as Sure, Medium as Likely};
    use Severity::{Critical, High, Info, Low, Medium};
    match (around.host, around.stealth, hooked) {
        (Host::Hostile, _, _) => (Critical, Sure),
        (Host::Odd, 1.., _) | (Host::Odd, _, true) => (Critical, Sure),
        (Host::Odd, _, false) => (High, Likely),
        (Host::Known, _, true) if around.covert => (Critical, Sure),
        (Host::Known, _, false) if around.covert => (High, Sure),
        (Host::Known, 2.., true) => (High, Likely),
        (Host::Known, _, true) => (Low, Likely),
        (Host::Known, ..) => (Info, Likely),
        (Host::Plain, 2.., true) => (Critical, Sure),
        (Host::Plain, 3.., false) if around.covert => (Critical, Sure),
        // Who checks a signature fetches what is known; that tells nothing of who signs.
        (Host::Plain, 0, _) if around.signed && !around.covert => (Medium, Likely),
        (Host::Plain, _, true) => (High, Sure),
        (Host::Plain, ..) if around.covert => (High, Sure),
        // Installers are shell scripts; what is piped into another interpreter is none.
        (Host::Plain, ..) if !aside && feeds_interpreter(around.part) => (High, Sure),
        (Host::Plain, 2.., false) => (Medium, Sure),
        (Host::Plain, ..) if act.plain => (Medium, Sure),
        (Host::Plain, ..) => (Low, Likely),
    }
}

/// Whether what is fetched is piped into Python, Node or the like.
fn feeds_interpreter(part: &str) -> bool {
    part.contains("://")
        && part.split('|').skip(1).any(|command| {
            let mut words = command.split_whitespace();
            let program = words.find(|word| !matches!(*word, "sudo" | "env" | "nohup" | "-E"));
            let program = program.unwrap_or_default();
            let name = program.rsplit('/').next().unwrap_or_default();
            let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
            let code = words.all(|word| word.starts_with(['-', '>', '&', '2']) && word != "-m");
            code && matches!(name, "python" | "node" | "perl" | "ruby" | "php" | "deno")
                && !part.contains(" -c ")
                && !part.contains(" -e ")
                && !part.contains("json")
        })
}

/// Commands whose output is the machine's, in what is sent.
fn sends_machine(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    let all = [
        "$(env",
        "`env",
        "env |",
        "env|",
        "printenv",
        "env>",
        "env >",
        "export -p",
        "set |",
        "get-childitem env:",
        "gci env:",
        "dir env:",
        "getenvironmentvariables",
    ];
    all.iter().any(|word| lower.contains(word))
}

/// What tells who and where the machine is, in what is sent.
fn sends_identity(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    let words = [
        "whoami",
        "hostname",
        "$(id",
        "`id",
        "uname -a",
        "$user",
        "%username%",
        "%computername%",
        "$env:username",
        "$env:computername",
        "ifconfig",
        "ipconfig",
        "systeminfo",
    ];
    words.iter().any(|word| lower.contains(word))
}

fn upload(act: &Act, around: &Around<'_>, hooked: bool) -> Option<(Severity, Confidence)> {
    use Confidence::{High as Sure, Medium as Likely};
    use Severity::{Critical, High, Info, Low, Medium};
    let files = has(around, &[Kind::CredentialPath]);
    let variables = has(around, &[Kind::SecretVariable]);
    let everything = sends_machine(around.part);
    let hostile = around.host >= Host::Odd;
    let chat_only = around
        .indicators
        .iter()
        .any(|one| one.kind == Kind::ChatApi)
        && !around
            .indicators
            .iter()
            .any(|one| one.kind.is_hostile_host() && one.kind != Kind::ChatApi);
    Some(match around.host {
        _ if files && hostile => (Critical, Sure),
        _ if (files || everything || act.plain)
            && (hooked || hostile)
            && around.host != Host::Known =>
        {
            (Critical, Sure)
        }
        Host::Known if files || everything => (Medium, Likely),
        _ if files || everything || act.plain => (High, Sure),
        // A notice in the team's chat names hosts and holds a token.
        Host::Hostile if chat_only && !hooked => (Low, Likely),
        Host::Hostile | Host::Odd if variables || sends_identity(around.part) => (Critical, Sure),
        Host::Hostile if hooked => (High, Sure),
        Host::Hostile => (Medium, Sure),
        Host::Known => return None,
        _ if sends_identity(around.part) && hooked => (High, Sure),
        _ if sends_identity(around.part) => (Low, Likely),
        _ if variables && hooked => (Medium, Sure),
        _ if hooked => (Low, Likely),
        _ => (Info, Likely),
    })
}

fn decode_run(act: &Act, unit: &Unit, hooked: bool) -> (Severity, Confidence) {
    use Confidence::{High as Sure, Medium as Likely};
    let literal = act.plain
        || act
            .decoded
            .as_ref()
            .is_some_and(|decoded| decoded.len() >= 8)
        || !unit.layers.is_empty();
    match (literal, hooked) {
        (true, true) => (Severity::Critical, Sure),
        (true, false) => (Severity::High, Sure),
        (false, true) => (Severity::High, Likely),
        (false, false) => (Severity::Low, Likely),
    }
}
