//! What this analyzer can find.

use packguard_sdk::{Category, Rule, Severity};

/// All rules, as `describe` lists them.
pub(crate) const RULES: &[&Rule] = &[
    &NATIVE,
    &PROGRAM,
    &STARTED,
    &DISGUISED,
    &MALFORMED,
    &PACKED,
    &OVERLAY,
    &WRITABLE_CODE,
    &INJECTION,
    &KEYLOGGER,
    &DOWNLOAD_RUN,
    &MEMORY_PROGRAM,
    &INDICATOR,
    &DOTNET,
    &STEALER,
    &MINER,
    &COMMAND,
    &DEFENCES,
    &BUNDLE,
    &SHELL_CONNECT,
    &ENCODED,
    &INSTALLER,
];

pub(crate) const NATIVE: Rule = Rule {
    id: "binary-native",
    title: "The package contains compiled code",
    help: "**The package contains compiled code**\n\nOne finding per package. Many honest packages \
           do; what compiled code does can't be read from it, so its source has to be trusted.",
    category: Category::Capability,
    severity: Severity::Info,
    attack: &[],
};

pub(crate) const PROGRAM: Rule = Rule {
    id: "binary-program",
    title: "The package contains a program",
    help: "**The package contains a program**\n\nA library for Python or Node brings shared \
           libraries; a stand-alone program outside of the folders for commands is unusual. \
           Look at what starts it.",
    category: Category::Binary,
    severity: Severity::Low,
    attack: &["T1204.002"],
};

pub(crate) const DISGUISED: Rule = Rule {
    id: "binary-disguised",
    title: "Compiled code under the name of something else",
    help: "**Compiled code under the name of something else**\n\nThe name says text, picture or \
           document, the content is a program. Look at what opens the file: code that runs it \
           hides it on purpose.",
    category: Category::Binary,
    severity: Severity::High,
    attack: &["T1036.008"],
};

pub(crate) const STARTED: Rule = Rule {
    id: "binary-started",
    title: "The package starts a program that it carries, unseen",
    help: "**The package starts a program that it carries, unseen**\n\nShort code that runs when \
           the package is installed or imported starts a compiled program of the package, and \
           throws its output away, hides its window or lets it go on by itself. Honest packages \
           start their tools when they are called, and show what they say.\n\nFind out what the \
           program does before installing.",
    category: Category::Execution,
    severity: Severity::High,
    attack: &["T1204.002", "T1564"],
};

pub(crate) const MALFORMED: Rule = Rule {
    id: "binary-malformed",
    title: "A binary that can't be parsed",
    help: "**A binary that can't be parsed**\n\nThe file begins as compiled code does and then \
           breaks the format's rules: it is damaged, cut off, a test file, or made to confuse \
           tools. Its strings were searched all the same.",
    category: Category::Binary,
    severity: Severity::Low,
    attack: &["T1027"],
};

pub(crate) const PACKED: Rule = Rule {
    id: "binary-packed",
    title: "Packed or encrypted code",
    help: "**Packed or encrypted code**\n\nThe program unpacks itself when it starts, so nobody \
           can look at what it does before. Some honest programs are packed to be smaller; in \
           packages that is rare. Unpack it (`upx -d`) and look again.",
    category: Category::Binary,
    severity: Severity::Medium,
    attack: &["T1027.002"],
};

pub(crate) const OVERLAY: Rule = Rule {
    id: "binary-overlay",
    title: "Encrypted or compressed data after the end of a program",
    help: "**Encrypted or compressed data after the end of a program**\n\nData that no section \
           accounts for is often a payload that the program decrypts. Installers and \
           self-extracting archives do that too; those of a known form are low.",
    category: Category::Binary,
    severity: Severity::Medium,
    attack: &["T1027.009"],
};

pub(crate) const WRITABLE_CODE: Rule = Rule {
    id: "binary-writable-code",
    title: "Code that can be written to while it runs",
    help: "**Code that can be written to while it runs**\n\nA part of the file is loaded both \
           writable and executable, as packers and self-changing code need it.",
    category: Category::Binary,
    severity: Severity::Low,
    attack: &["T1027.002"],
};

pub(crate) const INJECTION: Rule = Rule {
    id: "binary-injection",
    title: "Puts code into other processes",
    help: "**Puts code into other processes**\n\nThe binary names the functions that, taken \
           together, write code into another process and start it. Debuggers and bindings of the \
           whole Windows API do that too.",
    category: Category::DefenseEvasion,
    severity: Severity::Medium,
    attack: &["T1055"],
};

pub(crate) const KEYLOGGER: Rule = Rule {
    id: "binary-keylogger",
    title: "Watches the keyboard and talks to the network",
    help: "**Watches the keyboard and talks to the network**\n\nThe binary names the functions \
           that hook or poll the keyboard of all programs, and those that send data away.",
    category: Category::Collection,
    severity: Severity::Medium,
    attack: &["T1056.001"],
};

