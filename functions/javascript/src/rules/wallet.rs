//! Payments redirected to somebody else.

use oxc_ast::ast::Expression;
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::Kind;
use crate::collect::Write;
use crate::context::{Context, hit};

/// Replaces a browser's functions and knows what addresses look like.
pub const HIJACK: Rule = Rule {
    id: "js-wallet-hijack",
    title: "Replaces functions to redirect payments",
    help: "The code replaces functions that every page uses (`fetch`, `XMLHttpRequest`, a wallet's `request`, the \
clipboard) and recognises addresses of several currencies.\n\nThat is how payments are redirected.\n\n\
Do not use the package.",
    category: Category::Impact,
    severity: Severity::High,
    attack: &["T1565.002"],
};

/// Parts of patterns for addresses: Ethereum, Bitcoin, Tron, Litecoin, Bitcoin Cash,
/// Solana.
const ADDRESS_PATTERNS: &[&str] = &[
    "0x[a-fA-F0-9]{40}",
    "0x[0-9a-fA-F]{40}",
    "0x[a-f0-9]{40}",
    "0x[0-9a-f]{40}",
    "bc1[a-z",
    "(bc1|[13])",
    "[13][a-km-zA-HJ-NP-Z1-9]",
    "T[A-Za-z1-9]{33}",
    "T[1-9A-HJ-NP-Za-km-z]{33}",
    "ltc1",
    "[LM][a-km-z",
    "bitcoincash:",
    "[1-9A-HJ-NP-Za-km-z]{32,44}",
    "r[1-9A-HJ-NP-Za-km-z]",
];

/// Every one of [`ADDRESS_PATTERNS`] has one of four letters that few texts have.
fn may_know_addresses(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr3(b'[', b'(', b'1', bytes).is_some() || bytes.contains(&b':')
}

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let facts = context.facts;
    let texts = facts.patterns.iter().chain(&facts.texts);
    let mut known: Vec<&str> = Vec::new();
    for (text, _) in texts {
        if text.len() > 2_000 || !may_know_addresses(text) {
            continue;
        }
        for pattern in ADDRESS_PATTERNS {
            if !known.contains(pattern) && text.contains(pattern) {
                known.push(pattern);
            }
        }
    }
    if known.len() < 2 {
        return;
    }
    let replaced = facts.writes.iter().find(|write| replaces(context, write));
    let clipboard = facts
        .texts
        .iter()
        .find(|(text, _)| *text == "copy" || *text == "paste");
    let written = facts.calls.iter().any(|call| {
        matches!(call.callee(), Some(Expression::StaticMemberExpression(member))
            if matches!(member.property.name.as_str(), "setData" | "writeText" | "writeSync"))
    });
    let tool = |names: &[&str]| {
        let mut texts = facts.texts.iter();
        texts.any(|(text, _)| text.len() < 300 && names.iter().any(|name| text.contains(name)))
    };
    let tools = tool(&[
        "pbpaste",
        "xclip -o",
        "xsel -o",
        "xsel --clipboard",
        "Get-Clipboard",
    ]) && tool(&["pbcopy", "xclip -i", "Set-Clipboard", "clip.exe"]);
    let watched = context
        .of(Kind::Capture)
        .next()
        .filter(|_| written)
        .or_else(|| context.of(Kind::Spawn).next().filter(|_| tools));
    if let Some(act) = watched {
        hits.push(
            hit(&HIJACK, act.span, context.phase_of(act))
                .confidence(Confidence::Medium)
                .title("Reads and writes the clipboard and recognises payment addresses")
                .why("An address that is copied can be replaced by another before it is pasted."),
        );
        return;
    }
    let span = match (replaced, clipboard) {
        (Some(write), _) => write.span,
        (None, Some((_, span))) if written => *span,
        _ => return,
    };
    let phase = match context.phase {
        Phase::Unknown => Phase::Execute,
        phase => phase,
    };
    hits.push(
        hit(&HIJACK, span, phase)
            .confidence(Confidence::Medium)
            .title("Replaces functions of the page and recognises payment addresses")
            .why(format!(
                "It knows the form of {} kinds of addresses and puts itself between the page and its requests.",
                known.len()
            )),
    );
}

/// `window.fetch = …`, `XMLHttpRequest.prototype.send = …`, `ethereum.request = …`.
fn replaces(context: &Context<'_, '_>, write: &Write<'_>) -> bool {
    let source = context.source(crate::collect::span_of(write.object));
    let object = source.replace(char::is_whitespace, "");
    match write.property {
        Some("fetch") => matches!(&*object, "window" | "globalThis" | "self" | "global"),
        Some("open" | "send") if object.ends_with("XMLHttpRequest.prototype") => true,
        Some("request" | "send" | "sendAsync" | "signTransaction" | "sendTransaction") => {
            object.ends_with("ethereum")
                || object.ends_with("solana")
                || object.ends_with("provider")
        }
        _ => false,
    }
}
