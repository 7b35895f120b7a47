//! Acts on the machine itself: surveying, hiding, starting again, destroying.

use std::ops::Range;

use super::super::{Kind, ShellAct, scan};
use super::acts::Acts;
use super::command::Call;
use super::lex::Word;

/// Whether a command tells about host or user, and by which means.
pub(super) fn recon(call: &Call<'_>) -> Option<&'static str> {
    let bare = call.args.is_empty();
    Some(match call.name.as_str() {
        "whoami" => "whoami",
        "systeminfo" => "systeminfo",
        "hostname" if bare => "hostname",
        "id" if bare => "id",
        "uname" => "uname",
        "ifconfig" if bare || call.has(&["-a"]) => "ifconfig",
        "ipconfig" => "ipconfig",
        "ip" if call.has(&["a", "addr", "address", "route"]) => "ip",
        "arp" | "netstat" | "ss" => "netstat",
        "env" | "printenv" | "set" if bare => "env",
        "tasklist" => "tasklist",
        "ps" if call.has(&["aux", "-ef", "-aux"]) => "ps",
        "net" if call.has(&["user", "localgroup"]) => "net user",
        "wmic" | "lsb_release" | "sw_vers" | "lscpu" | "get-computerinfo" => "os",
        "cat" | "type" | "head" | "less" | "getent"
            if call
                .args
                .iter()
                .any(|arg| arg.text.contains("/etc/passwd") || arg.text == "passwd") =>
        {
            "/etc/passwd"
        }
        "cat"
            if call
                .args
                .iter()
                .any(|arg| arg.text.starts_with("/etc/") || arg.text.starts_with("/proc/")) =>
        {
            "cat /etc"
        }
        "ls" | "dir"
            if call.args.iter().any(|arg| {
                matches!(
                    arg.text.trim_end_matches('/'),
                    "~" | "$HOME" | "/home" | "/root" | "/etc"
                )
            }) =>
        {
            "ls"
        }
        _ => return None,
    })
}

/// Whether a command hides its window, its output while in the background, or its trace.
pub(super) fn is_hidden(call: &Call<'_>) -> bool {
    let command = call.command;
    let detached = command.background
        && (command
            .redirects
            .iter()
            .any(|to| to.target.text == "/dev/null")
            || command
                .words
                .iter()
                .any(|word| matches!(word.text.as_str(), "nohup" | "setsid")));
    let first = command.words.first().map_or("", |word| word.text.as_str());
    detached
        || matches!(
            call.name.as_str(),
            "powershell" | "pwsh" | "start-process" | "saps"
        ) && call.args.windows(2).any(|pair| {
            is_window_style(&pair[0].text)
                && matches!(pair[1].text.to_ascii_lowercase().as_str(), "hidden" | "1")
        })
        || first.eq_ignore_ascii_case("start")
            && command
                .words
                .iter()
                .skip(1)
                .take(4)
                .any(|word| word.text.eq_ignore_ascii_case("/b"))
        || call.name == "disown"
        || call.name == "history" && call.has(&["-c"])
        || call.name == "unset" && call.has(&["HISTFILE"])
        || call.name == "attrib" && call.has(&["+h"])
        || call.name == "conhost" && call.has(&["--headless"])
}

fn is_window_style(flag: &str) -> bool {
    let name = flag.trim_start_matches(['-', '/']).to_ascii_lowercase();
    name.len() < flag.len() && !name.is_empty() && "windowstyle".starts_with(&name)
}

/// Whether a command runs what a URL holds, by itself.
pub(super) fn runs_remote(call: &Call<'_>) -> bool {
    let remote = call.args.iter().any(|arg| {
        arg.text.contains("http://")
            || arg.text.contains("https://")
            || arg.text.starts_with("\\\\")
    });
    match call.name.as_str() {
        "mshta" | "regsvr32" | "msiexec" | "wscript" | "cscript" | "installutil" | "cmstp" => {
            remote
        }
        "rundll32" => {
            remote
                || call
                    .args
                    .iter()
                    .any(|arg| arg.text.to_ascii_lowercase().starts_with("javascript:"))
        }
        "mshta.exe" => true,
        "deno" | "bun" => remote && call.has(&["run"]),
        _ => false,
    }
}

/// Whole machines or homes, not a package's own folders.
fn is_root(path: &str) -> bool {
    let path = path.trim_matches('"').to_ascii_lowercase();
    let path = path
        .trim_end_matches(['*', '.'])
        .trim_end_matches(['/', '\\']);
    matches!(
        path,
        "" | "~"
            | "$home"
            | "${home}"
            | "%userprofile%"
            | "$env:userprofile"
            | "/home"
            | "/root"
            | "/etc"
            | "/usr"
            | "/var"
            | "/bin"
            | "/lib"
            | "/boot"
            | "/opt"
            | "/dev"
            | "/sys"
            | "c:"
            | "d:"
            | "%systemdrive%"
            | "%homepath%"
            | "c:\\windows"
            | "c:\\windows\\system32"
            | "c:\\users"
            | "%systemroot%"
            | "%windir%"
            | "/users"
            | "/mnt"
    )
}

/// Whether a command deletes or overwrites what is not the package's.
pub(super) fn destroys(call: &Call<'_>) -> bool {
    let hits_root = call.args.iter().any(|arg| {
        let path_like =
            arg.text.starts_with(['/', '~', '$', '%']) || arg.text.as_bytes().get(1) == Some(&b':');
        // `/s` is a flag of Windows' `del`, and `$EMPTY` alone is not a root.
        path_like
            && is_root(&arg.text)
            && !arg
                .text
                .trim_matches(['/', '*', '.', ' '])
                .eq_ignore_ascii_case("s")
    });
    let writes_disk = |arg: &Word| {
        let path = arg.text.strip_prefix("of=").unwrap_or(&arg.text);
        [
            "/dev/sd",
            "/dev/nvme",
            "/dev/hd",
            "/dev/vd",
            "/dev/mmcblk",
            "\\\\.\\physicaldrive",
        ]
        .iter()
        .any(|disk| path.to_ascii_lowercase().starts_with(disk))
    };
    let recursive = call.args.iter().any(|arg| {
        let flags = arg.text.to_ascii_lowercase();
        flags.starts_with("-r")
            || flags.starts_with("--recursive")
            || flags.starts_with("-fr")
            || flags == "/s"
            || flags.starts_with("--no-preserve-root")
    });
    let over_disk = call
        .command
        .redirects
        .iter()
        .any(|to| to.operator.contains('>') && writes_disk(&to.target));
    match call.name.as_str() {
        "rm" | "del" | "erase" | "rd" | "rmdir" | "remove-item" | "ri" | "chmod" | "chown"
        | "rimraf" => {
            let always = call.name == "rimraf";
            (recursive || always) && hits_root
        }
        "find" => hits_root && call.has(&["-delete"]),
        "dd" => call
            .args
            .iter()
            .any(|arg| arg.text.starts_with("of=") && writes_disk(arg)),
        "shred" | "wipefs" => hits_root || call.args.iter().any(writes_disk),
        "format" => call
            .args
            .iter()
            .any(|arg| arg.text.len() == 2 && arg.text.ends_with(':')),
        "vssadmin" => call.has(&["delete"]) && call.has(&["shadows"]),
        "wbadmin" => call.has(&["delete"]),
        "cipher" => call
            .args
            .iter()
            .any(|arg| arg.text.to_ascii_lowercase().starts_with("/w")),
        "bcdedit" => call.has(&["recoveryenabled"]),
        name if name.starts_with("mkfs") => {
            call.args.iter().any(|arg| arg.text.starts_with("/dev/"))
        }
        ":" => call.command.joint == super::lex::Joint::Pipe && call.command.background,
        _ => over_disk,
    }
}

/// Ways of being started again later.
pub(super) fn persist(acts: &mut Acts, calls: &[Call<'_>], range: &Range<usize>) {
    let is_autostart = |word: &Word| {
        let found = scan(&word.text);
        found.iter().any(|found| found.kind == Kind::AutostartPath)
    };
    for (at, call) in calls.iter().enumerate() {
        let writes = call
            .command
            .redirects
            .iter()
            .any(|to| to.operator.contains('>') && is_autostart(&to.target));
        let persists = match call.name.as_str() {
            "crontab" => {
                !call.has(&["-l", "-r", "-e"])
                    && (at > 0 || !call.args.is_empty() || !call.command.redirects.is_empty())
            }
            "cp" | "mv" | "install" | "ln" | "copy" | "move" | "xcopy" | "copy-item" => {
                call.args.last().is_some_and(is_autostart)
            }
            "tee" => call.args.iter().any(is_autostart),
            "systemctl" => call.has(&["enable"]),
            "launchctl" => call.has(&["load", "bootstrap", "submit"]),
            "schtasks" => call.has(&["/create", "-create"]),
            "reg" => call.has(&["add"]) && call.args.iter().any(is_autostart),
            "sc" => {
                call.has(&["create"])
                    && call
                        .args
                        .iter()
                        .any(|arg| arg.text.to_ascii_lowercase().starts_with("binpath"))
            }
            "register-scheduledtask" | "new-service" | "update-rc.d" | "at"
                if !call.args.is_empty() =>
            {
                call.name != "at" || at > 0
            }
            "set-itemproperty" | "new-itemproperty" => call.args.iter().any(is_autostart),
            _ => false,
        };
        if persists || writes {
            acts.push(ShellAct::Persist, range, None);
        }
    }
}
