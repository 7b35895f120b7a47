//! Texts that together tell what a program is for: the stores that thieves read, miners,
//! bundles of scripts, commands that download and run.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use packguard_sdk::indicators::{self, Kind, ShellAct};
use packguard_sdk::text;

/// Longest command that is looked at, in bytes.
const COMMAND_LIMIT: usize = 4_096;
/// Most commands that are looked at in one file.
const COMMANDS_LIMIT: usize = 200;

/// What a word belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// Files in which browsers keep passwords and cookies.
    Store,
    /// What decrypts them.
    Key,
    /// Browsers that only thieves name side by side.
    Browser,
    /// Files and extensions of wallets.
    Wallet,
    /// Chat programs whose tokens are stolen, and the form of those.
    Chat,
    /// Where chat programs and wallets keep data.
    Database,
    Miner,
    PyInstaller,
    Nuitka,
    Pkg,
    Nexe,
    AutoIt,
    /// What blinds virus scanners.
    Defence,
    /// A command that may fetch: the whole text is looked at.
    Command,
    /// An interpreter of commands.
    Shell,
}

#[rustfmt::skip]
const WORDS: &[(Group, &[&str])] = &[
    (Group::Store, &["Login Data", "Local State", "Web Data", "key4.db", "logins.json", "cookies.sqlite"]),
    (Group::Key, &["CryptUnprotectData", "os_crypt", "encrypted_key", "encrypted_value", "password_value", "PK11SDR_Decrypt"]),
    (Group::Browser, &[
        "BraveSoftware", "Opera Software", "YandexBrowser", "Yandex\\Yandex", "Vivaldi", "CocCoc", "7Star", "Torch\\User Data",
        "Kometa", "Orbitum", "CentBrowser", "Amigo\\User", "Iridium", "Epic Privacy Browser", "Sputnik\\Sputnik", "uCozMedia",
    ]),
    (Group::Wallet, &[
        "exodus.wallet", "Electrum\\wallets", "Electrum/wallets", "Ethereum\\keystore", "Coinomi", "atomic\\Local Storage",
        "Guarda", "MultiDoge", "Jaxx Liberty", "nkbihfbeogaeaoehlefnkodbefgpgknn", "bfnaelmomeimhlpmgjnjophhpkkoljpa",
        "hnfanknocfeofbddgcijnmhnfnkdnaad", "ibnejdfjmmkpcnlpebklmnkoeoihofec", "fhbohimaelbohpjbbldcngcnapndodjp",
        "egjidjbpglichdcondbcbdnbeeppgdph", "aholpfdialjgjfhomihkjbmgjidlcdno",
    ]),
    (Group::Chat, &["discordcanary", "discordptb", "[\\w-]{24}", "dQw4w9WgXcQ:", "mfa\\.[\\w-]{84}"]),
    (Group::Database, &["leveldb", "Local Storage", "Local Extension Settings"]),
    (Group::Miner, &["xmrig", "XMRig", "randomx", "donate-level", "stratum+tcp", "stratum+ssl", "nicehash", "cryptonight", "--coin=monero"]),
    (Group::PyInstaller, &["_MEIPASS", "pyi-runtime-tmpdir", "pyi-bootloader-ignore-signals"]),
    (Group::Nuitka, &["NUITKA_ONEFILE", "__nuitka_binary", "NUITKA_ORIGINAL_ARGV0"]),
    (Group::Pkg, &["pkg/prelude/bootstrap.js", "PAYLOAD_POSITION", "pkg/lib-es5"]),
    (Group::Nexe, &["<nexe~~sentinel>", "nexe~~sentinel"]),
    (Group::AutoIt, &["AU3!EA06", "compiled AutoIt script"]),
    (Group::Defence, &["Add-MpPreference", "DisableRealtimeMonitoring", "DisableAntiSpyware", "Set-MpPreference"]),
    (Group::Command, &["curl ", "wget ", "powershell", "PowerShell", "/dev/tcp/", "certutil", "bitsadmin", "mshta", "base64 -d"]),
    (Group::Shell, &["/bin/sh", "/bin/bash", "cmd.exe"]),
];

struct Words {
    automaton: AhoCorasick,
    groups: Vec<Group>,
}

static SEARCH: LazyLock<Option<Words>> = LazyLock::new(|| {
    let all = WORDS.iter().flat_map(|(group, words)| {
        let group = *group;
        words.iter().map(move |word| (group, *word))
    });
    let (groups, words): (Vec<Group>, Vec<&str>) = all.unzip();
    let automaton = AhoCorasick::new(words).ok()?;
    Some(Words { automaton, groups })
});

