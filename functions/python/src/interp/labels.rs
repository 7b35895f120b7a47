//! Labels for what names and strings stand for.

use packguard_sdk::indicators::{self, Kind as Hint};

use crate::value::{Taint, Value};

/// Longest literal scanned for indicators; longer ones are data or payloads, which the
/// rules scan after decoding.
const SCAN_LIMIT: usize = 65_536;

/// The value of one environment variable.
pub(super) fn variable<'a>(name: &str) -> Value<'a> {
    let secret = indicators::scan(name)
        .iter()
        .any(|found| found.kind == Hint::SecretVariable);
    let home = matches!(name, "HOME" | "USERPROFILE" | "APPDATA" | "LOCALAPPDATA");
    match (secret, home) {
        (true, _) => Value::tainted(Taint::SECRET),
        // Paths are put together from these: keep their place visible.
        (_, true) => Value::text(if name == "HOME" || name == "USERPROFILE" {
            "~".into()
        } else {
            format!("%{name}%")
        }),
        _ if matches!(
            name,
            "USER" | "USERNAME" | "LOGNAME" | "COMPUTERNAME" | "HOSTNAME"
        ) =>
        {
            Value::tainted(Taint::HOST_FACT)
        }
        _ => Value::unknown(),
    }
}

/// Labels for what a string names.
pub(super) fn text_labels(text: &str) -> Taint {
    let worth = text.len() >= 6
        && text.len() <= SCAN_LIMIT
        && memchr::memchr3(b'.', b'/', b'\\', text.as_bytes()).is_some();
    if !worth {
        return Taint::NONE;
    }
    indicators::scan(text)
        .iter()
        .map(|found| match found.kind {
            Hint::Webhook
            | Hint::Tunnel
            | Hint::PasteOrFileShare
            | Hint::ChatApi
            | Hint::OutOfBand
            | Hint::RareTld
            | Hint::PublicIp
            | Hint::Shortener
            | Hint::Miner => Taint::SUSPECT_HOST,
            Hint::IpLookup => Taint::IP_LOOKUP,
            Hint::CredentialPath => Taint::CREDENTIAL_PATH,
            Hint::AutostartPath => Taint::AUTOSTART_PATH,
            Hint::SecretVariable => Taint::NONE,
        })
        .fold(Taint::NONE, |all, label| all | label)
}
