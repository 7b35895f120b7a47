//! Hosts that honest packages rarely name.

use packguard_sdk::indicators::{Kind, scan};
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::{Context, hit_at};
use crate::names::Role;
use crate::value::Taint;

/// A webhook, tunnel, paste site, …
pub const SUSPICIOUS_HOST: Rule = Rule::new(
    "python-suspicious-host",
    "Names a host that stolen data goes to or payloads come from",
    "Found when code names a webhook, a tunnel, a paste site, an anonymous file share, a mining \
     pool or a bare public address.\n\nHarmless by itself: chat libraries name chat services. It \
     weighs more where the code talks to the host by itself.",
    Category::CommandAndControl,
    Severity::Low,
    &["T1102", "T1567"],
);

pub(super) fn check(context: &mut Context<'_, '_>) {
    let mut said = std::collections::BTreeSet::new();
    for text in &context.facts.texts {
        let Some((what, host)) = scan(&text.text)
            .into_iter()
            .find_map(|found| words(found.kind).map(|what| (what, found.text)))
        else {
            continue;
        };
        // Once for a host in a file, or a client library would fill the report.
        if !said.insert(host.clone()) {
            continue;
        }
        let severity = match text.phase {
            Phase::Install if context.setup => Severity::Medium,
            _ => Severity::Low,
        };
        let hit = Hit::new(&SUSPICIOUS_HOST, text.range.clone(), text.phase)
            .title(format!("Names {what}: {host}"))
            .severity(severity)
            .confidence(Confidence::Medium)
            .why("Such hosts receive stolen data or serve payloads more often than not.");
        context.found.hits.push(hit);
    }
    for call in &context.facts.calls {
        let contacts = matches!(
            call.role,
            Some(Role::Fetch | Role::FetchToFile | Role::Send)
        );
        if contacts && call.runs_by_itself() && call.payload_taint().has(Taint::SUSPECT_HOST) {
            let severity = match call.phase {
                Phase::Install => Severity::High,
                _ => Severity::Medium,
            };
            let hit = hit_at(&SUSPICIOUS_HOST, call)
                .title("Contacts a host that stolen data goes to or payloads come from")
                .severity(severity)
                .why(format!("It does so {}.", super::when(call.phase)));
            context.hit(hit);
        }
    }
}

/// What a host is, for hosts that matter here.
fn words(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Webhook => Some("a webhook"),
        Kind::Tunnel => Some("a tunnel"),
        Kind::PasteOrFileShare => Some("a paste site or file share"),
        Kind::ChatApi => Some("a chat service's API"),
        Kind::OutOfBand => Some("an out-of-band interaction host"),
        Kind::Miner => Some("a mining pool or miner"),
        Kind::RareTld => Some("a host in a rare top-level domain"),
        Kind::PublicIp => Some("a bare public address"),
        Kind::Shortener
        | Kind::IpLookup
        | Kind::CredentialPath
        | Kind::SecretVariable
        | Kind::AutostartPath => None,
    }
}