/// What the texts of a file are about.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Words that occur, by their numbers.
    words: BTreeSet<(Group, usize)>,
    /// A command that downloads and runs, or connects a shell; and whether it is hostile
    /// whatever the program.
    pub command: Option<(String, bool)>,
    commands: usize,
    /// An address that stands by itself.
    pub address: bool,
}

/// A bundle of scripts with their interpreter.
pub(crate) const BUNDLES: &[&str] = &["PyInstaller", "Nuitka", "pkg", "nexe", "AutoIt"];

impl Marks {
    /// Looks at texts, one per line.
    pub fn search(&mut self, texts: &str) {
        let Some(search) = SEARCH.as_ref() else {
            return;
        };
        let mut done = 0;
        for hit in search.automaton.find_iter(texts) {
            let number = hit.pattern().as_usize();
            let Some(group) = search.groups.get(number).copied() else {
                continue;
            };
            self.words.insert((group, number));
            if group == Group::Command && hit.start() >= done && self.commands < COMMANDS_LIMIT {
                let start = texts[..hit.start()].rfind('\n').map_or(0, |at| at + 1);
                let end = texts[hit.end()..]
                    .find('\n')
                    .map_or(texts.len(), |at| hit.end() + at);
                done = end;
                self.commands += 1;
                self.command(text::cut(&texts[start..end], COMMAND_LIMIT));
            }
        }
        self.address |= texts.lines().any(is_address);
    }

    fn command(&mut self, line: &str) {
        for act in indicators::shell(line) {
            let hostile = match act.act {
                ShellAct::ReverseShell => true,
                ShellAct::DownloadAndRun => is_hostile(line),
                ShellAct::DecodeAndRun => act.decoded.is_some(),
                _ => continue,
            };
            if self
                .command
                .as_ref()
                .is_none_or(|(_, known)| hostile && !known)
            {
                self.command = Some((text::cut(line, 300).to_owned(), hostile));
            }
        }
    }

    fn count(&self, group: Group) -> usize {
        self.words.iter().filter(|(one, _)| *one == group).count()
    }

    /// What a thief of passwords, wallets or tokens names.
    pub fn stealer(&self) -> Option<&'static str> {
        if self.count(Group::Store) >= 2
            && self.count(Group::Key) >= 1
            && self.count(Group::Browser) >= 3
        {
            Some("the password stores of several browsers, and what decrypts them")
        } else if self.count(Group::Wallet) >= 4 {
            Some("the files of several wallets")
        } else if self.count(Group::Chat) >= 3 && self.count(Group::Database) >= 1 {
            Some("the tokens of a chat program")
        } else {
            None
        }
    }

    pub fn miner(&self) -> bool {
        self.count(Group::Miner) >= 4
    }

    /// The name of the tool that made a program of scripts.
    pub fn bundle(&self) -> Option<&'static str> {
        let groups = [
            (Group::PyInstaller, 2),
            (Group::Nuitka, 2),
            (Group::Pkg, 2),
            (Group::Nexe, 1),
            (Group::AutoIt, 1),
        ];
        groups
            .iter()
            .position(|(group, least)| self.count(*group) >= *least)
            .and_then(|at| BUNDLES.get(at).copied())
    }

    /// It switches scanners off.
    pub fn defences(&self) -> bool {
        self.count(Group::Defence) >= 2
    }

    pub fn shell(&self) -> bool {
        self.count(Group::Shell) >= 1
    }
}

/// Whether a command fetches from a place that honest programs do not.
fn is_hostile(line: &str) -> bool {
    indicators::scan(line)
        .iter()
        .any(|one| one.kind.is_hostile_host() || one.kind == Kind::Shortener)
}

/// Whether a text is nothing but an IPv4 address, with or without a port: not one of the
/// machine itself, nor a version.
fn is_address(line: &str) -> bool {
    if !(7..=21).contains(&line.len()) {
        return false;
    }
    let host = line.split_once(':').map_or(line, |(host, _)| host);
    let parts: Vec<Option<u8>> = host.split('.').map(|part| part.parse().ok()).collect();
    match parts.as_slice() {
        [Some(first), Some(_), Some(_), Some(_)] => {
            host.len() >= 9 && *first >= 20 && ![127, 255].contains(first) && *first < 240
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn addresses_are_told_from_versions() {
        for address in ["192.0.2.17", "203.0.113.5:4444"] {
            assert!(is_address(address), "{address}");
        }
        for other in [
            "1.2.3.4",
            "127.0.0.1",
            "255.255.255.0",
            "192.0.2",
            "192.0.2.x.y",
            "demo",
        ] {
            assert!(!is_address(other), "{other}");
        }
    }
}
