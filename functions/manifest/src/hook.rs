//! Grading of commands and code that run while a package is installed or built.

use std::ops::Range;

use packguard_sdk::indicators::{Indicator, Kind, ShellAct, scan, shell};
use packguard_sdk::text::{Source, cut};
use packguard_sdk::{Analysis, Category, Confidence, File, Finding, Phase, Rule, Severity};

#[rustfmt::skip]
mod rules {
    use super::*;

    pub const DOWNLOAD_RUN: Rule = Rule::new("hook-download-run", "An install hook downloads code and runs it",
        "A command that runs while the package is installed or built fetches something and executes it. What runs is not in the package: it was not reviewed, and can differ per machine and day.\n\nDo not install; look at what the address serves.",
        Category::CommandAndControl, Severity::Critical, &["T1105", "T1059"]);
    pub const DOWNLOAD: Rule = Rule::new("hook-download", "An install hook downloads a file",
        "A command that runs at install time fetches a file. Honest packages do it for prebuilt binaries and models; what arrives is not part of the package and was not looked at.\n\nCheck where it comes from and whether a checksum is verified.",
        Category::InstallHook, Severity::Low, &["T1105"]);
    pub const UPLOAD: Rule = Rule::new("hook-upload", "An install hook sends data out",
        "A command that runs at install time sends data of this machine (environment, files, names) to another. No installation needs that.\n\nDo not install; if it ran, rotate the secrets of that machine.",
        Category::Exfiltration, Severity::High, &["T1041", "T1567"]);
    pub const REVERSE_SHELL: Rule = Rule::new("hook-reverse-shell", "An install hook opens a remote shell",
        "A command that runs at install time connects a shell to another machine, which then controls this one.\n\nDo not install; treat a machine where it ran as taken over.",
        Category::CommandAndControl, Severity::Critical, &["T1059", "T1571"]);
    pub const DECODE_RUN: Rule = Rule::new("hook-decode-run", "An install hook runs encoded text",
        "A command that runs at install time decodes a text and executes the result. Encoding serves only to hide what it does.\n\nRead the decoded text in the finding before anything else.",
        Category::DefenseEvasion, Severity::Critical, &["T1027", "T1140"]);
    pub const HIDDEN: Rule = Rule::new("hook-hidden", "An install hook hides what it starts",
        "A command that runs at install time hides its window or output and goes on in the background. Installers have nothing to hide.\n\nLook at the program it starts.",
        Category::DefenseEvasion, Severity::Medium, &["T1564.003"]);
    pub const RECON: Rule = Rule::new("hook-recon", "An install hook surveys the machine",
        "A command that runs at install time asks who and where it is (`whoami`, `id`, `/etc/passwd`). Dependency-confusion probes begin so.\n\nLook at where the answers go.",
        Category::Discovery, Severity::Medium, &["T1033", "T1082"]);
    pub const PERSIST: Rule = Rule::new("hook-persist", "An install hook makes something start by itself",
        "A command that runs at install time adds an autostart entry (cron, shell profile, service, registry). It outlives the package.\n\nDo not install unless the package is a service manager and says so.",
        Category::Persistence, Severity::High, &["T1053", "T1546"]);
    pub const DESTROY: Rule = Rule::new("hook-destroy", "An install hook deletes what is not its own",
        "A command that runs at install time deletes or overwrites the home folder, the system or a disk.\n\nDo not install.",
        Category::Impact, Severity::Critical, &["T1485"]);
    pub const HOSTILE_HOST: Rule = Rule::new("hook-hostile-host", "An install hook names a host that attackers use",
        "A command or string of an install hook names a request bin, tunnel, paste site, chat webhook, bare address or similar. Honest installers fetch from project hosts.\n\nFind out what is sent to or taken from there.",
        Category::CommandAndControl, Severity::High, &["T1102"]);
    pub const SECRET: Rule = Rule::new("hook-secret", "An install hook names secrets",
        "A command or string of an install hook names a file or variable that holds keys, tokens or wallets.\n\nFind out what it does with them.",
        Category::CredentialAccess, Severity::Medium, &["T1552"]);
    pub const MINER: Rule = Rule::new("hook-miner", "An install hook names a miner",
        "A command or string of an install hook names a cryptocurrency miner, its pool or its protocol.\n\nDo not install.",
        Category::Impact, Severity::High, &["T1496"]);
}
pub use rules::*;

