//! Hosts that hostile packages talk to, in the file's texts.

use std::collections::BTreeSet;

use oxc_span::Span;
use packguard_sdk::indicators::{self, Kind as Indicator};
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::Kind;
use crate::context::{Context, hit, when};

/// A host of a kind that hostile packages talk to.
pub const INDICATOR_HOST: Rule = Rule {
    id: "js-indicator-host",
    title: "Names a host that hostile packages often talk to",
    help: "A text names a webhook, tunnel, paste site, chat bot, shortener, or a bare public address.\n\nHonest \
packages name some of them in documentation and examples; install scripts have no reason to.\n\n\
Look at what is sent there or fetched from there.",
    category: Category::CommandAndControl,
    severity: Severity::Low,
    attack: &["T1102", "T1071.001"],
};

/// Words of mining.
pub const MINER: Rule = Rule {
    id: "js-miner",
    title: "Names a mining pool or miner",
    help: "A text names a miner, a mining pool or a miner's protocol.\n\nLists of blocked hosts do so too. Look \
at whether something is started or connected.",
    category: Category::Impact,
    severity: Severity::Low,
    attack: &["T1496"],
};

/// Texts longer than this are documents or data, not addresses.
const LONGEST: usize = 4_096;

/// Texts scanned together, in bytes, per file.
const TOTAL: usize = 2 << 20;

/// Different hosts reported per file.
const HOSTS: usize = 8;

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let (joined, places) = joined(context);
    let mut seen = BTreeSet::new();
    for found in indicators::scan(&joined) {
        if seen.len() >= HOSTS || !seen.insert((found.kind, found.text.clone())) {
            continue;
        }
        let Some(span) = place(&places, found.range.start) else {
            continue;
        };
        let rule = match found.kind {
            Indicator::Miner => &MINER,
            kind if super::download::is_hostile(kind) || kind == Indicator::IpLookup => {
                &INDICATOR_HOST
            }
            _ => continue,
        };
        let Some((severity, phase)) = severity(context, found.kind, &found.text) else {
            continue;
        };
        hits.push(
            hit(rule, span, phase)
                .title(format!("Names {} ({})", found.text, kind_words(found.kind)))
                .severity(severity)
                .confidence(Confidence::Medium)
                .why(format!(
                    "{} runs {}.",
                    if phase == Phase::Unknown {
                        "The code"
                    } else {
                        "This file"
                    },
                    when(phase)
                )),
        );
    }
}

/// All texts that may hold an address, a line each, with where each starts.
fn joined(context: &Context<'_, '_>) -> (String, Vec<(usize, Span)>) {
    let mut joined = String::new();
    let mut places = Vec::new();
    let sent = context
        .of(Kind::Send)
        .chain(context.of(Kind::Spawn))
        .filter_map(|act| Some((act.text.as_deref()?, act.span)));
    let texts = context
        .facts
        .texts
        .iter()
        .map(|(text, span)| (*text, *span));
    for (text, span) in sent.chain(texts) {
        let bytes = text.as_bytes();
        if !(6..=LONGEST).contains(&text.len())
            || memchr::memchr2(b'.', b'/', bytes).is_none() && memchr::memchr(b'+', bytes).is_none()
            || joined.len() > TOTAL
        {
            continue;
        }
        places.push((joined.len(), span));
        joined.push_str(text);
        joined.push('\n');
    }
    (joined, places)
}

fn place(places: &[(usize, Span)], at: usize) -> Option<Span> {
    let index = places.partition_point(|(start, _)| *start <= at);
    places.get(index.checked_sub(1)?).map(|(_, span)| *span)
}

/// How bad it is to name such a host here; nothing for what is common.
fn severity(context: &Context<'_, '_>, kind: Indicator, text: &str) -> Option<(Severity, Phase)> {
    let used = context.acts.iter().find(|act| {
        matches!(act.kind, Kind::Send | Kind::Spawn)
            && act
                .text
                .as_deref()
                .is_some_and(|address| address.contains(text))
    });
    let strong = matches!(
        kind,
        Indicator::Webhook
            | Indicator::Tunnel
            | Indicator::OutOfBand
            | Indicator::ChatApi
            | Indicator::PasteOrFileShare
    );
    let weak = matches!(
        kind,
        Indicator::Shortener | Indicator::RareTld | Indicator::IpLookup
    );
    let phase = used.map_or(
        match context.phase {
            Phase::Install if !context.loaded_only => Phase::Install,
            _ => Phase::Execute,
        },
        |act| context.phase_of(act),
    );
    let starts = kind == Indicator::Miner && used.is_some_and(|act| act.kind == Kind::Spawn);
    let severity = match (phase, used.is_some()) {
        (Phase::Execute, true) if starts => Severity::Medium,
        (_, true) if starts => Severity::High,
        (Phase::Install, true) if strong => Severity::High,
        (Phase::Install, _) if strong => Severity::Medium,
        (Phase::Install, true) => Severity::Medium,
        (Phase::Import, true) if strong => Severity::High,
        (Phase::Import, true) if !weak => Severity::Medium,
        (_, false) if weak => return None,
        _ => Severity::Low,
    };
    Some((severity, phase))
}

fn kind_words(kind: Indicator) -> &'static str {
    match kind {
        Indicator::Webhook => "webhook",
        Indicator::Tunnel => "tunnel",
        Indicator::PasteOrFileShare => "paste site or file share",
        Indicator::ChatApi => "chat bot",
        Indicator::OutOfBand => "out-of-band interaction host",
        Indicator::Shortener => "URL shortener",
        Indicator::RareTld => "rare top-level domain",
        Indicator::PublicIp => "bare public address",
        Indicator::IpLookup => "tells the caller's address",
        Indicator::Miner => "mining",
        _ => "indicator",
    }
}
