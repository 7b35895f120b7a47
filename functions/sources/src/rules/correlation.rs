//! What is told from things that stand together, where no flow shows it.

use packguard_sdk::indicators::{Kind, scan};
use packguard_sdk::{Category, Confidence, Hit, Rule, Severity};

use super::{Context, by_phase, exfiltration, hit_at, sockets, starts, system, when, words};
use crate::facts::{Call, Facts};
use crate::names::Role;
use crate::value::Taint;

/// Keys of wallets sent out, or looked for.
pub const WALLET_THEFT: Rule = Rule::new(
    "source-wallet-theft",
    "Sends keys of wallets out",
    "Found when a mnemonic or private key that a function is given reaches a request to a fixed \
     host, or when code searches files for texts of the shape of keys and sends them.\n\nKeys \
     never need to leave the machine.\n\nDo not use it; move the funds of wallets it saw.",
    Category::Exfiltration,
    Severity::High,
    &["T1657", "T1041"],
);

/// Addresses on the clipboard replaced.
pub const CLIPBOARD_HIJACK: Rule = Rule::new(
    "source-clipboard-hijack",
    "Replaces wallet addresses on the clipboard",
    "Found when code reads and writes the clipboard and knows wallets' addresses or their \
     shape.\n\nWho pastes an address then pays somebody else.\n\nDo not install it.",
    Category::Impact,
    Severity::High,
    &["T1565.002", "T1115"],
);

/// Payment data collected.
pub const SKIMMER: Rule = Rule::new(
    "source-skimmer",
    "Collects what visitors of a site enter",
    "Found when posted data is appended to a picture, or sent as a whole to a fixed \
     host.\n\nSkimmers hide card data in pictures and fetch them later.\n\nLook at where the data \
     goes.",
    Category::Collection,
    Severity::High,
    &["T1056.003"],
);

/// Files longer than this have everything somewhere.
const SMALL: usize = 24 << 10;

pub(super) fn check(context: &mut Context<'_>) {
    let facts = context.facts;
    for call in &facts.calls {
        let hits = [
            keys_sent(call),
            environment_sent(call),
            tokens_sent(call),
            secrets_sent(call, facts),
            sealed(call),
            relay(call),
            fixed_token(call),
            skims(call),
            handed_connection(call, facts),
            runs_memory(call, facts),
        ];
        hits.into_iter().flatten().for_each(|hit| context.hit(hit));
    }
    searches_keys(context);
    hijacks(context);
}

fn sends(call: &Call) -> bool {
    matches!(call.role, Role::Net | Role::Socket)
}

/// The fixed host that a request goes to.
fn fixed_host(call: &Call) -> Option<String> {
    let receiver = call.receiver.to_text().unwrap_or_default();
    words(call)
        .into_iter()
        .map(|(text, _)| text)
        .chain([receiver])
        .find_map(|text| host(&text))
}

fn host(text: &str) -> Option<String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#']).next()?;
    // `?` stands for what is not known: `https://?.example` has none before it.
    let known = host.contains('.')
        && !host.ends_with('.')
        && !(rest.len() > host.len() && rest[host.len()..].starts_with('?') && host.len() < 4);
    let local = ["localhost", "127.0.0.1", "0.0.0.0", "169.254.169.254"]
        .iter()
        .any(|name| host.starts_with(name));
    (known && !local && !host.contains(['$', '{', '%'])).then(|| host.to_ascii_lowercase())
}

fn keys_sent(call: &Call) -> Option<Hit> {
    let key = (call.taint() | call.receiver.taint).has(Taint::WALLET_KEY);
    if !sends(call) || !key {
        return None;
    }
    let hidden = call.taint().has(Taint::HIDDEN);
    let host = fixed_host(call).or_else(|| hidden.then(|| "a hidden host".into()))?;
    Some(
        hit_at(&WALLET_THEFT, call)
            .title(format!("Sends a wallet's key to {host}"))
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why("A key that a function is given reaches a request to a fixed host."),
    )
}

/// The whole environment or key files, to a fixed host, though by a function that somebody
/// must call.
fn environment_sent(call: &Call) -> Option<Hit> {
    let taint = call.taint();
    let environment = taint.has(Taint::ENVIRONMENT);
    let loot = environment || taint.has(Taint::CREDENTIAL);
    if !sends(call) || call.by_itself() || !loot {
        return None;
    }
    let host = fixed_host(call).filter(|host| environment || !is_keeper(host))?;
    let what = if environment {
        "all environment variables"
    } else {
        "a credential file"
    };
    Some(
        hit_at(&exfiltration::EXFILTRATION, call)
            .title(format!("Sends {what} to {host}"))
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why("No service needs this, and the host is fixed in the code."),
    )
}

