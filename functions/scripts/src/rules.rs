//! The rules.

use packguard_sdk::{Category, Rule, Severity};

use crate::deeds::Deed;

#[rustfmt::skip]
mod all {
    use super::*;

    pub const DOWNLOAD_RUN: Rule = Rule::new("script-download-run", "A script downloads code and runs it",
        "A script fetches something and executes it: in one pipeline, over several lines, or through a variable or file. What runs is not in the package and was not reviewed. How grave it is depends on where it comes from, whether the script runs at install, and what else it hides.\n\nLook at what the address serves before running the script.",
        Category::CommandAndControl, Severity::High, &["T1105", "T1059"]);
    pub const UPLOAD: Rule = Rule::new("script-upload", "A script sends data of the machine out",
        "A script sends environment variables, files, keys, or names of user and host to another machine.\n\nFind out what is sent, and to whom; if it ran, rotate the secrets it could read.",
        Category::Exfiltration, Severity::High, &["T1041", "T1567"]);
    pub const REVERSE_SHELL: Rule = Rule::new("script-reverse-shell", "A script hands a shell to another machine",
        "A script connects a shell to a peer, which then controls this machine.\n\nDo not run it; treat a machine where it ran as taken over.",
        Category::CommandAndControl, Severity::Critical, &["T1059", "T1571"]);
    pub const DECODE_RUN: Rule = Rule::new("script-decode-run", "A script runs text that it decodes",
        "A script decodes, reverses or puts a text together and executes it. Honest scripts have no reason to hide their commands.\n\nRead the decoded text in the finding.",
        Category::DefenseEvasion, Severity::High, &["T1027", "T1140"]);
    pub const HIDDEN: Rule = Rule::new("script-hidden", "A script hides what it starts",
        "A script hides a window, throws output away while it goes on in the background, or wipes the shell's history.\n\nLook at what it starts.",
        Category::DefenseEvasion, Severity::Low, &["T1564.003"]);
    pub const RECON: Rule = Rule::new("script-recon", "A script surveys the machine",
        "A script asks who and where it is. Ordinary in installers; what matters is where the answers go.",
        Category::Discovery, Severity::Info, &["T1033", "T1082"]);
    pub const PERSIST: Rule = Rule::new("script-persist", "A script makes something start by itself",
        "A script adds an autostart entry: cron, a shell profile, a service, a scheduled task, the registry. Installers of services do; packages that are libraries do not.\n\nLook at what is started.",
        Category::Persistence, Severity::Medium, &["T1053", "T1546", "T1547"]);
    pub const DESTROY: Rule = Rule::new("script-destroy", "A script deletes what is not its own",
        "A script deletes or overwrites the home folder, the system or a disk.\n\nDo not run it.",
        Category::Impact, Severity::High, &["T1485"]);
    pub const MINE: Rule = Rule::new("script-miner", "A script starts a miner",
        "A script fetches or starts a cryptocurrency miner, or names its pool.\n\nDo not run it.",
        Category::Impact, Severity::High, &["T1496"]);
    pub const DEFENCES: Rule = Rule::new("script-defences", "A script switches protection off",
        "A script excludes folders from the virus scanner, stops it, opens the firewall, deletes shadow copies or event logs.\n\nFind out why a package needs that.",
        Category::DefenseEvasion, Severity::High, &["T1562.001", "T1562.004"]);
    pub const BYPASS: Rule = Rule::new("script-scanner-bypass", "A script blinds Windows' script scanner",
        "A script patches or switches off AMSI or event tracing in its own process, so that what it runs next is not scanned. Only attackers and their simulators do.\n\nDo not run it.",
        Category::DefenseEvasion, Severity::Critical, &["T1562.001"]);
    pub const SECRETS: Rule = Rule::new("script-secrets", "A script reads keys, cookies or wallets",
        "A script names files or calls that hold keys, tokens, cookies, passwords or wallets.\n\nFind out what it does with them.",
        Category::CredentialAccess, Severity::Medium, &["T1552.001", "T1555.003"]);
    pub const SPREAD: Rule = Rule::new("script-spread", "A script publishes itself on",
        "A script looks up what an account may publish, or gathers secrets of repositories, and publishes or pushes with them: how worms spread through registries.\n\nDo not run it; if it ran, revoke tokens and look at what was published.",
        Category::Impact, Severity::Critical, &["T1195.002"]);
    pub const WATCH: Rule = Rule::new("script-watch", "A script watches keys, clipboard or screen",
        "A script logs keys, replaces addresses in the clipboard, or sends pictures of the screen.\n\nDo not run it.",
        Category::Collection, Severity::High, &["T1056.001", "T1113", "T1115"]);
    pub const INJECT: Rule = Rule::new("script-inject", "A script puts code into memory and starts it",
        "A script allocates memory, writes machine code into it and starts a thread there, in its own or another process.\n\nDo not run it.",
        Category::Execution, Severity::High, &["T1055"]);
    pub const PHISH: Rule = Rule::new("script-phish", "A script asks for a password in a dialog of its own",
        "A script shows a dialog that asks for the user's password and uses or sends the answer. The system asks with dialogs of its own, whose answers scripts do not see.\n\nDo not run it.",
        Category::CredentialAccess, Severity::Critical, &["T1056.002"]);
    pub const MEMORY: Rule = Rule::new("script-memory", "A script reads the memory of other processes",
        "A script reads the memory of a CI runner or of Windows' security service, where secrets stand in the clear.\n\nDo not run it; rotate every secret of jobs where it ran.",
        Category::CredentialAccess, Severity::Critical, &["T1003"]);
    pub const RANSOM: Rule = Rule::new("script-ransom", "A script encrypts files and asks for money",
        "A script walks through the user's files, encrypts them and leaves a note.\n\nDo not run it.",
        Category::Impact, Severity::Critical, &["T1486"]);
    pub const HOSTILE_HOST: Rule = Rule::new("script-hostile-host", "A script names a host that attackers use",
        "A script names a request bin, tunnel, paste site, chat webhook or bare address.\n\nFind out what is sent to or taken from there.",
        Category::CommandAndControl, Severity::Low, &["T1102"]);
    pub const OBFUSCATED: Rule = Rule::new("script-obfuscated", "A script hides its words",
        "Words of a script are put together from pieces, escapes or numbers so that a search does not find them. The finding shows what they come to.\n\nRead the decoded text.",
        Category::DefenseEvasion, Severity::Medium, &["T1027.010"]);
    pub const ENCODED_SCRIPT: Rule = Rule::new("script-encoded-file", "A script is stored encoded",
        "A file holds VBScript or JScript in Microsoft's encoded form (`#@~^`). It serves only to keep readers out.\n\nDecode it before anything else.",
        Category::DefenseEvasion, Severity::Medium, &["T1027.013"]);
    pub const WORKFLOW_SECRETS: Rule = Rule::new("script-workflow-secrets", "A workflow takes all secrets at once",
        "A CI workflow turns every secret of the repository into text (`toJSON(secrets)`) and encodes, sends or stores it. Honest workflows pass the secrets they need, by name.\n\nDelete the workflow and rotate the secrets.",
        Category::CredentialAccess, Severity::Critical, &["T1552"]);
    pub const WORKFLOW_BACKDOOR: Rule = Rule::new("script-workflow-backdoor", "A workflow runs what strangers write",
        "A CI workflow puts the text of a discussion, issue or comment into a command on a runner of one's own: whoever writes there commands the machine.\n\nDelete the workflow.",
        Category::CommandAndControl, Severity::High, &["T1059", "T1071.001"]);
    pub const WORKFLOW_TARGET: Rule = Rule::new("script-workflow-target", "A workflow checks foreign code out with its own rights",
        "A workflow on `pull_request_target` checks out the pull request and runs something: the author of a pull request can take its secrets. A weakness, not an attack.\n\nUse `pull_request`, or do not run what was checked out.",
        Category::Capability, Severity::Info, &["T1195.002"]);
    pub const EDITOR_TASK: Rule = Rule::new("script-editor-task", "Opening the folder runs a command",
        "An editor's settings start a task when the folder is opened (`runOn: folderOpen`, container commands). Whoever looks at the code runs it.\n\nRead the command before trusting the folder.",
        Category::Execution, Severity::Low, &["T1204.002"]);
    pub const AGENT_HOOK: Rule = Rule::new("script-agent-hook", "Settings of a coding agent start commands",
        "Hooks or servers in the settings of a coding agent start commands on the machine of whoever works in the folder.\n\nRead them.",
        Category::Capability, Severity::Info, &["T1204.002"]);
    pub const HIDDEN_TEXT: Rule = Rule::new("script-hidden-text", "A file that agents obey holds invisible text",
        "A file of instructions for coding agents holds characters that are not shown (tags, zero-width runs): orders that people do not see.\n\nShow the characters before using the file.",
        Category::DefenseEvasion, Severity::High, &["T1027", "T1204.002"]);
    pub const SHORTCUT: Rule = Rule::new("script-shortcut", "A shortcut starts a shell",
        "A Windows shortcut starts PowerShell, cmd, mshta or the like. Packages have no use for that; whoever opens it runs the command.\n\nDo not open it.",
        Category::Execution, Severity::High, &["T1204.002", "T1059.001"]);
}
pub use all::*;