/// Where the text of a hook stands in its file.
#[derive(Debug, Clone)]
pub enum Place {
    /// All of it at one place: a value in a manifest.
    At(Range<usize>),
    /// The text is a part of the file that begins here.
    From(usize),
}

/// A command that runs at install or build time.
#[derive(Debug, Clone)]
pub struct Hook<'a> {
    /// The file it stands in.
    pub file: File<'a>,
    /// That file's text.
    pub source: &'a Source<'a>,
    /// Where it stands.
    pub place: Place,
    /// When it runs.
    pub phase: Phase,
    /// Severity steps to take off, for hooks that run only in some cases.
    pub lower: u8,
    /// What it is, for the titles: `postinstall`, `build.rs`.
    pub what: &'a str,
}

impl Hook<'_> {
    fn finding(&self, rule: &Rule, severity: Severity, within: Range<usize>) -> Finding {
        let range = match &self.place {
            Place::At(range) => range.clone(),
            Place::From(start) => start + within.start..start + within.end,
        };
        rule.at(self.file, self.source, range, Confidence::High)
            .severity(severity.lowered(self.lower))
            .phase(self.phase)
    }
}

/// Whether a host or address in a hook is one that attackers use, and how telling it is.
fn host_severity(kind: Kind) -> Option<Severity> {
    match kind {
        kind if kind.is_hostile_host() => Some(Severity::High),
        Kind::RareTld | Kind::Shortener | Kind::IpLookup => Some(Severity::Medium),
        _ => None,
    }
}

/// Adds what a hook's text shows: acts of its commands and what it points at. Says whether
/// anything was found.
pub fn grade(hook: &Hook<'_>, text: &str, analysis: &mut Analysis) -> bool {
    let indicators = scan(text);
    let acts = shell(text);
    let hostile = indicators
        .iter()
        .any(|one| host_severity(one.kind) == Some(Severity::High));
    let secret = indicators
        .iter()
        .any(|one| matches!(one.kind, Kind::CredentialPath | Kind::SecretVariable));
    for act in &acts {
        let rule = act_rule(act.act);
        let severity = match act.act {
            ShellAct::Upload if hostile || secret => Severity::Critical,
            _ => rule.severity,
        };
        let command = text.get(act.range.clone()).unwrap_or_default().trim();
        let mut finding = hook
            .finding(rule, severity, act.range.clone())
            .title(format!(
                "{}: {}",
                rule.title.replace("An install hook", hook.what),
                cut(command, 120)
            ))
            .why("It runs by itself, with the rights of whoever installs or builds the package.");
        if let Some(decoded) = &act.decoded {
            finding = finding.decoded("base64", decoded);
        }
        analysis.push(finding);
    }
    indicate(hook, &indicators, analysis);
    !acts.is_empty() || !indicators.is_empty()
}

/// Adds what a hook's text points at.
pub fn indicate(hook: &Hook<'_>, indicators: &[Indicator], analysis: &mut Analysis) {
    for one in indicators {
        let (rule, severity) = match one.kind {
            Kind::CredentialPath => (&SECRET, Severity::Medium),
            Kind::SecretVariable => (&SECRET, Severity::Low),
            Kind::Miner => (&MINER, Severity::High),
            kind => match host_severity(kind) {
                Some(severity) => (&HOSTILE_HOST, severity),
                None => continue,
            },
        };
        analysis.push(
            hook.finding(rule, severity, one.range.clone())
                .title(format!(
                    "{}: {}",
                    rule.title.replace("An install hook", hook.what),
                    one.text
                )),
        );
    }
}

fn act_rule(act: ShellAct) -> &'static Rule {
    match act {
        ShellAct::DownloadAndRun => &DOWNLOAD_RUN,
        ShellAct::Download => &DOWNLOAD,
        ShellAct::Upload => &UPLOAD,
        ShellAct::ReverseShell => &REVERSE_SHELL,
        ShellAct::DecodeAndRun => &DECODE_RUN,
        ShellAct::Hidden => &HIDDEN,
        ShellAct::Recon => &RECON,
        ShellAct::Persist => &PERSIST,
        ShellAct::Destroy => &DESTROY,
    }
}