/// Tokens of clouds and forges, to a host that is none of theirs.
fn tokens_sent(call: &Call) -> Option<Hit> {
    if !sends(call) || !call.taint().has(Taint::MASTER) {
        return None;
    }
    let host = fixed_host(call).filter(|host| !is_keeper(host))?;
    Some(
        hit_at(&exfiltration::EXFILTRATION, call)
            .title(format!("Sends tokens of a cloud or forge to {host}"))
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why("The token belongs to another service."),
    )
}

/// A password or secret that a function is given, sent with the machine's own facts, or on
/// certain days only. Alone it is what every client of a service does.
fn secrets_sent(call: &Call, facts: &Facts) -> Option<Hit> {
    if !sends(call) || !call.taint().has(Taint::GIVEN_SECRET) {
        return None;
    }
    let dated = facts.dated.contains(&call.function);
    // A device is named by its host's name; who asks commands for more wants to know it again.
    let machine =
        call.taint().has(Taint::HOST_FACT) && (call.taint().has(Taint::OUTPUT) || call.by_itself());
    if !dated && !machine {
        return None;
    }
    let host = fixed_host(call)?;
    let (title, why) = if dated {
        (
            format!("Sends a secret to {host} on certain days"),
            "The request is made only when the clock stands as the code wants it.",
        )
    } else {
        (
            format!("Sends a password and facts about the machine to {host}"),
            "A password that the user gives goes to a fixed host, with what tells the machine.",
        )
    };
    Some(
        hit_at(&exfiltration::EXFILTRATION, call)
            .title(title)
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why(why),
    )
}

/// What is encrypted under a key that stands in the code goes where anybody can fetch it.
fn sealed(call: &Call) -> Option<Hit> {
    let taint = call.taint();
    if !sends(call) || !taint.has(Taint::SEALED) || !taint.has(Taint::SUSPECT_HOST) {
        return None;
    }
    Some(
        hit_at(&exfiltration::EXFILTRATION, call)
            .title("Posts encrypted data where its author can fetch it")
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why("The key stands in the code: it hides what is sent from the user only."),
    )
}

/// Hosts that such tokens are for, or that builds report to.
fn is_keeper(host: &str) -> bool {
    [
        "amazonaws",
        "aws",
        "github",
        "gitlab",
        "npm",
        "azure",
        "microsoft",
        "docker",
        "google",
        "pypi",
        "python",
        "rubygems",
        "crates",
        "codecov",
        "coveralls",
        "vault",
    ]
    .iter()
    .any(|name| host.contains(name))
}

/// The interface of a chat service at a host that is not the service's.
fn relay(call: &Call) -> Option<Hit> {
    if call.role != Role::Net {
        return None;
    }
    let place = words(call).into_iter().find_map(|(text, _)| {
        let host = host(&text)?;
        let bot = text.contains("/bot")
            && ["/sendMessage", "/sendDocument", "/sendPhoto"]
                .iter()
                .any(|method| text.contains(method));
        let foreign = !host.ends_with("telegram.org");
        (bot && foreign).then_some(host)
    })?;
    Some(
        hit_at(&exfiltration::EXFILTRATION, call)
            .title(format!("Sends a bot's token and messages through {place}"))
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why("The request has the form of a chat service's, but the host is another's."),
    )
}