/// Every rule.
pub const RULES: &[&Rule] = &[
    &DOWNLOAD_RUN,
    &UPLOAD,
    &REVERSE_SHELL,
    &DECODE_RUN,
    &HIDDEN,
    &RECON,
    &PERSIST,
    &DESTROY,
    &MINE,
    &DEFENCES,
    &BYPASS,
    &SECRETS,
    &SPREAD,
    &WATCH,
    &INJECT,
    &PHISH,
    &MEMORY,
    &RANSOM,
    &HOSTILE_HOST,
    &OBFUSCATED,
    &ENCODED_SCRIPT,
    &WORKFLOW_SECRETS,
    &WORKFLOW_BACKDOOR,
    &WORKFLOW_TARGET,
    &EDITOR_TASK,
    &AGENT_HOOK,
    &HIDDEN_TEXT,
    &SHORTCUT,
];

/// The rule of a deed; none for what is not told by itself.
pub fn of(deed: Deed) -> Option<&'static Rule> {
    Some(match deed {
        Deed::DownloadRun => &DOWNLOAD_RUN,
        Deed::Upload => &UPLOAD,
        Deed::ReverseShell => &REVERSE_SHELL,
        Deed::DecodeRun => &DECODE_RUN,
        Deed::Hidden => &HIDDEN,
        Deed::Recon => &RECON,
        Deed::Persist => &PERSIST,
        Deed::Destroy => &DESTROY,
        Deed::Mine => &MINE,
        Deed::Defences => &DEFENCES,
        Deed::Bypass => &BYPASS,
        Deed::Secrets => &SECRETS,
        Deed::Spread => &SPREAD,
        Deed::Watch => &WATCH,
        Deed::Inject => &INJECT,
        Deed::Phish => &PHISH,
        Deed::Memory => &MEMORY,
        Deed::Ransom => &RANSOM,
        Deed::Download => return None,
    })
}
