//! What this analyzer can find.

use packguard_sdk::{Category, Rule, Severity};

/// All rules, as `describe` lists them.
pub(crate) const RULES: &[&Rule] = &[
    &DOWNLOAD_EXECUTE,
    &REMOTE_CODE,
    &DECODED_CODE,
    &DECODED_COMMAND,
    &REVERSE_SHELL,
    &REMOTE_CONTROL,
    &EXFILTRATION,
    &KEY_THEFT,
    &CARRIED_PROGRAM,
    &SURVEILLANCE,
    &CREDENTIALS,
    &COMMAND,
    &PERSISTENCE,
    &INJECTION,
    &MINER,
    &CLIPBOARD_SWAP,
    &ENCODED_PROGRAM,
    &HOSTILE_HOST,
    &DEFENCES,
    &ANALYSIS_CHECK,
    &WEB_SHELL,
    &OBFUSCATED,
    &HIDDEN_SCRIPT,
    &ARCHIVED_SCRIPT,
    &CAPABILITIES,
];

macro_rules! rule {
    ($id:literal, $title:literal, $help:literal, $category:ident, $severity:ident, $attack:expr) => {
        Rule::new(
            $id,
            $title,
            concat!(
                "**",
                $title,
                "**\n\n",
                $help,
                "\n\nDecompile the class or type that is named, and read the method. If the \
                 package does not explain it, do not install it, and tell its registry."
            ),
            Category::$category,
            Severity::$severity,
            $attack,
        )
    };
}

pub(crate) const DOWNLOAD_EXECUTE: Rule = rule!(
    "bytecode-download-execute",
    "Compiled code downloads something and runs it",
    "What comes over the network is started as a program, or written to the file that is started. \
     What runs is not in the package.",
    CommandAndControl,
    High,
    &["T1105", "T1059"]
);

pub(crate) const REMOTE_CODE: Rule = rule!(
    "bytecode-remote-code",
    "Compiled code loads code from the network",
    "Classes, assemblies, libraries or scripts are taken from an address and run in the same \
     process. What runs is not in the package, and can change from hour to hour.",
    CommandAndControl,
    High,
    &["T1105", "T1620"]
);

pub(crate) const DECODED_CODE: Rule = rule!(
    "bytecode-decoded-code",
    "Compiled code decodes code and loads it",
    "Bytes are decoded or decrypted and made into classes, assemblies or memory that is run. \
     Nobody can look at what runs before it does.",
    DefenseEvasion,
    High,
    &["T1620", "T1140"]
);

pub(crate) const DECODED_COMMAND: Rule = rule!(
    "bytecode-decoded-command",
    "Compiled code decodes a command and runs it",
    "A command or script stands in the code in encoded form and is run once decoded: it is hidden \
     on purpose.",
    Execution,
    High,
    &["T1059", "T1140"]
);

pub(crate) const REVERSE_SHELL: Rule = rule!(
    "bytecode-reverse-shell",
    "Compiled code connects a shell to another host",
    "What comes over a connection is fed to a command interpreter: whoever listens at the other \
     end has the machine.",
    CommandAndControl,
    Critical,
    &["T1059", "T1571"]
);

pub(crate) const REMOTE_CONTROL: Rule = rule!(
    "bytecode-remote-control",
    "Compiled code runs commands from the network",
    "Commands come over the network, are run, and what they print goes back.",
    CommandAndControl,
    High,
    &["T1059", "T1071"]
);

pub(crate) const EXFILTRATION: Rule = rule!(
    "bytecode-exfiltration",
    "Compiled code sends secrets or facts about the host away",
    "Variables of the environment, files that hold secrets, or names of host and user flow into a \
     request or connection.",
    Exfiltration,
    High,
    &["T1041", "T1567"]
);

pub(crate) const KEY_THEFT: Rule = rule!(
    "bytecode-key-theft",
    "Compiled code sends a wallet's key away",
    "What a function gets as a private key, seed or words of a wallet flows into a request to an \
     address that the code itself names. Wallets keep keys; nobody needs to be told.",
    CredentialAccess,
    High,
    &["T1555", "T1041"]
);

pub(crate) const CARRIED_PROGRAM: Rule = rule!(
    "bytecode-carried-program",
    "Compiled code starts a program that it carries as data",
    "A resource whose name says that it is data is written to a file, and that file is started: \
     a program in disguise.",
    Execution,
    High,
    &["T1027.009", "T1059"]
);

pub(crate) const SURVEILLANCE: Rule = rule!(
    "bytecode-surveillance",
    "Compiled code records screen, keyboard or clipboard and sends it away",
    "Pictures of the screen, pressed keys or the clipboard's content flow into the network.",
    Collection,
    High,
    &["T1113", "T1056.001", "T1115"]
);

