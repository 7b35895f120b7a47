//! Constants, and what is done beside them.

use packguard_sdk::indicators::{self, Kind};
use packguard_sdk::{Confidence, Phase, Severity};

use super::Found;
use crate::facts::{Deed, Facts};
use crate::labels::Labels;
use crate::rules;

/// Fewest letters of an encoded program.
const PROGRAM_MINIMUM: usize = 512;

pub(super) fn look(facts: &Facts, found: &mut Vec<Found>) {
    hosts(facts, found);
    credentials(facts, found);
    programs(facts, found);
    evasion(facts, found);
    natives(facts, found);
    clipboard(facts, found);
}

/// When the gravest deed of a unit runs.
fn phase(facts: &Facts) -> Phase {
    facts
        .done
        .iter()
        .map(|done| done.phase)
        .max_by_key(|phase| phase.urgency())
        .unwrap_or(Phase::Unknown)
}

fn hosts(facts: &Facts, found: &mut Vec<Found>) {
    let talks = [
        Deed::Fetch,
        Deed::Send,
        Deed::Connect,
        Deed::DownloadToFile,
        Deed::Execute,
    ]
    .iter()
    .any(|deed| facts.does(*deed));
    for indicator in indicators::scan(&facts.texts) {
        let (rule, severity) = match indicator.kind {
            Kind::Webhook | Kind::OutOfBand if talks => (&rules::HOSTILE_HOST, Severity::Medium),
            Kind::ChatApi if talks && is_addressed(&facts.texts[indicator.range.end..]) => {
                (&rules::HOSTILE_HOST, Severity::Medium)
            }
            Kind::Tunnel | Kind::PasteOrFileShare | Kind::ChatApi | Kind::PublicIp if talks => {
                (&rules::HOSTILE_HOST, Severity::Low)
            }
            Kind::Miner => {
                let runs = facts.does(Deed::Execute) || facts.does(Deed::Connect);
                let severity = if runs {
                    Severity::High
                } else {
                    Severity::Medium
                };
                (&rules::MINER, severity)
            }
            _ => continue,
        };
        let mut one = Found::new(rule, severity, phase(facts)).sure(Confidence::Medium);
        one.title = format!("{}: {}", rule.title, indicator.text);
        found.push(one);
    }
}

/// Whether a webhook's address goes on with an identity: clients for chat services only
/// know its beginning.
fn is_addressed(rest: &str) -> bool {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let rest = rest.strip_prefix("bot").unwrap_or(rest);
    rest.bytes().take_while(u8::is_ascii_digit).count() >= 6
}

/// How many of the words a text holds.
fn count(text: &str, words: &[&str]) -> usize {
    words.iter().filter(|word| text.contains(**word)).count()
}

#[rustfmt::skip]
const BROWSERS: &[&str] = &[
    "Google\\Chrome", "Google/Chrome", "BraveSoftware", "Opera Software", "Microsoft\\Edge",
    "Microsoft/Edge", "YandexBrowser", "Yandex\\", "Vivaldi", "CocCoc", "Mozilla\\Firefox", "7Star",
    "Orbitum", "Amigo\\User Data", "Torch\\User Data", "Kometa", "CentBrowser",
];

#[rustfmt::skip]
const STORES: &[&str] = &[
    "Login Data", "Local State", "Web Data", "logins.json", "key4.db", "Cookies", "cookies.sqlite",
];

#[rustfmt::skip]
const KEYS: &[&str] = &[
    "os_crypt", "encrypted_key", "password_value", "encrypted_value", "CryptUnprotectData",
];

#[rustfmt::skip]
const WALLETS: &[&str] = &[
    "Exodus\\exodus.wallet", "exodus.wallet", "Electrum\\wallets", "Ethereum\\keystore",
    "atomic\\Local Storage", "Coinomi", "wallet.dat", "Guarda", "Armory", "Jaxx", "Zcash",
    "nkbihfbeogaeaoehlefnkodbefgpgknn", "bfnaelmomeimhlpmgjnjophhpkkoljpa",
    "ibnejdfjmmkpcnlpebklmnkoeoihofec", "fhbohimaelbohpjbbldcngcnapndodjp",
];

#[rustfmt::skip]
const CHATS: &[&str] = &[
    "discordcanary", "discordptb", "Lightcord",
];

#[rustfmt::skip]
const SESSIONS: &[&str] = &[
    "Telegram Desktop\\tdata", "launcher_profiles.json", "launcher_accounts.json", "ssfn",
    "FileZilla\\recentservers.xml", "Growtopia",
];

fn credentials(facts: &Facts, found: &mut Vec<Found>) {
    let text = facts.texts.as_str();
    let browsers = count(text, BROWSERS);
    let stores = count(text, STORES);
    let keys = count(text, KEYS) + usize::from(facts.does(Deed::Unprotect));
    let wallets = count(text, WALLETS);
    let chat = count(text, CHATS) >= 2
        || text.contains("[\\w-]{24}\\.[\\w-]{6}")
        || text.contains("mfa\\.[\\w-]{84}")
        || text.contains("dQw4w9WgXcQ:");
    let sessions = count(text, SESSIONS);
    let what = if stores >= 1 && keys >= 1 && browsers >= 1 {
        "Stores of passwords and cookies of browsers, and what decrypts them."
    } else if wallets >= 3 {
        "Files of several cryptocurrency wallets."
    } else if chat && (text.contains("leveldb") || text.contains("Local Storage")) {
        "The store of a chat program, and the form of its tokens."
    } else if sessions >= 2 && (facts.does(Deed::Send) || facts.does(Deed::Fetch)) {
        "Sessions of several programs."
    } else {
        return;
    };
    found.push(Found::new(&rules::CREDENTIALS, Severity::High, phase(facts)).why(what));
}

