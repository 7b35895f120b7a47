//! Acts told by words that stand together in a text, whatever the language.

use super::{Act, Deed, line_around};

/// Words of which one of each group must stand in a text.
struct Sign {
    deed: Deed,
    /// All groups stand on one line.
    one_line: bool,
    plain: bool,
    groups: &'static [&'static [&'static str]],
}

const fn line(deed: Deed, groups: &'static [&'static [&'static str]]) -> Sign {
    Sign {
        deed,
        one_line: true,
        plain: false,
        groups,
    }
}

const fn grave(deed: Deed, groups: &'static [&'static [&'static str]]) -> Sign {
    Sign {
        deed,
        one_line: false,
        plain: true,
        groups,
    }
}

#[rustfmt::skip]
const SIGNS: &[Sign] = &[
    grave(Deed::Watch, &[&["xclip", "xsel", "pbpaste", "wl-paste"], &["xclip -selection clipboard", "xclip -sel", "pbcopy", "wl-copy", "xsel -b"], &["while", "for ((;;", "sleep"], &["bc1", "0x[a-f", "{40}", "^1", "wallet", "t[a-z"]]),
    Sign { deed: Deed::Persist, one_line: true, plain: true, groups: &[&["ssh-rsa aaaa", "ssh-ed25519 aaaa", "ecdsa-sha2-nistp256 aaaa"], &["authorized_keys"]] },
    grave(Deed::Bypass, &[&["amsiutils", "amsiinitfailed", "amsiscanbuffer", "amsicontext", "amsi.dll"], &["getfield", "setvalue", "virtualprotect", "getprocaddress", "patch", "copy("]]),
    grave(Deed::Bypass, &[&["etweventwrite"], &["virtualprotect", "getprocaddress"]]),
    line(Deed::Defences, &[&["add-mppreference", "set-mppreference"], &["exclusion", "disable", "$true", "submitsamplesconsent", "mapsreporting"]]),
    line(Deed::Defences, &[&["netsh"], &["firewall"], &["off", "disable", "opmode"]]),
    line(Deed::Defences, &[&["windefend", "wscsvc", "mpssvc", "securityhealthservice", "wdfilter"], &["stop", "disabled", "delete", "config"]]),
    line(Deed::Defences, &[&["disableantispyware", "disablerealtimemonitoring", "disabletaskmgr", "enablelua", "consentpromptbehavioradmin"], &["reg add", "new-itemproperty", "set-itemproperty", "regwrite", "$true"]]),
    line(Deed::Defences, &[&["setenforce 0", "selinux=disabled", "--master-disable", "csrutil disable", "ufw disable", "systemctl stop firewalld", "systemctl disable firewalld", "aliyundun", "cloudmonitor", "qcloud/stargate", "yunjing"]]),
    line(Deed::Defences, &[&["vssadmin", "wbadmin", "bcdedit", "win32_shadowcopy", "shadowcopy"], &["delete", "recoveryenabled", "ignoreallfailures"]]),
    line(Deed::Defences, &[&["wevtutil cl", "clear-eventlog", "wevtutil.exe cl"]]),
    line(Deed::Defences, &[&["taskkill"], &["msmpeng", "avast", "avp.exe", "mbam", "wireshark", "procmon", "processhacker", "defender"]]),
    grave(Deed::Memory, &[&["runner.worker", "runner.listener"], &["/mem", "/maps", "process_vm_readv", "gcore", "memdump"]]),
    grave(Deed::Memory, &[&["/mem'", "/mem\"", "/mem "], &["/proc/"], &["/maps"], &["issecret", "runner", "seek(", "dd if="], &["worker", "issecret", "sudo "]]),
    grave(Deed::Memory, &[&["comsvcs.dll", "procdump", "out-minidump", "minidumpwritedump"], &["minidump", "lsass"]]),
    grave(Deed::Memory, &[&["sekurlsa", "invoke-mimikatz"]]),
    grave(Deed::Watch, &[&["getasynckeystate", "setwindowshookex"], &["user32", "while", "do {", "add-type"]]),
    grave(Deed::Inject, &[&["virtualalloc", "virtualallocex"], &["createthread", "createremotethread", "writeprocessmemory", "getdelegateforfunctionpointer", "marshal]::copy", "queueuserapc"]]),
    grave(Deed::Phish, &[&["display dialog"], &["hidden answer"], &["password"], &["dscl", "sudo -s", "curl", "/tmp/", "security ", "authonly"]]),
    grave(Deed::Phish, &[&["get-credential", "promptforcredential"], &["getnetworkcredential"], &["uploadstring", "invoke-restmethod", "invoke-webrequest", "webhook", "http"]]),
    grave(Deed::Spread, &[&["npm publish", "npm.cmd publish", "twine upload", "gem push", "cargo publish"], &["-/v1/search", "maintainer:", "npm access list", "npm owner ls", "npm search", "/-/whoami", "/-/npm/v1/tokens"]]),
    grave(Deed::Spread, &[&["trufflehog"], &["filesystem", "git "], &["npm publish", "gh api", "api.github.com/user/repos", "webhook", "double-base64", "| base64", "--data"]]),
    grave(Deed::Spread, &[&["/user/repos", "gh repo create", "gh repo list", "user/orgs"], &[".github/workflows"], &["secrets", "tojson"]]),
    grave(Deed::Ransom, &[&["aescryptoserviceprovider", "aesmanaged", "rijndaelmanaged", "openssl enc", "gpg --symmetric", "gpg -c"], &["get-childitem", "find /", "find ~", "find $home", "for /r"], &["your files", "bitcoin", "btc", "ransom", "decrypt your", ".locked", ".encrypted"]]),
    grave(Deed::Secrets, &[&["cryptunprotectdata", "dpapi", "protecteddata]::unprotect"], &["local state", "login data", "os_crypt", "cookies"]]),
    grave(Deed::Secrets, &[&["find-generic-password", "dump-keychain", "find-internet-password"], &["chrome", "dump-keychain", "-ga", "brave", "safe storage"]]),
    grave(Deed::Secrets, &[&["login data", "cookies.sqlite", "wallet.dat", "local extension settings", "exodus.wallet", "key4.db", "leveldb"], &["curl", "invoke-webrequest", "invoke-restmethod", "uploadfile", "nc ", "wget", "compress-archive", "zip -r", "ditto -c"]]),
    line(Deed::Mine, &[&["stratum+tcp", "stratum+ssl", "--donate-level", "--coin=monero", "--coin monero", "-a rx/0"]]),
    line(Deed::Mine, &[&["xmrig", "minerd", "cpuminer", "t-rex ", "nbminer"], &["-o ", "--url", "chmod", "./", "pool", "start "]]),
];

/// The acts that words show.
pub fn acts(text: &str) -> Vec<Act> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for sign in SIGNS {
        let Some((first, rest)) = sign.groups.split_first() else {
            continue;
        };
        let all_somewhere = sign
            .groups
            .iter()
            .all(|group| group.iter().any(|word| lower.contains(word)));
        if !all_somewhere {
            continue;
        }
        for word in *first {
            for at in memchr::memmem::find_iter(lower.as_bytes(), word.as_bytes()).take(20) {
                let range = line_around(&lower, at);
                let part = &lower[range.clone()];
                let fits = !sign.one_line
                    || rest
                        .iter()
                        .all(|group| group.iter().any(|word| part.contains(word)));
                let comment = part.trim_start().starts_with(['#', '\''])
                    || part.trim_start().starts_with("rem ")
                    || part.trim_start().starts_with("::");
                if fits && !comment {
                    found.push(Act {
                        plain: sign.plain,
                        ..Act::new(sign.deed, range)
                    });
                    break;
                }
            }
        }
    }
    found.dedup_by(|one, other| one.deed == other.deed);
    found
}
