//! All rules, one family a file, and the one list of them.

use packguard_sdk::Rule;

use crate::context::Context;
use packguard_sdk::Hit;

pub mod capabilities;
pub mod download;
pub mod dropped;
pub mod execution;
pub mod exfiltration;
pub mod hidden;
pub mod hosts;
pub mod obfuscation;
pub mod page;
pub mod remote;
pub mod shell;
pub mod small;
pub mod system;
pub mod tampering;
pub mod text;
pub mod theft;
pub mod together;
pub mod wallet;
pub mod worm;

/// Every rule of this analyzer.
pub const ALL: &[&Rule] = &[
    &execution::DECODE_EVAL,
    &execution::DATA_EVAL,
    &execution::DOWNLOAD_EVAL,
    &execution::HIDDEN_MODULE,
    &execution::HIDDEN_CALL,
    &download::DOWNLOAD_EXECUTE,
    &download::INSTALL_DOWNLOAD,
    &shell::DOWNLOAD_RUN,
    &shell::DOWNLOAD,
    &shell::UPLOAD,
    &shell::REVERSE_SHELL,
    &shell::DECODE_RUN,
    &shell::HIDDEN,
    &shell::RECON,
    &shell::PERSIST,
    &shell::DESTROY,
    &shell::INSTALL_TOOL,
    &exfiltration::ENVIRONMENT,
    &exfiltration::HOST,
    &exfiltration::CREDENTIALS,
    &exfiltration::CAPTURED,
    &exfiltration::READS_CREDENTIALS,
    &theft::WALLET_KEYS,
    &theft::GATHERS,
    &theft::BLIND_COPY,
    &together::RANSOM,
    &together::SABOTAGE,
    &tampering::INJECTION,
    &tampering::MEMORY,
    &page::REDIRECT,
    &remote::REVERSE_SHELL,
    &remote::REMOTE_COMMAND,
    &remote::BACKDOOR,
    &hosts::INDICATOR_HOST,
    &hosts::MINER,
    &obfuscation::STRING_ARRAY,
    &obfuscation::MANGLED_NAMES,
    &obfuscation::PACKED,
    &obfuscation::HIDDEN_PAYLOAD,
    &obfuscation::HOMOGLYPH,
    &text::JSFUCK,
    &text::WHITESPACE,
    &text::INVISIBLE,
    &text::BIDI,
    &worm::PROPAGATION,
    &wallet::HIJACK,
    &system::DESTRUCTION,
    &system::PERSISTENCE,
    &hidden::PROCESS,
    &hidden::SILENCED,
    &hidden::ADDRESS,
    &hidden::LABELS,
    &small::INJECTION,
    &small::BUNDLED_PROGRAM,
    &small::PATCHES,
    &capabilities::EVAL,
    &capabilities::SPAWN,
    &capabilities::NETWORK,
    &capabilities::SERVER,
    &capabilities::ENVIRONMENT,
    &capabilities::READ,
    &capabilities::WRITE,
    &capabilities::DELETE,
    &capabilities::NATIVE,
    &capabilities::CAPTURE,
    &capabilities::UNPARSED,
];

/// Runs every family on one file.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for family in [
        execution::check,
        download::check,
        dropped::check,
        shell::check,
        exfiltration::check,
        theft::check,
        tampering::check,
        together::check,
        page::check,
        remote::check,
        hosts::check,
        obfuscation::check,
        worm::check,
        wallet::check,
        system::check,
        hidden::check,
        small::check,
        capabilities::check,
    ] {
        family(context, hits);
    }
}

/// What can be said of a text without a tree: the texts' hosts and commands.
pub fn unparsed(text: &str, phase: packguard_sdk::Phase, hits: &mut Vec<Hit>) {
    text::unparsed(text, phase, hits);
}

/// Whether a rule is about what values do, and not about how a file looks: only those say
/// more of several files together.
pub fn is_of_flow(rule: &Rule) -> bool {
    !matches!(rule.category, packguard_sdk::Category::Capability)
        && !matches!(
            rule.id,
            "js-obfuscated-string-array"
                | "js-mangled-names"
                | "js-packed"
                | "js-homoglyph-name"
                | "js-jsfuck"
                | "js-hidden-by-whitespace"
                | "js-invisible-text"
                | "js-bidirectional-control"
                | "js-silenced-errors"
                | "js-indicator-host"
                | "js-miner"
        )
}
