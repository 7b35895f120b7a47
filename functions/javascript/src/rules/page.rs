//! What scripts of web pages take from their visitors.

use oxc_ast::ast::Expression;
use oxc_span::Span;
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::{exfiltration, together};
use crate::acts::{Kind, network};
use crate::collect::{ScopeIx, Write};
use crate::context::{Context, hit};

/// Sends visitors elsewhere.
pub const REDIRECT: Rule = Rule {
    id: "js-redirects-visitor",
    title: "Sends a page's visitor to another host with an address filled in",
    help: "As it is loaded, the script leaves the page for another host, and takes somebody's e-mail address along.\n\n\
Pages that ask for passwords are fed like this.\n\nDo not load the script.",
    category: Category::CommandAndControl,
    severity: Severity::High,
    attack: &["T1566.002"],
};

/// Longest file that is looked at, in bytes.
const SMALL: usize = 40_000;

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    if context.text.len() > SMALL {
        return;
    }
    redirect(context, hits);
    let form = reads_forms(context);
    let storage = reads_storage(context);
    if !form && !storage {
        return;
    }
    let Some(place) = sink(context) else {
        return;
    };
    let what = if form {
        "what is typed into a page's forms"
    } else {
        "a page's cookies and stored data"
    };
    let phase = match context.phase {
        Phase::Unknown => Phase::Execute,
        phase => phase,
    };
    hits.push(
        hit(&exfiltration::CAPTURED, place, phase)
            .confidence(Confidence::Medium)
            .title(format!("Takes {what}, and asks another host for something"))
            .why("A script this small that reads them and reaches a host that is not the package's sends them there."),
    );
}

/// Where the script reaches another host: a request, or the address of an image, style
/// sheet or script that carries something.
fn sink(context: &Context<'_, '_>) -> Option<Span> {
    let sent = context
        .of(Kind::Send)
        .find(|act| together::is_foreign(context, act))
        .map(|act| act.span);
    sent.or_else(|| {
        context
            .facts
            .writes
            .iter()
            .find(|write| carries(context, write))
            .map(|write| write.span)
    })
}

/// `image.src = 'https://host/?' + …`.
fn carries<'a>(context: &Context<'_, 'a>, write: &Write<'a>) -> bool {
    if !matches!(write.property, Some("src" | "href" | "action")) {
        return false;
    }
    let value = context
        .evaluator
        .borrow_mut()
        .eval(write.value, write.scope);
    let Some(address) = value.known() else {
        return false;
    };
    !value.is_exact() && network::host(address).is_some_and(|host| !context.own.is_home(host))
}

/// Whether the script listens to forms, reads fields, and is after cards or passwords.
fn reads_forms(context: &Context<'_, '_>) -> bool {
    const EVENTS: &[&str] = &["submit", "change", "input", "keyup", "blur", "click"];
    const AFTER: &[&str] = &[
        "password",
        "cvv",
        "cvc",
        "cardnumber",
        "card-number",
        "checkout",
        "payment",
        "billing",
        "card|",
        "|card",
    ];
    let facts = context.facts;
    let listens = context.text.contains("addEventListener")
        && facts.texts.iter().any(|(text, _)| EVENTS.contains(text));
    let after = || {
        let mut texts = facts.texts.iter().chain(&facts.patterns);
        texts.any(|(text, _)| {
            let text = text.to_ascii_lowercase();
            text.len() < 300 && AFTER.iter().any(|word| text.contains(word))
        })
    };
    listens && context.text.contains(".value") && after()
}

/// Whether the script takes all cookies and all that the page stored.
fn reads_storage(context: &Context<'_, '_>) -> bool {
    let text = context.text;
    text.contains("document.cookie")
        && [
            "localStorage.key(",
            "JSON.stringify(localStorage",
            "Object.entries(localStorage",
            "...localStorage",
            "in localStorage",
        ]
        .iter()
        .any(|all| text.contains(all))
}

fn redirect(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for call in &context.facts.calls {
        let Some(Expression::StaticMemberExpression(member)) = call.callee() else {
            continue;
        };
        let object = context.source(crate::collect::span_of(&member.object));
        let leaves = matches!(member.property.name.as_str(), "replace" | "assign")
            && (object == "location" || object.ends_with(".location"));
        if leaves && let Some(address) = call.argument(0) {
            leave(context, address, call.scope, call.span(), hits);
        }
    }
    for write in &context.facts.writes {
        let object = context.source(crate::collect::span_of(write.object));
        let place = match write.property {
            Some("href") => object.ends_with("location"),
            Some("location") => matches!(object, "window" | "document" | "self" | "top"),
            _ => false,
        };
        if !place {
            continue;
        }
        leave(context, write.value, write.scope, write.span, hits);
    }
}

/// Tells of an address that a visitor is sent to, if it is another host's and has
/// somebody's e-mail address.
fn leave<'a>(
    context: &Context<'_, 'a>,
    address: &'a Expression<'a>,
    scope: ScopeIx,
    span: Span,
    hits: &mut Vec<Hit>,
) {
    let value = context.evaluator.borrow_mut().eval(address, scope);
    let Some(address) = value.known() else {
        return;
    };
    let foreign = network::host(address).is_some_and(|host| !context.own.is_home(host));
    let rest = address.split_once(['#', '?']).map_or("", |(_, rest)| rest);
    let mail = rest
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('/'));
    if foreign && mail {
        hits.push(
            hit(&REDIRECT, span, context.phase)
                .title("Leaves the page for another host, with an e-mail address")
                .why("The address is written out: the page is made for one person."),
        );
    }
}
