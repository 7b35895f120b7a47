//! Clipboard, keyboard, screen.

use packguard_sdk::{Category, Confidence, Rule, Severity};

use super::{Context, hit_at};
use crate::names::Role;
use crate::value::Taint;

/// Clipboard replaced.
pub const CLIPBOARD: Rule = Rule::new(
    "python-clipboard-hijack",
    "Reads the clipboard and replaces it",
    "Found when one file reads the clipboard, matches it with a pattern and writes it.\n\nClippers \
     put the attacker's wallet address in place of the one that was copied.\n\nDo not install.",
    Category::Collection,
    Severity::High,
    &["T1115", "T1565.002"],
);

/// Keys recorded.
pub const KEYLOGGER: Rule = Rule::new(
    "python-keylogger",
    "Listens to the keyboard and sends or stores what is typed",
    "Found when one file listens to all keys and talks to the network or writes a \
     file.\n\nAutomation tools listen for shortcuts; they do not send keys away.\n\nLook at where \
     the keys go.",
    Category::Collection,
    Severity::High,
    &["T1056.001"],
);

/// Screen captured.
pub const SCREEN: Rule = Rule::new(
    "python-screen-capture",
    "Takes pictures of the screen",
    "Found when code takes screenshots. Harmless in automation and testing tools; weighs more where \
     the same file sends data out.",
    Category::Collection,
    Severity::Info,
    &["T1113"],
);

pub(super) fn check(context: &mut Context<'_, '_>) {
    let calls = &context.facts.calls;
    let first = |wanted: Role| calls.iter().find(|call| call.role == Some(wanted));
    let network = calls.iter().find(|call| {
        matches!(
            call.role,
            Some(Role::Fetch | Role::FetchToFile | Role::Send)
        )
    });
    let suspect = calls
        .iter()
        .any(|call| call.payload_taint().has(Taint::SUSPECT_HOST));
    let matches_pattern = calls.iter().any(|call| {
        call.payload_taint().has(Taint::CLIPBOARD)
            && (call.callee.starts_with("re.") || call.name() == "match" || call.name() == "search")
    });
    let mut hits = Vec::new();
    if let (Some(_), Some(write)) = (first(Role::ReadClipboard), first(Role::WriteClipboard))
        && matches_pattern
    {
        hits.push(
            hit_at(&CLIPBOARD, write)
                .confidence(Confidence::Medium)
                .why("What the user copied is looked at and replaced."),
        );
    }
    if let Some(listen) = first(Role::Keys) {
        let severity = match (network.is_some(), suspect) {
            (true, true) => Severity::High,
            (true, false) => Severity::Medium,
            (false, _) => Severity::Info,
        };
        hits.push(
            hit_at(&KEYLOGGER, listen)
                .title("Listens to the keyboard")
                .severity(severity)
                .confidence(Confidence::Medium)
                .why("Every key typed, passwords included, is seen here."),
        );
    }
    if let Some(picture) = first(Role::Screen) {
        let severity = match (network.is_some(), suspect) {
            (true, true) => Severity::High,
            (true, false) => Severity::Low,
            (false, _) => Severity::Info,
        };
        hits.push(
            hit_at(&SCREEN, picture)
                .severity(severity)
                .confidence(Confidence::Medium)
                .why("What is on the screen leaves the user's control."),
        );
    }
    context.found.hits.extend(hits);
}
