//! Keys of wallets, key strokes and forms that are sent to somebody, and what is gathered
//! about a machine before it is sent.

use packguard_sdk::indicators;
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::exfiltration;
use crate::acts::{Act, Kind, network};
use crate::context::{Context, hit, when};
use crate::value::Taint;

/// Keys of wallets, sent out.
pub const WALLET_KEYS: Rule = Rule {
    id: "js-exfiltrate-wallet-keys",
    title: "Sends private keys or recovery phrases out",
    help: "A value named like a wallet's private key, mnemonic or seed phrase reaches a request to a host that is \
not the package's, without having been used for a signature on the way.\n\nLibraries for wallets sign where they \
run; whoever has the key has the money.\n\nDo not install the package; if you did, move what the wallets hold.",
    category: Category::Exfiltration,
    severity: Severity::High,
    attack: &["T1041", "T1657"],
};

/// Facts about machine and user, gathered.
pub const GATHERS: Rule = Rule {
    id: "js-gathers-host",
    title: "Gathers facts about machine and user",
    help: "Several of host name, user name, folders and network addresses are read when the package is installed \
or loaded, and then sent.\n\nThat is what probes for dependency confusion do, and the first step of thieves.\n\n\
Find out who gets the data.",
    category: Category::Discovery,
    severity: Severity::Medium,
    attack: &["T1082", "T1033", "T1016"],
};

/// Words of forms for payment cards.
const CARD_WORDS: &[&str] = &[
    "cvv",
    "cvc",
    "cardnumber",
    "card-number",
    "card_number",
    "cc-number",
    "cc_number",
    "ccnum",
    "cc-exp",
    "cc_exp",
    "expiry",
    "card-expiry",
    "cardholder",
];

/// A fixed recipient that nobody sees.
pub const BLIND_COPY: Rule = Rule {
    id: "js-blind-copy",
    title: "Sends a blind copy of mail to a fixed address",
    help: "An address is written out as the blind copy (`bcc`) of mail that the package sends for whoever uses it.\n\n\
Honest packages let their user choose who gets a copy.\n\nDo not use the package.",
    category: Category::Exfiltration,
    severity: Severity::High,
    attack: &["T1114.003"],
};

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for act in context.of(Kind::Send) {
        let address = act.text.as_deref().unwrap_or_default();
        let Some(host) = network::host(address) else {
            continue;
        };
        if context.own.is_home(host) || host == "localhost" || host.starts_with("127.") {
            continue;
        }
        if act.taint.has(Taint::WALLET_KEY) {
            hits.push(keys(context, act, host, address));
        }
        let captured = if act.taint.has(Taint::KEYS) {
            Some("pressed keys")
        } else if act.taint.has(Taint::FORM) && knows_cards(context) {
            Some("a card's data from a form")
        } else {
            None
        };
        if let Some(what) = captured {
            let phase = context.phase_of(act);
            hits.push(
                hit(&exfiltration::CAPTURED, act.span, phase)
                    .title(format!("Sends {what} to {host} {}", when(phase)))
                    .confidence(Confidence::Medium)
                    .why("What is typed reaches what is sent, by the flow of values through this file."),
            );
        }
    }
    gathers(context, hits);
    blind_copies(context, hits);
}

/// Mail that the code sends for others, with somebody of its own choice in blind copy.
fn blind_copies(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    if !matches!(context.phase, Phase::Install | Phase::Import) {
        return;
    }
    let copied = context.facts.texts.iter().find(|(text, span)| {
        let address = text.split_once('@').filter(|(user, host)| {
            !user.is_empty() && host.contains('.') && !text.contains(char::is_whitespace)
        });
        let start = context.source(oxc_span::Span::new(
            span.start.saturating_sub(12),
            span.start,
        ));
        let key = start.trim_end_matches([' ', '[', '\'', '"', '`']);
        let key = key.strip_suffix(':').unwrap_or_default().trim_end();
        address.is_some_and(|(_, host)| !context.own.is_home(host))
            && key
                .trim_end_matches(['\'', '"'])
                .to_ascii_lowercase()
                .ends_with("bcc")
    });
    if let Some((text, span)) = copied {
        hits.push(
            hit(&BLIND_COPY, *span, Phase::Execute)
                .title(format!("Sends a blind copy of mail to {text}"))
                .confidence(Confidence::Medium)
                .why("Whoever sends mail through the package does not see who else gets it."),
        );
    }
}

fn keys<'a>(context: &Context<'_, 'a>, act: &Act<'a>, host: &str, address: &str) -> Hit {
    let phase = context.phase_of(act);
    let hostile = indicators::scan(address)
        .iter()
        .any(|found| super::download::is_hostile(found.kind));
    let severity = if hostile {
        Severity::Critical
    } else {
        Severity::High
    };
    hit(&WALLET_KEYS, act.span, phase)
        .title(format!("Sends private keys to {host} {}", when(phase)))
        .severity(severity)
        .why("A value named like a private key or recovery phrase reaches a request, not only a signature.")
}

fn knows_cards(context: &Context<'_, '_>) -> bool {
    let mut known: Vec<&str> = Vec::new();
    let texts = context.facts.texts.iter().map(|(text, _)| *text);
    for text in texts.filter(|text| text.len() < 400) {
        let text = text.to_ascii_lowercase();
        for word in CARD_WORDS {
            if !known.contains(word) && text.contains(word) {
                known.push(word);
            }
        }
    }
    known.len() >= 2
}

/// Beside a flow of such facts to a request: that they were gathered at all.
fn gathers(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let sent = hits.iter().any(|hit| {
        hit.rule.id == exfiltration::HOST.id
            && hit.severity >= Severity::High
            && hit.phase != Phase::Execute
    });
    if !sent {
        return;
    }
    let facts = context.facts;
    let mut evaluator = context.evaluator.borrow_mut();
    let mut gathered = Taint::NONE;
    let mut place = None;
    for call in &facts.calls {
        let api = evaluator.target(call).path.unwrap_or_default();
        let source = matches!(
            &*api,
            "os.hostname"
                | "os.userInfo"
                | "os.networkInterfaces"
                | "dns.getServers"
                | "os.homedir"
                | "process.cwd"
        );
        if source {
            gathered = gathered.with(crate::sources::call(&api, &[]).taint);
            place.get_or_insert(call.span());
        }
    }
    let count = Taint::IDENTITY
        .iter()
        .filter(|mark| gathered.has(**mark))
        .count();
    if let Some(span) = place
        && count >= 2
    {
        let phase = context.phase;
        hits.push(
            hit(&GATHERS, span, phase)
                .title(format!(
                    "Gathers {} {}",
                    exfiltration::identity_words(gathered),
                    when(phase)
                ))
                .why("Honest packages do not need to know whose machine they are on."),
        );
    }
}