pub(crate) const DOWNLOAD_RUN: Rule = Rule {
    id: "binary-download-run",
    title: "Downloads a file and runs it",
    help: "**Downloads a file and runs it**\n\nThe binary names the functions that download to a \
           file in one step and start a program. What runs is not in the package.",
    category: Category::CommandAndControl,
    severity: Severity::Medium,
    attack: &["T1105"],
};

pub(crate) const MEMORY_PROGRAM: Rule = Rule {
    id: "binary-memory-program",
    title: "Runs a program from memory",
    help: "**Runs a program from memory**\n\nThe binary names the functions that make a file \
           without a name and run it, so that no file is left to look at.",
    category: Category::DefenseEvasion,
    severity: Severity::Medium,
    attack: &["T1620"],
};

pub(crate) const INDICATOR: Rule = Rule {
    id: "binary-indicator",
    title: "Names a place that attackers use",
    help: "**Names a place that attackers use**\n\nA text in compiled code names a webhook, \
           interaction server, tunnel, paste site, chat service or mining pool. Look at whether \
           the package's purpose explains it.",
    category: Category::CommandAndControl,
    severity: Severity::Medium,
    attack: &["T1102", "T1567"],
};

pub(crate) const DOTNET: Rule = Rule {
    id: "binary-dotnet",
    title: "A .NET assembly",
    help: "**A .NET assembly**\n\nCompiled for .NET; the analyzer `bytecode` follows what its code does.",
    category: Category::Capability,
    severity: Severity::Info,
    attack: &[],
};

pub(crate) const STEALER: Rule = Rule {
    id: "binary-stealer",
    title: "Compiled code that names what thieves take",
    help: "**Compiled code that names what thieves take**\n\nThe password stores of several \
           browsers with what decrypts them, the files of several wallets, or the tokens of chat \
           programs. No library needs those.",
    category: Category::CredentialAccess,
    severity: Severity::High,
    attack: &["T1555.003", "T1539"],
};

pub(crate) const MINER: Rule = Rule {
    id: "binary-miner",
    title: "A miner of cryptocurrency",
    help: "**A miner of cryptocurrency**\n\nThe texts are those of a program that mines: its \
           algorithms, its options, the protocol of pools.",
    category: Category::Impact,
    severity: Severity::High,
    attack: &["T1496"],
};

pub(crate) const COMMAND: Rule = Rule {
    id: "binary-command",
    title: "Compiled code with a hostile command line",
    help: "**Compiled code with a hostile command line**\n\nA text is a command that downloads and \
           runs, decodes and runs, or connects a shell. From places that attackers use it is high; \
           from ordinary hosts it may be advice for installing, and is low.",
    category: Category::Execution,
    severity: Severity::High,
    attack: &["T1059", "T1105"],
};

pub(crate) const DEFENCES: Rule = Rule {
    id: "binary-defences-off",
    title: "Compiled code switches virus scanners off",
    help: "**Compiled code switches virus scanners off**\n\nThe texts are commands and settings that \
           blind Microsoft Defender.",
    category: Category::DefenseEvasion,
    severity: Severity::High,
    attack: &["T1562.001"],
};

pub(crate) const BUNDLE: Rule = Rule {
    id: "binary-script-bundle",
    title: "A program made of scripts and their interpreter",
    help: "**A program made of scripts and their interpreter**\n\nPyInstaller, Nuitka, pkg, nexe or \
           AutoIt packed scripts into a program, so that nobody reads them. A library that could \
           ship the scripts themselves has no reason to.",
    category: Category::Binary,
    severity: Severity::Medium,
    attack: &["T1027.002"],
};

pub(crate) const SHELL_CONNECT: Rule = Rule {
    id: "binary-shell-connect",
    title: "A small library that starts a shell and connects",
    help: "**A small library that starts a shell and connects**\n\nIt takes from the system what \
           starts programs and what connects, and names a shell and an address: a reverse shell has \
           no more than that.",
    category: Category::CommandAndControl,
    severity: Severity::High,
    attack: &["T1059.004", "T1571"],
};

pub(crate) const ENCODED: Rule = Rule {
    id: "binary-encoded",
    title: "A program hidden by exclusive or",
    help: "**A program hidden by exclusive or**\n\nEvery byte of a program was changed by one key, so \
           that no scanner knows it. Something in the package turns it back.",
    category: Category::DefenseEvasion,
    severity: Severity::High,
    attack: &["T1027.013"],
};

pub(crate) const INSTALLER: Rule = Rule {
    id: "binary-installer",
    title: "An installer in the package",
    help: "**An installer in the package**\n\nA package of Windows, Debian or Red Hat inside of a \
           library: it runs scripts with high rights once somebody starts it.",
    category: Category::Binary,
    severity: Severity::Low,
    attack: &["T1218.007"],
};