pub(crate) const CREDENTIALS: Rule = rule!(
    "bytecode-credential-theft",
    "Compiled code reads passwords, tokens or wallets",
    "The stores of browsers, chat programs or wallets are named beside what reads and decrypts \
     them.",
    CredentialAccess,
    High,
    &["T1555", "T1539"]
);

pub(crate) const COMMAND: Rule = rule!(
    "bytecode-hostile-command",
    "Compiled code starts a hostile command",
    "The command line that is started downloads and runs, decodes and runs, connects a shell, or \
     destroys.",
    Execution,
    High,
    &["T1059"]
);

pub(crate) const PERSISTENCE: Rule = rule!(
    "bytecode-persistence",
    "Compiled code makes itself start again",
    "Autostart keys, tasks or folders are written to.",
    Persistence,
    Medium,
    &["T1547", "T1053"]
);

pub(crate) const INJECTION: Rule = rule!(
    "bytecode-injection",
    "Compiled code runs raw machine code",
    "Functions of the system are declared that make memory executable, write to it and start it, \
     in this process or another.",
    DefenseEvasion,
    Medium,
    &["T1055", "T1106"]
);

pub(crate) const MINER: Rule = rule!(
    "bytecode-miner",
    "Compiled code mines cryptocurrency",
    "A mining pool or miner is named in the constants.",
    Impact,
    Medium,
    &["T1496"]
);

pub(crate) const CLIPBOARD_SWAP: Rule = rule!(
    "bytecode-wallet-swap",
    "Compiled code replaces wallet addresses in the clipboard",
    "The clipboard is read and written, and forms of wallet addresses are searched: payments go to \
     somebody else.",
    Impact,
    High,
    &["T1115", "T1565.002"]
);

pub(crate) const ENCODED_PROGRAM: Rule = rule!(
    "bytecode-encoded-program",
    "Compiled code carries a program as text",
    "A constant holds an encoded program: scanners of files do not see it.",
    DefenseEvasion,
    Medium,
    &["T1027.009"]
);

pub(crate) const HOSTILE_HOST: Rule = rule!(
    "bytecode-hostile-host",
    "Compiled code names a place that attackers use",
    "A constant, or a text put together of constants, names a webhook, interaction server, tunnel, \
     paste site, chat service or bare address.",
    CommandAndControl,
    Medium,
    &["T1102", "T1567"]
);

pub(crate) const DEFENCES: Rule = rule!(
    "bytecode-defences-off",
    "Compiled code switches defences off",
    "Constants hold the commands or functions that blind scanners: exclusions, real-time \
     protection, script scanning, event tracing.",
    DefenseEvasion,
    High,
    &["T1562.001"]
);

pub(crate) const ANALYSIS_CHECK: Rule = rule!(
    "bytecode-analysis-check",
    "Compiled code looks for virtual machines and analysts",
    "Several names of virtual machines, sandboxes and tools of analysts stand in one class: code \
     that has something to hide looks for them.",
    DefenseEvasion,
    Medium,
    &["T1497"]
);

pub(crate) const WEB_SHELL: Rule = rule!(
    "bytecode-web-shell",
    "Compiled code runs what a request says",
    "A parameter or header of a request is started as a command or loaded as code.",
    Execution,
    High,
    &["T1505.003"]
);

pub(crate) const OBFUSCATED: Rule = Rule::new(
    "bytecode-obfuscated",
    "Obfuscated bytecode",
    "**Obfuscated bytecode**\n\nAn obfuscator left its mark, or names can't be read. Vendors do \
     that to code they sell; open-source packages have no reason.",
    Category::DefenseEvasion,
    Severity::Low,
    &["T1027"],
);

pub(crate) const HIDDEN_SCRIPT: Rule = Rule::new(
    "bytecode-hidden-script",
    "Code compiled to hide it",
    "**Code compiled to hide it**\n\nJavaScript compiled to V8's cache, or Lua to bytecode, and \
     what loads it. Nobody can read what runs, and it works with one version of the engine only: \
     libraries have no reason to be shipped so.",
    Category::DefenseEvasion,
    Severity::Medium,
    &["T1027", "T1059.007"],
);

pub(crate) const ARCHIVED_SCRIPT: Rule = Rule::new(
    "bytecode-archived-script",
    "Hostile code in an archive of Electron",
    "**Hostile code in an archive of Electron**\n\nA script in an `.asar` archive runs hostile \
     commands, or sends to places that attackers use. Unpack it (`asar extract`) and read it.",
    Category::Execution,
    Severity::Medium,
    &["T1059.007", "T1027"],
);

pub(crate) const CAPABILITIES: Rule = Rule::new(
    "bytecode-capabilities",
    "What compiled classes are able to do",
    "**What compiled classes are able to do**\n\nOne finding per package that lists what its \
     bytecode calls. Harmless by itself.",
    Category::Capability,
    Severity::Info,
    &[],
);
