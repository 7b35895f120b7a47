//! Labels for what names and strings stand for.

use packguard_sdk::indicators::{self, Kind as Hint};

use ruff_python_ast::{Expr, StmtFunctionDef};

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

/// Whether a text uses a library for chat bots.
pub(super) fn is_bot(text: &str) -> bool {
    [
        "telebot",
        "telegram",
        "discord",
        "nextcord",
        "disnake",
        "aiogram",
        "pyrogram",
        "telethon",
        "slack_bolt",
        "pyTelegramBotAPI",
        "revolt",
        "websocket",
        "socketio",
    ]
    .iter()
    .any(|library| {
        memchr::memmem::find_iter(text.as_bytes(), library.as_bytes())
            .any(|at| text[..at].ends_with("import ") || text[..at].ends_with("from "))
    })
}

/// Labels for what a parameter's name says of it.
pub(super) fn parameter(name: &str, is_bot: impl Fn() -> bool) -> Taint {
    match name {
        "private_key" | "privkey" | "priv_key" | "privateKey" | "mnemonic" | "seed_phrase"
        | "seedphrase" | "mnemonic_phrase" | "seed_words" | "recovery_phrase" | "wallet_key"
        | "mnemonics" | "wallet_seed" | "secret_phrase" => Taint::WALLET_KEY,
        "password" | "passwd" | "passphrase" | "secret_key" | "api_secret" => Taint::PASSWORD,
        "message" | "msg" | "update" | "ctx" | "event" if is_bot() => Taint::COMMANDED,
        _ => Taint::NONE,
    }
}

/// Whether a build tool calls a function of this name when it builds the package: a
/// backend's own (PEP 517), or a hook of Hatch, PDM or Poetry.
pub(super) fn is_build_hook(source: &str, name: &str, is_method: bool) -> bool {
    let holds = |word: &str| memchr::memmem::find(source.as_bytes(), word.as_bytes()).is_some();
    match (name, is_method) {
        (
            "build_wheel"
            | "build_sdist"
            | "build_editable"
            | "get_requires_for_build_wheel"
            | "get_requires_for_build_sdist"
            | "get_requires_for_build_editable"
            | "prepare_metadata_for_build_wheel"
            | "prepare_metadata_for_build_editable",
            false,
        ) => true,
        ("initialize" | "finalize" | "clean" | "update", true) => {
            holds("BuildHookInterface") || holds("MetadataHookInterface")
        }
        ("pdm_build_initialize" | "pdm_build_hook_enabled" | "pdm_build_update_files", false) => {
            true
        }
        ("build", false) => holds("setup_kwargs"),
        _ => false,
    }
}

/// Whether a decorator makes a function the one that gets messages.
pub(super) fn is_handler(definition: &StmtFunctionDef) -> bool {
    definition.decorator_list.iter().any(|decorator| {
        let name = match &decorator.expression {
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(attribute) => attribute.attr.as_str(),
                _ => "",
            },
            Expr::Attribute(attribute) => attribute.attr.as_str(),
            _ => "",
        };
        matches!(
            name,
            "on" | "event" | "command" | "message_handler" | "on_message" | "message"
        )
    })
}