fn programs(facts: &Facts, found: &mut Vec<Found>) {
    const STARTS: &[&str] = &[
        "TVqQAA",
        "TVpQAA",
        "TVoAAA",
        "TVpBUl",
        "TVroAA",
        "TVprAA",
        "f0VMRg",
        "yv66vgAAAD",
        "4D5A9000",
        "4d5a9000",
        "7F454C46",
        "H4sIAAAAAAA",
    ];
    let encoded = facts.texts.lines().any(|line| {
        line.len() >= PROGRAM_MINIMUM
            && STARTS.iter().any(|start| line.starts_with(start))
            && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte))
            // Test data and icons are compressed too: only what is loaded counts there.
            && (!line.starts_with("H4sI") || facts.does(Deed::Load) || facts.does(Deed::Execute))
    });
    if encoded {
        let used = facts.does(Deed::Load) || facts.does(Deed::Execute) || facts.does(Deed::Pointer);
        let severity = if used {
            Severity::High
        } else {
            Severity::Medium
        };
        found.push(Found::new(&rules::ENCODED_PROGRAM, severity, phase(facts)));
    }
}

fn evasion(facts: &Facts, found: &mut Vec<Found>) {
    let lower = facts.texts.to_ascii_lowercase();
    let off = [
        "add-mppreference -exclusion",
        "set-mppreference -disablerealtime",
        "disableantispyware",
        "disablerealtimemonitoring",
        "amsiscanbuffer",
        "etweventwrite",
        "netsh advfirewall set allprofiles state off",
        "sc stop windefend",
        "vssadmin delete shadows",
        "wmic shadowcopy delete",
        "bcdedit /set {default} recoveryenabled no",
    ];
    if let Some(which) = off.iter().find(|word| lower.contains(**word)) {
        let mut one = Found::new(&rules::DEFENCES, Severity::High, phase(facts));
        one.title = format!("{}: {which}", rules::DEFENCES.title);
        found.push(one);
    }
    let checks = count(
        &lower,
        &[
            "vboxservice",
            "vboxtray",
            "vmtoolsd",
            "vmwaretray",
            "sbiedll",
            "wireshark",
            "processhacker",
            "x64dbg",
            "ollydbg",
            "fiddler",
            "dnspy",
            "ida64",
            "joeboxserver",
            "cuckoomon",
            "httpdebugger",
            "vmusrvc",
            "prl_tools",
            "ksdumper",
            "wdagutilityaccount",
            "desktop-d019gdm",
            "xenservice",
            "qemu-ga",
        ],
    );
    if checks >= 4 {
        found.push(Found::new(
            &rules::ANALYSIS_CHECK,
            Severity::Medium,
            phase(facts),
        ));
    }
}

fn natives(facts: &Facts, found: &mut Vec<Found>) {
    let has = |names: &[&str]| {
        facts
            .natives
            .iter()
            .any(|name| names.iter().any(|known| name.starts_with(known)))
    };
    let memory = has(&[
        "VirtualAlloc",
        "NtAllocateVirtualMemory",
        "NtMapViewOfSection",
        "VirtualProtect",
    ]);
    let write = has(&["WriteProcessMemory", "NtWriteVirtualMemory"]);
    let elsewhere = has(&[
        "CreateRemoteThread",
        "NtCreateThreadEx",
        "RtlCreateUserThread",
        "QueueUserAPC",
        "SetThreadContext",
        "Wow64SetThreadContext",
        "NtSetContextThread",
    ]);
    let here = has(&[
        "CreateThread",
        "EnumWindows",
        "CallWindowProc",
        "EnumSystemLocales",
        "CreateFiber",
    ]);
    let payload = facts.blobs > 0
        || facts.done.iter().any(|done| {
            matches!(done.deed, Deed::Pointer | Deed::Decode)
                && done.labels.any(Labels::DECODED.with(Labels::NETWORK))
        });
    if memory && (write && elsewhere || here && payload) {
        let severity = if payload {
            Severity::High
        } else {
            Severity::Medium
        };
        let mut one = Found::new(&rules::INJECTION, severity, phase(facts));
        let names: Vec<&str> = facts.natives.iter().map(String::as_str).take(12).collect();
        one.why = format!("Declared: {}", names.join(", "));
        found.push(one);
    }
    let keys = has(&["SetWindowsHookEx", "GetAsyncKeyState", "GetKeyboardState"])
        || facts.does(Deed::Keys);
    if keys && (facts.does(Deed::Send) || facts.does(Deed::Connect)) {
        found.push(
            Found::new(&rules::SURVEILLANCE, Severity::Medium, phase(facts))
                .sure(Confidence::Medium)
                .why("Keys are read, and data is sent, by one class."),
        );
    }
    if has(&["RtlSetProcessIsCritical", "NtRaiseHardError", "BlockInput"]) {
        found.push(
            Found::new(&rules::DEFENCES, Severity::Medium, phase(facts))
                .why("The process makes itself impossible to end, or locks the user out."),
        );
    }
}

fn clipboard(facts: &Facts, found: &mut Vec<Found>) {
    let text = facts.texts.as_str();
    let forms = count(
        text,
        &[
            "{40}",
            "bc1",
            "[13]",
            "a-km-z",
            "ltc1",
            "[48][0-9AB]",
            "4[0-9AB]",
            "T[A-Za-z1-9]{33}",
            "0x[a-fA-F0-9]",
        ],
    );
    if facts.does(Deed::ReadClipboard) && facts.does(Deed::WriteClipboard) && forms >= 2 {
        found.push(Found::new(
            &rules::CLIPBOARD_SWAP,
            Severity::High,
            phase(facts),
        ));
    }
}