/// A request to a chat's hook or bot whose token stands in the code.
fn fixed_token(call: &Call) -> Option<Hit> {
    if call.role != Role::Net {
        return None;
    }
    let place = words(call).into_iter().find_map(|(text, _)| {
        let found = scan(&text)
            .into_iter()
            .find(|found| matches!(found.kind, Kind::ChatApi | Kind::Webhook))?;
        let digits = |mark: &str| {
            text.split(mark)
                .nth(1)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        (digits("/bot") || digits("/webhooks/")).then(|| found.text.to_string())
    })?;
    Some(
        hit_at(&sockets::SUSPICIOUS_HOST, call)
            .title(format!("Reports to a chat of its author: {place}"))
            .severity(by_phase(call, Severity::High, Severity::High))
            .confidence(Confidence::High)
            .why(format!(
                "The token stands in the code, so somebody else reads what is sent; it runs {}.",
                when(call.phase)
            )),
    )
}

fn skims(call: &Call) -> Option<Hit> {
    if !call.taint().has(Taint::REQUEST) || call.role != Role::Write {
        return None;
    }
    let words = words(call);
    let (path, _) = words.first()?;
    let lower = path.to_ascii_lowercase();
    let picture = [".jpg", ".jpeg", ".png", ".gif", ".ico", ".webp", ".bmp"]
        .iter()
        .any(|end| lower.ends_with(end));
    let appended = call.args.iter().any(|arg| {
        matches!(&arg.content, crate::value::Content::Name(name) if name.contains("FILE_APPEND"))
    });
    (picture && appended).then(|| {
        hit_at(&SKIMMER, call)
            .title("Appends what visitors enter to a picture")
            .severity(Severity::High)
            .confidence(Confidence::High)
            .why("Nobody appends to pictures but to hide text in them.")
    })
}

/// A process whose input and output are a connection that the code opened.
fn handed_connection(call: &Call, facts: &Facts) -> Option<Hit> {
    if !starts(call) {
        return None;
    }
    let connections = call
        .args
        .iter()
        .filter(|arg| {
            arg.taint.has(Taint::REMOTE)
                && arg
                    .call
                    .and_then(|at| facts.calls.get(at as usize))
                    .is_some_and(|origin| origin.role == Role::Socket)
        })
        .count();
    (connections >= 2).then(|| {
        hit_at(&sockets::REVERSE_SHELL, call)
            .severity(by_phase(call, Severity::Critical, Severity::High))
            .confidence(Confidence::High)
            .why(format!(
                "What it starts reads from and writes to a connection, {}.",
                when(call.phase)
            ))
    })
}

/// A program that is started out of memory.
fn runs_memory(call: &Call, facts: &Facts) -> Option<Hit> {
    if !starts(call) {
        return None;
    }
    let descriptor = words(call)
        .first()
        .is_some_and(|(text, _)| text.starts_with("/proc/self/fd/"));
    let memory = facts.calls.iter().any(|other| {
        other.role == Role::Inject && other.callee.to_ascii_lowercase().contains("memfd")
    });
    (descriptor && memory).then(|| {
        hit_at(&system::INJECTION, call)
            .title("Runs a program out of memory, without a file")
            .severity(by_phase(call, Severity::Critical, Severity::High))
            .confidence(Confidence::High)
            .why(format!("It starts {}.", when(call.phase)))
    })
}

/// Files searched for keys, and a request, in one function.
fn searches_keys(context: &mut Context<'_>) {
    let facts = context.facts;
    let Some(text) = facts
        .texts
        .iter()
        .find(|text| text.taint.has(Taint::KEY_SHAPE))
    else {
        return;
    };
    let near = |call: &&Call| call.function == text.function || facts.size <= SMALL / 4;
    let reads = facts
        .calls
        .iter()
        .filter(near)
        .any(|call| call.role == Role::Read);
    let sender = facts
        .calls
        .iter()
        .filter(near)
        .find(|call| sends(call) && fixed_host(call).is_some());
    if let Some(call) = sender.filter(|_| reads) {
        context.hit(
            hit_at(&WALLET_THEFT, call)
                .title("Searches files for private keys and sends something out")
                .severity(by_phase(call, Severity::Critical, Severity::High))
                .confidence(Confidence::High)
                .why("A pattern of keys, reading of files and a request to a fixed host stand together."),
        );
    }
}

fn hijacks(context: &mut Context<'_>) {
    let facts = context.facts;
    let wallets = facts.texts.iter().any(|text| text.taint.has(Taint::WALLET));
    let reads = facts
        .calls
        .iter()
        .any(|call| matches!(call.role, Role::Source(taint) if taint.has(Taint::CLIPBOARD)));
    let writes = facts.calls.iter().find(|call| call.role == Role::Paste);
    if let Some(call) = writes.filter(|_| wallets && reads && facts.size <= 4 * SMALL) {
        context.hit(
            hit_at(&CLIPBOARD_HIJACK, call)
                .severity(by_phase(call, Severity::Critical, Severity::High))
                .confidence(Confidence::High)
                .why(format!("It does so {}.", when(call.phase))),
        );
    }
}
