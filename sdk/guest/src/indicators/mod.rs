//! What texts in hostile packages have in common, whatever the language: hosts that
//! data is sent to, paths of secrets, shell commands that download and run.
//!
//! One place for these facts: the analyzers ask here and keep no lists of their own.

mod glance;
mod scan;
#[cfg(test)]
mod scan_tests;
mod shell;
mod table;
mod url;

use std::ops::Range;

pub use scan::{PER_KIND_LIMIT, scan};
pub use shell::{PER_ACT_LIMIT, shell};

/// What a piece of text points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A webhook or request-bin: data sent there is read by whoever set it up.
    Webhook,
    /// A tunnel to somebody's machine.
    Tunnel,
    /// A paste site or anonymous file share, for payloads or loot.
    PasteOrFileShare,
    /// A chat service's bot or webhook API (Discord, Telegram, Slack).
    ChatApi,
    /// An out-of-band interaction host, as security testers and attackers use.
    OutOfBand,
    /// A URL shortener.
    Shortener,
    /// A host in a top-level domain that honest packages rarely name.
    RareTld,
    /// A URL whose host is a public IP address.
    PublicIp,
    /// A service that tells the caller's public address or location.
    IpLookup,
    /// A file that holds keys, tokens, cookies or wallets.
    CredentialPath,
    /// An environment variable that holds a secret.
    SecretVariable,
    /// A place that makes a program start by itself.
    AutostartPath,
    /// A mining pool, miner or miner's protocol.
    Miner,
}

impl Kind {
    /// Whether it is a host that attackers send loot to or fetch payloads from, and that
    /// no project publishes its code on: a webhook, tunnel, paste site, chat service,
    /// interaction host or bare address.
    ///
    /// ```
    /// use packguard_sdk::indicators::scan;
    /// assert!(scan("http://192.0.2.7/x")[0].kind.is_hostile_host());
    /// assert!(!scan("https://bit.ly/x").iter().any(|found| found.kind.is_hostile_host()));
    /// ```
    pub fn is_hostile_host(self) -> bool {
        matches!(
            self,
            Self::Webhook
                | Self::Tunnel
                | Self::PasteOrFileShare
                | Self::ChatApi
                | Self::OutOfBand
                | Self::PublicIp
        )
    }
}

/// One indicator found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indicator {
    /// What it points at.
    pub kind: Kind,
    /// Byte range in the text.
    pub range: Range<usize>,
    /// The matched text: a host, a path, a name.
    pub text: String,
}

/// What a shell, PowerShell or batch command line does that honest install commands
/// rarely do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShellAct {
    /// Downloads and runs in one go: `curl … | sh`, `wget … && chmod +x … && ./…`.
    DownloadAndRun,
    /// Downloads a file.
    Download,
    /// Sends data out: `curl -d @…`, `curl $(env | base64)`, `nslookup $(whoami).…`.
    Upload,
    /// Connects a shell to a remote peer.
    ReverseShell,
    /// Runs decoded text: `base64 -d | sh`, `powershell -enc`.
    DecodeAndRun,
    /// Hides the window, output or process.
    Hidden,
    /// Fingerprints host or user.
    Recon,
    /// Makes itself start again later.
    Persist,
    /// Deletes or overwrites what is not the package's.
    Destroy,
}

/// One act found in a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellFinding {
    /// What it does.
    pub act: ShellAct,
    /// Byte range in the text.
    pub range: Range<usize>,
    /// Decoded payload, where the command carries one (`powershell -enc …`).
    pub decoded: Option<String>,
}
